"""What the calendar asks for, release or not: overdue tickets climb, months are frozen, weeks are reported.

Each may be called again on the same day and then has nothing more to do.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg

from catalogs.derive import post_of
from catalogs.model import Catalog
from expectations.quality import corrections, desk, draws, frozen, outbox, owed
from expectations.quality.kept import campus_day
from expectations.quality.publishing import publish_samples, write_reports
from expectations.quality.scores import UNIT
from expectations.quality.terms import terms
from expectations.quality.week import week_of

SAMPLING = "sampling"


@dataclass(frozen=True)
class Day:
    """What a day came to.

    Attributes:
        climbed: what became of overdue tickets.
        lapsed: drawn rows that nobody judged in time.
        frozen: the month that was frozen; empty if none was.
    """

    climbed: int
    lapsed: int
    frozen: str


@dataclass(frozen=True)
class Moment:
    """What a few minutes came to: tickets of what people wait for, opened and closed, and what became of notices."""

    opened: int
    closed: int
    notices: outbox.Sent


@dataclass(frozen=True)
class WeekDone:
    """What a week came to: reports written, rows drawn, notices put out."""

    reports: int
    drawn: int
    notices: int


def every_few_minutes(con: psycopg.Connection, catalog: Catalog) -> Moment:
    """Open and close the tickets of what people wait for (corrections, answers, the end of a task's data), and send
    the notices that are due.

    Args:
        con: the owner's connection, in autocommit.
        catalog: the campus.

    Raises:
        ConfigurationError: a channel of notices is set up wrongly.
    """
    wanted = terms(catalog)
    done = [corrections.follow(con, catalog, wanted), owed.follow(con, catalog, wanted)]
    opened, closed = (sum(count) for count in zip(*done, strict=True))
    return Moment(opened, closed, outbox.deliver(con, catalog))


def every_day(con: psycopg.Connection, catalog: Catalog) -> Day:
    """Let overdue tickets climb, unjudged samples lapse, and the month that is over be frozen.

    Args:
        con: the owner's connection, in autocommit.
        catalog: the campus.
    """
    wanted = terms(catalog)
    today = campus_day(catalog)
    with con.transaction():
        changes = desk.climb(con, catalog, wanted)
        outbox.tell_of_tickets(con, catalog, wanted, changes)
    lapsed = draws.lapse(con, today)
    month = frozen.last_month(today)
    has_scores = con.execute(
        "SELECT EXISTS (SELECT FROM yici.score WHERE scope = %s AND to_char(day, 'YYYY-MM') = %s)",
        [UNIT, month],
    ).fetchone()[0]
    done = has_scores and frozen.freeze(con, catalog, wanted, month)
    return Day(len(changes), lapsed, month if done else "")


def every_week(con: psycopg.Connection, catalog: Catalog, reports: Path) -> WeekDone:
    """Draw the random sample and write the reports of the week that is over, and tell those whom they concern.

    Args:
        con: the owner's connection, in autocommit.
        catalog: the campus.
        reports: folder of all reports; the week's are in one of its own.
    """
    wanted = terms(catalog)
    week = week_of(catalog, campus_day(catalog) - timedelta(days=7))
    drawn = draws.draw(con, catalog, wanted)
    files = write_reports(con, catalog, wanted, week, reports / week.code)
    publish_samples(con, catalog, reports / SAMPLING)
    notices = 0
    told = con.execute(
        "SELECT DISTINCT name FROM yici.score WHERE scope = %s AND day BETWEEN %s AND %s ORDER BY name",
        [UNIT, week.first, week.last],
    ).fetchall()
    for (code,) in told:
        unit = catalog.units.get(code)
        if unit is None:
            continue
        for post in sorted({post_of(unit.steward), post_of(unit.accountable)} - {""}):
            letter = _letter(unit.name_zh, week.title(), post)
            notices += outbox.write(con, wanted, "report", post, *letter, f"{week.code} {code}")
    for post, count in sorted(Counter(row.reviewer for row in draws.to_review(con)).items()):
        subject = f"[数据质量] 双随机抽查待复核 {count} 行"
        body = f"有 {count} 行由您的岗位复核。查看：yici quality sample --reviewer {post}\n"
        notices += outbox.write(con, wanted, "sample", post, subject, body, week.code)
    return WeekDone(len(files), drawn.rows, notices)


def _letter(unit: str, week: str, post: str) -> tuple[str, str]:
    body = f"{unit}{week}的数据质量周报已生成，请在数据办的周报目录查看。\n\n收件岗位：{post}\n"
    return f"[数据质量] {unit}周报 {week}", body
