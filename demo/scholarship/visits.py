"""Who is logged in, and the form that was shown to them: in memory, for half an hour, under a random number.

What a person may not edit is taken from here when the form comes back, never from what the browser sends.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from yici.client import Form, Person

LIFE_S = 1800
_MOST = 1000


@dataclass
class Visit:
    """One person's visit.

    Attributes:
        who: in words, for the page.
        person: number and capacity.
        draft_no: this system's own number of the application; one draft is one case, however often its page is read.
        token: stands in every form that is sent back, so that no other site can send one.
        form: as it was shown last.
        began_at: monotonic seconds.
    """

    who: str
    person: Person = field(repr=False)
    draft_no: str
    token: str = field(repr=False)
    form: Form | None = None
    began_at: float = field(default_factory=time.monotonic)


class Visits:
    """The visits under way."""

    def __init__(self) -> None:
        self._open: dict[str, Visit] = {}

    def begin(self, applicant: Mapping[str, Any]) -> str:
        """Begin a visit and return the number under which the browser comes back."""
        if len(self._open) >= _MOST:
            self._open.pop(next(iter(self._open)))
        person = Person(applicant["id_type"], applicant["id"], applicant.get("capacity"))
        number, draft_no = secrets.token_urlsafe(24), f"JXJ-{secrets.token_hex(4).upper()}"
        self._open[number] = Visit(applicant["who"], person, draft_no, secrets.token_urlsafe(24))
        return number

    def find(self, number: str | None) -> Visit | None:
        """Return a visit that has not ended."""
        visit = self._open.get(number or "")
        if visit and time.monotonic() - visit.began_at > LIFE_S:
            self.end(number)
            return None
        return visit

    def end(self, number: str | None) -> None:
        """Forget a visit and everything that was shown in it."""
        self._open.pop(number or "", None)
