"""Figures of a real warehouse for the derived lists: cases counted, copies compared, promises against the ledger."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

import catalogs
from catalogs.lists import derived_lists
from catalogs.lists.measured import CaseCount, Compared, HandedIn, Measured
from catalogs.model import Catalog
from catalogs.settings import now
from catalogs.versions import pack
from connectors.base import Reading, Scope
from connectors.duck import literal, session
from connectors.landing import Landing
from expectations.admit import admit, engine
from tests.catalogs import small
from tests.catalogs.small import contract, item, key_item, service_item
from tests.support import migrated
from warehouse import identity, ledger, releases
from warehouse.connect import connect
from warehouse.measured import measure, share_on_time
from warehouse.store import shape_hash

CANARY = "金丝雀"
STAFF = {"type": "person", "key": "staff_no", "idType": "staff_no"}
COPY = {"authoritative": False}


def content(**changes: object) -> Catalog:
    """Return a campus with persons, a copy of them in the payroll, and a log of cases."""
    staff = contract(
        "hr.staff", [key_item("staff_no", "GH"), item("name", "XM")], subject=STAFF, authoritative=True
    )
    students = contract(
        "academic.students",
        [key_item("student_no", "XH"), item("sex", "XB"), item("staff_no")],
        subject={
            "type": "person",
            "key": "student_no",
            "idType": "student_no",
            "links": [{"item": "staff_no", "idType": "staff_no"}],
        },
        authoritative=True,
    )
    payroll = contract(
        "hr.payroll",
        [
            key_item("line_no"),
            item("staff_no", "GH", custom=COPY | {"derivedFrom": "hr.staff.staff_no"}),
            item("name", "XM", custom=COPY | {"derivedFrom": "hr.staff.name"}),
            item("sex", "XB", custom=COPY),
        ],
        subject=STAFF,
    )
    log = contract(
        "hr.log",
        [
            key_item("case_no"),
            item("what"),
            item("accepted_at", kind="timestamp"),
            item("closed_at", kind="timestamp"),
            item("visits", kind="integer"),
            item("channel"),
        ],
    )
    handed = contract("hr.handed", [key_item("row_no"), item("case_no"), item("material"), item("way")])
    declared = {
        "resource": "hr.log",
        "period": "month",
        "item": "what",
        "acceptedAt": "accepted_at",
        "closedAt": "closed_at",
        "visits": "visits",
        "channel": "channel",
        "onlineChannels": ["web"],
        "materials": {
            "resource": "hr.handed", "case": "case_no", "material": "material", "way": "way", "spared": ["spared"],
        },
    }  # fmt: skip
    promise = {"caseType": "承诺件", "promisedLimit": {"value": 2, "unit": "workday"}}
    files = {
        "campus.yaml": {"code": "T", "nameZh": "试验大学", "timeZone": "Asia/Shanghai", "caseLog": declared},
        "populations.csv": None,
        small.STAFF: staff,
        small.STUDENTS: students,
        small.AWARDS: None,
        small.DEMAND: None,
        "materials.yaml": [{"code": "M-FORM", "nameZh": "申请表", "kind": "申请表单"}],
        small.SERVICE: service_item(
            form=[], materials=[{"material": "M-FORM", "necessity": "required"}], **promise
        ),
        "resources/hr/payroll.odcs.yaml": payroll,
        "resources/hr/log.odcs.yaml": log,
        "resources/hr/handed.odcs.yaml": handed,
    }
    return catalogs.load(small.campus(files | changes))


class Campus:
    """A warehouse that rows of any resource are landed into and released from."""

    def __init__(self, folder, catalog: Catalog) -> None:
        self.landing = Landing(str(folder / "landing"))
        self.catalog = catalog
        migrated.begin()

    def land(self, name: str, rows: Sequence[Sequence[str | None]]) -> None:
        """Land whole rows, in the order of the contract's items."""
        resource = self.catalog.resources[name]
        columns = [one.name for one in resource.items]
        values = ", ".join(
            "(" + ", ".join("NULL" if value is None else literal(value) for value in row) + ")"
            for row in rows
        )
        con = session()
        query = f"SELECT * FROM (VALUES {values}) AS t ({', '.join(columns)})"
        reading = Reading(resource, con, query, Scope.full(), dict.fromkeys(columns, "text"))
        with connect(autocommit=True) as pg:
            manifest = self.landing.write(reading, ledger.next_extract_id(pg), now())
            with pg.transaction():
                ledger.register(
                    pg, manifest, manifest.path, manifest.digest, shape_hash(resource), datetime.now(UTC)
                )
        con.close()

    def release(self) -> None:
        """Admit all that waits and publish it."""
        with releases.open_candidate(self.catalog, pack(self.catalog.files)) as opened:
            for resource in self.catalog.resources.values():
                with engine() as con:
                    admit(con, opened, self.catalog, resource, self.landing)
            identity.update(opened.con, opened.id, self.catalog)
            releases.publish(opened, list(self.catalog.resources.values()), {})

    def measured(self, catalog: Catalog | None = None) -> Measured:
        with connect(autocommit=True) as con:
            found = measure(con, catalog or self.catalog)
        assert found is not None
        return found


@pytest.fixture
def campus(tmp_path, pg_database, monkeypatch) -> Iterator[Campus]:
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    yield Campus(tmp_path, content())


def filled(campus: Campus, name: str = "旧名") -> Campus:
    """Land two persons with their payroll and release them."""
    campus.land("hr.staff", [("1", name), ("2", "李"), ("3", CANARY)])
    campus.land("academic.students", [("S2", "1", "2"), ("S9", "2", None)])
    campus.land(
        "hr.payroll",
        [("a", "1", "旧名", "1"), ("b", "2", "李", "2"), ("c", "3", "别名", None), ("d", "4", CANARY, "1")],
    )
    campus.release()
    return campus


def of(measured: Measured, item: str, source: str = "hr.staff") -> Compared:
    (found,) = [
        one
        for one in measured.compared
        if (one.resource, one.item, one.source_resource) == ("hr.payroll", item, source)
    ]
    return found


def test_before_the_first_release_nothing_is_measured(campus):
    with connect(autocommit=True) as con:
        assert measure(con, campus.catalog) is None


def test_copies_are_compared_with_their_source_by_key_and_orphans_are_counted(campus):
    found = of(filled(campus).measured(), "name")
    assert (found.rows, found.different, found.behind, found.orphans) == (3, 1, 0, 1)
    reference = of(campus.measured(), "staff_no")
    assert (reference.rows, reference.different, reference.orphans) == (4, 0, 1)


def test_a_copy_that_still_holds_the_former_value_lags_since_the_source_changed(campus, monkeypatch):
    filled(campus)
    campus.land("hr.staff", [("1", "新名"), ("2", "李"), ("3", CANARY)])
    campus.release()
    monkeypatch.setenv("YICI_CLOCK_OFFSET_S", str(timedelta(days=3).total_seconds()))
    found = of(campus.measured(), "name")
    assert (found.rows, found.different, found.behind) == (3, 2, 1)
    assert found.lag_days == pytest.approx(3, abs=0.1)


def test_copies_under_another_kind_of_key_are_compared_by_identity_links(campus):
    found = of(filled(campus).measured(), "sex", "academic.students")
    assert (found.rows, found.different, found.orphans) == (1, 1, None)


def test_cases_are_counted_by_the_campus_s_own_months_and_working_days(campus):
    campus.land(
        "hr.log",
        [
            # The calendar of the campus makes Sunday 4 January a working day: closed on the second, and on the third.
            ("1", "RS-001", "2026-01-02 09:00:00+08", "2026-01-05 09:00:00+08", "0", "web"),
            ("2", "RS-001", "2026-01-02 09:00:00+08", "2026-01-06 09:00:00+08", "2", "window"),
            # Half past midnight at the campus, and still January in Greenwich.
            ("3", "RS-001", "2026-01-31 16:30:00+00", None, "0", "web"),
            ("4", "GONE", "2026-02-10 09:00:00+08", "2026-02-11 09:00:00+08", "1", "web"),
            ("5", "RS-001", None, None, "0", "web"),
        ],
    )
    campus.land(
        "hr.handed",
        [("a", "1", "M-FORM", "paper"), ("b", "2", "M-FORM", "spared"), ("c", "2", "M-ID", "upload")],
    )
    campus.release()
    found = campus.measured()
    assert set(found.cases) == {
        CaseCount("RS-001", "2026-01", 2, 2, 1, 3.5, 1, 2, 1, 1.0),
        CaseCount("RS-001", "2026-02", 1, 0, 0, None, 0, 0, 1, 0.0),
        CaseCount("GONE", "2026-02", 1, 1, None, 1.0, 0, 1, 1, 0.0),
    }
    assert found.spans[0].first == date(2026, 1, 1)
    assert [span.is_over for span in found.spans][-2:] == [True, False]
    assert found.last_span is not None and found.last_span.name == "2026-02"


def test_a_year_s_cases_and_materials_are_those_of_the_last_365_days(campus):
    today = now().astimezone(ZoneInfo(campus.catalog.campus.time_zone)).date()
    days = [today - timedelta(days=100), today - timedelta(days=364), today - timedelta(days=400)]
    campus.land(
        "hr.log", [(str(n), "RS-001", f"{day} 12:00:00+08", None, "0", "web") for n, day in enumerate(days)]
    )
    campus.land("hr.handed", [(str(n), str(n), "M-FORM", "spared" if n else "paper") for n in range(3)])
    campus.release()
    found = campus.measured()
    assert found.year == {"RS-001": 2}
    assert found.handed == (HandedIn("RS-001", "M-FORM", 1, 1),)


def test_promises_are_read_from_the_ledger(campus, monkeypatch):
    filled(campus)
    kept = campus.measured().kept["hr.payroll"]
    assert (kept.loads, kept.rows, kept.admitted, kept.is_late, kept.is_refused) == (1, 4, 4, False, False)
    assert campus.measured().kept["hr.log"].age_h is None
    monkeypatch.setenv("YICI_CLOCK_OFFSET_S", str(timedelta(hours=60).total_seconds()))
    late = campus.measured().kept["hr.payroll"]
    assert late.is_late
    assert late.on_time == pytest.approx(30 / 60, abs=0.01)


def test_what_is_declared_and_not_stored_yet_is_a_named_gap_and_no_error(campus):
    filled(campus)
    newer = small.contract(
        "hr.later", [key_item("no"), item("staff_no", "GH", custom={"derivedFrom": "hr.staff.staff_no"})]
    )
    found = campus.measured(content(**{"resources/hr/later.odcs.yaml": newer}))
    assert any("hr.later" in gap for gap in found.gaps)
    assert found.compared


def test_no_figure_holds_a_value_or_a_key_of_anybody(campus):
    measured = filled(campus, CANARY).measured()
    assert CANARY not in json.dumps(asdict(measured), ensure_ascii=False, default=str)
    lists = derived_lists(campus.catalog, (), measured)
    assert CANARY not in repr([(one.rows, one.summary) for one in lists])
    duties = {row["itemName"]: row for one in lists if one.name == "responsibilities" for row in one.rows}
    assert {row["state"] for row in duties.values()} == {"履责"}


def test_share_on_time_is_the_part_of_the_time_inside_the_promise():
    day = timedelta(days=1)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert share_on_time([], start, day) is None
    assert share_on_time([start], start, day) is None
    assert share_on_time([start, start + day], start + 2 * day, day) == 1
    assert share_on_time([start, start + 3 * day], start + 4 * day, day) == pytest.approx(0.5)
