"""Edits in the words of the catalog: of which entry what changes, from what to what, for people who know no file.

An edit's address (`catalogs.changes.paths`) stays beside the words as a detail. What nobody has a name for is told by
its key.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from catalogs.changes.attribute_names import KINDS, known_name
from catalogs.changes.code_words import code_word, duration
from catalogs.changes.content import read_content
from catalogs.changes.edits import Edit
from catalogs.changes.lines import place_at
from catalogs.changes.paths import Member, Part, field_of, member_ids, parts_of
from catalogs.decisions import POWER_KEYS
from catalogs.derive import POST
from catalogs.model import Catalog, Resource
from catalogs.posts import post_title
from catalogs.services import DEMAND_KEYS, ITEM_KEYS, MATERIAL_KEYS
from catalogs.views import item_name, resource_name

_LONGEST = 200
# What a contract's form needs and no reader: an address passes it, unless it ends there.
_PASSED = frozenset(("schema", "customProperties", "slaProperties", "team", "members", "properties", "value"))
# In a contract and a demand these hold what is told by its own name.
_HOLDERS = frozenset(("description", "purpose"))
_NAMED_BY_MEMBER = frozenset(("customProperties", "slaProperties"))
# List → its member, where another key names it.
_ONE_OF = {"materials": "material", "serviceItems": "serviceItem", "populations": "population"}
_LIMIT = frozenset(("value", "unit"))
_UNITS = (
    "unit", "provider", "leadUnit", "jointUnits", "outsideAuthority", "requesterUnit", "presumedUnit", "issuer",
    "parent", "successor", "dataOffice", "leadOffice", "serviceHall",
)  # fmt: skip
# Key → the register whose codes it holds.
_REGISTERS: Mapping[str, str] = {
    **dict.fromkeys(_UNITS, "units"),
    **dict.fromkeys(("element", "elements", "unmasked", "facts", "proves"), "elements"),
    **dict.fromkeys(("serviceItem", "serviceItems", "relatedServiceItems", "mainItem"), "services"),
    **dict.fromkeys(("material", "materials", "replaces", "input"), "materials"),
    **dict.fromkeys(("population", "populations", "authoritativeFor"), "populations"),
    "power": "powers",
    "codeTable": "codes",
    "system": "systems",
    "client": "clients",
    "resource": "resources",
    "certificate": "certificates",
}


# In which order an entry that comes or goes is told: as the catalog has its keys.
_ORDER: Mapping[str, Sequence[str]] = {
    "services": ITEM_KEYS,
    "demands": DEMAND_KEYS,
    "materials": MATERIAL_KEYS,
    "powers": POWER_KEYS,
}


@dataclass(frozen=True)
class Change:
    """One place of an entry.

    Attributes:
        what: the part of the entry, in words.
        old, new: what stood and will stand there; empty: nothing.
        address: of the place in the entry, as an edit has it.
    """

    what: str
    old: str
    new: str
    address: str


@dataclass(frozen=True)
class ChangedEntry:
    """An entry of the catalog, and what of it changes.

    Attributes:
        kind: what it is: a resource, a demand.
        name: what people call it, with its code.
        file: where it stands.
        is_new, is_gone: whether it comes or goes as a whole.
    """

    kind: str
    name: str
    file: str
    is_new: bool
    is_gone: bool
    changes: tuple[Change, ...]


def changed_entries(edits: Iterable[Edit], catalog: Catalog, language: str) -> tuple[ChangedEntry, ...]:
    """Return edits in words, by entry.

    Args:
        edits: of the catalog.
        catalog: the one that they change; its registers name what codes stand for.
        language: zh or en.
    """
    words = _Words(catalog, language)
    by_entry: dict[tuple[str, str], list[Edit]] = {}
    for edit in edits:
        by_entry.setdefault((edit.file, edit.entry), []).append(edit)
    return tuple(words.entry(file, code, found) for (file, code), found in by_entry.items())


def place_in_words(edit: Edit, catalog: Catalog, language: str) -> str:
    """Return where an edit is made: the entry, and which part of it."""
    whole = None if edit.field else edit.new or edit.old
    return _Words(catalog, language).place(edit.file, edit.entry, parts_of(edit.field), whole)


def line_in_words(file: str, content: bytes, line: int, catalog: Catalog, language: str) -> str:
    """Return what stands at a line of a file: the entry, and which part of it; "" where that is none.

    Args:
        file: its path in the catalog.
        content: what it holds, or would hold.
        line: 1-based, as a fault tells it.
        catalog: the one whose registers name what codes stand for.
        language: zh or en.
    """
    found = place_at(file, content, line)
    if found is None:
        return ""
    code, parts = found
    data = read_content(file, content).entries[code]
    return _Words(catalog, language).place(file, code, parts, data)


class _Words:
    """What things are called, in one language."""

    def __init__(self, catalog: Catalog, language: str):
        self.catalog, self.language, self.is_english = catalog, language, language == "en"
        self._by_file = {
            one.file: one
            for register in (catalog.resources, catalog.services, catalog.demands)
            for one in register.values()
        }

    def say(self, zh: str, en: str) -> str:
        return en if self.is_english else zh

    def entry(self, file: str, code: str, edits: Sequence[Edit]) -> ChangedEntry:
        folder = _folder(file)
        whole = next((edit for edit in edits if not edit.field and edit.entry == code), None)
        data = (whole.new or whole.old) if whole else None
        places: dict[tuple[Part, ...], list[Any]] = {}
        for edit in edits:
            parts = parts_of(edit.field)
            for side, value in enumerate((edit.old, edit.new)):
                for place, leaf in _leaves(parts, value):
                    places.setdefault(place, [None, None])[side] = leaf
        order = {key: number for number, key in enumerate(_ORDER.get(folder, ()) if whole else ())}
        changes = tuple(
            Change(
                self.what(folder, file, place, old, new),
                self.value(place, old),
                self.value(place, new),
                field_of(place),
            )
            for place, (old, new) in sorted(
                places.items(), key=lambda one: order.get(str(next(iter(one[0]), "")), len(order))
            )
        )
        return ChangedEntry(
            self.kind(folder),
            self.name(folder, file, code, data if isinstance(data, Mapping) else {}),
            file,
            whole is not None and whole.old is None,
            whole is not None and whole.new is None,
            changes,
        )

    def place(self, file: str, code: str, parts: Sequence[Part], data: Any) -> str:
        """Return which part of which entry an address leads to; `data`: the entry, which may be new."""
        folder = _folder(file)
        name = self.name(folder, file, code, data if isinstance(data, Mapping) else {})
        what = f": {self.what(folder, file, parts, None, None)}" if parts else ""
        return f"{self.kind(folder)} {name}{what}"

    def kind(self, folder: str) -> str:
        return KINDS[folder][self.is_english] if folder in KINDS else folder

    def name(self, folder: str, file: str, code: str, data: Mapping[str, Any]) -> str:
        """Return what people call an entry, its code behind it."""
        if folder == "demands":
            number = code or str(data.get("demandId") or "")
            known = self.catalog.demands.get(number) or self._by_file.get(file)
            unit = getattr(known, "requester_unit", "") or str(data.get("requesterUnit") or "")
            number = number or getattr(known, "demand_id", "")
            return " ".join(part for part in (number, self.named("units", unit)) if part)
        if folder == "resources":
            resource = self._by_file.get(file)
            code = getattr(resource, "name", "") or str(data.get("name") or "")
            table: Mapping[str, Any] = next(iter(data.get("schema") or ()), {})
            told = str(table.get("businessName") or "")
            return _with_code(told if resource is None else self.resource(code), code)
        if folder == "campus":
            return self.name_of(self.catalog.campus)
        if folder == "codes" and file != "codes/index.csv":
            codes = file.removeprefix("codes/").removesuffix(".csv")
            return f"{self.named('codes', codes)} {_with_code(str(data.get('nameZh') or ''), code)}"
        if not code and folder == "services":
            code = getattr(self._by_file.get(file), "code", "") or str(data.get("code") or "")
        register = "codes" if folder == "codes" else folder
        found = self.named(register, code)
        if found == code:
            keys = ("nameEn", "titleEn", "nameZh", "titleZh") if self.is_english else ("nameZh", "titleZh")
            told = next((str(data[key]) for key in keys if data.get(key)), "")
            return _with_code(told, code) or file
        return found

    def named(self, register: str, code: str) -> str:
        """Return an entry of a register by its name and code; the code where it is none."""
        if register == "resources":
            return _with_code(self.resource(code), code)
        return _with_code(self.name_of(self.register(register).get(code)), code)

    def register(self, name: str) -> Mapping[str, Any]:
        """Return a register of the catalog, code → entry; an empty one where it keeps none of this name."""
        found = getattr(self.catalog.campus if name == "clients" else self.catalog, name, None)
        return found if isinstance(found, Mapping) else {}

    def resource(self, name: str) -> str:
        return resource_name(self.catalog, name, self.language)

    def name_of(self, one: Any) -> str:
        """Return the name of an entry in the reader's language, in Chinese where it has no other; "" if it has none."""
        raw = one if isinstance(one, Mapping) else getattr(one, "raw", {})
        english = getattr(one, "name_en", "") or raw.get("nameEn", "")
        return str((self.is_english and english) or getattr(one, "name_zh", "") or raw.get("nameZh", ""))

    def what(self, folder: str, file: str, parts: Sequence[Part], old: Any, new: Any) -> str:
        """Return which part of an entry an address leads to, from the outer to the inner."""
        told: list[str] = []
        places = [folder]
        under = ""
        for part, following in pairwise((*parts, None)):
            if isinstance(part, Member):
                if part.id is None:
                    told.append(self.say("次序", "order"))
                elif under in _NAMED_BY_MEMBER:
                    told.append(known_name(part.id, tuple(places), self.is_english))
                elif following is None and part.id in (old, new):
                    told.append(known_name(under, tuple(places), self.is_english))
                elif under != "schema":
                    one = known_name(_ONE_OF.get(under, under), tuple(places), self.is_english)
                    told.append(f"{one}{self.say('', ' ')}“{self.member(file, under, part.id)}”")
                places.append(under)
                continue
            assert isinstance(part, str)
            under = part
            is_passed = following is not None and (
                part in _PASSED or part in _HOLDERS or (isinstance(following, Member) and following.id)
            )
            if not is_passed and (part != "value" or not told):
                told.append(known_name(part, tuple(places), self.is_english))
            if not isinstance(following, Member):
                places.append(part)
        return " · ".join(told) or self.say("内容", "content")

    def member(self, file: str, under: str, code: str) -> str:
        """Return what people call a member of a list by what tells it apart there."""
        known = self._by_file.get(file)
        if under == "properties" and isinstance(known, Resource) and known.has_item(code):
            return item_name(self.catalog, known.item(code), self.language)
        if under == "form":
            fields = {one.field: one.name_zh for one in getattr(known, "form", ())}
            return fields.get(code) or code
        if under == "steps":
            steps = {str(one.seq): one.name_zh for one in getattr(known, "steps", ())}
            return f"{code} {steps.get(code, '')}".strip()
        if under == "contacts":
            return self.named("units", code)
        return self.scalar(under, code)

    def value(self, parts: Sequence[Part], value: Any) -> str:
        """Return a value as people write it; empty for nothing."""
        key = next((part for part in reversed(parts) if isinstance(part, str) and part != "value"), "")
        last = parts[-1] if parts else None
        if isinstance(last, Member) and last.id is not None and last.id != value:
            key = last.id
        elif len(parts) > 1 and parts[-1] == "value" and isinstance(parts[-2], Member) and parts[-2].id:
            key = parts[-2].id
        if isinstance(value, list) and not any(isinstance(one, Mapping | list) for one in value):
            told = self.say("、", ", ").join(self.scalar(key, one) for one in value)
        elif isinstance(value, Mapping) and value.keys() == _LIMIT:
            told = duration(value["value"], str(value["unit"]), self.is_english)
        elif isinstance(value, Mapping | list):
            told = json.dumps(value, ensure_ascii=False)
        else:
            told = self.scalar(key, value)
        return told if len(told) <= _LONGEST else f"{told[: _LONGEST - 1]}…"

    def scalar(self, key: str, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return self.say("是", "yes") if value else self.say("否", "no")
        if not isinstance(value, str):
            return str(value)
        if value.startswith(POST):
            return post_title(self.catalog, value, self.language)
        if key in _REGISTERS and value in self.register(_REGISTERS[key]):
            return self.named(_REGISTERS[key], value)
        return code_word(key, value, self.is_english)


def _folder(file: str) -> str:
    return file.partition("/")[0].partition(".")[0]


def _leaves(parts: tuple[Part, ...], value: Any) -> Iterator[tuple[tuple[Part, ...], Any]]:
    """Yield what stands at an address, or at those below it, where it is a mapping or a list of such."""
    if value is None:
        return
    last = parts[-1] if parts else None
    if isinstance(value, Mapping) and value and value.keys() != _LIMIT:
        if isinstance(last, Member) and parts[-2:-1] == ("members",) and value.keys() == {"username", "role"}:
            # One post goes and another comes: what changes is who has the role.
            yield (*parts[:-2], str(value["role"])), value["username"]
            return
        for key, inner in value.items():
            if not (isinstance(last, Member) and key == "property" and inner == last.id):
                yield from _leaves((*parts, str(key)), inner)
        return
    if isinstance(value, list) and isinstance(last, str) and any(isinstance(one, Mapping) for one in value):
        ids = member_ids(last, value)
        if ids is not None:
            for name, member in zip(ids, value, strict=True):
                yield from _leaves((*parts, Member(name)), member)
            return
    yield parts, value


def _with_code(name: str, code: str) -> str:
    return f"{name} ({code})" if name and code and name != code else name or code
