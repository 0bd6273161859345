"""From a line of a content file to what stands there: which entry, and which part of it.

A check tells a line, since whoever writes files wants one; whoever changes the catalog by forms knows entries only.
"""

from collections.abc import Sequence
from typing import Any

from catalogs.changes.content import entry_codes, is_csv, read_rows, row_codes, wrapper_of
from catalogs.changes.paths import Member, Part, member_ids
from catalogs.faults import CatalogError, Faults
from catalogs.lined_yaml import LinedDict, LinedList, read_yaml


def place_at(file: str, content: bytes, line: int) -> tuple[str, tuple[Part, ...]] | None:
    """Return the code of the entry at a line ("" in a file that is one entry) and the part of it, () for all of it.

    None: no entry stands there, or the file is not well-formed.
    """
    try:
        return _row_at(file, content, line) if is_csv(file) else _member_at(file, content, line)
    except CatalogError:
        return None


def _row_at(file: str, content: bytes, line: int) -> tuple[str, tuple[Part, ...]] | None:
    rows = read_rows(file, content)
    if not rows:
        return None
    codes = row_codes(file, rows[0].cells, [row.cells for row in rows[1:]])
    last = 0
    for code, row in zip((None, *codes), rows, strict=True):
        last += row.text.count("\n") or 1
        if line <= last:
            return None if code is None else (code, ())
    return None


def _member_at(file: str, content: bytes, line: int) -> tuple[str, tuple[Part, ...]] | None:
    data = read_yaml(content, file, Faults())
    wrapper = wrapper_of(data)
    members = data[wrapper] if wrapper else data
    if not isinstance(members, LinedList):
        return ("", _part_at(data, line)) if isinstance(members, LinedDict) else None
    at = _last(members.lines, line)
    return None if at is None else (entry_codes(members)[at], _part_at(members[at], line))


def _part_at(data: Any, line: int) -> tuple[Part, ...]:
    """Return the address of the innermost part that begins at or before a line.

    Where a mapping begins, the line is that of its first key, too: the mapping is meant.
    """
    parts: list[Part] = []
    while isinstance(data, LinedDict) and line > data.line:
        keys = list(data.lines)
        at = _last([data.lines[key] for key in keys], line)
        if at is None:
            break
        key = keys[at]
        parts.append(key)
        data = data.get(key)
        if isinstance(data, LinedList):
            ids, member = member_ids(key, data), _last(data.lines, line)
            if ids is None or member is None:
                break
            parts.append(Member(ids[member]))
            data = data[member]
    return tuple(parts)


def _last(lines: Sequence[int], line: int) -> int | None:
    """Return which of several is the last that begins at or before a line."""
    return max(
        (at for at, begins in enumerate(lines) if begins <= line), key=lambda at: lines[at], default=None
    )
