"""What a test needs from the machine, and what happens where that is missing.

Such a test is skipped and named, with the reason, at the end of the run. Where everything is supposed to be
there (continuous integration sets YICI_TEST_STRICT), it fails instead.
"""

import contextlib
import os
import shutil
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from tests.support.disks import small_disk

_SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin:/opt/homebrew/bin:/usr/local/bin"


def need_program(*names: str, package: str) -> str:
    """Return the path of the first of these programs that the machine has."""
    places = f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_FOLDERS}"
    for name in names:
        if found := shutil.which(name, path=places):
            return found
    _miss(f"no {' or '.join(names)} on this machine (package {package})")


def need_datacontract() -> str:
    """Return the path of datacontract-cli's program: YICI_DATACONTRACT, else that of the judges' environment."""
    given = os.environ.get("YICI_DATACONTRACT")
    place = Path(given) if given else Path(sys.prefix) / "judges" / "bin" / "datacontract"
    if place.is_file():
        return str(place)
    _miss(f"no datacontract-cli at {place} (tests/setup.sh installs it, YICI_DATACONTRACT names another)")


@contextlib.contextmanager
def need_small_disk(folder: Path, size_mb: int) -> Iterator[Path]:
    """Give a folder that is a disk of its own, which may be filled."""
    with contextlib.ExitStack() as stack:
        try:
            disk = stack.enter_context(small_disk(folder, size_mb))
        except PermissionError as error:
            _miss(str(error))
        yield disk


def _miss(missing: str) -> NoReturn:
    if os.environ.get("YICI_TEST_STRICT"):
        raise RuntimeError(missing)
    raise unittest.SkipTest(missing)
