"""The pages about what was found: every rule is on them, and not one value."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalogs.model import Catalog, Metric, Rule
from expectations import data_docs
from expectations.admission import Finding
from expectations.suites import run_suites
from tests.support import campus
from tests.support.postgres import PgDatabase
from warehouse import releases
from warehouse.connect import connect, url

STAFF = "hr.staff"
CANARIES = ("贾语村标本", "310101194912310016", "48123.77", "1949-12-31", "90417")


@pytest.fixture
def warehouse(
    tmp_path: Path, pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch
) -> Iterator[campus.Warehouse]:
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    yield campus.Warehouse(tmp_path, campus.catalog())


def row_rule(name: str, where: str, on_failure: str) -> Rule:
    return Rule(name, f"规则 {name}", "", where, (), "error", "conformity", "", on_failure, {"mustBe": 0})


def asked_much(catalog: Catalog) -> Catalog:
    """The small campus with rules of every kind that can break, and one that cannot run."""
    resource = catalog.resources[STAFF]
    metrics = tuple(
        Metric(f"{kind}-{item}", "", kind, item, {"mustBe": 0}, "percent", {}, "error", "completeness", "", "finding")
        for kind, item in (("nullValues", "id_no"), ("duplicateValues", "name"))
    )  # fmt: skip
    rules = (
        row_rule("no-canary", f"name = '{CANARIES[0]}' AND staff_no <> '90417'", "refuse_row"),
        row_rule("old", "born_on < DATE '1950-01-01'", "finding"),
        row_rule("kept", "salary < 0", "refuse_row"),
        Rule("cast", "", "SELECT max(CAST(name AS INTEGER)) FROM ${object}", None, (), "error", "", "", "finding",
             {"mustBe": 1}),
    )  # fmt: skip
    changed = dataclasses.replace(resource, metrics=metrics, rules=rules, quality_gate={"完整性": 0.5})
    return dataclasses.replace(catalog, resources={STAFF: changed})


def released(warehouse: campus.Warehouse, rows: list[dict]) -> None:
    """Take rows in, judge them whole as the release job does, and publish."""
    warehouse.land(rows)
    with warehouse.candidate() as opened:
        warehouse.admit(opened)
        found = []
        for check in run_suites(warehouse.catalog, [warehouse.catalog.resources[STAFF]], url(), opened.id):
            told = dataclasses.asdict(check)
            del told["counts_rows"]
            found.append(Finding(**told, stage="expectations"))
        releases.add_findings(opened.con, opened.id, found)
        releases.publish(opened, list(warehouse.catalog.resources.values()), {})


def written(warehouse: campus.Warehouse, folder: Path) -> dict[str, str]:
    with connect(autocommit=True) as con:
        count = data_docs.write(con, warehouse.catalog, folder)
    pages = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}
    assert len(pages) == count
    return pages


def test_every_rule_is_on_the_page_and_no_value_is_anywhere(warehouse, tmp_path):
    warehouse.catalog = asked_much(warehouse.catalog)
    canary = {"name": CANARIES[0], "id_no": CANARIES[1], "salary": CANARIES[2], "born_on": CANARIES[3]}
    rows = [campus.row(number, **canary) if number < 3 else campus.row(number) for number in range(200)]
    rows.append(campus.row(90417, **canary))
    released(warehouse, rows)
    folder = tmp_path / data_docs.FOLDER
    page = written(warehouse, folder)["hr.staff.html"]
    for rule in ("no-canary", "old", "kept", "cast", "nullValues-id_no", "duplicateValues-name", "volume", "shift",
                 "freshness", "key", "gate-completeness", "contract"):  # fmt: skip
        assert rule in page, rule
    assert "完整性达到承诺" in page and "取值分布未突变" in page
    assert page.index("cast") < page.index("duplicateValues-name") < page.index("freshness"), (
        "the worst first"
    )
    kept = "".join(str(value) for value in told_of(warehouse))
    everything = b"".join(file.read_bytes() for file in folder.rglob("*"))
    for canary_value in CANARIES:
        assert canary_value.encode() not in everything
        assert canary_value not in kept


def told_of(warehouse: campus.Warehouse) -> Iterator[object]:
    """Everything that is kept of results."""
    with connect(autocommit=True) as con:
        for table in ("finding", "distribution", "release_resource"):
            yield from con.execute(f"SELECT to_jsonb(t)::text FROM yici.{table} t").fetchall()


def test_the_pages_remember_how_each_rule_went_before(warehouse, tmp_path):
    warehouse.catalog = asked_much(warehouse.catalog)
    for filled in (0, 200):
        released(warehouse, [campus.row(n, id_no=f"{n}" if n < filled else None) for n in range(200)])
    page = written(warehouse, tmp_path / "docs")["hr.staff.html"]
    (line,) = (part for part in page.split("<tr>") if "nullValues-id_no" in part)
    assert 'title="版次 1: 200 行">✕' in line and 'title="版次 2: 0 行">●' in line
    assert line.index("版次 1") < line.index("版次 2")


def test_before_the_first_release_there_are_no_pages(warehouse, tmp_path):
    with connect(autocommit=True) as con:
        assert data_docs.write(con, warehouse.catalog, tmp_path / "docs") == 0
    assert not (tmp_path / "docs").exists()


def test_new_pages_replace_the_old_ones_whole(warehouse, tmp_path):
    released(warehouse, [campus.row(1)])
    folder = tmp_path / "docs"
    written(warehouse, folder)
    (folder / "of-yesterday.html").write_text("")
    assert set(written(warehouse, folder)) == {"index.html", "hr.staff.html"}
