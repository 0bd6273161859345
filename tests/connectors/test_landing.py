"""Extracts are whole or absent, never change, and can be checked."""

from pathlib import Path

import duckdb
import pytest

from connectors.base import LandingFull, Reading, Scope, SourceRefused, SourceShrunk, guard
from connectors.duck import DuckError, PgParams, attach_postgres, session
from connectors.landing import MANIFEST, Landing, LandingError, Manifest, Tombstone, extract_path
from tests.connectors.build import item, resource
from tests.connectors.reading import AT, rows
from tests.support.disks import fill
from tests.support.needs import need_small_disk

CONTRACT = resource("t", [item("no"), item("name")])


def reading(query: str = "SELECT '1' AS no, '张三' AS name", **other) -> Reading:
    con = session(extensions=())
    return Reading(CONTRACT, con, query, Scope.full(), {"no": "text", "name": "text"}, **other)


def test_an_extract_is_parquet_and_a_manifest_that_reads_back_equal(landing: Landing) -> None:
    manifest = landing.write(reading(excluded_rows=3, notes=("a note",), extra_columns=("x",)), 7, AT)
    assert manifest.path == "academic/students/0000000007"
    assert landing.read(manifest.path) == manifest == landing.verify(manifest.path)
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert (manifest.rows, manifest.excluded_rows, manifest.taken_at) == (1, 3, AT)
    assert Scope.from_dict(manifest.scope) == Scope.full()
    assert rows(landing, manifest) == [("1", "张三")]
    assert Path(landing.root).stat().st_mode & 0o777 == 0o700


def test_an_empty_reading_lands_with_its_columns(landing: Landing) -> None:
    manifest = landing.write(reading("SELECT '' AS no, '' AS name WHERE false"), 1, AT)
    (file,) = landing.open(manifest)
    assert [column for column, *_ in duckdb.execute(f"DESCRIBE FROM '{file}'").fetchall()] == ["no", "name"]
    assert manifest.rows == 0


def test_a_full_disk_leaves_nothing_behind_and_is_not_called_a_fault_of_the_source(tmp_path: Path) -> None:
    many = "SELECT n AS no, md5(n::VARCHAR) AS name FROM range(200_000) r(n)"
    with need_small_disk(tmp_path / "landing", 2) as disk:
        landing = Landing(str(disk))
        with pytest.raises(LandingFull, match=r"no room is left.*the last good state stays. Make room"):
            landing.write(reading(many), 1, AT)
        assert landing.files() == {}
        ballast = fill(disk, 4096)  # room for the file of one row, not for its manifest
        with pytest.raises(LandingFull, match="no room is left"):
            landing.write(reading(), 2, AT)
        ballast.unlink()
        assert landing.write(reading(), 3, AT).rows == 1


def test_an_extract_is_never_overwritten(landing: Landing) -> None:
    manifest = landing.write(reading(), 1, AT)
    with pytest.raises(LandingError, match="never overwritten"):
        landing.write(reading(), 1, AT)
    assert landing.verify(manifest.path) == manifest


def test_a_reading_that_breaks_leaves_nothing_and_tells_no_value(landing: Landing) -> None:
    broken = reading("SELECT 'CANARY'::int::text AS no, '' AS name")
    with pytest.raises(SourceRefused) as caught:
        landing.write(broken, 1, AT)
    assert "CANARY" not in str(caught.value)
    assert landing.extracts() == []


def test_a_shrunken_reading_is_refused_before_its_manifest_is_written(landing: Landing) -> None:
    with pytest.raises(SourceShrunk, match="10% of the last good 10"):
        landing.write(reading(), 1, AT, before_finish=lambda m: guard("academic.students", m.rows, 10))
    assert landing.extracts() == []


def test_the_guard_believes_growth_small_losses_and_what_was_always_empty() -> None:
    for now_rows, last in ((80, 100), (100, None), (1, None), (500, 100), (5, 0), (0, None), (0, 0)):
        guard("r", now_rows, last)
    for now_rows, last in ((79, 100), (0, 100)):
        with pytest.raises(SourceShrunk, match=r"the last good state stays"):
            guard("r", now_rows, last)


def test_an_unfinished_folder_is_replaced_and_is_garbage_until_then(landing: Landing) -> None:
    finished = landing.write(reading(), 1, AT)
    folder = Path(landing.root) / extract_path("academic.students", 2)
    folder.mkdir(parents=True)
    (folder / "part-0000.parquet").write_bytes(b"half")
    orphan = landing.write(reading(), 3, AT)
    assert landing.garbage({finished.path}) == [extract_path("academic.students", 2), orphan.path]
    with pytest.raises(LandingError, match="no manifest"):
        landing.verify(extract_path("academic.students", 2))
    assert landing.write(reading(), 2, AT).rows == 1
    for path in landing.garbage({finished.path}):
        landing.remove(path)
    assert landing.extracts() == [finished.path]
    with pytest.raises(LandingError, match="not an extract folder"):
        landing.remove("academic")
    with pytest.raises(LandingError, match="not an extract folder"):
        landing.remove("../../0000000001")


@pytest.mark.parametrize("harm", ["flip", "cut", "lose", "add", "manifest"])
def test_verify_finds_every_kind_of_damage(harm: str, landing: Landing) -> None:
    manifest = landing.write(reading(), 1, AT)
    folder = Path(landing.root) / manifest.path
    part = folder / manifest.files[0].name
    content = part.read_bytes()
    if harm == "flip":
        part.write_bytes(content[:20] + bytes([content[20] ^ 1]) + content[21:])
    elif harm == "cut":
        part.write_bytes(content[:-1])
    elif harm == "lose":
        part.unlink()
    elif harm == "add":
        (folder / "part-0001.parquet").write_bytes(content)
    else:
        (folder / MANIFEST).write_text("{")
    with pytest.raises(LandingError, match=manifest.path):
        landing.verify(manifest.path)


@pytest.mark.parametrize("root", ["folder", "memory://purged"])
def test_rows_taken_out_of_an_extract_leave_a_tombstone_that_verify_accepts(
    root: str, tmp_path: Path
) -> None:
    landing = Landing(str(tmp_path / root) if root == "folder" else root)
    first = landing.write(reading("SELECT i::text AS no, '张' AS name FROM range(5) t(i)"), 1, AT)
    con = session(extensions=())
    landing.attach(con)
    changed = first
    for number in (1, 3):
        (file,) = landing.open(changed)
        query = f"SELECT * FROM read_parquet('{file}') WHERE no <> '{number}' ORDER BY no"
        changed = landing.rewrite(changed, query, con, Tombstone("2026-10-21", number, 0, "", ""))
    assert landing.read(first.path) == landing.verify(first.path) == changed
    assert [(s.deletion, s.rows) for s in changed.tombstones] == [(1, 1), (3, 1)]
    assert changed.tombstones[0].old_sha256 == first.files[0].sha256
    assert changed.tombstones[1].old_sha256 == changed.tombstones[0].new_sha256
    assert changed.rows == 3
    assert len(landing.files()) == 2
    assert con.execute("SELECT no FROM read_parquet(?)", landing.open(changed)).fetchall() == [
        ("0",),
        ("2",),
        ("4",),
    ]


def test_only_baselines_and_ledgers_are_removed_as_such(landing: Landing) -> None:
    manifest = landing.write(reading(), 1, AT)
    for path in (manifest.path, "academic", "_baselines", "_baselines/../academic", "_ledger/1/2"):
        with pytest.raises(LandingError, match="not a baseline or ledger folder"):
            landing.remove_beside(path)
    assert landing.verify(manifest.path) == manifest


def test_a_landing_zone_need_not_be_a_folder() -> None:
    landing = Landing("memory://landing")
    manifest = landing.write(reading(), 1, AT)
    assert landing.open(manifest) == ["memory:///landing/academic/students/0000000001/part-0000.parquet"]
    assert landing.verify(manifest.path) == manifest
    landing.remove(manifest.path)
    assert landing.extracts() == []


def test_a_session_downloads_nothing_and_keeps_to_its_settings() -> None:
    con = session(memory_limit="100MB")
    settings = dict(con.execute("SELECT name, value FROM duckdb_settings()").fetchall())
    assert settings["autoinstall_known_extensions"] == "false"
    assert settings["autoload_known_extensions"] == "false"
    assert (settings["TimeZone"], settings["memory_limit"]) == ("UTC", "95.3 MiB")
    with pytest.raises(DuckError, match=r"pip install duckdb-extension-no-such==\d"):
        session(extensions=("no_such",))


def test_a_failed_attach_shows_no_password_even_with_odd_characters() -> None:
    con = session()
    for password in ("CANARY", "CAN'ARY", 'CANARY" x', "CANARY\\", "CANARY host=evil"):
        with pytest.raises(DuckError) as caught:
            attach_postgres(con, "src", PgParams("127.0.0.1", 9, "d", "u", password))
        assert caught.value.transient
        assert "CAN" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert "CAN" not in repr(PgParams("h", 1, "d", "u", "CANARY"))
    assert "CAN" not in str(con.execute("FROM duckdb_secrets()").fetchall())
