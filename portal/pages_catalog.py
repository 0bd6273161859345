"""The catalog: what the published site shows to readers of a tier, search, and how a resource stands just now."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from catalogs.exports.yaml_text import dump_yaml, read_plain
from catalogs.model import Catalog
from catalogs.views import contract_for, resource_name, visible_items, visible_resources
from expectations.quality.scores import RESOURCE
from expectations.quality.terms import terms
from portal import cells, facets, facts, quality_charts
from portal.access import decide
from portal.entry import Entered, House
from portal.pages_reform import block_file
from portal.problems import not_found
from portal.rendering import age, language_of, moment, page
from portal.search import FACETS, LONGEST, Found, search
from portal.specimens import specimen_rows
from portal.texts import text

router = APIRouter()
_WORDS = {"✓": "state.kept", "!": "state.late", "✕": "state.refused", "–": "state.waiting"}


@router.get("/search", name="search")
def find(request: Request, q: str = "") -> Response:
    """What the catalog has under a name, narrowed by what the address says."""
    entered: Entered = request.state.entered
    house: House = request.app.state.house
    catalog, language = entered.edition.catalog, language_of(request)
    typed, chosen = q.strip()[:LONGEST], facets.chosen_of(request.query_params)
    with house.database.connection() as con:
        now = facets.standing(con, catalog, entered.edition.on)
    traits = {name: {**told, **now[name]} for name, told in entered.shown.traits.items()}
    found = search(entered.shown.entries, typed, chosen, traits)
    return page(
        request,
        "search.html.j2",
        typed=typed,
        found=found,
        chosen=[
            {
                "facet": facet,
                "word": facets.word(catalog, facet, value, language),
                "without": _search_address(typed, {**chosen, facet: ""}),
            }
            for facet, value in chosen.items()
        ],
        always=_narrowings(catalog, found, chosen, FACETS[:2], language),
        folded=_narrowings(catalog, found, chosen, FACETS[2:], language),
        is_open=any(facet in chosen for facet in FACETS[2:]),
    )


def _narrowings(
    catalog: Catalog, found: Found, chosen: Mapping[str, str], names: Iterable[str], language: str
) -> dict[str, list[dict[str, Any]]]:
    """Return facet → its values, of the facets that have any; what is chosen is offered though nothing has it."""
    offered = {
        facet: [
            {
                "value": value,
                "word": facets.word(catalog, facet, value, language),
                "count": found.counts[facet].get(value, 0),
                "is_chosen": value == chosen.get(facet),
            }
            for value in dict.fromkeys((*found.counts[facet], *filter(None, [chosen.get(facet)])))
        ]
        for facet in names
    }
    return {facet: values for facet, values in offered.items() if values}


def _search_address(typed: str, chosen: Mapping[str, str]) -> str:
    return "/search?" + urlencode({"q": typed, **{facet: value for facet, value in chosen.items() if value}})


@router.get("/services.html", name="services")
def services(request: Request) -> Response:
    """All service items."""
    return _shown(request, "services.html", "services")


@router.get("/services/{name}.html", name="service")
def service(request: Request, name: str) -> Response:
    """A service item, or those for one group of people."""
    path = f"services/{name}.html"
    is_group = name.startswith("for-")
    return _shown(request, path, "services", None if is_group else "live_service.html.j2")


@router.get("/resources.html", name="resources")
def resources(request: Request) -> Response:
    """All resources."""
    return _shown(request, "resources.html", "resources")


@router.get("/resources/{name}.html", name="resource")
def resource(request: Request, name: str) -> Response:
    """A resource, and how it stands."""
    entered: Entered = request.state.entered
    path = f"resources/{name}.html"
    if path not in entered.shown.pages:
        raise not_found()
    return _shown(request, path, "resources", "live_resource.html.j2", **_state(request, entered, name))


@router.get("/resources/{name}/extracts.xlsx", name="resource")
def extracts_file(request: Request, name: str) -> Response:
    """The strip of a resource's last extracts as a workbook."""
    entered: Entered = request.state.entered
    house: House = request.app.state.house
    if f"resources/{name}.html" not in entered.shown.pages:
        raise not_found()
    catalog, language = entered.edition.catalog, language_of(request)
    with house.database.connection() as con:
        taken = facts.extracts(con, catalog.resources[name])
    if not taken:
        raise not_found()
    title = text("state.file", language, resource=resource_name(catalog, name, language))
    rows = _extracts(taken, catalog.campus.time_zone, language)
    return block_file(request, quality_charts.extracts(title, rows), entered)


@router.get("/resources/{system}/{name}.odcs.yaml", name="contract")
def contract(request: Request, system: str, name: str) -> Response:
    """A resource's contract, as far as the reader may see it."""
    entered: Entered = request.state.entered
    file = f"resources/{system}/{name}.odcs.yaml"
    catalog, tier = entered.edition.catalog, entered.viewer.tier
    found = next((one for one in visible_resources(catalog, tier) if one.file == file), None)
    if found is None:
        raise not_found()
    doc = contract_for(catalog, read_plain(catalog.files[file]), found, tier)
    return Response(dump_yaml(doc), media_type="application/yaml")


@router.get("/codes.html", name="codes")
def codes(request: Request) -> Response:
    """All code tables."""
    return _shown(request, "codes.html", "codes")


@router.get("/codes/{name}.html", name="code")
def code(request: Request, name: str) -> Response:
    """A code table."""
    return _shown(request, f"codes/{name}.html", "codes")


def _shown(request: Request, path: str, section: str, template: str | None = None, **told: Any) -> Response:
    found = request.state.entered.shown.pages.get(path)
    if found is None:
        raise not_found()
    return page(request, template or found.template, section=section, **found.told | told)


def _state(request: Request, entered: Entered, name: str) -> dict[str, Any]:
    """Return promise against fact, scores and open tickets of a resource."""
    house: House = request.app.state.house
    catalog, language = entered.edition.catalog, language_of(request)
    found = catalog.resources[name]
    may_see_tickets = decide(entered.viewer, "tickets")
    with house.database.connection() as con:
        taken = facts.extracts(con, found)
        last = facts.last_published(con, name).get(name)
        kept = facts.scores(con, entered.edition.on)
        open_tickets = facts.tickets(con, may_see_tickets.units, name) if may_see_tickets.is_allowed else []
    zone = catalog.campus.time_zone
    is_late = facts.is_late(found, last)
    return {
        "is_asked": catalog.is_asked(name),
        "kept_count": sum(one.sign == "✓" for one in taken),
        "now": cells.status("✕", "state.late_now", language)
        if is_late
        else cells.status("✓", "state.in_time", language),
        "is_promised": facts.is_promised(catalog, found),
        "published": {"at": moment(last, zone), "age": age(last, language)} if last else None,
        "extracts": _extracts(taken, zone, language),
        "scores": cells.of(kept, RESOURCE, name, terms(catalog), language),
        "tickets": [{"id": one.id, "about": facts.about(catalog, one, language)} for one in open_tickets],
        "specimens": specimen_rows(catalog, visible_items(found, entered.viewer.tier)),
    }


def _extracts(taken: Iterable[facts.Extract], zone: str, language: str) -> list[dict[str, Any]]:
    return [
        {
            "at": moment(one.taken_at, zone),
            "rows": one.rows,
            "status": cells.status(one.sign, _WORDS[one.sign], language),
        }
        for one in taken
    ]
