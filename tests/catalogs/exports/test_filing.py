"""The filing pack can be checked file by file, signed, and read without us."""

import csv
import hashlib
import io
import json
import zipfile
from datetime import date

import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard
from pypdf import PdfReader
from python_calamine import CalamineWorkbook
from typer.testing import CliRunner

import catalogs
from catalogs.exports.filing import COVER, MANIFEST, filing_pack
from catalogs.lists import derived_lists
from tests.catalogs.exports.support import layered_campus
from tests.catalogs.small import campus
from yici.cli import app


@pytest.fixture(scope="module")
def pack() -> zipfile.ZipFile:
    catalog = layered_campus()
    return zipfile.ZipFile(io.BytesIO(filing_pack(catalog, derived_lists(catalog, ()), date(2026, 11, 26))))


def test_the_manifest_has_the_digest_of_every_other_file(pack):
    rows = list(csv.DictReader(io.StringIO(pack.read(MANIFEST).decode("utf-8-sig"))))
    assert {row["文件"] for row in rows} == set(pack.namelist()) - {COVER, MANIFEST}
    for row in rows:
        content = pack.read(row["文件"])
        assert (row["字节"], row["SHA-256"]) == (str(len(content)), hashlib.sha256(content).hexdigest())


def test_the_cover_vouches_for_the_manifest_and_waits_for_signatures_and_seals(pack):
    reader = PdfReader(io.BytesIO(pack.read(COVER)))
    text = "".join(reader.pages[0].extract_text().split())
    assert len(reader.pages) == 1
    assert hashlib.sha256(pack.read(MANIFEST)).hexdigest() in text
    for told in (
        "示例大学",
        "2026年11月26日",
        "单位负责人签字(公章)",
        "填表人",
        "备案机关(章)",
        "数据资源3项",
    ):
        assert told in text, told
    fields = reader.get_fields()
    assert set(fields) == {"preparer", "data_office", "unit_seal", "receiver"}
    assert {field["/FT"] for field in fields.values()} == {"/Sig"}


def test_forms_lists_contracts_and_guides_are_there_and_readable(pack):
    names = pack.namelist()
    for name in ("forms/guide.xlsx", "forms/annex1.xlsx", "forms/annex2.xlsx", "forms/annex3.xlsx",
                 "lists/lists.xlsx", "catalog/catalog.xlsx"):  # fmt: skip
        book = CalamineWorkbook.from_filelike(io.BytesIO(pack.read(name)))
        assert len(book.get_sheet_by_index(0).to_python()) > 1, name
    contracts = [name for name in names if name.startswith("contracts/")]
    assert len(contracts) == 3
    for name in contracts:
        OpenDataContractStandard.model_validate(yaml.safe_load(pack.read(name)))
    assert "在职证明" in PdfReader(io.BytesIO(pack.read("guides/RS-001.pdf"))).pages[0].extract_text()
    assert len(json.loads(pack.read("catalog/catalog.json"))["resources"]) == 3


def test_the_commands_write_a_pack_and_a_publication(tmp_path, monkeypatch):
    folder = tmp_path / "campus"
    for name, content in campus().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    monkeypatch.setenv("YICI_CAMPUS", str(folder))
    monkeypatch.setenv("YICI_HOME", str(tmp_path / "home"))
    runner = CliRunner()
    done = runner.invoke(app, ["catalog", "filing", "--out", str(tmp_path / "pack.zip"), "--no-figures"])
    assert done.exit_code == 0, done.output
    assert COVER in zipfile.ZipFile(tmp_path / "pack.zip").namelist()
    told = ["catalog", "publish", "--out", str(tmp_path / "site"), "--tier", "public", "--no-figures"]
    done = runner.invoke(app, told)
    assert done.exit_code == 0, done.output
    assert catalogs.load(folder).version[:12] in done.output
    assert [path.name for path in sorted((tmp_path / "site").iterdir())] == [
        "VERSION",
        "guides.json",
        "public",
    ]
    done = runner.invoke(app, ["catalog", "publish", "--out", str(tmp_path / "x"), "--tier", "everybody"])
    assert done.exit_code == 2
    assert not (tmp_path / "x").exists()
