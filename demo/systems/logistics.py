"""Logistics: a folder where the dormitory office drops its FoxPro tables and the card office its nightly files."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from demo.dbf import Field, Record, write_dbf
from demo.systems.logistics_beds import Stay, stays
from demo.systems.logistics_cards import GRADUATES, STAFF, UNDERGRADUATES, Card, cards, spending_lines, usable
from demo.tables import batches, yuan
from demo.target import FIRST_DAY, Target, campus_day

if TYPE_CHECKING:
    from datetime import date

    from demo.world import World
    from demo.world_places import Room

ROOMS_FILE = "房间.dbf"
BEDS_FILES = {UNDERGRADUATES: "本科生床位.dbf", GRADUATES: "研究生床位.dbf"}
_DAYS_KEPT = 10
_CARD_HEADINGS = ("卡号", "学工号", "卡状态", "余额", "开卡日期", "结算日期")
_SPENDING_HEADINGS = ("流水号", "卡号", "消费时间", "消费类别", "商户", "终端", "金额")
_ROOM_FIELDS = (
    Field("FJBH", "C", 12), Field("LDMC", "C", 40), Field("FJH", "C", 8), Field("XQ", "C", 1),
    Field("YT", "C", 8), Field("JG", "C", 8), Field("RS", "N", 4), Field("MJ", "N", 9, 2),
    Field("SYDW", "C", 6), Field("XB", "C", 2), Field("ZSF", "N", 8, 2),
)  # fmt: skip
_STAY_FIELDS = (
    Field("FPH", "C", 16), Field("XH", "C", 14), Field("FJBH", "C", 12), Field("SSL", "C", 40),
    Field("SSFJ", "C", 8), Field("CWH", "C", 2), Field("RZRQ", "D"), Field("TSRQ", "D"),
)  # fmt: skip
_USES = {"1": "教室", "2": "实验室", "3": "办公", "4": "宿舍", "9": "公寓"}
_STRUCTURES = {"2": "钢混", "3": "砖混"}
_SEXES = {"1": "男", "2": "女"}
_FEES = {2: Decimal(1600), 4: Decimal(1200)}
_DEMOLISHED_EACH = 300
_ROOM_FAULTS = (
    (("S000-001X", "溪东旧楼", "001", "1", "厕所", "砖混", 0, Decimal(12), "HQ", None, None), "unknown use"),
    (("S000-002X", "溪东旧楼", "002", "1", "办公", "砖混", 2, Decimal(-18), "HQ", None, None), "negative area"),
    (("S000-003X", "溪东旧楼", "003", "1", "宿舍", "砖混", 4, Decimal(22), "HQ", None, None), "dormitory of no sex"),
)  # fmt: skip
_STAY_FAULTS = (("FP-0001X", "moved out before moving in"), ("FP-0002X", "a bed that is no number"))


def build(world: "World", target: Target) -> dict[str, int]:
    """Write the files of the first morning, and the purchases of the last days; returns rows per file."""
    target.env.set_system("logistics", drop=target.folder("logistics"))
    _tell_faults(world)
    folder, usable_cards = target.folder("logistics"), usable(world, 0)
    # Days that an earlier campus in this folder has lived have not come yet.
    for old in folder.glob("消费流水_*.csv"):
        old.unlink()
    counts = _nightly(world, folder, 0)
    for back in range(_DAYS_KEPT, 0, -1):
        counts |= _spending(folder, usable_cards, FIRST_DAY - timedelta(days=back), world.seed)
    return counts


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Write the files of another morning over the earlier ones, and the purchases of the day before."""
    folder, on = target.folder("logistics"), campus_day(day - 1)
    return _nightly(world, folder, day) | _spending(folder, usable(world, day - 1), on, world.seed)


def spending_file(on: "date") -> str:
    """Return the name of the file with a day's purchases."""
    return f"消费流水_{on:%Y%m%d}.csv"


def _nightly(world: "World", folder: Path, day: int) -> dict[str, int]:
    today = campus_day(day)
    counts = {ROOMS_FILE: write_dbf(folder / ROOMS_FILE, _ROOM_FIELDS, _room_records(world.rooms), today)}
    for holders, file in BEDS_FILES.items():
        records = chain(_stay_records(stays(world, day, holders == GRADUATES)), _stay_faults(world))
        counts[file] = write_dbf(folder / file, _STAY_FIELDS, records, today)
    for holders in (UNDERGRADUATES, GRADUATES, STAFF):
        file = f"校园卡_{holders}.csv"
        headings = (*_CARD_HEADINGS, "涉密标志") if holders == STAFF else _CARD_HEADINGS
        lines = (_card_line(card, holders == STAFF) for card in cards(world, day, holders))
        counts[file] = _write(folder / file, headings, chain(lines, _faulty_cards(holders)), "gb18030")
    return counts


def _spending(folder: Path, card_numbers: list[str], on: "date", seed: int) -> dict[str, int]:
    lines = spending_lines(card_numbers, on, seed)
    if on == FIRST_DAY - timedelta(days=1):
        lines = chain(lines, _faulty_spending(on))
    file = spending_file(on)
    return {file: _write(folder / file, _SPENDING_HEADINGS, lines, "utf-8")}


def _write(path: Path, headings: Iterable[str], lines: Iterable[str], encoding: str) -> int:
    """Write lines that are ready; readers never see half a file."""
    beside, count = path.with_name(f".{path.name}.part"), 0
    with beside.open("w", encoding=encoding, newline="") as out:
        out.write(",".join(headings) + "\n")
        for batch in batches(lines):
            out.write("".join(batch))
            count += len(batch)
    beside.replace(path)
    return count


def _room_records(rooms: "Iterable[Room]") -> Iterator[Record]:
    for number, room in enumerate(rooms, start=1):
        is_dormitory = room.use == "4"
        row = (
            room.number,
            room.building,
            room.door,
            room.site,
            _USES[room.use],
            _STRUCTURES[room.structure],
            room.capacity,
            Decimal(room.area_dm2) / 100,
            room.unit,
            _SEXES.get(room.sex),
            _FEES[room.capacity] if is_dormitory else None,
        )
        if number % _DEMOLISHED_EACH == 0:
            yield True, (f"{room.number}-旧", *row[1:])
        yield False, row
    for row, _ in _ROOM_FAULTS:
        yield False, row


def _stay_records(found: list[Stay]) -> Iterator[Record]:
    for stay in found:
        room = stay.room
        yield (
            stay.is_void,
            (
                stay.number,
                stay.student_no,
                room.number,
                room.building,
                room.door,
                str(stay.bed),
                stay.moved_in_on,
                stay.moved_out_on,
            ),
        )


def _stay_faults(world: "World") -> Iterator[Record]:
    """Yield wrong records, of nobody."""
    room = next(room for room in world.rooms if room.use == "4")
    early = FIRST_DAY - timedelta(days=100)
    for number, bed, since, until in (
        (_STAY_FAULTS[0][0], "1", FIRST_DAY, early),
        (_STAY_FAULTS[1][0], "门", early, FIRST_DAY),
    ):
        yield False, (number, "00000000000", room.number, room.building, room.door, bed, since, until)


def _card_line(card: Card, with_secrecy: bool) -> str:
    secrecy = f",{int(card.is_secret)}" if with_secrecy else ""
    return (
        f"{card.number},{card.holder_no},{card.state},{yuan(card.balance_fen)},{card.opened_on},"
        f"{card.settled_on}{secrecy}\n"
    )


def _faulty_cards(holders: str) -> list[str]:
    if holders == STAFF:
        return ["99900000000003,0000000C,补办中,10.00,2020-09-01,2026-10-18,0\n"]
    letter = "A" if holders == UNDERGRADUATES else "B"
    return [
        f"9990000000000{letter},0000000{letter},正常,-3.50,2020-09-01,2026-10-18\n",
        f"9991000000000{letter},0000001{letter},注销,8.00,2020-09-01,2026-10-18\n",
    ]


def _faulty_spending(on: "date") -> list[str]:
    prefix = f"{on:%Y%m%d}99999"
    return [
        f"{prefix}01,10000000000001,{on} 12:00:00,餐饮,溪东一食堂,01,-8.00\n",
        f"{prefix}02,10000000000002,{on} 25:61:00,餐饮,溪东一食堂,01,8.00\n",
        f"{prefix}03,,{on} 12:00:00,餐饮,溪东一食堂,01,8.00\n",
    ]


def _tell_faults(world: "World") -> None:
    for row, what in _ROOM_FAULTS:
        world.fault("logistics.rooms", row[0], what)
    for name in ("student_beds", "graduate_beds"):
        for key, what in _STAY_FAULTS:
            world.fault(f"logistics.{name}", key, what)
    for name, letter in (("student_cards", "A"), ("graduate_cards", "B")):
        world.fault(f"logistics.{name}", f"0000000{letter}", "negative balance")
        world.fault(f"logistics.{name}", f"0000001{letter}", "closed with a balance")
    world.fault("logistics.staff_cards", "0000000C", "unknown state")
    prefix = f"{FIRST_DAY - timedelta(days=1):%Y%m%d}99999"
    for number, what in (("01", "negative amount"), ("02", "no time of day"), ("03", "no card")):
        world.fault("logistics.card_transactions", prefix + number, what)
