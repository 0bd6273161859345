"""How scores stand in tables: figure, shape, word, and how dark its cell is; the darker, the worse."""

from typing import Any

from expectations.quality.kept import Kept
from expectations.quality.terms import Terms
from expectations.quality.words import DIMENSIONS, TOTAL, shown
from portal.texts import text

_KINDS = {"✓": "good", "!": "watch", "✕": "bad", "–": "nothing"}
# A score from which a cell has this darkness.
_HEAT = ((99.0, 1), (95.0, 2), (85.0, 3), (70.0, 4), (0.0, 5))


def status(sign: str, key: str, language: str) -> dict[str, str]:
    """Return a status as templates show it: shape, class, word."""
    return {"sign": sign, "kind": _KINDS[sign], "word": text(key, language)}


def of(kept: Kept, scope: str, name: str, terms: Terms, language: str) -> list[dict[str, Any]]:
    """Return the cells of one row, total first; empty where nothing of it was ever scored."""
    found = [(one, kept.get(scope, name, one)) for one in (TOTAL, *DIMENSIONS)]
    if all(score is None for _, score in found):
        return []
    return [
        {
            "dimension": dimension,
            "name": text("total" if dimension == TOTAL else f"dim.{dimension}", language),
            "score": shown(score.score if score else None),
            "status": _judged(terms.sign(score.score if score else None), language),
            "heat": next(heat for least, heat in _HEAT if score.score >= least) if score else 0,
        }
        for dimension, score in found
    ]


def _judged(sign: str, language: str) -> dict[str, str]:
    return status(sign, _KINDS[sign], language)
