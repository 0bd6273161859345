"""Data Docs: for every resource, what is expected of it, what the newest release found, and how it went before.

Static pages written from what is kept of results (`yici.finding`): counts, shares and names, so that no value of a
person can be on them. Why they are not Great Expectations' own pages: docs/decisions/0041-data-docs.md.

A page needs no server, no script and nothing from elsewhere.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from catalogs.model import LOOKUP_SYSTEM_KIND, Catalog, Resource
from expectations.quality.titles import rule_title
from expectations.quality.words import word
from warehouse import releases

FOLDER = "data-docs"
REMEMBERED = 20
_TEMPLATES = Path(__file__).resolve().parent / "templates"
_OUTCOMES = {"applied": "已入库", "refused": "未入库, 沿用上次", "held": "随同组资源暂缓, 沿用上次"}
_STAGES = {"admission": "入库校验", "expectations": "整体校验"}
_WORST = ("critical", "warning", "info")


@dataclass(frozen=True)
class Mark:
    """What a rule found at one earlier release."""

    release: int
    passed: bool
    rows_failed: int


@dataclass(frozen=True)
class Line:
    """One rule of a resource: its newest result, and earlier ones, oldest first."""

    rule: str
    title: str
    dimension: str
    severity: str
    stage: str
    passed: bool
    rows_failed: int
    rows_total: int | None
    detail: str
    past: tuple[Mark, ...]


@dataclass(frozen=True)
class Page:
    """A resource, the release at which it was judged last (0: never), what became of it, and its rules."""

    resource: Resource
    unit: str
    release: int
    at: str
    outcome: str
    reason: str
    lines: tuple[Line, ...]

    @property
    def file(self) -> str:
        """The page's file."""
        return f"{self.resource.name}.html"

    @property
    def broken(self) -> dict[str, int]:
        """Severity → how many rules are broken."""
        return {
            severity: sum(not line.passed and line.severity == severity for line in self.lines)
            for severity in _WORST
        }


def write(con: psycopg.Connection, catalog: Catalog, folder: Path) -> int:
    """Write the pages anew and return how many there are; nothing before the first release.

    Args:
        con: a connection that may read schema `yici`.
        catalog: the catalog in force.
        folder: replaced whole; readers see the old pages until the new ones are complete.
    """
    release = releases.current(con)
    if release is None:
        return 0
    zone = ZoneInfo(catalog.campus.time_zone)
    pages = sorted(_pages(con, catalog, release, zone), key=lambda page: page.resource.name)
    new, old = folder.with_name(f"{folder.name}.new"), folder.with_name(f"{folder.name}.old")
    for left in (new, old):
        shutil.rmtree(left, ignore_errors=True)
    new.mkdir(parents=True)
    told = {"campus": catalog.campus.name_zh, "release": release, "word": word}
    environment = _environment()
    index = environment.get_template("data_docs_index.html.j2").render(pages=pages, severities=_WORST, **told)
    (new / "index.html").write_text(index, encoding="utf-8")
    template = environment.get_template("data_docs_resource.html.j2")
    for page in pages:
        (new / page.file).write_text(template.render(page=page, **told), encoding="utf-8")
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return len(pages) + 1


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _pages(con: psycopg.Connection, catalog: Catalog, release: int, zone: ZoneInfo) -> Iterator[Page]:
    resources = [
        resource
        for resource in catalog.resources.values()
        if catalog.systems[resource.system].kind != LOOKUP_SYSTEM_KIND
    ]
    judged = _judged(con, [resource.name for resource in resources], release)
    for resource in resources:
        unit = catalog.units.get(resource.provider)
        own = judged.get(resource.name, [])
        newest = own[0] if own else None
        yield Page(
            resource=resource,
            unit=unit.name_zh if unit else resource.provider,
            release=newest.release if newest else 0,
            at=newest.at.astimezone(zone).strftime("%Y-%m-%d %H:%M") if newest else "",
            outcome=_OUTCOMES[newest.outcome] if newest else "尚未入库",
            reason=newest.reason or "" if newest else "",
            lines=tuple(_lines(catalog, resource, own)),
        )


@dataclass(frozen=True)
class _Found:
    severity: str
    dimension: str
    stage: str
    passed: bool
    rows_failed: int
    rows_total: int | None
    detail: str


@dataclass(frozen=True)
class _Judged:
    release: int
    at: datetime
    outcome: str
    reason: str | None
    found: Mapping[str, _Found]


def _judged(con: psycopg.Connection, names: Sequence[str], release: int) -> dict[str, list[_Judged]]:
    """Return resource → the last releases that judged it, newest first, each with what it found by rule."""
    rows = con.execute(
        """SELECT n.resource, j.id, j.opened_at, j.outcome, j.reason
           FROM unnest(%(names)s::text[]) AS n (resource) CROSS JOIN LATERAL (
               SELECT r.id, r.opened_at, x.outcome, x.reason FROM yici.release_resource x
               JOIN yici.release r ON r.id = x.release AND r.state = 'published'
               WHERE x.resource = n.resource AND x.outcome <> 'carried' AND x.release <= %(release)s
               ORDER BY x.release DESC LIMIT %(remembered)s) j
           ORDER BY n.resource, j.id DESC""",
        {"names": list(names), "release": release, "remembered": REMEMBERED},
    ).fetchall()
    wanted = sorted({row[1] for row in rows})
    found: dict[tuple[str, int], dict[str, _Found]] = {}
    for name, number, rule, *told in con.execute(
        """SELECT resource, release, rule, min(severity), min(dimension), min(stage), bool_and(passed),
                  sum(rows_failed)::bigint, max(rows_total),
                  (array_agg(coalesce(detail, '') ORDER BY passed, id))[1]
           FROM yici.finding WHERE release = ANY (%s) AND resource = ANY (%s)
           GROUP BY resource, release, rule""",
        [wanted, list(names)],
    ):
        found.setdefault((name, number), {})[rule] = _Found(*told)
    judged: dict[str, list[_Judged]] = {}
    for name, number, at, outcome, reason in rows:
        kept = found.get((name, number), {})
        judged.setdefault(name, []).append(_Judged(number, at, outcome, reason, kept))
    return judged


def _lines(catalog: Catalog, resource: Resource, judged: Sequence[_Judged]) -> Iterator[Line]:
    """The rules of the newest judgement: what it found, broken ones first, and what admission found nothing against."""
    if not judged:
        return
    now = _with_kept(resource, judged[0].found)
    for rule, found in sorted(
        now.items(), key=lambda one: (one[1].passed, _WORST.index(one[1].severity), one[0])
    ):
        past = tuple(mark for one in reversed(judged) if (mark := _mark(one, rule, found.stage)))
        yield Line(
            rule=rule,
            title=rule_title(catalog, resource.name, rule),
            dimension=found.dimension,
            severity=found.severity,
            stage=_STAGES.get(found.stage, found.stage),
            passed=found.passed,
            rows_failed=found.rows_failed,
            rows_total=found.rows_total,
            detail=found.detail,
            past=past,
        )


def _mark(one: _Judged, rule: str, stage: str) -> Mark | None:
    """What a rule found at an earlier release; None where it did not run."""
    if rule in one.found:
        return Mark(one.release, one.found[rule].passed, one.found[rule].rows_failed)
    return Mark(one.release, True, 0) if stage == "admission" and "contract" in one.found else None


def _with_kept(resource: Resource, found: Mapping[str, _Found]) -> dict[str, _Found]:
    """Add the rules that refuse rows and that no row broke: admission reports one only where it is broken."""
    contract = found.get("contract")
    every = dict(found)
    for rule in resource.rules:
        if contract and rule.where is not None and rule.on_failure == "refuse_row":
            dimension = rule.dimension or "conformity"
            kept = _Found("warning", dimension, "admission", True, 0, contract.rows_total, "")
            every.setdefault(rule.id, kept)
    return every
