"""Another store key for everything that is sealed: in batches, resumable, with both keys known meanwhile.

The order makes every moment safe to die in. The new key first joins the ring behind the old one, so that running
services learn to open what it will seal; then it seals; then what the old one sealed is sealed again; then a baseline
is written, since the old ones need the old key; at last the old key is destroyed. The ring says how far that is, the
values themselves say what is left. Nothing is released meanwhile: a release that finds an interrupted exchange
finishes it first, since equal values under two keys would look like changes.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg import sql

from catalogs.settings import ConfigurationError, settings
from connectors.landing import BASELINES, LEDGER, Landing
from warehouse import baseline, key_ring, sealed
from warehouse.connect import connect
from warehouse.key_ring import agree, ring
from warehouse.sealing import PARTY, SEALED_MARK, Ring

# How long a running service may take to notice a new key; it looks more often.
GRACE_S = 15.0
LOOK_EVERY_S = 4.0
# How long a statement of the service may take.
WRITING_S = 10.0
_BLOCKS = 2_000  # of 8 KB: some ten thousand rows a transaction

Tell = Callable[[str, int], None]


def is_stale(con: psycopg.Connection) -> bool:
    """Whether a session was given other keys than the ring holds now."""
    given = con.execute("SELECT current_setting('yici.sealing_key', true)").fetchone()
    return given is None or given[0] != ring().keys[0].id


def is_under_way(held: Ring) -> bool:
    """Whether a key is being exchanged."""
    return any(key.retires for key in held.keys)


def finished(con: psycopg.Connection) -> None:
    """Check the keys and finish an interrupted exchange.

    Args:
        con: the owner's, in autocommit mode, which holds the release lock.

    Raises:
        ConfigurationError: a key is lost, or the session has others than the ring.
    """
    if is_stale(con):
        raise ConfigurationError("the store keys were exchanged meanwhile; nothing was changed. Run again")
    agree(con, ring())
    if is_under_way(ring()):
        exchange(con, settings().home, lambda table, rows: None, GRACE_S)
        for name, value in ring().session():
            con.execute("SELECT set_config(%s, %s, false)", [name, value])


def exchange(
    con: psycopg.Connection,
    home: Path,
    tell: Tell,
    grace_s: float = GRACE_S,
    secure: Callable[[psycopg.Connection, Path], None] | None = None,
) -> tuple[str, str]:
    """Seal everything with a new key and destroy the old one; goes on where an interrupted exchange stopped.

    Args:
        con: the owner's connection, in autocommit mode, which holds the release lock.
        home: the state folder.
        tell: called with each table and how many of its rows were sealed again.
        grace_s: how long running services have to notice the new key, seconds.
        secure: called before the old key goes, with a connection that has both; None: writes a baseline.

    Returns:
        The ids of the old and of the new key.

    Raises:
        ConfigurationError: a key is lost, or the ring cannot be written; nothing was changed.
    """
    held = ring(home)
    agree(con, held)
    # As it is: what cannot be written is told before anything is changed, not half-way.
    key_ring.put(home, held)
    if not is_under_way(held):
        held = Ring((replace(held.keys[0], retires=True), key_ring.new_key()))
        key_ring.put(home, held)
        agree(con, held)
    if held.keys[0].retires:
        _wait_since_change(home, grace_s)
        held = Ring((held.keys[1], held.keys[0]))
        key_ring.put(home, held)
    new, old = held.keys
    # Cases that are being registered may still be sealed with the old key.
    _wait_since_change(home, min(grace_s, WRITING_S))
    with connect(autocommit=True) as sealer:
        _reseal(sealer, new.id, tell)
        (secure or _secure)(sealer, home)
    con.execute("UPDATE yici.store_key SET destroyed_at = now() WHERE id = %s", [old.id])
    key_ring.put(home, Ring((new,)))
    return old.id, new.id


def _wait_since_change(home: Path, seconds: float) -> None:
    """Wait until the ring has been as it is for so long."""
    changed_at = key_ring.file_of(home).stat().st_mtime
    time.sleep(max(0.0, min(seconds, changed_at + seconds - time.time())))


def _secure(con: psycopg.Connection, home: Path) -> None:
    """Replace baselines and ledgers beside landing: what they hold was sealed with the old key."""
    landing = Landing(settings().landing)
    if sealed.folders(landing, BASELINES) or sealed.folders(landing, LEDGER):
        baseline.replace(con, landing, home)


def _reseal(con: psycopg.Connection, key_id: str, tell: Tell) -> None:
    """Seal again whatever another key sealed."""
    tables: dict[str, list[tuple[str, str]]] = {}
    for table, column, context in con.execute(
        "SELECT table_name, column_name, context FROM yici.sealed_column ORDER BY 1, 2"
    ).fetchall():
        tables.setdefault(table, []).append((column, context))
    for table, columns in tables.items():
        name = sql.Identifier("store", table)
        tell(table, _by_blocks(con, name, *_bytes_again(key_id, columns)))
    tell("link", con.execute(
        "UPDATE yici.link SET key = encode(yici.reseal(decode(key, 'hex'), id_type), 'hex')"
        " WHERE starts_with(id_type, 'doc:') AND left(key, 8) <> %s",
        [key_id],
    ).rowcount)  # fmt: skip
    tell("sample_row", con.execute(
        """UPDATE yici.sample_row SET key_text = %(mark)s
               || encode(yici.reseal(decode(substr(key_text, 2), 'hex'), resource || '#key'), 'hex')
           WHERE starts_with(key_text, %(mark)s) AND substr(key_text, 2, 8) <> %(key)s""",
        {"mark": SEALED_MARK, "key": key_id},
    ).rowcount)  # fmt: skip
    tell("case", con.execute(
        """UPDATE service."case" SET parties = (
               SELECT jsonb_agg(CASE WHEN starts_with(p->>'id', %(mark)s) THEN jsonb_set(p, '{id}', to_jsonb(%(mark)s
                   || encode(yici.reseal(decode(substr(p->>'id', 2), 'hex'), %(party)s), 'hex'))) ELSE p END ORDER BY n)
               FROM jsonb_array_elements(parties) WITH ORDINALITY AS e (p, n))
           WHERE EXISTS (SELECT FROM jsonb_array_elements(parties) p
               WHERE starts_with(p->>'id', %(mark)s) AND substr(p->>'id', 2, 8) <> %(key)s)""",
        {"mark": SEALED_MARK, "key": key_id, "party": PARTY},
    ).rowcount)  # fmt: skip
    for table, texts in (
        ("quarantine", {"row": "row", "key": "key_text"}),
        ("quarantine_decision", {"row": "row"}),
    ):
        again = sql.SQL(", ").join(
            sql.SQL("{0} = encode(yici.reseal(decode({0}, 'hex'), resource || {1}), 'hex')").format(
                sql.Identifier(column), sql.Literal(f"#{name}")
            )
            for name, column in texts.items()
        )
        where = sql.SQL("sealed AND left(row, 8) <> {}").format(sql.Literal(key_id))
        tell(table, _by_blocks(con, sql.Identifier("yici", table), again, where))


def _bytes_again(key_id: str, columns: list[tuple[str, str]]) -> tuple[sql.Composable, sql.Composable]:
    again = sql.SQL(", ").join(
        sql.SQL("{0} = yici.reseal({0}, {1})").format(sql.Identifier(column), sql.Literal(context))
        for column, context in columns
    )
    old = sql.SQL(" OR ").join(
        sql.SQL("substr({}, 1, 4) <> decode({}, 'hex')").format(sql.Identifier(column), sql.Literal(key_id))
        for column, _ in columns
    )
    return again, old


def _by_blocks(
    con: psycopg.Connection, table: sql.Identifier, again: sql.Composable, where: sql.Composable
) -> int:
    """Update some blocks of a table at a time, each in a transaction of its own; returns how many rows."""
    (size,) = con.execute(
        "SELECT pg_relation_size(%s::regclass) / current_setting('block_size')::int", [table.as_string(con)]
    ).fetchone() or (0,)
    count = 0
    for first in range(0, int(size), _BLOCKS):
        statement = sql.SQL("UPDATE {} SET {} WHERE ctid >= {} AND ctid < {} AND ({})").format(
            table,
            again,
            sql.SQL("'({},0)'::tid").format(sql.Literal(first)),
            sql.SQL("'({},0)'::tid").format(sql.Literal(first + _BLOCKS)),
            where,
        )
        count += con.execute(statement).rowcount
    return count
