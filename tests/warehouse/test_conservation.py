"""For any rows: what a database holds is what the store serves, value for value, or it waits in quarantine."""

import os
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import catalogs
from catalogs.model import Catalog
from expectations.admit import admit, engine
from tests.support import campus
from tests.support.postgres import PgDatabase
from warehouse import releases
from warehouse.connect import connect
from warehouse.extraction import land_system

_COLUMNS = {
    "no": ("varchar(12)", "string"),
    "said": ("text", "string"),
    "amount": ("numeric(20,6)", "number"),
    "count": ("bigint", "integer"),
    "on": ("date", "date"),
    "at": ("timestamptz", "timestamp"),
    "is_open": ("boolean", "boolean"),
}
_KEYS = st.integers(0, 10**9).map(lambda number: f"{number:012d}")
_TEXTS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=30)
_AWKWARD = ["", " ", "NULL", "007", "𠮷𡈽𣲷", "😀", "e\u0301", "a\tb\r\nc", "\\N", "\x07", "\ufffd"]
_ROW = st.tuples(
    st.none() | _TEXTS | st.sampled_from(_AWKWARD),
    st.none() | st.decimals(-(10**13), 10**13, places=6, allow_nan=False) | st.just(Decimal("0.000001")),
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-(2**63), 2**63 - 1]),
    st.none() | st.dates(date(1, 1, 1), date(9999, 12, 31)) | st.just(date(1899, 12, 31)),
    st.none() | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),
    st.none() | st.booleans(),
)  # fmt: skip
_TABLE = st.dictionaries(_KEYS, _ROW, min_size=1, max_size=40)
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]")


def content() -> Catalog:
    """A campus with one PostgreSQL system and one resource with an item of each logical type."""
    items = "".join(
        f"""
      - name: "{name}"
        physicalName: "{name}"
        businessName: "{name}"
        logicalType: "{kind}"
        required: {"true" if name == "no" else "false"}
"""
        + ("        primaryKey: true\n        primaryKeyPosition: 1\n" if name == "no" else "")
        for name, (_, kind) in _COLUMNS.items()
    )
    systems = """- system: "hr"
  nameZh: "人事系统"
  provider: "RS"
  kind: "postgres"
  host: "env:SOURCE_HOST"
  port: "env:SOURCE_PORT"
  database: "env:SOURCE_DATABASE"
  user: "env:SOURCE_USER"
  password: "env:SOURCE_PASSWORD"
"""
    files = campus.FILES | {
        "campus.yaml": campus.FILES["campus.yaml"] + "thresholds: {refused_share: 1}\n",
        "systems.yaml": systems,
        "resources/hr/things.odcs.yaml": f"""apiVersion: "v3.2.0"
kind: "DataContract"
id: "hr-things"
name: "hr.things"
version: "1.0.0"
status: "active"
description: {{purpose: "试验"}}
team: {{name: "人事处", members: [{{username: "post:hr-steward", role: "steward"}}]}}
customProperties:
  - {{property: "system", value: "hr"}}
  - {{property: "resourceCode", value: "3070201/000001"}}
  - {{property: "tier", value: "campus"}}
  - {{property: "secrecy", value: "none"}}
  - {{property: "shareType", value: "conditional"}}
  - {{property: "shareCondition", value: "逐项申请"}}
  - {{property: "updateCycle", value: "daily"}}
  - {{property: "ingest", value: {{mode: "full", onAbsence: "end", minimumShare: 0}}}}
schema:
  - name: "things"
    physicalName: "things"
    physicalType: "table"
    businessName: "试验"
    properties:{items}""",
    }
    return catalogs.load({name: text.encode() for name, text in files.items()})


@pytest.fixture
def house(
    warehouse: Callable[[Catalog], campus.Warehouse], pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch
) -> campus.Warehouse:
    address = pg_database.address
    source = {
        "HOST": address.socket_dir,
        "PORT": address.port,
        "DATABASE": pg_database.name,
        "USER": address.user,
    }
    for name, value in (source | {"PASSWORD": address.password}).items():
        monkeypatch.setenv(f"SOURCE_{name}", str(value))
    with pg_database.connect() as con:
        columns = ", ".join(f'"{name}" {kind}' for name, (kind, _) in _COLUMNS.items())
        con.execute(f"CREATE TABLE public.things ({columns})")
    return warehouse(content())


@settings(
    max_examples=int(os.environ.get("YICI_EXAMPLES", "10")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(table=_TABLE)
def test_no_row_and_no_value_is_lost_added_or_changed(house: campus.Warehouse, table: dict[str, tuple]):
    rows = [(key, *values) for key, values in table.items()]
    with connect(autocommit=True) as con, con.cursor() as cursor:
        cursor.execute("TRUNCATE public.things")
        cursor.executemany(f"INSERT INTO public.things VALUES ({', '.join(['%s'] * len(_COLUMNS))})", rows)
    (landed,) = land_system(house.catalog, "hr", house.landing)
    assert landed.error is None and landed.rows == len(rows)
    with house.candidate() as opened:
        with engine() as con:
            done = admit(con, opened, house.catalog, house.catalog.resources["hr.things"], house.landing)
        releases.publish(opened, list(house.catalog.resources.values()), {})
    readable = [row for row in rows if row[1] is None or not _UNREADABLE.search(row[1])]
    assert (done.rows_in, done.admitted, done.quarantined) == (
        len(rows),
        len(readable),
        len(rows) - len(readable),
    )
    assert _served() == sorted(readable)
    assert _waiting() == sorted(row[0] for row in rows if row not in readable)


def _served() -> list[tuple]:
    with connect(autocommit=True) as con:
        number = releases.current(con)
    with connect(release=number) as con:
        columns = ", ".join(f'"{name}"' for name in _COLUMNS)
        # The last good version of a row that is now refused stays beside them, in state `refused`.
        return con.execute(
            f"SELECT {columns} FROM raw.hr__things WHERE _state = 'reported' ORDER BY no"
        ).fetchall()


def _waiting() -> list[str]:
    with connect(autocommit=True) as con:
        keys = con.execute(
            "SELECT key_text FROM yici.quarantine WHERE _to IS NULL ORDER BY key_text"
        ).fetchall()
    return [key for (key,) in keys]
