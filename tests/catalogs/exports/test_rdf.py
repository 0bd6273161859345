"""What leaves as RDF is judged by the shapes of those who wrote the standards, and read back by rdflib."""

import pytest
import rdflib
from pyshacl import validate
from rdflib import DCTERMS, FOAF, RDF, SKOS

import catalogs
from catalogs.exports.cpsv import cpsv_graph
from catalogs.exports.dcat import dcat_graph
from catalogs.exports.graph import Graph, Link, Text, Typed
from catalogs.exports.terms import base_uri, slug
from tests.catalogs.exports.support import layered_campus, standard
from tests.catalogs.small import campus
from tests.support.reference import reference_campus

DCAT = rdflib.Namespace("http://www.w3.org/ns/dcat#")
ODRL = rdflib.Namespace("http://www.w3.org/ns/odrl/2/")
CV = rdflib.Namespace("http://data.europa.eu/m8g/")
CPSV = rdflib.Namespace("http://purl.org/vocab/cpsv#")
EU = "http://publications.europa.eu/resource/authority/"
DCAT_SHAPES = ("dcat-ap-3.0.1/shapes.ttl", "dcat-ap-3.0.1/range.ttl")
CPSV_SHAPES = ("cpsv-ap-3.2.0/cpsv-ap-SHACL.ttl",)


@pytest.fixture(scope="module")
def reference():
    return reference_campus()


@pytest.fixture(scope="module")
def layered():
    return layered_campus(
        baseUri="https://data.sample.example/c/", serviceUrl="https://data.sample.example/v1/"
    )


def read(graph: Graph) -> rdflib.Graph:
    return rdflib.Graph().parse(data=graph.turtle(), format="turtle")


def judged(graph: rdflib.Graph, shapes: tuple[str, ...]) -> tuple[bool, str]:
    rules = rdflib.Graph()
    for file in standard(*shapes):
        rules.parse(file)
    conforms, _, report = validate(graph, shacl_graph=rules)
    return conforms, report


@pytest.mark.parametrize(("name", "tier"), [("layered", "public"), ("reference", "campus")])
@pytest.mark.parametrize(
    ("export", "shapes"), [(dcat_graph, DCAT_SHAPES), (cpsv_graph, CPSV_SHAPES)], ids=["DCAT-AP", "CPSV-AP"]
)
def test_exports_keep_the_shapes_of_their_standard(request, name, export, shapes, tier):
    graph = read(export(request.getfixturevalue(name), tier))
    assert len(graph) > 100
    conforms, report = judged(graph, shapes)
    assert conforms, report


@pytest.mark.parametrize(
    ("export", "shapes", "kind", "needed"),
    [
        (dcat_graph, DCAT_SHAPES, DCAT.Dataset, DCTERMS.title),
        (dcat_graph, DCAT_SHAPES, FOAF.Agent, FOAF.name),
        (cpsv_graph, CPSV_SHAPES, CPSV.PublicService, CV.hasCompetentAuthority),
        (cpsv_graph, CPSV_SHAPES, CV.Evidence, DCTERMS.identifier),
    ],
)
def test_the_shapes_would_notice_what_is_missing(layered, export, shapes, kind, needed):
    graph = read(export(layered, "campus"))
    subject = next(graph.subjects(RDF.type, kind))
    graph.remove((subject, needed, None))
    conforms, report = judged(graph, shapes)
    assert not conforms
    assert str(subject) in report


@pytest.mark.parametrize("export", [dcat_graph, cpsv_graph])
def test_turtle_and_json_ld_are_the_same_graph(reference, export):
    graph = export(reference, "campus")
    by_turtle = read(graph)
    by_json = rdflib.Graph().parse(data=graph.json_ld(), format="json-ld")
    assert set(by_turtle) == set(by_json)
    assert len(by_turtle) > 5000


def test_any_text_survives_both_syntaxes():
    graph = Graph()
    hard = 'quoted "x", back\\slash, tab\t, line\nbreak\r, 龘𠮷, \x01 and @zh ^^<x> .'
    node = graph.node("https://x.example/a b<c>", "dcat:Dataset")
    graph.add(node, "dct:title", Text(hard, "zh"), Typed(hard), Typed("2026-01-01", "xsd:date"))
    graph.add(node, "dct:relation", Link('https://x.example/"{}|^`\\'))
    for text, syntax in ((graph.turtle(), "turtle"), (graph.json_ld(), "json-ld")):
        found = rdflib.Graph().parse(data=text, format=syntax)
        subject = rdflib.URIRef("https://x.example/a%20b%3Cc%3E")
        assert rdflib.Literal(hard, lang="zh") in set(found.objects(subject, DCTERMS.title))
        assert rdflib.Literal(hard) in set(found.objects(subject, DCTERMS.title))
        assert len(found) == 5


def test_a_dataset_says_who_provides_it_how_often_and_on_which_conditions(layered):
    graph = read(dcat_graph(layered, "public"))
    staff = rdflib.URIRef("https://data.sample.example/c/resources/hr.staff")
    assert graph.value(staff, DCTERMS.identifier) == rdflib.Literal("3070201/hr-staff")
    provider = graph.value(staff, DCTERMS.publisher)
    assert rdflib.Literal("人事处", lang="zh") in set(graph.objects(provider, FOAF.name))
    assert rdflib.Literal("Personnel", lang="en") in set(graph.objects(provider, FOAF.name))
    assert graph.value(staff, DCTERMS.accrualPeriodicity) == rdflib.URIRef(EU + "frequency/DAILY")
    assert graph.value(staff, DCTERMS.accessRights) == rdflib.URIRef(EU + "access-right/RESTRICTED")
    policy = graph.value(staff, ODRL.hasPolicy)
    kind = graph.value(policy, DCTERMS.type)
    assert graph.value(kind, SKOS.notation) == rdflib.Literal("unconditional")
    distribution = graph.value(staff, DCAT.distribution)
    assert graph.value(distribution, DCAT.accessURL) == rdflib.URIRef(f"{staff}.html")
    service = graph.value(distribution, DCAT.accessService)
    assert staff in set(graph.objects(service, DCAT.servesDataset))
    assert graph.value(service, DCAT.endpointURL) == rdflib.URIRef("https://data.sample.example/v1/")


def test_a_granted_demand_is_an_agreement_with_its_purpose_and_end(layered):
    graph = read(dcat_graph(layered, "public"))
    base = "https://data.sample.example/c/"
    agreement = rdflib.URIRef(base + "agreements/D-001")
    assert (agreement, RDF.type, ODRL.Agreement) in graph
    targets = {graph.value(rule, ODRL.target) for rule in graph.objects(agreement, ODRL.permission)}
    assert rdflib.URIRef(base + "resources/hr.staff") in targets
    bounds = {
        graph.value(one, ODRL.rightOperand)
        for rule in graph.objects(agreement, ODRL.permission)
        for one in graph.objects(rule, ODRL.constraint)
    }
    assert rdflib.URIRef(base + "services/RS-001") in bounds
    assert rdflib.Literal("2027-12-31", datatype=rdflib.XSD.date) in bounds


def test_evidence_is_part_of_the_datasets_that_hold_its_facts(layered):
    graph = read(cpsv_graph(layered, "public"))
    base = "https://data.sample.example/c/"
    service = rdflib.URIRef(base + "services/RS-001")
    evidence = rdflib.URIRef(base + "materials/M-ID")
    assert evidence in set(graph.objects(service, CPSV.hasInput))
    assert rdflib.URIRef(base + "resources/hr.staff") in set(graph.objects(evidence, DCTERMS.isPartOf))
    assert graph.value(service, CV.processingTime) == rdflib.Literal("PT0S", datatype=rdflib.XSD.duration)


def test_code_tables_and_categories_are_concept_schemes(reference):
    graph = read(dcat_graph(reference, "campus"))
    base = base_uri(reference)
    sex = rdflib.URIRef(base + "codes/sex")
    male = rdflib.URIRef(base + "codes/sex/1")
    assert (sex, RDF.type, SKOS.ConceptScheme) in graph
    assert graph.value(male, SKOS.inScheme) == sex
    for dataset in graph.subjects(RDF.type, DCAT.Dataset):
        theme = graph.value(dataset, DCAT.theme)
        assert (theme, SKOS.inScheme, rdflib.URIRef(base + "concepts/categories")) in graph


def test_a_campus_without_an_address_gets_one_that_is_nobodys():
    catalog = catalogs.load(campus())
    assert base_uri(catalog) == "https://demo.invalid/catalog/"
    assert "DataService" not in dcat_graph(catalog, "public").turtle()


@pytest.mark.parametrize("address", ["data.sample.example", "javascript:alert(1)", "https://x.example/a b"])
def test_an_address_that_is_none_is_a_fault(address):
    told = {"code": "DEMO", "nameZh": "示例大学", "timeZone": "Asia/Shanghai", "baseUri": address}
    faults = catalogs.check(campus({"campus.yaml": told}))
    assert [fault for fault in faults if "baseUri" in fault.what and fault.file == "campus.yaml"]


def test_names_of_files_stay_different_and_inside_their_folder():
    names = ["RS-001", "a/../../x", "..", ".", "a/b", "a_b", "a:b", "人事.x", ".hidden", "x."]
    slugs = [slug(name) for name in names]
    assert len(set(slugs)) == len(names)
    assert slugs[0] == "RS-001"
    assert not [one for one in slugs if "/" in one or ".." in one or one.startswith(".") or one.endswith(".")]
