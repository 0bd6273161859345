"""The filled form of a case on paper, as PDF: the fields of the catalog's form, in their order, with room to write.

It is set from the catalog and not from the unit's Word file: nothing here reads Word's layout, so the page says that
the unit's own form counts where there is one. What is empty is left for the applicant's hand; what is doubtful says so.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from catalogs.model import Catalog
from catalogs.views import unit_name
from portal.printing import press

_TEMPLATE = "form.typ"
_NOTE = "按目录中的表单字段排版。"
_NOTE_WORD = "按目录中的表单字段排版；本单位另有原表的，以原表为准。"


def printed(
    catalog: Catalog, told: Mapping[str, Any], fields: Sequence[tuple[str, str, str]], has_word: bool
) -> bytes:
    """Return the form as PDF.

    Args:
        catalog: names units.
        told: what the service said of the case: case_id, external_no, prefill.
        fields: name, value ("" for the applicant's hand) and doubt of each, in the form's order.
        has_word: whether the unit has a form of its own.
    """
    filled = told["prefill"]
    item = catalog.services.get(filled["service_item"])
    return press().document(
        _TEMPLATE,
        {
            "campus": catalog.campus.name_zh,
            "title": filled["name_zh"],
            "code": filled["service_item"],
            "unit": unit_name(catalog, item.lead_unit) if item else "",
            "case": told["external_no"] or told["case_id"],
            "entry": filled["transaction_id"],
            "fields": fields,
            "note": _NOTE_WORD if has_word else _NOTE,
        },
    )
