"""Facts: element → its authoritative item → the resource's rows at the release, by the subject's linked keys.

Nothing is stored here and nothing guessed: a fact that several lawful sources answer differently is a `conflict`, one
whose source is late or no longer reports it is `stale` and says since when, and absence has a name of its own.
"""

import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import asyncpg

from catalogs.model import Catalog, CodeTable, FactSource, Grant, Resource
from service import masks

_STALE_STATES = {
    "refused": "row_refused",
    "absent": "no_longer_reported",
    "former": "no_longer_reported",
}


@dataclass(frozen=True)
class Subject:
    """Whom a query is about: a natural key or a document, and the capacity in which the person acts."""

    id_type: str
    id: str
    country: str | None = None
    capacity: str | None = None

    @property
    def link_type(self) -> str:
        """The key kind under which identity links it."""
        return f"{self.id_type}:{self.country or ''}" if self.id_type.startswith("doc:") else self.id_type


@dataclass(frozen=True)
class Fact:
    """One answered element. `raw` is the unmasked value: it stays in the process and decides predicates."""

    element: str
    status: str
    raw: Any = None
    code: str | None = None
    public: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """What leaves the service."""
        return {"status": self.status, **(self.public or {})}


async def find_subject(con: asyncpg.Connection, subject: Subject, subject_type: str = "person") -> int | None:
    """Return the stored key that the release links to this natural key, or None."""
    return await con.fetchval(
        "SELECT subject_id FROM raw.links WHERE type = $1 AND id_type = $2 AND key = $3",
        subject_type,
        subject.link_type,
        subject.id,
    )


async def answer(
    con: asyncpg.Connection,
    catalog: Catalog,
    release: int,
    subject_id: int,
    capacity: str | None,
    grants: Sequence[Grant],
    elements: Iterable[str],
    at: datetime,
    record_key: bytes,
) -> dict[str, Fact]:
    """Answer elements for one subject at one release.

    Args:
        con: in a transaction pinned to `release`.
        catalog: the catalog version of that release.
        release: its number.
        subject_id: the stored key.
        capacity: code of a population, or None for every capacity that the subject has.
        grants: the client's grants for the purpose; only their items are read.
        elements: codes to answer, all of them granted.
        at: the moment against which age is measured.
        record_key: keys the digests of evidence, one per client.

    Returns:
        One fact per element, whatever its status.
    """
    wanted = list(dict.fromkeys(elements))
    granted = {(grant.element, grant.resource, grant.item): grant for grant in grants}
    sources = {
        element: [s for s in catalog.sources_of(element) if (element, s.resource, s.item) in granted]
        for element in wanted
    }
    keys = defaultdict(list)
    for row in await con.fetch("SELECT id_type, key FROM raw.links WHERE subject_id = $1", subject_id):
        keys[row["id_type"]].append(row["key"])
    held = await _capacities(con, catalog, keys)
    rows = await _rows(con, catalog, release, {s.resource for found in sources.values() for s in found}, keys)
    facts = {}
    for element in wanted:
        answers = []
        for source in sources[element]:
            if _applies(catalog, source, held, capacity):
                grant = granted[element, source.resource, source.item]
                answers += _read(catalog, source, grant, rows.get(source.resource, []), held, at, record_key)
        facts[element] = _settle(catalog, element, sources[element], answers, held, capacity)
    return facts


@lru_cache(maxsize=64)
def _rule_statement(version: str, register: str, key_item: str, rules: tuple[tuple[str, str], ...]) -> str:
    columns = ", ".join(f'bool_or({rule}) AS "{code}"' for code, rule in rules)
    return f'SELECT {columns} FROM raw."{register}" WHERE "{key_item}" = ANY ($1)'


async def _capacities(con: asyncpg.Connection, catalog: Catalog, keys: Mapping[str, list[str]]) -> set[str]:
    """Return the populations that the subject belongs to, now or formerly, by the rules of populations.csv."""
    registers = defaultdict(list)
    for population in catalog.populations.values():
        resource = catalog.resources.get(population.register)
        if resource and resource.subject and resource.subject.id_type in keys and population.rule:
            registers[resource.name].append(population)
    held = set()
    for name, populations in registers.items():
        resource = catalog.resources[name]
        rules = []
        for population in populations:
            former = f" OR ({population.former_rule})" if population.former_rule else ""
            rules.append((population.code, f"({population.rule}){former}"))
        statement = _rule_statement(catalog.version, resource.table, resource.subject.key, tuple(rules))
        row = await con.fetchrow(statement, keys[resource.subject.id_type])
        held |= {population.code for population in populations if row[population.code]}
    return held


@lru_cache(maxsize=512)
def _statement(version: str, table: str, key_item: str) -> str:
    return (
        f'SELECT t.*, e.taken_at AS _updated_at, coalesce(l.taken_at, c.taken_at) AS _confirmed_at'
        f' FROM raw."{table}" t JOIN yici.extract e ON e.id = t._extract'
        " LEFT JOIN yici.extract l ON l.id = t._last_extract"
        " LEFT JOIN yici.release_resource r ON r.release = $2 AND r.resource = $3"
        " LEFT JOIN yici.extract c ON c.id = r.extract_id"
        f' WHERE t."{key_item}" = ANY ($1)'
    )


async def _rows(
    con: asyncpg.Connection, catalog: Catalog, release: int, resources: set[str], keys: Mapping[str, list[str]]
) -> dict[str, list[asyncpg.Record]]:
    found = {}
    for name in sorted(resources):
        resource = catalog.resources[name]
        own = keys.get(resource.subject.id_type)
        if own:
            statement = _statement(catalog.version, resource.table, resource.subject.key)
            found[name] = await con.fetch(statement, own, release, name)
    return found


def _applies(catalog: Catalog, source: FactSource, held: set[str], capacity: str | None) -> bool:
    named = {code for code in source.populations if code in catalog.populations}
    return not named or bool(named & held & ({capacity} if capacity else held))


@dataclass(frozen=True)
class _Answer:
    source: FactSource
    capacities: tuple[str, ...]
    raw: Any
    fact: Fact


def _read(
    catalog: Catalog,
    source: FactSource,
    grant: Grant,
    rows: Sequence[asyncpg.Record],
    held: set[str],
    at: datetime,
    record_key: bytes,
) -> list[_Answer]:
    resource = catalog.resources[source.resource]
    chosen = _pick(source, rows)
    if source.many and len(chosen) > 1:
        values = [row[source.item] for row in chosen]
        newest = max(chosen, key=lambda row: row["_confirmed_at"] or row["_updated_at"])
        return [_one(catalog, resource, source, grant, newest, held, at, record_key, values)]
    return [_one(catalog, resource, source, grant, row, held, at, record_key, row[source.item]) for row in chosen]


def _pick(source: FactSource, rows: Sequence[asyncpg.Record]) -> list[asyncpg.Record]:
    """Return the row that answers: the first by the order that the contract names (`item desc, item`)."""
    chosen = list(rows)
    if source.pick and chosen:
        for part in reversed(source.pick.order_by.split(",")):
            name, _, direction = part.strip().partition(" ")
            chosen.sort(
                key=lambda row, name=name: (row[name] is not None, row[name]),
                reverse=direction.strip().lower() == "desc",
            )
        return chosen[:1]
    return chosen


def _one(catalog, resource: Resource, source: FactSource, grant: Grant, row, held, at, record_key, raw) -> _Answer:
    item = resource.item(source.item)
    table = catalog.codes.get(item.code_table or catalog.elements[source.element].code_table)
    confirmed = row["_confirmed_at"] or row["_updated_at"]
    age = at - confirmed
    reason = _STALE_STATES.get(row["_state"]) or ("late" if age > resource.promise else None)
    shown, code = _shown(raw, item.is_coded, table)
    mask = grant.mask
    public = {
        "value": masks.apply(mask, str(shown)) if mask and shown is not None else shown,
        "code": None if mask else code,
        "code_system": item.code_table or None,
        "classification": item.data_level or None,
        "lastupdated": row["_updated_at"].isoformat(),
        "confirmed_at": confirmed.isoformat(),
        "age_seconds": int(age / timedelta(seconds=1)),
        "stale_after": (confirmed + resource.promise).isoformat(),
        "masked": bool(mask),
        "verification": {
            "level": "system_verified" if reason else "authoritative",
            "time": confirmed.isoformat(),
            "verifier": resource.provider,
            "evidence": [
                {
                    "source": resource.name,
                    "extract_id": row["_last_extract"] or row["_extract"],
                    "record_hash": _digest(record_key, resource.name, source.item, raw),
                }
            ],
        },
    }
    if reason:
        public["reason"] = reason
    status = "not_found" if raw is None else ("stale" if reason else "available")
    capacities = tuple(sorted(held & set(source.populations)))
    return _Answer(source, capacities, raw, Fact(source.element, status, raw, code, public))


def _shown(raw: Any, is_coded: bool, table: CodeTable | None) -> tuple[Any, str | None]:
    if isinstance(raw, list):
        return [_shown(value, is_coded, table)[0] for value in raw], None
    if is_coded and raw is not None:
        known = table.rows.get(raw) if table else None
        return (known.name_zh if known else raw), raw
    if isinstance(raw, Decimal):
        return format(raw.normalize(), "f"), None
    if isinstance(raw, (date, datetime)):
        return raw.isoformat(), None
    return raw, None


def _settle(
    catalog: Catalog,
    element: str,
    sources: Sequence[FactSource],
    answers: Sequence[_Answer],
    held: set[str],
    capacity: str | None,
) -> Fact:
    known = [answer for answer in answers if answer.raw is not None]
    if not known:
        named = {code for source in sources for code in source.populations}
        outside = bool(named) and not (named & ({capacity} if capacity else held))
        return Fact(element, "not_applicable" if outside else "not_found")
    if len({_canonical(answer.raw) for answer in known}) == 1:
        return min(known, key=lambda answer: answer.fact.status != "available").fact
    ranked = sorted(known, key=lambda answer: _precedence(catalog, answer))
    first, second = (_precedence(catalog, answer) for answer in ranked[:2])
    if first < second:
        return ranked[0].fact
    capacities = sorted({code for answer in known for code in answer.capacities})
    return Fact(element, "conflict", public={"capacities": capacities})


def _precedence(catalog: Catalog, answer: _Answer) -> int:
    return min((catalog.populations[c].precedence for c in answer.capacities if c in catalog.populations), default=10**6)


def _canonical(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False, sort_keys=True)


def _digest(key: bytes, resource: str, item: str, value: Any) -> str:
    text = f"{resource}\0{item}\0{_canonical(value)}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]
