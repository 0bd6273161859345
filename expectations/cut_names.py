"""Names that lost their beginning or end from one release to the next, as a narrower field or a stray trim cuts them.

No row shows it: what is left is a name. Only the version before does. Names stand on certificates, so the register is
held at its last good state until its unit has looked; whose name really became shorter has the old one as former name.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from catalogs.model import IdentityItems, Resource
from expectations.checks import ACCURACY, Check, could_not_run
from warehouse.store import newest_table

RULE = "names-cut"
STATEMENT_TIMEOUT_S = 120


def judge(resources: Iterable[Resource], engine: Engine, release: int) -> list[Check]:
    """Count the names that were cut, for every resource that says whose its numbers are.

    Args:
        resources: those that the release took in.
        engine: of the warehouse.
        release: the candidate.

    Returns:
        One check per such resource; a failed one is critical.
    """
    checks = []
    with engine.connect() as con:
        con.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'"))
        con.commit()
        for resource in resources:
            identity = resource.subject.identity if resource.subject else None
            if identity is None or not identity.name:
                continue
            try:
                table = newest_table(con.connection.driver_connection, resource)
                query = text(_query(str(table), resource.key, identity))
                changed, cut = con.execute(query, {"now": release}).one()
            except SQLAlchemyError as error:
                checks.append(could_not_run(resource.name, RULE, ACCURACY, type(error).__name__))
            else:
                detail = (
                    f"{cut} of {changed} names that changed are the former one without its beginning or end"
                )
                checks.append(
                    Check(
                        resource.name,
                        RULE,
                        ACCURACY,
                        "critical",
                        not cut,
                        cut,
                        changed,
                        detail if cut else None,
                    )
                )
            con.rollback()
    return checks


def _query(table: str, key: Sequence[str], identity: IdentityItems) -> str:
    new, old = f'n."{identity.name}"', f'o."{identity.name}"'
    same = " AND ".join(f'n."{name}" = o."{name}"' for name in key)
    explained = f'AND n."{identity.former_name}" IS DISTINCT FROM {old}' if identity.former_name else ""
    return f"""SELECT count(*), count(*) FILTER (WHERE (
            left({old}, length({new})) = {new} OR right({old}, length({new})) = {new}) {explained})
        FROM clear."{table}" n JOIN clear."{table}" o ON {same}
        WHERE n._from = :now AND o._to = :now AND n._state IN ('reported', 'released')
            AND {new} <> {old} AND {new} <> ''"""
