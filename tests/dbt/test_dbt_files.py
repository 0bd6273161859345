"""The generated dbt project: deterministic, proportionate, and its results told by model."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from catalogs import dbt_files
from catalogs.dbt_files import assemble, verdicts
from tests.dbt.running import build, dbt
from tests.dbt.shapes import show, small_catalog
from tests.support.postgres import PgDatabase

PEOPLE = {"hr.staff": {"staff_no": "string", "salary": "number", "born_on": "date"}}
POSTS = {"hr.posts": {"post_no": "string", "staff_no": "string"}}


def files_of(project: Path) -> dict[str, bytes]:
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file()
    }


def template(folder: Path, **models: str) -> Path:
    """A project of the real frame with these models only; a name's prefix says its folder."""
    for name in (
        "dbt_project.yml",
        "profiles.yml",
        "macros",
        "tests",
        "models/registers",
        "models/groups.yml",
    ):
        source = dbt_files.TEMPLATE / name
        for path in [source] if source.is_file() else source.rglob("*.*"):
            target = folder / path.relative_to(dbt_files.TEMPLATE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    for name, text in models.items():
        file = folder / "models" / name.replace("__", "/", 1)
        file = file.with_name(file.name.replace("_yml", ".yml").replace("_sql", ".sql"))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def test_a_model_that_may_hold_a_sensitive_item_is_a_view_whatever_its_folder_says(tmp_path):
    catalog = small_catalog(PEOPLE)
    staff = catalog.resources["hr.staff"]
    items = tuple(
        replace(item, pi_class="sensitive") if item.name == "salary" else item for item in staff.items
    )
    catalog = replace(catalog, resources={"hr.staff": replace(staff, items=items)})
    texts = {
        "declared": "{{ config(enabled=requires('hr.staff: staff_no salary')) }} select 1 as one",
        "undeclared": "select max(salary) as most from {{ source('raw', 'hr__staff') }}",
        "everything": "select s.* from {{ ref('stg_hr__staff') }} as s",
        "behind": "select most as renamed from {{ ref('undeclared') }}",
        "counts": "{{ config(enabled=requires('hr.staff: staff_no')) }} select count(*) as n"
        " from {{ ref('stg_hr__staff') }}",
        "elsewhere": "select 1 as salary",
    }
    project = template(tmp_path / "t", **{f"marts__{name}_sql": text for name, text in texts.items()})
    found = files_of(assemble(catalog, tmp_path / "out", template=project))
    views = {
        name
        for name in texts
        if found[f"models/marts/{name}.sql"].startswith(b"{{ config(materialized='view') }}")
    }
    assert views == {"declared", "undeclared", "everything", "behind"}


def test_the_same_catalog_gives_the_same_project_and_touches_no_file(tmp_path):
    catalog = small_catalog(PEOPLE | POSTS)
    project = assemble(catalog, tmp_path / "a")
    stamps = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    assemble(catalog, project)
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == stamps
    assert files_of(assemble(catalog, tmp_path / "b")) == files_of(project)


def test_a_resource_that_leaves_the_catalog_leaves_no_model_and_dbts_own_files_stay(tmp_path):
    project = assemble(small_catalog(PEOPLE | POSTS), tmp_path)
    (project / "target").mkdir()
    (project / "target" / "partial_parse.msgpack").write_bytes(b"kept")
    before = files_of(project)
    assemble(small_catalog(PEOPLE), project)
    after = files_of(project)
    assert "models/staging/generated/hr/stg_hr__posts.sql" in before.keys() - after.keys()
    assert "models/staging/generated/hr/stg_hr__staff.sql" in after
    assert after["target/partial_parse.msgpack"] == b"kept"


def test_a_hand_written_staging_model_takes_the_place_of_the_generated_one(tmp_path):
    mine = template(tmp_path / "t", staging__stg_hr__staff_sql="select 1 as mine")
    files = files_of(assemble(small_catalog(PEOPLE), tmp_path / "out", template=mine))
    assert files["models/staging/stg_hr__staff.sql"] == b"select 1 as mine"
    assert "models/staging/generated/hr/stg_hr__staff.sql" not in files


def test_texts_of_the_catalog_cannot_become_jinja_or_sql(tmp_path, pg_database: PgDatabase):
    catalog = small_catalog(PEOPLE)
    project = assemble(catalog, tmp_path / "out", template=template(tmp_path / "t"))
    with pg_database.connect() as con:
        show(con, catalog)
    verdict = build(project, pg_database, "rest")["dim_resource"]
    assert verdict.outcome == "built"
    with pg_database.connect() as con:
        (name,) = con.execute("SELECT name_zh FROM build.dim_resource WHERE resource = 'hr.staff'").fetchone()
    assert name == "试验 {{ staff }}"


def test_the_releases_two_invocations_share_the_work_and_failures_are_told_by_model(
    tmp_path, pg_database: PgDatabase
):
    catalog = small_catalog(PEOPLE | POSTS)
    models = {
        "feeds__feed_good_sql": "select staff_no from {{ ref('stg_hr__staff') }}",
        "feeds__feed_twice_sql": "select 'a' as k from {{ ref('stg_hr__staff') }}",
        "marts__mart_of_good_sql": "select staff_no from {{ ref('feed_good') }}",
        "marts__mart_of_twice_sql": "select k from {{ ref('feed_twice') }}",
        "marts__mart_warned_sql": "select post_no from {{ ref('stg_hr__posts') }}",
        "marts__mart_of_broken_sql": "select x from {{ ref('mart_broken') }}",
        "marts__mart_broken_sql": "select cast(staff_no as integer) as x from {{ ref('stg_hr__staff') }}",
        "marts__mart_elsewhere_sql": "{{ config(enabled=requires('finance.accounts')) }} select 1 as x",
        "marts__mart_older_sql": "{{ config(enabled=requires('hr.staff: left_on')) }} select 1 as x",
        "marts__all_yml": """
version: 2
models:
  - name: feed_good
    columns: [{name: staff_no, data_type: text}]
    data_tests: [{unique_combination: {arguments: {columns: [staff_no]}}}]
  - name: feed_twice
    columns: [{name: k, data_type: text}]
    data_tests: [{unique_combination: {arguments: {columns: [k]}}}]
  - name: mart_of_good
    columns: [{name: staff_no, data_type: text}]
  - name: mart_of_twice
    columns: [{name: k, data_type: text}]
  - name: mart_warned
    columns: [{name: post_no, data_type: text}]
    data_tests: [{holds: {arguments: {condition: "post_no > 'b'"}, config: {severity: warn}}}]
  - name: mart_broken
    columns: [{name: x, data_type: integer}]
  - name: mart_of_broken
    columns: [{name: x, data_type: integer}]
  - name: mart_elsewhere
    columns: [{name: x, data_type: integer}]
  - name: mart_older
    columns: [{name: x, data_type: integer}]
""",
    }
    project = assemble(catalog, tmp_path / "out", template=template(tmp_path / "t", **models))
    with pg_database.connect() as con:
        staff = [{"staff_no": name, "salary": 1} for name in ("canary-a", "canary-b")]
        show(con, catalog, {"hr.staff": staff, "hr.posts": [{"post_no": "a"}, {"post_no": "c"}]})
    first = build(project, pg_database, "derived")
    assert {name: found.outcome for name, found in first.items()} == {
        "feed_good": "built",
        "feed_twice": "failed",
    }
    (failed,) = first["feed_twice"].failed_tests
    assert (failed.severity, failed.rows_failed) == ("error", 1)
    assert first["feed_good"].feeds_derived
    assert first["feed_good"].resources == ("hr.staff",)

    second = build(project, pg_database, "rest", "feed_twice")
    outcomes = {name: found.outcome for name, found in second.items() if name.startswith("mart")}
    assert outcomes == {
        "mart_of_good": "built",
        "mart_warned": "built",
        "mart_broken": "failed",
        "mart_of_broken": "skipped",
    }
    assert [test.severity for test in second["mart_warned"].failed_tests] == ["warn"]
    assert "canary" not in repr((first, second))


def test_partial_parsing_survives_the_next_release(tmp_path, pg_database: PgDatabase):
    catalog = small_catalog(PEOPLE)
    project = assemble(catalog, tmp_path / "out", template=template(tmp_path / "t"))
    first = dbt(project, pg_database, "parse")
    assemble(catalog, project, template=tmp_path / "t")
    again = dbt(project, pg_database, "parse")
    assert "Starting full parse" in first
    assert "Unable to do partial parsing" not in again


def test_a_test_without_a_model_of_its_own_belongs_to_the_last_model_it_names(tmp_path):
    manifest = {
        "nodes": {
            "model.yici.a": {
                "name": "a", "resource_type": "model", "tags": [], "depends_on": {"nodes": ["source.x"]},
            },
            "test.yici.t": {
                "name": "t", "resource_type": "test", "tags": [], "attached_node": None,
                "depends_on": {"nodes": ["source.x", "model.yici.a"]},
            },
        },
        "sources": {"source.x": {"config": {"meta": {"resource": "hr.staff"}}}},
    }  # fmt: skip
    results = [
        {"unique_id": "model.yici.a", "status": "success", "execution_time": 1.0, "message": "canary"},
        {
            "unique_id": "test.yici.t",
            "status": "fail",
            "execution_time": 0.5,
            "failures": 3,
            "message": "canary",
        },
    ]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (tmp_path / "run_results.json").write_text(json.dumps({"results": results}), encoding="utf-8")
    (verdict,) = verdicts(tmp_path)
    assert (verdict.model, verdict.outcome, verdict.seconds) == ("a", "failed", 1.5)
    assert verdict.failed_tests[0].rows_failed == 3
    assert "canary" not in repr(verdict)


def test_only_the_two_stages_of_a_release_exist(tmp_path):
    with pytest.raises(ValueError, match="expected 'derived' or 'rest'"):
        dbt_files.arguments(tmp_path, "everything")
