"""SQL rules of a contract that judge the whole resource at once, run on the store as it would be published.

A rule that counts breaking rows is judged row by row at admission. One that compares sums, averages or groups
cannot be, and one whose breaking rows take the whole resource back need not be: both are asked here, once, of the
resource as the candidate sees it. They are written in the contract in DuckDB's SQL and translated, since the store is
PostgreSQL.
"""

from collections.abc import Sequence

import sqlglot
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from catalogs.model import Resource, Rule
from expectations.checks import CONSISTENCY, Check, could_not_run
from expectations.extracts import within


def judge(resources: Sequence[Resource], engine: Engine) -> list[Check]:
    """Run the whole-resource SQL rules of these resources.

    Args:
        resources: those that the release changed.
        engine: of the warehouse, pinned to the candidate, with `raw` as the default schema.
    """
    checks = []
    with engine.connect() as con:
        for resource in resources:
            for rule in resource.rules:
                if rule.where is not None and rule.on_failure != "refuse_extract":
                    continue
                dimension = rule.dimension or CONSISTENCY
                try:
                    query = in_postgres(rule, resource.table)
                    value = con.execute(text(query)).scalar_one()
                except (SQLAlchemyError, sqlglot.errors.SqlglotError) as error:
                    why = f"{type(error).__name__}; see rule {rule.id} in {resource.file}"
                    checks.append(could_not_run(resource.name, rule.id, dimension, why))
                else:
                    checks.append(_verdict(resource.name, rule, dimension, value))
                con.rollback()
    return checks


def in_postgres(rule: Rule, table: str) -> str:
    """Return the rule's query over `table` in PostgreSQL's SQL.

    Raises:
        sqlglot.errors.SqlglotError: it is not one statement of DuckDB's SQL.
    """
    query = rule.query.replace("${object}", f'"{table}"').replace("{object}", f'"{table}"')
    return sqlglot.transpile(query, read="duckdb", write="postgres")[0].replace(":", "\\:")


def _verdict(name: str, rule: Rule, dimension: str, value) -> Check:
    severity = "critical" if rule.on_failure == "refuse_extract" else "warning"
    if rule.severity == "info":
        severity = "info"
    passed = within(rule.bounds, value)
    counts_rows = rule.bounds == {"mustBe": 0} and isinstance(value, int)
    failed = int(value) if counts_rows else int(not passed)
    return Check(name, rule.id, dimension, severity, passed, failed, None, f"expected {dict(rule.bounds)}")
