"""The scoreboard as a page of the documentation."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.faults_caught import STAGES


@dataclass
class Line:
    """What became of one kind.

    Attributes:
        group, title: in the words of the table.
        is_detectable: whether data alone can show it.
        injected: how many faults there were.
        stages: stage → faults caught there.
        leaked: answers of the service that stood as verified and were false.
    """

    group: str
    title: str
    is_detectable: bool
    injected: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    leaked: int = 0

    @property
    def caught(self) -> int:
        return sum(self.stages.values())

    @property
    def is_good(self) -> bool:
        """Whether all of the kind were caught, and none came through; what cannot be seen is neither."""
        return not self.is_detectable or (
            self.injected > 0 and self.caught == self.injected and not self.leaked
        )


@dataclass(frozen=True)
class Totals:
    """Of all kinds: clean rows that were judged and refused, resources flagged for nothing, seconds by step."""

    clean_rows: int
    false_rows: int
    false_resources: Sequence[str]
    seconds: Mapping[str, float]

    @property
    def false_share(self) -> float:
        return self.false_rows / max(1, self.clean_rows)


HEAD = """# Fault scoreboard

Written by `make faults`; do not edit. A reference campus is built and released once as it is. Then accidents happen in
its source systems, as they do in real ones, and it is read and released again: first single rows go wrong, three days
later whole deliveries do. Nothing but this scoreboard knows which.

- **Caught** means: the row is refused, the extract is refused or held, the subject waits for a person's decision, or a
  rule that speaks of just this kind fails.
- **Leaked** counts answers that the service would give as verified and that are not what it answered before.
- **False alarms** are rows without a fault that were refused, and resources without one that were refused or flagged.

"""


def page(lines: Sequence[Line], totals: Totals) -> str:
    """Return the page in Markdown."""
    out = [HEAD, "| group | kind | injected | caught | where | leaked |\n|---|---|---:|---:|---|---:|\n"]
    for line in lines:
        if not line.is_detectable:
            out.append(f"| {line.group} | {line.title} | – | not detectable | – | – |\n")
            continue
        share = f"{line.caught / line.injected:.0%}" if line.injected else "–"
        where = ", ".join(f"{stage} {line.stages[stage]}" for stage in STAGES if line.stages[stage])
        out.append(
            f"| {line.group} | {line.title} | {line.injected} | {line.caught} ({share}) | {where or '–'}"
            f" | {line.leaked} |\n"
        )
    seen = [line for line in lines if line.is_detectable]
    injected, caught = sum(line.injected for line in seen), sum(line.caught for line in seen)
    out.append(
        f"\n**{len(seen)} detectable kinds: {injected} faults, {caught} caught, "
        f"{sum(line.leaked for line in seen)} leaked.** "
        f"False alarms: {totals.false_rows} of {totals.clean_rows:,} clean rows ({totals.false_share:.3%}), "
        f"{len(totals.false_resources)} clean resources flagged.\n"
    )
    out += [f"- {told}\n" for told in totals.false_resources]
    spent = ", ".join(f"{step} {seconds:.0f} s" for step, seconds in totals.seconds.items())
    out.append(f"\nTime: {sum(totals.seconds.values()):.0f} s ({spent}).\n")
    out.append(NOTES)
    return "".join(out)


NOTES = """
## What the figures do not say

- Two kinds cannot be seen in data, and nobody should read 100 % as if they were: a value that is plausible and false in
  a single system, and two systems that are wrong in the same way. People who look at their own data find those.
- A rule between systems speaks of shares. Below the share that it allows, it counts the rows and lets them pass; the
  faults of such kinds are injected above it.
- A truncated decimal is seen where a sum shows it. An amount that stands alone has nothing to be compared with.
- An older file is known by its time of change. A file that is exported anew with old content is a new file.
"""
