"""Text files in the encodings campuses use: read strictly, and where a byte cannot be read, said where.

Nothing is ever replaced: U+FFFD in a name would be admitted, stored and printed on a certificate. A contract
declares the encoding; without that it is detected from the whole file, and doubt is an error.
"""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.base import SourceRefused

_CHUNK = 1 << 20
UTF8 = ("utf-8", "utf-8-sig")
# Longest first: the mark of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ASCII = bytes(range(0x80))


@dataclass(frozen=True)
class Encoding:
    """What a file is read as.

    Attributes:
        name: Python's name; `utf-8-sig` is UTF-8 with or without a byte order mark.
        note: what a reader of the ledger should know; empty if it was declared, or is UTF-8.
    """

    name: str
    note: str = ""

    @property
    def is_utf8(self) -> bool:
        """Whether the file's bytes are UTF-8."""
        return self.name in UTF8

    @property
    def notes(self) -> tuple[str, ...]:
        """The note, if there is one."""
        return (self.note,) if self.note else ()


def encoding_of(path: Path, declared: str | None, delimiter: str | None = None) -> Encoding:
    """Return the encoding of a text file: the declared one, else what its bytes are.

    A byte order mark decides; else valid UTF-8 is UTF-8; else it is GB18030 if every byte reads as that and
    it is not rather a UTF-8 file with bad bytes: read as GB18030, that would be names nobody bears.

    Args:
        path: the file.
        declared: `read.encoding` of the contract.
        delimiter: of a CSV, to name the column in which a bad byte stands.

    Raises:
        LookupError: no encoding of the declared name.
        SourceRefused: the bytes fit neither, with the place of the first that UTF-8 cannot read.
    """
    if declared:
        found = codecs.lookup(declared).name
        return Encoding("utf-8-sig" if found == "utf-8" else found)
    with path.open("rb") as stream:
        start = stream.read(_CHUNK)
    for mark, name in _MARKS:
        if start.startswith(mark):
            return Encoding(name)
    if b"\0" in start:
        raise SourceRefused(
            f"{path.name}: holds zero bytes, so it is no text, or UTF-16 without its mark; nothing of the file "
            f"was taken. If it is text, declare its encoding in the contract (read.encoding)"
        )
    if _reads(path, "utf-8"):
        return Encoding("utf-8-sig")
    if _is_utf8_mostly(path) or not _reads(path, "gb18030"):
        raise unreadable(path, "utf-8-sig", delimiter)
    return Encoding("gb18030", f"{path.name}: read as GB18030, which its contract does not declare")


def decoded(path: Path, encoding: str, delimiter: str | None = None) -> Iterator[str]:
    """Yield the text of a file piece by piece.

    Args:
        path: the file.
        encoding: Python's name.
        delimiter: of a CSV, to name the column in which a bad byte stands.

    Raises:
        SourceRefused: a byte that the encoding cannot read, with file, line and column.
    """
    try:
        yield from _pieces(path, encoding)
    except UnicodeDecodeError:
        raise unreadable(path, encoding, delimiter) from None


def unreadable(path: Path, encoding: str, delimiter: str | None) -> SourceRefused:
    """Say where the first byte stands that the encoding cannot read."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    line, before = 1, ""
    with path.open("rb") as stream:
        for raw in stream:
            try:
                text = decoder.decode(raw)
            except UnicodeDecodeError as error:
                # What the decoder still held of earlier bytes counts as part of this line.
                before += error.object[: error.start].decode(encoding, "ignore")
                break
            line += text.count("\n")
            before = (before + text).rpartition("\n")[2]
    column = f"character {len(before) + 1}"
    if delimiter:
        fields = next(csv.reader([before], delimiter=delimiter), [])
        column = f"column {max(len(fields), 1)}, {column}"
    return SourceRefused(
        f"{path.name}: line {line}, {column}: a byte that {encoding.removesuffix('-sig')} cannot read; nothing "
        f"of the file was taken. If the file is right, declare its encoding in the contract (read.encoding)"
    )


def as_utf8(path: Path, encoding: str, target: Path, delimiter: str | None = None) -> Path:
    """Write a copy in UTF-8, strictly.

    Raises:
        SourceRefused: a byte that the encoding cannot read, with file, line and column.
    """
    with target.open("w", encoding="utf-8", newline="") as stream:
        for text in decoded(path, encoding, delimiter):
            stream.write(text)
    return target


def _pieces(path: Path, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _reads(path: Path, encoding: str) -> bool:
    try:
        for _ in _pieces(path, encoding):
            pass
    except UnicodeDecodeError:
        return False
    return True


def _is_utf8_mostly(path: Path) -> bool:
    """Whether more than half of what is not ASCII is whole UTF-8 characters (of Chinese GB text, some percent)."""
    decoder = codecs.getincrementaldecoder("utf-8")("ignore")
    beyond_ascii = in_utf8 = 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            beyond_ascii += len(chunk.translate(None, _ASCII))
            in_utf8 += len(decoder.decode(chunk).encode().translate(None, _ASCII))
    return in_utf8 * 2 > beyond_ascii
