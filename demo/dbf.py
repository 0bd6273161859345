"""DBF tables as dBASE and FoxPro keep them: records of fixed width, texts in GBK, a flag on deleted records."""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from demo.tables import batches

_DBASE3 = 0x03
_CODE_PAGE_936 = 0x4D
_ENCODING = "cp936"
_END_OF_HEADER, _END_OF_FILE = b"\r", b"\x1a"
_WIDTHS = {"D": 8, "L": 1}
_MAX_WIDTHS = {"C": 254, "N": 20}

Value = str | int | Decimal | date | bool | None
Record = tuple[bool, Sequence[Value]]


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    Attributes:
        name: at most ten bytes in GBK.
        kind: C text, N number, D date or L truth value.
        width: in bytes; those of D and L are given by the format.
        decimals: digits after the point of a number.
    """

    name: str
    kind: str
    width: int = 0
    decimals: int = 0

    @property
    def bytes(self) -> int:
        return _WIDTHS.get(self.kind, self.width)


def write_dbf(path: Path, fields: Sequence[Field], records: Iterable[Record], updated_on: date) -> int:
    """Write a table, streaming; readers never see half of it.

    Args:
        path: the file; an earlier one is replaced.
        fields: in order.
        records: whether the record is marked as deleted, and its values in the order of `fields`.
        updated_on: date of last change in the header.

    Returns:
        Records written, deleted ones included.

    Raises:
        ValueError: a field or a value does not fit the format; nothing is cut off silently.
    """
    writers = [_writer(field) for field in fields]
    beside = path.with_name(f".{path.name}.part")
    count = 0
    with beside.open("wb") as out:
        out.write(_header(fields, 0, updated_on))
        for batch in batches(_lines(records, writers)):
            out.write(b"".join(batch))
            count += len(batch)
        out.write(_END_OF_FILE)
        out.seek(0)
        out.write(_header(fields, count, updated_on))
    beside.replace(path)
    return count


def _header(fields: Sequence[Field], count: int, updated_on: date) -> bytes:
    length = 32 + 32 * len(fields) + 1
    width = 1 + sum(field.bytes for field in fields)
    year, month, day = updated_on.year - 1900, updated_on.month, updated_on.day
    head = struct.pack("<BBBBIHH17xB2x", _DBASE3, year, month, day, count, length, width, _CODE_PAGE_936)
    return head + b"".join(map(_described, fields)) + _END_OF_HEADER


def _described(field: Field) -> bytes:
    name = field.name.encode(_ENCODING)
    if not 0 < len(name) <= 10:
        raise ValueError(f"field {field.name}: a name has one to ten bytes")
    if field.kind not in (*_WIDTHS, *_MAX_WIDTHS) or not 0 < field.bytes <= _MAX_WIDTHS.get(field.kind, 8):
        raise ValueError(f"field {field.name}: no kind {field.kind} of {field.bytes} bytes")
    return struct.pack("<11sc4xBB14x", name, field.kind.encode(), field.bytes, field.decimals)


def _lines(records: Iterable[Record], writers: Sequence[Callable[[Value], bytes]]) -> Iterator[bytes]:
    for is_deleted, values in records:
        flag = b"*" if is_deleted else b" "
        yield flag + b"".join(write(value) for write, value in zip(writers, values, strict=True))


def _writer(field: Field) -> Callable[[Value], bytes]:
    """Return how a value of the field is written; texts stand left, numbers right, what is empty is blank."""
    kind, width, decimals = field.kind, field.bytes, field.decimals

    def write(value: Value) -> bytes:
        if value is None:
            return b"?" if kind == "L" else b" " * width
        if kind == "D":
            return value.strftime("%Y%m%d").encode()
        if kind == "L":
            return b"T" if value else b"F"
        text = f"{value:.{decimals}f}".encode() if kind == "N" else str(value).encode(_ENCODING)
        if len(text) > width:
            raise ValueError(f"field {field.name}: a value of {len(text)} bytes, the field has {width}")
        return text.rjust(width) if kind == "N" else text.ljust(width)

    return write
