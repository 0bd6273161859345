"""The warehouse's database as one file, and back: PostgreSQL's own dump, whichever server it is.

The file is one moment of the whole database: store, ledger, links, releases, cases, clients and the record. The
landing zone and the keys are folders of files beside it, copied with whatever the campus copies files with; what has
to agree with what, and in which order, says docs/operations.md. `pg_dump` is the embedded server's.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from catalogs.settings import ConfigurationError, now, settings
from warehouse.connect import connect, pg_params
from warehouse.placement import wheel_binaries

_SCHEMAS = ("yici", "service", "store", "raw")
# In the state folder: a purge has to name the files that it does not reach.
_MADE = "backups.jsonl"


class BackupFailed(Exception):
    """PostgreSQL's program failed; the message says what stays."""


@dataclass(frozen=True)
class Made:
    """A backup that this installation has written; the file may have been moved or deleted since."""

    file: Path
    at: datetime


def backup(file: Path) -> int:
    """Write a dump of the whole database and return its size in bytes; an interrupted one leaves no file.

    Where it lies is noted, for `made_since`.

    Raises:
        ConfigurationError: the file exists already, or its folder does not.
        BackupFailed: pg_dump failed.
    """
    if file.exists() or not file.parent.is_dir():
        raise ConfigurationError(f"{file}: expected a new file in a folder that exists; nothing was written")
    partial = file.with_name(f"{file.name}.partial")
    partial.touch(mode=0o600)
    try:
        _call("pg_dump", "--format=custom", f"--file={partial}")
        _note(Made(file.resolve(), now()))
        partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)
    return file.stat().st_size


def made_since(at: datetime | None) -> list[Made]:
    """Return the backups that were written from a time on, oldest first; of an unknown time: all."""
    noted = settings().home / _MADE
    if not noted.exists():
        return []
    lines = map(json.loads, noted.read_text(encoding="utf-8").splitlines())
    made = [Made(Path(line["file"]), datetime.fromisoformat(line["at"])) for line in lines]
    return [one for one in made if at is None or one.at >= at]


def _note(made: Made) -> None:
    line = json.dumps({"file": str(made.file), "at": made.at.isoformat()}, ensure_ascii=False)
    home = settings().home
    home.mkdir(parents=True, exist_ok=True)
    with (home / _MADE).open("a", encoding="utf-8") as noted:
        noted.write(f"{line}\n")


def restore(file: Path) -> None:
    """Bring a dump back into an empty database, in one transaction: all of it or nothing.

    Raises:
        ConfigurationError: there is no such file, or the warehouse is not empty.
        BackupFailed: pg_restore failed; the database is as empty as before.
    """
    if not file.is_file():
        raise ConfigurationError(f"{file}: there is no such file; nothing was restored")
    with connect() as con:
        if held := _schemas(con):
            raise ConfigurationError(
                f"the warehouse is not empty (schema {held[0]}); restore into a new database, or remove this one "
                "first (`yici db remove`). Nothing was restored"
            )
    _call("pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", str(file))
    with connect(autocommit=True) as con:
        con.execute("ANALYZE")


def _schemas(con: psycopg.Connection) -> list[str]:
    found = con.execute("SELECT nspname FROM pg_namespace WHERE nspname = ANY (%s)", [list(_SCHEMAS)])
    return [name for (name,) in found.fetchall()]


def _call(program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL's as the warehouse's owner; the password goes by the environment."""
    params = pg_params("owner")
    database = make_conninfo(host=params.host, port=params.port, user=params.user, dbname=params.dbname)
    command = [str(wheel_binaries() / program), "--no-password", f"--dbname={database}", *arguments]
    done = subprocess.run(
        command, env=os.environ | {"PGPASSWORD": params.password}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        # Further lines may quote a row.
        said = next((line for line in done.stderr.splitlines() if "error:" in line), "no message")
        raise BackupFailed(f"{said[:200]}. The warehouse is as it was before")
