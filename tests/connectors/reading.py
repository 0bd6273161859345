"""Reading and landing in one step, and looking at what was landed."""

from collections.abc import Mapping
from datetime import UTC, datetime

import duckdb

from catalogs.model import Resource, System
from connectors import open_source
from connectors.base import ReadSpec, Scope
from connectors.landing import Landing, Manifest

AT = datetime(2026, 10, 20, 23, tzinfo=UTC)


def land(
    landing: Landing,
    system: System,
    resource: Resource,
    extract_id: int = 1,
    watermark: str | None = None,
    scope: Scope | None = None,
    seen: Mapping[str, str] | None = None,
) -> list[Manifest]:
    """Land all that is new of one resource."""
    with open_source(system) as source:
        spec = ReadSpec(resource, scope)
        return [
            landing.write(reading, extract_id + number, AT)
            for number, reading in enumerate(source.readings(spec, seen, watermark))
        ]


def rows(landing: Landing, manifest: Manifest) -> list[tuple]:
    """The landed rows in the order of their first item, every value as text."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    landing.attach(con)
    files = landing.open(manifest)
    return con.execute(
        f"SELECT COLUMNS(*)::VARCHAR FROM (SELECT * FROM read_parquet(?{files.options}) ORDER BY 1)", [files]
    ).fetchall()
