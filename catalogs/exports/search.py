"""The index that the site's search box reads: names, and their pinyin initials as they may be typed.

A character that is read in two ways is spelt with both initials, `z[cz]m`, unless the phrase around it decides.
The index is a script, not JSON: pages opened from a folder may load scripts and nothing else.
"""

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from pypinyin import Style, pinyin


class Entry(NamedTuple):
    """One thing that can be found; in the order in which search.js reads it.

    Attributes:
        kind: what it is, in Chinese.
        title: its name.
        code: its code.
        unit: whose it is.
        page: address of its page below the site's root.
        initials: of its name; see `initials`.
        more: further texts in which a substring is looked for.
    """

    kind: str
    title: str
    code: str
    unit: str
    page: str
    initials: str
    more: str


@lru_cache(maxsize=100_000)
def initials(text: str) -> str:
    """Return the pinyin initials of a name, lower case: 重修 → cx, 行 → [hx]; Latin letters and digits stay."""
    spelt = []
    for readings in pinyin(text, style=Style.FIRST_LETTER, heteronym=True, errors=_typed):
        letters = sorted({reading.lower() for reading in readings if reading})
        if len(letters) > 1:
            spelt.append(f"[{''.join(letters)}]")
        else:
            spelt += letters
    return "".join(spelt)


def _typed(text: str) -> str:
    """Return what is not Chinese as it would be typed: letters and digits, without signs."""
    return "".join(letter for letter in text if letter.isalnum())


def index_script(entries: Iterable[Entry]) -> str:
    """Return the index as a script that sets `yiciIndex`, one entry a line."""
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    return f"window.yiciIndex = [\n{lines}\n];\n"
