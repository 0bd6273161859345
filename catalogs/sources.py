"""A catalog together with the places it was read from: what the checks need to say where a fault stands."""

from collections.abc import Mapping
from dataclasses import dataclass

from catalogs.contracts import Contract
from catalogs.fields import Fields
from catalogs.model import Approval, Catalog, Demand, Material, Notice, Power, ServiceItem
from catalogs.model_certificates import CertificateKind
from catalogs.model_posts import Holding
from catalogs.registers import Register


@dataclass(frozen=True)
class Sources:
    """The catalog, where each register entry stands, and the mappings that everything else was read from.

    `powers` is None where the campus keeps no power list.
    """

    catalog: Catalog
    register: Register
    contracts: Mapping[str, Contract]
    services: tuple[tuple[ServiceItem, Fields], ...]
    materials: tuple[tuple[Material, Fields], ...]
    demands: tuple[tuple[Demand, Fields], ...]
    powers: tuple[tuple[Power, Fields], ...] | None = None
    approvals: tuple[tuple[Approval, Fields], ...] = ()
    notices: tuple[tuple[Notice, Fields], ...] = ()
    holdings: tuple[tuple[Holding, Fields], ...] = ()
    certificates: tuple[tuple[CertificateKind, Fields], ...] = ()
