"""Service items in CPSV-AP 3.2 (CATALOG §4): what they need, give, cost and rest on.

What was decided:
- A material is one piece of evidence, the same in every item that asks for it; evidence is part of the datasets
  that hold its facts, as far as the reader may see them. What an item asks of it is a requirement of that item.
- A promised number of working days is written as a duration of as many days, since xsd:duration knows no calendar;
  the exact promise stands in the rule "办理时限".
- A flow is a rule too: CPSV-AP leaves steps to other norms, and ours go out as BPMN.
"""

from collections.abc import Iterable
from typing import Any

from catalogs import views
from catalogs.exports.dcat import dataset_address
from catalogs.exports.graph import Graph, Link, Text, Typed
from catalogs.exports.terms import Terms, zh
from catalogs.model import Catalog
from catalogs.views_services import (
    AUDIENCE_NAMES,
    CHANNEL_NAMES,
    NECESSITY_NAMES,
    limit_text,
    service_view,
    visible_services,
)

_HOURS = {"workday": 8, "hour": 1}
_AUDIENCE_EN = {
    "staff": "staff",
    "student": "students",
    "parent": "parents",
    "public": "public",
    "unit": "bodies",
}

View = dict[str, Any]


def cpsv_graph(catalog: Catalog, reader: str, seen: Iterable[View] | None = None) -> Graph:
    """Return the service items that a reader may see as a CPSV-AP graph.

    Args:
        catalog: the checked catalog.
        reader: the tier (public, campus, office).
        seen: the tier's views of its service items, where they are at hand.
    """
    graph = Graph()
    services = _Services(catalog, graph, reader)
    if seen is None:
        seen = (service_view(catalog, item, reader) for item in visible_services(catalog, reader))
    for view in seen:
        services.add(view)
    return graph


class _Services:
    """Builds the graph; what several items share (evidence, units, laws) is stated once."""

    def __init__(self, catalog: Catalog, graph: Graph, reader: str) -> None:
        self.catalog = catalog
        self.graph = graph
        self.reader = reader
        self.terms = Terms(catalog, graph)
        self.seen = {
            (resource.name, item.name)
            for resource in views.visible_resources(catalog, reader)
            for item in views.visible_items(resource, reader)
        }
        self.codes = {item.code for item in visible_services(catalog, reader)}

    def add(self, view: View) -> None:
        """State one service item."""
        terms, graph = self.terms, self.graph
        address = graph.node(terms.address("services", view["code"]), "cpsv:PublicService")
        graph.add(address, "dct:identifier", Typed(view["code"]))
        graph.texts(address, "dct:title", view["nameZh"], view["nameEn"])
        graph.add(address, "dct:description", Text(view["description"] or view["nameZh"], "zh"))
        graph.add(address, "dct:language", terms.languages()[0])
        graph.add(address, "cv:hasCompetentAuthority", Link(terms.agent(view["leadUnit"])))
        graph.add(address, "dct:type", self._concept("service-kinds", "事项类型", view["kind"]))
        graph.add(address, "foaf:page", terms.page(address))
        if view["theme"]:
            graph.add(address, "cv:thematicArea", self._concept("themes", "主题分类", view["theme"]))
        for code in view["audience"]:
            audience = AUDIENCE_NAMES.get(code, code), _AUDIENCE_EN.get(code, "")
            graph.add(address, "dct:audience", self._concept("audiences", "服务对象", code, *audience))
        if view["lifeEvent"]:
            graph.add(address, "cv:isGroupedBy", self._life_event(view["lifeEvent"]))
        if view["mainItem"] in self.codes:
            graph.add(address, "cv:relatedService", Link(terms.address("services", view["mainItem"])))
        duration = _duration(view["promisedLimit"])
        if duration:
            graph.add(address, "cv:processingTime", Typed(duration, "xsd:duration"))
        laws = [terms.legal(*(str(one.get(k) or "") for k in ("title", "no", "clause", "url")))
                for one in view["legalBasis"]]  # fmt: skip
        graph.add(address, "cv:hasLegalResource", *map(Link, laws))
        self._add_rules(view, address, laws)
        self._add_requirements(view, address)
        self._add_channels(view, address)
        self._add_cost(view, address)
        self._add_output(view, address)
        self._add_people(view, address)

    def _concept(self, scheme: str, title: str, code: str, name: str = "", name_en: str = "") -> Link:
        return Link(self.terms.concept(self.terms.scheme(scheme, title), code, name or code, name_en))

    def _life_event(self, name: str) -> Link:
        address = self.terms.address("life-events", name)
        if not self.graph.has(address):
            self.graph.node(address, "cv:LifeEvent", "cv:Event")
            self.graph.add(address, "dct:identifier", Typed(name))
            self.graph.add(address, "dct:title", Text(name, "zh"))
            self.graph.add(address, "dct:type", self._concept("life-event-kinds", "一件事", name))
        return Link(address)

    def _add_rules(self, view: View, service: str, laws: list[str]) -> None:
        flow = " → ".join(f"{step['nameZh']}({step['unitName']})" for step in view["steps"])
        told = (
            ("accept", "受理条件", view["acceptConditions"]),
            ("refusal", "不予受理情形", view["refusal"]),
            ("limit", "办理时限", limit_text(view["promisedLimit"])),
            ("flow", "办理流程", flow),
            ("visits", "到现场", view["visitReason"]),
        )
        for key, title, text in told:
            if text:
                rule = self.graph.node(f"{service}#rule-{key}", "cpsv:Rule")
                self.graph.add(service, "cpsv:follows", Link(rule))
                self.graph.add(rule, "dct:identifier", Typed(f"{view['code']}-{key}"))
                self.graph.add(rule, "dct:title", Text(title, "zh"))
                self.graph.add(rule, "dct:description", Text(text, "zh"))
                self.graph.add(rule, "cpsv:implements", *map(Link, laws))

    def _add_requirements(self, view: View, service: str) -> None:
        for number, text in enumerate(view["preconditions"], start=1):
            self._requirement(view, service, f"precondition-{number}", text)
        for number, use in enumerate(view["materials"], start=1):
            evidence = self._evidence(use)
            necessity = NECESSITY_NAMES.get(use["necessity"], use["necessity"])
            condition = f": {use['condition']}" if use["condition"] else ""
            title = f"{use['nameZh']}({necessity}{condition})"
            requirement = self._requirement(view, service, f"material-{number}", title)
            self.graph.add(requirement, "cv:hasSupportingEvidence", Link(evidence))
            self.graph.add(service, "cpsv:hasInput", Link(evidence))

    def _requirement(self, view: View, service: str, key: str, title: str) -> str:
        address = self.graph.node(f"{service}#{key}", "cv:Requirement")
        self.graph.add(service, "cv:holdsRequirement", Link(address))
        self.graph.add(address, "dct:identifier", Typed(f"{view['code']}-{key}"))
        self.graph.add(address, "dct:title", Text(title, "zh"))
        return address

    def _evidence(self, use: View) -> str:
        address = self.terms.address("materials", use["material"])
        graph = self.graph
        if not graph.has(address):
            graph.node(address, "cv:Evidence")
            graph.add(address, "dct:identifier", Typed(use["material"]))
            graph.add(address, "dct:title", Text(use["nameZh"], "zh"))
            graph.add(address, "dct:language", self.terms.languages()[0])
            if use["kind"]:
                graph.add(address, "dct:type", self._concept("material-kinds", "材料类型", use["kind"]))
        for fact in use["facts"]:
            for source in self.catalog.sources_of(fact["element"]):
                if (source.resource, source.item) in self.seen:
                    graph.add(address, "dct:isPartOf", Link(self._dataset(source.resource)))
        return address

    def _dataset(self, name: str) -> str:
        """State of a dataset what CPSV-AP wants to know; the rest is in the DCAT-AP file under the same address."""
        resource = self.catalog.resources[name]
        address = dataset_address(self.terms, name)
        if not self.graph.has(address):
            self.graph.node(address, "dcat:Dataset")
            title = resource.business_name or name
            self.graph.add(address, "dct:title", Text(title, "zh"))
            self.graph.add(address, "dct:description", Text(resource.purpose or title, "zh"))
            self.graph.add(address, "dct:publisher", Link(self.terms.agent(resource.provider)))
            self.graph.add(address, "dcat:landingPage", self.terms.page(address))
        return address

    def _add_channels(self, view: View, service: str) -> None:
        for code in view["channels"]:
            address = self.graph.node(f"{service}#channel-{code}", "cv:Channel")
            self.graph.add(service, "cv:hasChannel", Link(address))
            self.graph.add(address, "dct:identifier", Typed(f"{view['code']}-{code}"))
            name = CHANNEL_NAMES.get(code, code)
            self.graph.add(address, "dct:type", self._concept("channels", "办理形式", code, name, code))
            self.graph.add(address, "cv:ownedBy", Link(self.terms.agent(view["leadUnit"])))
            if view["urls"].get(code):
                self.graph.add(address, "foaf:page", self.terms.document(view["urls"][code]))
            if code == "window":
                self._add_places(view, address)

    def _add_places(self, view: View, channel: str) -> None:
        for number, place in enumerate(view["places"], start=1):
            text = " ".join(str(place[key]) for key in ("campus", "address", "window") if key in place)
            self.graph.add(channel, "dct:description", *zh(text))
            if place.get("hours"):
                hours = self.graph.node(f"{channel}-hours-{number}", "time:TemporalEntity")
                self.graph.add(channel, "cv:openingHours", Link(hours))
                self.graph.add(
                    hours,
                    "dct:description",
                    Text(f"{place.get('campus', '')} {place['hours']}".strip(), "zh"),
                )

    def _add_cost(self, view: View, service: str) -> None:
        fee = view["fee"]
        if not fee:
            return
        address = self.graph.node(f"{service}#cost", "cv:Cost")
        self.graph.add(service, "cv:hasCost", Link(address))
        self.graph.add(address, "dct:identifier", Typed(f"{view['code']}-cost"))
        if not fee.get("charged"):
            self.graph.add(address, "cv:hasValue", Typed("0.0", "xsd:double"))
            self.graph.add(address, "dct:description", Text("不收费", "zh"))
            return
        told = "; ".join(str(fee[key]) for key in ("standard", "basis") if key in fee)
        self.graph.add(address, "dct:description", Text(told or "收费", "zh"))
        self.graph.add(address, "cv:isDefinedBy", Link(self.terms.agent(view["leadUnit"])))

    def _add_output(self, view: View, service: str) -> None:
        result = view["result"]
        if not result.get("nameZh"):
            return
        address = self.graph.node(f"{service}#output", "cv:Output")
        self.graph.add(service, "cpsv:produces", Link(address))
        self.graph.add(address, "dct:identifier", Typed(f"{view['code']}-output"))
        self.graph.add(address, "dct:title", Text(str(result["nameZh"]), "zh"))
        if result.get("kind"):
            self.graph.add(
                address, "dct:type", self._concept("output-kinds", "结果类型", str(result["kind"]))
            )
        if result.get("delivery"):
            self.graph.add(address, "dct:description", Text("送达: " + "、".join(result["delivery"]), "zh"))

    def _add_people(self, view: View, service: str) -> None:
        """State who takes part and whom to ask: units and their telephones, never a person."""
        role = self._concept("roles", "参与方式", "joint", "协办", "joins in")
        for unit in view["jointUnits"]:
            address = self.graph.node(f"{service}#joint-{unit['code']}", "cv:Participation")
            self.graph.add(service, "cv:hasParticipation", Link(address))
            self.graph.add(address, "dct:identifier", Typed(f"{view['code']}-{unit['code']}"))
            self.graph.add(address, "dct:description", Text(f"{unit['nameZh']}协办", "zh"))
            self.graph.add(address, "cv:hasParticipant", Link(self.terms.agent(unit["code"])))
            self.graph.add(address, "cv:role", role)
        for key, title in (("consult", "咨询"), ("complaint", "监督投诉")):
            contact = view[key]
            if contact:
                address = self.graph.node(f"{service}#{key}", "cv:ContactPoint")
                self.graph.add(service, "cv:contactPoint", Link(address))
                self.graph.add(address, "dct:title", Text(f"{title}: {contact['unitName']}", "zh"))
                if contact.get("phone"):
                    self.graph.add(address, "cv:telephone", Typed(str(contact["phone"])))


def _duration(limit: dict[str, Any]) -> str:
    """Return a limit as xsd:duration; parts of a day as working hours. Empty if nothing is promised."""
    value, unit = limit.get("value"), str(limit.get("unit") or "")
    if not isinstance(value, int | float):
        return ""
    if value == 0:
        return "PT0S"
    if unit == "month" and value == int(value):
        return f"P{int(value)}M"
    if unit in ("workday", "day") and value == int(value):
        return f"P{int(value)}D"
    if unit == "minute":
        return f"PT{int(value)}M"
    return f"PT{round(value * _HOURS.get(unit, 24))}H"
