"""The folder that a test session's workers share, and the end of every server in it.

pytest's own process makes the folder and removes it with its servers; xdist's workers find it through the
environment. A killed session leaves its folder with the pid of its dead owner: the next one clears it.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from warehouse.embedded import EmbeddedServer

_VARIABLE = "YICI_TEST_SESSION"
_PREFIX = f"yici-test-{os.geteuid()}-"
_OWNER = "owner.pid"
_BEGINNING_S = 60  # a folder without an owner may belong to a session that just begins


def begin() -> None:
    """Make the session's folder; its path has no spaces and may be entered by the servers' accounts."""
    if _VARIABLE in os.environ:
        return
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # A session that ends meanwhile, or another one that begins, removes it itself.
        with contextlib.suppress(FileNotFoundError):
            if left.stat().st_uid == os.geteuid() and not _owner_lives(left):
                _clear(left)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    folder.chmod(0o711)
    (folder / _OWNER).write_text(str(os.getpid()), encoding="ascii")
    os.environ[_VARIABLE] = str(folder)


def end() -> None:
    """Stop the session's servers and remove its folder, if this process made it."""
    folder = shared_folder()
    if (folder / _OWNER).read_text(encoding="ascii") == str(os.getpid()):
        del os.environ[_VARIABLE]
        _clear(folder)


def shared_folder() -> Path:
    return Path(os.environ[_VARIABLE])


def empty_home() -> Path:
    """Return the state folder of tests that have none of their own: nothing is there."""
    return shared_folder() / "home"


@contextlib.contextmanager
def exclusively(name: str) -> Iterator[None]:
    """Let one worker of the session at a time in."""
    with (shared_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _owner_lives(folder: Path) -> bool:
    try:
        os.kill(int((folder / _OWNER).read_text(encoding="ascii")), 0)
    except (FileNotFoundError, ValueError):
        return time.time() - folder.stat().st_mtime < _BEGINNING_S
    except ProcessLookupError:
        return False
    return True


def _clear(folder: Path) -> None:
    from tests.support.mariadb import stop_mariadb

    EmbeddedServer(folder / "pg").remove()
    stop_mariadb(folder / "mariadb")
    shutil.rmtree(folder, ignore_errors=True)
