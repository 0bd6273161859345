"""A form as a service system shows it: filled from the service, or blank where the service is silent.

A blank form has the same fields: they are known from the last answer, or from `load_form` at start-up. What is kept of
a form is its fields' names and its materials, never a value.
"""

import json
import re
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yici.client.types import FieldOut, MaterialOut, PrefillOut

FILLED = ("available", "stale", "in_dispute")
SPARED = ("satisfied", "certificate")
_FILE_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
Skeleton = dict[str, Any]
Forms = MutableMapping[str, Skeleton]


@dataclass(frozen=True)
class Person:
    """Whom a form is about.

    Attributes:
        id_type: kind of number, for example student_no.
        id: the number.
        capacity: code of the population as which the person acts; needed where a person has two.
        country: of a document, if the number is one.
    """

    id_type: str
    id: str = field(repr=False)
    capacity: str | None = None
    country: str | None = None

    def as_subject(self) -> dict[str, str]:
        """As a question names the person."""
        named = {"id_type": self.id_type, "id": self.id, "capacity": self.capacity, "country": self.country}
        return {name: value for name, value in named.items() if value}

    def as_party(self, role: str) -> dict[str, str]:
        """As a case names the person."""
        subject = self.as_subject()
        subject.pop("capacity", None)
        return subject | {"role": role}


@dataclass(frozen=True)
class Form:
    """What to show the applicant.

    Attributes:
        service_item: code.
        name_zh: of the service item; empty where nothing is known of it yet.
        fields: with values where the service gave some; all empty and editable on a blank form.
        materials: which papers are needed; on a blank form all of them, as before.
        is_blank: whether the service is silent or refused: the applicant fills in by hand.
        problem: the code of the reason, for the operator; empty on a filled form.
        case_id: of the registered case; empty if not even that succeeded.
        transaction_id: of the prefill, for `reconcile`; empty on a blank form.
    """

    service_item: str
    name_zh: str
    fields: Sequence[FieldOut] = field(repr=False)
    materials: Sequence[MaterialOut] = field(repr=False)
    is_blank: bool
    problem: str = ""
    case_id: str = ""
    transaction_id: str = ""

    @property
    def filled(self) -> list[FieldOut]:
        """The fields that have a value."""
        return [one for one in self.fields if one["status"] in FILLED and one.get("value") is not None]

    @property
    def spared(self) -> list[MaterialOut]:
        """The materials that nobody has to hand in any more."""
        return [one for one in self.materials if one["outcome"] in SPARED]

    def outcomes(self, submitted: Mapping[str, str]) -> list[dict[str, str]]:
        """Say what became of each prefilled field that may be edited: kept, changed or cleared, never to what.

        Args:
            submitted: field → text as the applicant sent it.
        """
        found = []
        for one in self.filled:
            verification = one.get("verification")
            if not one["editable"] or not verification or not verification["evidence"]:
                continue
            told = submitted.get(one["field"], "").strip()
            outcome = "cleared" if not told else "kept" if told == as_text(one["value"]) else "changed"
            source = verification["evidence"][0]["source"]
            found.append({"field": one["field"], "source": source, "outcome": outcome})
        return found


class FormFolder(MutableMapping[str, Skeleton]):
    """Keeps the forms as files, so that a service system that starts while the service is away has them too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __getitem__(self, code: str) -> Skeleton:
        try:
            found: Skeleton = json.loads(self._path(code).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise KeyError(code) from None
        return found

    def __setitem__(self, code: str, skeleton: Skeleton) -> None:
        self._path(code).write_text(json.dumps(skeleton, ensure_ascii=False), encoding="utf-8")

    def __delitem__(self, code: str) -> None:
        try:
            self._path(code).unlink()
        except FileNotFoundError:
            raise KeyError(code) from None

    def __iter__(self) -> Iterator[str]:
        return (path.stem for path in sorted(self._folder.glob("*.json")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _path(self, code: str) -> Path:
        if not _FILE_NAME.fullmatch(code):
            raise KeyError(f"{code}: letters, digits, '.', '_' and '-' only")
        return self._folder / f"{code}.json"


def as_text(value: Any) -> str:
    """Return a value as a form shows it."""
    return "、".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def skeleton_of(answer: Mapping[str, Any]) -> Skeleton:
    """Return a form's fields and materials without anything about a person, from an answer that has both."""
    return {
        "name_zh": answer["name_zh"],
        "fields": [{name: one[name] for name in ("field", "name_zh", "element")} for one in answer["fields"]],
        "materials": [
            {name: one[name] for name in ("material", "name_zh", "necessity")} for one in answer["materials"]
        ],
    }


def filled(answer: PrefillOut, case_id: str) -> Form:
    """Return the form of an answer."""
    return Form(
        answer["service_item"],
        answer["name_zh"],
        answer["fields"],
        answer["materials"],
        is_blank=False,
        case_id=case_id,
        transaction_id=answer["transaction_id"],
    )


def blank(service_item: str, skeleton: Skeleton | None, problem: str, case_id: str) -> Form:
    """Return the form as it was before anybody filled it: every field empty, every material asked for."""
    known = skeleton or {"name_zh": "", "fields": [], "materials": []}
    fields: list[FieldOut] = [
        {
            "field": one["field"],
            "name_zh": one["name_zh"],
            "element": one["element"],
            "editable": True,
            "status": "applicant",
        }
        for one in known["fields"]
    ]
    materials: list[MaterialOut] = [
        {
            "material": one["material"],
            "name_zh": one["name_zh"],
            "necessity": one["necessity"],
            "outcome": "still_required",
            "facts": [],
            "reasons": [],
        }
        for one in known["materials"]
    ]
    return Form(service_item, known["name_zh"], fields, materials, True, problem, case_id)
