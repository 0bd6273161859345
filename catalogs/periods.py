"""Calendar periods: how long something is kept, counted as people count it, not in seconds."""

import calendar
from dataclasses import dataclass
from datetime import datetime, timedelta

# ODCS's words for a unit of time → ours.
UNITS = {
    "d": "d", "day": "d", "days": "d",
    "m": "m", "month": "m", "months": "m",
    "y": "y", "yr": "y", "year": "y", "years": "y",
}  # fmt: skip
_WORDS = {"d": "days", "m": "months", "y": "years"}


@dataclass(frozen=True)
class Period:
    """A number of days, months or years (`unit` d, m, y)."""

    count: int
    unit: str

    def before(self, moment: datetime) -> datetime:
        """Return the moment one period earlier; of a day that the earlier month lacks, its last."""
        if self.unit == "d":
            return moment - timedelta(days=self.count)
        months = moment.year * 12 + moment.month - 1 - self.count * (12 if self.unit == "y" else 1)
        year, month = divmod(months, 12)
        day = min(moment.day, calendar.monthrange(year, month + 1)[1])
        return moment.replace(year=year, month=month + 1, day=day)

    def __str__(self) -> str:
        return f"{self.count} {_WORDS[self.unit]}"
