"""What the lists are derived from: the catalog, the day, the faults of its check and what was measured."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import Any

from catalogs import derive
from catalogs.derive import ANY_CLIENT, BELOW_GATE, LATE, MaterialVerdict
from catalogs.faults import Fault
from catalogs.lists.base import NOT_MEASURED, threshold
from catalogs.lists.measured import HandedIn, Kept, Measured
from catalogs.model import Catalog, ServiceItem
from catalogs.small_cells import NOT_TOLD

# Share of an extract's rows that may be refused before a source counts as below its quality gate.
_REFUSED_SHARE = "0.2"


@dataclass(frozen=True)
class Given:
    """The input of every list.

    Attributes:
        on: the campus's day: units, grants and goals are judged as of it.
        faults: what the check of this catalog told, errors and warnings.
        measured: figures of the warehouse, or None where there is none.
    """

    catalog: Catalog
    on: date
    faults: tuple[Fault, ...] = ()
    measured: Measured | None = None

    @cached_property
    def items(self) -> tuple[ServiceItem, ...]:
        """The service items in force, by code."""
        services = sorted(self.catalog.services.items())
        return tuple(item for _, item in services if item.status in ("", "active"))

    @cached_property
    def refused_share(self) -> Fraction:
        """Share of an extract's rows that may be refused, of the campus's thresholds."""
        thresholds: Any = self.catalog.campus.raw.get("thresholds") or {}
        return threshold(thresholds.get("refused_share"), _REFUSED_SHARE)

    def kept(self, resource: str) -> Kept | None:
        """How well a resource's promise was kept; None if nobody measured it."""
        return self.measured.kept.get(resource) if self.measured else None

    def passes_gate(self, resource: str, kept: Kept) -> bool:
        """Whether a source may be relied on: not refused, no critical check failed, its contract's gates reached."""
        gates = self.catalog.resources[resource].quality_gate
        refused = kept.rows - kept.admitted
        return (
            not kept.is_refused
            and not kept.failed
            and refused <= self.refused_share * kept.rows
            and all(kept.shares.get(dimension, 1.0) >= least for dimension, least in gates.items())
        )

    @cached_property
    def unkept(self) -> dict[str, str]:
        """Resources that cannot be relied on at the measured release: LATE or BELOW_GATE."""
        found = {}
        for resource, kept in (self.measured.kept if self.measured else {}).items():
            if not self.passes_gate(resource, kept):
                found[resource] = BELOW_GATE
            elif kept.is_late:
                found[resource] = LATE
        return found

    @cached_property
    def verdicts(self) -> dict[str, tuple[MaterialVerdict, ...]]:
        """What each material of each item in force comes to: granted on the day, measured if there are figures."""
        return {
            item.code: derive.material_verdicts(self.catalog, item.code, ANY_CLIENT, self.on, self.unkept)
            for item in self.items
        }

    def volume(self, item: str) -> int | None:
        """Cases that a service item had within the last year; None if nobody measured them, or if they are too few."""
        if self.measured is None or not self.measured.spans or item in self.measured.few_year:
            return None
        return self.measured.year.get(item, 0)

    def volume_in_words(self, item: str) -> int | str:
        """Return the cases of the last year as a list tells them."""
        if self.measured and item in self.measured.few_year:
            return NOT_TOLD
        cases = self.volume(item)
        return NOT_MEASURED if cases is None else cases

    def handed_in(self, item: str, material: str) -> HandedIn | None:
        """How often a material was handed in for a service item within the last year; None if nobody measured it."""
        return self.measured.handed_in(item, material) if self.measured else None

    def setting(self, key: str, default: Any) -> Any:
        """Return a setting of campus.yaml, or the default where the campus says nothing."""
        return self.catalog.campus.raw.get(key) or default
