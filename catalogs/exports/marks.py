"""Chinese on English pages: in English where it is known, else marked, so that a screen reader reads it as Chinese."""

import html
import re
from collections.abc import Callable

_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_IS_CHINESE = re.compile(f"[{_HAN}]")
# Chinese with the signs and figures between, for one mark around all of it.
_PHRASE = re.compile(f"[{_HAN}](?:.*[{_HAN}][。！？”》）]?)?", re.DOTALL)
# A name that stayed as it is within an English sentence.
_QUOTED = re.compile(f"(?<=“)[^”]*[{_HAN}][^”]*(?=”)")
_TAG = re.compile(r"(<[^>]*>)")
_NAME = re.compile(r"<(/?)([a-zA-Z0-9]+)")
# Elements whose content is no text of the page.
_NOT_TEXT = frozenset(("script", "style", "textarea"))
# Elements that hold text only, so that the mark has to stand on them.
_TEXT_ONLY = frozenset(("title", "option"))
_MARK = 'lang="zh-CN"'


def is_chinese(text: str) -> bool:
    """Whether a text has a Chinese character."""
    return _IS_CHINESE.search(text) is not None


def unknown(_: str) -> None:
    """Return the English of a text that nobody knows."""


def marked(page: str, english_of: Callable[[str], str | None] = unknown) -> str:
    """Return an English page with its Chinese in English where that is known, and marked (`lang`) where not.

    Args:
        page: HTML as a template made it, every value escaped.
        english_of: the English of a whole text; None: not known.
    """
    pieces = _TAG.split(page)
    inside, depth, is_left = "", 0, False
    known: dict[str, str | None] = {}
    for place in range(1, len(pieces), 2):
        tag, text = pieces[place], pieces[place + 1]
        found = _NAME.match(tag)
        closing, name = found.groups() if found else ("", "")
        if inside:
            if name == inside:
                depth += -1 if closing else 1
            if depth == 0:
                inside = ""
        elif not closing and (name in (*_NOT_TEXT, "svg") or 'lang="zh' in tag or 'translate="no"' in tag):
            inside, depth, is_left = name, 1, 'translate="no"' not in tag
            if name == "svg" and 'lang="' not in tag:
                pieces[place] = tag.replace("<svg", f"<svg {_MARK}", 1)
        if (inside and is_left) or not is_chinese(text):
            continue
        # Without a value of its own an option sends its text.
        is_sent = name == "option" and "value=" not in tag
        bare, told = text.strip(), None
        if not inside and not is_sent:
            if bare not in known:
                known[bare] = english_of(html.unescape(bare))
            told = known[bare]
        if told is not None:
            english = _QUOTED.sub(lambda one: f"<span {_MARK}>{one[0]}</span>", html.escape(told))
            pieces[place + 1] = text.replace(bare, english, 1)
        elif name in _TEXT_ONLY and not closing:
            pieces[place] = f"{tag[:-1]} {_MARK}>"
        else:
            pieces[place + 1] = _PHRASE.sub(lambda one: f"<span {_MARK}>{one[0]}</span>", text)
    return "".join(pieces)
