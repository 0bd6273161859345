"""Proposals that service systems make: what they may see of them, and how a wish is checked and recorded.

A proposal over HTTP is one like any other (`warehouse.catalog_changes`): checked as a whole, explained, decided by
posts. The client is its author. It sees its own, may withdraw them, and never decides: the database's rules for the
service's role see to that. Reading a catalog takes a second or more of a processor: one wish at a time, in a thread.
"""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any, TypeVar

import psycopg
from pydantic import AfterValidator, Field, StringConstraints

from catalogs.changes.deciding import Waiting
from catalogs.changes.edits import Edit
from catalogs.changes.paths import same
from catalogs.changes.proposing import Prepared
from catalogs.changes.telling import as_data, edit_data
from catalogs.faults import CatalogError, Fault
from catalogs.forms.reading import read_workbook
from catalogs.forms.sheets import SheetFault
from catalogs.model import Catalog
from catalogs.rules import ERROR
from connectors.duck import PgParams
from service.problems import Problem
from service.subjects import WITHOUT_NUL, Closed
from service.tokens import Client
from warehouse import proposals
from warehouse.catalog_changes import Hindered, InUse, hand_in, look, today
from warehouse.connect import session_options
from warehouse.proposals import Event, Proposal, ProposalError, Wish

AUTHOR = "client:"
_HUMP = re.compile(r"(?=[A-Z])")
_CAMEL = re.compile(r"[a-z]+([A-Z][a-z]+)*")
_LONG = 2000
_SHOWN_FAULTS = 200
_EVERY_STATE = (
    *proposals.OPEN, proposals.EFFECTIVE, proposals.WITHDRAWN, proposals.REFUSED, proposals.SUPERSEDED,
)  # fmt: skip
_RIGHT = "SELECT may_propose FROM service.client WHERE client_id = %s"

Title = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=WITHOUT_NUL)]
Reason = Annotated[str, StringConstraints(max_length=_LONG, pattern=WITHOUT_NUL)]
_ContentFile = Annotated[
    str, StringConstraints(max_length=200, pattern=r"^[a-z][A-Za-z0-9_./-]*\.(yaml|csv)$")
]
T = TypeVar("T")


def _without_nul(value: Any) -> Any:
    if "\\u0000" in json.dumps(value):
        raise ValueError("a text holds the character U+0000")
    return value


class EditIn(Closed):
    """One field that is to change (`yici catalog diff --json` shows edits in the same form)."""

    file: _ContentFile
    entry: str = Field(
        "", max_length=200, pattern=WITHOUT_NUL, description="Code of the entry, in a file of several"
    )
    field: str = Field(
        "", max_length=_LONG, pattern=WITHOUT_NUL, description="Address in the entry; empty: the whole entry"
    )
    old: Annotated[Any, AfterValidator(_without_nul)] = Field(
        None, description="What stands there now; null: nothing"
    )
    new: Annotated[Any, AfterValidator(_without_nul)] = Field(
        None, description="What shall stand there; null: nothing"
    )


class NewProposal(Closed):
    """`POST /v1/catalog/proposals` as JSON."""

    title: Title
    reason: Reason = ""
    effective_on: date | None = Field(None, description="Holds from this day; else as soon as it is decided")
    edits: list[EditIn] = Field(min_length=1, max_length=500)


class Withdrawal(Closed):
    """`POST /v1/catalog/proposals/{id}:withdraw`."""

    reason: Reason = ""


class Proposing:
    """The proposals of this worker's clients."""

    def __init__(self, warehouse: PgParams) -> None:
        """Open the counter.

        Args:
            warehouse: where it is, and the service's own role.
        """
        self._warehouse = warehouse
        self._one_at_a_time = asyncio.Lock()

    async def check_right(self, client: Client) -> None:
        """Refuse a client that the data office has not let propose.

        Raises:
            Problem: NOT_PERMITTED.
        """
        await self._do(client, lambda con: None)

    async def propose(
        self, client: Client, wish: Wish, source: Sequence[EditIn] | tuple[str, bytes]
    ) -> dict[str, Any]:
        """Check a wish, record it as a proposal, and say what it means.

        Args:
            client: who proposes.
            wish: title, reason and day.
            source: the edits, or a workbook's name and bytes.

        Raises:
            Problem: NOT_PERMITTED, PROPOSAL_FAULTY with every fault and its place, NO_RELEASE before the first version.
        """
        async with self._one_at_a_time:
            return await self._do(client, lambda con: _propose(con, wish, source))

    async def own(self, client: Client) -> list[dict[str, Any]]:
        """Return the client's proposals, newest first."""

        def read(con: psycopg.Connection) -> list[dict[str, Any]]:
            found = [one for one in proposals.listed(con, _EVERY_STATE) if one.author == author_of(client)]
            catalog = _in_use(con).catalog
            return [about(one, catalog) for one in reversed(found)]

        return await self._do(client, read)

    async def one(self, client: Client, number: int) -> dict[str, Any]:
        """Return one of the client's proposals: its edits, what they meant when it was made, what happened since.

        Raises:
            Problem: NOT_FOUND, also if it is another's.
        """

        def read(con: psycopg.Connection) -> dict[str, Any]:
            found = _own(con, client, number)
            return about(found, _in_use(con).catalog) | {
                "edits": [edit_data(edit) for edit in found.edits],
                "consequences": _snaked(dict(found.told)),
                "events": [_event(event) for event in found.events],
            }

        return await self._do(client, read)

    async def withdraw(self, client: Client, number: int, reason: str) -> dict[str, Any]:
        """Withdraw one of the client's proposals.

        Raises:
            Problem: NOT_FOUND, also if it is another's; PROPOSAL_CLOSED.
        """

        def do(con: psycopg.Connection) -> dict[str, Any]:
            _own(con, client, number)
            catalog = _in_use(con).catalog
            try:
                gone = proposals.withdraw(con, number, author_of(client), client.name, reason, today(catalog))
            except ProposalError as error:
                raise Problem("PROPOSAL_CLOSED", str(error)) from None
            return about(gone, catalog)

        return await self._do(client, do)

    async def _do(self, client: Client, work: Callable[[psycopg.Connection], T]) -> T:
        """Do something in a thread, signed in as the service, for a client that may propose."""

        def do() -> T:
            at = self._warehouse
            with psycopg.connect(
                host=at.host,
                port=at.port,
                dbname=at.dbname,
                user=at.user,
                password=at.password,
                application_name="yici-service",
                options=session_options(at),
                connect_timeout=5,
                autocommit=True,
            ) as con:
                row = con.execute(_RIGHT, [client.client_id]).fetchone()
                if row is None or not row[0]:
                    raise Problem("NOT_PERMITTED", rule="proposal:client_is_trusted")
                return work(con)

        try:
            return await asyncio.to_thread(do)
        except psycopg.OperationalError:
            raise Problem("SOURCE_UNAVAILABLE") from None


def author_of(client: Client) -> str:
    """Return the author that a client's proposals have: no post, so no step of a decision is its own."""
    return f"{AUTHOR}{client.client_id}"


def about(proposal: Proposal, catalog: Catalog) -> dict[str, Any]:
    """Return a proposal as its author sees it: no person is named, only posts."""
    waiting: Sequence[Waiting] = ()
    if proposal.state == proposals.PROPOSED:
        waiting = proposal.standing(today(catalog), catalog.calendar).waiting
    return {
        "id": proposal.number,
        "state": proposal.state,
        "title": proposal.title,
        "author": proposal.author,
        "reason": proposal.reason,
        "source": proposal.source,
        "base": proposal.base,
        "effective_on": proposal.effective_on and proposal.effective_on.isoformat(),
        "proposed_at": proposal.at.isoformat(),
        "notes": list(proposal.notes),
        "waits_for": [
            {
                "posts": list(one.posts),
                "act": one.step.act,
                "track": one.step.track,
                "due_on": one.due_on.isoformat(),
            }
            for one in waiting
        ],
    }


# --- how ---


def _in_use(con: psycopg.Connection) -> InUse:
    found = look(con, strict=False)
    if found is None:
        raise Problem("NO_RELEASE", "the catalog has no published version yet")
    return found


def _own(con: psycopg.Connection, client: Client, number: int) -> Proposal:
    try:
        found = proposals.one(con, number)
    except ProposalError:
        raise Problem("NOT_FOUND") from None
    if found.author != author_of(client):
        raise Problem("NOT_FOUND", noted="proposal_of_another")
    return found


def _propose(
    con: psycopg.Connection, wish: Wish, source: Sequence[EditIn] | tuple[str, bytes]
) -> dict[str, Any]:
    in_use = _in_use(con)
    if isinstance(source, tuple):
        edits, places = _read(in_use.catalog, *source), {}
    else:
        edits = tuple(Edit(one.file, one.entry, one.field, one.old, one.new) for one in source)
        places = {edit.place: f"/edits/{number}" for number, edit in enumerate(edits)}
    try:
        changing = [edit for edit in edits if not same(edit.old, edit.new)]
        proposal, prepared = hand_in(con, in_use, wish, changing)
    except Hindered as error:
        raise _faulty(_hindrances(error.prepared, places)) from None
    except CatalogError as error:
        raise _faulty([_fault(one) for one in error.faults]) from None
    except ProposalError as error:
        raise _faulty([{"pointer": "/", "code": "NOTHING_DIFFERS", "detail": str(error)}]) from None
    except psycopg.errors.InsufficientPrivilege:
        raise Problem("NOT_PERMITTED", rule="proposal:somebody_decides") from None
    return about(proposal, in_use.catalog) | {
        "edits": [edit_data(edit) for edit in prepared.edits],
        "consequences": _snaked(as_data(prepared.told)) if prepared.told else None,
        "warnings": [_fault(one) for one in prepared.faults if one.severity != ERROR],
    }


def _read(catalog: Catalog, name: str, content: bytes) -> tuple[Edit, ...]:
    reading = read_workbook(content, name, catalog)
    if reading.faults:
        raise _faulty([_sheet_fault(one) for one in reading.faults])
    return reading.edits


def _faulty(errors: list[dict[str, str]]) -> Problem:
    told = f"{len(errors)} fault{'s' if len(errors) != 1 else ''}; nothing was recorded"
    return Problem("PROPOSAL_FAULTY", told, errors[:_SHOWN_FAULTS])


def _hindrances(prepared: Prepared, places: dict[str, str]) -> list[dict[str, str]]:
    conflicts = [
        {
            "pointer": places.get(one.edit.place, one.edit.place),
            "code": "CONFLICT",
            "detail": f"{one.edit.place}: {one.why}",
        }
        for one in prepared.conflicts
    ]
    faults = [_fault(one) for one in prepared.faults if one.severity == ERROR]
    missing = prepared.route.missing if prepared.route else ()
    return [
        *conflicts,
        *faults,
        *({"pointer": "/", "code": "UNDECIDABLE", "detail": text} for text in missing),
    ]


def _fault(fault: Fault) -> dict[str, str]:
    return {
        "pointer": f"{fault.file}:{fault.line}",
        "code": fault.rule,
        "detail": f"{fault.what} – {fault.why}",
        "mend": fault.mend,
    }


def _sheet_fault(fault: SheetFault) -> dict[str, str]:
    return {
        "pointer": fault.place or "/",
        "code": "CELL" if fault.row else "WORKBOOK",
        "detail": f"{fault.what}: expected {fault.expected}",
        "mend": fault.mend,
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(),
        "event": event.event,
        "post": event.post,
        "opinion": event.opinion,
    }


def _snaked(value: Any) -> Any:
    """Return plain data with its keys as this API spells them; codes that are keys stay as they are."""
    if isinstance(value, dict):
        return {
            _HUMP.sub("_", key).lower() if _CAMEL.fullmatch(key) else key: _snaked(one)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_snaked(one) for one in value]
    return value
