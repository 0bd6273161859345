"""Kinds of cells: how a value of the catalog stands in a cell, and what a cell that people filled in means.

Decided here is what is folded. Codes, labels, numbers, dates and names of the registers mean the same in full or
half width, with or without stray blanks, so they are compared folded. A text that people wrote keeps every
character; only blanks around it, and the sign of a line's end, say nothing. A text that looks like a number stays
a text, with its leading zeros: text cells are written as text.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from catalogs.faults import did_you_mean

CellValue = str | int | float | bool | date | time | None
TEXT_FORMAT = "@"
DAY_FORMAT = "yyyy-mm-dd"
NUMBER_FORMAT = "0"
# A spreadsheet keeps fifteen digits of a number; the rest is lost before we see it.
_EXACT = 10**15
_LONGEST = 32_767
_DAY = re.compile(r"(\d{4})(?:年|[-/.])(\d{1,2})(?:月|[-/.])(\d{1,2})日?\Z")
_SEPARATORS = re.compile(r"[、;,，；\n]")
_INVISIBLE = "\u200b\u200c\u200d\ufeff\u00ad"
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class CellError(ValueError):
    """A cell cannot be what its column holds.

    Attributes:
        expected: what the column holds.
        mend: what to do.
    """

    def __init__(self, what: str, expected: str, mend: str = ""):
        self.what = what
        self.expected = expected
        self.mend = mend
        super().__init__(what)


def folded(text: Any) -> str:
    """Return a text without what cannot change its meaning: width, case, blanks, invisible signs."""
    wide = unicodedata.normalize("NFKC", str(text)).casefold()
    return "".join(sign for sign in wide if not sign.isspace() and sign not in _INVISIBLE)


def trimmed(text: str) -> str:
    """Return a text as written, with one sign for a line's end and no blanks around it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip(" \t\n\u00a0\u3000" + _INVISIBLE)


def as_text(cell: CellValue) -> str:
    """Return what a cell shows, as text.

    Raises:
        CellError: a number longer than a spreadsheet keeps.
    """
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, datetime):
        return cell.isoformat(" ") if cell.time() != time() else cell.date().isoformat()
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, int | float):
        if abs(cell) >= _EXACT:
            raise CellError(
                "a number of more than fifteen digits, whose end a spreadsheet drops",
                "text",
                "format the cell as text and write the number again",
            )
        return str(int(cell)) if cell == int(cell) else repr(cell)
    return trimmed(cell)


@dataclass(frozen=True)
class Kind:
    """What a column's cells hold. The plain kind is free text; an empty cell is None in every kind.

    Attributes:
        format: the number format of its cells.
    """

    format: str = TEXT_FORMAT

    def write(self, value: Any) -> CellValue:
        """Return the cell for a value of the catalog."""
        return "" if value is None else _NOT_IN_XML.sub("", str(value))[:_LONGEST]

    def read(self, cell: CellValue) -> Any:
        """Return the value that a cell holds, None if it is empty.

        Raises:
            CellError: it is not what the column holds.
        """
        return as_text(cell) or None

    def is_unchanged(self, cell: CellValue, value: Any) -> bool:
        """Whether a cell still shows this value, as `write` put it there or as people would put it."""
        return self.shown(cell) == self.shown(self.write(value))

    def shown(self, cell: CellValue) -> str:
        """Return what two cells are compared by."""
        return as_text(cell)


@dataclass(frozen=True)
class Folded(Kind):
    """A kind whose cells mean the same in any width and with stray blanks."""

    def shown(self, cell: CellValue) -> str:
        """Return what two cells are compared by."""
        return folded(as_text(cell))


@dataclass(frozen=True)
class Meant(Folded):
    """A kind whose cells are compared by what they are read as, where they can be read."""

    def shown(self, cell: CellValue) -> str:
        """Return what two cells are compared by: what is read, if it can be."""
        try:
            return self.read(cell) or ""
        except CellError:
            return super().shown(cell)


@dataclass(frozen=True)
class Number(Folded):
    """A whole number that is not negative."""

    format: str = NUMBER_FORMAT

    def write(self, value: Any) -> CellValue:
        """Return the cell for a value of the catalog."""
        return value if isinstance(value, int | float) else super().write(value)

    def read(self, cell: CellValue) -> Any:
        """Return the number."""
        text = folded(as_text(cell))
        if not text:
            return None
        if not re.fullmatch(r"[0-9]{1,15}", text):
            raise CellError("not a whole number", "a whole number, as 20")
        return int(text)


@dataclass(frozen=True)
class Amount(Folded):
    """A number with or without decimals, and a unit in words: 6个工作日, 0.5小时. The value: {value, unit}."""

    units: tuple[tuple[str, str], ...] = ()

    def write(self, value: Any) -> CellValue:
        """Return the cell for a value of the catalog."""
        if not isinstance(value, Mapping):
            return ""
        amount, unit = value.get("value"), str(value.get("unit", ""))
        return f"{amount}{dict(self.units).get(unit, unit)}"

    def read(self, cell: CellValue) -> Any:
        """Return {value, unit}."""
        text = folded(as_text(cell))
        if not text:
            return None
        found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)个?(\D+)", text)
        names = {folded(name).lstrip("个"): code for code, name in self.units}
        names |= {folded(code): code for code, _ in self.units}
        if not found or found[2] not in names:
            words = " or ".join(f"2{name}" for _, name in self.units)
            raise CellError("not a time limit", words)
        number = found[1]
        return {"value": float(number) if "." in number else int(number), "unit": names[found[2]]}


@dataclass(frozen=True)
class Day(Meant):
    """A day; in the catalog a text like 2026-09-01."""

    format: str = DAY_FORMAT

    def write(self, value: Any) -> CellValue:
        """Return a date cell, or the text itself if it is no day that a spreadsheet knows."""
        try:
            day = date.fromisoformat(str(value or ""))
        except ValueError:
            return super().write(value)
        return day if day.year >= 1901 else day.isoformat()

    def read(self, cell: CellValue) -> Any:
        """Return the day as text."""
        if isinstance(cell, datetime) and cell.time() == time():
            return cell.date().isoformat()
        if isinstance(cell, date) and not isinstance(cell, datetime):
            return cell.isoformat()
        text = folded(as_text(cell))
        if not text:
            return None
        found = _DAY.match(text)
        try:
            return date(*map(int, found.groups())).isoformat() if found else self._no_day()
        except ValueError:
            return self._no_day()

    def _no_day(self) -> str:
        raise CellError("not a day", "a date cell, or a text like 2026-09-01 or 2026年9月1日")


@dataclass(frozen=True)
class Clock(Meant):
    """A time of day; in the catalog a text like 02:00."""

    def read(self, cell: CellValue) -> Any:
        """Return the time as text."""
        if isinstance(cell, time):
            return cell.strftime("%H:%M")
        text = folded(as_text(cell))
        found = re.fullmatch(r"([01]?\d|2[0-3])(?::|点|时)([0-5]\d)?分?(?::00)?(?:前)?", text)
        if text and not found:
            raise CellError("not a time of day", "a time like 08:00 or 8点")
        return f"{int(found[1]):02}:{found[2] or '00'}" if found else None


@dataclass(frozen=True)
class Words(Meant):
    """One of a fixed list of codes, shown by its Chinese label; read by label, code, or both together.

    Attributes:
        labels: code and label.
        letters: whether the code stands behind the label, as the guide writes 字符型C.
        is_open: whether another word is taken as it is; the catalog's check has its say on it.
    """

    labels: tuple[tuple[str, str], ...] = ()
    letters: bool = False
    is_open: bool = False

    def write(self, value: Any) -> CellValue:
        """Return the label."""
        if value is None:
            return ""
        label = dict(self.labels).get(str(value))
        return super().write(value) if label is None else f"{label}{value}" if self.letters else label

    def read(self, cell: CellValue) -> Any:
        """Return the code."""
        text = folded(as_text(cell))
        if not text:
            return None
        for code, label in self.labels:
            if text in (folded(code), folded(label), folded(f"{label}{code}"), folded(f"{code}{label}")):
                return code
        if self.is_open:
            return as_text(cell)
        labels = [label for _, label in self.labels]
        raise CellError(
            "not a word of this column", f"one of {', '.join(labels)}", did_you_mean(as_text(cell), labels)
        )


@dataclass(frozen=True)
class Flag(Words):
    """Yes or no."""

    labels: tuple[tuple[str, str], ...] = (("true", "是"), ("false", "否"))

    def write(self, value: Any) -> CellValue:
        """Return 是 or 否."""
        return super().write(str(value).lower() if isinstance(value, bool) else value)

    def read(self, cell: CellValue) -> Any:
        """Return the boolean."""
        if folded(as_text(cell)) in ("√", "✓", "y", "yes", "有"):
            return True
        if folded(as_text(cell)) in ("×", "✗", "n", "no", "无"):
            return False
        code = super().read(cell)
        return None if code is None else code == "true"

    def shown(self, cell: CellValue) -> str:
        """Return what two cells are compared by."""
        try:
            value = self.read(cell)
        except CellError:
            return folded(as_text(cell))
        return "" if value is None else str(value)


@dataclass(frozen=True)
class Register:
    """Names of a register, both ways.

    Attributes:
        what: what its entries are, for messages.
        names: code → Chinese name.
        where: the file to add an entry to.
    """

    what: str
    names: Mapping[str, str]
    where: str
    _codes: dict[str, list[str]]

    @classmethod
    def of(cls, what: str, names: Mapping[str, str], where: str) -> "Register":
        """Make the register of these codes and names."""
        codes: dict[str, list[str]] = {}
        for code, name in names.items():
            for word in {folded(name), folded(code), folded(code + name), folded(name + code)}:
                codes.setdefault(word, []).append(code)
        return cls(what, names, where, codes)

    def name(self, code: str) -> str:
        """Return how an entry is written: its name, with its code before it where the name alone is not enough."""
        name = self.names.get(code, code)
        return name if self.find(name) == code else f"{code} {name}"

    def find(self, text: str) -> str | None:
        """Return the code that a text names, None if it names none, or more than one."""
        codes = self._codes.get(folded(text), [])
        if len(codes) > 1:
            codes = [code for code in codes if folded(code) == folded(text)]
        return codes[0] if len(codes) == 1 else None

    def code(self, text: str) -> str:
        """Return the code that a text names.

        Raises:
            CellError: it names none, or more than one.
        """
        found = self.find(text)
        if found is not None:
            return found
        if len(self._codes.get(folded(text), [])) > 1:
            several = ", ".join(sorted(self._codes[folded(text)]))
            raise CellError(
                f"more than one {self.what} has this name", f"a code of {several}", "write the code"
            )
        hint = did_you_mean(text, [*self.names.values(), *self.names])
        raise CellError(
            f"no {self.what} of this name or code",
            f"a {self.what} of {self.where}",
            hint or f"add it to {self.where}",
        )


@dataclass(frozen=True)
class Ref(Folded):
    """An entry of a register, shown by its name; read by name, code, or both together."""

    register: Register | None = None

    def write(self, value: Any) -> CellValue:
        """Return the name."""
        assert self.register is not None
        return "" if value is None else super().write(self.register.name(str(value)))

    def read(self, cell: CellValue) -> Any:
        """Return the code."""
        assert self.register is not None
        text = as_text(cell)
        return self.register.code(text) if text else None


@dataclass(frozen=True)
class Code(Kind):
    """The code of an entry of a register, shown as it is; whoever reads the column looks it up."""

    register: Register | None = None


@dataclass(frozen=True)
class Refs(Folded):
    """Entries of a register, separated by 、 or by lines.

    Attributes:
        is_open: whether a text that names no entry is taken as it is.
    """

    register: Register | None = None
    is_open: bool = False

    def write(self, value: Any) -> CellValue:
        """Return the names; one a line where a name holds a separator itself."""
        assert self.register is not None
        names = [self.register.name(str(code)) for code in value or ()]
        return super().write(("\n" if any(map(_SEPARATORS.search, names)) else "、").join(names))

    def read(self, cell: CellValue) -> Any:
        """Return the codes."""
        assert self.register is not None
        codes = []
        for line in filter(None, map(str.strip, as_text(cell).split("\n"))):
            whole = self.register.find(line)
            parts = [line] if whole is not None else filter(None, map(str.strip, _SEPARATORS.split(line)))
            codes += [self._code(part) for part in parts]
        return codes or None

    def _code(self, text: str) -> str:
        assert self.register is not None
        return (self.register.find(text) or text) if self.is_open else self.register.code(text)

    def shown(self, cell: CellValue) -> str:
        """Return what two cells are compared by; the kind of separator says nothing."""
        return folded(_SEPARATORS.sub("、", as_text(cell)))


def unnumbered(lines: Iterable[str]) -> list[str]:
    """Return lines without the numbers before them (1. 2、 3）), empty ones left out; 3.5 is no number of a line."""
    found = [line for line in map(trimmed, lines) if line]
    return [_without_number(line, place) for place, line in enumerate(found, start=1)]


def _without_number(line: str, place: int) -> str:
    number = re.match(r"[(（]?(\d{1,3})[.、．)）]\s*", line)
    if not number or (line[number.end() : number.end() + 1].isdigit() and int(number[1]) != place):
        return line
    return trimmed(line[number.end() :])


def separated(text: str) -> list[str]:
    """Return the parts of a text that is a list: 、 ; , and lines separate."""
    return [part for part in map(trimmed, _SEPARATORS.split(text)) if part]
