"""Checks of contracts against the registers and against each other."""

from collections.abc import Collection, Mapping

import sqlglot
from sqlglot.errors import SqlglotError

from catalogs.contracts import Contract
from catalogs.derive import authoritative_items
from catalogs.faults import Faults, did_you_mean
from catalogs.lined_yaml import line_of
from catalogs.model import LOOKUP_SYSTEM_KIND, IdentityItems, Item, Pick, Relationship, Resource
from catalogs.sources import Sources
from catalogs.sql import SqlFault, order_columns, predicate

# Read this often, landed, judged and released, what changed is seen within ten minutes.
REALTIME_MINUTES = 5
_DIALECTS = {"postgres": "postgres", "mysql": "mysql", "sqlite": "sqlite"}
_ELEMENT_TYPES = {
    "C": ("string",), "N": ("number", "integer"), "Y": ("number", "integer"), "D": ("date",),
    "T": ("timestamp",), "L": ("boolean",), "M": ("string",), "B": ("number",), "I": ("integer",),
    "F": ("number",),
    "string": ("string",), "integer": ("integer",), "number": ("number", "integer"), "boolean": ("boolean",),
    "date": ("date",), "timestamp": ("timestamp",),
}  # fmt: skip


def tell_contract_faults(sources: Sources, faults: Faults) -> None:
    """Check every contract: references, keys, rules, sharing, subjects, relationships, authority."""
    for contract in sources.contracts.values():
        check = _Check(sources, contract, faults)
        check.references()
        check.key()
        check.items()
        check.rules()
        check.ingest()
        check.subject()
        check.relationships()
        check.sharing()
        check.asking()


class _Check:
    def __init__(self, sources: Sources, contract: Contract, faults: Faults):
        self.catalog = sources.catalog
        self.contract = contract
        self.resource = contract.resource
        self.faults = faults
        self.item_names = [item.name for item in self.resource.items]

    def tell(self, rule: str, line: int, what: str, **texts: str) -> None:
        self.faults.add(rule, self.resource.file, line, what, **texts)

    def unknown(
        self, rule: str, line: int, what: str, word: str, known: Collection[str], register: str
    ) -> None:
        """Tell an unknown word, with the nearest known one."""
        if word not in known:
            mend = did_you_mean(word, known)
            self.tell(rule, line, f'unknown {what} "{word}"', expected=register, mend=mend)

    def references(self) -> None:
        catalog, resource, line = self.catalog, self.resource, self.contract.line
        self.unknown(
            "C06", line("system"), "system", resource.system, catalog.systems, "a system of systems.yaml"
        )
        if resource.provider:
            self.unknown(
                "C06", line("provider"), "unit", resource.provider, catalog.units, "a code of units.csv"
            )
        for code in resource.authoritative_for:
            self.unknown(
                "C06",
                line("authoritativeFor"),
                "population",
                code,
                catalog.populations,
                "a code of populations.csv",
            )
        for code in resource.subject.populations if resource.subject else ():
            self.unknown(
                "C06",
                line("subject"),
                "population",
                code,
                catalog.populations,
                "a code of populations.csv",
            )
        if catalog.services:
            for code in resource.related_service_items:
                self.unknown(
                    "C06",
                    line("relatedServiceItems"),
                    "service item",
                    code,
                    catalog.services,
                    "a code under services/",
                )

    def key(self) -> None:
        if not self.resource.key:
            self.tell("C05", line_of(self.contract.doc, "schema"), "no primary key")
        for name in self.resource.key:
            if not self.resource.item(name).required:
                self.tell(
                    "C05",
                    self.contract.item_line(name, "primaryKey"),
                    f'key item "{name}" is not required',
                    mend="add required: true",
                )

    def items(self) -> None:
        catalog = self.catalog
        for item in self.resource.items:
            place = self.contract.item_line
            if item.element and catalog.elements:
                self.unknown(
                    "C06",
                    place(item.name, "element"),
                    "element",
                    item.element,
                    catalog.elements,
                    "a code of elements.csv",
                )
            if item.code_table and catalog.codes:
                key = "codeTable" if "codeTable" in item.properties else "element"
                self.unknown(
                    "C06",
                    place(item.name, key),
                    "code table",
                    item.code_table,
                    catalog.codes,
                    "a file of codes/",
                )
            if item.is_coded and item.logical_type != "string":
                self.tell(
                    "V03",
                    place(item.name, "logicalType"),
                    f'item "{item.name}" is coded and of type {item.logical_type}',
                    expected='logicalType "string"',
                    mend="codes are text",
                )
            self._code_map(item)
            self._element_type(item)
            if item.derived_from:
                self._derived_from(item)
            for name in _picked(item.pick):
                self.unknown(
                    "C10",
                    place(item.name, "pick"),
                    "item",
                    name,
                    self.item_names,
                    f"an item of {self.resource.name}",
                )

    def _code_map(self, item: Item) -> None:
        table = self.catalog.codes.get(item.code_table)
        if not item.code_map or table is None:
            return
        line = self.contract.item_line(item.name, "codeMap")
        for source, standard in item.code_map.items():
            if standard not in table.rows:
                self.tell(
                    "C07",
                    line,
                    f'item "{item.name}": codeMap "{source}" → "{standard}"',
                    expected=f"a code of {item.code_table}",
                    mend=_near_code(source, standard, table.rows, table.codes_by_name),
                )

    def _element_type(self, item: Item) -> None:
        element = self.catalog.elements.get(item.element)
        if element is None:
            return
        fitting = _ELEMENT_TYPES.get(element.type)
        if fitting and item.logical_type not in fitting:
            self.tell(
                "C19",
                self.contract.item_line(item.name, "logicalType"),
                f'item "{item.name}" is {item.logical_type}, its element {item.element} is {element.type}',
                expected=" or ".join(fitting),
            )

    def _derived_from(self, item: Item) -> None:
        table, _, name = item.derived_from.rpartition(".")
        line = self.contract.item_line(item.name, "derivedFrom")
        source = self.catalog.resources.get(table)
        if source is None:
            self.unknown("C06", line, "resource", table, self.catalog.resources, '"<system>.<table>.<item>"')
        elif not source.has_item(name):
            self.unknown("C06", line, "item", name, [one.name for one in source.items], f"an item of {table}")

    def rules(self) -> None:
        for rule in self.resource.rules:
            line = line_of(self.contract.rule_docs[rule.id], "query")
            for column in rule.columns:
                self.unknown(
                    "C08",
                    line,
                    f'item in rule "{rule.id}":',
                    column,
                    self.item_names,
                    f"an item of {self.resource.name}",
                )

    def ingest(self) -> None:
        ingest, line = self.resource.ingest, self.contract.line("ingest")

        def known(what: str, name: str) -> None:
            self.unknown(
                "C11",
                line,
                f"item in ingest.{what}:",
                name,
                self.item_names,
                f"an item of {self.resource.name}",
            )

        if ingest.reads_changes and not ingest.watermark:
            self.tell("C11", line, f"mode {ingest.mode} without a watermark", expected='watermark: "<item>"')
        if ingest.watermark:
            known("watermark", ingest.watermark)
        if ingest.partition and ingest.partition.source != "filename":
            known("partition.from", ingest.partition.source)
        if ingest.partition and ingest.partition.item:
            known("partition.item", ingest.partition.item)
        self._timing(line)
        if ingest.mode == "append" and ingest.partition is None and not ingest.watermark:
            self.tell(
                "C11",
                line,
                "mode append without partition or watermark",
                expected='partition: {by: "day", from: …} or watermark: "<item>"',
            )
        for name in self._order(ingest.pick_order_by, line):
            known("pick.orderBy", name)
        if ingest.exclude:
            self._exclude(line)

    def _timing(self, line: int) -> None:
        """How often a resource is read, and whether that keeps its update cycle."""
        ingest, resource = self.resource.ingest, self.resource
        is_intraday = ingest.mode == "intraday"
        if is_intraday and (not ingest.every_minutes or 60 % ingest.every_minutes):
            self.tell(
                "C11",
                line,
                f"mode intraday, every {ingest.every_minutes} minutes",
                expected="everyMinutes: a divisor of 60, such as 5",
            )
        if ingest.every_minutes and not is_intraday:
            self.tell("C11", line, f"everyMinutes in mode {ingest.mode}", expected='mode: "intraday"')
        if ingest.key_sweep_days and not ingest.reads_changes:
            self.tell(
                "C11",
                line,
                f"keySweep in mode {ingest.mode}, which finds deletions by itself or not at all",
                expected='mode: "watermark" or "intraday"',
            )
        system = self.catalog.systems.get(resource.system)
        is_asked = system is not None and system.kind == LOOKUP_SYSTEM_KIND
        is_often = is_intraday and 0 < ingest.every_minutes <= REALTIME_MINUTES
        if resource.update_cycle == "realtime" and not (is_asked or is_often):
            self.tell(
                "C21",
                self.contract.line("updateCycle"),
                f"updateCycle realtime, and it is read in mode {ingest.mode}",
                expected=f'ingest: {{mode: "intraday", everyMinutes: {REALTIME_MINUTES}, …}}, or fewer minutes',
            )

    def _order(self, text: str, line: int) -> tuple[str, ...]:
        if not text:
            return ()
        try:
            return order_columns(text)
        except SqlFault as fault:
            self.tell("C11", line, f"pick.orderBy: {fault}", expected='a list like "updated_at desc, seq"')
            return ()

    def _exclude(self, line: int) -> None:
        system = self.catalog.systems.get(self.resource.system)
        kind = system.kind if system else ""
        if kind.startswith("env:"):
            return
        dialect = _DIALECTS.get(kind, "duckdb")
        try:
            sqlglot.parse_one(f"SELECT 1 FROM t WHERE {self.resource.ingest.exclude}", dialect=dialect)
        except SqlglotError:
            self.tell(
                "C11",
                line,
                f"ingest.exclude does not parse as {dialect} SQL",
                expected="a predicate over physical columns",
            )

    def subject(self) -> None:
        subject, line = self.resource.subject, self.contract.line("subject")
        if subject is None:
            for item in authoritative_items(self.resource):
                self.tell(
                    "C10",
                    self.contract.item_line(item.name, "element"),
                    f'item "{item.name}" is authoritative, but the resource has no subject',
                    mend="add subject, or authoritative: false",
                )
            return
        named = [subject.key, *(link.item for link in subject.links)]
        if subject.identity:
            named += subject.identity.items
        for name in named:
            self.unknown(
                "C15", line, "item in subject:", name, self.item_names, f"an item of {self.resource.name}"
            )
        if subject.identity:
            self._compared(subject.identity, line)
        if self.resource.key == (subject.key,):
            return
        for item in authoritative_items(self.resource):
            if not item.many and item.pick is None:
                self.tell(
                    "C10",
                    self.contract.item_line(item.name, "element"),
                    f'item "{item.name}" is authoritative, but the key is '
                    f"({', '.join(self.resource.key)}) and the subject's key is {subject.key}",
                )

    def _compared(self, identity: IdentityItems, line: int) -> None:
        """What persons are told apart by varies from row to row, and a birthday is a date."""
        for name in ("number", "name", "former_number", "former_name", "birthday", "sex", "phone"):
            if getattr(identity, name).startswith("="):
                self.tell("C15", line, f"identity.{name} is a literal", expected="an item")
        birthday = next((i for i in self.resource.items if i.name == identity.birthday), None)
        if birthday is not None and birthday.logical_type != "date":
            self.tell("C15", line, f'"{birthday.name}", a birthday, is no date', expected="logicalType: date")

    def relationships(self) -> None:
        for link in self.resource.relationships:
            line = self._relationship_line(link)
            target = self.catalog.resources.get(link.to_resource)
            if target is None:
                self.unknown(
                    "C16",
                    line,
                    "resource",
                    link.to_resource,
                    self.catalog.resources,
                    "a resource with a contract",
                )
                continue
            for name, to_name in zip(link.items, link.to_items, strict=True):
                self._reference(name, target, to_name, line)
            if set(link.to_items) != set(target.key):
                self.tell(
                    "C17",
                    line,
                    f"relationship to {target.name} by ({', '.join(link.to_items)})",
                    expected=f"its key ({', '.join(target.key)})",
                )

    def _reference(self, name: str, target: Resource, to_name: str, line: int) -> None:
        if not self.resource.has_item(name):
            self.unknown("C16", line, "item", name, self.item_names, f"an item of {self.resource.name}")
        elif not target.has_item(to_name):
            self.unknown(
                "C16", line, "item", to_name, [one.name for one in target.items], f"an item of {target.name}"
            )
        elif self.resource.item(name).logical_type != target.item(to_name).logical_type:
            self.tell(
                "C16",
                line,
                f'"{name}" is {self.resource.item(name).logical_type}, {target.name}.{to_name} is '
                f"{target.item(to_name).logical_type}",
                expected="the same type",
            )

    def _relationship_line(self, link: Relationship) -> int:
        docs = self.contract.item_docs
        if len(link.items) == 1 and link.items[0] in docs:
            return line_of(docs[link.items[0]], "relationships")
        return line_of(self.contract.doc["schema"][0], "relationships")

    def sharing(self) -> None:
        resource, contract = self.resource, self.contract
        limitations = bool((contract.doc.get("description") or {}).get("limitations"))
        condition = bool(resource.properties.get("shareCondition")) or limitations
        basis = bool(resource.properties.get("noShareBasis"))
        if resource.share_type == "conditional" and not condition:
            self.tell(
                "C12",
                contract.line("shareType"),
                "conditional, and no condition is stated",
                expected="shareCondition or description.limitations",
            )
        if resource.share_type == "none" and not basis:
            self.tell(
                "C12",
                contract.line("shareType"),
                "not shared, and no basis is stated",
                expected="noShareBasis",
            )
        for item in resource.items:
            if "shareType" not in item.properties:
                continue
            line = contract.item_line(item.name, "shareType")
            if item.share_type == "none" and not item.no_share_basis:
                self.tell(
                    "C12",
                    line,
                    f'item "{item.name}" is not shared, and no basis is stated',
                    expected="noShareBasis",
                )
            if item.share_type == "conditional" and not (item.share_condition or limitations):
                self.tell(
                    "C12",
                    line,
                    f'item "{item.name}" is conditional, and no condition is stated',
                    expected="shareCondition",
                )

    def asking(self) -> None:
        """A resource that is asked about one person: with what."""
        resource, line = self.resource, self.contract.line("read")
        system = self.catalog.systems.get(resource.system)
        if system is None or system.kind != LOOKUP_SYSTEM_KIND:
            return
        params = resource.read.get("params")
        if not isinstance(params, Mapping) or not params or resource.subject is None:
            self.tell("C20", line, "a lookup resource without subject and read.params")
            return
        for name in params.values():
            if not isinstance(name, str) or not resource.has_item(name):
                self.tell("C20", line, f'read.params names "{name}"', expected=f"an item of {resource.name}")
            elif name != resource.subject.key and not resource.item(name).element:
                self.tell("C20", line, f'item "{name}" of read.params is no key and has no element')


def _picked(pick: Pick | None) -> tuple[str, ...]:
    """The items a pick names; malformed SQL names none (its form is told where it is declared)."""
    if pick is None:
        return ()
    try:
        return order_columns(pick.order_by) + (predicate(pick.filter).columns if pick.filter else ())
    except SqlFault as fault:
        return (f"({fault})",)


def _near_code(source: str, standard: str, rows: Mapping[str, object], by_name: Mapping[str, str]) -> str:
    if source in by_name:
        return f'did you mean "{by_name[source]}" ({source})?'
    return did_you_mean(standard, rows)
