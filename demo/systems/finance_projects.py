"""What moves on a project's account: incoming payments, vouchers with their lines, reimbursements."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from random import Random

from demo.projects import Project
from demo.roll import Member
from demo.systems import finance_tables as t
from demo.systems.finance_incoming import account_number, memo
from demo.tables import Row, Table, yuan
from demo.target import FIRST_DAY

BOOKS_FROM = date(2025, 1, 1)
_BANK, _EXPENSE, _PREPAID = "10020101", "50010201", "41010101"
_KINDS = (
    # code, words, account, amount in yuan, weight
    ("01", "差旅费", "50010211", (180, 3200), 30),
    ("02", "材料费", "50010218", (60, 4000), 28),
    ("03", "劳务费", "50010226", (800, 3000), 14),
    ("04", "设备费", "50010231", (1000, 18000), 6),
    ("05", "会议费", "50010215", (300, 4000), 8),
    ("06", "出版费", "50010202", (200, 6000), 8),
    ("09", "其他支出", "50010299", (20, 900), 6),
)
_WEIGHTS = [kind[-1] for kind in _KINDS]
RETURNS = ("发票抬头不符", "缺少出差审批", "附件张数不符", "超出预算科目", "缺经办人签字")


@dataclass
class Account:
    """A project's account while its history is written, in fen."""

    project: Project
    received: int = 0
    spent: int = 0
    frozen: int = 0
    in_transit: int = 0
    touched: str = ""

    @property
    def balance(self) -> int:
        return self.received - self.spent

    def row(self) -> Row:
        project = self.project
        state = (
            "3" if project.ends_on < date(2025, 6, 30) else "2" if self.frozen and not self.balance else "1"
        )
        as_of = self.touched or f"{FIRST_DAY - timedelta(days=1)} 18:00:00"
        return (
            project.number,
            project.name,
            f"K{project.number[2:]}",
            project.leader.number,
            project.leader.unit,
            yuan(project.amount_fen),
            yuan(self.received),
            yuan(self.spent),
            yuan(self.balance),
            yuan(self.frozen),
            yuan(self.in_transit),
            as_of,
            state,
            "1" if project.is_secret else "0",
            as_of,
        )


class Books:
    """Writes vouchers with numbers of their own, in the order in which they come."""

    def __init__(self, clerks: list[Member], first_id: int = 1) -> None:
        self._clerks = clerks
        self._ids = count(first_id)
        self._numbers: dict[tuple[int, int], Iterator[int]] = {}

    def voucher(
        self, day: date, kind: str, words: str, entries: list[tuple[str, Project, int, int]], random: Random
    ) -> tuple[int, Row, list[Row]]:
        """Return id, voucher and lines; entries are (account code, project, debit fen, credit fen)."""
        number = next(self._ids)
        month = self._numbers.setdefault((day.year, day.month), count(1))
        touched = f"{day} {clock(random)}"
        maker, checker = random.choice(self._clerks), random.choice(self._clerks)
        secret = "1" if entries[0][1].is_secret else "0"
        head = (
            number,
            day.year,
            day.month,
            kind,
            f"{next(month):06d}",
            day.isoformat(),
            words,
            maker.number,
            checker.number,
            "2",
            secret,
            touched,
        )
        lines = [
            (
                number,
                at,
                code,
                project.number,
                project.leader.unit,
                words,
                yuan(debit),
                yuan(credit),
                secret,
                touched,
            )
            for at, (code, project, debit, credit) in enumerate(entries, start=1)
        ]
        return number, head, lines


def spend(
    account: Account, day: date, books: Books, helpers: list[Member], random: Random, claim: str
) -> Iterator[tuple[Table, Row]]:
    """Yield one expense of a project: voucher, lines and, if a claim number is given, the reimbursement."""
    project = account.project
    code, words, ledger, (low, high), _ = random.choices(_KINDS, _WEIGHTS)[0]
    parts = [random.randint(low * 100, high * 100) for _ in range(random.choice((1, 1, 2, 3, 4)))]
    total = sum(parts)
    entries = [(ledger if at == 0 else _EXPENSE, project, part, 0) for at, part in enumerate(parts)]
    entries.append((_BANK, project, 0, total))
    number, head, lines = books.voucher(day, "02", f"付{words}", entries, random)
    account.spent += total
    account.touched = max(account.touched, head[-1])
    yield t.VOUCHERS, head
    for line in lines:
        yield t.LINES, line
    if claim:
        asked = day - timedelta(days=random.randrange(1, 9))
        claimant = random.choice([m for m in project.members if m.role == "staff"])
        helper = random.choice(helpers).number if helpers and random.random() < 0.4 else None
        yield t.REIMBURSEMENTS, (
            claim, claimant.number, helper, project.number, code, yuan(total), random.randint(1, 18),
            f"{project.name[:12]}{words}", f"{asked} {random.randrange(8, 22):02d}:15:00", "04", None, head[-1],
            number, "1" if project.is_secret else "0", head[-1],
        )  # fmt: skip


def receive(
    account: Account, day: date, amount: int, serial: str, books: Books, random: Random
) -> Iterator[tuple[Table, Row]]:
    """Yield one payment received, claimed and booked on a project."""
    project = account.project
    _, head, lines = books.voucher(
        min(day + timedelta(days=random.randrange(0, 4)), FIRST_DAY - timedelta(days=1)), "01",
        "科研到款上账", [(_BANK, project, amount, 0), (_PREPAID, project, 0, amount)], random,
    )  # fmt: skip
    account.received += amount
    account.touched = max(account.touched, head[-1])
    yield t.VOUCHERS, head
    for line in lines:
        yield t.LINES, line
    yield t.INCOMING, (
        serial, day.isoformat(), project.payer, account_number(random), yuan(amount),
        memo(project, (), random), "2", project.number, project.leader.number, head[-1],
        "1" if project.is_secret else "0", head[-1],
    )  # fmt: skip


def clock(random: Random) -> str:
    """Return a time within office hours."""
    return f"{random.randrange(9, 18):02d}:{random.randrange(60):02d}:{random.randrange(60):02d}"


def workday(random: Random, first: date, last: date) -> date:
    """Return a Monday to Friday between two days."""
    day = first + timedelta(days=random.randrange(max(1, (last - first).days)))
    return day - timedelta(days=max(0, day.weekday() - 4))


def clerks(staff: tuple[Member, ...]) -> list[Member]:
    """Return finance's own people, or whoever there is on a small campus."""
    return [member for member in staff if member.unit == "CW"] or list(staff[:5])
