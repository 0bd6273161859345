"""The frame that the pages of maintenance share: their tabs, and what is wrong in the reader's language."""

from typing import Any

from fastapi import Request, Response

from catalogs.changes.edit_words import line_in_words, place_in_words
from catalogs.changes.proposing import Prepared
from catalogs.faults import Fault
from catalogs.forms.fault_words import in_chinese
from catalogs.model import Catalog
from catalogs.rules import ERROR
from catalogs.rules_zh import fault_in_chinese
from portal.access import decide
from portal.rendering import language_of, page

_TABS = ("maintain", "propose", "publish", "versions")


def typed_texts(request: Request) -> dict[str, str]:
    """Return what was typed into a form, field → text, without the sign that no text holds and blanks around."""
    return {
        name: value.replace("\x00", "").strip()
        for name, value in request.state.form.items()
        if isinstance(value, str)
    }


def hindrances(prepared: Prepared, catalog: Catalog, language: str) -> list[tuple[str, str]]:
    """Return why something cannot be proposed: in the reader's language, and beside it the check's own wording."""
    missing = prepared.route.missing if prepared.route and not prepared.route.refused else ()
    moved, nobody = (
        (
            "{place}：此处已被改动，请按现行版本重新提出。",
            "有环节没有可作决定的岗位，请先在 units.csv 或 campus.yaml 中写明。",
        )
        if language == "zh"
        else ("{place}: this was changed meanwhile; propose it anew by the present version.", "")
    )
    return [
        *(
            (moved.format(place=place_in_words(one.edit, catalog, language)), f"{one.edit.place}: {one.why}")
            for one in prepared.conflicts
        ),
        *(_fault(one, prepared, catalog, language) for one in prepared.faults if one.severity == ERROR),
        *((nobody, one) if nobody else (one, "") for one in missing),
    ]


def notes(prepared: Prepared, catalog: Catalog, language: str) -> list[tuple[str, str]]:
    """Return what the check has to remark without forbidding anything; as `hindrances`."""
    left_out = "文件中写的决定未采用：决定只在此作出。" if language == "zh" else ""
    return [
        *((left_out, one) if left_out else (one, "") for one in prepared.notes),
        *(_fault(one, prepared, catalog, language) for one in prepared.faults if one.severity != ERROR),
    ]


def _fault(fault: Fault, prepared: Prepared, catalog: Catalog, language: str) -> tuple[str, str]:
    """Return a breach by the entry that it is about, and beside it file, line and what the check says of them."""
    content = prepared.files.get(fault.file)
    place = line_in_words(fault.file, content, fault.line, catalog, language) if content else ""
    where = f"{fault.file}:{fault.line}"
    if language == "zh":
        return fault_in_chinese(fault, place), f"{where} {fault.what}"
    if not place:
        return str(fault), ""
    tail = f"; {fault.mend}" if fault.mend else ""
    return f"{place}: {fault.what} – {fault.why}{tail}", f"{where} [{fault.rule}]"


def maintain_page(request: Request, template: str, status: int = 200, **told: Any) -> Response:
    """Return a page of maintenance; arguments as of `portal.rendering.page`."""
    viewer = request.state.entered.viewer
    return page(
        request,
        template,
        status,
        section="maintain",
        may=[name for name in _TABS if decide(viewer, name).is_allowed],
        fault_text=in_chinese if language_of(request) == "zh" else str,
        **told,
    )
