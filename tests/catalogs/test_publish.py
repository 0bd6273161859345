"""The published folder holds what its readers may see, in forms that others can read."""

import json
import subprocess

import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard
from python_calamine import CalamineWorkbook

import catalogs
from catalogs.faults import Faults
from catalogs.lined_yaml import read_yaml
from catalogs.odcs import tell_schema_faults
from catalogs.publish import publish
from tests.catalogs.small import STAFF, STUDENTS, campus, item, staff, students
from tests.support.needs import need_datacontract


def campus_with_inner_things():
    doc = staff(usageWarning="=1+1")
    doc["schema"][0]["properties"] += [
        item("inner_note", custom={"tier": "campus"}, physicalName="C_INNER"),
        item("office_note", custom={"tier": "office"}, physicalName="C_OFFICE"),
    ]
    return catalogs.load(campus({STAFF: doc}))


def test_each_tier_sees_what_the_outer_ones_see_and_more(tmp_path):
    catalog = campus_with_inner_things()
    seen = {}
    for tier in ("public", "campus", "office"):
        text = (publish(catalog, tmp_path / "site", (tier,)) / tier / "catalog.json").read_text(
            encoding="utf-8"
        )
        [resource] = [one for one in json.loads(text)["resources"] if one["name"] == "hr.staff"]
        seen[tier] = {one["name"] for one in resource["items"]}
    assert seen["public"] < seen["campus"] < seen["office"]
    assert seen["office"] - seen["campus"] == {"office_note"}


@pytest.mark.parametrize("tier", ["public", "campus", "office"])
def test_published_contracts_are_valid_odcs_for_three_readers(tmp_path, tier):
    out = publish(campus_with_inner_things(), tmp_path / "site", (tier,))
    paths = sorted(out.rglob("*.odcs.yaml"))
    assert len(paths) == 3
    for path in paths:
        content, faults = path.read_bytes(), Faults()
        assert tell_schema_faults(read_yaml(content, path.name, faults), path.name, faults)
        assert faults.all() == []
        OpenDataContractStandard.model_validate(yaml.safe_load(content))


@pytest.mark.parametrize("tier", ["public", "office"])
def test_published_contracts_pass_the_lint_of_datacontract(tmp_path, tier):
    command = need_datacontract()
    out = publish(campus_with_inner_things(), tmp_path / "site", (tier,))
    for path in sorted(out.rglob("*.odcs.yaml")):
        done = subprocess.run([command, "lint", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_published_contract_names_the_codes_of_its_items(tmp_path):
    catalog = campus_with_inner_things()
    out = publish(catalog, tmp_path / "site", ("public",)) / "public" / STAFF
    items = {one["name"]: one for one in yaml.safe_load(out.read_bytes())["schema"][0]["properties"]}
    [sex] = [
        catalog.codes[one.code_table] for one in catalog.resources["hr.staff"].items if one.name == "sex"
    ]
    assert [(one["value"], one["label"]) for one in items["sex"]["enum"]] == [
        (row.code, row.name_zh) for row in sex.rows.values()
    ]
    assert "enum" not in items["name"]


def test_a_published_contract_has_the_codes_that_are_handed_out_and_not_those_that_the_source_sends(tmp_path):
    contract = yaml.safe_load(campus()[STAFF])
    (sex,) = (one for one in contract["schema"][0]["properties"] if one["name"] == "sex")
    sex["enum"] = [{"value": "男"}, {"value": "女"}]
    out = publish(catalogs.load(campus({STAFF: contract})), tmp_path / "site", ("campus",)) / "campus" / STAFF
    items = {one["name"]: one for one in yaml.safe_load(out.read_bytes())["schema"][0]["properties"]}
    assert [one["value"] for one in items["sex"]["enum"]] == ["1", "2"]


def test_references_to_what_a_reader_may_not_see_are_left_out(tmp_path):
    catalog = catalogs.load(campus({STUDENTS: students(tier="campus")}))
    out = publish(catalog, tmp_path / "site")
    awards = "resources/academic/awards.odcs.yaml"
    assert "academic.students" not in (out / "public" / awards).read_text(encoding="utf-8")
    assert "academic.students.student_no" in (out / "campus" / awards).read_text(encoding="utf-8")


def test_lists_are_the_same_in_json_and_in_excel_read_by_another_library(tmp_path):
    out = publish(catalogs.load(campus()), tmp_path / "site") / "public" / "lists"
    book = CalamineWorkbook.from_path(str(out / "lists.xlsx"))
    files = sorted(out.glob("*.json"))
    assert {"responsibilities", "demands", "at_most_once"} <= {path.stem for path in files}
    for path in files:
        told = json.loads(path.read_text(encoding="utf-8"))
        heading, *rows = book.get_sheet_by_name(told["titleZh"][:31]).to_python()
        assert heading == [column["zh"] for column in told["columns"]]
        assert len(rows) == len(told["rows"])
        for row, by_json in zip(rows, told["rows"], strict=True):
            assert [shown(cell) for cell in row] == [shown(by_json[c["key"]]) for c in told["columns"]]


def shown(value):
    if isinstance(value, list):
        return "、".join(value)
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def test_lists_of_faults_are_there_only_where_faults_are_given_and_never_for_the_public(tmp_path):
    catalog = catalogs.load(campus())
    without = publish(catalog, tmp_path / "a")
    given = publish(catalog, tmp_path / "b", faults=catalogs.check(catalog.files))
    name = "lists/guide_faults.json"
    assert not (without / "campus" / name).exists()
    assert (given / "campus" / name).exists()
    assert not (given / "public" / name).exists()


def test_publishing_again_replaces_the_folder_whole(tmp_path):
    out = publish(catalogs.load(campus()), tmp_path / "site")
    (out / "leftover.txt").write_text("x", encoding="utf-8")
    publish(catalogs.load(campus()), out)
    assert sorted(path.name for path in out.iterdir()) == ["VERSION", "campus", "guides.json", "public"]
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_folder_that_is_no_publication_stays_untouched(tmp_path):
    (tmp_path / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(FileExistsError, match="nothing was written"):
        publish(catalogs.load(campus()), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
