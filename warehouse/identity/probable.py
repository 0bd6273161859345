"""Probable pairs: subjects that no document joins and that are much alike, for a human to decide about.

Fellegi and Sunter's model, by Splink on DuckDB: each comparison adds the logarithm of how much more often it comes out
so between two records of one person than between two persons. The figures are fixed and stand below, so that the same
evidence has the same weight on every day and campus; only how common a name is, is counted in the campus itself.

Nothing is linked by this. It runs apart from the release, which must not wait for it: found pairs enter the queue with
the next candidate. No value leaves it: of a pair it tells which comparisons came out how.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import psycopg

from catalogs.model import Catalog
from catalogs.settings import now, scratch
from connectors.duck import session
from warehouse.identity.records import comparable, set_out

PERSON = "person"
# Weights in bits. Whoever shares name, birthday and sex and holds documents of two kinds comes to about 7; two
# namesakes born on one day, each with a resident card of their own, to about 0, and so do twins with one telephone.
THRESHOLD = 1.0
# A pair that a human told apart is asked about again only if it is this much more alike: eight times.
MORE = 3.0
_MEMORY_LIMIT = "500MB"
_PRIOR = 1e-6
_CARDS = "kind_l = 'doc:1:CHN' AND kind_r = 'doc:1:CHN'"
_FORMER = "name_l = former_r OR former_l = name_r OR sound_l = former_sound_r OR former_sound_l = sound_r"
_ONE_CHARACTER = (
    "list_has_any(masked_l, masked_r)"
    " AND (length(name_l) > 2 OR contains(name_l, '?') OR contains(name_r, '?'))"
)
_LATIN = "family_l = 'latin' AND family_r = 'latin' AND jaro_winkler_similarity(name_l, name_r) > 0.92"
_SLIP = (
    "damerau_levenshtein(birthday_l, birthday_r) = 1 OR (substr(birthday_l, 1, 4) = substr(birthday_r, 1, 4)"
    " AND substr(birthday_l, 6, 2) = substr(birthday_r, 9, 2)"
    " AND substr(birthday_l, 9, 2) = substr(birthday_r, 6, 2))"
)
_ONE_NAME = f"(sound_l = sound_r OR {_FORMER})"
# Cards of twins differ by two digits, too: in the order number, and so in the check digit.
_NEAR = "damerau_levenshtein(number_l, number_r) <= 2"
# Comparison → levels, the first that holds: word for the evidence, condition, how often it comes out so between two
# records of one person, and between strangers.
_LEVELS: dict[str, tuple[tuple[str, str, float, float], ...]] = {
    "name": (
        ("same", "name_l = name_r", 0.78, 3e-5),
        ("former", _FORMER, 0.03, 3e-5),
        ("same sound", "sound_l = sound_r", 0.06, 1e-4),
        ("one character differs", _ONE_CHARACTER, 0.05, 2e-3),
        ("nearly the same", _LATIN, 0.03, 5e-3),
        ("differs", "ELSE", 0.003, 0.99),
    ),
    "birthday": (
        ("same", "birthday_l = birthday_r", 0.93, 1.5e-4),
        ("one slip", _SLIP, 0.05, 2.5e-3),
        ("differs", "ELSE", 0.02, 0.99),
    ),
    "sex": (
        ("same", "sex_l = sex_r", 0.995, 0.5),
        ("differs", "ELSE", 0.005, 0.5),
    ),
    "phone": (
        ("same", "phone_l = phone_r", 0.6, 1e-5),
        ("differs", "ELSE", 0.4, 1.0),
    ),
    "number": (
        ("same", "number_l = number_r", 0.2, 1e-9),
        ("one or two digits differ", f"{_CARDS} AND {_ONE_NAME} AND {_NEAR}", 0.02, 1.25e-3),
        ("two resident cards", f"{_CARDS} AND {_ONE_NAME}", 3e-3, 0.6),
        ("two resident cards, other name", _CARDS, 5e-5, 0.6),
        ("other documents", "ELSE", 0.1, 0.1),
    ),
}
# Only pairs that share one of these are compared: their number grows with the campus, not with its square.
_BLOCKS = (
    "l.birthday = r.birthday AND l.family = r.family",
    "l.birthday = r.birthday AND l.former_sound = r.sound",
    "l.birthday = r.birthday AND l.sound = r.former_sound",
    "l.phone = r.phone",
    "l.number = r.number",
    "l.sound = r.sound AND substr(l.birthday, 1, 4) = substr(r.birthday, 1, 4)",
    "l.sound = r.sound AND substr(l.birthday, 6) = substr(r.birthday, 6)",
)


@dataclass(frozen=True)
class Search:
    """What one search came to."""

    release: int
    records: int
    new: int
    pairs: int


@dataclass(frozen=True)
class Pair:
    """Two subjects that are alike.

    Attributes:
        resource: the register that says so of one of them.
        weight: of the evidence, in bits.
        evidence: comparison → how it came out; nothing said on one side is "unknown".
    """

    subject_a: int
    subject_b: int
    resource: str
    weight: float
    evidence: dict[str, str]


def find(con: psycopg.Connection, catalog: Catalog, everything: bool = False) -> Search | None:
    """Compare what is new in the current release with all persons, and keep the probable pairs for the next candidate.

    Args:
        con: the owner's connection, in autocommit mode.
        catalog: whose contracts say which items tell persons apart.
        everything: compare all with all, as if there had been no search.

    Returns:
        None if nothing is released, or the release was searched already.
    """
    resources = comparable(catalog, PERSON)
    release, last = con.execute(
        "SELECT yici.current(), coalesce((SELECT max(release) FROM yici.identity_search), 0)"
    ).fetchone()
    if release is None or not resources or (release <= last and not everything):
        return None
    since = 0 if everything else last
    with scratch("identity") as folder:
        duck = session(_MEMORY_LIMIT, temp_dir=folder, extensions=())
        try:
            with con.transaction():
                records, new = set_out(con, duck, release, since, PERSON, resources)
            compared = [
                one for (one,) in duck.execute("SELECT DISTINCT subject FROM record WHERE is_new").fetchall()
            ]
            pairs = list(compare(duck)) if new else []
        finally:
            duck.close()
    with con.transaction():
        _keep(con, release, pairs, compared)
        con.execute(
            "INSERT INTO yici.identity_search (release, at, records, new, pairs) VALUES (%s, %s, %s, %s, %s)",
            [release, now(), records, new, len(pairs)],
        )
    return Search(release, records, new, len(pairs))


def compare(duck: duckdb.DuckDBPyConnection) -> Iterator[Pair]:
    """Yield the probable pairs of the table `record` of which at least one is new, the best of each two subjects."""
    from splink import DuckDBAPI, Linker, SettingsCreator  # half a second to import

    logging.getLogger("splink").setLevel(logging.ERROR)
    api = DuckDBAPI(connection=duck)
    settings = SettingsCreator(
        link_type="dedupe_only",
        probability_two_random_records_match=_PRIOR,
        comparisons=[_comparison(name) for name in _LEVELS],
        blocking_rules_to_generate_predictions=[
            f"{block} AND (l.is_new OR r.is_new) AND l.subject <> r.subject" for block in _BLOCKS
        ],
        retain_matching_columns=True,  # how each comparison came out comes with them
        additional_columns_to_retain=["subject", "resource"],
    )
    linker = Linker(api.register("record"), settings, log_level=None)
    found = linker.inference.predict(threshold_match_weight=THRESHOLD, warning_mode="never")
    shown = ", ".join(f"gamma_{name}" for name in _LEVELS)
    rows = duck.execute(f"""
        SELECT least(subject_l, subject_r) AS a, greatest(subject_l, subject_r) AS b, resource_r, match_weight, {shown}
        FROM {found.physical_name}
        QUALIFY row_number() OVER (PARTITION BY a, b ORDER BY match_weight DESC, unique_id_l, unique_id_r) = 1
        ORDER BY a, b
    """).fetchall()
    for a, b, resource, weight, *levels in rows:
        evidence = {name: _word(name, level) for name, level in zip(_LEVELS, levels, strict=True)}
        yield Pair(a, b, resource, round(weight, 2), evidence)


def enter(con: psycopg.Connection, candidate: int, apart: list[tuple[int, int]]) -> int:
    """Put the pairs that were found into the queue with a candidate; returns how many are new there.

    Args:
        con: the owner's connection, in a transaction.
        candidate: number of the open candidate.
        apart: pairs of subjects that a human told apart: they are asked about again only where much more speaks for it.
    """
    con.execute("CREATE TEMP TABLE told_apart (a bigint, b bigint) ON COMMIT DROP")
    con.cursor().executemany(
        "INSERT INTO told_apart VALUES (least(%s, %s), greatest(%s, %s))",
        [(one, other, one, other) for one, other in apart],
    )
    entered = con.execute(
        """INSERT INTO yici.identity_review (release, type, subject_a, subject_b, resource, reason, state, at, weight,
               evidence)
           SELECT %(n)s, %(type)s, p.subject_a, p.subject_b, p.resource, 'alike, weight ' || p.weight, 'open', %(at)s,
               p.weight, p.evidence
           FROM yici.identity_pair p
           LEFT JOIN LATERAL (SELECT max(coalesce(r.weight, p.weight)) AS weight FROM yici.identity_review r
               WHERE r.type = %(type)s AND r.subject_a = p.subject_a AND r.subject_b = p.subject_b) asked ON true
           WHERE EXISTS (SELECT FROM yici.link WHERE subject_id = p.subject_a AND _to IS NULL)
             AND EXISTS (SELECT FROM yici.link WHERE subject_id = p.subject_b AND _to IS NULL)
             AND (asked.weight IS NULL AND (p.subject_a, p.subject_b) NOT IN (SELECT a, b FROM told_apart)
                  OR p.weight >= asked.weight + %(more)s
                     AND NOT EXISTS (SELECT FROM yici.identity_review r WHERE r.state = 'open'
                         AND r.subject_a = p.subject_a AND r.subject_b = p.subject_b))
           ON CONFLICT DO NOTHING""",
        {"n": candidate, "type": PERSON, "at": now(), "more": MORE},
    ).rowcount
    con.execute(
        """UPDATE yici.identity_review r SET weight = p.weight, evidence = p.evidence FROM yici.identity_pair p
           WHERE r.state = 'open' AND r.evidence IS NULL AND r.subject_a = p.subject_a AND r.subject_b = p.subject_b"""
    )
    con.execute("DROP TABLE told_apart")
    return entered


def _comparison(name: str) -> dict[str, Any]:
    silent = f"{name}_l IS NULL OR {name}_r IS NULL"
    levels: list[dict[str, Any]] = [
        {"sql_condition": silent, "is_null_level": True, "label_for_charts": "unknown"},
        *(
            {"sql_condition": condition, "label_for_charts": word, "m_probability": m, "u_probability": u}
            for word, condition, m, u in _LEVELS[name]
        ),
    ]
    if name == "name":
        # Of two who share a rare name more is known than of two who are called 王伟.
        levels[1] |= {"tf_adjustment_column": "name", "tf_adjustment_weight": 1.0, "tf_minimum_u_value": 1e-5}
    return {"output_column_name": name, "comparison_levels": levels}


def _word(name: str, gamma: int) -> str:
    """Return the word for a level; Splink counts them from the last up, and -1 where one side says nothing."""
    words = [word for word, *_ in _LEVELS[name]]
    return "unknown" if gamma < 0 else words[len(words) - 1 - gamma]


def _keep(con: psycopg.Connection, release: int, pairs: list[Pair], compared: list[int]) -> None:
    """Keep what was found of these subjects in place of what was found of them earlier."""
    con.execute(
        "DELETE FROM yici.identity_pair WHERE subject_a = ANY (%(these)s) OR subject_b = ANY (%(these)s)",
        {"these": compared},
    )
    con.cursor().executemany(
        """INSERT INTO yici.identity_pair (subject_a, subject_b, resource, weight, evidence, release)
           VALUES (%s, %s, %s, %s, %s, %s)""",
        [
            (one.subject_a, one.subject_b, one.resource, one.weight, json.dumps(one.evidence), release)
            for one in pairs
        ],
    )
