"""Cells: what is folded and what is kept, words and codes both ways."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogs.forms import labels
from catalogs.forms.cells import (
    Amount,
    CellError,
    Clock,
    Day,
    Flag,
    Kind,
    Number,
    Ref,
    Refs,
    Register,
    Words,
    trimmed,
    unnumbered,
)  # fmt: skip
from catalogs.forms.form import matched

UNITS = Register.of(
    "unit", {"RS": "人事处", "CW": "财务处", "A": "图书、档案馆", "X1": "学院", "X2": "学院"}, "units.csv"
)
SHARES = Words(labels=labels.SHARE_TYPES)


@given(
    st.text(st.characters(blacklist_categories=("Cs", "Cc"))).filter(
        lambda text: trimmed(text) == text and text
    )
)
def test_a_text_keeps_every_character(text):
    assert Kind().read(Kind().write(text)) == text


@pytest.mark.parametrize("text", ["007", "00000", "１２３", "=1+1", "+86", "1.0", "true", "2026-09-01"])
def test_a_text_that_looks_like_something_else_stays_that_text(text):
    assert Kind().read(Kind().write(text)) == text


def test_a_number_in_a_text_column_is_its_digits_and_one_too_long_is_told():
    assert Kind().read(20) == "20"
    assert Kind().read(6301.0) == "6301"
    with pytest.raises(CellError, match="fifteen digits"):
        Kind().read(610102199001011234)


@pytest.mark.parametrize(
    "cell",
    [
        date(2026, 9, 1), datetime(2026, 9, 1), "2026-09-01", "2026年9月1日", "2026/9/1", "2026.9.1",
        " ２０２６－０９－０１　",
    ],
)  # fmt: skip
def test_a_day_is_read_from_a_date_cell_or_any_usual_text(cell):
    assert Day().read(cell) == "2026-09-01"


@pytest.mark.parametrize("cell", ["2026-13-01", "明年", 46266, datetime(2026, 9, 1, 8, 30), "2026-9"])
def test_what_is_no_day_is_told(cell):
    with pytest.raises(CellError, match="not a day"):
        Day().read(cell)


@given(st.dates())
def test_a_day_comes_back(day):
    assert Day().read(Day().write(day.isoformat())) == day.isoformat()


@pytest.mark.parametrize("cell", ["有条件共享", "conditional", " 有条件 共享 ", "有条件共享conditional"])
def test_a_word_is_read_by_label_or_code(cell):
    assert SHARES.read(cell) == "conditional"


def test_every_word_of_every_list_comes_back():
    for words in (
        labels.SHARE_TYPES,
        labels.UPDATE_CYCLES,
        labels.GUIDE_TYPES,
        labels.DEMAND_STATES,
        labels.ROLES,
    ):
        for letters in (False, True):
            kind = Words(labels=words, letters=letters)
            assert [kind.read(kind.write(code)) for code, _ in words] == [code for code, _ in words]


def test_an_unknown_word_is_told_with_the_words_there_are():
    with pytest.raises(CellError) as told:
        SHARES.read("有条件分享")
    assert "无条件共享, 有条件共享, 不予共享" in told.value.expected
    assert "有条件共享" in told.value.mend


@pytest.mark.parametrize(
    ("cell", "value"), [("是", True), ("√", True), (True, True), ("否", False), ("×", False), ("", None)]
)
def test_yes_and_no_are_read_as_people_write_them(cell, value):
    assert Flag().read(cell) is value


def test_a_whole_number_is_read_in_any_width_and_nothing_else_is():
    assert [Number().read(cell) for cell in (20, 20.0, "２０", " 20 ", None)] == [20, 20, 20, 20, None]
    for cell in ("二十", 2.5, -1, "20个"):
        with pytest.raises(CellError):
            Number().read(cell)


def test_a_time_limit_comes_back_in_each_unit():
    kind = Amount(units=labels.LIMIT_UNITS)
    for unit, _ in labels.LIMIT_UNITS:
        for value in (0, 3, 0.5):
            assert kind.read(kind.write({"value": value, "unit": unit})) == {"value": value, "unit": unit}
    assert kind.read("6 工作日") == {"value": 6, "unit": "workday"}


def test_a_time_of_day_is_read_as_people_write_it():
    assert [Clock().read(cell) for cell in ("2:00", "02:00", "8点", "８：３０", "")] == [
        "02:00",
        "02:00",
        "08:00",
        "08:30",
        None,
    ]


def test_an_entry_of_a_register_is_read_by_name_code_or_both():
    kind = Ref(register=UNITS)
    assert [kind.read(cell) for cell in ("人事处", "RS", "rs", "RS 人事处", " 人事 处 ")] == ["RS"] * 5
    assert [kind.read(kind.write(code)) for code in UNITS.names] == list(UNITS.names)
    with pytest.raises(CellError, match="more than one unit"):
        kind.read("学院")
    with pytest.raises(CellError, match="no unit"):
        kind.read("人事部")


@given(st.lists(st.sampled_from(["RS", "CW", "A", "X1"]), unique=True, min_size=1))
def test_a_list_of_entries_comes_back_though_a_name_holds_the_separator(codes):
    kind = Refs(register=UNITS)
    assert kind.read(kind.write(codes)) == codes
    assert kind.read("；".join(code for code in codes)) == codes


def test_the_number_of_a_line_goes_and_a_number_in_it_stays():
    assert unnumbered(["1.申请表", "2、3.5 米以上图纸", "（3）批文", "3.5 米", ""]) == [
        "申请表",
        "3.5 米以上图纸",
        "批文",
        "3.5 米",
    ]


@given(st.lists(st.text("甲乙丙丁", min_size=1, max_size=3), max_size=6), st.data())
def test_a_name_finds_its_entry_and_one_renamed_is_found_between_its_neighbours(names, data):
    assert matched(names, names) == list(range(len(names)))
    if names:
        place = data.draw(st.integers(0, len(names) - 1))
        renamed = [*names[:place], "改名", *names[place + 1 :]]
        if names.count(names[place]) == 1:
            assert matched(renamed, names) == list(range(len(names)))


def test_a_new_name_among_known_ones_is_new():
    assert matched(["甲", "新", "乙"], ["甲", "乙"]) == [0, None, 1]
    assert matched(["乙", "甲"], ["甲", "乙"]) == [1, 0]
    assert matched(["甲"], ["甲", "乙"]) == [0]
