"""What did not come is told when a system is read: a day between others, and a file that nobody delivers any more."""

import os
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from catalogs.model import Catalog
from tests.support import campus
from tests.support.campus import CONTRACT, FILES, row
from warehouse.connect import connect
from warehouse.extraction import Landed, land_system

HEAD = "gh,xm,zjhm,xb,csrq,gz,gxsj"
BY_DAY = ', partition: {by: "day", from: "filename"}'
FIRST = date(2026, 1, 5)


class Drop:
    """A folder in which a unit drops files, and the warehouse that reads them."""

    def __init__(
        self, folder: Path, open_warehouse: Callable[[Catalog], campus.Warehouse], patch: pytest.MonkeyPatch,
        name: str, mode: str, extra: str,
    ) -> None:  # fmt: skip
        import catalogs

        self.folder, self._patch = folder / "drop", patch
        self.folder.mkdir()
        patch.setenv("YICI_HR_DROP", str(self.folder))
        systems = (
            FILES["systems.yaml"]
            .replace('"sqlite"', '"files"')
            .replace("file: ", "root: ")
            .replace("_FILE", "_DROP")
        )
        text = CONTRACT.replace('physicalName: "staff"', f'physicalName: "{name}"')
        contract = text.format(mode=mode, absence="keep", extra=extra)
        files = {key: value.encode() for key, value in (FILES | {"systems.yaml": systems}).items()}
        self.house = open_warehouse(
            catalogs.load(files | {"resources/hr/staff.odcs.yaml": contract.encode()})
        )

    def put(self, name: str, *numbers: int) -> None:
        lines = [",".join(row(number)[column] or "" for column in campus.COLUMNS) for number in numbers]
        path = self.folder / name
        path.write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8")
        os.utime(path, (time.time() - 60,) * 2)

    def read(self) -> Landed:
        (landed,) = land_system(self.house.catalog, "hr", self.house.landing, by_hand=True)
        assert landed.error is None, landed.error
        return landed

    def days_pass(self, days: int) -> None:
        self._patch.setenv("YICI_CLOCK_OFFSET_S", str(days * 86_400))

    def told(self, rule: str) -> tuple[bool, str | None]:
        with connect(autocommit=True) as con:
            return con.execute(
                "SELECT passed, detail FROM yici.finding WHERE rule = %s ORDER BY id DESC LIMIT 1", [rule]
            ).fetchone()


@pytest.fixture
def drop(tmp_path: Path, warehouse, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Drop]:
    return lambda name, mode="full", extra="": Drop(tmp_path, warehouse, monkeypatch, name, mode, extra)


def test_a_day_of_which_nothing_came_is_told_until_it_comes(drop):
    place = drop("d_{{date}}.csv", "append", BY_DAY)
    days = [FIRST + timedelta(days=n) for n in range(10)]
    for number, day in enumerate(days):
        if day != days[8]:
            place.put(f"d_{day}.csv", number + 1)
    place.read()
    passed, detail = place.told("missing_days")
    assert not passed
    assert detail is not None
    assert f"nothing came of {days[8]}," in detail
    place.put(f"d_{days[8]}.csv", 9)
    place.read()
    assert place.told("missing_days") == (True, None)


def test_a_weekday_on_which_nothing_ever_comes_is_not_missed(drop):
    place = drop("d_{{date}}.csv", "append", BY_DAY)
    for number in range(21):
        day = FIRST + timedelta(days=number)
        if day.weekday() < 5:
            place.put(f"d_{day}.csv", number + 1)
    place.read()
    assert place.told("missing_days") == (True, None)


def test_a_file_that_is_not_delivered_again_is_overdue_and_one_with_the_same_rows_is_not(drop):
    place = drop("staff.csv")
    place.put("staff.csv", *range(1, 30))
    place.read()
    assert place.told("overdue") == (True, None)
    place.days_pass(3)
    assert "nobody has touched it since" in place.read().skipped[0]
    passed, detail = place.told("overdue")
    assert (passed, str(detail)[:23], str(detail)[-14:]) == (
        False,
        "nothing new for 72 h, p",
        "RS delivers it",
    )
    os.utime(place.folder / "staff.csv", (time.time() - 30,) * 2)
    place.read()
    assert place.told("overdue") == (True, None)


def test_a_file_that_is_half_written_is_named_where_nothing_failed(drop):
    place = drop("staff.csv")
    place.put("staff.csv", *range(1, 30))
    place.read()
    (place.folder / "staff.csv").rename(place.folder / "staff.csv.part")
    place.read()
    assert place.told("extract") == (True, "staff.csv.part: half-written; it waits")
