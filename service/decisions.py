"""A decision from its beginning to its entry in the record; refused by default.

Whatever is decided is on record before it leaves: what is allowed, refused, or failed at. If it cannot be recorded, the
caller learns only that.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import asyncpg
import structlog

from service.claims import Turns
from service.client_keys import ClientKeys
from service.configuration import Configuration
from service.keys import Keys
from service.lists import Lists
from service.login import Login
from service.lookups import Lookups
from service.problems import Problem
from service.quotas import Quotas
from service.reads import Reads
from service.record import Decision, Recording
from service.state import State
from service.tokens import Client, Proven
from service.transactions import DATABASE_ERRORS, failed

_log = structlog.get_logger("yici.service")
# What is refused before anything is decided: to record it would let a flood of requests fill the record.
_NO_DECISION = ("AUDIT_UNAVAILABLE", "QUOTA_EXCEEDED")


@dataclass(frozen=True)
class Surroundings:
    """What answering needs of the running service."""

    pool: asyncpg.Pool
    keys: Keys
    state: State
    recorder: Recording
    quotas: Quotas
    configuration: Configuration
    lookups: Lookups
    lists: Lists
    login: Login
    reads: Reads
    client_keys: ClientKeys = field(default_factory=ClientKeys)
    proven: Proven = field(default_factory=Proven)
    turns: Turns = field(default_factory=Turns)


@dataclass
class Deciding:
    """A decision under way: what will stand on record about it, and whether it does already.

    Attributes:
        begun: what was known of it at first.
        also: what the record says beside the rule by which something was allowed.
    """

    begun: Decision
    asked: Any
    is_recorded: bool = False
    also: list[str] = field(default_factory=list)
    _learnt: dict[str, Any] = field(default_factory=dict)

    @property
    def decision(self) -> Decision:
        """What is known of it now."""
        return replace(self.begun, **self._learnt) if self._learnt else self.begun

    def learn(self, **fields: Any) -> None:
        """Add what has become known."""
        self._learnt |= fields


@contextlib.asynccontextmanager
async def deciding(
    around: Surroundings, decision: Decision, asked: Any, at: datetime
) -> AsyncIterator[Deciding]:
    """Record what the block refuses or fails at before that leaves; the block records what it allows.

    Raises:
        Problem: what the block raised, or AUDIT_UNAVAILABLE if that could not be recorded.
    """
    open_one = Deciding(decision, asked)
    try:
        yield open_one
    except Problem as problem:
        if problem.code in _NO_DECISION:
            open_one.is_recorded = True
        if not open_one.is_recorded:
            outcome = "failed" if problem.kind.fault == "us" else "refused"
            await note(around, open_one, outcome, problem.code, problem.noted, at)
            problem.transaction_id = str(decision.transaction_id)
        raise
    except DATABASE_ERRORS as error:
        _log.error("the warehouse did not answer", error=type(error).__name__)
        told = failed(error)
        if not open_one.is_recorded:
            await note(around, open_one, "failed", told.code, told.noted, at)
            told.transaction_id = str(decision.transaction_id)
        raise told from None
    finally:
        if not open_one.is_recorded:
            with contextlib.suppress(Problem):
                await note(around, open_one, "failed", "INTERNAL", "internal", at)


async def note(around: Surroundings, one: Deciding, outcome: str, code: str, rule: str, at: datetime) -> None:
    """Record that a decision under way ends without an answer.

    Raises:
        Problem: AUDIT_UNAVAILABLE.
    """
    one.is_recorded = True
    one.learn(outcome=outcome, code=code, rule=rule)
    await around.recorder.append(one.decision, one.asked, {"code": code}, at)


async def allow(around: Surroundings, one: Deciding, answer: Any, at: datetime, rule: str = "granted") -> str:
    """Record an answer and return its receipt.

    Args:
        around: the running service.
        one: the decision under way.
        answer: the answer without its receipt.
        at: the moment of the decision.
        rule: by which rule, in the record's words.

    Raises:
        Problem: AUDIT_UNAVAILABLE.
    """
    one.is_recorded = True
    one.learn(outcome="allowed", code="OK", rule="; ".join([rule, *one.also]))
    return await around.recorder.append(one.decision, one.asked, answer, at)


def decision_of(client: Client, action: str, release: int | None = None) -> Decision:
    """Return what is known of a decision when a client is known."""
    return Decision(uuid4(), action, client.client_id, client.unit, client.name, release=release)
