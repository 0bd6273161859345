"""The registers that forms name entries of."""

from catalogs.forms.cells import Register
from catalogs.model import Catalog


def units(catalog: Catalog) -> Register:
    """The units."""
    return Register.of("unit", {code: one.name_zh for code, one in catalog.units.items()}, "units.csv")


def service_items(catalog: Catalog) -> Register:
    """The service items."""
    return Register.of(
        "service item", {code: one.name_zh for code, one in catalog.services.items()}, "services/"
    )


def materials(catalog: Catalog) -> Register:
    """The materials."""
    return Register.of(
        "material", {code: one.name_zh for code, one in catalog.materials.items()}, "materials.yaml"
    )


def elements(catalog: Catalog) -> Register:
    """The data elements."""
    return Register.of(
        "data element", {code: one.name_zh for code, one in catalog.elements.items()}, "elements.csv"
    )
