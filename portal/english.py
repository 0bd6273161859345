"""The catalog's words on English pages: said in English where somebody has written it, else marked as Chinese.

The catalog is written in Chinese. Many of its names have English beside them in its registers (units, elements, codes,
service items, populations); the words of its closed lists have it in `portal.texts_catalog`. A text is told in English
only as a whole: half a sentence would be none. What stays is data in Chinese and says so (`lang`), so that a screen
reader reads it as such. What people are and said is never put in other words: below `translate="no"` it is only marked.
"""

import html
import re
from collections.abc import Iterable, Mapping

from catalogs.model import Catalog
from portal.texts_catalog import PATTERNS, WORDS
from service.problems import KINDS

_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_IS_CHINESE = re.compile(f"[{_HAN}]")
# Chinese with the signs and figures between, for one mark around all of it.
_PHRASE = re.compile(f"[{_HAN}](?:.*[{_HAN}][。！？”》）]?)?", re.DOTALL)
_TAG = re.compile(r"(<[^>]*>)")
_NAME = re.compile(r"<(/?)([a-zA-Z0-9]+)")
# What parts a text, the widest first, and how English has it.
_BETWEEN = tuple(
    re.compile(f"(\\s*{one}\\s*)")
    for one in ("[；;]", "[：:]", "[，,]", "、", "[()（）《》。/]", r"(?<=\S)\s+(?=\S)")
)
_SIGNS = {
    "、": ", ",
    "，": ", ",
    "；": "; ",
    "：": ": ",
    "。": ". ",
    "（": " (",
    "）": ")",
    "《": " “",
    "》": "” ",
}
# Elements whose content is no text of the page.
_NOT_TEXT = frozenset(("script", "style", "textarea"))
# Elements that hold text only, so that the mark has to stand on them.
_TEXT_ONLY = frozenset(("title", "option"))
_MARK = 'lang="zh-CN"'


def english_names(catalog: Catalog) -> dict[str, str]:
    """Return Chinese → English of the catalog's names and of the words on pages; names of two meanings are left out."""
    found: dict[str, dict[str, str]] = {}
    for chinese, english in _names(catalog):
        if chinese and english:
            found.setdefault(chinese, {})[english.casefold()] = english
    single = {chinese: next(iter(told.values())) for chinese, told in found.items() if len(told) == 1}
    return single | {one.title_zh: one.title_en for one in KINDS.values()} | dict(WORDS)


def _names(catalog: Catalog) -> Iterable[tuple[str, str]]:
    yield catalog.campus.name_zh, catalog.campus.name_en
    for register in (catalog.units, catalog.elements, catalog.populations, catalog.services):
        for one in register.values():
            yield one.name_zh, one.name_en
    for table in catalog.codes.values():
        for row in table.rows.values():
            yield row.name_zh, row.name_en
    # What an item is called means what its element means.
    for resource in catalog.resources.values():
        for item in resource.items:
            if item.element in catalog.elements and item.business_name not in WORDS:
                yield item.business_name, catalog.elements[item.element].name_en


def in_english(page: str, names: Mapping[str, str]) -> str:
    """Return an English page with the catalog's Chinese in English where that is known, and marked where not.

    Args:
        page: HTML as a template made it, every value escaped.
        names: as `english_names` tells them.
    """
    pieces = _TAG.split(page)
    inside, depth, is_left = "", 0, False
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
        if (inside and is_left) or not _IS_CHINESE.search(text):
            continue
        # Without a value of its own an option sends its text.
        is_sent = name == "option" and "value=" not in tag
        told = None if inside or is_sent else _told(html.unescape(text.strip()), names)
        if told is not None:
            pieces[place + 1] = text.replace(text.strip(), html.escape(told), 1)
        elif name in _TEXT_ONLY and not closing:
            pieces[place] = f"{tag[:-1]} {_MARK}>"
        else:
            pieces[place + 1] = _PHRASE.sub(lambda one: f"<span {_MARK}>{one[0]}</span>", text)
    return "".join(pieces)


def _told(text: str, names: Mapping[str, str], level: int = 0) -> str | None:
    """Return a text in English; None if a part of it is known in Chinese only."""
    if not _IS_CHINESE.search(text):
        return text
    if (whole := _word(text, names)) or level == len(_BETWEEN):
        return whole
    pieces = _BETWEEN[level].split(text)
    parts = [_told(piece, names, level + 1) for piece in pieces[::2]]
    signs = [_SIGNS.get(sign.strip(), sign) for sign in pieces[1::2]]
    if None in parts:
        return None
    return "".join(f"{part}{sign}" for part, sign in zip(parts, [*signs, ""], strict=True)).strip()


def _word(text: str, names: Mapping[str, str]) -> str | None:
    if text in names:
        return names[text]
    for pattern, english in PATTERNS:
        if found := pattern.fullmatch(text):
            own = names.get(found[1], found[1])
            return None if _IS_CHINESE.search(own) else english.format(own)
    return None
