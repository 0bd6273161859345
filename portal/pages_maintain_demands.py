"""The board of demands: who waits for what from whom, since when, and which gap is in the way."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

import psycopg
from fastapi import APIRouter, Request, Response

from catalogs.lists.duties import GAPS
from catalogs.model import Catalog
from portal.entry import Entered, House
from portal.pages_maintain import unit_of
from portal.proposal_rights import is_shown, proposing_units, standing
from portal.rendering import age, language_of, page
from warehouse import proposals
from warehouse.proposals import Proposal

router = APIRouter()
# The columns from left to right: who still waits first.
_STATES = ("已提出", "争议", "草稿", "已授权", "不予授权", "已到期", "已撤回")
_FOLDER = "demands/"


@router.get("/demands", name="demands")
def demands(request: Request, unit: str = "", gap: str = "") -> Response:
    """Demands by state, and those that are proposed and wait for a decision; narrowed by unit or gap."""
    entered: Entered = request.state.entered
    house: House = request.app.state.house
    catalog, language = entered.edition.catalog, language_of(request)
    with house.database.connection() as con:
        waiting = [
            _waiting(one, catalog, language)
            for one in proposals.listed(con)
            if any(edit.file.startswith(_FOLDER) for edit in one.edits)
            and is_shown(entered.viewer, one, catalog)
        ]
        filed = _filed(con, catalog.campus.time_zone)
    rows = entered.shown.lists["demands"].rows
    own = set(proposing_units(entered.viewer, catalog))
    every = _cards(rows, catalog, filed, own)
    chosen = [
        one
        for one in every
        if unit in ("", one["unit"]) and (not gap or gap in (each[1] for each in one["gaps"]))
    ]
    columns = {state: [one for one in chosen if one["state"] == state] for state in _STATES}
    columns |= {
        state: [one for one in chosen if one["state"] == state]
        for state in sorted({one["state"] for one in chosen} - columns.keys())
    }
    asked = {(row["demandId"], row["element"]): row["gap"] for row in rows}
    counts = Counter(told for told in asked.values() if told)
    return page(
        request,
        "maintain_demands.html.j2",
        section="demands",
        unit=unit,
        gap=gap,
        units=sorted({one["unit"] for one in every}),
        gaps=[(name, counts[name]) for name in GAPS if counts[name]],
        total=len(asked),
        open_gaps=sum(counts.values()),
        waiting=[one for one in waiting if unit in ("", one["unit"])] if not gap else [],
        columns=[(state, cards) for state, cards in columns.items() if cards],
        may_file=bool(own),
    )


def _cards(
    rows: Any, catalog: Catalog, filed: Mapping[str, date], own: Collection[str]
) -> list[dict[str, Any]]:
    """Return one card per demand: its elements, the gaps among them with their words, who provides, since when."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        number = row["demandId"]
        demand = catalog.demands[number]
        decided = demand.raw.get("decision")
        since = filed.get(demand.file) or (decided.get("on") if isinstance(decided, Mapping) else None)
        one = found.setdefault(
            number,
            {
                "id": number,
                "unit": row["requesterUnit"],
                "purpose": row["purpose"],
                # A task has no name but its document's.
                "basis": demand.basis if demand.purpose_kind == "task" else "",
                "state": row["state"],
                "may_edit": demand.requester_unit in own,
                "since": since or demand.valid_from or "",
                "elements": {},
                "gaps": {},
                "providers": {},
            },
        )
        name = row["elementName"] or row["element"]
        one["elements"][name] = None
        if row["gap"]:
            one["gaps"][name, row["gap"], row["why"]] = None
        if row["provider"]:
            one["providers"][row["provider"]] = None
    return list(found.values())


def _filed(con: psycopg.Connection, zone: str) -> dict[str, date]:
    """Return the file of a demand → the campus's day on which it was first proposed."""
    return dict(
        con.execute(
            """SELECT edit ->> 'file', (min(p.at) AT TIME ZONE %s)::date
               FROM yici.proposal p, jsonb_array_elements(p.edits) edit
               WHERE edit ->> 'file' LIKE 'demands/%%' GROUP BY 1""",
            [zone],
        ).fetchall()
    )


def _waiting(one: Proposal, catalog: Catalog, language: str) -> dict[str, Any]:
    steps = standing(one, catalog).waiting if one.state == proposals.PROPOSED else ()
    return {
        "number": one.number,
        "title": one.title,
        "state": one.state,
        "unit": unit_of(catalog, one.author),
        "age": age(one.at, language),
        "posts": list(dict.fromkeys(post for step in steps for post in step.posts)),
        "due_on": min((step.due_on for step in steps), default=None),
    }
