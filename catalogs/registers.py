"""The registers: campus, systems, units, elements, code tables, populations, calendar, clients."""

import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, TypeVar

from catalogs.faults import Faults
from catalogs.fields import SQL_NAME, Fields, read_csv
from catalogs.lined_yaml import plain, read_yaml
from catalogs.model import (
    SUBJECT_TYPES,
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
    Site,
    System,
    Unit,
)
from catalogs.model_posts import HOLDER_ID_TYPE
from catalogs.model_registers import UNIFIED
from catalogs.relations import read_relations
from catalogs.source_auth import tell_auth_faults
from catalogs.words import DATA_LEVELS, GOAL_MEASURES, OPEN_WORDS, PI_CLASSES

SYSTEM_KINDS = ("postgres", "mysql", "sqlite", "sqlalchemy", "files", "rest", "lookup", "warehouse")
WORKING_WORDS = ("教学", "上班", "工作", "考试", "注册", "term", "working", "workday", "adjusted_workday")
_TRUE = ("true", "1", "yes", "是")
_FALSE = ("false", "0", "no", "否")
_ADDRESS = re.compile(r"https?://[^\s<>\"{}|\\^`/]+(/[^\s<>\"{}|\\^`]*)?\Z")
_ENV = re.compile(r"env:[A-Z][A-Z0-9_]*\Z")
_SECRETS = ("password", "token", "secret", "key", "key_password")

T = TypeVar("T")
Place = tuple[str, int]


@dataclass
class Register:
    """Where each entry of each register stands: (kind, code) → (file, line)."""

    places: dict[tuple[str, str], Place] = field(default_factory=dict)

    def line(self, kind: str, code: str) -> Place:
        """File and line of an entry; line 1 of nothing known if it is not there."""
        return self.places.get((kind, code), ("", 1))


def _collect(
    rows: list[Fields], kind: str, key: str, build: Callable[[Fields], T], register: Register
) -> dict[str, T]:
    """Build one entry per row, keyed by its code; a second claim to a code is told and ignored."""
    entries: dict[str, T] = {}
    for row in rows:
        code = row.code(key)
        if not code:
            continue
        if code in entries:
            first = register.line(kind, code)[1]
            row.fault("V04", key, f'{kind} "{code}" is already at line {first}', expected="each code once")
            continue
        entries[code] = build(Fields(row.data, row.file, f'{kind} "{code}"', row.faults, row.line))
        register.places[kind, code] = (row.file, row.at(key))
    return entries


@cache
def _time_zones() -> frozenset[str]:
    """All names of time zones; looking them up reads the folders of the system's database."""
    return frozenset(zoneinfo.available_timezones())


def read_campus(content: bytes, faults: Faults) -> Campus:
    """Read campus.yaml."""
    file = "campus.yaml"
    data = read_yaml(content, file, faults)
    if not isinstance(data, dict):
        if data is not None:
            faults.add("V03", file, 1, "not a mapping", expected="keys like code, nameZh, timeZone")
        data = {}
    fields = Fields(data, file, "campus", faults)
    name = fields.text("nameZh") or fields.text("name", required=True)
    time_zone = fields.text("timeZone", default="Asia/Shanghai")
    if time_zone not in _time_zones():
        fields.fault(
            "V03", "timeZone", f'unknown time zone "{time_zone}"', expected="a name like Asia/Shanghai"
        )
    for key in ("baseUri", "serviceUrl", "license"):
        address = fields.text(key)
        if address and not _ADDRESS.match(address):
            fields.fault(
                "V03", key, f'"{key}" is no address of the web', expected="https://…", mend="write it whole"
            )
    return Campus(
        code=fields.code("code"),
        name_zh=name,
        name_en=fields.text("nameEn"),
        time_zone=time_zone,
        clients={},
        raw=plain(data),
        sites=_sites(fields),
        goals=_goals(fields),
        unified=fields.words("unified") or UNIFIED,
        words=_words(fields),
        minors=_minors(fields),
        relations=read_relations(fields),
        holder_id_type=fields.text("holderIdType", default=HOLDER_ID_TYPE),
    )


def _minors(fields: Fields) -> Minors | None:
    own = fields.inner("minors", "minors")
    if own is None:
        return None
    own.only(("birthDate", "guardianUntil", "guardians", "note"))
    given = own.inner("guardians", "minors.guardians")
    guardians = None
    if given is not None:
        given.only(("resource", "item", "idType", "note"))
        names = [given.text(key, required=True) for key in ("resource", "item", "idType")]
        guardians = Guardianship(*names)
    until = own.age("guardianUntil")
    return Minors(own.text("birthDate", required=True), until or Minors.guardian_until, guardians)


def _sites(fields: Fields) -> tuple[Site, ...]:
    sites = []
    for row in fields.rows("sites", "site"):
        row.only(("code", "nameZh", "nameEn", "hall", "note"))
        sites.append(Site(row.code("code"), row.text("nameZh", required=True), row.text("hall")))
    return tuple(sites)


def _goals(fields: Fields) -> tuple[Goal, ...]:
    goals = []
    for row in fields.rows("goals", "goal"):
        row.only(("id", "nameZh", "nameEn", "dueOn", "measure", "share", "excludes", "note"))
        goals.append(
            Goal(
                id=row.code("id"),
                name_zh=row.text("nameZh", required=True),
                due_on=row.day("dueOn", required=True),
                measure=row.text("measure", required=True, among=GOAL_MEASURES),
                share=row.share("share", 0.0) if "share" in row.data else None,
                excludes=row.text("excludes", among=("special",)),
            )
        )
    return tuple(goals)


def _words(fields: Fields) -> Mapping[str, tuple[str, ...]]:
    own = fields.inner("words", "words")
    if own is None:
        return {}
    own.only(OPEN_WORDS)
    return {key: own.words(key) for key in own.data}


def read_clients(
    content: bytes, file: str, faults: Faults, register: Register
) -> dict[str, Mapping[str, Any]]:
    """Read the register of client systems: a list of mappings with `client` as their code."""
    return _collect(
        _list_of(content, file, "client", faults), "client", "client", lambda row: plain(row.data), register
    )


def _list_of(content: bytes, file: str, place: str, faults: Faults) -> list[Fields]:
    data = read_yaml(content, file, faults)
    if data is None:
        return []
    if not isinstance(data, list):
        faults.add(
            "V03",
            file,
            1,
            "not a list",
            expected=f'a list of entries starting with "- {place}:"',
            mend="write a list",
        )
        return []
    return Fields({place: data}, file, place, faults).rows(place, place)


_SYSTEM_KEYS = ("system", "nameZh", "provider", "kind", "delivers", "limits", "ignored")


def read_systems(content: bytes, faults: Faults, register: Register) -> dict[str, System]:
    """Read systems.yaml; what is not a common key is a setting of the connection."""

    def build(row: Fields) -> System:
        if not SQL_NAME.match(row.text("system")):
            row.fault("V05", "system", "the code is not a lower-case name", expected="[a-z][a-z0-9_]*")
        kind = row.text("kind", required=True)
        if kind and not _ENV.match(kind):
            row.among("kind", kind, SYSTEM_KINDS, "")
        _tell_secrets(row)
        if (auth := row.inner("auth")) is not None:
            tell_auth_faults(auth)
        return System(
            code=row.text("system"),
            name_zh=row.text("nameZh", required=True),
            provider=row.text("provider", required=True),
            kind=kind,
            settings={key: plain(value) for key, value in row.data.items() if key not in _SYSTEM_KEYS},
            delivers=row.clock("delivers"),
            limits=plain(row.mapping("limits")),
            ignored=row.words("ignored"),
        )

    return _collect(_list_of(content, "systems.yaml", "system", faults), "system", "system", build, register)


def _tell_secrets(row: Fields) -> None:
    for key, value in row.data.items():
        if isinstance(value, dict):
            _tell_secrets(Fields(value, row.file, f"{row.place} {key}", row.faults, row.at(key)))
        elif isinstance(value, str) and key.lower() in _SECRETS and not _ENV.match(value):
            row.fault(
                "V03",
                key,
                f'"{key}" is written out',
                expected="the name of an environment variable",
                mend=f'write "env:YICI_…_{key.upper()}" and set the variable',
            )


def read_units(content: bytes, faults: Faults, register: Register) -> dict[str, Unit]:
    """Read units.csv (CATALOG §3.3)."""
    rows = read_csv(
        content,
        "units.csv",
        ("code", "nameZh"),
        (
            "nameEn",
            "parent",
            "kind",
            "uscc",
            "accountable",
            "steward",
            "contact",
            "successor",
            "validFrom",
            "validTo",
        ),
        faults,
    )

    def build(row: Fields) -> Unit:
        valid_from, valid_to = row.period("validFrom", "validTo")
        return Unit(
            code=row.text("code"),
            name_zh=row.text("nameZh", required=True),
            name_en=row.text("nameEn"),
            parent=row.text("parent"),
            kind=row.text("kind"),
            uscc=row.text("uscc"),
            accountable=row.text("accountable"),
            steward=row.text("steward"),
            contact=row.text("contact"),
            successor=row.text("successor"),
            valid_from=valid_from,
            valid_to=valid_to,
        )

    return _collect(rows, "unit", "code", build, register)


def read_elements(content: bytes, faults: Faults, register: Register) -> dict[str, Element]:
    """Read elements.csv."""
    rows = read_csv(
        content,
        "elements.csv",
        ("code", "nameZh", "type"),
        (
            "nameEn",
            "codeTable",
            "subjectType",
            "population",
            "dataLevel",
            "piClass",
            "mask",
            "format",
            "norm",
        ),
        faults,
    )

    def build(row: Fields) -> Element:
        row.tell_mask()
        return Element(
            code=row.text("code"),
            name_zh=row.text("nameZh", required=True),
            name_en=row.text("nameEn"),
            type=row.text("type", required=True),
            code_table=row.text("codeTable"),
            subject_type=row.text("subjectType", default="person", among=SUBJECT_TYPES),
            data_level=row.text("dataLevel", among=DATA_LEVELS),
            pi_class=row.text("piClass", among=PI_CLASSES),
            mask=row.text("mask"),
            format=row.text("format"),
            population=row.text("population"),
            norm=row.text("norm"),
        )

    return _collect(rows, "element", "code", build, register)


def read_codes(files: Mapping[str, bytes], faults: Faults, register: Register) -> dict[str, CodeTable]:
    """Read codes/*.csv, with norm, version and name from codes/index.csv where it is there."""
    index: dict[str, Fields] = {}
    if "codes/index.csv" in files:
        rows = read_csv(
            files["codes/index.csv"],
            "codes/index.csv",
            ("table",),
            ("norm", "version", "nameZh", "nameEn", "status"),
            faults,
        )
        index = _collect(rows, "code table", "table", lambda row: row, register)
    tables: dict[str, CodeTable] = {}
    for file, content in files.items():
        if not file.startswith("codes/") or file == "codes/index.csv":
            continue
        name = file.removeprefix("codes/").removesuffix(".csv")
        told = index.pop(name, Fields({}, file, "", faults))
        tables[name] = CodeTable(
            name=name,
            norm=told.text("norm"),
            version=told.text("version"),
            rows=_code_rows(content, file, faults),
            name_zh=told.text("nameZh"),
            name_en=told.text("nameEn"),
            status=told.text("status"),
        )
        register.places.setdefault(("code table", name), (file, 1))
    for name, row in index.items():
        row.fault("R01", "table", f"there is no codes/{name}.csv", expected="a file of this name")
    return tables


def _code_rows(content: bytes, file: str, faults: Faults) -> dict[str, CodeRow]:
    rows: dict[str, CodeRow] = {}
    optional = ("nameEn", "parent", "validFrom", "validTo")
    for row in read_csv(content, file, ("code", "nameZh"), optional, faults):
        code = row.text("code", required=True)
        if not code:
            continue
        if code in rows:
            row.fault("V04", "code", f'code "{code}" stands twice', expected="each code once")
            continue
        valid_from, valid_to = row.period("validFrom", "validTo")
        rows[code] = CodeRow(
            code,
            row.text("nameZh", required=True),
            row.text("nameEn"),
            valid_from,
            valid_to,
            row.text("parent"),
        )
    for code, entry in rows.items():
        if entry.parent and entry.parent not in rows:
            faults.add("R01", file, 1, f'code "{code}": parent "{entry.parent}" is not in the table')
    return rows


def read_populations(content: bytes, faults: Faults, register: Register) -> dict[str, Population]:
    """Read populations.csv. A lower precedence number goes first."""
    rows = read_csv(
        content,
        "populations.csv",
        ("code", "nameZh"),
        ("nameEn", "subjectType", "register", "rule", "formerRule", "precedence", "minors", "note"),
        faults,
    )

    def build(row: Fields) -> Population:
        text = row.text("precedence", default="100")
        if not text.isascii() or not text.isdigit():
            row.fault("V03", "precedence", f'"precedence" is "{text}"', expected="a whole number ≥ 0")
            text = "100"
        return Population(
            code=row.text("code"),
            name_zh=row.text("nameZh", required=True),
            name_en=row.text("nameEn"),
            subject_type=row.text("subjectType", default="person", among=SUBJECT_TYPES),
            register=row.text("register"),
            rule=row.text("rule"),
            precedence=int(text),
            former_rule=row.text("formerRule"),
            note=row.text("note"),
            may_be_minors=row.text("minors", among=(*_TRUE, *_FALSE)) in _TRUE,
        )

    return _collect(rows, "population", "code", build, register)


def read_calendar(content: bytes, faults: Faults) -> Calendar:
    """Read calendar.csv: one row per day, or per period where `to` is given; a later row replaces its days.

    `working` says whether offices work; without it a kind named in WORKING_WORDS works (on weekends only if
    the kind itself says 上班), and every other kind does not. A day keeps its term where a later row names none.
    """
    rows = read_csv(
        content, "calendar.csv", ("day", "kind"), ("to", "working", "event", "note", "term", "week"), faults
    )
    days: dict[date, CalendarDay] = {}
    alone: set[date] = set()
    for row in rows:
        first, last = row.period("day", "to")
        if first is None:
            continue
        kind = row.text("kind", required=True)
        stated = row.text("working").lower()
        if stated and stated not in _TRUE + _FALSE:
            row.fault("V03", "working", f'"working" is "{stated}"', expected="true or false")
        last = last or first
        if first == last and first in alone:
            row.fault("V04", "day", f"{first} stands twice", expected="each single day once")
        alone.update([first] if first == last else [])
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            day = date.fromordinal(ordinal)
            working = stated in _TRUE if stated else _works(kind, day)
            term = row.text("term") or (days[day].term if day in days else "")
            days[day] = CalendarDay(day, kind, working, row.text("event"), term)
    return Calendar(days)


def _works(kind: str, day: date) -> bool:
    if "上班" in kind or kind == "adjusted_workday":
        return True
    return day.weekday() < 5 and any(word in kind for word in WORKING_WORDS)
