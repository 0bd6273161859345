"""The forms that there are, by name."""

from collections.abc import Sequence
from importlib import import_module

from catalogs.forms.form import Chosen, Draft, Form
from catalogs.forms.writing import write_workbook
from catalogs.model import Catalog

_HOMES = {
    "guide": ("guide", "GuideForm"),
    "annex1": ("annexes", "ServiceListForm"),
    "annex2": ("annexes", "FlowForm"),
    "annex3": ("annexes", "NoticesForm"),
    "responsibilities": ("responsibilities", "ResponsibilitiesForm"),
    "demands": ("demands", "DemandsForm"),
    "powers": ("powers", "PowersForm"),
}


def form_names() -> tuple[str, ...]:
    """Return the names of the forms."""
    return tuple(_HOMES)


def form_of(name: str, catalog: Catalog) -> Form:
    """Return a form.

    Raises:
        KeyError: there is none of this name.
    """
    module, kind = _HOMES[name]
    return getattr(import_module(f"catalogs.forms.{module}"), kind)(catalog)


def forms_of(catalog: Catalog) -> Sequence[Form]:
    """Return every form."""
    return [form_of(name, catalog) for name in _HOMES]


def write_form(
    name: str, catalog: Catalog, chosen: Chosen | None = None, *, merged: bool = True
) -> bytes | None:
    """Return a form filled in, as a workbook; None if nothing is of the choice.

    Args:
        name: one of `form_names`.
        catalog: what it is filled in with.
        chosen: which part; None: all.
        merged: whether cells over all rows of an entry are merged; else each row repeats them.

    Raises:
        KeyError: there is no such form.
    """
    pages = list(form_of(name, catalog).pages(Draft(catalog), chosen or Chosen()))
    if not any(grid.rows for page in pages for grid in page.grids):
        return None
    return write_workbook(pages, merged=merged)
