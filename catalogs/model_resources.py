"""A contract as frozen data: a resource, its items and rules, and how it is read.

Inheritance (element → item, resource → item) is resolved here, as everywhere in the model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from functools import cached_property
from typing import Any

from catalogs.periods import Period
from catalogs.words import SENSITIVE_CLASSES

PG_TYPES = {
    "string": "text",
    "integer": "bigint",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamptz",
}
DUCK_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}
DEFAULT_SCALE = 6
# Characters of a text of which the contract does not say how long it may be.
LONGEST_TEXT = 4_000
# A resource that lost more than a fifth of its rows overnight was cut short, until its provider says otherwise.
MINIMUM_SHARE = 0.8
SUBJECT_TYPES = ("person", "project", "unit", "room")

_CYCLE = {
    "realtime": timedelta(minutes=8),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=31),
    "quarterly": timedelta(days=92),
    "halfyear": timedelta(days=184),
    "termly": timedelta(days=184),
    "yearly": timedelta(days=366),
    "schoolyear": timedelta(days=366),
    "irregular": timedelta(days=366),
}
UPDATE_CYCLES = tuple(_CYCLE)


def table_name(resource_name: str) -> str:
    """Return the warehouse table of a resource: `hr.staff` → `hr__staff`."""
    return resource_name.replace(".", "__")


@dataclass(frozen=True)
class Pick:
    """Which row answers when several share the subject's key."""

    order_by: str
    filter: str = ""


@dataclass(frozen=True)
class Validity:
    """By which items of its own row a value says from when until when it holds; empty: without such a bound.

    A date counts as a whole day of the campus, the last one too.
    """

    from_item: str = ""
    until_item: str = ""

    @property
    def items(self) -> tuple[str, ...]:
        """The items named here."""
        return tuple(name for name in (self.from_item, self.until_item) if name)


@dataclass(frozen=True)
class Partition:
    """By what an append resource is cut.

    Attributes:
        by: day or term.
        source: "filename" or an item.
        item: for files, the item that says the same as the name: rows of another day or term are an accident.
        closed_after_days: a partition that ended longer ago is not looked at again unless asked; None: never closed.
    """

    by: str
    source: str
    item: str = ""
    closed_after_days: int | None = None

    @property
    def told_by(self) -> str:
        """The item that says to which partition a row belongs; empty where only a file's name does."""
        return self.item if self.source == "filename" else self.source


@dataclass(frozen=True)
class Ingest:
    """How a resource is read (mode) and what a row's absence means.

    Attributes:
        exclude: predicate of the source's own dialect over physical columns: what it names never lands.
        pick_order_by: which of several rows with one key wins; empty: all of them are refused.
        every_minutes: how often an intraday resource is read; 0 for other modes.
        key_sweep_days: how often all keys are read to find what was deleted; 0: never.
        minimum_share: least share of the expected rows that is believed, 0 to 1.
    """

    mode: str = "full"
    snapshot_group: str = ""
    on_absence: str = "end"
    exclude: str = ""
    watermark: str = ""
    overlap_s: int = 0
    partition: Partition | None = None
    pick_order_by: str = ""
    every_minutes: int = 0
    key_sweep_days: int = 0
    minimum_share: float = MINIMUM_SHARE

    @property
    def reads_changes(self) -> bool:
        """Whether a reading holds what changed since the last one, by a watermark."""
        return self.mode in ("watermark", "intraday")


@dataclass(frozen=True)
class IdentityItems:
    """The items that say whose a natural key is: the document, and what else tells persons apart.

    `type` and `country` may be literal codes (`=1`). `former_number` is an earlier number of the same kind of
    document, which a renewed passport names; the others are compared where no document decides.
    """

    number: str
    type: str
    country: str = ""
    name: str = ""
    former_number: str = ""
    former_name: str = ""
    birthday: str = ""
    sex: str = ""
    phone: str = ""

    @property
    def items(self) -> tuple[str, ...]:
        """The items named here, without literals."""
        told = (
            self.number, self.type, self.country, self.name, self.former_number, self.former_name,
            self.birthday, self.sex, self.phone,
        )  # fmt: skip
        return tuple(name for name in told if name and not name.startswith("="))


@dataclass(frozen=True)
class SubjectLink:
    """A further natural key of the same subject in the same row."""

    item: str
    id_type: str


@dataclass(frozen=True)
class Subject:
    """Whom or what the rows of a resource are about."""

    type: str
    key: str
    id_type: str
    populations: tuple[str, ...] = ()
    identity: IdentityItems | None = None
    links: tuple[SubjectLink, ...] = ()


@dataclass(frozen=True)
class Rule:
    """An SQL rule of a contract.

    `where` is the breaking condition in DuckDB SQL over item names, and `columns` the items it names, both
    only if the rule judges single rows; a rule over a whole extract has `where` None and runs as `query`.
    `waivable`: a person may say of a row that breaks it that it is right all the same.
    """

    id: str
    name: str
    query: str
    where: str | None
    columns: tuple[str, ...]
    severity: str
    dimension: str
    gb_dimension: str
    on_failure: str
    bounds: Mapping[str, Any] = field(default_factory=dict)
    waivable: bool = True


@dataclass(frozen=True)
class Metric:
    """A library rule of a contract (rowCount, nullValues, …) with its ODCS operator in `bounds`."""

    id: str
    name: str
    metric: str
    item: str | None
    bounds: Mapping[str, Any]
    unit: str
    arguments: Mapping[str, Any]
    severity: str
    dimension: str
    gb_dimension: str
    on_failure: str


@dataclass(frozen=True)
class Relationship:
    """A reference of items of this resource to items of another."""

    items: tuple[str, ...]
    to_resource: str
    to_items: tuple[str, ...]


@dataclass(frozen=True)
class Shift:
    """What share of an item's rows may be spread otherwise than before, 0 to 1, and how severe more than that is."""

    most: float
    severity: str = "warning"


@dataclass(frozen=True)
class Item:
    """One item (信息项), with what it inherits from its element and its resource.

    Attributes:
        enum: the values that a text or whole number may have in the store; empty: any.
        max_bytes: declared length in bytes of UTF-8 (数据长度), which admission keeps to.
        guide_type: letter of the 2017 guide (数据类型): the item's, else its element's, else that of its type.
        subject_view_basis: why the person does not see the value, or not yet.
        shift: how far its distribution may move between releases; None: as usual.
        validity: which dates of the row bound the value; None: it holds as long as it is reported.
    """

    name: str
    physical_name: str
    business_name: str
    description: str
    logical_type: str
    required: bool
    unique: bool
    primary_key: bool
    element: str
    code_table: str
    code_map: Mapping[str, str] | None
    pattern: str
    minimum: Any
    maximum: Any
    min_length: int | None
    max_length: int | None
    max_bytes: int | None
    scale: int
    share_type: str
    share_condition: str
    no_share_basis: str
    mask: str
    pi_class: str
    data_level: str
    tier: str
    subject_view: str
    authoritative: bool
    many: bool
    pick: Pick | None
    format: str
    guide_type: str = ""
    derived_from: str = ""
    physical_type: str = ""
    note: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    subject_view_basis: str = ""
    enum: tuple[str | int, ...] = ()
    shift: Shift | None = None
    validity: Validity | None = None

    @property
    def length(self) -> int | None:
        """The guide's 数据长度, an upper bound in bytes of UTF-8 (Chinese: 3); None where none is declared."""
        return self.max_bytes or (self.max_length * 3 if self.max_length else None)

    @property
    def is_sensitive(self) -> bool:
        """Whether its values are kept sealed."""
        return self.pi_class in SENSITIVE_CLASSES

    @property
    def is_coded(self) -> bool:
        """Whether the store keeps the source's code beside the standard one."""
        return bool(self.code_table or self.code_map)

    @property
    def pg_type(self) -> str:
        """The PostgreSQL type of the item's column."""
        return PG_TYPES.get(self.logical_type) or f"numeric(38,{self.scale})"

    @property
    def duck_type(self) -> str:
        """The DuckDB type of the item's column."""
        return DUCK_TYPES.get(self.logical_type) or f"DECIMAL(38,{self.scale})"


@dataclass(frozen=True)
class Resource:
    """One data resource (数据资源): one contract, one table. The rest of CATALOG §3.1 has the guide's names.

    Attributes:
        code: 信息资源代码: class digits, a slash, a sequence.
        category: 类/项/目/细目 by name.
        format_class, format_type: 信息资源格式, as stated, else as the kind of system and file has it.
        share_mode_class, share_mode_type: 共享方式; empty where nothing is shared.
        quality_gate: quality dimension (GB/T 36344) → the least share that passes.
        valid_from, valid_to: when the contract holds; from its publication where it does not say.
        deprecated_on: since when it is known to end on `valid_to`.
    """

    name: str
    system: str
    physical_name: str
    business_name: str
    description: str
    purpose: str
    version: str
    status: str
    provider: str
    items: tuple[Item, ...]
    key: tuple[str, ...]
    ingest: Ingest
    read: Mapping[str, Any]
    subject: Subject | None
    share_type: str
    tier: str
    update_cycle: str
    secrecy: str
    rules: tuple[Rule, ...]
    metrics: tuple[Metric, ...]
    relationships: tuple[Relationship, ...]
    authoritative: bool
    authoritative_for: tuple[str, ...]
    accountable: str
    steward: str
    delivers: time | None
    properties: Mapping[str, Any]
    file: str
    retention: Period | None = None
    code: str = ""
    category: str = ""
    subset: str = ""
    data_level: str = ""
    pi_class: str = ""
    format_class: str = ""
    format_type: str = ""
    share_mode_class: str = ""
    share_mode_type: str = ""
    is_open: bool = False
    open_condition: str = ""
    open_theme: str = ""
    published_on: date | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    deprecated_on: date | None = None
    related_codes: tuple[str, ...] = ()
    related_service_items: tuple[str, ...] = ()
    quality_gate: Mapping[str, float] = field(default_factory=dict)

    @property
    def table(self) -> str:
        """The warehouse table: `hr.staff` → `hr__staff`."""
        return table_name(self.name)

    @cached_property
    def _items_by_name(self) -> dict[str, Item]:
        return {item.name: item for item in self.items}

    def item(self, name: str) -> Item:
        """Return the item of this name.

        Raises:
            KeyError: naming resource and item.
        """
        try:
            return self._items_by_name[name]
        except KeyError:
            raise KeyError(f"{self.name} has no item {name!r}") from None

    def has_item(self, name: str) -> bool:
        """Whether the resource has an item of this name."""
        return name in self._items_by_name

    @property
    def is_derived(self) -> bool:
        """Whether a dbt model of the warehouse computes this resource."""
        return self.system == "derived"

    @property
    def promise(self) -> timedelta:
        """How old the resource may be: one update cycle and a quarter of it, at most a day, for the delivery.

        Daily: 30 hours, so that a delivery some hours late is still on time and a missed one is not.
        """
        cycle = _CYCLE.get(self.update_cycle, timedelta(days=1))
        return cycle + min(cycle / 4, timedelta(days=1))
