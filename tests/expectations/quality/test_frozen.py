"""Scores that people are judged by: own faults, enough of them, days to object, and nothing altered."""

from datetime import date, timedelta

import psycopg
import pytest

from expectations.quality import frozen, kept
from expectations.quality.frozen import FreezeError
from expectations.quality.terms import terms
from tests.expectations.quality.conftest import people
from warehouse.connect import connect

MONTH = "2026-09"


@pytest.fixture
def con(office):
    with connect(autocommit=True) as opened:
        yield opened


def month_of_scores(con, own: float = 90.0, rows: int = 500, days: int = 20, month: str = MONTH) -> None:
    """Keep a score of unit RS for some days of a month."""
    first = date.fromisoformat(f"{month}-01")
    for number in range(days):
        con.execute(
            """INSERT INTO yici.score (day, scope, name, dimension, score, own, resources, rows, release)
               VALUES (%s, 'unit', 'RS', 'accuracy', 70, %s, 1, %s, 1)""",
            [first + timedelta(days=number), own, rows],
        )


def test_a_month_is_frozen_once_as_the_mean_of_own_scores(office, con):
    at = office()
    month_of_scores(con)
    assert frozen.freeze(con, at.catalog, terms(at.catalog), MONTH)
    assert not frozen.freeze(con, at.catalog, terms(at.catalog), MONTH)
    (one,) = frozen.figures(con, MONTH)
    assert (one.score, one.own, one.days, one.counts) == (70, 90, 20, True)
    for change in ("UPDATE yici.score_frozen SET own = 100", "DELETE FROM yici.score_frozen"):
        with pytest.raises(psycopg.errors.RaiseException, match="keeps its rows"):
            con.execute(change)


@pytest.mark.parametrize(
    ("rows", "days", "why"), [(19, 20, "rows < 20"), (500, 9, "days < 10"), (20, 10, None)]
)
def test_nobody_is_judged_by_too_little(office, con, rows, days, why):
    at = office()
    month_of_scores(con, rows=rows, days=days)
    frozen.freeze(con, at.catalog, terms(at.catalog), MONTH)
    (one,) = frozen.figures(con, MONTH)
    assert (one.why_not, one.own is None, one.counts) == (why, why is not None, why is None)


def test_a_month_that_is_not_over_is_not_frozen(office, con):
    at = office()
    today = kept.campus_day(at.catalog)
    with pytest.raises(FreezeError, match="not over"):
        frozen.freeze(con, at.catalog, terms(at.catalog), f"{today:%Y-%m}")
    with pytest.raises(FreezeError, match="expected a month"):
        frozen.freeze(con, at.catalog, terms(at.catalog), "2026-13")


def test_an_accepted_objection_leaves_the_figure_which_then_does_not_count(office, con):
    at = office()
    month_of_scores(con)
    frozen.freeze(con, at.catalog, terms(at.catalog), MONTH)
    number = frozen.object_to(
        con, at.catalog, MONTH, "RS", "accuracy", "post:hr-director", "停机由信息中心造成"
    )
    assert frozen.figures(con, MONTH)[0].objections == 1
    with pytest.raises(FreezeError):
        frozen.decide(con, number, True, "post:hr-director", "自己裁定自己")
    frozen.decide(con, number, True, "post:xx-director", "属实")
    (one,) = frozen.figures(con, MONTH)
    assert (one.own, one.counts, one.objections) == (90, False, 0)
    with pytest.raises(FreezeError):
        frozen.decide(con, number, False, "post:xx-director", "改主意了")


def test_a_refused_objection_lets_the_figure_count(office, con):
    at = office()
    month_of_scores(con)
    frozen.freeze(con, at.catalog, terms(at.catalog), MONTH)
    number = frozen.object_to(con, at.catalog, MONTH, "RS", "accuracy", "post:hr-director", "不公平")
    frozen.decide(con, number, False, "post:xx-director", "数据无误")
    assert frozen.figures(con, MONTH)[0].counts


def test_objections_end_after_five_working_days_and_the_month_is_final_when_all_are_decided(office, con):
    at = office()
    month_of_scores(con)
    frozen.freeze(con, at.catalog, terms(at.catalog), MONTH)
    today = kept.campus_day(at.catalog)
    (one,) = frozen.freezes(con, today)
    assert one.objections_until == at.catalog.calendar.add_working_days(today, 5)
    assert one.state == "open"
    number = frozen.object_to(con, at.catalog, MONTH, "RS", "accuracy", "post:hr-director", "数据源停机")
    later = one.objections_until + timedelta(days=1)
    assert frozen.freezes(con, later)[0].state == "open"
    frozen.decide(con, number, False, "post:xx-director", "不成立")
    assert frozen.freezes(con, later)[0].state == "final"
    at.days_pass(12)
    with pytest.raises(FreezeError, match="objections ended"):
        frozen.object_to(con, at.catalog, MONTH, "RS", "accuracy", "post:hr-director", "晚了")


@pytest.mark.parametrize(
    ("unit", "dimension", "post", "reason"),
    [
        ("CW", "accuracy", "post:a", "理由"), ("RS", "timeliness", "post:a", "理由"),
        ("RS", "accuracy", "张三", "理由"), ("RS", "accuracy", "post:a", " "),
    ],
)  # fmt: skip
def test_an_objection_to_nothing_or_without_grounds_is_refused(office, con, unit, dimension, post, reason):
    at = office()
    month_of_scores(con)
    frozen.freeze(con, at.catalog, terms(at.catalog), MONTH)
    with pytest.raises(FreezeError, match="Nothing was recorded"):
        frozen.object_to(con, at.catalog, MONTH, unit, dimension, post, reason)


def test_the_formula_of_the_time_is_frozen_with_the_figures(office, con):
    at = office("{minimumRows: 5}")
    at.publish(people())
    month_of_scores(con)
    frozen.freeze(con, at.catalog, terms(at.catalog), MONTH)
    (formula,) = con.execute("SELECT formula FROM yici.score_freeze").fetchone()
    assert formula["minimum_rows"] == 5
