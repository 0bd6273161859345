"""Assets: equipment in somebody's charge, repairs of rooms, flats rented out: SQLite with pinyin initials."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING

from demo.roll import dice
from demo.systems.finance_projects import workday
from demo.tables import Row, Spool, SqliteStore, Table, yuan
from demo.target import FIRST_DAY, Target, campus_day

if TYPE_CHECKING:
    from demo.world import World
    from demo.world_staff import Staff

_FILE = "zcgl.db"
_TOUCHED = ("GXSJ", "datetime", "更新时间")
ASSETS = Table(
    "ZCKP",
    "资产卡片",
    (
        ("ZCBH", "varchar(16)", "资产编号"),
        ("ZCMC", "varchar(80)", "资产名称"),
        ("FLH", "varchar(10)", "固定资产分类号"),
        ("YZ", "decimal(18,2)", "原值, 元"),
        ("XZ", "char(1)", "现状: 1 在用, 2 多余, 3 待修, 4 待报废, 5 丢失, 6 报废, 7 调出, 9 其他"),
        ("LYR", "varchar(12)", "领用人工号"),
        ("LYDW", "varchar(6)", "领用单位"),
        ("CFDD", "varchar(12)", "存放地点, 房间编号"),
        ("GZRQ", "date", "购置日期"),
        ("CZRQ", "date", "处置日期"),
        ("SMBZ", "char(1)", "涉密标志: 0 否, 1 是"),
        _TOUCHED,
    ),
    ("ZCBH",),
    ("LYR",),
)
REPAIRS = Table(
    "WXD",
    "维修单",
    (
        ("WXDH", "varchar(16)", "维修单号"),
        ("FJBH", "varchar(12)", "房间编号"),
        ("BXR", "varchar(14)", "报修人学工号"),
        ("GZLB", "varchar(20)", "故障类别"),
        ("ZT", "varchar(10)", "已报, 已派工, 维修中, 已完工, 已评价, 撤销"),
        ("BXSJ", "datetime", "报修时间"),
        ("PGSJ", "datetime", "派工时间"),
        ("WGSJ", "datetime", "完工时间"),
        ("PF", "int", "评分, 1 至 5"),
        _TOUCHED,
    ),
    ("WXDH",),
)
TENANCIES = Table(
    "GZFZL",
    "公租房租赁",
    (
        ("HTH", "varchar(16)", "租赁合同号"),
        ("FJBH", "varchar(12)", "公租房编号"),
        ("ZKGH", "varchar(12)", "租客工号"),
        ("YZJ", "decimal(10,2)", "月租金, 元"),
        ("QZRQ", "date", "起租日期"),
        ("DQRQ", "date", "到期日期"),
        ("TFRQ", "date", "退房日期"),
        _TOUCHED,
    ),
    ("HTH",),
)
# name, class of GB/T 14885, least and most value in yuan
_THINGS = (
    ("台式计算机", "A02010104", 4_000, 9_000), ("笔记本电脑", "A02010105", 5_000, 15_000),
    ("激光打印机", "A02010601", 1_200, 6_000), ("办公桌", "A05010201", 800, 3_000),
    ("文件柜", "A05010502", 500, 1_800), ("空调机", "A02061804", 2_500, 7_000),
    ("服务器", "A02010103", 20_000, 180_000), ("示波器", "A02110501", 8_000, 90_000),
    ("光学显微镜", "A02100301", 6_000, 120_000), ("离心机", "A02100407", 9_000, 80_000),
    ("投影仪", "A02020200", 3_000, 12_000),
)  # fmt: skip
_DAMAGES = (
    "水龙头漏水", "照明故障", "门锁损坏", "空调不制冷", "网络面板", "插座无电", "下水堵塞", "门窗损坏", "课桌椅损坏",
)  # fmt: skip
_REPORTED, _ASSIGNED, _WORKING, _DONE, _RATED, _CANCELLED = (
    "已报",
    "已派工",
    "维修中",
    "已完工",
    "已评价",
    "撤销",
)
_NEXT = {_REPORTED: _ASSIGNED, _ASSIGNED: _WORKING, _WORKING: _DONE, _DONE: _RATED}
_SCRAPPED, _MOVED = "6", "7"
_LONG_AGO, _JOINED_BEFORE = date(2012, 1, 1), date(2026, 1, 1)


def build(world: "World", target: Target) -> dict[str, int]:
    """Create and fill the asset system; returns rows per table."""
    path = target.fresh_file("assets", _FILE)
    target.env.set_system("assets", file=path)
    store = SqliteStore(path)
    try:
        for table in (ASSETS, REPAIRS, TENANCIES):
            store.create(table)
        spool = Spool(store)
        for row in _assets(world):
            spool.add(ASSETS, row)
        reporters, rooms = _reporters(world, FIRST_DAY), [room.number for room in world.rooms]
        random = dice(world.seed, "assets", "repairs")
        for number in range(1, len(reporters) // 2 + 1):
            spool.add(REPAIRS, _past_repair(number, reporters, rooms, random))
        for row in _tenancies(world):
            spool.add(TENANCIES, row)
        _break(world, spool)
        return spool.flush()
    finally:
        store.close()


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Let one workday pass: repairs go on, things change hands, a flat is given back; returns rows per table."""
    on = campus_day(day - 1)
    if on.weekday() > 4:
        return {}
    random = dice(world.seed, "assets", "day", day)
    store = SqliteStore(target.folder("assets") / _FILE)
    try:
        return {
            ASSETS.name: _hand_over(world, store, on, random),
            REPAIRS.name: _go_on(store, on, random) + _report(world, store, on, random),
            TENANCIES.name: _give_back(world, store, day, on, random),
        }
    finally:
        store.close()


def _assets(world: "World") -> Iterator[Row]:
    """Yield what stands on the books: of those in service, and of a few who left without handing over."""
    random = dice(world.seed, "assets")
    places: dict[str, list[str]] = defaultdict(list)
    for room in world.rooms:
        if room.use in "23":
            places[room.unit].append(room.number)
    anywhere = [number for numbers in places.values() for number in numbers]
    number = 0
    for member in world.staff:
        gone = member.left_on is not None and member.left_on < FIRST_DAY
        held = int(random.random() < 0.07) if gone else _held(member, random)
        until = min(member.left_on or FIRST_DAY, FIRST_DAY) - timedelta(days=1)
        for _ in range(held):
            number += 1
            bought = workday(random, max(_LONG_AGO, min(member.joined_on, until - timedelta(days=30))), until)
            yield _asset(number, member, bought, places[member.unit] or anywhere, random)


def _held(member: "Staff", random: Random) -> int:
    counts, weights = ((0, 1, 3, 6, 10, 18), (12, 18, 26, 22, 14, 8)) if member.is_teacher else (
        (0, 1, 2, 3, 5), (25, 25, 25, 15, 10))  # fmt: skip
    return random.choices(counts, weights)[0]


def _asset(number: int, member: "Staff", bought: date, rooms: list[str], random: Random) -> Row:
    name, kind, least, most = random.choice(_THINGS)
    age = FIRST_DAY.year - bought.year
    state = random.choices("1234567", (100, 2, 2, age // 3, 0.3, age, 1))[0]
    disposed = workday(random, bought, FIRST_DAY) if state in (_SCRAPPED, _MOVED) else None
    touched = disposed or bought
    return (
        f"{bought.year}{number:08d}", name, kind, yuan(random.randrange(least, most) * 100), state, member.staff_no,
        member.unit, random.choice(rooms), bought.isoformat(), disposed.isoformat() if disposed else None,
        str(int(member.is_secret)), f"{touched} 15:{number % 60:02d}:00",
    )  # fmt: skip


def _hand_over(world: "World", store: SqliteStore, on: date, random: Random) -> int:
    """Those who leave hand over what they hold, mostly; a few other things change hands or are scrapped."""
    heirs = [member for member in world.present_staff(on) if not member.is_secret and member.left_on is None]
    touched, count = f"{on} 16:30:00", 0
    for member in world.staff:
        if member.left_on == on and random.random() < 0.8:
            heir = next((one for one in heirs if one.unit == member.unit), heirs[0])
            count += store.change(
                "UPDATE ZCKP SET LYR = ?, GXSJ = ? WHERE LYR = ? AND XZ NOT IN ('6', '7') AND SMBZ = '0'",
                (heir.staff_no, touched, member.staff_no),
            )
    in_use = store.ask(
        "SELECT ZCBH FROM ZCKP WHERE XZ = '1' AND SMBZ = '0' AND ZCBH NOT LIKE '%X' ORDER BY ZCBH"
    )
    for (number,) in random.sample(in_use, max(2, len(in_use) // 1000)):
        if random.random() < 0.5:
            heir = random.choice(heirs)
            values = (heir.staff_no, heir.unit, touched, number)
            count += store.change("UPDATE ZCKP SET LYR = ?, LYDW = ?, GXSJ = ? WHERE ZCBH = ?", values)
        else:
            values = (_SCRAPPED, on.isoformat(), touched, number)
            count += store.change("UPDATE ZCKP SET XZ = ?, CZRQ = ?, GXSJ = ? WHERE ZCBH = ?", values)
    return count


def _reporters(world: "World", on: date) -> list[str]:
    """Return who may report damage, without those who work on classified matters."""
    pupils, scholars = world.present_students(on)
    staff = [member.staff_no for member in world.present_staff(on) if not member.is_secret]
    return [student.student_no for student in (*pupils, *scholars)] + staff


def _past_repair(number: int, reporters: list[str], rooms: list[str], random: Random) -> Row:
    on = FIRST_DAY - timedelta(days=1 + int(random.random() ** 1.5 * 240))
    age = (FIRST_DAY - on).days
    weights = (5, 20, 40, 30, 5, 3) if age < 4 else (0, 1, 2, 30, 65, 2)
    state = random.choices((_REPORTED, _ASSIGNED, _WORKING, _DONE, _RATED, _CANCELLED), weights)[0]
    return _repair(number, on, state, reporters, rooms, random)


def _repair(number: int, on: date, state: str, reporters: list[str], rooms: list[str], random: Random) -> Row:
    reported = f"{on} {random.randrange(7, 20):02d}:{random.randrange(60):02d}:00"
    assigned = f"{on} 20:{random.randrange(60):02d}:00" if state not in (_REPORTED, _CANCELLED) else None
    done = f"{on} 22:{random.randrange(60):02d}:00" if state in (_DONE, _RATED) else None
    return (
        f"WX{number:010d}",
        random.choice(rooms),
        random.choice(reporters),
        random.choice(_DAMAGES),
        state,
        reported,
        assigned,
        done,
        random.choices((5, 4, 3, 2, 1), (70, 18, 7, 3, 2))[0] if state == _RATED else None,
        done or assigned or reported,
    )


def _go_on(store: SqliteStore, on: date, random: Random) -> int:
    """Take part of the unfinished repairs one step further."""
    unfinished = store.ask(
        "SELECT WXDH, ZT FROM WXD WHERE ZT IN ('已报', '已派工', '维修中', '已完工') AND WXDH NOT LIKE '%X' "
        "ORDER BY WXDH"
    )
    moving = random.sample(unfinished, min(len(unfinished), max(4, len(unfinished) // 20)))
    for number, state in moving:
        after, at = _NEXT[state], f"{on} 21:{random.randrange(60):02d}:00"
        assigned, done = at if after == _ASSIGNED else None, at if after == _DONE else None
        mark = random.randint(3, 5) if after == _RATED else None
        store.change(
            "UPDATE WXD SET ZT = ?, PGSJ = coalesce(PGSJ, ?), WGSJ = coalesce(WGSJ, ?), PF = coalesce(PF, ?), GXSJ = ? "
            "WHERE WXDH = ?",
            (after, assigned, done, mark, at, number),
        )
    return len(moving)


def _report(world: "World", store: SqliteStore, on: date, random: Random) -> int:
    ((last,),) = store.ask("SELECT max(WXDH) FROM WXD WHERE WXDH NOT LIKE '%X'")
    first = int(last.removeprefix("WX")) + 1
    reporters, rooms = _reporters(world, on), [room.number for room in world.rooms]
    numbers = range(first, first + max(3, len(reporters) // 400))
    return store.load(REPAIRS, [_repair(n, on, _REPORTED, reporters, rooms, random) for n in numbers])


def _tenancies(world: "World") -> Iterator[Row]:
    """Yield the tenancies of the staff flats: one that has ended, and in most flats one that lasts."""
    random = dice(world.seed, "assets", "flats")
    staff = [
        one for one in world.present_staff(FIRST_DAY) if not one.is_secret and one.joined_on < _JOINED_BEFORE
    ]
    flats = [room for room in world.rooms if room.use == "9"]
    tenants = random.sample(staff, min(len(staff), 2 * len(flats)))
    for number, room in enumerate(flats):
        if 2 * number + 1 >= len(tenants):
            return
        former, present = tenants[2 * number : 2 * number + 2]
        rent = yuan(room.area_dm2 * 15)
        began = workday(random, max(former.joined_on, date(2019, 1, 1)), date(2026, 6, 1))
        ended = workday(random, began, date(2026, 6, 30))
        yield _tenancy(2 * number + 1, room.number, former.staff_no, rent, began, ended)
        if random.random() < 0.85:
            began = workday(random, max(ended, present.joined_on) + timedelta(days=1), FIRST_DAY)
            yield _tenancy(2 * number + 2, room.number, present.staff_no, rent, began, None)


def _tenancy(number: int, room: str, staff_no: str, rent: str, began: date, ended: date | None) -> Row:
    due, at = began + timedelta(days=3 * 365), f"{ended or began} 11:00:00"
    dates = (began.isoformat(), due.isoformat(), ended.isoformat() if ended else None)
    return f"GZ{number:08d}", room, staff_no, rent, *dates, at


def _give_back(world: "World", store: SqliteStore, day: int, on: date, random: Random) -> int:
    """Those who leave give back their flat; every other day one more tenancy ends."""
    leaving = [member.staff_no for member in world.staff if member.left_on == on]
    lasting = store.ask("SELECT HTH, ZKGH FROM GZFZL WHERE TFRQ IS NULL AND HTH NOT LIKE '%X' ORDER BY HTH")
    ending = {number for number, tenant in lasting if tenant in leaving}
    if day % 2 and lasting:
        ending.add(random.choice(lasting)[0])
    for number in sorted(ending):
        values = (on.isoformat(), f"{on} 11:30:00", number)
        store.change("UPDATE GZFZL SET TFRQ = ?, GXSJ = ? WHERE HTH = ?", values)
    return len(ending)


def _break(world: "World", spool: Spool) -> None:
    """Add the rows that are wrong on purpose."""
    staff_no = next(member.staff_no for member in world.staff if not member.is_secret)
    room = world.rooms[0].number
    day = (FIRST_DAY - timedelta(days=5)).isoformat()
    at = f"{day} 10:00:00"
    asset = {
        "ZCMC": "示波器", "FLH": "A02110501", "YZ": "900.00", "XZ": "1", "LYR": staff_no, "LYDW": "GZ", "CFDD": room,
        "GZRQ": day, "SMBZ": "0", "GXSJ": at,
    }  # fmt: skip
    repair = {
        "FJBH": room, "BXR": staff_no, "GZLB": "照明故障", "ZT": "已完工", "BXSJ": at, "WGSJ": f"{day} 11:00:00",
        "GXSJ": f"{day} 12:00:00",
    }  # fmt: skip
    tenancy = {
        "FJBH": room, "ZKGH": staff_no, "YZJ": "500.00", "QZRQ": day, "DQRQ": "2029-10-01", "TFRQ": day, "GXSJ": at,
    }  # fmt: skip
    for key, changes, what in (
        ("2026-01X", {"YZ": "-900.00"}, "negative value"),
        ("2026-02X", {"XZ": "8"}, "unknown state"),
        ("2026-03X", {"XZ": "6"}, "scrapped on no day"),
    ):
        spool.add(ASSETS, ASSETS.row(ZCBH=key, **asset | changes))
        world.fault("assets.assets", key, what)
    for key, changes, what in (
        ("WX-01X", {"WGSJ": f"{day} 09:00:00"}, "done before it was reported"),
        ("WX-02X", {"ZT": "不修"}, "unknown state"),
    ):
        spool.add(REPAIRS, REPAIRS.row(WXDH=key, **repair | changes))
        world.fault("assets.repairs", key, what)
    for key, changes, what in (
        ("GZ-01X", {"TFRQ": "2020-01-01"}, "given back before it began"),
        ("GZ-02X", {"YZJ": "0.00"}, "no rent"),
    ):
        spool.add(TENANCIES, TENANCIES.row(HTH=key, **tenancy | changes))
        world.fault("assets.public_housing", key, what)
