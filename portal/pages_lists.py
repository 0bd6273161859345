"""Derived lists with their workbooks, and the responsibility list by unit."""

import json
from collections import Counter

from fastapi import APIRouter, Request, Response

from catalogs.exports.workbook import lists_workbook
from catalogs.lists.files import as_json, heading
from portal.downloads import download
from portal.entry import Entered
from portal.problems import not_found
from portal.rendering import page

router = APIRouter()
# How a duty's state is shown, and in which order: what needs attention first.
_DUTY_SIGNS = {"从未提供": "✕", "质量不达标": "✕", "逾期": "✕", "未测": "–", "履责": "✓"}


@router.get("/lists.html", name="lists")
def lists(request: Request) -> Response:
    """All lists."""
    return page(
        request, "live_lists.html.j2", section="lists", lists=request.state.entered.shown.lists.values()
    )


@router.get("/lists/{name}.html", name="list")
def one_list(request: Request, name: str) -> Response:
    """One list; a long one has its beginning here and the whole in Excel."""
    found = request.state.entered.shown.pages.get(f"lists/{name}.html")
    if found is None:
        raise not_found()
    return page(request, "live_list.html.j2", section="lists", **found.told)


@router.get("/lists/{name}.xlsx", name="list_file")
def workbook(request: Request, name: str) -> Response:
    """One list as a workbook, or all of them under the name `lists`."""
    entered: Entered = request.state.entered
    known = entered.shown.lists
    if name != "lists" and name not in known:
        raise not_found()
    chosen = list(known.values()) if name == "lists" else [known[name]]
    title = "全部清单" if name == "lists" else chosen[0].title_zh
    return download(lists_workbook(chosen), "xlsx", title, entered.edition.on)


@router.get("/lists/{name}.json", name="list_file")
def as_data(request: Request, name: str) -> Response:
    """One list as JSON."""
    entered: Entered = request.state.entered
    if name not in entered.shown.lists:
        raise not_found()
    head = heading(entered.edition.catalog, entered.edition.on, None)
    told = as_json(entered.shown.lists[name], head) | {"release": entered.edition.release}
    content = json.dumps(told, ensure_ascii=False).encode()
    return download(content, "json", name, entered.edition.on)


@router.get("/responsibilities", name="responsibilities")
def responsibilities(request: Request, unit: str = "") -> Response:
    """What each unit owes, and whether it keeps its word."""
    every = request.state.entered.shown.lists["responsibilities"].rows
    rows = [{**row, "sign": _DUTY_SIGNS.get(row["state"], "!")} for row in every if unit in ("", row["unit"])]
    rows.sort(key=lambda row: "✕!–✓".index(row["sign"]))
    return page(
        request,
        "responsibilities.html.j2",
        section="responsibilities",
        unit=unit,
        units=dict(sorted(Counter(row["unit"] for row in every).items())),
        rows=rows,
        red=sum(row["sign"] == "✕" for row in rows),
    )
