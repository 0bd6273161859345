"""The published folder holds what its readers may see, in forms that others can read."""

import csv
import io
import json
from html.parser import HTMLParser

import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard
from python_calamine import CalamineWorkbook

import catalogs
from catalogs.faults import Faults
from catalogs.lined_yaml import read_yaml
from catalogs.odcs import tell_schema_faults
from catalogs.publish import publish
from catalogs.views import DEMAND_HEADER, RESPONSIBILITY_HEADER
from tests.catalogs.small import STAFF, campus, item, staff


def campus_with_inner_things():
    doc = staff(usageWarning="=1+1")
    doc["schema"][0]["properties"] += [
        item("inner_note", custom={"tier": "campus"}, physicalName="C_INNER"),
        item("office_note", custom={"tier": "office"}, physicalName="C_OFFICE"),
    ]
    return catalogs.load(campus({STAFF: doc}))


def all_text(folder):
    return "".join(
        path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".xlsx"
    )


def test_the_public_folder_shows_no_internals(tmp_path):
    out = publish(campus_with_inner_things(), tmp_path / "site") / "public"
    text = all_text(out)
    for inner in (
        "inner_note",
        "office_note",
        "t_staff",
        "physicalName",
        "涉密",
        "YICI_",
        "watermark",
        "subject",
    ):
        assert inner not in text, inner
    assert "hr.staff" in text and "教职工" in text


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


def test_lists_are_the_same_in_csv_and_in_excel_read_by_another_library(tmp_path):
    out = publish(catalogs.load(campus()), tmp_path / "site") / "public"
    for stem, header in (("responsibilities", RESPONSIBILITY_HEADER), ("demands", DEMAND_HEADER)):
        text = (out / f"{stem}.csv").read_text(encoding="utf-8-sig")
        by_csv = list(csv.reader(io.StringIO(text)))
        sheet = CalamineWorkbook.from_path(str(out / f"{stem}.xlsx")).get_sheet_by_index(0).to_python()
        by_excel = [
            [str(int(cell)) if isinstance(cell, float) else str(cell) for cell in row] for row in sheet
        ]
        assert by_csv[0] == list(header)
        assert by_csv == by_excel
        assert len(by_csv) > 2


def test_no_cell_is_run_as_a_formula(tmp_path):
    doc = staff(shareType="conditional", shareCondition='=HYPERLINK("http://x")')
    out = publish(catalogs.load(campus({STAFF: doc})), tmp_path / "site") / "public"
    cells = [
        cell for row in csv.reader((out / "responsibilities.csv").open(encoding="utf-8-sig")) for cell in row
    ]
    assert not [cell for cell in cells if cell.startswith("=")]
    assert [cell for cell in cells if cell.startswith("'=")]


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.links, self.rows = [], 0

    def handle_starttag(self, tag, attrs):
        self.rows += tag == "tr"
        self.links += [value for key, value in attrs if tag == "a" and key == "href"]


def test_the_page_says_its_answer_first_and_every_link_leads_somewhere(tmp_path):
    doc = staff()
    doc["schema"][0]["businessName"] = "教职工<script>"
    out = publish(catalogs.load(campus({STAFF: doc})), tmp_path / "site") / "public"
    text = (out / "index.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert "2 个单位提供 3 项数据资源, 支撑 1 个服务事项" in text
    assert "<script>" not in text
    assert page.rows == 1 + 3 + 1 + 1
    for link in page.links:
        assert link.startswith("#") or (out / link).is_file(), link


def test_publishing_again_replaces_the_folder_whole(tmp_path):
    out = publish(catalogs.load(campus()), tmp_path / "site")
    (out / "leftover.txt").write_text("x", encoding="utf-8")
    publish(catalogs.load(campus()), out)
    assert sorted(path.name for path in out.iterdir()) == ["VERSION", "campus", "public"]
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_folder_that_is_no_publication_stays_untouched(tmp_path):
    (tmp_path / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(FileExistsError, match="nothing was written"):
        publish(catalogs.load(campus()), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
