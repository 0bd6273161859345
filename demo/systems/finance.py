"""Finance: accounts of projects, vouchers, incoming payments, reimbursements, fees and payroll.

The same tables stand in a SQLite file (the demo) or in MariaDB (where `--finance-url` names one).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING

from demo.projects import CLIENTS, projects
from demo.roll import Member, dice, roll_of
from demo.systems import finance_incoming as incoming
from demo.systems import finance_people as people
from demo.systems import finance_projects as money
from demo.systems import finance_tables as t
from demo.systems.finance_day import Day
from demo.tables import MysqlStore, Row, Spool, SqliteStore, Store, Table, yuan
from demo.target import FIRST_DAY, Target, mysql_parts

if TYPE_CHECKING:
    from demo.world import World

_FILE = "finance.db"
_YESTERDAY = FIRST_DAY - timedelta(days=1)


def build(world: "World", target: Target) -> dict[str, int]:
    """Create and fill the finance system; returns rows per table."""
    if target.finance_url:
        target.env.set_system("finance", kind="mysql", **mysql_parts(target.finance_url))
        store: Store = MysqlStore(**mysql_parts(target.finance_url))
    else:
        path = target.fresh_file("finance", _FILE)
        target.env.set_system("finance", kind="sqlite", file=path)
        store = SqliteStore(path)
    try:
        for table in t.TABLES:
            store.create(table)
        roll, seed = roll_of(world), world.seed
        spool = Spool(store)
        for table, row in _project_money(world, seed):
            spool.add(table, row)
        for row in people.fees(roll, seed):
            spool.add(t.FEES, row)
        for row in people.payroll(roll, seed):
            spool.add(t.PAYROLL, row)
        for row in people.annual_income(roll, seed):
            spool.add(t.ANNUAL_INCOME, row)
        for row in people.advances(roll, seed):
            spool.add(t.ADVANCES, row)
        for table, row in _broken(world):
            spool.add(table, row)
        return spool.flush()
    finally:
        store.close()


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Let one day pass: payments come in and are claimed, expenses are booked, students pay.

    Args:
        world: the people.
        target: where the system is.
        day: number of the campus day that begins; what happens is of the day before it.
    """
    if target.finance_url:
        store: Store = MysqlStore(**mysql_parts(target.finance_url))
    else:
        store = SqliteStore(target.folder("finance") / _FILE)
    try:
        return Day(world, store, day).pass_by()
    finally:
        store.close()


def _project_money(world: "World", seed: int) -> Iterator[tuple[Table, Row]]:
    roll = roll_of(world).on(FIRST_DAY)
    books = money.Books(money.clerks(roll.staff))
    helpers = list(roll.students[::10])
    claims, serials = iter(range(1, 10**9)), iter(range(1, 10**9))
    due: list[incoming.Due] = []
    for project in projects(roll_of(world), seed):
        random = dice(seed, "finance", project.number)
        account = money.Account(project)
        yield from _history(account, books, helpers, random, claims, serials)
        if random.random() < 0.15:
            account.frozen = min(max(account.balance, 0) // 5, 5_000_000)
        account.in_transit = random.choice((0, 0, 0, 125_000, 360_050))
        yield t.ACCOUNTS, account.row()
        if not project.is_secret:
            due.append((project, project.amount_fen - account.received))
    random = dice(seed, "finance", "unclaimed")
    days = (FIRST_DAY - timedelta(days=120), _YESTERDAY)
    others = [project for project, _ in due]
    for one in incoming.awaited(due, max(20, len(roll.staff) // 6), random):
        serial = f"DK{next(serials):010d}"
        yield t.INCOMING, incoming.unclaimed(one, others, serial, money.workday(random, *days), random)
    for _ in range(max(30, len(roll.staff) // 4)):
        yield t.REIMBURSEMENTS, _pending(f"BX{next(claims):010d}", FIRST_DAY, roll.staff, random)


def _history(
    account: money.Account,
    books: money.Books,
    helpers: list[Member],
    random: Random,
    claims: Iterator[int],
    serials: Iterator[int],
) -> Iterator[tuple[Table, Row]]:
    project = account.project
    first, last = max(project.starts_on, money.BOOKS_FROM), min(project.ends_on, _YESTERDAY)
    if project.starts_on < money.BOOKS_FROM:
        account.received = project.amount_fen // 3
    if first >= last:
        return
    months = max(1, (last - first).days // 30)
    parts = random.randint(1, 3)
    for _ in range(parts):
        yield from money.receive(
            account, money.workday(random, first, last), project.amount_fen // (parts + 1),
            f"DK{next(serials):010d}", books, random,
        )  # fmt: skip
    for day in sorted(money.workday(random, first, last) for _ in range(random.randint(6, 16) * months)):
        if account.balance < 1_000_000:
            continue
        claim = f"BX{next(claims):010d}" if random.random() < 0.4 else ""
        yield from money.spend(account, day, books, helpers, random, claim)


def _pending(claim: str, day: date, staff: tuple[Member, ...], random: Random) -> Row:
    """A claim handed in lately and not paid: waiting, approved, or returned with a reason."""
    asked = money.workday(random, day - timedelta(days=10), day)
    state = random.choice(("01", "01", "02", "03"))
    at = f"{asked} {random.randrange(8, 22):02d}:{random.randrange(60):02d}:00"
    return (
        claim,
        random.choice(staff).number,
        None,
        None,
        "09",
        yuan(random.randint(5_000, 400_000)),
        random.randint(1, 9),
        "办公用品",
        at,
        state,
        random.choice(money.RETURNS) if state == "03" else None,
        None,
        None,
        "0",
        at,
    )


def _broken(world: "World") -> Iterator[tuple[Table, Row]]:
    """Rows that break the contracts, as every finance system has a few, each told to the world."""
    touched = {"SMBZ": "0", "GXSJ": f"{_YESTERDAY} 11:30:00"}
    paid_in = {"DKRQ": str(_YESTERDAY), "FKDW": CLIENTS[2], "FKZH": "0", **touched}
    staff, students = roll_of(world).staff, roll_of(world).undergraduates
    world.fault("finance.incoming_payments", "DK-0000-X", "amount is negative")
    yield t.INCOMING, t.INCOMING.row(DKLSH="DK-0000-X", JE="-500.00", FY="冲正", RLZT="0", **paid_in)
    world.fault("finance.incoming_payments", "DK-0001-X", "claimed without a project")
    yield (
        t.INCOMING,
        t.INCOMING.row(DKLSH="DK-0001-X", JE="8800.00", RLZT="1", RLRGH=staff[0].number, **paid_in),
    )
    bill = {"XN": "1999-2000", "XSLB": "本科生", "YJXF": "5300.00", "YJZSF": "1200.00", "SJJE": "0.00",
            "JMJE": "0.00", "QFJE": "6500.00", "HJBZ": "0", "GXSJ": touched["GXSJ"]}  # fmt: skip
    world.fault(
        "finance.fee_payments", f"{students[0].number}/1999-2000", "cleared although something is owed"
    )
    yield t.FEES, t.FEES.row(XH=students[0].number, SFJQ="1", **bill)
    world.fault("finance.fee_payments", f"{students[1].number}/1999-2000", "unknown state of payment")
    yield t.FEES, t.FEES.row(XH=students[1].number, SFJQ="?", **bill)
    nothing = dict.fromkeys(("GWGZ", "XJGZ", "JXGZ", "YFHJ", "SBJE", "GJJ", "GRSDS", "SFHJ"), "0.00")
    world.fault("finance.payroll", f"{staff[0].number}/202513/01", "month 13")
    yield (
        t.PAYROLL,
        t.PAYROLL.row(GH=staff[0].number, NY="202513", GZLB="01", FFRQ=str(_YESTERDAY), **nothing, **touched),
    )
    world.fault("finance.annual_income", f"{staff[1].number}/2022", "income is negative")
    yield (
        t.ANNUAL_INCOME,
        t.ANNUAL_INCOME.row(
            GH=staff[1].number, ND=2022, SQSR="-1.00", JNGS="0.00", FFYS=1, HZRQ="2023-01-20", **touched
        ),
    )
