"""The one shape in which suites and rules between systems report: counts and names, never a value."""

from dataclasses import dataclass

CONFORMITY, COMPLETENESS, ACCURACY = "conformity", "completeness", "accuracy"
CONSISTENCY, TIMELINESS = "consistency", "timeliness"
SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True)
class Check:
    """What one rule says about one resource at one release.

    Attributes:
        resource: the resource that answers for the rule, and that a failed `critical` one takes back.
        rule: the rule's id within the resource.
        dimension: of GB/T 36344-2018: conformity, completeness, accuracy, consistency, timeliness.
        severity: critical, warning or info. A rule that could not run is critical: it must not pass silently.
        passed: whether the rule holds.
        rows_failed: rows that break it; for a rule over the whole (volume, freshness, shift) 1 or 0.
        rows_total: rows it looked at; None if it could not run.
        detail: what was expected and found, in counts, shares and ages only.
        counts_rows: whether rows_failed is a number of rows, of which a share can be taken.
    """

    resource: str
    rule: str
    dimension: str
    severity: str
    passed: bool
    rows_failed: int
    rows_total: int | None
    detail: str | None = None
    counts_rows: bool = True


def could_not_run(resource: str, rule: str, dimension: str, why: str) -> Check:
    """Return the failed check of a rule that could not run; `why` holds no value (an error type will do)."""
    return Check(resource, rule, dimension, "critical", False, 0, None, f"the rule could not run: {why}")
