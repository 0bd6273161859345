"""The printable guide of a service item (办事指南, NWPU annex 3: everything told at once), as PDF."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from catalogs import derive
from catalogs.exports.printing import Press
from catalogs.exports.site import shown_service
from catalogs.exports.templating import contact_text, law_text
from catalogs.model import Catalog, ServiceItem
from catalogs.views_services import OUTCOME_NAMES, service_view

_THREADS = 2
_TEMPLATE = "guide.typ"


def guide_data(catalog: Catalog, item: ServiceItem) -> dict[str, Any]:
    """Return what the guide of a service item shows, as its template reads it. The public's view, in every tier."""
    one = shown_service(service_view(catalog, item, "public"))
    return {
        "campus": catalog.campus.name_zh,
        "edition": f"版本 {one['version']}, {one['publishedOn']} 公布" if one["publishedOn"] else "",
        "code": one["code"],
        "nameZh": one["nameZh"],
        "description": one["description"],
        "figures": [
            ("承诺时限", one["limit"], one["caseType"]),
            ("到现场", one["visits_text"], one["visitReason"] or one["depth"]),
            ("须交材料", f"{one['needed']} 项", f"另有 {one['spared']} 项免提交" if one["spared"] else ""),
            ("收费", one["fee_text"], one["fee"].get("basis", "")),
        ],
        "remarks": [
            *([f"尚不能最多跑一次(负面清单): {one['negativeList']}"] if one["negativeList"] else []),
            *([f"特殊要求: {one['specialRequirement']}"] if one["specialRequirement"] else []),
            *one["notices"],
        ],
        "materials": [(use["nameZh"], _need(use), use["told"]) for use in one["materials"]],
        "fill": _fill(one),
        "steps": [
            (
                f"{step['seq']}. {step['nameZh']}",
                step["unitName"],
                step["role_name"],
                step["limit_text"],
                step["told"],
            )
            for step in one["steps"]
        ],
        "facts": _told(
            ("服务对象", "、".join(one["audience_names"])),
            ("办理渠道", "、".join(one["channel_names"])),
            ("受理条件", one["acceptConditions"]),
            ("前置条件", "、".join(one["preconditions"])),
            ("不予受理", one["refusal"]),
            ("设定依据", "; ".join(law_text(law) for law in one["legalBasis"])),
            ("办理结果", _result(one)),
        ),
        "places": [
            (place["campus"], place["address"], place["window"], place["hours"]) for place in one["places"]
        ],
        "contacts": _told(
            ("主责单位", one["leadUnitName"]),
            ("协办单位", "、".join(unit["nameZh"] for unit in one["jointUnits"])),
            ("审批机关", one["outsideAuthority"]),
            ("咨询", contact_text(one["consult"])),
            ("监督投诉", contact_text(one["complaint"])),
            ("业务联系", "; ".join(contact_text(contact) for contact in one["contacts"])),
        ),
        "faq": [(str(entry.get("q", "")), str(entry.get("a", ""))) for entry in one["faq"]],
    }


def _told(*facts: tuple[str, str]) -> list[tuple[str, str]]:
    return [(name, text) for name, text in facts if text]


def _need(use: dict[str, Any]) -> str:
    need = use["need"] if use["outcome"] == derive.STILL_REQUIRED else OUTCOME_NAMES[use["outcome"]]
    return f"{need}(情形: {use['condition']})" if use["condition"] else need


def _fill(one: dict[str, Any]) -> str:
    parts = [
        f"请填写: {'、'.join(one['to_fill'])}。" if one["to_fill"] else "",
        f"学校已有, 自动带出: {'、'.join(one['prefilled'])}。" if one["prefilled"] else "",
    ]
    return "".join(parts)


def _result(one: dict[str, Any]) -> str:
    result = one["result"]
    if not result.get("nameZh"):
        return ""
    delivery = "、".join(result.get("delivery") or ())
    return f"{result['nameZh']}(送达: {delivery})" if delivery else result["nameZh"]


class Guides:
    """Prints guides in the background: `start` early, `take` when everything else is written.

    A guide that would be the same as in an earlier publication is taken from there: a release in which no guide
    changed prints none.
    """

    def __init__(
        self, catalog: Catalog, pictures: Mapping[str, str], earlier: Mapping[str, Path] | None = None
    ) -> None:
        """Open the press.

        Args:
            catalog: the checked catalog.
            pictures: code of a service item → its flow as SVG.
            earlier: digest of what was printed → the PDF.
        """
        self._catalog = catalog
        self._pictures = pictures
        self._earlier = earlier or {}
        self._press = Press()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="guide")
        self._prints: dict[str, Future[bytes]] = {}
        self.digests: dict[str, str] = {}

    def start(self, items: Iterable[ServiceItem]) -> None:
        """Begin to print the guides of service items."""
        for item in items:
            self._prints[item.code] = self._threads.submit(self._print, item)

    def _print(self, item: ServiceItem) -> bytes:
        data, picture = guide_data(self._catalog, item), self._pictures[item.code]
        digest = self._press.digest(_TEMPLATE, data, picture)
        self.digests[item.code] = digest
        if digest in self._earlier:
            return self._earlier[digest].read_bytes()
        return self._press.document(_TEMPLATE, data, picture)

    def take(self, code: str) -> bytes:
        """Return a guide as PDF, once it is printed."""
        return self._prints[code].result()

    def close(self) -> None:
        """Give up what has not been printed."""
        self._threads.shutdown(wait=True, cancel_futures=True)
