"""Zip files that are no good: damaged on their way (their list of contents is whole), with macros, unpacking large."""

import io
import zipfile

_HEAD, _DAMAGED = 30, 40


def with_damaged_part(content: bytes, name: str) -> bytes:
    """Return a zip file in which the packed bytes of one part make no sense."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        part = archive.getinfo(name)
    begin = part.header_offset + _HEAD + len(part.filename) + 1
    return content[:begin] + b"\xff" * _DAMAGED + content[begin + _DAMAGED :]


def with_macros() -> bytes:
    """Return what looks like a workbook with macros."""
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as parts:
        parts.writestr("xl/workbook.xml", "<x/>")
        parts.writestr("xl/vbaProject.bin", b"x")
    return found.getvalue()


def that_unpacks_large() -> bytes:
    """Return what looks like a small workbook and unpacks to 200 MB."""
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/workbook.xml", "<x/>")
        parts.writestr("xl/worksheets/sheet1.xml", b"\0" * 200_000_000)
    return found.getvalue()
