"""Addresses of the catalog's things, and the agents and concepts that both RDF exports speak of.

Every thing has one address, whatever the tier: `baseUri` of campus.yaml and a path. Published under that address,
a thing's page is found there with `.html`. A campus that has not chosen one gets addresses under `.invalid`, a
domain that by its standard (RFC 2606) belongs to nobody and leads nowhere: better than claiming somebody's.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from catalogs import views
from catalogs.exports.graph import Graph, Link, Text, Typed, encoded, iri
from catalogs.model import Catalog, Unit

_NOT_IN_A_NAME = re.compile(r"[^\w.-]|\.(?=\.)|^\.|\.$")
EU = "http://publications.europa.eu/resource/authority/"
CHINESE, ENGLISH = EU + "language/ZHO", EU + "language/ENG"
CHINA = EU + "country/CHN"


def base_uri(catalog: Catalog) -> str:
    """Return the address under which the catalog's things have theirs; ends with a slash."""
    chosen = str(catalog.campus.raw.get("baseUri") or "")
    if not chosen:
        return f"https://{encoded(catalog.campus.code.lower())}.invalid/catalog/"
    return chosen if chosen.endswith("/") else chosen + "/"


@lru_cache(maxsize=100_000)
def slug(text: str) -> str:
    """Return text as a name of a file or an anchor, on every system: letters of any script, digits, `-`, `_`, `.`.

    Anything else, the first of two dots included, becomes `~` and its hexadecimal number: names stay different,
    and none leads out of its folder.
    """
    return _NOT_IN_A_NAME.sub(lambda found: f"~{ord(found.group()):x}", text)


class Terms:
    """Makes addresses, and states agents and concepts in a graph the first time that they are named."""

    def __init__(self, catalog: Catalog, graph: Graph) -> None:
        self.catalog = catalog
        self.graph = graph
        self.base = base_uri(catalog)

    def address(self, *steps: str) -> str:
        """Return the address of a thing: the base and the steps, each as its page's file is called."""
        return self.base + "/".join(encoded(slug(step)) for step in steps)

    def scheme(self, name: str, zh: str, en: str = "") -> str:
        """Return a concept scheme, stated once."""
        address = self.address("concepts", name)
        if not self.graph.has(address):
            self.graph.node(address, "skos:ConceptScheme")
            self.graph.texts(address, "dct:title", zh, en)
            self.graph.texts(address, "skos:prefLabel", zh, en)
        return address

    def concept(self, scheme: str, code: str, zh: str, en: str = "") -> str:
        """Return a concept of a scheme, stated once.

        Args:
            scheme: the scheme's address.
            code: its notation there.
            zh: its Chinese name.
            en: its English name, if there is one.
        """
        address = f"{scheme}/{encoded(code)}"
        if not self.graph.has(address):
            self.graph.node(address, "skos:Concept")
            self.graph.texts(address, "skos:prefLabel", zh or code, en)
            self.graph.add(address, "skos:notation", Typed(code))
            self.graph.add(address, "skos:inScheme", Link(scheme))
        return address

    def known(self, address: str, kind: str, zh: str, en: str = "") -> str:
        """Return a term of somebody else's vocabulary with its class and labels, so that the file stands alone."""
        if not self.graph.has(address):
            self.graph.node(address, kind, "skos:Concept")
            self.graph.texts(address, "skos:prefLabel", zh, en)
        return address

    def languages(self) -> tuple[Link, Link]:
        """The languages of the catalog's texts."""
        return tuple(  # type: ignore[return-value]
            Link(self.known(address, "dct:LinguisticSystem", zh, en))
            for address, zh, en in ((CHINESE, "中文", "Chinese"), (ENGLISH, "英文", "English"))
        )

    def china(self) -> str:
        """The country, which PublicOrganisation must name as its place."""
        return self.known(CHINA, "dct:Location", "中国", "China")

    def agent(self, code: str) -> str:
        """Return a unit as an agent, stated once, in the words of DCAT-AP and of CPSV-AP."""
        address = self.address("units", code)
        if self.graph.has(address):
            return address
        unit = self.catalog.units.get(code)
        zh, en = (unit.name_zh, unit.name_en) if unit else (code, "")
        graph = self.graph
        graph.node(address, "foaf:Agent", "org:Organization", "cv:PublicOrganisation")
        graph.add(address, "dct:identifier", Typed(code))
        for predicate in ("foaf:name", "dct:title", "skos:prefLabel"):
            graph.texts(address, predicate, zh, en)
        graph.add(address, "dct:spatial", Link(self.china()))
        if unit is not None and unit.parent in self.catalog.units:
            graph.add(address, "org:subOrganizationOf", Link(self.agent(unit.parent)))
        return address

    def school(self) -> str:
        """The university as an agent: the root of its units, or the campus itself where there is none."""
        return self.agent(self._root_code())

    def _root_code(self) -> str:
        units: Mapping[str, Unit] = self.catalog.units
        if self.catalog.campus.code in units:
            return self.catalog.campus.code
        roots = [code for code, unit in units.items() if not unit.parent and not unit.uscc]
        return roots[0] if len(roots) == 1 else self.catalog.campus.code

    def legal(self, title: str, number: str = "", clause: str = "", url: str = "") -> str:
        """Return a legal resource, stated once, named by what is quoted of it."""
        label = " ".join(part for part in (title, f"({number})" if number else "", clause) if part)
        digest = hashlib.sha256(label.encode()).hexdigest()[:16]
        address = self.address("legal", digest)
        if not self.graph.has(address):
            self.graph.node(address, "eli:LegalResource")
            self.graph.texts(address, "dct:title", label)
            if url:
                self.graph.add(address, "rdfs:seeAlso", Link(url))
        return address

    def document(self, address: str) -> Link:
        """Return a page as a document."""
        return Link(self.graph.node(address, "foaf:Document"))

    def page(self, address: str) -> Link:
        """Return the page of a thing."""
        return self.document(address + ".html")


def add_code_tables(terms: Terms, reader: str) -> None:
    """State the code tables that a reader may see as concept schemes (CATALOG §3.8)."""
    for table in views.visible_codes(terms.catalog, reader):
        address = terms.address("codes", table.name)
        graph = terms.graph
        graph.node(address, "skos:ConceptScheme")
        graph.texts(address, "dct:title", table.name_zh or table.name)
        graph.add(address, "dct:identifier", Typed(table.name))
        if table.norm:
            graph.add(address, "dct:source", Typed(f"{table.norm} {table.version}".strip()))
        for row in table.rows.values():
            concept = terms.concept(address, row.code, row.name_zh, row.name_en)
            if row.parent in table.rows:
                graph.add(concept, "skos:broader", Link(f"{address}/{encoded(row.parent)}"))


def day(value: Any) -> tuple[Typed, ...]:
    """Return a date as it was written, or nothing."""
    return (Typed(str(value), "xsd:date"),) if value else ()


def zh(text: str) -> tuple[Text, ...]:
    """Return a Chinese text, or nothing where there is none."""
    return (Text(text, "zh"),) if text else ()


def own(name: str) -> Link:
    """Return a term of a known vocabulary as a link: `odrl:use`."""
    return Link(iri(name))
