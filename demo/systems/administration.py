"""University office: approvals, use of seals, appointments and removals, contracts: SQLite with Chinese names."""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING

from demo.projects import projects
from demo.roll import Roll, dice, roll_of
from demo.systems.finance_projects import workday
from demo.tables import Row, Spool, SqliteStore, Table, yuan
from demo.target import FIRST_DAY, Target, campus_day

if TYPE_CHECKING:
    from demo.world import World

_FILE = "oa.db"
_TOUCHED = ("更新时间", "datetime", "")
APPROVALS = Table(
    "批文",
    "批文",
    (
        ("文号", "varchar(40)", "发文字号"),
        ("标题", "varchar(200)", ""),
        ("发文单位", "varchar(12)", "单位代码"),
        ("事项类别", "varchar(20)", ""),
        ("结论", "varchar(10)", "同意, 不同意, 原则同意"),
        ("签发日期", "date", ""),
        ("失效日期", "date", ""),
        _TOUCHED,
    ),
    ("文号",),
)
SEALS = Table(
    "用印",
    "用印登记",
    (
        ("登记号", "varchar(20)", ""),
        ("印章类型", "varchar(20)", "校印, 校长签名章, 合同专用章, 部门章"),
        ("用印事由", "varchar(200)", ""),
        ("申请人工号", "varchar(12)", ""),
        ("申请单位", "varchar(12)", "单位代码"),
        ("份数", "int", ""),
        ("审批文号", "varchar(40)", ""),
        ("用印时间", "datetime", ""),
        _TOUCHED,
    ),
    ("登记号",),
)
APPOINTMENTS = Table(
    "任免",
    "干部任免",
    (
        ("文号", "varchar(40)", ""),
        ("工号", "varchar(12)", ""),
        ("任免类别", "varchar(4)", "任, 免"),
        ("职务", "varchar(60)", ""),
        ("单位", "varchar(12)", "单位代码"),
        ("生效日期", "date", ""),
        _TOUCHED,
    ),
    ("文号", "工号", "任免类别"),
)
CONTRACTS = Table(
    "合同",
    "合同登记",
    (
        ("合同编号", "varchar(20)", ""),
        ("合同名称", "varchar(200)", ""),
        ("相对方", "varchar(120)", ""),
        ("金额", "decimal(18,2)", "元"),
        ("经办人工号", "varchar(12)", ""),
        ("承办单位", "varchar(12)", "单位代码"),
        ("签订日期", "date", ""),
        ("盖章日期", "date", ""),
        ("涉密标志", "char(1)", "0 否, 1 是"),
        _TOUCHED,
    ),
    ("合同编号",),
)
_MATTERS = (
    ("公房装修改造", "GZ"), ("大型活动", "BW"), ("因公出国", "GJ"), ("招生计划", "ZJ"), ("岗位设置", "RS"),
    ("经费预算", "CW"), ("学位授予", "YJS"), ("设备采购", "GZ"),
)  # fmt: skip
_POSTS = ("处长", "副处长", "科长", "副科长", "院长", "副院长", "系主任")
_SEAL_USES = ("项目申报书", "合作协议", "授权委托书", "在职证明", "成绩证明", "采购合同", "推荐函")


def build(world: "World", target: Target) -> dict[str, int]:
    """Create and fill the office system; returns rows per table."""
    path = target.fresh_file("administration", _FILE)
    target.env.set_system("administration", file=path)
    store = SqliteStore(path)
    try:
        for table in (APPROVALS, SEALS, APPOINTMENTS, CONTRACTS):
            store.create(table)
        roll = roll_of(world).on(FIRST_DAY)
        random = dice(world.seed, "administration")
        years = _years(roll)
        spool = Spool(store)
        spool.add(
            APPROVALS, *(_approval(number, _past(random), random) for number in range(1, 60 * years + 1))
        )
        spool.add(
            SEALS, *(_seal(number, roll, _past(random), random) for number in range(1, 220 * years + 1))
        )
        for row in _appointments(roll, random):
            spool.add(APPOINTMENTS, row)
        for row in _contracts(world):
            spool.add(CONTRACTS, row)
        world.fault("administration.seals", "YY0000X", "number of copies is negative")
        spool.add(
            SEALS,
            (
                "YY0000X",
                "部门章",
                "份数有误",
                roll.staff[0].number,
                "XB",
                -1,
                None,
                f"{FIRST_DAY - timedelta(days=3)} 10:00:00",
                f"{FIRST_DAY - timedelta(days=3)} 10:00:00",
            ),
        )
        return spool.flush()
    finally:
        store.close()


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Let one day pass: a few seals are used, on some days a decision is signed."""
    today = campus_day(day - 1)
    if today.weekday() > 4:
        return {}
    roll = roll_of(world).on(today)
    random = dice(world.seed, "administration", "day", day)
    store = SqliteStore(target.folder("administration") / _FILE)
    try:
        ((seals,), (approvals,)) = (
            store.ask("SELECT max(登记号) FROM 用印 WHERE 登记号 NOT LIKE '%X'")[0],
            store.ask("SELECT count(*) FROM 批文")[0],
        )
        spool = Spool(store)
        first = int(seals.removeprefix("YY")) + 1
        spool.add(SEALS, *(_seal(number, roll, today, random) for number in range(first, first + 3)))
        if random.random() < 0.5:
            spool.add(APPROVALS, _approval(approvals + 1, today, random))
        return spool.flush()
    finally:
        store.close()


def _years(roll: Roll) -> int:
    """Office work grows with the campus; one year's worth per four hundred staff."""
    return max(1, len(roll.staff) // 400)


def _past(random: Random) -> date:
    return workday(random, FIRST_DAY - timedelta(days=700), FIRST_DAY)


def _approval(number: int, day: date, random: Random) -> Row:
    matter, unit = random.choice(_MATTERS)
    result = random.choices(("同意", "原则同意", "不同意"), (90, 7, 3))[0]
    ends = day + timedelta(days=730) if matter in ("因公出国", "大型活动") else None
    return (
        f"校{matter[:1]}〔{day.year}〕{number}号",
        f"关于{matter}事项的批复",
        unit,
        matter,
        result,
        day.isoformat(),
        ends.isoformat() if ends else None,
        f"{day} 16:{number % 60:02d}:00",
    )


def _seal(number: int, roll: Roll, day: date, random: Random) -> Row:
    member = random.choice(roll.staff)
    at = f"{day} {random.randrange(9, 17):02d}:{random.randrange(60):02d}:00"
    kind = random.choices(("校印", "校长签名章", "合同专用章", "部门章"), (40, 10, 25, 25))[0]
    return (
        f"YY{number:08d}",
        kind,
        random.choice(_SEAL_USES),
        member.number,
        member.unit,
        random.randint(1, 6),
        None,
        at,
        at,
    )


def _appointments(roll: Roll, random: Random) -> Iterator[Row]:
    for number, member in enumerate(random.sample(roll.staff, max(3, len(roll.staff) // 8)), start=1):
        day = _past(random)
        post = random.choice(_POSTS)
        document, at = f"校任〔{day.year}〕{number}号", f"{day} 17:00:00"
        yield document, member.number, "任", post, member.unit, day.isoformat(), at
        if random.random() < 0.3:
            yield document, member.number, "免", random.choice(_POSTS), member.unit, day.isoformat(), at


def _contracts(world: "World") -> Iterator[Row]:
    for project in projects(roll_of(world), world.seed):
        if project.contract_no:
            day = project.starts_on
            yield (
                project.contract_no,
                project.name,
                project.payer,
                yuan(project.amount_fen),
                project.leader.number,
                project.leader.unit,
                day.isoformat(),
                day.isoformat(),
                str(int(project.is_secret)),
                f"{min(day, FIRST_DAY - timedelta(days=1))} 15:00:00",
            )
