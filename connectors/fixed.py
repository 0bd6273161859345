"""Fixed-width files: what old finance and archive systems write, cut by position.

Such systems count bytes, and a Chinese character is two of them in GBK; UTF-8 files come from newer programs,
which count characters. So `read.widthsIn` is `bytes` for the GB encodings and `characters` else, unless the
contract says it. A width that is off by one cuts a character in half somewhere: that is an error with line and
column, as is a line that is too short or too long.
"""

import codecs
from collections.abc import Iterator, Sequence
from pathlib import Path

from catalogs.model import Resource
from connectors.base import SourceRefused
from connectors.encoding import decoded, encoding_of
from connectors.spool import declared_columns
from connectors.tabular import Rows

_COUNTED_IN_BYTES = ("gb2312", "gbk", "gb18030", "big5", "big5hkscs")
# What DOS programs write after the last line.
_END_OF_FILE = "\x1a"


def fixed_rows(path: Path, resource: Resource) -> Rows:
    """Read a fixed-width file by `read.widths`, one width per column of `read.columns` (or per item).

    Blanks behind a value are padding and not part of it; a blank field has no value.

    Raises:
        SourceRefused: a line that is too short or too long, a byte that the encoding cannot read, or a width
            that cuts a character in half; names line and column.
    """
    read = resource.read
    encoding = encoding_of(path, read.get("encoding"))
    unit = str(read.get("widthsIn") or ("bytes" if encoding.name in _COUNTED_IN_BYTES else "characters"))
    columns = declared_columns(resource)
    widths = [int(width) for width in read["widths"]]
    lines: Iterator[str | bytes] = _byte_lines(path) if unit == "bytes" else _text_lines(path, encoding.name)
    body = _body(path, lines, int(read.get("skip", 0)), columns, widths, unit, encoding.name)
    return Rows(columns, body, list(encoding.notes))


def _body(
    path: Path,
    lines: Iterator[str | bytes],
    skip: int,
    columns: Sequence[str],
    widths: Sequence[int],
    unit: str,
    encoding: str,
) -> Iterator[Sequence[str | None]]:
    total = sum(widths)
    for number, line in enumerate(lines, start=1):
        if number <= skip or not line.strip():
            continue
        if len(line) < total or line[total:].strip():
            raise SourceRefused(
                f"{path.name}: line {number} has {len(line)} {unit} where the widths add up to {total}; nothing "
                f"of the file was taken. If the file is right, read.widths or read.widthsIn is not"
            )
        row = []
        start = 0
        for column, width in zip(columns, widths, strict=True):
            cut = line[start : start + width]
            start += width
            try:
                text = cut if isinstance(cut, str) else cut.decode(encoding)
            except UnicodeDecodeError:
                raise SourceRefused(
                    f"{path.name}: line {number}, column {column} (bytes {start - width + 1} to {start}): begins "
                    f"or ends inside a character, or holds a byte that {encoding} cannot read; nothing of the "
                    f"file was taken. If the file is right, read.widths, widthsIn or encoding is not"
                ) from None
            row.append(text.rstrip(" ") or None)
        yield row


def _byte_lines(path: Path) -> Iterator[str | bytes]:
    with path.open("rb") as stream:
        if stream.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            stream.seek(0)
        for line in stream:
            yield line.rstrip(b"\r\n").removesuffix(_END_OF_FILE.encode())


def _text_lines(path: Path, encoding: str) -> Iterator[str | bytes]:
    held = ""
    for piece in decoded(path, encoding):
        *whole, held = (held + piece).split("\n")
        yield from (line.removesuffix("\r") for line in whole)
    yield held.removesuffix(_END_OF_FILE)
