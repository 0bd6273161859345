"""Who has to decide a change: the ways of approvals.yaml, one track for each kind of change that a proposal holds.

Which file a change stands in does not decide how it is decided, what it does decides: whoever lets more be handed out
than before, be it by a demand, a contract's share type or an element's mask, goes the way of a demand (CATALOG §3.7).
A demand that only takes back needs nobody's permission but the data office's check. Who may decide is itself decided
by the lead office, after the data office.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from catalogs import derive
from catalogs.changes.consequences import Consequences
from catalogs.changes.edits import Edit
from catalogs.model import Catalog, Demand, Unit
from catalogs.model_decisions import (
    CODE_TABLE,
    CONTRACT,
    DEMAND,
    REFUSED,
    REGISTER,
    SERVICE_ITEM,
    TASK,
    Approval,
    ApprovalStep,
)
from catalogs.notices import on_consent
from catalogs.words import SENSITIVE_CLASSES

_STRICTNESS = ("", "unconditional", "conditional", "none")
_RULES_FILE = "approvals.yaml"
_RULES_STEP = ApprovalStep(99, "lead_office", "accountable", "同意改变决定规则", 5)
FILED = "filed"
_POST = "post:"


@dataclass(frozen=True)
class DueStep:
    """One post's step on the way of a proposal.

    Attributes:
        track: the kind of change and whom it concerns; steps of one track follow each other, tracks do not wait.
        seq: its place in the track; steps of equal place are open together.
        limit_days: working days; 0: the post is only informed.
        escalate: the post to which silence climbs; empty: to nobody, it stays open.
        two_persons: whether nobody may take two steps of the track, nor the author any.
    """

    track: str
    seq: int
    unit: str
    post: str
    act: str
    limit_days: int
    escalate: str = ""
    two_persons: bool = False


@dataclass(frozen=True)
class Route:
    """What a proposal needs to be decided.

    Attributes:
        steps: in their order.
        refused: why it is refused at once, with the basis; empty: it is not.
        missing: what has to be there before it can be proposed, in words.
    """

    steps: tuple[DueStep, ...]
    refused: str = ""
    missing: tuple[str, ...] = ()


@dataclass
class _Draft:
    steps: list[DueStep] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def route(old: Catalog, new: Catalog, edits: Iterable[Edit], told: Consequences, on: date) -> Route:
    """Return who decides a change; on a campus without approvals.yaml nobody has to.

    Args:
        old: the published catalog: its approvals count, not those that the change brings.
        new: the catalog as it would be if all was granted.
        edits: the change.
        told: its consequences.
        on: the day, for units that have ended.
    """
    edits = tuple(edits)
    draft = _Draft()
    _demand_tracks(old, new, edits, told, on, draft)
    _other_tracks(old, new, edits, on, draft)
    if not old.approvals.is_declared:
        return Route((), "; ".join(draft.refused))
    steps = tuple(dict.fromkeys(draft.steps))
    for step in steps:
        if not step.post:
            draft.missing.append(
                f"{step.track}: nobody holds the post that decides «{step.act}»"
                f" ({step.unit or 'no unit is named for it in campus.yaml'})"
            )
    return Route(steps, "; ".join(draft.refused), tuple(dict.fromkeys(draft.missing)))


def _demand_tracks(
    old: Catalog, new: Catalog, edits: tuple[Edit, ...], told: Consequences, on: date, draft: _Draft
) -> None:
    widened: dict[str, set[str]] = {}
    for change in told.grants:
        if change.widens and change.new is not None:
            widened.setdefault(change.new.demand_id, set()).add(change.new.element)
    freed = _freed_of_consent(old, new)
    touched = set(_entries_of(edits, "demands/", old, new)) | freed.keys()
    for code in sorted(touched | widened.keys()):
        demand = new.demands.get(code) or old.demands[code]
        elements = widened.get(code, set()) | _asked_anew(old, new, code) | freed.get(code, set())
        kind = TASK if demand.purpose_kind == "task" else DEMAND
        share, personal, providers, closed = _strictest(new, elements)
        if not elements:
            # It takes back, or says more of itself: the data office checks it, the providers are told.
            share, personal, kind = "unconditional", "", DEMAND
            providers = _strictest(old, demand.elements)[2]
        way = old.approvals.of(kind, share, personal)
        if way.outcome == REFUSED:
            draft.refused += [f"{code}: {text}" for text in closed]
        units = {
            "requester": (demand.requester_unit,),
            "provider": providers,
            "lead": (demand.requester_unit,),
        }
        _take(old, way, f"{kind} {code}", units, on, draft)
        if elements:
            _tell_missing_papers(way, demand, draft)


def _asked_anew(old: Catalog, new: Catalog, code: str) -> set[str]:
    """Elements that a demand asks for and did not have granted: those without a source give no right to compare."""
    demand, before = new.demands.get(code), old.demands.get(code)
    if demand is None or demand.state not in (derive.GRANTED, FILED):
        return set()
    had = set(before.elements) if before is not None and before.state == derive.GRANTED else set()
    return set(demand.elements) - had


def _freed_of_consent(old: Catalog, new: Catalog) -> dict[str, set[str]]:
    """Elements of granted demands that were given only on consent and would be given without: more is handed out."""
    freed = {
        code: (set(demand.elements) & on_consent(old, old.demands[code])) - on_consent(new, demand)
        for code, demand in new.demands.items()
        if code in old.demands and demand.state == derive.GRANTED
    }
    return {code: elements for code, elements in freed.items() if elements}


def _strictest(
    catalog: Catalog, elements: Iterable[str]
) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    """Share type and class of personal data that count for elements, their providers, and what is not shared."""
    share, personal, closed = "", "", []
    providers: dict[str, None] = {}
    for element in sorted(elements):
        items = [
            (catalog.resources[one.resource], catalog.resources[one.resource].item(one.item))
            for one in catalog.sources_of(element)
        ]
        shared = [(resource, item) for resource, item in items if item.share_type != derive.NOT_SHARED]
        if items and not shared:
            resource, item = items[0]
            share = derive.NOT_SHARED
            basis = item.no_share_basis or resource.properties.get("noShareBasis") or ""
            closed.append(f"{element} ({resource.name}.{item.name}) 不予共享: {basis}")
        for resource, item in shared:
            providers[resource.provider] = None
            share = max(share, item.share_type, key=_STRICTNESS.index)
        classes = [one.pi_class for _, one in items]
        declared = catalog.elements.get(element)
        classes += [declared.pi_class] if declared else []
        if any(one in SENSITIVE_CLASSES for one in classes):
            personal = "sensitive"
    return share, personal, tuple(providers), tuple(closed)


def _tell_missing_papers(way: Approval, demand: Demand, draft: _Draft) -> None:
    for is_needed, key, name in (
        (way.undertaking, "undertaking", "an undertaking (安全承诺或保密协议)"),
        (way.assessment, "assessment", "the number of an impact assessment (个人信息保护影响评估)"),
    ):
        if is_needed and not demand.raw.get(key):
            draft.missing.append(f'{demand.demand_id}: {name} is needed; write it under "{key}"')


def _other_tracks(old: Catalog, new: Catalog, edits: tuple[Edit, ...], on: date, draft: _Draft) -> None:
    files = sorted({edit.file for edit in edits})
    for file in files:
        if file.startswith("resources/"):
            both = [one for one in (*old.resources.values(), *new.resources.values()) if one.file == file]
            for provider in dict.fromkeys(one.provider for one in both):
                way = old.approvals.of(CONTRACT)
                _take(old, way, f"{CONTRACT} {both[-1].name}", {"provider": (provider,)}, on, draft)
    for code in _entries_of(edits, "services/", old, new):
        units = {one.services[code].lead_unit: None for one in (old, new) if code in one.services}
        way = old.approvals.of(SERVICE_ITEM)
        _take(old, way, f"{SERVICE_ITEM} {code}", {"lead": tuple(units), "provider": tuple(units)}, on, draft)
    for code in sorted({edit.entry for edit in edits if edit.file == "powers.yaml"}):
        units = {one.powers[code].unit: None for one in (old, new) if code in one.powers}
        way = old.approvals.of(SERVICE_ITEM)
        _take(old, way, f"power {code}", {"lead": tuple(units), "provider": tuple(units)}, on, draft)
    if any(file.startswith("codes/") for file in files):
        _take(old, old.approvals.of(CODE_TABLE), CODE_TABLE, {}, on, draft)
    others = [file for file in files if "/" not in file and file != "powers.yaml"]
    for file in others:
        _take(old, old.approvals.of(REGISTER), f"{REGISTER} {file}", {}, on, draft)
    if _RULES_FILE in others:
        track, office = f"{REGISTER} {_RULES_FILE}", (_office(old, "lead_office"),)
        _take_step(old, _RULES_STEP, Approval(REGISTER, ()), track, office, on, draft)


def _entries_of(edits: tuple[Edit, ...], folder: str, old: Catalog, new: Catalog) -> list[str]:
    """Codes of the demands, or service items, that edits of a folder concern."""
    touched = {(edit.file, edit.entry) for edit in edits if edit.file.startswith(folder)}
    found: dict[str, None] = {}
    for catalog in (old, new):
        known: Iterable[tuple[str, Any]] = (
            catalog.demands.items() if folder == "demands/" else catalog.services.items()
        )
        found |= {
            code: None for code, one in known if (one.file, code) in touched or (one.file, "") in touched
        }
    return sorted(found)


def _take(
    catalog: Catalog, way: Approval, track: str, units: dict[str, tuple[str, ...]], on: date, draft: _Draft
) -> None:
    for step in way.steps:
        concerned = units.get(step.who) or (_office(catalog, step.who),)
        _take_step(catalog, step, way, track, concerned, on, draft)


def _take_step(
    catalog: Catalog,
    step: ApprovalStep,
    way: Approval,
    track: str,
    units: tuple[str, ...],
    on: date,
    draft: _Draft,
) -> None:
    for unit in units:
        post = holder(catalog, unit, step.post, on)
        above = holder(catalog, unit, way.escalate, on) if way.escalate else ""
        climbs = above if above != post else ""
        draft.steps.append(
            DueStep(track, step.seq, unit, post, step.act, step.limit_days, climbs, way.four_eyes)
        )


def _office(catalog: Catalog, who: str) -> str:
    key = {"data_office": "dataOffice", "lead_office": "leadOffice", "university_office": "universityOffice"}
    told = catalog.campus.raw
    named = told.get(key.get(who, "")) or (told.get("leadOffice") if who == "university_office" else "")
    return str(named or "")


def holder(catalog: Catalog, unit: str, post: str, on: date) -> str:
    """Return the post that decides for a unit: as named, or its role's; of an ended unit or vacant role the heir's.

    Args:
        catalog: the catalog.
        unit: code of the unit concerned.
        post: `post:…`, or accountable, steward, clerk.
        on: the day on which the unit must exist.
    """
    if post.startswith(_POST):
        return post
    seen: set[str] = set()
    while unit and unit not in seen:
        seen.add(unit)
        found, _ = derive.answering_unit(catalog.units, unit, on)
        if found is None:
            return ""
        held = _held(found, post)
        if held:
            return held
        unit = found.successor or found.parent
    return ""


def _held(unit: Unit, role: str) -> str:
    if role == "clerk":
        named = next((word for word in unit.contact.split() if word.startswith(_POST)), "")
        return named or unit.steward
    return unit.steward if role == "steward" else unit.accountable
