"""A case at a window, as the service answers about it: the clerk's question, its applicant, and reads of its case."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import Field

from service.access import Actor
from service.cases import Case, Party
from service.queries import PrefillQuery, SubjectIn
from service.reads import Reads
from service.subjects import Closed, Text

_APPLICANT = "applicant"


class AtWindow(Closed):
    """Which case a clerk has in front of them."""

    case: Text = Field(description="Number of the case: ours, or the service system's own", repr=False)
    clerk: Text = Field(
        description="The clerk's number, of the kind by which posts.csv names holders", repr=False
    )


class WindowQuery(AtWindow):
    """`POST /v1/window:prefill`."""

    capacity: Text | None = Field(None, description="Code of a population")


class OfCase(Reads):
    """Reads of a question about a case that was found before."""

    def __init__(self, pool: asyncpg.Pool, row: Mapping[str, Any]) -> None:
        super().__init__(pool)
        self._row = row

    async def case(self, client_id: str, case_id: UUID) -> Mapping[str, Any] | None:
        """Return the case."""
        return self._row


def applicant(case: Case) -> Party | None:
    """Return whom a case at a window is about; None where nobody is named."""
    return next((one for one in case.parties if one.role == _APPLICANT), None)


def query_of(row: Mapping[str, Any], party: Party, clerk: str, capacity: str | None) -> PrefillQuery:
    """Return what a clerk asks about the applicant of a case."""
    return PrefillQuery(
        subject=SubjectIn(id_type=party.id_type, id=party.id, country=party.country, capacity=capacity),
        case_id=row["id"],
        actor=Actor(user_id=clerk, role="officer"),
    )
