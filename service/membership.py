"""Who is what: the populations that a subject belongs to, by the rules of populations.csv on the registers' rows.

A population belongs to a row of its register, not to the person at large: whoever left one programme and entered
another is a former member under the old number and a member under the new one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

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
class Membership:
    """The populations of one subject: kind of key → key → population → current or former."""

    rows: Mapping[str, Mapping[str, Mapping[str, str]]] = field(repr=False)

    def _states(self, source: FactSource, key: str) -> Mapping[str, str]:
        """Return the populations that speak for a row: those of its own key, else all of the subject."""
        own = self.rows.get(source.id_type)
        if own is not None and key in own:
            return own[key]
        merged: dict[str, str] = {}
        for keys in self.rows.values():
            for states in keys.values():
                for code, state in states.items():
                    if merged.get(code) != CURRENT:
                        merged[code] = state
        return merged

    def of(self, catalog: Catalog, source: FactSource, key: str) -> tuple[str, ...]:
        """Return the populations, among those that the source speaks for, in which its row makes one act."""
        named = set(source.populations)
        return tuple(sorted(code for code in self._states(source, key) if not named or code in named))

    def for_source(self, catalog: Catalog, source: FactSource, capacity: str | None) -> bool | None:
        """Return True if a source speaks for this subject in this capacity, None if it does not."""
        if not source.populations:
            return True
        if capacity is not None and capacity not in source.populations:
            return None
        open_ones = [code for code in source.populations if not has_register(catalog, code)]
        wanted = {capacity} if capacity else set(source.populations)
        if wanted & set(open_ones):
            return True
        held = {code for keys in self.rows.values() for states in keys.values() for code in states}
        return True if wanted & held else None

    def admits(self, catalog: Catalog, source: FactSource, key: str, capacity: str | None) -> bool:
        """Whether a row of a source, found by this key, may answer in this capacity."""
        if not source.populations:
            return capacity is None or self._holds(source, key, capacity)
        open_ones = {code for code in source.populations if not has_register(catalog, code)}
        allowed = set(self._states(source, key)) | open_ones
        return bool(allowed & set(source.populations) & ({capacity} if capacity else allowed))

    def _holds(self, source: FactSource, key: str, capacity: str) -> bool:
        """A source for everybody answers in a capacity by the key of that capacity, if its keys tell capacities."""
        own = self.rows.get(source.id_type, {}).get(key)
        return own is None or not own or capacity in own

    def rank(self, catalog: Catalog, source: FactSource, key: str, capacity: str | None) -> tuple[int, int]:
        """Return how early a row answers: current members before former ones, then by precedence."""
        states = {
            code: state
            for code, state in self._states(source, key).items()
            if (not source.populations or code in source.populations)
            and (capacity is None or code == capacity)
        }
        return min(
            (
                (0 if state == CURRENT else 1, catalog.populations[code].precedence)
                for code, state in states.items()
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
