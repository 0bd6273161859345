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
    files={},
    told=None,
    route=None,
)


@pytest.fixture(scope="module")
def campus():
    return catalogs.load(house.files())


def test_in_english_they_are_the_words_of_the_check(campus):
    assert hindrances(PREPARED, campus, "en") == [(str(MOVED), ""), (str(FAULT), "")]
    assert [line for line, _ in notes(PREPARED, "en")] == [*PREPARED.notes, str(PREPARED.faults[1])]


def test_in_chinese_the_rule_is_said_and_the_words_of_the_check_stand_beside_it(campus):
    (moved, why), (told, what) = hindrances(PREPARED, campus, "zh")
    assert (
        moved.startswith("单位 人事处 (RS): 名称：此处已被改动")
        and why == f"units.csv RS nameZh: {MOVED.why}"
    )
    assert "有人持有的岗位由单位或契约写明" in told and what == FAULT.what
    (left_out, note), (warning, _) = notes(PREPARED, "zh")
    assert "决定" in left_out and note == PREPARED.notes[0]
    assert "资源有质量门槛" in warning
