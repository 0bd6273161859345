"""The registers as frozen data (campus, systems, units, elements, codes, days); part of `catalogs.model`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from functools import cached_property
from typing import Any

from catalogs.model_posts import HOLDER_ID_TYPE

# 八统一: 主项 子项 依据 材料 办事流程 经办流程 时限 表单.
UNIFIED = ("mainItem", "code", "legalBasis", "materials", "guideFlow", "steps", "promisedLimit", "form")


@dataclass(frozen=True)
class Site:
    """A campus site (校区) with the place of its service hall."""

    code: str
    name_zh: str
    hall: str = ""


@dataclass(frozen=True)
class Goal:
    """A goal of the reform, one clause of a document.

    Attributes:
        measure: what is counted (catalogs.words.GOAL_MEASURES).
        share: the least share of the service items, 0 to 1; None where there is nothing to divide.
        excludes: `special` leaves 特殊要求 out of the denominator.
    """

    id: str
    name_zh: str
    due_on: date | None
    measure: str
    share: float | None = None
    excludes: str = ""


@dataclass(frozen=True)
class Guardianship:
    """Where it stands who is whose guardian: a resource about the child with an item that holds a guardian's number."""

    resource: str
    item: str
    id_type: str


@dataclass(frozen=True)
class Minors:
    """How the campus tells minors, and until when they act through or with a guardian.

    Attributes:
        birth_date: the element whose authoritative fact gives the age.
        guardian_until: age from which one acts alone, 14 to 18, where a service item does not say.
        guardians: where guardians stand; None: no source has them, and the hall answers for it.
    """

    birth_date: str
    guardian_until: int = 18
    guardians: Guardianship | None = None


@dataclass(frozen=True)
class Relation:
    """What binds a thing to persons: two items of one resource that hold numbers (catalogs.relations).

    Attributes:
        then: the relation that goes on from `to`, where that is no person's number; empty where it is.
        own_facts: elements that persons see, at their own login, of the things that it leads from.
    """

    code: str
    name_zh: str
    resource: str
    from_item: str
    from_id_type: str
    to_item: str
    to_id_type: str
    then: str = ""
    own_facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Campus:
    """The university itself, of campus.yaml; `raw` keeps thresholds and whatever else it says.

    Attributes:
        unified: the fields of service items that must read the same at every site (八统一).
        words: words that the campus adds to the open lists of `catalogs.words`.
        minors: None where no one here is under age.
        relations: what may bind a project, unit or room to the persons of a case.
        holder_id_type: of which kind the numbers are by which posts.csv names holders.
    """

    code: str
    name_zh: str
    name_en: str
    time_zone: str
    clients: Mapping[str, Mapping[str, Any]]
    raw: Mapping[str, Any]
    sites: tuple[Site, ...] = ()
    goals: tuple[Goal, ...] = ()
    unified: tuple[str, ...] = UNIFIED
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    minors: Minors | None = None
    relations: tuple[Relation, ...] = ()
    holder_id_type: str = HOLDER_ID_TYPE


@dataclass(frozen=True)
class System:
    """A source system (业务系统). `settings` keep their `env:NAME` strings unresolved.

    Attributes:
        ignored: tables, or columns as `table:column`, that are there and deliberately not declared; `*` stands for
            any text.
    """

    code: str
    name_zh: str
    provider: str
    kind: str
    settings: Mapping[str, Any]
    delivers: time | None
    limits: Mapping[str, Any]
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unit:
    """A unit of the organisation register (CATALOG §3.3)."""

    code: str
    name_zh: str
    name_en: str
    parent: str
    kind: str
    uscc: str
    accountable: str
    steward: str
    contact: str
    successor: str
    valid_from: date | None
    valid_to: date | None


@dataclass(frozen=True)
class Element:
    """A data element (数据元): what a field means, campus-wide."""

    code: str
    name_zh: str
    name_en: str
    type: str
    code_table: str
    subject_type: str
    data_level: str
    pi_class: str
    mask: str
    format: str
    population: str = ""
    norm: str = ""


@dataclass(frozen=True)
class CodeRow:
    """One code of a table, with the time it is valid for."""

    code: str
    name_zh: str
    name_en: str
    valid_from: date | None
    valid_to: date | None
    parent: str


@dataclass(frozen=True)
class CodeTable:
    """A code table (代码表) with the norm it comes from."""

    name: str
    norm: str
    version: str
    rows: Mapping[str, CodeRow]
    name_zh: str = ""
    name_en: str = ""
    status: str = ""

    @cached_property
    def codes_by_name(self) -> dict[str, str]:
        """Chinese name → code; of two equal names the first stands."""
        names: dict[str, str] = {}
        for row in self.rows.values():
            names.setdefault(row.name_zh, row.code)
        return names


@dataclass(frozen=True)
class Population:
    """Whom a resource covers (人群): `rule` and `former_rule` are SQL predicates over `register`.

    Attributes:
        may_be_minors: whether there are people under 14 in it, so that one whose birth date is unknown may be one.
    """

    code: str
    name_zh: str
    name_en: str
    subject_type: str
    register: str
    rule: str
    precedence: int
    former_rule: str = ""
    note: str = ""
    may_be_minors: bool = False


@dataclass(frozen=True)
class CalendarDay:
    """One day of the campus.

    `kind` is as written (教学, 寒假, 法定节假, 调休上班, …), `event` what was announced, `term` as coded.
    """

    day: date
    kind: str
    is_working: bool
    event: str = ""
    term: str = ""


@dataclass(frozen=True)
class Calendar:
    """The campus calendar. A day it does not list is a working day from Monday to Friday."""

    days: Mapping[date, CalendarDay] = field(default_factory=dict)

    def is_working(self, day: date) -> bool:
        """Whether offices work on this day (调休 included)."""
        listed = self.days.get(day)
        return listed.is_working if listed else day.weekday() < 5

    def add_working_days(self, day: date, count: int) -> date:
        """Return the `count`-th working day after `day` (before it, if negative); 0 returns `day`."""
        step = timedelta(days=1 if count >= 0 else -1)
        left = abs(count)
        while left:
            day += step
            left -= self.is_working(day)
        return day

    def years(self) -> frozenset[int]:
        """The years of which the calendar lists any day."""
        return frozenset(day.year for day in self.days)
