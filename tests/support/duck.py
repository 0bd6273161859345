"""DuckDB sessions of tests: an extension that stays the same file is not verified a thousand times.

DuckDB hashes the 40 MB of an extension at every load, to check its signature: a third of a processor second, more than
most tests do with the session. That the signature is checked, and what happens where it is wrong, is tested by
`tests/connectors/test_extensions.py` with the sessions that everybody else has.
"""

import contextlib
from collections.abc import Iterator

from connectors import duck

_SETTING = "allow_unsigned_extensions"


def believe_extensions() -> None:
    """Let this process's sessions load extensions without looking at their signatures."""
    duck._CONFIG[_SETTING] = "true"


@contextlib.contextmanager
def as_installed() -> Iterator[None]:
    """Open sessions as an installation does until the block ends."""
    before = duck._CONFIG.pop(_SETTING, None)
    try:
        yield
    finally:
        if before is not None:
            duck._CONFIG[_SETTING] = before
