"""Every derived list by its name, in the order in which people look for them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from zoneinfo import ZoneInfo

from catalogs.faults import Fault, did_you_mean
from catalogs.lists import alike, duties, faulty, materials, one_source, powers, promises, reform, volume
from catalogs.lists.base import DerivedList
from catalogs.lists.given import Given
from catalogs.lists.measured import Measured
from catalogs.lists.restraint import restrained
from catalogs.loading import check
from catalogs.model import Catalog
from catalogs.settings import ConfigurationError, now
from catalogs.small_cells import threshold_of

Builder = Callable[[Given], DerivedList]

BUILDERS: Mapping[str, Builder] = {
    "responsibilities": duties.responsibilities,
    "demands": duties.demands,
    "one_source": one_source.one_source,
    "high_frequency": volume.high_frequency,
    "at_most_once": reform.at_most_once,
    "negative": reform.negative,
    "special": reform.special,
    "self_service": reform.self_service,
    "online": reform.online,
    "mobile": reform.mobile,
    "powers": powers.powers,
    "approvals": powers.approvals,
    "services": powers.services,
    "minor_powers": powers.minor_powers,
    "power_coverage": powers.coverage,
    "batches": reform.batches,
    "unified": alike.unified,
    "same_name": alike.same_name,
    "goals": reform.goals,
    "figures": reform.figures,
    "spared_materials": materials.spared,
    "openings": materials.openings,
    "asked_again": materials.asked_again,
    "guide_faults": faulty.guide_faults,
    "flow_faults": faulty.flow_faults,
    "promises": promises.promises,
}


def derived_lists(
    catalog: Catalog,
    faults: Iterable[Fault] | None = None,
    measured: Measured | None = None,
    on: date | None = None,
) -> tuple[DerivedList, ...]:
    """Return every derived list.

    Args:
        catalog: a loaded catalog.
        faults: what its check told; None has it checked again, which costs a second reading of the content.
        measured: figures of the warehouse; None where there is none.
        on: day as of which units, grants and goals are judged; default: the campus's present day.
    """
    given = _given(catalog, faults, measured, on)
    return tuple(build(given) for build in BUILDERS.values())


def derived_list(
    name: str,
    catalog: Catalog,
    faults: Iterable[Fault] | None = None,
    measured: Measured | None = None,
    on: date | None = None,
) -> DerivedList:
    """Return one derived list; arguments as for `derived_lists`.

    Raises:
        ConfigurationError: there is no list of this name.
    """
    if name not in BUILDERS:
        hint = did_you_mean(name, BUILDERS) or f"there are {', '.join(BUILDERS)}"
        raise ConfigurationError(f"no list is named {name}; {hint}")
    return BUILDERS[name](_given(catalog, faults, measured, on))


def _given(
    catalog: Catalog, faults: Iterable[Fault] | None, measured: Measured | None, on: date | None
) -> Given:
    day = on or today(catalog)
    told = check(catalog.files, day) if faults is None else faults
    figures = restrained(measured, threshold_of(catalog)) if measured else None
    return Given(catalog, day, tuple(told), figures)


def today(catalog: Catalog) -> date:
    """Return the campus's present day."""
    return now().astimezone(ZoneInfo(catalog.campus.time_zone)).date()
