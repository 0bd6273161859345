"""Many questions at once, each answered, refused and recorded as if it were asked alone.

Most questions of a set are plain: a grown person who is a party of an open case asks for what is stored and needs no
consent. What such questions read is read for all of them in three statements, and what the terms say is asked once. The
judges are the very functions that judge a single question. Whatever is not plain, or not in order, is not decided here:
it is asked alone (`service.queries`), whose word counts. So this module can only say yes, and only where the other
would.
"""

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import uuid4

from service import access, cases, facts, guardians, queries, subjects, things
from service.cases import Case
from service.decisions import Surroundings
from service.guardians import People
from service.mapping import Words, words_of
from service.problems import Problem
from service.queries import BatchQuery, FactsQuery
from service.reading import read
from service.reads import Together
from service.record import Answer, Decision, canonical
from service.state import Current
from service.subjects import Resolved
from service.terms import Terms, terms_of
from service.tokens import Client
from service.transactions import DATABASE_ERRORS, pinned
from service.wanted import Question, by_plan
from service.writing import Writing, Written


class _Asking:
    """Writes questions as the record's digest covers them (`queries.asked_for`): what all have in common only once."""

    def __init__(self, first: FactsQuery, service_item: str) -> None:
        marks = {name: f"{name} {secrets.token_hex(8)}" for name in ("actor", "case_id", "subject")}
        rest = canonical(queries.asked_for(first, service_item) | marks)
        self._parts: list[bytes] = []
        for mark in marks.values():  # in the order in which names are written
            part, rest = rest.split(canonical(mark))
            self._parts.append(part)
        self._end = rest

    def write(self, query: FactsQuery) -> bytes:
        """Return one of the questions; its actor and subject consist of texts alone."""
        actor, case, subject = self._parts
        own = canonical(vars(query.actor)), canonical(query.case_id), canonical(vars(query.subject))
        return b"".join((actor, own[0], case, own[1], subject, own[2], self._end))


class _Opened(NamedTuple):
    """A question whose case allows asking, and who is named by the two (`queries.named`)."""

    place: int
    query: FactsQuery
    case: Case
    named: Sequence[tuple[str, str]]

    def __repr__(self) -> str:
        return f"_Opened({self.place})"


class _Plain(NamedTuple):
    """A question that may be answered here, as far as it has been judged."""

    place: int
    query: FactsQuery
    subject: Resolved
    people: People
    question: Question


async def query_batch(
    around: Surroundings, client: Client, current: Current, batch: BatchQuery, at: datetime
) -> list[Answer | Problem]:
    """Answer each question of a batch as if it were asked alone, with a decision and a receipt of its own."""
    return await query_set(around, client, current, batch.one_by_one(), at)


async def query_set(
    around: Surroundings, client: Client, current: Current, asked: Sequence[FactsQuery], at: datetime
) -> list[Answer | Problem]:
    """Answer questions on the same terms: same service item, elements and age.

    Args:
        around: the running service.
        client: who asks.
        current: the release to answer from.
        asked: the questions.
        at: the moment of all of them.

    Returns:
        The answer or refusal of each, in their order.
    """
    told: dict[int, Answer | Problem] = dict(await _plain(around, client, current, asked, at))
    together = replace(around, reads=Together(around.pool))

    async def alone(place: int) -> None:
        try:
            told[place] = await queries.query_facts(together, client, current, asked[place], at)
        except Problem as problem:
            told[place] = problem

    await asyncio.gather(*(alone(place) for place in range(len(asked)) if place not in told))
    return [told[place] for place in range(len(asked))]


async def _plain(
    around: Surroundings, client: Client, current: Current, asked: Sequence[FactsQuery], at: datetime
) -> Mapping[int, Answer | Problem]:
    """Answer those of the questions that are plain: place → answer, or why it cannot be recorded."""
    catalog, first = current.catalog, asked[0]
    words = words_of(catalog, client.client_id)
    try:
        terms = terms_of(catalog, client.client_id, first.service_item, words.ours(first.elements), at)
        if terms.needed:  # of a consent everybody's own case decides
            return {}
        known = await _known(around, client, current, asked, terms, words, at)
    except (Problem, *DATABASE_ERRORS):
        return {}
    if not known:
        return {}
    begun = queries.about(client, current, "facts", first, terms.item.code, terms.elements)
    same = vars(begun) | {"ground": terms.ground, "outcome": "allowed", "code": "OK", "rule": "granted"}
    asking = _Asking(first, terms.item.code)
    decided: list[tuple[Decision, bytes, bytes]] = []
    answers: list[dict[str, Any]] = []
    for one, found in known:
        query = one.query
        own = {
            "transaction_id": uuid4(),
            "actor_id": query.actor.user_id,
            "actor_role": query.actor.role,
            "subject": query.subject.key(),
            "case_id": str(query.case_id),
        }
        decision = Decision(**(same | own))
        answer = queries.headed(decision, current) | {"complete": found.is_complete}
        answers.append(answer)
        written = canonical(answer | {"facts": found.facts})
        decided.append((decision, asking.write(query), written))
    try:
        receipts = await around.recorder.append_all(decided, at)
    except Problem as problem:
        return {one.place: problem for one, _ in known}
    return {
        one.place: Answer.sealed(answer, written, receipt)
        for (one, _), answer, (_, _, written), receipt in zip(known, answers, decided, receipts, strict=True)
    }


async def _known(
    around: Surroundings,
    client: Client,
    current: Current,
    asked: Sequence[FactsQuery],
    terms: Terms,
    words: Words,
    at: datetime,
) -> list[tuple[_Plain, Written]]:
    """Return those of the questions that are plain and in order, with what is told of them."""
    catalog = current.catalog
    rows = await cases.rows(around.pool, client.client_id, [query.case_id for query in asked])
    opened = list(_opened(current, asked, rows, terms, at))
    found: list[tuple[_Plain, Written]] = []
    async with pinned(around.pool, current.release) as con:
        named = dict.fromkeys(who for one in opened for who in one.named)
        people = dict(
            zip(named, await subjects.resolve(con, catalog, list(named), at), strict=True) if named else ()
        )
        record_key = queries.record_key(around, client)
        writing = Writing(words, record_key)
        plain = list(_parties(current, opened, people, terms, record_key, at))
        for wanted, places in by_plan(current, [one.question for one in plain]):
            members = [plain[place] for place in places]
            told = await read(con, wanted.plan, [one.question.keys for one in members])
            for one, (resources, registered) in zip(members, told, strict=True):
                gathered = facts.said(current, one.question, wanted, resources, registered)
                if not gathered.calls and _is_of_age(current, one, gathered, terms):
                    found.append((one, writing.write(current, gathered)))
    facts.count(status for _, written in found for status in written.statuses)
    return found


def _opened(
    current: Current,
    asked: Sequence[FactsQuery],
    rows: Mapping[Any, Mapping[str, Any]],
    terms: Terms,
    at: datetime,
) -> Iterator[_Opened]:
    """Yield the questions whose case allows asking."""
    for place, query in enumerate(asked):
        try:
            access.check_capacity(current.catalog, query.subject.capacity)
            case = cases.judged(rows.get(query.case_id), terms.item.code, at)
        except Problem:
            continue
        yield _Opened(place, query, case, queries.named(query, case))


def _parties(
    current: Current,
    opened: Iterable[_Opened],
    known: Mapping[tuple[str, str], Resolved],
    terms: Terms,
    record_key: bytes,
    at: datetime,
) -> Iterator[_Plain]:
    """Yield the questions about a person who is a known party of their case, by somebody who may ask."""
    catalog = current.catalog
    for place, query, case, named in opened:
        try:
            subject, people = queries.judged_party(catalog, query, case, [known[who] for who in named], at)
            if things.check_role(catalog, query.subject.key()[0], people, subject):
                continue
        except Problem:
            continue
        question = queries.question_of(query, terms, subject, {}, record_key, at)
        yield _Plain(place, query, subject, people, question)


def _is_of_age(current: Current, one: _Plain, gathered: facts.Gathered, terms: Terms) -> bool:
    """Whether the subject decides for themselves; what is refused, or needs a guardian, is asked alone."""
    try:
        return (
            guardians.judged_age(current, one.people, one.query.actor, one.subject, gathered, terms.item.code)
            is not None
        )
    except Problem:
        return False
