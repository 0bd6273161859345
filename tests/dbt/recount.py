"""What the marts of the reform count, counted once more: row by row in plain Python, by what their definitions say."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Any
from zoneinfo import ZoneInfo

from catalogs.model import Catalog

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
_ZONE = ZoneInfo("Asia/Shanghai")
_OPEN = ("1", "2", "3", "4")


def on(moment: datetime) -> date:
    """Return the campus's day of a moment."""
    return moment.astimezone(_ZONE).date()


def month(day: date) -> date:
    return day.replace(day=1)


def mean(values: Iterable[Fraction | int | None], digits: int = 2) -> Decimal | None:
    """Return the mean of those that are not None, rounded as the marts' columns are."""
    told = [Fraction(one) for one in values if one is not None]
    if not told:
        return None
    exact = sum(told) / len(told)
    whole = Decimal(exact.numerator) / Decimal(exact.denominator)
    return whole.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def share(values: Iterable[bool | None]) -> Decimal | None:
    return mean([None if one is None else int(one) for one in values], 4)


class Recount:
    """Counts over the rows of the hall.

    Args:
        catalog: its service items and its calendar.
        rows: resource → rows, as they stand in `raw`.
        as_of: the day of the release.
    """

    def __init__(self, catalog: Catalog, rows: Rows, as_of: date) -> None:
        self.catalog, self.rows, self.as_of = catalog, rows, as_of
        self.cases = {row["case_no"]: row for row in rows["hall.cases"]}
        self.closed = [row for row in self.cases.values() if row["status"] == "7"]

    def _of_case(self, resource: str, case_no: str) -> list[Row]:
        return [row for row in self.rows[resource] if row["case_no"] == case_no]

    def lead_unit(self, case: Row) -> str:
        known = self.catalog.services.get(case["service_item"])
        return known.lead_unit if known else case["lead_unit"] or ""

    def working_days(self, first: date, last: date) -> int:
        """Working days after the first up to the last; negative where the last is the earlier one."""
        if last < first:
            return -self.working_days(last, first)
        days = [first + timedelta(days=n) for n in range(1, (last - first).days + 1)]
        return sum(map(self.catalog.calendar.is_working, days))

    def visits(self, case: Row) -> tuple[int, int]:
        """Return how often somebody really came, and how often only to correct."""
        traces = []
        if case["channel"] == "1":
            traces.append((case["campus"], case["submitted_at"]))
        if case["channel"] != "5":
            traces += [
                (case["campus"], one["handed_at"])
                for one in self._of_case("hall.case_materials", case["case_no"])
                if one["way"] in ("paper", "original") and one["handed_at"]
            ]
        ended = case["closed_at"]
        traces += [
            (one["campus"] or case["campus"], one["slot_at"])
            for one in self.rows["hall.appointments"]
            if one["state"] == "3"
            and one["service_item"] == case["service_item"]
            and one["applicant_no"] in (case["applicant_no"], case["agent_no"])
            and on(one["slot_at"]) >= on(case["submitted_at"])
            and (ended is None or one["slot_at"] <= ended)
        ]
        corrections = self._of_case("hall.corrections", case["case_no"])
        came: dict[tuple, list[bool]] = defaultdict(list)
        for place, at in traces:
            asked_for = any(
                one["asked_at"] < at and (one["answered_at"] is None or at <= one["answered_at"])
                for one in corrections
            )
            local = at.astimezone(_ZONE)
            came[(place or "", local.date(), local.hour >= 12)].append(asked_for)
        only_to_correct = sum(all(told) for told in came.values())
        return max(case["visits"], len(came) - only_to_correct), only_to_correct

    def is_late(self, case: Row) -> bool | None:
        if case["promised_on"] is None:
            return None
        if case["status"] == "7":
            return on(case["closed_at"]) > case["promised_on"]
        return case["promised_on"] < self.as_of if self.is_open(case) else None

    @staticmethod
    def is_open(case: Row) -> bool:
        return case["closed_at"] is None and case["status"] in _OPEN

    def _days_at_work(self, case: Row) -> int | None:
        if case["accepted_at"] is None or case["closed_at"] is None:
            return None
        return self.working_days(on(case["accepted_at"]), on(case["closed_at"]))

    def _given(self, case: Row, spared: bool = False) -> int:
        materials = self._of_case("hall.case_materials", case["case_no"])
        return sum((one["way"] == "spared") is spared for one in materials)

    @staticmethod
    def _grouped(cases: Iterable[Row], key: Callable[[Row], Any]) -> list[tuple[Any, list[Row]]]:
        return [(one, list(some)) for one, some in groupby(sorted(cases, key=key), key)]

    def visit_evidence(self) -> set[tuple]:
        found = set()
        for (at, item), cases in self._grouped(
            self.closed, lambda one: (month(on(one["closed_at"])), one["service_item"])
        ):
            real, correcting = zip(*map(self.visits, cases), strict=True)
            promised = self.catalog.services[item].visits if item in self.catalog.services else None
            found.add((
                at, item, len(cases), real.count(0), real.count(1), sum(one > 1 for one in real),
                sum(one["visits"] <= 1 for one in cases), share(one <= 1 for one in real),
                sum(promised is not None and one > promised for one in real),
                sum(bool(self._of_case("hall.corrections", one["case_no"])) for one in cases),
                sum(map(bool, correcting)),
            ))  # fmt: skip
        return found

    def deadline(self) -> set[tuple]:
        told = [one for one in self.cases.values() if one["status"] == "7" or self.is_open(one)]
        found = set()
        for (at, item), cases in self._grouped(
            told, lambda one: (month(on(one["submitted_at"])), one["service_item"])
        ):
            parts = Counter((one["status"] == "7", self.is_late(one)) for one in cases)
            found.add((
                at, item, len(cases), parts[True, False], parts[True, True], parts[True, None],
                parts[False, False] + parts[False, None], parts[False, True],
                mean(self._days_at_work(one) for one in cases if one["status"] == "7"),
            ))  # fmt: skip
        return found

    def unit_league(self) -> set[tuple]:
        rated = {one["case_no"]: one["stars"] for one in self.rows["hall.evaluations"]}
        found = set()
        for (at, unit), cases in self._grouped(
            self.closed, lambda one: (month(on(one["closed_at"])), self.lead_unit(one))
        ):
            stars = [rated[one["case_no"]] for one in cases if one["case_no"] in rated]
            kept = [None if (late := self.is_late(one)) is None else not late for one in cases]
            found.add((
                at, unit, len(cases), share(self.visits(one)[0] <= 1 for one in cases),
                share(self.visits(one)[0] == 0 for one in cases), sum(one is not None for one in kept), share(kept),
                mean(map(self._days_at_work, cases)), mean(map(self._given, cases)),
                sum(self._given(one, spared=True) for one in cases),
                share(len(self._of_case("hall.corrections", one["case_no"])) > 1 for one in cases),
                len(stars), share(one in "345" for one in stars),
            ))  # fmt: skip
        return found

    def before_after(self) -> set[tuple]:
        found = set()
        for item, cases in self._grouped(self.closed, lambda one: one["service_item"]):
            known = self.catalog.services.get(item)
            if not known or not known.published_on:
                continue
            days = lambda one: (on(one["closed_at"]) - on(one["submitted_at"])).days  # noqa: E731
            before = [one for one in cases if on(one["submitted_at"]) < known.published_on]
            after = [one for one in cases if one not in before]
            found.add((
                item, len(before), len(after), mean(map(days, before)), mean(map(days, after)),
                mean(map(self._given, before)), mean(map(self._given, after)),
            ))  # fmt: skip
        return found

    def _handed_in(self) -> list[Row]:
        return [one for one in self.cases.values() if one["status"] != "0"]

    def spared(self) -> set[tuple]:
        recent = [one for one in self._handed_in() if (self.as_of - on(one["submitted_at"])).days < 365]
        return {
            (
                item,
                len(cases),
                sum(map(self._given, cases)),
                sum(self._given(one, spared=True) for one in cases),
            )
            for item, cases in self._grouped(recent, lambda one: one["service_item"])
            if item in self.catalog.services
        }

    def service_item_volume(self) -> set[tuple]:
        found = set()
        for kind in ("month", "year"):
            counts: dict[date, Counter] = defaultdict(Counter)
            for case in self._handed_in():
                first = month(on(case["submitted_at"]))
                counts[first if kind == "month" else first.replace(month=1)][case["service_item"]] += 1
            for at, items in counts.items():
                for item, many in items.items():
                    above = [n for n in items.values() if n > many]
                    is_frequent = sum(above) < Fraction(8, 10) * items.total()
                    found.add((kind, at, item, many, len(above) + 1, is_frequent))
        return found

    def demand_week(self) -> set[tuple]:
        monday = lambda day: day - timedelta(days=day.weekday())  # noqa: E731
        weeks = Counter((monday(on(one["submitted_at"])), one["service_item"]) for one in self._handed_in())
        whole = Counter()
        for (_, item), many in weeks.items():
            whole[item] += many
        first, last = min(week for week, _ in weeks), max(week for week, _ in weeks)
        span = (last - first).days // 7 + 1
        events = defaultdict(Counter)
        for day, listed in self.catalog.calendar.days.items():
            if listed.event:
                events[monday(day)][listed.event] += 1
        found = set()
        for (week, item), many in weeks.items():
            event = max(sorted(events[week]), key=events[week].get) if events[week] else None
            found.add((week, item, event, many, mean([Fraction(many * span, whole[item])])))
        return found

    def evaluation(self) -> set[tuple]:
        limit = self.catalog.campus.raw["limits_days"]["answerPoorEvaluation"]
        of_cases = [one for one in self.rows["hall.evaluations"] if one["case_no"] in self.cases]
        found = set()
        for (at, item), some in self._grouped(
            of_cases,
            lambda one: (month(on(one["evaluated_at"])), self.cases[one["case_no"]]["service_item"]),
        ):
            levels = Counter(one["stars"] for one in some)
            poor = [one for one in some if one["stars"] in "12"]
            waiting = [one for one in poor if one["replied_at"] is None]
            took = [
                self.working_days(
                    on(one["evaluated_at"]), on(one["replied_at"]) if one["replied_at"] else self.as_of
                )
                for one in poor
            ]
            found.add((
                at, item, *(levels[one] for one in "54321"), share(one not in poor for one in some),
                len(poor) - len(waiting), len(waiting),
                max(((self.as_of - on(one["evaluated_at"])).days for one in waiting), default=None),
                sum(one > limit for one in took),
            ))  # fmt: skip
        return found

    def hand_over(self) -> set[tuple]:
        steps = []
        for case_no, case in self.cases.items():
            own = sorted(self._of_case("hall.case_steps", case_no), key=lambda one: one["seq"])
            befores = [None, *(before["unit"] for before, _ in pairwise(own))]
            steps += [
                (month(on(one["arrived_at"])), case["service_item"], one["unit"], before, one)
                for before, one in zip(befores, own, strict=bool(own))
            ]
        found = set()
        for key, some in self._grouped(steps, lambda one: one[:3]):
            stayed = [
                None if one["done_at"] is None else _hours(one["done_at"] - one["arrived_at"])
                for *_, one in some
            ]
            found.add((
                *key, len(some), sum(before is not None and before != unit for _, _, unit, before, _ in some),
                sum(one["action"] == "return" for *_, one in some), stayed.count(None), mean(stayed),
            ))  # fmt: skip
        return found

    def enquiry_topics(self) -> set[tuple]:
        found = set()
        for key, some in self._grouped(
            self.rows["hall.enquiries"],
            lambda one: (month(on(one["asked_at"])), one["service_item"] or "", one["topic"] or ""),
        ):
            days = [
                (on(one["answered_at"]) - on(one["asked_at"])).days if one["answered_at"] else None
                for one in some
            ]
            found.add((
                *key, len(some), days.count(None), sum(one["solved"] is False for one in some), mean(days),
            ))  # fmt: skip
        return found


def _hours(span: timedelta) -> Fraction:
    return Fraction(round(span.total_seconds() * 10**6), 3600 * 10**6)
