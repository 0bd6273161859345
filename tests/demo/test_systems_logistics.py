"""Logistics and assets: right by their contracts but for the faults they tell, and little changes from day to day."""

import csv
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import dbfread
import pytest

from catalogs.model import Catalog
from demo.dbf import Field, write_dbf
from demo.systems import assets, logistics
from demo.systems.logistics_beds import stays
from demo.systems.logistics_cards import GRADUATES, STAFF, UNDERGRADUATES, cards, spending_lines
from demo.target import FIRST_DAY
from demo.world import World, build_world
from tests.demo.built import Campus, build_systems, file_target, judgements, live, told
from tests.support.reference import reference_campus

SYSTEMS = ("logistics", "assets")
ROOM_COLUMNS = ["FJBH", "LDMC", "FJH", "XQ", "YT", "JG", "RS", "MJ", "SYDW", "XB", "ZSF"]


@pytest.fixture(scope="module")
def content() -> Catalog:
    return reference_campus()


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(1, "small")


def _campus(content: Catalog, folder: Path) -> Campus:
    return build_systems(build_world(1, "small"), content, file_target(folder), SYSTEMS, folder / "landing")


@pytest.fixture(scope="module")
def campus(content: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Campus:
    return _campus(content, tmp_path_factory.mktemp("logistics"))


@pytest.fixture(autouse=True)
def variables(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "campus" in request.fixturenames:
        for name, value in request.getfixturevalue("campus").variables.items():
            monkeypatch.setenv(name, value)


def _table(campus: Campus, name: str) -> dbfread.DBF:
    return dbfread.DBF(str(campus.target.folder("logistics") / name))


def _asset_rows(campus: Campus, question: str) -> list[tuple]:
    return sqlite3.connect(campus.variables["YICI_ASSETS_FILE"]).execute(question).fetchall()


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_contract_fits_its_system_and_only_told_faults_are_refused(campus: Campus, system: str) -> None:
    found = judgements(campus, system, 1)
    assert len(found) == {"logistics": 7, "assets": 3}[system]
    for name, judged in found.items():
        assert judged.rows > 100, name
        assert judged.refused == told(campus, name), name
        assert judged.refused, name


def test_every_day_of_spending_is_a_partition_of_its_own(campus: Campus, content: Catalog) -> None:
    days = [f"{FIRST_DAY - timedelta(days=back):%Y%m%d}" for back in range(10, 0, -1)]
    names = sorted(path.name for path in campus.target.folder("logistics").glob("消费流水_*.csv"))
    assert names == [f"消费流水_{day}.csv" for day in days]
    assert content.resources["logistics.card_transactions"].ingest.mode == "append"
    for day, name in zip(days, names, strict=True):
        with (campus.target.folder("logistics") / name).open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        assert len(lines) == campus.rows[f"logistics.{name}"]
        right = [line for line in lines if "99999" not in line["流水号"]]
        assert all(line["流水号"].startswith(day) for line in right)
        moments = [line["消费时间"] for line in right]
        assert moments == sorted(moments)
        assert {moment[:10] for moment in moments} == {f"{day[:4]}-{day[4:6]}-{day[6:]}"}


def test_what_is_spent_is_spent_with_cards_that_are_listed(campus: Campus) -> None:
    listed = set()
    for holders in (UNDERGRADUATES, GRADUATES, STAFF):
        path = campus.target.folder("logistics") / f"校园卡_{holders}.csv"
        with path.open(encoding="gb18030", newline="") as file:
            numbers = [line["卡号"] for line in csv.DictReader(file)]
        assert len(numbers) == len(set(numbers))
        listed |= set(numbers)
    with (campus.target.folder("logistics") / "消费流水_20261016.csv").open(encoding="utf-8") as file:
        spent = {line["卡号"] for line in csv.DictReader(file)}
    assert len(spent) > 1000
    assert spent <= listed


def test_card_numbers_are_given_once_even_on_a_large_campus() -> None:
    world = build_world(1, "campus")
    numbers = [card.number for h in (UNDERGRADUATES, GRADUATES, STAFF) for card in cards(world, 0, h)]
    assert len(numbers) > 55_000
    assert len(numbers) == len(set(numbers))


def test_an_independent_reader_finds_every_room_in_the_dbf(campus: Campus) -> None:
    table = _table(campus, "房间.dbf")
    assert table.header.dbversion == 0x03
    assert table.encoding == "cp936"
    assert table.date == FIRST_DAY
    assert table.field_names == ROOM_COLUMNS
    rows = {row["FJBH"]: row for row in table if not row["FJBH"].endswith("X")}
    assert len(rows) == len(campus.world.rooms)
    for room in campus.world.rooms:
        row = rows[room.number]
        assert row["LDMC"] == room.building
        assert Decimal(str(row["MJ"])) * 100 == room.area_dm2
        assert row["RS"] == room.capacity
    assert len(table.deleted) == len(campus.world.rooms) // 300
    assert all(row["FJBH"].endswith("-旧") for row in table.deleted)


def test_an_independent_reader_finds_every_stay_and_the_struck_out_ones(campus: Campus) -> None:
    for file, of_graduates in (("本科生床位.dbf", False), ("研究生床位.dbf", True)):
        table, expected = _table(campus, file), stays(campus.world, 0, of_graduates)
        found = [row for row in table if not row["FPH"].endswith("X")]
        assert [(row["FPH"], row["XH"], row["FJBH"], row["RZRQ"], row["TSRQ"]) for row in found] == [
            (stay.number, stay.student_no, stay.room.number, stay.moved_in_on, stay.moved_out_on)
            for stay in expected
            if not stay.is_void
        ]
        assert len(table.deleted) == sum(stay.is_void for stay in expected)
    assert _table(campus, "本科生床位.dbf").deleted


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        (Field("XM", "C", 5), "三个字", "6 bytes, the field has 5"),
        (Field("JE", "N", 6, 2), Decimal("1234.50"), "7 bytes, the field has 6"),
        (Field("很长的字段名", "C", 5), "", "one to ten bytes"),
        (Field("BZ", "C", 255), "", "no kind C of 255 bytes"),
    ],
)
def test_what_does_not_fit_a_dbf_is_refused_and_the_earlier_file_stays(
    tmp_path: Path, field: Field, value: object, what: str
) -> None:
    path = tmp_path / "t.dbf"
    path.write_bytes(b"earlier")
    with pytest.raises(ValueError, match=re.escape(what)):
        write_dbf(path, [field], [(False, (value,))], FIRST_DAY)
    assert path.read_bytes() == b"earlier"


def test_every_kind_of_dbf_field_comes_back_as_it_was_written(tmp_path: Path) -> None:
    fields = [Field("文本", "C", 10), Field("SL", "N", 12, 3), Field("RQ", "D"), Field("SF", "L")]
    rows = [
        ("溪东", Decimal("-1.500"), date(2026, 2, 28), True),
        (None, None, None, None),
        ("", Decimal(0), date(1999, 12, 31), False),
    ]
    assert write_dbf(tmp_path / "t.dbf", fields, [(False, row) for row in rows], FIRST_DAY) == 3
    found = [list(row.values()) for row in dbfread.DBF(str(tmp_path / "t.dbf"))]
    assert found == [
        ["溪东", -1.5, date(2026, 2, 28), True],
        ["", None, None, None],
        ["", 0.0, date(1999, 12, 31), False],
    ]


def _overlapping(world: World, day: int, of_graduates: bool) -> list[str]:
    """Return the places where two stays meet."""
    by_place = defaultdict(list)
    for stay in stays(world, day, of_graduates):
        if not stay.is_void:
            by_place[stay.room.number, stay.bed].append((stay.moved_in_on, stay.moved_out_on or date.max))
    return [
        f"{room}/{bed}"
        for (room, bed), spans in by_place.items()
        if any(earlier[1] > later[0] for earlier, later in pairwise(sorted(spans)))
    ]


@pytest.mark.parametrize("of_graduates", [False, True])
def test_no_bed_is_given_to_two_at_a_time_and_nobody_has_two(world: World, of_graduates: bool) -> None:
    for day in (0, 20):
        lasting = [s for s in stays(world, day, of_graduates) if s.moved_out_on is None and not s.is_void]
        assert max(Counter(stay.student_no for stay in lasting).values()) == 1
        assert _overlapping(world, day, of_graduates) == []
    sexes = {one.student_no: one.person.sex for one in (*world.undergraduates, *world.graduates)}
    assert all(stay.room.sex == sexes[stay.student_no] for stay in lasting)


def test_students_present_have_a_bed_and_those_gone_have_left_theirs(world: World) -> None:
    lasting = {s.student_no for s in stays(world, 1, False) if s.moved_out_on is None and not s.is_void}
    assert {one.student_no for one in world.undergraduates if one.present(FIRST_DAY) and one.status == "01"} - lasting \
        <= {change.number for change in world.changes(1)}  # fmt: skip
    gone = world.special["withdrawn_on_first_day"]
    ended = [
        stay for stay in stays(world, 1, False) if stay.student_no == gone.student_no and not stay.is_void
    ]
    assert ended[-1].moved_out_on == FIRST_DAY


def test_nothing_of_secret_staff_is_read(campus: Campus) -> None:
    secret = {member.staff_no for member in campus.world.staff if member.is_secret}
    assert secret
    (held,) = _asset_rows(campus, "SELECT count(*) FROM ZCKP WHERE SMBZ = '1'")[0]
    found = judgements(campus, "logistics", 501) | judgements(campus, "assets", 601)
    assert found["logistics.staff_cards"].excluded == len(secret)
    assert found["assets.assets"].excluded == held > 0
    reporters = {number for (number,) in _asset_rows(campus, "SELECT BXR FROM WXD")}
    tenants = {number for (number,) in _asset_rows(campus, "SELECT ZKGH FROM GZFZL")}
    assert not secret & (reporters | tenants)
    marked = {number for (number,) in _asset_rows(campus, "SELECT LYR FROM ZCKP WHERE SMBZ = '1'")}
    assert marked <= secret
    hidden = {card.number for card in cards(campus.world, 0, STAFF) if card.is_secret}
    for path in campus.target.folder("logistics").glob("消费流水_*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            assert not hidden & {line["卡号"] for line in csv.DictReader(file)}


def test_some_leave_without_handing_over_and_most_hold_something(campus: Campus) -> None:
    gone = {m.staff_no for m in campus.world.staff if m.left_on and m.left_on < FIRST_DAY}
    held = {
        number
        for (number,) in _asset_rows(campus, "SELECT DISTINCT LYR FROM ZCKP WHERE XZ NOT IN ('6', '7')")
    }
    assert 0 < len(gone & held) < 0.2 * len(gone)
    assert len(held - gone) > 250


def test_the_small_campus_gets_its_share_of_rows(campus: Campus) -> None:
    spent = sum(count for name, count in campus.rows.items() if "消费流水" in name)
    assert 20_000 < spent < 30_000
    assert 30_000 < sum(campus.rows.values()) < 50_000
    assert len(campus.world.faults) < 0.001 * sum(campus.rows.values())


def test_spending_grows_with_the_cards_and_is_drawn_anew_for_every_day() -> None:
    numbers = [f"{number:014d}" for number in range(1000)]
    workday, sunday = date(2026, 10, 16), date(2026, 10, 18)
    lines = list(spending_lines(numbers, workday, 1))
    assert len(lines) == 850
    assert len(list(spending_lines(numbers, sunday, 1))) == 500
    assert len(list(spending_lines(numbers * 3, workday, 1))) == 2550
    assert lines == list(spending_lines(numbers, workday, 1))
    assert lines != list(spending_lines(numbers, workday, 2))


def _content(campus: Campus) -> dict[str, object]:
    files: dict[str, object] = {
        path.name: path.read_bytes() for path in campus.target.folder("logistics").iterdir()
    }
    files["assets"] = list(sqlite3.connect(campus.variables["YICI_ASSETS_FILE"]).iterdump())
    return files


def test_the_same_seed_gives_the_same_files_on_every_day(content: Catalog, tmp_path: Path) -> None:
    first, second = (_campus(content, tmp_path / name) for name in ("first", "second"))
    assert _content(first) == _content(second)
    start = _content(first)
    assert live(first, SYSTEMS) == live(second, SYSTEMS)
    assert start != _content(first) == _content(second)
    for module in (logistics, assets):
        module.build(build_world(1, "small"), first.target)
    assert _content(first) == start, "built anew, the campus is back at its first morning"


@pytest.fixture(scope="module")
def later(campus: Campus) -> Iterator[dict[str, dict[str, object]]]:
    """The campus before and after its first day; the tests after this fixture see the campus a day later."""
    before = _content(campus)
    changed = live(campus, SYSTEMS, (1,))
    yield {"before": before, "after": _content(campus), "changed": changed}


def _lines(dump: object) -> Counter:
    return Counter(dump.splitlines() if isinstance(dump, bytes) else dump)


def test_a_day_brings_one_file_of_spending_and_moves_little_else(campus: Campus, later: dict) -> None:
    before, after = later["before"], later["after"]
    assert set(after) - set(before) == {"消费流水_20261020.csv"}
    assert all(after[name] == before[name] for name in before if name.startswith("消费流水"))
    for name in ("校园卡_本科生.csv", "校园卡_研究生.csv", "校园卡_教职工.csv", "assets"):
        moved = (_lines(after[name]) - _lines(before[name])).total()
        assert moved < 0.02 * _lines(before[name]).total(), name
    assert (_lines(after["assets"]) - _lines(before["assets"])).total() > 10
    # The header's date and the records of those who moved.
    rooms = [after["房间.dbf"][i] != before["房间.dbf"][i] for i in range(len(before["房间.dbf"]))]
    assert sum(rooms) == 1
    for of_graduates in (False, True):
        old = set(stays(campus.world, 0, of_graduates))
        new = set(stays(campus.world, 1, of_graduates))
        assert 1 <= len(new - old) < 0.01 * len(old) + 4


def test_a_day_of_spending_is_a_hundredth_of_the_small_campus(campus: Campus, later: dict) -> None:
    fresh = campus.target.folder("logistics") / logistics.spending_file(FIRST_DAY)
    with fresh.open(encoding="utf-8", newline="") as file:
        assert 2000 < len(list(csv.DictReader(file))) <= 3000
    assert set(later["changed"]["assets"]) == {assets.ASSETS.name, assets.REPAIRS.name, assets.TENANCIES.name}
    assert all(later["changed"]["assets"].values())


def test_what_repairs_change_lies_after_the_watermark_of_the_day_before(campus: Campus, later: dict) -> None:
    (count,) = _asset_rows(campus, "SELECT count(*) FROM WXD WHERE GXSJ >= '2026-10-20'")[0]
    assert count == later["changed"]["assets"]["WXD"]
    (latest,) = _asset_rows(campus, "SELECT max(GXSJ) FROM WXD")[0]
    assert latest < "2026-10-21 07:00"


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_day_later_the_rows_still_keep_their_contracts(campus: Campus, later: dict, system: str) -> None:
    for name, judged in judgements(campus, system, 1001).items():
        assert judged.refused == told(campus, name), name
