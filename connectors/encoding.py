"""Text files in the encodings campuses use: read strictly, and where a byte cannot be read, said where.

Nothing is ever replaced: U+FFFD in a name would be admitted, stored and printed on a certificate.
"""

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path

from connectors.base import SourceRefused

_CHUNK = 1 << 20
UTF8 = ("utf-8", "utf-8-sig")


def codec(name: str | None) -> str:
    """Return Python's name of an encoding; none declared means UTF-8, with or without a byte order mark.

    Raises:
        LookupError: no such encoding.
    """
    if not name:
        return "utf-8-sig"
    found = codecs.lookup(name).name
    return "utf-8-sig" if found == "utf-8" else found


def decoded(path: Path, encoding: str, delimiter: str | None = None) -> Iterator[str]:
    """Yield the text of a file piece by piece.

    Args:
        path: the file.
        encoding: Python's name.
        delimiter: of a CSV, to name the column in which a bad byte stands.

    Raises:
        SourceRefused: a byte that the encoding cannot read, with file, line and column.
    """
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    with path.open("rb") as stream:
        while True:
            chunk = stream.read(_CHUNK)
            try:
                yield decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError:
                raise unreadable(path, encoding, delimiter) from None
            if not chunk:
                return


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
