"""Who may have which certificate: a person about themselves, a service system for a case. Refused by default.

A person gets what they may see themselves, in one capacity that they hold now; a service system what its grants cover,
for a party of a registered case, by the same checks as any question. What is read is the published release and nothing
else: a source that is asked live certifies nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import Field

from catalogs.model import Catalog, Grant
from catalogs.model_certificates import SELF, SYSTEM, CertificateKind
from service import access, certificates, facts, queries
from service import certificate_content as contents
from service.api_me import SELF as LOGIN
from service.api_me import known_number, one_person
from service.certificates import Order, Ordered
from service.decisions import Deciding, Surroundings
from service.facts import Gathered
from service.membership import CURRENT
from service.problems import Problem
from service.queries import CaseQuery, PrefillQuery
from service.reads import Reading
from service.state import Current
from service.subjects import Resolved, Text
from service.terms import terms_of
from service.tokens import Client
from service.wanted import Question

_VIEWS = ("full", "masked")


class OwnOrder(Order):
    """`POST /v1/me/certificates`."""

    capacity: Text | None = Field(None, description="Population in which one gets it, where one has several")


class CaseOrder(Order, CaseQuery):
    """`POST /v1/certificates`."""

    service_item: Text


async def of_person(
    around: Surroundings, current: Current, order: OwnOrder, whom: list[tuple[str, str]], at: datetime
) -> Ordered:
    """Return what is certified about the person who is logged in.

    Args:
        around: the running service.
        current: the release.
        order: what they ask for.
        whom: every number that the login says of them.
        at: the moment of the request.

    Raises:
        Problem: SUBJECT_NOT_FOUND, NOT_PERMITTED, INVALID_PARAMETER, CERTIFICATE_REFUSED.
    """
    catalog = current.catalog
    kind = certificates.check_order(catalog, order, SELF)
    async with around.reads.at(current.release) as reading:
        subject = one_person(await reading.resolve(catalog, whom, at))
        capacity, gathered = await _in_capacity(reading, current, kind, subject, order.capacity, at)
    known = facts.settle(current, gathered, {})
    values = contents.values_of(catalog, around.keys, kind, known, access.campus_day(catalog, at))
    return Ordered(kind, order, known_number(whom, subject), capacity, values, LOGIN)


async def refused_now(
    around: Surroundings,
    current: Current,
    kinds: Sequence[CertificateKind],
    whom: list[tuple[str, str]],
    at: datetime,
) -> dict[str, list[dict[str, str]]]:
    """Return kind → why the person who is logged in would be refused it now; empty where nothing is in the way.

    Args:
        around, current, whom, at: as of `of_person`.
        kinds: that people ask for themselves.

    Raises:
        Problem: SUBJECT_NOT_FOUND, SUBJECT_AMBIGUOUS.
    """
    catalog, today = current.catalog, access.campus_day(current.catalog, at)
    refused: dict[str, list[dict[str, str]]] = {kind.code: [] for kind in kinds}
    read: list[tuple[CertificateKind, Gathered]] = []
    async with around.reads.at(current.release) as reading:
        subject = one_person(await reading.resolve(catalog, whom, at))
        for kind in kinds:
            try:
                read.append((kind, (await _in_capacity(reading, current, kind, subject, None, at))[1]))
            except Problem as problem:
                # Of somebody who has several capacities it depends on the one that they choose.
                if problem.code not in ("CERTIFICATE_REFUSED", "INVALID_PARAMETER"):
                    raise
                if problem.code == "CERTIFICATE_REFUSED":
                    refused[kind.code] = problem.errors
    for kind, gathered in read:
        refused[kind.code] = contents.shortfalls(catalog, kind, facts.settle(current, gathered, {}), today)
    return refused


async def _in_capacity(
    reading: Reading,
    current: Current,
    kind: CertificateKind,
    subject: Resolved,
    wanted: str | None,
    at: datetime,
) -> tuple[str, Gathered]:
    """Return in which capacity the person gets a certificate, and what is read of them in it."""
    anyhow = await _gathered(reading, current, kind, subject, None, at)
    capacity = _capacity_held(current.catalog, kind, anyhow, wanted)
    return capacity, await _gathered(reading, current, kind, subject, capacity, at)


async def _gathered(
    reading: Reading,
    current: Current,
    kind: CertificateKind,
    subject: Resolved,
    capacity: str | None,
    at: datetime,
) -> Gathered:
    question = Question(
        keys=subject.keys,
        in_doubt=subject.in_doubt,
        capacity=capacity,
        grants=_own_rights(current.catalog, kind, subject),
        elements=kind.elements,
        at=at,
        max_age=_max_age(kind),
        disputed=subject.disputed,
    )
    return await facts.gather(reading, current, question)


def _own_rights(catalog: Catalog, kind: CertificateKind, subject: Resolved) -> list[Grant]:
    """Return what the person may see of what a kind states, as grants."""
    rights = []
    for code in kind.elements:
        for source in catalog.sources_of(code):
            item = catalog.resources[source.resource].item(source.item)
            if source.id_type not in subject.keys or catalog.is_asked(source.resource):
                continue
            if item.subject_view in _VIEWS:
                mask = (catalog.elements[code].mask or "hide") if item.subject_view == "masked" else ""
                rights.append(
                    Grant(
                        "", "", "", code, source.resource, source.item, "", mask, "own_data", None, None, ""
                    )
                )
    return rights


def _capacity_held(catalog: Catalog, kind: CertificateKind, gathered: Gathered, wanted: str | None) -> str:
    """Return the population in which the person gets a certificate.

    Several that one row of a register makes somebody a member of (an undergraduate from Hong Kong) say the same of the
    person: the first by precedence is taken. Where different rows do (two programmes), nobody can know which is meant.
    """
    rows: dict[str, set[tuple[str, str]]] = {}
    for id_type, keys in gathered.held.rows.items():
        for key, states in keys.items():
            for population, state in states.items():
                if state == CURRENT:
                    rows.setdefault(population, set()).add((id_type, key))
    fitting = [one for one in kind.populations if one in rows and wanted in (None, one)]
    if not fitting:
        errors = [{"pointer": "/capacity", "code": "not_a_member"}]
        raise Problem("CERTIFICATE_REFUSED", "not for this person", errors, rule="certificate:population")
    if len(set().union(*(rows[one] for one in fitting))) == 1:
        return min(fitting, key=lambda one: catalog.populations[one].precedence)
    return fitting[0] if len(fitting) == 1 else certificates.check_capacity(kind, wanted, "/capacity")


async def of_case(
    around: Surroundings, client: Client, current: Current, order: CaseOrder, one: Deciding, at: datetime
) -> Ordered:
    """Return what is certified about a party of a case.

    Args:
        around: the running service.
        client: the service system.
        current: the release.
        order: what it asks for.
        one: the decision under way.
        at: the moment of the request.

    Raises:
        Problem: as for a question, and INVALID_PARAMETER, CERTIFICATE_REFUSED.
    """
    catalog = current.catalog
    access.check_purpose(catalog, client.client_id, order.service_item, at)
    kind = certificates.check_order(catalog, order, SYSTEM)
    one.learn(elements=kind.elements)
    capacity = certificates.check_capacity(kind, order.subject.capacity, "/subject/capacity")
    terms = terms_of(catalog, client.client_id, order.service_item, kind.elements, at)
    stored = tuple(grant for grant in terms.grants if not catalog.is_asked(grant.resource))
    query = PrefillQuery.model_construct(
        subject=order.subject.model_copy(update={"capacity": capacity}),
        case_id=order.case_id,
        actor=order.actor,
        max_age=_max_age(kind),
    )
    _, known, _ = await queries.found(around, client, current, query, replace(terms, grants=stored), one, at)
    values = contents.values_of(catalog, around.keys, kind, known, access.campus_day(catalog, at))
    return Ordered(kind, order, order.subject.key(), capacity, values, client.client_id, str(order.case_id))


def _max_age(kind: CertificateKind) -> timedelta | None:
    return None if kind.max_age_days is None else timedelta(days=kind.max_age_days)
