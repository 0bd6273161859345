"""One ODCS 3.2.0 contract → one Resource, with what its items inherit, and the lines of everything.

The custom properties are a fixed list per place (CATALOG §1): an unknown one is a fault. What a contract
refers to is checked in `check_contracts`; here only its own form is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalogs.contract_items import ITEM_PROPERTIES, Defaults, read_item, read_pick, read_validity
from catalogs.faults import Faults
from catalogs.fields import SQL_NAME, Fields
from catalogs.lined_yaml import LinedDict, line_of, plain, read_yaml
from catalogs.model import (
    MINIMUM_SHARE,
    SUBJECT_TYPES,
    UPDATE_CYCLES,
    Element,
    IdentityItems,
    Ingest,
    Item,
    Partition,
    Relationship,
    Resource,
    Subject,
    SubjectLink,
    System,
)
from catalogs.odcs import read_custom, tell_schema_faults
from catalogs.periods import UNITS, Period
from catalogs.quality import read_quality
from catalogs.read_keys import file_format, tell_read_faults
from catalogs.words import (
    ABSENCES,
    DATA_LEVELS,
    FORMAT_CLASSES,
    MODES,
    PI_CLASSES,
    QUALITY_DIMENSIONS,
    SECRECIES,
    SHARE_MODE_CLASSES,
    SHARE_MODE_TYPES,
    SHARE_TYPES,
    STATUSES,
    TIERS,
)

CONTRACT_PROPERTIES = (
    "system", "resourceCode", "category", "shareType", "shareCondition", "noShareBasis", "tier", "secrecy",
    "dataLevel", "piClass", "subset", "updateCycle", "publishedOn", "retention", "isOpen", "openCondition",
    "provider", "authoritative", "authoritativeFor", "relatedServiceItems", "relatedCodes", "usageWarning",
    "ingest", "read", "subject", "many", "pick", "formatClass", "formatType", "formatNote", "shareModeClass",
    "shareModeType", "openTheme", "qualityGate", "subjectViewBasis", "validFrom", "validTo", "mandate",
    "providerSubunit", "validity", "deprecatedOn", "nameEn",
)  # fmt: skip
INGEST_KEYS = (
    "mode", "snapshotGroup", "onAbsence", "exclude", "watermark", "overlap_s", "partition", "pick",
    "everyMinutes", "keySweep", "minimumShare",
)  # fmt: skip
PARTITION_KEYS = ("by", "from", "item", "closedAfterDays")
# 信息资源格式 of what stands in a kind of system, or in a format of file: class and type of the 2017 guide.
_FORMATS = {
    "postgres": ("数据库", "PostgreSQL"),
    "mysql": ("数据库", "MySQL"),
    "sqlite": ("数据库", "SQLite"),
    "warehouse": ("数据库", "PostgreSQL"),
    "rest": ("服务接口", "REST"),
    "lookup": ("服务接口", "REST"),
    "csv": ("电子表格", "csv"),
    "xls": ("电子表格", "xls"),
    "xlsx": ("电子表格", "xlsx"),
    "dbf": ("数据库", "dbf"),
    "fixed": ("电子文件", "txt"),
    "jsonl": ("自描述格式", "jsonl"),
    "parquet": ("自描述格式", "parquet"),
}
_UNKNOWN_FORMAT = ("数据库", "")


@dataclass(frozen=True)
class Contract:
    """A resource as read, with the mappings it was read from, for faults found later."""

    resource: Resource
    doc: LinedDict
    custom: LinedDict
    item_docs: Mapping[str, LinedDict]
    item_customs: Mapping[str, LinedDict]
    rule_docs: Mapping[str, LinedDict]

    def line(self, key: str | None = None) -> int:
        """Line of a custom property of the contract, else of its top-level key, else 1."""
        if key in self.custom:
            return line_of(self.custom, key)
        return line_of(self.doc, key)

    def item_line(self, item: str, key: str | None = None) -> int:
        """Line of an item, or of one of its custom properties or keys."""
        custom = self.item_customs[item]
        if key in custom:
            return line_of(custom, key)
        return line_of(self.item_docs[item], key)


def read_contract(
    content: bytes, file: str, systems: Mapping[str, System], elements: Mapping[str, Element], faults: Faults
) -> Contract | None:
    """Read one contract; None if there is too little of it to be a resource (the faults say why).

    Args:
        content: the file's bytes.
        file: `resources/<system>/<table>.odcs.yaml`.
        systems: for the provider and delivery a contract does not state.
        elements: for what items inherit.
        faults: where faults are told.
    """
    doc = read_yaml(content, file, faults)
    if doc is None:
        return None
    if not isinstance(doc, LinedDict):
        faults.add("C01", file, 1, "not a mapping", expected="an ODCS data contract")
        return None
    if not tell_schema_faults(doc, file, faults):
        return None
    return _Reader(doc, file, systems, elements, faults).read()


class _Reader:
    def __init__(
        self,
        doc: LinedDict,
        file: str,
        systems: Mapping[str, System],
        elements: Mapping[str, Element],
        faults: Faults,
    ):
        self.doc = doc
        self.file = file
        self.systems = systems
        self.elements = elements
        self.faults = faults
        self.top = Fields(doc, file, "", faults)
        self.custom = read_custom(doc, CONTRACT_PROPERTIES, file, faults)
        self.own = Fields(self.custom, file, "", faults)

    def read(self) -> Contract | None:
        schemas = self.doc.get("schema") or []
        if len(schemas) != 1:
            self.top.fault("C03", "schema", f"{len(schemas)} objects under schema", expected="exactly one")
            return None
        schema: LinedDict = schemas[0]
        system = self.own.text("system", required=True) or self.file.split("/")[1]
        name = self._name(system, schema)
        own, top = self.own, self.top
        share_type = own.text("shareType", default="conditional", among=SHARE_TYPES)
        key, subject = self._key(schema), self._subject()
        for wanted in ("system", "resourceCode", "shareType", "tier", "secrecy", "updateCycle"):
            if not self.custom.get(wanted):
                own.fault("C13", None, f'custom property "{wanted}" is missing')
        if not self.doc.get("status"):
            top.fault("C04", None, "no status")
        if own.text("secrecy", default="none") not in ("none", "work"):
            own.among("secrecy", own.text("secrecy"), SECRECIES, "none")
            own.fault("C14", "secrecy", f'secrecy is "{own.text("secrecy")}"')
        defaults = Defaults(
            share_type=share_type,
            share_condition=own.text("shareCondition"),
            no_share_basis=own.text("noShareBasis"),
            tier=own.text("tier", default="campus", among=TIERS),
            data_level=own.text("dataLevel", among=DATA_LEVELS),
            pi_class=own.text("piClass", among=PI_CLASSES),
            subject_view_basis=own.text("subjectViewBasis"),
            authoritative=own.flag("authoritative"),
            many=own.flag("many"),
            pick=read_pick(own),
            validity=read_validity(own),
            repeated_key=subject.key if subject and key != (subject.key,) else "",
        )
        item_docs, item_customs, items = self._items(schema, defaults)
        known = self.systems.get(system)
        physical_name = str(schema.get("physicalName") or schema["name"])
        members = (self.doc.get("team") or {}).get("members") or []
        rules, metrics, rule_docs = read_quality(schema, self.file, self.faults)
        kind = known.kind if known else ""
        read = self._read(kind, physical_name, len(items))
        published_on = own.day("publishedOn")
        valid_from, valid_to = own.period("validFrom", "validTo")
        resource = Resource(
            name=name,
            system=system,
            physical_name=physical_name,
            business_name=str(schema.get("businessName") or name),
            description=str(schema.get("description") or ""),
            purpose=str((self.doc.get("description") or {}).get("purpose") or ""),
            version=str(self.doc["version"]),
            status=top.text("status", among=STATUSES),
            provider=own.text("provider") or (known.provider if known else ""),
            items=tuple(items.values()),
            key=key,
            ingest=self._ingest(),
            read=read,
            subject=subject,
            share_type=share_type,
            tier=defaults.tier,
            update_cycle=own.text("updateCycle", default="daily", among=UPDATE_CYCLES),
            secrecy=own.text("secrecy", default="none"),
            rules=rules,
            metrics=metrics,
            relationships=self._relationships(schema),
            authoritative=defaults.authoritative,
            authoritative_for=own.words("authoritativeFor"),
            accountable=_post(members, "accountable"),
            steward=_post(members, "steward"),
            delivers=self._delivers() or (known.delivers if known else None),
            properties=plain(dict(self.custom)),
            file=self.file,
            retention=self._retention(),
            code=own.text("resourceCode"),
            category=own.text("category"),
            subset=own.text("subset"),
            data_level=defaults.data_level,
            pi_class=defaults.pi_class,
            is_open=own.flag("isOpen"),
            open_condition=own.text("openCondition"),
            open_theme=own.text("openTheme"),
            published_on=published_on,
            valid_from=valid_from or published_on,
            valid_to=valid_to,
            deprecated_on=own.day("deprecatedOn"),
            related_codes=own.words("relatedCodes"),
            related_service_items=own.words("relatedServiceItems"),
            quality_gate=self._quality_gate(),
            **self._format(kind, read, physical_name),
            **self._share_mode(share_type),
        )
        return Contract(resource, self.doc, self.custom, item_docs, item_customs, rule_docs)

    def _format(self, kind: str, read: Mapping[str, Any], physical_name: str) -> dict[str, str]:
        key = file_format(str(read.get("format") or ""), physical_name) if kind == "files" else kind
        format_class, format_type = _FORMATS.get(key, _UNKNOWN_FORMAT)
        return {
            "format_class": self.own.text("formatClass", default=format_class, among=FORMAT_CLASSES),
            "format_type": self.own.text("formatType", default=format_type),
        }

    def _share_mode(self, share_type: str) -> dict[str, str]:
        """共享方式: over the platform's API unless the contract says otherwise; none where nothing is shared."""
        given = (SHARE_MODE_CLASSES[0], SHARE_MODE_TYPES[-1]) if share_type != "none" else ("", "")
        return {
            "share_mode_class": self.own.text("shareModeClass", default=given[0], among=SHARE_MODE_CLASSES),
            "share_mode_type": self.own.text("shareModeType", default=given[1], among=SHARE_MODE_TYPES),
        }

    def _quality_gate(self) -> Mapping[str, float]:
        inner = self.own.inner("qualityGate", "qualityGate")
        if inner is None:
            return {}
        inner.only(QUALITY_DIMENSIONS)
        return {dimension: inner.share(dimension, 1.0) for dimension in inner.data}

    def _name(self, system: str, schema: LinedDict) -> str:
        folder, _, rest = self.file.removeprefix("resources/").partition("/")
        table = rest.removesuffix(".odcs.yaml")
        name = f"{folder}.{table}"
        if not SQL_NAME.match(folder) or not SQL_NAME.match(table):
            self.top.fault("V05", None, f'"{name}" is not a name', expected="[a-z][a-z0-9_]* twice")
        for key, found, wanted in (("name", self.doc.get("name"), name), ("system", system, folder)):
            if found != wanted:
                self.top.fault(
                    "C03",
                    key if key in self.doc else None,
                    f'{key} is "{found}"',
                    expected=f'"{wanted}", as the file is named',
                )
        if schema["name"] != table:
            self.faults.add(
                "C03",
                self.file,
                line_of(schema, "name"),
                f'schema name is "{schema["name"]}"',
                expected=f'"{table}", as the file is named',
            )
        return name

    def _items(
        self, schema: LinedDict, defaults: Defaults
    ) -> tuple[dict[str, LinedDict], dict[str, LinedDict], dict[str, Item]]:
        docs: dict[str, LinedDict] = {}
        customs: dict[str, LinedDict] = {}
        items: dict[str, Item] = {}
        for doc in schema.get("properties") or []:
            name = doc["name"]
            if name in items:
                self.faults.add("V04", self.file, line_of(doc), f'item "{name}" stands twice')
                continue
            if not SQL_NAME.match(name):
                self.faults.add(
                    "V05",
                    self.file,
                    line_of(doc, "name"),
                    f'item "{name}" is not a name',
                    expected="[a-z][a-z0-9_]*",
                )
            docs[name] = doc
            customs[name] = read_custom(doc, ITEM_PROPERTIES, self.file, self.faults)
            items[name] = read_item(doc, customs[name], defaults, self.elements, self.file, self.faults)
        if not items:
            self.faults.add("C05", self.file, line_of(schema), "no items under properties")
        return docs, customs, items

    def _key(self, schema: LinedDict) -> tuple[str, ...]:
        parts = [doc for doc in schema.get("properties") or [] if doc.get("primaryKey") is True]
        parts.sort(key=lambda doc: doc.get("primaryKeyPosition", 0))
        return tuple(dict.fromkeys(doc["name"] for doc in parts))

    def _ingest(self) -> Ingest:
        inner = self.own.inner("ingest", "ingest")
        if inner is None:
            return Ingest()
        inner.only(INGEST_KEYS)
        partition = None
        cut = inner.inner("partition", "ingest.partition")
        if cut is not None:
            cut.only(PARTITION_KEYS)
            partition = Partition(
                by=cut.text("by", default="day", among=("day", "term")),
                source=cut.text("from", required=True),
                item=cut.text("item"),
                closed_after_days=cut.whole("closedAfterDays"),
            )
        sweep = inner.inner("keySweep", "ingest.keySweep")
        if sweep is not None:
            sweep.only(("everyDays",))
        pick = inner.inner("pick", "ingest.pick")
        if pick is not None:
            pick.only(("orderBy",))
        return Ingest(
            mode=inner.text("mode", default="full", among=MODES),
            snapshot_group=inner.text("snapshotGroup"),
            on_absence=inner.text("onAbsence", default="end", among=ABSENCES),
            exclude=inner.text("exclude"),
            watermark=inner.text("watermark"),
            overlap_s=inner.whole("overlap_s", 0) or 0,
            partition=partition,
            pick_order_by=pick.text("orderBy", required=True) if pick else "",
            every_minutes=inner.whole("everyMinutes", 0) or 0,
            key_sweep_days=(sweep.whole("everyDays", 0, required=True) or 0) if sweep else 0,
            minimum_share=inner.share("minimumShare", MINIMUM_SHARE),
        )

    def _read(self, kind: str, physical_name: str, items: int) -> Mapping[str, Any]:
        inner = self.own.inner("read", "read")
        if inner is None:
            return {}
        tell_read_faults(inner, kind, physical_name, items)
        return plain(inner.data)

    def _subject(self) -> Subject | None:
        inner = self.own.inner("subject", "subject")
        if inner is None:
            return None
        inner.only(("type", "key", "idType", "populations", "identity", "links"))
        identity = None
        told = inner.inner("identity", "subject.identity")
        if told is not None:
            optional = ("formerNumber", "formerName", "birthday", "sex", "phone")
            told.only(("number", "type", "country", "name", *optional))
            identity = IdentityItems(
                told.text("number", required=True),
                told.text("type", required=True),
                told.text("country"),
                told.text("name"),
                *(told.text(name) for name in optional),
            )
        links = []
        for row in inner.rows("links", "subject.links"):
            row.only(("item", "idType"))
            links.append(SubjectLink(row.text("item", required=True), row.text("idType", required=True)))
        return Subject(
            type=inner.text("type", default="person", among=SUBJECT_TYPES),
            key=inner.text("key", required=True),
            id_type=inner.text("idType", required=True),
            populations=inner.words("populations"),
            identity=identity,
            links=tuple(links),
        )

    def _delivers(self) -> Any:
        for row in self.top.rows("slaProperties", "slaProperties"):
            if row.data.get("property") == "timeOfAvailability":
                return row.clock("value")
        return None

    def _retention(self) -> Period | None:
        """How long extracts and ended versions are kept; the property `retention` says it in words, for people."""
        for row in self.top.rows("slaProperties", "slaProperties"):
            if row.data.get("property") == "retention":
                count, unit = row.data.get("value"), UNITS.get(str(row.data.get("unit") or "d"))
                if isinstance(count, int) and not isinstance(count, bool) and count > 0 and unit:
                    return Period(count, unit)
                row.fault(
                    "V03", "value", "retention is no period", expected="a whole number and unit d, m or y"
                )
        return None

    def _relationships(self, schema: LinedDict) -> tuple[Relationship, ...]:
        found = []
        for doc in schema.get("properties") or []:
            for told in doc.get("relationships") or []:
                found.append(self._relationship([doc["name"]], told))
        for told in schema.get("relationships") or []:
            source = told["from"] if isinstance(told["from"], list) else [told["from"]]
            found.append(self._relationship([name.rpartition(".")[2] for name in source], told))
        return tuple(link for link in found if link)

    def _relationship(self, items: list[str], told: LinedDict) -> Relationship | None:
        targets = told["to"] if isinstance(told["to"], list) else [told["to"]]
        parted = [target.rpartition(".") for target in targets]
        tables = {table for table, _, _ in parted}
        if len(tables) != 1 or any(table.count(".") != 1 for table in tables) or len(items) != len(parted):
            self.faults.add(
                "C16",
                self.file,
                line_of(told, "to"),
                f"relationship to {', '.join(targets)}",
                expected='"<system>.<table>.<item>", as many as "from"',
            )
            return None
        return Relationship(tuple(items), parted[0][0], tuple(item for _, _, item in parted))


def _post(members: list[Mapping[str, Any]], role: str) -> str:
    return next((str(member["username"]) for member in members if member.get("role") == role), "")
