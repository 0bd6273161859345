"""双随机: nobody can choose a row or its reviewer, and everybody can check that nobody did."""

import json

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogs.settings import now
from expectations.quality import desk, draws, sampling
from expectations.quality.draws import SampleError
from expectations.quality.publishing import publish_samples
from expectations.quality.sampling import Share
from expectations.quality.terms import Terms, terms
from tests.expectations.quality.conftest import people
from tests.service.conftest import service_url
from tests.support import campus
from warehouse.connect import connect

QUALITY = (
    '{sampleLeast: 2, sampleMost: 8, reviewers: ["post:cw-steward", "post:xx-steward", "post:hr-steward"]}'
)
SEED = "ab" * 32


@pytest.fixture
def con(office):
    with connect(autocommit=True) as opened:
        yield opened


def drawn(at, con) -> draws.Drawn:
    """Commit to a seed, release, and draw."""
    wanted = terms(at.catalog)
    draws.draw(con, at.catalog, wanted)
    at.publish(people(300))
    return draws.draw(con, at.catalog, wanted)


@settings(deadline=None)
@given(st.floats(0, 100), st.floats(0, 100))
def test_a_poorer_record_is_never_looked_at_less(first, second):
    terms_ = Terms()
    poor, good = sorted((first, second))
    assert sampling.count(poor, terms_) >= sampling.count(good, terms_)
    assert terms_.sample_least <= sampling.count(good, terms_) <= terms_.sample_most


def test_a_clean_record_is_looked_at_least_and_an_unknown_one_most():
    assert sampling.count(100.0, Terms()) == Terms().sample_least
    assert sampling.count(None, Terms()) == Terms().sample_most


@settings(deadline=None)
@given(st.text("0123456789abcdef", min_size=64, max_size=64), st.dictionaries(
    st.sampled_from("abcd"), st.integers(0, 50), min_size=1), st.integers(0, 20))  # fmt: skip
def test_no_more_rows_are_drawn_than_there_are(seed, resources, count):
    found = sampling.allot(seed, "RS", Share(90.0, count, resources))
    assert all(0 < drawn <= resources[name] for name, drawn in found.items())
    assert sum(found.values()) <= count


def test_larger_resources_are_drawn_more_often():
    resources = {"small": 100, "large": 900}
    counts = [
        sampling.allot(f"{n:064x}", "RS", Share(90.0, 10, resources)).get("large", 0) for n in range(200)
    ]
    assert 8.6 < sum(counts) / 200 < 9.4


def test_a_reviewer_is_never_of_the_same_unit():
    posts = {"post:a": "RS", "post:b": "CW", "post:c": "JW"}
    chosen = {sampling.reviewer(SEED, str(n), "RS", posts) for n in range(100)}
    assert chosen == {"post:b", "post:c"}
    assert sampling.reviewer(SEED, "1", "RS", {"post:a": "RS"}) == ""


def test_the_first_call_only_commits_and_rows_come_after_the_next_release(office, con):
    at = office(QUALITY)
    at.publish(people(300))
    wanted = terms(at.catalog)
    first = draws.draw(con, at.catalog, wanted)
    assert (first.number, first.rows) == (None, 0)
    again = draws.draw(con, at.catalog, wanted)
    assert (again.rows, again.next_commitment) == (0, first.next_commitment)
    at.publish(people(300))
    done = draws.draw(con, at.catalog, wanted)
    assert (done.number, done.rows) == (1, 2)
    assert done.next_commitment != first.next_commitment


def test_the_seed_that_is_published_is_the_one_that_was_committed_to(office, con):
    at = office(QUALITY)
    assert drawn(at, con).rows == 2
    promised, seed = con.execute("SELECT commitment, seed FROM yici.sample_draw WHERE number = 1").fetchone()
    assert sampling.commitment(seed) == promised
    assert con.execute("SELECT count(*) FROM yici.sample_draw WHERE seed IS NULL").fetchone()[0] == 1
    with pytest.raises(psycopg.errors.RaiseException, match="keeps its rows"):
        con.execute("UPDATE yici.sample_draw SET commitment = '' WHERE number = 1")


def test_a_draw_can_be_checked_and_a_row_that_was_changed_is_found(office, con):
    at = office(QUALITY)
    drawn(at, con)
    assert draws.verify(con, at.catalog, 1) == []
    con.execute("UPDATE yici.sample_row SET reviewer = 'post:hr-steward' WHERE id = 1")
    assert len(draws.verify(con, at.catalog, 1)) == 2
    with pytest.raises(SampleError):
        draws.verify(con, at.catalog, 2)


def test_the_drawn_rows_are_those_with_the_least_hash(office, con):
    at = office(QUALITY)
    drawn(at, con)
    (seed,) = con.execute("SELECT seed FROM yici.sample_draw WHERE number = 1").fetchone()
    ranks = sorted(sampling.rank(seed, "hr.staff", row["staff_no"]) for row in people(300))[:2]
    assert sorted(one.rank for one in draws.to_review(con)) == ranks
    assert {one.reviewer for one in draws.to_review(con)} <= {"post:cw-steward", "post:xx-steward"}


def test_a_wrong_row_opens_a_ticket_and_its_key_goes_when_the_ticket_closes(office, con):
    at = office(QUALITY)
    drawn(at, con)
    wanted = terms(at.catalog)
    first, second = draws.to_review(con)
    draws.judge(con, at.catalog, wanted, first.id, first.reviewer, "wrong", "name")
    draws.judge(con, at.catalog, wanted, second.id, second.reviewer, "right")
    keys = dict(con.execute("SELECT id, key_text FROM yici.sample_row").fetchall())
    assert keys[second.id] is None and keys[first.id] is not None
    (ticket,) = desk.listed(con)
    assert (ticket.kind, ticket.unit, ticket.reference) == ("sample", "RS", f"sample {first.id}")
    assert "姓名" in ticket.about and first.key_text not in ticket.about
    desk.answer(con, ticket.id, "post:hr-steward", "已更正")
    assert con.execute("SELECT count(key_text) FROM yici.sample_row").fetchone()[0] == 0


@pytest.mark.parametrize(
    ("post", "verdict", "item"),
    [
        ("post:hr-steward", "right", ""),
        (None, "perhaps", ""),
        (None, "wrong", ""),
        (None, "wrong", "salary2"),
    ],
)
def test_a_verdict_that_does_not_hold_changes_nothing(office, con, post, verdict, item):
    at = office(QUALITY)
    drawn(at, con)
    row = draws.to_review(con)[0]
    with pytest.raises(SampleError, match="Nothing was changed"):
        draws.judge(con, at.catalog, terms(at.catalog), row.id, post or row.reviewer, verdict, item)
    assert len(draws.to_review(con)) == 2
    assert desk.listed(con) == []


def test_a_verdict_is_final(office, con):
    at = office(QUALITY)
    drawn(at, con)
    row = draws.to_review(con)[0]
    draws.judge(con, at.catalog, terms(at.catalog), row.id, row.reviewer, "right")
    with pytest.raises(SampleError):
        draws.judge(con, at.catalog, terms(at.catalog), row.id, row.reviewer, "wrong", "name")


def test_rows_that_nobody_judged_in_time_lapse_without_their_keys(office, con):
    at = office(QUALITY)
    drawn(at, con)
    at.days_pass(15)
    assert draws.lapse(con, now().date()) == 2
    assert draws.to_review(con) == []
    assert con.execute("SELECT count(key_text) FROM yici.sample_row").fetchone()[0] == 0


def accuracy(con) -> float:
    return con.execute(
        "SELECT score FROM yici.score WHERE scope = 'unit' AND name = 'RS' AND dimension = 'accuracy'"
    ).fetchone()[0]


def test_verdicts_feed_the_score_only_from_the_minimum_number_on(office, con):
    at = office(QUALITY.replace("{", "{minimumVerdicts: 4, ", 1))
    drawn(at, con)
    wanted = terms(at.catalog)

    def judge_all(verdict: str) -> None:
        for row in draws.to_review(con):
            draws.judge(con, at.catalog, wanted, row.id, row.reviewer, verdict, "name")

    judge_all("wrong")
    at.publish(people(300))
    assert accuracy(con) == 100
    draws.draw(con, at.catalog, wanted)
    judge_all("right")
    at.publish(people(300))
    assert accuracy(con) == 50


def test_what_is_published_are_counts_and_seeds_and_no_key(office, con, tmp_path):
    at = office(QUALITY)
    drawn(at, con)
    row = draws.to_review(con)[0]
    draws.judge(con, at.catalog, terms(at.catalog), row.id, row.reviewer, "right")
    files = publish_samples(con, at.catalog, tmp_path / "out")
    told = json.loads(files[0].read_text(encoding="utf-8"))
    assert [one["number"] for one in told] == [2, 1]
    assert told[0]["seed"] is None and sampling.commitment(told[1]["seed"]) == told[1]["commitment"]
    (unit,) = told[1]["units"]
    assert (unit["unit"], unit["drawn"], unit["right"], unit["wrong"]) == ("人事处", 2, 1, 0)
    page = files[1].read_text(encoding="utf-8")
    assert told[1]["seed"] in page
    for text in (page, files[0].read_text(encoding="utf-8")):
        assert not any(
            f'"{row["staff_no"]}"' in text or f">{row['staff_no']}<" in text for row in people(300)
        )


@pytest.mark.parametrize(
    ("table", "column", "may"),
    [
        ("sample_row", "verdict", True), ("sample_row", "key_text", False), ("sample_seed", "seed", False),
        ("sample_draw", "seed", True), ("ticket", "about", True), ("notice", "body", False), ("score", "own", True),
    ],
)  # fmt: skip
def test_the_service_may_count_and_not_read_keys_letters_or_the_seed_to_come(
    pg_database, office, table, column, may
):
    address = service_url(pg_database)
    office(QUALITY)
    with psycopg.connect(address) as service:
        if may:
            assert service.execute(f"SELECT {column} FROM yici.{table}").fetchall() == []
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                service.execute(f"SELECT {column} FROM yici.{table}")


def test_a_campus_without_other_units_draws_nothing(office, con):
    at = office('{reviewers: ["post:hr-steward"]}')
    draws.draw(con, at.catalog, terms(at.catalog))
    at.land([campus.row(n) for n in range(1, 100)])
    at.release()
    at.settle()
    assert draws.draw(con, at.catalog, terms(at.catalog)).rows == 0
