"""Publish a catalog as plain files: JSON, ODCS contracts, lists in CSV and Excel, an index page.

One folder per tier of readers: `public` may stand on the open web, `campus` behind the campus's login.

The folder is written beside its place and then takes it, so that readers see the old one or the new one.
"""

import csv
import io
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from catalogs import views
from catalogs.faults import Faults
from catalogs.lined_yaml import plain, read_yaml
from catalogs.model import Catalog

_TEMPLATES = Path(__file__).parent / "templates"
_MARK = "VERSION"
PUBLISHED_TIERS = ("public", "campus")


class _QuotedDumper(yaml.SafeDumper):
    """Writes every string value in double quotes, and keys bare."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        node = super().represent_mapping(tag, mapping, flow_style)
        for key, _ in node.value:
            key.style = None
        return node


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')


_QuotedDumper.add_representer(str, _quoted)


def publish(catalog: Catalog, out: Path, tiers: tuple[str, ...] = PUBLISHED_TIERS) -> Path:
    """Write the published catalog.

    Args:
        catalog: a checked catalog.
        out: the folder; replaced if it is empty or an earlier publication.
        tiers: whose eyes it is for (public, campus, office); each gets a folder in `out`.

    Returns:
        `out`.

    Raises:
        FileExistsError: `out` holds something that is not a publication; it stays untouched.
    """
    if out.exists() and any(out.iterdir()) and not (out / _MARK).exists():
        raise FileExistsError(f"{out} holds other files; nothing was written. Choose an empty folder")
    fresh = out.with_name(out.name + ".new")
    old = out.with_name(out.name + ".old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    for tier in tiers:
        (fresh / tier).mkdir()
        _write_all(catalog, fresh / tier, tier)
    (fresh / _MARK).write_text(catalog.version + "\n", encoding="utf-8")
    if out.exists():
        out.rename(old)
    fresh.rename(out)
    shutil.rmtree(old, ignore_errors=True)
    return out


def _write_all(catalog: Catalog, out: Path, tier: str) -> None:
    seen = views.catalog_json(catalog, tier)
    text = json.dumps(seen, ensure_ascii=False, indent=1, sort_keys=True)
    (out / "catalog.json").write_text(text + "\n", encoding="utf-8")
    for resource in views.visible_resources(catalog, tier):
        doc = plain(read_yaml(catalog.files[resource.file], resource.file, Faults()))
        path = out / resource.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dump_yaml(views.contract_for(doc, resource, tier)), encoding="utf-8")
    duties = views.responsibility_rows(catalog, tier)
    demands = views.demand_rows(catalog, tier)
    _write_list(out, "responsibilities", "数据提供责任清单", views.RESPONSIBILITY_HEADER, duties)
    _write_list(out, "demands", "数据共享需求清单", views.DEMAND_HEADER, demands)
    _write_page(catalog, out, tier, seen, duties, demands)


def dump_yaml(data: Any) -> str:
    """Return YAML in which every string value is quoted, so that YAML 1.1 and 1.2 read the same."""
    return yaml.dump(data, Dumper=_QuotedDumper, allow_unicode=True, sort_keys=False, width=1000)


def _write_list(
    out: Path, stem: str, title: str, header: tuple[str, ...], rows: Iterable[tuple[str | int, ...]]
) -> None:
    rows = list(rows)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    (out / f"{stem}.csv").write_text(text.getvalue(), encoding="utf-8-sig", newline="")
    book = Workbook()
    sheet = book.active
    sheet.title = title
    sheet.append(header)
    for cell in sheet[1]:
        cell.font = Font(bold=True)
        cell.alignment = Alignment(wrap_text=True, vertical="center")
    for row in rows:
        sheet.append([_harmless(cell) for cell in row])
    sheet.freeze_panes = "A2"
    for number, name in enumerate(header, start=1):
        longest = max([len(name), *(len(str(row[number - 1])) for row in rows)])
        sheet.column_dimensions[get_column_letter(number)].width = min(40, 2 * longest + 2)
    book.save(out / f"{stem}.xlsx")


def _harmless(cell: str | int) -> str | int:
    """Keep a spreadsheet from running text as a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@")) else cell


def _write_page(
    catalog: Catalog, out: Path, tier: str, seen: dict[str, Any], duties: list[Any], demands: list[Any]
) -> None:
    pages = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    files = {resource.name: resource.file for resource in views.visible_resources(catalog, tier)}
    text = pages.get_template("index.html.j2").render(
        seen=seen,
        files=files,
        duties=duties,
        demands=demands,
        tier=views.TIER_NAMES[tier],
        shares=views.SHARE_NAMES,
        cycles=views.CYCLE_NAMES,
        providers=sorted({one["providerName"] for one in seen["resources"]}),
        gaps=sum(1 for row in demands if row[-1]),
    )
    (out / "index.html").write_text(text, encoding="utf-8")
