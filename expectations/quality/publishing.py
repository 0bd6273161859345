"""Reports as files: one folder per week with a page, a workbook and a PDF for each unit and for the leadership."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from catalogs.exports.printing import Press
from catalogs.model import Catalog
from catalogs.views import unit_name
from expectations.quality import draws
from expectations.quality.facts import gather
from expectations.quality.report import campus_report, unit_report
from expectations.quality.report_html import html, sampling_html
from expectations.quality.report_pdf import pdf
from expectations.quality.report_xlsx import xlsx
from expectations.quality.scores import UNIT
from expectations.quality.terms import Terms
from expectations.quality.week import Week

CAMPUS_FILE, SAMPLING_FILE = "全校数据质量专报", "数据双随机抽查"


def write_reports(
    con: psycopg.Connection,
    catalog: Catalog,
    terms: Terms,
    week: Week,
    out: Path,
    units: Sequence[str] = (),
    lang: str = "zh",
) -> list[Path]:
    """Write the reports of a week and return their files.

    Args:
        con: the owner's connection.
        catalog: the campus.
        terms: its terms of quality.
        week: which one.
        out: folder, made if it is not there; what is there is written over.
        units: only these; empty: all with scores, and the leadership's page.
        lang: zh or en.
    """
    facts = gather(con, catalog, terms, week)
    out.mkdir(parents=True, exist_ok=True)
    press = Press()
    written: list[Path] = []
    if not units:
        written += _write(press, campus_report(facts, lang), out / f"{CAMPUS_FILE}-{week.code}")
    for unit in units or facts.now.names(UNIT):
        name = f"{unit}-{unit_name(catalog, unit)}".replace("/", "-")
        written += _write(press, unit_report(facts, unit, lang), out / f"{name}-{week.code}")
    return written


def _write(press: Press, report: dict[str, Any], stem: Path) -> Iterator[Path]:
    for ending, content in (
        ("html", html(report).encode()),
        ("xlsx", xlsx(report)),
        ("pdf", pdf(press, report)),
    ):
        path = stem.with_name(f"{stem.name}.{ending}")
        _put(path, content)
        yield path


def publish_samples(con: psycopg.Connection, catalog: Catalog, out: Path) -> list[Path]:
    """Write what is published of the random samples inside the campus, counts alone, and return the files."""
    zone = ZoneInfo(catalog.campus.time_zone)
    told = [
        {
            **{key: _shown(value, zone) for key, value in draw.items()},
            "units": [{**one, "unit": unit_name(catalog, one["unit"])} for one in draw["units"]],
        }
        for draw in draws.published(con)
    ]
    units = [one for draw in told for one in draw["units"]]
    right, wrong = (sum(one[verdict] for one in units) for verdict in ("right", "wrong"))
    lead = f"共抽取 {sum(one['drawn'] for one in units)} 行，已复核属实 {right} 行，不实 {wrong} 行。"
    out.mkdir(parents=True, exist_ok=True)
    files = [out / f"{SAMPLING_FILE}.json", out / f"{SAMPLING_FILE}.html"]
    _put(files[0], json.dumps(told, ensure_ascii=False, indent=1).encode())
    page = sampling_html({"campus": catalog.campus.name_zh, "lead": lead, "draws": told})
    _put(files[1], page.encode())
    return files


def _shown(value: Any, zone: ZoneInfo) -> Any:
    return f"{value.astimezone(zone):%Y-%m-%d %H:%M}" if isinstance(value, datetime) else value


def _put(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part."""
    partial = path.with_name(f".{path.name}.part")
    partial.write_bytes(content)
    partial.replace(path)
