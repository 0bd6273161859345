"""How the templates of the site, and of the portal above it, write what a page tells: laws, cells, figures."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from catalogs.counting import filled
from catalogs.exports import lineage_svg
from catalogs.exports.terms import slug
from catalogs.views_lineage import Stop

TEMPLATES = Path(__file__).parent.parent / "templates" / "site"
STYLE = TEMPLATES / "style.css"

View = dict[str, Any]


@cache
def environment(*folders: Path) -> Environment:
    """Return the templates of the site; those of the folders, if any, go before its own of the same name.

    Each of them is compiled once in a process, however often the site is written.
    """
    templates = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"anchor": slug, "law": law_text, "contact": contact_text, "cell": cell_text}
    templates.filters |= {"lineage": lineage_picture, "number": "{:,}".format, "filled": _filled}
    return templates


def _filled(text: Markup, *counts: int) -> Markup:
    """Return a text of a template with its figures, as `catalogs.counting.filled` does."""
    return Markup(filled(text, *counts))


def lineage_picture(stops: Sequence[Stop], title: str, language: str) -> Markup:
    """Return the picture of a resource's way as markup; its drawer has escaped every text."""
    words = f"{title}的来龙去脉" if language == "zh" else f"Lineage of {title}"
    return Markup(lineage_svg.draw(stops, words, language))


def law_text(law: View) -> str:
    """Return a legal basis as it is quoted: 《名称》(文号) 条款."""
    title = str(law.get("title") or "")
    quoted = title if title.startswith("《") or not title else f"《{title}》"
    number = f"({law['no']})" if law.get("no") else ""
    return " ".join(part for part in (f"{quoted}{number}", str(law.get("clause") or "")) if part)


def contact_text(contact: View) -> str:
    """Return a unit and how to reach it."""
    keys = ("unitName", "phone", "email", "address", "url")
    return " ".join(str(contact[key]) for key in keys if contact.get(key))


def cell_text(value: Any) -> str:
    """Return a list's cell as text."""
    if isinstance(value, tuple | list):
        return "、".join(map(str, value))
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, int):
        return f"{value:,}"
    return "" if value is None else str(value)
