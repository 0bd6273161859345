"""Runs: how the last releases and extracts went, and the way to the tools that engineers work with."""

from typing import Any

from fastapi import APIRouter, Request, Response

from expectations.quality.titles import resource_title
from portal import facts
from portal.entry import Entered, House
from portal.rendering import age, language_of, moment, page

router = APIRouter()
_RELEASES = 10
_RELEASE_SIGNS = {"published": "✓", "candidate": "–", "abandoned": "!"}
_EXTRACT_SIGNS = {"published": "✓", "landed": "–", "refused": "✕"}


@router.get("/runs", name="runs")
def runs(request: Request) -> Response:
    """The state of the last runs, and links to the tools."""
    entered: Entered = request.state.entered
    house: House = request.app.state.house
    catalog, language = entered.edition.catalog, language_of(request)
    zone = catalog.campus.time_zone
    with house.database.connection() as con:
        releases = con.execute(
            "SELECT id, state, coalesce(published_at, opened_at) FROM yici.release ORDER BY id DESC LIMIT %s",
            [_RELEASES],
        ).fetchall()
        extracts = con.execute(
            """SELECT DISTINCT ON (split_part(resource, '.', 1)) split_part(resource, '.', 1), resource, taken_at, rows,
                   state FROM yici.extract ORDER BY split_part(resource, '.', 1), id DESC"""
        ).fetchall()
        last, published = facts.last_published(con), facts.releases(con, 1)
    promised = facts.promised(catalog)
    shown: list[dict[str, Any]] = [
        {
            "system": catalog.systems[system].name_zh if system in catalog.systems else system,
            "resource": resource_title(catalog, resource, language),
            "at": moment(taken_at, zone),
            "age": age(taken_at, language),
            "rows": rows,
            "sign": _EXTRACT_SIGNS.get(state, "!"),
            "state": state if state in _EXTRACT_SIGNS else "other",
        }
        for system, resource, taken_at, rows, state in extracts
    ]
    return page(
        request,
        "runs.html.j2",
        section="runs",
        links=house.chosen.links,
        releases=[
            {
                "id": number,
                "state": state,
                "sign": _RELEASE_SIGNS[state],
                "at": moment(at, zone),
                "age": age(at, language),
            }
            for number, state, at in releases
        ],
        extracts=shown,
        latest=published[0] if published else None,
        latest_at=moment(published[0].published_at, zone) if published else "",
        late=sum(facts.is_late(one, last.get(one.name)) for one in promised),
        all=len(promised),
    )
