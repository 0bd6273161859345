"""Files are read as YAML 1.2, and whatever YAML 1.1 reads otherwise is told."""

import io

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError as RuamelError

from catalogs.faults import Faults
from catalogs.lined_yaml import line_of, plain, read_yaml
from catalogs.publish import dump_yaml

TRAPS = [
    "no",
    "on",
    "off",
    "yes",
    "y",
    "n",
    "Yes",
    "NO",
    "01",
    "010",
    "0o10",
    "0x1F",
    "10:30",
    "1:2:3",
    "1_000",
    "1e3",
    "1.5e3",
    ".5",
    "5.",
    "1.",
    "+1",
    "-1",
    "+.inf",
    ".NaN",
    "~",
    "null",
    "Null",
    "2026-01-01",
    "2026-1-1",
    "true",
    "TRUE",
    "True",
    "tRUE",
    "false",
    "0b101",
    "08",
    "1.0",
    "=",
    "<<",
    "12e03",
    "-0",
    "+12",
    "0.1",
    "6.8523015e+5",
]


def read(text: str) -> tuple[object, list[str]]:
    faults = Faults()
    data = read_yaml(text.encode(), "f.yaml", faults)
    return data, [fault.rule for fault in faults.all()]


def by_1_1(text: str) -> object:
    return yaml.safe_load(text)


def by_1_2(text: str) -> object:
    return YAML(typ="safe", pure=True).load(text)


@pytest.mark.parametrize("word", TRAPS)
def test_a_word_is_told_where_two_parsers_of_the_two_versions_differ(word):
    text = f"a: {word}\n"
    try:
        old = by_1_1(text)["a"]
    except yaml.YAMLError:
        old = object()
    try:
        new = by_1_2(text)["a"]
    except RuamelError:
        new = object()
    differ = repr(old) != repr(new)
    data, rules = read(text)
    if differ:
        assert rules == ["F02"]
    elif isinstance(new, str):
        assert rules == ["F03"] and data == {"a": word}
    else:
        assert rules in ([], ["F02"])
        assert repr(data["a"]) == repr(new) or rules


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=6))
def test_no_word_passes_that_two_parsers_read_differently(word):
    text = f"a: {word}\n"
    data, rules = read(text)
    if rules:
        return
    old, new = by_1_1(text), by_1_2(text)
    assert repr(old) == repr(new) == repr(plain(data))


TREES = st.recursive(
    st.text(max_size=8) | st.integers() | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.from_regex(r"[a-z]{2,5}Z", fullmatch=True), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.from_regex(r"[a-z]{2,5}Z", fullmatch=True), TREES, min_size=1, max_size=4))
def test_what_we_write_is_read_alike_by_everybody(tree):
    text = dump_yaml(tree)
    data, rules = read(text)
    assert rules == []
    assert plain(data) == tree == by_1_1(text) == YAML(typ="safe", pure=True).load(io.StringIO(text))


def test_every_key_and_element_knows_its_line():
    data, _ = read('a: "1"\nb:\n  c: "2"\n  d:\n    - "3"\n    - e: "4"\n')
    assert [line_of(data, "a"), line_of(data["b"], "c"), line_of(data["b"]["d"], 1)] == [1, 3, 6]
    assert line_of(data["b"]["d"][1], "e") == 6


@pytest.mark.parametrize(
    "text", ["a: !x 1", 'a: !!int "1"', "a: !!str 5", "a: !!set {b, c}", "a: !y [1]", "!!omap {}"]
)
def test_a_tag_is_a_fault(text):
    assert "F01" in read(text + "\n")[1]


def test_depth_without_end_is_a_fault():
    assert read("[" * 20000)[1] == ["F01"]
