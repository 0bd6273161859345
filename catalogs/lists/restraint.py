"""Figures of the case log as lists may tell them: without counts of so few cases that people could be told by them.

Lists are made of these figures only, so that no column, sum or sentence of any list tells what another hides: what is
hidden counts for nothing in a sum. Whether there was any at all is kept where a list asks for it; it is no figure.
"""

from dataclasses import replace

from catalogs.lists.measured import CaseCount, HandedIn, Measured
from catalogs.small_cells import hidden, is_few, tells_of_few


def restrained(measured: Measured, least: int) -> Measured:
    """Return figures without small cells.

    Args:
        measured: of a release.
        least: fewer cases are not told.
    """
    few_year = frozenset(item for item, cases in measured.year.items() if is_few(cases, least))
    few_cases = _few_cases(measured, least)
    return replace(
        measured,
        least=least,
        year={item: cases for item, cases in measured.year.items() if item not in few_year},
        few_year=few_year,
        cases=tuple(
            _case_count(one, least) for one in measured.cases if (one.span, one.item) not in few_cases
        ),
        few_cases=few_cases,
        handed=None
        if measured.handed is None
        else tuple(_handed_in(one, one.item in few_year, least) for one in measured.handed),
    )


def _few_cases(measured: Measured, least: int) -> frozenset[tuple[str, str]]:
    """Periods and items of few cases; no period alone, as the cases of the whole year are told elsewhere."""
    by_item: dict[str, dict[str, int]] = {}
    for one in measured.cases:
        by_item.setdefault(one.item, {})[one.span] = one.cases
    return frozenset((span, item) for item, counts in by_item.items() for span in hidden(counts, least))


def _case_count(one: CaseCount, least: int) -> CaseCount:
    few = set()
    if tells_of_few(one.closed, one.cases, least):
        few |= {"closed", "late", "days"}
    if one.late is not None and tells_of_few(one.late, one.closed, least):
        few.add("late")
    if one.visits_over is not None and tells_of_few(one.visits_over, one.cases, least):
        few |= {"visits_over", "most_visits"}
    return replace(
        one,
        few=frozenset(few),
        closed=min(one.closed, 1) if "closed" in few else one.closed,
        late=min(one.late, 1) if one.late is not None and "late" in few else one.late,
        days=None if "days" in few else one.days,
        visits_over=min(one.visits_over, 1)
        if one.visits_over is not None and "visits_over" in few
        else one.visits_over,
        most_visits=None if "most_visits" in few else one.most_visits,
        online=None if one.online is not None and tells_of_few(one.online, one.cases, least) else one.online,
    )


def _handed_in(one: HandedIn, is_of_few: bool, least: int) -> HandedIn:
    """Both counts go if one is small: beside the number of cases one tells the other."""
    if not (is_of_few or is_few(one.handed, least) or is_few(one.spared, least)):
        return one
    whole = one.handed + one.spared
    return replace(
        one,
        handed=min(one.handed, 1),
        spared=min(one.spared, 1),
        is_few=True,
        together=None if is_of_few or is_few(whole, least) else whole,
    )
