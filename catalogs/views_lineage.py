"""Where a resource comes from, which way it goes and who uses it, as far as readers of a tier may see (pure).

The way is the same for all: read from its source, kept as it came, judged row by row, stored version by version, and
told from there. What differs is what stands at each stop. The public is told of units and purposes; which system a
source is, its table, and which programs ask is for the campus.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from catalogs import views
from catalogs.dbt_reads import Reads
from catalogs.model import Catalog, Resource

# Stop → Chinese and English name, and the stop that it follows; the order is that of the way.
STOPS: Mapping[str, tuple[str, str, str]] = {
    "source": ("来源", "Source", ""),
    "landing": ("落地", "Landing", "source"),
    "admission": ("准入", "Admission", "landing"),
    "quarantine": ("待纠正", "Waiting rows", "admission"),
    "store": ("入库", "Store", "admission"),
    "facts": ("权威数据项", "Facts", "store"),
    "users": ("谁在用", "Who uses it", "facts"),
    "derived": ("派生资源", "Derived resources", "store"),
    "marts": ("汇总数据集", "Marts", "store"),
}
_READ = {
    "full": ("整表读取", "read whole"),
    "watermark": ("按更新时间读取变动", "changes are read by a watermark"),
    "intraday": ("日内按更新时间读取变动", "changes are read during the day"),
    "append": ("只读新增的行", "new rows are read"),
    "partition": ("分区整体读取", "read by partitions"),
}
_CYCLES_EN = {
    "realtime": "in real time", "daily": "daily", "weekly": "weekly", "monthly": "monthly", "quarterly": "quarterly",
    "halfyear": "every half year", "yearly": "yearly", "termly": "every term", "schoolyear": "every school year",
    "irregular": "irregularly",
}  # fmt: skip


@dataclass(frozen=True)
class Named:
    """Something that stands at a stop.

    Attributes:
        name: in the campus's words.
        page: address of its page below the site's root; empty without one.
        note: what is told beside it.
        code: its technical name; empty where that is not told.
        en: its name for readers of English, where it is none of the catalog's.
    """

    name: str
    page: str = ""
    note: str = ""
    code: str = ""
    en: str = ""

    def said(self, language: str) -> str:
        """Return its name."""
        return self.en or self.name if language == "en" else self.name


@dataclass(frozen=True)
class Stop:
    """A stop of the way.

    Attributes:
        code: one of STOPS.
        zh, en: what happens there, in one sentence.
        names: what stands there.
        after: the stop before it on this way.
    """

    code: str
    zh: str
    en: str
    names: tuple[Named, ...] = ()
    after: str = ""

    def title(self, language: str) -> str:
        """Return its name."""
        return STOPS[self.code][0 if language == "zh" else 1]

    def told(self, language: str) -> str:
        """Return what happens there."""
        return self.zh if language == "zh" else self.en


class Ways:
    """The ways of all resources of a catalog for readers of a tier."""

    def __init__(
        self, catalog: Catalog, reader: str, uses: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> None:
        """Look through the catalog once.

        Args:
            catalog: the checked catalog.
            reader: the tier.
            uses: resource → its granted uses as the site shows them: unit, purpose, page, client.
        """
        self._catalog, self._is_public, self._uses = catalog, reader == "public", uses
        self._seen = {one.name: one for one in views.visible_resources(catalog, reader)}
        self._reader = reader
        self._reads = Reads(catalog)
        self._made_of = {
            name: frozenset(_copied(one)) | self._reads.made_of(one.physical_name) - {name}
            for name, one in catalog.resources.items()
            if one.is_derived
        }

    def of(self, name: str) -> tuple[Stop, ...]:
        """Return the way of a resource that the reader sees."""
        resource = self._seen[name]
        stops = [self._source(resource)]
        if not self._catalog.is_asked(name):
            stops += _kept(0 if self._is_public else len(resource.rules))
        stops += self._beyond(resource)
        codes = {one.code for one in stops}
        stored = "store" if "store" in codes else "source"
        return tuple(replace(one, after=_after(one.code, codes, stored)) for one in stops)

    def _source(self, resource: Resource) -> Stop:
        if resource.is_derived:
            names = self._resources(self._made_of[resource.name])
            return Stop("source", "由下列资源在仓库内计算", "computed in the warehouse from these", names)
        catalog = self._catalog
        unit = views.unit_name(catalog, resource.provider)
        system = catalog.systems[resource.system]
        table = resource.physical_name
        source = Named(unit) if self._is_public else Named(system.name_zh, note=unit, code=table)
        if catalog.is_asked(resource.name):
            told = "逐人查询，不落地、不入库", "asked about one person at a time; never stored"
            return Stop("source", *told, (source,))
        zh, en = _READ.get(resource.ingest.mode, ("读取", "read"))
        cycle = views.CYCLE_NAMES.get(resource.update_cycle, resource.update_cycle)
        often = _CYCLES_EN.get(resource.update_cycle, resource.update_cycle)
        return Stop("source", f"只读，{cycle}{zh}", f"read only, {en}, {often}", (source,))

    def _beyond(self, resource: Resource) -> list[Stop]:
        name = resource.name
        facts = [
            Named(one.business_name or one.name)
            for one in views.visible_items(resource, self._reader)
            if one.authoritative and one.element
        ]
        users = [
            Named(f"{use['unit']}: {use['purpose']}", use["page"], "" if self._is_public else use["client"])
            for use in self._uses.get(name, ())
        ]
        derived = self._resources(one for one, made_of in self._made_of.items() if name in made_of)
        marts = [] if self._catalog.is_asked(name) else self._reads.readers(name)
        found = []
        if facts:
            many = len(facts)
            found.append(Stop("facts", f"{many} 项为权威源", f"authoritative items: {many}", tuple(facts)))
        if users:
            many = len(users)
            found.append(Stop("users", f"{many} 项已授权的用途", f"granted uses: {many}", tuple(users)))
        if derived:
            found.append(Stop("derived", "由本资源计算得出", "computed from this resource", derived))
        if marts:
            many = len(marts)
            names = (
                ()
                if self._is_public
                else tuple(Named(one.title, code=one.name, en=one.name) for one in marts)
            )
            found.append(
                Stop("marts", f"{many} 个数据集读取本资源", f"data sets that read it: {many}", names)
            )
        return found

    def _resources(self, names: Iterable[str]) -> tuple[Named, ...]:
        """Return the resources of these names that the reader sees, by name."""
        return tuple(
            Named(self._seen[name].business_name or name, f"resources/{name}.html")
            for name in sorted(names)
            if name in self._seen
        )


def _copied(resource: Resource) -> set[str]:
    found = {item.derived_from.rpartition(".")[0] for item in resource.items if item.derived_from}
    return found - {"", resource.name}


def _kept(own: int) -> list[Stop]:
    """Return the stops of a resource that lands and has so many rules of its own to tell of."""
    more_zh, more_en = (f"，另有 {own} 条规则", f"; own rules: {own}") if own else ("", "")
    return [
        Stop("landing", "每批原样存放，存后不改", "each extract is kept as it came"),
        Stop(
            "admission",
            f"逐行检查主键、类型、必填、代码、范围{more_zh}",
            f"each row is judged: key, types, codes, ranges{more_en}",
        ),
        Stop("quarantine", "不合格的行在此等改正，不入库", "refused rows wait here and are not stored"),
        Stop("store", "每次变动留一个版本，按发布版次读取", "a version per change, read as of a release"),
    ]


def _after(code: str, codes: set[str], stored: str) -> str:
    """Return the stop before one on a way that has these stops."""
    wanted = STOPS[code][2]
    return wanted if wanted in codes or not wanted else stored
