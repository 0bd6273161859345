"""Read a whole catalog: every file, every register, then every check; all faults at once."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path, PurePosixPath

from catalogs.between_rules import files_of, read_between_rule, tell_between_faults
from catalogs.case_log import tell_case_log_faults
from catalogs.certificates import read_certificates, tell_certificate_faults
from catalogs.check_between import tell_conflicts, tell_doubles
from catalogs.check_contracts import tell_contract_faults
from catalogs.check_decisions import tell_decision_faults
from catalogs.check_demands import tell_demand_faults
from catalogs.check_flows import tell_flow_faults
from catalogs.check_guides import tell_guide_faults
from catalogs.check_registers import tell_register_faults
from catalogs.check_relations import tell_relation_faults
from catalogs.check_resources import tell_resource_faults
from catalogs.check_rights import tell_right_faults
from catalogs.check_services import tell_service_faults
from catalogs.check_words import tell_unusual_words
from catalogs.collector import collector_paused
from catalogs.contract_files import contracts_of, is_contract
from catalogs.decisions import read_approvals, read_powers
from catalogs.faults import CatalogError, Fault, Faults
from catalogs.model import Approvals, Calendar, Campus, Catalog
from catalogs.notices import by_notice, read_notices
from catalogs.posts import POSTS_FILE, read_posts, tell_post_faults
from catalogs.registers import (
    Register,
    read_calendar,
    read_campus,
    read_clients,
    read_codes,
    read_elements,
    read_populations,
    read_systems,
    read_units,
)
from catalogs.services import read_demands, read_materials, read_service_items
from catalogs.settings import now
from catalogs.sources import Sources
from catalogs.word_forms import ENDING, FOLDER, tell_form_faults

REQUIRED_FILES = ("campus.yaml", "systems.yaml", "units.csv")
_SINGLE_FILES = (
    *REQUIRED_FILES, "elements.csv", "materials.yaml", "powers.yaml", "populations.csv", "calendar.csv",
    "approvals.yaml", "clients.yaml", "notices.yaml", POSTS_FILE,
)  # fmt: skip
_FOLDERS = {
    "codes": ".csv",
    "services": ".yaml",
    "demands": ".yaml",
    "certificates": ".yaml",
    FOLDER: ENDING,
    "resources": ".odcs.yaml",
    "expectations": ".yaml",
}
_CONTENT = (".yaml", ".yml", ".csv", ENDING)
# Rules whose breach means that a file, or a part of it, was not read.
_UNREAD = ("F01", "F05", "F06", "F07")


def load(source: str | Path | Mapping[str, bytes]) -> Catalog:
    """Load a catalog.

    Args:
        source: the campus folder, or its files (relative POSIX path → bytes) as `Catalog.files` holds them.

    Raises:
        CatalogError: with every error found; warnings do not forbid use.
    """
    sources, faults = read(source)
    errors = faults.errors()
    if errors:
        raise CatalogError(errors)
    return sources.catalog


def check(
    source: str | Path | Mapping[str, bytes], on: date | None = None, processes: int = 1
) -> list[Fault]:
    """Return every fault of a catalog, errors and warnings, ordered by file and line.

    Args:
        source: as for `load`.
        on: the day whose year the calendar must have; default: the campus's present day.
        processes: how many may read a large catalog at the same time.
    """
    return read(source, on, processes)[1].all()


def read_files(folder: str | Path) -> dict[str, bytes]:
    """Read the catalog's files of a folder: YAML, CSV and Word forms; hidden files and notes are left out."""
    root = Path(folder)
    found = {}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        hidden = any(part.startswith((".", "~", "__")) for part in relative.parts)
        if path.is_file() and not hidden and path.suffix in _CONTENT:
            found[relative.as_posix()] = path.read_bytes()
    return found


def version_of(files: Mapping[str, bytes]) -> str:
    """Return the digest of a catalog's files: SHA-256 over path, length and content in path order."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{len(files[path])}\0".encode())
        digest.update(files[path])
    return digest.hexdigest()


def read(
    source: str | Path | Mapping[str, bytes], on: date | None = None, processes: int = 1
) -> tuple[Sources, Faults]:
    """Read everything and collect every fault."""
    with collector_paused():
        return _read(source, on, processes)


def _read(
    source: str | Path | Mapping[str, bytes], on: date | None, processes: int
) -> tuple[Sources, Faults]:
    faults = Faults()
    files = dict(sorted(source.items())) if isinstance(source, Mapping) else read_files(source)
    _tell_places(files, faults)
    register = Register()

    def content(name: str) -> bytes | None:
        return files.get(name)

    systems_file, units_file = content("systems.yaml"), content("units.csv")
    campus_file, elements_file = content("campus.yaml"), content("elements.csv")
    clients_file = content("clients.yaml")
    campus = read_campus(campus_file, faults) if campus_file is not None else _nowhere()
    clients = read_clients(clients_file, "clients.yaml", faults, register) if clients_file is not None else {}
    systems = read_systems(systems_file, faults, register) if systems_file is not None else {}
    elements = read_elements(elements_file, faults, register) if elements_file is not None else {}
    with contracts_of(files, systems, elements, processes) as finish:
        services, materials, demands, certificates = [], [], [], []
        powers_file, approvals_file = content("powers.yaml"), content("approvals.yaml")
        powers = (
            read_powers(powers_file, "powers.yaml", faults, register) if powers_file is not None else None
        )
        approvals = (
            read_approvals(approvals_file, "approvals.yaml", faults) if approvals_file is not None else []
        )
        for path, data in files.items():
            if path.startswith("services/"):
                services += read_service_items(data, path, faults, register)
            elif path.startswith("demands/"):
                demands += read_demands(data, path, faults, register)
            elif path.startswith("certificates/"):
                certificates += read_certificates(data, path, faults, register)
            elif path == "materials.yaml":
                materials += read_materials(data, path, faults, register)
        contracts = finish(faults)
    notices_file = content("notices.yaml")
    notices = read_notices(notices_file, "notices.yaml", faults) if notices_file is not None else []
    posts_file = content(POSTS_FILE)
    holdings = read_posts(posts_file, faults) if posts_file is not None else []
    between = [read_between_rule(data, path, faults) for path, data in files_of(files)]
    populations_file, calendar_file = content("populations.csv"), content("calendar.csv")
    catalog = Catalog(
        campus=replace(campus, clients=clients),
        systems=systems,
        units=read_units(units_file, faults, register) if units_file is not None else {},
        elements=elements,
        codes=read_codes(files, faults, register),
        resources={name: contract.resource for name, contract in contracts.items()},
        services={item.code: item for item, _ in services},
        materials={material.code: material for material, _ in materials},
        demands={demand.demand_id: demand for demand, _ in demands},
        populations=read_populations(populations_file, faults, register)
        if populations_file is not None
        else {},
        calendar=read_calendar(calendar_file, faults) if calendar_file is not None else Calendar(),
        files=files,
        version=version_of(files),
        powers={power.code: power for power, _ in powers or ()},
        approvals=Approvals(tuple(way for way, _ in approvals), approvals_file is not None),
        between={rule.id: rule for rule in between if rule},
        notices=by_notice(notice for notice, _ in notices),
        holdings=tuple(holding for holding, _ in holdings),
        certificates={kind.code: kind for kind, _ in certificates},
    )
    sources = Sources(
        catalog=catalog,
        register=register,
        contracts=contracts,
        services=tuple(services),
        materials=tuple(materials),
        demands=tuple(demands),
        powers=None if powers is None else tuple(powers),
        approvals=tuple(approvals),
        notices=tuple(notices),
        holdings=tuple(holdings),
        certificates=tuple(certificates),
    )
    if len(contracts) < sum(map(is_contract, files)) or any(fault.rule in _UNREAD for fault in faults.all()):
        # What refers to a file that could not be read would be told too, and bury the cause.
        return sources, faults
    day = on or now().date()
    tell_register_faults(sources, faults, day)
    tell_contract_faults(sources, faults)
    tell_resource_faults(sources, faults)
    tell_doubles(sources, faults)
    tell_conflicts(sources, faults)
    tell_between_faults(catalog, faults)
    tell_service_faults(sources, faults)
    tell_case_log_faults(catalog, faults)
    tell_guide_faults(sources, faults)
    tell_flow_faults(sources, faults)
    tell_demand_faults(sources, faults, day)
    tell_right_faults(sources, faults)
    tell_relation_faults(sources, faults)
    tell_post_faults(sources, faults)
    tell_certificate_faults(sources)
    tell_form_faults(sources.catalog, faults)
    tell_decision_faults(sources, faults)
    tell_unusual_words(sources, faults)
    return sources, faults


def _nowhere() -> Campus:
    return Campus("", "", "", "Asia/Shanghai", {}, {})


def _tell_places(files: Mapping[str, bytes], faults: Faults) -> None:
    for name in REQUIRED_FILES:
        if name not in files:
            faults.add("F05", name, 0, f"there is no {name}", expected=f"the file {name}")
    if not any(path.startswith("resources/") for path in files):
        faults.add(
            "F05", "resources", 0, "there is no contract", expected="resources/<system>/<table>.odcs.yaml"
        )
    for path in files:
        parts = PurePosixPath(path).parts
        ending = _FOLDERS.get(parts[0])
        depth = 3 if parts[0] == "resources" else 2
        if path in _SINGLE_FILES or (ending and len(parts) == depth and path.endswith(ending)):
            continue
        faults.add(
            "F07",
            path,
            0,
            "no such file belongs to a catalog",
            expected="a file named in the catalog's documentation",
        )
