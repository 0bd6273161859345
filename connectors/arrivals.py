"""What has arrived in a drop folder: which files match, which are whole, which are new.

A file is taken once, by its content. A file that is still being written waits; one that was already
taken is skipped and said so; a corrected file of a day is taken again and replaces that day.
"""

import hashlib
import re
import time
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from connectors.base import SourceRefused

_SETTLE_S = 2.0
_CHUNK = 1 << 20
_PLACEHOLDERS = {
    "date": r"(?P<date>\d{4}[-_.]?\d{2}[-_.]?\d{2})",
    "month": r"(?P<month>\d{4}[-_.]?\d{2})",
    "term": r"(?P<term>\d{4}-\d{4}-\d)",
    "*": r".*?",
}
_UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart")


@dataclass(frozen=True)
class Arrival:
    """One partition that has arrived: usually one file.

    Attributes:
        partition: day, month or term in the file's name; empty if the name has none.
        paths: its files, by name.
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
    root: Path,
    pattern: str,
    seen: Mapping[str, str],
    latest_only: bool,
    done_marker: str = "",
    settle_s: float = _SETTLE_S,
    again: str | None = None,
) -> Listing:
    """List the new files of one resource.

    Args:
        root: drop folder.
        pattern: file name relative to it; `{date}`, `{month}`, `{term}` become the partition, `{*}` is
            anything (files of one partition are then read together).
        seen: partition → digest already taken; `latest_only` keeps its one digest under ''.
        latest_only: each file is the whole resource, so only the newest partition counts.
        done_marker: suffix of a marker file that must stand beside each file, for example `.done`.
        settle_s: a file changed less than this many seconds ago is looked at again after that time.
        again: partition to take although it was taken before.

    Raises:
        SourceRefused: two files claim one partition.
    """
    found, skipped = _candidates(root, pattern, done_marker)
    found, growing = _settled(found, settle_s)
    skipped += [(path.name, "still growing; it waits") for path in growing]
    by_partition: dict[str, list[Path]] = {}
    for path, partition in sorted(found.items()):
        by_partition.setdefault(partition, []).append(path)
    for partition, paths in by_partition.items():
        if len(paths) > 1 and "{*}" not in pattern:
            raise SourceRefused(
                f"{pattern}: {' and '.join(path.name for path in paths)} both claim to be {partition or 'it'}; "
                f"nothing was read. Remove one of them"
            )
    partitions = sorted(by_partition)
    if latest_only and partitions:
        skipped += [(partition, "superseded by a newer file") for partition in partitions[:-1]]
        partitions = partitions[-1:]
    arrivals = []
    for partition in partitions:
        key = "" if latest_only else partition
        digest = _digest(by_partition[partition], partition if latest_only else "", seen.get(key, ""))
        if partition != again and _same(digest, seen.get(key, "")):
            skipped.append(
                (partition, f"{by_partition[partition][0].name}: the same content was already taken")
            )
        elif latest_only and partition < seen.get("", "").partition("/")[0]:
            skipped.append((partition, "older than what was already taken"))
        else:
            arrivals.append(Arrival(partition, tuple(by_partition[partition]), digest))
    return Listing(tuple(arrivals), tuple(skipped))


def _candidates(root: Path, pattern: str, done_marker: str) -> tuple[dict[Path, str], list[tuple[str, str]]]:
    folder = root
    *folders, file_pattern = pattern.split("/")
    for name in folders:
        folder = folder / name
    expression = _expression(file_pattern)
    found: dict[Path, str] = {}
    skipped: list[tuple[str, str]] = []
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    names = {unicodedata.normalize("NFC", entry.name) for entry in entries}
    for path in entries:
        name = unicodedata.normalize("NFC", path.name)
        unfinished = next((suffix for suffix in _UNFINISHED if name.endswith(suffix)), None)
        match = expression.fullmatch(name.removesuffix(unfinished) if unfinished else name)
        if match is None or not path.is_file():
            continue
        partition = _partition(match)
        if unfinished:
            skipped.append((partition or "", f"{name}: half-written; it waits"))
        elif partition is None:
            skipped.append(("", f"{name}: the date in its name is not a date"))
        elif done_marker and f"{name}{done_marker}" not in names and f"{path.stem}{done_marker}" not in names:
            skipped.append((partition, f"{name}: its {done_marker} marker is not there yet; it waits"))
        else:
            found[path] = partition
    return found, skipped


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


def _settled(found: Mapping[Path, str], settle_s: float) -> tuple[dict[Path, str], list[Path]]:
    """Split off files that change while we look; waits at most `settle_s`, and only if a file is fresh."""
    before = {path: path.stat() for path in found}
    youngest = max((stat.st_mtime for stat in before.values()), default=0.0)
    wait_s = min(settle_s, settle_s - (time.time() - youngest))
    if wait_s > 0:
        time.sleep(wait_s)
    growing = []
    for path, stat in before.items():
        after = path.stat()
        if (after.st_size, after.st_mtime_ns) != (stat.st_size, stat.st_mtime_ns):
            growing.append(path)
    return {path: partition for path, partition in found.items() if path not in growing}, growing


def _digest(paths: Sequence[Path], label: str, before: str) -> str:
    stamp = ",".join(f"{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in paths)
    if before.startswith(f"{label}/") and before.endswith(f"/{stamp}"):
        return before
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return f"{label}/{digest.hexdigest()}/{stamp}"


def _same(digest: str, before: str) -> bool:
    return digest.split("/")[1:2] == before.split("/")[1:2]
