"""What a machine does to a program that does nothing but count: how often, and how long, its processors are slow.

On a shared machine a latency of a hundred milliseconds may be nobody's doing who was measured. A loop that needs no
system call, no file and hardly any memory uses the same processor time again and again, whoever else wants the
processor, unless the processor itself is slow.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

_COUNTED = 20_000
_SLOW = 2.0
# Slow moments that are less far apart than this are one pause.
_APART_S = 0.02


@dataclass(frozen=True)
class Pauses:
    """What was found.

    Attributes:
        seconds: how long was looked.
        each_s: how long each pause lasted.
    """

    seconds: float
    each_s: tuple[float, ...]

    def line(self) -> str:
        """Return it in words."""
        if not self.each_s:
            return f"In {self.seconds:.0f} s before, the machine itself never fell below half its speed."
        return (
            f"In {self.seconds:.0f} s before, the machine itself fell below half its speed {len(self.each_s)} times, "
            f"by the processor time that a loop used, in the median for {1000 * statistics.median(self.each_s):.0f} "
            f"ms, at most for {1000 * max(self.each_s):.0f} ms, together {100 * sum(self.each_s) / self.seconds:.1f} "
            "% of the time."
        )


def look(seconds: float = 10) -> Pauses:
    """Count for so many seconds, and note when that was slow."""
    rounds = []
    started = now = time.perf_counter()
    while now - started < seconds:
        used = time.thread_time()
        total = 0
        for number in range(_COUNTED):
            total += number * number
        before, now = now, time.perf_counter()
        rounds.append((before, now, time.thread_time() - used))
    return Pauses(now - started, pauses(rounds))


def pauses(rounds: Sequence[tuple[float, float, float]]) -> tuple[float, ...]:
    """Return how long each pause lasted, in seconds.

    Args:
        rounds: when each round of counting began and ended, ascending, and the processor time that it used, in seconds.
    """
    usual = statistics.median(used for *_, used in rounds)
    found: list[list[float]] = []
    for began, ended, used in rounds:
        if used > _SLOW * usual:
            if found and began - found[-1][1] < _APART_S:
                found[-1][1] = ended
            else:
                found.append([began, ended])
    return tuple(ended - began for began, ended in found)
