"""Let accidents happen in a built campus, the same ones for the same seed, and say which in the file of labels."""

from collections.abc import Sequence
from pathlib import Path

from demo.faults.extract_accidents import DAYS, HAPPENS, Scene
from demo.faults.kinds import KINDS
from demo.faults.labels import Label, append
from demo.faults.row_accidents import SPOILED, befall
from demo.faults.rows import opened
from demo.roll import dice
from demo.target import Target, TargetError, campus_day

ROWS, EXTRACTS = "rows", "extracts"


def inject(
    target: Target, state: dict, what: str, kinds: Sequence[str], rate: float, seed: int, labels: Path
) -> int:
    """Spoil what a reader would read next; returns how many labels were written.

    Args:
        target: a built campus.
        state: its state.json.
        what: `rows` spoils rows; `extracts` spoils what is delivered, on a later day.
        kinds: names of kinds; empty: all.
        rate: share of a table's rows that one kind befalls.
        seed: same seed, same accidents.
        labels: where it is written what was spoiled.

    Raises:
        TargetError: a kind is not known, or the campus is too young for it.
    """
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise TargetError(f"no fault is called {', '.join(unknown)}; known are {', '.join(KINDS)}")
    now = f"{campus_day(state['day'])} 07:00:00"
    wanted = set(kinds or KINDS)
    if what == ROWS:
        return append(labels, _spoil_rows(target, wanted, rate, seed, now))
    if state["day"] < DAYS:
        raise TargetError(
            f"extracts are spoiled from day {DAYS} on: let {DAYS - state['day']} days pass first"
        )
    found: list[Label] = []
    for number, (kind, happens) in enumerate(HAPPENS):
        if kind in wanted:
            found += happens(Scene(target, state["day"], now, dice(seed, "faults", number, kind)))
    return append(labels, found)


def _spoil_rows(target: Target, wanted: set[str], rate: float, seed: int, now: str) -> list[Label]:
    found: list[Label] = []
    accidents = [one for one in SPOILED if one.kind in wanted]
    for resource in dict.fromkeys(one.resource for one in accidents):
        taken: set[tuple[str, ...]] = set()
        with opened(target, resource, now) as rows:
            for number, one in enumerate(SPOILED):
                if one in accidents and one.resource == resource:
                    found += befall(one, rows, taken, rate, dice(seed, "faults", number, one.kind))
    return found
