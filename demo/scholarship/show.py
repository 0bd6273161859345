"""One application as a browser would make it, over HTTP: log in, read the form, hand it in; what came is counted."""

import re
import time
from dataclasses import dataclass
from html.parser import HTMLParser

import httpx

from demo.target import TargetError

_TIMEOUT_S = 20.0
_FILLED = ("available", "stale", "in_dispute")
_SPARED = ("satisfied", "certificate")


@dataclass(frozen=True)
class Shown:
    """What an applicant saw.

    Attributes:
        fields, filled: of the form.
        materials, spared: of those that the service item asks for.
        is_blank: whether the page says that the service was silent.
        ms: until the form was there.
        number: under which the application was taken in.
    """

    fields: int
    filled: int
    materials: int
    spared: int
    is_blank: bool
    ms: float
    number: str

    def __str__(self) -> str:
        if self.is_blank:
            return f"blank form, {self.fields} fields to fill in by hand ({self.ms:.0f} ms); taken in as {self.number}"
        return (
            f"{self.filled} of {self.fields} fields filled, {self.spared} of {self.materials} materials spared "
            f"({self.ms:.0f} ms); taken in as {self.number}"
        )


def apply(address: str) -> Shown:
    """Apply as the first of the applicants.

    Raises:
        TargetError: a page is not there, which must not happen whatever the service does.
    """
    try:
        with httpx.Client(
            base_url=address, timeout=_TIMEOUT_S, trust_env=False, follow_redirects=True
        ) as browser:
            _checked(browser.get("/"))
            started = time.perf_counter()
            page = _read(_checked(browser.post("/login", data={"who": "0"})))
            ms = (time.perf_counter() - started) * 1000
            done = _checked(browser.post("/apply", data={**page.values, "sy": "示例"}))
    except httpx.TransportError as error:
        raise TargetError(
            f"the scholarship form at {address} does not answer ({type(error).__name__})"
        ) from None
    number = re.search(r"data-number>(.+?)<", done)
    if number is None:
        raise TargetError("the scholarship form did not take the application in")
    return Shown(
        len(page.statuses),
        sum(one in _FILLED for one in page.statuses),
        len(page.outcomes),
        sum(one in _SPARED for one in page.outcomes),
        page.is_blank,
        ms,
        number[1],
    )


class _Page(HTMLParser):
    """The states of fields and materials, and what the form would send back."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[str] = []
        self.outcomes: list[str] = []
        self.values: dict[str, str] = {}
        self.is_blank = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.is_blank |= "data-blank" in found
        if status := found.get("data-status"):
            self.statuses.append(status)
        if outcome := found.get("data-outcome"):
            self.outcomes.append(outcome)
        if tag == "input" and found.get("name"):
            self.values[str(found["name"])] = found.get("value") or ""


def _read(html: str) -> _Page:
    page = _Page()
    page.feed(html)
    return page


def _checked(reply: httpx.Response) -> str:
    if not reply.is_success:
        raise TargetError(f"{reply.request.url.path}: the scholarship form answers {reply.status_code}")
    return reply.text
