"""What the portal knows of the published catalog, made once per version: pages, search index, lists.

The catalog shown is the newest published version, and before anything was published the present release's. Figures in
the lists are those measured at the present release.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import psycopg

from catalogs.exports.flow_svg import draw
from catalogs.exports.search import Entry
from catalogs.exports.site import Content, Page, Site
from catalogs.faults import Fault
from catalogs.lists import DerivedList, derived_lists
from catalogs.lists.all import today
from catalogs.loading import read
from catalogs.model import Catalog
from catalogs.versions import unpack
from catalogs.views import TIERS, catalog_json
from catalogs.views_services import visible_services
from portal.english import english_names
from portal.facets import traits
from portal.problems import Refused
from warehouse.figures import as_measured


@dataclass(frozen=True)
class Shown:
    """What readers of one tier are shown.

    Attributes:
        told: what every page of the catalog says of it.
        pages: path below the root → page.
        entries: what the search finds.
        lists: name → list.
        traits: page of a resource → facet → value, as the search narrows by them (`portal.facets`).
    """

    told: Mapping[str, object]
    pages: Mapping[str, Page]
    entries: Sequence[Entry]
    lists: Mapping[str, DerivedList]
    traits: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Edition:
    """The catalog on a day, with the figures of a release.

    Attributes:
        release: the present one; None before the first.
        has_figures: whether the lists have its figures; else they say 未测.
        tiers: tier → what its readers are shown.
        english: Chinese → English of the catalog's names and words.
    """

    catalog: Catalog
    release: int | None
    on: date
    has_figures: bool
    tiers: Mapping[str, Shown]
    english: Mapping[str, str]

    @property
    def key(self) -> tuple[str, int | None, date, bool]:
        """What makes an edition another one."""
        return self.catalog.version, self.release, self.on, self.has_figures

    def is_right_on(self, digest: str, day: date) -> bool:
        """Whether only its figures may be of an earlier release: who may see what is as it is now."""
        return self.catalog.version == digest and self.on == day


class Known:
    """Keeps the newest edition; one per worker. Making one takes seconds.

    Others wait for it, unless nothing but the release is another one: they are shown the earlier figures meanwhile.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._edition: Edition | None = None
        self._catalog: tuple[Catalog, tuple[Fault, ...]] | None = None

    def edition(self, con: psycopg.Connection) -> Edition:
        """Return the edition of now.

        Raises:
            Refused: nothing is published yet.
        """
        row = con.execute(
            """SELECT v.hash, yici.current(), m.release IS NOT NULL FROM yici.catalog_version v
               LEFT JOIN yici.measured m ON m.release = yici.current()
               WHERE v.id = coalesce(
                   (SELECT catalog_version FROM yici.catalog_publication ORDER BY number DESC LIMIT 1),
                   (SELECT catalog_version FROM yici.release WHERE id = yici.current()))"""
        ).fetchone()
        if row is None:
            raise Refused(503, "nothing_published")
        digest, release, has_figures = row
        kept = self._edition
        if kept is None or kept.key != (digest, release, today(kept.catalog), has_figures):
            if self._lock.locked() and kept is not None and kept.is_right_on(digest, today(kept.catalog)):
                return kept
            with self._lock:
                kept = self._edition
                if kept is None or kept.key != (digest, release, today(kept.catalog), has_figures):
                    kept = self._edition = self._made(con, digest, release, has_figures)
        return kept

    def _made(self, con: psycopg.Connection, digest: str, release: int | None, has_figures: bool) -> Edition:
        if self._catalog is None or self._catalog[0].version != digest:
            (blob,) = con.execute(
                "SELECT files FROM yici.catalog_version WHERE hash = %s", [digest]
            ).fetchone()
            sources, faults = read(unpack(blob))
            if faults.errors():
                raise Refused(503, "catalog_faulty")
            self._catalog = sources.catalog, tuple(faults.all())
        catalog, told = self._catalog
        measured = None
        if has_figures:
            query = "SELECT figures::text FROM yici.measured WHERE release = %s"
            measured = as_measured(con.execute(query, [release]).fetchone()[0])
        day = today(catalog)
        lists = derived_lists(catalog, told, measured, day)
        pictures = {one.code: draw(catalog, one).decode() for one in visible_services(catalog, "office")}
        tiers = {tier: _shown(catalog, tier, lists, pictures) for tier in TIERS[1:]}
        english = {one.title_zh: one.title_en for one in lists} | english_names(catalog)
        return Edition(catalog, release, day, has_figures, tiers, english)


def _shown(catalog: Catalog, tier: str, lists: Sequence[DerivedList], pictures: Mapping[str, str]) -> Shown:
    own = [one.for_readers(tier) for one in lists]
    site = Site(Content(catalog, tier, catalog_json(catalog, tier), own, (), pictures))
    return Shown(
        site.told,
        {page.path: page for page in site.pages()},
        tuple(site.entries()),
        {one.name: one for one in own},
        traits(catalog, tier),
    )
