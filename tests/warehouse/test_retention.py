"""Retention: what is older than its rule allows goes and is recorded; what anybody needs stays."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.types.json import Jsonb

from catalogs.periods import Period
from catalogs.settings import ConfigurationError, now, settings
from connectors.base import Scope
from connectors.landing import BASELINES, LEDGER
from expectations.rebuild import plan, rebuild
from service import cases
from service.erasure import elsewhere
from service.keys import load
from tests.support import campus
from tests.support.campus import row
from tests.support.postgres import PgDatabase
from tests.support.session import exclusively
from warehouse import baseline, history, releases, sealed
from warehouse.connect import connect
from warehouse.inspection import inspect
from warehouse.retention import DEFAULT_DEED_DAYS, ClockInDoubt, Due, due, enforce

PASSWORD = "for-tests-only"
PEOPLE = [row(n) for n in range(1, 41)]
VALID_ID = "11010519491231002X"


@pytest.fixture
def pruner_url(pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch) -> str:
    """The role that may delete and nothing else, made before the tables are."""
    with exclusively("role yici_retention"), pg_database.connect() as con:
        if not con.execute("SELECT 1 FROM pg_roles WHERE rolname = 'yici_retention'").fetchone():
            con.execute(f"CREATE ROLE yici_retention LOGIN PASSWORD '{PASSWORD}'")
    parts = psycopg.conninfo.conninfo_to_dict(pg_database.tcp_url)
    url = f"postgresql://yici_retention:{PASSWORD}@{parts['host']}:{parts['port']}/{pg_database.name}"
    monkeypatch.setenv("YICI_RETENTION_DATABASE_URL", url)
    return url


@pytest.fixture
def on_day(monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """Set the campus's clock to a day from today on."""
    yield lambda number: monkeypatch.setenv("YICI_CLOCK_OFFSET_S", str(number * 86_400))


def kept_for(text: str) -> campus.Catalog:
    """The small campus, its register kept for a period such as `30 d`."""
    count, unit = text.split()
    told = f'slaProperties: [{{property: "retention", value: {count}, unit: "{unit}"}}]\nschema:'
    contract = campus.CONTRACT.format(mode="full", absence="end", extra="").replace("schema:", told, 1)
    return campus.catalog(contract=contract)


def publish(house: campus.Warehouse) -> None:
    house.release()
    with connect(autocommit=True) as con:
        history.export(con, house.landing, settings().home)


def prune(house: campus.Warehouse, **options) -> dict[str, Due]:
    with connect(autocommit=True) as con, connect("retention", autocommit=True) as pruner:
        return enforce(con, pruner, house.catalog, house.landing, settings().home, **options)


def some_months(house: campus.Warehouse, on_day) -> None:
    """Some months, until day 50."""
    house.made_once("some_months", lambda: _live(house, on_day))
    on_day(50)


def _live(house: campus.Warehouse, on_day) -> None:
    """Release 1 on day 0, 2 on day 10 and 3 on day 50: a row changes, is refused, comes back, another one goes."""
    on_day(0)
    house.land([row(1, id_no=VALID_ID), *PEOPLE[1:]])
    publish(house)
    on_day(10)
    house.land([row(1), row(2, salary="9.99"), row(3, sex="?"), *PEOPLE[3:39]])
    publish(house)
    on_day(50)
    house.land([row(1), row(2, salary="8.88"), *PEOPLE[2:39]])
    publish(house)


def test_only_what_ended_before_the_horizon_goes_and_the_rest_is_as_it_was(warehouse, on_day, pruner_url):
    house = warehouse(kept_for("30 d"))
    some_months(house, on_day)
    served = {number: house.served(number) for number in (2, 3)}
    on_day(39)  # the horizon is day 9: nothing that release 2 ended is old enough
    with connect(autocommit=True) as con:
        planned = due(con, house.catalog, now())
    nothing = Due(planned["hr.staff"].rule).counts
    assert planned["hr.staff"].counts == nothing | {"extracts": 1}
    assert house.scalar("SELECT count(*) FROM store.hr__staff WHERE _to <= 2") == 4

    on_day(51)
    gone = prune(house)
    assert gone["hr.staff"].counts == nothing | {"versions": 4, "extracts": 2}
    assert {number: house.served(number) for number in (2, 3)} == served
    assert house.scalar("SELECT count(*) FROM store.hr__staff WHERE _to <= 2") == 0
    assert house.landing.extracts() == ["hr/staff/0000000003"]
    with connect(autocommit=True) as con:
        assert inspect(con, house.landing, settings().home).faults == []
    assert prune(house) == {}


def test_quarantine_and_links_have_the_campuss_own_term(warehouse, on_day, pruner_url):
    files = campus.FILES["campus.yaml"] + "retention: {landing_days: 20, quarantine_days: 100}\n"
    house = warehouse(_with_campus(files))
    some_months(house, on_day)
    on_day(80)
    case_of(house, VALID_ID)
    kept = elsewhere(load(settings().home), house.catalog)
    with connect(autocommit=True) as con:
        assert due(con, house.catalog, now(), kept)["campus"].counts["service.case"] == 1
    gone = prune(house, elsewhere=kept)
    assert gone["hr.staff"].counts["quarantined"] == 0
    assert (gone["campus"].counts["links"], gone["campus"].counts["service.case"]) == (1, 1)
    assert house.scalar('SELECT parties::text FROM service."case"') == "[]"
    assert house.scalar(f"SELECT count(*) FROM {campus.LINKS} WHERE key = %s", VALID_ID) == 0
    assert house.scalar("SELECT count(*) FROM yici.quarantine") == 1
    on_day(160)
    with pytest.raises(ClockInDoubt, match=r"110 days after the last release.*nothing was deleted"):
        prune(house)
    assert house.scalar("SELECT count(*) FROM yici.quarantine") == 1
    assert prune(house, is_clock_right=True)["hr.staff"].counts["quarantined"] == 1
    assert house.scalar("SELECT count(*) FROM yici.quarantine") == 0


def case_of(house: campus.Warehouse, number: str) -> None:
    """Register a case of somebody who is named by a document."""
    kind = house.scalar("SELECT id_type FROM yici.link WHERE starts_with(id_type, 'doc:') LIMIT 1")
    party = cases.kept(cases.Party(role="applicant", id_type=kind, id=number))
    with connect(autocommit=True) as con:
        con.execute(
            "INSERT INTO service.client VALUES ('hall', 'RS', 'x', '{}', NULL, 'active', now(), false)"
        )
        con.execute(
            'INSERT INTO service."case" (id, client_id, service_item, status, parties, registered_at, expires_at)'
            " VALUES (gen_random_uuid(), 'hall', 'S', 'draft', %s, now(), now())",
            [Jsonb([party])],
        )


def _with_campus(text: str):
    import catalogs

    files = {**campus.FILES, "campus.yaml": text}
    contract = campus.CONTRACT.format(mode="full", absence="end", extra="")
    content = {name: one.encode() for name, one in files.items()}
    return catalogs.load(content | {"resources/hr/staff.odcs.yaml": contract.encode()})


def test_each_deletion_is_recorded_with_its_rule_and_what_went(warehouse, on_day, pruner_url):
    house = warehouse(kept_for("1 m"))
    some_months(house, on_day)
    digest = house.scalar("SELECT digest FROM yici.extract WHERE id = 1")
    on_day(51)
    prune(house)
    with connect(autocommit=True) as con:
        kind, state, by, reason, resource, horizon, release, counts, digests = con.execute(
            """SELECT kind, state, ordered_by, reason, resource, horizon, horizon_release, counts, digests
               FROM yici.deletion"""
        ).fetchone()
    assert (kind, state, by, reason, resource, release) == (
        "retention", "done", "retention rule", "contract: 1 months", "hr.staff", 2,
    )  # fmt: skip
    assert horizon < now()
    assert (counts["versions"], counts["extracts"]) == (4, 2)
    assert digests["hr/staff/0000000001"] == digest


def test_a_release_that_lost_rows_cannot_be_shown_again_and_later_ones_can(warehouse, on_day, pruner_url):
    house = warehouse(kept_for("30 d"))
    some_months(house, on_day)
    on_day(51)
    prune(house)
    with connect(autocommit=True) as con:
        with pytest.raises(releases.NoSuchRelease, match="release 1 is older than what is kept"):
            releases.roll_back(con, 1)
        releases.roll_back(con, 2)


def test_what_is_left_can_be_rebuilt_and_nothing_of_what_went_is_in_the_zone(warehouse, on_day, pruner_url):
    house = warehouse(kept_for("30 d"))
    some_months(house, on_day)
    with connect(autocommit=True) as con:
        releases.hold(con)
        old = baseline.write(con, house.landing, settings().home)
    on_day(51)
    prune(house)
    (path,) = sealed.folders(house.landing, BASELINES)
    assert path != old and sealed.folders(house.landing, LEDGER) == []
    digests, store = house.digest(), _store()
    on_day(52)
    house.land([row(1), row(2, salary="7.77"), *PEOPLE[2:39]])
    publish(house)
    after, store = house.digest(), _store()
    assert after != digests
    with connect(autocommit=True) as con:
        planned = plan(house.landing, sealed.trusted_key(settings().home))
        assert planned.extracts == ("hr/staff/0000000004",)
        assert rebuild(con, house.landing, planned, True, lambda *said: None).differences == []
        assert inspect(con, house.landing, settings().home).faults == []
    assert (house.digest(), _store()) == (after, store)


def _store() -> list:
    with connect(autocommit=True) as con:
        return con.execute("SELECT * FROM store.hr__staff ORDER BY staff_no, _from").fetchall()


def test_of_a_partitioned_resource_the_newest_extract_of_every_partition_stays(warehouse, on_day, pruner_url):
    house = warehouse(campus.catalog(mode="append", extra=', partition: {by: "day", from: "filename"}'))
    house.land([row(1)], Scope.of_partition("2026-01-01"))
    house.land([row(2)], Scope.of_partition("2026-01-02"))
    publish(house)
    house.land([row(1, salary="5")], Scope.of_partition("2026-01-01"))
    publish(house)
    house.land([row(3)], Scope.of_partition("2026-01-03"))  # no release has judged it
    on_day(500)
    assert list(prune(house, is_clock_right=True)["hr.staff"].extracts) == ["hr/staff/0000000001"]
    assert len(house.landing.extracts()) == 3
    assert house.release().inserted == 1


def test_a_reading_that_died_is_removed_and_one_under_way_is_not(warehouse, on_day, pruner_url):
    house = warehouse(campus.catalog())
    house.land(PEOPLE)
    publish(house)
    for number in (8, 9):
        folder = house.landing.local / f"hr/staff/{number:010d}"
        folder.mkdir()
        (folder / "part-0000.parquet").write_bytes(b"half")
    with connect(autocommit=True) as reading:
        reading.execute("SELECT pg_advisory_lock(hashtext('land hr'))")
        prune(house)
        assert len(house.landing.extracts()) == 3
    prune(house)
    assert house.landing.extracts() == ["hr/staff/0000000001"]


@pytest.mark.parametrize("moment", ["baseline", "remove"])
def test_an_interrupted_run_is_finished_by_the_next(warehouse, on_day, pruner_url, monkeypatch, moment):
    house = warehouse(kept_for("30 d"))
    some_months(house, on_day)
    on_day(51)

    def die(*arguments, **named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*((baseline, "write") if moment == "baseline" else (house.landing, "remove")), die)
        with pytest.raises(KeyboardInterrupt):
            prune(house)
    digest, store = house.digest(), _store()
    prune(house)
    assert house.landing.extracts() == ["hr/staff/0000000003"]
    with connect(autocommit=True) as con:
        assert inspect(con, house.landing, settings().home).faults == []
        rebuild(
            con,
            house.landing,
            plan(house.landing, sealed.trusted_key(settings().home)),
            True,
            lambda *said: None,
        )
    assert (house.digest(), _store()) == (digest, store)


def test_the_role_that_deletes_can_neither_write_rows_nor_read_the_service(warehouse, pruner_url):
    house = warehouse(campus.catalog())
    house.land(PEOPLE)
    house.release()
    with connect("retention", autocommit=True) as pruner:
        assert pruner.execute("SELECT current_user").fetchone()[0] == "yici_retention"
        assert pruner.execute("SELECT count(*) FROM store.hr__staff").fetchone()[0] == len(PEOPLE)
        for forbidden in (
            "UPDATE store.hr__staff SET name = 'x'",
            "INSERT INTO store.hr__staff SELECT * FROM store.hr__staff",
            "UPDATE yici.release SET state = 'published'",
            "DELETE FROM yici.extract",
            "DELETE FROM yici.deletion",
            "SELECT * FROM service.record",
            "DROP TABLE store.hr__staff",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                pruner.execute(forbidden)


def test_details_of_the_services_record_go_when_their_own_time_is_over(warehouse, pruner_url, on_day):
    house = warehouse(campus.catalog())
    house.land(PEOPLE)
    house.release()
    with connect(autocommit=True) as con:
        for seq, day in ((1, 30), (2, 90)):
            con.execute(
                """INSERT INTO service.record (seq, transaction_id, logtime, action, client_id, receiver_unit,
                       receiver_name, elements, outcome, code, rule, request_digest, response_digest,
                       retention_until, leaf_hash, detail_hash)
                   VALUES (%s, gen_random_uuid(), now(), 'facts', 'c', '', '', '{}', 'allowed', 'OK', 'granted', '',
                       '', now() + make_interval(days => %s), '', '')""",
                [seq, day],
            )
            con.execute(
                "INSERT INTO service.record_detail (seq, salt, actor_id) VALUES (%s, '', 'U1')", [seq]
            )
        on_day(31)
        assert prune(house)["campus"].counts["details"] == 1
        assert con.execute("SELECT array_agg(seq) FROM service.record_detail").fetchone()[0] == [2]
        assert con.execute("SELECT count(*) FROM service.record").fetchone()[0] == 2


def test_what_people_did_in_the_portal_goes_by_its_own_rule_and_only_then(warehouse, pruner_url, on_day):
    house = warehouse(campus.catalog())
    house.land(PEOPLE)
    house.release()
    with connect(autocommit=True) as con:
        for days in (0, 40):
            con.execute(
                """INSERT INTO portal.deed (at, person, post, role, deed, about, outcome, rule)
                   VALUES (now() + make_interval(days => %s), '1', '', 'member', 'GET home', '', 'allowed', 'x')""",
                [days],
            )
        with pytest.raises(psycopg.errors.RaiseException):
            con.execute("DELETE FROM portal.deed")
        on_day(DEFAULT_DEED_DAYS + 20)
        assert prune(house, is_clock_right=True)["campus"].counts["deeds"] == 1
        assert con.execute("SELECT count(*) FROM portal.deed").fetchone()[0] == 1
        assert con.execute("SELECT deeds FROM portal.forgotten").fetchall() == [(1,)]
        with pytest.raises(psycopg.errors.RaiseException):
            con.execute("DELETE FROM portal.deed")


def test_nothing_is_deleted_while_a_release_is_under_way(warehouse, on_day):
    house = warehouse(kept_for("30 d"))
    some_months(house, on_day)
    on_day(51)
    with house.candidate(), pytest.raises(releases.ReleaseRunning):
        prune(house)
    assert len(house.landing.extracts()) == 3


def test_without_a_role_of_its_own_the_owner_deletes(warehouse, on_day):
    assert "YICI_RETENTION_DATABASE_URL" not in os.environ
    house = warehouse(kept_for("30 d"))
    some_months(house, on_day)
    on_day(51)
    assert prune(house)["hr.staff"].counts["versions"] == 4


@pytest.mark.parametrize("told", ['"400"', "0", "true"])
def test_a_term_that_is_none_deletes_nothing(warehouse, told):
    house = warehouse(_with_campus(campus.FILES["campus.yaml"] + f"retention: {{landing_days: {told}}}\n"))
    house.land(PEOPLE)
    house.release()
    with pytest.raises(ConfigurationError, match=r"retention\.landing_days"):
        prune(house)


@pytest.mark.parametrize(("told", "fault"), [("30 d", 0), ("2 y", 0), ("0 d", 1), ("3 weeks", 1)])
def test_a_contracts_term_is_a_number_and_a_unit_or_a_fault(told, fault):
    import catalogs

    count, unit = told.split()
    text = f'slaProperties: [{{property: "retention", value: {count}, unit: "{unit}"}}]\nschema:'
    contract = campus.CONTRACT.format(mode="full", absence="end", extra="").replace("schema:", text, 1)
    files = {name: one.encode() for name, one in campus.FILES.items()}
    faults = catalogs.check(files | {"resources/hr/staff.odcs.yaml": contract.encode()})
    assert sum("retention is no period" in str(one) for one in faults) == fault


@pytest.mark.parametrize(
    ("period", "earlier"),
    [(Period(1, "m"), (2026, 2, 28)), (Period(2, "y"), (2024, 3, 31)), (Period(31, "d"), (2026, 2, 28)),
     (Period(13, "m"), (2025, 2, 28)), (Period(3, "m"), (2025, 12, 31))],
)  # fmt: skip
def test_months_and_years_are_those_of_the_calendar(period, earlier):
    moment = period.before(datetime(2026, 3, 31, 8, tzinfo=UTC))
    assert (moment.year, moment.month, moment.day, moment.hour) == (*earlier, 8)
