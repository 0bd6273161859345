"""Files that systems drop into folders: there as a whole or not at all, and the same rows are the same bytes."""

import csv
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from openpyxl import Workbook

if TYPE_CHECKING:
    from demo.world import World
    from demo.world_staff import Staff
    from demo.world_students import Graduate, Undergraduate

Role = TypeVar("Role", "Undergraduate", "Graduate", "Staff")
_ZIP_TIME = (2026, 1, 1, 0, 0, 0)
_CORE = "docProps/core.xml"
_MODIFIED = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*")


def write_csv(
    path: Path,
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    encoding: str = "utf-8",
    delimiter: str = ",",
) -> int:
    """Write a CSV file over an earlier one and return the number of rows; None is written as nothing."""
    beside = path.with_name(f".{path.name}.part")
    count = 0
    with beside.open("w", encoding=encoding, newline="") as out:
        writer = csv.writer(out, delimiter=delimiter)
        writer.writerow(headings)
        for row in rows:
            writer.writerow(row)
            count += 1
    beside.replace(path)
    return count


def rewrite_csv(
    path: Path,
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    encoding: str = "utf-8",
    delimiter: str = ",",
) -> int:
    """Write a CSV file over an earlier one and return how many of its lines did not stand there before."""
    before = set(path.read_bytes().splitlines()) if path.exists() else set()
    write_csv(path, headings, rows, encoding, delimiter)
    return sum(line not in before for line in path.read_bytes().splitlines())


def save_workbook(book: Workbook, path: Path) -> None:
    """Save a workbook over an earlier one, without the times that would make the same rows another file."""
    beside = path.with_name(f".{path.name}.part")
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.xlsx"
        book.save(raw)
        with zipfile.ZipFile(raw) as source, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as out:
            for name in source.namelist():
                entry = zipfile.ZipInfo(name, _ZIP_TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                with source.open(name) as read, out.open(entry, "w", force_zip64=True) as written:
                    if name == _CORE:
                        written.write(_MODIFIED.sub(rb"\g<1>2026-01-01T00:00:00Z", read.read()))
                    else:
                        shutil.copyfileobj(read, written)
    beside.replace(path)


def day_text(day: date | None) -> str:
    """Write a date as exports do; none is nothing."""
    return day.isoformat() if day else ""


def steady(world: "World", people: Sequence[Role], count: int) -> list[Role]:
    """Return some people, spread over a list, who stay, have one role and no story: rows to write wrongly."""
    stories = {
        role.person.key
        for story in world.special.values()
        for role in (story if isinstance(story, tuple) else (story,))
        if role is not None
    }
    plain = [
        one
        for one in people
        if one.left_on is None and one.person.key not in stories and not getattr(one, "is_secret", False)
    ]
    step = max(1, len(plain) // (count + 1))
    return plain[step : step * count + 1 : step][:count]
