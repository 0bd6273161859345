"""Finance: accounts of projects, vouchers, incoming payments, reimbursements, fees and payroll.

The same tables stand in a SQLite file (the demo) or in MariaDB (where `--finance-url` names one).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING

from demo.projects import Project, projects
from demo.roll import Member, dice, roll_of
from demo.systems import finance_people as people
from demo.systems import finance_projects as money
from demo.systems import finance_tables as t
from demo.systems.finance_people import PAYDAY
from demo.tables import MysqlStore, Row, Spool, SqliteStore, Store, Table, yuan
from demo.target import FIRST_DAY, Target, campus_day, mysql_parts

if TYPE_CHECKING:
    from demo.world import World

_FILE = "finance.db"
_MONTHS_BOOKED = 22
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
    store = _open(target)
    try:
        return _Day(world, store, day).pass_by()
    finally:
        store.close()


def _open(target: Target) -> Store:
    if target.finance_url:
        return MysqlStore(**mysql_parts(target.finance_url))
    return SqliteStore(target.folder("finance") / _FILE)


def _clerks(staff: tuple[Member, ...]) -> list[Member]:
    """Finance's own people, or whoever there is on a small campus."""
    return [m for m in staff if m.unit == "CW"] or list(staff[:5])


def _project_money(world: "World", seed: int) -> Iterator[tuple[Table, Row]]:
    roll = roll_of(world).on(FIRST_DAY)
    books = money.Books(_clerks(roll.staff))
    helpers = list(roll.students[::10])
    claims, serials = iter(range(1, 10**9)), iter(range(1, 10**9))
    for project in projects(roll_of(world), seed):
        random = dice(seed, "finance", project.number)
        account = money.Account(project)
        yield from _history(account, books, helpers, random, claims, serials)
        if random.random() < 0.15:
            account.frozen = min(max(account.balance, 0) // 5, 5_000_000)
        account.in_transit = random.choice((0, 0, 0, 125_000, 360_050))
        yield t.ACCOUNTS, account.row()
    random = dice(seed, "finance", "unclaimed")
    for _ in range(max(20, len(roll.staff) // 6)):
        day = money.workday(random, FIRST_DAY - timedelta(days=120), _YESTERDAY)
        yield t.INCOMING, money.unclaimed(f"DK{next(serials):010d}", day, random)
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
    for day in sorted(money.workday(random, first, last) for _ in range(random.randint(4, 12) * months)):
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
    at = f"{_YESTERDAY} 11:30:00"
    staff, students = roll_of(world).staff, roll_of(world).undergraduates
    world.fault("finance.incoming_payments", "DK-0000-X", "amount is negative")
    yield (
        t.INCOMING,
        (
            "DK-0000-X",
            _YESTERDAY.isoformat(),
            money.PAYERS[2],
            "0",
            "-500.00",
            "冲正",
            "0",
            None,
            None,
            None,
            "0",
            at,
        ),
    )
    world.fault("finance.incoming_payments", "DK-0001-X", "claimed without a project")
    yield (
        t.INCOMING,
        (
            "DK-0001-X",
            _YESTERDAY.isoformat(),
            money.PAYERS[3],
            "0",
            "8800.00",
            "项目款",
            "1",
            None,
            staff[0].number,
            at,
            "0",
            at,
        ),
    )
    world.fault(
        "finance.fee_payments", f"{students[0].number}/1999-2000", "cleared although something is owed"
    )
    yield (
        t.FEES,
        (
            students[0].number,
            "1999-2000",
            "本科生",
            "5300.00",
            "1200.00",
            "0.00",
            "0.00",
            "6500.00",
            "1",
            "0",
            None,
            at,
        ),
    )
    world.fault("finance.fee_payments", f"{students[1].number}/1999-2000", "unknown state of payment")
    yield (
        t.FEES,
        (
            students[1].number,
            "1999-2000",
            "本科生",
            "5300.00",
            "1200.00",
            "0.00",
            "0.00",
            "6500.00",
            "?",
            "0",
            None,
            at,
        ),
    )
    world.fault("finance.payroll", f"{staff[0].number}/202513/01", "month 13")
    yield (
        t.PAYROLL,
        (
            staff[0].number,
            "202513",
            "01",
            "1.00",
            "0.00",
            "0.00",
            "1.00",
            "0.00",
            "0.00",
            "0.00",
            "1.00",
            _YESTERDAY.isoformat(),
            at,
        ),
    )
    world.fault("finance.annual_income", f"{staff[1].number}/2022", "income is negative")
    yield t.ANNUAL_INCOME, (staff[1].number, 2022, "-1.00", "0.00", 0, "2023-01-20", at)


class _Day:
    """The changes of one day."""

    def __init__(self, world: "World", store: Store, day: int) -> None:
        self.world, self.store = world, store
        self.today = campus_day(day - 1)
        self.random = dice(world.seed, "finance", "day", day)
        self.spool = Spool(store)
        self.roll = roll_of(world).on(self.today)
        self.projects = {p.number: p for p in projects(roll_of(world), world.seed)}
        self.changed: dict[str, int] = {}

    def pass_by(self) -> dict[str, int]:
        busy = 1 if self.today.weekday() < 5 else 0
        scale = max(1, len(self.projects) // 250)
        self._claim(max(1, scale * 2 * busy))
        self._spend(12 * scale * busy)
        self._settle()
        self._pay_fees(5 * scale)
        self._arrive(4 * scale * busy + 1)
        if self.today.day == PAYDAY:
            for member in self.roll.staff:
                self.spool.add(
                    t.PAYROLL, people.pay(member, self.today.year, self.today.month, "01", self.world.seed)
                )
        for table, rows in self.spool.flush().items():
            self._count(table, rows)
        return self.changed

    def _count(self, table: str, rows: int) -> None:
        self.changed[table] = self.changed.get(table, 0) + rows

    def _at(self) -> str:
        return f"{self.today} {money.clock(self.random)}"

    def _next(self, table: Table, column: str, prefix: str) -> Iterator[str]:
        (last,) = self.store.ask(
            f"SELECT max({column}) FROM {table.name} WHERE {column} LIKE ?", [f"{prefix}0%"]
        )[0]
        number = int(last.removeprefix(prefix))
        while True:
            number += 1
            yield f"{prefix}{number:010d}"

    def _claim(self, number: int) -> None:
        """The oldest unclaimed payments find their project and raise its balance."""
        waiting = self.store.ask(
            "SELECT DKLSH, JE FROM dkxx WHERE RLZT = '0' AND JE > 0 ORDER BY DKRQ, DKLSH LIMIT ?", [number]
        )
        open_projects = [p for p in self.projects.values() if p.ends_on >= self.today and not p.is_secret]
        for serial, amount in waiting:
            project, at = self.random.choice(open_projects), self._at()
            self._count(
                "dkxx",
                self.store.change(
                    "UPDATE dkxx SET RLZT = '1', XMBH = ?, RLRGH = ?, RLSJ = ?, GXSJ = ? WHERE DKLSH = ?",
                    [project.number, project.leader.number, at, at, serial],
                ),
            )
            self._move(project, f"{float(amount):.2f}", "0", at)

    def _move(self, project: Project, received: str, spent: str, at: str) -> None:
        self._count(
            "xmjfzh",
            self.store.change(
                "UPDATE xmjfzh SET YE = round(YE + ? - ?, 2), LJDK = round(LJDK + ?, 2), "
                "LJZC = round(LJZC + ?, 2), JZSJ = ?, GXSJ = ? WHERE XMBH = ?",
                [received, spent, received, spent, at, at, project.number],
            ),
        )

    def _spend(self, number: int) -> None:
        (last,) = self.store.ask("SELECT max(PZNM) FROM kjpz")[0]
        books = money.Books(_clerks(self.roll.staff), last + 1)
        claims = self._next(t.REIMBURSEMENTS, "BXDH", "BX")
        rich = [
            number
            for (number,) in self.store.ask(
                "SELECT XMBH FROM xmjfzh WHERE ZT = '1' AND SMBZ = '0' AND YE > 100000 ORDER BY XMBH"
            )
        ]
        helpers = list(self.roll.students[::10])
        for project_number in self.random.sample(rich, min(number, len(rich))):
            account = money.Account(self.projects[project_number])
            claim = next(claims) if self.random.random() < 0.4 else ""
            for table, row in money.spend(account, self.today, books, helpers, self.random, claim):
                self.spool.add(table, row)
            self._move(account.project, "0", yuan(account.spent), account.touched)

    def _settle(self) -> None:
        """Of the claims that wait, two in three are paid and some are returned with a reason."""
        waiting = self.store.ask("SELECT BXDH FROM bxd WHERE ZT IN ('01', '02') ORDER BY TJSJ, BXDH LIMIT 12")
        for (claim,) in waiting:
            at, fate = self._at(), self.random.random()
            if fate < 0.67:
                changed = self.store.change(
                    "UPDATE bxd SET ZT = '04', FKSJ = ?, GXSJ = ? WHERE BXDH = ?", [at, at, claim]
                )
            elif fate < 0.85:
                changed = self.store.change(
                    "UPDATE bxd SET ZT = '03', THYY = ?, GXSJ = ? WHERE BXDH = ?",
                    [self.random.choice(money.RETURNS), at, claim],
                )
            else:
                changed = 0
            self._count("bxd", changed)

    def _pay_fees(self, number: int) -> None:
        owing = self.store.ask(
            "SELECT XH, XN FROM xsjf WHERE SFJQ = '0' AND HJBZ = '0' ORDER BY XH, XN LIMIT ?", [number]
        )
        for student, year in owing:
            self._count(
                "xsjf",
                self.store.change(
                    "UPDATE xsjf SET SJJE = SJJE + QFJE, QFJE = 0, SFJQ = '1', JQRQ = ?, GXSJ = ? "
                    "WHERE XH = ? AND XN = ?",
                    [self.today.isoformat(), self._at(), student, year],
                ),
            )

    def _arrive(self, number: int) -> None:
        serials = self._next(t.INCOMING, "DKLSH", "DK")
        for _ in range(number):
            self.spool.add(t.INCOMING, money.unclaimed(next(serials), self.today, self.random))
