"""Which entry stands at a line of a file, and which part of it."""

import pytest

import catalogs
from catalogs.changes.content import is_csv, read_content
from catalogs.changes.edit_words import line_in_words
from catalogs.changes.lines import place_at
from catalogs.changes.paths import field_of
from catalogs.settings import DEFAULT_CAMPUS

STAFF, MOVE = "resources/hr/staff.odcs.yaml", "services/BW-001.yaml"


@pytest.fixture(scope="module")
def campus():
    return catalogs.load(DEFAULT_CAMPUS)


def line_with(content, text):
    return next(number for number, line in enumerate(content.decode().splitlines(), 1) if text in line)


def at(file, content, text):
    code, parts = place_at(file, content, line_with(content, text))
    return code, field_of(parts)


def test_a_row_of_a_register_is_found_though_another_has_lines_in_a_cell():
    content = 'code,nameZh\nA,"一\n二"\n\nB,三\n'.encode()
    assert [place_at("units.csv", content, line) for line in range(1, 6)] == [
        None, ("A", ()), ("A", ()), ("B", ()), ("B", ()),
    ]  # fmt: skip
    assert place_at("units.csv", content, 6) is None


def test_a_part_of_an_entry_is_found_by_what_tells_it_apart():
    content = """
    serviceItems:
      - code: "A-1"
        nameZh: "甲"
      - code: "A-2"
        steps:
          - seq: 1
            nameZh: "一"
          - seq: 2
            limit:
              value: 3
    """.replace("\n    ", "\n").encode()
    assert at("services/a.yaml", content, "甲") == ("A-1", "nameZh")
    assert at("services/a.yaml", content, "seq: 2") == ("A-2", "steps[2]")
    assert at("services/a.yaml", content, "value: 3") == ("A-2", "steps[2].limit")
    assert place_at("services/a.yaml", content, 1) is None


def test_what_stands_at_a_line_is_an_entry_of_the_file_in_its_order(campus):
    for file, content in campus.files.items():
        if not file.endswith((".csv", ".yaml")) or file.startswith("templates/"):
            continue
        known = list(read_content(file, content).entries)
        lines = content.decode("utf-8-sig").count("\n")
        found = [place_at(file, content, line) for line in range(1, lines + 1, max(1, lines // 8))]
        codes = [known.index(one[0]) for one in found if one]
        assert codes and codes == sorted(codes), file
        assert (found[0] is None) if is_csv(file) else all(found[2:]), file


@pytest.mark.parametrize("content", [b"", b"\xff", b"a: [1", b'"', b"- 1\n- 2\n", b"x"])
def test_what_cannot_be_read_is_no_place_and_no_error(content):
    for file in ("units.csv", "services/a.yaml"):
        place_at(file, content, 1)
        place_at(file, content, 99)


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("zh", "数据资源 教职工基本信息 (hr.staff): 信息项“出生日期”"),
        ("en", "Resource Staff: basic information (hr.staff): Item “Date of birth”"),
    ],
)
def test_a_line_is_told_by_the_names_that_people_have(campus, language, told):
    content = campus.files[STAFF]
    found = line_in_words(STAFF, content, line_with(content, 'name: "born_on"'), campus, language)
    assert found.startswith(told), found


def test_an_entry_that_is_new_is_told_by_its_own_name(campus):
    content = campus.files[MOVE].replace(b"BW-001", b"BW-999")
    found = line_in_words("services/BW-999.yaml", content, 2, campus, "zh")
    assert "BW-999" in found and "集体户口迁移" in found
