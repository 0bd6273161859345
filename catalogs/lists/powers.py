"""权责, 审批, 服务 and 小微权力清单, and whether powers and service items cover each other.

清单之外无权力: an item that decides something rests on one power. A power that no item exercises is told as well:
either it is dead, or people cannot find how to have it exercised.
"""

from collections import Counter

from catalogs.lists.base import Column, DerivedList, Row, join, make_list, percent, service_name, unit_name
from catalogs.lists.given import Given
from catalogs.model import Power, ServiceItem
from catalogs.views_services import AUDIENCE_NAMES
from catalogs.words import DECIDING_KINDS

_COLUMNS = (
    Column("power", "权力编码", "Power", 12),
    Column("powerName", "权力名称", "Name", 28),
    Column("kind", "权力类型", "Kind", 10),
    Column("basis", "实施依据", "Basis", 28),
    Column("subject", "责任主体", "In whose name", 14),
    Column("unit", "承办机构", "Unit", 16),
    Column("duties", "责任事项内容", "Duties", 30),
    Column("dutyBasis", "责任事项依据", "Basis of the duties", 24),
    Column("accountablePersons", "追责对象范围", "Who is accountable", 22),
    Column("accountableFor", "追责情形", "Accountable for", 30),
    Column("phone", "监督电话", "Complaints", 12),
    Column("lists", "列入清单", "Lists", 16),
    Column("items", "对应事项", "Service items", 30),
    Column("batch", "批次", "Batch", 8),
    Column("publishedOn", "公布日期", "Published on", 12),
)
# Name of the list → the word by which powers.yaml puts a power on it, and its titles.
_LISTS = {
    "powers": ("权责", ("权责清单", "Powers and duties")),
    "approvals": ("审批", ("审批清单", "Approvals")),
    "minor_powers": ("小微权力", ("小微权力清单", "Minor powers")),
}


def powers(given: Given) -> DerivedList:
    """Return 权责清单: every power in force."""
    return _list(given, "powers")


def approvals(given: Given) -> DerivedList:
    """Return 审批清单."""
    return _list(given, "approvals")


_SERVICE_COLUMNS = (
    Column("item", "事项编码", "Service item", 12),
    Column("itemName", "事项名称", "Name", 28),
    Column("unit", "主责单位", "Lead unit", 18),
    Column("kind", "事项类型", "Kind", 10),
    Column("audience", "服务对象", "For whom", 18),
    Column("power", "权力编码", "Power", 12),
    Column("batch", "批次", "Batch", 8),
    Column("publishedOn", "公布日期", "Published on", 12),
)


def services(given: Given) -> DerivedList:
    """Return 服务清单: items that decide nothing, and those whose power the campus puts on this list."""
    known = given.catalog.powers
    rows: list[Row] = []
    for item in given.items:
        put = item.power in known and "服务" in known[item.power].lists
        if item.kind in DECIDING_KINDS and not put:
            continue
        rows.append(
            {
                "item": item.code,
                "itemName": item.name_zh,
                "unit": unit_name(given.catalog, item.lead_unit),
                "kind": item.kind,
                "audience": tuple(AUDIENCE_NAMES.get(one, one) for one in item.audience),
                "power": item.power,
                "batch": "" if item.batch is None else item.batch,
                "publishedOn": item.published_on.isoformat() if item.published_on else "",
                "why": f"其权力“{known[item.power].name_zh}”列入服务清单。"
                if put
                else f"{item.kind}类事项不作决定。",
            }
        )
    listed = [power for power in _in_force(given) if "服务" in power.lists]
    exercised = _exercised(given)
    summary = {
        "全部事项": len(given.items),
        "占比": percent(len(rows), len(given.items)),
        "列入服务清单的权力": len(listed),
        "其中有对应事项": sum(power.code in exercised for power in listed),
    }
    return make_list("services", ("服务清单", "Services"), _SERVICE_COLUMNS, rows, summary)


def minor_powers(given: Given) -> DerivedList:
    """Return 小微权力清单."""
    return _list(given, "minor_powers")


def _in_force(given: Given) -> list[Power]:
    return [one for _, one in sorted(given.catalog.powers.items()) if one.status in ("", "active")]


def _list(given: Given, name: str) -> DerivedList:
    word, titles = _LISTS[name]
    exercised = _exercised(given)
    everything = _in_force(given)
    # 权责清单 is the whole: 清单之外无权力. The others are what is put on them.
    chosen = [one for one in everything if name == "powers" or word in one.lists]
    rows = [_power(given, one, exercised.get(one.code, [])) for one in chosen]
    with_item = sum(bool(row["items"]) for row in rows)
    summary = {"全部权力": len(everything), "有对应事项": with_item, "对应率": percent(with_item, len(rows))}
    return make_list(name, titles, _COLUMNS, rows, summary)


def _exercised(given: Given) -> dict[str, list[ServiceItem]]:
    found: dict[str, list[ServiceItem]] = {}
    for item in given.items:
        if item.power:
            found.setdefault(item.power, []).append(item)
    return found


def _power(given: Given, power: Power, items: list[ServiceItem]) -> Row:
    told = join(item.name_zh for item in items)
    batch = f"第 {power.batch} 批" if power.batch is not None else "未注明批次"
    on = power.published_on.isoformat() if power.published_on else ""
    why = f"{unit_name(given.catalog, power.unit)}依{power.basis or '(依据未写明)'}行使, {batch}公布"
    return {
        "power": power.code,
        "powerName": power.name_zh,
        "kind": power.kind,
        "basis": power.basis,
        "subject": power.subject,
        "unit": unit_name(given.catalog, power.unit),
        "duties": power.duties,
        "dutyBasis": power.duty_basis,
        "accountablePersons": power.accountable_persons,
        "accountableFor": power.accountable_for,
        "phone": power.phone,
        "lists": power.lists,
        "items": tuple(item.code for item in items),
        "batch": "" if power.batch is None else power.batch,
        "publishedOn": on,
        "why": f"{why}; 办理事项: {told}。" if told else f"{why}; 没有事项行使它, 师生无从申请。",
    }


_COVERAGE_COLUMNS = (
    Column("direction", "方向", "Direction", 14),
    Column("item", "事项编码", "Service item", 12),
    Column("itemName", "事项名称", "Name", 28),
    Column("kind", "事项类型", "Kind", 10),
    Column("power", "权力编码", "Power", 12),
    Column("powerName", "权力名称", "Power name", 28),
    Column("unit", "单位", "Unit", 16),
    Column("state", "情形", "State", 18),
)


def coverage(given: Given) -> DerivedList:
    """Return 权力与事项对应核对: both ways, what has no counterpart first."""
    known = {power.code: power for power in _in_force(given)}
    exercised = _exercised(given)
    rows = [_from_item(given, item, known.get(item.power)) for item in given.items]
    rows += [_from_power(given, power, exercised) for power in known.values() if _differs(power, exercised)]
    rows.sort(key=lambda row: row["state"] in ("对应", "无须权力"))
    decides = [row for row in rows if row["kind"] in DECIDING_KINDS and row["direction"] == "事项→权力"]
    covered = sum(row["state"] == "对应" for row in decides)
    kinds = Counter("审批" if item.kind in DECIDING_KINDS else "服务" for item in given.items)
    summary = {
        "决定类事项": len(decides),
        "其中有权力依据": covered,
        "清单内占比": percent(covered, len(decides)),
        "权力数": len(known),
        "无事项行使的权力": sum(row["state"] == "无事项行使" for row in rows),
        "审批审核类事项": kinds["审批"],
        "服务类事项": kinds["服务"],
    }
    titles = ("权力与事项对应核对", "Powers and service items, both ways")
    return make_list("power_coverage", titles, _COVERAGE_COLUMNS, rows, summary)


def _differs(power: Power, exercised: dict[str, list[ServiceItem]]) -> bool:
    found = {item.code for item in exercised.get(power.code, [])}
    return not found or found != set(power.service_items)


def _from_item(given: Given, item: ServiceItem, power: Power | None) -> Row:
    decides = item.kind in DECIDING_KINDS
    if power is not None:
        state, why = "对应", f"依权力“{power.name_zh}”办理。"
    elif item.power:
        state, why = "权力不在清单", f"写明的权力 {item.power} 不在权责清单或已停用。"
    elif decides:
        state, why = "清单之外", f"{item.kind}类事项没有权力依据: 清单之外无权力, 须补列或取消。"
    else:
        state, why = "无须权力", f"{item.kind}类事项不作决定。"
    return {
        "direction": "事项→权力",
        "item": item.code,
        "itemName": item.name_zh,
        "kind": item.kind,
        "power": item.power,
        "powerName": power.name_zh if power else "",
        "unit": unit_name(given.catalog, item.lead_unit),
        "state": state,
        "why": why,
    }


def _from_power(given: Given, power: Power, exercised: dict[str, list[ServiceItem]]) -> Row:
    found = [item.code for item in exercised.get(power.code, [])]
    told = list(power.service_items)
    if found:
        why = f"权力清单写 {join(told) or '无'}, 而行使它的事项是 {join(found)}。"
    elif told:
        names = join(service_name(given.catalog, code) for code in told)
        why = f"权力清单写由{names}行使, 而没有在办事项指向它。"
    else:
        why = "没有事项行使它: 停用, 或补办事指南。"
    return {
        "direction": "权力→事项",
        "item": join(told),
        "itemName": "",
        "kind": power.kind,
        "power": power.code,
        "powerName": power.name_zh,
        "unit": unit_name(given.catalog, power.unit),
        "state": "两边不一致" if found else "无事项行使",
        "why": why,
    }
