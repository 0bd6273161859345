"""Local times become the same instants whether the zone's offset is known to be one number or looked up."""

from datetime import UTC, datetime, timedelta

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
