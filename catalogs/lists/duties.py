"""数据提供责任清单 and 数据共享需求清单, and how each row of the second finds its row of the first.

Each demanded element resolves to one responsibility row per source that may be shared, or to one named gap: 无源,
争议, 不予共享, 待归集 or 本人填报 (CATALOG §2 A). The responsibility list is generated from authoritative items; what a
decision has said is to be collected stands on it too, as the presumed unit's duty to come.
"""

from collections import Counter

from catalogs import derive
from catalogs.derive import DemandLine, Responsibility
from catalogs.lists.base import (
    CAMPUS,
    NOT_MEASURED,
    Column,
    DerivedList,
    Row,
    element_name,
    item_tier,
    join,
    make_list,
    percent,
    population_names,
    service_name,
    unit_name,
)
from catalogs.lists.given import Given
from catalogs.lists.measured import Kept
from catalogs.model import Resource
from catalogs.views import CYCLE_NAMES, SHARE_NAMES, STATE_NAMES

GAPS = ("无源", "争议", "不予共享", "待归集", derive.SELF_DECLARED)
FREQUENCY_NAMES = {
    "per_case": "逐件", "daily": "每日", "weekly": "每周", "monthly": "每月", "termly": "每学期", "yearly": "每年",
    "once": "一次",
}  # fmt: skip

DUTY_COLUMNS = (
    Column("unit", "责任单位", "Responsible unit", 18),
    Column("resourceName", "资源名称", "Resource", 22),
    Column("resourceCode", "资源代码", "Resource code", 18),
    Column("itemName", "信息项", "Item", 18),
    Column("element", "数据元编号", "Element", 12),
    Column("populations", "覆盖人群", "Populations", 24),
    Column("mandate", "权威源依据", "Mandate", 30),
    Column("mode", "提供方式", "Mode", 14),
    Column("updateCycle", "更新周期", "Update cycle", 10),
    Column("deadline", "时限", "Deadline", 12),
    Column("gate", "质量要求", "Quality gate", 28),
    Column("shareType", "共享类型", "Share type", 14),
    Column("shareCondition", "共享条件或不予共享依据", "Condition or basis", 30),
    Column("accountable", "责任岗位", "Accountable post", 20),
    Column("steward", "经办岗位", "Steward post", 20),
    Column("correction", "校核纠错联系与时限", "Corrections", 24),
    Column("demands", "被哪些需求依赖", "Dependent demands", 26),
    Column("onTime", "按期率", "Kept in time", 10),
    Column("quality", "合格率", "Rows admitted", 10),
    Column("state", "履责状态", "How it is kept", 14),
    Column("gap", "缺口", "Gap", 14),
)


def responsibilities(given: Given) -> DerivedList:
    """Return 数据提供责任清单."""
    rows = [_duty(given, duty) for duty in derive.responsibilities(given.catalog, given.on)]
    rows += [_duty_to_come(given, line) for line in _to_collect(given)]
    states = Counter(row["state"] for row in rows)
    summary = {
        "责任单位数": len({row["unit"] for row in rows}),
        "被需求依赖的行": sum(bool(row["demands"]) for row in rows),
        "有缺口的行": sum(bool(row["gap"]) for row in rows),
        **{f"履责: {state}": count for state, count in sorted(states.items())},
    }
    return make_list(
        "responsibilities",
        ("数据提供责任清单", "Responsibilities of data providers"),
        DUTY_COLUMNS,
        rows,
        summary,
    )


def _duty(given: Given, duty: Responsibility) -> Row:
    resource = given.catalog.resources[duty.resource]
    kept = given.kept(duty.resource)
    populations = population_names(given.catalog, duty.populations)
    unit = unit_name(given.catalog, duty.unit)
    deadline = f"{duty.delivers} 前" if duty.delivers else ""
    cycle = CYCLE_NAMES[duty.update_cycle]
    why = [
        f"《{duty.resource_name}》的“{duty.item_name}”是{join(populations) or '其全部对象'}"
        f"的权威源, {unit}须{cycle}{deadline}更新",
        f"有 {len(duty.demands)} 项已授权需求依赖它" if duty.demands else "尚无已授权需求依赖它",
        _kept_in_words(given, duty.resource, kept),
    ]
    if duty.gap:
        why.append(f"缺口: {duty.gap}, 由{unit}承接")
    return {
        "unit": unit,
        "resourceName": duty.resource_name,
        "resourceCode": resource.code,
        "itemName": duty.item_name,
        "element": duty.element,
        "populations": populations,
        "mandate": str(resource.properties.get("mandate") or ""),
        "mode": _mode(resource, duty.share_type),
        "updateCycle": cycle,
        "deadline": deadline,
        "gate": _gate(given, resource),
        "shareType": SHARE_NAMES[duty.share_type],
        "shareCondition": duty.share_condition,
        "accountable": duty.accountable,
        "steward": duty.steward,
        "correction": _correction(given, duty.contact),
        "demands": duty.demands,
        "onTime": _share(kept.on_time) if kept else NOT_MEASURED,
        "quality": percent(kept.admitted, kept.rows) if kept and kept.rows else NOT_MEASURED,
        "state": _state(given, duty.resource, kept),
        "gap": duty.gap,
        "why": "; ".join(why) + "。",
        "tier": item_tier(given.catalog, duty.resource, duty.item),
    }


def _mode(resource: Resource, share_type: str) -> str:
    if share_type == derive.NOT_SHARED:
        return "不提供"
    return resource.share_mode_type or "服务接口"


def _gate(given: Given, resource: Resource) -> str:
    dimensions = [rule.gb_dimension for rule in resource.rules] + [
        metric.gb_dimension for metric in resource.metrics
    ]
    kinds = Counter(dimension or "其他" for dimension in dimensions)
    told = [f"{kind}规则 {count} 条" for kind, count in kinds.items()]
    told += [f"{dimension}不低于 {_share(least)}" for dimension, least in resource.quality_gate.items()]
    return f"{join(told) or '类型与必填'}; 退回行不超过 {_share(float(given.refused_share))}"


def _share(share: float | None) -> str:
    return NOT_MEASURED if share is None else percent(int(share * 1_000_000), 1_000_000)


def _correction(given: Given, contact: str) -> str:
    days = given.setting("limits_days", {}).get("decideCorrection")
    return join([contact, f"{days} 个工作日内答复" if days else ""])


def _state(given: Given, resource: str, kept: Kept | None) -> str:
    if kept is None:
        return NOT_MEASURED
    if kept.age_h is None:
        return "从未提供"
    if not given.passes_gate(resource, kept):
        return "质量不达标"
    return "逾期" if kept.is_late else "履责"


def _kept_in_words(given: Given, resource: str, kept: Kept | None) -> str:
    if kept is None:
        return "履责情况未测"
    state = _state(given, resource, kept)
    if kept.age_h is None:
        return "数据仓库从未收到它"
    told = f"最近一次在 {kept.age_h:.0f} 小时前确认, 当前{state}"
    if kept.is_refused:
        told += ", 最新一批整体退回"
    if kept.failed:
        told += f", {kept.failed} 项关键检查未过"
    return told + (f", {kept.waiting} 行待纠正" if kept.waiting else "")


def _to_collect(given: Given) -> list[DemandLine]:
    """Of each element that is to be collected by a presumed unit, the first demand that says so."""
    found: dict[tuple[str, str], DemandLine] = {}
    for line in derive.demand_lines(given.catalog):
        presumed = given.catalog.demands[line.demand_id].raw.get("presumedUnit")
        if line.gap == "待归集" and presumed:
            found.setdefault((str(presumed), line.element), line)
    return list(found.values())


def _duty_to_come(given: Given, line: DemandLine) -> Row:
    catalog = given.catalog
    code = str(catalog.demands[line.demand_id].raw["presumedUnit"])
    unit, gap = derive.answering_unit(catalog.units, code, given.on)
    element = catalog.elements.get(line.element)
    blank = dict.fromkeys((column.key for column in DUTY_COLUMNS), "")
    return {
        **blank,
        "unit": unit_name(catalog, unit.code if unit else code),
        "itemName": element.name_zh if element else line.element,
        "element": line.element,
        "populations": (),
        "accountable": derive.post_of(unit.accountable) if unit else "",
        "steward": derive.post_of(unit.steward) if unit else "",
        "correction": _correction(given, unit.contact if unit else ""),
        "demands": (line.demand_id,),
        "onTime": NOT_MEASURED,
        "quality": NOT_MEASURED,
        "state": "从未提供",
        "gap": gap or "待归集",
        "why": f"需求 {line.demand_id} 已确认需归集“{element_name(catalog, line.element)}”, "
        f"推定由{unit_name(catalog, code)}负责, 目录中尚无权威源。",
        "tier": CAMPUS,
    }


DEMAND_COLUMNS = (
    Column("demandId", "需求编号", "Demand", 14),
    Column("requesterUnit", "需求单位", "Requester", 18),
    Column("purpose", "关联事项或任务", "Purpose", 24),
    Column("materials", "替代的材料", "Materials replaced", 24),
    Column("element", "数据元编号", "Element", 12),
    Column("elementName", "数据元", "Element name", 16),
    Column("state", "需求状态", "State", 10),
    Column("source", "对应责任行", "Responsibility row", 28),
    Column("provider", "数源单位", "Provider", 18),
    Column("populations", "覆盖人群", "Populations", 24),
    Column("gap", "缺口", "Gap", 10),
    Column("basis", "依据", "Basis", 30),
    Column("frequency", "频率", "Frequency", 10),
    Column("retention", "留存与销毁", "Retention", 20),
    Column("validTo", "使用期限", "Valid to", 12),
)


def demands(given: Given) -> DerivedList:
    """Return 数据共享需求清单: per demand and element one row per responsibility row, or one with its gap."""
    lines = derive.demand_lines(given.catalog)
    rows = [row for line in lines for row in _demand_rows(given, line)]
    gaps = Counter(line.gap for line in lines if line.gap)
    summary = {
        "需求数": len(given.catalog.demands),
        "数据元次": len(lines),
        "已对应责任行的数据元次": sum(not line.gap for line in lines),
        **{f"缺口: {gap}": gaps[gap] for gap in GAPS},
    }
    return make_list(
        "demands",
        ("数据共享需求清单", "Demands, reconciled with responsibilities"),
        DEMAND_COLUMNS,
        rows,
        summary,
    )


def _demand_rows(given: Given, line: DemandLine) -> list[Row]:
    catalog = given.catalog
    demand = catalog.demands[line.demand_id]
    element = catalog.elements.get(line.element)
    common = {
        "demandId": line.demand_id,
        "requesterUnit": unit_name(catalog, line.requester_unit),
        "purpose": service_name(catalog, line.purpose),
        "materials": tuple(
            catalog.materials[code].name_zh if code in catalog.materials else code for code in demand.replaces
        ),
        "element": line.element,
        "elementName": element.name_zh if element else "",
        "state": STATE_NAMES[line.state],
        "source": "",
        "provider": "",
        "populations": (),
        "gap": line.gap,
        "basis": line.basis,
        "frequency": FREQUENCY_NAMES.get(line.frequency, line.frequency),
        "retention": line.retention,
        "validTo": demand.valid_to.isoformat() if demand.valid_to else "",
    }
    if line.gap:
        return [{**common, "why": _gap_in_words(given, line), "tier": CAMPUS}]
    rows: list[Row] = []
    for source in catalog.sources_of(line.element):
        if f"{source.resource}.{source.item}" not in line.resources:
            continue
        resource = catalog.resources[source.resource]
        name = f"{resource.business_name} · {resource.item(source.item).business_name}"
        unit = unit_name(catalog, resource.provider)
        populations = population_names(catalog, source.populations)
        rows.append(
            {
                **common,
                "source": name,
                "provider": unit,
                "populations": populations,
                "why": f"{join(populations) or '全部对象'}的“{element_name(catalog, line.element)}”"
                f"由{unit}《{resource.business_name}》提供。",
                "tier": item_tier(catalog, source.resource, source.item),
            }
        )
    return rows


def _gap_in_words(given: Given, line: DemandLine) -> str:
    catalog = given.catalog
    name = element_name(catalog, line.element)
    presumed = str(catalog.demands[line.demand_id].raw.get("presumedUnit") or "")
    whom = f", 推定由{unit_name(catalog, presumed)}负责" if presumed else ""
    return {
        "无源": f"目录中没有“{name}”的权威源{whom}, 须认责。",
        "待归集": f"已确认须归集“{name}”{whom}, 归集前无从提供。",
        "不予共享": f"“{name}”的权威源不予共享, 依据见责任清单。",
        derive.SELF_DECLARED: f"“{name}”只有本人知道, 由申请人填报一次, 再用时由本人确认。",
        "争议": f"“{name}”的数源有争议{whom}, 待认责会议决定。",
    }[line.gap]
