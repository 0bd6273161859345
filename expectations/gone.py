"""References to rows that their source no longer reports: the parent was deleted before what belongs to it.

Such a parent is still there where its contract keeps what is absent (`onAbsence`), so that its children refer to
something, and `references` is content. That they are still reported says that one of the two is wrong: a finding on
the children, since their unit knows what they belong to.
"""

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from catalogs.counting import counted
from catalogs.model import Catalog, Relationship, Resource
from expectations.checks import CONSISTENCY, Check, could_not_run

STATEMENT_TIMEOUT_S = 120
_GONE = "('absent', 'former')"


def judge(catalog: Catalog, changed: Iterable[str], engine: Engine) -> list[Check]:
    """Count the rows that refer to what is gone, for every relationship of which either side changed.

    Args:
        catalog: the release's catalog.
        changed: names of the resources that this release took in.
        engine: of the warehouse, pinned to the candidate.

    Returns:
        One check per relationship whose parent may keep what is absent; a failed one is a `warning`.
    """
    changed, checks = set(changed), list[Check]()
    with engine.connect() as con:
        con.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'"))
        con.commit()
        there = set(
            con.execute(
                text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'raw'")
            ).scalars()
        )
        for child in catalog.resources.values():
            for link in child.relationships:
                parent = catalog.resources.get(link.to_resource)
                if (
                    parent is None
                    or parent.ingest.on_absence == "end"
                    or changed.isdisjoint({child.name, parent.name})
                ):
                    continue
                if not there.issuperset({child.table, parent.table}):
                    continue
                try:
                    failed = con.execute(text(_query(child, parent, link))).scalar_one()
                except SQLAlchemyError as error:
                    broken = could_not_run(child.name, rule_id(link), CONSISTENCY, type(error).__name__)
                    checks.append(replace(broken, severity="warning"))
                else:
                    checks.append(_verdict(child, parent, link, failed))
                con.rollback()
    return checks


def rule_id(link: Relationship) -> str:
    """Return the name of a relationship's rule."""
    return f"gone-{'-'.join(link.items)}"


def _query(child: Resource, parent: Resource, link: Relationship) -> str:
    matches = " AND ".join(
        f'p."{to}" = c."{item}"' for item, to in zip(link.items, link.to_items, strict=True)
    )
    return f"""SELECT CASE WHEN EXISTS (SELECT FROM raw."{parent.table}" WHERE _state IN {_GONE}) THEN (
        SELECT count(*) FROM raw."{child.table}" c JOIN raw."{parent.table}" p ON {matches}
        WHERE c._state IN ('reported', 'released') AND p._state IN {_GONE}) ELSE 0 END"""


def _verdict(child: Resource, parent: Resource, link: Relationship, failed: int) -> Check:
    detail = None
    if failed:
        rows = counted(failed, "row refers", "rows refer")
        detail = f"{rows} to rows of {parent.name} that it no longer reports"
    return Check(child.name, rule_id(link), CONSISTENCY, "warning", not failed, failed, None, detail)
