"""The numbers that quality is judged and answered for by, as the campus sets them (`campus.yaml: quality`).

They are data and not code, so that who is judged can read them; everything has a default that suits a campus which
says nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from catalogs.derive import POST
from catalogs.model import Catalog
from catalogs.settings import ConfigurationError
from expectations.checks import SEVERITIES

_WHERE = "campus.yaml: quality"


@dataclass(frozen=True)
class Terms:
    """The campus's terms of quality.

    Attributes:
        row_factor: severity → points deducted per per cent of rows that break a rule.
        whole_points: severity → points deducted for a rule over the whole (volume, a sum) that fails.
        good_from, watch_from: scores from which a figure is shown as ✓, and as ! instead of ✕.
        window_days: how far back promptness and readings are looked at.
        minimum_rows: below so many rows nobody is judged by a score.
        minimum_days: below so many days with a score a month is not frozen as one.
        objection_days: working days within which a frozen score can be objected to.
        mend_days: severity → working days until a ticket is due.
        climb_days: working days that an overdue ticket stays with one post before it climbs.
        reopen_days: calendar days within which a fault that comes back reopens its ticket.
        person_days: working days until a report from a person is due.
        sample_least, sample_most: rows drawn per unit and week, of the best and of the poorest record.
        poor_below: points below 100 at which a record counts as the poorest.
        review_days: working days that a reviewer has.
        minimum_verdicts: below so many verdicts on a unit's rows nothing follows from them.
        verdict_days: how long a verdict counts.
        reviewers: posts that review; empty: the stewards of all providers.
        mail_domain: posts have an address there: `post:rs-director` → rs-director@…
        addresses: post → address, where it is another.
    """

    row_factor: Mapping[str, float] = field(
        default_factory=lambda: {"critical": 1.0, "warning": 1.0, "info": 0.2}
    )
    whole_points: Mapping[str, float] = field(
        default_factory=lambda: {"critical": 100.0, "warning": 20.0, "info": 2.0}
    )
    good_from: float = 95.0
    watch_from: float = 85.0
    window_days: int = 30
    minimum_rows: int = 20
    minimum_days: int = 10
    objection_days: int = 5
    mend_days: Mapping[str, int] = field(default_factory=lambda: {"critical": 1, "warning": 5})
    climb_days: int = 3
    reopen_days: int = 14
    person_days: int = 5
    sample_least: int = 1
    sample_most: int = 8
    poor_below: float = 20.0
    review_days: int = 5
    minimum_verdicts: int = 20
    verdict_days: int = 180
    reviewers: Sequence[str] = ()
    mail_domain: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict)

    def sign(self, score: float | None) -> str:
        """Return the sign of a score: ✓ ! ✕, or – without one."""
        if score is None:
            return "–"
        return "✓" if score >= self.good_from else "!" if score >= self.watch_from else "✕"

    def address(self, post: str) -> str:
        """Return where a post gets mail; empty if nowhere."""
        if post in self.addresses:
            return self.addresses[post]
        name = post.removeprefix(POST)
        return f"{name}@{self.mail_domain}" if self.mail_domain and name else ""


def terms(catalog: Catalog) -> Terms:
    """Read the campus's terms.

    Keys are the attributes in camelCase. `limits_days.mendFinding` and `limits_days.objectToScore`, where the campus
    sets them, are the limits of a warning and of an objection unless `quality` says otherwise.

    Raises:
        ConfigurationError: a key that there is not, or a value of another kind; names both.
    """
    raw = catalog.campus.raw
    own = raw.get("quality") or {}
    if not isinstance(own, Mapping):
        raise ConfigurationError(f"{_WHERE}: expected keys like mendDays; nothing of it was used")
    names = {_camel(one.name): one.name for one in fields(Terms)}
    default = Terms()
    found: dict[str, Any] = {}
    limits = raw.get("limits_days") or {}
    if limits.get("mendFinding"):
        found["mend_days"] = {**default.mend_days, "warning": int(limits["mendFinding"])}
    if limits.get("objectToScore"):
        found["objection_days"] = int(limits["objectToScore"])
    for key, value in own.items():
        if key not in names:
            raise ConfigurationError(f"{_WHERE}.{key}: no such key; there are {', '.join(sorted(names))}")
        name = names[key]
        before = found.get(name, getattr(default, name))
        found[name] = _checked(key, before, value)
    return Terms(**found)


def _checked(key: str, default: Any, value: Any) -> Any:
    """Return a value of the kind that its default has."""
    if isinstance(default, Mapping):
        if not isinstance(value, Mapping):
            raise ConfigurationError(f"{_WHERE}.{key}: expected a mapping")
        if key == "addresses":
            return {str(post): str(address) for post, address in value.items()}
        unknown = set(value) - set(SEVERITIES)
        if unknown:
            raise ConfigurationError(
                f"{_WHERE}.{key}: expected the severities {', '.join(SEVERITIES)}, not {', '.join(unknown)}"
            )
        return {**default, **{one: _number(f"{key}.{one}", value[one]) for one in value}}
    if isinstance(default, str):
        return str(value)
    if isinstance(default, Sequence):
        if not isinstance(value, Sequence) or not all(str(one).startswith(POST) for one in value):
            raise ConfigurationError(f"{_WHERE}.{key}: expected a list of posts like {POST}rs-data-steward")
        return tuple(map(str, value))
    number = _number(key, value)
    return int(number) if isinstance(default, int) else number


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ConfigurationError(f"{_WHERE}.{key}: expected a number from 0 up")
    return value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
