"""What no text may hold is told from what looks like it and is right."""

from collections.abc import Callable

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.texts import ill_formed_number, person_name, together, unreadable

# The characters of GB 2312's first level: what Chinese is mostly written with.
COMMON = [
    bytes([row, cell]).decode("gb2312")
    for row in range(0xB0, 0xD8)
    for cell in range(0xA1, 0xFF)
    if not (row == 0xD7 and cell > 0xF9)
]


CON = duckdb.connect()


def _ask(expression: Callable[[str], str], text: str) -> bool:
    return CON.execute(f"SELECT {expression('text')} FROM (SELECT ?::VARCHAR AS text)", [text]).fetchone()[0]


@settings(deadline=None)
@given(st.text(st.sampled_from(COMMON), min_size=2, max_size=12).filter(lambda text: len(text) % 2 == 0))
def test_chinese_written_in_utf8_and_read_as_gbk_is_seen(text: str):
    assert _ask(unreadable, text.encode().decode("gb18030", "replace"))


@pytest.mark.parametrize("beside", ["{}一", "一{}", "{}堿", "堿{}"])
def test_no_common_character_hides_mojibake(beside: str):
    texts = [beside.format(char).encode().decode("gb18030", "replace") for char in COMMON]
    unseen = CON.execute(
        f"SELECT text FROM unnest(?::VARCHAR[]) AS t(text) WHERE NOT {unreadable('text')}", [texts]
    )
    assert unseen.fetchall() == []


@settings(deadline=None)
@given(st.text(st.sampled_from(COMMON), min_size=2, max_size=12))
def test_chinese_written_in_gbk_and_read_as_utf8_is_seen(text: str):
    read = text.encode("gb18030").decode("utf-8", "replace")
    assert "\ufffd" not in read or _ask(unreadable, read)


@pytest.mark.parametrize(
    "text",
    ["张伟", "刘璐瑶", "欧阳娜娜", "阿依古丽·买买提", "䶮㛃𫖯𨱑", "Nguyễn Thị Hương", "浙江省杭州市学院路38号３幢",
     "尺瑜寸瑕", "舞榭歌台", "跌宕风流", "第一行\n第二行", "", "联通"],
)  # fmt: skip
def test_what_is_right_is_left_alone(text: str):
    assert not _ask(unreadable, text)


@pytest.mark.parametrize("text", ["张\x01伟", "张伟\x7f", "\x00", "张\ufffd"])
def test_control_characters_and_replacements_are_seen(text: str):
    assert _ask(unreadable, text)


def test_two_texts_are_never_read_as_one():
    mojibake = "张伟".encode().decode("gb18030")
    query = f"SELECT {unreadable(together(['a', 'b']))} FROM (SELECT ?::VARCHAR AS a, ?::VARCHAR AS b)"
    assert CON.execute(query, [mojibake, "x"]).fetchone()[0]
    assert not CON.execute(query, [mojibake[:2], mojibake[2:]]).fetchone()[0]


@pytest.mark.parametrize(
    "name", ["张?", "王？明", "李〓", " 张伟", "张伟 ", "张\u3000伟", "张  伟", "张 伟", "赵*"]
)
def test_a_name_with_what_accidents_leave_is_none(name: str):
    assert not _ask(person_name, name)


@pytest.mark.parametrize(
    "name", ["张伟", "阿依古丽·买买提", "Anna-Maria O'Neill", "Kim 金", "䶮㛃", "爱新觉罗.溥仪"]
)
def test_a_name_is_a_name(name: str):
    assert _ask(person_name, name)


@pytest.mark.parametrize(
    ("number", "is_wrong"),
    [
        ("２０２３０１", True),
        (" 202301", True),
        ("202301\u3000", True),
        ("2023０1", True),
        ("202301", False),
        ("B-7", False),
    ],
)
def test_a_number_in_full_width_or_with_blanks_is_not_the_same_number(number: str, is_wrong: bool):
    assert _ask(ill_formed_number, number) is is_wrong
