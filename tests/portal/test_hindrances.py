"""Why a change cannot be proposed, in the reader's language, with the check's own wording beside it in Chinese."""

from dataclasses import replace

import pytest

import catalogs
from catalogs.changes.edits import Conflict, Edit
from catalogs.changes.proposing import Prepared
from catalogs.faults import Fault
from catalogs.rules import WARNING
from portal.maintain_frame import hindrances, notes
from tests.portal import house

FAULT = Fault("posts.csv", 3, "O01", 'no unit or contract names "post:x"', "why", "mend")
MOVED = Conflict(Edit("units.csv", "RS", "nameZh", "甲", "乙"), "丙", "somebody changed it")
PREPARED = Prepared(
    edits=(),
    notes=("demands/a.yaml: its decision was left out",),
    conflicts=(MOVED,),
    faults=(FAULT, replace(FAULT, rule="C28", severity=WARNING)),
    files={"posts.csv": b"id,person,post,role\nP-1,1,post:a,head\nP-2,1,post:x,head\n"},
    told=None,
    route=None,
)


@pytest.fixture(scope="module")
def campus():
    return catalogs.load(house.files())


def test_in_english_the_entry_is_named_and_what_the_check_says_of_it(campus):
    (moved, where), (told, line) = hindrances(PREPARED, campus, "en")
    assert moved.startswith("Unit 人事处 (RS): Name: this was changed meanwhile")
    assert where == f"units.csv RS nameZh: {MOVED.why}"
    assert (told, line) == (f"Holding of a post P-2: {FAULT.what} – why; mend", "posts.csv:3 [O01]")
    assert [line for line, _ in notes(PREPARED, campus, "en")] == [*PREPARED.notes, told]


def test_in_chinese_entry_and_rule_are_said_and_the_words_of_the_check_stand_beside_them(campus):
    (moved, why), (told, what) = hindrances(PREPARED, campus, "zh")
    assert moved.startswith("单位 人事处 (RS): 名称：此处已被改动")
    assert why == f"units.csv RS nameZh: {MOVED.why}"
    assert told.startswith("岗位任职 P-2〔O01〕") and "有人持有的岗位由单位或契约写明" in told
    assert what == f"posts.csv:3 {FAULT.what}"
    (left_out, note), (warning, _) = notes(PREPARED, campus, "zh")
    assert "决定" in left_out and note == PREPARED.notes[0]
    assert "资源有质量门槛" in warning


@pytest.mark.parametrize(
    ("language", "where"), [("zh", "posts.csv 第 9 行〔O01〕"), ("en", "posts.csv:9 [O01]")]
)
def test_a_line_at_which_no_entry_stands_is_told_by_its_file(campus, language, where):
    prepared = replace(PREPARED, conflicts=(), faults=(replace(FAULT, line=9),))
    ((told, _),) = hindrances(prepared, campus, language)
    assert told.startswith(where)
