"""From what was found in a source to ODCS contracts: valid, marked where guessed, and giving nobody anything.

A draft is read, admitted and stored like any contract, so that its provider sees how the data fare; but it is of
status `draft`, shared with nobody, without subject, elements or authority, so that no fact and no grant can come of
it before somebody has decided. What the source declares is written down as it is; what was only found in the rows,
or suggested by a name, stands below a comment that begins with `guess:`.

A table whose rows nothing tells apart gets no contract: two equal rows would be refused as one key given twice, and
which of several rows changed could never be said. Its provider gives it a key, or whoever drafts says which one it has
(`docs/decisions/0066-keys-said-by-hand.md`).
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from pypinyin import lazy_pinyin
from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS

from catalogs.check_between import folded
from catalogs.contracts import read_contract
from catalogs.faults import Faults, did_you_mean
from catalogs.found import ColumnProfile, FoundColumn, FoundTable, Profile
from catalogs.guesses import PERSONAL, SENSITIVE, Hints, Registers, code_table, hints, name_in, snake
from catalogs.loading import read, read_files
from catalogs.model import DEFAULT_SCALE, LONGEST_TEXT, Catalog, CodeTable, Resource, System
from catalogs.settings import DEFAULT_CAMPUS

STATUS = "draft"
# Below so many rows, "always filled" and "only numbers" say nothing.
ENOUGH_ROWS = 20
# A code that fewer rows hold may be somebody's own words.
_REPEATED = 3
_SHORT = 4
_NO_BASIS = "待定: 草案, 尚未由数源单位核定"
_INDEX = "codes/index.csv"
_ABOUT_PERSONS = "personal data: a column is called like a person's"
_PG_NAME = 63
_ITEM_NAME = _PG_NAME - len("__src")
_VERSION_NAME = len("stg_") + len("__v99")
# Staging models name items without quotes; YAML 1.1 takes the last line's words for booleans.
_RESERVED = frozenset(RESERVED_WORDS) | {
    "returning", "system_user", "tablesample", "ctid", "tableoid", "cmin", "cmax", "xmin", "xmax",
    "no", "off", "on", "yes", "y", "n",
}  # fmt: skip
_DECIMAL, _INT64, _FLOAT_SCALE = 38, 18, 20
_FLOAT = re.compile("double|float|real", re.IGNORECASE)
_PRECISION = re.compile(r"\(\s*(\d+)\s*(?:,\s*(-?\d+)\s*)?\)")
_NATIONAL = re.compile(r"(GB|JY)/T")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]+")


@dataclass(frozen=True)
class Found:
    """A table and what its rows are like."""

    table: FoundTable
    profile: Profile


@dataclass(frozen=True)
class Drafted:
    """One contract.

    Attributes:
        resource: its name.
        table: physical name.
        file: where it belongs, relative to the campus folder.
        text: the YAML.
        guesses: what is marked in it, item and words.
        codes: code tables that it names or proposes, file → CSV.
    """

    resource: str
    table: str
    file: str
    text: str
    guesses: tuple[tuple[str, str], ...]
    codes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Undrafted:
    """A table that gets no contract, and why."""

    table: str
    reason: str


@dataclass
class _Item:
    """One item while it is being drafted; `guesses` become comments above its line."""

    name: str
    column: FoundColumn
    hints: Hints
    logical_type: str = "string"
    options: dict[str, str] = field(default_factory=dict)
    is_required: bool = False
    key_place: int = 0
    references: str = ""
    custom: dict[str, str] = field(default_factory=dict)
    guesses: list[str] = field(default_factory=list)


class Drafter:
    """Drafts the tables of one system.

    Args:
        system: their system.
        catalog: the campus as far as it exists: units, names already taken, contracts that tables refer to.
        registers: what names are compared with.
        exclude: predicate of the source's own dialect; what it names never lands.
        on: the campus's day.
        key: physical names of the columns that whoever drafts says are the key of every table drafted; empty: what is
            declared, else what is found.
    """

    def __init__(
        self,
        system: System,
        catalog: Catalog,
        registers: Registers,
        on: date,
        exclude: str = "",
        key: Sequence[str] = (),
    ) -> None:
        self.system = system
        self.catalog = catalog
        self.registers = registers
        self.on = on
        self.exclude = exclude
        self.key = tuple(key)
        self._names: dict[str, str] = {}
        self._titles = {folded(one.name_zh) for one in catalog.systems.values()} | {
            folded(one.business_name) for one in catalog.resources.values()
        }

    def resource_name(self, table: FoundTable) -> str:
        """Return `system.table` for a table; the same each time, and nobody else's."""
        if table.physical_name not in self._names:
            most = _PG_NAME - _VERSION_NAME - len(self.system.code) - len("__")
            taken = {name.partition(".")[2] for name in self._names.values()} | {
                one.name.partition(".")[2]
                for one in self.catalog.resources.values()
                if one.system == self.system.code
            }
            name = _unique(ascii_name(_bare(table), "t", most), taken, most)
            self._names[table.physical_name] = f"{self.system.code}.{name}"
        return self._names[table.physical_name]

    def hints(self, table: FoundTable) -> dict[str, Hints]:
        """Return physical column name → what it suggests."""
        return {column.name: hints(column.name, column.comment, self.registers) for column in table.columns}

    def as_text(self, table: FoundTable) -> Resource:
        """Return the table as a resource of texts, for reading it out before anything is known of its values."""
        text = self._text(table, self._items(table), [], False)
        file = _file(self.resource_name(table))
        contract = read_contract(text.encode(), file, self.catalog.systems, {}, Faults())
        if contract is None:
            raise AssertionError(f"{table.physical_name}: the draft is no contract")
        return contract.resource

    def key_fault(self, table: FoundTable) -> str:
        """Say what is wrong with the key said by hand, for a table; empty if nothing is."""
        columns = [item.column.name for item in self._items(table)]
        for one in self.key:
            if one not in columns:
                hint = did_you_mean(one, columns) or f"there are: {', '.join(columns)}"
                return f"--key {one}: it has no column that is called so; {hint}"
        return "--key names a column twice" if len(set(self.key)) < len(self.key) else ""

    def draft(self, found: Sequence[Found]) -> tuple[list[Drafted], list[Undrafted]]:
        """Draft contracts for tables that were looked at; they may refer to each other.

        Returns:
            The contracts, and the tables that get none.
        """
        drafted, undrafted = [], []
        with_key = []
        for one in found:
            key = self.key or (one.table.keys or one.profile.keys or ((),))[0]
            if key:
                with_key.append((one, key))
            else:
                undrafted.append(Undrafted(one.table.physical_name, _no_key(one)))
        keys = {one.table.physical_name: key for one, key in with_key}
        tables = {one.table.physical_name: one.table for one, _ in with_key}
        # What somebody refers to is a name, not a quantity, whatever its values look like.
        referred = {
            (reference.to_table, column)
            for one, _ in with_key
            for reference in one.table.references
            for column in reference.to_columns or keys.get(reference.to_table, ())
        }
        for one, key in with_key:
            drafted.append(self._draft(one, key, tables, keys, referred))
        return drafted, undrafted

    def files(self, contracts: Iterable[Drafted]) -> dict[str, str]:
        """Return everything that belongs to the contracts: they themselves and their code tables, path → text."""
        found: dict[str, str] = {}
        for one in contracts:
            found |= {one.file: one.text, **one.codes}
        index = self.catalog.files.get(_INDEX, b"table,norm,version,nameZh,status\n").decode("utf-8-sig")
        rows = [
            (table.name, table.norm, table.version, table.name_zh, table.status)
            for table in self.registers.codes.values()
            if f"codes/{table.name}.csv" in found
        ]
        if rows:
            (first, *rest) = index.splitlines()
            listed = next(csv.reader([first]))
            columns = ("table", "norm", "version", "nameZh", "status")
            ordered = [
                [dict(zip(columns, row, strict=True)).get(name, "") for name in listed] for row in rows
            ]
            found[_INDEX] = "\n".join([first, *rest]) + "\n" + _csv(ordered)
        return found

    def _draft(
        self,
        one: Found,
        key: tuple[str, ...],
        tables: Mapping[str, FoundTable],
        keys: Mapping[str, tuple[str, ...]],
        referred: set[tuple[str, str]],
    ) -> Drafted:
        table, profile = one.table, one.profile
        items = self._items(table)
        codes: dict[str, str] = {}
        names = {*key, *(column for reference in table.references for column in reference.columns)}
        for item in items:
            column = item.column.name
            is_name = column in names or (table.physical_name, column) in referred
            self._type(item, profile, is_name)
            self._required(item, profile, column in key)
            if column in key:
                item.key_place = key.index(column) + 1
            elif not is_name:
                codes |= self._codes(item, profile, self.resource_name(table))
            self._formats(item, profile)
            self._people(item)
        by_column = {item.column.name: item for item in items}
        pi_class = (
            PERSONAL if any(item.hints.pi_class or item.custom.get("piClass") for item in items) else ""
        )
        about = self._about(table, profile, key, by_column)
        composite = self._references(table, tables, keys, by_column, about)
        name = self.resource_name(table)
        told = [("", words) for words in about]
        told += [(item.name, words) for item in items for words in item.guesses]
        if pi_class:
            told.append(("", _ABOUT_PERSONS))
        text = self._text(table, items, about, True, composite, pi_class)
        return Drafted(name, table.physical_name, _file(name), text, tuple(told), codes)

    def _items(self, table: FoundTable) -> list[_Item]:
        suggested = self.hints(table)
        taken: set[str] = set()
        items = []
        # Only a database tells names apart that differ in case only.
        in_database = table.kind in ("table", "view")
        called = [column.name if in_database else column.name.casefold() for column in table.columns]
        for column, name in zip(table.columns, called, strict=True):
            if called.count(name) > 1:
                continue
            name = ascii_name(column.name, "c", _ITEM_NAME)
            name = _unique(f"{name}_" if name in _RESERVED else name, taken, _ITEM_NAME)
            taken.add(name)
            items.append(_Item(name, column, suggested[column.name]))
        return items

    def _type(self, item: _Item, profile: Profile, is_name: bool) -> None:
        """Choose the narrowest type that every value is read as; text stays text unless its name agrees."""
        column, seen = item.column, profile.columns[item.column.name]
        readable = {kind for kind, count in seen.readable.items() if count == seen.filled}
        wanted = {
            "integer": ("integer", "number"),
            "number": ("integer", "number") if _is_whole(column) else ("number",),
            "boolean": ("boolean",),
            "date": ("date",),
            "timestamp": ("timestamp",),
        }.get(column.family, ())
        if "zerofill" in column.type.casefold():
            item.guesses.append(
                f"{column.type} in the source, which writes its zeros: text, so that they stay"
            )
        elif not seen.filled:
            item.logical_type = wanted[0] if wanted else "string"
        elif wanted:
            item.logical_type = next((kind for kind in wanted if kind in readable), "string")
            if item.logical_type == "string":
                bad = seen.filled - seen.readable.get(wanted[-1], 0)
                item.guesses.append(
                    f"{column.type} in the source, but {bad:,} of {seen.filled:,} values are no {wanted[-1]}: text"
                )
        elif column.family in ("text", "unknown"):
            item.logical_type = self._type_of_text(item, profile, readable, is_name)
        if item.logical_type == "number" and (scale := scale_of(column, seen.scale)) != DEFAULT_SCALE:
            item.options["multipleOf"] = f"{Decimal(1).scaleb(-scale):f}"
        if item.logical_type == "string" and max(seen.longest, _declared_length(column)) > LONGEST_TEXT:
            longest = max(2 * seen.longest, _declared_length(column))
            item.options["maxLength"] = str(longest)
            item.guesses.append(
                f"maxLength: the longest of its values has {seen.longest:,} characters; beyond {LONGEST_TEXT:,} it has "
                f"to be said how many there may be"
            )

    def _type_of_text(self, item: _Item, profile: Profile, readable: set[str], is_name: bool) -> str:
        hints, seen = item.hints, profile.columns[item.column.name]
        if profile.is_sample or (seen.filled < ENOUGH_ROWS and not hints.is_date):
            return "string"
        kind = "string"
        if "date" in readable and not is_name and (hints.is_date or "integer" not in readable):
            kind = "date"
        elif "timestamp" in readable and not is_name:
            kind = "timestamp"
        elif "boolean" in readable and hints.is_flag and seen.distinct <= 2:
            kind = "boolean"
        elif "number" in readable and not (is_name or hints.is_key or seen.is_zero_filled):
            whole = "integer" in readable
            if hints.is_quantity:
                kind = "integer" if whole else "number"
            elif not seen.codes and not hints.is_code:
                item.guesses.append(
                    f"holds only {'whole ' if whole else ''}numbers here; if it is a quantity, write "
                    f'logicalType: "{"integer" if whole else "number"}"'
                )
        if kind != "string":
            item.guesses.append(
                f"{item.column.type or 'text'} in the source, and all {seen.filled:,} values are {kind}s"
            )
        return kind

    def _required(self, item: _Item, profile: Profile, is_key: bool) -> None:
        seen = profile.columns[item.column.name]
        if is_key or (item.column.is_required and seen.filled == profile.rows):
            item.is_required = True
        elif item.column.is_required:
            item.guesses.append(
                f"declared NOT NULL, but {profile.rows - seen.filled:,} rows are blank: not required"
            )
        elif seen.filled == profile.rows >= ENOUGH_ROWS and not profile.is_sample:
            item.is_required = True
            item.guesses.append(f"required: filled in all {profile.rows:,} rows")

    def _codes(self, item: _Item, profile: Profile, resource: str) -> dict[str, str]:
        """Name the code table that holds all values and is called so; else propose one of the values found."""
        seen, column = profile.columns[item.column.name], item.column
        if item.logical_type != "string" or not seen.codes or column.family not in ("text", "unknown"):
            return {}
        title = item.hints.title or column.name
        known = code_table(title, column.comment, frozenset(seen.codes), self.registers.codes)
        if known is not None and not profile.is_sample:
            item.custom["codeTable"] = known.name
            item.guesses.append(
                f"codes of {known.name} ({known.name_zh}, {known.norm}): all {len(seen.codes)} values are"
            )
            return {} if known.name in self.catalog.codes else {f"codes/{known.name}.csv": codes_csv(known)}
        repeated = sorted(code for code, rows in seen.codes.items() if rows >= _REPEATED)
        if not _may_be_written(item.hints, seen) or len(repeated) < 2:
            return {}
        name = f"{resource.replace('.', '_')}_{item.name}"
        item.guesses.append(
            f"a code of {len(seen.codes)} values: look at their names in codes/{name}.csv, then add codeTable"
        )
        rows = [(code, name_in(column.comment, code) or f"待定 {code}") for code in repeated]
        return {f"codes/{name}.csv": _csv([("code", "nameZh"), *rows])}

    def _formats(self, item: _Item, profile: Profile) -> None:
        seen, hints = profile.columns[item.column.name], item.hints
        if item.logical_type != "string" or "codeTable" in item.custom:
            return
        for name, count in seen.formats.items():
            if name == "postcode":
                if not hints.is_postcode:
                    continue
                told, options = "postal codes", {"pattern": json.dumps("^[0-9]{6}$")}
            else:
                # Every number of twelve digits could be a bank card's, of eleven a telephone's.
                is_by_chance = {"bank_card": hints.pi_class != SENSITIVE, "phone_cn": bool(item.key_place)}
                if is_by_chance.get(name):
                    continue
                told, options = f"of format {name}", {"format": json.dumps(name)}
            if count == seen.filled >= ENOUGH_ROWS and not profile.is_sample:
                item.options |= options
                item.guesses.append(f"all {seen.filled:,} values are {told}")
            else:
                item.guesses.append(f"{count:,} of {seen.filled:,} values are {told}")
            if name in ("resident_id", "bank_card"):
                item.custom["piClass"] = SENSITIVE
            return

    def _people(self, item: _Item) -> None:
        """Mark what is sensitive; that a table is about persons at all is said of the whole (`_about`)."""
        hints = item.hints
        if hints.pi_class == SENSITIVE or item.custom.get("piClass") == SENSITIVE:
            item.custom |= {"piClass": SENSITIVE, "mask": "hide"}
            item.guesses.append("sensitive personal data, by its name or form")
        if hints.element is not None:
            item.custom["note"] = f"guess: element {hints.element.code} ({hints.element.name_zh})"
            item.guesses.append(f"means element {hints.element.code} ({hints.element.name_zh}), by its name")
        if hints.is_secrecy:
            item.guesses.append(
                "may mark state secrets: write ingest.exclude before the first run, or they land"
            )
        if not hints.title and item.column.name.isascii():
            item.guesses.append("no comment in the source: its name stands for the Chinese name")

    def _about(
        self, table: FoundTable, profile: Profile, key: tuple[str, ...], items: Mapping[str, _Item]
    ) -> list[str]:
        """What is guessed of the table as a whole."""
        told = []
        if self.key:
            told.append(f"key: ({', '.join(items[part].name for part in key)}) was said by hand")
        elif not table.keys:
            others = [f"({', '.join(items[part].name for part in parts)})" for parts in profile.keys[1:4]]
            also = f"; so do {', '.join(others)}" if others else ""
            where = "the first " if profile.is_sample else "all "
            told.append(
                f"key: none is declared; ({', '.join(items[part].name for part in key)}) tells apart {where}"
                f"{profile.rows:,} rows{also}"
            )
        for item in items.values():
            if (
                item.hints.is_changed_at
                and item.logical_type in ("timestamp", "date")
                and table.kind != "file"
            ):
                indexed = "indexed" if item.column.is_indexed else "not indexed"
                told.append(
                    f'{item.name} ({indexed}) is called like a time of change: mode: "watermark", watermark: '
                    f'"{item.name}" would read only what changed'
                )
        lost = [column.name for column in table.columns if column.name not in items]
        if lost:
            told.append(
                f"{', '.join(dict.fromkeys(lost))}: stands twice, or differs in case only, so it cannot be asked for"
            )
        if profile.is_sample:
            told.append(f"looked at the first {profile.rows:,} rows only")
        told += table.notes
        return told

    def _references(
        self,
        table: FoundTable,
        tables: Mapping[str, FoundTable],
        keys: Mapping[str, tuple[str, ...]],
        items: Mapping[str, _Item],
        about: list[str],
    ) -> list[str]:
        """Write declared foreign keys down; those over several columns are returned, as YAML."""
        composite = []
        for reference in table.references:
            target = self._target(reference.to_table, reference.to_columns, tables, keys)
            ours = [items[column] for column in reference.columns if column in items]
            if target is None or len(target) != len(ours):
                about.append(f"refers to {reference.to_table}, which has no contract, or not by its key")
                continue
            if len(ours) == 1:
                ours[0].references = target[0]
            else:
                own = self.resource_name(table).partition(".")[2]
                froms = ", ".join(_quoted(f"{own}.{item.name}") for item in ours)
                composite.append(
                    f'{{type: "foreignKey", from: [{froms}], to: [{", ".join(map(_quoted, target))}]}}'
                )
        return composite

    def _target(
        self,
        physical_name: str,
        columns: tuple[str, ...],
        tables: Mapping[str, FoundTable],
        keys: Mapping[str, tuple[str, ...]],
    ) -> list[str] | None:
        """Return the referred items as `system.table.item`, if they are the key of a contract; else None."""
        if physical_name in tables:
            wanted = columns or keys[physical_name]
            if set(wanted) != set(keys[physical_name]):
                return None
            names = {item.column.name: item.name for item in self._items(tables[physical_name])}
            return [f"{self.resource_name(tables[physical_name])}.{names[column]}" for column in wanted]
        for resource in self.catalog.resources.values():
            if resource.system == self.system.code and resource.physical_name == physical_name:
                by_column = {item.physical_name: item.name for item in resource.items}
                names_of_key = [by_column.get(column, "") for column in columns] or list(resource.key)
                if set(names_of_key) == set(resource.key):
                    return [f"{resource.name}.{name}" for name in names_of_key]
        return None

    # Writing.

    def _text(
        self,
        table: FoundTable,
        items: Iterable[_Item],
        about: Iterable[str],
        is_titled: bool,
        composite: Sequence[str] = (),
        pi_class: str = "",
    ) -> str:
        name = self.resource_name(table)
        title = self._title(table) if is_titled else name
        unit = self.catalog.units.get(self.system.provider)
        posts = ((unit.accountable, "accountable"), (unit.steward, "steward")) if unit else ()
        members = ", ".join(
            f"{{username: {_quoted(post)}, role: {_quoted(role)}}}" for post, role in posts if post
        )
        comment = _line(table.comment)
        lines = [
            f"# Drafted from the source on {self.on} by yici source draft. Nothing is decided yet: look at each guess,",
            '# have the provider decide sharing, keys and codes, then write status: "active".',
            'apiVersion: "v3.2.0"',
            'kind: "DataContract"',
            f"id: {_quoted(name.replace('.', '-'))}",
            f"name: {_quoted(name)}",
            'version: "0.1.0"',
            f"status: {_quoted(STATUS)}",
            f'description: {{purpose: "待定", limitations: {_quoted(_NO_BASIS)}}}',
            f"team: {{name: {_quoted(unit.name_zh if unit else self.system.provider)}, members: [{members}]}}",
            "customProperties:",
            f'  - {{property: "system", value: {_quoted(self.system.code)}}}',
            "  # guess: a code of its own until the catalog has one for it",
            f'  - {{property: "resourceCode", value: {_quoted(f"draft/{name}")}}}',
            "  # guess: shared with nobody, seen by the data office only, until its provider decides",
            '  - {property: "shareType", value: "none"}',
            f'  - {{property: "noShareBasis", value: {_quoted(_NO_BASIS)}}}',
            '  - {property: "tier", value: "office"}',
            '  - {property: "isOpen", value: false}',
            '  - {property: "secrecy", value: "none"}',
            '  - {property: "updateCycle", value: "daily"}',
            "  # guess: read whole each time; a row that is gone from the source ends (registers of people:",
            '  # onAbsence: "keep_as_former")',
            f'  - {{property: "ingest", value: {{mode: "full", onAbsence: "end"{self._excluded()}}}}}',
        ]
        if pi_class:
            lines += [
                f"  # guess: {_ABOUT_PERSONS}",
                f'  - {{property: "piClass", value: {_quoted(pi_class)}}}',
            ]
        if table.read:
            # As they are: a delimiter may be a tab.
            read = ", ".join(
                f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in table.read.items()
            )
            lines.append(f'  - {{property: "read", value: {{{read}}}}}')
        lines += [
            "schema:",
            *(f"  # guess: {_line(words)}" for words in about),
            f"  - name: {_quoted(name.partition('.')[2])}",
            f"    physicalName: {_quoted(table.physical_name)}",
            f"    physicalType: {_quoted(table.kind)}",
            f"    businessName: {_quoted(title)}",
            f"    description: {_quoted(comment or '待定')}",
        ]
        if composite:
            lines.append(f"    relationships: [{', '.join(composite)}]")
        lines.append("    properties:")
        for item in items:
            lines += [f"      # guess: {_line(words)}" for words in item.guesses]
            lines.append(f"      - {{{_fields(item)}}}")
        return "\n".join(lines) + "\n"

    def _excluded(self) -> str:
        return f", exclude: {_quoted(self.exclude)}" if self.exclude else ""

    def _title(self, table: FoundTable) -> str:
        """Return a Chinese name that no resource and no system has: the comment, else the table's own name."""
        comment = _line(table.comment)
        for title in (comment, f"{comment} {table.physical_name}".strip(), self.resource_name(table)):
            if folded(title) and folded(title) not in self._titles:
                self._titles.add(folded(title))
                return title
        return self.resource_name(table)


def registers_of(catalog: Catalog) -> Registers:
    """Return what names are compared with: the campus's registers, and the national ones that come with Yici."""
    shipped = {
        name: content
        for name, content in read_files(DEFAULT_CAMPUS).items()
        if name == "elements.csv" or name.startswith("codes/")
    }
    known = read(shipped)[0].catalog
    national = {name: table for name, table in known.codes.items() if _NATIONAL.match(table.norm)}
    return Registers(catalog.elements, known.elements, {**national, **catalog.codes})


def codes_csv(table: CodeTable) -> str:
    """Write a code table as a file of codes/."""
    columns = ("code", "nameZh", "nameEn", "parent", "validFrom", "validTo")
    rows = [
        (row.code, row.name_zh, row.name_en, row.parent, row.valid_from or "", row.valid_to or "")
        for row in table.rows.values()
    ]
    return _csv([columns, *rows])


def ascii_name(name: str, empty: str, most: int) -> str:
    """Turn a physical name into an item's or table's: pinyin for Chinese, lower case.

    Args:
        name: as the source spells it.
        empty: what to put before a name that begins with a digit, or instead of one of which nothing is left.
        most: characters.
    """
    text = snake("_".join(lazy_pinyin(name)) if not name.isascii() else name)
    if not text or not text[0].isalpha():
        text = f"{empty}_{text}"
    return text[:most].strip("_")


def _unique(name: str, taken: Iterable[str], most: int) -> str:
    used = set(taken)
    number, free = 1, name
    while free in used:
        number += 1
        free = f"{name[: most - len(str(number)) - 1]}_{number}"
    return free


def _bare(table: FoundTable) -> str:
    """The part of a physical name that says what it is: no schema, folder, placeholder or file ending."""
    name = table.physical_name
    if table.kind == "file":
        file, _, sheet = name.rpartition("/")[2].partition("#")
        stem = re.sub(r"\{[^}]*\}", "", file.rpartition(".")[0])
        return f"{stem} {sheet}".strip(" _-")
    if table.kind == "path":
        return name.partition("?")[0].rstrip("/").rpartition("/")[2]
    return name.partition(".")[2] if table.sql_name.count(".") and "." in name else name


def _may_be_written(hints: Hints, seen: ColumnProfile) -> bool:
    """Whether values are codes beyond doubt: teachers of a small school are few, short and repeated, too.

    What is called a code is one; what is not called anything must at least look like one. Names and numbers of
    somebody are never written.
    """
    if hints.is_name or hints.pi_class == SENSITIVE:
        return False
    looks_like_one = all(code.isascii() and len(code) <= _SHORT for code in seen.codes) and not hints.is_key
    return hints.is_code or (looks_like_one and not hints.pi_class)


def _no_key(one: Found) -> str:
    if one.profile.rows < 2:
        why = "no key is declared, and none can be found in fewer than two rows"
    else:
        why = (
            "no key is declared, and no three columns that are always filled tell its rows apart: equal rows would be "
            "refused"
        )
    return (
        f"{why}. Its provider declares a key, or offers a view with one; if documents say what the key is, draft it "
        f"with --table and --key. What is not wanted is named in `ignored` of systems.yaml"
    )


def scale_of(column: FoundColumn, found: int) -> int:
    """Return the digits after the point that a drafted number allows.

    Args:
        column: its type may say; a floating-point one says nothing, so that it gets all that it may ever need.
        found: most digits found in its values.
    """
    precision, scale = _declared(column)
    if 0 < precision <= _DECIMAL or column.family == "integer":
        return max(scale, found)
    return max(_FLOAT_SCALE if _FLOAT.search(column.type) else DEFAULT_SCALE, found)


def _is_whole(column: FoundColumn) -> bool:
    """Whether a decimal type holds whole numbers of at most 64 bits."""
    precision, scale = _declared(column)
    return 0 < precision <= _INT64 and scale == 0


def _declared(column: FoundColumn) -> tuple[int, int]:
    """Digits in all and after the point that a decimal type allows; zeros where it does not say."""
    told = _PRECISION.search(column.type) if column.family == "number" else None
    return (int(told.group(1)), max(0, int(told.group(2) or 0))) if told else (0, 0)


def _declared_length(column: FoundColumn) -> int:
    """Characters that a text type allows; 0 where it does not say."""
    told = _PRECISION.search(column.type) if column.family == "text" else None
    return int(told.group(1)) if told else 0


def _fields(item: _Item) -> str:
    column = item.column
    parts = [
        f"name: {_quoted(item.name)}",
        f"physicalName: {_quoted(column.name)}",
        f"businessName: {_quoted(item.hints.title or column.name)}",
    ]
    comment = _line(column.comment)
    if comment and comment != item.hints.title:
        parts.append(f"description: {_quoted(comment)}")
    parts.append(f"logicalType: {_quoted(item.logical_type)}")
    if column.type:
        parts.append(f"physicalType: {_quoted(column.type)}")
    if item.is_required:
        parts.append("required: true")
    if item.key_place:
        parts.append(f"primaryKey: true, primaryKeyPosition: {item.key_place}")
    if item.options:
        options = ", ".join(f"{key}: {value}" for key, value in item.options.items())
        parts.append(f"logicalTypeOptions: {{{options}}}")
    if item.references:
        parts.append(f'relationships: [{{type: "foreignKey", to: {_quoted(item.references)}}}]')
    if item.custom:
        custom = ", ".join(
            f'{{property: "{key}", value: {_quoted(value)}}}' for key, value in item.custom.items()
        )
        parts.append(f"customProperties: [{custom}]")
    return ", ".join(parts)


def _file(resource: str) -> str:
    system, _, table = resource.partition(".")
    return f"resources/{system}/{table}.odcs.yaml"


def _line(text: str) -> str:
    """One line without control characters: what a vendor wrote must not end our comment."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def _quoted(value: Any) -> str:
    """Write a string in double quotes, which JSON and YAML read alike; other values as they are in both."""
    return json.dumps(_UNPRINTABLE.sub(" ", value) if isinstance(value, str) else value, ensure_ascii=False)


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
