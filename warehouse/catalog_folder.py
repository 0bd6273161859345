"""Write changes into the campus's folder: all files or none, whatever kills the process, and nobody's edit lost.

What is to be written is laid down first, with the number of the version it belongs to (`prepare`). The version is
published in the database, and that decides: if the process dies before, the plan is dropped; if it dies after, the
next command carries the plan out. Each file is replaced by a rename, and only if it still is what the plan saw.
"""

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_PLAN = "plan.json"
_FOLDER = "catalog-change"


@dataclass(frozen=True)
class Plan:
    """What is to be written.

    Attributes:
        number, digest: of the version that it belongs to.
        before: path → SHA-256 of the file that is replaced; empty: there is none.
        after: path → its new content; None: it goes.
    """

    number: int
    digest: str
    before: Mapping[str, str]
    after: Mapping[str, bytes | None]


def prepare(
    home: Path, number: int, digest: str, present: Mapping[str, bytes], files: Mapping[str, bytes | None]
) -> Plan:
    """Lay down what is to be written once the version is published.

    Args:
        home: the state folder.
        number, digest: of the version.
        present: the folder's files as they were when the change was merged into them.
        files: path → new content of each file that changes; None: it goes.
    """
    before = {path: _digest(present.get(path)) for path in files}
    plan = Plan(number, digest, before, files)
    place = home / _FOLDER
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True, mode=0o700)
    content = {
        path: None if data is None else base64.b64encode(data).decode() for path, data in files.items()
    }
    text = json.dumps({"number": number, "digest": digest, "before": before, "after": content})
    _write(place / _PLAN, text.encode())
    return plan


def carry_out(home: Path, campus: Path, plan: Plan) -> tuple[str, ...]:
    """Write the files of a plan; returns those that somebody edited meanwhile, which stay as they are.

    Raises:
        OSError: the folder cannot be written; the plan stays.
    """
    edited = []
    for path, data in plan.after.items():
        target = campus / path
        present = _digest_at(target)
        if present == _digest(data):
            continue
        if present != plan.before[path]:
            edited.append(path)
        elif data is None:
            target.unlink()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, data)
    shutil.rmtree(home / _FOLDER, ignore_errors=True)
    return tuple(edited)


def recover(home: Path, campus: Path, was_published: Callable[[int, str], bool]) -> tuple[str, ...]:
    """Finish or drop what a dead process began; returns files that somebody edited meanwhile.

    Args:
        home: the state folder.
        campus: the folder.
        was_published: tells of a version's number and digest whether it was published.
    """
    place = home / _FOLDER
    try:
        told = json.loads((place / _PLAN).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    if not was_published(told["number"], told["digest"]):
        shutil.rmtree(place, ignore_errors=True)
        return ()
    after = {path: None if data is None else base64.b64decode(data) for path, data in told["after"].items()}
    return carry_out(home, campus, Plan(told["number"], told["digest"], told["before"], after))


def _write(target: Path, data: bytes) -> None:
    """Replace a file by a rename; its mode stays."""
    fresh = target.with_name(f".{target.name}.new")
    with fresh.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    if target.exists():
        shutil.copymode(target, fresh)
    fresh.replace(target)


def _digest_at(path: Path) -> str:
    return _digest(path.read_bytes()) if path.is_file() else ""


def _digest(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()
