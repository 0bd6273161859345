"""A report as one HTML file: no script, no picture from elsewhere; it prints as it is shown."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from catalogs.exports.marks import marked, unknown
from expectations.quality.report import shortened
from expectations.quality.report_words import TEMPLATES
from expectations.quality.words import shown

STYLE = TEMPLATES / "report.css"


def html(
    report: Mapping[str, Any], stylesheet: str = "", english_of: Callable[[str], str | None] = unknown
) -> str:
    """Return a report (`report.unit_report`, `report.campus_report`) as a page.

    Args:
        report: what it says.
        stylesheet: address of STYLE on a server that forbids style inside pages; empty: it is inside.
        english_of: what is known in English of the catalog's Chinese in an English report; the rest is marked.
    """
    page = _page("report.html.j2", {**shortened(report), "t": report["labels"], "stylesheet": stylesheet})
    return marked(page, english_of) if report["lang"] == "en" else page


def sampling_html(told: Mapping[str, Any]) -> str:
    """Return what is published of random samples as a page."""
    return _page("sampling.html.j2", told)


def _page(template: str, told: Mapping[str, Any]) -> str:
    css = Markup(STYLE.read_text(encoding="utf-8"))
    return _pages().get_template(template).render(css=css, **told)


@cache
def _pages() -> Environment:
    pages = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"shown": shown, "number": "{:,}".format}
    return pages
