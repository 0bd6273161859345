"""Typed reading of one YAML mapping or one row of a CSV register, telling faults with their line."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from catalogs.faults import Faults, did_you_mean
from catalogs.lined_yaml import line_of

ASCII_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/+-]*\Z")
MASK = re.compile(r"(?:|hide|year|keep:[0-9]+,[0-9]+|last:[0-9]+)\Z")
SQL_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


@dataclass(frozen=True)
class Fields:
    """One mapping and where it stands.

    Attributes:
        data: key → value; a LinedDict gives each key its own line.
        file: path for messages.
        place: what the mapping is, for messages, for example `system "hr"`.
        faults: where faults are told.
        line: line for messages if `data` has none of its own.
    """

    data: Mapping[str, Any]
    file: str
    place: str
    faults: Faults
    line: int = 1

    def at(self, key: str | None = None) -> int:
        """The line of a key."""
        return line_of(self.data, key, self.line)

    def fault(self, rule: str, key: str | None, what: str, **texts: str) -> None:
        """Tell a fault at a key of this mapping."""
        self.faults.add(
            rule, self.file, self.at(key), f"{self.place}: {what}" if self.place else what, **texts
        )

    def only(self, known: Iterable[str], rule: str = "V02") -> None:
        """Tell every key that is not known here."""
        names = tuple(known)
        for key in self.data:
            if key not in names:
                hint = did_you_mean(key, names)
                self.fault(
                    rule, key, f'unknown key "{key}"', expected=f"one of {', '.join(names)}", mend=hint
                )

    def _given(self, key: str, required: bool) -> Any:
        value = self.data.get(key)
        if value is None or value == "":
            if required:
                self._tell_missing(key)
            return None
        return value

    def _tell_missing(self, key: str) -> None:
        self.fault(
            "V01",
            key if key in self.data else None,
            f'"{key}" is missing',
            expected=f'a value for "{key}"',
            mend=f'add "{key}"',
        )

    def text(
        self, key: str, *, required: bool = False, default: str = "", among: Iterable[str] | None = None
    ) -> str:
        """Return a string; one of `among`, if given."""
        value = self.data.get(key)
        if value is None or value == "":
            if required:
                self._tell_missing(key)
            return default
        if not isinstance(value, str):
            self.fault(
                "V03",
                key,
                f'"{key}" is not a string',
                expected="a quoted string",
                mend="put the value in double quotes",
            )
            return default
        return self.among(key, value, among, default) if among is not None else value

    def among(self, key: str, value: str, words: Iterable[str], default: str) -> str:
        """Return the value if it is one of the words, else tell it and return the default."""
        known = tuple(words)
        if value in known:
            return value
        hint = did_you_mean(value, known)
        self.fault("V03", key, f'"{key}" is "{value}"', expected=f"one of {', '.join(known)}", mend=hint)
        return default

    def code(self, key: str) -> str:
        """Return a required ASCII code."""
        value = self.text(key, required=True)
        if value and not ASCII_CODE.match(value):
            self.fault("V05", key, f'"{key}" is "{value}"', expected="ASCII letters, digits, -, _, .")
        return value

    def tell_mask(self, key: str = "mask") -> None:
        """Tell a mask that is not of the language: nothing, hide, year, keep:<first>,<last> or last:<n>."""
        value = self.text(key)
        if not MASK.match(value):
            self.fault("V03", key, f'"{key}" is "{value}"', expected='"hide", "year", "keep:6,4" or "last:4"')

    def flag(self, key: str, default: bool = False) -> bool:
        """Return a boolean."""
        value = self._given(key, False)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fault(
                "V03",
                key,
                f'"{key}" is not a boolean',
                expected="true or false",
                mend="write true or false without quotes",
            )
            return default
        return value

    def whole(self, key: str, default: int | None = None, *, required: bool = False) -> int | None:
        """Return a whole number that is not negative."""
        value = self._given(key, required)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.fault(
                "V03",
                key,
                f'"{key}" is not a whole number ≥ 0',
                expected="a whole number ≥ 0",
                mend="write digits without quotes",
            )
            return default
        return value

    def age(self, key: str) -> int | None:
        """Return an age from which a minor may act alone: 14 to 18 years; None if it is absent."""
        value = self.whole(key)
        if value is not None and not 14 <= value <= 18:
            self.fault("V03", key, f'"{key}" is {value}', expected="14 to 18 years")
            return None
        return value

    def share(self, key: str, default: float) -> float:
        """Return a share from 0 to 1."""
        value = self._given(key, False)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            self.fault("V03", key, f'"{key}" is not a share', expected="a number from 0 to 1")
            return default
        return float(value)

    def words(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """Return a list of strings."""
        value = self._given(key, required)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            self.fault(
                "V03",
                key,
                f'"{key}" is not a list of strings',
                expected='a list like ["A", "B"]',
                mend="write a list of quoted strings",
            )
            return ()
        return tuple(value)

    def mapping(self, key: str, *, required: bool = False) -> Mapping[str, Any]:
        """Return an inner mapping, empty if it is absent."""
        value = self._given(key, required)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.fault(
                "V03",
                key,
                f'"{key}" is not a mapping',
                expected="a mapping like {key: value}",
                mend="write a mapping",
            )
            return {}
        return value

    def inner(self, key: str, place: str = "", *, required: bool = False) -> "Fields | None":
        """Return an inner mapping as Fields, None if it is absent."""
        value = self.mapping(key, required=required)
        if not value:
            return None
        return Fields(value, self.file, place or f"{self.place} {key}".strip(), self.faults, self.at(key))

    def rows(self, key: str, place: str, *, required: bool = False) -> list["Fields"]:
        """Return a list of mappings as Fields."""
        value = self._given(key, required)
        if value is None:
            return []
        if not isinstance(value, list):
            self.fault(
                "V03", key, f'"{key}" is not a list', expected="a list of mappings", mend="write a list"
            )
            return []
        rows = []
        for index, row in enumerate(value):
            if isinstance(row, dict):
                rows.append(Fields(row, self.file, place, self.faults, line_of(value, index, self.at(key))))
            else:
                self.fault(
                    "V03",
                    key,
                    f'"{key}" [{index + 1}] is not a mapping',
                    expected="a mapping",
                    mend="write a mapping",
                )
        return rows

    def day(self, key: str, *, required: bool = False) -> date | None:
        """Return a date written YYYY-MM-DD."""
        value = self.text(key, required=required)
        if not value:
            return None
        try:
            if len(value) != 10:
                raise ValueError
            return date.fromisoformat(value)
        except ValueError:
            self.fault("V06", key, f'"{key}" is "{value}"', expected="a date like 2026-09-01")
            return None

    def period(self, first: str, last: str, *, required: bool = False) -> tuple[date | None, date | None]:
        """Return two dates, the second not before the first."""
        low, high = self.day(first, required=required), self.day(last, required=required)
        if low and high and high < low:
            self.fault("V06", last, f"{last} {high} is before {first} {low}", expected="a period")
        return low, high

    def clock(self, key: str) -> time | None:
        """Return a time of day written HH:MM."""
        value = self.text(key)
        if not value:
            return None
        try:
            return time.fromisoformat(value)
        except ValueError:
            self.fault("V03", key, f'"{key}" is "{value}"', expected="a time like 05:30", mend="write HH:MM")
            return None


def read_csv(
    content: bytes, file: str, required: tuple[str, ...], optional: tuple[str, ...], faults: Faults
) -> list[Fields]:
    """Read a CSV register with a header into rows that know their line.

    Args:
        content: UTF-8, with or without a byte-order mark, comma separated.
        file: path for messages.
        required: columns that must be in the header.
        optional: columns that may be.
        faults: where faults are told.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        faults.add("F01", file, line, "not UTF-8 text", expected="UTF-8", mend="save the file as UTF-8")
        return []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Fields] = []
    header: list[str] = []
    line = 1
    try:
        for cells in reader:
            start, line = line, reader.line_num + 1
            if not cells:
                continue
            if not header:
                header = [cell.strip() for cell in cells]
                if not _header_fits(header, file, start, required, optional, faults):
                    return []
                continue
            if len(cells) != len(header):
                faults.add(
                    "F06", file, start, f"the row has {len(cells)} cells", expected=f"{len(header)} cells"
                )
                continue
            data = dict(zip(header, (cell.strip() for cell in cells), strict=True))
            rows.append(Fields(data, file, "", faults, start))
    except csv.Error as error:
        faults.add("F01", file, line, f"not well-formed CSV: {error}")
        return []
    if not header:
        faults.add("F06", file, 1, "the file is empty", expected=f"the header {','.join(required)}")
    return rows


def _header_fits(
    header: list[str],
    file: str,
    line: int,
    required: tuple[str, ...],
    optional: tuple[str, ...],
    faults: Faults,
) -> bool:
    known = required + optional
    fits = True
    for column in required:
        if column not in header:
            faults.add(
                "F06", file, line, f'column "{column}" is missing', expected=f"the header {','.join(known)}"
            )
            fits = False
    for column in header:
        if column not in known:
            faults.add(
                "F06",
                file,
                line,
                f'unknown column "{column}"',
                expected=f"the header {','.join(known)}",
                mend=did_you_mean(column, known),
            )
            fits = False
    if len(set(header)) != len(header):
        faults.add("F06", file, line, "a column stands twice in the header", expected="each column once")
        fits = False
    return fits
