"""What a test needs from the machine, and what happens where that is missing.

Such a test is skipped and named, with the reason, at the end of the run. Where everything is supposed to be
there (continuous integration sets YICI_TEST_STRICT), it fails instead.
"""

import os
import shutil
import unittest

_SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin:/opt/homebrew/bin:/usr/local/bin"


def need_program(*names: str, package: str) -> str:
    """Return the path of the first of these programs that the machine has."""
    places = f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_FOLDERS}"
    for name in names:
        if found := shutil.which(name, path=places):
            return found
    missing = f"no {' or '.join(names)} on this machine (package {package})"
    if os.environ.get("YICI_TEST_STRICT"):
        raise RuntimeError(missing)
    raise unittest.SkipTest(missing)
