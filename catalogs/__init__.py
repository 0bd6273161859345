"""GOVERN: what the university shares, from whom, how often, how good, and for whom.

Belongs here: reading and checking the catalog's content, what follows from it, and its publication.
Does not belong here: connecting to a system, touching a row, knowing a campus by name.
In: a folder (or stored files) of YAML and CSV, by default `catalogs/campus`.
Out: a frozen `Catalog`, or every fault with its file, line and mend.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from catalogs.faults import CatalogError, Fault
    from catalogs.loading import check, load
    from catalogs.model import Catalog

_HOMES = {
    "Catalog": "catalogs.model",
    "CatalogError": "catalogs.faults",
    "Fault": "catalogs.faults",
    "check": "catalogs.loading",
    "load": "catalogs.loading",
}

__all__ = ["Catalog", "CatalogError", "Fault", "check", "load"]


def __getattr__(name: str) -> Any:
    """Import on first use: `catalogs.settings` alone must not cost the parsers."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
