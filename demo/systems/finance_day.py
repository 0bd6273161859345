"""One day in finance: payments come in and are claimed, expenses are booked, claims settled, fees paid."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from demo.projects import Project, projects
from demo.roll import dice, roll_of
from demo.systems import finance_incoming as incoming
from demo.systems import finance_people as people
from demo.systems import finance_projects as money
from demo.systems import finance_tables as t
from demo.tables import Spool, Store, Table, yuan
from demo.target import campus_day

if TYPE_CHECKING:
    from demo.world import World


class Day:
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
        if self.today.day == people.PAYDAY:
            for member in self.roll.staff + self.roll.secret_staff:
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
            "SELECT DKLSH, JE, FKDW, FY FROM dkxx WHERE RLZT = '0' AND JE > 0 ORDER BY DKRQ, DKLSH LIMIT ?",
            [number],
        )
        known = [p for p in self.projects.values() if not p.is_secret]
        running = [p for p in known if p.ends_on >= self.today]
        for serial, amount, payer, memo in waiting:
            project = self.random.choice(incoming.claimable(payer, memo or "", known) or running)
            at = self._at()
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
        books = money.Books(money.clerks(self.roll.staff), last + 1)
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
        due = [
            (self.projects[project], round((float(approved) - float(received)) * 100))
            for project, approved, received in self.store.ask(
                "SELECT XMBH, PFJE, LJDK FROM xmjfzh WHERE SMBZ = '0' AND LJDK < PFJE ORDER BY XMBH"
            )
        ]
        others = [project for project, _ in due]
        for one in incoming.awaited(due, number, self.random):
            row = incoming.unclaimed(one, others, next(serials), self.today, self.random)
            self.spool.add(t.INCOMING, row)
