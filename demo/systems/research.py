"""Research administration: projects, members, budgets, outcomes, contracts, handed out by a REST server.

The server (`demo.servers.research`) reads what stands here: one SQLite file of JSON documents in the order
in which the vendor's pages list them.
"""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

from demo.projects import CLIENTS, Project, projects
from demo.roll import dice, roll_of
from demo.tables import Row, Spool, SqliteStore, Table
from demo.target import FIRST_DAY, Target, campus_day

if TYPE_CHECKING:
    from demo.world import World

FILE = "research.db"
KINDS = ("projects", "members", "budgets", "outcomes", "contracts")
DOCUMENTS = Table(
    "documents",
    "JSON documents",
    (("kind", "varchar(12)", ""), ("id", "varchar(40)", ""), ("body", "text", "")),
    ("kind", "id"),
)
_BUDGET_LINES = (("101", "设备费", 20), ("102", "业务费", 45), ("103", "劳务费", 15), ("201", "间接费用", 20))
_OUTCOMES = (
    ("论文", "SCI"),
    ("论文", "EI"),
    ("论文", "CSSCI"),
    ("专利", "发明"),
    ("著作", ""),
    ("获奖", "省部级"),
)


def build(world: "World", target: Target) -> dict[str, int]:
    """Write the documents and announce address and token of the server; returns documents per kind."""
    store = SqliteStore(target.fresh_file("research", FILE))
    try:
        store.create(DOCUMENTS)
        spool = Spool(store)
        counts = dict.fromkeys(KINDS, 0)
        for kind, document in _documents(world):
            spool.add(DOCUMENTS, _row(kind, document))
            counts[kind] += 1
        spool.flush()
    finally:
        store.close()
    target.env.set_system(
        "research", url=f"http://127.0.0.1:{target.port('research')}", token=target.password("token:research")
    )
    return counts


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Let one day pass: a few outcomes are entered, a budget is adjusted, money is used."""
    today = campus_day(day - 1)
    random = dice(world.seed, "research", "day", day)
    at = f"{today}T{random.randrange(9, 18):02d}:20:00+08:00"
    running = [p for p in projects(roll_of(world), world.seed) if p.ends_on >= today and not p.is_secret]
    store = SqliteStore(target.folder("research") / FILE)
    try:
        chosen = random.sample(running, min(len(running), 4))
        for number, project in enumerate(chosen[:2], start=1):
            outcome = _outcome(project, f"CG{today:%Y%m%d}{number:03d}", today, random.choice(_OUTCOMES), at)
            store.load(DOCUMENTS, [_row("outcomes", outcome)])
        for project in chosen[2:]:
            ((body,),) = store.ask(
                "SELECT body FROM documents WHERE kind = 'budgets' AND id = ?", [f"{project.number}:102"]
            )
            budget = json.loads(body)
            budget["adjusted"] = round(budget["adjusted"] + 5000, 2)
            budget["updatedAt"] = at
            store.change(
                "UPDATE documents SET body = ? WHERE kind = 'budgets' AND id = ?",
                [json.dumps(budget, ensure_ascii=False), f"{project.number}:102"],
            )
    finally:
        store.close()
    return {"outcomes": len(chosen[:2]), "budgets": len(chosen[2:])}


def _row(kind: str, document: dict) -> Row:
    own = {
        "projects": document["projectNo"],
        "members": f"{document['projectNo']}:{document.get('seq', 0):03d}",
        "budgets": f"{document['projectNo']}:{document.get('lineCode', '')}",
        "outcomes": document.get("outcomeNo", ""),
        "contracts": document.get("contractNo", ""),
    }
    return kind, own[kind], json.dumps(document, ensure_ascii=False)


def _documents(world: "World") -> Iterator[tuple[str, dict]]:
    numbers = iter(range(1, 10**9))
    for project in projects(roll_of(world), world.seed):
        random = dice(world.seed, "research", project.number)
        at = f"{min(project.starts_on, FIRST_DAY - timedelta(days=1))}T10:00:00+08:00"
        yield (
            "projects",
            {
                "projectNo": project.number,
                "projectName": project.name,
                "level": project.level,
                "source": project.source,
                "kind": "横向" if project.level == "横向" else "纵向",
                "leader": {"staffNo": project.leader.number, "name": project.leader.name},
                "unitCode": project.leader.unit,
                "approvedOn": (project.starts_on - timedelta(days=30)).isoformat(),
                "startDate": project.starts_on.isoformat(),
                "endDate": project.ends_on.isoformat(),
                "approvedAmount": project.amount_fen / 100,
                "overheadShare": 0.2,
                "status": project.status,
                "secretFlag": int(project.is_secret),
                "updatedAt": at,
            },
        )
        yield from (("members", member) for member in _members(project, at))
        for code, name, percent in _BUDGET_LINES:
            yield (
                "budgets",
                {
                    "projectNo": project.number,
                    "lineCode": code,
                    "lineName": name,
                    "amount": project.amount_fen * percent // 100 / 100,
                    "adjusted": random.choice((0, 0, 0, 0, 2500, -project.amount_fen // 20_000)),
                    "secretFlag": int(project.is_secret),
                    "updatedAt": at,
                },
            )
        for _ in range(random.choice((0, 1, 1, 2, 3))):
            latest = min(project.ends_on, FIRST_DAY - timedelta(days=2))
            if latest <= project.starts_on:
                break
            day = project.starts_on + timedelta(days=random.randrange((latest - project.starts_on).days))
            number = f"CG{day.year}{next(numbers):06d}"
            yield (
                "outcomes",
                _outcome(project, number, day, random.choice(_OUTCOMES), f"{day}T09:00:00+08:00"),
            )
        if project.contract_no:
            yield (
                "contracts",
                {
                    "contractNo": project.contract_no,
                    "projectNo": project.number,
                    "partyA": project.payer,
                    "subject": project.name,
                    "amount": project.amount_fen / 100,
                    "signedOn": project.starts_on.isoformat(),
                    "validTo": project.ends_on.isoformat(),
                    "state": "履行中" if project.status == "在研" else "已完成",
                    "secretFlag": int(project.is_secret),
                    "updatedAt": at,
                },
            )
    yield from _broken(world)


def _members(project: Project, at: str) -> Iterator[dict]:
    for seq, member in enumerate(project.members, start=1):
        yield {
            "projectNo": project.number,
            "seq": seq,
            "memberType": "教师" if member.role == "staff" else "学生",
            "staffNo": member.number if member.role == "staff" else None,
            "studentNo": None if member.role == "staff" else member.number,
            "role": "负责人" if seq == 1 else "参与人",
            "secretFlag": int(project.is_secret),
            "updatedAt": at,
        }


def _outcome(project: Project, number: str, day: date, kind: tuple[str, str], at: str) -> dict:
    return {
        "outcomeNo": number,
        "projectNo": project.number,
        "type": kind[0],
        "rank": kind[1] or None,
        "title": f"{project.name}({kind[0]})",
        "firstAuthorStaffNo": project.leader.number,
        "authorRank": 1,
        "publishedOn": day.isoformat(),
        "secretFlag": int(project.is_secret),
        "updatedAt": at,
    }


def _broken(world: "World") -> Iterator[tuple[str, dict]]:
    """Documents that break the contracts, each told to the world."""
    leader = roll_of(world).staff[0]
    world.fault("research.outcomes", "CG0000X", "published on a day that does not exist")
    yield "outcomes", {
        "outcomeNo": "CG0000X", "projectNo": "ZK202100001", "type": "论文", "rank": "SCI",
        "title": "日期有误", "firstAuthorStaffNo": leader.number, "authorRank": 1,
        "publishedOn": "2025-02-30", "secretFlag": 0, "updatedAt": "2025-03-01T09:00:00+08:00",
    }  # fmt: skip
    world.fault("research.contracts", "HT0000X", "ends before it was signed")
    yield "contracts", {
        "contractNo": "HT0000X", "projectNo": "HX202100001", "partyA": CLIENTS[4], "subject": "期限有误",
        "amount": 1.0, "signedOn": "2025-05-01", "validTo": "2024-05-01", "state": "履行中", "secretFlag": 0,
        "updatedAt": "2025-05-01T09:00:00+08:00",
    }  # fmt: skip
