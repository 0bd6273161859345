"""Incoming payments of the reference campus: the marts against a count of their own over what its systems hold."""

import json
import re
import sqlite3
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from catalogs.dbt_files import assemble
from demo.systems import finance, research
from demo.target import new_target
from demo.world import build_world
from tests.dbt.recount import mean, month
from tests.dbt.running import SCHEMA, dbt
from tests.dbt.shapes import show
from tests.support.reference import reference_campus

_AS_OF = date(2026, 10, 20)
_READ = {
    "finance.incoming_payments": ("dkxx", "SMBZ = '0' AND JE > 0 AND DKLSH NOT LIKE '%X'"),
    "finance.accounts": ("xmjfzh", "SMBZ = '0'"),
}
_DOCUMENTS = ("research.contracts", "research.projects")
# What a memo gives as a number: letters, digits and hyphens in a row.
_NUMBER = re.compile(r"[0-9A-Za-z]+(?:-[0-9A-Za-z]+)*")


@pytest.fixture(scope="module")
def campus():
    return reference_campus()


@pytest.fixture(scope="module")
def rows(campus, tmp_path_factory):
    """What finance and research hold on the first day, by the names of their contracts."""
    folder = tmp_path_factory.mktemp("campus")
    target = new_target(folder / "out", "host=/nowhere", None, folder / "env")
    world = build_world(1, "small")
    finance.build(world, target)
    research.build(world, target)
    found = {}
    with sqlite3.connect(target.folder("finance") / "finance.db") as con:
        for name, (table, condition) in _READ.items():
            items = campus.resources[name].items
            columns = ", ".join(item.physical_name for item in items)
            told = con.execute(f"SELECT {columns} FROM {table} WHERE {condition}").fetchall()
            found[name] = [dict(zip([item.name for item in items], one, strict=True)) for one in told]
    with sqlite3.connect(target.folder("research") / "research.db") as con:
        for name in _DOCUMENTS:
            kind = name.partition(".")[2]
            bodies = [
                json.loads(b) for (b,) in con.execute("SELECT body FROM documents WHERE kind = ?", [kind])
            ]
            found[name] = [
                {item.name: one.get(item.physical_name) for item in campus.resources[name].items}
                for one in bodies
                if not one["secretFlag"]
            ]
    for row in found["finance.incoming_payments"]:
        row["amount"] = Decimal(str(row["amount"]))
        row["received_on"] = date.fromisoformat(row["received_on"])
        for key in ("claimed_at", "updated_at"):
            row[key] = row[key] and datetime.fromisoformat(row[key]).replace(tzinfo=ZoneInfo("Asia/Shanghai"))
    return found


@pytest.fixture(scope="module")
def told(pg_module_database, campus, rows, tmp_path_factory):
    """Mart → its rows."""
    with pg_module_database.connect() as con:
        show(con, campus, rows)
    project = assemble(campus, tmp_path_factory.mktemp("dbt"))
    marts = {
        "mart_research__unclaimed_payment": "received_on, amount_band, days_waiting, proposed_projects,"
        " proposed_project_no, proposed_by",
        "mart_research__incoming_payment_status": "month_on, claim_status, payments, amount, mean_days_to_claim,"
        " longest_wait_days, waiting_over_30_days, with_one_proposal",
    }
    output = dbt(project, pg_module_database, "run", "--select", *(f"+{name}" for name in marts))
    with pg_module_database.connect() as con:
        found = {
            name: con.execute(f"SELECT {what} FROM {SCHEMA}.{name}").fetchall()
            for name, what in marts.items()
        }
    assert all(found.values()), output
    return found


def _proposed(rows, payment):
    """Return how many projects a payment may be for, and which fits best, by what."""
    arrived = Counter()
    for one in rows["finance.incoming_payments"]:
        if one["claim_status"] in ("1", "2"):
            arrived[one["project_no"]] += one["amount"]
    names = {one["project_no"]: one["project_name"] for one in rows["research.projects"]}
    payable = [
        (one["contract_no"], one["project_no"], one["party_a"], one["amount"])
        for one in rows["research.contracts"]
    ]
    contracted = {project for _, project, *_ in payable}
    payable += [
        (None, one["project_no"], None, one["approved_amount"])
        for one in rows["research.projects"]
        if one["project_no"] not in contracted
    ]
    memo = payment["memo"] or ""
    numbers = set(_NUMBER.findall(memo))
    found = {}
    for contract, project, client, amount in payable:
        whole = Decimal(str(amount))
        evidence = (
            bool({contract, project} & numbers),
            project in names and names[project] in memo,
            client == payment["payer"],
            payment["amount"] in (whole, whole - arrived[project]),
        )
        if any(evidence[:3]):
            found[project] = max(found.get(project, evidence), evidence)
    if not found:
        return 0, None, None
    best = max(found.values())
    fitting = [project for project, evidence in found.items() if evidence == best]
    if len(fitting) > 1:
        return len(found), None, None
    number, name, _, amount = best
    by = "number" if number else "name" if name else "payer_and_amount" if amount else "payer"
    return len(found), fitting[0], by


def test_every_proposal_is_the_one_that_its_definition_gives(rows, told):
    bands = ((10_000, "below_10k"), (100_000, "10k_to_100k"), (1_000_000, "100k_to_1m"))
    wanted = []
    for one in rows["finance.incoming_payments"]:
        if one["claim_status"] == "0":
            band = next((name for limit, name in bands if one["amount"] < limit), "from_1m")
            wanted.append(
                (one["received_on"], band, (_AS_OF - one["received_on"]).days, *_proposed(rows, one))
            )
    assert Counter(told["mart_research__unclaimed_payment"]) == Counter(wanted)
    by = Counter(one[-1] for one in wanted)
    # The campus shows each way of finding out whose money it is, and money of which nobody can say it.
    assert set(by) == {"number", "name", "payer_and_amount", "payer", None}, by
    assert 0.4 < 1 - by[None] / len(wanted) < 0.9


def test_payments_by_month_and_state_are_those_of_the_bank(rows, told):
    groups: dict[tuple, list] = {}
    for one in rows["finance.incoming_payments"]:
        groups.setdefault((month(one["received_on"]), one["claim_status"]), []).append(one)
    wanted = set()
    for (at, status), some in groups.items():
        waits = [(_AS_OF - one["received_on"]).days for one in some if status == "0"]
        wanted.add((
            at, status, len(some), sum(one["amount"] for one in some),
            mean((one["claimed_at"].date() - one["received_on"]).days if one["claimed_at"] else None for one in some),
            max(waits, default=None), sum(wait > 30 for wait in waits),
            sum(status == "0" and _proposed(rows, one)[1] is not None for one in some),
        ))  # fmt: skip
    assert set(told["mart_research__incoming_payment_status"]) == wanted
