"""datacontract-cli and ours read the same contract and the same rows of PostgreSQL, and say the same of every rule.

Each table of a source holds the same good rows but for one seeded fault. The contract is written once; the outside
judge gets a copy of it that has one schema per table. Where the two must differ, the difference has a name and is
asserted too: a new one is a failure.
"""

import dataclasses
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

import catalogs
from catalogs.model import Catalog
from connectors.duck import session
from connectors.landing import Landing
from expectations.admission import judge
from expectations.extracts import ExtractRefused
from expectations.suites import run_suites
from tests.catalogs.small import contract, item, key_item, props, row_rule
from tests.connectors.conftest import pg_system
from tests.connectors.reading import land
from tests.service.campus import publish
from tests.support import migrated
from tests.support.campus import FILES
from tests.support.needs import need_datacontract
from tests.support.postgres import PgDatabase
from warehouse.connect import connect, url
from warehouse.ledger import Extract

Rows = list[dict[str, Any]]

STAFF, UNITS = "hr.staff", "hr.units"
COLUMNS = {
    "staff_no": "text", "name": "text", "id_no": "text", "kind": "text", "grade": "bigint", "phone": "text",
    "age": "bigint", "salary": "numeric(12,2)", "hired_on": "date", "left_on": "date", "alias": "text", "sex": "text",
    "office": "text", "email": "text", "unit_no": "text",
}  # fmt: skip
GOOD: Rows = [
    {
        "staff_no": f"T{number}", "name": f"试{number}", "id_no": f"N{number}", "kind": f"0{number}", "grade": number,
        "phone": f"1380000000{number}", "age": 20 + number, "salary": "5000.50", "hired_on": "2015-09-01",
        "left_on": "2020-01-31", "alias": "小试", "sex": "1", "office": "主楼", "email": "a@example.edu.cn",
        "unit_no": "WL",
    }
    for number in (1, 2, 3)
]  # fmt: skip
# All that may be missing is missing here: a rule about a value says nothing of a row that has none.
GOOD.append({"staff_no": "T4", "name": "试4"})
BROKEN = ("failed", "error")


def changed(row: int = 0, **values: Any) -> Rows:
    return [one | values if number == row else one for number, one in enumerate(GOOD)]


# Rule → rows in which just that rule is broken.
FAULTS: dict[str, Rows] = {
    "staff_no.required": changed(staff_no=None),
    "key.unique": changed(staff_no="T2"),
    "name.required": changed(name=None),
    "id_no.unique": changed(id_no="N2"),
    "kind.enum": changed(kind="09"),
    "grade.enum": changed(grade=7),
    "phone.pattern": changed(phone="2380000000"),
    "age.range": changed(age=15),
    "salary.range": changed(salary="100000.01"),
    "hired_on.range": changed(hired_on="1899-12-31"),
    "alias.length": changed(alias="试"),
    "left-after-hired": changed(left_on="2015-08-31"),
    "not-cut-short": GOOD[:2],
}
# Difference → the rows that show it, what only datacontract-cli finds in them, and what only we find.
DIFFERENCES: dict[str, tuple[Rows, set[str], set[str]]] = {
    "an empty text is no value to us": (changed(name=""), set(), {"name.required"}),
    "it does not know code tables": (changed(sex="9"), set(), {"sex.code"}),
    "it does not count bytes": (changed(office="行政办公主楼"), set(), {"office.bytes"}),
    "it does not know formats": (changed(email="nobody"), set(), {"email.format"}),
    "it takes unreadable characters for text": (changed(office="\ufffd"), set(), {"office.text"}),
}
# datacontract-cli's type of a check → how our rule on the same item is called.
NAMES = {
    "field_required": "required", "field_unique": "unique", "field_enum": "enum", "field_regex": "pattern",
    "field_minimum": "range", "field_maximum": "range", "field_min_length": "length", "field_max_length": "length",
    "field_type": "type",
}  # fmt: skip


def place(name: str) -> str:
    return f"resources/{name.replace('.', '/')}.odcs.yaml"


def schema_of(resource: str, name: str, table: str) -> dict[str, Any]:
    """Return the schema of a contract as it is written, under another name and over another table."""
    [schema] = json.loads(files()[place(resource)])["schema"]
    return schema | {"name": name, "physicalName": table}


def files() -> dict[str, bytes]:
    """A campus of one resource with a rule of every kind, and one that it refers to."""

    def options(**values: Any) -> dict[str, Any]:
        return {"logicalTypeOptions": values}

    refusing = props(onFailure="refuse_extract")
    items = [
        key_item("staff_no"),
        item("name", required=True),
        item("id_no", unique=True),
        item("kind", enum=[{"value": "01"}, {"value": "02"}, {"value": "03"}]),
        item("grade", kind="integer", enum=[{"value": 1}, {"value": 2}, {"value": 3}]),
        item(
            "phone",
            **options(pattern="^1[0-9]{10}$"),
            quality=[{"id": "phone-once", "metric": "duplicateValues", "mustBe": 0}],
        ),
        item("age", kind="integer", **options(minimum=16, maximum=90)),
        item("salary", kind="number", **options(multipleOf=0.01, minimum=0, maximum=100000)),
        item("hired_on", kind="date", **options(minimum="1949-10-01")),
        item("left_on", kind="date"),
        item("alias", **options(minLength=2, maxLength=10)),
        item("sex", custom={"codeTable": "sex"}),
        item("office", custom={"length": 15}),
        item(
            "email",
            **options(format="email"),
            quality=[
                {"id": "email-filled", "metric": "nullValues", "unit": "percent", "mustBeLessOrEqualTo": 40}
            ],
        ),
        item("unit_no", relationships=[{"to": f"{UNITS}.unit_no"}]),
    ]
    rules = [
        row_rule("left-after-hired", "left_on < hired_on"),
        row_rule("nobody-centenarian", "age > 100", customProperties=refusing),
        {
            "id": "mean-age",
            "type": "sql",
            "severity": "warning",
            "query": "SELECT AVG(age) FROM ${object}",
            "mustBeBetween": [18, 60],
        },
        {
            "id": "not-cut-short",
            "metric": "rowCount",
            "mustBeGreaterOrEqualTo": 3,
            "customProperties": refusing,
        },
    ]
    contracts = {STAFF: contract(STAFF, items, rules), UNITS: contract(UNITS, [key_item("unit_no")])}
    content = FILES | {
        # One bad row of four is no reason here to refuse them all.
        "campus.yaml": FILES["campus.yaml"] + "thresholds: {refused_share: 1}\n",
        "codes/sex.csv": "code,nameZh,nameEn,parent,validFrom,validTo\n1,男,,,,\n2,女,,,,\n",
    }
    content |= {place(name): json.dumps(doc) for name, doc in contracts.items()}
    return {name: text.encode() for name, text in content.items()}


def fill(database: PgDatabase, tables: Mapping[str, Rows]) -> None:
    """Make tables with these rows in the source."""
    names = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    marks = sql.SQL(", ").join(sql.Placeholder() * len(COLUMNS))
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    with database.connect() as con:
        for table, rows in tables.items():
            con.execute(sql.SQL(f"CREATE TABLE {{}} ({columns})").format(sql.Identifier(table)))
            insert = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, marks)
            con.cursor().executemany(insert, [[row.get(name) for name in COLUMNS] for row in rows])


def ours(catalog: Catalog, database: PgDatabase, folder: Path, table: str) -> set[str]:
    """Land a table as hr.staff and return the rules that it breaks."""
    resource = dataclasses.replace(catalog.resources[STAFF], physical_name=table)
    landing = Landing(str(folder / table))
    nothing = dict.fromkeys(one.name for one in dataclasses.fields(Extract))
    [manifest] = land(landing, pg_system(database), resource)
    extract = Extract(**nothing | {"id": manifest.extract_id, "scope": manifest.scope})
    con = session()
    try:
        judge(con, catalog, resource, [(extract, landing.open(manifest))])
    except ExtractRefused as refused:
        return {refused.rule}
    else:
        told = con.execute("SELECT _rules FROM refused").fetchall()
        return {rule for (rules,) in told for rule in rules.split(",")}
    finally:
        con.close()


def theirs(
    database: PgDatabase, folder: Path, schema: str, docs: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, str]]:
    """Let `datacontract test` judge schemas of one contract; returns table → rule → its result."""
    address = database.address
    server = {
        "server": "source", "type": "postgres", "host": str(address.socket_dir), "port": address.port,
        "database": database.name, "schema": schema,
    }  # fmt: skip
    whole = json.loads(files()[place(STAFF)])
    file, told = folder / "judged.odcs.yaml", folder / "judged.json"
    file.write_text(json.dumps(whole | {"servers": [server], "schema": list(docs)}), encoding="utf-8")
    told.unlink(missing_ok=True)
    login = {
        "DATACONTRACT_POSTGRES_USERNAME": address.user,
        "DATACONTRACT_POSTGRES_PASSWORD": address.password,
    }
    command = [need_datacontract(), "test", str(file), "--no-inline-references"]
    command += ["--output-format", "json", "--output", str(told)]
    done = subprocess.run(command, env=os.environ | login, capture_output=True, text=True, check=False)
    assert told.exists(), done.stdout + done.stderr
    found: dict[str, dict[str, str]] = {}
    # Two checks of theirs, of a least and a greatest value, are one rule of ours: what failed comes last.
    checks = json.loads(told.read_text(encoding="utf-8"))["checks"]
    for check in sorted(checks, key=lambda one: one["result"] in BROKEN):
        found.setdefault(check["model"], {})[_rule(check)] = check["result"]
    return found


def _rule(check: Mapping[str, Any]) -> str:
    """Return the name that we give to a rule of datacontract-cli."""
    kind, field = check["type"], check["field"]
    if check["qualityId"]:
        return check["qualityId"]
    if kind == "field_primary_key_unique":
        return "key.unique"
    if kind == "field_relationships":
        return f"reference-{field}"
    return f"{field}.{NAMES[kind]}" if kind in NAMES else check["name"]


def broken(results: Mapping[str, str]) -> set[str]:
    """Return the rules that failed; one that could not be judged is none of them."""
    return {rule for rule, result in results.items() if result in BROKEN}


def copies(tables: Sequence[str]) -> list[dict[str, Any]]:
    """Return the contract's schema once for every table."""
    return [schema_of(STAFF, table, table) for table in tables]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return catalogs.load(files())


def test_both_judges_find_the_same_rule_broken_and_nothing_else(catalog, pg_database, tmp_path):
    tables = {"good": GOOD} | {f"fault_{number}": rows for number, rows in enumerate(FAULTS.values())}
    fill(pg_database, tables)
    found = theirs(pg_database, tmp_path, "public", copies(list(tables)))
    by_us = {table: ours(catalog, pg_database, tmp_path, table) for table in tables}
    assert by_us == dict(zip(tables, [set(), *({rule} for rule in FAULTS)], strict=True))
    assert {table: broken(found[table]) for table in tables} == by_us
    not_judged = {
        rule for results in found.values() for rule, result in results.items() if result == "warning"
    }
    assert not_judged == {"reference-unit_no"}, "it judges a reference only within one contract: see below"


def test_where_the_judges_differ_is_known_by_name(catalog, pg_database, tmp_path):
    tables = {f"table_{number}": rows for number, (rows, _, _) in enumerate(DIFFERENCES.values())}
    fill(pg_database, tables)
    with pg_database.connect() as con:
        con.execute("CREATE TABLE texts AS SELECT * FROM table_0 WHERE name <> ''")
        con.execute("ALTER TABLE texts ALTER age TYPE text, ALTER hired_on TYPE text")
    found = theirs(pg_database, tmp_path, "public", copies([*tables, "texts"]))
    seen = {
        name: (rows, broken(found[table]), ours(catalog, pg_database, tmp_path, table))
        for table, (name, (rows, _, _)) in zip(tables, DIFFERENCES.items(), strict=True)
    }
    assert seen == DIFFERENCES
    # A column's type is a rule to it; to us, whether every value can be read as what the contract says.
    assert {"age.type", "hired_on.type"} <= broken(found["texts"])
    assert ours(catalog, pg_database, tmp_path, "texts") == set()


def test_both_judges_say_the_same_of_a_whole_resource(catalog, pg_database, tmp_path, monkeypatch):
    """What admission cannot tell row by row is judged on the store, as the release would show it."""
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    migrated.begin()
    schemas = [schema_of(name, name, catalog.resources[name].table) for name in (STAFF, UNITS)]
    asked = {"reference-unit_no", "mean-age", "phone-once", "email-filled", "nobody-centenarian"}
    bad = [
        GOOD[0] | {"staff_no": f"B{number}", "unit_no": "HX", "age": 300, "email": None}
        for number in range(3)
    ]
    seen = []
    for rows in ({UNITS: [{"unit_no": "WL"}], STAFF: GOOD[:3]}, {STAFF: bad}):
        with connect(autocommit=True) as con:
            number = publish(con, catalog, rows)
        checks = run_suites(catalog, [catalog.resources[STAFF]], url(), number)
        by_us = {one.rule: one.passed for one in checks if one.rule in asked}
        by_them = theirs(pg_database, tmp_path, "store", schemas)[catalog.resources[STAFF].table]
        assert by_us == {rule: by_them[rule] == "passed" for rule in asked}
        seen.append(by_us)
    assert seen == [dict.fromkeys(asked, True), dict.fromkeys(asked, False)]
