"""What may be asked, each as a value: method, path, body, and what its answer is. Nothing here sends anything.

Bodies and answers are plain dictionaries of the shapes in `types.py`, which are generated from the service's OpenAPI
document; docs/service.md says what they mean.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar
from urllib.parse import quote, urlencode

from yici.client import types as t

T = TypeVar("T")
JSON, NDJSON = "application/json", "application/x-ndjson"
# What may be replayed.
Recorded: TypeAlias = (
    t.FactsReplay
    | t.ClaimsReplay
    | t.PrefillReplay
    | t.WindowReplay
    | t.TaskRowReplay
    | t.TaskAggregateReplay
)


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request and how its answer is read.

    Attributes:
        method: of HTTP.
        path: with its query.
        body: plain data, or None; of NDJSON the lines.
        sent: media type of the body.
        creates: whether it carries an `Idempotency-Key`: tried again, it creates nothing twice.
        idempotency_key: the caller's own; else one is made up for all tries of this call.
        accept: media type of the answer.
        read: makes the answer of the content.
        proven: which parts of the answer have to carry a receipt.
    """

    method: str
    path: str
    body: Any = field(default=None, repr=False)
    sent: str = JSON
    creates: bool = False
    idempotency_key: str | None = None
    accept: str = JSON
    read: Callable[[bytes], Any] = json.loads
    proven: Callable[[Any], list[Any]] = lambda answer: []


def _whole(answer: Any) -> list[Any]:
    return [answer]


def _each(answer: Any) -> list[Any]:
    return [one["answer"] for one in answer if one.get("answer") is not None]


def _lines(content: bytes) -> list[Any]:
    return [json.loads(line) for line in content.splitlines()]


def _get(path: str, **query: object) -> Call[Any]:
    asked = {name: str(value) for name, value in query.items() if value is not None}
    return Call("GET", f"{path}?{urlencode(asked)}" if asked else path)


def _part(text: object) -> str:
    return quote(str(text), safe="")


# The catalog.


def elements() -> Call[list[dict[str, Any]]]:
    """Every data element, and for which purposes it is granted to this client today."""
    return _get("/v1/elements")


def resources() -> Call[list[dict[str, Any]]]:
    """Every data resource that the campus may see."""
    return _get("/v1/resources")


def service_items() -> Call[list[dict[str, Any]]]:
    """Every service item in short."""
    return _get("/v1/service-items")


def service_item(code: str) -> Call[dict[str, Any]]:
    """One service item with its form and materials."""
    return _get(f"/v1/service-items/{_part(code)}")


def requirements(code: str) -> Call[list[dict[str, Any]]]:
    """What each material of a service item proves, and from whom it can be read."""
    return _get(f"/v1/service-items/{_part(code)}/requirements")


def code_list(name: str) -> Call[dict[str, Any]]:
    """One code table."""
    return _get(f"/v1/code-lists/{_part(name)}")


def sources_health() -> Call[dict[str, Any]]:
    """How each source keeps its promise."""
    return _get("/v1/sources/health")


# Cases.


def register_case(case: t.NewCase, *, idempotency_key: str | None = None) -> Call[t.CaseOut]:
    """Register a case as a draft: before anything is asked about its parties."""
    return Call("POST", "/v1/cases", case, creates=True, idempotency_key=idempotency_key)


def show_case(case_id: str) -> Call[t.CaseOut]:
    """Show one of this client's cases."""
    return _get(f"/v1/cases/{_part(case_id)}")


def change_case(case_id: str, change: t.CaseChange) -> Call[t.CaseOut]:
    """Move a case on: draft, submitted, accepted, closed."""
    return Call("PATCH", f"/v1/cases/{_part(case_id)}", change)


# Facts.


def query_facts(query: t.FactsQuery) -> Call[t.FactsOut]:
    """Ask for elements of one person, all of them granted."""
    return Call("POST", "/v1/facts:query", query, proven=_whole)


def batch_query(batch: t.BatchQuery) -> Call[t.BatchesOut]:
    """Ask up to 100 such questions at once; each has its answer or its problem."""
    return Call("POST", "/v1/facts:batch_query", batch, proven=lambda answer: _each(answer["results"]))


def prefill(code: str, query: t.PrefillQuery) -> Call[t.PrefillOut]:
    """Fill a service item's form; for an applicant rather `prefill_or_blank`, which never fails."""
    return Call("POST", f"/v1/service-items/{_part(code)}:prefill", query, proven=_whole)


def reconcile(transaction_id: str, outcomes: t.Outcomes) -> Call[t.NotedOut]:
    """Say which prefilled fields the applicant kept, changed or cleared; see `Form.outcomes`."""
    return Call("POST", f"/v1/prefills/{_part(transaction_id)}:reconcile", outcomes)


def verify_claims(query: t.ClaimsQuery) -> Call[t.ClaimsOut]:
    """Ask of statements whether they are so, without learning a value."""
    return Call("POST", "/v1/claims:verify", query, proven=_whole)


def evaluate_access(query: t.AccessQuery) -> Call[t.AccessOut]:
    """Ask whether a query would be allowed, and if not by which rule; nobody is looked up."""
    return Call("POST", "/v1/access:evaluate", query, proven=_whole)


# Many questions at once.


def file_job(
    wanted: dict[str, Any], items: Iterable[t.BatchItem], *, idempotency_key: str | None = None
) -> Call[t.JobOut]:
    """Hand in up to 100,000 questions, to be answered beside everything else.

    Args:
        wanted: `service_item`, `elements` and perhaps `max_age`, for all of them.
        items: whom each is about, in which case.
        idempotency_key: the same for the same questions.
    """
    lines = [wanted, *items]
    return Call("POST", "/v1/jobs", lines, NDJSON, creates=True, idempotency_key=idempotency_key)


def show_job(job_id: str) -> Call[t.JobOut]:
    """How far a job is."""
    return _get(f"/v1/jobs/{_part(job_id)}")


def cancel_job(job_id: str) -> Call[t.JobOut]:
    """Stop a job; its questions and answers are deleted."""
    return Call("POST", f"/v1/jobs/{_part(job_id)}:cancel", {})


def job_results(job_id: str, after: int = -1) -> Call[list[dict[str, Any]]]:
    """The answers of a job that is done: of each item its number `n`, and `answer` or `problem`; `after` goes on."""
    path = f"/v1/jobs/{_part(job_id)}/results?after={after}"
    return Call("GET", path, accept=NDJSON, read=_lines, proven=_each)


# Consent, and what applicants declare themselves.


def notice(name: str, version: str | None = None) -> Call[t.NoticeOut]:
    """The notice to show before somebody consents: the version in force, or the one that is named."""
    return _get(f"/v1/notices/{_part(name)}", version=version)


def give_consent(consent: t.NewConsent, *, idempotency_key: str | None = None) -> Call[t.ConsentOut]:
    """Register that a party of a case, or a child's guardian, has consented to a notice."""
    return Call("POST", "/v1/consents", consent, creates=True, idempotency_key=idempotency_key)


def show_consent(consent_id: str) -> Call[t.ConsentOut]:
    """Show a consent that this client registered."""
    return _get(f"/v1/consents/{_part(consent_id)}")


def withdraw_consent(consent_id: str, actor: t.Actor) -> Call[t.ConsentOut]:
    """Take a consent back; it counts no longer from the next request on."""
    return Call("POST", f"/v1/consents/{_part(consent_id)}:withdraw", {"actor": actor})


def declare(declaration: t.NewDeclaration, *, idempotency_key: str | None = None) -> Call[t.DeclarationOut]:
    """Keep what an applicant typed into fields that they declare themselves, to be offered next time."""
    return Call("POST", "/v1/declared", declaration, creates=True, idempotency_key=idempotency_key)


# Corrections.


def file_correction(
    correction: t.NewCorrection, *, idempotency_key: str | None = None
) -> Call[t.CorrectionOut]:
    """Say that a fact is wrong; it goes to the unit that answers for it."""
    return Call("POST", "/v1/corrections", correction, creates=True, idempotency_key=idempotency_key)


def show_correction(correction_id: str) -> Call[t.CorrectionDetails]:
    """Show how far a correction is."""
    return _get(f"/v1/corrections/{_part(correction_id)}")


def waiting_corrections() -> Call[list[t.CorrectionOut]]:
    """What waits for this client's unit to decide; for a provider's own system."""
    return _get("/v1/corrections")


def decide_correction(correction_id: str, decision: t.CorrectionDecision) -> Call[t.CorrectionOut]:
    """Accept or reject a correction; for a provider's own system."""
    return Call("POST", f"/v1/corrections/{_part(correction_id)}:decide", decision)


def changes(after: int = 0) -> Call[list[t.ChangeOut]]:
    """Which earlier answers held a value that was corrected since; ask again after the last `change_id`."""
    return _get("/v1/changes", after=after)


# The record.


def checkpoint(reaching: int = 0) -> Call[t.CheckpointOut]:
    """The newest signed checkpoint of the record, or one that covers the entry `reaching`."""
    return _get("/v1/audit/checkpoint", reaching=reaching or None)


def inclusion_proof(seq: int, size: int) -> Call[t.InclusionOut]:
    """Prove that an entry stands under a checkpoint of that size."""
    return _get("/v1/audit/proofs/inclusion", seq=seq, size=size)


def consistency_proof(older: int, newer: int) -> Call[t.ConsistencyOut]:
    """Prove that nothing under an older checkpoint changed until a newer one."""
    return _get("/v1/audit/proofs/consistency", older=older, newer=newer)


def evidence(transaction_id: str) -> Call[bytes]:
    """The evidence of one of this client's decisions, a ZIP to be checked offline."""
    path = f"/v1/transactions/{_part(transaction_id)}/evidence"
    return Call("GET", path, accept="application/zip", read=bytes)


def replay(transaction_id: str, asked: Recorded) -> Call[t.ReplayOut]:
    """Whether one of this client's answers would be composed again as it was; it needs its request and its receipt."""
    return Call("POST", f"/v1/transactions/{_part(transaction_id)}:replay", asked)
