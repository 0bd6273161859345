"""The rules of the check in Chinese: all of them, and a fault as a Chinese page tells it."""

import re

import pytest

from catalogs.faults import Faults
from catalogs.rules import RULES
from catalogs.rules_zh import fault_in_chinese, rule_in_chinese

_HAN = re.compile("[\u4e00-\u9fff]")


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_says_in_chinese_what_it_demands_and_how_it_is_mended(rule):
    for told in rule_in_chinese(rule):
        assert _HAN.search(told) and not told.endswith(("。", "."))


def test_a_fault_names_its_place_and_its_rule():
    faults = Faults()
    faults.add("O01", "posts.csv", 3, 'no unit or contract names "post:x"')
    (fault,) = faults.all()
    told = fault_in_chinese(fault)
    assert told == (
        "posts.csv 第 3 行〔O01〕应符合：有人持有的岗位由单位或契约写明。改正：改正岗位，或在 units.csv 中写明。"
    )
