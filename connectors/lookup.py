"""Sources that answer one person per request and may not be landed: asked for one case, kept by nobody here.

What comes back is an outcome and, where the answer has one, its values and evidence number. Keeping the
outcome and the number, and not the values, is the caller's duty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from catalogs.model import Resource, System
from catalogs.settings import now
from connectors.base import SourceRefused, SourceUnavailable
from connectors.http import HttpClient
from connectors.tabular import at_path, json_text


@dataclass(frozen=True)
class Outcome:
    """What one question came to.

    Attributes:
        kind: found | none (asked and not there) | unavailable (did not answer; ask again later) | refused |
            unreadable (answered in a form that the contract does not know).
        asked_at: on the campus's clock, UTC.
        values: item → text, of a found answer; not shown by repr, since it is about one person.
        evidence: the source's own number of this answer, if it gives one.
        reason: why there is no answer, without values.
        retry_after_s: of an unavailable one, when the source itself asked to be asked again, if it did.
    """

    kind: str
    asked_at: datetime
    values: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    evidence: str | None = None
    reason: str = ""
    retry_after_s: float | None = None


class Lookup:
    """A lookup system: settings of `HttpClient`, and reason_header (carries why we ask, if the source wants it).

    A resource's contract says the path (its physical name or read.path), `read.rows` (JSONPath of the answer's
    object, default `$.data`), `read.evidence` (JSONPath of its number) and `read.accept` (JSONPath → text that every
    good answer has there, for sources that tell faults with status 200).
    """

    def __init__(self, system: System):
        self.system = system
        self._client = HttpClient(system)

    def __enter__(self) -> "Lookup":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    def ask(self, resource: Resource, params: Mapping[str, str], reason: str = "") -> Outcome:
        """Ask about one person.

        Args:
            resource: the contract of the kind of answer.
            params: the source's parameter names and the person's values; never logged.
            reason: case and service item, passed on where the source wants it.
        """
        read = resource.read
        header = str(self.system.settings.get("reason_header", ""))
        asked_at = now()
        try:
            answer = self._client.ask(
                str(read.get("path") or resource.physical_name),
                json=dict(params),
                headers={header: reason} if header and reason else None,
            )
        except SourceUnavailable as error:
            return Outcome("unavailable", asked_at, reason=str(error), retry_after_s=error.retry_after_s)
        except SourceRefused as error:
            return Outcome("refused", asked_at, reason=str(error))
        for path, wanted in (read.get("accept") or {}).items():
            if json_text(at_path(answer.body, path)) != wanted:
                reason = f"{self.system.code}: the answer tells a fault of its own at {path}; nothing of it was used"
                return Outcome("refused", asked_at, reason=reason)
        evidence = json_text(at_path(answer.body, str(read["evidence"]))) if read.get("evidence") else None
        place = str(read.get("rows", "$.data"))
        found = at_path(answer.body, place)
        if not found and _is_there(answer.body, place):
            return Outcome("none", asked_at, evidence=evidence)
        if not isinstance(found, dict):
            reason = f"{self.system.code}: the answer has no object at {place}; nothing of it was used"
            return Outcome("unreadable", asked_at, reason=reason)
        values = {item.name: json_text(at_path(found, item.physical_name)) for item in resource.items}
        return Outcome("found", asked_at, values, evidence)


def _is_there(body: Any, path: str) -> bool:
    """Whether an answer has a place, be it empty: an error told with status 200 is not an absent person."""
    parent, _, name = path.rpartition(".")
    if not parent:
        return True
    above = at_path(body, parent)
    return isinstance(above, dict) and name in above
