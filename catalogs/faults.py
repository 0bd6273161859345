"""Faults of a catalog: where a rule of `catalogs.rules` is broken.

A fault is for the person who wrote the file: where, what, what was expected, how to mend. Every fault of a
catalog is told at once.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from catalogs.rules import ERROR, RULES


@dataclass(frozen=True, order=True)
class Fault:
    """One breach of one rule at one place. Texts name codes and settings, never a person's value."""

    file: str
    line: int
    rule: str
    what: str
    why: str
    mend: str
    severity: str = ERROR

    def __str__(self) -> str:
        tail = f"; {self.mend}" if self.mend else ""
        return f"{self.file}:{self.line} [{self.rule}] {self.what} – {self.why}{tail}"


class CatalogError(Exception):
    """The catalog cannot be used. Nothing was read from any system.

    Attributes:
        faults: every error found, ordered by file and line.
    """

    def __init__(self, faults: Iterable[Fault]):
        self.faults = tuple(sorted(faults))
        count = len(self.faults)
        head = f"the catalog has {count} fault{'s' if count != 1 else ''}; nothing was run"
        super().__init__("\n".join([head, *map(str, self.faults)]))


@dataclass
class Faults:
    """Collects faults while the catalog is read; the same place and words are told once."""

    found: dict[Fault, None] = field(default_factory=dict)

    def add(self, rule: str, file: str, line: int, what: str, *, expected: str = "", mend: str = "") -> None:
        """Tell a breach.

        Args:
            rule: id in RULES.
            file: path relative to the campus folder.
            line: 1-based; 0 where a file as a whole is meant.
            what: what is wrong, with the code or key concerned.
            expected: what was expected; default: what the rule demands.
            mend: what to do; default: the rule's own advice.
        """
        text = RULES[rule]
        why = f"expected {expected}" if expected else text.demands[0].lower() + text.demands[1:].rstrip(".")
        self.found[Fault(file, line, rule, what, why, mend or text.mend, text.severity)] = None

    def all(self) -> list[Fault]:
        """Every fault, ordered by file and line."""
        return sorted(self.found)

    def errors(self) -> list[Fault]:
        """The faults that forbid use."""
        return [fault for fault in self.all() if fault.severity == ERROR]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean "XM"?` for the nearest known word, or an empty text."""
    words = [str(candidate) for candidate in known]
    folded = {candidate.casefold(): candidate for candidate in words}
    near = difflib.get_close_matches(str(word).casefold(), list(folded), n=1, cutoff=0.6)
    return f'did you mean "{folded[near[0]]}"?' if near else ""
