"""Weeks as the campus counts them: Monday to Sunday, by their ISO number and that of the teaching term (pure)."""

from dataclasses import dataclass
from datetime import date, timedelta

from catalogs.model import Catalog


@dataclass(frozen=True)
class Week:
    """One week.

    Attributes:
        code: ISO year and week, `2026-W48`.
        first, last: Monday and Sunday.
        term: code of the term that its Monday is in; empty outside terms.
        teaching: number of the teaching week, 1 the one in which the term begins; None outside teaching.
    """

    code: str
    first: date
    last: date
    term: str = ""
    teaching: int | None = None

    def title(self, lang: str = "zh") -> str:
        """Return the week as a heading says it."""
        year, _, number = self.code.partition("-W")
        if lang == "zh":
            told = f"{year} 年第 {int(number)} 周"
            taught = f"{self.term} 学期第 {self.teaching} 教学周，" if self.teaching else ""
            return f"{told}（{taught}{self.first:%m-%d} 至 {self.last:%m-%d}）"
        taught = f"term {self.term}, teaching week {self.teaching}, " if self.teaching else ""
        return f"Week {int(number)} of {year} ({taught}{self.first:%m-%d} to {self.last:%m-%d})"


def code_of(day: date) -> str:
    """Return the code of the week that a day is in."""
    year, number, _ = day.isocalendar()
    return f"{year}-W{number:02d}"


def week_of(catalog: Catalog, day: date) -> Week:
    """Return the week that a day is in."""
    first = day - timedelta(days=day.weekday())
    listed = catalog.calendar.days
    # The day that says most of a week is the first of it that is taught.
    taught = next(
        (
            listed[one]
            for one in (first + timedelta(days=n) for n in range(7))
            if one in listed and listed[one].kind.startswith("教学") and listed[one].term
        ),
        None,
    )
    term, teaching = "", None
    if taught is not None:
        term = taught.term
        begins = min(one.day for one in listed.values() if one.term == term and one.kind.startswith("教学"))
        begins -= timedelta(days=begins.weekday())
        teaching = (first - begins).days // 7 + 1
    return Week(code_of(day), first, first + timedelta(days=6), term, teaching)


def parse_week(catalog: Catalog, text: str) -> Week:
    """Return the week of a code like `2026-W48`.

    Raises:
        ValueError: it is none.
    """
    year, mark, number = text.partition("-W")
    if not mark or not year.isdigit() or not number.isdigit():
        raise ValueError(f"{text}: expected a week like 2026-W48")
    return week_of(catalog, date.fromisocalendar(int(year), int(number), 1))
