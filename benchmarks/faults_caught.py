"""What a release caught of the faults that were put into its sources, and what it caught that was none.

A fault counts as caught where its row is refused, its extract is refused or held, its subject is in review, or a rule
that speaks of just this kind of fault fails. That something else failed nearby counts for nothing.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from catalogs.model import Catalog, Resource

CONNECTOR, LANDING, ADMISSION = "connector", "landing", "admission"
IDENTITY, EXPECTATIONS, GATE = "identity", "expectations", "release gate"
STAGES = (CONNECTOR, LANDING, ADMISSION, IDENTITY, EXPECTATIONS, GATE)
# Kind → part of the name of the rule that speaks of it, where a fault is no refused row and no refused extract.
FINDINGS = {
    "orphan": "reference-",
    "parent-deleted": "gone-",
    "new-column": "new_columns",
    "missing-day": "missing_days",
    "late-delivery": "overdue",
    "clock-skew": ".future",
}
# Kind → the critical rule for which its resource is held at its last good state.
HELD = {
    "trimmed-padded": "names-cut",
    "contradicting-status": "graduated-not-enrolled",
    "leaver-active": "valid-card-has-staff",
}
# Kinds that no row shows: the release doubts whose a number is.
DOUBTS = ("swapped-ids", "number-twice")
_GUARDS = ("the source returned",)


@dataclass(frozen=True)
class Label:
    """One injected fault, as the campus wrote it down."""

    kind: str
    resource: str
    key: tuple[str, ...]
    columns: tuple[str, ...] = ()
    truth: str = ""
    also: tuple[tuple[str, ...], ...] = ()

    @property
    def is_row(self) -> bool:
        """Whether a row is spoiled, not a whole extract."""
        return bool(self.key) and self.kind not in ("missing-day", "same-file", "wrong-partition")


def read_labels(path: Path) -> list[Label]:
    """Read the file of labels."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        lists = {name: tuple(told[name]) for name in ("key", "columns")}
        found.append(Label(**(told | lists | {"also": tuple(map(tuple, told["also"]))})))
    return found


# What an extract is refused for of which too many rows break the contract.
TOO_MANY = "rows break the contract"


@dataclass
class Seen:
    """How one release stands.

    Attributes:
        release: its number.
        refused: resource → keys of the rows in quarantine, as the source writes them.
        outcomes: resource → (outcome, reason).
        failed: (resource, rule, severity, stage, detail) of every rule that failed in it, or while it was landed.
        notes: resource → what landing said of it.
        doubted: keys, by kind of number, of subjects in review.
        subjects: (kind of number, key) → subject.
    """

    release: int
    refused: Mapping[str, Counter[tuple[str, ...]]]
    outcomes: Mapping[str, tuple[str, str]]
    failed: frozenset[tuple[str, str, str, str, str]]
    notes: Mapping[str, str]
    doubted: frozenset[tuple[str, str]]
    subjects: Mapping[tuple[str, str], int]
    rows: int = 0
    refused_rows: int = 0


NOTHING = Seen(0, {}, {}, frozenset(), {}, frozenset(), {})


def look(con: psycopg.Connection, catalog: Catalog, release: int) -> Seen:
    """Read how a release stands; it is the newest one.

    Args:
        con: the owner's connection.
        catalog: its catalog.
        release: its number.
    """
    refused: dict[str, Counter[tuple[str, ...]]] = {}
    for name, row in con.execute(
        "SELECT resource, row FROM clear.quarantine WHERE _from <= %s AND (_to IS NULL OR _to > %s)",
        [release, release],
    ):
        refused.setdefault(name, Counter())[_key(catalog.resources[name], row)] += 1
    outcomes = {
        name: (outcome, reason or "")
        for name, outcome, reason in con.execute(
            "SELECT resource, outcome, reason FROM yici.release_resource WHERE release = %s", [release]
        )
    }
    (since,) = con.execute(
        "SELECT coalesce(max(published_at), '0001-01-01') FROM yici.release WHERE id < %s", [release]
    ).fetchone()
    told = con.execute(
        """SELECT resource, rule, severity, stage, coalesce(detail, ''), passed FROM yici.finding
           WHERE release = %s OR (release IS NULL AND at > %s)""",
        [release, since],
    ).fetchall()
    links = con.execute(
        """SELECT id_type, CASE WHEN starts_with(id_type, 'doc:') THEN yici.unseal(decode(key, 'hex'), id_type)
               ELSE key END, subject_id FROM yici.link WHERE _from <= %s AND (_to IS NULL OR _to > %s)""",
        [release, release],
    ).fetchall()
    in_review = {
        subject
        for pair in con.execute("SELECT subject_a, subject_b FROM yici.identity_review WHERE state = 'open'")
        for subject in pair
    }
    (rows,) = con.execute(
        """SELECT coalesce(sum(rows), 0) FROM yici.extract WHERE id IN (
               SELECT unnest(judged) FROM yici.release_resource WHERE release = %s)""",
        [release],
    ).fetchone()
    return Seen(
        release=release,
        refused=refused,
        outcomes=outcomes,
        failed=frozenset(tuple(row[:5]) for row in told if not row[5]),
        notes={row[0]: row[4] for row in told if row[3] == "landing" and row[1] == "extract"},
        doubted=frozenset((kind, key) for kind, key, subject in links if subject in in_review),
        subjects={(kind, key): subject for kind, key, subject in links},
        rows=int(rows),
        refused_rows=sum(sum(keys.values()) for keys in refused.values()),
    )


def stage_of(label: Label, seen: Seen, before: Seen, catalog: Catalog) -> str:
    """Return at which stage a fault was caught; empty if it was not.

    Args:
        label: the fault.
        seen: the release that read it.
        before: the release before that.
        catalog: of both.
    """
    resource = catalog.resources[label.resource]
    if label.is_row and seen.refused.get(label.resource, {}).get(label.key, 0):
        return ADMISSION
    outcome, reason = seen.outcomes.get(label.resource, ("", ""))
    if outcome == "refused":
        at_gate = reason.startswith("expectations broken")
        if not label.is_row:
            return GATE if at_gate else ADMISSION
        if at_gate and label.kind in HELD and HELD[label.kind] in reason:
            return GATE
    told = seen.failed - before.failed
    for name, rule, _, _, detail in told:
        if name != label.resource:
            continue
        if rule == "extract" and not label.is_row:
            return LANDING if any(words in detail for words in _GUARDS) else CONNECTOR
        if rule == "partition" and label.key and label.key[0] in detail:
            return ADMISSION
    if label.kind in DOUBTS and resource.subject and (resource.subject.id_type, label.key[0]) in seen.doubted:
        return IDENTITY
    if label.kind == "person-twice" and resource.subject and _is_one_person(label, resource, seen):
        return IDENTITY
    speaks = FINDINGS.get(label.kind, "")
    for name, rule, _, stage, _ in told if speaks else ():
        about = name == label.resource or _is_child(catalog, name, label.resource)
        if about and speaks in rule:
            return LANDING if stage == "landing" else ADMISSION if stage == "admission" else EXPECTATIONS
    if label.kind == "half-written" and "half-written" in seen.notes.get(label.resource, ""):
        return CONNECTOR
    if label.kind == "older-file" and "older" in seen.notes.get(label.resource, ""):
        return CONNECTOR
    return ""


def false_rows(labels: Iterable[Label], seen: Seen, before: Seen) -> Counter[str]:
    """Return, by resource, the rows that are refused since the release before and were not spoiled."""
    spoiled = {(label.resource, key) for label in labels for key in (label.key, *label.also)}
    found: Counter[str] = Counter()
    for name, keys in seen.refused.items():
        for key, count in keys.items():
            new = count - before.refused.get(name, Counter())[key]
            if new > 0 and (name, key) not in spoiled:
                found[name] += new
    return found


def false_resources(labels: Sequence[Label], seen: Seen, before: Seen, catalog: Catalog) -> list[str]:
    """Return resources that were refused, or flagged by a rule, since the release before, and the rule.

    What a rule says of resources of which one is spoiled is no false alarm: nobody can say which of two is wrong.
    """
    spoiled = {label.resource for label in labels}
    found = []
    for name, (outcome, reason) in sorted(seen.outcomes.items()):
        if outcome in ("refused", "held") and not (_readers(catalog, name) & spoiled):
            found.append(f"{name} {outcome}: {reason}")
    earlier = {(name, rule) for name, rule, *_ in before.failed}
    for name, rule, severity, stage, _ in sorted(seen.failed):
        is_new = (name, rule) not in earlier and severity != "info"
        if is_new and stage != "admission" and not (_readers(catalog, name, rule) & spoiled):
            found.append(f"{name}: {rule} ({stage})")
    return found


def _readers(catalog: Catalog, name: str, rule: str = "") -> set[str]:
    """Return the resources that a rule of this resource looks at."""
    if name not in catalog.resources:
        return set(catalog.resources)  # a dbt model: built from what it is built from
    resource = catalog.resources[name]
    seen = {name, *(link.to_resource for link in resource.relationships)}
    for between in catalog.between.values():
        if between.resource == name and rule in ("", between.id):
            seen |= set(between.needs)
    group = next((group for group in catalog.groups() if name in group), ())
    if resource.system == "derived":
        seen |= set(catalog.resources)
    return seen | set(group)


def _is_child(catalog: Catalog, child: str, parent: str) -> bool:
    return child in catalog.resources and any(
        link.to_resource == parent for link in catalog.resources[child].relationships
    )


def _is_one_person(label: Label, resource: Resource, seen: Seen) -> bool:
    """Whether the number belongs to a subject that has another number of the same kind."""
    kind = resource.subject.id_type
    subject = seen.subjects.get((kind, label.key[0]))
    others = [key for (other, key), owner in seen.subjects.items() if other == kind and owner == subject]
    return subject is not None and len(others) > 1


def _key(resource: Resource, row: object) -> tuple[str, ...]:
    """Return the key of a refused row as its source writes it."""
    told = json.loads(row) if isinstance(row, str) else dict(row)
    return tuple("" if told.get(name) is None else str(told[name]) for name in resource.key)
