"""How the catalog's things are called in Dagster: asset keys, groups, owners, freshness, checks."""

from datetime import timedelta

import dagster as dg

from catalogs.model import LOOKUP_SYSTEM_KIND, Catalog, Resource
from expectations.admission import Finding

SEVERITY = {
    "critical": dg.AssetCheckSeverity.ERROR,
    "warning": dg.AssetCheckSeverity.WARN,
    "info": dg.AssetCheckSeverity.WARN,
}


def landing_key(resource: str) -> dg.AssetKey:
    """The asset of a resource's extracts."""
    return dg.AssetKey(["landing", *resource.split(".")])


def store_key(resource: str) -> dg.AssetKey:
    """The asset of a resource's versions in the store."""
    return dg.AssetKey(["store", *resource.split(".")])


def team(unit: str) -> list[str]:
    """Return a unit as Dagster names owners."""
    return [f"team:{unit}"] if unit else []


def spec(resource: Resource, key: dg.AssetKey, deps: list[dg.AssetKey]) -> dg.AssetSpec:
    """Return the asset of a resource: group, meaning, owner and freshness as its contract says."""
    return dg.AssetSpec(
        key,
        deps=deps,
        group_name=resource.system,
        description=f"{resource.business_name}: {resource.description}",
        owners=team(resource.provider),
        tags={"update_cycle": resource.update_cycle or "daily", "tier": resource.tier or "campus"},
        metadata={"provider": resource.provider, "contract": resource.file, "steward": resource.steward},
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=max(resource.promise, timedelta(minutes=5))
        ),
    )


def landed_systems(catalog: Catalog) -> list[str]:
    """Return the codes of the systems that are read on their own schedule and have resources."""
    used = {resource.system for resource in catalog.resources.values() if not resource.is_derived}
    return [
        code
        for code, system in sorted(catalog.systems.items())
        if code in used and system.kind != LOOKUP_SYSTEM_KIND
    ]


def stored(catalog: Catalog, derived: bool) -> list[Resource]:
    """Return the resources that have a table, in an order in which each follows those it refers to."""
    found = (catalog.resources[name] for name in catalog.release_order())
    return [
        r for r in found if r.is_derived == derived and catalog.systems[r.system].kind != LOOKUP_SYSTEM_KIND
    ]


def check_spec(resource: Resource, name: str, asset: dg.AssetKey) -> dg.AssetCheckSpec:
    """Return a check of a resource; what follows from its result is decided in the release, never here."""
    return dg.AssetCheckSpec(name, asset=asset, description=f"{resource.business_name}: {name}")


_COLUMNS = dg.TableSchema(
    [
        dg.TableColumn("rule", "string"),
        dg.TableColumn("result", "string"),
        dg.TableColumn("rows", "int"),
        dg.TableColumn("of", "int"),
        dg.TableColumn("detail", "string"),
    ]
)


def _record(finding: Finding) -> dg.TableRecord:
    result = "passed" if finding.passed else finding.severity
    of = -1 if finding.rows_total is None else finding.rows_total
    return dg.TableRecord(
        {
            "rule": finding.rule,
            "result": result,
            "rows": finding.rows_failed,
            "of": of,
            "detail": finding.detail or "",
        }
    )


def check_result(name: str, asset: dg.AssetKey, findings: list[Finding]) -> dg.AssetCheckResult:
    """Fold a stage's findings on one resource into one check, with a table of its rules.

    The worst broken rule gives the severity. A check per rule would be some thousand on a campus, most of which an
    operator never opens, and rules change with the catalog while Dagster wants its checks named when it loads.
    """
    broken = [finding for finding in findings if not finding.passed]
    worst = "critical" if any(f.severity == "critical" for f in broken) else "warning"
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=asset,
        passed=not broken,
        severity=SEVERITY[worst],
        metadata={
            "rules": len(findings),
            "broken": ", ".join(sorted({f.rule for f in broken})) or "-",
            "rows": sum(f.rows_failed for f in broken),
            "findings": dg.MetadataValue.table(
                [_record(f) for f in sorted(findings, key=lambda f: (f.passed, f.rule))], schema=_COLUMNS
            ),
        },
    )
