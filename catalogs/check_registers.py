"""Checks of the registers: references, circles, numbers of bodies, vacant duties, membership, the calendar's years."""

from datetime import date

from stdnum.cn import uscc

from catalogs.derive import GRANTED, answering_unit
from catalogs.faults import Faults, did_you_mean
from catalogs.model import Catalog
from catalogs.settings import variable_of
from catalogs.sources import Sources
from catalogs.sql import SqlFault, predicate

# What a client may do beside asking, and of these what it does for its unit.
_FOR_A_UNIT = ("corrections", "questions", "certificates", "sessions", "windows")
_SWITCHES = ("jobs", "usages", *_FOR_A_UNIT)
_QUOTAS = ("perMinute", "perSubjectPerDay")
_CLIENT_KEYS = (
    "client", "nameZh", "nameEn", "unit", "steward", "auth", "channels", "quota", "mapping", "webhook", "note",
    *_SWITCHES,
)  # fmt: skip
_NEXT_YEAR_FROM_MONTH = 12
_OUTSIDE = "校外"
# Of a contract under these statuses nobody has to answer.
_UNANSWERED = ("draft", "retired")


def tell_register_faults(sources: Sources, faults: Faults, on: date) -> None:
    """Check units, systems, elements, populations and the calendar.

    Args:
        sources: the catalog and its places.
        faults: where faults are told.
        on: the day whose year the calendar must have, and from 1 December the next.
    """
    catalog = sources.catalog
    _tell_units(sources, faults)
    _tell_duties(sources, faults, on)
    for code, system in catalog.systems.items():
        if system.provider and system.provider not in catalog.units:
            file, line = sources.register.line("system", code)
            faults.add(
                "R01",
                file,
                line,
                f'system "{code}": unknown provider "{system.provider}"',
                expected="a code of units.csv",
                mend=did_you_mean(system.provider, catalog.units),
            )
    for code, client in catalog.campus.clients.items():
        unit = client.get("unit")
        if unit and unit not in catalog.units:
            file, line = sources.register.line("client", code)
            what = f'client "{code}": unknown unit "{unit}"'
            mend = did_you_mean(str(unit), catalog.units)
            faults.add("R01", file, line, what, expected="a code of units.csv", mend=mend)
        webhook = client.get("webhook")
        if webhook is not None and not variable_of(str(webhook)):
            file, line = sources.register.line("client", code)
            what = f'client "{code}": "webhook" is written out'
            faults.add(
                "V03", file, line, what, expected="env:NAME", mend="name the variable that holds the address"
            )
    _tell_switches(sources, faults)
    for code, element in catalog.elements.items():
        if element.code_table and element.code_table not in catalog.codes:
            file, line = sources.register.line("element", code)
            faults.add(
                "R01",
                file,
                line,
                f'element "{code}": unknown code table "{element.code_table}"',
                expected="a file of codes/",
                mend=did_you_mean(element.code_table, catalog.codes),
            )
        if element.population and element.population not in catalog.populations:
            file, line = sources.register.line("element", code)
            what = f'element "{code}": unknown population "{element.population}"'
            mend = did_you_mean(element.population, catalog.populations)
            faults.add("R01", file, line, what, expected="a code of populations.csv", mend=mend)
    _tell_populations(sources, faults)
    _tell_years(catalog, faults, on)


def _tell_switches(sources: Sources, faults: Faults) -> None:
    """Tell what a client may not be let do as it stands: nothing is meant by a switch that nobody reads (R10)."""
    for code, client in sources.catalog.campus.clients.items():
        wrong = [
            f'"{key}" is neither true nor false'
            for key in _SWITCHES
            if key in client and client[key] not in (True, False)
        ]
        wrong += [
            f'"quota.{key}" is no number of questions'
            for key, most in (client.get("quota") or {}).items()
            if key not in _QUOTAS or not isinstance(most, int) or most < 1
        ]
        wrong += [
            f'"{key}" without a unit'
            for key in _FOR_A_UNIT
            if client.get(key) is True and not client.get("unit")
        ]
        wrong += [
            f'unknown key "{key}"' + (f', did you mean "{meant}"?' if meant else "")
            for key in client
            if key not in _CLIENT_KEYS
            for meant in [did_you_mean(key, _CLIENT_KEYS)]
        ]
        file, line = sources.register.line("client", code)
        for what in wrong:
            faults.add(
                "R10", file, line, f'client "{code}": {what}', expected=f"one of {', '.join(_CLIENT_KEYS)}"
            )


def _tell_units(sources: Sources, faults: Faults) -> None:
    units = sources.catalog.units
    for code, unit in units.items():
        file, line = sources.register.line("unit", code)
        for what, other in (("parent", unit.parent), ("successor", unit.successor)):
            if other and other not in units:
                faults.add(
                    "R01",
                    file,
                    line,
                    f'unit "{code}": unknown {what} "{other}"',
                    expected="a code of units.csv",
                    mend=did_you_mean(other, units),
                )
        seen, above = {code}, unit.parent
        while above in units and above not in seen:
            seen.add(above)
            above = units[above].parent
        if above == code:
            faults.add("R04", file, line, f'unit "{code}" is its own ancestor')
        if unit.uscc and not uscc.is_valid(unit.uscc):
            faults.add("R05", file, line, f'unit "{code}": uscc "{unit.uscc}" fails its check digit or form')
        if unit.kind == _OUTSIDE and not unit.uscc:
            faults.add("R05", file, line, f'unit "{code}" is outside and has no uscc')


def _tell_duties(sources: Sources, faults: Faults, on: date) -> None:
    """Tell duties of a unit that has ended, where they are written, and vacant posts, once per unit (CATALOG §3.3)."""
    units = sources.catalog.units
    vacant: dict[str, None] = {}

    def tell(file: str, line: int, what: str, code: str, posts: tuple[str, str] = ("", "")) -> None:
        if code not in units:
            return
        heir, gap = answering_unit(units, code, on)
        if gap:
            now = f'"{heir.code}" answers' if heir else "nobody answers"
            faults.add("R06", file, line, f'{what} "{code}" has ended on {units[code].valid_to}; {now}')
        if heir and not ((posts[0] or heir.accountable) and (posts[1] or heir.steward)):
            vacant[heir.code] = None

    for contract in sources.contracts.values():
        resource = contract.resource
        if resource.status not in _UNANSWERED:
            posts = (resource.accountable, resource.steward)
            tell(resource.file, contract.line("provider"), "provider", resource.provider, posts)
    for code, system in sources.catalog.systems.items():
        file, line = sources.register.line("system", code)
        tell(file, line, f'system "{code}": provider', system.provider)
    for item, own in sources.services:
        tell(item.file, own.at("leadUnit"), f"{own.place}: leadUnit", item.lead_unit)
    for demand, own in sources.demands:
        if demand.state == GRANTED:
            tell(demand.file, own.at("requesterUnit"), f"{own.place}: requesterUnit", demand.requester_unit)
    for code in vacant:
        unit = units[code]
        posts_lacking = [
            name for name, post in (("accountable", unit.accountable), ("steward", unit.steward)) if not post
        ]
        faults.add(
            "R06",
            *sources.register.line("unit", code),
            f'unit "{code}" answers, and has no {" and no ".join(posts_lacking)}',
        )


def _tell_populations(sources: Sources, faults: Faults) -> None:
    catalog = sources.catalog
    for code, population in catalog.populations.items():
        file, line = sources.register.line("population", code)
        if not population.register:
            continue
        register = catalog.resources.get(population.register)
        if register is None:
            faults.add(
                "R01",
                file,
                line,
                f'population "{code}": unknown register "{population.register}"',
                expected="a resource with a contract",
                mend=did_you_mean(population.register, catalog.resources),
            )
            continue
        for what, text in (("rule", population.rule), ("formerRule", population.former_rule)):
            if not text:
                continue
            try:
                columns = predicate(text).columns
            except SqlFault as fault:
                faults.add("R02", file, line, f'population "{code}": {what} {fault}')
                continue
            for column in columns:
                if not register.has_item(column):
                    names = [item.name for item in register.items]
                    faults.add(
                        "R02",
                        file,
                        line,
                        f'population "{code}": {what} names unknown item "{column}"',
                        expected=f"an item of {register.name}",
                        mend=did_you_mean(column, names),
                    )


def _tell_years(catalog: Catalog, faults: Faults, on: date) -> None:
    if "calendar.csv" not in catalog.files:
        return
    wanted = [on.year] + ([on.year + 1] if on.month >= _NEXT_YEAR_FROM_MONTH else [])
    for year in wanted:
        if year not in catalog.calendar.years():
            faults.add(
                "R03", "calendar.csv", 1, f"the year {year} is missing", expected=f"the days of {year}"
            )
