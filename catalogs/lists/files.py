"""Derived lists as files: one JSON file per list, and one workbook with an index and a sheet per list.

The workbook is for people: Chinese headings, frozen and filtered, wrapped, printed one page wide with the heading on
each page. Nothing in it is a formula or a link into the world, whatever a catalog says. Files replace older ones whole.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import xlsxwriter

from catalogs.lists.base import TIER, DerivedList, join
from catalogs.lists.measured import Measured
from catalogs.model import Catalog

WORKBOOK = "lists.xlsx"
_INDEX = "目录"
_LONGEST = 32_000  # a cell of Excel holds 32,767 characters
_LINE_POINTS, _MOST_LINES = 14, 12
_A3, _PAGE_WIDTH = 8, 240  # characters that one page across still shows in a readable size
_BLUE, _PALE = "#1F4E79", "#DDEBF7"


@dataclass(frozen=True)
class Heading:
    """What lists were derived from, said on the first sheet and in every JSON file."""

    campus: str
    catalog_version: str
    on: date
    release: int | None = None
    gaps: tuple[str, ...] = ()


def heading(catalog: Catalog, on: date, measured: Measured | None) -> Heading:
    """Return the heading for lists of a catalog, as of a day, with or without measured figures."""
    return Heading(
        catalog.campus.name_zh,
        catalog.version,
        on,
        measured.release if measured else None,
        measured.gaps if measured else ("没有数据仓库, 实测各栏均为“未测”",),
    )


def write_lists(lists: Iterable[DerivedList], out: Path, head: Heading) -> list[Path]:
    """Write lists into a folder: `<name>.json` each, and `lists.xlsx`.

    Args:
        lists: in the order of the sheets.
        out: folder, made if it is not there; other files in it stay.
        head: what the lists were derived from.

    Returns:
        The files written.
    """
    told = tuple(lists)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for one in told:
        with _replacing(out / f"{one.name}.json") as fresh:
            _write_json(fresh, one, head)
        written.append(out / f"{one.name}.json")
    with _replacing(out / WORKBOOK) as fresh:
        write_workbook(fresh, told, head)
    return [*written, out / WORKBOOK]


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a place beside a file to write to; the file then takes it at once."""
    fresh = path.with_name(f".{path.name}.new")
    yield fresh
    fresh.replace(path)


def _write_json(path: Path, one: DerivedList, head: Heading) -> None:
    """One row per line: two editions are compared by line, and ten thousand rows are written in no time."""
    told = as_json(one, head)
    rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in told.pop("rows"))
    opening = json.dumps(told, ensure_ascii=False)[:-1]
    path.write_text(f'{opening}, "rows": [\n{rows}\n]}}\n', encoding="utf-8")


def as_json(one: DerivedList, head: Heading) -> dict[str, Any]:
    """Return a list as plain data."""
    return {
        "name": one.name,
        "titleZh": one.title_zh,
        "titleEn": one.title_en,
        "campus": head.campus,
        "catalogVersion": head.catalog_version,
        "on": head.on.isoformat(),
        "release": head.release,
        "columns": [{"key": column.key, "zh": column.zh, "en": column.en} for column in one.columns],
        "summary": dict(one.summary),
        "rows": [{key: row[key] for key in (*one.keys, TIER)} for row in one.rows],
    }


def write_workbook(path: Path, lists: Iterable[DerivedList], head: Heading) -> None:
    """Write one workbook: an index that leads to each list, then a sheet per list."""
    told = tuple(lists)
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(path, options) as book:
        formats = {
            name: book.add_format({"text_wrap": True, "valign": "top", "font_name": "宋体", **more})
            for name, more in _FORMATS.items()
        }
        _write_index(book.add_worksheet(_INDEX), told, head, formats)
        for one in told:
            _write_sheet(book.add_worksheet(one.title_zh[:31]), one, formats)


_FORMATS: Mapping[str, Mapping[str, Any]] = {
    "cell": {"border": 1, "border_color": "#BFBFBF"},
    "number": {"border": 1, "border_color": "#BFBFBF", "align": "center"},
    "head": {"bold": True, "bg_color": _BLUE, "font_color": "white", "border": 1, "valign": "vcenter"},
    "title": {"bold": True, "font_size": 16, "text_wrap": False},
    "note": {"font_color": "#595959", "text_wrap": False},
    "link": {
        "border": 1,
        "border_color": "#BFBFBF",
        "font_color": "#0563C1",
        "underline": 1,
        "bg_color": _PALE,
    },
}


def _write_index(
    sheet: Any, lists: tuple[DerivedList, ...], head: Heading, formats: Mapping[str, Any]
) -> None:
    sheet.set_column(0, 0, 6)
    sheet.set_column(1, 1, 30)
    sheet.set_column(2, 2, 8)
    sheet.set_column(3, 3, 100)
    sheet.write_string(0, 0, f"{head.campus} 派生清单", formats["title"])
    release = f"发布版次 {head.release}" if head.release is not None else "未接数据仓库"
    sheet.write_string(
        1, 0, f"截至 {head.on}; 目录版本 {head.catalog_version[:12]}; {release}", formats["note"]
    )
    sheet.write_string(2, 0, f"未能测得: {join(head.gaps)}" if head.gaps else "", formats["note"])
    for column, text in enumerate(("序号", "清单", "行数", "摘要")):
        sheet.write_string(3, column, text, formats["head"])
    for row, one in enumerate(lists, start=4):
        summary = "; ".join(f"{name} {value}" for name, value in one.summary.items() if name != "行数")
        sheet.set_row(row, _height([(summary, 100)]))
        sheet.write_number(row, 0, row - 3, formats["number"])
        sheet.write_url(row, 1, f"internal:'{one.title_zh[:31]}'!A1", formats["link"], one.title_zh)
        sheet.write_number(row, 2, len(one.rows), formats["number"])
        sheet.write_string(row, 3, summary, formats["cell"])
    _print_setup(sheet, 3, 144)


def _write_sheet(sheet: Any, one: DerivedList, formats: Mapping[str, Any]) -> None:
    widths = [column.width for column in one.columns]
    for place, column in enumerate(one.columns):
        sheet.set_column(place, place, column.width)
    sheet.set_row(0, _height(zip((column.zh for column in one.columns), widths, strict=True)))
    for place, column in enumerate(one.columns):
        sheet.write_string(0, place, column.zh, formats["head"])
    for number, row in enumerate(one.rows, start=1):
        cells = [_cell(row[key]) for key in one.keys]
        sheet.set_row(number, _height((str(cell), width) for cell, width in zip(cells, widths, strict=True)))
        for place, cell in enumerate(cells):
            if isinstance(cell, int):
                sheet.write_number(number, place, cell, formats["number"])
            else:
                sheet.write_string(number, place, cell, formats["cell"])
    sheet.autofilter(0, 0, max(len(one.rows), 1), len(one.columns) - 1)
    sheet.freeze_panes(1, min(3, len(one.columns)))
    _print_setup(sheet, 0, sum(widths))


def _cell(value: Any) -> str | int:
    if isinstance(value, int):
        return value
    text = join(value) if isinstance(value, tuple) else str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _height(cells: Iterable[tuple[str, int]]) -> int:
    """Height in points that shows each text in a column of its width; a Chinese character is two wide."""
    lines = max(len(text.encode("gb18030", "replace")) // (0.85 * width) + 1 for text, width in cells)
    return _LINE_POINTS * min(int(lines), _MOST_LINES)


def _print_setup(sheet: Any, heading_row: int, width: int) -> None:
    """Print on A3 landscape, as many pages across as keep the text readable, the first columns on each."""
    sheet.set_landscape()
    sheet.set_paper(_A3)
    sheet.fit_to_pages(-(-width // _PAGE_WIDTH), 0)
    sheet.repeat_rows(heading_row)
    sheet.repeat_columns(0, 2)
    sheet.set_footer("&C第 &P 页, 共 &N 页")
