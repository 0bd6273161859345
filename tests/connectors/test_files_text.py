"""CSV and fixed-width files as they are written: every field in its column, or the line that breaks it."""

from pathlib import Path
from typing import Any

import pytest

from catalogs.model import Ingest, Partition, System
from connectors.base import SourceChanged, SourceRefused
from connectors.landing import Landing, Manifest
from tests.connectors.build import item, resource
from tests.connectors.drops import put
from tests.connectors.reading import land, rows

RARE = "𬎆𠮷㙓龘"
NAMES = ("工号", "姓名", "备注")
BY_DAY = Ingest(mode="append", partition=Partition("day", "filename"))


def contract(name: str, ingest: Ingest | None = None, names: tuple[str, ...] = NAMES, **read: Any):
    return resource(name, [item(each, each) for each in names], name="hr.staff", ingest=ingest, read=read)


def landed(landing: Landing, hr: System, name: str = "s.csv", **read: Any) -> Manifest:
    (manifest,) = land(landing, hr, contract(name, **read))
    return manifest


def taken(landing: Landing, hr: System, name: str = "s.csv", **read: Any) -> list[tuple]:
    return rows(landing, landed(landing, hr, name, **read))


def refused(landing: Landing, hr: System, name: str = "s.csv", **read: Any) -> str:
    with pytest.raises(SourceRefused) as caught:
        land(landing, hr, contract(name, **read))
    assert landing.extracts() == []
    return str(caught.value)


# --- encodings --------------------------------------------------------------------------------------------

TEXT = f"工号,姓名,备注\n007,{RARE},联通\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030"])
def test_an_encoding_that_nobody_declared_is_found(
    encoding: str, drop: Path, hr: System, landing: Landing
) -> None:
    put(drop, "s.csv", TEXT.encode(encoding))
    manifest = landed(landing, hr)
    assert rows(landing, manifest) == [("007", RARE, "联通")]
    told = ("s.csv: read as GB18030, which its contract does not declare",) if encoding == "gb18030" else ()
    assert manifest.notes == told


def test_a_file_that_is_utf8_but_for_some_bytes_is_not_taken_for_gb18030(
    drop: Path, hr: System, landing: Landing
) -> None:
    spoiled = "no,name\n1,张三\n2,李四\n".encode() + "3,王五\n".encode("gb18030")
    spoiled.decode("gb18030")  # every byte would read, as names that nobody bears
    put(drop, "s.csv", spoiled)
    assert "s.csv: line 4, column 2, character 3: a byte that utf-8 cannot read" in refused(
        landing, hr, names=("no", "name")
    )


def test_bytes_that_fit_no_encoding_are_named_by_line_and_column(
    drop: Path, hr: System, landing: Landing
) -> None:
    put(drop, "s.csv", b"no,name\n1,\xff\xff\n")
    assert "s.csv: line 2, column 2, character 3" in refused(landing, hr, names=("no", "name"))


def test_utf16_without_its_mark_has_to_be_declared(drop: Path, hr: System, landing: Landing) -> None:
    put(drop, "s.csv", TEXT.encode("utf-16-le"))
    assert "s.csv: holds zero bytes" in refused(landing, hr)
    assert taken(landing, hr, encoding="utf-16-le") == [("007", RARE, "联通")]


def test_a_declared_encoding_wins_over_what_the_bytes_look_like(
    drop: Path, hr: System, landing: Landing
) -> None:
    put(drop, "s.csv", "no,name\n1,\u00e9\n".encode("latin-1"))
    assert taken(landing, hr, names=("no", "name"), encoding="latin-1") == [("1", "é")]
    put(drop, "s.csv", TEXT.encode("gb18030"))
    with pytest.raises(
        SourceRefused, match=r"s\.csv: line 1, column 1, character 1: a byte that utf-8 cannot"
    ):
        land(landing, hr, contract("s.csv", encoding="utf-8"), extract_id=2)


# --- CSV --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lines_end_in_any_way_and_a_mark_in_front_is_no_part_of_the_header(
    end: str, mark: str, drop: Path, hr: System, landing: Landing
) -> None:
    lines = ["工号,姓名,备注", '007,"张,三","他说""好"""', "008,李四,"]
    put(drop, "s.csv", (mark + end.join([*lines, ""])).encode())
    assert taken(landing, hr) == [("007", "张,三", '他说"好"'), ("008", "李四", None)]


def test_a_header_cell_and_a_field_may_span_lines(drop: Path, hr: System, landing: Landing) -> None:
    put(drop, "s.csv", '5" 标题\r\n工号,"姓\r\n名",备注\r\n007,"张\r\n三",x\r\n'.encode())
    names = ("工号", "姓\r\n名", "备注")
    assert taken(landing, hr, names=names, skip=1) == [("007", "张\r\n三", "x")]


def test_another_quote_or_none_at_all(drop: Path, hr: System, landing: Landing) -> None:
    put(drop, "s.csv", "工号,姓名,备注\n007,'张,三',\"x\n".encode())
    assert taken(landing, hr, quote="'") == [("007", "张,三", '"x')]
    put(drop, "t.csv", '工号|姓名|备注\n007|"张三|5" 管\n008||""\n'.encode())
    (manifest,) = land(landing, hr, contract("t.csv", quote="none", delimiter="|"), extract_id=2)
    assert rows(landing, manifest) == [("007", '"张三', '5" 管'), ("008", None, '""')]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("1,CANARY\n", "line 2: 2 fields where the header row has 3"),
        ("1,a,b,CANARY\n", "line 2: 4 fields where the header row has 3"),
        ('1,"a\n\nb",c\n2,CANARY\n', "line 5: 2 fields where the header row has 3"),
        ('1,"a" CANARY,b\n', "line 2: a quote stands inside a field, or is never closed"),
        ('1,a,b\n2,"CANARY,b\n3,a,b\n', "line 3: a quote stands inside a field, or is never closed"),
        ("1,a,b\r\n2,a,CANARY\n3,a,b\r\n", "the lines end in different ways"),
    ],
)
def test_a_row_that_does_not_fit_is_an_error_with_its_line(
    body: str, place: str, drop: Path, hr: System, landing: Landing
) -> None:
    put(drop, "s.csv", f"工号,姓名,备注\n{body}".encode())
    message = refused(landing, hr)
    assert message.startswith(f"hr.staff: s.csv: {place}")
    assert "CANARY" not in message


def test_a_file_without_header_has_its_columns_by_position(drop: Path, hr: System, landing: Landing) -> None:
    put(drop, "s.csv", "\ufeff张三,多余,007,x\n".encode())
    columns = ["姓名", "旁注", "工号", "备注"]
    manifest = landed(landing, hr, header=False, columns=columns)
    assert (rows(landing, manifest), manifest.extra_columns) == ([("007", "张三", "x")], ("旁注",))


def test_a_file_with_only_a_header_is_a_day_without_rows(drop: Path, hr: System, landing: Landing) -> None:
    put(drop, "s_20261020.csv", "工号,姓名,备注\n".encode())
    (manifest,) = land(landing, hr, contract("s_{date}.csv", BY_DAY))
    assert (manifest.rows, manifest.scope["partition"]) == (0, "2026-10-20")


def test_a_file_without_anything_has_no_header(drop: Path, hr: System, landing: Landing) -> None:
    put(drop, "s.csv", b"")
    assert "hr.staff: s.csv has no header row" in refused(landing, hr)


def test_a_column_that_is_there_twice_cannot_be_asked_for(drop: Path, hr: System, landing: Landing) -> None:
    put(drop, "s.csv", "工号,姓名,姓名,备注,\n1,a,b,c,\n".encode())
    with pytest.raises(SourceChanged, match=r"column 姓名 .* is there more than once"):
        land(landing, hr, contract("s.csv"))
    assert taken(landing, hr, names=("工号", "备注")) == [("1", "c")]


def test_texts_that_mean_nothing_are_nothing_and_padding_is_cut_where_the_contract_says_so(
    drop: Path, hr: System, landing: Landing
) -> None:
    put(drop, "s.csv", '工号,姓名,备注\n 007 ,　张 三　,NULL\n008,—," "\n'.encode())
    assert taken(landing, hr) == [(" 007 ", "　张 三　", "NULL"), ("008", "—", " ")]
    (manifest,) = land(landing, hr, contract("s.csv", nulls=["NULL", "—"], trim=True), extract_id=2)
    assert rows(landing, manifest) == [("007", "张 三", None), ("008", None, "")]


# --- fixed widths -----------------------------------------------------------------------------------------

FIXED = {"format": "fixed", "widths": [4, 8, 6]}


def test_widths_count_bytes_in_gb_encodings_and_characters_in_utf8(
    drop: Path, hr: System, landing: Landing
) -> None:
    lines = "007 张三    100   \r\n 08 欧阳修远      \r\n\x1a"
    put(drop, "s.txt", lines.encode("gbk"))
    expected = [(" 08", "欧阳修远", None), ("007", "张三", "100")]
    assert taken(landing, hr, "s.txt", encoding="gbk", **FIXED) == expected
    put(drop, "u.txt", "007 张三      100   \n 08 欧阳修远          \n".encode("utf-8-sig"))
    (manifest,) = land(landing, hr, contract("u.txt", **FIXED), extract_id=2)
    assert rows(landing, manifest) == expected


def test_the_contract_may_say_what_widths_count(drop: Path, hr: System, landing: Landing) -> None:
    put(drop, "s.txt", "007 张三      100   \n".encode("gbk"))
    assert taken(landing, hr, "s.txt", encoding="gbk", widthsIn="characters", **FIXED) == [
        ("007", "张三", "100")
    ]
    put(drop, "u.txt", "007 张三  100   \n".encode())
    (manifest,) = land(landing, hr, contract("u.txt", widthsIn="bytes", **FIXED), extract_id=2)
    assert rows(landing, manifest) == [("007", "张三", "100")]


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("007 张三    10".encode("gbk"), "line 3 has 14 bytes where the widths add up to 18"),
        ("007 张三    100   CANARY".encode("gbk"), "line 3 has 24 bytes where the widths add up to 18"),
        ("007 欧阳修x远  100  ".encode("gbk"), r"line 3, column 姓名 (bytes 5 to 12): begins or ends inside"),
        (b"007 \xff\xff      100   ", "line 3, column 姓名 (bytes 5 to 12): begins or ends inside"),
    ],
)
def test_a_line_that_the_widths_do_not_fit_is_an_error_with_line_and_column(
    line: bytes, place: str, drop: Path, hr: System, landing: Landing
) -> None:
    put(drop, "s.txt", b"title\n" + "006 张三    100   \n".encode("gbk") + line + b"\n")
    message = refused(landing, hr, "s.txt", encoding="gbk", skip=1, **FIXED)
    assert message.startswith(f"s.txt: {place}")
    assert "CANARY" not in message


def test_columns_between_the_wanted_ones_are_named_and_left_out(
    drop: Path, hr: System, landing: Landing
) -> None:
    put(drop, "s.txt", "007 XX张三    100   \n".encode("gbk"))
    read = {"format": "fixed", "widths": [4, 2, 8, 6], "columns": ["工号", "代码", "姓名", "备注"]}
    assert taken(landing, hr, "s.txt", encoding="gbk", **read) == [("007", "张三", "100")]
