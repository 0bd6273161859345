"""Sources that answer one person per request and may not be landed: asked for one case, kept by nobody here.

What comes back is an outcome and, where the answer has one, its values and evidence number. Keeping the
outcome and the number, and not the values, is the caller's duty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from catalogs.model import Resource, System
from catalogs.settings import now
from connectors.base import SourceRefused, SourceUnavailable
from connectors.http import HttpClient, at_path
from connectors.tabular import json_text


@dataclass(frozen=True)
class Outcome:
    """What one question came to.

    Attributes:
        kind: found | none (asked and not there) | unavailable (did not answer; ask again later) | refused.
        asked_at: on the campus's clock, UTC.
        values: item → text, of a found answer; not shown by repr, since it is about one person.
        evidence: the source's own number of this answer, if it gives one.
        reason: why there is no answer, without values.
    """

    kind: str
    asked_at: datetime
    values: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    evidence: str | None = None
    reason: str = ""


class Lookup:
    """A lookup system: settings base_url, auth, reason_header (carries why we ask, if the source wants it).

    A resource's contract says the path (its physical name or read.path), `read.rows` (JSONPath of the answer's
    object, default `$.data`) and `read.evidence` (JSONPath of its number).
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
            return Outcome("unavailable", asked_at, reason=str(error))
        except SourceRefused as error:
            return Outcome("refused", asked_at, reason=str(error))
        evidence = json_text(at_path(answer.body, str(read["evidence"]))) if read.get("evidence") else None
        found = at_path(answer.body, str(read.get("rows", "$.data")))
        if not isinstance(found, dict):
            return Outcome("none", asked_at, evidence=evidence)
        values = {item.name: json_text(at_path(found, item.physical_name)) for item in resource.items}
        return Outcome("found", asked_at, values, evidence)
