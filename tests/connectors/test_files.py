"""Drop folders: every format and encoding arrives as it was written, or not at all."""

import json
import struct
from datetime import date, datetime
from pathlib import Path

import duckdb
import openpyxl
import pytest

from catalogs.model import Ingest, Partition, Resource, System
from connectors import open_source
from connectors.base import ReadSpec, SourceChanged, SourceRefused, SourceUnavailable
from connectors.landing import Landing
from tests.connectors.build import item, resource, system
from tests.connectors.drops import put, settle
from tests.connectors.reading import land, rows

RARE = "𬎆𠮷㙓龘"


def staff(physical_name: str = "staff.csv", ingest: Ingest | None = None, **read: object) -> Resource:
    items = [item("staff_no", "工号"), item("name", "姓名"), item("note", "备注")]
    return resource(physical_name, items, name="hr.staff", ingest=ingest, read=read)


TEXT = f'工号,姓名,备注\r\n007,{RARE},""\r\n008,"张,三",\r\n'
EXPECTED = [("007", RARE, ""), ("008", "张,三", None)]


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [("utf-8", None), ("utf-8-sig", None), ("utf-8", "UTF-8"), ("gb18030", "GB18030"), ("utf-16", "UTF-16")],
)
def test_a_csv_in_any_encoding_arrives_with_rare_characters_and_empty_strings(
    encoding: str, declared: str | None, drop: Path, hr: System, landing: Landing
) -> None:
    put(drop, "staff.csv", TEXT.encode(encoding))
    (manifest,) = land(landing, hr, staff(encoding=declared))
    assert rows(landing, manifest) == EXPECTED


def test_gbk_arrives_and_a_byte_it_cannot_read_is_named_by_line_and_column(
    drop: Path, hr: System, landing: Landing
) -> None:
    put(drop, "staff.csv", "工号,姓名,备注\n1,张三,好\n".encode("gbk"))
    (manifest,) = land(landing, hr, staff(encoding="GBK"))
    assert rows(landing, manifest) == [("1", "张三", "好")]
    put(drop, "staff.csv", "工号,姓名,备注\n1,张三,好\n2,李".encode("gbk") + b"\xff\xff,x\n")
    with pytest.raises(SourceRefused, match=r"staff\.csv: line 3, column 2, character 4: .* gbk cannot read"):
        land(landing, hr, staff(encoding="GBK"), extract_id=5)
    assert landing.extracts() == [manifest.path]


def test_a_byte_that_is_not_utf8_deep_in_a_file_is_named_and_nothing_is_landed(
    drop: Path, hr: System, landing: Landing
) -> None:
    lines = b"".join(b"%d,a,b\n" % number for number in range(200_000))
    put(drop, "staff.csv", "工号,姓名,备注\n".encode() + lines + "9,张三,x\n".encode("gb18030"))
    with pytest.raises(SourceRefused, match=r"staff\.csv: line 200002, column 2, character 3"):
        land(landing, hr, staff())
    assert landing.extracts() == []


def test_a_line_with_too_few_fields_is_named_without_its_content(
    drop: Path, hr: System, landing: Landing
) -> None:
    put(drop, "staff.csv", "工号,姓名,备注\n1,CANARY\n".encode())
    with pytest.raises(SourceRefused, match=r"staff\.csv: line 2") as caught:
        land(landing, hr, staff())
    assert "CANARY" not in str(caught.value)


def test_a_csv_with_another_delimiter_lines_above_and_no_header(
    drop: Path, hr: System, landing: Landing
) -> None:
    put(drop, "staff.csv", "导出于今日\n1|张三|NULL\n".encode())
    (manifest,) = land(landing, hr, staff(delimiter="|", skip=1, header=False))
    assert rows(landing, manifest) == [("1", "张三", "NULL")]


def test_excluded_rows_do_not_land_and_are_counted(drop: Path, hr: System, landing: Landing) -> None:
    contract = staff(ingest=Ingest(exclude="备注 = '涉密'"))
    put(drop, "staff.csv", "工号,姓名,备注\n1,张三,涉密\n2,李四,\n".encode())
    (manifest,) = land(landing, hr, contract)
    assert (manifest.excluded_rows, rows(landing, manifest)) == (1, [("2", "李四", None)])


def test_a_sheet_arrives_with_numbers_dates_and_zeros_as_they_are_shown(
    drop: Path, hr: System, landing: Landing
) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = "在册"
    sheet.append(["人事处导出"])
    sheet.append(["工号", "姓名", "出生日期", "时间", "金额", "涉密", None, "余"])
    sheet.append(["00012", RARE, date(2020, 1, 2), datetime(2020, 1, 2, 3, 4, 5), 12345678901234.56, "0"])
    sheet.append([10001, "李四", "1899-12-31", None, 0.1, "1"])
    sheet.append([])
    sheet.append([10002.5, "", None, None, -1, None])
    workbook.create_sheet("任职").append(["x"])
    workbook.save(drop / "教职工信息.xlsx")
    settle(drop / "教职工信息.xlsx")
    items = [item(name, name) for name in ("工号", "姓名", "出生日期", "时间", "金额")]
    contract = resource(
        "教职工信息.xlsx#在册",
        items,
        name="hr.staff",
        ingest=Ingest(exclude="涉密 = '1'"),
        read={"format": "xlsx", "headerRow": 2},
    )
    (manifest,) = land(landing, hr, contract)
    assert rows(landing, manifest) == [
        ("00012", RARE, "2020-01-02", "2020-01-02 03:04:05", "12345678901234.56"),
        ("10002.5", None, None, None, "-1"),
    ]
    assert (manifest.excluded_rows, manifest.extra_columns) == (1, ("涉密", "余"))


def test_a_lost_sheet_and_a_lost_column_are_named_with_the_provider(
    drop: Path, hr: System, landing: Landing
) -> None:
    workbook = openpyxl.Workbook()
    workbook.active.append(["工号", "姓名"])
    workbook.save(drop / "t.xlsx")
    settle(drop / "t.xlsx")
    with pytest.raises(SourceChanged, match="no sheet '在册'"):
        land(landing, hr, staff("t.xlsx#在册"))
    with pytest.raises(SourceChanged, match=r"column 备注 \(note\) is gone.*Provider JW"):
        land(landing, hr, staff("t.xlsx"))


def write_dbf(path: Path, records: list[tuple[bytes, bytes, bytes, bytes]], mark: int = 0x4D) -> None:
    """A dBASE III table: BH C(8), MJ N(20,2), RQ D, TY L; the first byte of a record says whether it is deleted."""
    fields = [(b"BH", b"C", 8, 0), (b"MJ", b"N", 20, 2), (b"RQ", b"D", 8, 0), (b"TY", b"L", 1, 0)]
    header = struct.pack("<BBBBIHH16xBB2x", 3, 126, 10, 20, len(records), 32 + 32 * 4 + 1, 38, 0, mark)
    for name, kind, length, decimals in fields:
        header += struct.pack("<11sc4xBB14x", name, kind, length, decimals)
    body = b""
    for flag, number, area, rest in records:
        body += flag + number.ljust(8) + area.rjust(20) + rest
    path.write_bytes(header + b"\r" + body + b"\x1a")
    settle(path)


def test_a_dbf_arrives_in_its_declared_encoding_with_every_digit_and_without_deleted_rows(
    drop: Path, hr: System, landing: Landing
) -> None:
    write_dbf(
        drop / "fj.dbf",
        [
            (b" ", "东1".encode("gbk"), b"12345678901234567.89", b"20200102T"),
            (b"*", b"gone", b"1", b"20200102T"),
            (b" ", b"007", b"", b"        ?"),
        ],
        mark=0x03,
    )
    items = [item("no", "BH"), item("area", "MJ"), item("on", "RQ"), item("ok", "TY")]
    contract = resource("fj.dbf", items, name="hr.rooms", read={"format": "dbf", "encoding": "GBK"})
    (manifest,) = land(landing, hr, contract)
    assert rows(landing, manifest) == [
        ("007", None, None, None),
        ("东1", "12345678901234567.89", "2020-01-02", "true"),
    ]
    assert manifest.notes == ("fj.dbf: 1 records are marked as deleted and were not read",)


def test_a_dbf_in_another_encoding_than_declared_is_refused_with_record_and_field(
    drop: Path, hr: System, landing: Landing
) -> None:
    write_dbf(drop / "fj.dbf", [(b" ", b"ok", b"1", b"20200102T"), (b" ", b"\xff\xfe", b"1", b"20200102T")])
    contract = resource("fj.dbf", [item("no", "BH")], name="hr.rooms", read={"encoding": "GBK"})
    with pytest.raises(SourceRefused, match=r"fj\.dbf: record 2, field BH"):
        land(landing, hr, contract)


def test_json_lines_keep_every_digit_and_reach_into_objects(drop: Path, hr: System, landing: Landing) -> None:
    lines = [
        '{"no": "007", "amount": 12345678901234567890.10, "who": {"name": "张三", "tags": [1.10, null, "a"]}}',
        '{"no": "008", "amount": null, "who": {"name": ""}, "extra": true}',
        "",
    ]
    put(drop, "g.jsonl", "\n".join(lines).encode())
    items = [item("no"), item("amount"), item("name", "who.name"), item("tags", "who.tags")]
    (manifest,) = land(landing, hr, resource("g.jsonl", items, name="hr.g"))
    assert rows(landing, manifest) == [
        ("007", "12345678901234567890.10", "张三", '[1.10, null, "a"]'),
        ("008", None, "", None),
    ]
    assert manifest.extra_columns == ("extra",)
    put(drop, "g.jsonl", b'{"no": 1}\n{"no": \n')
    with pytest.raises(SourceRefused, match="line 2 is not a JSON object"):
        land(landing, hr, resource("g.jsonl", items, name="hr.g"), extract_id=9)


def test_parquet_arrives_typed(drop: Path, hr: System, landing: Landing) -> None:
    table = "SELECT 18446744073709551615::UBIGINT AS a, 1.50::DECIMAL(9,2) AS b, '0' AS c"
    duckdb.execute(f"COPY ({table}) TO '{drop}/p.parquet' (FORMAT parquet)")
    settle(drop / "p.parquet")
    contract = resource("p.parquet", [item("a"), item("b", logical_type="number"), item("c")], name="hr.p")
    (manifest,) = land(landing, hr, contract)
    assert rows(landing, manifest) == [("18446744073709551615", "1.50", "0")]
    assert manifest.columns == {"a": "UBIGINT", "b": "DECIMAL(9,2)", "c": "VARCHAR"}


BY_DAY = Ingest(mode="append", partition=Partition("day", "filename"))


def seen_of(manifests) -> dict[str, str]:
    return {m.scope["partition"] or "": m.source_digest for m in manifests}


def test_each_file_is_one_day_taken_once_and_a_corrected_one_replaces_its_day(
    drop: Path, hr: System, landing: Landing
) -> None:
    contract = staff("流水_{date}.csv", BY_DAY)
    put(drop, "流水_20261019.csv", TEXT.encode())
    put(drop, "流水_2026-10-20.csv", TEXT.encode())
    put(drop, "流水_20261021.csv.part", TEXT.encode())
    put(drop, "流水_20261399.csv", TEXT.encode())
    first = land(landing, hr, contract)
    assert [m.scope for m in first] == [
        {"kind": "partition", "lists_keys": True, "partition": day, "low": None, "high": None}
        for day in ("2026-10-19", "2026-10-20")
    ]
    seen = seen_of(first)
    (drop / "流水_20261019.csv").touch()
    put(drop, "流水_2026-10-20.csv", (TEXT + "009,x,y\r\n").encode())
    with open_source(hr) as source:
        again = list(source.readings(ReadSpec(contract), seen))
        reasons = {skip.reason for skip in source.skipped}
    assert [reading.covered.partition for reading in again] == ["2026-10-20"]
    assert reasons == {
        "流水_20261019.csv: the same content was already taken",
        "流水_20261021.csv.part: half-written; it waits",
        "流水_20261399.csv: the date in its name is not a date",
    }


def test_two_files_that_claim_one_day_are_refused(drop: Path, hr: System, landing: Landing) -> None:
    put(drop, "流水_20261020.csv", TEXT.encode())
    put(drop, "流水_2026-10-20.csv", TEXT.encode())
    with pytest.raises(SourceRefused, match="both claim to be 2026-10-20"):
        land(landing, hr, staff("流水_{date}.csv", BY_DAY))


def test_files_of_one_day_with_a_running_number_are_read_together(
    drop: Path, hr: System, landing: Landing
) -> None:
    put(drop, "流水_20261020_1.csv", TEXT.encode())
    put(drop, "流水_20261020_2.csv", "姓名,备注,工号\n王五,x,009\n".encode())
    (manifest,) = land(landing, hr, staff("流水_{date}_{*}.csv", BY_DAY))
    assert rows(landing, manifest) == [*EXPECTED, ("009", "王五", "x")]


def test_of_full_files_the_newest_counts_and_an_older_one_never_comes_back(
    drop: Path, hr: System, landing: Landing
) -> None:
    contract = staff("在册_{date}.csv")
    put(drop, "在册_20261020.csv", TEXT.encode())
    old = put(drop, "在册_20261019.csv", "工号,姓名,备注\n1,旧,x\n".encode())
    (manifest,) = land(landing, hr, contract)
    assert (manifest.scope["kind"], manifest.rows) == ("full", 2)
    seen = {"": str(manifest.source_digest)}
    assert land(landing, hr, contract, seen=seen) == []
    (drop / "在册_20261020.csv").unlink()
    assert old.exists()
    assert land(landing, hr, contract, seen=seen) == []


def test_a_file_waits_for_its_marker(drop: Path, hr: System, landing: Landing) -> None:
    put(drop, "staff.csv", TEXT.encode())
    contract = staff(done=".done")
    assert land(landing, hr, contract) == []
    (drop / "staff.csv.done").touch()
    assert [m.rows for m in land(landing, hr, contract)] == [2]


def test_a_file_that_never_came_is_missed_and_a_missing_folder_is_a_passing_failure(
    drop: Path, hr: System, landing: Landing
) -> None:
    with pytest.raises(SourceUnavailable, match=r"hr\.staff: no file staff\.csv has arrived"):
        land(landing, hr, staff())
    with pytest.raises(SourceUnavailable, match="drop folder is not there"):
        land(landing, system("files", {"root": str(drop / "none")}, code="hr"), staff())


def test_excluded_rows_of_a_sheet_never_touch_the_disk(drop: Path, hr: System, tmp_path: Path) -> None:
    put(drop, "g.jsonl", "\n".join(json.dumps({"no": n, "secret": f"CANARY{n}"}) for n in range(9)).encode())
    contract = resource("g.jsonl", [item("no")], name="hr.g", ingest=Ingest(exclude="secret LIKE 'CANARY%'"))
    private = tmp_path / "private"
    private.mkdir()
    with open_source(hr, temp_dir=private) as source:
        assert source.read(ReadSpec(contract)).excluded_rows == 9
        kept = [path for path in private.rglob("*") if path.is_file()]
        assert kept
        assert all(b"CANARY" not in path.read_bytes() for path in kept)
