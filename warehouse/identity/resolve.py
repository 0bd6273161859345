"""The certain rule: claim by claim, whose keys they are. Pure; reads and changes no database.

A row that names a natural key and a document links both to one subject, and so does a row that names two natural
keys or an old and a new document. Only certain evidence links by itself. Where a document is already somebody's under
another name, or two existing persons would become one without their names agreeing, nothing is linked: the pair waits
for a human. Whom a human told apart, no row brings together again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from warehouse.identity.keys import DOCUMENT, Key
from warehouse.identity.names import agree, joined


@dataclass(frozen=True)
class Claim:
    """What one row says: these keys belong to one subject, whose names have these digests (empty if unknown)."""

    resource: str
    keys: tuple[Key, ...]
    name_digest: str = ""


@dataclass
class Resolution:
    """What the claims change: subjects to mint, links to open or move, merges, and pairs for a human."""

    minted: list[int] = field(default_factory=list)
    links: dict[Key, tuple[int, str, str]] = field(default_factory=dict)  # key → subject, digest, source
    merges: list[tuple[int, int, str]] = field(default_factory=list)  # kept, gone, reason
    reviews: set[tuple[int, int, str, str]] = field(default_factory=set)  # a, b, resource, reason


def resolve(
    claims: Iterable[Claim],
    known: dict[Key, tuple[int, str]],
    next_id: Callable[[], int],
    apart: Iterable[tuple[int, int]] = (),
) -> Resolution:
    """Decide, claim by claim, whose keys they are.

    Args:
        claims: what the rows say, registers first.
        known: key → (subject, name digest) of the links that hold now: every link of every subject that a claim
            names a key of.
        next_id: called to mint a subject; numbers rise.
        apart: pairs of subjects that a human told apart.
    """
    found = Resolution()
    owner = dict(known)
    alias: dict[int, int] = {}
    foes: dict[int, set[int]] = defaultdict(set)
    for one, other in apart:
        foes[one].add(other)
        foes[other].add(one)

    def root(subject: int) -> int:
        while subject in alias:
            subject = alias[subject]
        return subject

    def merge(kept: int, gone: int) -> None:
        alias[gone] = kept
        for foe in foes.pop(gone, ()):
            foes[foe].add(kept)
            foes[kept].add(foe)

    for claim in claims:
        owners = {key: (root(owner[key][0]), owner[key][1]) for key in claim.keys if key in owner}
        naturals = [found_ for key, found_ in owners.items() if not key[0].startswith(DOCUMENT)]
        documents = [found_ for key, found_ in owners.items() if key[0].startswith(DOCUMENT)]
        digest = claim.name_digest
        if naturals:
            subject = naturals[0][0]
        elif documents and _may_be(documents[0][1], digest):
            subject = documents[0][0]
        else:
            subject = next_id()
            found.minted.append(subject)
        for key, (held_by, other_digest) in owners.items():
            other = root(held_by)
            if other == subject or other in foes[subject]:
                continue
            if agree(digest, other_digest):
                kept, gone = min(subject, other), max(subject, other)
                merge(kept, gone)
                found.merges.append(
                    (kept, gone, f"{claim.resource}: one row names keys of both, names agree")
                )
                subject = kept
            else:
                a, b = min(subject, other), max(subject, other)
                found.reviews.add((a, b, claim.resource, f"same {key[0]}, names do not agree"))
        for key in claim.keys:
            if key not in owner:
                owner[key] = (subject, digest)
            elif root(owner[key][0]) == subject and owner[key] != (subject, joined(owner[key][1], digest)):
                owner[key] = (subject, joined(owner[key][1], digest))
            else:
                continue
            found.links[key] = (*owner[key], claim.resource)
    for key, (subject, digest) in owner.items():
        if root(subject) != subject or key in found.links:
            source = found.links[key][2] if key in found.links else "merge"
            found.links[key] = (root(subject), digest, source)
    return found


def _may_be(known: str, claimed: str) -> bool:
    """Names agree if they have one in common, or if one of them was never said."""
    return not known or not claimed or agree(known, claimed)
