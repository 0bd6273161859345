"""Payments that come in: who pays for which project, and what the bank's memo says of it.

A memo is what somebody at the payer typed. Some name the contract, some the project, some cut a number off or give
another one, some say nothing: finding out whose money it is takes the payer, the amount and the contract too.
"""

from collections.abc import Sequence
from datetime import date
from random import Random

from demo.projects import Project
from demo.tables import Row, yuan

# A project and what of its approved amount has not come yet, in fen.
Due = tuple[Project, int]
_VAGUE = ("技术服务费", "往来款", "项目款", "合同款第二期", "测试费", "")
_MEMOS = (("contract", 20), ("number", 10), ("name", 22), ("short", 10), ("wrong", 8), ("vague", 30))
_LONG_ENDING = "有限公司"


def memo(project: Project, others: Sequence[Project], random: Random) -> str:
    """Return what a payer types for a project; `others` are those whose number it may give by mistake."""
    kind = random.choices([name for name, _ in _MEMOS], [weight for _, weight in _MEMOS])[0]
    number = project.contract_no or project.number
    other = random.choice(others) if others else project
    return {
        "contract": f"付{number}合同款" if project.contract_no else f"{number}经费拨款",
        "number": f"{project.number}项目款",
        "name": f"{project.name}{random.choice(('技术服务费', '第二期款', '经费'))}",
        "short": f"{project.name[:4]}项目款",
        "wrong": f"{random.choice((other.contract_no or other.number, number[:-1]))}合同款",
        "vague": random.choice(_VAGUE),
    }[kind]


def unclaimed(due: Due, others: Sequence[Project], serial: str, day: date, random: Random) -> Row:
    """Return a payment for a project that nobody has claimed yet: all that is due, or a part of it.

    One payer in ten writes its name otherwise than the contract does.
    """
    project, rest = due
    amount = rest if random.random() < 0.5 else max(100_000, rest // random.randint(2, 5))
    payer = project.payer
    if random.random() < 0.1:
        payer = payer.removesuffix(_LONG_ENDING)
    return (
        serial,
        day.isoformat(),
        payer,
        account_number(random),
        yuan(amount),
        memo(project, others, random),
        "0",
        None,
        None,
        None,
        "0",
        f"{day} {random.randrange(9, 17):02d}:{random.randrange(60):02d}:00",
    )


def awaited(due: Sequence[Due], number: int, random: Random) -> list[Due]:
    """Return whose money arrives unnoticed: four in five are clients of contracts, the others funds."""
    worth = [one for one in due if one[1] >= 100_000]
    contracts = [one for one in worth if one[0].contract_no]
    funds = [one for one in worth if not one[0].contract_no]
    many = min(len(contracts), number - number // 5)
    found = [*random.sample(contracts, many), *random.sample(funds, min(len(funds), number - many))]
    return random.sample(found, len(found))


def claimable(payer: str, text: str, projects: Sequence[Project]) -> Sequence[Project]:
    """Return the projects that a payment may be for, as the people who look through the list would judge; none of none.

    Args:
        payer: as the bank wrote it.
        text: the memo.
        projects: those that may claim.
    """
    named = [
        one
        for one in projects
        if one.number in text or one.name in text or (one.contract_no and one.contract_no in text)
    ]
    paying = [one for one in projects if one.payer == payer]
    return [one for one in named if one in paying] or named or paying


def account_number(random: Random) -> str:
    """Return a payer's account number; 000000 is no bank's prefix, so it can belong to nobody."""
    return f"000000{random.randrange(10**13):013d}"
