"""What a whole extract can break: its partition, the share of refused rows, the number of its rows.

Each extract is asked for itself, also where several are judged together: which others came with it says nothing of it.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb

from catalogs.model import Catalog, Resource
from connectors.duck import literal
from connectors.duck import quote as q
from warehouse.ledger import Extract

if TYPE_CHECKING:
    from expectations.admission import Finding

DEFAULT_REFUSED_SHARE = 0.05
# Extracts that hold what changed: how many rows those are says nothing of the whole, and a bad one or two among few
# wait in quarantine like any other, rather than keep the window out for as long as they are in it.
WINDOWS, FEW_ROWS = ("upsert", "range"), 5


class ExtractRefused(Exception):
    """A whole extract breaks its contract; the resource stays as it was. Names rule and counts, never a value.

    Attributes:
        rule: the rule that is broken.
        findings: what was found until then.
        extract_ids: the extracts that broke it, where others judged with them did not; empty: all of them.
    """

    def __init__(
        self,
        rule: str,
        message: str,
        findings: Sequence["Finding"] = (),
        extract_ids: Sequence[int] = (),
    ) -> None:
        super().__init__(message)
        self.rule = rule
        self.findings = tuple(findings)
        self.extract_ids = tuple(extract_ids)


class SharedKeys(Exception):
    """Several extracts hold the same key, or another value that stands once in each: each has to be judged alone."""


def check_partitions(con: duckdb.DuckDBPyConnection, resource: Resource, timezone: str) -> None:
    """Refuse the files that hold rows of another day or term than their name says."""
    cut, label = resource.ingest.partition, partition_label(resource, timezone)
    if cut is None or not cut.item:  # a source that is asked for a partition gives its rows
        return
    outside = con.execute(
        f"""SELECT _partition, _extract, count(*) FROM typed WHERE _partition IS NOT NULL AND {label} IS NOT NULL
            AND NOT starts_with({label}, _partition) GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    if outside:
        named = ", ".join(f"{partition} ({rows} rows)" for partition, _, rows in outside)
        raise ExtractRefused(
            "partition",
            f"{resource.name}: rows of another {cut.by} than the partition they came in: {named}; nothing of them is "
            f"used and what was published stays. Provider {resource.provider} delivers them again",
            extract_ids=[extract for _, extract, _ in outside],
        )


def partition_label(resource: Resource, timezone: str) -> str | None:
    """Return the partition that a row belongs to by its own item, for DuckDB and PostgreSQL; None where none says it.

    Args:
        resource: of which extracts hold partitions, or not.
        timezone: in which days of times are told.
    """
    cut = resource.ingest.partition
    if cut is None or not cut.told_by:
        return None
    is_time = resource.item(cut.told_by).logical_type == "timestamp"
    value = f"timezone({literal(timezone)}, {q(cut.told_by)})::DATE" if is_time else q(cut.told_by)
    return f"CAST({value} AS VARCHAR)"


def check_share(
    con: duckdb.DuckDBPyConnection,
    resource: Resource,
    catalog: Catalog,
    findings: Sequence["Finding"],
    at_least: int,
) -> None:
    """Refuse the extracts of which too large a share, and more than `at_least` rows, breaks the contract."""
    share = float(catalog.campus.raw.get("thresholds", {}).get("refused_share", DEFAULT_REFUSED_SHARE))
    broken = con.execute(
        f"""SELECT l._extract, coalesce(r.rows, 0), l.rows
            FROM (SELECT _extract, count(*) AS rows FROM landed GROUP BY ALL) l
            JOIN (SELECT _extract, count(*) AS rows FROM refused GROUP BY ALL) r USING (_extract)
            WHERE r.rows / l.rows > {share} AND r.rows > {at_least:d} ORDER BY ALL"""
    ).fetchall()
    if broken:
        refused, total = sum(row[1] for row in broken), sum(row[2] for row in broken)
        raise ExtractRefused(
            "refused_share",
            f"{resource.name}: {refused} of {total} rows break the contract, more than {share:.0%}; "
            "the last good state stays. See `yici quarantine list`, or mend contract or source",
            findings,
            extract_ids=[row[0] for row in broken],
        )


def check_counts(
    con: duckdb.DuckDBPyConnection,
    resource: Resource,
    extracts: Sequence[Extract],
    findings: Sequence["Finding"],
) -> None:
    """Refuse each extract that has not as many rows as the contract expects of one."""
    asked = [m for m in resource.metrics if m.metric == "rowCount" and m.on_failure == "refuse_extract"]
    if not asked:
        return
    rows = dict(con.execute("SELECT _extract, count(*) FROM landed GROUP BY ALL").fetchall())
    for metric in asked:
        outside = [extract for extract in extracts if not within(metric.bounds, rows.get(extract.id, 0))]
        if outside:
            counts = ", ".join(
                f"{extract.scope.get('partition') or ''} {rows.get(extract.id, 0)}".strip()
                for extract in outside
            )
            raise ExtractRefused(
                metric.id,
                f"{resource.name}: {counts} rows, the contract expects {dict(metric.bounds)}; the last good state"
                " stays",
                findings,
                extract_ids=[extract.id for extract in outside],
            )


_OPERATORS = {
    "mustBe": lambda value, bound: value == bound,
    "mustNotBe": lambda value, bound: value != bound,
    "mustBeGreaterThan": lambda value, bound: value > bound,
    "mustBeGreaterOrEqualTo": lambda value, bound: value >= bound,
    "mustBeLessThan": lambda value, bound: value < bound,
    "mustBeLessOrEqualTo": lambda value, bound: value <= bound,
    "mustBeBetween": lambda value, bound: bound[0] <= value <= bound[1],
    "mustNotBeBetween": lambda value, bound: not bound[0] <= value <= bound[1],
}


def within(bounds: Mapping[str, Any], value: float | None) -> bool:
    """Whether a measured number satisfies every ODCS operator of a rule; nothing measured satisfies none.

    Raises:
        KeyError: an operator that ODCS 3.2.0 does not have; `catalog check` names it before a run does.
    """
    return value is not None and all(_OPERATORS[name](value, bound) for name, bound in bounds.items())
