"""The guide of a service item: is everything there that an applicant must know, and does it agree (CATALOG §3.4, 3.5).

Almost all are warnings: a university learns its guide while it writes it, and an unfinished guide must not stop the
warehouse. What would make a machine act wrongly (units, elements, materials that do not exist) is in check_services.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from catalogs.check_between import folded
from catalogs.faults import Faults
from catalogs.fields import Fields
from catalogs.model import Catalog, Material, ServiceItem
from catalogs.sources import Sources
from catalogs.unified import differences
from catalogs.words import DECIDING_KINDS, REMOTE_DELIVERIES

_AT_ONCE, _JOINT = "即办件", "联办件"
_GUIDE = (
    "taskCode", "nameEn", "version", "status", "publishedOn", "description", "audience", "legalBasis",
    "acceptConditions", "refusal", "promisedLimit", "channels", "result", "fee", "contacts", "consult", "complaint",
    "faq", "current", "target",
)  # fmt: skip
_ADDRESSED = ("online", "mobile", "kiosk")
_WINDOW = "window"
# A clause that leaves open what will be asked: the guide promises to name everything at once.
_CATCH_ALL = re.compile(
    r"其他(?:相关|有关|必要|需要)?(?:条件|情形|情况|材料|资料|要求|规定|文件)|等(?:相关|有关)?(?:材料|资料|条件|情形)"
    r"|视(?:具体)?情况|根据需要|另行(?:通知|要求)"
)
_CERTIFICATE = re.compile(r"(?:证|证明|证书|证明书|凭证)\Z")
_STUDENT_EVENTS, _STAFF_EVENTS = ("入学", "在校", "毕业"), ("入职", "在职", "退休")
_FORM_KIND = "申请表单"
_ONLINE_FORM = "电子"
_ON_PAPER = frozenset(("纸质", "原件核验", "复印件"))
# "无需在职证明" asks for nothing.
_NOT_ASKED = re.compile(r"(?:不|无|免)[^,;。,;]{0,8}\Z")
_OWN_SOURCE = "校内部门核发"


def tell_guide_faults(sources: Sources, faults: Faults) -> None:
    """Check the guides of all service items, and the register of materials that they ask for."""
    catalog = sources.catalog
    places = {item.code: own for item, own in sources.services}
    names = tuple(dict.fromkeys(one.name_zh for one in catalog.materials.values()))
    for item, own in sources.services:
        _Guide(catalog, names, item, own).tell()
    for difference in differences(catalog):
        own = places[difference.service_item]
        where = f'at "{difference.site}"' if difference.site else f'in "{difference.other}" of the same name'
        own.fault("S15", difference.field, f'"{difference.field}" reads otherwise {where}')
    _tell_materials(sources)


class _Guide:
    def __init__(self, catalog: Catalog, materials: tuple[str, ...], item: ServiceItem, own: Fields):
        self.catalog = catalog
        self.material_names = materials
        self.item = item
        self.own = own

    def tell(self) -> None:
        missing = [key for key in _GUIDE if not self.own.data.get(key)]
        if missing:
            self.own.fault("S07", None, f"the guide has no {', '.join(missing)}", mend="add what is missing")
        self.numbers()
        self.visits()
        self.ways()
        self.fee()
        self.result()
        self.contacts()
        self.texts()
        self.at_once()
        self.together()

    def inner(self, key: str) -> Fields:
        """An inner mapping; one without anything where it is absent or told as malformed."""
        return self.own.inner(key) or Fields(
            {}, self.own.file, self.own.place, self.own.faults, self.own.at(key)
        )

    def numbers(self) -> None:
        """What promises and depth must keep (S04, S20)."""
        item, own = self.item, self.own
        value = item.promised_limit.get("value")
        if item.case_type == _AT_ONCE and value not in (0, None):
            own.fault(
                "S04", "promisedLimit", f"{_AT_ONCE} promises {value}", expected="promisedLimit value 0"
            )
        if item.online_depth == "IV" and item.visits:
            own.fault("S04", "visits", f"online depth IV and {item.visits} visits", expected="visits 0")
        if item.visits and not item.visit_reason:
            own.fault("S04", "visits", f"{item.visits} visits without reason", expected="visitReason")
        promised, statutory = item.promised, item.statutory
        if promised and statutory and promised.unit == statutory.unit and promised.value > statutory.value:
            own.fault(
                "S20", "promisedLimit", f"promised {promised.value:g}, and the law allows {statutory.value:g}"
            )

    def visits(self) -> None:
        """最多跑一次, or a list that says why not (S17)."""
        item, own = self.item, self.own
        if not item.is_at_most_once and not (item.negative_reason or item.special_reason):
            own.fault("S17", "visits", f"{item.visits} visits, and the item is on no list that says why")
        if item.is_at_most_once and item.negative_reason:
            own.fault(
                "S17",
                "negativeList",
                f"on the negative list with {item.visits} visits",
                expected="more than one visit",
                mend="take it off the list, or correct visits",
            )

    def ways(self) -> None:
        """Every channel can be found, and without visits the result comes to the person (S08, S09)."""
        item, own = self.item, self.own
        urls = self.inner("urls").data
        for channel in item.channels:
            if channel in _ADDRESSED and not urls.get(channel):
                own.fault(
                    "S08", "channels", f'channel "{channel}" has no address', expected=f"urls.{channel}"
                )
        for channel, url in urls.items():
            if channel not in item.channels or not str(url).startswith(("http://", "https://")):
                own.fault("S08", "urls", f"urls.{channel} is no address of a channel of the item")
        places = own.rows("places", f"{own.place} places")
        if _WINDOW in item.channels and not places:
            own.fault("S08", "channels", "a window, and no place", expected="places")
        sites = {site.name_zh for site in self.catalog.campus.sites}
        for place in places:
            lacking = [key for key in ("address", "hours") if not place.text(key)]
            if lacking:
                place.fault("S08", None, f"a place without {', '.join(lacking)}")
            if sites and place.text("campus") not in sites:
                place.fault("S08", "campus", f'"{place.text("campus")}" is no site of campus.yaml')
        is_online = any(channel in ("online", "mobile") for channel in item.channels)
        if item.online_depth in ("III", "IV") and not is_online:
            own.fault("S08", "onlineDepth", f"online depth {item.online_depth}, and no online channel")
        deliveries = self.inner("result").words("delivery")
        if item.visits == 0 and not is_online and not any(way in REMOTE_DELIVERIES for way in deliveries):
            own.fault("S09", "visits", "0 visits, not online, and nothing is delivered")

    def fee(self) -> None:
        fee = self.inner("fee")
        if fee.data.get("charged"):
            lacking = [key for key in ("basis", "standard", "onlinePayment") if key not in fee.data]
            if lacking:
                fee.fault("S10", "charged", f"a fee without {', '.join(lacking)}")
        elif fee.data.get("onlinePayment"):
            fee.fault("S10", "onlinePayment", "no fee, and it can be paid online")

    def result(self) -> None:
        result = self.inner("result")
        name, kind = result.text("nameZh"), result.text("kind")
        if name and not result.data.get("sample"):
            result.fault("S11", "nameZh", f'result "{name}" has no sample', expected="sample")
        if kind and _CERTIFICATE.search(name) and kind != "出证":
            result.fault("S11", "kind", f'result "{name}" is of kind {kind}', expected='kind "出证"')

    def contacts(self) -> None:
        item, own = self.item, self.own
        consult, complaint = self.inner("consult"), self.inner("complaint")
        if consult.text("phone") and consult.text("phone") == complaint.text("phone"):
            own.fault("S12", "complaint", "questions and complaints go to one telephone")
        rows = own.rows("contacts", f"{own.place} contacts")
        named = {row.text("unit") for row in rows}
        for unit in item.involved_units:
            if rows and unit not in named:
                own.fault("S12", "contacts", f'unit "{unit}" takes part and has no contact')

    def texts(self) -> None:
        """No clause that leaves open what will be asked (S13), and no material without saying when (S19)."""
        own = self.own
        told: list[tuple[Fields, str, Any]] = [
            (own, key, own.data.get(key)) for key in ("acceptConditions", "refusal")
        ]
        told += [
            (row, "nameZh", row.data.get("nameZh"))
            for row in own.rows("preconditions", f"{own.place} preconditions")
        ]
        for use, row in zip(
            self.item.materials, own.rows("materials", f"{own.place} materials"), strict=True
        ):
            told.append((row, "condition", use.condition))
            if use.necessity != "required" and not use.condition:
                row.fault(
                    "S19", "necessity", f'material "{use.material}" is {use.necessity}, and when is not said'
                )
        for row, key, text in told:
            found = _CATCH_ALL.search(str(text or ""))
            if found:
                row.fault("S13", key, f'"{found.group()}" leaves open what will be asked')

    def at_once(self) -> None:
        """一次性告知: what else the guide says neither leaves open nor adds anything to bring (S25)."""
        for row, key, text in self._sentences():
            found = _CATCH_ALL.search(text)
            if found:
                row.fault("S25", key, f'"{found.group()}" leaves open what will be asked')
            for name in self._not_listed(text):
                row.fault("S25", key, f'"{name}" is asked for, and is no material of the item')

    def _sentences(self) -> Iterator[tuple[Fields, str, str]]:
        own = self.own
        yield own, "visitReason", self.item.visit_reason
        yield from ((own, "notices", str(text)) for text in own.data.get("notices") or ())
        for row in own.rows("steps", f"{own.place} steps"):
            yield from ((row, key, str(row.data.get(key) or "")) for key in ("action", "condition"))
        for row in own.rows("faq", f"{own.place} faq"):
            yield row, "a", str(row.data.get("a") or "")

    def _not_listed(self, text: str) -> list[str]:
        """The materials of the register that a text asks for by name, and the item's list does not have."""
        named = [name for name in self.material_names if name in text]
        if not named:
            return named
        known = self.catalog.materials
        listed = [known[use.material].name_zh for use in self.item.materials if use.material in known]
        return [
            name
            for name in named
            if not any(name in own or own in name for own in listed)
            and not _NOT_ASKED.search(text[: text.index(name)])
        ]

    def together(self) -> None:
        """Units and people that the item is for (S16, S18)."""
        item, own = self.item, self.own
        if item.case_type == _JOINT and not (item.joint_units and own.data.get("coordination")):
            own.fault("S18", "caseType", f"{_JOINT} without joint units, or without what they coordinate")
        for events, reader in ((_STUDENT_EVENTS, "student"), (_STAFF_EVENTS, "staff")):
            if item.life_event in events and item.audience and reader not in item.audience:
                own.fault("S16", "lifeEvent", f'life event "{item.life_event}", and not for "{reader}"')


def is_deciding(item: ServiceItem) -> bool:
    """Whether a service item decides something, and so must stand on a power (清单之外无权力)."""
    return item.kind in DECIDING_KINDS


def _tell_materials(sources: Sources) -> None:
    names: dict[str, str] = {}
    for material, own in sources.materials:
        missing = [key for key in ("kind", "source", "form") if not own.data.get(key)]
        # A form proves nothing: its fields are what is asked.
        if material.kind != _FORM_KIND and not material.facts and not material.gap:
            missing.append("facts (or a named gap)")
        if missing:
            own.fault("S23", None, f"no {', '.join(missing)}", mend="add what is missing")
        if material.source == _OWN_SOURCE and not material.issuer:
            own.fault("S23", "source", "issued by one of our units, and none is named", expected="issuer")
        first = names.setdefault(folded(material.name_zh), material.code)
        if first != material.code:
            own.fault(
                "S23", "nameZh", f'the name is already that of "{first}"', expected="one paper, one code"
            )
        _tell_bringing(material, own)
        lacking = _lacking(own, ("sample", "blank")) if material.kind == _FORM_KIND else []
        if lacking:
            own.fault("S14", "kind", f"a form without {', '.join(lacking)}")


def _tell_bringing(material: Material, own: Fields) -> None:
    """What is to be brought on paper, and where a form is filled in online (S24)."""
    copies = own.data.get("copies")
    if copies is not None and (type(copies) is not int or copies < 1):
        own.fault("S24", "copies", f"{copies!r} copies", expected="a whole number ≥ 1 without quotes")
    if material.form and _ON_PAPER.isdisjoint(material.form):
        for key in ("copies", "spec"):
            if own.data.get(key) is not None:
                own.fault("S24", key, f"{key} of what is not brought on paper")
    if material.kind == _FORM_KIND and _ONLINE_FORM in material.form and not own.data.get("onlinePath"):
        own.fault(
            "S24", "form", "a form that is filled in online, and where is not said", expected="onlinePath"
        )


def _lacking(own: Fields, keys: Iterable[str]) -> list[str]:
    return [key for key in keys if not own.data.get(key)]
