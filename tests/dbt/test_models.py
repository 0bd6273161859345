"""The hand-written models on the reference campus, on campuses that lack parts of it, and their own unit tests."""

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalogs.dbt_files import TEMPLATE, assemble
from catalogs.model import Catalog
from catalogs.settings import DEFAULT_CAMPUS
from tests.dbt.running import build, dbt
from tests.dbt.shapes import show
from tests.support.postgres import PgDatabase, PgServer
from tests.support.reference import reference_campus


@pytest.fixture(scope="module")
def campus() -> Catalog:
    return reference_campus()


@pytest.fixture(scope="module")
def empty(pg_server: PgServer, campus: Catalog) -> Iterator[PgDatabase]:
    """A database in which every resource of the campus is there and empty."""
    database = pg_server.create_database()
    with database.connect() as con:
        show(con, campus)
    yield database
    pg_server.drop_database(database)


@pytest.fixture(scope="module")
def project(campus: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return assemble(campus, tmp_path_factory.mktemp("dbt"))


def manifest(project: Path) -> dict:
    return json.loads((project / "target" / "manifest.json").read_text(encoding="utf-8"))


def test_every_model_keeps_its_contract_and_unit_tests_hold(project, empty, campus):
    first = build(project, empty, "derived")
    second = build(project, empty, "rest")
    assert {name: found.outcome for name, found in (first | second).items() if found.outcome != "built"} == {}
    written = {path.stem for path in TEMPLATE.rglob("models/**/*.sql")}
    assert written <= {*first, *second}, "a model that this campus cannot fill has no use here"
    derived = {r.physical_name for r in campus.resources.values() if r.is_derived}
    assert derived == {name for name, found in first.items() if found.feeds_derived}

    without_persons = {name for name, found in (first | second).items() if found.holds_no_person}
    assert "mart_reform__visit_evidence" in without_persons
    assert all(name.startswith("mart_") for name in without_persons)
    assert not without_persons & {"mart_research__project_funds", "mart_teaching__enrolment"}

    dbt(project, empty, "test", "--select", "test_type:unit")
    results = json.loads((project / "target" / "run_results.json").read_text(encoding="utf-8"))["results"]
    assert results
    assert [r["unique_id"] for r in results if r["status"] != "pass"] == []


def test_every_model_says_its_grain_its_group_and_what_it_promises(project, empty):
    if not (project / "target" / "manifest.json").exists():
        dbt(project, empty, "parse")
    found = manifest(project)
    tested = {
        node["attached_node"]
        for node in found["nodes"].values()
        if node["resource_type"] == "test" and node["test_metadata"]["name"] == "unique_combination"
    }
    owners = {group["name"]: group["owner"] for group in found["groups"].values()}
    for unique_id, node in found["nodes"].items():
        if node["resource_type"] != "model" or node["path"].startswith("staging"):
            continue
        for part in ("**概述**", "**主键 (粒度)**", "**业务规则**", "**示例**"):
            assert part in node["description"], (node["name"], part)
        assert node["config"]["contract"]["enforced"], node["name"]
        assert all(column["description"] for column in node["columns"].values()), node["name"]
        assert owners[node["config"]["group"]]["name"]
        assert unique_id in tested, node["name"]


def test_no_model_of_the_first_invocation_reads_a_derived_resource(project, empty):
    if not (project / "target" / "manifest.json").exists():
        dbt(project, empty, "parse")
    found = manifest(project)
    for node in found["nodes"].values():
        if "feeds_derived" in node["tags"]:
            waiting, seen = [node], set()
            while waiting:
                for name in waiting.pop()["depends_on"]["nodes"]:
                    assert ".derived__" not in name, node["name"]
                    if name in found["nodes"] and name not in seen:
                        seen.add(name)
                        waiting.append(found["nodes"][name])


@pytest.mark.parametrize("systems", [(), ("hall",), ("academic", "finance"), ("research", "hr", "logistics")])
def test_a_campus_with_fewer_systems_still_builds(campus, pg_database: PgDatabase, tmp_path, systems):
    kept = {name: r for name, r in campus.resources.items() if r.system in systems}
    smaller = dataclasses.replace(campus, resources=kept)
    project = assemble(smaller, tmp_path)
    with pg_database.connect() as con:
        show(con, smaller)
    built = build(project, pg_database, "rest")
    assert "dim_person" in built
    assert {name: found.outcome for name, found in built.items() if found.outcome != "built"} == {}


def test_no_model_and_no_rule_of_the_campus_forgets_rows_that_a_person_released():
    texts = [*TEMPLATE.glob("m*/**/*.sql"), *(DEFAULT_CAMPUS / "expectations").glob("*.yaml")]
    conditions = {
        path.name: re.findall(
            r"_state\s+(?:=|in\b)\s*\(?[^)\n]*'reported'[^)\n]*", path.read_text(), re.IGNORECASE
        )
        for path in texts
    }
    assert sum(map(len, conditions.values())) > 10
    assert {
        name for name, found in conditions.items() if any("'released'" not in one for one in found)
    } == set()
