"""Facts: element → its authoritative item → the resource's rows at the release, by the subject's linked keys.

Nothing is stored here and nothing guessed: a fact that several lawful sources answer differently is a `conflict`, one
whose source is late or no longer reports it is `stale` and says since when, and absence has a name of its own.

In two steps, because some sources are never stored but asked live: `gather` reads the release and says which of them
would have to be asked with what, `settle` makes facts of what was read and told. Between the two nobody holds a
connection to the warehouse. What is read `service.wanted` says, and how an answer is told `service.telling`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from catalogs.model import Catalog
from service import metrics
from service.lookups import Call, Told
from service.membership import Membership, Registered, Scope, memberships
from service.reading import Row
from service.reads import Reading
from service.state import Current
from service.telling import Fact, Said, Telling, listed, speaking_rows
from service.values import canonical
from service.wanted import Question, Spoken, Wanted, sent_items, wanted


@dataclass(frozen=True)
class Gathered:
    """What a release says to a question, and which sources would have to be asked live.

    Attributes:
        question: what was asked.
        held: the subject's populations.
        lawful: element → the sources that may answer it for this subject and client.
        unshared: element → for whom sources speak that nobody is told.
        answers: element → what the stored ones of its sources say.
        calls: one per lookup resource that is to be asked.
        unasked: lookup resource → why it cannot be asked.
        ours: element read for us → every value that a stored source has.
    """

    question: Question
    held: Membership
    lawful: Mapping[str, Sequence[Spoken]]
    unshared: Mapping[str, Sequence[Scope]]
    answers: Mapping[str, Sequence[Said]] = field(repr=False)
    calls: Sequence[Call]
    unasked: Mapping[str, str]
    ours: Mapping[str, Sequence[Any]] = field(default_factory=dict, repr=False)


async def gather(reading: Reading, current: Current, question: Question) -> Gathered:
    """Read what the release says for one subject, in one statement.

    Args:
        reading: of the release.
        current: the release.
        question: what is asked.
    """
    of = wanted(current, question)
    rows, registered = await reading.rows(of.plan, question.keys)
    return said(current, question, of, rows, registered)


def said(
    current: Current,
    question: Question,
    of: Wanted,
    rows: Mapping[str, Sequence[Row]],
    registered: Sequence[Registered],
) -> Gathered:
    """Return what the rows of one subject say.

    Args:
        current: the release.
        question: what is asked.
        of: what is wanted for it.
        rows: resource → the subject's rows, as `of.plan` reads them.
        registered: its rows in the registers of populations.
    """
    catalog, capacity = current.catalog, question.capacity
    held = memberships(catalog, registered)
    # Which rows may speak is the same for all items of a resource.
    speaking: dict[tuple[int, str | None], Sequence[Row]] = {}

    def values(found: Sequence[Spoken], capacity: str | None) -> list[Said]:
        told: list[Said] = []
        for one in found:
            if not one.is_readable:
                continue
            voice = one.voice, capacity
            mine = speaking.get(voice)
            if mine is None:
                own = rows[one.source.resource]
                mine = speaking[voice] = speaking_rows(one, own, held, capacity, question.at)
            name = one.source.item
            if one.source.many and mine:
                told.append(listed(one, mine))
            else:
                told += [Said(one, row.key, row.items[name], row) for row in mine]
        return told

    lawful = of.lawful(held, question)
    answers = {element: values(found, capacity) for element, found in lawful.items()}
    calls: list[Call] = []
    unasked: dict[str, str] = {}
    if of.asks:
        telling = Telling(question)
        sent = {
            element: _value(catalog, held, telling, values(found, capacity))
            for element, found in of.inputs.items()
        }
        calls, unasked = _calls(catalog, question, held, lawful, answers, sent)
    ours = {
        element: [one.raw for one in values(found, None) if one.raw is not None]
        for element, found in of.for_us.items()
    }
    return Gathered(question, held, lawful, of.unshared, answers, calls, unasked, ours)


def settle(current: Current, gathered: Gathered, told: Mapping[str, Told]) -> dict[str, Fact]:
    """Make facts of what was read and told.

    Args:
        current: the release that was read.
        gathered: what it says.
        told: resource → what came of its call; none is missing.

    Returns:
        One fact per element, whatever its status.
    """
    telling = Telling(gathered.question)
    judged = judge(current, gathered, told, telling)
    facts = {element: telling.fact(one) for element, one in judged.items()}
    count(fact.status for fact in facts.values())
    return facts


def count(statuses: Iterable[str]) -> None:
    """Count facts that are told."""
    for status, times in Counter(statuses).items():
        metrics.FACTS.labels(status).inc(times)


def judge(
    current: Current, gathered: Gathered, told: Mapping[str, Told], telling: Telling
) -> dict[str, Said | Fact]:
    """Decide what answers each element: what one source says, or a fact without a value, which says why.

    Args:
        current, gathered, told: as for `settle`.
        telling: makes facts for the same question.
    """
    question, held = gathered.question, gathered.held
    silent = dict(gathered.unasked) | {name: one.silent for name, one in told.items() if one.silent}
    judged: dict[str, Said | Fact] = {}
    for element, lawful in gathered.lawful.items():
        answers = gathered.answers[element]
        if told:
            answers = [*answers, *_heard(lawful, told, question)]
        if len(answers) == 1 and answers[0].raw is not None:
            judged[element] = answers[0]
            continue
        one = _settle(current, element, lawful, answers, silent, held, telling)
        is_inapplicable = isinstance(one, Fact) and one.status == "not_applicable"
        if is_inapplicable and _is_withheld(gathered.unshared[element], held, question):
            one = Fact(element, "withheld", public={"reason": "not_shared"})
        judged[element] = one
    return judged


def _is_withheld(unshared: Sequence[Scope], held: Membership, question: Question) -> bool:
    """Whether an element does apply to the subject, but only by items that are not shared (不予共享)."""
    return any(
        scope.id_type in question.keys and held.is_spoken_for(scope, question.capacity) for scope in unshared
    )


def _heard(lawful: Sequence[Spoken], told: Mapping[str, Told], question: Question) -> Iterable[Said]:
    """Yield what sources that were asked say; nothing of it was here before this case."""
    for one in lawful:
        heard = told.get(one.source.resource)
        if heard is not None and heard.values is not None:
            key = question.keys[one.source.id_type][0]
            yield Said(one, key, heard.values[one.source.item], None, heard)


def _value(catalog: Catalog, held: Membership, telling: Telling, answers: Sequence[Said]) -> str | None:
    """Return the one value that lawful sources give, as text; None if there is none or they differ."""
    known = _contending(answers, telling.question.at)
    agreed = _agreed(catalog, "", known, held, telling) if known else None
    return str(agreed.raw) if isinstance(agreed, Said) else None


def _calls(
    catalog: Catalog,
    question: Question,
    held: Membership,
    lawful: Mapping[str, Sequence[Spoken]],
    answers: Mapping[str, Sequence[Said]],
    sent: Mapping[str, str | None],
) -> tuple[list[Call], dict[str, str]]:
    """Decide whom to ask, each resource once: nobody whose answer could not count, nobody without all it needs."""
    calls: dict[str, Call] = {}
    unasked: dict[str, str] = {}
    for element, found in lawful.items():
        holding = [one for one in answers[element] if one.raw is not None and not one.unheld(question.at)]
        ranks = [answer.rank(catalog, held, question) for answer in holding]
        for one in found:
            source, resource = one.source, one.resource
            if not one.is_asked or source.resource in calls:
                continue
            keys = question.keys[source.id_type]
            if ranks and min(ranks) < held.rank(catalog, one.scope, keys[0], question.capacity):
                continue
            params = {
                name: keys[0] if item.name == source.key_item else sent[item.element]
                for name, item in sent_items(resource).items()
            }
            given = {name: value for name, value in params.items() if value is not None}
            if len(keys) > 1:
                unasked[resource.name] = "several_numbers"
            elif len(given) < len(params):
                unasked[resource.name] = "input_not_known"
            else:
                calls[resource.name] = Call(resource, given)
    return list(calls.values()), unasked


def _settle(
    current: Current,
    element: str,
    lawful: Sequence[Spoken],
    answers: Sequence[Said],
    silent: Mapping[str, str],
    held: Membership,
    telling: Telling,
) -> Said | Fact:
    """Decide which lawful source answers, or why none does; `silent` are those that were asked and said nothing."""
    known = _contending(answers, telling.question.at)
    if known:
        return _agreed(current.catalog, element, known, held, telling)
    if not lawful:
        return Fact(element, "not_applicable")
    missing = {one.source.resource: why for one in lawful if (why := _silence(one, silent))}
    if missing:
        first, *_ = sources = sorted(missing)
        return Fact(element, "source_unavailable", public={"reason": missing[first], "sources": sources})
    late = any(one.is_late(telling.question.at) for one in lawful if not one.is_asked)
    return Fact(element, "not_found", public={"reason": "source_late" if late else "no_value"})


def _silence(one: Spoken, silent: Mapping[str, str]) -> str:
    """Return why a source says nothing of anybody; empty if it might have."""
    if one.is_asked:
        return silent.get(one.source.resource, "")
    return "" if one.state else "never_received"


def _witness(one: Said, known: Sequence[Said], telling: Telling) -> Said | None:
    """Return the verified value of another system that is the same as one that is not verified by itself.

    Where it is in doubt who the person is, two systems may speak of two people; what a person of the provider looked at
    needs nobody else; and what the warehouse computes from a system is no second source.
    """
    unmet = telling.unmet(one)
    if unmet in ("", "rule_waived", "subject_in_doubt") or one.row is None or telling.question.in_doubt:
        return None
    mine, value = one.spoken.resource, canonical(one.raw)
    for other in known:
        theirs = other.spoken.resource
        is_another = theirs.system != mine.system and not (theirs.is_derived or mine.is_derived)
        if is_another and canonical(other.raw) == value and not telling.unmet(other):
            return other
    return None


def _contending(answers: Sequence[Said], at: datetime) -> Sequence[Said]:
    """Return the values among which one answers: what does not hold now has no say beside what does."""
    known = [answer for answer in answers if answer.raw is not None]
    return [answer for answer in known if not answer.unheld(at)] or known


def _agreed(
    catalog: Catalog, element: str, known: Sequence[Said], held: Membership, telling: Telling
) -> Said | Fact:
    """Return the answer of the first rank, or `conflict` where equals differ: never a guess."""
    if len(known) == 1:
        return known[0]
    ranks = [answer.rank(catalog, held, telling.question) for answer in known]
    first = min(ranks)
    leading = [answer for answer, rank in zip(known, ranks, strict=True) if rank == first]
    if len(leading) == 1 or len({canonical(answer.raw) for answer in leading}) == 1:
        if not leading[0].spoken.has_middle_levels:
            return min(leading, key=telling.is_late)
        best = min(leading, key=lambda one: (telling.is_late(one), telling.unmet(one) != ""))
        return best._replace(witness=_witness(best, known, telling))
    return Fact(
        element,
        "conflict",
        public={
            "capacities": _unique(code for one in leading for code in held.of(one.spoken.scope, one.key)),
            "sources": _unique(one.spoken.source.resource for one in leading),
        },
    )


def _unique(values: Iterable[str]) -> list[str]:
    return sorted(set(values))
