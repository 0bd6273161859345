"""Kinds of certificates (证明) that a unit issues from verified data: plain data."""

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SELF, SYSTEM = "self", "system"
ASKED_BY = (SELF, SYSTEM)
SHORTEST_DAYS, LONGEST_DAYS = 30, 180


@dataclass(frozen=True)
class Stated:
    """One element that a kind of certificate states.

    Attributes:
        must: what has to hold of the value, in the language of `proves`; without it nothing is issued.
        masked: it is printed as the element's mask shows it, whoever asks.
        optional: where there is no value, the certificate says nothing about it.
        disclosable: the holder of the token may leave it out when showing the token.
        basis: why a sensitive value is printed whole.
    """

    element: str
    label_zh: str
    label_en: str
    must: str = "is_known"
    masked: bool = False
    optional: bool = False
    disclosable: bool = True
    basis: str = ""


@dataclass(frozen=True)
class CertificatePurpose:
    """What a certificate is asked for, to be chosen by the person; it is printed."""

    code: str
    name_zh: str
    name_en: str


@dataclass(frozen=True)
class Layout:
    """How a paper looks; empty and None: as usual.

    Attributes:
        accent: colour of the title's rule, `#rrggbb`.
        statement_first: whether the sentence stands above the table of values.
        closing_zh, closing_en: what stands above the issuer's name.
        notes: small print below the table: Chinese, English.
    """

    accent: str = ""
    statement_first: bool = True
    closing_zh: str = ""
    closing_en: str = ""
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class CertificateKind:
    """One kind of certificate: one file under certificates/.

    Attributes:
        unit, post: who issues it, and answers for it.
        populations: in which capacities one gets it.
        asked_by: self (the person who is logged in), system (a service system for a case, by its grants).
        text_zh, text_en: the sentence, in which `{XM}` stands for the value of an element that it states.
        validity_days: how long it may be valid; the person chooses.
        max_age_days: how old a fact may be at most, if that is less than its source's promise.
        materials: which materials of service items it stands in for.
        layout: how its paper looks, where that is not as usual.
    """

    code: str
    name_zh: str
    name_en: str
    unit: str
    post: str
    populations: tuple[str, ...]
    asked_by: tuple[str, ...]
    text_zh: str
    text_en: str
    stated: tuple[Stated, ...]
    purposes: tuple[CertificatePurpose, ...]
    validity_days: tuple[int, ...]
    max_age_days: int | None
    materials: tuple[str, ...]
    layout: Layout
    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements that it states, in their order."""
        return tuple(one.element for one in self.stated)


def placeholders(text: str) -> list[str]:
    """Return what stands in braces in a sentence.

    Raises:
        ValueError: a brace is open, or says how a value is to be written, which is no matter of the text.
    """
    found = []
    for _, name, form, conversion in string.Formatter().parse(text):
        if name is None:
            continue
        if not name.isalnum() and not name.replace("_", "").isalnum():
            raise ValueError(f"{{{name}}} is no element")
        if form or conversion:
            raise ValueError(f"{{{name}}} says how it is to be written")
        found.append(name)
    return found


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a sentence with values for its placeholders; what a value looks like is never read as a placeholder.

    Args:
        text: as `placeholders` accepts it.
        values: element → text, one for each placeholder.
    """
    parts = []
    for before, name, _, _ in string.Formatter().parse(text):
        parts.append(before)
        if name is not None:
            parts.append(values[name])
    return "".join(parts)
