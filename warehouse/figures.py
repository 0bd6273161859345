"""Measured figures kept beside their release, for who shows lists and may not measure: the service.

Measuring reads every copy and the whole case log, so it is done once, when the release is published. Figures live as
long as the release can be answered from.
"""

import psycopg
from pydantic import TypeAdapter

from catalogs.lists.measured import Measured

_MEASURED = TypeAdapter(Measured)


def keep(con: psycopg.Connection, measured: Measured) -> None:
    """Keep the figures of a release, in place of those that it had; those of pruned releases go.

    Args:
        con: the owner's connection.
        measured: the figures.
    """
    with con.transaction():
        con.execute(
            "DELETE FROM yici.measured m USING yici.release r WHERE r.id = m.release AND r.pruned_at IS NOT NULL"
        )
        con.execute(
            """INSERT INTO yici.measured (release, at, figures) VALUES (%s, %s, %s)
               ON CONFLICT (release) DO UPDATE SET at = excluded.at, figures = excluded.figures""",
            [measured.release, measured.at, _MEASURED.dump_json(measured).decode()],
        )


def as_measured(figures: str | bytes) -> Measured:
    """Return figures that `keep` kept, from the JSON text of `yici.measured.figures`."""
    return _MEASURED.validate_json(figures)
