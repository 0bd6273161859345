"""一数一源: each element with its sources, its copies, and how far the copies differ (CATALOG §2 B).

Declared: a second authoritative claim is a fault of the check, told here as such. Measured: the warehouse compares
each copy with its source by the subject's key; the shares are evidence for the meeting that settles whose datum it is.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

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
    narrowest,
    percent,
    population_names,
    unit_name,
)
from catalogs.lists.given import Given
from catalogs.lists.measured import Compared
from catalogs.model import Catalog, FactSource, Item, Resource

SECOND_CLAIM_RULE = "C09"
DIFFERENT, ORPHANS = "与源不一致", "有孤儿行"


@dataclass(frozen=True)
class Copy:
    """A stored item that repeats what another item is the source of; `how` joins the two.

    Attributes:
        how: "reference" if the copy is the source's key itself (only orphans can be wrong), "key" if both rows name
            the subject by the same kind of key, "links" if identity links join two kinds.
        key: the copy's item by which its row finds the source's row; empty for a reference.
        source_key: the source's item that it is compared with.
        is_declared: whether the contract says derivedFrom, and not only the element.
    """

    resource: str
    item: str
    source_resource: str
    source_item: str
    how: str
    key: str
    source_key: str
    is_declared: bool


def copies(catalog: Catalog) -> tuple[Copy, ...]:
    """Return every copied item that can be compared with its source, by resource and item.

    A copy names its source by derivedFrom, or shares its element with an authoritative item. What is asked live is
    stored nowhere and compared with nothing.
    """
    found: list[Copy] = []
    for name, resource in sorted(catalog.resources.items()):
        if catalog.is_asked(name):
            continue
        for item in resource.items:
            if item.derived_from:
                found += _declared(catalog, resource, item)
            elif item.element and not item.authoritative:
                found += _by_element(catalog, resource, item)
    return tuple(found)


def _declared(catalog: Catalog, resource: Resource, item: Item) -> Iterable[Copy]:
    system_and_table, _, source_item = item.derived_from.rpartition(".")
    source = catalog.resources.get(system_and_table)
    if source is None or not source.has_item(source_item) or catalog.is_asked(source.name):
        return
    if source.key == (source_item,):
        yield Copy(resource.name, item.name, source.name, source_item, "reference", "", source_item, True)
        return
    way = _way(resource, source)
    if way:
        yield Copy(resource.name, item.name, source.name, source_item, *way, True)


def _by_element(catalog: Catalog, resource: Resource, item: Item) -> Iterable[Copy]:
    if resource.subject is None or item.name == resource.subject.key:
        return
    for fact in catalog.sources_of(item.element):
        source = catalog.resources[fact.resource]
        if source.name == resource.name or catalog.is_asked(source.name) or fact.item == fact.key_item:
            continue
        way = _way(resource, source)
        if way:
            yield Copy(resource.name, item.name, source.name, fact.item, *way, False)


def _way(resource: Resource, source: Resource) -> tuple[str, str, str] | None:
    """How a row of a copy finds the one row of the source that speaks of the same subject; None if it cannot."""
    if len(source.key) != 1:
        return None
    (source_key,) = source.key
    for item in resource.items:
        if item.derived_from == f"{source.name}.{source_key}":
            return "key", item.name, source_key
    for link in resource.relationships:
        if link.to_resource == source.name and link.to_items == (source_key,) and len(link.items) == 1:
            return "key", link.items[0], source_key
    own, other = resource.subject, source.subject
    if own is None or other is None or other.key != source_key or own.type != other.type:
        return None
    if own.id_type == other.id_type:
        return "key", own.key, source_key
    for further in own.links:
        if further.id_type == other.id_type:
            return "key", further.item, source_key
    return "links", own.key, source_key


COLUMNS = (
    Column("element", "数据元编号", "Element", 12),
    Column("elementName", "数据元", "Element name", 16),
    Column("state", "情形", "Case", 16),
    Column("source", "权威源", "Source", 30),
    Column("sourceUnit", "数源单位", "Provider of the source", 16),
    Column("populations", "覆盖人群", "Populations", 22),
    Column("copy", "副本", "Copy", 30),
    Column("copyUnit", "副本单位", "Provider of the copy", 16),
    Column("declared", "是否声明来源", "Source declared", 12),
    Column("rows", "比对行数", "Rows compared", 10),
    Column("mismatch", "不一致率", "Mismatch", 10),
    Column("behind", "其中旧值", "Of these outdated", 10),
    Column("lagDays", "滞后天数(中位)", "Lag, days (median)", 12),
    Column("orphans", "孤儿行", "Orphans", 10),
)


def one_source(given: Given) -> DerivedList:
    """Return 一数一源核对清单: second claims, elements that are used and have no source, and every copy."""
    measured = {
        (one.resource, one.item, one.source_resource, one.source_item): one
        for one in (given.measured.compared if given.measured else ())
    }
    claims = [_claim(fault.what, fault.file) for fault in given.faults if fault.rule == SECOND_CLAIM_RULE]
    sourceless = [_sourceless(given, element, users) for element, users in _used_without_source(given)]
    compared = [
        _copy(
            given,
            copy,
            measured.get((copy.resource, copy.item, copy.source_resource, copy.source_item)),
        )
        for copy in copies(given.catalog)
    ]
    rows = [*claims, *sourceless, *sorted(compared, key=_worst_first)]
    states = Counter(row["state"] for row in rows)
    single = sum(len(given.catalog.sources_of(code)) == 1 for code in given.catalog.elements)
    many = sum(len(given.catalog.sources_of(code)) > 1 for code in given.catalog.elements)
    summary = {
        "数据元数": len(given.catalog.elements),
        "一个权威源": single,
        "按人群分设权威源": many,
        "无源而在用": len(sourceless),
        "声明冲突": len(claims),
        "副本": len(compared),
        **{state: states[state] if given.measured else NOT_MEASURED for state in (DIFFERENT, ORPHANS)},
    }
    titles = ("一数一源核对清单", "One datum, one source")
    return make_list("one_source", titles, COLUMNS, rows, summary)


_BLANK = {column.key: "" for column in COLUMNS} | {"populations": ()}


def _claim(what: str, file: str) -> Row:
    return {**_BLANK, "state": "声明冲突", "copy": file, "why": f"第二个权威源声明: {what}。", "tier": CAMPUS}


def _used_without_source(given: Given) -> list[tuple[str, list[str]]]:
    """Element → what uses it, of the elements that forms and demands use and nobody is the source of.

    What applicants declare themselves has no other source, and needs none.
    """
    declared = given.catalog.declared_elements
    users: dict[str, list[str]] = {}
    for item in given.items:
        for field in item.form:
            if field.element:
                users.setdefault(field.element, []).append(item.name_zh)
    for demand in given.catalog.demands.values():
        for element in demand.elements:
            users.setdefault(element, []).append(f"需求 {demand.demand_id}")
    return [
        (element, list(dict.fromkeys(names)))
        for element, names in sorted(users.items())
        if not given.catalog.sources_of(element) and element not in declared
    ]


def _sourceless(given: Given, element: str, users: list[str]) -> Row:
    known = given.catalog.elements.get(element)
    shown = join(users[:5]) + (f"等 {len(users)} 处" if len(users) > 5 else "")
    return {
        **_BLANK,
        "element": element,
        "elementName": known.name_zh if known else "",
        "state": "无源而在用",
        "why": f"{shown}要用它, 目录中没有权威源, 须认责。",
        "tier": CAMPUS,
    }


def _copy(given: Given, copy: Copy, seen: Compared | None) -> Row:
    catalog = given.catalog
    resource, source = catalog.resources[copy.resource], catalog.resources[copy.source_resource]
    item, source_item = resource.item(copy.item), source.item(copy.source_item)
    element = item.element or source_item.element
    fact = _fact(catalog, source_item.element, source.name, source_item.name)
    state = "副本" if copy.is_declared else "未声明来源的副本"
    if seen is not None and (seen.different or seen.orphans):
        state = DIFFERENT if seen.different else ORPHANS
    return {
        "element": element,
        "elementName": catalog.elements[element].name_zh if element in catalog.elements else "",
        "state": state,
        "source": f"{source.business_name} · {source_item.business_name}",
        "sourceUnit": unit_name(catalog, source.provider),
        "populations": population_names(catalog, fact.populations if fact else ()),
        "copy": f"{resource.business_name} · {item.business_name}",
        "copyUnit": unit_name(catalog, resource.provider),
        "declared": "是" if copy.is_declared else "否",
        "rows": NOT_MEASURED if seen is None else seen.rows,
        "mismatch": NOT_MEASURED if seen is None else percent(seen.different, seen.rows),
        "behind": NOT_MEASURED if seen is None else seen.behind,
        "lagDays": "" if seen is None or seen.lag_days is None else f"{seen.lag_days:.1f}",
        "orphans": NOT_MEASURED if seen is None else "" if seen.orphans is None else seen.orphans,
        "why": _in_words(given, copy, seen, element),
        "tier": narrowest(
            (
                CAMPUS,
                item_tier(catalog, resource.name, item.name),
                item_tier(catalog, source.name, source_item.name),
            )
        ),
    }


def _fact(catalog: Catalog, element: str, resource: str, item: str) -> FactSource | None:
    sources = catalog.sources_of(element) if element else ()
    return next((one for one in sources if (one.resource, one.item) == (resource, item)), None)


def _in_words(given: Given, copy: Copy, seen: Compared | None, element: str) -> str:
    name = element_name(given.catalog, element) if element else "这个信息项"
    why = "契约写明取自权威源" if copy.is_declared else "数据元相同而没有写明来源, 应写 derivedFrom"
    if seen is None:
        return f"“{name}”的副本, {why}; 与源的出入未测。"
    why += (
        f"; 按{'身份关联' if copy.how == 'links' else '主键'}比对 {seen.rows} 行, {seen.different} 行与源不同"
    )
    if seen.behind:
        why += f", 其中 {seen.behind} 行还是源的旧值, 中位滞后 {seen.lag_days or 0:.1f} 天"
    if seen.orphans:
        why += f"; {seen.orphans} 行在源中找不到对象"
    return f"“{name}”的副本, {why}。"


def _worst_first(row: Row) -> tuple[int, str, str]:
    return {DIFFERENT: 0, ORPHANS: 1}.get(row["state"], 2), row["element"], row["copy"]
