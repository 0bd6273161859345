"""Each client in its own words: names of elements and codes, as the catalog maps them (clients.yaml: mapping).

Requests are read and answers written in the client's words; between the two, and on record, everything has the campus's
names. The digests of request and answer are over what was sent, so receipts and replay hold for the client's words.
What has no word keeps the campus's; rule R08 of the catalog's check makes sure that no word has two meanings.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from catalogs.client_words import ClientWords, client_words
from catalogs.model import Catalog
from service.claims import Claim
from service.problems import Problem
from service.reading import Versioned


@dataclass(frozen=True)
class Words:
    """The words of one client."""

    catalog: Catalog
    client_id: str
    own: ClientWords

    def ours(self, names: Iterable[str]) -> list[str]:
        """Return the campus's codes of elements that the client names; an unknown name stays as it is."""
        if not self.own.elements:
            return list(names)
        codes = {name: code for code, name in self.own.elements.items()}
        return [codes.get(name, name) for name in names]

    def claims(self, stated: Sequence[Claim]) -> list[Claim]:
        """Return statements with the campus's elements and codes.

        Raises:
            Problem: INVALID_PARAMETER for a code that is none of the client's own, nor a name of the code table.
        """
        found, errors = [], []
        for place, (claim, element) in enumerate(
            zip(stated, self.ours(c.element for c in stated), strict=True)
        ):
            value = self._our_value(element, claim)
            if value is None and claim.value is not None:
                errors.append({"pointer": f"/claims/{place}/value", "code": "unknown_code"})
            found.append(claim.model_copy(update={"element": element, "value": value}))
        if errors:
            raise Problem("INVALID_PARAMETER", errors=errors, rule="mapping:own_codes")
        return found

    def told(self, claims: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return outcomes of statements in the client's words."""
        return [{**one, "element": self.theirs(one["element"])} for one in claims]

    def facts(self, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        """Return facts by element in the client's words."""
        if not self.own.elements and not self.own.codes:
            return dict(facts)
        return {self.theirs(element): self.fact(fact) for element, fact in facts.items()}

    def form(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Return a filled form with its materials in the client's words."""
        if not self.own.elements and not self.own.codes:
            return dict(answer)
        fields = [
            {**self.fact(field), "element": field["element"] and self.theirs(field["element"])}
            for field in answer["fields"]
        ]
        materials = [
            {
                **material,
                "facts": [{**one, "element": self.theirs(one["element"])} for one in material["facts"]],
                "reasons": [self._reason(reason) for reason in material["reasons"]],
            }
            for material in answer["materials"]
        ]
        return {**answer, "fields": fields, "materials": materials}

    def theirs(self, element: str) -> str:
        """Return the client's name of an element."""
        return self.own.elements.get(element, element)

    def _reason(self, reason: str) -> str:
        element, colon, why = reason.partition(":")
        return f"{self.theirs(element)}{colon}{why}"

    def fact(self, fact: Mapping[str, Any]) -> dict[str, Any]:
        """Return a fact with the client's codes."""
        table = fact.get("code_system")
        if table not in self.own.codes:
            return dict(fact)
        return {**fact, "code": self.code(table, fact["code"]), "code_system": f"{self.client_id}:{table}"}

    def code(self, table: str | None, code: Any) -> Any:
        """Return the client's code for one of the campus's, or for each of a list."""
        codes = self.own.codes.get(table or "")
        if codes is None:
            return code
        return [codes.get(one) for one in code] if isinstance(code, list) else codes.get(code)

    def _our_value(self, element: str, claim: Claim) -> str | None:
        """Return what is stated with the campus's codes; None where it is no code of the client's."""
        table = self._table(element)
        own = self.own.codes.get(table)
        if own is None or claim.value is None or claim.op not in ("eq", "in"):
            return claim.value
        codes = {word: code for code, word in own.items()}
        names = self.catalog.codes[table].codes_by_name
        parts = claim.value.split(",") if claim.op == "in" else [claim.value]
        ours = [codes.get(one.strip()) or (one.strip() if one.strip() in names else None) for one in parts]
        return None if None in ours else ",".join(one for one in ours if one)

    def _table(self, element: str) -> str:
        """Return the code table of an element, or else of the items that it is read from."""
        if element not in self.catalog.elements:
            return ""
        items = (
            self.catalog.resources[source.resource].item(source.item)
            for source in self.catalog.sources_of(element)
        )
        own = self.catalog.elements[element].code_table
        return own or next((item.code_table for item in items if item.code_table), "")


def words_of(catalog: Catalog, client_id: str) -> Words:
    """Return the words of a client."""
    return _words_of(Versioned(catalog), client_id)


@lru_cache(maxsize=256)
def _words_of(versioned: Versioned, client_id: str) -> Words:
    return Words(versioned.catalog, client_id, client_words(versioned.catalog, client_id))
