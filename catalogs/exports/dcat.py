"""The catalog in DCAT-AP 3 (CATALOG §4): one dataset per resource, code tables as concept schemes.

What was decided:
- Access rights follow who may read, not how units share among themselves: open to society is PUBLIC, shared inside
  the university is RESTRICTED, not shared is NON_PUBLIC. The sharing type itself is a concept of our own on the
  dataset's ODRL policy, because 无条件共享 has no European word.
- Items are in the ODCS file that the dataset conforms to; DCAT has no word for a column.
- A data service is stated only where campus.yaml says its address (`serviceUrl`): none is made up.
- A granted demand is an ODRL agreement; the constraint is the purpose that it was granted for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from catalogs import derive, views
from catalogs.exports.graph import Graph, Link, Text, Typed
from catalogs.exports.terms import EU, Terms, add_code_tables, day, own, zh
from catalogs.model import Catalog, FactSource, Resource

_ACCESS = {
    "PUBLIC": ("公开", "public"),
    "RESTRICTED": ("受限", "restricted"),
    "NON_PUBLIC": ("不公开", "non-public"),
}
_SHARE_EN = {
    "unconditional": "shared unconditionally",
    "conditional": "shared on conditions",
    "none": "not shared",
}
_FREQUENCY = {
    "realtime": "CONT", "daily": "DAILY", "weekly": "WEEKLY", "monthly": "MONTHLY", "quarterly": "QUARTERLY",
    "halfyear": "ANNUAL_2", "yearly": "ANNUAL", "irregular": "IRREG",
}  # fmt: skip
# The academic clock has no European word: our own frequency, close to one.
_OWN_FREQUENCY = {"termly": "ANNUAL_2", "schoolyear": "ANNUAL"}
_STATUS_NAMES = {"active": "在用"}
_JSON = EU + "file-type/JSON"
_STABLE = EU + "planned-availability/STABLE"


@dataclass(frozen=True)
class _Seen:
    """What the reader may see: names of resources (and by their codes), codes of service items."""

    reader: str
    name_of: Mapping[str, str]
    names: frozenset[str]
    services: frozenset[str]


def dcat_graph(catalog: Catalog, reader: str) -> Graph:
    """Return what a reader may see of the catalog as a DCAT-AP graph.

    Args:
        catalog: the checked catalog.
        reader: the tier (public, campus, office).
    """
    graph = Graph()
    terms = Terms(catalog, graph)
    resources = views.visible_resources(catalog, reader)
    seen = _Seen(
        reader,
        {str(one.properties.get("resourceCode")): one.name for one in resources},
        frozenset(one.name for one in resources),
        frozenset(item.code for item in views.visible_services(catalog, reader)),
    )
    _add_catalog(terms, resources)
    for resource in resources:
        _add_dataset(terms, resource, seen)
    _add_service(terms, resources)
    _add_agreements(terms, seen)
    add_code_tables(terms, reader)
    return graph


def dataset_address(terms: Terms, name: str) -> str:
    """Return the address of a resource."""
    return terms.address("resources", name)


def _add_catalog(terms: Terms, resources: tuple[Resource, ...]) -> None:
    graph, campus, address = terms.graph, terms.catalog.campus, terms.base
    graph.node(address, "dcat:Catalog")
    name_en = f"Data catalog of {campus.name_en}" if campus.name_en else ""
    graph.texts(address, "dct:title", f"{campus.name_zh}校务数据共享目录", name_en)
    graph.texts(
        address,
        "dct:description",
        f"{campus.name_zh}各单位提供的数据资源: 内容、数源单位、共享条件与更新承诺。",
        f"What the units of {campus.name_en} provide, on which conditions and how often."
        if campus.name_en
        else "",
    )
    graph.add(address, "dct:publisher", Link(terms.school()))
    graph.add(address, "dct:language", *terms.languages())
    graph.add(address, "dct:spatial", Link(terms.china()))
    graph.add(address, "foaf:homepage", terms.document(terms.base + "index.html"))
    graph.add(address, "dcat:version", Typed(terms.catalog.version))
    published = sorted(
        str(one.properties["publishedOn"]) for one in resources if one.properties.get("publishedOn")
    )
    if published:
        graph.add(address, "dct:issued", *day(published[0]))
        graph.add(address, "dct:modified", *day(published[-1]))
    if campus.raw.get("license"):
        graph.add(address, "dct:license", _license(terms))
    graph.add(address, "dcat:themeTaxonomy", Link(_themes(terms)))


def _license(terms: Terms) -> Link:
    return Link(terms.graph.node(str(terms.catalog.campus.raw["license"]), "dct:LicenseDocument"))


def _themes(terms: Terms) -> str:
    return terms.scheme("categories", "信息资源分类", "Categories of resources")


def _add_dataset(terms: Terms, resource: Resource, seen: _Seen) -> None:
    graph, told = terms.graph, resource.properties
    address = dataset_address(terms, resource.name)
    graph.node(address, "dcat:Dataset")
    graph.add(terms.base, "dcat:dataset", Link(address))
    graph.add(address, "dct:identifier", Typed(str(told.get("resourceCode") or resource.name)))
    graph.texts(address, "dct:title", resource.business_name or resource.name, str(told.get("nameEn") or ""))
    text = "。".join(part.rstrip("。") for part in (resource.purpose, resource.description) if part)
    graph.add(address, "dct:description", Text(text or resource.business_name or resource.name, "zh"))
    _add_themes(terms, address, str(told.get("category") or ""))
    provider = Link(terms.agent(resource.provider))
    graph.add(address, "dct:publisher", provider)
    graph.add(address, "dct:creator", provider)
    graph.add(address, "dcat:contactPoint", Link(_contact(terms, resource.provider)))
    graph.add(address, "dct:accessRights", Link(_access(terms, resource)))
    graph.add(address, "odrl:hasPolicy", Link(_policy(terms, resource, address)))
    graph.add(address, "dct:accrualPeriodicity", Link(_frequency(terms, resource.update_cycle)))
    graph.add(address, "dct:issued", *day(told.get("publishedOn")))
    graph.add(address, "dcat:version", Typed(resource.version))
    statuses = terms.scheme("statuses", "状态", "Statuses")
    status = terms.concept(statuses, resource.status, _STATUS_NAMES.get(resource.status, resource.status))
    graph.add(address, "adms:status", Link(status))
    graph.add(address, "dct:language", terms.languages()[0])
    graph.add(address, "dcat:landingPage", terms.page(address))
    graph.add(address, "dct:conformsTo", Link(_contract(terms, resource)))
    _add_relations(terms, resource, address, seen)
    if resource.share_type != derive.NOT_SHARED:
        graph.add(address, "dcat:distribution", Link(_distribution(terms, resource, address)))


def _add_themes(terms: Terms, address: str, category: str) -> None:
    """State a category path (类/项/目) as a chain of concepts; the dataset's theme is the narrowest."""
    steps = [step for step in category.split("/") if step]
    broader = ""
    for depth, step in enumerate(steps, start=1):
        concept = terms.concept(_themes(terms), "/".join(steps[:depth]), step)
        if broader:
            terms.graph.add(concept, "skos:broader", Link(broader))
        else:
            terms.graph.add(concept, "skos:topConceptOf", Link(_themes(terms)))
        broader = concept
    if broader:
        terms.graph.add(address, "dcat:theme", Link(broader))
        terms.graph.add(address, "dcat:keyword", *(Text(step, "zh") for step in steps))


def _contact(terms: Terms, unit_code: str) -> str:
    address = terms.agent(unit_code) + "#contact"
    if not terms.graph.has(address):
        terms.graph.node(address, "vcard:Kind", "vcard:Organization")
        terms.graph.add(address, "vcard:fn", Text(views.unit_name(terms.catalog, unit_code), "zh"))
        told = views.unit_contact(terms.catalog, unit_code)
        terms.graph.add(address, "vcard:note", *zh(told))
    return address


def _access(terms: Terms, resource: Resource) -> str:
    code = "RESTRICTED"
    if resource.share_type == derive.NOT_SHARED:
        code = "NON_PUBLIC"
    elif resource.properties.get("isOpen"):
        code = "PUBLIC"
    return terms.known(f"{EU}access-right/{code}", "dct:RightsStatement", *_ACCESS[code])


def _policy(terms: Terms, resource: Resource, dataset: str) -> str:
    """State on which conditions the resource is shared, as an offer to the university's units."""
    graph, address = terms.graph, dataset + "#policy"
    scheme = terms.scheme("share-types", "共享类型", "Sharing types")
    kind = terms.concept(
        scheme, resource.share_type, views.SHARE_NAMES[resource.share_type], _SHARE_EN[resource.share_type]
    )
    shared = resource.share_type != derive.NOT_SHARED
    graph.node(address, "odrl:Policy", "odrl:Offer" if shared else "odrl:Set")
    graph.add(address, "odrl:uid", Link(address))
    graph.add(address, "dct:type", Link(kind))
    rule = graph.node(address + "-rule", "odrl:Permission" if shared else "odrl:Prohibition")
    graph.add(address, "odrl:permission" if shared else "odrl:prohibition", Link(rule))
    graph.add(rule, "odrl:target", Link(dataset))
    graph.add(rule, "odrl:action", own("odrl:use"))
    graph.add(rule, "odrl:assigner", Link(terms.agent(resource.provider)))
    condition = str(
        resource.properties.get("shareCondition") or resource.properties.get("noShareBasis") or ""
    )
    if condition and shared:
        constraint = graph.node(address + "-condition", "odrl:Constraint")
        graph.add(rule, "odrl:constraint", Link(constraint))
        graph.add(constraint, "odrl:leftOperand", own("odrl:purpose"))
        graph.add(constraint, "odrl:operator", own("odrl:isA"))
        graph.add(constraint, "odrl:rightOperand", Text(condition, "zh"))
    elif condition:
        graph.add(address, "dct:description", Text(condition, "zh"))
    return address


def _frequency(terms: Terms, cycle: str) -> str:
    name = views.CYCLE_NAMES.get(cycle, cycle)
    if cycle in _FREQUENCY:
        return terms.known(f"{EU}frequency/{_FREQUENCY[cycle]}", "dct:Frequency", name, cycle)
    address = terms.concept(terms.scheme("frequencies", "更新周期", "Update cycles"), cycle, name, cycle)
    terms.graph.node(address, "dct:Frequency")
    if cycle in _OWN_FREQUENCY:
        terms.graph.add(address, "skos:closeMatch", Link(f"{EU}frequency/{_OWN_FREQUENCY[cycle]}"))
    return address


def _contract(terms: Terms, resource: Resource) -> str:
    """State the ODCS file that describes the items."""
    address = terms.base + resource.file
    terms.graph.node(address, "dct:Standard", "foaf:Document")
    name = resource.business_name or resource.name
    terms.graph.texts(address, "dct:title", f"{name} 数据契约 (ODCS 3.2.0)", "Data contract (ODCS 3.2.0)")
    return address


def _add_relations(terms: Terms, resource: Resource, address: str, seen: _Seen) -> None:
    graph, told = terms.graph, resource.properties
    related = {link.to_resource for link in resource.relationships}
    related |= {seen.name_of.get(str(code), "") for code in told.get("relatedCodes") or ()}
    for name in sorted(related & seen.names - {resource.name}):
        graph.add(address, "dct:relation", Link(dataset_address(terms, name)))
    items = views.visible_items(resource, seen.reader)
    sources = {item.derived_from.rpartition(".")[0] for item in items if item.derived_from}
    for name in sorted(sources & seen.names - {resource.name}):
        source = Link(dataset_address(terms, name))
        graph.add(address, "dct:source", source)
        graph.add(address, "prov:wasDerivedFrom", source)
    for code in told.get("relatedServiceItems") or ():
        if code in seen.services:
            graph.add(address, "dct:relation", Link(terms.address("services", code)))


def _distribution(terms: Terms, resource: Resource, dataset: str) -> str:
    graph, told = terms.graph, resource.properties
    address = dataset + "#distribution"
    graph.node(address, "dcat:Distribution")
    page = dataset + ".html"
    graph.add(address, "dcat:accessURL", Link(page))
    text = f"经学校数据服务按授权查询; 如何申请见 {page}"
    graph.add(address, "dct:description", Text(text, "zh"))
    graph.add(address, "dct:format", Link(terms.known(_JSON, "dct:MediaTypeOrExtent", "JSON", "JSON")))
    graph.add(address, "dcatap:availability", Link(terms.known(_STABLE, "skos:Concept", "稳定", "stable")))
    graph.add(address, "odrl:hasPolicy", Link(dataset + "#policy"))
    rights = graph.node(dataset + "#rights", "dct:RightsStatement")
    condition = str(told.get("shareCondition") or "")
    label = "; ".join(part for part in (views.SHARE_NAMES[resource.share_type], condition) if part)
    graph.add(rights, "rdfs:label", Text(label, "zh"))
    graph.add(address, "dct:rights", Link(rights))
    if told.get("isOpen") and terms.catalog.campus.raw.get("license"):
        graph.add(address, "dct:license", _license(terms))
    if terms.catalog.campus.raw.get("serviceUrl") and _answers(resource):
        graph.add(address, "dcat:accessService", Link(_service_address(terms)))
    return address


def _answers(resource: Resource) -> bool:
    """Whether the data service answers from the resource: it is the source of an element of some subject."""
    return resource.subject is not None and bool(derive.authoritative_items(resource))


def _service_address(terms: Terms) -> str:
    return terms.address("data-services", "facts")


def _add_service(terms: Terms, resources: tuple[Resource, ...]) -> None:
    """State the university's data service, if campus.yaml says where it is and it answers from what is seen."""
    endpoint = str(terms.catalog.campus.raw.get("serviceUrl") or "")
    served = [one for one in resources if one.share_type != derive.NOT_SHARED and _answers(one)]
    if not endpoint or not served:
        return
    graph, address = terms.graph, _service_address(terms)
    graph.node(address, "dcat:DataService")
    graph.texts(address, "dct:title", "已核数据服务", "Service of verified data")
    graph.texts(
        address,
        "dct:description",
        "按授权与用途, 就一名申请人回答已核数据。",
        "Answers verified data of one applicant, by grant and purpose.",
    )
    graph.add(address, "dcat:endpointURL", Link(endpoint))
    graph.add(address, "dct:publisher", Link(terms.school()))
    graph.add(address, "dct:accessRights", Link(terms.known(EU + "access-right/RESTRICTED", "dct:RightsStatement",
                                                            *_ACCESS["RESTRICTED"])))  # fmt: skip
    graph.add(address, "dcat:servesDataset", *(Link(dataset_address(terms, one.name)) for one in served))
    graph.add(terms.base, "dcat:service", Link(address))


def _add_agreements(terms: Terms, seen: _Seen) -> None:
    """State each granted demand whose sources are seen as an agreement between requester and provider."""
    for demand in sorted(terms.catalog.demands.values(), key=lambda one: one.demand_id):
        if demand.state != derive.GRANTED:
            continue
        sources = {
            source.resource
            for element in demand.elements
            for source in terms.catalog.sources_of(element)
            if source.resource in seen.names and _may_see(terms.catalog, source, seen.reader)
        }
        if not sources:
            continue
        graph, address = terms.graph, terms.address("agreements", demand.demand_id)
        graph.node(address, "odrl:Policy", "odrl:Agreement")
        graph.add(address, "odrl:uid", Link(address))
        graph.add(address, "dct:description", *zh(demand.basis))
        graph.add(address, "dct:issued", *_days(demand.decided_on))
        for name in sorted(sources):
            provider = terms.catalog.resources[name].provider
            rule = graph.node(f"{address}#{name}", "odrl:Permission")
            graph.add(address, "odrl:permission", Link(rule))
            graph.add(rule, "odrl:target", Link(dataset_address(terms, name)))
            graph.add(rule, "odrl:action", own("odrl:use"))
            graph.add(rule, "odrl:assigner", Link(terms.agent(provider)))
            graph.add(rule, "odrl:assignee", Link(terms.agent(demand.requester_unit)))
            _add_constraint(
                graph, rule, "purpose", "odrl:isA", _purpose(terms, demand.purpose_kind, demand.purpose)
            )
            for bound, operator in ((demand.valid_from, "odrl:gteq"), (demand.valid_to, "odrl:lteq")):
                for value in _days(bound):
                    _add_constraint(graph, rule, "dateTime", operator, value)


def _may_see(catalog: Catalog, source: FactSource, reader: str) -> bool:
    return views.may_see(catalog.resources[source.resource].item(source.item).tier, reader)


def _purpose(terms: Terms, kind: str, code: str) -> Any:
    return Link(terms.address("services", code)) if kind == "service_item" else Typed(code)


def _days(value: date | None) -> tuple[Typed, ...]:
    return day(value.isoformat()) if value else ()


def _add_constraint(graph: Graph, rule: str, operand: str, operator: str, value: Any) -> None:
    address = graph.node(f"{rule}-{operand}-{operator.partition(':')[2]}", "odrl:Constraint")
    graph.add(rule, "odrl:constraint", Link(address))
    graph.add(address, "odrl:leftOperand", own(f"odrl:{operand}"))
    graph.add(address, "odrl:operator", own(operator))
    graph.add(address, "odrl:rightOperand", value)
