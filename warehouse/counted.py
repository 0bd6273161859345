"""The case log counted: per service item and period, materials handed in, volumes of the last year.

Which resource and items it is is declared (`catalogs.case_log`). Days are the campus's own, limits count by its
calendar.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from psycopg import sql

from catalogs.case_log import CaseLog, case_log, periods_between
from catalogs.lists.measured import CaseCount, HandedIn, Span
from catalogs.model import Calendar, Resource
from warehouse.held import Held

# How many periods of the case log are counted.
_MOST_PERIODS = 36
_YEAR = timedelta(days=365)

Cases = tuple[tuple[Span, ...], tuple[CaseCount, ...], Mapping[str, int], tuple[HandedIn, ...] | None]
_NO_CASES: Cases = ((), (), {}, None)


def cases(held: Held) -> Cases:
    """Return periods, counts per service item and period, the last year's volumes, materials handed in."""
    log = case_log(held.catalog)
    if log is None:
        held.gaps.append("目录没有声明办件记录(campus.yaml 的 caseLog)")
        return _NO_CASES
    resource = held.catalog.resources[log.resource]
    if not held.holds(resource, (log.item, log.accepted_at, log.closed_at, log.visits, log.channel)):
        return _NO_CASES
    accepted = _day(held, resource, log.accepted_at)
    table = sql.Identifier(resource.table)
    row = held.con.execute(
        sql.SQL("SELECT min({0}), max({0}) FROM raw.{1} c").format(accepted, table)
    ).fetchone()
    if row is None or row[0] is None:
        held.gaps.append(f"《{resource.business_name}》没有已受理的办件")
        return _NO_CASES
    today = held.at.astimezone(ZoneInfo(held.catalog.campus.time_zone)).date()
    named = periods_between(row[0], max(row[1], today), log.period, log.year_starts)[-_MOST_PERIODS:]
    spans = tuple(Span(name, first, last, is_over=last < today) for name, first, last in named)
    materials = _materials(held, log)
    counts = _counts(held, log, resource, spans, materials is not None)
    year = held.con.execute(
        sql.SQL("SELECT {item}::text, count(*) FROM raw.{table} c WHERE {accepted} > %s GROUP BY 1").format(
            item=sql.Identifier(log.item), table=table, accepted=accepted
        ),
        [today - _YEAR],
    ).fetchall()
    handed = _handed(held, log, resource, accepted, today) if materials else None
    return spans, counts, dict(year), handed


def _materials(held: Held, log: CaseLog) -> Resource | None:
    if log.materials is None:
        return None
    found = held.catalog.resources[log.materials.resource]
    return (
        found if held.holds(found, (log.materials.case, log.materials.material, log.materials.way)) else None
    )


def _counts(
    held: Held, log: CaseLog, resource: Resource, spans: Sequence[Span], has_materials: bool
) -> tuple[CaseCount, ...]:
    nothing = sql.SQL("NULL")
    days = _working_numbers(held.catalog.calendar, spans[0].first, held.at.date() + timedelta(days=1))
    promises = [
        (item.code, item.promised.value, item.promised.unit, item.visits)
        if item.promised
        else (item.code, None, "", item.visits)
        for item in held.catalog.services.values()
    ]
    statement = sql.SQL(
        """WITH span(name, first, last) AS (
               SELECT * FROM unnest(%(names)s::text[], %(firsts)s::date[], %(lasts)s::date[])),
             day(day, working) AS (SELECT * FROM unnest(%(days)s::date[], %(working)s::int[])),
             promise(item, value, unit, visits) AS (
               SELECT * FROM unnest(%(items)s::text[], %(values)s::float8[], %(units)s::text[], %(visits)s::int[])),
             log AS (SELECT c.{item}::text AS item, {accepted} AS accepted_on, {closed} AS closed_on,
               {hours} AS hours, {visits} AS visits, {online} AS online, {handed} AS handed
               FROM raw.{table} c {materials})
           SELECT log.item, span.name, count(*), count(closed_on),
             count(*) FILTER (WHERE CASE promise.unit
               WHEN 'workday' THEN closing.working - accepting.working > promise.value
               WHEN 'day' THEN closed_on - accepted_on > promise.value
               WHEN 'hour' THEN hours > promise.value END),
             bool_or(promise.value IS NOT NULL), avg(closed_on - accepted_on)::float8,
             count(*) FILTER (WHERE log.visits > promise.visits), max(log.visits),
             count(*) FILTER (WHERE log.online), avg(handed)::float8
           FROM log JOIN span ON log.accepted_on BETWEEN span.first AND span.last
             LEFT JOIN day accepting ON accepting.day = log.accepted_on
             LEFT JOIN day closing ON closing.day = log.closed_on
             LEFT JOIN promise ON promise.item = log.item
           GROUP BY log.item, span.name"""
    ).format(
        item=sql.Identifier(log.item),
        table=sql.Identifier(resource.table),
        accepted=_day(held, resource, log.accepted_at),
        closed=_day(held, resource, log.closed_at) if log.closed_at else sql.SQL("NULL::date"),
        hours=_hours(held, resource, log),
        visits=sql.SQL("c.{}").format(sql.Identifier(log.visits)) if log.visits else nothing,
        online=sql.SQL("c.{} = ANY (%(online)s)").format(sql.Identifier(log.channel))
        if log.channel
        else sql.SQL("false"),
        handed=sql.SQL("coalesce(m.handed, 0)" if has_materials else "NULL::bigint"),
        materials=_handed_per_case(held, log, resource) if has_materials else sql.SQL(""),
    )
    rows = held.con.execute(
        statement,
        {
            "names": [span.name for span in spans],
            "firsts": [span.first for span in spans],
            "lasts": [span.last for span in spans],
            "days": list(days),
            "working": list(days.values()),
            "items": [row[0] for row in promises],
            "values": [row[1] for row in promises],
            "units": [row[2] for row in promises],
            "visits": [row[3] for row in promises],
            "online": list(log.online),
        },
    )
    return tuple(
        CaseCount(
            item=item,
            span=span,
            cases=cases,
            closed=closed,
            late=late if has_promise and log.closed_at else None,
            days=days_taken,
            visits_over=over if log.visits else None,
            most_visits=most,
            online=online if log.channel else None,
            materials=handed,
        )
        for item, span, cases, closed, late, has_promise, days_taken, over, most, online, handed in rows
    )


def _handed_per_case(held: Held, log: CaseLog, resource: Resource) -> sql.Composed:
    assert log.materials is not None
    return sql.SQL(
        "LEFT JOIN (SELECT m.{case}::text AS case_key, count(*) FILTER (WHERE NOT {spared}) AS handed"
        " FROM raw.{materials} m GROUP BY 1) m ON m.case_key = c.{key}::text"
    ).format(
        case=sql.Identifier(log.materials.case),
        spared=_is_spared(log),
        materials=sql.Identifier(held.catalog.resources[log.materials.resource].table),
        key=sql.Identifier(resource.key[0]),
    )


def _handed(
    held: Held, log: CaseLog, resource: Resource, accepted: sql.Composed, today: date
) -> tuple[HandedIn, ...]:
    assert log.materials is not None
    rows = held.con.execute(
        sql.SQL(
            "SELECT c.{item}::text, m.{material}::text, count(*) FILTER (WHERE NOT {spared}),"
            " count(*) FILTER (WHERE {spared}) FROM raw.{materials} m"
            " JOIN raw.{table} c ON c.{key}::text = m.{case}::text WHERE {accepted} > %s GROUP BY 1, 2"
        ).format(
            item=sql.Identifier(log.item),
            material=sql.Identifier(log.materials.material),
            spared=_is_spared(log),
            materials=sql.Identifier(held.catalog.resources[log.materials.resource].table),
            table=sql.Identifier(resource.table),
            key=sql.Identifier(resource.key[0]),
            case=sql.Identifier(log.materials.case),
            accepted=accepted,
        ),
        [today - _YEAR],
    )
    return tuple(HandedIn(*row) for row in rows)


def _working_numbers(calendar: Calendar, first: date, last: date) -> dict[date, int]:
    """Day → how many working days there were up to and with it, counted from `first`."""
    numbers: dict[date, int] = {}
    count = 0
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        count += calendar.is_working(day)
        numbers[day] = count
    return numbers


def _day(held: Held, resource: Resource, item: str) -> sql.Composed:
    """The campus's day of a date or a moment."""
    column = sql.SQL("c.{}").format(sql.Identifier(item))
    if held.columns[resource.table][item] == "date":
        return column
    zone = sql.Literal(held.catalog.campus.time_zone)
    return sql.SQL("({} AT TIME ZONE {})::date").format(column, zone)


def _hours(held: Held, resource: Resource, log: CaseLog) -> sql.Composable:
    """Hours from acceptance to closing, where both are moments."""
    names = (log.accepted_at, log.closed_at)
    if not log.closed_at or any(held.columns[resource.table][name] == "date" for name in names):
        return sql.SQL("NULL::float8")
    return sql.SQL("extract(epoch FROM c.{} - c.{}) / 3600").format(
        sql.Identifier(log.closed_at), sql.Identifier(log.accepted_at)
    )


def _is_spared(log: CaseLog) -> sql.Composed:
    assert log.materials is not None
    if not log.materials.way:
        return sql.SQL("false").format()
    values = sql.SQL(", ").join(map(sql.Literal, log.materials.spared or ("",)))
    return sql.SQL("(m.{} IN ({}))").format(sql.Identifier(log.materials.way), values)
