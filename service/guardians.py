"""Minors and who acts for them; and that being kin opens nothing (PIPL §31, Civil Code §§19, 20, 27).

Whether somebody is a minor is told by the birth date that the catalog names, in every capacity, the youngest one where
sources differ. Who is under 14 is asked about only by demands whose impact on persons was assessed, and with a guardian
as a party of the case. From 14 on the service item, else the campus, says until when a guardian is needed. Where no
birth date is known and the person may be a pupil, nothing is answered.

Guardianship is a fact where a source has it; where it has none for this child, the service system answers for the paper
that it has seen, and the record says so. Whose guardian somebody was opens nothing once the child is of age: an adult
who is only a related person of the case is asked about by an authorisation of their own.

Whatever does not hold is refused in the words of a case that is not valid, so that nobody learns an age from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from catalogs.model import Catalog, Guardianship, Minors
from service import facts
from service.access import Actor, campus_day
from service.cases import CASE_RULES, Party
from service.facts import Gathered
from service.membership import has_register
from service.problems import Problem
from service.reading import quoted
from service.reads import Reading
from service.state import Current
from service.subjects import Resolved
from service.wanted import Question
from warehouse.identity import DOCUMENT, resident_id_18

CHILD_UNDER, OF_AGE = 14, 18
ON_FILE, ATTESTED = "guardian on file", "guardian attested by the client"
People = Sequence[tuple[Party, Resolved]]


@dataclass(frozen=True)
class Standing:
    """How a subject acts.

    Attributes:
        is_child: under 14: only assessed demands count.
        guardians: the parties whose guardianship holds, one of whom decides for a minor; empty: the person decides.
        noted: for the record: how the guardianship is known; empty where none is needed.
    """

    is_child: bool = False
    guardians: tuple[Party, ...] = ()
    noted: str = ""


_OF_AGE = Standing()


def read_for_us(catalog: Catalog) -> tuple[str, ...]:
    """Return the elements that have to be read to tell a minor."""
    minors = catalog.campus.minors
    return (minors.birth_date,) if minors else ()


async def check(
    con: Reading,
    current: Current,
    people: People,
    actor: Actor,
    subject: Resolved,
    gathered: Gathered,
    service_item: str,
) -> Standing:
    """Return how the subject acts.

    Args:
        con: in the transaction in which the rest was read.
        current: the release.
        people: the case's parties and whom they are.
        actor: who is in front of the screen.
        subject: a known party.
        gathered: what was read of the subject, with `read_for_us`.
        service_item: for which purpose.

    Raises:
        Problem: CASE_NOT_VALID.
    """
    of_age = judged_age(current, people, actor, subject, gathered, service_item)
    if of_age is not None:
        return of_age
    minors = current.catalog.campus.minors
    assert minors is not None
    noted, guardians = await _guardians(con, current, minors, people, subject, gathered.question.at)
    age = _age(minors, gathered, campus_day(current.catalog, gathered.question.at))
    return Standing(age is None or age < CHILD_UNDER, guardians, noted)


def judged_age(
    current: Current, people: People, actor: Actor, subject: Resolved, gathered: Gathered, service_item: str
) -> Standing | None:
    """Return how a subject acts who needs no guardian; None for one who does, whom `check` judges.

    Raises:
        Problem: CASE_NOT_VALID.
    """
    catalog, minors = current.catalog, current.catalog.campus.minors
    today = campus_day(catalog, gathered.question.at)
    age = _age(minors, gathered, today)
    if minors is not None and age is None and _may_be_minor(catalog, subject, gathered):
        raise refused("minor:birth_date_known")
    until = catalog.services[service_item].guardian_until or (minors.guardian_until if minors else 0)
    if minors is not None and age is not None and age < max(until, CHILD_UNDER):
        return None
    _check_of_age(people, actor, subject, today)
    return _OF_AGE


def may_be_child(current: Current, subject: Resolved, gathered: Gathered) -> bool:
    """Whether a subject is under 14, or may be: no birth date is known, and a population may hold children."""
    minors = current.catalog.campus.minors
    if minors is None:
        return False
    age = _age(minors, gathered, campus_day(current.catalog, gathered.question.at))
    return _may_be_minor(current.catalog, subject, gathered) if age is None else age < CHILD_UNDER


def check_assessed(catalog: Catalog, question: Question) -> Question:
    """Return the question about a child, by the grants of assessed demands alone.

    Raises:
        Problem: CASE_NOT_VALID where they do not cover everything that is wanted.
    """
    assessed = [grant for grant in question.grants if _is_assessed(catalog, grant.demand_id)]
    if set(question.elements) - {grant.element for grant in assessed}:
        raise refused("minor:assessed_demand")
    return replace(question, grants=assessed)


def check_decides(actor: Actor, subject: Resolved, standing: Standing) -> Party | None:
    """Let only the person decide for themselves, by a number of their own, or the guardian of a child for the child.

    Returns:
        The guardian; None where the person decides.

    Raises:
        Problem: NOT_PERMITTED for anybody else, agents and officers too, and a guardian of whom that is not known.
    """
    if standing.guardians:
        for party in standing.guardians:
            if actor.role == "guardian" and actor.user_id == party.id:
                return party
    elif actor.role == "applicant" and any(actor.user_id in numbers for numbers in subject.keys.values()):
        return None
    detail = "only the person decides this, under a number of their own, or the guardian of a child"
    raise Problem("NOT_PERMITTED", detail, rule="actor:the_person")


def refused(noted: str) -> Problem:
    """Return the refusal, in the same words whatever is wrong."""
    return Problem("CASE_NOT_VALID", CASE_RULES, rule="case:valid", noted=noted)


def age_on(born: date, day: date) -> int:
    """Return the age in full years (周岁), which is reached on the day after the birthday."""
    had_birthday = (day.month, day.day) > (born.month, born.day)
    return day.year - born.year - (0 if had_birthday else 1)


def _age(minors: Minors | None, gathered: Gathered, today: date) -> int | None:
    """Return the least age that a source's birth date gives; None where none has one."""
    if minors is None:
        return None
    born = [one.date() if isinstance(one, datetime) else one for one in gathered.ours[minors.birth_date]]
    return min((age_on(one, today) for one in born), default=None)


def _may_be_minor(catalog: Catalog, subject: Resolved, gathered: Gathered) -> bool:
    """Whether one of the subject's populations may hold minors; those without a register by who lists the subject."""
    codes = {code for keys in gathered.held.rows.values() for states in keys.values() for code in states}
    for resource in catalog.resources.values():
        if resource.subject and resource.subject.id_type in subject.keys:
            codes |= {code for code in resource.subject.populations if not has_register(catalog, code)}
    return any(catalog.populations[code].may_be_minors for code in codes if code in catalog.populations)


def _check_of_age(people: People, actor: Actor, subject: Resolved, today: date) -> None:
    if actor.role == "guardian":
        raise refused("guardian:of_a_minor")
    own = [party for party, who in people if who.subject_id == subject.subject_id]
    asked = [party for party in own if party.role not in ("guardian", "officer")]
    if all(party.role == "related" for party in asked) and not any(p.is_authorised(today) for p in asked):
        raise refused("related:authorised")


async def _guardians(
    con: Reading, current: Current, minors: Minors, people: People, subject: Resolved, at: datetime
) -> tuple[str, tuple[Party, ...]]:
    """Return how it is known that guardians of the child are parties of the case, and which these are."""
    named = [
        (party, who)
        for party, who in people
        if party.role == "guardian" and (who.subject_id is None or who.subject_id != subject.subject_id)
    ]
    if not named:
        raise refused("minor:guardian_is_a_party")
    on_file = await _on_file(con, current.catalog, minors.guardians, subject)
    today = campus_day(current.catalog, at)
    found = []
    for party, who in named:
        if on_file and minors.guardians:
            is_known = bool(on_file & _numbers(party, who, minors.guardians.id_type))
        else:
            is_known = party.is_authorised(today)
        if is_known and not await _is_minor(con, current, minors, who, at):
            found.append(party)
    if not found:
        raise refused("minor:guardianship")
    return ON_FILE if on_file else ATTESTED, tuple(found)


async def _on_file(con: Reading, catalog: Catalog, given: Guardianship | None, subject: Resolved) -> set[str]:
    """Return the numbers of the child's guardians as the source has them; empty where it has none."""
    if given is None:
        return set()
    resource = catalog.resources[given.resource]
    assert resource.subject is not None  # rule R07
    own = subject.keys.get(resource.subject.id_type)
    if not own:
        return set()
    rows = await con.fetch(
        f"SELECT {quoted(given.item)}::text AS guardian FROM raw.{quoted(resource.table)}"
        f" WHERE {quoted(resource.subject.key)}::text = ANY ($1::text[]) AND {quoted(given.item)} IS NOT NULL"
        " AND _state = 'reported'",
        list(own),
    )
    return {_folded(given.id_type, row["guardian"]) for row in rows}


def _numbers(party: Party, who: Resolved, id_type: str) -> set[str]:
    """Return the numbers of one kind by which a party is known."""
    kind, number = party.key()
    own = {number} if kind == id_type else set()
    return {_folded(id_type, one) for one in (*own, *who.keys.get(id_type, ()))}


def _folded(id_type: str, number: str) -> str:
    return resident_id_18(number) if id_type.startswith(DOCUMENT) else number


async def _is_minor(con: Reading, current: Current, minors: Minors, who: Resolved, at: datetime) -> bool:
    """Whether somebody is known to be under 18; whom no register knows is not."""
    if who.subject_id is None:
        return False
    question = Question(who.keys, False, None, (), (), at, for_us=(minors.birth_date,))
    age = _age(minors, await facts.gather(con, current, question), campus_day(current.catalog, at))
    return age is not None and age < OF_AGE


def _is_assessed(catalog: Catalog, demand_id: str) -> bool:
    demand = catalog.demands.get(demand_id)
    return demand is not None and demand.is_assessed
