"""The entries of a content file: a contract is one, a row of a register is one, a member of a list file is one.

What reading turns into plain data here, `catalogs.changes.rewrite` puts back into the text it came from.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalogs.faults import CatalogError, Faults
from catalogs.lined_yaml import plain, read_yaml

CALENDAR = "calendar.csv"
# A file may hold its list under its kind's name; a service item's own materials stand beside its code.
_WRAPPERS = ("serviceItems", "demands", "powers", "approvals", "certificates")
_ENTRY_KEYS = ("code", "demandId", "system", "client", "material", "power", "certificate")


@dataclass(frozen=True)
class Content:
    """A content file as data.

    Attributes:
        entries: code → plain data, in the order of the file; the code is "" where the file is one entry.
        columns: the header, for CSV.
        wrapper: the key that the list of entries stands under, where a YAML file has one.
    """

    entries: Mapping[str, Any]
    columns: tuple[str, ...] = ()
    wrapper: str = ""


def is_csv(file: str) -> bool:
    """Whether a content file is a CSV register."""
    return file.endswith(".csv")


def read_content(file: str, content: bytes | None) -> Content:
    """Read a file's entries; an absent file has none.

    Raises:
        CatalogError: the file is not well-formed; it names the place.
    """
    if content is None:
        return Content({})
    faults = Faults()
    if is_csv(file):
        rows = read_rows(file, content)
        header, *body = [row.cells for row in rows] or [[]]
        data = [{key: cell for key, cell in zip(header, cells, strict=False) if cell} for cells in body]
        return Content(dict(zip(row_codes(file, header, body), data, strict=True)), tuple(header))
    data = plain(read_yaml(content, file, faults))
    broken = [fault for fault in faults.all() if fault.rule in ("F01", "F04")]
    if broken:
        raise CatalogError(broken)
    wrapper = wrapper_of(data)
    members = data[wrapper] if wrapper else data
    if isinstance(members, list):
        entries = dict(zip(entry_codes(members), map(without_nulls, members), strict=True))
        return Content(entries, wrapper=wrapper)
    return Content({} if data is None else {"": without_nulls(data)})


def wrapper_of(data: Any) -> str:
    """Return the key that the list of entries stands under in a YAML file; "" where there is none."""
    return next((key for key in _WRAPPERS if isinstance(data, dict) and isinstance(data.get(key), list)), "")


@dataclass(frozen=True)
class Row:
    """A record of a CSV file: its text as written, line end included, and its cells."""

    text: str
    cells: list[str]


def read_rows(file: str, content: bytes) -> list[Row]:
    """Return the records of a CSV file, header first, blank lines left out; a text keeps blank lines before it.

    Raises:
        CatalogError: the file is not well-formed.
    """
    faults = Faults()
    try:
        lines = io.StringIO(content.decode("utf-8-sig"), newline="").readlines()
    except UnicodeDecodeError:
        faults.add("F01", file, 1, "not UTF-8 text", expected="UTF-8", mend="save the file as UTF-8")
        raise CatalogError(faults.all()) from None
    reader = csv.reader(lines, strict=True)
    rows: list[Row] = []
    done = 0
    try:
        for cells in reader:
            if cells:
                rows.append(Row("".join(lines[done : reader.line_num]), [cell.strip() for cell in cells]))
                done = reader.line_num
    except csv.Error as error:
        faults.add("F01", file, done + 1, f"not well-formed CSV: {error}")
        raise CatalogError(faults.all()) from None
    return rows


def row_codes(file: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the code of each row: its first cell; in the calendar the day or the period."""
    until = header.index("to") if file == CALENDAR and "to" in header else None
    codes = []
    for cells in rows:
        code = cells[0]
        if until is not None and until < len(cells) and cells[until]:
            code = f"{code}..{cells[until]}"
        codes.append(code)
    return _each_once(codes)


def entry_codes(members: Sequence[Any]) -> list[str]:
    """Return the code of each entry of a list file; one without any is told by its place."""
    return _each_once([_entry_code(member) for member in members])


def _entry_code(member: Any) -> str:
    if not isinstance(member, Mapping):
        return ""
    if "change" in member:
        # Who decides which change (approvals.yaml): one change has several entries, for different cases.
        when = member.get("when")
        cases = ",".join(f"{key}={value}" for key, value in sorted(when.items())) if when else ""
        return f"{member['change']}:{cases}" if cases else str(member["change"])
    if "notice" in member and "version" in member:
        return f"{member['notice']}/{member['version']}"
    return next((str(member[key]) for key in _ENTRY_KEYS if member.get(key)), "")


def _each_once(codes: Sequence[str]) -> list[str]:
    unique: dict[str, None] = {}
    for code in codes:
        number, own = 1, code
        while not own or own in unique:
            own = f"{code}#{number}"
            number += 1
        unique[own] = None
    return list(unique)


def without_nulls(data: Any) -> Any:
    """Return the data without keys that say nothing: `note: null` means the same as no note."""
    if isinstance(data, dict):
        return {key: without_nulls(value) for key, value in data.items() if value is not None}
    if isinstance(data, list):
        return [without_nulls(value) for value in data]
    return data
