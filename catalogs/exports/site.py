"""The static site of a tier: pages that open from a folder, without server, network or JavaScript.

One page per resource, service item, code table and list; the search box alone needs JavaScript and is hidden
without it. Pages are in Chinese with English headings beside. What is shown is what `catalogs.views` lets the
tier's readers see: a template decides how, never what. The portal shows the same pages, with what is so just now.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalogs import derive, views
from catalogs.exports.search import Entry, index_script, initials
from catalogs.exports.templating import TEMPLATES, environment
from catalogs.exports.terms import slug
from catalogs.lists import DerivedList
from catalogs.model import Catalog
from catalogs.views_certificates import certificate_views
from catalogs.views_lineage import Ways
from catalogs.views_services import (
    AUDIENCE_NAMES,
    CHANNEL_NAMES,
    DEPTH_NAMES,
    ON_RETURN_NAMES,
    ROLE_NAMES,
    limit_text,
    visits_text,
)

_ASSETS = ("style.css", "search.js")
_SECTIONS = (
    ("services.html", "服务事项", "Services"),
    ("resources.html", "数据资源", "Data"),
    ("lists.html", "清单", "Lists"),
    ("codes.html", "代码表", "Codes"),
    ("data.html", "下载", "Downloads"),
)
_CERTIFICATES = ("certificates.html", "证明", "Certificates")
_TYPE_NAMES = {
    "string": "文本", "integer": "整数", "number": "数值", "boolean": "是/否", "date": "日期", "timestamp": "时间",
}  # fmt: skip
_NEED_NAMES = {"required": "须提交", "optional": "视情形提交", "deferrable": "可容缺后补"}
_NO_THEME = "其他"
# A browser shows a longer table badly; the whole list is in Excel and JSON.
_SHOWN_ROWS = 500

View = dict[str, Any]


@dataclass(frozen=True)
class Content:
    """What the site of one tier shows.

    Attributes:
        catalog: the checked catalog.
        reader: the tier (public, campus, office).
        seen: `views.catalog_json` of catalog and tier.
        lists: derived lists as readers of the tier may see them.
        files: name, content and norm of each file for machines beside the pages.
        pictures: code of a service item → its flow as SVG.
    """

    catalog: Catalog
    reader: str
    seen: View
    lists: Sequence[DerivedList]
    files: Sequence[tuple[str, str, str]]
    pictures: Mapping[str, str]


def service_page(code: str) -> str:
    """Return the address of a service item's page below the site's root."""
    return f"services/{slug(code)}.html"


def guide_file(code: str) -> str:
    """Return the address of a service item's printable guide below the site's root."""
    return f"services/{slug(code)}.pdf"


def resource_page(name: str) -> str:
    """Return the address of a resource's page below the site's root."""
    return f"resources/{name}.html"


def site_files(content: Content) -> Iterator[tuple[str, str]]:
    """Yield every file of the site: path below its root, and text."""
    site = Site(content)
    templates = environment()
    for name in _ASSETS:
        yield f"assets/{name}", (TEMPLATES / name).read_text(encoding="utf-8")
    yield "assets/search-index.js", index_script(site.entries())
    for page in site.pages():
        template = templates.get_template(page.template)
        root = "../" * page.path.count("/")
        yield page.path, template.render(site=site.told, root=root, section=page.section, **page.told)


@dataclass(frozen=True)
class Page:
    """A page before it is rendered.

    Attributes:
        path: its address below the site's root.
        template: that shows it.
        section: address of the page that it belongs to in the navigation.
        told: what the template shows.
    """

    path: str
    template: str
    section: str
    told: View


class Site:
    """The pages of one tier.

    Attributes:
        told: what every page says of the site.
    """

    def __init__(self, content: Content) -> None:
        self.content = content
        self.seen = content.seen
        self.told = {
            "name": f"{self.seen['campus']['nameZh']}校务数据共享目录",
            "tier": views.TIER_NAMES[content.reader],
            "tier_code": content.reader,
            "version": self.seen["version"],
            "sections": _SECTIONS,
        }
        self.kinds = certificate_views(content.catalog)
        if self.kinds:
            self.told["sections"] = (_SECTIONS[0], _CERTIFICATES, *_SECTIONS[1:])
        self.services = [shown_service(view) for view in self.seen["serviceItems"]]
        meanings = {one["code"]: one["nameZh"] for one in self.seen["elements"]}
        self.resources = [_shown_resource(view, meanings) for view in self.seen["resources"]]
        self.code_pages = {one["name"]: f"codes/{slug(one['name'])}.html" for one in self.seen["codeTables"]}

    def pages(self) -> Iterator[Page]:
        """Yield every page."""
        yield from self._home()
        yield from self._service_pages()
        yield from self._resource_pages()
        yield from self._code_pages()
        yield from self._list_pages()
        if self.kinds:
            yield self._page("certificates.html", "certificates.html.j2", kinds=self.kinds)
        yield self._page("data.html", "data.html.j2", files=self.content.files)

    def _page(self, path: str, template: str, section: str = "", **told: Any) -> Page:
        return Page(path, template, section or path, told)

    def _home(self) -> Iterator[Page]:
        uses = [use for one in self.services for use in one["materials"]]
        counts = {
            "no_visit": sum(one["visits"] == 0 for one in self.services),
            "one_visit": sum(one["visits"] == 1 for one in self.services),
            "materials": len(uses),
            "spared": sum(_is_spared(use) for use in uses),
            "fields": sum(len(one["items"]) for one in self.resources),
        }
        yield self._page(
            "index.html",
            "index.html.j2",
            seen=self.seen,
            counts=counts,
            audiences=self._audiences(),
            themes=_grouped(self.services, "theme"),
            providers=[(name, len(found)) for name, found in _grouped(self.resources, "providerName")],
        )

    def _audiences(self) -> list[tuple[str, str, str, int]]:
        """Code, name, page and number of items of each group that any item is for."""
        found = []
        for code, name in AUDIENCE_NAMES.items():
            count = sum(code in one["audience"] for one in self.services)
            if count:
                found.append((code, name, f"services/for-{code}.html", count))
        return found

    def _service_pages(self) -> Iterator[Page]:
        audiences = self._audiences()
        chosen = [("services.html", "服务事项", "", self.services)]
        for code, name, page, _ in audiences:
            chosen.append(
                (page, f"{name}办事", code, [one for one in self.services if code in one["audience"]])
            )
        for path, heading, audience, services in chosen:
            yield self._page(
                path,
                "services.html.j2",
                "services.html",
                heading=heading,
                audience=audience,
                audiences=audiences,
                total=len(services),
                no_visit=sum(one["visits"] == 0 for one in services),
                groups=_grouped(services, "theme"),
            )
        datasets = self._datasets()
        for one in self.services:
            yield self._page(
                service_page(one["code"]),
                "service.html.j2",
                "services.html",
                one=one,
                guide=guide_file(one["code"]).rpartition("/")[2],
                entries=[
                    (CHANNEL_NAMES.get(key, key), url) for key, url in one["urls"].items() if _is_web(url)
                ],
                picture=self.content.pictures[one["code"]],
                datasets=datasets.get(one["code"], ()),
            )

    def _datasets(self) -> dict[str, list[tuple[str, str]]]:
        """Service item → page and name of the resources, of those seen, that its granted demands rest on."""
        found: dict[str, list[tuple[str, str]]] = {}
        for resource in self.resources:
            for use in self._uses().get(resource["name"], ()):
                if use["service"]:
                    entry = (resource_page(resource["name"]), resource["nameZh"] or resource["name"])
                    found.setdefault(use["service"], []).append(entry)
        return found

    def _uses(self) -> dict[str, list[View]]:
        """Resource → who uses it: one entry per granted demand, with those of its items that are seen."""
        if not hasattr(self, "_known_uses"):
            self._known_uses = self._find_uses()
        return self._known_uses

    def _find_uses(self) -> dict[str, list[View]]:
        catalog = self.content.catalog
        names = {
            f"{one['name']}.{item['name']}": (one["name"], item["nameZh"] or item["name"])
            for one in self.seen["resources"]
            for item in one["items"]
        }
        shown = {one["code"]: one["nameZh"] for one in self.services}
        found: dict[tuple[str, str], View] = {}
        for line in derive.demand_lines(catalog):
            if line.state != derive.GRANTED:
                continue
            for source in line.resources:
                if source not in names:
                    continue
                resource, item = names[source]
                service = line.purpose if line.purpose in shown else ""
                use = found.setdefault(
                    (resource, line.demand_id),
                    {
                        "unit": views.unit_name(catalog, line.requester_unit),
                        "service": service,
                        "purpose": shown.get(line.purpose, line.purpose),
                        "client": catalog.campus.clients.get(line.client, {}).get("nameZh", line.client),
                        "page": service_page(service) if service else "",
                        "basis": line.basis,
                        "items": [],
                    },
                )
                use["items"].append(item)
        uses: dict[str, list[View]] = {}
        for (resource, _), use in found.items():
            uses.setdefault(resource, []).append(use)
        return uses

    def _resource_pages(self) -> Iterator[Page]:
        yield self._page(
            "resources.html",
            "resources.html.j2",
            total=len(self.resources),
            items=sum(len(one["items"]) for one in self.resources),
            groups=_grouped(self.resources, "providerName"),
        )
        ways = Ways(self.content.catalog, self.content.reader, self._uses())
        for one in self.resources:
            yield self._page(
                resource_page(one["name"]),
                "resource.html.j2",
                "resources.html",
                one=one,
                lineage=ways.of(one["name"]),
                uses=self._uses().get(one["name"], ()),
                contract=self.content.catalog.resources[one["name"]].file,
                code_pages=self.code_pages,
            )

    def _code_pages(self) -> Iterator[Page]:
        tables = [one | {"page": self.code_pages[one["name"]]} for one in self.seen["codeTables"]]
        yield self._page("codes.html", "codes.html.j2", tables=tables)
        used: dict[str, list[str]] = {}
        for element in self.seen["elements"]:
            used.setdefault(element["codeTable"], []).append(f"{element['nameZh']} ({element['code']})")
        for one in tables:
            yield self._page(
                one["page"], "code.html.j2", "codes.html", one=one, used=used.get(one["name"], ())
            )

    def _list_pages(self) -> Iterator[Page]:
        yield self._page("lists.html", "lists.html.j2", lists=self.content.lists)
        for one in self.content.lists:
            yield self._page(
                f"lists/{one.name}.html", "list.html.j2", "lists.html", one=one, shown=_SHOWN_ROWS
            )

    def entries(self) -> Iterator[Entry]:
        """Yield what the search finds."""
        for one in self.services:
            more = f"{one['nameEn']} {one['theme']} {one['lifeEvent']} {one['description']}"
            yield _entry("服务事项", one["nameZh"], one["code"], one["leadUnitName"], one["page"], more)
        for one in self.resources:
            items = " ".join(item["nameZh"] for item in one["items"])
            title = one["nameZh"] or one["name"]
            more = f"{one['name']} {one['abstract']} {items}"
            yield _entry("数据资源", title, one["code"], one["providerName"], one["page"], more)
        for one in self.seen["codeTables"]:
            title = one["nameZh"] or one["name"]
            yield _entry("代码表", title, one["name"], "", self.code_pages[one["name"]], one["norm"])
        for derived in self.content.lists:
            yield _entry(
                "清单", derived.title_zh, derived.name, "", f"lists/{derived.name}.html", derived.title_en
            )


def _entry(kind: str, title: str, code: str, unit: str, page: str, more: str) -> Entry:
    return Entry(kind, title, code, unit, page, initials(title), " ".join(more.split()))


def shown_service(view: View) -> View:
    """Return a service item's view with the texts that pages and guides show beside its data."""
    materials = [use | {"told": _material_text(use), "need": _need_text(use)} for use in view["materials"]]
    spared = sum(_is_spared(use) for use in materials)
    fee = view["fee"]
    return view | {
        "page": service_page(view["code"]),
        "theme": view["theme"] or _NO_THEME,
        "limit": limit_text(view["promisedLimit"]),
        "visits_text": visits_text(view),
        "depth": DEPTH_NAMES.get(view["onlineDepth"], view["onlineDepth"]),
        "audience_names": [AUDIENCE_NAMES.get(code, code) for code in view["audience"]],
        "channel_names": [CHANNEL_NAMES.get(code, code) for code in view["channels"]],
        "fee_text": "不收费" if not fee.get("charged") else fee.get("standard") or "收费",
        "materials": sorted(materials, key=_is_spared),
        "spared": spared,
        "needed": len(materials) - spared,
        "to_fill": [one["nameZh"] for one in view["form"] if not (one["held"] and not one["editable"])],
        "prefilled": [one["nameZh"] for one in view["form"] if one["held"] and not one["editable"]],
        "steps": [
            step
            | {
                "role_name": ROLE_NAMES.get(step["role"], step["role"]),
                "limit_text": limit_text(step["limit"]) if step["limit"] else "",
                "told": _step_text(step),
            }
            for step in view["steps"]
        ],
        "places": [_filled(place, ("campus", "address", "hours", "window")) for place in view["places"]],
        "fee": _filled(fee, ("basis", "standard")),
        "result": _filled(view["result"], ("nameZh", "kind", "delivery")),
        "faq": [_filled(entry, ("q", "a")) for entry in view["faq"]],
    }


def _filled(given: View, keys: tuple[str, ...]) -> View:
    """Return optional keys as a template wants them: all there, empty where nothing was written."""
    return {key: given.get(key, "") for key in keys}


def _is_spared(use: View) -> bool:
    return use["outcome"] != derive.STILL_REQUIRED


def _need_text(use: View) -> str:
    necessity: str = use["necessity"]
    return _NEED_NAMES.get(necessity, necessity)


def _material_text(use: View) -> str:
    if _is_spared(use):
        names = "、".join(fact["nameZh"] for fact in use["facts"])
        return f"由学校核验: {names}" if names else "由学校核验"
    parts = [
        "、".join(use["form"]),
        f"{use['copies']} 份" if use["copies"] else "",
        "须原件" if use["originalRequired"] else "",
        use["handover"],
        f"由{use['issuerName']}出具" if use["issuerName"] else use["source"],
        use["help"],
    ]
    return ", ".join(part for part in parts if part)


def _step_text(step: View) -> str:
    parts = [
        step["action"],
        f"条件: {step['condition']}" if step["condition"] else "",
        "与同组环节同时办理" if step["parallelGroup"] else "",
        ON_RETURN_NAMES.get(step["onReturn"], step["onReturn"]) if step["parallelGroup"] else "",
        f"结果: {step['output']}" if step["output"] else "",
        "短信告知" if step["notify"] == "sms" else step["notify"],
    ]
    return "; ".join(part for part in parts if part)


def _shown_resource(view: View, meanings: dict[str, str]) -> View:
    posts = dict.fromkeys(("accountable", "steward"), "")
    return (
        posts
        | view
        | {
            "page": resource_page(view["name"]),
            "share": views.SHARE_NAMES[view["shareType"]],
            "cycle": views.CYCLE_NAMES.get(view["updateCycle"], view["updateCycle"]),
            "items": [
                item
                | {
                    "meaning": _meaning(item, meanings),
                    "type_name": _TYPE_NAMES.get(item["type"], item["type"]),
                    "share": views.SHARE_NAMES[item["shareType"]],
                }
                for item in view["items"]
            ],
        }
    )


def _meaning(item: View, meanings: dict[str, str]) -> str:
    element = (
        f"{meanings.get(item['element'], item['element'])} ({item['element']})" if item["element"] else ""
    )
    return "; ".join(part for part in (element, item["description"]) if part)


def _grouped(views_: Sequence[View], key: str) -> list[tuple[str, list[View]]]:
    """Return views by the text under a key, the largest group first, then by the text; 其他 last."""
    found: dict[str, list[View]] = {}
    for view in views_:
        found.setdefault(view[key], []).append(view)
    return sorted(found.items(), key=lambda group: (group[0] == _NO_THEME, -len(group[1]), group[0]))


def _is_web(url: str) -> bool:
    """Whether an address may stand in a link: what somebody wrote into a guide must not run as a script."""
    return url.startswith(("https://", "http://"))
