"""Rules that only make sense between systems: hand-written, one YAML file each in `rules/`, run as plain SQL.

A rule looks at a population of rows and says which of them break it; the database returns two counts and
nothing else. (GX has an expectation for such queries, but it fetches the offending rows, which are people.)
A rule names the one resource that it blocks and everything that it reads; where a campus lacks any of that,
the rule does not exist. It allows a share of broken rows, because systems are read at different hours.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from catalogs.model import Catalog
from expectations.checks import SEVERITIES, Check, could_not_run

RULES = Path(__file__).resolve().parent / "rules"
STATEMENT_TIMEOUT_S = 120
_KEYS = {"id", "name", "resource", "needs", "severity", "dimension", "allowed_share", "population", "broken"}


class RuleFault(Exception):
    """A rule file is malformed: names file, key and what was expected."""


@dataclass(frozen=True)
class Rule:
    """One rule between systems.

    Attributes:
        id: its name in findings; also the file's name.
        name: what it says, in the campus's language.
        resource: the resource that a failed critical rule takes back; usually the one that is easier to
            correct.
        needs: resource → items that the SQL reads.
        severity: critical, warning or info.
        dimension: see `checks.Check`.
        allowed_share: share of the population that may break it, 0 to 1.
        population: a SELECT over `raw`; `:day` is the campus's day, `:service_items` the catalog's codes.
        broken: condition over the population's columns that is true where a row breaks the rule.
    """

    id: str
    name: str
    resource: str
    needs: Mapping[str, tuple[str, ...]]
    severity: str
    dimension: str
    allowed_share: float
    population: str
    broken: str


@cache
def rules(folder: Path = RULES) -> tuple[Rule, ...]:
    """Read every rule of the folder.

    Raises:
        RuleFault: a file that is not a rule.
    """
    return tuple(_read(file) for file in sorted(folder.glob("*.yaml")))


def _read(file: Path) -> Rule:
    data = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    if not isinstance(data, dict) or set(data) != _KEYS:
        wrong = sorted(_KEYS ^ set(data)) if isinstance(data, dict) else ["the file"]
        raise RuleFault(
            f"{file.name}: {', '.join(wrong)}: expected exactly the keys {', '.join(sorted(_KEYS))}"
        )
    if data["severity"] not in SEVERITIES:
        raise RuleFault(f"{file.name}: severity: expected one of {', '.join(SEVERITIES)}")
    if data["id"] != file.stem or data["resource"] not in data["needs"]:
        raise RuleFault(f"{file.name}: id must be the file's name, and resource one of those it needs")
    needs = {resource: tuple(items) for resource, items in data["needs"].items()}
    return Rule(**{**data, "needs": needs, "allowed_share": float(data["allowed_share"])})


def applicable(catalog: Catalog, rule: Rule) -> bool:
    """Whether this campus has every resource and item that the rule reads."""
    return all(
        name in catalog.resources and all(catalog.resources[name].has_item(item) for item in items)
        for name, items in rule.needs.items()
    )


def judge(
    catalog: Catalog,
    changed: Iterable[str],
    engine: Engine,
    day: date,
    found: Iterable[Rule] | None = None,
) -> list[Check]:
    """Run the rules that read any of the changed resources.

    Args:
        catalog: the release's catalog.
        changed: names of the resources that this release changed.
        engine: of the warehouse, pinned to the candidate.
        day: the campus's day, for rules about today.
        found: the rules; those of `rules/` if absent.
    """
    changed = set(changed)
    known = {"day": day, "service_items": sorted(catalog.services)}
    checks = []
    with engine.connect() as con:
        con.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'"))
        con.execute(text("SET default_transaction_read_only = on"))
        con.commit()
        for rule in rules() if found is None else found:
            if changed.isdisjoint(rule.needs) or not applicable(catalog, rule):
                continue
            query = (
                f"SELECT count(*), count(*) FILTER (WHERE ({rule.broken}) IS TRUE)"
                f" FROM ({rule.population}) AS population"
            )
            try:
                told = {name: value for name, value in known.items() if f":{name}" in query}
                total, failed = con.execute(text(query), told).one()
            except SQLAlchemyError as error:
                con.rollback()
                checks.append(could_not_run(rule.resource, rule.id, rule.dimension, type(error).__name__))
                continue
            con.rollback()
            checks.append(verdict(rule, total, failed))
    return checks


def verdict(rule: Rule, total: int, failed: int) -> Check:
    """Return the check of a rule that found `failed` of `total` rows broken."""
    passed = failed <= rule.allowed_share * total
    detail = f"{failed} of {total}, allowed {rule.allowed_share:.1%}"
    return Check(rule.resource, rule.id, rule.dimension, rule.severity, passed, failed, total, detail)
