"""Search over the catalog's names: a substring, or pinyin initials as people type them (pure).

It ranks as the static site's search box does: the beginning of a name first, then names, codes, initials, units, and
last what is told beside a name.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from catalogs.exports.search import Entry

LONGEST = 80
# By what a search may be narrowed: any entry by the first two, a resource by all.
FACETS = ("kind", "unit", "system", "share", "personal", "cycle", "fresh", "quality")
_SHOWN = 100


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        total: of what is chosen.
        entries: the best of them.
        counts: facet → value → how many have it, whatever is chosen of this facet itself, the most frequent first.
    """

    total: int
    entries: Sequence[Entry]
    counts: Mapping[str, Mapping[str, int]]


def search(
    entries: Iterable[Entry],
    text: str,
    chosen: Mapping[str, str] | None = None,
    traits: Mapping[str, Mapping[str, str]] | None = None,
) -> Found:
    """Return what fits a text, the best first; without a text everything that is chosen.

    Args:
        entries: of the index.
        text: as it was typed.
        chosen: facet → value; one that is not named does not narrow.
        traits: page → facet → value, of the facets that the index does not have.
    """
    typed = unicodedata.normalize("NFKC", text).strip().lower()[:LONGEST]
    ranked = [(_rank(entry, typed), place, entry) for place, entry in enumerate(entries)]
    wanted = {facet: value for facet, value in (chosen or {}).items() if value}
    hits: list[Entry] = []
    counts: dict[str, Counter[str]] = {facet: Counter() for facet in FACETS}
    for rank, _, entry in sorted(ranked):
        if rank < 0:
            continue
        own = {"kind": entry.kind, "unit": entry.unit, **(traits or {}).get(entry.page, {})}
        missed = [facet for facet, value in wanted.items() if own.get(facet) != value]
        if not missed:
            hits.append(entry)
        if len(missed) <= 1:
            for facet in missed or FACETS:
                if own.get(facet):
                    counts[facet][own[facet]] += 1
    return Found(
        len(hits), hits[:_SHOWN], {facet: dict(found.most_common()) for facet, found in counts.items()}
    )


def _rank(entry: Entry, typed: str) -> int:
    """Return how well an entry fits, 0 the best; -1 if it does not."""
    if not typed:
        return 0
    ranks = [_rank_of_word(entry, word) for word in typed.split()]
    worst = -1 if -1 in ranks else max(ranks)
    if len(typed) > 1 and typed.isascii() and typed.isalnum():
        at = _starts_at(_places(entry.initials), typed)
        spelt = -1 if at < 0 else 3 if at == 0 else 4
        if spelt >= 0 and (worst < 0 or spelt < worst):
            return spelt
    return worst


def _rank_of_word(entry: Entry, word: str) -> int:
    title = entry.title.lower()
    if word in title:
        return 0 if title.startswith(word) else 1
    for rank, text in ((2, entry.code), (5, entry.unit), (6, entry.more)):
        if word in text.lower():
            return rank
    return -1


@lru_cache(maxsize=20_000)
def _places(initials: str) -> tuple[str, ...]:
    """Return the letters that may be typed at each place: z[cz]m → z, cz, m."""
    places, rest = [], initials
    while rest:
        if rest[0] == "[":
            several, _, rest = rest[1:].partition("]")
            places.append(several)
        else:
            places.append(rest[0])
            rest = rest[1:]
    return tuple(places)


def _starts_at(places: Sequence[str], typed: str) -> int:
    for start in range(len(places) - len(typed) + 1):
        if all(letter in places[start + offset] for offset, letter in enumerate(typed)):
            return start
    return -1
