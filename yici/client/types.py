"""Requests and answers, generated from the service's OpenAPI document: `python -m scripts.client_types`."""

from typing import Any, Literal, NotRequired, TypedDict


class AccessOut(TypedDict):
    """Whether a query would be allowed; `code` and `rule` are those of the refusal that
    it would get."""

    transaction_id: str
    release: int
    allowed: bool
    code: str
    rule: str | None
    elements: list["Granted"]
    receipt: str


class AccessQuery(TypedDict):
    """`POST /v1/access:evaluate`."""

    service_item: str
    elements: list[str]
    capacity: NotRequired[str | None]
    case_id: NotRequired[str | None]


class AccessTokenOut(TypedDict):
    """An access token (RFC 6749 §5.1)."""

    access_token: str
    token_type: str
    expires_in: int


class Actor(TypedDict):
    """Who is in front of the screen."""

    user_id: str
    role: Literal["applicant", "agent", "guardian", "officer"]


class AggregateOut(TypedDict):
    """One table of a task."""

    transaction_id: str
    release: int
    task: str
    period: str
    by: list[str]
    threshold: int
    rows: list["RowOut"]
    destroy_by: str | None
    receipt: str


class AggregateQuery(TypedDict):
    """`POST /v1/tasks/{code}:aggregate`."""

    by: list[str]


class Answer(TypedDict):
    """`POST /v1/questions/{question_id}:answer`."""

    answer: str


class Authorisation(TypedDict):
    """What lets one act or be asked about: whatever paper the service system has seen,
    and from when until when."""

    reference: str
    valid_from: str
    valid_to: str


class BatchItem(TypedDict):
    """One question of a batch."""

    subject: "SubjectIn"
    case_id: str
    actor: "Actor"


class BatchOut(TypedDict):
    """One question's answer or problem, in the order of the questions."""

    answer: NotRequired["FactsOut | None"]
    problem: NotRequired["ProblemOut | None"]


class BatchQuery(TypedDict):
    """`POST /v1/facts:batch_query`."""

    service_item: str
    elements: list[str]
    max_age: NotRequired[str | None]
    items: list["BatchItem"]


class BatchesOut(TypedDict):
    """The answer of `facts:batch_query`; `complete` only if every answer is."""

    complete: bool
    results: list["BatchOut"]


class Body_token_oauth2_token_post(TypedDict):
    grant_type: str
    client_assertion_type: NotRequired[str]
    client_assertion: NotRequired[str]
    client_id: NotRequired[str]
    client_secret: NotRequired[str]


class Cancellation(TypedDict):
    """`POST /v1/jobs/{id}:cancel`: an empty object."""


class CaseChange(TypedDict):
    """`PATCH /v1/cases/{id}`."""

    status: Literal["submitted", "accepted", "closed"]


class CaseOrder(TypedDict):
    """`POST /v1/certificates`."""

    subject: "SubjectIn"
    case_id: str
    actor: "Actor"
    kind: str
    language: NotRequired[Literal["zh", "en", "both"]]
    purpose: str
    validity_days: int
    shown: NotRequired[list[str]]
    service_item: str


class CaseOut(TypedDict):
    """A case as its client sees it: without the parties' numbers."""

    case_id: str
    external_no: str | None
    service_item: str
    status: Literal["draft", "submitted", "accepted", "closed"]
    registered_at: str
    expires_at: str


class CertificateOut(TypedDict):
    """A certificate as whoever it was issued to sees it."""

    certificate_id: str
    number: str
    kind: str
    unit: str
    purpose: str
    language: Literal["zh", "en", "both"]
    elements: list[str]
    release: int
    issued_at: str
    valid_until: str
    state: Literal["waiting", "ready", "failed", "destroyed"]
    ahead: int | None
    expected_at: str | None
    revoked_at: str | None
    revoke_reason: str | None
    changed: list[str]


class ChangeOut(TypedDict):
    """A transaction whose answer held a value that has been corrected since."""

    change_id: int
    transaction_id: str
    case_id: str | None
    element: str
    at: str


class CheckedOut(TypedDict):
    """What a code says of a certificate."""

    standing: Literal["valid", "revoked", "expired"]
    number: str
    title_zh: str
    title_en: str
    unit_zh: str
    unit_en: str
    issued_at: str
    valid_until: str
    revoked_at: str | None
    values: list["CheckedValue"]
    is_internal: NotRequired[bool]
    checked_at: str


class CheckedValue(TypedDict):
    """A value that the holder chose to show, with who answers for it and since when it is
    known to hold."""

    element: str
    label_zh: str
    label_en: str
    value_zh: str
    value_en: str
    provider: str
    provider_zh: str
    as_of: str


class CheckpointOut(TypedDict):
    """A checkpoint: `note` is the signed note (C2SP tlog-checkpoint), the rest says what
    stands in it."""

    size: int
    root: str
    at: str
    note: str
    verifier_key: str


class Claim(TypedDict):
    """One statement about the subject."""

    element: str
    op: Literal["eq", "in", "ge", "le", "is_true", "is_known", "not_expired"]
    value: NotRequired[str | None]


class ClaimOut(TypedDict):
    """Whether a statement is so."""

    element: str
    op: str
    outcome: Literal["match", "no_match", "indeterminate"]
    verification: NotRequired["Verified | None"]


class ClaimsOut(TypedDict):
    """The answer of `claims:verify`."""

    transaction_id: str
    release: int
    claims: list["ClaimOut"]
    receipt: str


class ClaimsQuery(TypedDict):
    """`POST /v1/claims:verify`."""

    subject: "SubjectIn"
    case_id: str
    actor: "Actor"
    max_age: NotRequired[str | None]
    service_item: str
    claims: list["Claim"]


class ClaimsReplay(TypedDict):
    """A recorded `claims:verify`."""

    receipt: str
    answer: NotRequired[dict[str, Any] | None]
    action: Literal["claims"]
    request: "ClaimsQuery"


class ConfirmedOut(TypedDict):
    """What is `officer_verified` from now on; the value is not repeated."""

    case_id: str
    declared_id: str
    element: str
    verifier: str
    verified_at: str


class Confirming(TypedDict):
    """`POST /v1/window:confirm`."""

    case: str
    clerk: str
    declared_id: str
    evidence_digest: str


class ConsentOut(TypedDict):
    """A consent as the service system that registered it, and the person, see it."""

    consent_id: str
    case_id: str
    service_item: str
    notice: str
    version: str
    elements: list[str]
    given_by: str
    given_at: str
    withdrawn_at: str | None


class ConsentWithdrawal(TypedDict):
    """`POST /v1/consents/{id}:withdraw`."""

    actor: "Actor"


class ConsistencyOut(TypedDict):
    """A proof that the tree of `older` entries is the beginning of that of `newer` ones;
    hashes in hex."""

    older: int
    newer: int
    path: list[str]


class CorrectionDecision(TypedDict):
    """`POST /v1/corrections/{id}:decide`."""

    decision: Literal["accept", "reject"]
    reason: str


class CorrectionDetails(TypedDict):
    """A correction as its provider sees it."""

    correction_id: str
    case_id: str | None
    service_item: str | None
    element: str
    provider: str
    state: Literal["routed", "accepted", "rejected", "propagated"]
    filed_at: str
    due_on: str
    decided_at: str | None
    decision_reason: str | None
    closed_at: str | None
    stated: NotRequired["StatedOut | None"]


class CorrectionOut(TypedDict):
    """A correction as its applicant's service system sees it; filed at the person's own
    login it has no case."""

    correction_id: str
    case_id: str | None
    service_item: str | None
    element: str
    provider: str
    state: Literal["routed", "accepted", "rejected", "propagated"]
    filed_at: str
    due_on: str
    decided_at: str | None
    decision_reason: str | None
    closed_at: str | None


class DeclarationOut(TypedDict):
    """What is kept now; the values themselves are not repeated."""

    case_id: str
    declared_at: str
    declared: list["KeptOut"]


class DeletedOut(TypedDict):
    """What the person deleted."""

    declared_id: str
    element: str
    deleted_at: str


class Destroyed(TypedDict):
    """`POST /v1/tasks/{code}:destroyed`."""

    destroyed_on: str
    how: str


class DestroyedOut(TypedDict):
    """Since when the record has it that what was given for a task is destroyed."""

    transaction_id: str
    task: str
    destroyed_on: str
    at: str
    receipt: str


class Evidence(TypedDict):
    """Where a value was read: resource, extract, and a digest keyed for this client over
    the granted item."""

    source: str
    extract_id: int | None
    serial: NotRequired[str | None]
    record_hash: str


class FactOut(TypedDict):
    """One fact."""

    status: Literal[
        "available",
        "stale",
        "conflict",
        "in_dispute",
        "not_found",
        "not_applicable",
        "source_unavailable",
        "withheld",
        "not_permitted",
    ]
    value: NotRequired[Any]
    code: NotRequired[Any]
    code_system: NotRequired[str | None]
    classification: NotRequired[str | None]
    lastupdated: NotRequired[str | None]
    confirmed_at: NotRequired[str | None]
    valid_from: NotRequired[str | None]
    valid_until: NotRequired[str | None]
    age_seconds: NotRequired[int | None]
    stale_after: NotRequired[str | None]
    masked: NotRequired[bool | None]
    verification: NotRequired["Verification | None"]
    reason: NotRequired[str | None]
    capacities: NotRequired[list[str] | None]
    sources: NotRequired[list[str] | None]


class FactsOut(TypedDict):
    """The answer of `facts:query`."""

    transaction_id: str
    release: int
    complete: bool
    facts: dict[str, "FactOut"]
    receipt: str


class FactsQuery(TypedDict):
    """`POST /v1/facts:query`."""

    subject: "SubjectIn"
    case_id: str
    actor: "Actor"
    max_age: NotRequired[str | None]
    service_item: str
    elements: list[str]


class FactsReplay(TypedDict):
    """A recorded `facts:query`."""

    receipt: str
    answer: NotRequired[dict[str, Any] | None]
    action: Literal["facts"]
    request: "FactsQuery"


class FieldOut(TypedDict):
    """A form field; status `applicant` means that only the applicant can know it."""

    status: (
        Literal[
            "available",
            "stale",
            "conflict",
            "in_dispute",
            "not_found",
            "not_applicable",
            "source_unavailable",
            "withheld",
            "not_permitted",
        ]
        | Literal["applicant"]
    )
    value: NotRequired[Any]
    code: NotRequired[Any]
    code_system: NotRequired[str | None]
    classification: NotRequired[str | None]
    lastupdated: NotRequired[str | None]
    confirmed_at: NotRequired[str | None]
    valid_from: NotRequired[str | None]
    valid_until: NotRequired[str | None]
    age_seconds: NotRequired[int | None]
    stale_after: NotRequired[str | None]
    masked: NotRequired[bool | None]
    verification: NotRequired["Verification | None"]
    reason: NotRequired[str | None]
    capacities: NotRequired[list[str] | None]
    sources: NotRequired[list[str] | None]
    field: str
    name_zh: str
    element: str | None
    editable: bool
    notice: NotRequired[str | None]


class FieldOutcome(TypedDict):
    """What became of one field."""

    field: str
    source: str
    serial: NotRequired[str | None]
    outcome: Literal["kept", "changed", "cleared"]


class Granted(TypedDict):
    """Whether a grant covers an element for this purpose today."""

    element: str
    granted: bool


class Handed(TypedDict):
    """`POST /v1/me/session`."""

    ticket: str
    state: NotRequired[str | None]


class HindranceOut(TypedDict):
    """What stands in the way of a certificate, as `errors` of CERTIFICATE_REFUSED name
    it; never a value."""

    pointer: str
    code: str


class InclusionOut(TypedDict):
    """A proof that entry `seq` is in the tree of `size` entries (RFC 6962); hashes in
    hex."""

    seq: int
    size: int
    leaf_hash: str
    path: list[str]


class JobOut(TypedDict):
    """A job as its client sees it."""

    job_id: str
    service_item: str | None
    task: str | None
    elements: list[str]
    state: Literal["waiting", "running", "done", "cancelled", "stopped"]
    code: str | None
    release: int | None
    items: int
    answered: int
    filed_at: str
    began_at: str | None
    ended_at: str | None
    fetched_at: str | None
    delete_at: str


class KeptOut(TypedDict):
    """A value that is kept."""

    declared_id: str
    element: str


class KindOut(TypedDict):
    """A kind of certificate that people ask for themselves; `refused`: why it would be
    refused now, nothing if not."""

    code: str
    name_zh: str
    name_en: str
    unit: str
    unit_name_zh: str
    populations: list["NamedOut"]
    purposes: list["NamedOut"]
    validity_days: list[int]
    elements: list["NamedOut"]
    refused: list["HindranceOut"]


class MaterialOut(TypedDict):
    """A material: no longer needed, a certificate of ours, or still required and why."""

    material: str
    name_zh: str
    necessity: str
    outcome: Literal["satisfied", "certificate", "still_required"]
    facts: list["ProvenOut"]
    reasons: list[str]
    certificates: NotRequired[list[str]]


class NamedOut(TypedDict):
    """A code with its names."""

    code: str
    name_zh: str
    name_en: str


class NewCase(TypedDict):
    """`POST /v1/cases`."""

    service_item: str
    external_no: NotRequired[str | None]
    parties: list["Party"]
    expires_at: NotRequired[str | None]


class NewConsent(TypedDict):
    """`POST /v1/consents`."""

    subject: "SubjectIn"
    case_id: str
    actor: "Actor"
    service_item: str
    notice: str
    version: str
    elements: NotRequired[list[str] | None]
    evidence_digest: str


class NewCorrection(TypedDict):
    """`POST /v1/corrections`."""

    subject: "SubjectIn"
    case_id: str
    actor: "Actor"
    max_age: NotRequired[str | None]
    service_item: str
    element: str
    stated: NotRequired[str | None]
    reason: str


class NewDeclaration(TypedDict):
    """`POST /v1/declared`."""

    subject: "SubjectIn"
    case_id: str
    actor: "Actor"
    service_item: str
    values: list["NewValue"]


class NewQuestion(TypedDict):
    """`POST /v1/me/usages/{transaction_id}:question`."""

    reason: str


class NewSession(TypedDict):
    """`POST /v1/sessions`."""

    proof_type: Literal["id_token", "ticket", "account"]
    proof: str
    state: NotRequired[str | None]
    id_type: NotRequired[str | None]
    session: str


class NewShare(TypedDict):
    """`POST /v1/me/certificates/{id}/shares`."""

    shown: NotRequired[list[str]]
    days: NotRequired[int]
    max_views: NotRequired[int | None]


class NewValue(TypedDict):
    """One value as it was typed: numbers, dates (RFC 3339) and flags as text, a coded one
    by code or name."""

    element: str
    value: str


class NotedOut(TypedDict):
    """How many fields of a prefill are noted."""

    transaction_id: str
    noted: int


class NoticeOut(TypedDict):
    """What is shown before somebody consents; `digest` names this text and no other."""

    notice: str
    version: str
    title_zh: str
    title_en: str
    purpose_zh: str
    purpose_en: str
    text_zh: str
    text_en: str
    service_items: list[str]
    elements: list[str]
    retention: str
    valid_from: str | None
    valid_to: str | None
    digest: str


class Outcomes(TypedDict):
    """`POST /v1/prefills/{id}:reconcile`."""

    fields: list["FieldOutcome"]


class OwnCertificateOut(TypedDict):
    """A certificate of one's own with its shares and who looked."""

    certificate_id: str
    number: str
    kind: str
    unit: str
    purpose: str
    language: Literal["zh", "en", "both"]
    elements: list[str]
    release: int
    issued_at: str
    valid_until: str
    state: Literal["waiting", "ready", "failed", "destroyed"]
    ahead: int | None
    expected_at: str | None
    revoked_at: str | None
    revoke_reason: str | None
    changed: list[str]
    shares: list["ShareOut"]
    views: list["ViewOut"]


class OwnConsents(TypedDict):
    """Everything that the person who is logged in has consented to, the newest first."""

    consents: list["ConsentOut"]


class OwnCorrection(TypedDict):
    """`POST /v1/me/corrections`."""

    element: str
    stated: NotRequired[str | None]
    reason: str


class OwnFact(TypedDict):
    """A fact about oneself, with its name."""

    status: Literal[
        "available",
        "stale",
        "conflict",
        "in_dispute",
        "not_found",
        "not_applicable",
        "source_unavailable",
        "withheld",
        "not_permitted",
    ]
    value: NotRequired[Any]
    code: NotRequired[Any]
    code_system: NotRequired[str | None]
    classification: NotRequired[str | None]
    lastupdated: NotRequired[str | None]
    confirmed_at: NotRequired[str | None]
    valid_from: NotRequired[str | None]
    valid_until: NotRequired[str | None]
    age_seconds: NotRequired[int | None]
    stale_after: NotRequired[str | None]
    masked: NotRequired[bool | None]
    verification: NotRequired["Verification | None"]
    reason: NotRequired[str | None]
    capacities: NotRequired[list[str] | None]
    sources: NotRequired[list[str] | None]
    element: str
    name_zh: str
    declared_id: NotRequired[str | None]


class OwnFacts(TypedDict):
    """What the university holds about oneself, as far as it may be shown."""

    transaction_id: str
    release: int
    facts: list["OwnFact"]
    receipt: str


class OwnOrder(TypedDict):
    """`POST /v1/me/certificates`."""

    kind: str
    language: NotRequired[Literal["zh", "en", "both"]]
    purpose: str
    validity_days: int
    shown: NotRequired[list[str]]
    capacity: NotRequired[str | None]


class OwnThing(TypedDict):
    """A thing that one answers for, and what is held of it."""

    relation: str
    relation_zh: str
    id_type: str
    id: str
    facts: list["OwnFact"]


class OwnThings(TypedDict):
    """What the university holds of the things that one answers for; `total` also counts
    those beyond the most shown."""

    transaction_id: str
    release: int
    total: int
    things: list["OwnThing"]
    receipt: str


class OwnUsages(TypedDict):
    """Accesses to one's data, the newest first."""

    total: int
    usages: list["UsageOut"]


class OwnWithdrawal(TypedDict):
    """`POST /v1/me/consents/{id}:withdraw`: whose it is says the login."""


class Party(TypedDict):
    """A person of a case: 申请人, 代办人, 共同申请人, 相关人, 监护人, 经办人; or what it is about: 标的."""

    id_type: str
    id: str
    country: NotRequired[str | None]
    role: Literal["applicant", "agent", "co_applicant", "related", "guardian", "officer", "object"]
    authorisation: NotRequired["Authorisation | None"]


class PrefillOut(TypedDict):
    """The answer of a prefill."""

    transaction_id: str
    release: int
    service_item: str
    name_zh: str
    complete: bool
    fields: list["FieldOut"]
    materials: list["MaterialOut"]
    receipt: str


class PrefillQuery(TypedDict):
    """`POST /v1/service-items/{code}:prefill`."""

    subject: "SubjectIn"
    case_id: str
    actor: "Actor"
    max_age: NotRequired[str | None]


class PrefillReplay(TypedDict):
    """A recorded prefill."""

    receipt: str
    answer: NotRequired[dict[str, Any] | None]
    action: Literal["prefill"]
    service_item: str
    request: "PrefillQuery"


class ProblemOut(TypedDict):
    """A refusal or failure (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    fault: str
    rule: str | None
    retryable: bool
    errors: list[dict[str, str]]
    trace_id: str


class ProvenOut(TypedDict):
    """A fact that stands in for a material."""

    element: str
    name_zh: str
    predicate: str
    verifier: str
    time: str


class QuestionOut(TypedDict):
    """A question as the person and those who answer see it; `receiver_unit` is whose
    system had access."""

    question_id: str
    transaction_id: str
    receiver_unit: str
    receiver_system: str
    action: str
    service_item: str | None
    accessed_at: str
    reason: str
    state: Literal["asked", "answered"]
    asked_at: str
    due_on: str
    answered_at: str | None
    answered_by: str | None
    answer: str | None


class Renewal(TypedDict):
    """`POST /v1/sessions:renew`."""

    access_token: str
    secret: str


class ReplayOut(TypedDict):
    """A recorded answer, composed again: `matches` says whether it is the one that was
    given."""

    transaction_id: str
    release: int
    at: str
    catalog: str
    matches: bool
    statuses: dict[str, str]
    heard: list[str]


class Revocation(TypedDict):
    """`:revoke` and `:keep`."""

    reason: str


class RowOut(TypedDict):
    """One cell; without `people` it is hidden, and without a measure that number is."""

    values: list["ValueOut"]
    people: int | None
    measures: dict[str, dict[str, str]]


class RowQuery(TypedDict):
    """Whom a row for a task was about; as what, and what was told, its demand says."""

    subject: "SubjectIn"


class RowsQuery(TypedDict):
    """`POST /v1/tasks/{code}:rows`: an empty object: whom and what the rows are about,
    the demand says."""


class SessionBearer(TypedDict):
    """A bearer for `/v1/me/…`, sent with its secret in `Yici-Session`; `person` is the
    first number, of `id_type`."""

    access_token: str
    token_type: str
    expires_in: int
    id_type: str
    person: str


class SessionOut(TypedDict):
    """A bearer for `/v1/me/…`."""

    access_token: str
    token_type: str
    expires_in: int


class ShareOut(TypedDict):
    """A share as the holder of the certificate sees it."""

    share_id: str
    code: str | None
    verify_address: str | None
    shown: list[str]
    is_printed: bool
    made_at: str
    expires_at: str
    max_views: int | None
    views: int
    withdrawn_at: str | None


class ShareWithdrawal(TypedDict):
    """`:withdraw`: an empty object."""


class StatedOut(TypedDict):
    """What was stated, for the provider alone."""

    id_type: str
    id: str
    stated: str | None
    reason: str


class SubjectIn(TypedDict):
    """Whom a query is about, and in which capacity the person acts."""

    id_type: str
    id: str
    country: NotRequired[str | None]
    capacity: NotRequired[str | None]


class TaskAggregateReplay(TypedDict):
    """A recorded table of a task."""

    action: Literal["task_aggregate"]
    task: str
    request: "AggregateQuery"
    receipt: str


class TaskRowReplay(TypedDict):
    """A recorded row for a task."""

    action: Literal["task_row"]
    task: str
    request: "RowQuery"
    receipt: str


class TicketOut(TypedDict):
    """A valid certificate that states what is no longer so; no values."""

    ticket_id: str
    certificate_id: str
    number: str
    elements: list[str]
    release: int
    opened_at: str
    due_on: str
    outcome: Literal["revoked", "kept"] | None
    reason: str | None


class TokenOut(TypedDict):
    """The token of a certificate."""

    token: str


class UsageOut(TypedDict):
    """One access to one's data."""

    transaction_id: str
    logtime: str
    action: str
    receiver_unit: str
    receiver_system: str
    service_item: str | None
    ground: str | None
    elements: list[str]
    outcome: str
    code: str


class ValueOut(TypedDict):
    """What the people of a row have in common; without a code they have no value there."""

    element: str
    code: str | None
    name: str | None


class VerdictOut(TypedDict):
    """The judgement on a paper or token."""

    standing: Literal["valid", "invalid", "revoked", "expired", "unknown"]
    reason: str
    explanation_zh: str
    explanation_en: str
    kind: str
    signed_by: str
    signed_at: str | None
    expires_at: str | None
    stated: dict[str, Any]


class Verification(TypedDict):
    """How far a value is verified; `unmet` is the first condition that does not hold."""

    level: Literal["authoritative", "officer_verified", "cross_checked", "system_verified", "self_declared"]
    time: str
    verifier: str
    unmet: str | None
    evidence: list["Evidence"]


class Verified(TypedDict):
    """By whom and when what was judged is verified; without evidence, which would tell
    when a value changed."""

    level: Literal["authoritative", "officer_verified", "cross_checked", "system_verified", "self_declared"]
    time: str
    verifier: str


class ViewOut(TypedDict):
    """One look at a certificate."""

    at: str
    how: Literal["page", "program", "paper", "token"]
    share_id: str | None


class WindowOut(TypedDict):
    """The filled form, with the case that it is of."""

    case_id: str
    external_no: str | None
    status: str
    prefill: "PrefillOut"


class WindowQuery(TypedDict):
    """`POST /v1/window:prefill`."""

    case: str
    clerk: str
    capacity: NotRequired[str | None]


class WindowReplay(TypedDict):
    """A recorded `window:prefill`."""

    receipt: str
    answer: NotRequired[dict[str, Any] | None]
    action: Literal["window"]
    request: "WindowQuery"


class Withdrawal(TypedDict):
    """`POST /v1/catalog/proposals/{id}:withdraw`."""

    reason: NotRequired[str]
