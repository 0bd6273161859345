"""Our own writers of YAML and Excel, held against the libraries that everybody reads these with."""

import io

import ruamel.yaml
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from python_calamine import CalamineWorkbook

from catalogs.exports.xlsx import Sheet, workbook
from catalogs.exports.yaml_text import dump_yaml, read_plain

TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\ufeff\ufffe\uffff"))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS.filter(bool), inner, max_size=4),
    max_leaves=20,
)
CELLS = st.integers(-(10**12), 10**12) | st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))
)


@settings(max_examples=300, deadline=None)
@given(PLAIN)
def test_yaml_is_read_the_same_by_yaml_1_1_and_1_2_and_by_ourselves(data):
    text = dump_yaml(data)
    assert yaml.safe_load(text) == data
    assert ruamel.yaml.YAML(typ="safe", pure=True).load(text) == data
    assert read_plain(text.encode()) == data


def test_yaml_quotes_every_text_and_no_key():
    data = {"no": "no", "plain": ["01", {"a": "10:30", "b": True, "c": None, "d": [], "e": {}}], "share": 1.5}
    assert dump_yaml(data) == (
        '"no": "no"\nplain:\n- "01"\n- a: "10:30"\n  b: true\n  c: null\n  d: []\n  e: {}\nshare: 1.5\n'
    )


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(CELLS.filter(lambda cell: cell != ""), CELLS), min_size=1, max_size=6))
def test_excel_cells_are_what_was_written_for_two_readers(rows):
    content = workbook([Sheet("第一张", ("甲", "乙"), rows), Sheet("空表", ("甲",), ())])
    book = load_workbook(io.BytesIO(content))
    assert book.sheetnames == ["第一张", "空表"]
    by_openpyxl = [
        tuple(cell.value for cell in row) for row in book["第一张"].iter_rows(min_row=2, max_col=2)
    ]
    assert by_openpyxl == [tuple(cell if cell != "" else None for cell in row) for row in rows]
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_name("第一张")
    assert [tuple(row) for row in sheet.to_python()[1:]] == rows


def test_nothing_in_a_cell_is_run():
    content = workbook([Sheet("x", ("甲",), [('=HYPERLINK("http://x")',), ("+1",), ("@x",)])])
    cells = [row[0] for row in load_workbook(io.BytesIO(content))["x"].iter_rows(min_row=2)]
    assert [(cell.value, cell.data_type) for cell in cells] == [
        ('=HYPERLINK("http://x")', "s"),
        ("+1", "s"),
        ("@x", "s"),
    ]


def test_equal_sheets_give_equal_bytes():
    sheet = Sheet("x", ("甲",), [("乙",)])
    assert workbook([sheet]) == workbook([sheet])
