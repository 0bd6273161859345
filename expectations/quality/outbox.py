"""Notices: written with what they tell of, in one transaction, and sent later by whoever sends.

So no notice is lost, and none tells of what did not happen. What is told at one moment to one post is one notice. It
is sent at least once; should the machine stop between the handing over and the note of it, it goes out again under the
same number, by which a receiver knows it. A receiver that is dead is tried again, later each time, and given up after
some days; nothing waits for it. There are counts and names of rules in a notice, never a value.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from catalogs.model import Catalog
from catalogs.settings import now, settings
from expectations.quality.senders import Letter, NotSent, Sender, senders
from expectations.quality.terms import Terms
from expectations.quality.tickets import CLIMBED, HANDED, OPENED, OVERDUE, REOPENED, Change, Ticket
from expectations.quality.words import word

# Minutes until the next try; after the last, the notice is given up.
_WAITS_MIN = (1, 5, 15, 60, 240, 720, 1440, 1440)
_TOLD = (OPENED, REOPENED, OVERDUE, CLIMBED, HANDED)
_MOST_LINES = 40
# After so many failures one after the other a channel is left alone until the next sending.
_PATIENCE = 3


@dataclass(frozen=True)
class Sent:
    """What sending came to: handed over, to be tried again, given up."""

    sent: int
    waiting: int
    dead: int


def tell_of_tickets(
    con: psycopg.Connection, catalog: Catalog, terms: Terms, changes: Iterable[tuple[Change, Ticket]]
) -> int:
    """Write the notices of what became of tickets, one per post, and return how many were written.

    Args:
        con: in the transaction of the changes.
        catalog: the campus.
        terms: where posts get mail.
        changes: each with its ticket as it is afterwards.
    """
    by_post: dict[str, list[tuple[str, Ticket]]] = defaultdict(list)
    for change, ticket in changes:
        if change.event in _TOLD and change.post:
            by_post[change.post].append((change.event, ticket))
    written = 0
    for post, told in by_post.items():
        subject, body = ticket_letter(catalog, post, told)
        # What is told is in the same transaction as what happened, and so is told once; it may happen again.
        same = "|".join([now().isoformat(), *(f"{event} {ticket.id}" for event, ticket in told)])
        written += write(con, terms, "tickets", post, subject, body, same)
    return written


def ticket_letter(catalog: Catalog, post: str, told: Sequence[tuple[str, Ticket]]) -> tuple[str, str]:
    """Return subject and text of the notice to a post."""
    counts: dict[str, int] = defaultdict(int)
    for event, _ in told:
        counts[event] += 1
    summary = "、".join(f"{word(event)} {count} 张" for event, count in counts.items())
    lines = [f"{catalog.campus.name_zh}数据质量工单：{summary}。", ""]
    ordered = sorted(told, key=lambda one: (one[1].due_on, one[1].id))
    for event, one in ordered[:_MOST_LINES]:
        rows = f"，{one.rows_failed} 行" if one.rows_failed else ""
        lines.append(
            f"[{word(event)}] 工单 {one.id} {one.about}（{word(one.severity)}{rows}），期限 {one.due_on:%Y-%m-%d}"
        )
    if len(ordered) > _MOST_LINES:
        lines.append(f"…… 另有 {len(ordered) - _MOST_LINES} 张")
    lines += [
        "",
        f"收件岗位: {post}",
        "查看: yici quality ticket <编号>; 改正后, 最新批次符合规则时自动销号。",
    ]
    return f"[数据质量] {summary}", "\n".join(lines)


def write(
    con: psycopg.Connection, terms: Terms, kind: str, post: str, subject: str, body: str, same_as: str
) -> int:
    """Put a notice into the outbox for every channel that is set up, and return for how many it was.

    Args:
        con: the owner's connection.
        terms: where posts get mail.
        kind: tickets or report.
        post: whom it is for.
        subject, body: what it says.
        same_as: equal for what is the same notice: it is written once.
    """
    written = 0
    for channel in senders():
        address = terms.address(post) if channel == "mail" else post
        if not address:
            continue
        digest = hashlib.sha256(f"{kind}|{channel}|{address}|{same_as}".encode()).hexdigest()
        written += con.execute(
            """INSERT INTO yici.notice (at, kind, channel, post, address, subject, body, same_as, state, tries, next_at)
               VALUES (%(at)s, %(kind)s, %(channel)s, %(post)s, %(address)s, %(subject)s, %(body)s, %(same)s,
                   'waiting', 0, %(at)s) ON CONFLICT (same_as) DO NOTHING""",
            {"at": now(), "kind": kind, "channel": channel, "post": post, "address": address,
             "subject": subject, "body": body, "same": digest},
        ).rowcount  # fmt: skip
    return written


def deliver(
    con: psycopg.Connection,
    catalog: Catalog,
    how: Mapping[str, Sender] | None = None,
    at: Callable[[], datetime] = now,
) -> Sent:
    """Send what is due, one notice per transaction, several senders side by side without sending twice.

    Args:
        con: the owner's connection, in autocommit.
        catalog: the campus.
        how: channel → sender; those of the environment if absent.
        at: the present moment.

    Raises:
        ConfigurationError: a channel is set up wrongly.
    """
    settings()
    channels = dict(senders() if how is None else how)
    counts = {"sent": 0, "waiting": 0, "dead": 0}
    failed: Counter[str] = Counter()
    begun = at()
    while True:
        with con.transaction():
            row = con.execute(
                """SELECT id, kind, channel, address, subject, body, tries FROM yici.notice
                   WHERE state = 'waiting' AND next_at <= %s AND channel = ANY (%s)
                   ORDER BY next_at, id LIMIT 1 FOR UPDATE SKIP LOCKED""",
                [begun, list(channels)],
            ).fetchone()
            if row is None:
                return Sent(**counts)
            number, kind, channel, address, subject, body, tries = row
            letter = Letter(number, catalog.campus.code or "campus", kind, address, subject, body)
            try:
                channels[channel](letter)
            except NotSent as failure:
                counts[_try_again(con, number, tries, str(failure), begun)] += 1
                failed[channel] += 1
                if failed[channel] == _PATIENCE:
                    del channels[channel]
            else:
                failed[channel] = 0
                con.execute(
                    "UPDATE yici.notice SET state = 'sent', sent_at = %s, tries = tries + 1, error = NULL"
                    " WHERE id = %s",
                    [at(), number],
                )
                counts["sent"] += 1


def _try_again(con: psycopg.Connection, number: int, tries: int, error: str, at: datetime) -> str:
    state = "waiting" if tries < len(_WAITS_MIN) else "dead"
    wait = timedelta(minutes=_WAITS_MIN[min(tries, len(_WAITS_MIN) - 1)])
    con.execute(
        "UPDATE yici.notice SET state = %s, tries = tries + 1, next_at = %s, error = %s WHERE id = %s",
        [state, at + wait, error, number],
    )
    return state


def again(con: psycopg.Connection) -> int:
    """Let what was given up be tried once more, and return how many notices these are."""
    return con.execute(
        "UPDATE yici.notice SET state = 'waiting', tries = 0, next_at = %s WHERE state = 'dead'", [now()]
    ).rowcount
