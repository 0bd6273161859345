"""How a breach of one rule is tested: a small right campus, one change, and nothing else is told."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

import catalogs
from catalogs.rules import RULES
from tests.catalogs.small import campus

ON = date(2026, 10, 20)


@dataclass(frozen=True)
class Breach:
    """A change that breaks one rule.

    Attributes:
        file: where it is told; its key or code stands on the line told (`on_line`), words of it in the text.
    """

    rule: str
    changes: dict[str, Any]
    file: str
    words: str
    on_line: str = ""


def cases(breaches: list[Breach]) -> Any:
    """Return the breaches as cases of a test whose argument is `breach`."""
    named = [f"{breach.rule}-{number}" for number, breach in enumerate(breaches)]
    return pytest.mark.parametrize("breach", breaches, ids=named)


def assert_told(breach: Breach) -> None:
    """Check that just this rule is told, once, where a person would look, and how it is mended."""
    files = campus(breach.changes)
    faults = catalogs.check(files, ON)
    assert {fault.rule for fault in faults} == {breach.rule}, "\n".join(map(str, faults))
    told = [fault for fault in faults if fault.rule == breach.rule and breach.words in fault.what]
    assert len(told) == 1, "\n".join(map(str, faults))
    fault = told[0]
    assert (fault.file, fault.severity) == (breach.file, RULES[breach.rule].severity)
    assert fault.mend and fault.why
    assert breach.on_line in files[breach.file].decode().splitlines()[max(fault.line - 1, 0)]
