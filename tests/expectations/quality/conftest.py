"""A small warehouse whose releases are followed by scores and tickets, and rules as they stand."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import catalogs
from catalogs.model import Catalog
from expectations.quality.standing import ADMISSION, RuleState
from expectations.quality.update import Settled, after_release
from tests.support import campus
from tests.support.postgres import PgDatabase
from warehouse import releases
from warehouse.connect import connect

AT = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
UNITS = """code,nameZh,nameEn,parent,kind,uscc,accountable,steward,contact,successor,validFrom,validTo
RS,人事处,HR,,机关,,post:hr-director,post:hr-steward,,,2000-01-01,
CW,财务处,Finance,,机关,,post:cw-director,post:cw-steward,,,2000-01-01,
XX,数据办,Data office,,直属,,post:xx-director,post:xx-steward,,,2000-01-01,
"""
CAMPUS_YAML = """code: "T"
nameZh: "试验大学"
nameEn: "Test University"
timeZone: "Asia/Shanghai"
dataOffice: "XX"
thresholds: {{refused_share: 0.9}}
quality: {quality}
"""
DAY_S = 86_400


def catalog(quality: str = "{}", **replaced: str) -> Catalog:
    """Return the small campus with a data office, a finance unit, and these terms of quality."""
    contract = campus.CONTRACT.format(mode="full", absence="keep_as_former", extra="")
    files = {name: text.encode() for name, text in campus.FILES.items()}
    files |= {
        "resources/hr/staff.odcs.yaml": contract.encode(),
        "campus.yaml": CAMPUS_YAML.format(quality=quality).encode(),
        "units.csv": UNITS.encode(),
    }
    return catalogs.load(files | {name: text.encode() for name, text in replaced.items()})


def state(**changes: Any) -> RuleState:
    """Return a rule of hr.staff that ten of a hundred rows break, unless changed."""
    usual = RuleState(
        resource="hr.staff", stage=ADMISSION, rule="sex.code", dimension="conformity", severity="warning",
        passed=False, rows_failed=10, rows_total=100, since=AT, release=1,
    )  # fmt: skip
    return replace(usual, **changes)


class Office(campus.Warehouse):
    """A warehouse with its clock, where every release is followed by what quality makes of it."""

    def __init__(self, folder: Path, content: Catalog, patch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, content)
        self._patch, self._days = patch, 0.0

    def days_pass(self, days: float) -> None:
        """Move the campus's clock on."""
        self._days += days
        self._patch.setenv("YICI_CLOCK_OFFSET_S", str(self._days * DAY_S))

    def publish(self, rows: Sequence[dict]) -> Settled:
        """Land rows, release them, and settle."""
        self.land(rows)
        self.release()
        return self.settle()

    def settle(self, models: dict[str, list[str]] | None = None) -> Settled:
        """Settle the current release."""
        with connect(autocommit=True) as con:
            number = releases.current(con)
            assert number is not None
            return after_release(con, self.catalog, number, models or {})


@pytest.fixture
def office(tmp_path: Path, pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Office]:
    """Return a function that opens an empty warehouse with the given terms of quality."""
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    return lambda quality="{}", **replaced: Office(tmp_path, catalog(quality, **replaced), monkeypatch)


def people(count: int = 100, wrong: int = 0) -> list[dict]:
    """Return rows of hr.staff, the first `wrong` of them with a sex that is no code."""
    return [campus.row(n, sex="?") if n <= wrong else campus.row(n) for n in range(1, count + 1)]
