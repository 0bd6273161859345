"""Reads of the catalog as the current release knows it, and how its sources keep their promise.

A service system reads what the campus may see: nothing that is for the data office alone, no draft (公布层级).
"""

import asyncio
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from catalogs.derive import is_valid, material_verdicts
from catalogs.exports.dcat import dcat_graph
from catalogs.model import Catalog, ServiceItem
from catalogs.settings import now
from catalogs.views import visible_resources
from service import ending
from service.access import campus_day
from service.api import Caller, refusals
from service.guard import JSON_LD
from service.problems import Problem
from service.reading import Versioned
from service.state import Current

READER = "campus"
router = APIRouter(tags=["catalog"])
Code = Annotated[str, Path(min_length=1, max_length=64)]


@router.get("/v1/elements", responses=refusals())
async def elements(caller: Caller) -> list[dict[str, Any]]:
    """Every data element, and for which purposes it is granted to the caller today."""
    granted: dict[str, set[str]] = {}
    today = campus_day(caller.catalog, now())
    for grant in caller.catalog.grants():
        if grant.client == caller.client.client_id and is_valid(grant.valid_from, grant.valid_to, today):
            granted.setdefault(grant.element, set()).add(grant.purpose)
    seen = _visible(caller.catalog)
    return [
        {
            "code": one.code,
            "name_zh": one.name_zh,
            "name_en": one.name_en or None,
            "subject_type": one.subject_type,
            "code_list": one.code_table or None,
            "has_source": any(source.resource in seen for source in caller.catalog.sources_of(one.code)),
            "granted_for": sorted(granted.get(one.code, ())),
            "ends_on": (ends := ending.of_element(caller.catalog, one.code)) and ends.until,
        }
        for one in caller.catalog.elements.values()
    ]


@router.get("/v1/resources", responses=refusals())
async def resources(caller: Caller) -> list[dict[str, Any]]:
    """Every data resource that is not for the data office alone."""
    return [
        {
            "name": one.name,
            "name_zh": one.business_name,
            "system": one.system,
            "provider": one.provider,
            "share_type": one.share_type,
            "update_cycle": one.update_cycle,
            "version": one.version,
        }
        for one in visible_resources(caller.catalog, READER)
    ]


@router.get(
    "/v1/catalog.jsonld",
    response_class=Response,
    responses=refusals() | {200: {"content": {JSON_LD: {"schema": {"type": "object"}}}}},
)
async def as_linked_data(caller: Caller) -> Response:
    """The same resources as a DCAT-AP 3 catalog in JSON-LD, for whoever harvests catalogs."""
    content = await asyncio.to_thread(_linked_data, Versioned(caller.catalog))
    return Response(content, media_type=JSON_LD)


@lru_cache(maxsize=2)
def _linked_data(versioned: Versioned) -> bytes:
    return dcat_graph(versioned.catalog, READER).json_ld().encode()


@router.get("/v1/service-items", responses=refusals())
async def service_items(caller: Caller) -> list[dict[str, Any]]:
    """Every service item in short."""
    return [_short(item) for item in caller.catalog.services.values()]


@router.get("/v1/service-items/{code:part}", responses=refusals(404, 422))
async def service_item(code: Code, caller: Caller) -> dict[str, Any]:
    """One service item with its form and materials."""
    item = _item(caller.catalog, code)
    return _short(item) | {
        "description": item.description,
        "audience": list(item.audience),
        "channels": list(item.channels),
        "form": [
            {
                "field": one.field,
                "name_zh": one.name_zh,
                "element": one.element or None,
                "editable": one.editable,
            }
            for one in item.form
        ],
        "materials": [{"material": one.material, "necessity": one.necessity} for one in item.materials],
    }


@router.get("/v1/service-items/{code:part}/requirements", responses=refusals(404, 422))
async def requirements(code: Code, caller: Caller) -> list[dict[str, Any]]:
    """What each material proves, from whom it can be read, and whether the caller may."""
    _item(caller.catalog, code)
    seen = _visible(caller.catalog)
    today = campus_day(caller.catalog, now())
    return [
        {
            "material": one.material,
            "name_zh": one.name_zh,
            "necessity": one.necessity,
            "outcome": one.outcome,
            "blocked": list(one.blocked),
            "proves": [
                {
                    "element": fact.element,
                    "predicate": fact.predicate,
                    "sources": [source.resource for source in fact.sources if source.resource in seen],
                }
                for fact in one.facts
            ],
        }
        for one in material_verdicts(caller.catalog, code, caller.client.client_id, today)
    ]


@router.get("/v1/code-lists/{name:part}", responses=refusals(404, 422))
async def code_list(name: Code, caller: Caller) -> dict[str, Any]:
    """One code table."""
    table = caller.catalog.codes.get(name)
    if table is None:
        raise Problem("NOT_FOUND")
    return {
        "name": table.name,
        "name_zh": table.name_zh,
        "norm": table.norm,
        "version": table.version,
        "codes": [
            {
                "code": row.code,
                "name_zh": row.name_zh,
                "name_en": row.name_en or None,
                "parent": row.parent or None,
                "valid_from": row.valid_from,
                "valid_to": row.valid_to,
            }
            for row in table.rows.values()
        ],
    }


@router.get("/v1/sources/health", responses=refusals())
async def health(caller: Caller) -> dict[str, Any]:
    """Each system and resource: when last confirmed, and whether that keeps the promise."""
    return {"release": caller.current.release, "systems": systems_health(caller.current)}


def systems_health(current: Current) -> list[dict[str, Any]]:
    """Return the state of every system and its resources at the release, judged now.

    States: ok, late (older than promised), refused (this release kept an older extract), never (nothing received),
    on_request (asked per person, never landed).
    """
    seen = visible_resources(current.catalog, READER)
    return [
        {
            "system": system.code,
            "name_zh": system.name_zh,
            "provider": system.provider,
            "resources": [_resource_health(current, one.name) for one in seen if one.system == system.code],
        }
        for system in current.catalog.systems.values()
        if any(one.system == system.code for one in seen)
    ]


def _resource_health(current: Current, name: str) -> dict[str, Any]:
    resource, state = current.catalog.resources[name], current.sources.get(name)
    shown: dict[str, Any] = {
        "resource": name,
        "name_zh": resource.business_name,
        "update_cycle": resource.update_cycle,
    }
    if current.catalog.is_asked(name):
        return shown | {"state": "on_request"}
    if state is None or state.extract_id is None or state.confirmed_at is None:
        return shown | {"state": "never"}
    age = now() - state.confirmed_at
    found = "late" if age > resource.promise else "ok"
    if state.outcome in ("refused", "held"):
        found = "refused"
    return shown | {
        "state": found,
        "confirmed_at": state.confirmed_at,
        "age_seconds": max(0, int(age / timedelta(seconds=1))),
        "stale_after": state.confirmed_at + resource.promise,
        "failed_checks": list(state.failed_checks),
    }


def _visible(catalog: Catalog) -> set[str]:
    return {one.name for one in visible_resources(catalog, READER)}


def _short(item: ServiceItem) -> dict[str, Any]:
    return {
        "code": item.code,
        "name_zh": item.name_zh,
        "name_en": item.name_en or None,
        "lead_unit": item.lead_unit,
        "kind": item.kind,
        "case_type": item.case_type,
        "ends_on": item.valid_to if item.deprecated_on else None,
    }


def _item(catalog: Catalog, code: str) -> ServiceItem:
    found = catalog.services.get(code)
    if found is None:
        raise Problem("NOT_FOUND")
    return found
