"""指南问题 and 流程问题: what the catalog's check tells of service guides and flows, as lists for their units.

No rule is judged here. Which faults belong on which list is decided by the rule's id.
"""

from collections import Counter

from catalogs.faults import Fault
from catalogs.lists.base import CAMPUS, Column, DerivedList, Row, join, make_list, unit_name
from catalogs.lists.given import Given
from catalogs.model import ServiceItem
from catalogs.rules import ERROR, RULES

_COLUMNS = (
    Column("rule", "规则", "Rule", 8),
    Column("severity", "程度", "Severity", 8),
    Column("file", "文件", "File", 28),
    Column("line", "行", "Line", 6),
    Column("items", "事项", "Service items", 24),
    Column("unit", "主责单位", "Lead unit", 18),
    Column("what", "问题", "What", 50),
    Column("mend", "如何改正", "Mend", 44),
)
FLOW_RULES = frozenset({"S05", "S21", "S22"})
_GUIDE_FILES = ("services/", "materials.yaml", "powers.yaml")


def guide_faults(given: Given) -> DerivedList:
    """Return 办事指南问题清单: every fault of service items, materials and powers that is not one of a flow."""
    faults = [
        fault
        for fault in given.faults
        if fault.file.startswith(_GUIDE_FILES) and fault.rule not in FLOW_RULES
    ]
    return _list(given, "guide_faults", ("办事指南问题清单", "Faults of service guides"), faults)


def flow_faults(given: Given) -> DerivedList:
    """Return 流程问题清单."""
    faults = [fault for fault in given.faults if fault.rule in FLOW_RULES]
    return _list(given, "flow_faults", ("流程问题清单", "Faults of flows"), faults)


def _list(given: Given, name: str, titles: tuple[str, str], faults: list[Fault]) -> DerivedList:
    by_file: dict[str, list[ServiceItem]] = {}
    for item in given.items:
        by_file.setdefault(item.file, []).append(item)
    rows = [_fault(given, fault, by_file.get(fault.file, [])) for fault in faults]
    return make_list(name, titles, _COLUMNS, rows, dict(sorted(Counter(row["rule"] for row in rows).items())))


def _fault(given: Given, fault: Fault, items: list[ServiceItem]) -> Row:
    return {
        "rule": fault.rule,
        "severity": "错误" if fault.severity == ERROR else "提醒",
        "file": fault.file,
        "line": fault.line,
        "items": tuple(item.code for item in items),
        "unit": join(dict.fromkeys(unit_name(given.catalog, item.lead_unit) for item in items)),
        "what": fault.what,
        "mend": fault.mend,
        "why": f"规则 {fault.rule}: {RULES[fault.rule].why}",
        "tier": CAMPUS,
    }
