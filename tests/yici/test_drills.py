"""Failure drills: the sharpest of them, and how what was found is told. `make drills` runs all of them."""

from collections.abc import Iterator

import pytest

from benchmarks import drills
from benchmarks.drill_list import DRILLS
from benchmarks.drill_scene import Seen, last_words
from benchmarks.drills import Ground, Result
from connectors import landing_keys
from warehouse import key_ring

BY_NAME = {drill.name: drill for drill in DRILLS}


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with pytest.MonkeyPatch.context() as patch:
        for name in (key_ring.ENVIRONMENT, landing_keys.ENVIRONMENT):
            patch.delenv(name)  # an installation has rings of its own
        with drills.ground(patch.setenv) as found:
            yield found


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [("server-stopped-storing", 3, "admission failed"), ("landed-file-altered", 1, "content differs")],
)
def test_after_the_next_run_everything_is_as_if_nothing_had_happened(
    ground: Ground, name: str, code: int, told: str
):
    result = drills.run(ground, BY_NAME[name])
    assert result.is_passed, result
    assert result.seen.code == code
    assert told in result.seen.said
    assert result.meanwhile in ("before", "in part", "–")
    assert ground.before.digest != ground.expected.digest


def _result(**changes: object) -> Result:
    found = {
        "drill": DRILLS[0],
        "seen": Seen(-9),
        "meanwhile": "before",
        "again": Seen(0),
        "recovery_s": 1.0,
        "lost": 0,
        "doubled": 0,
        "is_same": True,
    }
    return Result(**(found | changes))  # type: ignore[arg-type]


def test_a_drill_is_passed_only_if_nothing_differs_and_the_operator_was_told_what_stays():
    assert _result().is_passed
    assert _result(seen=Seen(3, "the database failed. What was published stays")).is_passed
    for change in (
        {"is_same": False},
        {"lost": 1},
        {"doubled": 1},
        {"meanwhile": drills.OTHER},
        {"again": Seen(1, "✕ hr.staff refused")},
        {"seen": Seen(1, "Traceback … ValueError")},
        {"seen": Seen(1, "")},
    ):
        assert not _result(**change).is_passed, change


def test_every_drill_has_a_name_of_its_own_and_no_traceback_counts_as_words():
    assert len(BY_NAME) == len(DRILLS) >= 25
    assert (
        last_words("a\n  ✕ hr: gone; the last good state stays\n") == "✕ hr: gone; the last good state stays"
    )
    assert (
        last_words("Traceback (most recent call last):\n  File x\nValueError: y stays")
        == "Traceback … ValueError"
    )
