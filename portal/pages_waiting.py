"""Waiting rows of a resource: shown masked, given to their provider's workbook, released by a word.

Rows are treated as `yici quarantine` treats them, by the role of the desk. They are shown masked as the catalog says;
whole ones leave only as the provider's workbook, to a post that answers for the resource, on record before they leave.
"""

from collections.abc import Collection
from typing import Any

from fastapi import APIRouter, Request, Response

from catalogs.model import Resource
from expectations.quality.titles import resource_title
from expectations.quarantine import desk, workbook
from expectations.quarantine.desk import WaitingRow
from expectations.quarantine.words import in_words, may_waive
from portal import correcting
from portal.downloads import download
from portal.drafts import typed
from portal.duty_frame import answering_post, desk_of, own_resource, posts_of
from portal.entry import Entered
from portal.problems import not_found
from portal.rendering import age, language_of, page, told_moment
from portal.texts import text
from portal.wall import LARGER
from service import masks
from warehouse.masked import mask_of

router = APIRouter()
UPLOAD_BYTES = LARGER["/duty/upload/"]
_SHOWN = 100
_MOST_RELEASED = 1000
_KEY_MASK = "last:2"


@router.get("/duty/rows/{name}", name="waiting")
def waiting(request: Request, name: str, rule: str = "") -> Response:
    """The waiting rows of a resource, masked, each with the rules that it breaks."""
    return waiting_page(request, own_resource(request, name, "waiting"), rule)


@router.post("/duty/rows/{name}/export", name="waiting_export")
def export(request: Request, name: str) -> Response:
    """Give the provider's workbook with whole rows to a post that answers for the resource; on record first."""
    entered: Entered = request.state.entered
    contract = own_resource(request, name, "waiting_export")
    post = answering_post(request, contract)
    with desk_of(request) as con:
        found = desk.rows(con, name)
        if found:
            desk.record_look(con, desk.EXPORT, name, len(found), post, entered.viewer.person)
    if not found:
        raise not_found()
    content = workbook.made(contract, found, entered.edition.catalog.campus.time_zone)
    return download(content, "xlsx", f"{contract.business_name or name}-待纠正", entered.edition.on)


@router.post("/duty/rows/{name}/release", name="waiting_release")
def release(request: Request, name: str) -> Response:
    """Say of chosen rows that they are right although they break rules; the next release admits them."""
    entered, language = _of(request)
    contract = own_resource(request, name, "waiting_release")
    post = answering_post(request, contract)
    reason = typed(request, "reason")
    chosen = {one for one in request.state.form.getlist("row") if isinstance(one, str)}
    if not reason or not chosen:
        told = text("waiting.choose", language)
        fault_of = "rows" if not chosen else "reason"
        return waiting_page(request, contract, "", told, chosen, reason, fault_of)
    with desk_of(request) as con:
        found = [one for one in desk.rows(con, name) if one.digest in chosen][:_MOST_RELEASED]
        filed = desk.release(con, contract, found, post, entered.viewer.person, reason)
    left = sum(not may_waive(contract, rule) for one in found for rule in one.rules)
    told = text("waiting.released", language, n=filed.rows)
    if left:
        told += text("waiting.left", language, n=len(found) - filed.rows)
    return waiting_page(request, contract, "", told)


def waiting_page(
    request: Request,
    contract: Resource,
    rule: str = "",
    told: str = "",
    chosen: Collection[str] = (),
    reason: str = "",
    fault_of: str = "",
) -> Response:
    """Return the page of the waiting rows of a resource.

    Args:
        request: that asked for it.
        contract: the resource; the viewer's unit answers for it.
        rule: only rows that break it.
        told: what came of what somebody did.
        chosen, reason: what somebody chose and typed, to be shown again.
        fault_of: the field that could not be taken, where `told` says why: file, rows, reason.
    """
    entered, language = _of(request)
    catalog, day = entered.edition.catalog, entered.edition.on
    with desk_of(request) as con:
        held = desk.held(con, catalog, day, contract.name)
        known = {one.rule for one in held}
        shown = desk.rows(con, contract.name, rule if rule in known else "", limit=_SHOWN)
        handed = correcting.last(con, entered.viewer.person, contract.name)
    may_decide = any(post in desk.posts_of(catalog, contract, day) for post in posts_of(entered))
    return page(
        request,
        "waiting.html.j2",
        422 if fault_of else 200,
        section="duty",
        name=contract.name,
        title=resource_title(catalog, contract.name, language),
        rules=[
            {
                "rule": one.rule,
                "words": in_words(contract, one.rule),
                "rows": one.rows,
                "oldest": age(one.oldest_at, language) if one.oldest_at else "",
                "due_on": one.due_on,
                "is_overdue": one.due_on is not None and one.due_on < day,
                "decided": one.decided,
            }
            for one in held
        ],
        rule=rule if rule in known else "",
        rows=[_row(request, contract, one, chosen) for one in shown],
        is_cut=len(shown) == _SHOWN,
        may_decide=may_decide,
        handed=handed,
        most=UPLOAD_BYTES // 1024 // 1024,
        told=told,
        fault_of=fault_of,
        reason=reason,
    )


def _row(request: Request, contract: Resource, one: WaitingRow, chosen: Collection[str]) -> dict[str, Any]:
    items = [
        (contract.item(name).business_name or name, masks.mask(mask_of(contract.item(name)), value))
        for name, value in one.row.items()
        if value and contract.has_item(name)
    ]
    return {
        "digest": one.digest,
        "key": masks.mask(_KEY_MASK, one.key) if one.key else "",
        "rules": [in_words(contract, rule) for rule in one.rules],
        "items": items,
        "since": told_moment(request, one.since),
        "is_decided": one.is_decided,
        "may_waive": all(may_waive(contract, rule) for rule in one.rules) and not one.is_decided,
        "is_chosen": one.digest in chosen,
    }


def _of(request: Request) -> tuple[Entered, str]:
    return request.state.entered, language_of(request)
