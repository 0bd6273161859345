"""Publish a catalog as plain files: pages, guides, lists, ODCS contracts, JSON, RDF, Excel.

One folder per tier of readers: `public` may stand on the open web, `campus` behind the campus's login.

The folder is written beside its place and then takes it, so that readers see the old one or the new one.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from catalogs import views
from catalogs.collector import collector_paused
from catalogs.exports.cpsv import cpsv_graph
from catalogs.exports.dcat import dcat_graph
from catalogs.exports.flow_svg import draw
from catalogs.exports.guides import Guides
from catalogs.exports.site import Content, guide_file, site_files
from catalogs.exports.workbook import catalog_workbook, lists_workbook
from catalogs.exports.yaml_text import dump_yaml, read_plain
from catalogs.faults import Fault
from catalogs.lists import DerivedList, Measured, derived_lists
from catalogs.lists.all import today
from catalogs.lists.files import WORKBOOK, as_json, heading
from catalogs.model import Catalog
from catalogs.views_services import visible_services

_SCHEMA = Path(__file__).parent / "exports" / views.SCHEMA_FILE
# Made once: `json.dumps` with an option makes an encoder at every call.
_JSON = json.JSONEncoder(ensure_ascii=False).encode
_MARK, _DIGESTS = "VERSION", "guides.json"
PUBLISHED_TIERS = ("public", "campus")
# What the public may see of the reform; the other lists are for those who work on it.
PUBLIC_LISTS = frozenset(
    (
        "responsibilities", "demands", "high_frequency", "at_most_once", "negative", "special", "self_service",
        "online", "mobile", "powers", "approvals", "services", "minor_powers", "batches", "goals", "figures",
    )
)  # fmt: skip
# Lists of what the check found: only where somebody gives its faults.
_FAULT_LISTS = frozenset(("guide_faults", "flow_faults"))
_FILES = (
    ("catalog.json", "全部目录: 资源、信息项、数据元、代码表、服务事项", "JSON, 附 catalog.schema.json"),
    ("catalog.schema.json", "catalog.json 的格式", "JSON Schema 2020-12"),
    ("catalog.xlsx", "全部目录", "Excel"),
    (f"lists/{WORKBOOK}", "全部清单", "Excel"),
    ("dcat.ttl", "数据资源与代码表", "DCAT-AP 3, Turtle"),
    ("dcat.jsonld", "数据资源与代码表", "DCAT-AP 3, JSON-LD"),
    ("cpsv.ttl", "服务事项", "CPSV-AP 3.2, Turtle"),
    ("cpsv.jsonld", "服务事项", "CPSV-AP 3.2, JSON-LD"),
)


def publish(
    catalog: Catalog,
    out: Path,
    tiers: tuple[str, ...] = PUBLISHED_TIERS,
    faults: Iterable[Fault] | None = None,
    measured: Measured | None = None,
) -> Path:
    """Write the published catalog.

    Args:
        catalog: a checked catalog.
        out: the folder; replaced if it is empty or an earlier publication.
        tiers: whose eyes it is for (public, campus, office); each gets a folder in `out`.
        faults: what the check found; None leaves out the lists of faults.
        measured: figures of the warehouse for the lists; None where there is none.

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
    with collector_paused():
        _write_all(catalog, out, fresh, tiers, faults, measured)
    if out.exists():
        out.rename(old)
    fresh.rename(out)
    shutil.rmtree(old, ignore_errors=True)
    return out


def _write_all(
    catalog: Catalog,
    out: Path,
    fresh: Path,
    tiers: tuple[str, ...],
    faults: Iterable[Fault] | None,
    measured: Measured | None,
) -> None:
    """Write every file into the fresh folder; guides that did not change come from the old one."""
    items = {item.code: item for tier in tiers for item in visible_services(catalog, tier)}
    pictures = {code: draw(catalog, item).decode() for code, item in items.items()}
    guides = Guides(catalog, pictures, _printed(out, tiers))
    try:
        guides.start(items.values())
        lists = publishable_lists(catalog, faults, measured)
        head = heading(catalog, today(catalog), measured)
        contracts = {one.name: read_plain(catalog.files[one.file]) for one in catalog.resources.values()}
        for tier in tiers:
            told = lists_for(lists, tier)
            for path, content in tier_files(catalog, tier, told, contracts, pictures):
                _write(fresh / tier / path, content)
            for one in told:
                _write(fresh / tier / "lists" / f"{one.name}.json", _JSON(as_json(one, head)) + "\n")
            _write(fresh / tier / "lists" / WORKBOOK, lists_workbook(told))
        for tier in tiers:
            for item in visible_services(catalog, tier):
                _write(fresh / tier / guide_file(item.code), guides.take(item.code))
    finally:
        guides.close()
    (fresh / _DIGESTS).write_text(json.dumps(guides.digests, indent=1, sort_keys=True), encoding="utf-8")
    (fresh / _MARK).write_text(catalog.version + "\n", encoding="utf-8")


def _printed(out: Path, tiers: Iterable[str]) -> dict[str, Path]:
    """Return the guides of the publication that stands there: digest of what each was printed from → PDF."""
    try:
        digests = json.loads((out / _DIGESTS).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    places = ((digest, out / tier / guide_file(code)) for tier in tiers for code, digest in digests.items())
    return {digest: path for digest, path in places if path.is_file()}


def publishable_lists(
    catalog: Catalog, faults: Iterable[Fault] | None = None, measured: Measured | None = None
) -> tuple[DerivedList, ...]:
    """Return the derived lists for every tier; those of faults only where faults are given."""
    known = () if faults is None else tuple(faults)
    lists = derived_lists(catalog, known, measured)
    return tuple(one for one in lists if faults is not None or one.name not in _FAULT_LISTS)


def lists_for(lists: Iterable[DerivedList], tier: str) -> tuple[DerivedList, ...]:
    """Return the lists, and of each the rows, that readers of a tier may see."""
    return tuple(one.for_readers(tier) for one in lists if tier != "public" or one.name in PUBLIC_LISTS)


def tier_files(
    catalog: Catalog,
    tier: str,
    told: Sequence[DerivedList],
    contracts: Mapping[str, Any],
    pictures: Mapping[str, str],
) -> Iterator[tuple[str, str | bytes]]:
    """Yield what a tier's readers get, path below their folder and content, but for lists and guides."""
    seen = views.catalog_json(catalog, tier)
    yield "catalog.json", _lines(seen)
    yield views.SCHEMA_FILE, _SCHEMA.read_text(encoding="utf-8")
    yield "catalog.xlsx", catalog_workbook(seen)
    services = cpsv_graph(catalog, tier, seen["serviceItems"])
    for stem, graph in (("dcat", dcat_graph(catalog, tier)), ("cpsv", services)):
        yield f"{stem}.ttl", graph.turtle()
        yield f"{stem}.jsonld", graph.json_ld()
    for resource in views.visible_resources(catalog, tier):
        yield resource.file, dump_yaml(views.contract_for(catalog, contracts[resource.name], resource, tier))
    yield from site_files(Content(catalog, tier, seen, told, _FILES, pictures))


def _lines(seen: Mapping[str, Any]) -> str:
    """Return JSON with one entry a line, so that two publications can be compared."""
    parts = []
    for key, value in seen.items():
        rows = value if isinstance(value, list) else []
        text = "[\n" + ",\n".join(map(_JSON, rows)) + "\n]" if rows else _JSON(value)
        parts.append(f"{json.dumps(key)}: {text}")
    return "{" + ",\n".join(parts) + "}\n"


def _write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
