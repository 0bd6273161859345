"""What is kept of people outside the store, as whoever deletes in the store knows it: its tables, how to reach them.

A number that no row names any more stands for nobody whom Yici holds. What the service and the portal keep under it
goes with its links, by a purge and by retention. Both rooms lie above this one, so they hand in what they keep
(`service.erasure`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import psycopg


@dataclass(frozen=True)
class Gone:
    """Who is to be forgotten.

    Attributes:
        numbers: kind and number, of documents too, that no stored row names any more.
        subjects: whoever has no number left.
    """

    numbers: frozenset[tuple[str, str]] = field(repr=False)
    subjects: frozenset[int]

    def __bool__(self) -> bool:
        return bool(self.numbers or self.subjects)


@dataclass(frozen=True)
class Elsewhere:
    """What is kept outside the store.

    Attributes:
        tables: with their schemas, that may hold something of a person.
        forget: deletes what is kept of those who are gone, or counts it where only that is wanted; takes the owner's
            connection, in a transaction, and returns table → how much. Done again, it finds nothing.
        expire: the same of what was over before a moment, whoever it is about.
    """

    tables: tuple[str, ...]
    forget: Callable[[psycopg.Connection, Gone, bool], Mapping[str, int]]
    expire: Callable[[psycopg.Connection, datetime, bool], Mapping[str, int]]


NOWHERE = Elsewhere((), lambda con, gone, is_counted: {}, lambda con, before, is_counted: {})
