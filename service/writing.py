"""Facts of a set of questions, written as they leave the service without being built one by one.

Of the JSON of a fact only value, code and digest are the person's. The rest follows from the source, from the extracts
that its row rests on and from how the row stands, and is the same for most people of a set: it is written once, by the
functions that tell a single fact, and filled in for the others. So a set says byte for byte what its questions are told
one by one.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from service import facts
from service.facts import Gathered
from service.mapping import Words
from service.record import canonical
from service.state import Current
from service.telling import Fact, Said, Telling
from service.wanted import Spoken


@dataclass(frozen=True)
class Written:
    """What is told of one subject.

    Attributes:
        statuses: one per element.
        facts: by element in the client's words, ready to be written.
    """

    statuses: list[str]
    facts: Mapping[str, Any] = field(repr=False)

    @property
    def is_complete(self) -> bool:
        """Whether every element has a verified value."""
        return self.statuses.count("available") == len(self.statuses)


class _Form(NamedTuple):
    """The JSON of a fact around code, value and digest, in the order of its members.

    Attributes:
        spoken: keeps the source, by whose identity forms are found.
        is_verbatim: whether its texts are shown as they are.
        values: value → code and value as they are written.
    """

    spoken: Spoken
    status: str
    until_code: bytes
    until_value: bytes
    until_digest: bytes
    end: bytes
    is_verbatim: bool
    values: dict[Any, tuple[bytes, bytes]]


class Writing:
    """Writes the facts of questions of one moment, age and client, from reads of one release.

    Args:
        words: the client's.
        record_key: keys the digests of evidence.
    """

    def __init__(self, words: Words, record_key: bytes) -> None:
        self._words = words
        self._record_key = record_key
        self._forms: dict[Any, _Form] = {}
        self._marks = tuple(f"{name} {secrets.token_hex(8)}" for name in ("code", "value", "digest"))

    def write(self, current: Current, gathered: Gathered) -> Written:
        """Return what `facts:query` tells of a subject about whom nothing is to be asked live."""
        telling = Telling(gathered.question)
        statuses: list[str] = []
        told: dict[str, Any] = {}
        for element, one in facts.judge(current, gathered, {}, telling).items():
            name = self._words.theirs(element)
            if isinstance(one, Fact) or not one.is_plain:
                fact = telling.fact(one)
                status, told[name] = fact.status, self._words.fact(fact.as_dict())
            else:
                status, told[name] = self._filled(one, telling)
            statuses.append(status)
        return Written(statuses, told)

    def _filled(self, one: Said, telling: Telling) -> tuple[str, orjson.Fragment]:
        row, spoken, question = one.row, one.spoken, telling.question
        assert row is not None
        # When an extract was taken is the same wherever it is named: a row's times follow from its extracts.
        key = (
            id(spoken), row.state, row.extract, row.last_extract, question.in_doubt,
            spoken.source.element in question.disputed,
        )  # fmt: skip
        form = self._forms.get(key) or self._form(key, one, telling)
        code, value = self._shown(form, one)
        digest = one.digest(self._record_key).encode()
        parts = (form.until_code, code, form.until_value, value, form.until_digest, digest, form.end)
        return form.status, orjson.Fragment(b"".join(parts))

    def _shown(self, form: _Form, one: Said) -> tuple[bytes, bytes]:
        """Return code and value as they are written."""
        raw = one.raw
        if type(raw) is list:
            return self._told(one)
        if form.is_verbatim and type(raw) is str:
            return b"null", canonical(raw)
        found = form.values.get(raw)
        if found is None:
            found = form.values[raw] = self._told(one)
        return found

    def _told(self, one: Said) -> tuple[bytes, bytes]:
        value, code = one.spoken.masked(*one.shown())
        return canonical(self._words.code(one.spoken.code_system, code)), canonical(value)

    def _form(self, key: Any, one: Said, telling: Telling) -> _Form:
        spoken, fact = one.spoken, telling.fact(one)
        told = self._words.fact(fact.as_dict())
        verification = told["verification"]
        code, value, digest = self._marks
        evidence = verification["evidence"][0] | {"record_hash": digest}
        marked = {"code": code, "value": value, "verification": verification | {"evidence": [evidence]}}
        until_code, rest = canonical(told | marked).split(canonical(code))
        until_value, rest = rest.split(canonical(value))
        until_digest, end = rest.split(digest.encode())
        is_verbatim = spoken.table is None and not spoken.item.is_coded and not spoken.mask
        form = _Form(spoken, fact.status, until_code, until_value, until_digest, end, is_verbatim, {})
        self._forms[key] = form
        return form
