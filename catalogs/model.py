"""The catalog as frozen data: what every other room reads and none changes.

Inheritance (element → item, resource → item) is already resolved here, so a reader never has to know
where a value was written. Names are those of the contracts: a resource is `system.table`, an item is a
column under its English name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from catalogs.model_between import BetweenRule
from catalogs.model_certificates import CertificateKind
from catalogs.model_decisions import Approval, Approvals, ApprovalStep, Power
from catalogs.model_posts import Holding
from catalogs.model_registers import (
    Calendar,
    CalendarDay,
    Campus,
    CodeRow,
    CodeTable,
    Element,
    Goal,
    Guardianship,
    Minors,
    Population,
    Relation,
    Site,
    System,
    Unit,
)
from catalogs.model_resources import (
    DEFAULT_SCALE,
    LONGEST_TEXT,
    MINIMUM_SHARE,
    SUBJECT_TYPES,
    UPDATE_CYCLES,
    IdentityItems,
    Ingest,
    Item,
    Metric,
    Partition,
    Pick,
    Relationship,
    Resource,
    Rule,
    Shift,
    Subject,
    SubjectLink,
    Validity,
    table_name,
)
from catalogs.model_services import (
    Aggregates,
    Confidential,
    Demand,
    FormField,
    Limit,
    Material,
    MaterialUse,
    Notice,
    Proof,
    ServiceItem,
    Step,
    Variant,
)

__all__ = [
    "DEFAULT_SCALE",
    "DERIVED_SYSTEM_KIND",
    "LONGEST_TEXT",
    "LOOKUP_SYSTEM_KIND",
    "MINIMUM_SHARE",
    "SUBJECT_TYPES",
    "UPDATE_CYCLES",
    "Aggregates",
    "Approval",
    "ApprovalStep",
    "Approvals",
    "BetweenRule",
    "Calendar",
    "CalendarDay",
    "Campus",
    "Catalog",
    "CodeRow",
    "CodeTable",
    "Confidential",
    "Demand",
    "Element",
    "FactSource",
    "FormField",
    "Goal",
    "Grant",
    "Guardianship",
    "IdentityItems",
    "Ingest",
    "Item",
    "Limit",
    "Material",
    "MaterialUse",
    "Metric",
    "Minors",
    "Notice",
    "Partition",
    "Pick",
    "Population",
    "Power",
    "Proof",
    "Relation",
    "Relationship",
    "Resource",
    "Rule",
    "ServiceItem",
    "Shift",
    "Site",
    "Step",
    "Subject",
    "SubjectLink",
    "System",
    "Unit",
    "Validity",
    "Variant",
    "table_name",
]

DERIVED_SYSTEM_KIND = "warehouse"
LOOKUP_SYSTEM_KIND = "lookup"


@dataclass(frozen=True)
class FactSource:
    """Where the value of an element is read: the item, for whom, by which key."""

    element: str
    resource: str
    item: str
    populations: tuple[str, ...]
    subject_type: str
    key_item: str
    id_type: str
    many: bool
    pick: Pick | None


@dataclass(frozen=True)
class Grant:
    """A decided demand's right: this client, for this purpose, this element from this item."""

    client: str
    purpose_kind: str
    purpose: str
    element: str
    resource: str
    item: str
    share_type: str
    mask: str
    ground: str
    valid_from: date | None
    valid_to: date | None
    demand_id: str


@dataclass(frozen=True)
class Catalog:
    """Everything the campus has declared. Registers are keyed by their codes.

    `files` are the bytes it was loaded from (relative POSIX path → content) and `version` their digest.
    `powers`, `between` (rules between systems), `notices` (their versions, the newest first) and `certificates` (kinds
    of them) are empty, and `approvals` the default, where the campus keeps no such file.
    """

    campus: Campus
    systems: Mapping[str, System]
    units: Mapping[str, Unit]
    elements: Mapping[str, Element]
    codes: Mapping[str, CodeTable]
    resources: Mapping[str, Resource]
    services: Mapping[str, ServiceItem]
    materials: Mapping[str, Material]
    demands: Mapping[str, Demand]
    populations: Mapping[str, Population]
    calendar: Calendar
    files: Mapping[str, bytes]
    version: str
    powers: Mapping[str, Power] = field(default_factory=dict)
    approvals: Approvals = field(default_factory=Approvals)
    between: Mapping[str, BetweenRule] = field(default_factory=dict)
    notices: Mapping[str, tuple[Notice, ...]] = field(default_factory=dict)
    holdings: tuple[Holding, ...] = ()
    certificates: Mapping[str, CertificateKind] = field(default_factory=dict)

    @cached_property
    def _sources(self) -> Mapping[str, tuple[FactSource, ...]]:
        from catalogs import derive

        return derive.fact_sources(self)

    @cached_property
    def _types_of_numbers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for resource in self.resources.values():
            if resource.subject:
                found[resource.subject.id_type] = resource.subject.type
                found |= {link.id_type: resource.subject.type for link in resource.subject.links}
        return found

    def types_of_numbers(self) -> Mapping[str, str]:
        """Which type of subject each kind of number belongs to: `project_no` → project."""
        return self._types_of_numbers

    def is_asked(self, resource: str) -> bool:
        """Whether a resource is one of a lookup system: asked about one person at a time, never landed or stored."""
        return self.systems[self.resources[resource].system].kind == LOOKUP_SYSTEM_KIND

    def sources_of(self, element_code: str) -> tuple[FactSource, ...]:
        """Where facts of this element are read, in the order of their populations' precedence."""
        return self._sources.get(element_code, ())

    @cached_property
    def declared_elements(self) -> frozenset[str]:
        """The elements that applicants declare themselves in the form of some service item."""
        fields = (field for item in self.services.values() for field in item.form)
        return frozenset(field.element for field in fields if field.is_declared)

    @cached_property
    def _grants(self) -> tuple[Grant, ...]:
        from catalogs import derive

        return derive.grants(self)

    def grants(self) -> tuple[Grant, ...]:
        """The rights that decided demands give, whatever their period of validity."""
        return self._grants

    @cached_property
    def _grants_by_purpose(self) -> Mapping[tuple[str, str], tuple[Grant, ...]]:
        found: dict[tuple[str, str], list[Grant]] = {}
        for grant in self._grants:
            found.setdefault((grant.purpose_kind, grant.purpose), []).append(grant)
        return {purpose: tuple(rights) for purpose, rights in found.items()}

    def grants_for(self, purpose_kind: str, purpose: str) -> tuple[Grant, ...]:
        """The rights given for one purpose: a service item (service_item) or a task."""
        return self._grants_by_purpose.get((purpose_kind, purpose), ())

    def responsibilities(self) -> tuple[Any, ...]:
        """The responsibility list (数据提供责任清单), derived; see `catalogs.derive.Responsibility`."""
        from catalogs import derive

        return derive.responsibilities(self)

    def release_order(self) -> tuple[str, ...]:
        """Names of the resources, each after those it refers to; derived ones last."""
        from catalogs import derive

        return derive.release_order(self)

    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Names of resources that are published all or none: those of one snapshot group."""
        from catalogs import derive

        return derive.groups(self)
