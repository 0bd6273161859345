"""Who is what: the populations that a subject belongs to, by the rules of populations.csv on the registers' rows.

A population belongs to a row of its register, not to the person at large: whoever left one programme and entered
another is a former member under the old number and a member under the new one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from catalogs.model import Catalog, FactSource

_LAST = 10**9
CURRENT, FORMER = "current", "former"


@dataclass(frozen=True)
class Registered:
    """One row of a register: by which key, and which populations it makes the subject a (former) member of."""

    register: str
    key: str = field(repr=False)
    current: tuple[str, ...]
    former: tuple[str, ...]


@dataclass(frozen=True)
class Scope:
    """For whom a source speaks.

    Attributes:
        id_type: the kind of key by which its rows are found.
        populations: whom it speaks for; none for everybody.
        open: those of them whose membership nobody can look up: being listed by the source is enough.
    """

    id_type: str
    populations: frozenset[str]
    open: frozenset[str]

    @classmethod
    def of(cls, catalog: Catalog, source: FactSource) -> "Scope":
        """Return the scope of a source."""
        unlisted = (code for code in source.populations if not has_register(catalog, code))
        return cls(source.id_type, frozenset(source.populations), frozenset(unlisted))


@dataclass(frozen=True)
class Membership:
    """The populations of one subject: kind of key → key → population → current or former."""

    rows: Mapping[str, Mapping[str, Mapping[str, str]]] = field(repr=False)

    @cached_property
    def all(self) -> Mapping[str, str]:
        """The populations of the subject at large: current where it is that under any key."""
        merged: dict[str, str] = {}
        for keys in self.rows.values():
            for states in keys.values():
                for code, state in states.items():
                    if merged.get(code) != CURRENT:
                        merged[code] = state
        return merged

    def _states(self, scope: Scope, key: str) -> Mapping[str, str]:
        """Return the populations that speak for a row: those of its own key, else all of the subject."""
        own = self.rows.get(scope.id_type)
        return own[key] if own is not None and key in own else self.all

    def of(self, scope: Scope, key: str) -> tuple[str, ...]:
        """Return the populations, among those that the source speaks for, in which its row makes one act."""
        named = scope.populations
        return tuple(sorted(code for code in self._states(scope, key) if not named or code in named))

    def is_spoken_for(self, scope: Scope, capacity: str | None) -> bool:
        """Whether a source speaks for this subject in this capacity."""
        if not scope.populations:
            return True
        if capacity is not None:
            return capacity in scope.populations and (capacity in scope.open or capacity in self.all)
        return bool(scope.open) or not scope.populations.isdisjoint(self.all)

    def admits(self, scope: Scope, key: str, capacity: str | None) -> bool:
        """Whether a row of a source, found by this key, may answer in this capacity."""
        if not scope.populations:
            return capacity is None or self._holds(scope, key, capacity)
        states = self._states(scope, key)
        if capacity is not None:
            return capacity in scope.populations and (capacity in scope.open or capacity in states)
        return bool(scope.open) or not scope.populations.isdisjoint(states)

    def _holds(self, scope: Scope, key: str, capacity: str) -> bool:
        """A source for everybody answers in a capacity by the key of that capacity, if its keys tell capacities."""
        own = self.rows.get(scope.id_type, {}).get(key)
        return own is None or not own or capacity in own

    def rank(self, catalog: Catalog, scope: Scope, key: str, capacity: str | None) -> tuple[int, int]:
        """Return how early a row answers: current members before former ones, then by precedence."""
        return min(
            (
                (0 if state == CURRENT else 1, catalog.populations[code].precedence)
                for code, state in self._states(scope, key).items()
                if (not scope.populations or code in scope.populations)
                and (capacity is None or code == capacity)
            ),
            default=(2, _LAST),
        )


def has_register(catalog: Catalog, population: str) -> bool:
    """Whether membership can be looked up; where nobody keeps a register, being listed by the source is enough."""
    known = catalog.populations.get(population)
    return bool(known and catalog.resources.get(known.register) and catalog.resources[known.register].subject)


def memberships(catalog: Catalog, registered: Iterable[Registered]) -> Membership:
    """Arrange what the registers say of one subject."""
    rows: dict[str, dict[str, dict[str, str]]] = {}
    for one in registered:
        subject = catalog.resources[one.register].subject
        assert subject is not None
        states = rows.setdefault(subject.id_type, {}).setdefault(one.key, {})
        states.update(dict.fromkeys(one.former, FORMER))
        states.update(dict.fromkeys(one.current, CURRENT))
    return Membership(rows)
