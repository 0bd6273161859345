"""Plain expectations run by Great Expectations on PostgreSQL, and of its answers only counts.

Failing values are personal data. So only expectation types are used whose result is a number; the result
format asks for no examples; and what GX returns is read into checks field by field, never passed on.

GX takes seconds to import: it is imported where a suite runs and nowhere else. Its telemetry is off, its
context lives in memory.
"""

import logging
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from expectations.checks import COMPLETENESS, Check, could_not_run

ROW_COUNT = "expect_reported_rows_to_be_between"
FILLED = "expect_reported_filled_share_to_be_between"
DISTINCT = "expect_reported_distinct_share_to_be_between"
ALLOWED_TYPES = frozenset({ROW_COUNT, FILLED, DISTINCT})
MEASURE = "measure"
_STATE = "_state"
REPORTED_STATES = ("reported", "released", "refused")
RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}


@dataclass(frozen=True)
class Expected:
    """One expectation in plain data: what is measured, and between which bounds it has to lie.

    `low` and `high` are rows for a row count, a share of 0 to 1 otherwise; None is no bound. The rule
    `MEASURE` is no rule: it only measures how many rows have a value.
    """

    rule: str
    type: str
    column: str | None
    low: float | None
    high: float | None
    severity: str
    dimension: str


def suite(name: str, rules: Sequence[Expected]):
    """Return the rules as a GX `ExpectationSuite` over the rows that the source still reports."""
    _quiet()
    import great_expectations as gx
    from great_expectations.expectations.row_conditions import Column

    from expectations import gx_types

    types = {
        ROW_COUNT: gx_types.ExpectReportedRowsToBeBetween,
        FILLED: gx_types.ExpectReportedFilledShareToBeBetween,
        DISTINCT: gx_types.ExpectReportedDistinctShareToBeBetween,
    }
    reported = Column(_STATE).is_in(list(REPORTED_STATES))
    expectations = [
        types[rule.type](
            column=rule.column or _STATE,
            min_value=0 if rule.low is None else rule.low,
            max_value=rule.high,
            row_condition=reported,
            severity=rule.severity,
            meta={"rule": rule.rule},
        )
        for rule in rules
    ]
    return gx.ExpectationSuite(name=name, expectations=expectations)


def judge(asked: Mapping[tuple[str, str], Sequence[Expected]], pinned: URL) -> list[Check]:
    """Run the suites.

    Args:
        asked: (resource, its table, which exists) → what is expected of it.
        pinned: address of the warehouse whose options pin the release and make `raw` the default schema.

    Returns:
        One check per rule; a suite that GX could not run is one failed check of severity critical.
    """
    if not asked:
        return []
    _quiet()
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )
    from great_expectations.exceptions import GreatExpectationsError

    context = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            # Its documentation sites would be temporary folders that nobody clears.
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            progress_bars=ProgressBarsConfig(globally=False),
            analytics_enabled=False,
        ),
    )
    # Declared together: added one by one, GX would write its whole configuration out for each.
    assets = [
        {"type": "table", "name": table, "batch_definitions": [{"name": "pinned", "partitioner": None}]}
        for _, table in asked
    ]
    with warnings.catch_warnings():
        # GX recommends its own PostgreSQL source, which refuses the address of a socket folder.
        warnings.simplefilter("ignore")
        source = context.data_sources.add_sql(
            "warehouse", connection_string=pinned.render_as_string(hide_password=False), assets=assets
        )
    checks = []
    for (name, table), rules in asked.items():
        try:
            batch = source.get_asset(table).get_batch_definition("pinned").get_batch()
            results = batch.validate(suite(name, rules), result_format=RESULT_FORMAT).results
        except (GreatExpectationsError, SQLAlchemyError) as error:
            checks.append(could_not_run(name, "suite", COMPLETENESS, type(error).__name__))
            continue
        checks += read_results(name, rules, results)
    source.get_engine().dispose()
    return checks


def read_results(name: str, rules: Sequence[Expected], results: Iterable) -> list[Check]:
    """Keep of GX's results what a check may hold: rule, verdict and counts.

    A share is turned into rows by the number of rows it is a share of, which the suite measures beside it.
    """
    by_rule = {(rule.rule, rule.column): rule for rule in rules}
    measured: dict[tuple[str, str | None], float | None] = {}
    passed: dict[tuple[str, str | None], bool] = {}
    for result in results:
        config = result.expectation_config
        column = config.kwargs["column"]
        key = (config.meta["rule"], None if column == _STATE else column)
        value = (result.result or {}).get("observed_value")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        measured[key] = value if is_number else None
        passed[key] = bool(result.success)
    rows = next((measured[key] for key, rule in by_rule.items() if rule.type == ROW_COUNT), None)
    filled = {rule.column: measured[key] for key, rule in by_rule.items() if rule.type == FILLED}
    checks = []
    for key, rule in by_rule.items():
        if rule.rule == MEASURE:
            continue
        value = measured.get(key)
        if rows is None or (value is None and rows):
            checks.append(could_not_run(name, rule.rule, rule.dimension, "the database refused its query"))
            continue
        total = int(rows)
        if rule.type == ROW_COUNT:
            failed, good = int(not passed[key]), passed[key]
            detail = f"{total} rows, expected {_range(rule)}"
        elif not total or value is None:
            # How large it is, is another rule's matter.
            failed, good, detail = 0, True, "no rows"
        else:
            if rule.type == DISTINCT:
                total = round(total * (filled.get(rule.column) or 1.0))
            failed, good = round((1 - value) * total), passed[key]
            detail = f"{rule.column}: {value:.4%}, expected {_range(rule)}"
            if rule.type == DISTINCT and not total:
                failed, good = 0, True
        counts_rows = rule.type != ROW_COUNT
        checks.append(
            Check(name, rule.rule, rule.dimension, rule.severity, good, failed, total, detail, counts_rows)
        )
    return checks


def _range(rule: Expected) -> str:
    def shown(bound: float) -> str:
        return f"{bound:.0f}" if rule.type == ROW_COUNT else f"{bound:.2%}"

    if rule.high is None:
        return f"at least {shown(rule.low or 0)}"
    return f"{shown(rule.low or 0)} to {shown(rule.high)}"


def _quiet() -> None:
    """Switch telemetry off before the first import, and GX's log, which may quote what a database said."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
