"""DBF tables that another program wrote: memo files, code pages, NULLs, deleted records."""

import os
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dbf
import fsspec
import pytest

from catalogs.model import System
from connectors.base import SourceRefused
from connectors.landing import Landing
from tests.connectors.build import item, resource, system
from tests.connectors.drops import settle
from tests.connectors.reading import land, rows

FIELDS = "bh C(10); mj N(12,2); rq D; ty L; bz M"
MEMO = "备注很长，跨好几个块。" * 60


def write(
    drop: Path, records: list[dict[str, Any]], kind: str = "db3", fields: str = FIELDS, **other: Any
) -> Path:
    """Write `fj.dbf`, and its memo file if there is a memo field; a record with `gone` is marked as deleted."""
    path = drop / "fj.dbf"
    table = dbf.Table(str(path), fields, dbf_type=kind, on_disk=True, **({"codepage": "cp936"} | other))
    table.open(dbf.READ_WRITE)
    for record in records:
        is_gone = record.pop("gone", False)
        table.append(record)
        if is_gone:
            dbf.delete(table[-1])
    table.close()
    for file in drop.iterdir():
        settle(file)
    return path


def contract(*names: str, **read: Any):
    return resource("fj.dbf", [item(name.lower(), name) for name in names], name="hr.rooms", read=read)


RECORDS = [
    {"bh": "东1", "mj": 1234567.89, "rq": date(1899, 12, 31), "ty": True, "bz": MEMO},
    {"bh": "gone", "gone": True},
    {"bh": "东2"},
]


@pytest.mark.parametrize("kind", ["db3", "fp", "vfp"])
def test_a_table_with_memo_arrives_without_its_deleted_records(
    kind: str, drop: Path, hr: System, landing: Landing
) -> None:
    write(drop, [dict(record) for record in RECORDS], kind)
    (manifest,) = land(landing, hr, contract("BH", "MJ", "RQ", "TY", "BZ"))
    assert rows(landing, manifest) == [
        ("东1", "1234567.89", "1899-12-31", "true", MEMO),
        ("东2", None, None, None, None),
    ]
    assert manifest.notes == ("fj.dbf: 1 records are marked as deleted and were not read",)


def test_the_code_page_of_the_file_is_believed_and_a_declared_encoding_wins(
    drop: Path, hr: System, landing: Landing
) -> None:
    path = write(drop, [{"bh": "東1"}], codepage="cp950", fields="bh C(10)")
    (manifest,) = land(landing, hr, contract("BH"))
    assert rows(landing, manifest) == [("東1",)]
    content = bytearray(path.read_bytes())
    content[29] = 0x4D  # the mark of GBK on what is Big5
    path.write_bytes(content)
    settle(path)
    (manifest,) = land(landing, hr, contract("BH", encoding="big5"), extract_id=2)
    assert rows(landing, manifest) == [("東1",)]
    content[29] = 0x00
    path.write_bytes(content)
    settle(path)
    with pytest.raises(SourceRefused, match=r"fj\.dbf: record 1, field BH: .* declare its encoding"):
        land(landing, hr, contract("BH"), extract_id=3)


def test_what_visual_foxpro_calls_null_is_no_zero(drop: Path, hr: System, landing: Landing) -> None:
    nothing = dict.fromkeys(("i", "c", "y", "t", "d"), dbf.Null)
    known = {"i": 0, "c": "", "y": Decimal("1.25"), "t": datetime(2020, 1, 2, 3, 4, 5), "d": date(2020, 1, 2)}
    fields = "a C(5); i I null; c C(4) null; y Y null; t T null; d D null"
    write(drop, [{"a": "1"} | known, {"a": "2"} | nothing], "vfp", fields)
    (manifest,) = land(landing, hr, contract("A", "I", "C", "Y", "T", "D"))
    assert rows(landing, manifest) == [
        ("1", "0", "", "1.25", "2020-01-02 03:04:05", "2020-01-02"),
        ("2", None, None, None, None, None),
    ]
    assert manifest.extra_columns == ()


def test_a_table_without_its_memo_file_or_cut_off_is_refused(
    drop: Path, hr: System, landing: Landing
) -> None:
    path = write(drop, [dict(record) for record in RECORDS])
    (drop / "fj.dbt").rename(drop / "fj.away")
    with pytest.raises(SourceRefused, match=r"fj\.dbf: its memo file is missing"):
        land(landing, hr, contract("BH"))
    (drop / "fj.away").rename(drop / "fj.dbt")
    os.truncate(path, path.stat().st_size - 50)
    settle(path)
    with pytest.raises(SourceRefused, match=r"fj\.dbf: is cut off: its header promises 3 records"):
        land(landing, hr, contract("BH"))
    assert landing.extracts() == []


def test_a_corrected_memo_alone_is_another_content(drop: Path, hr: System, landing: Landing) -> None:
    write(drop, [{"bh": "1", "bz": "旧"}])
    (first,) = land(landing, hr, contract("BH", "BZ"))
    memo = drop / "fj.dbt"
    memo.write_bytes(memo.read_bytes().replace("旧".encode("gbk"), "新".encode("gbk")))
    settle(memo)
    (second,) = land(landing, hr, contract("BH", "BZ"), extract_id=2, seen={"": str(first.source_digest)})
    assert rows(landing, second) == [("1", "新")]


def test_a_memo_file_is_fetched_with_its_table(drop: Path, landing: Landing) -> None:
    write(drop, [dict(record) for record in RECORDS], "fp")
    store = fsspec.filesystem("memory")
    for file in drop.iterdir():
        store.pipe_file(f"/dbf/{file.name}", file.read_bytes())
    try:
        (manifest,) = land(
            landing, system("files", {"root": "memory://dbf"}, code="hr"), contract("BH", "BZ")
        )
    finally:
        store.rm("/dbf", recursive=True)
    assert rows(landing, manifest) == [("东1", MEMO), ("东2", None)]
