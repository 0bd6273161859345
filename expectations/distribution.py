"""Distribution shift: are today's values spread as they were at the last good releases, item by item.

A source that starts to send one code for everybody, money in another unit, or nothing where there was something keeps
every rule of a single row. So per item the shares of its codes, the quantiles of its numbers and the share of rows
with a value are measured and compared with what earlier releases measured. An item has moved by the share of rows that
would have to change to make the two alike: total variation for codes, the distance of Kolmogorov for numbers (read
from quantiles, never overstated), the difference for filled rows. It is compared with the likest of the releases
remembered and of the same teaching week a year ago: a weekend is like the last one. An announced event widens what is
allowed. Chance is allowed for, so that a day of few rows is no alarm.

Only aggregates are kept (`yici.distribution`), none of a cell of fewer than `SMALL_CELL` rows. A large table is
sampled, row by row, always the same rows of the same release. Of a log (`append`) what the release brought is
measured, of everything else the whole.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from catalogs.model import Catalog, Item, Resource, Shift
from catalogs.settings import now
from expectations.checks import ACCURACY, Check, could_not_run
from expectations.gx_run import REPORTED_STATES
from expectations.history import REMEMBERED_RELEASES, is_after_event
from warehouse.store import newest_table, opened, sealed_in
from warehouse.volume import Week

SHIFT = "shift"
# What share of the rows may have moved where the contract does not say, and how much more an event explains.
USUAL_SHIFT = Shift(0.1)
AFTER_EVENT = 2.0
SAMPLE_ROWS = 100_000
# Fewer rows than these are nobody's distribution; a cell of fewer might be somebody.
FEWEST_ROWS, SMALL_CELL, MOST_CODES = 100, 10, 200
OTHER = ""
STEPS = 20
FEWEST_NUMBERS = STEPS * SMALL_CELL
STATEMENT_TIMEOUT_S = 120
# One of a week is kept for the year after; the newest ones all.
KEPT_DAYS, KEPT_NEWEST = 400, 2 * REMEMBERED_RELEASES


@dataclass(frozen=True)
class Spread:
    """How the values of an item are spread.

    Attributes:
        filled: share of rows that have one.
        codes: code → its share of those; `OTHER` has what is too few to be told.
        quantiles: of numbers, in steps of a twentieth, without the ends; four digits.
    """

    filled: float
    codes: Mapping[str, float]
    quantiles: tuple[float, ...] = ()


@dataclass(frozen=True)
class Measured:
    """What one release measured of a resource: how many rows, and each item's spread."""

    rows: int
    items: Mapping[str, Spread]


def measurable(resource: Resource) -> dict[str, Item]:
    """Return the items whose spread says something: no keys, nothing that differs from row to row."""
    own = {*resource.key}
    if resource.subject:
        own |= {resource.subject.key, *(link.item for link in resource.subject.links)}
    return {
        item.name: item
        for item in resource.items
        if item.name not in own
        and not item.unique
        and (_has_codes(item) or _is_number(item) or not item.required)
    }


def judge(
    catalog: Catalog,
    resources: Sequence[Resource],
    engine: Engine,
    release: int,
    day: date,
    week: Week | None,
) -> list[Check]:
    """Measure the resources, compare them with earlier releases, and keep what was measured.

    Args:
        catalog: the release's catalog; its calendar says what was announced.
        resources: those that the release took in.
        engine: of the warehouse; its user may write `yici.distribution`.
        release: the candidate.
        day: the campus's day.
        week: the same teaching week of a year ago, if the calendar knows it.

    Returns:
        One check `shift` per resource, and one `shift-<item>` for each item whose contract has a `shift` of its own.
    """
    widened = AFTER_EVENT if is_after_event(catalog.calendar, day) else 1.0
    checks, found = [], {}
    with engine.connect() as con:
        con.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'"))
        con.commit()
        zone = catalog.campus.time_zone
        earlier = _earlier(con, [resource.name for resource in resources], release, week, zone)
        for resource in resources:
            try:
                measured = measure(con, resource, release)
            except SQLAlchemyError as error:
                con.rollback()
                checks.append(could_not_run(resource.name, SHIFT, ACCURACY, type(error).__name__))
                continue
            if measured is not None:
                found[resource.name] = measured
                checks += verdicts(resource, measured, earlier.get(resource.name, ()), widened)
        con.rollback()
        _keep(con, found, release)
    return checks


def verdicts(
    resource: Resource, measured: Measured, earlier: Sequence[Measured], widened: float = 1.0
) -> Iterator[Check]:
    """Compare a measurement with earlier ones.

    Args:
        resource: whose contract may allow an item more or less than usual.
        measured: now.
        earlier: of good releases; none: nothing can have moved yet.
        widened: factor on what is allowed.
    """
    told: dict[str, list[str]] = {SHIFT: []}
    severity = {SHIFT: USUAL_SHIFT.severity}
    for name, item in measurable(resource).items():
        shift = item.shift or USUAL_SHIFT
        rule = f"{SHIFT}-{name}" if item.shift else SHIFT
        severity[rule] = shift.severity
        lines = told.setdefault(rule, [])
        spreads = [(one.rows, one.items[name]) for one in earlier if name in one.items]
        if name not in measured.items or not spreads:
            continue
        spread = measured.items[name]
        distances = [
            (moved(spread, before), shift.most * widened + chance(spread, measured.rows, rows))
            for rows, before in spreads
        ]
        distance, allowed = min(distances, key=lambda one: one[0] - one[1])
        if distance > allowed:
            lines.append(f"{name} {distance:.0%}, allowed {allowed:.0%}")
    for rule, lines in told.items():
        nothing = f"like one of {len(earlier)} earlier releases" if earlier else "measured for the first time"
        detail = f"rows that moved: {'; '.join(lines)}" if lines else nothing
        yield Check(
            resource.name,
            rule,
            ACCURACY,
            severity[rule],
            passed=not lines,
            rows_failed=int(bool(lines)),
            rows_total=measured.rows,
            detail=detail,
            counts_rows=False,
        )


def moved(now_: Spread, before: Spread) -> float:
    """Return the share of rows, 0 to 1, that would have to change to make the one spread the other."""
    distances = [abs(now_.filled - before.filled)]
    if now_.codes and before.codes:
        every = now_.codes.keys() | before.codes.keys()
        distances.append(sum(abs(now_.codes.get(c, 0.0) - before.codes.get(c, 0.0)) for c in every) / 2)
    if now_.quantiles and before.quantiles:
        distances.append(_numbers_moved(now_.quantiles, before.quantiles))
    return max(distances)


def chance(spread: Spread, rows: int, rows_before: int) -> float:
    """Return how far two samples of one and the same distribution may well lie apart."""
    return 0.5 * sqrt(max(2, len(spread.codes)) * (1 / rows + 1 / rows_before))


def _numbers_moved(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The greatest gap between what two rows of quantiles leave open of their distribution functions."""

    def between(quantiles: Sequence[float], value: float) -> tuple[float, float]:
        not_above = sum(q <= value for q in quantiles)
        return not_above / STEPS, (not_above + 1) / STEPS

    gaps = [0.0]
    for value in {*ours, *theirs}:
        (low, high), (other_low, other_high) = between(ours, value), between(theirs, value)
        gaps += [low - other_high, other_low - high]
    return max(gaps)


def measure(con: Connection, resource: Resource, release: int) -> Measured | None:
    """Measure a resource as the release shows it; None where it has no table or too few rows.

    Raises:
        SQLAlchemyError: the database refused; the message may quote a row.
    """
    table = newest_table(con.connection.driver_connection, resource)  # type: ignore[arg-type]
    items = measurable(resource)
    if table is None or not items:
        return None
    source = _rows(con, resource, table, release)
    known = {"now": release, "states": list(REPORTED_STATES)}
    coded = [name for name, item in items.items() if _has_codes(item)]
    numbers = [name for name, item in items.items() if _is_number(item)]
    steps = ", ".join(str(step / STEPS) for step in range(1, STEPS))
    asked = [f"count({_q(name)})" for name in items]
    asked += [
        f"percentile_cont(ARRAY[{steps}]) WITHIN GROUP (ORDER BY {_q(name)}::float8)" for name in numbers
    ]
    row = con.execute(text(f"SELECT {', '.join(['count(*)', *asked])} FROM {source}"), known).one()
    rows, filled = row[0], dict(zip(items, row[1 : 1 + len(items)], strict=True))
    if rows < FEWEST_ROWS:
        return None
    quantiles = dict(zip(numbers, row[1 + len(items) :], strict=True))
    codes = _codes(con, source, coded, known) if coded else {}
    return Measured(
        rows,
        {
            name: Spread(
                _share(filled[name], rows),
                _shares(codes[name], filled[name]) if name in codes else {},
                _rounded(quantiles.get(name)) if filled[name] >= FEWEST_NUMBERS else (),
            )
            for name in items
        },
    )


def _rows(con: Connection, resource: Resource, table: str, release: int) -> str:
    """The rows to measure as a FROM clause, sampled if they are many."""
    shown = "_from <= :now AND (_to IS NULL OR _to > :now)"
    if resource.ingest.mode == "append":
        shown = "_from = :now"
        many = con.execute(
            text("SELECT inserted FROM yici.release_resource WHERE release = :now AND resource = :name"),
            {"now": release, "name": resource.name},
        ).scalar()
    else:
        many = con.execute(
            text("SELECT reltuples FROM pg_class WHERE oid = to_regclass(:table)"),
            {"table": f"store.{_q(table)}"},
        ).scalar()
    sample = ""
    if many and many > SAMPLE_ROWS:
        sample = f" TABLESAMPLE BERNOULLI ({100 * SAMPLE_ROWS / many:.6f}) REPEATABLE ({release:d})"
    driver = con.connection.driver_connection
    sealed = sealed_in(driver, table)  # type: ignore[arg-type]
    listed = ", ".join(
        f"{opened(name, sealed).as_string(driver)} AS {_q(name)}"  # type: ignore[arg-type]
        for name in measurable(resource)
    )
    return f"(SELECT {listed} FROM store.{_q(table)}{sample} WHERE {shown} AND _state = ANY (:states)) AS measured"


def _codes(
    con: Connection, source: str, coded: Sequence[str], known: Mapping
) -> dict[str, list[tuple[str, int]]]:
    parts = " UNION ALL ".join(
        f"SELECT '{name}', {_q(name)}::text, count(*) FROM sample WHERE {_q(name)} IS NOT NULL"
        f" GROUP BY 2 HAVING count(*) >= {SMALL_CELL}"
        for name in coded
    )
    found: dict[str, list[tuple[str, int]]] = {name: [] for name in coded}
    for name, code, count in con.execute(
        text(f"WITH sample AS MATERIALIZED (SELECT * FROM {source}) {parts}"), known
    ):
        found[name].append((code, count))
    return found


def _shares(counts: Sequence[tuple[str, int]], filled: int) -> dict[str, float]:
    if filled < FEWEST_ROWS:
        return {}
    most = sorted(counts, key=lambda pair: -pair[1])[:MOST_CODES]
    shares = {code: round(count / filled, 4) for code, count in most}
    rest = filled - sum(count for _, count in most)
    return shares | ({OTHER: round(rest / filled, 4)} if rest >= SMALL_CELL else {})


def _share(filled: int, rows: int) -> float:
    if filled < SMALL_CELL:
        return 0.0
    return 1.0 if rows - filled < SMALL_CELL else round(filled / rows, 4)


def _rounded(quantiles: Sequence[float] | None) -> tuple[float, ...]:
    return tuple(float(f"{value:.4g}") for value in quantiles or ())


def _earlier(
    con: Connection, names: Sequence[str], release: int, week: Week | None, zone: str
) -> dict[str, list[Measured]]:
    """What good releases measured: the newest ones, and those of the same teaching week a year ago.

    One that was found to have moved is left out, unless all that are remembered were: then it is how things are now.
    """
    rows = con.execute(
        text(
            """SELECT resource, measured, is_new,
                      EXISTS (SELECT FROM yici.finding f WHERE f.release = known.release
                              AND f.resource = known.resource AND NOT f.passed
                              AND (f.rule = :rule OR f.rule LIKE :rules)) AS has_moved
               FROM (SELECT d.resource, d.release, d.measured,
                            row_number() OVER (PARTITION BY d.resource ORDER BY d.release DESC) <= :remembered
                                AS is_new,
                            (d.at AT TIME ZONE :zone)::date BETWEEN :first AND :last AS is_week
                     FROM yici.distribution d
                     JOIN yici.release r ON r.id = d.release AND r.state = 'published'
                     JOIN yici.release_resource x
                       ON x.release = d.release AND x.resource = d.resource AND x.outcome = 'applied'
                     WHERE d.resource = ANY (:names) AND d.release < :release) known
               WHERE is_new OR is_week ORDER BY release DESC"""
        ),
        {"rule": SHIFT, "rules": f"{SHIFT}-%", "remembered": REMEMBERED_RELEASES, "zone": zone}
        | {
            "first": week and week.first,
            "last": week and week.last,
            "names": list(names),
            "release": release,
        },
    ).all()
    found: dict[str, list[Measured]] = {}
    for name in names:
        own = [row for row in rows if row.resource == name]
        good = [row for row in own if not row.has_moved]
        if not any(row.is_new for row in good):
            good = own
        found[name] = [from_json(row.measured) for row in good]
    return found


def _keep(con: Connection, found: Mapping[str, Measured], release: int) -> None:
    """Keep the measurements of this release, and of earlier ones what a later one may be compared with."""
    at = now()
    for name, measured in found.items():
        con.execute(
            text(
                """INSERT INTO yici.distribution (release, resource, at, measured)
                   VALUES (:release, :name, :at, CAST(:measured AS jsonb))
                   ON CONFLICT (release, resource) DO UPDATE SET at = excluded.at, measured = excluded.measured"""
            ),
            {"release": release, "name": name, "at": at, "measured": json.dumps(to_json(measured))},
        )
    con.execute(
        text(
            """DELETE FROM yici.distribution d USING (
                   SELECT resource, release, row_number() OVER (PARTITION BY resource ORDER BY release DESC) AS place,
                          row_number() OVER (PARTITION BY resource, date_trunc('week', at) ORDER BY release DESC)
                              AS of_week
                   FROM yici.distribution WHERE resource = ANY (:names)) k
               WHERE k.resource = d.resource AND k.release = d.release AND k.place > :newest
                 AND (k.of_week > 1 OR d.at < :oldest)"""
        ),
        {"names": list(found), "newest": KEPT_NEWEST, "oldest": at - timedelta(days=KEPT_DAYS)},
    )
    con.commit()


def to_json(measured: Measured) -> dict:
    """Return a measurement as `yici.distribution.measured` keeps it; what is empty is left out."""
    items: dict[str, dict] = {}
    for name, spread in measured.items.items():
        items[name] = {"filled": spread.filled}
        if spread.codes:
            items[name]["codes"] = dict(spread.codes)
        if spread.quantiles:
            items[name]["quantiles"] = list(spread.quantiles)
    return {"rows": measured.rows, "items": items}


def from_json(kept: Mapping) -> Measured:
    """Return what `to_json` made."""
    return Measured(
        kept["rows"],
        {
            name: Spread(one["filled"], one.get("codes", {}), tuple(one.get("quantiles", ())))
            for name, one in kept["items"].items()
        },
    )


def _has_codes(item: Item) -> bool:
    return item.is_coded or bool(item.enum) or item.logical_type == "boolean"


def _is_number(item: Item) -> bool:
    return item.logical_type in ("integer", "number") and not _has_codes(item)


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
