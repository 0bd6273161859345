"""Corrected workbooks: a steward hands one in, and sees its faults in place or that its rows are filed.

What is no usable workbook is told at once, before anything of it is kept. Everything else is judged by a process of its
own (`portal.correcting`), as the command judges it; the page shows how far it is and may be left.
"""

import threading

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import UploadFile

from catalogs.forms.fault_words import fault_in_chinese, in_chinese
from catalogs.forms.marking import marked
from catalogs.forms.sheets import NotAWorkbookError, SheetFault, tell_what_it_is, unpacked_bytes
from expectations.quality.titles import resource_title
from portal import correcting
from portal.correcting import Handed
from portal.downloads import download
from portal.duty_frame import answering_post, desk_of, own_resource
from portal.entry import Entered
from portal.pages_waiting import UPLOAD_BYTES, waiting_page
from portal.problems import Refused, not_found
from portal.rendering import age, language_of, page
from portal.texts import text

router = APIRouter()
# A reader of a stream takes this much; marking needs the whole in memory, many times over, one at a time.
_UNPACKED_BYTES = 64 * 1024 * 1024
_MARKED_BYTES = 16 * 1024 * 1024
_SHOWN = 300
_marking = threading.Lock()


@router.post("/duty/upload/{name}", name="waiting_upload")
def upload(request: Request, name: str) -> Response:
    """Take a corrected workbook of a resource; what becomes of it is the next page."""
    entered, language = _of(request)
    contract = own_resource(request, name, "waiting_upload")
    post = answering_post(request, contract)
    sent = request.state.form.get("file")
    if not isinstance(sent, UploadFile) or not sent.filename:
        return waiting_page(request, contract, told=text("handed.no_file", language), fault_of="file")
    with sent.file as file:
        content = file.read()
    if fault := _unusable(content, sent.filename):
        told = fault_in_chinese(fault) if language == "zh" else fault
        words = text("handed.unusable", language, what=told.what, expected=told.expected, mend=told.mend)
        return waiting_page(request, contract, told=words, fault_of="file")
    with desk_of(request) as con:
        number = correcting.keep(con, entered.viewer.person, post, name, content)
    correcting.start(number)
    return RedirectResponse(f"/duty/handed-in/{number}", 303)


@router.get("/duty/handed-in/{number:int}", name="handed_in")
def handed_in(request: Request, number: int) -> Response:
    """How far a workbook is: under way, filed, or its faults."""
    entered, language = _of(request)
    found = _found(request, number)
    shown = found.faults[:_SHOWN]
    return page(
        request,
        "handed_in.html.j2",
        section="duty",
        one=found,
        title=resource_title(entered.edition.catalog, found.resource, language),
        age=age(found.asked_at, language),
        faults=shown,
        more=found.count - len(shown),
        fault_text=in_chinese if language == "zh" else str,
        most=UPLOAD_BYTES // 1024 // 1024,
    )


@router.post("/duty/handed-in/{number:int}", name="handed_in")
def drop(request: Request, number: int) -> Response:
    """Forget a workbook with faults before its time."""
    entered, _ = _of(request)
    found = _found(request, number)
    if found.is_under_way:
        return RedirectResponse(request.url.path, 303)
    with desk_of(request) as con:
        correcting.forget(con, entered.viewer.person, number)
    return RedirectResponse(f"/duty/rows/{found.resource}", 303)


@router.get("/duty/handed-in/{number:int}/marked.xlsx", name="handed_in")
def marked_copy(request: Request, number: int) -> Response:
    """The workbook that was handed in, its faults marked in it; to whoever handed it in and still answers for it."""
    entered, language = _of(request)
    found = _found(request, number)
    with desk_of(request) as con:
        content = correcting.workbook(con, entered.viewer.person, number)
    if content is None or not found.faults:
        raise not_found()
    if unpacked_bytes(content) > _MARKED_BYTES:
        raise Refused(413, "too_large_to_mark")
    faults = found.faults
    if language == "zh":
        faults = tuple(fault_in_chinese(one) for one in faults)
    title = resource_title(entered.edition.catalog, found.resource, language)
    with _marking:
        copy = marked(content, faults)
    return download(copy, "xlsx", f"{title}-待纠正-问题", entered.edition.on)


def _found(request: Request, number: int) -> Handed:
    """Return a workbook that the viewer handed in about a resource that the viewer still answers for."""
    entered, _ = _of(request)
    with desk_of(request) as con:
        found = correcting.find(con, entered.viewer.person, number) if number < 2**31 else None
    if found is None:
        raise not_found()
    answering_post(request, own_resource(request, found.resource, "handed_in"))
    return found


def _unusable(content: bytes, name: str) -> SheetFault | None:
    """Return why a file cannot be a workbook that is read; nothing of it is unpacked."""
    try:
        tell_what_it_is(content, name)
    except NotAWorkbookError as error:
        return error.fault
    if unpacked_bytes(content) > _UNPACKED_BYTES:
        most = f"at most {_UNPACKED_BYTES // 1024 // 1024} MB"
        return SheetFault("", 0, "", "the workbook is too large when unpacked", most, "cut it in parts")
    return None


def _of(request: Request) -> tuple[Entered, str]:
    return request.state.entered, language_of(request)
