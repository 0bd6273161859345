"""A form as somebody had filled it in: what was typed stands in it again, whatever the page that shows it.

Every page that shows a form after it could not be taken passes here, so that no form can forget what was typed. Hidden
fields are the page's own, and files and passwords have to be given again.
"""

import html
import re
from collections.abc import Sequence

from portal.drafts import Draft

_TAG = re.compile(r"<(/?)(form|input|textarea|select|option)\b([^>]*)>")
_NOT_TYPED = frozenset(("hidden", "file", "password", "submit"))
_CHOSEN = frozenset(("checkbox", "radio"))


def refilled(page: str, draft: Draft, before: str = "") -> str:
    """Return a page whose form for a draft's action, the first if there are two, holds what the draft says.

    Args:
        page: HTML as a template made it, every value escaped, every attribute in double quotes.
        draft: what was typed.
        before: HTML that stands before that form.
    """
    pieces: list[str] = []
    inside, is_done, chosen, place = False, False, None, 0
    values: Sequence[str] | None
    for found in _TAG.finditer(page):
        if found.start() < place:
            continue
        closing, name, attributes = found.groups()
        pieces.append(page[place : found.start()])
        tag, place = found[0], found.end()
        if name == "form":
            is_it = not closing and not is_done and _told(attributes, "action") == draft.action
            inside = is_it and _told(attributes, "method") == "post"
            is_done = is_done or inside
            tag = before + tag if inside else tag
        elif not inside:
            pass
        elif name == "select":
            chosen = None if closing else draft.fields.get(_told(attributes, "name"))
        elif name == "option" and not closing and chosen is not None:
            text = html.unescape(page[place : page.find("<", place)])
            own = _told(attributes, "value") if "value=" in attributes else text
            tag = _marked(tag, "selected", own in chosen)
        elif name == "textarea" and not closing:
            values = draft.fields.get(_told(attributes, "name"))
            if values is not None:
                end = page.index("</textarea>", place)
                # A browser leaves out a line break right behind the tag.
                tag, place = f"{tag}\n{html.escape(values[-1], quote=False)}", end
        elif name == "input":
            kind, values = _told(attributes, "type"), draft.fields.get(_told(attributes, "name"))
            if kind in _CHOSEN:
                tag = _marked(tag, "checked", _told(attributes, "value") in (values or ()))
            elif kind not in _NOT_TYPED and values is not None:
                tag = re.sub(r' value="[^"]*"', "", tag)
                tag = f'{tag[:-1]} value="{html.escape(values[-1])}">'
        pieces.append(tag)
    return "".join((*pieces, page[place:]))


def _told(attributes: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', attributes)
    return html.unescape(found[1]) if found else ""


def _marked(tag: str, mark: str, is_so: bool) -> str:
    bare = re.sub(rf"\s{mark}(?=[\s>])", "", tag)
    return f"{bare[:-1]} {mark}>" if is_so else bare
