"""Reading a form that brings a file: into memory, never to a disk, where rows of people would lie in clear.

Starlette moves what is larger than a megabyte to a temporary file. How much memory a file may take is bounded before
it is read: by `portal.wall`, which ends a request that is larger than its page takes.
"""

from contextlib import aclosing

from fastapi import Request
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser

from portal.problems import Refused


class _InMemory(MultiPartParser):
    # For a spooled file, 0 is "as much as there is".
    spool_max_size = 0


async def form_with_file(request: Request, most_fields: int) -> FormData:
    """Return the texts of a form and at most one file.

    Raises:
        Refused: it is malformed, or more than that.
    """
    try:
        async with aclosing(request.stream()) as stream:
            form = await _InMemory(request.headers, stream, max_files=1, max_fields=most_fields).parse()
    except MultiPartException:
        raise Refused(400, "not_a_form") from None
    for name, value in form.multi_items():
        if not (_is_text(name) and _is_text(value if isinstance(value, str) else value.filename or "")):
            await form.close()
            raise Refused(400, "not_a_form")
    return form


def _is_text(value: str) -> bool:
    """Whether a text can be written down: some charsets that a form may claim spell halves of characters."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
