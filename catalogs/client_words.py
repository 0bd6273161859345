"""A client's own names for elements and codes of code tables, as `mapping` of clients.yaml gives them.

    mapping:
      elements: {XM: "userName"}
      codes: {staff_status: {"11": "A", "21": "L"}}

Own names are partial: an element without one keeps its code. Codes are whole: a table that is mapped has a word for
each of its codes, or a code without one could be read as another's word. So both are one to one, as rule R08 demands.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from catalogs.faults import Faults, did_you_mean
from catalogs.model import Catalog
from catalogs.sources import Sources


@dataclass(frozen=True)
class ClientWords:
    """What one client calls elements (code → name) and codes (table → code → own code)."""

    elements: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def client_words(catalog: Catalog, client: str) -> ClientWords:
    """Return the words of a client; none for one without a mapping."""
    given = (catalog.campus.clients.get(client) or {}).get("mapping") or {}
    return ClientWords(given.get("elements") or {}, given.get("codes") or {})


def tell_mapping_faults(sources: Sources, faults: Faults) -> None:
    """Check the mapping of every client (R08)."""
    catalog = sources.catalog
    for code, client in catalog.campus.clients.items():
        if client.get("mapping") is None:
            continue
        file, line = sources.register.line("client", code)
        for what, mend in _mapping_faults(catalog, client["mapping"]):
            faults.add("R08", file, line, f'client "{code}": {what}', **({"mend": mend} if mend else {}))


def _mapping_faults(catalog: Catalog, mapping: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(mapping, Mapping) or set(mapping) - {"elements", "codes"}:
        yield "mapping is not {elements: …, codes: …}", ""
        return
    elements, codes = mapping.get("elements") or {}, mapping.get("codes") or {}
    if not _is_words(elements):
        yield "mapping.elements is not a mapping of texts to texts", ""
        return
    for element in elements:
        if element not in catalog.elements:
            yield f'unknown element "{element}"', did_you_mean(element, catalog.elements)
    for element, name in elements.items():
        if name in catalog.elements and name != element:
            yield f'"{name}" stands for element "{element}", and is the code of another', ""
    yield from ((f'"{name}" stands for two elements', "") for name in _twice(elements))
    if not isinstance(codes, Mapping):
        yield "mapping.codes is not a mapping of code tables", ""
        return
    for name, own in codes.items():
        table = catalog.codes.get(name)
        if table is None:
            yield f'unknown code table "{name}"', did_you_mean(name, catalog.codes)
        elif not _is_words(own):
            yield f"mapping.codes.{name} is not a mapping of texts to texts", ""
        else:
            for code in sorted(own.keys() - table.rows.keys()):
                yield f'"{code}" is no code of {name}', did_you_mean(code, table.rows)
            if missing := sorted(table.rows.keys() - own.keys()):
                yield f"codes of {name} without a word: {', '.join(missing[:5])}", ""
            yield from ((f'"{word}" stands for two codes of {name}', "") for word in _twice(own))


def _is_words(given: Any) -> bool:
    return isinstance(given, Mapping) and all(
        isinstance(key, str) and isinstance(word, str) and word for key, word in given.items()
    )


def _twice(words: Mapping[str, str]) -> list[str]:
    return sorted(word for word, times in Counter(words.values()).items() if times > 1)
