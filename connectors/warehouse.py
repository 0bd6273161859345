"""Derived resources: models of our own warehouse, read where they are being built, at a pinned candidate."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from catalogs.model import System
from catalogs.settings import ConfigurationError
from connectors.base import WarehousePin
from connectors.postgres import PostgresSource, attached


@contextmanager
def open_kind(
    system: System, warehouse: WarehousePin | None = None, temp_dir: Path | None = None
) -> Iterator[PostgresSource]:
    """Open the warehouse at a candidate release: a resource's physical name is the name of its model.

    Raises:
        ConfigurationError: nobody said which build and release to read.
    """
    if warehouse is None:
        raise ConfigurationError(
            f"{system.code}: derived resources are read during a release only; run the release, which reads them"
        )
    pinned = replace(
        warehouse.params, options=(*warehouse.params.options, ("yici.release", str(warehouse.release)))
    )
    with attached(system, pinned, warehouse.schema, temp_dir) as source:
        yield source
