"""What service and portal keep of people, place by place: how a purge and retention reach it, what stays, and why.

`PLACES` is reached for whoever is gone from the store (`warehouse.elsewhere`): what stands under their numbers or the
keyed digests of these. `STAYS` names every other table that might hold something of a person, with the reason. A test
compares both with the database's own list of columns, so that a new table cannot be forgotten.

The record stays: what was decided cannot be undone, an entry proves itself only unchanged, and it names people by keyed
digests alone, until its details are deleted in their time. Of a certificate the number stays, so that the sequence has
no gap; it is revoked and says nothing any more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import psycopg
from psycopg.types.json import Jsonb

from catalogs.model import Catalog
from catalogs.model_posts import Numbered
from catalogs.posts import named
from catalogs.settings import now
from service import cases, corrections, jobs
from service.keys import Keys
from warehouse.elsewhere import Elsewhere, Gone
from warehouse.identity import DOCUMENT

# Stands for the holder of a certificate, and for the guardian who gave a consent, once they are forgotten.
ERASED = "erased"
_ACTS = "who acted for the university, as which post: an act keeps its author"
_RECORD = "the record: keyed digests alone, and these only until the entry's own day (`yici retention`)"
_NOBODY = "names nobody"
STAYS: Mapping[str, str] = {
    "service.record": _RECORD,
    "service.record_detail": _RECORD,
    "service.record_node": _NOBODY,
    "service.record_checkpoint": _NOBODY,
    "service.client": "keys of systems",
    "service.idempotency": "answers without personal data, encrypted, for a day",
    "service.job": "what is asked, and of what task or service item; whom it is about stands in its parts",
    "service.task_answer": "sums without small cells, encrypted, until they are declared destroyed",
    "portal.deed": "what people did in the portal, until `retention.deeds_days` (`yici retention`)",
    "portal.attempt": "digests of names and addresses of failed logins, for some minutes",
    "portal.publication": _ACTS,
    "yici.proposal": _ACTS,
    "yici.proposal_event": _ACTS,
    "yici.quarantine_look": _ACTS,
    "yici.identity_decision": _ACTS,
    "yici.identity_sight": _ACTS,
    "yici.identity_review": "numbers of our own, which lead to nobody without their links; how a comparison came out",
    "yici.identity_pair": "as identity_review",
    "yici.catalog_version": "the catalog",
    "yici.distribution": "shares and quantiles without small cells",
    "yici.extract": "what an extract covers, no row of it",
    "yici.measured": "counts",
    "yici.sample_draw": "counts",
    "yici.score_freeze": _NOBODY,
    "yici.notice": "mail to posts: numbers, counts and days",
}
# Reached by the purge itself (`expectations.purge`), beside store and landing zone.
BY_RESOURCE = frozenset(
    (
        "portal.handed_in", "yici.deletion", "yici.link", "yici.quarantine", "yici.quarantine_decision",
        "yici.sample_row", "yici.subject",
    )
)  # fmt: skip


@dataclass(frozen=True)
class _Under:
    """Under what somebody who is gone may stand outside the store.

    Attributes:
        gone: who it is.
        digests: of their numbers, under every key that there ever was.
        kinded: numbers that are no document's, with their kinds, as the portal knows whoever logs in.
        named: the same people as actors: what they typed into forms stands under it.
        guesses: what wrong statements about them are counted under.
    """

    gone: Gone
    digests: list[str] = field(repr=False)
    kinded: list[str] = field(repr=False)
    named: list[str] = field(repr=False)
    guesses: list[str] = field(repr=False)


# Forgets in one table, or only counts; returns how many rows.
_Reach = Callable[[psycopg.Connection, Keys, _Under, bool], int]


def elsewhere(keys: Keys, catalog: Catalog) -> Elsewhere:
    """Return what service and portal keep of people, for whoever deletes in the store.

    Args:
        keys: of the installation: people stand under digests, and what they stated is encrypted.
        catalog: says of which kind a number is that stands alone.
    """
    return Elsewhere(tuple(PLACES), partial(_forget, keys, catalog), partial(_expire, keys))


def _forget(
    keys: Keys, catalog: Catalog, con: psycopg.Connection, gone: Gone, is_counted: bool
) -> Mapping[str, int]:
    if not gone:
        return {}
    held = [Numbered(kind, number) for kind, number in gone.numbers if not kind.startswith(DOCUMENT)]
    under = _Under(
        gone,
        [digest for kind, number in gone.numbers for digest in keys.subject_keys(kind, number)],
        [f"{one.id_type}:{one.number}" for one in held],
        [named(catalog, one) for one in held],
        [keys.digest("claims", str(one)) for one in gone.subjects],
    )
    found = {table: reach(con, keys, under, is_counted) for table, reach in PLACES.items()}
    return {table: count for table, count in found.items() if count}


def _expire(keys: Keys, con: psycopg.Connection, before: datetime, is_counted: bool) -> Mapping[str, int]:
    """Forget who was a party of cases that were over before a moment, and what was settled about people by then."""
    settled = "closed_at < %s"
    if is_counted:
        query = f"SELECT FROM service.correction WHERE subject_id <> 0 AND {settled}"
        found = {"service.correction": con.execute(query, [before]).rowcount}
    else:
        found = {"service.correction": _empty_corrections(con, keys, settled, [before])}
    for table, (change, where) in _EXPIRED.items():
        verb = f"SELECT FROM {table}" if is_counted else change
        found[table.replace('"', "")] = con.execute(f"{verb} WHERE {where}", {"before": before}).rowcount
    return {table: count for table, count in found.items() if count}


def _rows(table: str, where: str, under_what: str) -> _Reach:
    """Return what deletes the rows of a table that stand under one of the texts of `_Under`."""

    def reach(con: psycopg.Connection, _keys: Keys, under: _Under, is_counted: bool) -> int:
        verb = "SELECT FROM" if is_counted else "DELETE FROM"
        return con.execute(f"{verb} {table} WHERE {where}", [getattr(under, under_what)]).rowcount

    return reach


def _of_certificates(table: str) -> _Reach:
    """Return what deletes the rows of a table that belong to certificates of somebody."""
    whose = "certificate IN (SELECT id FROM service.certificate WHERE subject_key = ANY (%s))"
    return _rows(table, whose, "digests")


def _certificates(con: psycopg.Connection, _keys: Keys, under: _Under, is_counted: bool) -> int:
    """Revoke certificates and destroy what they say; their numbers stay."""
    if is_counted:
        return con.execute(
            "SELECT FROM service.certificate WHERE subject_key = ANY (%s)", [under.digests]
        ).rowcount
    return con.execute(
        "UPDATE service.certificate SET subject_key = %s, content = NULL, pdf = NULL, state = 'destroyed',"
        " case_id = NULL, revoked_at = coalesce(revoked_at, %s), revoked_by = coalesce(revoked_by, %s),"
        " revoke_reason = %s WHERE subject_key = ANY (%s)",
        [ERASED, now(), ERASED, ERASED, under.digests],
    ).rowcount


def _consents(con: psycopg.Connection, _keys: Keys, under: _Under, is_counted: bool) -> int:
    """Delete somebody's consents; those that they gave as a guardian stay the child's, without them."""
    own = _rows("service.consent", "subject_key = ANY (%s)", "digests")(con, _keys, under, is_counted)
    where = "WHERE given_by = 'guardian' AND actor_key = ANY (%s)"
    if is_counted:
        given = con.execute(f"SELECT FROM service.consent {where}", [under.digests])
    else:
        given = con.execute(f"UPDATE service.consent SET actor_key = '{ERASED}' {where}", [under.digests])
    return own + given.rowcount


def _corrections(con: psycopg.Connection, keys: Keys, under: _Under, is_counted: bool) -> int:
    """Empty corrections of whoever has no number left, and those that were filed under a number that is gone."""
    ids = []
    for id_, subject, sealed in con.execute("SELECT id, subject_id, sealed FROM service.correction"):
        told = corrections.unseal(keys, sealed)
        if subject in under.gone.subjects or (told["id_type"], told["id"]) in under.gone.numbers:
            ids.append(id_)
    if not is_counted:
        _empty_corrections(con, keys, "id = ANY (%s)", [ids])
    return len(ids)


def _empty_corrections(con: psycopg.Connection, keys: Keys, where: str, values: list[object]) -> int:
    """Forget whom corrections are about and what was stated; they are closed.

    Their rows stay: the numbers of changes, from which clients go on asking, hang on them.
    """
    nothing = {"id_type": ERASED, "id": ERASED, "capacity": None, "stated": None, "reason": ""}
    return con.execute(
        "UPDATE service.correction SET subject_id = 0, sealed = %s, value_digest = '',"
        f" closed_at = coalesce(closed_at, %s) WHERE subject_id <> 0 AND {where}",
        [corrections.seal(keys, nothing), now(), *values],
    ).rowcount


def _cases(con: psycopg.Connection, _keys: Keys, under: _Under, is_counted: bool) -> int:
    """Take the parties that are gone out of cases; the case itself is its system's, and stays."""
    changed = 0
    for id_, kept in con.execute('SELECT id, parties FROM service."case"').fetchall():
        left = [one for one in kept if cases.party(dict(one)).key() not in under.gone.numbers]
        if len(left) < len(kept):
            changed += 1
            if not is_counted:
                con.execute('UPDATE service."case" SET parties = %s WHERE id = %s', [Jsonb(left), id_])
    return changed


def _jobs(con: psycopg.Connection, keys: Keys, under: _Under, is_counted: bool) -> int:
    """Delete jobs in which somebody who is gone is asked about, with all their answers: they can be handed in again."""
    named = {
        job
        for job, part, sealed in con.execute("SELECT job, part, asked FROM service.job_part")
        if job and not under.gone.numbers.isdisjoint(jobs.named(keys, job, part, sealed))
    }
    if not is_counted:
        con.execute("DELETE FROM service.job WHERE id = ANY (%s)", [list(named)])
    return len(named)


# Table → what becomes of rows that were over before a moment, and which these are.
_OVER = 'case_id IN (SELECT id FROM service."case" WHERE expires_at < %(before)s)'
_EXPIRED: Mapping[str, tuple[str, str]] = {
    "service.consent": ("DELETE FROM service.consent", _OVER),
    "service.question": ("DELETE FROM service.question", "state <> 'asked' AND answered_at < %(before)s"),
    'service."case"': (
        """UPDATE service."case" SET parties = '[]'""",
        "expires_at < %(before)s AND parties <> '[]'",
    ),
}
_KINDED = "id_type || ':' || person = ANY (%s)"
# In this order: what belongs to a certificate goes while it still says whose it is.
PLACES: Mapping[str, _Reach] = {
    "service.certificate_view": _of_certificates("service.certificate_view"),
    "service.certificate_share": _of_certificates("service.certificate_share"),
    "service.certificate_ticket": _of_certificates("service.certificate_ticket"),
    "service.certificate": _certificates,
    "service.declared": _rows("service.declared", "subject_key = ANY (%s)", "digests"),
    "service.consent": _consents,
    "service.question": _rows("service.question", "subject_key = ANY (%s)", "digests"),
    "service.correction": _corrections,
    "service.claim_miss": _rows("service.claim_miss", "subject_key = ANY (%s)", "guesses"),
    "service.job_part": _jobs,
    "service.case": _cases,
    "portal.session": _rows("portal.session", _KINDED, "kinded"),
    "portal.draft": _rows("portal.draft", "person = ANY (%s)", "named"),
    "portal.wish": _rows("portal.wish", "person = ANY (%s)", "named"),
    "portal.account": _rows("portal.account", _KINDED, "kinded"),
}
