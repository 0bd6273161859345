"""Values that are spread otherwise than at the last good releases are noticed; chance, weekends and events are not."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from catalogs.model import Calendar, CalendarDay, Catalog, Shift
from connectors.base import Scope
from expectations import distribution
from expectations.admission import Finding
from expectations.checks import Check
from expectations.distribution import OTHER, Measured, Spread, chance, from_json, moved, to_json, verdicts
from tests.support import campus
from tests.support.postgres import PgDatabase
from warehouse import releases
from warehouse.connect import connect, engine
from warehouse.volume import Week, week_years_before

STAFF = "hr.staff"
DAY = date(2026, 10, 20)
TERMS = Calendar(
    {
        day: CalendarDay(day, "教学", True, "", term=term)
        for term, first in (("0", date(2025, 1, 1)), ("1", date(2025, 9, 1)), ("2", date(2026, 9, 7)))
        for day in (first + timedelta(days=n) for n in range(60))
    }
)


@pytest.fixture
def warehouse(
    tmp_path: Path, pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch
) -> Iterator[campus.Warehouse]:
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    yield campus.Warehouse(tmp_path, campus.catalog())


def people(count: int = 300, women: float = 0.5, **changes: str | None) -> list[dict]:
    """Rows of which so large a share are women."""
    return [
        campus.row(number, sex="女" if number < women * count else "男", **changes) for number in range(count)
    ]


def with_shift(catalog: Catalog, item: str, shift: Shift) -> Catalog:
    resource = catalog.resources[STAFF]
    items = tuple(
        dataclasses.replace(one, shift=shift) if one.name == item else one for one in resource.items
    )
    return dataclasses.replace(catalog, resources={STAFF: dataclasses.replace(resource, items=items)})


def release(
    warehouse: campus.Warehouse,
    rows: Sequence[dict],
    catalog: Catalog | None = None,
    week: Week | None = None,
) -> dict[str, Check]:
    """Take the rows in, publish, judge, and keep what was found, as the release job does; checks by rule."""
    catalog = catalog or warehouse.catalog
    warehouse.land(rows)
    warehouse.release()
    number = warehouse.scalar("SELECT yici.current()")
    pinned = engine(release=number)
    checks = distribution.judge(catalog, [catalog.resources[STAFF]], pinned, number, DAY, week)
    pinned.dispose()
    found = [
        Finding(
            c.resource, c.rule, c.dimension, c.severity, "expectations", c.passed, c.rows_failed, c.rows_total
        )
        for c in checks
    ]
    with connect(autocommit=True) as con:
        releases.add_findings(con, number, found)
    return {check.rule: check for check in checks}


def test_what_a_release_measures_are_shares_of_codes_filled_rows_and_quantiles(warehouse):
    rows = people(400, women=0.25)
    rows[0]["born_on"] = rows[1]["born_on"] = None
    check = release(warehouse, rows)["shift"]
    assert (check.passed, check.rows_total, check.detail) == (True, 400, "measured for the first time")
    kept = from_json(warehouse.scalar("SELECT measured FROM yici.distribution"))
    assert kept.rows == 400
    assert kept.items["sex"] == Spread(1.0, {"2": 0.25, "1": 0.75})
    assert kept.items["id_no"].filled == 0.0
    assert kept.items["born_on"].filled == 1.0, "two people without a birth date are too few to be told"
    assert kept.items["salary"].quantiles[9] == pytest.approx(200, abs=1), "the median of 0.5 to 399.5"
    assert "staff_no" not in kept.items


def test_one_code_for_everybody_is_noticed(warehouse):
    release(warehouse, people())
    check = release(warehouse, people(women=1.0))["shift"]
    assert (check.passed, check.severity, check.rows_failed, check.counts_rows) == (
        False,
        "warning",
        1,
        False,
    )
    assert check.detail.startswith("rows that moved: sex 50%")


def test_money_in_another_unit_is_noticed(warehouse):
    release(warehouse, people())
    rows = people()
    for number, row in enumerate(rows):
        row["salary"] = f"{number * 100 + 50}"
    assert "salary" in release(warehouse, rows)["shift"].detail


def test_an_item_that_nobody_fills_any_more_is_noticed(warehouse):
    release(warehouse, people())
    assert "born_on 100%" in release(warehouse, people(born_on=None))["shift"].detail


def test_small_changes_pass(warehouse):
    release(warehouse, people())
    check = release(warehouse, people(women=0.55)[:290])["shift"]
    assert (check.passed, check.detail) == (True, "like one of 1 earlier releases")


def test_a_day_that_is_like_any_remembered_one_passes(warehouse):
    shift = Shift(0.3)
    catalog = with_shift(warehouse.catalog, "sex", shift)
    for women in (0.5, 0.75, 0.95):
        assert release(warehouse, people(women=women), catalog)["shift-sex"].passed
    assert release(warehouse, people(women=0.45), catalog)["shift-sex"].passed


def test_a_release_that_had_moved_is_no_measure_unless_it_stays_so(warehouse):
    release(warehouse, people())
    verdict = [
        release(warehouse, people(women=1.0, updated_at=f"2026-01-02 03:04:{n:02d}"))["shift"].passed
        for n in range(9)
    ]
    assert verdict == [False] * 8 + [True]


def test_an_announced_event_explains_twice_as_much(warehouse):
    listed = CalendarDay(DAY - timedelta(days=3), "教学", True, "毕业离校")
    catalog = dataclasses.replace(warehouse.catalog, calendar=Calendar({listed.day: listed}))
    release(warehouse, people(1000))
    assert not release(warehouse, people(1000, women=0.68))["shift"].passed
    assert release(warehouse, people(1000, women=0.69), catalog)["shift"].passed


def test_what_the_same_teaching_week_of_a_year_ago_was_like_passes(warehouse):
    a_year_ago = datetime(2025, 10, 14, 4, tzinfo=UTC)
    week = week_years_before(TERMS, DAY)
    assert week and week.first <= a_year_ago.date() <= week.last
    release(warehouse, people(women=0.9))
    with connect(autocommit=True) as con:
        con.execute("UPDATE yici.distribution SET at = %s", [a_year_ago])
    for number in range(9):
        catalog = with_shift(warehouse.catalog, "sex", Shift(1.0))
        release(warehouse, people(updated_at=f"2026-01-02 03:04:{number:02d}"), catalog)
    assert not release(warehouse, people(women=0.9))["shift"].passed
    assert release(warehouse, people(women=0.89), week=week)["shift"].passed


def test_the_contract_says_how_far_an_item_may_move_and_how_severe_it_is(warehouse):
    catalog = with_shift(warehouse.catalog, "sex", Shift(0.02, "critical"))
    first = release(warehouse, people(2000), catalog)
    assert set(first) == {"shift", "shift-sex"} and first["shift-sex"].passed
    second = release(warehouse, people(2000, women=0.56), catalog)
    assert (second["shift-sex"].passed, second["shift-sex"].severity) == (False, "critical")
    assert second["shift"].passed
    never = with_shift(warehouse.catalog, "sex", Shift(1.0))
    assert release(warehouse, people(2000, women=0.0), never)["shift-sex"].passed


def test_too_few_rows_are_nobodys_distribution(warehouse):
    assert release(warehouse, people(99)) == {}
    assert warehouse.scalar("SELECT count(*) FROM yici.distribution") == 0


def test_no_cell_of_fewer_than_ten_rows_is_kept(warehouse):
    rows = people(300, women=0.03)
    release(warehouse, rows)
    kept = from_json(warehouse.scalar("SELECT measured FROM yici.distribution"))
    assert kept.items["sex"].codes == {"1": 0.97}


def test_a_large_table_is_sampled_and_the_same_release_by_the_same_rows(warehouse, monkeypatch):
    monkeypatch.setattr(distribution, "SAMPLE_ROWS", 1000)
    found = []
    release(warehouse, people(4000, women=0.3))
    for _ in range(2):
        with engine(release=1).connect() as con:
            found.append(distribution.measure(con, warehouse.catalog.resources[STAFF], 1))
    assert found[0] == found[1]
    assert 850 < found[0].rows < 1150
    assert found[0].items["sex"].codes["2"] == pytest.approx(0.3, abs=0.06)


def test_of_a_log_the_rows_that_came_are_measured(tmp_path, pg_database, monkeypatch):
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    log = campus.catalog("append", "keep", ', partition: {by: "day", from: "born_on"}')
    house = campus.Warehouse(tmp_path, log)
    for day, women in (("2026-10-18", 0.5), ("2026-10-19", 1.0)):
        rows = [
            row | {"staff_no": f"{day}-{number}", "born_on": day}
            for number, row in enumerate(people(200, women))
        ]
        house.land(rows, Scope.of_partition(day))
        house.release()
    with engine(release=2).connect() as con:
        measured = distribution.measure(con, log.resources[STAFF], 2)
    assert (measured.rows, measured.items["sex"].codes) == (200, {"2": 1.0})


def test_of_old_measurements_one_a_week_is_kept(warehouse, monkeypatch):
    monkeypatch.setattr(distribution, "KEPT_NEWEST", 2)
    release(warehouse, people())
    with connect(autocommit=True) as con:
        for number, at in enumerate(("2025-06-01", "2026-09-07", "2026-09-08", "2026-09-16"), start=-9):
            con.execute(
                "INSERT INTO yici.distribution SELECT %s, resource, %s, measured"
                " FROM yici.distribution WHERE release = 1",
                [number, at],
            )
    release(warehouse, people(299))
    with connect(autocommit=True) as con:
        kept = [
            row[0] for row in con.execute("SELECT release FROM yici.distribution ORDER BY release").fetchall()
        ]
    assert kept == [-7, -6, 1, 2], "not what is older than a year, and of the week of the 7th only the last"


def test_an_abandoned_candidate_leaves_no_measurement(warehouse):
    release(warehouse, people())
    warehouse.land(people(298))
    with warehouse.candidate() as opened:
        warehouse.admit(opened)
        pinned = engine(release=opened.id)
        distribution.judge(
            warehouse.catalog, [warehouse.catalog.resources[STAFF]], pinned, opened.id, DAY, None
        )
        pinned.dispose()
        assert warehouse.scalar("SELECT count(*) FROM yici.distribution") == 2
    assert warehouse.scalar("SELECT count(*) FROM yici.distribution") == 1


def test_a_measurement_that_cannot_run_fails_and_is_critical(warehouse):
    release(warehouse, people())
    with connect(autocommit=True) as con:
        con.execute("ALTER TABLE store.hr__staff RENAME COLUMN sex TO was_sex")
    pinned = engine(release=1)
    (check,) = distribution.judge(
        warehouse.catalog, [warehouse.catalog.resources[STAFF]], pinned, 1, DAY, None
    )
    pinned.dispose()
    assert (check.passed, check.severity, check.rule) == (False, "critical", "shift")


@pytest.mark.parametrize(
    ("ours", "theirs", "least", "most"),
    [
        (range(1, 20), range(1, 20), 0.0, 0.0),
        (range(1, 20), range(101, 120), 0.85, 1.0),
        (range(1, 20), [n + 0.4 for n in range(1, 20)], 0.0, 0.0),
        ([0] * 19, [0] * 12 + [5] * 7, 0.2, 0.4),
    ],
)
def test_the_distance_of_numbers_is_never_overstated(ours, theirs, least, most):
    spreads = [Spread(1.0, {}, tuple(map(float, one))) for one in (ours, theirs)]
    assert least <= moved(*spreads) <= most
    assert moved(*spreads) == moved(*reversed(spreads))


def test_the_distance_of_codes_is_the_share_of_rows_that_would_have_to_change():
    assert moved(
        Spread(1.0, {"1": 0.7, "2": 0.3}), Spread(1.0, {"1": 0.5, "3": 0.4, OTHER: 0.1})
    ) == pytest.approx(0.5)


def test_chance_shrinks_with_the_number_of_rows():
    spread = Spread(1.0, {"1": 0.5, "2": 0.5})
    assert chance(spread, 200, 200) > 4 * chance(spread, 20_000, 20_000)


def test_a_measurement_survives_being_kept():
    measured = Measured(400, {"a": Spread(0.5, {"1": 1.0}), "b": Spread(1.0, {}, (1.0, 2.5))})
    assert from_json(json.loads(json.dumps(to_json(measured)))) == measured


def test_an_item_new_in_the_contract_has_nothing_to_be_compared_with():
    catalog = campus.catalog()
    (check,) = verdicts(
        catalog.resources[STAFF],
        Measured(400, {"sex": Spread(1.0, {"1": 1.0})}),
        [Measured(400, {"salary": Spread(1.0, {}, (1.0,))})],
    )
    assert check.passed
