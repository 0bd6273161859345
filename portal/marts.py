"""What pages read of the marts: only those that say of themselves that they hold no person are open to the portal.

Which these are follows from the models (`meta.holds_no_person`); publishing a release grants them by name. A mart that
this campus cannot fill, or that was not built yet, is no error: its page says what would fill it.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import errors
from psycopg.rows import dict_row

Row = dict[str, Any]
_ABSENT = (
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.InsufficientPrivilege,
    errors.InvalidSchemaName,
)


def read(con: psycopg.Connection, query: str, values: Mapping[str, Any] | None = None) -> list[Row]:
    """Return what a query over `marts` gives; nothing where a mart is not there.

    Args:
        con: a connection in autocommit mode, so that what is missing spoils nothing else.
        query: ours, never somebody's.
        values: for its placeholders.
    """
    with con.cursor(row_factory=dict_row) as cursor:
        try:
            return cursor.execute(query, values).fetchall()
        except _ABSENT:
            return []
