"""A small graph of statements and its two syntaxes, Turtle and JSON-LD.

Why not rdflib: a catalog of 1,000 resources and 2,000 service items has some 300,000 statements, which rdflib
takes most of a minute to write in both syntaxes; these two writers take seconds. rdflib reads both back in the
tests and must find the same graph. Nodes always have an address of their own: without blank nodes two graphs
are equal exactly when their sets of statements are.
"""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

PREFIXES = {
    "adms": "http://www.w3.org/ns/adms#",
    "cpsv": "http://purl.org/vocab/cpsv#",
    "cv": "http://data.europa.eu/m8g/",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "eli": "http://data.europa.eu/eli/ontology#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "odrl": "http://www.w3.org/ns/odrl/2/",
    "org": "http://www.w3.org/ns/org#",
    "prov": "http://www.w3.org/ns/prov#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "time": "http://www.w3.org/2006/time#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
TYPE = "@type"
# Made once: `json.dumps` with an option makes an encoder at every call.
_JSON = json.JSONEncoder(ensure_ascii=False).encode

_ESCAPES = str.maketrans(
    {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)
_NOT_IN_AN_IRI = re.compile(r'[\x00-\x20<>"{}|^`\\]')


class Link(NamedTuple):
    """Another node, by its address."""

    iri: str


class Text(NamedTuple):
    """A text in a language."""

    text: str
    language: str


class Typed(NamedTuple):
    """A value as text with its datatype, as `xsd:date`; no datatype is a plain string."""

    text: str
    datatype: str = ""


Value = Link | Text | Typed


def iri(name: str) -> str:
    """Return the address behind a prefixed name: `dct:title` → `http://purl.org/dc/terms/title`."""
    prefix, _, local = name.partition(":")
    return PREFIXES[prefix] + local


@lru_cache(maxsize=100_000)
def encoded(part: str) -> str:
    """Return text as one step of an address; Chinese is percent-encoded."""
    return quote(part, safe="-._~")


class Graph:
    """Statements by subject; the same statement counts once."""

    def __init__(self) -> None:
        self._nodes: dict[str, dict[str, dict[Value, None]]] = {}

    def has(self, subject: str) -> bool:
        """Whether anything is stated of a node."""
        return subject in self._nodes

    def add(self, subject: str, predicate: str, *values: Value) -> None:
        """State something of a node.

        Args:
            subject: the node's address.
            predicate: a prefixed name, or `TYPE`, whose values are prefixed names as `Link`.
            values: what is stated, each one statement.
        """
        if values:
            self._nodes.setdefault(subject, {}).setdefault(predicate, {}).update(dict.fromkeys(values))

    def node(self, subject: str, *types: str) -> str:
        """State what a node is, by prefixed names of classes; return its address."""
        self.add(subject, TYPE, *(Link(name) for name in types))
        return subject

    def texts(self, subject: str, predicate: str, zh: str, en: str = "") -> None:
        """State a text in Chinese and, where there is one, in English."""
        given = [Text(zh, "zh")] if zh else []
        self.add(subject, predicate, *given, *([Text(en, "en")] if en else []))

    def turtle(self) -> str:
        """Return the graph in Turtle, subjects in the order in which they were first named."""
        lines = [f"@prefix {prefix}: <{address}> ." for prefix, address in PREFIXES.items()]
        for subject, statements in self._nodes.items():
            told = ";\n    ".join(
                f"{'a' if predicate == TYPE else predicate} {_objects(predicate, values)}"
                for predicate, values in statements.items()
            )
            lines.append(f"\n<{_safe(subject)}>\n    {told} .")
        return "\n".join(lines) + "\n"

    def json_ld(self) -> str:
        """Return the graph in JSON-LD, one node a line."""
        nodes = ",\n".join(
            _JSON(_json_node(subject, statements)) for subject, statements in self._nodes.items()
        )
        return f'{{"@context": {json.dumps(PREFIXES)},\n"@graph": [\n{nodes}\n]}}\n'


def _objects(predicate: str, values: Iterable[Value]) -> str:
    if predicate == TYPE:
        return ", ".join(str(value[0]) for value in values)
    return ", ".join(_object(value) for value in values)


def _object(value: Value) -> str:
    if isinstance(value, Link):
        return f"<{_safe(value.iri)}>"
    quoted = f'"{value.text.translate(_ESCAPES)}"'
    if isinstance(value, Text):
        return f"{quoted}@{value.language}"
    return f"{quoted}^^{value.datatype}" if value.datatype else quoted


def _json_node(subject: str, statements: dict[str, dict[Value, None]]) -> dict[str, object]:
    node: dict[str, object] = {"@id": _safe(subject)}
    for predicate, values in statements.items():
        if predicate == TYPE:
            node[TYPE] = [str(value[0]) for value in values]
        else:
            node[predicate] = [_json_value(value) for value in values]
    return node


def _json_value(value: Value) -> dict[str, str]:
    if isinstance(value, Link):
        return {"@id": _safe(value.iri)}
    if isinstance(value, Text):
        return {"@value": value.text, "@language": value.language}
    return {"@value": value.text} | ({"@type": value.datatype} if value.datatype else {})


@lru_cache(maxsize=100_000)
def _safe(address: str) -> str:
    """Return an address that people wrote (a form's URL, say) with what no IRI may hold percent-encoded."""
    return _NOT_IN_AN_IRI.sub(lambda found: quote(found.group()), address)
