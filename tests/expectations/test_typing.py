"""How landed values are typed: local times as the zone says, however it is known, and numbers kept as fractions."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from connectors.duck import session
from expectations.typing import settled_offset, typed
from tests.connectors.build import item

TIMES = """
SELECT TIMESTAMP '1800-01-01 00:00:00.000001' + to_microseconds(n * 86399999999 * 37) AS on_clock FROM range(3000) t(n)
UNION ALL SELECT TIMESTAMP '1985-01-01' + to_hours(n) FROM range(70000) t(n)
UNION ALL SELECT unnest([TIMESTAMP '9999-12-31 23:59:59.999999', TIMESTAMP '2099-12-31 23:59:59',
                         TIMESTAMP '2100-01-01', TIMESTAMP 'infinity', TIMESTAMP '-infinity', NULL])
"""


@pytest.mark.parametrize(
    "zone", ["Asia/Shanghai", "Asia/Urumqi", "America/New_York", "Africa/Casablanca", "UTC"]
)
def test_a_local_time_is_the_instant_that_the_time_zone_says(zone: str):
    expression = typed(item("at", logical_type="timestamp"), "on_clock", "TIMESTAMP", {}, zone)
    looked_up = f"CASE WHEN isfinite(on_clock) THEN timezone('{zone}', on_clock) END"
    query = f"SELECT count(*), count_if({expression} IS DISTINCT FROM {looked_up}) FROM ({TIMES})"
    total, differing = session(extensions=()).execute(query).fetchone()
    assert (total, differing) == (73_006, 0)


def test_a_zone_that_still_changes_its_clocks_has_no_settled_offset():
    assert settled_offset("America/New_York") is None
    since, offset = settled_offset("Asia/Shanghai")
    assert offset == timedelta(hours=8)
    assert datetime(1991, 9, 15, tzinfo=UTC) < since < datetime(1991, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("string", ["20250001", "0.5", None]),
        ("integer", [20250001, None, None]),
        ("number", ["20250001", "0.5", None]),
    ],
)
def test_a_whole_number_that_a_source_keeps_as_a_fraction_reads_as_it_prints_it(kind: str, values: list):
    expression = typed(item("no", logical_type=kind, scale=1), "no", "DOUBLE", {}, "UTC")
    con = session(extensions=())
    rows = con.execute(
        f"SELECT {expression} FROM (SELECT unnest([20250001.0::DOUBLE, 0.5, NULL]) AS no)"
    ).fetchall()
    assert [value for (value,) in rows] == [
        Decimal(value) if kind == "number" and value else value for value in values
    ]
