"""What a rule of a contract calls today: the moment at which the extract was taken, not that at which it is judged.

Judged again, after a contract changed or when a warehouse is rebuilt, the same extract gets the same verdict.
"""

from functools import cache

import sqlglot
from sqlglot import exp

from connectors.duck import literal

_TODAY = (
    "current_date",
    "current_timestamp",
    "now()",
    "today()",
    "localtimestamp",
    "get_current_timestamp()",
)


@cache
def fixed_today(condition: str, timezone: str) -> str:
    """Return a condition in which the present day and moment are those of column `_taken_at`.

    Args:
        condition: in DuckDB's SQL, over items.
        timezone: IANA name of the zone in which a day begins.
    """
    if not any(word in condition.lower() for word in _TODAY):
        return condition
    day = f"CAST(timezone({literal(timezone)}, _taken_at) AS DATE)"

    def fixed(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.CurrentDate):
            return sqlglot.parse_one(day, read="duckdb")
        if isinstance(node, exp.CurrentTimestamp | exp.Localtimestamp):
            return exp.column("_taken_at")
        if isinstance(node, exp.Func) and node.sql(dialect="duckdb").lower() in _TODAY:
            is_day = node.sql(dialect="duckdb").lower() == "today()"
            return sqlglot.parse_one(day if is_day else "_taken_at", read="duckdb")
        return node

    return sqlglot.parse_one(condition, read="duckdb").transform(fixed).sql(dialect="duckdb")
