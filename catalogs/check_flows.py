"""The flow of a service item: somebody starts it, everybody in it takes part, it ends, and in the time promised."""

from collections import Counter

from catalogs.faults import Faults, did_you_mean
from catalogs.fields import Fields
from catalogs.flows import blocks, graph
from catalogs.model import Catalog, ServiceItem, Step
from catalogs.sources import Sources


def tell_flow_faults(sources: Sources, faults: Faults) -> None:
    """Check the steps of every service item (CATALOG §3.6)."""
    for item, own in sources.services:
        rows = own.rows("steps", f"{own.place} steps")
        if not rows:
            own.fault("S05", "steps", "no steps")
            continue
        _tell_desks(sources.catalog, item, rows)
        _tell_shape(item, rows)
        _tell_time(item, own)


def _tell_desks(catalog: Catalog, item: ServiceItem, rows: list[Fields]) -> None:
    seen: set[int] = set()
    for step, row in zip(item.steps, rows, strict=True):
        if step.seq in seen:
            row.fault("S05", "seq", f"step {step.seq} stands twice", expected="each number once")
        seen.add(step.seq)
        if step.unit and step.unit not in catalog.units:
            mend = did_you_mean(step.unit, catalog.units)
            row.fault("S01", "unit", f'unknown unit "{step.unit}"', expected="a code of units.csv", mend=mend)
        elif step.unit and step.unit not in item.involved_units:
            row.fault(
                "S05",
                "unit",
                f'unit "{step.unit}" of step {step.seq} takes no part in the item',
                expected="leadUnit or one of jointUnits",
                mend="add the unit to jointUnits",
            )


def _tell_shape(item: ServiceItem, rows: list[Fields]) -> None:
    """Tell what leaves a case without an end, or a step without a case (S21)."""
    row_of = {step.seq: row for step, row in zip(item.steps, rows, strict=True)}

    def tell(step: Step, key: str, what: str) -> None:
        row_of[step.seq].fault("S21", key, what)

    parts = blocks(item.steps)
    groups = Counter(part.group for part in parts if part.group)
    told: set[str] = set()
    for part in parts:
        first = part.steps[0]
        if not part.group:
            if first.join:
                tell(first, "join", f"step {first.seq} joins, and stands in no parallel group")
            continue
        if groups[part.group] > 1 and part.group not in told:
            tell(
                first,
                "parallelGroup",
                f'steps of another place interrupt group "{part.group}": it never joins',
            )
        elif len(part.steps) == 1 and groups[part.group] == 1:
            tell(first, "parallelGroup", f'group "{part.group}" has one step')
        told.add(part.group)
        for key, values in (("join", {step.join for step in part.steps}),
                            ("onReturn", {step.on_return for step in part.steps})):  # fmt: skip
            if len(values) > 1:
                tell(first, key, f'the steps of group "{part.group}" disagree on {key}')
    last = parts[-1]
    if all(step.condition for step in last.steps):
        tell(
            last.steps[-1],
            "condition",
            "the last step is conditional: where it is passed by, nobody ends the case",
        )
    codes = Counter(step.code for step in item.steps if step.code)
    asked = {use.material for use in item.materials}
    for step in sorted(item.steps, key=lambda one: one.seq):
        if codes[step.code] > 1:
            tell(step, "code", f'step code "{step.code}" stands twice')
        for name in step.inputs:
            if name not in asked:
                tell(step, "input", f'step {step.seq} waits for "{name}", which nobody brings')
        asked.add(step.output)


def _tell_time(item: ServiceItem, own: Fields) -> None:
    """Tell a promise that the steps, each within its own limit, cannot keep (S22)."""
    promised = item.promised
    if promised is None or any(step.limit and step.limit.unit != promised.unit for step in item.steps):
        return
    longest = graph(item).longest(lambda step: step.limit.value if step.limit else 0.0)
    if longest > promised.value:
        own.fault(
            "S22",
            "promisedLimit",
            f"the steps may take {longest:g} {promised.unit}s, and {promised.value:g} are promised",
        )
