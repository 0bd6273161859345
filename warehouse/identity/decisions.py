"""Decisions of humans: written down at once, carried out by the next candidate, each reversible.

Whoever decides does not change what is served: the release that carries a decision out does, and whoever asks at an
earlier release is answered as then. A decision is a row that nobody alters; what came of it is an event with the
candidate's number. An abandoned candidate takes its events along, and the decision waits again.

Told apart stays apart: no row and no similarity brings two subjects together again whom a human told apart, or whose
merge or split a human undid, unless a human decides so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from catalogs.settings import now
from warehouse.identity.keys import Key
from warehouse.identity.moves import hand_over

SAME, DIFFERENT, SPLIT, UNDO = "same", "different", "split", "undo"
# What an event says of its two subjects: they became one, or they are two.
MERGED, APART, PARTED, TOGETHER, MOOT = "merge", "apart", "split", "together", "moot"


class IdentityError(Exception):
    """A decision cannot be taken as asked; nothing was recorded."""


@dataclass(frozen=True)
class By:
    """Who decides or looks, and why.

    Attributes:
        post: as the catalog names it.
        account: who sits on it, as the system knows them.
        reason: for the record; empty where somebody only looks.
    """

    post: str
    account: str
    reason: str = ""


def decide_review(con: psycopg.Connection, review: int, verdict: str, by: By) -> int:
    """Record that the two subjects of an open review are the same, or different; returns the decision's number.

    Raises:
        IdentityError: there is no such open review, or it waits for a release already.
    """
    row = con.execute(
        "SELECT state, subject_a, subject_b FROM yici.identity_review WHERE id = %s", [review]
    ).fetchone()
    if row is None:
        raise IdentityError(
            f"review {review}: there is none; see `yici identity reviews`. Nothing was recorded"
        )
    if row[0] != "open":
        raise IdentityError(
            f"review {review}: closed ({row[0]}); an event can be undone. Nothing was recorded"
        )
    _require_none_waits(con, "review", review)
    return _record(con, by, verdict=verdict, review=review, subject_a=row[1], subject_b=row[2])


def decide_merge(con: psycopg.Connection, one: int, other: int, by: By) -> int:
    """Record that two subjects are the same, whether or not anything asked; returns the decision's number.

    Raises:
        IdentityError: one of them has no keys, they are one already, or of different types.
    """
    for subject in (one, other):
        _require(con, subject)
    if one == other:
        raise IdentityError(f"subject {one}: both are the same already. Nothing was recorded")
    if _type(con, one) != _type(con, other):
        raise IdentityError(
            f"subjects {one} and {other}: a {_type(con, one)} and a {_type(con, other)}. Nothing was recorded"
        )
    return _record(con, by, verdict=SAME, subject_a=min(one, other), subject_b=max(one, other))


def decide_split(con: psycopg.Connection, subject: int, links: Sequence[int], by: By) -> int:
    """Record that some of a subject's keys are somebody else's; returns the decision's number.

    Args:
        con: the owner's connection.
        subject: whose keys they are held to be.
        links: numbers of these links, as `yici identity path` shows them.
        by: who decides, and why.

    Raises:
        IdentityError: a link is not the subject's, or none would stay.
    """
    _require(con, subject)
    own = {
        number
        for (number,) in con.execute(
            "SELECT id FROM yici.link WHERE subject_id = %s AND _to IS NULL", [subject]
        )
    }
    if strange := sorted(set(links) - own):
        raise IdentityError(
            f"subject {subject}: {', '.join(map(str, strange))} are not numbers of its links; see"
            f" `yici identity path {subject}`. Nothing was recorded"
        )
    if not links or own == set(links):
        raise IdentityError(f"subject {subject}: name some of its links, not all. Nothing was recorded")
    return _record(con, by, verdict=SPLIT, subject_a=subject, links=sorted(set(links)))


def decide_undo(con: psycopg.Connection, event: int, by: By) -> int:
    """Record that an event is to be taken back; returns the decision's number.

    Raises:
        IdentityError: there is no such event, it was undone, or nothing of it is left to undo.
    """
    row = con.execute("SELECT event FROM yici.identity_event WHERE id = %s", [event]).fetchone()
    if row is None or row[0] not in (MERGED, APART, PARTED, TOGETHER):
        raise IdentityError(f"event {event}: nothing to undo; see `yici identity path`. Nothing was recorded")
    later = con.execute("SELECT id FROM yici.identity_event WHERE undoes = %s", [event]).fetchone()
    if later:
        raise IdentityError(f"event {event}: event {later[0]} undid it. Nothing was recorded")
    _require_none_waits(con, "event", event)
    if row[0] == MERGED and not _moved_then(con, event):
        raise IdentityError(
            f"event {event}: which keys came with it is no longer kept, or was never shown; use"
            " `yici identity split`. Nothing was recorded"
        )
    return _record(con, by, verdict=UNDO, event=event)


def look(con: psycopg.Connection, by: By, subjects: Sequence[int], review: int | None = None) -> None:
    """Record that somebody looks at what registers say of these subjects, before they see it."""
    con.execute(
        "INSERT INTO yici.identity_sight (review, subjects, post, account, at) VALUES (%s, %s, %s, %s, %s)",
        [review, list(subjects), by.post, by.account, now()],
    )


def carry_out(con: psycopg.Connection, candidate: int) -> int:
    """Carry out every decision that waits, in their order, with the candidate's number; returns how many."""
    waiting = con.execute(
        """SELECT id, verdict, review, subject_a, subject_b, links, event, reason FROM yici.identity_decision d
           WHERE NOT EXISTS (SELECT FROM yici.identity_event e WHERE e.decision = d.id) ORDER BY id"""
    ).fetchall()
    for number, verdict, review, a, b, links, event, reason in waiting:
        with con.transaction():
            note = _noter(con, candidate, number, reason)
            if verdict == SAME:
                _merge(con, candidate, a, b, note)
            elif verdict == DIFFERENT:
                note(APART, a, b)
                _close(con, candidate, review, DIFFERENT)
            elif verdict == SPLIT:
                _split(con, candidate, a, links, note)
            else:
                _undo(con, candidate, event, note)
    with con.transaction():
        settle_reviews(con, candidate)
    return len(waiting)


def apart(con: psycopg.Connection, subject_type: str) -> list[tuple[int, int]]:
    """Return the pairs of subjects, as they are now, whom a human told apart."""
    rows = con.execute(
        """SELECT kept, gone FROM (
               SELECT DISTINCT ON (least(e.kept, e.gone), greatest(e.kept, e.gone)) e.kept, e.gone, e.event
               FROM yici.identity_event e JOIN yici.identity_event parted
                 ON parted.event IN ('apart', 'split') AND least(e.kept, e.gone) = least(parted.kept, parted.gone)
                 AND greatest(e.kept, e.gone) = greatest(parted.kept, parted.gone)
               WHERE e.event <> 'moot'
               ORDER BY least(e.kept, e.gone), greatest(e.kept, e.gone), e.id DESC) newest
           WHERE event IN ('apart', 'split')"""
    ).fetchall()
    pairs = {tuple(sorted((current(con, one), current(con, other)))) for one, other in rows}
    types = dict(
        con.execute(
            "SELECT id, type FROM yici.subject WHERE id = ANY (%s)", [[one for pair in pairs for one in pair]]
        ).fetchall()
    )
    return sorted((a, b) for a, b in pairs if a != b and types.get(a) == types.get(b) == subject_type)


def current(con: psycopg.Connection, subject: int) -> int:
    """Return the subject that holds now what this one held: itself, or the one that it was merged into."""
    seen = set()
    while subject not in seen and not _has_links(con, subject):
        seen.add(subject)
        row = con.execute(
            "SELECT kept FROM yici.identity_event WHERE gone = %s AND event = 'merge' ORDER BY id DESC LIMIT 1",
            [subject],
        ).fetchone()
        if row is None:
            break
        subject = row[0]
    return subject


def settle_reviews(con: psycopg.Connection, candidate: int) -> None:
    """Let open reviews follow their subjects: those of one person now are closed, others ask about who is there now."""
    rows = con.execute(
        """SELECT id, subject_a, subject_b, type FROM yici.identity_review r WHERE state = 'open' AND EXISTS (
               SELECT FROM unnest(ARRAY[subject_a, subject_b]) AS s (id) WHERE NOT EXISTS (
                   SELECT FROM yici.link l WHERE l.subject_id = s.id AND l._to IS NULL))
           ORDER BY id"""
    ).fetchall()
    told = {pair for kind in {kind for *_, kind in rows} for pair in apart(con, kind)}
    for number, one, other, _ in rows:
        a, b = sorted((current(con, one), current(con, other)))
        if a == b:
            _close(con, candidate, number, SAME)
        elif (a, b) in told:
            _close(con, candidate, number, DIFFERENT)
        elif not (_has_links(con, a) and _has_links(con, b)):
            _close(con, candidate, number, "gone")
        else:
            _close(con, candidate, number, "moved")
            con.execute(
                """INSERT INTO yici.identity_review (release, type, subject_a, subject_b, resource, reason, state, at,
                       weight, evidence)
                   SELECT %s, type, %s, %s, resource, reason, 'open', %s, weight, evidence FROM yici.identity_review
                   WHERE id = %s ON CONFLICT DO NOTHING""",
                [candidate, a, b, now(), number],
            )


Note = Callable[..., None]


def _noter(con: psycopg.Connection, candidate: int, decision: int, reason: str) -> Note:
    def note(event: str, kept: int, gone: int, undoes: int | None = None) -> None:
        con.execute(
            """INSERT INTO yici.identity_event (release, event, kept, gone, reason, at, decision, undoes)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s)""",
            [candidate, event, kept, gone, reason, now(), decision, undoes],
        )

    return note


def _merge(
    con: psycopg.Connection, candidate: int, one: int, other: int, note: Note, undoes: int | None = None
) -> None:
    kept, gone = sorted((current(con, one), current(con, other)))
    if kept == gone or not (_has_links(con, kept) and _has_links(con, gone)):
        note(MOOT, kept, gone)
        return
    hand_over(con, candidate, _type(con, kept), gone, kept, None)
    note(MERGED, kept, gone, undoes)


def _split(con: psycopg.Connection, candidate: int, subject: int, links: Sequence[int], note: Note) -> None:
    holder = current(con, subject)
    keys = con.execute(
        """SELECT DISTINCT l.id_type, l.key FROM yici.link then_ JOIN yici.link l USING (type, id_type, key)
           WHERE then_.id = ANY (%s) AND l._to IS NULL AND l.subject_id = %s""",
        [list(links), holder],
    ).fetchall()
    if not keys:
        note(MOOT, holder, holder)
        return
    (new,) = con.execute(
        "INSERT INTO yici.subject (type, minted_release) VALUES (%s, %s) RETURNING id",
        [_type(con, holder), candidate],
    ).fetchone()
    hand_over(con, candidate, _type(con, holder), holder, new, keys)
    note(PARTED, holder, new)


def _undo(con: psycopg.Connection, candidate: int, event: int, note: Note) -> None:
    what, kept, gone = con.execute(
        "SELECT event, kept, gone FROM yici.identity_event WHERE id = %s", [event]
    ).fetchone()
    if what == PARTED:
        _merge(con, candidate, kept, gone, note, event)
    elif what == MERGED:
        holder = current(con, kept)
        if hand_over(con, candidate, _type(con, holder), holder, gone, _moved_then(con, event)):
            note(PARTED, holder, gone, event)
        else:
            note(MOOT, holder, gone)
    elif what == TOGETHER:
        note(APART, kept, gone, event)
    else:
        note(TOGETHER, kept, gone, event)
        _ask_again(con, candidate, event)


def _ask_again(con: psycopg.Connection, candidate: int, event: int) -> None:
    """Open the review anew whose verdict was taken back; what it was closed by stays as it was."""
    con.execute(
        """INSERT INTO yici.identity_review (release, type, subject_a, subject_b, resource, reason, state, at, weight,
               evidence)
           SELECT %(n)s, type, subject_a, subject_b, resource, reason || ' (asked again: event ' || %(e)s || ')',
               'open', %(at)s, weight, evidence
           FROM yici.identity_review WHERE id = (SELECT d.review FROM yici.identity_decision d
               JOIN yici.identity_event e ON e.decision = d.id WHERE e.id = %(e)s)""",
        {"n": candidate, "e": event, "at": now()},
    )


def _moved_then(con: psycopg.Connection, event: int) -> list[Key]:
    """Return the keys that a merge took from the subject that it ended, as far as their links are still kept."""
    return con.execute(
        """SELECT l.id_type, l.key FROM yici.identity_event e JOIN yici.link l
             ON l.subject_id = e.gone AND l._to = e.release WHERE e.id = %s""",
        [event],
    ).fetchall()


def _close(con: psycopg.Connection, candidate: int, review: int | None, state: str) -> None:
    con.execute(
        "UPDATE yici.identity_review SET state = %s, closed_release = %s WHERE id = %s AND state = 'open'",
        [state, candidate, review],
    )


def _record(con: psycopg.Connection, by: By, **values: Any) -> int:
    if not by.post.strip() or not by.reason.strip():
        raise IdentityError("say which post decides (--as) and why (--reason). Nothing was recorded")
    columns = ("verdict", "review", "subject_a", "subject_b", "links", "event")
    return con.execute(
        """INSERT INTO yici.identity_decision
               (verdict, review, subject_a, subject_b, links, event, post, account, reason, at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id""",
        [*(values.get(name) for name in columns), by.post, by.account, by.reason, now()],
    ).fetchone()[0]


def _require_none_waits(con: psycopg.Connection, what: str, number: int) -> None:
    waiting = con.execute(
        f"""SELECT id FROM yici.identity_decision d WHERE {what} = %s
            AND NOT EXISTS (SELECT FROM yici.identity_event e WHERE e.decision = d.id)""",
        [number],
    ).fetchone()
    if waiting:
        raise IdentityError(
            f"{what} {number}: decision {waiting[0]} about it waits for the next release. Nothing was recorded"
        )


def _require(con: psycopg.Connection, subject: int) -> None:
    if not _has_links(con, subject):
        successor = current(con, subject)
        hint = f"; it was merged into {successor}" if successor != subject else ""
        raise IdentityError(f"subject {subject}: holds no key now{hint}. Nothing was recorded")


def _has_links(con: psycopg.Connection, subject: int) -> bool:
    return con.execute(
        "SELECT EXISTS (SELECT FROM yici.link WHERE subject_id = %s AND _to IS NULL)", [subject]
    ).fetchone()[0]


def _type(con: psycopg.Connection, subject: int) -> str:
    return con.execute("SELECT type FROM yici.subject WHERE id = %s", [subject]).fetchone()[0]
