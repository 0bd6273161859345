"""Rules that only make sense between systems: the campus's own, from its catalog, run as plain SQL.

A rule looks at a population of rows and says which of them break it; the database returns two counts and
nothing else. (GX has an expectation for such queries, but it fetches the offending rows, which are people.)
A rule names the one resource that it blocks and everything that it reads. It allows a share of broken rows,
because systems are read at different hours.
"""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from catalogs.between_rules import BETWEEN_NAMES, question
from catalogs.model import BetweenRule, Catalog
from catalogs.posts import holders_on
from expectations.checks import Check, could_not_run

STATEMENT_TIMEOUT_S = 120


def judge(
    catalog: Catalog,
    changed: Iterable[str],
    engine: Engine,
    day: date,
    found: Iterable[BetweenRule] | None = None,
) -> list[Check]:
    """Run the rules that read any of the changed resources.

    Args:
        catalog: the release's catalog.
        changed: names of the resources that this release changed.
        engine: of the warehouse, pinned to the candidate.
        day: the campus's day, for rules about today.
        found: the rules; the catalog's if absent.
    """
    changed = set(changed)
    values = (day, sorted(catalog.services), holders_on(catalog, day))
    given = dict(zip(BETWEEN_NAMES, values, strict=True))
    checks = []
    with engine.connect() as con:
        con.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'"))
        con.commit()
        for rule in catalog.between.values() if found is None else found:
            if changed.isdisjoint(rule.needs):
                continue
            query = question(rule)
            try:
                told = {name: value for name, value in given.items() if f":{name}" in query}
                # For this transaction only: the connection goes back to a pool.
                con.execute(text("SET TRANSACTION READ ONLY"))
                total, failed = con.execute(text(query), told).one()
            except SQLAlchemyError as error:
                why = f"{type(error).__name__}; see {rule.file}:{rule.lines.get('population', 1)}"
                checks.append(could_not_run(rule.resource, rule.id, rule.dimension, why))
            else:
                checks.append(verdict(rule, total, failed))
            con.rollback()
    return checks


def verdict(rule: BetweenRule, total: int, failed: int) -> Check:
    """Return the check of a rule that found `failed` of `total` rows broken."""
    passed = failed <= rule.allowed_share * total
    detail = f"{failed} of {total}, allowed {rule.allowed_share:.1%}"
    return Check(rule.resource, rule.id, rule.dimension, rule.severity, passed, failed, total, detail)
