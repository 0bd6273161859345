"""Zip files damaged on their way, as a broken transfer leaves them: their list of contents is whole."""

import io
import zipfile

_HEAD, _DAMAGED = 30, 40


def with_damaged_part(content: bytes, name: str) -> bytes:
    """Return a zip file in which the packed bytes of one part make no sense."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        part = archive.getinfo(name)
    begin = part.header_offset + _HEAD + len(part.filename) + 1
    return content[:begin] + b"\xff" * _DAMAGED + content[begin + _DAMAGED :]
