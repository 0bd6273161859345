"""可免提交材料: which materials need not be handed in, what keeps the others, and which mend frees most copies.

The rule itself is `catalogs.derive.material_verdicts`, the one that the service answers by; here its verdicts are
laid out, weighed with case volumes, and turned into mends: what somebody could open, grant or put right.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from catalogs.check_between import folded
from catalogs.derive import (
    BELOW_GATE,
    CERTIFICATE,
    LATE,
    SATISFIED,
    STILL_REQUIRED,
    FactVerdict,
    MaterialVerdict,
    is_valid,
)
from catalogs.lists.base import (
    CAMPUS,
    NOT_MEASURED,
    Column,
    DerivedList,
    Row,
    element_name,
    join,
    make_list,
    material_name,
    population_names,
    service_name,
    unit_name,
)
from catalogs.lists.given import Given
from catalogs.lists.measured import HandedIn
from catalogs.model import Catalog, FormField, ServiceItem
from catalogs.small_cells import NOT_TOLD
from catalogs.views_services import NECESSITY_NAMES

OUTCOME_NAMES = {SATISFIED: "可免提交", CERTIFICATE: "以电子证明代替", STILL_REQUIRED: "仍需提交"}
BLOCK_NAMES = {
    "no_source": "没有权威源",
    "not_shared": "权威源不予共享",
    "not_granted": "有源, 未授权给本事项",
    LATE: "数源逾期未更新",
    BELOW_GATE: "数源质量不达标",
}
ORIGINAL, NO_FACTS, GAP = "original_required", "states_no_facts", "gap"
# Ways that may work later; they spare nothing until somebody has made them work.
_LATER = {"证件证照": "电子证照", "批文": "电子证照", "证明": "告知承诺"}
# A material is not looked at for mends if it would take more of them than this at once.
_MOST_MENDS = 8
_MOST_STEPS = 50
# Gaps by which somebody has already said that there is something to have.
_TO_SETTLE = ("待归集", "争议")


@dataclass(frozen=True, order=True)
class Mend:
    """Something that one office could do: source, open, grant, refresh or raise; `target` says to what."""

    kind: str
    target: str


MEND_NAMES = {
    "source": "建立权威源",
    "open": "开放共享",
    "grant": "授权本事项使用",
    "refresh": "按期更新",
    "raise": "整改质量",
    "settle": "解决缺口",
}
_MEND_OF = {"no_source": "source", "not_shared": "open", LATE: "refresh", BELOW_GATE: "raise"}

SPARED_COLUMNS = (
    Column("item", "事项编码", "Service item", 12),
    Column("itemName", "事项名称", "Name", 26),
    Column("unit", "主责单位", "Lead unit", 16),
    Column("material", "材料编码", "Material", 18),
    Column("materialName", "材料名称", "Material name", 26),
    Column("necessity", "必要性", "Necessity", 10),
    Column("outcome", "结论", "Outcome", 14),
    Column("mode", "免提交方式", "Mode", 16),
    Column("later", "以后可能", "Possible later", 12),
    Column("facts", "所证事实", "Facts", 40),
    Column("populations", "数据覆盖人群", "Populations", 24),
    Column("blocked", "阻断原因", "What blocks it", 40),
    Column("cases", "年办件量", "Cases a year", 10),
    Column("copies", "每年可省份数", "Copies saved a year", 12),
    Column("handed", "去年实收份数", "Handed in last year", 12),
    Column("spared", "去年已免份数", "Spared last year", 12),
)


def spared(given: Given) -> DerivedList:
    """Return 可免提交材料清单: every material of every item in force, spared or with the reason per fact."""
    results = _results(given.items)
    rows = [
        _spared(given, item, verdict, results)
        for item in given.items
        for verdict in given.verdicts[item.code]
    ]
    outcomes = Counter(row["outcome"] for row in rows)
    saved = [row["copies"] for row in rows if isinstance(row["copies"], int)]
    summary = {
        **{name: outcomes[name] for name in OUTCOME_NAMES.values()},
        "每年可省份数": sum(saved) if _is_weighed(given) else NOT_MEASURED,
    }
    titles = ("可免提交材料清单", "Materials that need not be handed in")
    return make_list("spared_materials", titles, SPARED_COLUMNS, rows, summary)


def _is_weighed(given: Given) -> bool:
    return given.measured is not None and bool(given.measured.spans)


def _results(items: Iterable[ServiceItem]) -> dict[str, str]:
    """Folded name of a result → service item that gives it."""
    named = ((str((item.raw.get("result") or {}).get("nameZh") or ""), item.code) for item in items)
    return {folded(name): code for name, code in named if name}


def _spared(given: Given, item: ServiceItem, verdict: MaterialVerdict, results: Mapping[str, str]) -> Row:
    catalog = given.catalog
    material = catalog.materials.get(verdict.material)
    free = verdict.outcome in (SATISFIED, CERTIFICATE)
    cases = given.volume_in_words(item.code)
    handed = given.handed_in(item.code, verdict.material)
    copies = copies_of(catalog, item, verdict.material)
    earlier = results.get(folded(verdict.name_zh)) if verdict.name_zh else None
    mode = "" if not free else "前序结果复用" if earlier not in (None, item.code) else "数据共享核验"
    if verdict.outcome == CERTIFICATE:
        mode = "电子证明代替原件"
    saved: int | str = NOT_MEASURED
    if not free:
        saved = 0
    elif verdict.necessity == "required" and isinstance(cases, int):
        saved = cases * copies
    elif handed is not None and handed.is_few:
        saved = NOT_TOLD if handed.together is None else handed.together
    elif handed is not None:
        saved = handed.handed + handed.spared
    populations = {code for fact in verdict.facts for source in fact.sources for code in source.populations}
    return {
        "item": item.code,
        "itemName": item.name_zh,
        "unit": unit_name(catalog, item.lead_unit),
        "material": verdict.material,
        "materialName": verdict.name_zh,
        "necessity": NECESSITY_NAMES.get(verdict.necessity, verdict.necessity),
        "outcome": OUTCOME_NAMES[verdict.outcome],
        "mode": mode,
        "later": "" if free or not material else _LATER.get(material.kind, ""),
        "facts": tuple(_fact(catalog, fact) for fact in verdict.facts),
        "populations": population_names(catalog, sorted(populations)),
        "blocked": tuple(block_in_words(catalog, block) for block in verdict.blocked),
        "cases": cases,
        "copies": saved,
        "handed": _told(handed, "handed"),
        "spared": _told(handed, "spared"),
        "why": _spared_in_words(given, verdict, mode, cases, copies),
        "tier": CAMPUS,
    }


def _told(handed: HandedIn | None, which: str) -> int | str:
    """Return a count of materials as a list tells it."""
    if handed is None:
        return NOT_MEASURED
    number: int = getattr(handed, which)
    return NOT_TOLD if handed.is_few and number else number


def copies_of(catalog: Catalog, item: ServiceItem, material: str) -> int:
    """Return how many copies of a material one case hands in: as the item says, else the register, else one."""
    uses = item.raw.get("materials") or ()
    own = next((use.get("copies") for use in uses if use.get("material") == material), None)
    known = catalog.materials.get(material)
    said = own if own is not None else known.raw.get("copies") if known else None
    return said if isinstance(said, int) and said > 0 else 1


def _fact(catalog: Catalog, fact: FactVerdict) -> str:
    name = element_name(catalog, fact.element)
    if fact.blocked:
        return f"{name}: {BLOCK_NAMES[fact.blocked]}"
    resources = dict.fromkeys(catalog.resources[source.resource].business_name for source in fact.sources)
    return f"{name}: {join(f'《{one}》' for one in resources)}"


def block_in_words(catalog: Catalog, block: str) -> str:
    """Return a reason of a verdict in Chinese."""
    if block == ORIGINAL:
        return "须核验原件"
    if block == NO_FACTS:
        return "没有写明证明什么事实"
    subject, _, reason = block.partition(":")
    if subject == GAP:
        return f"已记缺口: {reason}"
    return f"{element_name(catalog, subject)}: {BLOCK_NAMES[reason]}"


def _spared_in_words(given: Given, verdict: MaterialVerdict, mode: str, cases: int | str, copies: int) -> str:
    if verdict.outcome == SATISFIED:
        why = f"所证 {len(verdict.facts)} 项事实都有权威源, 已授权给本事项, 按{mode}免提交"
        if given.measured is None:
            why += "; 数源是否按期、达标未测"
        return why + (f"; 每年 {cases} 件各 {copies} 份。" if isinstance(cases, int) else "。")
    if verdict.outcome == CERTIFICATE:
        return "须核验原件, 但由本校单位出具且事实都可读取, 以电子证明代替。"
    return "仍需提交: " + "; ".join(block_in_words(given.catalog, one) for one in verdict.blocked) + "。"


def mends_of(item: str, verdict: MaterialVerdict, catalog: Catalog) -> frozenset[Mend] | None:
    """Return what it takes to spare a material: none if it is spared, None if no mend of data can spare it.

    An original that a rule demands, and what states no fact, are beyond data (a photograph, a reason in one's own
    words), unless it is noted that it is to be collected or settled. A noted gap falls with the facts that are missing.

    Args:
        item: code of the service item.
        verdict: of the material.
        catalog: names the sources behind an element that is not shared or not kept.
    """
    if verdict.outcome != STILL_REQUIRED:
        return frozenset()
    mends = set()
    gap = ""
    for block in verdict.blocked:
        subject, _, reason = block.partition(":")
        if block in (ORIGINAL, NO_FACTS):
            return None
        if subject == GAP:
            gap = reason
        elif reason == "not_granted":
            mends.add(Mend("grant", item))
        elif reason in (LATE, BELOW_GATE):
            mends.add(Mend(_MEND_OF[reason], _first_granted(catalog, item, subject)))
        else:
            mends.add(Mend(_MEND_OF[reason], subject))
    if gap and not mends:
        if not verdict.facts and gap not in _TO_SETTLE:
            return None
        mends.add(Mend("settle", verdict.material))
    return frozenset(mends)


def _first_granted(catalog: Catalog, item: str, element: str) -> str:
    """The resource that the verdict blamed: the first of the element's sources that the item may read."""
    readable = {
        (right.element, right.resource, right.item) for right in catalog.grants_for("service_item", item)
    }
    for source in catalog.sources_of(element):
        if (source.element, source.resource, source.item) in readable:
            return source.resource
    return element


@dataclass(frozen=True)
class Step:
    """A step of the greedy order: these mends together free so many copies more than those before them."""

    mends: tuple[Mend, ...]
    gain: int
    total: int


def best_order(blocked: Iterable[tuple[frozenset[Mend], int]], most: int = _MOST_STEPS) -> tuple[Step, ...]:
    """Return in which order to mend, each step freeing the most copies per mend after the steps before it.

    A step is one mend wherever one is enough for something; else the fewest that free something together.

    Args:
        blocked: per blocked material what it takes, and how many copies it comes to.
        most: number of steps at most.
    """
    weights: Counter[frozenset[Mend]] = Counter()
    for mends, weight in blocked:
        if mends and weight and len(mends) <= _MOST_MENDS:
            weights[mends] += weight
    steps: list[Step] = []
    total = 0
    while weights and len(steps) < most:
        gains = {mends: _gain(mends, weights) for mends in weights}
        best = min(gains, key=lambda mends: (-gains[mends] / len(mends), -gains[mends], sorted(mends)))
        total += gains[best]
        steps.append(Step(tuple(sorted(best)), gains[best], total))
        left: Counter[frozenset[Mend]] = Counter()
        for mends, weight in weights.items():
            if mends - best:
                left[mends - best] += weight
        weights = left
    return tuple(steps)


def _gain(mends: frozenset[Mend], weights: Mapping[frozenset[Mend], int]) -> int:
    """Copies that are freed once exactly these mends are made."""
    return sum(
        weights.get(frozenset(part), 0)
        for size in range(1, len(mends) + 1)
        for part in combinations(mends, size)
    )


OPENING_COLUMNS = (
    Column("step", "步骤", "Step", 8),
    Column("kind", "做什么", "What to do", 14),
    Column("target", "对象", "To what", 34),
    Column("office", "由谁", "By whom", 20),
    Column("gain", "本步可省份数", "Copies freed", 14),
    Column("total", "累计可省份数", "Copies freed so far", 14),
    Column("alone", "单独可省份数", "Copies freed alone", 14),
    Column("items", "单独即可免材料的事项", "Service items that it alone relieves", 30),
)


def openings(given: Given) -> DerivedList:
    """Return 开放与整改收益: which opening or mend frees most copies, in greedy order with the marginal gain."""
    catalog = given.catalog
    blocked = []
    beyond = 0
    relieved: dict[Mend, dict[str, None]] = {}
    for item in given.items:
        for verdict in given.verdicts[item.code]:
            mends = mends_of(item.code, verdict, catalog)
            weight = _weight(given, item, verdict)
            if mends is None:
                beyond += weight
            elif mends:
                blocked.append((mends, weight))
                if len(mends) == 1:
                    relieved.setdefault(next(iter(mends)), {})[item.code] = None
    alone: Counter[Mend] = Counter()
    for mends, weight in blocked:
        if len(mends) == 1:
            alone[next(iter(mends))] += weight
    unit = "份" if _is_weighed(given) else "项材料(办件量未测, 每项计一)"
    rows: list[Row] = []
    for number, step in enumerate(best_order(blocked), start=1):
        for mend in step.mends:
            name, office = _target(given, mend)
            with_others = f", 与同一步骤的其他 {len(step.mends) - 1} 项一起" if len(step.mends) > 1 else ""
            rows.append(
                {
                    "step": number,
                    "kind": MEND_NAMES[mend.kind],
                    "target": name,
                    "office": office,
                    "gain": step.gain,
                    "total": step.total,
                    "alone": alone[mend],
                    "items": tuple(relieved.get(mend, ())),
                    "why": f"{MEND_NAMES[mend.kind]}“{name}”{with_others}, 每年再省 {step.gain} {unit}。",
                    "tier": CAMPUS,
                }
            )
    titles = ("开放与整改收益清单", "Which opening or mend frees most")
    summary = {
        "计量": unit,
        "数据不能免的份数": beyond,
        "列出步骤累计可省": rows[-1]["total"] if rows else 0,
    }
    return make_list("openings", titles, OPENING_COLUMNS, rows, summary)


def _weight(given: Given, item: ServiceItem, verdict: MaterialVerdict) -> int:
    """Copies a year; what is of too few cases weighs nothing, or the sums would tell it."""
    if not _is_weighed(given):
        return 1
    if verdict.necessity == "required":
        return (given.volume(item.code) or 0) * copies_of(given.catalog, item, verdict.material)
    handed = given.handed_in(item.code, verdict.material)
    return handed.handed if handed and not handed.is_few else 0


def _target(given: Given, mend: Mend) -> tuple[str, str]:
    """Name of what is mended, and whose turn it is."""
    catalog = given.catalog
    if mend.kind == "grant":
        unit = catalog.services[mend.target].lead_unit
        return service_name(catalog, mend.target), f"{unit_name(catalog, unit)}提出需求"
    if mend.kind == "settle":
        return material_name(catalog, mend.target), "认责会议"
    if mend.target in catalog.resources:
        resource = catalog.resources[mend.target]
        return f"《{resource.business_name}》", unit_name(catalog, resource.provider)
    sources = catalog.sources_of(mend.target)
    units = dict.fromkeys(unit_name(catalog, catalog.resources[one.resource].provider) for one in sources)
    return element_name(catalog, mend.target), join(units) or "认责会议"


ASKED_COLUMNS = (
    Column("item", "事项编码", "Service item", 12),
    Column("itemName", "事项名称", "Name", 26),
    Column("unit", "主责单位", "Lead unit", 16),
    Column("kind", "类别", "Kind", 10),
    Column("asked", "仍在索取", "What is asked", 28),
    Column("held", "学校已有", "What is held", 36),
    Column("reason", "原因", "Reason", 24),
    Column("cases", "年办件量", "Cases a year", 10),
    Column("handed", "去年实收份数", "Handed in last year", 12),
)


def asked_again(given: Given) -> DerivedList:
    """Return 仍在重复索取: form fields and materials by which people are asked for what is held."""
    names = _held_names(given.catalog)
    rows: list[Row] = []
    for item in given.items:
        granted = {
            right.element
            for right in given.catalog.grants_for("service_item", item.code)
            if is_valid(right.valid_from, right.valid_to, given.on)
        }
        for field in item.form:
            rows += _asked_field(given, item, field, granted, names)
        for verdict in given.verdicts[item.code]:
            rows += _asked_material(given, item, verdict)
    reasons = Counter(row["reason"] for row in rows)
    titles = ("仍在重复索取清单", "Asked for although held")
    return make_list("asked_again", titles, ASKED_COLUMNS, rows, dict(sorted(reasons.items())))


def _held_names(catalog: Catalog) -> dict[str, str]:
    """Folded name → element, of what is held of persons: which room or project is meant only the applicant knows."""
    return {
        folded(element.name_zh): code
        for code, element in sorted(catalog.elements.items(), reverse=True)
        if element.subject_type == "person" and _is_held(catalog, code)
    }


def _is_held(catalog: Catalog, element: str) -> bool:
    return any(
        catalog.resources[source.resource].item(source.item).share_type != "none"
        for source in catalog.sources_of(element)
    )


def _asked_field(
    given: Given, item: ServiceItem, field: FormField, granted: set[str], names: Mapping[str, str]
) -> list[Row]:
    catalog = given.catalog
    element = field.element or names.get(folded(field.name_zh), "")
    if not element or not _is_held(catalog, element) or (field.element and element in granted):
        return []
    held = element_name(catalog, element)
    reason = "有源未授权" if field.element else "表单字段未挂接数据元"
    why = {
        "有源未授权": f"“{held}”有权威源, 但没有授权本事项使用, 申请人仍要填写; 应提出共享需求。",
        "表单字段未挂接数据元": f"“{field.name_zh}”与数据元“{held}”同名且有权威源, 应挂接后预填; 若含义不同请改名。",
    }[reason]
    return [
        _asked(given, item, "表单字段", field.name_zh, held, reason, NOT_MEASURED, why),
    ]


def _asked_material(given: Given, item: ServiceItem, verdict: MaterialVerdict) -> list[Row]:
    held = join(element_name(given.catalog, fact.element) for fact in verdict.facts)
    handed = given.handed_in(item.code, verdict.material)
    number = _told(handed, "handed")
    if verdict.outcome == SATISFIED:
        if handed is not None and not handed.handed:
            return []
        told = "是否仍在收取未测" if handed is None else f"去年仍收取 {number} 份"
        if number == NOT_TOLD:
            told = f"去年仍在收取, 份数{NOT_TOLD}"
        why = f"所证事实都有源且已授权, 应免提交; {told}。"
        return [_asked(given, item, "材料", verdict.name_zh, held, "可免仍列", number, why)]
    if verdict.blocked and all(one.endswith(":not_granted") for one in verdict.blocked):
        why = "所证事实都有可共享的权威源, 只差授权本事项使用; 应提出共享需求。"
        return [_asked(given, item, "材料", verdict.name_zh, held, "有源未授权", number, why)]
    return []


def _asked(
    given: Given,
    item: ServiceItem,
    kind: str,
    asked: str,
    held: str,
    reason: str,
    handed: int | str,
    why: str,
) -> Row:
    return {
        "item": item.code,
        "itemName": item.name_zh,
        "unit": unit_name(given.catalog, item.lead_unit),
        "kind": kind,
        "asked": asked,
        "held": held,
        "reason": reason,
        "cases": given.volume_in_words(item.code),
        "handed": handed,
        "why": why,
        "tier": CAMPUS,
    }
