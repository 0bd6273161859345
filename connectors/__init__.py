"""EXTRACT: read campus systems without touching them, and land what was read.

Belongs here: one module per kind of source, the DuckDB session, the landing zone.
Does not belong here: judging rows (expectations), storing them (warehouse), when to run (pipelines).
In: a `System` and a `Resource` of the catalog.
Out: immutable extracts in the landing zone, each with a manifest; sources stay as they were.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalogs.model import System
from catalogs.settings import ConfigurationError, resolve_env
from connectors.base import Source, WarehousePin

# A new kind is one module with `open_kind(system, kind, context)` and one line here.
KINDS: dict[str, str] = {
    "postgres": "connectors.postgres",
    "mysql": "connectors.mysql",
    "sqlite": "connectors.sqlite",
    "sqlalchemy": "connectors.dialects",
    "files": "connectors.files",
    "rest": "connectors.rest",
    "warehouse": "connectors.warehouse",
}
# Answer one person per request and are never landed: `connectors.lookup`.
ASK_ONLY = frozenset({"lookup"})


@contextmanager
def open_source(
    system: System, warehouse: WarehousePin | None = None, temp_dir: Path | None = None
) -> Iterator[Source]:
    """Open a system for reading; everything read inside one `with` shares a snapshot where the kind can.

    Args:
        system: an entry of systems.yaml; its settings are resolved now, not before.
        warehouse: where our own marts are built and which release is pinned (kind `warehouse` only).
        temp_dir: folder for spill files; None uses the system's temporary folder.

    Raises:
        ConfigurationError: a setting is missing or unknown; names system, setting and variable.
        SourceUnavailable: the system does not answer now; trying later may help.
        SourceRefused: the system refuses us; trying again will not help.
    """
    kind = kind_of(system)
    if kind in ASK_ONLY:
        raise ConfigurationError(
            f"systems.yaml: {system.code}: kind {kind} answers one person per request and is never landed; "
            f"its resources are asked, not read"
        )
    module = importlib.import_module(KINDS[kind])
    with module.open_kind(system, warehouse=warehouse, temp_dir=temp_dir) as source:
        yield source


def kind_of(system: System) -> str:
    """Return the system's kind, resolving `env:NAME`.

    Raises:
        ConfigurationError: no connector of that kind.
    """
    kind = resolve_env(system.kind, f"systems.yaml: {system.code}.kind")
    if kind not in KINDS and kind not in ASK_ONLY:
        known = ", ".join(sorted({*KINDS, *ASK_ONLY}))
        raise ConfigurationError(
            f"systems.yaml: {system.code}.kind: no connector of kind {kind!r}; there are: {known}"
        )
    return kind
