"""双随机、一公开: which rows are drawn, and who looks at them (pure, and checkable by everybody afterwards).

The seed of a draw is fixed, and its SHA-256 published, before the release that is drawn from exists; afterwards the
seed is published. All else follows from it by SHA-256 alone: how many rows fall on which resource of a unit, which
rows (those whose hash with the seed is least), and which reviewer. Nobody can choose a row, or learn of it before.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from expectations.quality.terms import Terms


@dataclass(frozen=True)
class Share:
    """What is drawn of a unit.

    Attributes:
        score: its own score of the day; None without data.
        count: how many rows are drawn.
        resources: resource → rows that it shows.
    """

    score: float | None
    count: int
    resources: Mapping[str, int]


def new_seed() -> str:
    """Return a seed that nobody can guess."""
    return secrets.token_hex(32)


def commitment(seed: str) -> str:
    """Return what is published of a seed beforehand."""
    return _hash(seed)


def rank(seed: str, resource: str, key: str) -> str:
    """Return the place of a row in the draw: rows with the least are drawn."""
    return _hash(seed, resource, key)


def _hash(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()


def count(score: float | None, terms: Terms) -> int:
    """Return how many rows are drawn of a unit: the more, the poorer its record.

    Args:
        score: its own score; without data it counts as the poorest.
        terms: least, most, and below which record the most are drawn.
    """
    lost = terms.poor_below if score is None else 100.0 - score
    poor = min(1.0, lost / terms.poor_below) if terms.poor_below else 1.0
    return round(terms.sample_least + (terms.sample_most - terms.sample_least) * poor)


def allot(seed: str, unit: str, share: Share) -> dict[str, int]:
    """Return resource → how many of a unit's rows are drawn from it, each row of the unit being as likely.

    Never more than a resource has.
    """
    names = sorted(name for name, rows in share.resources.items() if rows > 0)
    whole = sum(share.resources[name] for name in names)
    found: dict[str, int] = {}
    for number in range(share.count if whole else 0):
        place = int(_hash(seed, unit, str(number)), 16) % whole
        for name in names:
            place -= share.resources[name]
            if place < 0:
                found[name] = found.get(name, 0) + 1
                break
    return {name: min(drawn, share.resources[name]) for name, drawn in found.items()}


def reviewer(seed: str, row_rank: str, unit: str, posts: Mapping[str, str]) -> str:
    """Return who looks at a row: any of the posts that are of another unit than the row; empty if there is none.

    Args:
        seed: of the draw.
        row_rank: the row's `rank`.
        unit: whose row it is.
        posts: post → its unit.
    """
    able = sorted(post for post, own in posts.items() if own != unit)
    return able[int(_hash(seed, row_rank, "reviewer"), 16) % len(able)] if able else ""


def wrong_share(verdicts: Sequence[str], minimum: int) -> tuple[int, int] | None:
    """Return (wrong, judged) of a unit's verdicts; None where there are too few to follow anything from them."""
    judged = [one for one in verdicts if one in ("right", "wrong")]
    return (judged.count("wrong"), len(judged)) if len(judged) >= max(1, minimum) else None
