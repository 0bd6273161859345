"""Small disks in memory, to be filled: only root may mount them."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

BALLAST = "ballast"


def mount(folder: Path, size_mb: int) -> None:
    """Mount an empty disk of that size on a folder.

    Raises:
        PermissionError: only root may.
    """
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=0755", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise PermissionError("no small disk could be mounted, which needs root")


def unmount(folder: Path) -> None:
    """Take a mounted disk away, if there is one."""
    if os.path.ismount(folder):
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Fill the disk that a folder lies on up to some bytes; returns the file to delete."""
    ballast = folder / BALLAST
    free = shutil.disk_usage(folder).free
    with ballast.open("wb") as file:
        while free > leave:
            free -= file.write(b"\0" * min(1 << 20, free - leave))
    return ballast


@contextlib.contextmanager
def small_disk(folder: Path, size_mb: int) -> Iterator[Path]:
    """Make a folder that is a disk of its own for the length of the block.

    Raises:
        PermissionError: only root may.
    """
    folder.mkdir()
    mount(folder, size_mb)
    try:
        yield folder
    finally:
        unmount(folder)
