"""Figures are kept with their release and come back as they were measured."""

from datetime import UTC, date, datetime

import catalogs
from catalogs.lists.measured import CaseCount, Compared, HandedIn, Kept, Measured, Span
from catalogs.versions import pack
from tests.catalogs import small
from tests.support import migrated
from warehouse import releases
from warehouse.connect import connect
from warehouse.figures import as_measured, keep


def figures(release: int, cases: int = 3) -> Measured:
    return Measured(
        release=release,
        at=datetime(2026, 11, 26, 8, 30, tzinfo=UTC),
        spans=(Span("2026-10", date(2026, 10, 1), date(2026, 10, 31)),),
        cases=(CaseCount("RS-001", "2026-10", cases, closed=2, late=0, days=1.5),),
        year={"RS-001": 40},
        handed=(HandedIn("RS-001", "M-FORM", 30, 10),),
        kept={"hr.staff": Kept(2, 0.1 + 0.2, None, True, rows=9, shares={"完整性": 0.97})},
        compared=(Compared("hr.payroll", "name", "hr.staff", "name", 9, 1, lag_days=2.25, orphans=0),),
        gaps=("没有",),
    )


def release() -> int:
    catalog = catalogs.load(small.campus())
    with releases.open_candidate(catalog, pack(catalog.files)) as opened:
        releases.publish(opened, [], {})
        return opened.id


def test_figures_come_back_as_they_were_and_go_with_their_pruned_release(pg_database, monkeypatch):
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    migrated.begin()
    first, second = release(), release()
    with connect(autocommit=True) as con:

        def stored() -> dict[int, Measured]:
            found = con.execute("SELECT release, figures::text FROM yici.measured").fetchall()
            return {number: as_measured(text) for number, text in found}

        keep(con, figures(first))
        assert stored() == {first: figures(first)}
        keep(con, figures(first, cases=4))
        assert stored() == {first: figures(first, cases=4)}
        con.execute("UPDATE yici.release SET pruned_at = now() WHERE id = %s", [first])
        keep(con, figures(second))
        assert stored() == {second: figures(second)}
