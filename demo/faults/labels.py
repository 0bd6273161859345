"""What was spoiled, one line of JSON each: only the scoreboard reads it, nothing that judges ever does."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from demo.target import write_private


@dataclass(frozen=True)
class Label:
    """One injected fault.

    Attributes:
        kind: name of the kind.
        resource: name of the resource that a reader sees it in.
        key: of the row as the source writes it now, part by part; empty where a whole extract is meant.
        columns: what was spoiled, as the source names it.
        truth: digest of what stood there; empty where nothing did.
        also: keys of further rows that the same accident spoils.
    """

    kind: str
    resource: str
    key: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    truth: str = ""
    also: tuple[tuple[str, ...], ...] = ()


def digest(values: Mapping[str, object]) -> str:
    """Return a digest of what was true, so that the file of labels holds nobody's data."""
    text = json.dumps({name: str(value) for name, value in values.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def append(path: Path, labels: Iterable[Label]) -> int:
    """Add labels to the file, readable by its owner only; returns how many."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = [json.dumps(asdict(label), ensure_ascii=False) for label in labels]
    write_private(path, before + "".join(f"{line}\n" for line in lines))
    return len(lines)
