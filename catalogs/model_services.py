"""Service items, materials and demands as frozen data; part of `catalogs.model`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class FormField:
    """A field of a service item's form; `element` is empty where only the applicant can know it.

    Attributes:
        is_declared: what the applicant types here is a fact of their own saying, kept and offered in other forms.
    """

    field: str
    name_zh: str
    element: str
    editable: bool
    is_declared: bool = False


@dataclass(frozen=True)
class Proof:
    """A fact a material proves: an element and what must hold of its value."""

    element: str
    predicate: str


@dataclass(frozen=True)
class MaterialUse:
    """A material as one service item asks for it."""

    material: str
    necessity: str
    proves: tuple[Proof, ...]
    condition: str = ""


@dataclass(frozen=True)
class Limit:
    """A time limit: a number of working days (`workday`, by calendar.csv), days or hours."""

    value: float
    unit: str


@dataclass(frozen=True)
class Step:
    """A step (环节) of a service item's flow."""

    seq: int
    name_zh: str
    unit: str
    role: str
    parallel_group: str
    join: str
    on_return: str
    raw: Mapping[str, Any]
    code: str = ""
    limit: Limit | None = None
    condition: str = ""
    inputs: tuple[str, ...] = ()
    output: str = ""


@dataclass(frozen=True)
class Variant:
    """What a service item does otherwise at one site: the fields of its guide that differ there, as written."""

    site: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class ServiceItem:
    """A service item (服务事项) with its guide, form, materials and flow. `raw` is the entry as written.

    Attributes:
        promised_limit: as written; `promised` and `statutory` are the same as data.
        power: code in the power list of the power it rests on.
        negative_reason: why it is on the negative list (more than one visit, unmet); empty: it is not.
        special_reason: why it is a 特殊要求 that no goal counts; empty: it is not.
        variants: what differs between sites, to be unified away (八统一).
        batch: with which batch of publication it came (分批公布).
        claims: statements about the applicant that a service system may have confirmed, yes or no, beside those that
            its materials prove.
        guardian_until: the age from which the applicant acts without a guardian; None: as the campus says.
        relations: what makes a project, unit or room a lawful subject of the applicant's case.
        deprecated_on, valid_to: since when it is known to end, and its last day.
    """

    code: str
    name_zh: str
    name_en: str
    lead_unit: str
    joint_units: tuple[str, ...]
    audience: tuple[str, ...]
    kind: str
    case_type: str
    promised_limit: Mapping[str, Any]
    channels: tuple[str, ...]
    online_depth: str
    visits: int
    visit_reason: str
    form: tuple[FormField, ...]
    materials: tuple[MaterialUse, ...]
    steps: tuple[Step, ...]
    legal_basis: tuple[Mapping[str, Any], ...]
    description: str
    raw: Mapping[str, Any]
    file: str
    task_code: str = ""
    main_item: str = ""
    power: str = ""
    theme: str = ""
    life_event: str = ""
    outside_authority: str = ""
    promised: Limit | None = None
    statutory: Limit | None = None
    negative_reason: str = ""
    special_reason: str = ""
    status: str = ""
    version: str = ""
    published_on: date | None = None
    batch: int | None = None
    variants: tuple[Variant, ...] = ()
    claims: tuple[Proof, ...] = ()
    guardian_until: int | None = None
    relations: tuple[str, ...] = ()
    deprecated_on: date | None = None
    valid_to: date | None = None

    @property
    def involved_units(self) -> tuple[str, ...]:
        """The units that take part: the lead, then the joint ones."""
        return tuple(dict.fromkeys([self.lead_unit, *self.joint_units]))

    @property
    def is_at_most_once(self) -> bool:
        """Whether the applicant comes at most once (最多跑一次)."""
        return self.visits <= 1


@dataclass(frozen=True)
class Material:
    """A material (申请材料) of the register; `gap` names why no source exists, if none does."""

    code: str
    name_zh: str
    kind: str
    source: str
    issuer: str
    form: tuple[str, ...]
    original_required: bool
    original_basis: str
    gap: str
    facts: tuple[Proof, ...]
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Aggregates:
    """What a task may be told in sums over its population: nothing else is, however it is asked.

    Attributes:
        tables: the elements by which each table counts, at most three.
        measures: a number's element → what of it is told beside the count: sum, mean, extremes.
    """

    tables: tuple[tuple[str, ...], ...] = ()
    measures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Confidential:
    """That people are not told for now that a task was given their data.

    Attributes:
        basis: the rule by which they are not: law, number, article.
        until: the last day; afterwards they see it like any other access.
    """

    basis: str
    until: date | None


@dataclass(frozen=True)
class Demand:
    """A filed wish to use elements for a service item or a task; once granted, the source of grants.

    Attributes:
        notice: what people must have consented to before the notice's elements are given (单独同意); empty: no consent.
        populations: of a task: whose data it is about; nobody's where none is named.
        destroy_by: of a task: until when whatever was given for it is destroyed.
        aggregates: of a task: the sums that it may be told; None: none.
        rows: of a task: the elements that it may be told person by person; none: sums alone.
        confidential: of a task with rows: that whom it is told of do not see it for now; None: they do.
    """

    demand_id: str
    requester_unit: str
    purpose_kind: str
    purpose: str
    replaces: tuple[str, ...]
    elements: tuple[str, ...]
    unmasked: tuple[str, ...]
    basis: str
    ground: str
    client: str
    frequency: str
    retention: str
    valid_from: date | None
    valid_to: date | None
    state: str
    decided_by: tuple[str, ...]
    decided_on: date | None
    file: str
    raw: Mapping[str, Any] = field(default_factory=dict)
    notice: str = ""
    populations: tuple[str, ...] = ()
    destroy_by: date | None = None
    aggregates: Aggregates | None = None
    rows: tuple[str, ...] = ()
    confidential: Confidential | None = None

    @property
    def is_assessed(self) -> bool:
        """Whether the demand names the assessment of its impact on persons (个人信息保护影响评估)."""
        return bool(self.raw.get("assessment"))


@dataclass(frozen=True)
class Notice:
    """One version of what people are told before they consent (告知书).

    Attributes:
        notice: which one; its versions share it.
        service_items: for which purposes.
        elements: what may be used once they have consented.
        retention: how long whoever receives it keeps it, in words.
        valid_from: from this day until the next version's it is the one in force.
    """

    notice: str
    version: str
    title_zh: str
    title_en: str
    purpose_zh: str
    purpose_en: str
    text_zh: str
    text_en: str
    service_items: tuple[str, ...]
    elements: tuple[str, ...]
    retention: str
    valid_from: date | None
    valid_to: date | None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that people are told, hex: who consented to one text has not to another."""
        told = [str(getattr(self, name)) for name in self.__dataclass_fields__ if name != "valid_to"]
        return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()
