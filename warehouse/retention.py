"""Retention: what is older than its rule allows is deleted, and each deletion is recorded.

How long landing extracts and ended versions of a resource are kept is said by its contract (`slaProperties`:
retention) or else by campus.yaml (`retention.landing_days`); refused rows that were corrected, by
`retention.quarantine_days`; what people did in the portal, by `retention.deeds_days`; who was a party of a case, what
they consented to and what was settled for them, by `retention.cases_days`. What the current release needs is
never old: open versions, and the newest published extract of each partition. Before an extract goes, a new baseline
holds what it brought; earlier baselines go with it, because what was deleted from the store is still in them.

What is deleted is gone, so a clock that is far ahead must not decide it: where nothing was published for long, by that
clock, somebody has to say that it is right.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql

from catalogs.model import Catalog
from catalogs.periods import Period
from catalogs.settings import ConfigurationError, now
from connectors.landing import LEDGER, Landing
from warehouse import baseline, landing_lock, releases, sealed
from warehouse.elsewhere import NOWHERE, Elsewhere, Gone
from warehouse.identity import said
from warehouse.key_ring import ring

DEFAULT_DAYS = 400
DEFAULT_DEED_DAYS = DEFAULT_CASE_DAYS = 3 * 365
_IN_DOUBT_DAYS = 60  # after the last release: nothing runs here any more, or the clock is wrong
_LEDGERS = 200  # releases since the last baseline after which a rebuild would take long: a new one is due
_CAMPUS = "campus"  # stands for what no single resource holds: links, details of the service's record
_DETAILS = """FROM service.record_detail d WHERE EXISTS
    (SELECT FROM service.record r WHERE r.seq = d.seq AND r.retention_until <= %s)"""
BY = "retention rule"


class ClockInDoubt(Exception):
    """By this clock nothing was published for so long that the clock may be wrong; nothing was deleted."""


@dataclass(frozen=True)
class Rule:
    """How long one resource is kept, as words say it, and the moments and releases that follow.

    Attributes:
        text: for the record.
        horizon: extracts taken before it may go.
        release: versions that this release or an earlier one ended may go; 0 for none.
        quarantine_release: the same for refused rows.
    """

    text: str
    horizon: datetime
    release: int
    quarantine_release: int


@dataclass
class Due:
    """What is overdue of one resource.

    Attributes:
        rule: why.
        versions: store table → ended versions.
        quarantined: refused rows that were settled.
        links: ended links.
        details: entries of the service's record whose details' own time is over.
        deeds: what people did in the portal before `deeds_before`.
        gone: whoever has no link left then.
        elsewhere: table of service or portal → what is kept there of them, or was over before `cases_before`.
        extracts: path → digest of the manifest.
    """

    rule: Rule
    versions: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0
    links: int = 0
    details: int = 0
    deeds: int = 0
    deeds_before: datetime | None = None
    gone: Gone = field(default_factory=lambda: Gone(frozenset(), frozenset()))
    cases_before: datetime | None = None
    elsewhere: dict[str, int] = field(default_factory=dict)
    extracts: dict[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Counts for the record."""
        return {
            "versions": sum(self.versions.values()),
            "quarantined": self.quarantined,
            "links": self.links,
            "details": self.details,
            "deeds": self.deeds,
            "extracts": len(self.extracts),
            **self.elsewhere,
        }


def due(
    con: psycopg.Connection, catalog: Catalog, at: datetime, elsewhere: Elsewhere = NOWHERE
) -> dict[str, Due]:
    """Return what is overdue at a moment, by resource; resources with nothing overdue are left out.

    Args:
        con: any connection that may read the store and the ledger.
        catalog: whose contracts and campus say how long things are kept.
        at: the moment, aware.
        elsewhere: what is kept of people outside the store.

    Raises:
        ConfigurationError: campus.yaml's retention is no number of days.
    """
    campus_rule = _rule(con, catalog, None, at)
    found: dict[str, Due] = defaultdict(lambda: Due(campus_rule))
    for name, resource in catalog.resources.items():
        if resource.retention:
            found[name] = Due(_rule(con, catalog, resource.retention, at))
    names = {resource.table: name for name, resource in catalog.resources.items()}
    for (table,) in con.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'store' ORDER BY 1"
    ).fetchall():
        one = found[names.get(table.partition("__v")[0]) or table.partition("__v")[0].replace("__", ".", 1)]
        query = sql.SQL("SELECT count(*) FROM store.{} WHERE _to <= %s").format(sql.Identifier(table))
        if count := con.execute(query, [one.rule.release]).fetchone()[0]:
            one.versions[table] = count
    for (name,) in con.execute(
        "SELECT DISTINCT resource FROM yici.quarantine WHERE _to IS NOT NULL"
    ).fetchall():
        (found[name].quarantined,) = con.execute(
            "SELECT count(*) FROM yici.quarantine WHERE resource = %s AND _to <= %s",
            [name, found[name].rule.quarantine_release],
        ).fetchone()
    (found[_CAMPUS].links,) = con.execute(
        "SELECT count(*) FROM yici.link WHERE _to <= %s", [campus_rule.release]
    ).fetchone()
    found[_CAMPUS].gone = _gone(con, campus_rule.release)
    cases_before = _days(catalog, "cases_days", DEFAULT_CASE_DAYS).before(at)
    counted = Counter(elsewhere.forget(con, found[_CAMPUS].gone, True))
    counted.update(elsewhere.expire(con, cases_before, True))
    found[_CAMPUS].cases_before = cases_before
    found[_CAMPUS].elsewhere = dict(counted)
    (found[_CAMPUS].details,) = con.execute(f"SELECT count(*) {_DETAILS}", [at]).fetchone()
    found[_CAMPUS].deeds_before = _days(catalog, "deeds_days", DEFAULT_DEED_DAYS).before(at)
    (found[_CAMPUS].deeds,) = con.execute(
        "SELECT count(*) FROM portal.deed WHERE at < %s", [found[_CAMPUS].deeds_before]
    ).fetchone()
    for name, path, digest, taken_at in _removable(con, list(catalog.resources)):
        if taken_at < found[name].rule.horizon:
            found[name].extracts[path] = digest
    return {name: one for name, one in sorted(found.items()) if any(one.counts.values())}


def enforce(
    con: psycopg.Connection,
    pruner: psycopg.Connection,
    catalog: Catalog,
    landing: Landing,
    home: Path,
    tell: Callable[[str, str], None] = lambda what, result: None,
    is_clock_right: bool = False,
    elsewhere: Elsewhere = NOWHERE,
) -> dict[str, Due]:
    """Delete what is overdue now and record it; returns what went.

    Of the service's record only details go, each at the moment that its entry names; the entries themselves stay.

    An interruption at any point leaves a warehouse that can be rebuilt; the next run removes the rest.

    Args:
        con: the owner's connection, in autocommit mode; writes the baseline.
        pruner: of the role that may delete and nothing else, in autocommit mode.
        catalog: whose contracts and campus say how long things are kept.
        landing: the zone.
        home: the state folder, whose key signs the baseline.
        tell: called with each step and its result.
        is_clock_right: somebody has looked at the clock.
        elsewhere: what is kept of people outside the store: it goes with their last link.

    Raises:
        ReleaseRunning: a release is under way.
        ClockInDoubt: nothing was published for two months, by this clock.
    """
    releases.hold(con)
    if not is_clock_right:
        _check_clock(con)
    overdue = due(con, catalog, now(), elsewhere)
    if _CAMPUS in overdue:
        # Before the links: if this is interrupted, they still say the next time who was meant.
        with con.transaction():
            elsewhere.forget(con, overdue[_CAMPUS].gone, False)
            if before := overdue[_CAMPUS].cases_before:
                elsewhere.expire(con, before, False)
    with pruner.transaction():
        for name, one in overdue.items():
            _delete(pruner, name, one)
            tell(name, _words(one))
    if baseline.is_owed(con, landing) or len(sealed.folders(landing, LEDGER)) >= _LEDGERS:
        baseline.replace(con, landing, home, lambda table: tell(table, "secured"))
    for path in _leftovers(con, landing):
        landing.remove(path)
    return overdue


def _check_clock(con: psycopg.Connection) -> None:
    (last,) = con.execute("SELECT max(published_at) FROM yici.release WHERE state = 'published'").fetchone()
    if last is not None and (now() - last).days > _IN_DOUBT_DAYS:
        raise ClockInDoubt(
            f"retention: by this clock it is {now():%Y-%m-%d}, {(now() - last).days} days after the last release, "
            "so the clock may be wrong; nothing was deleted. Put it right, or run `yici run` first; if no release is "
            "to come any more, `yici retention --clock-is-right`"
        )


def _rule(con: psycopg.Connection, catalog: Catalog, own: Period | None, at: datetime) -> Rule:
    kept, settled = (own, own) if own else (_days(catalog, "landing_days"), _days(catalog, "quarantine_days"))
    horizon = kept.before(at)
    return Rule(
        f"contract: {own}" if own else f"campus.yaml: landing {kept}, quarantine {settled}",
        horizon,
        _newest_before(con, horizon),
        _newest_before(con, settled.before(at)),
    )


def _days(catalog: Catalog, key: str, default: int = DEFAULT_DAYS) -> Period:
    days = (catalog.campus.raw.get("retention") or {}).get(key, default)
    if not isinstance(days, int) or isinstance(days, bool) or days < 1:
        raise ConfigurationError(f"campus.yaml: retention.{key} is no number of days; nothing was deleted")
    return Period(days, "d")


def _newest_before(con: psycopg.Connection, moment: datetime) -> int:
    """Return the newest release published before a moment, at most the current one; later ones are kept whole."""
    return con.execute(
        """SELECT coalesce(max(id), 0) FROM yici.release
           WHERE state = 'published' AND published_at < %s AND id <= yici.current()""",
        [moment],
    ).fetchone()[0]


def _gone(con: psycopg.Connection, release: int) -> Gone:
    """Return whose links all ended with this release or before it, and the numbers that nobody is linked by then."""
    numbers = con.execute(
        """SELECT id_type, key FROM yici.link GROUP BY 1, 2
           HAVING bool_and(_to IS NOT NULL AND _to <= %s)""",
        [release],
    ).fetchall()
    subjects = con.execute(
        "SELECT subject_id FROM yici.link GROUP BY 1 HAVING bool_and(_to IS NOT NULL AND _to <= %s)",
        [release],
    ).fetchall()
    return Gone(frozenset(said(key, ring()) for key in numbers), frozenset(one for (one,) in subjects))


def _removable(con: psycopg.Connection, resources: list[str]) -> Iterator[tuple[str, str, str, datetime]]:
    """Yield (resource, path, digest, taken_at) of the extracts that neither a release nor a reading needs.

    Of resources of the catalog these stay: what no release has judged, and the newest published extract of each
    partition, which says what the source's columns were.
    """
    yield from con.execute(
        """WITH newest AS (
               SELECT DISTINCT ON (resource, scope ->> 'partition', scope ->> 'kind') id FROM yici.extract
               WHERE state = 'published' ORDER BY resource, scope ->> 'partition', scope ->> 'kind', ordinal DESC)
           SELECT resource, path, digest, taken_at FROM yici.extract
           WHERE removed_at IS NULL
             AND NOT (resource = ANY (%s) AND (state = 'landed' OR id IN (SELECT id FROM newest)))
           ORDER BY id""",
        [resources],
    ).fetchall()


def _delete(pruner: psycopg.Connection, name: str, one: Due) -> None:
    rule, at, first = one.rule, now(), None
    for table in one.versions:
        known = sql.Identifier(table)
        (oldest,) = pruner.execute(
            sql.SQL("SELECT min(_from) FROM store.{} WHERE _to <= %s").format(known), [rule.release]
        ).fetchone()
        first = min(first or oldest, oldest)
        pruner.execute(sql.SQL("DELETE FROM store.{} WHERE _to <= %s").format(known), [rule.release])
    if first is not None:
        pruner.execute(
            "UPDATE yici.release SET pruned_at = %s WHERE id >= %s AND id < %s AND pruned_at IS NULL",
            [at, first, rule.release],
        )
    pruner.execute(
        "DELETE FROM yici.quarantine WHERE resource = %s AND _to <= %s", [name, rule.quarantine_release]
    )
    # A correction goes when the refusal it was for would; who handed it in stays on record.
    pruner.execute(
        "UPDATE yici.quarantine_decision SET row = NULL WHERE resource = %s AND _from <= %s AND row IS NOT NULL",
        [name, rule.quarantine_release],
    )
    if one.links:
        pruner.execute("DELETE FROM yici.link WHERE _to <= %s", [rule.release])
        pruner.execute(
            "DELETE FROM yici.subject s WHERE NOT EXISTS (SELECT FROM yici.link l WHERE l.subject_id = s.id)"
        )
    if one.deeds:
        # The table lets only those go that are older than what stands here.
        pruner.execute(
            "INSERT INTO portal.forgotten (at, before, deeds) VALUES (%s, %s, %s)",
            [at, one.deeds_before, one.deeds],
        )
        pruner.execute("DELETE FROM portal.deed WHERE at < %s", [one.deeds_before])
    if one.details:
        pruner.execute(f"DELETE {_DETAILS}", [at])
    pruner.execute("UPDATE yici.extract SET removed_at = %s WHERE path = ANY (%s)", [at, list(one.extracts)])
    pruner.execute(
        """INSERT INTO yici.deletion (kind, state, begun_at, done_at, ordered_by, reason, resource, horizon,
               horizon_release, counts, digests)
           VALUES ('retention', 'done', %(at)s, %(at)s, %(by)s, %(reason)s, %(resource)s, %(horizon)s, %(release)s,
               %(counts)s, %(digests)s)""",
        {
            "at": at,
            "by": BY,
            "reason": rule.text,
            "resource": None if name == _CAMPUS else name,
            "horizon": rule.horizon,
            "release": rule.release,
            "counts": json.dumps(one.counts),
            "digests": json.dumps(one.extracts),
        },
    )


def _leftovers(con: psycopg.Connection, landing: Landing) -> Iterator[str]:
    """Yield the folders of extracts that the ledger gave up, and of readings that died before they were entered."""
    systems = {path.split("/")[0] for path in landing.garbage(_kept(con))}
    for system in sorted(systems):
        with landing_lock.taken(con, system) as is_free:
            if is_free:
                yield from (path for path in landing.garbage(_kept(con)) if path.split("/")[0] == system)


def _kept(con: psycopg.Connection) -> list[str]:
    return [
        path for (path,) in con.execute("SELECT path FROM yici.extract WHERE removed_at IS NULL").fetchall()
    ]


def _words(one: Due) -> str:
    return (
        ", ".join(f"{count:,} {what}" for what, count in one.counts.items() if count) + f" ({one.rule.text})"
    )
