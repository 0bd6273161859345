"""What has arrived in a drop folder: which files match, which are whole, which are new.

A file is taken once, by its content. A file that is still being written waits; one that was already
taken is skipped and said so, and so is one with other content that was last changed before it; a corrected file of a
day is taken again and replaces that day.
"""

import hashlib
import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path, PurePosixPath

from connectors.base import SourceRefused
from connectors.places import Found, Place

SAME, UNTOUCHED = "the same content was already taken", "nobody has touched it since"
OLDER, SUPERSEDED = "older than what was already taken", "superseded by a newer file"
_SETTLE_S = 2.0
_CHUNK = 1 << 20
_PLACEHOLDERS = {
    "date": r"(?P<date>\d{4}[-_.]?\d{2}[-_.]?\d{2})",
    "month": r"(?P<month>\d{4}[-_.]?\d{2})",
    "term": r"(?P<term>\d{4}-\d{4}-\d)",
    "*": r".*?",
}
_UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart")
# What office programs keep beside a file that somebody has open, and what a Mac leaves everywhere.
_NOT_DELIVERED = ("~$", ".")


@dataclass(frozen=True)
class Arrival:
    """One partition that has arrived: usually one file.

    Attributes:
        partition: day, month or term in the file's name; empty if the name has none.
        paths: its files, by name, where they can be read on this machine.
        digest: of their content, then size and time, which spare reading them again only to find them equal.
    """

    partition: str
    paths: tuple[Path, ...]
    digest: str


@dataclass(frozen=True)
class Listing:
    """What `look` found: the new arrivals in order of partition, and what was left alone and why."""

    arrivals: tuple[Arrival, ...]
    skipped: tuple[tuple[str, str], ...]


def look(
    place: Place,
    pattern: str,
    seen: Mapping[str, str],
    latest_only: bool,
    done_marker: str = "",
    settle_s: float = _SETTLE_S,
    wanted: Callable[[str], bool] = lambda partition: True,
    closed_before: str | None = None,
) -> Listing:
    """List the new files of one resource; those that lie elsewhere are fetched.

    Args:
        place: drop folder.
        pattern: file name relative to it; `{date}`, `{month}`, `{term}` become the partition, `{*}` is
            anything (files of one partition are then read together, once all that are there are whole).
        seen: partition → digest already taken; `latest_only` keeps its one digest under ''.
        latest_only: each file is the whole resource, so only the newest partition counts.
        done_marker: suffix of a marker file that must stand beside each file, for example `.done`.
        settle_s: a file changed less than this many seconds ago is looked at again after that time.
        wanted: which partitions are asked for; others are not even fetched.
        closed_before: a partition before this one that was taken is not taken again; that its file changed is said.

    Raises:
        SourceRefused: two files claim one partition.
        SourceUnavailable: the place cannot be reached, or a file could not be fetched to its end.
    """
    whole, skipped = _whole_files(place, pattern, done_marker, settle_s)
    partitions = sorted(filter(wanted, whole))
    if latest_only and partitions:
        skipped += [(partition, SUPERSEDED) for partition in partitions[:-1]]
        partitions = partitions[-1:]
    arrivals = []
    for partition in partitions:
        files = whole[partition]
        before = seen.get("" if latest_only else partition, "")
        label = partition if latest_only else ""
        if latest_only and partition < before.partition("/")[0]:
            skipped.append((partition, OLDER))
            continue
        stamp = _stamp(files)
        if stamp and before.startswith(f"{label}/") and before.endswith(f"/{stamp}"):
            skipped.append((partition, f"{files[0].name}: {SAME}; {UNTOUCHED}"))
            continue
        if before and closed_before and partition < closed_before:
            reason = f"{files[0].name}: changed after {partition} was closed; asked for by name it is read"
            skipped.append((partition, reason))
            continue
        fetched = [place.fetch(found) for found in files]
        here = [paths for paths in fetched if paths is not None]
        if len(here) < len(files):
            skipped += [
                (partition, _waits(one)) for one, paths in zip(files, fetched, strict=True) if paths is None
            ]
            continue
        digest = f"{label}/{_sha256(path for paths in here for path in paths)}/{stamp}"
        if _same(digest, before):
            skipped.append((partition, f"{files[0].name}: {SAME}"))
        elif latest_only and _is_older(stamp, before):
            skipped.append((partition, f"{files[0].name}: {OLDER}"))
        else:
            arrivals.append(Arrival(partition, tuple(paths[0] for paths in here), digest))
    return Listing(tuple(arrivals), tuple(skipped))


def _whole_files(
    place: Place, pattern: str, done_marker: str, settle_s: float
) -> tuple[dict[str, list[Found]], list[tuple[str, str]]]:
    """Return partition → its files that are whole, and (partition, why) of those that are not."""
    folder, _, file_pattern = pattern.rpartition("/")
    found, waiting, skipped = _candidates(place.entries(folder), file_pattern, done_marker)
    found, growing = _settled(place, folder, found, settle_s)
    waiting += [(partition, _waits(one)) for partition, one in growing]
    if "{*}" in pattern:
        # One file of several is not the partition: what is there already waits for the rest.
        incomplete = {partition for partition, _ in waiting}
        found = [(partition, one) for partition, one in found if partition not in incomplete]
    whole: dict[str, list[Found]] = {}
    for partition, one in found:
        whole.setdefault(partition, []).append(one)
    for partition, files in whole.items():
        if len(files) > 1 and "{*}" not in pattern:
            raise SourceRefused(
                f"{pattern}: {' and '.join(one.name for one in files)} both claim to be {partition or 'it'}; "
                f"nothing was read. Remove one of them"
            )
    return whole, skipped + waiting


def _candidates(
    entries: Sequence[Found], pattern: str, done_marker: str
) -> tuple[list[tuple[str, Found]], list[tuple[str, str]], list[tuple[str, str]]]:
    """Return (partition, file) of what matches; (partition, why) of what must wait, and of what never counts."""
    expression = _expression(pattern)
    names = {entry.name for entry in entries}
    found: list[tuple[str, Found]] = []
    waiting: list[tuple[str, str]] = []
    skipped: list[tuple[str, str]] = []
    for entry in entries:
        name = entry.name
        unfinished = next((suffix for suffix in _UNFINISHED if name.endswith(suffix)), "")
        match = expression.fullmatch(name.removesuffix(unfinished))
        if match is None or name.startswith(_NOT_DELIVERED):
            continue
        partition = _partition(match)
        if partition is None:
            skipped.append(("", f"{name}: the date in its name is not a date"))
        elif unfinished:
            waiting.append((partition, f"{name}: half-written; it waits"))
        elif done_marker and names.isdisjoint({name + done_marker, PurePosixPath(name).stem + done_marker}):
            waiting.append((partition, f"{name}: its {done_marker} marker is not there yet; it waits"))
        else:
            found.append((partition, replace(entry, beside=_beside(entry, entries))))
    return found, waiting, skipped


def _expression(pattern: str) -> re.Pattern[str]:
    text = unicodedata.normalize("NFC", pattern)
    parts = re.split(r"(\{(?:date|month|term|\*)\})", text)
    return re.compile("".join(_PLACEHOLDERS[p[1:-1]] if p.startswith("{") else re.escape(p) for p in parts))


def _partition(match: re.Match[str]) -> str | None:
    """ISO form of the placeholder in a file's name; '' without one; None if it is no date."""
    groups = match.groupdict()
    if term := groups.get("term"):
        return term
    digits = re.sub(r"\D", "", groups.get("date") or groups.get("month") or "")
    if not digits:
        return ""
    try:
        day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:] or "1"))
    except ValueError:
        return None
    return day.isoformat()[: 10 if groups.get("date") else 7]


def _settled(
    place: Place, folder: str, found: list[tuple[str, Found]], settle_s: float
) -> tuple[list[tuple[str, Found]], list[tuple[str, Found]]]:
    """Split off files that change while we look; waits at most `settle_s`, and only if a file is fresh."""
    youngest = max((one.changed_at or 0.0 for _, one in found), default=0.0)
    wait_s = min(settle_s, settle_s - (time.time() - youngest))
    if wait_s <= 0:
        return found, []
    time.sleep(wait_s)
    after = set(place.entries(folder))
    still = [(partition, one) for partition, one in found if after.issuperset(one.all)]
    return still, [(partition, one) for partition, one in found if not after.issuperset(one.all)]


def _waits(found: Found) -> str:
    return f"{found.name}: still growing; it waits"


def _beside(entry: Found, entries: Sequence[Found]) -> tuple[Found, ...]:
    """The memo file of a DBF table, which is a part of it."""
    stem, _, suffix = entry.name.casefold().rpartition(".")
    if suffix != "dbf":
        return ()
    return tuple(one for one in entries if one.name.casefold() in (f"{stem}.fpt", f"{stem}.dbt"))


def _stamp(files: Sequence[Found]) -> str:
    """Size and time of all files; empty if the place does not tell when a file changed."""
    every = [one for found in files for one in found.all]
    return ",".join(f"{one.size}:{one.stamp}" for one in every) if all(one.stamp for one in every) else ""


def _is_older(stamp: str, before: str) -> bool:
    """Whether other content was last changed before that which was taken; times are told by some places only."""
    moments = [_moments(stamp), _moments(before.rpartition("/")[2])]
    return all(moments) and max(moments[0]) < max(moments[1])


def _moments(stamp: str) -> list[int]:
    marks = [one.rpartition(":")[2] for one in stamp.split(",")]
    return [int(mark) for mark in marks] if all(mark.isdigit() for mark in marks) else []


def _sha256(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _same(digest: str, before: str) -> bool:
    return digest.split("/")[1:2] == before.split("/")[1:2]
