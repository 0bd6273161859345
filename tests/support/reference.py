"""The reference campus, loaded once in a worker: it takes a second, and no test changes what it is given."""

import functools

import catalogs
from catalogs.model import Catalog
from catalogs.settings import DEFAULT_CAMPUS


@functools.cache
def reference_campus() -> Catalog:
    """Return the catalog of `catalogs/campus/`."""
    return catalogs.load(DEFAULT_CAMPUS)
