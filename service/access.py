"""Rights: what a client may ask for today, refused by default (SERVICE §1). Pure functions of the catalog."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from catalogs.derive import is_valid
from catalogs.model import Catalog, Grant
from service.cases import CASE_RULES, Case
from service.problems import Problem
from service.subjects import Closed, Resolved, Text


class Actor(Closed):
    """Who is in front of the screen."""

    user_id: Text = Field(repr=False)
    role: Literal["applicant", "agent", "guardian", "officer"]


def campus_day(catalog: Catalog, at: datetime) -> date:
    """Return the day that it is on the campus, by which grants and documents are valid."""
    return _day(catalog.campus.time_zone, at)


@lru_cache(maxsize=64)  # all questions of a set have one moment
def _day(time_zone: str, at: datetime) -> date:
    return at.astimezone(ZoneInfo(time_zone)).date()


def check_purpose(catalog: Catalog, client_id: str, service_item: str, at: datetime) -> list[Grant]:
    """Return the client's grants for a service item that are valid on the campus's day.

    Raises:
        Problem: PURPOSE_NOT_GRANTED, the same for a service item that does not exist.
    """
    return grants_on(catalog, client_id, service_item, campus_day(catalog, at))


def grants_on(catalog: Catalog, client_id: str, service_item: str, today: date) -> list[Grant]:
    """Return the client's grants for a service item that are valid on a day of the campus.

    Raises:
        Problem: PURPOSE_NOT_GRANTED, the same for a service item that does not exist.
    """
    found = [
        grant
        for grant in catalog.grants_for("service_item", service_item)
        if grant.client == client_id and is_valid(grant.valid_from, grant.valid_to, today)
    ]
    if not found or service_item not in catalog.services:
        detail = "no decided demand covers this service item for this client today"
        raise Problem("PURPOSE_NOT_GRANTED", detail, rule="grant:purpose")
    return found


def check_capacity(catalog: Catalog, capacity: str | None) -> None:
    """Refuse a capacity that is no population.

    Raises:
        Problem: INVALID_PARAMETER.
    """
    if capacity is not None and capacity not in catalog.populations:
        errors = [{"pointer": "/subject/capacity", "code": "unknown"}]
        raise Problem("INVALID_PARAMETER", errors=errors, rule="capacity:known")


def check_elements(
    catalog: Catalog, wanted: Sequence[str], grants: Sequence[Grant], pointer: str = "/elements/{}"
) -> None:
    """Refuse elements that no grant for the purpose covers, naming them; one is enough to refuse all.

    What is no element is pointed at but not repeated: a caller may have written anything there.

    Raises:
        Problem: ELEMENT_NOT_GRANTED; an element that does not exist is not granted either.
    """
    granted = {grant.element for grant in grants}
    missing = [place for place, element in enumerate(wanted) if element not in granted]
    if missing:
        errors = [{"pointer": pointer.format(place), "code": "not_granted"} for place in missing]
        named = ", ".join(sorted({wanted[place] for place in missing if wanted[place] in catalog.elements}))
        detail = f"not granted for this purpose: {named}" if named else "no such element"
        raise Problem("ELEMENT_NOT_GRANTED", detail, errors, rule="grant:element")


def check_actor(actor: Actor, case: Case, subject: Resolved, today: date) -> None:
    """An officer may not handle their own case; an agent must be a party of it who is authorised today.

    Raises:
        Problem: SELF_ACCESS_FORBIDDEN or CASE_NOT_VALID.
    """
    if actor.role == "officer" and any(actor.user_id in numbers for numbers in subject.keys.values()):
        raise Problem("SELF_ACCESS_FORBIDDEN", rule="actor:not_the_subject")
    if actor.role == "guardian" and not any(party.role == "guardian" for party in case.parties):
        raise Problem("CASE_NOT_VALID", "the case names no guardian", rule="case:guardian_is_a_party")
    if actor.role == "agent":
        agents = [party for party in case.parties if party.role == "agent"]
        if not agents:
            raise Problem("CASE_NOT_VALID", "the case names no agent", rule="case:agent_is_a_party")
        if not any(party.is_authorised(today) for party in agents):
            detail = "no agent of the case has an authorisation that holds today"
            raise Problem("CASE_NOT_VALID", detail, rule="case:agent_is_authorised")


def check_party(
    found: Sequence[Resolved], asked: tuple[str, str], parties: Sequence[tuple[str, str]]
) -> Resolved:
    """Return the subject, who must be a party of the case and known.

    Who is no party is refused in the same words, after the same statements, whether anybody is known by the number.

    Args:
        found: what the release knows of the subject, then of each party.
        asked: kind and number of the subject.
        parties: kind and number of each party.

    Raises:
        Problem: CASE_NOT_VALID for one who is no party, SUBJECT_NOT_FOUND for a party whom nobody knows.
    """
    subject = found[0]
    known = subject.subject_id is not None
    if asked not in parties and not (known and subject.subject_id in {one.subject_id for one in found[1:]}):
        raise Problem("CASE_NOT_VALID", CASE_RULES, rule="case:valid", noted="case:subject_is_a_party")
    if not known:
        raise Problem("SUBJECT_NOT_FOUND", "no one is known by this number", rule="subject:known")
    return subject
