"""Suites over a whole resource, generated from its contract and run by Great Expectations on PostgreSQL.

Admission has already judged every row; a suite asks what only the whole can show: is it as large as usual,
is what should mostly be filled mostly filled, is what should be unique unique, is it recent. It looks at
the rows that the source still reports, as the candidate release sees them.

Volume and distribution are compared with what earlier releases measured, in the campus's calendar; history knows no
people, only counts and shares.

Only expectation types whose result is a number are used. Those that look row by row fetch offending values
before GX drops them, and need several passes; these are aggregates, bundled into one query a
resource. Uniqueness of the whole key is asked only of resources that are read in full: it costs a sort of
everything, and the store's unique index holds it anyway.

What is expected is plain data here; `gx_run` puts it into GX, `between` runs the rules between systems, `references`
looks for rows that refer to nothing, `distribution` for values that are spread otherwise than before; `gate` compares
all with what the provider promised.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import URL, create_engine, make_url, text

from catalogs.model import Catalog, Metric, Resource
from catalogs.settings import now
from expectations import between, cut_names, distribution, gate, gone, gx_run, references, whole
from expectations.checks import ACCURACY, COMPLETENESS, TIMELINESS, Check, could_not_run
from expectations.gx_run import DISTINCT, FILLED, MEASURE, ROW_COUNT, Expected
from expectations.history import VOLUME, History, collapse_below, read_histories, volume_band
from warehouse.volume import week_years_before

REFUSE_EXTRACT = "refuse_extract"
_TABLES = text(
    "SELECT table_name FROM information_schema.tables"
    " WHERE table_schema = 'raw' AND table_name = ANY (:names)"
)
# A library rule that its contract only calls a finding never takes a resource back, however severe.
_SEVERITY = {"error": "warning", "warning": "warning", "info": "info"}


def expected(catalog: Catalog, resource: Resource, history: History, at: datetime) -> tuple[Expected, ...]:
    """Return what is expected of the resource as a whole, from its contract and its history.

    Raises:
        ValueError: a library rule that a suite cannot ask; names rule and what to write instead.
    """
    day = _campus_day(catalog, at)
    grows = resource.ingest.mode == "append" or resource.ingest.reads_changes
    low, high = volume_band(history, catalog.calendar, day, grows) or (0, None)
    rules = [Expected(VOLUME, ROW_COUNT, None, low, high, "warning", COMPLETENESS)]
    collapse = collapse_below(history)
    if collapse:
        rules.append(Expected("collapse", ROW_COUNT, None, collapse, None, "critical", COMPLETENESS))
    if len(resource.key) == 1 and not grows:
        rules.append(Expected("key", DISTINCT, resource.key[0], 1.0, None, "critical", ACCURACY))
    for item in resource.items:
        if item.unique and (item.name,) != resource.key:
            rules.append(Expected(f"unique-{item.name}", DISTINCT, item.name, 1.0, None, "warning", ACCURACY))
    rules += [rule for metric in resource.metrics if (rule := _from_metric(resource, metric))]
    filled = {rule.column for rule in rules if rule.type == FILLED}
    nullable = {item.name for item in resource.items if not item.required}
    # A distinct share counts rows with a value; how many those are has to be measured beside it.
    rules += [
        Expected(MEASURE, FILLED, rule.column, None, None, "info", COMPLETENESS)
        for rule in rules
        if rule.type == DISTINCT and rule.column in nullable - filled
    ]
    return tuple(rules)


def _from_metric(resource: Resource, metric: Metric) -> Expected | None:
    """Translate an ODCS library rule; None for one that admission judges on the extract."""
    severity = "critical" if metric.on_failure == REFUSE_EXTRACT else _SEVERITY[metric.severity]
    dimension = metric.dimension or COMPLETENESS
    if metric.metric == "rowCount":
        if metric.on_failure == REFUSE_EXTRACT:
            return None
        low, high = _bounds(resource, metric)
        return Expected(metric.id, ROW_COUNT, None, low, high, severity, dimension)
    if metric.metric in ("nullValues", "missingValues", "duplicateValues") and metric.item:
        low, high = _bounds(resource, metric)
        if metric.unit != "percent" and (low or high):
            raise ValueError(
                f"{metric.id}: a bound in rows other than 0 says nothing about a whole that grows; "
                "give it with unit percent"
            )
        kind = DISTINCT if metric.metric == "duplicateValues" else FILLED
        share = (1 - (high or 0) / 100, None if low is None else 1 - low / 100)
        return Expected(metric.id, kind, metric.item, *share, severity, dimension)
    raise ValueError(f"{metric.id}: {metric.metric} is judged row by row; write it as an SQL rule")


def _bounds(resource: Resource, metric: Metric) -> tuple[float | None, float | None]:
    (operator, bound), *more = metric.bounds.items()
    if more:
        raise ValueError(f"{metric.id}: two operators; write two rules")
    if operator == "mustBeBetween":
        return bound[0], bound[1]
    if operator == "mustBe":
        return bound, bound
    if operator in ("mustBeLessThan", "mustBeLessOrEqualTo"):
        return None, bound
    if operator in ("mustBeGreaterThan", "mustBeGreaterOrEqualTo"):
        return bound, None
    raise ValueError(f"{metric.id}: operator {operator} has no bounds; use mustBeBetween")


def suite_for(catalog: Catalog, resource: Resource, history: History, at: datetime):
    """Return what is expected of a resource as a GX `ExpectationSuite`; imports GX.

    Raises:
        ValueError: see `expected`.
    """
    return gx_run.suite(resource.name, expected(catalog, resource, history, at))


def run_suites(
    catalog: Catalog,
    resources: Sequence[Resource],
    url: str | URL,
    release: int,
    histories: Mapping[str, History] | None = None,
    at: datetime | None = None,
) -> list[Check]:
    """Run the suites of these resources, and the rules between systems that look at any of them.

    Args:
        catalog: the release's catalog.
        resources: those that the release changed: what did not change was judged when it did.
        url: SQLAlchemy address of the warehouse.
        release: the candidate that every query is pinned to.
        histories: by resource; read from the warehouse if absent.
        at: the campus's present moment; now if absent.

    Returns:
        One check per rule. A rule that cannot run is a failed one of severity critical.

    Raises:
        sqlalchemy.exc.OperationalError: the warehouse does not answer.
    """
    at = at or now()
    pinned = pinned_to(url, release)
    engine = create_engine(pinned)
    names = [resource.name for resource in resources]
    day = _campus_day(catalog, at)
    week = week_years_before(catalog.calendar, day)
    checks, asked = [], {}
    try:
        with engine.connect() as con:
            if histories is None:
                histories = read_histories(con, names, release, week, catalog.campus.time_zone)
            present = set(con.execute(_TABLES, {"names": [r.table for r in resources]}).scalars())
            for resource in resources:
                if resource.table not in present:
                    checks.append(could_not_run(resource.name, "suite", COMPLETENESS, "it has no table"))
                    continue
                history = histories.get(resource.name, History())
                checks.append(freshness(resource, history, at))
                try:
                    asked[resource.name, resource.table] = expected(catalog, resource, history, at)
                except ValueError as error:
                    checks.append(
                        could_not_run(
                            resource.name, "contract", COMPLETENESS, f"{error}; see {resource.file}"
                        )
                    )
        checks += gx_run.judge(asked, pinned)
        checks += whole.judge(resources, engine)
        checks += references.judge(catalog, names, engine, release)
        checks += gone.judge(catalog, names, engine)
        checks += cut_names.judge(resources, engine, release)
        checks += between.judge(catalog, names, engine, day)
        checks += distribution.judge(catalog, resources, engine, release, day, week)
        checks += gate.judge(resources, engine, release, checks)
    finally:
        engine.dispose()
    return checks


def pinned_to(address: str, release: int) -> URL:
    """Return the warehouse's address for reading `raw` as one release; what its sessions are given stays."""
    url = make_url(address)
    options = f"{url.query.get('options', '')} -c yici.release={release:d} -c search_path=raw"
    return url.update_query_dict({"options": options.strip()})


def freshness(resource: Resource, history: History, at: datetime) -> Check:
    """Say whether the extract that a resource's state rests on is younger than its update cycle promises.

    Args:
        resource: whose `promise` counts.
        history: knows when that extract was taken.
        at: the campus's present moment, aware.
    """
    taken = history.confirmed_at
    promised_h = resource.promise.total_seconds() / 3600
    if taken is None:
        return Check(
            resource.name,
            "freshness",
            TIMELINESS,
            "warning",
            False,
            1,
            1,
            f"no extract yet, promised {promised_h:.0f} h",
            counts_rows=False,
        )
    age_h = (at - taken).total_seconds() / 3600
    passed = at - taken <= resource.promise
    detail = f"{age_h:.1f} h old, promised {promised_h:.0f} h"
    return Check(
        resource.name,
        "freshness",
        TIMELINESS,
        "warning",
        passed,
        int(not passed),
        1,
        detail,
        counts_rows=False,
    )


def _campus_day(catalog: Catalog, at: datetime) -> date:
    return at.astimezone(ZoneInfo(catalog.campus.time_zone)).date()
