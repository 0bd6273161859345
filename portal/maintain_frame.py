"""The frame that the pages of maintenance share: their tabs, and faults of forms in the reader's language."""

from typing import Any

from fastapi import Request, Response

from catalogs.forms.fault_words import in_chinese
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
