"""The quality gate of a resource: the least share of rows, per dimension, that its provider answers for.

A contract's `qualityGate` stands in the list of responsibilities. Here it is kept: whatever rules of a dimension there
are, the worst of them must have been kept by that share of the rows. One that is broken is critical, since a promise
in the list that changed nothing would be none: the resource is taken back and its last good state stays.

Rules over the whole (volume, distribution, freshness) count no rows, and so have no share: they are judged by
themselves.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Engine, text

from catalogs.model import Resource
from expectations.checks import Check

GATE = "gate"
# Dimensions of GB/T 36344, by which contracts state their gates → those of findings.
DIMENSIONS = {
    "规范性": "conformity",
    "完整性": "completeness",
    "准确性": "accuracy",
    "一致性": "consistency",
    "时效性": "timeliness",
    "可访问性": "accessibility",
}


def judge(
    resources: Sequence[Resource], engine: Engine, release: int, checks: Sequence[Check]
) -> list[Check]:
    """Compare what this release found of the resources with their gates.

    Args:
        resources: those that the release took in.
        engine: of the warehouse, for what admission found.
        release: the candidate.
        checks: what the suites found.

    Returns:
        One check `gate-<dimension>` for each dimension of each resource's gate.
    """
    gated = [resource for resource in resources if resource.quality_gate]
    if not gated:
        return []
    with engine.connect() as con:
        admitted = con.execute(
            text(
                """SELECT resource, dimension, rows_failed, rows_total FROM yici.finding
                   WHERE release = :release AND resource = ANY (:names) AND stage = 'admission'"""
            ),
            {"release": release, "names": [resource.name for resource in gated]},
        ).all()
    counted: dict[str, list[tuple[str, int, int | None]]] = {resource.name: [] for resource in gated}
    for name, dimension, failed, total in admitted:
        counted[name].append((dimension, failed, total))
    for check in checks:
        if check.resource in counted and check.counts_rows:
            counted[check.resource].append((check.dimension, check.rows_failed, check.rows_total))
    return [check for resource in gated for check in verdicts(resource, counted[resource.name])]


def verdicts(resource: Resource, counted: Iterable[tuple[str, int, int | None]]) -> list[Check]:
    """Compare counts of rules with the resource's gate.

    Args:
        resource: whose gate.
        counted: per rule its dimension, the rows that break it and the rows it looked at; None: nobody knows.
    """
    worst: dict[str, tuple[float, int, int]] = {}
    for dimension, failed, total in counted:
        if total and failed <= total:
            found = (1 - failed / total, failed, total)
            worst[dimension] = min(found, worst.get(dimension, found))
    checks = []
    for name, least in resource.quality_gate.items():
        dimension = DIMENSIONS[name]
        share, failed, total = worst.get(dimension, (1.0, 0, 0))
        passed = share >= least
        detail = f"{share:.2%} of the rows keep the worst rule, promised {least:.2%}"
        checks.append(
            Check(resource.name, f"{GATE}-{dimension}", dimension, "critical", passed, failed, total, detail)
        )
    return checks
