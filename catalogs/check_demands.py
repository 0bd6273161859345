"""Demands: what they refer to, what a decision needs, and what the two lists promise each other (CATALOG §3.7)."""

from collections.abc import Iterable
from datetime import date, timedelta

from catalogs.derive import GRANTED, NOT_SHARED, proofs_of
from catalogs.faults import Faults, did_you_mean
from catalogs.fields import Fields
from catalogs.model import Catalog, Demand, Item
from catalogs.model_decisions import DEMAND
from catalogs.sources import Sources
from catalogs.words import MEASURES, SENSITIVE_CLASSES, SHARE_TYPES

_ROW = ("contact", "basis", "frequency", "retention")
_TASK, _PERSON = "task", "person"
_TASK_ROW = ("population", "destroyBy", "validTo")
_DISPUTED, _REFUSED = "disputed", "refused"
_TWO = 2
_LEGAL_DUTY = "statutory_duty"
_LONGEST_AFTER = timedelta(days=366)
_MOST_DIMENSIONS = 3
_NUMBERS = ("N", "I", "Y")
_CONDITIONAL, _SENSITIVE = "conditional", "sensitive"


def tell_demand_faults(sources: Sources, faults: Faults, on: date) -> None:
    """Check every demand.

    Args:
        sources: the catalog and its places.
        faults: where faults are told.
        on: the day on which granted demands must still hold.
    """
    catalog = sources.catalog
    for demand, own in sources.demands:
        unknown = _tell_references(catalog, demand, own)
        _tell_row(demand, own)
        _tell_decision(demand, own)
        if demand.state != GRANTED:
            continue
        _tell_complete(demand, own)
        _tell_aggregates(catalog, demand, own)
        _tell_rows(catalog, demand, own)
        _tell_confidential(demand, own)
        for code in demand.elements:
            if code not in unknown:
                _tell_granted(catalog, demand, code, own)
        if demand.purpose in catalog.services and demand.purpose_kind == "service_item":
            _tell_unneeded(catalog, demand, own)
        if demand.valid_to and demand.valid_to < on:
            own.fault(
                "D08",
                "validTo",
                f"granted until {demand.valid_to}",
                mend='set decision.state: "expired", or renew',
            )
        _tell_care(catalog, demand, own)


def _unknown(own: Fields, key: str, what: str, word: str, known: Iterable[str], register: str) -> bool:
    if not word or word in known:
        return False
    own.fault("D01", key, f'unknown {what} "{word}"', expected=register, mend=did_you_mean(word, known))
    return True


def _tell_references(catalog: Catalog, demand: Demand, own: Fields) -> set[str]:
    """Tell what is not there; return the unknown elements."""
    _unknown(own, "requesterUnit", "unit", demand.requester_unit, catalog.units, "a code of units.csv")
    if demand.purpose_kind == "service_item":
        _unknown(own, "purpose", "service item", demand.purpose, catalog.services, "a code under services/")
    if catalog.campus.clients:
        _unknown(own, "client", "client", demand.client, catalog.campus.clients, "a client of clients.yaml")
    for code in demand.replaces:
        _unknown(own, "replaces", "material", code, catalog.materials, "a code of materials.yaml")
    for code in demand.unmasked:
        if code not in demand.elements:
            own.fault("D01", "unmasked", f'"{code}" is not among the elements', expected="one of elements")
    return {
        code
        for code in demand.elements
        if _unknown(own, "elements", "element", code, catalog.elements, "a code of elements.csv")
    }


def _tell_row(demand: Demand, own: Fields) -> None:
    """Tell what a row of the demand list, or of a task, leaves out (D06, D07)."""
    is_task = demand.purpose_kind == _TASK
    wanted = list(_ROW)
    if demand.state == GRANTED:
        # Without basis a granted one breaks a rule of its own (D02); a task's scope is its population.
        wanted = [*(key for key in _ROW if key != "basis"), "mode", *([] if is_task else ["scope"])]
    missing = [key for key in wanted if not own.data.get(key)]
    lacking = [key for key in _TASK_ROW if not own.data.get(key)]
    if own.data.get("populations") and "population" in lacking:
        lacking.remove("population")
    if is_task and lacking:
        own.fault("D07", "purpose", f"a task without {', '.join(lacking)}", mend="add what is missing")
    if missing:
        own.fault("D06", None, f"no {', '.join(missing)}", mend="add what is missing")


def _tell_decision(demand: Demand, own: Fields) -> None:
    decision = demand.raw.get("decision") or {}
    if demand.state == _DISPUTED and not decision.get("minutes"):
        own.fault("D09", "decision", "disputed, and no meeting is named", expected="decision.minutes")
    if demand.state == _REFUSED and not decision.get("opinion"):
        own.fault("D09", "decision", "refused without a ground", expected="decision.opinion")


def _tell_complete(demand: Demand, own: Fields) -> None:
    wanted = {
        "basis": demand.basis,
        "ground": demand.ground,
        "client": demand.client,
        "validFrom": demand.valid_from,
        "validTo": demand.valid_to,
        "decision.by": demand.decided_by,
        "decision.on": demand.decided_on,
    }
    for key, value in wanted.items():
        if not value:
            own.fault("D02", key.partition(".")[0], f'granted, and "{key}" is missing', expected=f'"{key}"')


def _tell_aggregates(catalog: Catalog, demand: Demand, own: Fields) -> None:
    """Tell of a granted task what it may be told in sums cannot be (D12)."""
    wrong = [f'unknown population "{code}"' for code in demand.populations if code not in catalog.populations]
    given = demand.aggregates
    if given is not None:
        for table in given.tables:
            if not 0 < len(table) <= _MOST_DIMENSIONS or not set(table) <= set(demand.elements):
                wrong.append(f"a table by {', '.join(table)}")
            wrong += [f'"{code}" has no code table' for code in table if not _is_coded(catalog, code)]
        for code, told in given.measures.items():
            element = catalog.elements.get(code)
            if code not in demand.elements or element is None or element.type not in _NUMBERS:
                wrong.append(f'"{code}" is no number among the elements')
            if unknown := sorted(set(told) - set(MEASURES)):
                wrong.append(f"unknown measure {', '.join(unknown)}")
        if not demand.populations:
            wrong.append("no populations")
        wrong += [f"{other.demand_id} is about the same people" for other in _rivals(catalog, demand)]
    for what in wrong:
        own.fault("D12", "aggregates", what)


def _tell_rows(catalog: Catalog, demand: Demand, own: Fields) -> None:
    """Tell of a granted task what it may not be told person by person (D13)."""
    if not demand.rows:
        return
    wrong = [f'"{code}" is not among the elements' for code in demand.rows if code not in demand.elements]
    wrong += [f'"{code}" has no landed source' for code in demand.rows if not _is_landed(catalog, code)]
    if demand.purpose_kind != _TASK:
        wrong.append("not a task")
    wrong += [f"no {key}" for key in ("populations", "destroyBy", "validTo") if not own.data.get(key)]
    for code in demand.populations:
        known = catalog.populations.get(code)
        register = catalog.resources.get(known.register) if known else None
        if known and (register is None or register.subject is None or register.subject.type != _PERSON):
            wrong.append(f"population {code} has no register of persons")
        if known and known.may_be_minors and not demand.is_assessed:
            wrong.append(f"population {code} may hold children, and there is no assessment")
    for what in wrong:
        own.fault("D13", "rows", what)


def _tell_confidential(demand: Demand, own: Fields) -> None:
    """Tell why people may not be kept from seeing that a granted task was given their data (D14)."""
    given = demand.confidential
    if given is None:
        return
    wrong = [] if demand.purpose_kind == _TASK and demand.rows else ["not a task with rows"]
    if demand.ground != _LEGAL_DUTY:
        wrong.append("not on a legal duty")
    if not given.basis:
        wrong.append("no basis")
    if given.until is None:
        wrong.append("no until")
    elif demand.valid_to and given.until > demand.valid_to + _LONGEST_AFTER:
        wrong.append(f"until {given.until}, more than a year after {demand.valid_to}")
    if len(set(demand.decided_by)) < _TWO:
        wrong.append("decided by one person")
    for what in wrong:
        own.fault("D14", "confidential", what)


def _is_landed(catalog: Catalog, code: str) -> bool:
    return any(not catalog.is_asked(source.resource) for source in catalog.sources_of(code))


def _is_coded(catalog: Catalog, code: str) -> bool:
    return code in catalog.elements and bool(catalog.elements[code].code_table)


def _rivals(catalog: Catalog, demand: Demand) -> list[Demand]:
    """Return the other granted tasks with aggregates, of the same client and time, that share a population."""
    return [
        other
        for other in catalog.demands.values()
        if other.demand_id != demand.demand_id
        and other.aggregates is not None
        and (other.state, other.client) == (GRANTED, demand.client)
        and set(other.populations) & set(demand.populations)
        and not (other.valid_to and demand.valid_from and other.valid_to < demand.valid_from)
        and not (demand.valid_to and other.valid_from and demand.valid_to < other.valid_from)
    ]


def _tell_granted(catalog: Catalog, demand: Demand, code: str, own: Fields) -> None:
    sources = catalog.sources_of(code)
    if not sources and code in catalog.declared_elements:
        return
    if not sources:
        own.fault("D04", "elements", f'element "{code}" is granted and has no source')
    elif all(catalog.resources[s.resource].item(s.item).share_type == NOT_SHARED for s in sources):
        own.fault("D03", "elements", f'element "{code}" is granted, and its share type is none')


def _tell_unneeded(catalog: Catalog, demand: Demand, own: Fields) -> None:
    item = catalog.services[demand.purpose]
    needed = {field.element for field in item.form}
    for use in item.materials:
        needed |= {proof.element for proof in proofs_of(catalog, use)}
    for code in demand.elements:
        if code not in needed:
            own.fault(
                "D05", "elements", f'element "{code}" is used by no field and no material of {item.code}'
            )


def _tell_care(catalog: Catalog, demand: Demand, own: Fields) -> None:
    """Tell a grant that was decided with less care than its approval asks (D10)."""
    sources = [source for code in demand.elements for source in catalog.sources_of(code)]
    items = [catalog.resources[source.resource].item(source.item) for source in sources]
    if not items:
        return
    way = catalog.approvals.of(DEMAND, _strictest_share_type(items), _strictest_pi_class(items))
    lacking = []
    if way.undertaking and not own.data.get("undertaking"):
        lacking.append("an undertaking")
    populations = {code for source in sources for code in source.populations}
    may_be_minors = any(one.may_be_minors for one in catalog.populations.values() if one.code in populations)
    if (way.assessment or may_be_minors) and not demand.is_assessed:
        lacking.append("the number of an impact assessment")
    if way.four_eyes and len(set(demand.decided_by)) < _TWO:
        lacking.append("a second decider")
    if lacking:
        own.fault(
            "D10",
            "decision",
            f"granted without {', '.join(lacking)}",
            expected=f"what its approval asks ({way.name_zh or 'the default'})",
        )


def _strictest_share_type(items: Iterable[Item]) -> str:
    """Return the strictest share type that can be granted of what is asked for together (CATALOG §2 G)."""
    return max(
        (item.share_type for item in items if item.share_type != NOT_SHARED),
        key=SHARE_TYPES.index,
        default="",
    )


def _strictest_pi_class(items: Iterable[Item]) -> str:
    """Return `sensitive` where any of the items is sensitive personal data or of a minor, else an empty text."""
    return _SENSITIVE if any(item.pi_class in SENSITIVE_CLASSES for item in items) else ""
