"""A release is a number: opening a candidate, taking resources back, publishing, rolling back, abandoning.

One release runs at a time, holding an advisory lock on its own connection: a process that dies gives the lock back,
and the next one abandons the candidate it finds. Everything that a candidate wrote carries its number, so taking it
back is exact, and publishing is one transaction that nobody can see half of.
"""

import contextlib
import subprocess
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import psycopg
from psycopg import sql

from catalogs.model import Catalog, Resource
from catalogs.settings import now
from warehouse import catalog_versions, landing_lock, ledger, refused_rows, rotation
from warehouse.anew import write_anew
from warehouse.connect import ROLE_NAMES, connect
from warehouse.store import newest_table
from warehouse.versions import take_back
from warehouse.views import create_views

_LOCK = "hashtext('yici release')"
_PORTAL = sql.Identifier(ROLE_NAMES["portal"])
# What dbt wrote at a model's table: a column and its text, no column for the table's own.
_COMMENTS = """
SELECT a.attname, d.description
FROM pg_class c JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
WHERE c.relname = %s AND c.relnamespace = to_regnamespace(%s)
"""


class ReleaseRunning(Exception):
    """Another release run holds the lock."""


class NoSuchRelease(Exception):
    """The release that was asked for cannot be shown; the current one stays."""


@dataclass(frozen=True)
class Candidate:
    """An open candidate: its number, its catalog's version, and the connection that holds the lock."""

    id: int
    catalog_version: int
    con: psycopg.Connection


@cache
def code_version() -> str:
    """Return the project's version and, in a checkout, its commit."""
    version = metadata.version("yici")
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        commit = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"],
            check=True,
            capture_output=True,
            text=True,
        )
        return f"{version}+{commit.stdout.strip()}"
    return version


def current(con: psycopg.Connection) -> int | None:
    """Return the release that the service answers from, or None before the first."""
    return con.execute("SELECT yici.current()").fetchone()[0]


def hold(con: psycopg.Connection) -> None:
    """Take the release lock for the life of a connection.

    Raises:
        ReleaseRunning: another run is under way.
    """
    if not con.execute(f"SELECT pg_try_advisory_lock({_LOCK})").fetchone()[0]:
        raise ReleaseRunning(
            "another release run is under way; nothing was changed. Wait for it, then run again"
        )


def hold_landing(con: psycopg.Connection, system: str) -> None:
    """Keep a system from being landed for the life of a connection.

    Raises:
        ReleaseRunning: it is being read.
    """
    if not landing_lock.take(con, system):
        raise ReleaseRunning(
            f"system {system} is being read; nothing was changed. Wait for it, then run again"
        )


@contextlib.contextmanager
def open_candidate(catalog: Catalog, files: bytes) -> Iterator[Candidate]:
    """Take the release lock, clear what a dead run left, and open the next candidate.

    Leaving the block without `publish` abandons the candidate: the store is as before.

    Args:
        catalog: the checked catalog that this release is judged and served by.
        files: its content, packed, kept with the release.

    Raises:
        ReleaseRunning: another run is under way.
    """
    con = connect(autocommit=True)
    try:
        hold(con)
        while rotation.is_stale(con):
            # Keys were exchanged between signing in and the lock.
            con.close()
            con = connect(autocommit=True)
            hold(con)
        rotation.finished(con)
        recover(con)
        version = catalog_versions.keep(con, catalog.version, files)
        with con.transaction():
            rewritten = create_views(con, catalog)
        for table in rewritten:
            write_anew(con, table)
        (number,) = con.execute("SELECT nextval('yici.release_id')").fetchone()
        con.execute(
            "INSERT INTO yici.release (id, state, opened_at, catalog_version, code_version)"
            " VALUES (%s, 'candidate', %s, %s, %s)",
            [number, now(), version, code_version()],
        )
        candidate = Candidate(number, version, con)
        try:
            yield candidate
        finally:
            if not con.closed:
                recover(con)
    finally:
        con.close()


def recover(con: psycopg.Connection) -> list[int]:
    """Abandon every candidate that is still open; the caller holds the release lock. Returns their numbers."""
    found = [
        row[0] for row in con.execute("SELECT id FROM yici.release WHERE state = 'candidate'").fetchall()
    ]
    for number in found:
        _abandon(con, number)
    return found


def _abandon(con: psycopg.Connection, number: int) -> None:
    with con.transaction():
        for (table,) in con.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'stage'").fetchall():
            con.execute(sql.SQL("DROP TABLE IF EXISTS stage.{}").format(sql.Identifier(table)))
        touched = con.execute(
            "SELECT resource FROM yici.release_resource WHERE release = %s AND outcome = 'applied'", [number]
        ).fetchall()
        for (resource,) in touched:
            _undo(con, number, resource)
        con.execute("DELETE FROM yici.link WHERE _from = %s", [number])
        con.execute("UPDATE yici.link SET _to = NULL WHERE _to = %s", [number])
        con.execute("DELETE FROM yici.identity_review WHERE release = %s", [number])
        con.execute(
            "UPDATE yici.identity_review SET state = 'open', closed_release = NULL WHERE closed_release = %s",
            [number],
        )
        con.execute("DELETE FROM yici.identity_event WHERE release = %s", [number])
        con.execute(
            "DELETE FROM yici.subject s WHERE minted_release = %s"
            " AND NOT EXISTS (SELECT FROM yici.link l WHERE l.subject_id = s.id)",
            [number],
        )
        con.execute(
            "UPDATE yici.quarantine_decision SET _from = NULL, outcome = NULL WHERE _from = %s", [number]
        )
        con.execute("DELETE FROM yici.finding WHERE release = %s", [number])
        con.execute("DELETE FROM yici.distribution WHERE release = %s", [number])
        con.execute("DELETE FROM yici.release_resource WHERE release = %s", [number])
        con.execute("DELETE FROM yici.mart WHERE release = %s", [number])
        con.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(CANDIDATE_SCHEMA)))
        con.execute("UPDATE yici.release SET state = 'abandoned' WHERE id = %s", [number])


CANDIDATE_SCHEMA = "build"


def build_schema(number: int) -> str:
    """Return the schema that keeps what release `number` built; a candidate builds into `CANDIDATE_SCHEMA`."""
    return f"build_{number:d}"


def _undo(con: psycopg.Connection, number: int, resource: str) -> None:
    table = resource.replace(".", "__")
    names = con.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'store' AND (tablename = %s OR tablename ~ %s)",
        [table, f"^{table}__v[0-9]+$"],
    ).fetchall()
    for (name,) in names:
        take_back(con, number, name)
    refused_rows.take_back(con, number, resource)


def refuse(
    con: psycopg.Connection,
    number: int,
    resource: str,
    judged: Sequence[int],
    reason: str,
    outcome: str = "refused",
) -> None:
    """Take a resource out of the candidate: its versions are undone, its last good state stays.

    Args:
        con: the owner's connection.
        number: the candidate.
        resource: its name.
        judged: extracts that this verdict is about; empty where none could be judged.
        reason: for the provider, without values.
        outcome: `refused` for its own fault, `held` because another member of its group was refused.
    """
    with con.transaction():
        _undo(con, number, resource)
        con.execute(
            """INSERT INTO yici.release_resource (release, resource, extract_id, outcome, reason, rows_in, admitted,
                   quarantined, inserted, ended, seconds, judged)
               VALUES (%(release)s, %(resource)s, (SELECT extract_id FROM yici.release_resource
                   WHERE resource = %(resource)s AND release = (SELECT max(id) FROM yici.release
                       WHERE state = 'published')), %(outcome)s, %(reason)s, 0, 0, 0, 0, 0, 0, %(judged)s)
               ON CONFLICT (release, resource) DO UPDATE SET extract_id = excluded.extract_id,
                   outcome = excluded.outcome, reason = excluded.reason, inserted = 0, ended = 0""",
            {
                "release": number,
                "resource": resource,
                "outcome": outcome,
                "reason": reason,
                "judged": list(judged),
            },
        )


def hold_groups(con: psycopg.Connection, number: int, groups: Sequence[Sequence[str]]) -> dict[str, str]:
    """Take back every applied resource whose dependency group has a refused member: all of a group or nothing.

    Returns:
        Held resource → the refused member that held it.
    """
    rows = con.execute(
        "SELECT resource, outcome, judged FROM yici.release_resource WHERE release = %s", [number]
    )
    state = {resource: (outcome, judged) for resource, outcome, judged in rows.fetchall()}
    held = {}
    for group in groups:
        guilty = [name for name in group if state.get(name, ("",))[0] == "refused"]
        for name in group:
            if guilty and state.get(name, ("",))[0] == "applied":
                refuse(
                    con,
                    number,
                    name,
                    state[name][1],
                    f"held back with {guilty[0]}, of the same group",
                    "held",
                )
                held[name] = guilty[0]
    return held


def add_findings(con: psycopg.Connection, number: int, findings: Sequence) -> None:
    """Record findings (`expectations.admission.Finding`) of the candidate."""
    with con.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO yici.finding (release, extract_id, resource, rule, dimension, severity, stage, passed,
                   rows_failed, rows_total, detail, at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [
                (
                    number,
                    f.extract_id,
                    f.resource,
                    f.rule,
                    f.dimension,
                    f.severity,
                    f.stage,
                    f.passed,
                    f.rows_failed,
                    f.rows_total,
                    f.detail,
                    now(),
                )
                for f in findings
            ],
        )


def publish(
    candidate: Candidate,
    resources: Sequence[Resource],
    models: dict[str, bool],
    without_persons: Collection[str] = (),
) -> None:
    """Make the candidate the release that everybody reads, in one transaction.

    Args:
        candidate: the open candidate.
        resources: every stored resource of its catalog; those it did not touch are carried over.
        models: dbt model → whether it may be read. A failed one stays as the last release built it.
        without_persons: models that say of themselves that they hold no person: the portal may read them.
    """
    con, number = candidate.con, candidate.id
    with con.transaction():
        con.execute(
            """INSERT INTO yici.release_resource
               SELECT %(new)s, resource, extract_id, 'carried', reason, 0, 0, quarantined, 0, 0, 0, '{}'
               FROM yici.release_resource r
               WHERE release = (SELECT max(id) FROM yici.release WHERE state = 'published')
                 AND resource = ANY (%(names)s) ON CONFLICT DO NOTHING""",
            {"new": number, "names": [resource.name for resource in resources]},
        )
        ledger.settle(con, number)
        _publish_marts(con, number, models, without_persons)
        con.execute(
            "UPDATE yici.release SET state = 'published', published_at = %s WHERE id = %s", [now(), number]
        )
        point(con, number)
    _drop_old_builds(con)


def _publish_marts(
    con: psycopg.Connection, number: int, models: dict[str, bool], without_persons: Collection[str]
) -> None:
    """Record which build each model is read from, and make `marts.<model>` show it."""
    previous = dict(
        con.execute(
            "SELECT model, build FROM yici.mart"
            " WHERE release = (SELECT max(id) FROM yici.release WHERE state = 'published')"
        ).fetchall()
    )
    if con.execute("SELECT to_regnamespace(%s)", [CANDIDATE_SCHEMA]).fetchone()[0]:
        con.execute(
            sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(
                sql.Identifier(CANDIDATE_SCHEMA), sql.Identifier(build_schema(number))
            )
        )
    for model, good in {**dict.fromkeys(previous, False), **models}.items():
        build = number if good else previous.get(model)
        if build is None:
            continue
        outcome = "built" if good else ("failed" if model in models else "carried")
        con.execute("INSERT INTO yici.mart VALUES (%s, %s, %s, %s)", [number, model, build, outcome])
        if good and model in without_persons and _has_portal(con):
            _open_to_portal(con, build_schema(build), model)
        _show_mart(con, model, build)


def _show_mart(con: psycopg.Connection, model: str, build: int) -> None:
    view, schema = sql.Identifier(model), sql.Identifier(build_schema(build))
    con.execute(sql.SQL("DROP VIEW IF EXISTS marts.{}").format(view))
    con.execute(sql.SQL("CREATE VIEW marts.{} AS SELECT * FROM {}.{}").format(view, schema, view))
    if _has_portal(con) and _is_open_to_portal(con, build_schema(build), model):
        con.execute(sql.SQL("GRANT USAGE ON SCHEMA marts TO {}").format(_PORTAL))
        _open_to_portal(con, "marts", model)
    for column, text in con.execute(_COMMENTS, [model, build_schema(build)]).fetchall():
        if column:
            told = sql.SQL("COLUMN marts.{}.{}").format(view, sql.Identifier(column))
        else:
            told = sql.SQL("VIEW marts.{}").format(view)
        con.execute(sql.SQL("COMMENT ON {} IS {}").format(told, sql.Literal(text)))


def _has_portal(con: psycopg.Connection) -> bool:
    return con.execute("SELECT to_regrole(%s)", [ROLE_NAMES["portal"]]).fetchone()[0] is not None


def _open_to_portal(con: psycopg.Connection, schema: str, model: str) -> None:
    """Let the portal read one model, by its name. On the build's table the grant is what is remembered: whoever shows
    that build again, carried over or rolled back to, opens it as it was built. (The build's schema itself stays shut.)
    """
    con.execute(
        sql.SQL("GRANT SELECT ON {}.{} TO {}").format(sql.Identifier(schema), sql.Identifier(model), _PORTAL)
    )


def _is_open_to_portal(con: psycopg.Connection, schema: str, model: str) -> bool:
    return con.execute(
        "SELECT has_table_privilege(%s, to_regclass(%s), 'SELECT')",
        [ROLE_NAMES["portal"], f'"{schema}"."{model}"'],
    ).fetchone()[0]


def point(con: psycopg.Connection, number: int) -> None:
    """Make a release the current one; the caller has made sure that it can be read."""
    con.execute(
        "INSERT INTO yici.current_release (singleton, release, at) VALUES (true, %s, %s)"
        " ON CONFLICT (singleton) DO UPDATE SET release = excluded.release, at = excluded.at",
        [number, now()],
    )


def _drop_old_builds(con: psycopg.Connection, keep: int = 2) -> None:
    """Drop dbt builds that neither the newest releases nor the current one read from."""
    rows = con.execute(
        """SELECT DISTINCT build FROM yici.mart WHERE release IN (
               SELECT id FROM yici.release WHERE state = 'published' ORDER BY id DESC LIMIT %s)
           UNION SELECT build FROM yici.mart WHERE release = yici.current()""",
        [keep],
    )
    kept = {build_schema(row[0]) for row in rows.fetchall()}
    found = con.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^build_[0-9]+$'").fetchall()
    for (schema,) in found:
        if schema not in kept:
            con.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


def forget_builds(con: psycopg.Connection) -> list[str]:
    """Drop every dbt build but the current release's own: what a purge removed may still be in them.

    Returns:
        Marts that the current release still read from an earlier build, and that nobody reads now.
    """
    number = current(con)
    with con.transaction():
        rows = con.execute(
            "DELETE FROM yici.mart WHERE release = %s AND build <> release RETURNING model", [number]
        ).fetchall()
        for (model,) in rows:
            con.execute(sql.SQL("DROP VIEW IF EXISTS marts.{}").format(sql.Identifier(model)))
        found = con.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^build(_[0-9]+)?$'").fetchall()
        for (schema,) in found:
            if number is None or schema != build_schema(number):
                con.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
    return [model for (model,) in rows]


def roll_back(con: psycopg.Connection, number: int) -> None:
    """Move the pointer to an earlier published release whose builds are still kept.

    Raises:
        NoSuchRelease: it was never published, or its marts are gone.
    """
    with con.transaction():
        con.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
        row = con.execute("SELECT state, pruned_at FROM yici.release WHERE id = %s", [number]).fetchone()
        if not row or row[0] != "published":
            raise NoSuchRelease(
                f"release {number} was never published; the current release stays; see `yici release list`"
            )
        if row[1]:
            raise NoSuchRelease(
                f"release {number} is older than what is kept: rows that it showed were deleted on"
                f" {row[1]:%Y-%m-%d} by the retention rule or a purge; the current release stays"
            )
        marts = con.execute("SELECT model, build FROM yici.mart WHERE release = %s", [number]).fetchall()
        for model, build in marts:
            if not con.execute("SELECT to_regnamespace(%s)", [build_schema(build)]).fetchone()[0]:
                raise NoSuchRelease(
                    f"release {number} is too old: its marts are gone; the current release stays"
                )
            _show_mart(con, model, build)
        point(con, number)


def digest(con: psycopg.Connection, catalog: Catalog) -> str:
    """Return a hash of everything the current release serves: admitted items and links, without ids and times.

    Two warehouses that were fed the same give the same digest, however often either was killed meanwhile.
    """
    import hashlib

    number = current(con)
    if number is None:
        return "empty"
    total = hashlib.sha256()
    with con.transaction():
        con.execute("SELECT set_config('yici.release', %s, true)", [str(number)])
        for name in sorted(catalog.resources):
            resource = catalog.resources[name]
            if newest_table(con, resource) is None:
                continue
            items = sql.SQL(", ").join(sql.Identifier(item.name) for item in resource.items)
            row = con.execute(
                sql.SQL(
                    "SELECT count(*), sum(('x' || left(md5(ROW({}, _state)::text), 16))::bit(64)::bigint::numeric)"
                    " FROM raw.{}"
                ).format(items, sql.Identifier(resource.table))
            ).fetchone()
            total.update(f"{name} {row[0]} {row[1]}\n".encode())
        row = con.execute(
            """SELECT count(*),
                   sum(('x' || left(md5(ROW(type, id_type, key, first)::text), 16))::bit(64)::bigint::numeric)
               FROM (SELECT type, id_type, key, min(id_type || ' ' || key) OVER (PARTITION BY subject_id) AS first
                     FROM clear.links) l"""
        ).fetchone()
        total.update(f"links {row[0]} {row[1]}\n".encode())
    return total.hexdigest()
