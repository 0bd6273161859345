"""Rows through admission, store, identity and release: what is served, kept, quarantined, taken back."""

import contextlib

import psycopg
import pytest

from connectors.base import Scope
from connectors.landing import MANIFEST
from tests.support import campus
from tests.support.campus import row
from tests.support.session import exclusively
from warehouse import releases
from warehouse.connect import connect

VALID_ID = "11010519491231002X"


def test_admitted_rows_are_served_with_standard_and_source_code(warehouse):
    house = warehouse(campus.catalog())
    house.land([row(1), row(2)])
    done = house.release()
    assert (done.outcome, done.rows_in, done.admitted, done.inserted) == ("applied", 2, 2, 2)
    first, second = house.served()
    assert (first["sex"], first["sex__src"], str(first["salary"])) == ("1", "男", "1.50")
    assert second["name"] == "试2"
    assert first["updated_at"].isoformat() == "2026-01-01T19:04:05+00:00"


def test_a_value_that_cannot_be_read_is_not_also_called_missing(warehouse):
    contract = campus.CONTRACT.format(mode="full", absence="keep_as_former", extra="")
    for item in (
        'businessName: "性别", logicalType: "string"',
        'businessName: "出生日期", logicalType: "date"',
    ):
        contract = contract.replace(item, f"{item}, required: true")
    house = warehouse(campus.catalog(contract=contract))
    house.land(
        [row(n) for n in range(1, 99)]
        + [row(99, sex="?", born_on="1980-02-30"), row(100, sex=" ", born_on=None)]
    )
    house.release()
    assert house.scalar("SELECT rules FROM yici.quarantine WHERE key_text = '00099'") == [
        "born_on.type",
        "sex.code",
    ]
    assert house.scalar("SELECT rules FROM yici.quarantine WHERE key_text = '00100'") == [
        "born_on.required",
        "sex.required",
    ]


def test_a_second_identical_extract_moves_nothing(warehouse):
    house = warehouse(campus.catalog())
    house.land([row(1), row(2)])
    house.release()
    house.land([row(1), row(2)])
    done = house.release()
    assert (done.outcome, done.inserted, done.ended) == ("applied", 0, 0)


def test_only_changed_rows_get_new_versions_and_yesterdays_answer_can_be_read(warehouse):
    house = warehouse(campus.catalog())
    house.land([row(1), row(2), row(3)])
    house.release()
    house.land([row(1), row(2, salary="9.99"), row(3), row(4)])
    done = house.release()
    assert (done.inserted, done.ended) == (2, 1)
    assert [str(r["salary"]) for r in house.served()] == ["1.50", "9.99", "3.50", "4.50"]
    assert [str(r["salary"]) for r in house.served(release=1)] == ["1.50", "2.50", "3.50"]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"name": None}, "name.required"),
        ({"sex": "未知"}, "sex.code"),
        ({"born_on": "2025-02-29"}, "born_on.type"),
        ({"salary": "-1"}, "salary.range"),
        ({"salary": "1.005"}, "salary.type"),
        ({"salary": "NaN"}, "salary.type"),
        ({"name": "试\ufffd"}, "name.text"),
        ({"name": "试\x07"}, "name.text"),
    ],
)
def test_a_row_that_breaks_its_contract_waits_in_quarantine_with_the_rule_named(warehouse, changes, rule):
    house = warehouse(campus.catalog())
    house.land([row(n) for n in range(1, 41)] + [row(99, **changes)])
    done = house.release()
    assert (done.rows_in, done.admitted, done.quarantined) == (41, 40, 1)
    assert house.scalar("SELECT rules FROM yici.quarantine") == [rule]
    assert "00099" not in [r["staff_no"] for r in house.served()]


def test_every_broken_rule_of_a_row_is_named(warehouse):
    house = warehouse(campus.catalog())
    house.land([row(n) for n in range(1, 41)] + [row(99, sex="x", salary="y")])
    house.release()
    assert house.scalar("SELECT rules FROM yici.quarantine") == ["salary.type", "sex.code"]


def test_of_a_duplicate_key_both_rows_are_refused(warehouse):
    house = warehouse(campus.catalog())
    house.land([row(n) for n in range(1, 81)] + [row(80, name="另")])
    done = house.release()
    assert (done.admitted, done.quarantined) == (79, 2)


def test_a_row_refused_today_keeps_its_last_admitted_version_and_says_so(warehouse):
    house = warehouse(campus.catalog())
    people = [row(n) for n in range(1, 41)]
    first = house.land(people)
    house.release()
    house.land([row(1, sex="?"), *people[1:]])
    house.release()
    served = house.served()[0]
    assert (served["sex"], served["_state"], served["_last_extract"]) == ("1", "refused", first)
    house.land(people)
    house.release()
    assert house.served()[0]["_state"] == "reported"
    assert house.scalar("SELECT count(*) FROM yici.quarantine WHERE _to IS NULL") == 0


@pytest.mark.parametrize(
    ("absence", "expected"), [("end", []), ("keep", ["absent"]), ("keep_as_former", ["former"])]
)
def test_a_row_missing_from_a_full_extract_is_what_on_absence_says(warehouse, absence, expected):
    house = warehouse(campus.catalog(absence=absence))
    house.land([row(1), row(2)])
    house.release()
    house.land([row(2)])
    house.release()
    assert [r["_state"] for r in house.served() if r["staff_no"] == "00001"] == expected


def test_an_extract_with_too_many_bad_rows_changes_nothing_and_the_next_good_one_does(warehouse):
    house = warehouse(campus.catalog())
    house.land([row(n) for n in range(1, 11)])
    house.release()
    house.land([row(n, sex="?") for n in range(1, 11)])
    done = house.release()
    assert done.outcome == "refused"
    assert [r["_state"] for r in house.served()] == ["reported"] * 10
    house.land([row(n, salary="7") for n in range(1, 11)])
    assert house.release().inserted == 10


@pytest.mark.parametrize("damage", ["altered", "cut", "gone", "manifest"])
def test_an_extract_that_is_not_what_was_landed_is_not_judged_and_is_read_again(warehouse, damage):
    house = warehouse(campus.catalog())
    house.land([row(n) for n in range(1, 50)])
    house.release()
    before = house.digest()
    extract = house.land([row(n, salary="77.00") for n in range(1, 50)])
    folder = house.landing.local / f"hr/staff/{extract:010d}"
    (file,) = folder.glob("*.parquet")
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    if damage == "manifest":
        (folder / MANIFEST).unlink()
    elif damage == "gone":
        file.unlink()
    else:
        file.write_bytes(content if damage == "altered" else content[:-9])
    done = house.release()
    assert done.outcome == "refused"
    assert "the last good state stays, and the next run reads the source again" in done.reason
    assert [finding.rule for finding in done.findings] == ["landing"]
    assert house.digest() == before
    house.land([row(n, salary="77.00") for n in range(1, 50)])
    assert house.release().inserted == 49
    assert {str(one["salary"]) for one in house.served()} == {"77.00"}


def test_an_upsert_extract_ends_nothing_and_its_watermark_counts_only_when_published(warehouse):
    house = warehouse(campus.catalog(mode="watermark", extra=', watermark: "updated_at"'))
    house.land([row(n) for n in range(1, 31)], Scope.since(None, "2026-01-02"), "2026-01-02")
    house.release()
    house.land([row(3, salary="8")], Scope.since("2026-01-02", "2026-01-03"), "2026-01-03")
    done = house.release()
    assert (done.inserted, done.ended, len(house.served())) == (1, 1, 30)
    bad = [row(n, sex="?") for n in range(4, 10)]
    house.land(bad, Scope.since("2026-01-03", "2026-01-04"), "2026-01-04")
    assert house.release().outcome == "refused"
    from warehouse import ledger
    from warehouse.store import shape_hash

    resource = house.catalog.resources["hr.staff"]
    with connect(autocommit=True) as con:
        assert ledger.published_watermark(con, resource, shape_hash(resource)) == "2026-01-03"


def test_a_partition_read_again_replaces_its_own_rows_only(warehouse):
    extra = ', partition: {by: "day", from: "filename"}'
    house = warehouse(campus.catalog(mode="append", extra=extra))
    house.land([row(1), row(2)], Scope.of_partition("2026-01-01"))
    house.land([row(3)], Scope.of_partition("2026-01-02"))
    assert house.release().inserted == 3
    house.land([row(2, salary="5")], Scope.of_partition("2026-01-01"))
    house.release()
    assert [r["staff_no"] for r in house.served()] == ["00002", "00003"]


def test_an_unpublished_candidate_is_seen_by_nobody_and_leaves_nothing(warehouse):
    house = warehouse(campus.catalog())
    house.land([row(1, id_no=VALID_ID), row(2)])
    house.release()
    before = house.digest()
    house.land([row(1, salary="100", id_no=VALID_ID), row(5, sex="?"), *(row(n) for n in range(6, 40))])
    from warehouse import identity

    with house.candidate() as opened:
        house.admit(opened)
        identity.update(opened.con, opened.id, house.catalog)
        assert house.digest() == before
    assert house.digest() == before
    assert house.scalar("SELECT count(*) FROM store.hr__staff WHERE _from > 1 OR _to IS NOT NULL") == 0
    assert house.scalar("SELECT count(*) FROM yici.quarantine") == 0
    assert house.release().outcome == "applied"


def test_raw_without_a_pinned_release_refuses_to_answer(warehouse):
    house = warehouse(campus.catalog())
    house.land([row(1)])
    house.release()
    import psycopg

    with connect() as con, pytest.raises(psycopg.errors.UndefinedObject):
        con.execute("SELECT * FROM raw.hr__staff")


def test_rolling_back_moves_the_pointer_and_the_next_release_goes_on(warehouse):
    house = warehouse(campus.catalog())
    house.land([row(1)])
    house.release()
    first = house.digest()
    house.land([row(1, salary="2")])
    house.release()
    with connect(autocommit=True) as con:
        releases.roll_back(con, 1)
    assert house.digest() == first
    house.land([row(1, salary="3")])
    house.release()
    assert str(house.served()[0]["salary"]) == "3.00"


def test_a_second_release_run_is_told_to_wait(warehouse):
    house = warehouse(campus.catalog())
    with house.candidate(), pytest.raises(releases.ReleaseRunning), house.candidate():
        raise AssertionError("two candidates at once")


def test_an_added_optional_item_becomes_a_column_and_old_rows_read_as_not_collected(warehouse):
    house = warehouse(campus.catalog())
    house.land([row(1)])
    house.release()
    from warehouse.store import newest_table

    with connect(autocommit=True) as con:
        con.execute("ALTER TABLE store.hr__staff DROP COLUMN salary CASCADE")
    house.land([row(1)])
    house.release()
    with connect(autocommit=True) as con:
        assert newest_table(con, house.catalog.resources["hr.staff"]) == "hr__staff"
    assert house.served(release=1)[0]["salary"] is None
    assert str(house.served()[0]["salary"]) == "1.50"


def test_a_person_keeps_one_subject_under_number_and_document(warehouse):
    house = warehouse(campus.catalog())
    house.land([row(1, id_no=VALID_ID), row(2)])
    house.release()
    assert house.scalar("SELECT count(*) FROM yici.subject") == 2
    assert (
        house.scalar(
            f"SELECT count(DISTINCT subject_id) FROM {campus.LINKS} WHERE key IN ('00001', %s)", VALID_ID
        )
        == 1
    )
    house.land([row(1), row(2)])
    house.release()
    assert house.scalar(f"SELECT count(*) FROM {campus.LINKS} WHERE key = %s AND _to IS NULL", VALID_ID) == 0
    assert house.scalar(f"SELECT count(*) FROM {campus.LINKS} WHERE key = '00001' AND _to IS NULL") == 1


def test_one_document_under_two_names_links_nobody_and_waits_for_a_human(warehouse):
    house = warehouse(campus.catalog())
    house.land([row(1, id_no=VALID_ID, name="甲"), row(2, id_no=VALID_ID, name="乙")])
    house.release()
    assert house.scalar("SELECT count(DISTINCT subject_id) FROM yici.link WHERE id_type = 'staff_no'") == 2
    assert house.scalar("SELECT count(*) FROM yici.identity_review WHERE state = 'open'") == 1


def test_the_portal_reads_the_marts_that_hold_no_person_by_name_through_carrying_and_rolling_back(warehouse):
    house = warehouse(campus.catalog())
    role = releases.ROLE_NAMES["portal"]
    with exclusively(f"role {role}"), connect(autocommit=True) as con:
        if not con.execute("SELECT to_regrole(%s)", [role]).fetchone()[0]:
            con.execute(f"CREATE ROLE {role} LOGIN")

    def build(number: int, models: dict[str, bool], without_persons: set[str]) -> None:
        house.land([row(1, salary=str(number))])
        with house.candidate() as opened:
            house.admit(opened)
            opened.con.execute(f"CREATE SCHEMA {releases.CANDIDATE_SCHEMA}")
            for model, is_good in models.items():
                if is_good:
                    opened.con.execute(
                        f"CREATE TABLE {releases.CANDIDATE_SCHEMA}.{model} AS SELECT {number} AS n"
                    )
            releases.publish(opened, list(house.catalog.resources.values()), models, without_persons)

    def readable() -> dict[str, int]:
        """What the portal's role reads: mart → the release that built it."""
        found = {}
        with connect(autocommit=True) as con:
            con.execute(f"SET ROLE {role}")
            for model in ("mart_counts", "mart_people"):
                with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                    found[model] = con.execute(f"SELECT n FROM marts.{model}").fetchone()[0]
            for schema in ("build_1", "build_2"):
                with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable)):
                    con.execute(f"SELECT n FROM {schema}.mart_people")
        return found

    both = {"mart_counts": True, "mart_people": True}
    build(1, both, {"mart_counts"})
    assert readable() == {"mart_counts": 1}
    build(2, both | {"mart_counts": False}, {"mart_counts"})
    assert readable() == {"mart_counts": 1}, "carried over, and as open as it was built"
    build(3, both, set())
    assert readable() == {}, "a model that no longer says so is shut"
    with connect(autocommit=True) as con:
        releases.roll_back(con, 2)
    assert readable() == {"mart_counts": 1}
