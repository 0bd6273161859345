"""`yici catalog forms` and `yici catalog flow` from the command line."""

import openpyxl
import pytest
from typer.testing import CliRunner

from tests.catalogs import small
from tests.catalogs.forms.books import POWERS
from yici.cli import app


@pytest.fixture
def run(tmp_path, monkeypatch):
    campus = tmp_path / "campus"
    for path, content in small.campus({"powers.yaml": POWERS}).items():
        target = campus / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    monkeypatch.setenv("YICI_CAMPUS", str(campus))
    return lambda *words: CliRunner().invoke(app, ["catalog", *map(str, words)])


def test_a_form_goes_out_and_its_change_is_told_by_field(run, tmp_path):
    out = tmp_path / "powers.xlsx"
    assert run("forms", "export", "--form", "powers", "--out", out).exit_code == 0
    assert run("forms", "check", out).output == "0 changes\n"
    book = openpyxl.load_workbook(out)
    book.active["L3"] = "0108"
    book.save(out)
    told = run("forms", "check", out)
    assert (told.exit_code, told.output) == (0, "powers.yaml P-RS-01 phone\n1 change\n")


def test_faults_are_told_with_their_place_and_marked_in_a_copy(run, tmp_path):
    out, marked = tmp_path / "powers.xlsx", tmp_path / "marked.xlsx"
    run("forms", "export", "--form", "powers", "--out", out)
    book = openpyxl.load_workbook(out)
    book.active["G3"] = "人事部"
    book.save(out)
    told = run("forms", "check", out, "--marked", marked)
    assert told.exit_code == 1
    assert "权责清单!G3: no unit of this name or code" in told.output
    assert openpyxl.load_workbook(marked)["权责清单"]["G3"].comment is not None


def test_a_choice_that_nothing_is_of_writes_no_file(run, tmp_path):
    out = tmp_path / "none.xlsx"
    told = run("forms", "export", "--form", "guide", "--unit", "CW", "--out", out)
    assert told.exit_code == 1
    assert not out.exists()


def test_a_flow_leaves_as_a_picture_and_as_bpmn_and_is_read_back(run, tmp_path):
    svg, bpmn = tmp_path / "flow.svg", tmp_path / "flow.bpmn"
    assert run("flow", "RS-001", "--svg", svg, "--bpmn", bpmn).exit_code == 0
    assert svg.read_text(encoding="utf-8").startswith("<svg")
    bpmn.write_text(
        bpmn.read_text(encoding="utf-8").replace('name="核验"', 'name="核验在职"'), encoding="utf-8"
    )
    told = run("flow", "RS-001", "--read", bpmn)
    assert (told.exit_code, told.output) == (0, "services/rs-001.yaml steps[2].nameZh\n1 change\n")


def test_a_service_item_that_is_not_there_is_told(run):
    told = run("flow", "RS-999", "--svg", "x.svg")
    assert told.exit_code == 2
    assert "RS-999" in told.output
