"""Mine: the projects, units or rooms that I answer for, and what the catalog shows me of them (`ownFacts`)."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fastapi import APIRouter, Request, Response

from catalogs.model import Catalog, Element
from portal.asking import as_person
from portal.pages_mine import FACT_SIGNS, TABS
from portal.rendering import language_of, page, told_moment

router = APIRouter()
_AMOUNT, _NUMBERS, _MOMENT = "Y", ("Y", "N", "I"), "T"


@router.get("/mine/things", name="mine_things")
def own_things(request: Request) -> Response:
    """A table for each relation, a row for each thing, in the order of the catalog."""
    told = as_person(request, "GET", "things")
    catalog, language = request.state.entered.edition.catalog, language_of(request)
    groups: dict[str, dict[str, Any]] = {}
    for thing in told["things"]:
        group = groups.setdefault(
            thing["relation"], {"name": thing["relation_zh"], "columns": {}, "things": []}
        )
        facts = {one["element"]: one for one in thing["facts"]}
        for code, one in facts.items():
            group["columns"].setdefault(code, _column(catalog, one, language))
        cells = {code: _cell(request, catalog, one, language) for code, one in facts.items()}
        group["things"].append({"id": thing["id"], "cells": cells})
    return page(
        request,
        "mine_things.html.j2",
        section="mine",
        tab="things",
        mine_tabs=TABS,
        groups=list(groups.values()),
        shown=len(told["things"]),
        total=told["total"],
        release=told["release"],
    )


def _column(catalog: Catalog, one: Mapping[str, Any], language: str) -> dict[str, Any]:
    element = catalog.elements[one["element"]]
    name = element.name_zh if language == "zh" else element.name_en or element.name_zh
    return {"name": name, "is_number": element.type in _NUMBERS}


def _cell(request: Request, catalog: Catalog, one: Mapping[str, Any], language: str) -> dict[str, Any]:
    value = one.get("value")
    told = (
        "" if value is None else _words(request, catalog, catalog.elements[one["element"]], value, language)
    )
    return {"value": told, "status": one["status"], "sign": FACT_SIGNS.get(one["status"], "–")}


def _words(request: Request, catalog: Catalog, element: Element, value: Any, language: str) -> str:
    """Return a value as people read it: an amount, a time at the campus, the name of a code."""
    if element.type == _AMOUNT and not isinstance(value, list):
        return f"{Decimal(str(value)):,.2f}"
    if element.type == _MOMENT and isinstance(value, str):
        at = told_moment(request, value)
        return at.at if at else ""
    table = catalog.codes.get(element.code_table)
    if table and (row := table.rows.get(str(value))):
        return row.name_zh if language == "zh" else row.name_en or row.name_zh
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
