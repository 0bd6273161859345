"""The catalog's words on English pages: said in English where somebody has written it, else marked as Chinese.

The catalog is written in Chinese. Its registers may have English beside it (`nameEn`), and a column's own name is
English; the words of its closed lists have it in `portal.texts_catalog`. A text is told in English only as a whole, but
for names in 《》 in it: half a sentence would be none. What stays is data in Chinese and says so (`lang`), so that a
screen reader reads it as such. What people are and said is never put in other words: below `translate="no"` it is only
marked.
"""

import re
from collections.abc import Iterable, Mapping
from functools import partial

from catalogs.counting import filled
from catalogs.exports.marks import is_chinese, marked
from catalogs.model import Catalog
from catalogs.views import item_name
from portal.texts_catalog import PATTERNS, WORDS
from portal.texts_lists import CLAUSES, REASONS
from service.problems import KINDS

# What parts a text, the widest first, and how English has it.
_BETWEEN = tuple(
    re.compile(f"(\\s*{one}\\s*)")
    for one in (
        "[；;]",
        r"(?:(?<!\d)[：:]|[：:](?!\d))",
        "[，,]",
        "、",
        "[()（）《》。/]",
        r"(?<=\S)\s+(?=\S)",
    )
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
_PATTERNS = (*PATTERNS, *REASONS)
# One look for all of them: most texts are none, and a page has thousands.
_IS_PATTERN = re.compile("|".join(f"(?:{pattern.pattern})" for pattern, _ in _PATTERNS))


def english_names(catalog: Catalog) -> dict[str, str]:
    """Return Chinese → English of the catalog's names and of the words on pages; names of two meanings are left out.

    What a register calls something goes before what a code table or a column does.
    """
    found = _single(_columns(catalog)) | _single(_codes(catalog)) | _single(_registers(catalog))
    return found | {one.title_zh: one.title_en for one in KINDS.values()} | dict(CLAUSES) | dict(WORDS)


def _single(names: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, dict[str, str]] = {}
    for chinese, english in names:
        if chinese and english:
            found.setdefault(chinese, {})[english.casefold()] = english
    return {chinese: next(iter(told.values())) for chinese, told in found.items() if len(told) == 1}


def _registers(catalog: Catalog) -> Iterable[tuple[str, str]]:
    yield catalog.campus.name_zh, catalog.campus.name_en
    for register in (catalog.units, catalog.elements, catalog.populations, catalog.services, catalog.codes):
        for one in register.values():
            yield one.name_zh, one.name_en
    for kind in catalog.certificates.values():
        yield kind.name_zh, kind.name_en
        for purpose in kind.purposes:
            yield purpose.name_zh, purpose.name_en
    for resource in catalog.resources.values():
        yield resource.business_name, str(resource.properties.get("nameEn") or "")
    for material in catalog.materials.values():
        yield material.name_zh, str(material.raw.get("nameEn") or "")
    for power in catalog.powers.values():
        yield power.name_zh, str(power.raw.get("nameEn") or "")
    for service in catalog.services.values():
        for step in service.steps:
            yield step.name_zh, str(step.raw.get("nameEn") or "")


def _codes(catalog: Catalog) -> Iterable[tuple[str, str]]:
    for table in catalog.codes.values():
        for row in table.rows.values():
            yield row.name_zh, row.name_en


def _columns(catalog: Catalog) -> Iterable[tuple[str, str]]:
    for resource in catalog.resources.values():
        for item in resource.items:
            yield item.business_name, item_name(catalog, item, "en")


def english_of(text: str, names: Mapping[str, str]) -> str:
    """Return a text of the catalog in English, and as it is where a part of it is known in Chinese only."""
    return told_in_english(text, names) or text


def in_english(page: str, names: Mapping[str, str]) -> str:
    """Return an English page with the catalog's Chinese in English where that is known, and marked where not.

    Args:
        page: HTML as a template made it, every value escaped.
        names: as `english_names` tells them.
    """
    return marked(page, partial(told_in_english, names=names))


def told_in_english(text: str, names: Mapping[str, str], level: int = 0) -> str | None:
    """Return a text in English; None if a part of it is known in Chinese only."""
    if not is_chinese(text):
        return text
    if text.endswith("。"):
        said = told_in_english(text[:-1], names)
        return said and f"{said}."
    if whole := _word(text, names):
        return whole
    for place in range(level, len(_BETWEEN)):
        pieces = _BETWEEN[place].split(text)
        if len(pieces) > 1:
            break
    else:
        return None
    parts = [told_in_english(piece, names, place + 1) for piece in pieces[::2]]
    signs = [_SIGNS.get(sign.strip(), sign) for sign in pieces[1::2]]
    opened = [False, *(sign.strip() == "《" for sign in pieces[1::2])]
    parts = [piece if is_name and part is None else part for piece, part, is_name in
             zip(pieces[::2], parts, opened, strict=True)]  # fmt: skip
    if None in parts:
        return None
    return "".join(f"{part}{sign}" for part, sign in zip(parts, [*signs, ""], strict=True)).strip()


def _word(text: str, names: Mapping[str, str]) -> str | None:
    if text in names:
        return names[text]
    if not _IS_PATTERN.fullmatch(text):
        return None
    for pattern, english in _PATTERNS:
        if found := pattern.fullmatch(text):
            groups = [told_in_english(group, names) for group in found.groups()]
            # What stands in “” is a name, which may stay as it is.
            parts = [
                group if part is None and f"“{{{place}}}”" in english else part
                for place, (group, part) in enumerate(zip(found.groups(), groups, strict=True))
            ]
            if None not in parts:
                return filled(english, *parts)
    return None
