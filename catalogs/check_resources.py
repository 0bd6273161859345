"""The guide's field list of resources and items: is all of it there, and does it agree (CATALOG §3.1, 3.2).

What a contract needs to run is in check_contracts. What is here the data office owes to its readers: warnings, except
where a closed resource would be opened. A draft is left alone: it is unfinished by name.
"""

import re
from collections.abc import Iterable

from catalogs.contracts import Contract
from catalogs.derive import NOT_SHARED
from catalogs.faults import Faults, did_you_mean
from catalogs.model import LOOKUP_SYSTEM_KIND, Catalog, Item, Resource, ServiceItem
from catalogs.sources import Sources
from catalogs.words import FORMAT_TYPES, SENSITIVE_CLASSES

DRAFT, DEPRECATED = "draft", "deprecated"
_CORE = ("category", "dataLevel", "subset", "isOpen", "publishedOn")
# 类 one digit, 项 two, 目 three, 细目 as long as it takes; then the sequence.
_CODE = re.compile(r"(?P<kind>[1-9])[0-9]{2}[0-9]{3}[0-9]*/[0-9A-Za-z-]+\Z")
_KINDS = {"1": "基础", "2": "主题", "3": "部门"}
_LEVELS = 3
_FILE_CLASSES = ("电子文件", "图形图像", "流媒体")
_DATABASE, _DOWNLOAD = "数据库", "文件下载"
_HIDDEN_VIEWS = ("after_event", "none")
_SEEN = "full"
_BOUND_TYPES = ("date", "timestamp")


def unsaid_ending(one: Resource | ServiceItem) -> str:
    """Return what a contract or service item leaves out of its end, for a message; empty if nothing."""
    if one.status != DEPRECATED and one.deprecated_on is None:
        return ""
    missing = [
        key for key, day in (("deprecatedOn", one.deprecated_on), ("validTo", one.valid_to)) if day is None
    ]
    if missing:
        return f"deprecated, and no {', '.join(missing)}"
    assert one.deprecated_on is not None and one.valid_to is not None
    return "ends before it is deprecated" if one.valid_to < one.deprecated_on else ""


def tell_resource_faults(sources: Sources, faults: Faults) -> None:
    """Check every contract that is no draft, each alone and their codes against each other."""
    codes = {resource.code for resource in sources.catalog.resources.values() if resource.code}
    for contract in sources.contracts.values():
        check = _Check(sources.catalog, contract, faults)
        check.openness()
        check.related(codes)
        check.ending()
        if contract.resource.status == DRAFT:
            continue
        check.core()
        check.code()
        check.format()
        check.share_mode()
        check.quality()
        for item in contract.resource.items:
            check.item(item)


class _Check:
    def __init__(self, catalog: Catalog, contract: Contract, faults: Faults):
        self.catalog = catalog
        self.contract = contract
        self.resource = contract.resource
        self.faults = faults
        system = catalog.systems.get(contract.resource.system)
        # Asked about one person at a time: nothing is kept, so nothing is gated, copied or cut into subsets.
        self.is_asked = system is not None and system.kind == LOOKUP_SYSTEM_KIND

    def tell(self, rule: str, key: str, what: str, **texts: str) -> None:
        self.faults.add(rule, self.resource.file, self.contract.line(key), what, **texts)

    def core(self) -> None:
        resource = self.resource
        missing = [
            key for key in _CORE if key not in resource.properties and not (key == "subset" and self.is_asked)
        ]
        # Nothing said would end rows that a system stopped reporting: graduates, leavers.
        says_absence = "onAbsence" in (resource.properties.get("ingest") or {})
        if not (says_absence or self.is_asked or resource.ingest.mode != "full"):
            missing.append("ingest.onAbsence")
        if not (resource.retention or resource.properties.get("retention")):
            missing.append("retention")
        if not resource.purpose:
            missing.append("description.purpose")
        if resource.business_name == resource.name:
            missing.append("businessName")
        if missing:
            self.tell("C22", "customProperties", f"no {', '.join(missing)}", mend="add what is missing")

    def code(self) -> None:
        """The code's class digits and the category's names are two writings of one place in the tree."""
        resource = self.resource
        found = _CODE.match(resource.code)
        if resource.code and not found:
            self.tell(
                "C23", "resourceCode", f'resourceCode is "{resource.code}"', expected="like 3070201/000001"
            )
        levels = [level for level in resource.category.split("/") if level]
        if resource.category and len(levels) < _LEVELS:
            self.tell(
                "C23",
                "category",
                f'category is "{resource.category}"',
                expected="类/项/目, like 部门/人事/教职工",
            )
        kind = _KINDS.get(found["kind"], "") if found and levels else ""
        if kind and not levels[0].startswith(kind):
            self.tell(
                "C23",
                "category",
                f'category begins with "{levels[0]}"',
                expected=f'"{kind}", as the code begins',
            )

    def format(self) -> None:
        """信息资源格式类型 is a word of its class's list, unless 其他格式描述 says what it is."""
        told = self.resource.properties
        kind, stated = self.resource.format_class, str(told.get("formatType") or "")
        known = FORMAT_TYPES.get(kind, ())
        if stated and not told.get("formatNote") and stated.casefold() not in map(str.casefold, known):
            self.tell(
                "C30",
                "formatType",
                f'formatType is "{stated}", formatClass "{kind}"',
                expected=f"one of {', '.join(known)}, or formatNote",
            )

    def openness(self) -> None:
        resource = self.resource
        if resource.is_open and resource.share_type == NOT_SHARED:
            self.tell("C24", "isOpen", "open to society, and not even shared on campus")
        if resource.open_condition and not resource.is_open:
            self.tell("C24", "openCondition", "openCondition, and the resource is not open")

    def related(self, codes: Iterable[str]) -> None:
        for code in self.resource.related_codes:
            if code not in codes:
                mend = did_you_mean(code, codes)
                self.tell(
                    "C06",
                    "relatedCodes",
                    f'unknown resource code "{code}"',
                    expected="a resourceCode",
                    mend=mend,
                )

    def ending(self) -> None:
        if unsaid := unsaid_ending(self.resource):
            key = "deprecatedOn" if self.resource.deprecated_on else "status"
            self.tell("C34", key, unsaid)

    def share_mode(self) -> None:
        """A stated way of sharing is one that the format has."""
        resource = self.resource
        mode, form = resource.properties.get("shareModeType"), resource.format_class
        if mode and form in _FILE_CLASSES and mode != _DOWNLOAD:
            self.tell("C27", "shareModeType", f"shared as {mode}, and it is {form}", expected=_DOWNLOAD)
        if mode == _DOWNLOAD and form == _DATABASE:
            self.tell(
                "C27", "shareModeType", f"shared as {mode}, and it is {form}", expected="数据库 or 服务接口"
            )

    def quality(self) -> None:
        resource = self.resource
        severities = [rule.severity for rule in resource.rules] + [
            metric.severity for metric in resource.metrics
        ]
        if not ("error" in severities or resource.quality_gate or resource.is_derived or self.is_asked):
            self.tell("C28", "schema", "nothing says when its data are good enough")

    def item(self, item: Item) -> None:
        contract, resource = self.contract, self.resource

        def tell(rule: str, key: str, what: str) -> None:
            self.faults.add(
                rule, resource.file, contract.item_line(item.name, key), f'item "{item.name}": {what}'
            )

        is_shared = item.share_type != NOT_SHARED
        if item.pi_class in SENSITIVE_CLASSES and is_shared and not item.mask:
            tell(
                "C25",
                "piClass" if "piClass" in item.properties else "element",
                f"{item.pi_class}, and no mask",
            )
        if item.is_sensitive and item.name in self._looked_for() and not self.is_asked:
            tell(
                "C31",
                "piClass" if "piClass" in item.properties else "element",
                f"{item.pi_class}, and subjects are looked for by it",
            )
        if item.is_sensitive and item.name in self._kept_beside():
            tell(
                "C32",
                "piClass" if "piClass" in item.properties else "element",
                f"{item.pi_class}, and extracts are kept apart by it",
            )
        if self._is_copy_of_nothing_known(item):
            tell("C26", "element", f"a copy of element {item.element}, and from where is not said")
        if item.subject_view in _HIDDEN_VIEWS and not item.subject_view_basis:
            tell("C29", "subjectView", f"subjectView {item.subject_view} without basis")
        if unfit := self._unfit_bounds(item):
            tell("C33", "validity", f"validity names {unfit}")

    def _unfit_bounds(self, item: Item) -> str:
        """Return what cannot bound an item's value, for a message; empty if all can."""
        names = item.validity.items if item.validity and item.authoritative else ()
        if len(set(names)) < len(names):
            return f'"{names[0]}" twice'
        for name in names:
            if not self.resource.has_item(name):
                return f'"{name}", which is no item'
            bound = self.resource.item(name)
            if bound.logical_type not in _BOUND_TYPES:
                return f'"{name}", which is no date'
            if bound.is_sensitive or bound.share_type == NOT_SHARED or bound.subject_view != _SEEN:
                return f'"{name}", which not everybody may be told who is told the value'
        return ""

    def _looked_for(self) -> list[str]:
        """Return the items by which subjects' rows are found."""
        subject = self.resource.subject
        return [subject.key, *(link.item for link in subject.links)] if subject else []

    def _kept_beside(self) -> list[str]:
        """Return the items whose values stand beside the rows: in the ledger, and as names of partitions."""
        ingest = self.resource.ingest
        partition = [ingest.partition.source, ingest.partition.item] if ingest.partition else []
        return [ingest.watermark, *partition]

    def _is_copy_of_nothing_known(self, item: Item) -> bool:
        """Whether an item repeats an element of the same kind of subject that has its source elsewhere."""
        subject, element = self.resource.subject, self.catalog.elements.get(item.element)
        if element is None or subject is None or self.is_asked or self.resource.is_derived:
            return False
        return (
            not item.authoritative
            and "derivedFrom" not in item.properties
            and subject.type == element.subject_type
            and bool(self.catalog.sources_of(item.element))
        )
