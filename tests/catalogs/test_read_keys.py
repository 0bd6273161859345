"""What a contract says about reading is done, or it is a fault."""

import re
from pathlib import Path

import pytest

import catalogs
from catalogs.faults import Faults
from catalogs.fields import Fields
from catalogs.read_keys import FORMATS, READ_KEYS, file_format, tell_read_faults

PAGE = Path(catalogs.__file__).resolve().parents[1] / "docs" / "own-campus.md"
CONNECTORS = PAGE.parents[1] / "connectors"


def faults_of(read: dict, kind: str = "files", name: str = "t.csv", items: int = 2) -> list[str]:
    faults = Faults()
    tell_read_faults(Fields(read, "t.yaml", "read", faults), kind, name, items)
    return [str(fault) for fault in faults.all()]


@pytest.mark.parametrize(
    ("read", "name"),
    [
        ({"format": "csv", "encoding": "GB18030", "delimiter": "\t", "quote": "none", "skip": 2}, "t.txt"),
        ({"header": False, "columns": ["a", "b", "c"], "nulls": ["NULL"], "trim": True}, "t.csv"),
        ({"headerRow": 3, "headerRows": 2, "done": ".done"}, "t_{date}.xlsx#单位"),
        ({"format": "fixed", "widths": [3, 5], "widthsIn": "bytes"}, "t.dat"),
        ({"format": "fixed", "widths": [3, 5, 9], "columns": ["a", "b", "c"]}, "t.dat"),
    ],
)
def test_what_the_formats_know_is_no_fault(read: dict, name: str) -> None:
    assert faults_of(read, name=name) == []


@pytest.mark.parametrize(
    ("read", "name", "told"),
    [
        ({"delimiter": ";"}, "t.xlsx", 'unknown key "delimiter"'),
        ({"headerRow": 2}, "t.dbf", 'unknown key "headerRow"'),
        ({"trim": True}, "t.parquet", 'unknown key "trim"'),
        ({"path": "/x"}, "t.csv", 'unknown key "path"'),
        ({"encodng": "gbk"}, "t.csv", 'unknown key "encodng"'),
        ({"encoding": "gbk18030"}, "t.csv", '"encoding" is "gbk18030"'),
        ({"encoding": "hex"}, "t.csv", '"encoding" is "hex"'),
        ({"delimiter": "||"}, "t.csv", '"delimiter" is "||"'),
        ({"quote": "no"}, "t.csv", '"quote" is "no"'),
        ({"header": "false"}, "t.csv", '"header" is not a boolean'),
        ({"skip": -1}, "t.csv", '"skip" is not a whole number'),
        ({"columns": ["a"]}, "t.csv", '"columns" names what the header row names'),
        ({"header": False, "headerRow": 2}, "t.csv", '"headerRow" without a header'),
        ({"headerRows": 2}, "t.xlsx", "the header's rows do not fit"),
        ({"format": "fixed"}, "t.dat", '"widths" is not a list of widths'),
        ({"format": "fixed", "widths": [1, 0]}, "t.dat", '"widths" is not a list of widths'),
        ({"format": "fixed", "widths": [1, 2, 3]}, "t.dat", "3 widths for 2 columns"),
        ({"format": "fixed", "widths": [1, 2], "widthsIn": "letters"}, "t.dat", '"widthsIn" is "letters"'),
    ],
)
def test_what_would_be_passed_over_or_cannot_be_meant_is_a_fault(read: dict, name: str, told: str) -> None:
    (fault,) = faults_of(read, name=name)
    assert told in fault


def test_each_kind_of_source_has_keys_of_its_own() -> None:
    assert faults_of({"path": "/x", "rows": "$.data", "since": "from"}, "rest") == []
    assert faults_of({"path": "/x", "params": {"a": "b"}, "evidence": "$.no"}, "lookup") == []
    assert faults_of({"perMinute": 1, "perDay": 1000, "ttl_s": 0}, "lookup") == []
    assert len(faults_of({"perMinute": 1, "perDay": 1000, "ttl_s": 60}, "rest")) == 3
    assert faults_of({"encoding": "gbk", "path": "/x"}, "env:YICI_FINANCE_KIND") == []
    assert len(faults_of({"encoding": "gbk"}, "postgres")) == 1


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("perMinute", 0, '"perMinute" is 0'),
        ("perDay", 0, '"perDay" is 0'),
        ("perDay", "500", '"perDay" is not a whole number'),
        ("perMinute", 0.5, '"perMinute" is not a whole number'),
        ("ttl_s", -1, '"ttl_s" is not a whole number'),
        ("ttl_s", True, '"ttl_s" is not a whole number'),
    ],
)
def test_a_quota_below_one_and_a_time_below_nothing_are_faults(key: str, value: object, told: str) -> None:
    (fault,) = faults_of({key: value}, "lookup")
    assert "[V03]" in fault
    assert told in fault


def test_a_format_is_the_declared_one_or_what_the_name_ends_with() -> None:
    named = [file_format("", name) for name in ("a.TXT", "a.tsv", "b_{date}.xlsx#单位", "c.DBF")]
    assert (named, file_format("fixed", "a.txt")) == (["csv", "csv", "xlsx", "dbf"], "fixed")


def test_the_page_names_each_key_of_files_with_its_formats() -> None:
    table = re.findall(r"^\| `(\w+)` \| ([a-z, ]+) \| .+ \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = {key: tuple(FORMATS if formats == "all" else formats.split(", ")) for key, formats in table}
    known = {key: readers for key, readers in READ_KEYS.items() if set(readers) <= set(FORMATS)}
    assert {key: told.get(key) for key in known} == known


def test_the_code_that_reads_asks_for_each_key_and_for_no_other() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in CONNECTORS.glob("*.py"))
    service = [PAGE.parents[1] / "service" / name for name in ("wanted.py", "lookups.py")]
    code += "".join(path.read_text(encoding="utf-8") for path in service)
    asked = set(re.findall(r"\bread(?:\.get\(|\[)\"(\w+)\"", code))
    assert asked == set(READ_KEYS)
