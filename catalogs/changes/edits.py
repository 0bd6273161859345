"""A change as data: edits of fields of entries, how they are found, applied and merged.

An edit names what stood there before, so that two people's edits of one entry merge where they concern different
fields, and are a named conflict where they concern the same one: nothing is ever overwritten.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalogs.changes import content, paths, rewrite
from catalogs.changes.content import read_content
from catalogs.changes.paths import Member, PathError, field_of, parts_of, same, shared_ids

Files = Mapping[str, bytes]
ORDER = "[]"


@dataclass(frozen=True)
class Edit:
    """One field that is to change.

    Attributes:
        file: path in the campus folder, relative, POSIX.
        entry: code of the entry in a list or CSV file; empty where the file is one entry.
        field: address in the entry (`catalogs.changes.paths`); empty: the whole entry.
        old: plain data that stood there; None: nothing.
        new: plain data that shall stand there; None: nothing.
    """

    file: str
    entry: str
    field: str
    old: Any
    new: Any

    @property
    def place(self) -> str:
        """Where, for people: file, entry, field."""
        return " ".join(part for part in (self.file, self.entry, self.field) if part)


@dataclass(frozen=True)
class Conflict:
    """An edit that cannot be made, because somebody else changed the same place.

    Attributes:
        edit: what was to be made; its `old` is what both started from.
        found: what stands there instead; None: nothing.
        why: in words.
    """

    edit: Edit
    found: Any
    why: str

    def __str__(self) -> str:
        return f"{self.edit.place}: {self.why}"


@dataclass(frozen=True)
class Merged:
    """Files with the edits that could be made, and the conflicts of those that could not."""

    files: dict[str, bytes]
    conflicts: tuple[Conflict, ...]


class ConflictError(Exception):
    """Edits cannot be made; no file was changed.

    Attributes:
        conflicts: every one of them.
    """

    def __init__(self, conflicts: Iterable[Conflict]):
        self.conflicts = tuple(conflicts)
        super().__init__(
            "\n".join(["these edits cannot be made; nothing was changed", *map(str, self.conflicts)])
        )


def edits_between(old_files: Files, new_files: Files) -> tuple[Edit, ...]:
    """Return the edits that make the old files mean what the new ones mean; comments and layout mean nothing.

    Raises:
        CatalogError: a file that differs is not well-formed.
    """
    edits: list[Edit] = []
    for file in sorted(old_files.keys() | new_files.keys()):
        if old_files.get(file) != new_files.get(file):
            old = read_content(file, old_files.get(file)).entries
            new = read_content(file, new_files.get(file)).entries
            edits += entry_edits(file, old, new)
    return tuple(edits)


def entry_edits(file: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Edit]:
    """Return the edits between two states of one file's entries (code → plain data).

    The order of entries means nothing, but in the calendar, where a later row replaces the days of an earlier one.
    """
    edits: list[Edit] = []
    for code in [*old, *(code for code in new if code not in old)]:
        before, after = old.get(code), new.get(code)
        if before is None or after is None:
            edits.append(Edit(file, code, "", before, after))
        else:
            edits += (
                Edit(file, code, field_of(way), was, now) for way, was, now in _between(before, after, ())
            )
    if file == content.CALENDAR:
        order = _order_edit(list(old), list(new))
        edits += [Edit(file, "", ORDER, *order)] if order else []
    return edits


def apply(files: Files, edits: Iterable[Edit]) -> dict[str, bytes]:
    """Return the files with the edits made; what they do not touch stays as written, comments included.

    An edit that is already made is passed over.

    Raises:
        ConflictError: what an edit says stood there does not stand there.
        CatalogError: a file is not well-formed.
    """
    merged = rebase(files, edits)
    if merged.conflicts:
        raise ConflictError(merged.conflicts)
    return merged.files


def merge(base: Files, ours: Files, theirs: Files) -> Merged:
    """Return our files with what they changed since the base; where both changed one field otherwise, ours stays.

    Raises:
        CatalogError: a file is not well-formed.
    """
    return rebase(ours, edits_between(base, theirs))


def rebase(files: Files, edits: Iterable[Edit]) -> Merged:
    """Make the edits that can be made, and name the others.

    Raises:
        CatalogError: a file is not well-formed.
    """
    by_file: dict[str, list[Edit]] = {}
    for edit in edits:
        by_file.setdefault(edit.file, []).append(edit)
    result = dict(files)
    conflicts: list[Conflict] = []
    for file, wanted in by_file.items():
        before = read_content(file, files.get(file))
        after = dict(before.entries)
        for edit in wanted:
            conflicts += _make(after, edit)
        if same(after, before.entries) and list(after) == list(before.entries):
            continue
        if after:
            result[file] = rewrite.write(file, files.get(file), before, after)
        else:
            del result[file]
    return Merged(dict(sorted(result.items())), tuple(conflicts))


def _make(entries: dict[str, Any], edit: Edit) -> list[Conflict]:
    """Make one edit in place and return none, or leave the entries and say why; an entry is copied first."""
    if edit.field == ORDER and not edit.entry:
        return _reorder_entries(entries, edit)
    found = entries.get(edit.entry)
    if not edit.field:
        if same(found, edit.new):
            return []
        if edit.old is None and isinstance(found, dict) and isinstance(edit.new, dict):
            return _add_both(entries, edit)
        if not same(found, edit.old):
            return [Conflict(edit, found, _why(edit, found))]
        if edit.new is None:
            del entries[edit.entry]
        else:
            entries[edit.entry] = edit.new
        return []
    try:
        parts = parts_of(edit.field)
        if found is None:
            raise PathError("the entry is not there")
        there = paths.look(found, parts)
    except PathError as error:
        return [Conflict(edit, None, str(error))]
    if same(there, edit.new):
        return []
    is_order = parts[-1] == Member(None)
    if not (_orders_agree(edit, there) if is_order else same(there, edit.old)):
        return [Conflict(edit, there, _why(edit, there))]
    entries[edit.entry] = changed = copy.deepcopy(found)
    paths.put(changed, parts, copy.deepcopy(edit.new))
    return []


def _add_both(entries: dict[str, Any], edit: Edit) -> list[Conflict]:
    """Both sides added one entry: what only one of them says joins, unless they differ in anything."""
    joined = dict(entries)
    conflicts = []
    for way, _, value in _between({}, edit.new, ()):
        conflicts += _make(joined, Edit(edit.file, edit.entry, field_of(way), None, value))
    if not conflicts:
        entries[edit.entry] = joined[edit.entry]
    return conflicts


def _reorder_entries(entries: dict[str, Any], edit: Edit) -> list[Conflict]:
    there = list(entries)
    if not _orders_agree(edit, there):
        return [Conflict(edit, there, _why(edit, there))]
    rank = {code: number for number, code in enumerate(edit.new)}
    for code in sorted(there, key=lambda code: rank.get(code, len(rank))):
        entries[code] = entries.pop(code)
    return []


def _why(edit: Edit, found: Any) -> str:
    if edit.old is None:
        return "somebody else added it, with another content"
    if found is None:
        return "somebody else removed it"
    return "somebody else changed it, too"


def _between(
    old: Any, new: Any, way: tuple[paths.Part, ...]
) -> Iterable[tuple[tuple[paths.Part, ...], Any, Any]]:
    if same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _between(old.get(key), new.get(key), (*way, key))
        return
    name = way[-1] if way and isinstance(way[-1], str) else ""
    ids = shared_ids(name, old, new)
    if ids is None:
        yield way, old, new
        return
    was, now = ids
    before, after = dict(zip(was, old, strict=True)), dict(zip(now, new, strict=True))
    for one in [*was, *(one for one in now if one not in before)]:
        yield from _between(before.get(one), after.get(one), (*way, Member(one)))
    order = _order_edit(was, now)
    if order:
        yield (*way, Member(None)), *order


def _order_edit(old: Sequence[str], new: Sequence[str]) -> tuple[list[str], list[str]] | None:
    """The order before and after, if it is not what keeping the old one and adding at the end gives."""
    kept = [one for one in old if one in set(new)]
    added = [one for one in new if one not in set(old)]
    return None if kept + added == list(new) else (list(old), list(new))


def _orders_agree(edit: Edit, there: Sequence[str]) -> bool:
    """Whether the members that stood there before still stand in the old order, or already in the new one."""
    if not isinstance(edit.old, list) or not isinstance(edit.new, list):
        return False
    ordered = [[one for one in there if one in set(known)] for known in (edit.old, edit.new)]
    return ordered[0] == [one for one in edit.old if one in set(there)] or ordered[1] == [
        one for one in edit.new if one in set(there)
    ]
