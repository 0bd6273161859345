"""Moving links: the one way in which a key comes to belong to somebody else, by rule or by decision."""

import psycopg

from warehouse.identity.keys import Key


def stage(con: psycopg.Connection) -> None:
    """Make the temporary table `found_link`, whose rows say which key shall belong to whom; gone with the commit."""
    con.execute(
        "CREATE TEMP TABLE found_link (subject_id bigint, id_type text, key text, name_digest text, source text)"
        " ON COMMIT DROP"
    )


def move(con: psycopg.Connection, candidate: int, subject_type: str) -> None:
    """Let each key of `found_link` belong to its subject from the candidate on, and drop the table."""
    con.execute("ANALYZE found_link")
    for statement in (
        # What the same candidate opened was never shown: no version of it is kept.
        """DELETE FROM yici.link l USING found_link f WHERE l.type = %(type)s AND l.id_type = f.id_type
           AND l.key = f.key AND l._to IS NULL AND l._from = %(n)s""",
        """UPDATE yici.link l SET _to = %(n)s FROM found_link f WHERE l.type = %(type)s AND l.id_type = f.id_type
           AND l.key = f.key AND l._to IS NULL""",
        """INSERT INTO yici.link (subject_id, type, id_type, key, name_digest, source, _from)
           SELECT subject_id, %(type)s, id_type, key, name_digest, source, %(n)s FROM found_link""",
    ):
        con.execute(statement, {"type": subject_type, "n": candidate})
    con.execute("DROP TABLE found_link")


def hand_over(
    con: psycopg.Connection, candidate: int, subject_type: str, giver: int, taker: int, keys: list[Key] | None
) -> int:
    """Move links of one subject to another from the candidate on; returns how many.

    Args:
        con: the owner's connection, in a transaction.
        candidate: number of the open candidate.
        subject_type: of both.
        giver: whose links move.
        taker: to whom.
        keys: which of them; None for all.
    """
    stage(con)
    kinds, values = ([], []) if keys is None else ([kind for kind, _ in keys], [key for _, key in keys])
    moved = con.execute(
        """INSERT INTO found_link SELECT %(taker)s, id_type, key, name_digest, 'decision' FROM yici.link
           WHERE subject_id = %(giver)s AND _to IS NULL
             AND (%(all)s OR (id_type, key) IN (SELECT * FROM unnest(%(kinds)s::text[], %(values)s::text[])))""",
        {"taker": taker, "giver": giver, "all": keys is None, "kinds": kinds, "values": values},
    ).rowcount
    move(con, candidate, subject_type)
    return moved
