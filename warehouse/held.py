"""What a release holds, as far as figures are taken from it: one pinned connection, and the columns of its views.

What a newer catalog declares and the release does not hold yet is noted as a gap, in Chinese, and never an error.
"""

from collections.abc import Iterable
from datetime import datetime

import psycopg
from psycopg import sql

from catalogs.model import Catalog, Resource


class Held:
    """One connection pinned to a release.

    Attributes:
        columns: view of schema `raw` → column → its type.
        gaps: what could not be measured, and why.
    """

    def __init__(self, con: psycopg.Connection, catalog: Catalog, at: datetime) -> None:
        self.con = con
        self.catalog = catalog
        self.at = at
        self.gaps: list[str] = []
        self.columns: dict[str, dict[str, str]] = {}
        for table, column, kind in con.execute(
            """SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
               JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'raw' AND a.attnum > 0 AND NOT a.attisdropped"""
        ):
            self.columns.setdefault(table, {})[column] = kind

    def holds(self, resource: Resource, items: Iterable[str]) -> bool:
        """Whether the release has these items; what it has not is noted as a gap."""
        have = self.columns.get(resource.table, {})
        missing = [item for item in items if item and item not in have]
        if missing:
            what = "尚未入库" if not have else f"尚未入库信息项 {'、'.join(missing)}"
            self.gaps.append(f"《{resource.business_name or resource.name}》{what}")
        return not missing

    def sides(self, own: Resource, item: str, source: Resource, source_item: str) -> dict[str, sql.Composed]:
        """Return both sides of a comparison, `here` of `c` and `there` of `s`, as text where their types differ."""
        cast = self.cast(own, item, source, source_item)
        return {
            "here": sql.SQL("c.{}{}").format(sql.Identifier(item), cast),
            "there": sql.SQL("s.{}{}").format(sql.Identifier(source_item), cast),
        }

    def cast(self, own: Resource, item: str, source: Resource, source_item: str) -> sql.SQL:
        """Return what makes two items comparable: nothing if they are of one type, else text."""
        same = self.columns[own.table][item] == self.columns[source.table][source_item]
        return sql.SQL("" if same else "::text")
