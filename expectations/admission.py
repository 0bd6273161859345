"""Admission: the decision, row by row, whether extracts keep their contract (DuckDB alone, no side effect).

`judge` leaves the relations `admitted` and `refused` in DuckDB and says the counts; rows in = admitted + refused,
always. What is refused is kept as a table. What is admitted is everything else, read and typed from the extract
again by whoever asks for it: Parquet is read faster than rows are kept. A row that breaks a rule is refused with
every rule it breaks; a rule of severity `warning` or `info` admits the row and becomes a finding; a rule over the
whole extract, or too large a refused share, refuses the extract. The verdict depends on extract, contract version
and code version only. What a single row can break: `expectations.row_checks`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from catalogs.model import Catalog, Resource
from connectors.duck import describe, literal
from connectors.duck import quote as q
from expectations.extracts import (
    FEW_ROWS,
    WINDOWS,
    ExtractRefused,
    SharedKeys,
    check_counts,
    check_partitions,
    check_share,
    partition_label,
)
from expectations.row_checks import RowCheck, any_broken, noted, row_checks
from expectations.typing import source_text, typed
from warehouse.judged import Judged, key_text
from warehouse.ledger import Extract
from warehouse.store import RELEASED, SOURCE_SUFFIX


@dataclass(frozen=True)
class Finding:
    """One result of one rule on one resource; never a value."""

    resource: str
    rule: str
    dimension: str
    severity: str
    stage: str
    passed: bool
    rows_failed: int
    rows_total: int | None
    detail: str | None = None
    extract_id: int | None = None


def judge(
    con: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    resource: Resource,
    files: Sequence[tuple[Extract, Sequence[str]]],
) -> tuple[Judged, tuple[Finding, ...]]:
    """Judge the given extracts of one resource together.

    Args:
        con: a DuckDB session that can read the landing zone.
        catalog: for code tables, time zone and thresholds.
        resource: the contract.
        files: each extract with the addresses of its Parquet files, all of one scope kind.

    Returns:
        The counts for `warehouse.versions.apply`, and one finding per rule that can fail.

    Raises:
        ExtractRefused: a rule over the whole extract, or the refused share, refuses it.
        SharedKeys: the extracts cannot be judged together as each would be judged alone.
    """
    landed = _read(con, files)
    _check_columns(resource, landed)
    _type(con, catalog, resource, landed)
    check_partitions(con, resource, catalog.campus.time_zone)
    checks = _sort_out(con, catalog, resource, landed, are_several=len(files) > 1)
    total, admitted, refused = con.execute(
        "SELECT (SELECT count(*) FROM landed), (SELECT count(*) FROM admitted), (SELECT count(*) FROM refused)"
    ).fetchone()
    if admitted + refused != total:
        raise ExtractRefused(
            "conservation",
            f"{resource.name}: {total} rows came in but {admitted} were admitted and {refused} refused; "
            "nothing of this extract is used and the last good state stays. This is a fault of Yici: report it",
        )
    findings = _findings(con, catalog, resource, checks, total, admitted)
    extracts = [extract for extract, _ in files]
    (kind,) = {extract.scope["kind"] for extract in extracts}
    if refused:
        check_share(con, resource, catalog, findings, at_least=FEW_ROWS if kind in WINDOWS else 0)
    if kind not in WINDOWS:
        check_counts(con, resource, extracts, findings)
    judged = Judged(
        resource=resource,
        extract_ids=tuple(extract.id for extract in extracts),
        scope_kind=kind,
        lists_keys=all(extract.scope.get("lists_keys") for extract in extracts),
        partitions=tuple(
            extract.scope["partition"] for extract in extracts if extract.scope.get("partition")
        ),
        rows_in=total,
        admitted=admitted,
        refused=refused,
        label=partition_label(resource, catalog.campus.time_zone),
    )
    return judged, findings


def judge_rows(
    con: duckdb.DuckDBPyConnection, catalog: Catalog, resource: Resource, landed: Mapping[str, str]
) -> None:
    """Judge rows by themselves, without a word about the extracts they came in.

    It leaves `admitted` and `refused` as `judge` does.

    Args:
        con: a DuckDB session with relation `landed`: the items as they were landed, `_partition`, `_extract`, and
            `_row_no`, which with `_extract` names a row.
        catalog: for code tables and time zone.
        resource: the contract.
        landed: item → its type in `landed`; every item of the contract.
    """
    _type(con, catalog, resource, landed)
    _sort_out(con, catalog, resource, landed)


def show_admitted(con: duckdb.DuckDBPyConnection, resource: Resource) -> None:
    """Make view `admitted`: the rows of `typed` whose places are not in table `left_out`.

    Those in table `waived`, of a person's word, say so by their state.
    """
    columns = ", ".join(q(name) for name in _stored(resource))
    all_kept = not con.execute("SELECT 1 FROM left_out LIMIT 1").fetchone()
    without = "" if all_kept else " ANTI JOIN left_out USING (_extract, _row_no)"
    state = "'reported'"
    if con.execute("SELECT 1 FROM waived LIMIT 1").fetchone():
        is_waived = "(_extract, _row_no) IN (SELECT (_extract, _row_no) FROM waived)"
        state = f"CASE WHEN {is_waived} THEN {literal(RELEASED)} ELSE {state} END"
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW admitted AS SELECT {columns}, _partition, _extract, _row_no, {state} AS _state"
        f" FROM typed{without}"
    )


def judge_keys(
    con: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    resource: Resource,
    files: Sequence[tuple[Extract, Sequence[str]]],
) -> Judged:
    """Judge a sweep of keys: it leaves the keys that can be read in `admitted`, and nothing in `refused`.

    A key that cannot be read was refused when its row came, so it is none of those that the store has.

    Args:
        con: a DuckDB session that can read the landing zone.
        catalog: for code tables and time zone.
        resource: the contract.
        files: the extract with the addresses of its Parquet files.
    """
    landed = _read(con, files)
    timezone = catalog.campus.time_zone
    keys = ", ".join(
        f"{typed(resource.item(name), q(name), landed[name], catalog.codes, timezone)} AS {q(name)}"
        for name in resource.key
    )
    (extract, _), *_ = files
    present = " AND ".join(f"{q(name)} IS NOT NULL" for name in resource.key)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE swept AS SELECT *, NULL::VARCHAR AS _partition,"
        f" {extract.id}::BIGINT AS _extract FROM (SELECT DISTINCT {keys} FROM landed) WHERE {present}"
    )
    con.execute("CREATE OR REPLACE TEMP VIEW admitted AS FROM swept")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE refused AS SELECT *, '' AS _key_text, '' AS _rules, '' AS _row,"
        " '' AS _row_digest FROM admitted LIMIT 0"
    )
    (count,) = con.execute("SELECT count(*) FROM admitted").fetchone()
    return Judged(resource, (extract.id,), "keys", True, (), rows_in=count, admitted=count, refused=0)


def _type(con, catalog: Catalog, resource: Resource, landed: Mapping[str, str]) -> None:
    """Make view `typed` of relation `landed`."""
    columns = ", ".join(_typed_columns(resource, landed, catalog, catalog.campus.time_zone))
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW typed AS SELECT {columns}, _partition, _extract, _row_no, _taken_at FROM landed"
    )


def _sort_out(
    con, catalog: Catalog, resource: Resource, landed: Mapping[str, str], are_several: bool = False
) -> list[RowCheck]:
    """Split `typed` into `admitted` and `refused`; returns the checks of single rows.

    Raises:
        SharedKeys: `are_several`, extracts that are complete in themselves, have keys in common.
    """
    checks = row_checks(resource, catalog)
    try:
        duplicates = _duplicates(con, resource, are_several)
        _split(con, resource, checks, duplicates)
        _refuse(con, resource, landed, checks, duplicates)
    except duckdb.Error:
        _tell_what_cannot_run(con, catalog, resource, checks)
        raise
    return checks


def _tell_what_cannot_run(con, catalog: Catalog, resource: Resource, checks: Sequence[RowCheck]) -> None:
    """Refuse what was judged if one of the rules cannot be run over it: a rule that says nothing has not passed.

    Raises:
        ExtractRefused: names the rule, and where the contract says it.
    """
    for check in checks:
        try:
            con.execute(f"SELECT count(*) FROM typed WHERE {check.broken}").fetchone()
        except duckdb.Error as error:
            raise ExtractRefused(
                check.rule,
                f"{resource.name}: rule {check.rule} cannot be run ({describe(error)}), see"
                f" {place_of_rule(catalog, resource, check.rule)}; nothing is admitted past it and the last good state"
                " stays. Mend the rule, and what waits is judged again",
            ) from None


def place_of_rule(catalog: Catalog, resource: Resource, rule: str) -> str:
    """Return the contract's file and the line in which a rule begins, or its item if admission made the rule of one."""
    name = rule.rpartition(".")[0]
    key, value = ("name", name) if resource.has_item(name) else ("id", rule)
    said = re.compile(rf"""\b{key}:\s*["']?{re.escape(value)}["']?\s*(?:[,}}]|$)""")
    lines = catalog.files[resource.file].decode("utf-8", "replace").splitlines()
    found = next((number for number, line in enumerate(lines, 1) if said.search(line)), None)
    return f"{resource.file}:{found}" if found else resource.file


def _read(con: duckdb.DuckDBPyConnection, files: Sequence[tuple[Extract, Sequence[str]]]) -> dict[str, str]:
    """Make the extracts' rows the view `landed` and return its columns' types."""
    parts = []
    for extract, addresses in files:
        partition = extract.scope.get("partition")
        listed = ", ".join(literal(address) for address in addresses)
        parts.append(
            f"SELECT *, {literal(partition) if partition else 'NULL::VARCHAR'} AS _partition,"
            f" {extract.id}::BIGINT AS _extract, {_moment(extract.taken_at)} AS _taken_at, file_row_number AS _row_no"
            f" FROM read_parquet([{listed}], file_row_number = true{getattr(addresses, 'options', '')})"
        )
    con.execute("CREATE OR REPLACE TEMP VIEW landed AS " + " UNION ALL BY NAME ".join(parts))
    types = dict(con.execute("SELECT column_name, column_type FROM (DESCRIBE landed)").fetchall())
    for own in ("_partition", "_extract", "_taken_at", "_row_no", "file_row_number"):
        types.pop(own)
    return types


def _moment(at: datetime | None) -> str:
    return f"TIMESTAMPTZ {literal(at.isoformat())}" if at is not None else "NULL::TIMESTAMPTZ"


def _check_columns(resource: Resource, landed: dict[str, str]) -> None:
    lost = [item.name for item in resource.items if item.name not in landed]
    if lost:
        raise ExtractRefused(
            "schema", f"{resource.name}: the extract has no {', '.join(lost)}; the last good state stays"
        )


def _typed_columns(
    resource: Resource, landed: Mapping[str, str], catalog: Catalog, timezone: str
) -> list[str]:
    columns = []
    for item in resource.items:
        kind = landed[item.name]
        columns.append(f"{typed(item, q(item.name), kind, catalog.codes, timezone)} AS {q(item.name)}")
        text = source_text(q(item.name), kind)
        if item.is_coded:
            columns.append(f"{text} AS {q(item.name + SOURCE_SUFFIX)}")
        elif item.logical_type != "string":
            blank = f" AND trim({text}) <> ''" if kind == "VARCHAR" else ""
            columns.append(f"{q(item.name)} IS NOT NULL{blank} AS {q('_was_' + item.name)}")
    return columns


def _duplicates(con: duckdb.DuckDBPyConnection, resource: Resource, are_several: bool) -> list[RowCheck]:
    """Leave the values that occur twice in small tables and return the checks that look them up.

    Of a duplicate key all rows are refused, unless `ingest.pick` names the order that chooses one.

    Raises:
        SharedKeys: `are_several`, and a value occurs in more than one extract.
    """
    checks = []
    is_picked = bool(resource.ingest.pick_order_by)
    uniques = [("key", resource.key)] if are_several or not is_picked else []
    uniques += [
        (item.name, (item.name,)) for item in resource.items if item.unique and (item.name,) != resource.key
    ]
    shared = "min(_extract) <> max(_extract)" if are_several else "false"
    for number, (name, columns) in enumerate(uniques):
        listed = ", ".join(map(q, columns))
        present = " AND ".join(f"{q(column)} IS NOT NULL" for column in columns)
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE twice_{number} AS"
            f" SELECT {listed}, {shared} AS _shared FROM typed WHERE {present}"
            f" GROUP BY {listed} HAVING count(*) > 1"
        )
        found = con.execute(
            f"SELECT count(*), coalesce(bool_or(_shared), false) FROM twice_{number}"
        ).fetchone()
        if are_several and found[1]:
            raise SharedKeys
        if found[0] and not (name == "key" and is_picked):
            row = listed if len(columns) == 1 else f"({listed})"
            twice = f"SELECT {listed} FROM twice_{number}"
            checks.append(RowCheck(f"{name}.unique", f"coalesce({row} IN ({twice}), false)", "accuracy"))
    return checks


def _split(con, resource: Resource, checks: list[RowCheck], duplicates: list[RowCheck]) -> None:
    """Leave the places of the rows that are not admitted in table `left_out`, and the others as `admitted`.

    A condition that is neither true nor false leaves a row out.
    """
    broken = any_broken((*checks, *duplicates))
    if resource.ingest.pick_order_by:
        _pick(con, resource, broken)
        left_out = "SELECT _extract, _row_no FROM typed ANTI JOIN picked USING (_extract, _row_no)"
    else:
        left_out = f"SELECT _extract, _row_no FROM typed WHERE ({broken}) IS NOT FALSE"
    con.execute(f"CREATE OR REPLACE TEMP TABLE left_out AS {left_out}")
    con.execute("CREATE OR REPLACE TEMP TABLE waived AS FROM left_out LIMIT 0")
    show_admitted(con, resource)


def _pick(con, resource: Resource, broken: str) -> None:
    """Leave in table `picked` the place of one row per key, the first in the order that the contract names.

    Where several are first and differ, the order has not decided: none of them is picked. A later extract comes before
    an earlier one.
    """
    key = ", ".join(map(q, resource.key))
    order = f"{resource.ingest.pick_order_by}, _extract DESC"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE first_ones AS SELECT {key}, _extract, _row_no FROM typed"
        f" WHERE ({broken}) IS FALSE QUALIFY rank() OVER (PARTITION BY {key} ORDER BY {order}) = 1"
    )
    content = ", ".join(f"{q(name)} := {q(name)}" for name in _stored(resource))
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE undecided AS
        SELECT {key} FROM typed SEMI JOIN (FROM first_ones QUALIFY count(*) OVER (PARTITION BY {key}) > 1) AS tied
            USING (_extract, _row_no)
        GROUP BY {key} HAVING count(DISTINCT CAST(struct_pack({content}) AS VARCHAR)) > 1"""
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE picked AS SELECT _extract, _row_no FROM first_ones"
        f" ANTI JOIN undecided USING ({key}) QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY _row_no DESC) = 1"
    )
    for table in ("first_ones", "undecided"):
        con.execute(f"DROP TABLE {table}")


def _refuse(
    con, resource: Resource, landed: Mapping[str, str], checks: list[RowCheck], duplicates: list[RowCheck]
) -> None:
    """Make table `refused`: every row that was not admitted, as it came, with the rules it breaks.

    Its values are kept as texts, from which it can be judged again: JSON has no word for `nan`.
    """
    keys = ", ".join(q(name) for name in resource.key)
    listed = ", ".join(
        f"CASE WHEN {check.broken} THEN {literal(check.rule)} END" for check in (*checks, *duplicates)
    )
    names = ", ".join(f"{q(name)} := {source_text(q(name), kind)}" for name, kind in landed.items())
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE refused AS
        WITH named AS (
            SELECT {keys}, _partition, _extract, _row_no, {key_text(resource)} AS _key_text,
                list_distinct(list_filter([{listed or "NULL"}], rule -> rule IS NOT NULL)) AS _broken
            FROM typed SEMI JOIN left_out USING (_extract, _row_no)
        ), rows AS (
            SELECT _extract, _row_no, CAST(to_json(struct_pack({names})) AS VARCHAR) AS _row
            FROM landed SEMI JOIN left_out USING (_extract, _row_no)
        )
        SELECT n.* EXCLUDE (_broken),
            array_to_string(
                CASE WHEN len(_broken) = 0 THEN ['key.not_picked'] ELSE list_sort(_broken) END, ','
            ) AS _rules,
            _row,
            md5(_row || '#' || coalesce(_partition, '') || '#'
                || row_number() OVER (PARTITION BY _row, _partition ORDER BY n._row_no)) AS _row_digest
        FROM named n JOIN rows r USING (_extract, _row_no)"""
    )


def _stored(resource: Resource) -> list[str]:
    names = []
    for item in resource.items:
        names.append(item.name)
        if item.is_coded:
            names.append(item.name + SOURCE_SUFFIX)
    return names


def _findings(
    con, catalog: Catalog, resource: Resource, checks: list[RowCheck], total: int, admitted: int
) -> tuple[Finding, ...]:
    """One finding per broken row rule, and one per rule that admits with a finding, broken or not."""
    counts = dict(
        con.execute(
            "SELECT rule, count(*) FROM (SELECT unnest(string_split(_rules, ',')) AS rule FROM refused) GROUP BY rule"
        ).fetchall()
    )
    dimensions = {check.rule: check.dimension for check in checks}
    severities = {rule.id: rule.severity for rule in resource.rules}
    found = [
        Finding(
            resource.name, rule, dimensions.get(rule, "accuracy"), "warning", "admission", False, rows, total
        )
        for rule, rows in sorted(counts.items())
    ]
    notes = noted(resource, catalog.campus.time_zone)
    if notes:
        asked = ", ".join(f"coalesce(count_if({check.broken}), 0)" for check in notes)  # of no row it is NULL
        kept = "typed ANTI JOIN left_out USING (_extract, _row_no)"
        try:
            broken = con.execute(f"SELECT {asked} FROM {kept}").fetchone()
        except duckdb.Error:
            _tell_what_cannot_run(con, catalog, resource, notes)
            raise
        for check, rows in zip(notes, broken, strict=True):
            severity = "info" if severities.get(check.rule) == "info" else "warning"
            found.append(
                Finding(
                    resource.name,
                    check.rule,
                    check.dimension,
                    severity,
                    "admission",
                    rows == 0,
                    rows,
                    admitted,
                )
            )
    refused = total - admitted
    found.append(
        Finding(resource.name, "contract", "conformity", "warning", "admission", refused == 0, refused, total)
    )
    return tuple(found)
