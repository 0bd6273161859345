"""Quality: units by dimensions, a unit's failing rules, tickets. Counts and names, never a value."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from catalogs.model import Catalog
from catalogs.views import unit_name
from expectations.quality.kept import read_states, scored_resources
from expectations.quality.scores import CAMPUS, RESOURCE, UNIT
from expectations.quality.standing import ADMISSION, SUMMARY
from expectations.quality.terms import terms
from expectations.quality.tickets import RULE, Ticket
from expectations.quality.titles import resource_title, rule_title
from expectations.quality.words import TOTAL
from portal import cells, facts, quality_charts
from portal.access import decide
from portal.blocks import Block
from portal.entry import Entered, House, about_unit
from portal.pages_reform import block_file
from portal.problems import not_found
from portal.rendering import language_of, moment, page
from portal.texts import text

router = APIRouter()
_SEVERITIES = ("critical", "warning", "info")


@router.get("/quality", name="quality")
def quality(request: Request) -> Response:
    """Which unit, in which dimension: the poorest first."""
    entered: Entered = request.state.entered
    known = terms(entered.edition.catalog)
    heat, blocks, day = _campus_wide(request)
    units = heat.rows[1:]
    return page(
        request,
        "quality.html.j2",
        section="quality",
        heat=heat,
        units=units,
        campus=heat.rows[0]["cells"] if units else [],
        bad_count=sum(any(cell["status"]["sign"] == "✕" for cell in one["cells"]) for one in units),
        good_from=f"{known.good_from:g}",
        watch_from=f"{known.watch_from:g}",
        day=day,
        blocks=blocks,
    )


@router.get("/quality/files/{block}.xlsx", name="quality")
def quality_file(request: Request, block: str) -> Response:
    """A table of the page as a workbook."""
    heat, blocks, _ = _campus_wide(request)
    return _file(request, [heat, *blocks], block)


def _campus_wide(request: Request) -> tuple[Block, list[Block], date | None]:
    """Return the scores of the campus and its units, the poorest unit first, then the findings, and of which day."""
    entered, house, language = _request(request)
    catalog, on = entered.edition.catalog, entered.edition.on
    with house.database.connection() as con:
        kept = facts.scores(con, on)
        days = facts.score_days(con, CAMPUS, catalog.campus.code, on, quality_charts.DAYS)
    known = terms(catalog)
    campus = {
        "name": text("quality.campus", language),
        "page": "",
        "cells": cells.of(kept, CAMPUS, catalog.campus.code, known, language),
    }
    units = [
        {
            "name": unit_name(catalog, code, language),
            "page": f"/quality/{code}" if decide(entered.viewer, "quality_unit", code).is_allowed else "",
            "cells": cells.of(kept, UNIT, code, known, language),
        }
        for code in sorted(kept.names(UNIT), key=lambda code: _score(kept.get(UNIT, code, TOTAL)))
    ]
    title = text("quality.heat", language)
    heat = quality_charts.heat("heat", title, "unit", campus, units, language)
    return heat, quality_charts.blocks(days, entered.shown.lists.get("promises"), language), kept.day


@router.get("/quality/{unit}", name="quality_unit")
def quality_of_unit(request: Request, unit: str) -> Response:
    """Which rules of a unit fail, since when, and the ticket of each."""
    entered, _, language = _request(request)
    failing, heat = _of_unit(request, unit)
    return page(
        request,
        "quality_unit.html.j2",
        section="quality",
        name=unit_name(entered.edition.catalog, unit, language),
        day=entered.edition.on,
        total=heat.rows[0]["cells"] if heat.rows else [],
        failing=failing,
        heat=heat,
        files=f"/quality/{unit}/files",
    )


@router.get("/quality/{unit}/files/{block}.xlsx", name="quality_unit")
def unit_file(request: Request, unit: str, block: str) -> Response:
    """A table of a unit's page as a workbook."""
    return _file(request, _of_unit(request, unit), block)


def _of_unit(request: Request, unit: str) -> tuple[Block, Block]:
    """Return the rules of a unit that fail, and the scores of the unit and its resources, the poorest first."""
    entered, house, language = _request(request)
    catalog, day = entered.edition.catalog, entered.edition.on
    about_unit(request, "quality_unit", unit, unit if unit in catalog.units else "?")
    if unit not in catalog.units:
        raise not_found()
    own = {name for name, (_, code) in scored_resources(catalog, day).items() if code == unit}
    may_see_tickets = decide(entered.viewer, "tickets", unit).is_allowed
    may_see_rows = decide(entered.viewer, "waiting", unit).is_allowed
    with house.database.connection() as con:
        kept = facts.scores(con, day)
        states = [
            one for one in read_states(con, is_short=True).values() if one.resource in own and not one.passed
        ]
        opened = facts.tickets(con, frozenset((unit,))) if may_see_tickets else []
    numbers = {(one.resource, one.rule): one.id for one in opened}
    failing = [
        {
            "resource": resource_title(catalog, one.resource, language),
            "page": _page(entered, one.resource),
            "rule": rule_title(catalog, one.resource, one.rule, language),
            "dimension": text(f"dim.{one.dimension}", language),
            "severity": text(f"severity.{one.severity}", language),
            "rows_failed": one.rows_failed,
            "rows_total": one.rows_total or None,
            "since": moment(one.since, catalog.campus.time_zone),
            "ticket": numbers.get((one.resource, one.rule)),
            "waiting": f"/duty/rows/{one.resource}?rule={quote(one.rule)}"
            if may_see_rows and one.stage == ADMISSION
            else "",
        }
        for one in sorted(
            states, key=lambda one: (_SEVERITIES.index(one.severity), -one.points, one.resource, one.rule)
        )
        if not (one.stage == ADMISSION and one.rule == SUMMARY)
    ]
    known = terms(catalog)
    whole = {
        "name": unit_name(catalog, unit, language),
        "page": "",
        "cells": cells.of(kept, UNIT, unit, known, language),
    }
    resources = [
        {
            "name": resource_title(catalog, name, language),
            "page": _page(entered, name),
            "cells": cells.of(kept, RESOURCE, name, known, language),
        }
        for name in sorted(own, key=lambda name: _score(kept.get(RESOURCE, name, TOTAL)))
    ]
    title = text("quality.resources", language)
    heat = quality_charts.heat("resources", title, "resource", whole, resources, language)
    return quality_charts.failing(failing, language), heat


@router.get("/tickets", name="tickets")
def tickets(request: Request) -> Response:
    """The open tickets of the viewer's units, or of all for those who see all."""
    entered, house, language = _request(request)
    with house.database.connection() as con:
        found = facts.tickets(con, entered.decision.units)
    told = [_told(entered, one, language) for one in found]
    return page(
        request,
        "tickets.html.j2",
        section="tickets",
        tickets=told,
        overdue=sum(one["is_overdue"] for one in told),
    )


@router.get("/tickets/{number:int}", name="ticket")
def ticket(request: Request, number: int) -> Response:
    """A ticket and what happened to it."""
    entered, house, language = _request(request)
    with house.database.connection() as con:
        found = facts.ticket(con, number) if number < 2**31 else None
    if found is None:
        raise not_found()
    one, events = found
    about_unit(request, "ticket", one.unit, str(number))
    zone = entered.edition.catalog.campus.time_zone
    history = [
        {"at": moment(event.at, zone), "event": event.event, "text": event.text, "post": event.post}
        for event in events
    ]
    may_act = decide(entered.viewer, "ticket_act", one.unit).is_allowed
    told = _told(entered, one, language) | {"closes_itself": one.kind == RULE}
    return page(request, "ticket.html.j2", section="tickets", one=told, events=history, may_act=may_act)


def _told(entered: Entered, one: Ticket, language: str) -> dict[str, Any]:
    catalog: Catalog = entered.edition.catalog
    return {
        "id": one.id,
        "about": facts.about(catalog, one, language),
        "unit": unit_name(catalog, one.unit, language),
        "post": one.post,
        "resource": resource_title(catalog, one.resource, language),
        "page": _page(entered, one.resource),
        "dimension": one.dimension,
        "severity": one.severity,
        "rows_failed": one.rows_failed,
        "opened_on": one.opened_on,
        "due_on": one.due_on,
        "is_open": one.state == "open",
        "is_overdue": one.is_overdue(entered.edition.on),
    }


def _file(request: Request, blocks: Sequence[Block], name: str) -> Response:
    found = next((one for one in blocks if one.name == name), None)
    if found is None or not found.rows:
        raise not_found()
    return block_file(request, found, request.state.entered)


def _page(entered: Entered, resource: str) -> str:
    path = f"resources/{resource}.html"
    return f"/{path}" if path in entered.shown.pages else ""


def _score(score: Any) -> float:
    return score.score if score else 101.0


def _request(request: Request) -> tuple[Entered, House, str]:
    return request.state.entered, request.app.state.house, language_of(request)
