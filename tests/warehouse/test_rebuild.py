"""Rebuilding from baseline, ledger and landing: the warehouse is what it was, or the rebuild says why it cannot be."""

import dataclasses
import json
import shutil
from pathlib import Path

import psycopg
import pytest

from catalogs.changes.approvals import Route
from catalogs.changes.edits import Edit
from catalogs.settings import now, settings
from connectors.base import Scope
from connectors.landing import BASELINES, LandingError
from expectations import rebuild as rebuilding
from expectations.rebuild import CannotRebuild, Rebuilt, plan, rebuild
from tests.support import campus, migrated
from tests.support.campus import row
from tests.support.postgres import PgServer
from warehouse import baseline, catalog_versions, history, ledger_rows, proposals, releases, sealed
from warehouse.connect import connect

VALID_ID = "11010519491231002X"
# What a rebuild brings back to the letter, ids and numbers included.
KEPT = (
    "yici.extract", "yici.release", "yici.release_resource", "yici.quarantine", "yici.subject", "yici.link",
    "yici.identity_review", "yici.identity_event", "yici.identity_decision", "yici.identity_sight",
    "yici.current_release", "yici.catalog_version", "yici.finding", "yici.catalog_publication", "yici.proposal",
    "yici.proposal_event",
)  # fmt: skip
# Minted anew: numbers of rows that nothing refers to, and the moment of pointing.
_ANEW = {"yici.quarantine": ("id",), "yici.current_release": ("at",)}


def home() -> Path:
    return settings().home


def publish(house: campus.Warehouse) -> None:
    house.release()
    with connect(autocommit=True) as con:
        history.export(con, house.landing, home())


def secure(house: campus.Warehouse) -> str:
    with connect(autocommit=True) as con:
        releases.hold(con)
        return baseline.write(con, house.landing, home())


def contents() -> dict[str, list]:
    """Everything that a rebuild has to bring back, table by table."""
    found = {}
    with connect(autocommit=True) as con:
        store = con.execute(
            "SELECT 'store.' || tablename FROM pg_tables WHERE schemaname = 'store' ORDER BY 1"
        )
        for table in (*KEPT, *(name for (name,) in store.fetchall())):
            without = "".join(f" - '{column}'" for column in _ANEW.get(table, ()))
            rows = con.execute(f"SELECT (to_jsonb(t){without})::text FROM {table} t").fetchall()
            found[table] = sorted(text for (text,) in rows)
    return found


def digest_at(house: campus.Warehouse, release: int) -> str:
    with connect(autocommit=True) as con:
        before = releases.current(con)
        releases.point(con, release)
        try:
            return house.digest()
        finally:
            releases.point(con, before)


@pytest.fixture
def elsewhere(pg_server: PgServer, monkeypatch: pytest.MonkeyPatch):
    """Another, empty database in place of the lost one."""
    database = pg_server.create_database()
    yield lambda: monkeypatch.setenv("YICI_DATABASE_URL", database.url)
    pg_server.drop_database(database)


def again(house: campus.Warehouse, replace: bool = False) -> Rebuilt:
    migrated.begin()
    planned = plan(house.landing, sealed.trusted_key(home()))
    with connect(autocommit=True) as con:
        return rebuild(con, house.landing, planned, replace, lambda what, result: None)


def some_days(house: campus.Warehouse) -> None:
    """Some days on which rows come and go."""
    house.made_once("some_days", lambda: _live(house))


def _live(house: campus.Warehouse) -> None:
    """Rows come, change, go, are refused, come back; an extract is refused whole; documents link and unlink."""
    people = [row(n) for n in range(1, 41)]
    house.land([row(1, id_no=VALID_ID), *people[1:]])
    publish(house)
    house.land([row(1, id_no=VALID_ID), row(2, salary="9.99"), row(3, sex="?"), *people[3:39]])
    publish(house)
    house.land([row(n, sex="?") for n in range(1, 11)])
    publish(house)
    house.land([row(1), row(2, salary="9.99", name="改"), *people[2:], row(77, id_no=VALID_ID, name="别人")])
    publish(house)


@pytest.mark.parametrize("secured_after", [0, 1, 3])
def test_a_lost_warehouse_comes_back_to_the_letter(warehouse, elsewhere, secured_after):
    house = warehouse(campus.catalog())
    people = [row(n) for n in range(1, 41)]
    house.land([row(1, id_no=VALID_ID), *people[1:]])
    publish(house)
    if secured_after == 1:
        secure(house)
    house.land([row(1, id_no=VALID_ID), row(2, salary="9.99"), row(3, sex="?"), *people[3:39]])
    publish(house)
    house.land([row(n, sex="?") for n in range(1, 11)])
    publish(house)
    if secured_after == 3:
        secure(house)
    house.land([row(1), row(2, salary="9.99", name="改"), *people[2:], row(77, id_no=VALID_ID, name="别人")])
    publish(house)
    before, digests = contents(), [digest_at(house, number) for number in (1, 2, 4)]
    assert len(set(digests)) == 3

    elsewhere()
    done = again(house)
    assert done.differences == []
    assert contents() == before
    assert house.digest() == digests[-1]
    assert [digest_at(house, number) for number in (1, 2, 4)] == digests

    # Life goes on where it stopped: numbers are not used twice, and the same source changes nothing.
    house.land([row(1), row(2, salary="9.99", name="改"), *people[2:], row(77, id_no=VALID_ID, name="别人")])
    went_on = house.release()
    assert (went_on.outcome, went_on.inserted, went_on.ended) == ("applied", 0, 0)
    assert house.digest() == digests[-1]


@pytest.mark.parametrize("mode", ["watermark", "append", "sweep", "days", "shape"])
def test_every_mode_comes_back(warehouse, elsewhere, mode):
    if mode == "watermark":
        house = warehouse(campus.catalog(mode="watermark", extra=', watermark: "updated_at"'))
        house.land([row(n) for n in range(1, 31)], Scope.since(None, "2026-01-02"), "2026-01-02")
        publish(house)
        house.land([row(3, salary="8")], Scope.since("2026-01-02", "2026-01-03"), "2026-01-03")
        publish(house)
        secure(house)
        house.land([row(4, sex="?")], Scope.since("2026-01-03", "2026-01-04"), "2026-01-04")
        publish(house)
        house.land([row(4, salary="7"), row(90)], Scope.since("2026-01-03", "2026-01-05"), "2026-01-05")
    elif mode == "sweep":
        house = warehouse(
            campus.catalog(mode="watermark", extra=', watermark: "updated_at", keySweep: {everyDays: 7}')
        )
        house.land([row(n) for n in range(1, 31)], Scope.since(None, "2026-01-02"), "2026-01-02")
        publish(house)
        secure(house)
        house.land([row(n) for n in range(1, 30)], Scope.keys())
        house.land([row(5, salary="6")], Scope.of_range("2026-01-01", "2026-01-02"))
        publish(house)
        assert [person["_state"] for person in house.served()].count("former") == 1
        house.land([row(n) for n in range(1, 31)], Scope.keys())
    elif mode == "days":
        # Files with keys in common, an older day among them.
        house = warehouse(campus.catalog(mode="append", extra=', partition: {by: "day", from: "filename"}'))
        for day in (1, 3):
            house.land([row(1, salary=str(day)), row(10 + day)], Scope.of_partition(f"2026-01-0{day}"))
        publish(house)
        secure(house)
        for day in (4, 2):
            house.land([row(1, salary=str(day)), row(10 + day)], Scope.of_partition(f"2026-01-0{day}"))
    elif mode == "shape":
        house = warehouse(campus.catalog())
        house.land([row(n) for n in range(1, 41)])
        publish(house)
        house.land([*(row(n) for n in range(1, 39)), row(39, salary="1.2345")])
        publish(house)
        secure(house)
        contract = campus.CONTRACT.format(mode="full", absence="keep_as_former", extra="")
        house.catalog = campus.catalog(contract=contract.replace("multipleOf: 0.01", "multipleOf: 0.0001"))
        publish(house)  # looked at again in the new shape, the rest carried over
        assert [str(one["salary"]) for one in house.served()[37:]] == ["38.5000", "1.2345", "40.5000"]
        house.land([row(n, salary=f"{n}.25") for n in range(1, 40)])
    else:
        house = warehouse(campus.catalog(mode="append", extra=', partition: {by: "day", from: "filename"}'))
        house.land([row(1), row(2)], Scope.of_partition("2026-01-01"))
        house.land([row(3)], Scope.of_partition("2026-01-02"))
        publish(house)
        secure(house)
        # Of two partitions judged together one is refused, and only that one.
        house.land([row(2, salary="5")], Scope.of_partition("2026-01-01"))
        house.land([row(3, sex="?")], Scope.of_partition("2026-01-02"))
    publish(house)
    before, served = contents(), house.digest()
    elsewhere()
    assert again(house).differences == []
    assert contents() == before
    assert house.digest() == served


def test_a_ledger_that_one_run_missed_is_written_by_the_next(warehouse, elsewhere):
    house = warehouse(campus.catalog())
    for number in range(1, 4):
        house.land([row(1), row(number)] if number > 1 else [row(1)])
        house.release()
    with connect(autocommit=True) as con:
        assert history.export(con, house.landing, home()) == [1, 2, 3]
        assert history.export(con, house.landing, home()) == []
    before = contents()
    elsewhere()
    again(house)
    assert contents() == before


def test_extracts_that_no_release_judged_yet_wait_for_the_next_one(warehouse, elsewhere):
    house = warehouse(campus.catalog())
    house.land([row(1)])
    publish(house)
    house.land([row(1), row(2)])
    elsewhere()
    assert again(house).entered == 1
    assert len(house.served()) == 1
    assert house.release().inserted == 1
    assert len(house.served()) == 2


def test_a_warehouse_that_is_not_empty_is_replaced_only_on_demand(warehouse):
    house = warehouse(campus.catalog())
    some_days(house)
    before = contents()
    with connect(autocommit=True) as con:
        con.execute("INSERT INTO service.client VALUES ('hall', 'DT', '大厅', NULL, 'x', 'active', now())")
    house.land([row(500)])
    with (
        connect(autocommit=True) as reading,
        pytest.raises(releases.ReleaseRunning, match="hr is being read"),
    ):
        reading.execute("SELECT pg_advisory_lock(hashtext('land hr'))")
        again(house, replace=True)
    with house.candidate(), pytest.raises(releases.ReleaseRunning):
        again(house, replace=True)
    with pytest.raises(CannotRebuild, match="not empty"):
        again(house)
    assert house.scalar("SELECT count(*) FROM yici.extract") == 5
    shutil.rmtree(house.landing.local / "hr/staff/0000000005")
    again(house, replace=True)
    assert contents() == before
    assert house.scalar("SELECT client_id FROM service.client") == "hall"


@pytest.mark.parametrize(
    "harm", ["extract", "byte", "manifest", "ledger", "signature", "other key", "catalog"]
)
def test_what_cannot_be_trusted_is_refused_by_name_before_anything_is_changed(
    warehouse, elsewhere, tmp_path, harm
):
    house = warehouse(campus.catalog())
    some_days(house)
    zone = house.landing.local
    named = "hr/staff/0000000002"
    extract = zone / named
    if harm == "extract":
        shutil.rmtree(extract)
    elif harm == "byte":
        part = extract / "part-0000.parquet"
        content = part.read_bytes()
        part.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    elif harm == "manifest":
        manifest = json.loads((extract / "manifest.json").read_text())
        (extract / "manifest.json").write_text(json.dumps(manifest | {"notes": ["better"]}))
    elif harm == "ledger":
        named = "_ledger/0000000002"
        shutil.rmtree(zone / named)
    elif harm == "signature":
        named = "_ledger/0000000003"
        manifest = json.loads((zone / named / "manifest.json").read_text())
        manifest["signed"]["about"]["previous"] = 1
        (zone / named / "manifest.json").write_text(json.dumps(manifest))
    elif harm == "catalog":
        (catalog,) = (zone / "_ledger/catalogs").iterdir()
        named = f"_ledger/catalogs/{catalog.name}"
        catalog.unlink()
    else:
        named = "is not of the trusted key"
        (home() / "keys/baseline_signing").unlink()
        (home() / "keys/baseline_signing.pub").unlink()
    elsewhere()
    with pytest.raises(LandingError, match=named):
        again(house)
    with connect(autocommit=True) as con:
        assert con.execute("SELECT count(*) FROM yici.release").fetchone()[0] == 0


def test_the_public_key_alone_is_enough_to_trust_a_zone(warehouse, tmp_path):
    house = warehouse(campus.catalog())
    house.land([row(1)])
    publish(house)
    file = home() / "keys/baseline_signing.pub"
    assert (home() / "keys/baseline_signing").stat().st_mode & 0o777 == 0o600
    assert len(plan(house.landing, sealed.public_key(file)).ledgers) == 1


def test_a_zone_without_baseline_and_ledger_says_so(warehouse):
    house = warehouse(campus.catalog())
    house.land([row(1)])
    with pytest.raises(CannotRebuild, match="no baseline and no ledger"):
        again(house)
    with pytest.raises(baseline.NothingPublished):
        secure(house)


def test_admission_that_decides_otherwise_today_is_told_by_resource_and_release(
    warehouse, elsewhere, monkeypatch
):
    house = warehouse(campus.catalog())
    some_days(house)
    admit = rebuilding.admit

    def stricter(con, candidate, catalog, resource, landing, extracts, again):
        found = admit(con, candidate, catalog, resource, landing, extracts, again)
        return dataclasses.replace(found, admitted=found.admitted - 1) if candidate.id == 2 else found

    monkeypatch.setattr(rebuilding, "admit", stricter)
    elsewhere()
    (difference,) = again(house).differences
    assert "release 2, hr.staff: admitted 38 then, 37 now" in difference


def test_a_baseline_holds_old_shapes_of_a_table_with_their_indexes_and_comments(warehouse, elsewhere):
    house = warehouse(campus.catalog())
    house.land([row(1)])
    publish(house)
    wider = campus.CONTRACT.format(mode="full", absence="end", extra="").replace(
        "multipleOf: 0.01, minimum: 0", "multipleOf: 0.0001, minimum: 0"
    )
    house.catalog = campus.catalog(contract=wider)
    house.land([row(1, salary="1.2345")])
    publish(house)
    secure(house)
    before, shape = contents(), _shape()
    assert "store.hr__staff__v2" in before
    elsewhere()
    again(house)
    assert contents() == before
    assert _shape() == shape
    assert str(house.served()[0]["salary"]) == "1.2345"
    with connect(autocommit=True) as con, pytest.raises(psycopg.errors.UniqueViolation):
        con.execute("INSERT INTO store.hr__staff__v2 SELECT * FROM store.hr__staff__v2")


def _shape() -> list:
    with connect(autocommit=True) as con:
        return con.execute(
            """SELECT c.relname, c.reloptions, obj_description(c.oid),
                   array_agg(DISTINCT pg_get_indexdef(i.indexrelid)),
                   array_agg(DISTINCT format('%s %s %s %s', attname, format_type(atttypid, atttypmod), attnotnull,
                             col_description(c.oid, attnum)))
               FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid JOIN pg_attribute a ON a.attrelid = c.oid
               WHERE c.relnamespace = 'store'::regnamespace AND attnum > 0 GROUP BY c.oid ORDER BY 1"""
        ).fetchall()


def test_a_baseline_of_an_earlier_state_does_not_stand_in_for_a_later_one(warehouse, elsewhere):
    house = warehouse(campus.catalog())
    some_days(house)
    first = secure(house)
    house.land([row(1), row(2)])
    publish(house)
    second = secure(house)
    assert sealed.folders(house.landing, BASELINES) == [first, second]
    assert (sealed.release_of(first), sealed.release_of(second)) == (4, 5)
    before = contents()
    elsewhere()
    assert again(house).judged == 0
    assert contents() == before


@pytest.mark.parametrize("by_baseline", [False, True])
def test_proposals_and_published_versions_come_back(warehouse, elsewhere, by_baseline: bool):
    """Also a version that no release was made by, which a roll-back may need."""
    house = warehouse(campus.catalog())
    day = now().date()
    with connect(autocommit=True) as con:
        catalog_versions.publish(con, {"a.yaml": b"never released"}, catalog_versions.FIRST, "folder", "")
        catalog_versions.publish(con, house.catalog.files, catalog_versions.FOLDER, "folder", "")
        wish = proposals.Wish("改名", "post:a", "甲", "试", "folder")
        edit = Edit("units.csv", "RS", "nameZh", "人事处", "人力资源处")
        made = proposals.add(con, wish, 2, [edit], [], Route(()), {}, day)
        proposals.submit(con, made, day, house.catalog.calendar)
    house.land([row(1)])
    publish(house)
    if by_baseline:
        secure(house)
    before = contents()
    elsewhere()
    again(house)
    assert contents() == before


def test_every_table_of_ours_is_exported_or_said_not_to_be():
    said_not_to_be = {
        "current_release", "quarantine", "deletion", "system_failure", "measured", "identity_pair", "identity_search",
        "store_key", "sealed_column",  # follow from the ring and the catalogs
    }  # fmt: skip
    assert set(ledger_rows.TABLES) == history.EXPORTED | said_not_to_be


def test_an_interrupted_rebuild_leaves_no_current_release_and_is_begun_anew(
    warehouse, elsewhere, monkeypatch
):
    house = warehouse(campus.catalog())
    some_days(house)
    before = contents()
    elsewhere()

    def die(*arguments, **named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(history, "with_files", die)
        with pytest.raises(KeyboardInterrupt):
            again(house)
    with monkeypatch.context() as patch:
        replay = rebuilding._replay
        patch.setattr(
            rebuilding, "_replay", lambda *args: die() if args[3].about["release"] == 3 else replay(*args)
        )
        with pytest.raises(KeyboardInterrupt):
            again(house)
    with connect(autocommit=True) as con:
        assert releases.current(con) is None
        assert con.execute("SELECT count(*) FROM yici.release").fetchone()[0] == 2
    again(house, replace=True)
    assert contents() == before
