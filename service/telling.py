"""What sources say, told as facts: value, age, how far it is verified, and the digest of the evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from catalogs.model import Catalog
from service import validity
from service.lookups import Told
from service.membership import Membership
from service.reading import Row, ordering
from service.state import SourceState
from service.values import canonical, digest_of, shown
from service.wanted import Question, Spoken

# How far a value is verified, the strongest first; `self_declared` is `service.declared`'s.
AUTHORITATIVE, OFFICER_VERIFIED = "authoritative", "officer_verified"
CROSS_CHECKED, SYSTEM_VERIFIED = "cross_checked", "system_verified"
_WAIVED = "released"  # a person's word stands in for a rule that the row breaks
_GONE = {"absent": "no_longer_reported", "former": "no_longer_reported", "refused": "row_refused"}


@dataclass(frozen=True)
class Fact:
    """One answered element. `raw` is the unmasked value: it stays in the process and decides predicates."""

    element: str
    status: str
    raw: Any = field(default=None, repr=False)
    code: Any = field(default=None, repr=False)
    public: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """What leaves the service."""
        return {"status": self.status, **self.public}

    @property
    def is_verified(self) -> bool:
        """Whether all of QUALITY's conditions hold, so that it may stand in for a document."""
        return self.status == "available" and self.public["verification"]["level"] == AUTHORITATIVE


class Said(NamedTuple):
    """What one source says of one element, not yet made a fact.

    Attributes:
        key: the natural key that it says it under.
        raw: the value; None where it has none.
        row: where it stands; None for what was asked live.
        heard: what came of asking.
        witness: what another system says, where that bears out a value that something else speaks against.
    """

    spoken: Spoken
    key: str
    raw: Any
    row: Row | None
    heard: Told | None = None
    witness: "Said | None" = None

    def __repr__(self) -> str:
        return f"Said({self.spoken.source.element})"

    def rank(self, catalog: Catalog, held: Membership, question: Question) -> tuple[int, int]:
        """Return how early it answers."""
        return held.rank(catalog, self.spoken.scope, self.key, question.capacity)

    @property
    def bounds(self) -> tuple[validity.Bound, validity.Bound]:
        """From when until when it holds by its source's own dates; several values in one list have no such dates."""
        bounded = self.spoken.item.validity
        items = self.row.items if self.row else self.heard.values if self.heard else None
        if bounded is None or items is None or self.spoken.source.many:
            return None, None
        return validity.bounds(bounded, items)

    @property
    def is_plain(self) -> bool:
        """Whether what is told beside its value is the same for every row of the same extracts."""
        return self.row is not None and self.spoken.item.validity is None and self.witness is None

    def unheld(self, at: datetime) -> str:
        """Return why it does not hold at a moment; empty if it does."""
        return validity.unmet(*self.bounds, at, self.spoken.zone) if self.spoken.item.validity else ""

    def shown(self) -> tuple[Any, Any]:
        """Return value and standard code, unmasked."""
        return shown(self.raw, self.spoken.item, self.spoken.table)

    def digest(self, record_key: bytes) -> str:
        """Return the digest of evidence, over resource, key, item and value."""
        spoken = self.spoken
        return digest_of(record_key, f"{spoken.head}{canonical(self.key)}{spoken.tail}{canonical(self.raw)}")


def speaking_rows(
    one: Spoken, rows: Sequence[Row], held: Membership, capacity: str | None, at: datetime
) -> Sequence[Row]:
    """Return the rows of a source that may speak in a capacity; those that hold at the moment come before others."""
    source, bounded = one.source, one.item.validity
    mine = [row for row in rows if held.admits(one.scope, row.key, capacity)]
    if source.pick:
        mine = [row for row in mine if row.passes(source.pick)]
    if bounded is not None:
        holding = [
            row for row in mine if not validity.unmet(*validity.bounds(bounded, row.items), at, one.zone)
        ]
        mine = holding if holding or source.many else mine
    if source.pick and len(mine) > 1 and not source.many:
        mine = row_order(mine, source.pick.order_by)[:1]
    return mine


def listed(one: Spoken, mine: Sequence[Row]) -> Said:
    """Return all values of a source in one list (`many`), which is as old as the oldest of its rows."""
    assert one.state is not None
    state, name = one.state, one.source.item
    oldest = min(mine, key=lambda row: _confirmed(row, state))
    return Said(
        one, oldest.key, [row.items[name] for row in mine if row.items[name] is not None] or None, oldest
    )


def row_order(rows: Sequence[Row], order_by: str) -> list[Row]:
    """Return the rows in the order that a contract names (`item desc, item`); missing values come last."""
    ordered = list(rows)
    for name, is_desc in reversed(ordering(order_by)):
        known = [(row.items[name], row) for row in ordered if row.items[name] is not None]
        unknown = [row for row in ordered if row.items[name] is None]
        known.sort(key=itemgetter(0), reverse=is_desc)
        ordered = [row for _, row in known] + unknown
    return ordered


def _confirmed(row: Row, state: SourceState) -> datetime:
    """When an admitted extract last covered the row (ARCHITECTURE §4a, Age)."""
    if row.state in ("reported", _WAIVED) and state.confirmed_at is not None:
        return max(state.confirmed_at, row.updated_at)
    return row.last_reported_at or row.updated_at


class Telling:
    """Makes facts of what sources say to one question; what all values of a row have in common is worked out once."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self._rows: dict[int, tuple[bool, int, Mapping[str, Any], Mapping[str, Any]]] = {}

    def fact(self, one: Said | Fact) -> Fact:
        """Return what one source says as a fact; what is one already stays as it is."""
        if isinstance(one, Fact):
            return one
        fact = self._heard(one) if one.row is None else self._read(one, one.row)
        is_disputed = fact.element in self.question.disputed and fact.status in ("available", "stale")
        return _disputed(fact) if is_disputed else fact

    def is_late(self, one: Said) -> bool:
        """Whether the source no longer vouches for it."""
        row = one.row
        return row is not None and (self._rows.get(id(row)) or self._row(one.spoken, row))[0]

    def unmet(self, one: Said) -> str:
        """Return the first condition of a verified fact that does not hold; empty if all do."""
        row = one.row
        if row is None:
            return "subject_in_doubt" if self.question.in_doubt else ""
        return (self._rows.get(id(row)) or self._row(one.spoken, row))[3]["unmet"] or ""

    def _read(self, one: Said, row: Row) -> Fact:
        is_late, extract, provenance, verification = self._rows.get(id(row)) or self._row(one.spoken, row)
        evidence = [self._evidence(one, extract)]
        if one.witness is not None:
            verification = {**verification, "level": CROSS_CHECKED}
            evidence.append(self._evidence_of(one.witness))
        if one.spoken.item.validity is not None:
            is_late, provenance, verification = self._bounded(one, is_late, provenance, verification)
        proven = {**provenance, "verification": {**verification, "evidence": evidence}}
        return _fact(one, is_late, proven)

    def _evidence(self, one: Said, extract: int | None) -> dict[str, Any]:
        digest = one.digest(self.question.record_key)
        return {"source": one.spoken.resource.name, "extract_id": extract, "record_hash": digest}

    def _evidence_of(self, one: Said) -> dict[str, Any]:
        """Return where a value stands, or what number the source gave its answer."""
        if one.heard is not None:
            return {**self._evidence(one, None), "serial": one.heard.evidence}
        assert one.row is not None
        return self._evidence(one, (self._rows.get(id(one.row)) or self._row(one.spoken, one.row))[1])

    def _heard(self, one: Said) -> Fact:
        spoken, question, heard = one.spoken, self.question, one.heard
        assert heard is not None
        provenance, verification = _verified(
            None, spoken.resource.provider, heard.at, question.at, spoken.promise, self.unmet(one)
        )
        is_late, provenance, verification = self._bounded(one, False, provenance, verification)
        proven = {**provenance, "verification": {**verification, "evidence": [self._evidence_of(one)]}}
        return _fact(one, is_late, proven)

    def _bounded(
        self, one: Said, is_late: bool, provenance: Mapping[str, Any], verification: Mapping[str, Any]
    ) -> tuple[bool, Mapping[str, Any], Mapping[str, Any]]:
        """Add from when until when a value holds; one that does not hold now is told as late, and as why."""
        since, until = one.bounds
        provenance = {
            **provenance,
            "valid_from": since and since.isoformat(),
            "valid_until": until and until.isoformat(),
        }
        if unheld := one.unheld(self.question.at):
            provenance["reason"] = unheld
            verification = {**verification, "level": SYSTEM_VERIFIED, "unmet": unheld}
        return is_late or bool(unheld), provenance, verification

    def _row(self, one: Spoken, row: Row) -> tuple[bool, int, Mapping[str, Any], Mapping[str, Any]]:
        question, state = self.question, one.state
        assert state is not None
        confirmed = _confirmed(row, state)
        promise = one.promise if question.max_age is None else min(one.promise, question.max_age)
        is_old = question.at - confirmed > promise
        late = _GONE.get(row.state) or ("older_than_promised" if is_old else "")
        unmet = (
            late
            or ("rule_waived" if row.state == _WAIVED else "")
            or ("check_failed" if state.failed_checks else "")
            or ("subject_in_doubt" if question.in_doubt else "")
        )
        # A person of the provider looked at this very row, and only the rule that they waived speaks against it.
        is_confirmed = unmet == "rule_waived" and not (state.failed_checks or question.in_doubt)
        is_confirmed = is_confirmed and one.has_middle_levels
        provider = one.resource.provider
        provenance, verification = _verified(
            row.updated_at, provider, confirmed, question.at, promise, unmet, is_confirmed
        )
        extract = state.extract_id if row.state == "reported" else row.last_extract
        # Every row belongs to one resource, and lives as long as this object.
        found = self._rows[id(row)] = (bool(late), extract or row.extract, provenance, verification)
        return found


def _disputed(fact: Fact) -> Fact:
    """Return a known fact as one whose correction is under way: it is shown, and stands in for nothing."""
    verification = {**fact.public["verification"], "level": SYSTEM_VERIFIED, "unmet": "in_dispute"}
    public = {**fact.public, "verification": verification, "reason": "in_dispute"}
    return replace(fact, status="in_dispute", public=public)


def _fact(one: Said, is_late: bool, provenance: Mapping[str, Any]) -> Fact:
    spoken = one.spoken
    value, code = one.shown()
    told_value, told_code = spoken.masked(value, code)
    public = {
        "value": told_value,
        "code": told_code,
        "code_system": spoken.code_system,
        "classification": spoken.item.data_level or None,
        "masked": bool(spoken.mask),
        **provenance,
    }
    status = "not_found" if one.raw is None else "stale" if is_late else "available"
    return Fact(spoken.source.element, status, one.raw, code, public)


# The rows of most subjects say the same here, because they come from the same extract.
@lru_cache(maxsize=1024)
def _verified(
    updated: datetime | None,
    provider: str,
    confirmed: datetime,
    at: datetime,
    promise: timedelta,
    unmet: str,
    is_confirmed: bool = False,
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return what a fact says of its age, and its verification but for the evidence."""
    time = confirmed.isoformat()
    aged = {
        "lastupdated": updated and updated.isoformat(),
        "confirmed_at": time,
        "valid_from": None,
        "valid_until": None,
        "age_seconds": max(0, int((at - confirmed) / timedelta(seconds=1))),
        "stale_after": (confirmed + promise).isoformat(),
        **({"reason": unmet} if unmet else {}),
    }
    level = AUTHORITATIVE if not unmet else OFFICER_VERIFIED if is_confirmed else SYSTEM_VERIFIED
    return aged, {"level": level, "time": time, "verifier": provider, "unmet": unmet or None}
