"""A report as PDF/UA, typeset with the fonts that come with Yici."""

import json
from collections.abc import Mapping
from typing import Any

from catalogs.exports.printing import Press
from expectations.quality.report import shortened
from expectations.quality.report_words import TEMPLATES

# The font has no ✕ (U+2715); in print the sign of what is bad is ×.
_PAGE_SIGN, _PRINT_SIGN = "✕", "×"


def pdf(press: Press, report: Mapping[str, Any]) -> bytes:
    """Return a report (`report.unit_report`, `report.campus_report`) as PDF."""
    told = json.dumps(shortened(report), ensure_ascii=False).replace(_PAGE_SIGN, _PRINT_SIGN)
    return press.document(str(TEMPLATES / "report.typ"), json.loads(told))
