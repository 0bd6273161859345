"""A file to download: it is named by content and date, in whatever language its name is."""

from datetime import date
from urllib.parse import quote

from fastapi import Response

_KINDS = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
    "json": "application/json",
}


def download(content: bytes, kind: str, title: str, on: date | str) -> Response:
    """Return a file to download.

    Args:
        content: of the file.
        kind: how its name ends, one of `_KINDS`.
        title: what it holds.
        on: of which day that is, or of which week.
    """
    name = quote(f"{title}-{on}.{kind}", safe="")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return Response(content, media_type=_KINDS[kind], headers=headers)
