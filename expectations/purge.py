"""Purge: remove rows that should never have come from everywhere that Yici keeps them, and leave a record of it.

Rows are named by their keys or by a predicate over items; a row that the predicate names takes with it whatever else
stands under its key. They go from every landing extract (which gets a tombstone), from every version in the store,
from quarantine, from the links that nothing else supports, and from what was derived for the same subjects; a new
baseline replaces those that held them. With a number that no row names any more goes what service and portal keep under
it (`warehouse.elsewhere`). What is shown and recorded is counts and digests, never a key.

Whose rows they are is written down before the first one goes (`yici.deletion.pending`) and taken out when the last
one is gone, so that a purge of the same resource finishes one that was interrupted, wherever that was.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import duckdb
import psycopg
from psycopg import sql

from catalogs.model import Catalog, Resource
from catalogs.settings import ConfigurationError, now
from catalogs.sql import SqlFault, predicate
from connectors.duck import describe, literal
from connectors.duck import quote as q
from connectors.landing import BASELINES, MANIFEST, Landing, Manifest, Tombstone
from expectations.kept import show_landed, show_quarantine, show_table
from warehouse import anew, baseline, releases, rotation, sealed
from warehouse.bulk import copy_rows
from warehouse.elsewhere import NOWHERE, Elsewhere, Gone
from warehouse.identity import DOCUMENT, kept, resident_id_18
from warehouse.key_ring import ring
from warehouse.sealed_rows import sealed_list
from warehouse.store import SOURCE_SUFFIX, key_of, sealed_in, tables_of

Tell = Callable[[str, str], None]
# What a purge has to know until it is done: keys of the rows, and whose keys and documents stand in them.
_NOTES = {
    "wanted": "key VARCHAR",
    "claims": "id_type VARCHAR, key VARCHAR",
    "documents": "number VARCHAR, kind VARCHAR, country VARCHAR",
}
_PENDING = "yici.deletion#pending"
# Corrected workbooks that wait to be judged: rows of a resource, sealed.
_WORKBOOKS = "portal.handed_in"
_LINKED = "(id_type, key) IN (SELECT * FROM unnest(%(id_types)s::text[], %(keys)s::text[]))"


class PurgeRefused(Exception):
    """What was ordered cannot be carried out; nothing was changed."""


class PurgeUnfinished(Exception):
    """The rows are gone from every table, but the server's files still hold them; the next purge goes on from there."""


@dataclass(frozen=True)
class Order:
    """What is to go, on whose word.

    Attributes:
        resource: its contract.
        keys: of rows, several key items joined by `|` as quarantine shows them.
        where: predicate over the resource's items in DuckDB SQL; empty if keys say all.
        by: who orders it.
        reason: why; goes into the record as it stands.
    """

    resource: Resource
    keys: tuple[str, ...] = field(repr=False)
    where: str = field(repr=False)
    by: str
    reason: str


@dataclass
class Purged:
    """What went, or would go.

    Attributes:
        rows: resource → rows in landing extracts.
        extracts: folders of the extracts that held any.
        versions: resource → versions in the store.
        quarantined: resource → rows in quarantine, and corrections of them.
        links: natural keys and documents that nothing supports any more.
        elsewhere: table of service or portal → what is kept there under these.
        first_at: when the first extract that held one was taken; None if none did.
        baselines: folders of the baselines that are replaced.
        untied: derived resources about other subjects, which the next release computes without the rows.
    """

    rows: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    extracts: list[str] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    quarantined: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    links: int = 0
    elsewhere: dict[str, int] = field(default_factory=dict)
    first_at: datetime | None = None
    baselines: list[str] = field(default_factory=list)
    untied: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether the rows were nowhere, and nothing else was kept of whoever they name."""
        in_store = (self.rows, self.versions, self.quarantined)
        return not (any(any(counts.values()) for counts in in_store) or self.elsewhere)


def check(order: Order) -> None:
    """Check an order before anything is locked.

    Raises:
        ConfigurationError: neither key nor predicate, or a predicate that is none over this resource's items.
    """
    if not order.keys and not order.where:
        raise ConfigurationError("name the rows: --key for each, or --where for many; nothing was changed")
    if order.where:
        try:
            columns = predicate(order.where).columns
        except SqlFault:
            raise ConfigurationError(
                "--where: not one predicate over a single row in DuckDB SQL; nothing was changed"
            ) from None
        known = {item.name for item in order.resource.items} | {
            item.name + SOURCE_SUFFIX for item in order.resource.items if item.is_coded
        }
        if unknown := sorted(set(columns) - known):
            raise ConfigurationError(
                f"--where: {order.resource.name} has no item {', '.join(unknown)}; nothing was changed"
            )


def purge(
    con: psycopg.Connection,
    duck: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    landing: Landing,
    home: Path,
    order: Order,
    dry_run: bool,
    tell: Tell,
    elsewhere: Elsewhere = NOWHERE,
) -> Purged:
    """Carry out an order, or count what it would remove.

    Args:
        con: the owner's connection, in autocommit mode.
        duck: an `expectations.admit.engine`.
        catalog: the campus's.
        landing: the zone.
        home: the state folder, whose key signs the new baseline.
        order: checked.
        dry_run: count only.
        tell: called with each step and its result.
        elsewhere: what is kept of people outside the store.

    Raises:
        ReleaseRunning: a release or a reading of the system is under way.
        PurgeRefused: the predicate cannot be evaluated over what is stored.
        LandingError: an extract cannot be read.
    """
    releases.hold(con)
    releases.hold_landing(con, order.resource.system)
    rotation.finished(con)
    landing.attach(duck)
    work = _Purge(con, duck, catalog, landing, order, dry_run, tell, elsewhere)
    try:
        work.find()
        if not dry_run:
            work.begin()
        work.remove(order.resource, order.where)
        work.remove_derived()
    except duckdb.Error as error:
        raise PurgeRefused(
            f"{order.resource.name}: the rows cannot be looked up: {describe(error)}; what was not yet removed stays."
            " Mend --where (dates and numbers are typed as the contract says) and run it again"
        ) from None
    done = work.done
    done.baselines = sealed.folders(landing, BASELINES)
    work.remove_links()
    if not dry_run:
        work.finish(home)
    return done


def is_unfinished(con: psycopg.Connection, landing: Landing, resource: str) -> bool:
    """Whether a purge of this resource was interrupted; another one finishes it."""
    (is_begun,) = con.execute(
        "SELECT EXISTS (SELECT FROM yici.deletion WHERE kind = 'purge' AND state = 'begun' AND resource = %s)",
        [resource],
    ).fetchone()
    return is_begun or baseline.is_owed(con, landing)


class _Purge:
    """One purge under way: its connections, what it found, and what it has removed."""

    def __init__(
        self,
        con,
        duck,
        catalog: Catalog,
        landing: Landing,
        order: Order,
        dry_run: bool,
        tell: Tell,
        elsewhere: Elsewhere,
    ):
        self.con, self.duck, self.catalog, self.landing = con, duck, catalog, landing
        self.order, self.dry_run, self.tell, self.elsewhere = order, dry_run, tell, elsewhere
        self.done = Purged()
        self.deletion = 0
        self.digests: dict[str, list[str]] = {}
        self.touched: set[str] = set()
        # Store table → keys of the rows that a dry run would remove.
        self.leaving: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        for table, columns in _NOTES.items():
            duck.execute(f"CREATE OR REPLACE TEMP TABLE {table} ({columns})")

    def find(self) -> None:
        """Collect the keys of all rows that the order names, wherever they are, and whose rows they are."""
        order = self.order
        pending = self.con.execute(
            "SELECT pending FROM yici.deletion WHERE kind = 'purge' AND state = 'begun' AND resource = %s",
            [order.resource.name],
        ).fetchall()
        self._note("wanted", [[key] for key in order.keys])
        subject = order.resource.subject
        if subject is not None and order.resource.key == (subject.key,):
            # Also where no row is left: of such a number, something may be kept elsewhere.
            self._note("claims", [[subject.id_type, key] for key in order.keys])
        for (notes,) in pending:
            for table, rows in _opened(notes).items():
                self._note(table, rows)
        if pending:
            self._touch_all()
        if order.where:
            for _ in self._places(order.resource):
                self.duck.execute(
                    f"INSERT INTO wanted SELECT DISTINCT _key FROM shown WHERE ({order.where}) AND _key IS NOT NULL"
                )
        for _ in self._places(order.resource):
            if self._doom(order.where):
                self._claim(order.resource)

    def begin(self) -> None:
        """Record that a purge begins, and what it has to remove."""
        order = self.order
        notes = {table: self.duck.execute(f"SELECT DISTINCT * FROM {table}").fetchall() for table in _NOTES}
        (self.deletion,) = self.con.execute(
            """INSERT INTO yici.deletion (kind, state, begun_at, ordered_by, reason, resource, counts, digests, pending)
               VALUES ('purge', 'begun', %s, %s, %s, %s, '{}', '{}', %s) RETURNING id""",
            [now(), order.by, order.reason, order.resource.name, _sealed(notes)],
        ).fetchone()
        for (table,) in self.con.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'stage'"
        ).fetchall():
            self.con.execute(sql.SQL("DROP TABLE stage.{}").format(sql.Identifier(table)))
        registered = [path for (path,) in self.con.execute("SELECT path FROM yici.extract").fetchall()]
        for path in self.landing.garbage(registered):
            if path.startswith(order.resource.name.replace(".", "/") + "/"):
                self.landing.remove(path)

    def remove(self, resource: Resource, where: str) -> None:
        """Remove the rows under the wanted keys, or that a condition names, from every place of one resource."""
        for place in self._places(resource):
            if count := self._doom(where):
                place(count)

    def remove_derived(self) -> None:
        """Remove what was derived for the subjects of the removed rows; the next release derives it anew."""
        self.duck.execute("DELETE FROM wanted")
        for derived in self._derived():
            assert derived.subject is not None
            kind = literal(derived.subject.id_type)
            self.remove(
                derived,
                f"CAST({q(derived.subject.key)} AS VARCHAR) IN (SELECT key FROM claims WHERE id_type = {kind})",
            )
        tied = {self.order.resource.name, *(derived.name for derived in self._derived())}
        self.done.untied = [
            r.name for r in self.catalog.resources.values() if r.is_derived and r.name not in tied
        ]

    def remove_links(self) -> None:
        """Remove the links of numbers that no stored row supports any more, and what else is kept under them."""
        keys = set(self.duck.execute("SELECT DISTINCT id_type, key FROM claims").fetchall())
        for number, kind, country in self.duck.execute("SELECT DISTINCT * FROM documents").fetchall():
            keys.add((f"{DOCUMENT}{kind}:{country or ''}", resident_id_18(number)))
        gone = [key for key in keys if not self._is_supported(*key)]
        stored = [kept(key, ring()) for key in gone]
        linked = {"id_types": [kind for kind, _ in stored], "keys": [key for _, key in stored]}
        with self.con.transaction():
            subjects = self.con.execute(
                f"SELECT subject_id FROM yici.link GROUP BY 1 HAVING bool_and({_LINKED})", linked
            ).fetchall()
            nobody = Gone(frozenset(gone), frozenset(one for (one,) in subjects))
            self.done.elsewhere = (
                dict(self.elsewhere.forget(self.con, nobody, self.dry_run)) | self._workbooks()
            )
            if self.dry_run:
                query = f"SELECT count(*) FROM yici.link WHERE {_LINKED}"
                (self.done.links,) = self.con.execute(query, linked).fetchone()
                return
            self.touched |= set(self.done.elsewhere)
            self.done.links = self.con.execute(f"DELETE FROM yici.link WHERE {_LINKED}", linked).rowcount
            self.con.execute(
                "DELETE FROM yici.subject s WHERE NOT EXISTS (SELECT FROM yici.link l WHERE l.subject_id = s.id)"
            )
        if self.done.links:
            self.touched |= {"yici.link", "yici.subject"}
        self.tell("links", f"{self.done.links:,} removed")
        for place, count in self.done.elsewhere.items():
            self.tell(place, f"{count:,} removed")

    def _workbooks(self) -> dict[str, int]:
        """Delete, or count, the corrected workbooks of the resource: any may hold the rows."""
        verb = "SELECT FROM" if self.dry_run else "DELETE FROM"
        done = self.con.execute(
            f"{verb} {_WORKBOOKS} WHERE resource = %s AND content IS NOT NULL", [self.order.resource.name]
        )
        return {_WORKBOOKS: done.rowcount} if done.rowcount else {}

    def finish(self, home: Path) -> None:
        """Close the record, give back the space that still holds the rows, replace the baselines."""
        done = self.done
        counts = {
            "rows": done.rows, "versions": done.versions, "quarantined": done.quarantined, "links": done.links,
            "elsewhere": done.elsewhere,
            "extracts": len(done.extracts), "baselines": len(done.baselines),
        }  # fmt: skip
        self.con.execute(
            "UPDATE yici.deletion SET counts = %s, digests = %s WHERE id = %s",
            [json.dumps(counts), json.dumps(self.digests), self.deletion],
        )
        for table in sorted(self.touched):
            # Deleted rows stay readable in the table's file until it is written anew.
            self._write_anew(table)
        # Also one of this resource that was interrupted: this one finished it.
        self.con.execute(
            """UPDATE yici.deletion SET state = 'done', done_at = %s, pending = NULL
               WHERE kind = 'purge' AND state = 'begun' AND resource = %s""",
            [now(), self.order.resource.name],
        )
        self._write_anew("yici.deletion")
        baseline.replace(self.con, self.landing, home, lambda table: self.tell(table, "secured"))

    def _write_anew(self, table: str) -> None:
        """Write a table's file anew, without the deleted rows, once no session can see them any more.

        Raises:
            PurgeUnfinished: one still can after a minute.
        """
        if readers := anew.write_anew(self.con, table, anew.LONGEST_READER_S):
            raise PurgeUnfinished(
                f"{table}: the rows are deleted; its file keeps them while {', '.join(readers)} can still see them: "
                "end that and give the same order again: it finishes this one"
            )

    def _note(self, table: str, rows: list[list]) -> None:
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self.duck.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)

    def _doom(self, where: str) -> int:
        """Put the shown rows that are to go into table `doomed`; returns how many."""
        by_key = "_key IN (SELECT key FROM wanted) OR _raw_key IN (SELECT key FROM wanted)"
        condition = f"coalesce({by_key}, false)" + (f" OR coalesce(({where}), false)" if where else "")
        self.duck.execute(f"CREATE OR REPLACE TEMP TABLE doomed AS SELECT * FROM shown WHERE {condition}")
        return self.duck.execute("SELECT count(*) FROM doomed").fetchone()[0]

    def _derived(self) -> list[Resource]:
        """Return the derived resources about subjects that the resource names."""
        subject = self.order.resource.subject
        own = {subject.id_type, *(link.id_type for link in subject.links)} if subject else set()
        return [
            resource
            for resource in self.catalog.resources.values()
            if resource.is_derived
            and resource.name != self.order.resource.name
            and resource.subject is not None
            and resource.subject.id_type in own
        ]

    def _touch_all(self) -> None:
        """An interrupted purge may have deleted from any of these."""
        for resource in (self.order.resource, *self._derived()):
            self.touched |= {f"store.{table}" for table in tables_of(self.con, resource)}
        self.touched |= {"yici.quarantine", "yici.quarantine_decision", "yici.link", "yici.subject"}
        self.touched |= {_WORKBOOKS, *self.elsewhere.tables}

    def _places(self, resource: Resource) -> Iterator[Callable[[int], None]]:
        """Show each place's rows (`expectations.kept`), and yield what removes the rows in table `doomed` from it."""
        extracts = self.con.execute(
            """SELECT id, path, digest, taken_at FROM yici.extract WHERE resource = %s AND removed_at IS NULL
               ORDER BY id""",
            [resource.name],
        ).fetchall()
        keys = [key_of(self.con, table) for table in tables_of(self.con, resource)]
        for number, path, digest, taken_at in extracts:
            manifest = self.landing.read(path)
            opened = self.landing.open(manifest)
            files = f"[{', '.join(map(literal, opened))}]"
            source = f"read_parquet({files}, filename = '_file', file_row_number = true{opened.options})"
            show_landed(self.duck, self.catalog, resource, source, "_file, file_row_number AS _no", keys)
            yield partial(self._rewrite_extract, manifest, source, taken_at)
            self._tell_ledger(manifest.path, number, digest)
        for table, own_key in zip(tables_of(self.con, resource), keys, strict=True):
            show_table(self.duck, resource, table, own_key)
            yield partial(self._delete_versions, resource, table, own_key)
        show_quarantine(self.duck, self.catalog, resource, "quarantine_decision")
        yield partial(self._forget_corrections, resource)
        show_quarantine(self.duck, self.catalog, resource)
        yield partial(self._delete_quarantined, resource)

    def _claim(self, resource: Resource) -> None:
        """Note whose keys the doomed rows name."""
        if resource.subject is None:
            return
        subject = resource.subject
        for id_type, item in [
            (subject.id_type, subject.key),
            *((link.id_type, link.item) for link in subject.links),
        ]:
            self.duck.execute(
                f"INSERT INTO claims SELECT DISTINCT {literal(id_type)}, CAST({q(item)} AS VARCHAR) FROM doomed"
                f" WHERE {q(item)} IS NOT NULL"
            )
        if identity := subject.identity:
            kind, country = _operand(identity.type), _operand(identity.country or "=")
            for number in map(q, filter(None, (identity.number, identity.former_number))):
                self.duck.execute(
                    f"INSERT INTO documents SELECT DISTINCT {number}, {kind}, {country} FROM doomed"
                    f" WHERE {number} <> '' AND {kind} IS NOT NULL"
                )

    def _rewrite_extract(self, manifest: Manifest, source: str, taken_at: datetime, count: int) -> None:
        self.done.rows[manifest.resource] += count
        self.done.extracts.append(manifest.path)
        self.done.first_at = min(self.done.first_at or taken_at, taken_at)
        if self.dry_run:
            return
        rows = (
            f"SELECT x.* EXCLUDE (_file, file_row_number) FROM {source} x"
            " ANTI JOIN doomed d ON x._file = d._file AND x.file_row_number = d._no ORDER BY _file, file_row_number"
        )
        stone = Tombstone(now().isoformat(), self.deletion, 0, "", "")
        changed = self.landing.rewrite(manifest, rows, self.duck, stone)
        self.digests[manifest.path] = [changed.tombstones[-1].old_sha256, changed.tombstones[-1].new_sha256]
        self.tell(manifest.path, f"{count:,} rows removed")

    def _tell_ledger(self, path: str, number: int, digest: str) -> None:
        """Let the ledger name a rewritten extract's manifest; also one that an interrupted purge rewrote."""
        if self.dry_run or not self.deletion:
            return
        manifest = self.landing.read(path)
        found = self.landing.sha256(f"{path}/{MANIFEST}")
        if manifest.tombstones and found != digest:
            self.landing.sweep(manifest)
            self.con.execute(
                "UPDATE yici.extract SET rows = %s, digest = %s WHERE id = %s", [manifest.rows, found, number]
            )

    def _delete_versions(self, resource: Resource, table: str, own_key: tuple[str, ...], _: int) -> None:
        """Delete every version of the doomed rows' keys, as the table tells them, whichever of them was named."""
        key = ", ".join(map(q, own_key))
        (count, first) = self.duck.execute(
            f"SELECT count(*), min(_from) FROM shown SEMI JOIN doomed USING ({key})"
        ).fetchone()
        self.done.versions[resource.name] += count
        if self.dry_run:
            texts = ", ".join(f"CAST({q(name)} AS VARCHAR)" for name in own_key)
            self.leaving[table] |= set(self.duck.execute(f"SELECT DISTINCT {texts} FROM doomed").fetchall())
            return
        staged = f"{table}__purge"
        self.con.execute(
            f"CREATE UNLOGGED TABLE stage.{q(staged)} AS SELECT {key} FROM store.{q(table)} LIMIT 0"
        )
        copy_rows(
            self.duck,
            f"SELECT DISTINCT {sealed_list(self.duck, own_key, sealed_in(self.con, table))} FROM doomed",
            self.con,
            sql.Identifier("stage", staged),
            own_key,
        )
        on = " AND ".join(f"t.{q(name)} = s.{q(name)}" for name in own_key)
        with self.con.transaction():
            self.con.execute(f"DELETE FROM store.{q(table)} t USING stage.{q(staged)} s WHERE {on}")
            self.con.execute(f"DROP TABLE stage.{q(staged)}")
            # What these releases showed is no longer whole.
            self.con.execute(
                "UPDATE yici.release SET pruned_at = %s WHERE id >= %s AND state = 'published' AND pruned_at IS NULL",
                [now(), first],
            )
        # A random sample may hold a key until it is looked at; which of them, is not worth finding out.
        self.con.execute("UPDATE yici.sample_row SET key_text = NULL WHERE resource = %s", [resource.name])
        self.touched |= {f"store.{table}", "yici.sample_row"}
        self.tell(resource.name, f"{count:,} versions removed")

    def _delete_quarantined(self, resource: Resource, count: int) -> None:
        self.done.quarantined[resource.name] += count
        if self.dry_run:
            return
        rows = self.duck.execute("SELECT _id, _row_digest FROM doomed").fetchall()
        with self.con.transaction():
            # That somebody decided stays on record; about which row, goes with it.
            self.con.execute(
                "UPDATE yici.quarantine_decision SET row = NULL, row_digest = NULL"
                " WHERE resource = %s AND row_digest = ANY (%s)",
                [resource.name, [digest for _, digest in rows]],
            )
            self.con.execute(
                "DELETE FROM yici.quarantine WHERE id = ANY (%s)", [[number for number, _ in rows]]
            )
        self.touched |= {"yici.quarantine", "yici.quarantine_decision"}
        self.tell(resource.name, f"{count:,} rows removed from quarantine")

    def _forget_corrections(self, resource: Resource, count: int) -> None:
        """Forget what was resubmitted under the doomed keys; the record of who did it stays."""
        self.done.quarantined[resource.name] += count
        if self.dry_run:
            return
        ids = [number for (number,) in self.duck.execute("SELECT _id FROM doomed").fetchall()]
        self.con.execute(
            "UPDATE yici.quarantine_decision SET row = NULL, row_digest = NULL WHERE id = ANY (%s)", [ids]
        )
        self.touched.add("yici.quarantine_decision")

    def _is_supported(self, id_type: str, key: str) -> bool:
        """Whether a stored row of any resource still names a natural key or document."""
        for resource in self.catalog.resources.values():
            for item in _naming(resource, id_type):
                for table in tables_of(self.con, resource):
                    if not self._has_column(table, item):
                        continue
                    query = sql.SQL("SELECT DISTINCT {} FROM clear.{} WHERE {}::text = ANY (%s)").format(
                        sql.SQL(", ").join(
                            sql.SQL("{}::text").format(sql.Identifier(name))
                            for name in key_of(self.con, table)
                        ),
                        sql.Identifier(table),
                        sql.Identifier(item),
                    )
                    found = self.con.execute(query, [_forms(id_type, key)]).fetchall()
                    if not self.leaving[table].issuperset(found):
                        return True
        return False

    def _has_column(self, table: str, column: str) -> bool:
        return bool(
            self.con.execute(
                "SELECT 1 FROM information_schema.columns"
                " WHERE table_schema = 'store' AND table_name = %s AND column_name = %s",
                [table, column],
            ).fetchone()
        )


def _sealed(notes: dict) -> str:
    """Return what a purge has to remove as the record keeps it until it is done: keys and numbers, sealed."""
    return json.dumps({"sealed": ring().armour(json.dumps(notes, ensure_ascii=False), _PENDING)})


def _opened(notes: dict) -> dict:
    """Return the notes that `_sealed` sealed; those of an early version lie open."""
    return json.loads(ring().disarm(notes["sealed"], _PENDING)) if "sealed" in notes else notes


def _naming(resource: Resource, id_type: str) -> list[str]:
    """Return the items of a resource that hold keys of this kind, or numbers of documents."""
    subject = resource.subject
    if subject is None:
        return []
    if id_type.startswith(DOCUMENT):
        identity = subject.identity
        return [item for item in (identity.number, identity.former_number) if item] if identity else []
    pairs = [(subject.id_type, subject.key), *((link.id_type, link.item) for link in subject.links)]
    return [item for kind, item in pairs if kind == id_type]


def _forms(id_type: str, key: str) -> list[str]:
    """The texts under which a key may stand in a row: a resident number also with 15 digits or a small x."""
    if not id_type.startswith(DOCUMENT):
        return [key]
    old = [key[:6] + key[8:17]] if len(key) == 18 else []
    return [key, key.lower(), *old]


def _operand(part: str) -> str:
    return literal(part[1:]) if part.startswith("=") else q(part)
