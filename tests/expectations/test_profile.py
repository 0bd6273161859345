"""What rows are like, counted by admission's own expressions: types, formats, codes, keys."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalogs.found import FoundColumn, FoundTable, Profile
from catalogs.guesses import Registers, hints
from connectors.duck import session
from expectations.profile import profile
from tests.connectors.build import item, resource
from tests.support.foreign import resident_id


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    return session(extensions=())


def look(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    columns: dict,
    most: int = 10_000,
    families: dict | None = None,
    **more,
) -> Profile:
    file = folder / "rows.parquet"
    pq.write_table(pa.table(columns), file)
    told = tuple(FoundColumn(name, family=(families or {}).get(name, "text")) for name in columns)
    suggested = {column.name: hints(column.name, column.comment, Registers()) for column in told}
    contract = resource("t", [item(name) for name in columns])
    table = FoundTable("t", columns=told, **more)
    return profile(con, str(file), contract, table, suggested, most, "Asia/Shanghai")


def test_values_are_counted_by_the_types_that_admission_reads(con, tmp_path):
    rows = {
        "day": ["20260101", "2026-02-29", "2026年1月2日", " "],
        "at": ["2026-01-01 08:00:00", "2026-01-02 08:00:00", "never", ""],
        "n": ["007", "12", "-3", "1.250"],
        "b": ["是", "否", "是", "1"],
    }
    seen = look(con, tmp_path, rows).columns
    assert (seen["day"].filled, seen["day"].readable["date"]) == (3, 2)
    assert seen["at"].readable["timestamp"] == 2
    assert (seen["n"].readable["integer"], seen["n"].readable["number"], seen["n"].scale) == (3, 4, 2)
    assert seen["n"].is_zero_filled and not seen["b"].is_zero_filled
    assert seen["b"].readable["boolean"] == 4


def test_a_typed_column_is_asked_only_for_its_own_type(con, tmp_path):
    columns = {"n": pa.array([1, 2, None], pa.int64()), "d": pa.array([0, 1, 2], pa.date32())}
    seen = look(con, tmp_path, columns, families={"n": "integer", "d": "date"}).columns
    assert seen["n"].readable == {"integer": 2, "number": 2}
    assert seen["d"].readable == {"date": 3}


def test_unlikely_dates_in_text_are_no_dates(con, tmp_path):
    seen = look(con, tmp_path, {"x": ["20260101", "20260102", "18991231", "21010101", "20260103"]}).columns[
        "x"
    ]
    assert (seen.readable["date"], seen.readable["integer"]) == (3, 5)


def test_formats_are_counted_with_their_check_digits(con, tmp_path):
    good = [resident_id(n) for n in range(40)]
    wrong = good[0][:-1] + ("0" if good[0][-1] != "0" else "1")
    seen = look(con, tmp_path, {"zj": [*good, wrong], "yx": ["a@b.cn"] * 41, "bz": ["无"] * 41}).columns
    assert seen["zj"].formats["resident_id"] == 40
    assert seen["yx"].formats == {"email": 41}
    assert seen["bz"].formats == {}


def test_codes_are_few_short_and_repeated(con, tmp_path):
    rows = {
        "few": ["A", "B"] * 100,
        "many": [str(n) for n in range(200)],
        "long": ["x" * 30, "y" * 30] * 100,
        "rare": ["A"] * 199 + ["somebody"],
    }
    seen = look(con, tmp_path, rows).columns
    assert seen["few"].codes == {"A": 100, "B": 100}
    assert seen["many"].codes == {} and seen["long"].codes == {}
    assert seen["rare"].codes == {"A": 199, "somebody": 1}


def test_the_smallest_combination_that_tells_rows_apart_is_found(con, tmp_path):
    rows = {
        "mc": [f"名{n}" for n in range(60)],
        "lc": [str(n % 6) for n in range(60)],
        "jh": [str(n // 6) for n in range(60)],
        "je": [f"{n}.5" for n in range(60)],
        "maybe": [None, *(str(n) for n in range(59))],
    }
    # Names and amounts tell these rows apart too, by chance.
    assert look(con, tmp_path, rows).keys == (("lc", "jh"),)
    del rows["jh"]
    assert look(con, tmp_path, rows).keys == (("mc",), ("je",))


def test_a_column_called_like_a_key_goes_first(con, tmp_path):
    rows = {"x": [str(n) for n in range(30)], "kch": [f"K{n}" for n in range(30)]}
    assert look(con, tmp_path, rows).keys == (("kch",), ("x",))


def test_three_columns_at_most_and_none_if_rows_repeat(con, tmp_path):
    rows = {name: [str(n // size % 5) for n in range(125)] for name, size in (("a", 1), ("b", 5), ("c", 25))}
    assert look(con, tmp_path, rows).keys == (("a", "b", "c"),)
    assert look(con, tmp_path, {name: values * 2 for name, values in rows.items()}).keys == ()


def test_a_declared_key_is_not_searched_and_one_row_shows_nothing(con, tmp_path):
    assert look(con, tmp_path, {"id": ["1", "2"]}, keys=(("id",),)).keys == ()
    assert look(con, tmp_path, {"id": ["1"]}).keys == ()


def test_a_repetition_beyond_the_sample_is_found(con, tmp_path):
    values = [str(n) for n in range(40_000)]
    assert look(con, tmp_path, {"id": values}, most=50_000).keys == (("id",),)
    assert look(con, tmp_path, {"id": [*values, "39999"]}, most=50_000).keys == ()


def test_as_many_rows_as_were_to_be_looked_at_may_be_a_sample(con, tmp_path):
    assert look(con, tmp_path, {"id": ["1", "2"]}, most=2).is_sample
    assert not look(con, tmp_path, {"id": ["1", "2"]}, most=3).is_sample


def test_an_empty_table_has_a_profile(con, tmp_path):
    seen = look(con, tmp_path, {"id": pa.array([], pa.string())})
    assert (seen.rows, seen.columns["id"].filled, seen.columns["id"].codes) == (0, 0, {})
