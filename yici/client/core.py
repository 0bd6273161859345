"""How a call is carried out, without any input or output: steps that a shell, sync or async, takes.

Decided here: when a token is asked for, which failure is worth another try and after what wait, that a receipt is
checked before its answer is given out, and that an applicant gets a form whatever happens. A try that creates something
carries the same `Idempotency-Key` as the first.
"""

import contextlib
import json
import random
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from yici.client import calls, forms, keys, receipts
from yici.client.calls import Call
from yici.client.forms import Form, Forms, Person, Skeleton
from yici.client.problems import ReceiptError, ServiceProblem, Unreachable, problem_of
from yici.client.receipts import Receipt
from yici.client.types import PrefillOut

T = TypeVar("T")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_RENEW_S = 60  # before a token ends
_BACK_OFF_S = 0.25


@dataclass(frozen=True)
class Request:
    """What a shell sends, and how long it waits for the answer at most."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)
    timeout_s: float


@dataclass(frozen=True)
class Wait:
    """How long a shell waits, seconds."""

    seconds: float


@dataclass(frozen=True)
class Reply:
    """What came back; `lost` names the kind of failure where nothing did."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes = field(default=b"", repr=False)
    lost: str = ""


Steps = Generator[Request | Wait, Reply, T]


@dataclass
class Core:
    """One client's state: its token, the service's keys, the forms it knows.

    Attributes:
        base_url: the service, as it names itself.
        client_id: as registered.
        key: private; signs the assertions.
        tries: how often a call is sent at most.
        patience_s: after how long no further try begins.
        form_tries, form_patience_s: likewise while an applicant waits for a form.
        on_receipt: is given every receipt, checked; keep them with the case.
        forms: service item → its fields and materials, without values.
        language: of problems' titles: zh or en.
        clock: monotonic seconds.
    """

    base_url: str
    client_id: str
    key: keys.Key = field(repr=False)
    tries: int = 4
    patience_s: float = 30.0
    form_tries: int = 2
    form_patience_s: float = 3.0
    on_receipt: Callable[[Receipt], None] | None = None
    forms: Forms = field(default_factory=dict)
    language: str = "zh"
    clock: Callable[[], float] = time.monotonic
    _token: str = field(default="", repr=False)
    _token_until: float = 0.0
    _open_from: float = 0.0
    _keys: KeySet | None = field(default=None, repr=False)

    @property
    def has_token(self) -> bool:
        """Whether there is a token that will hold for a while."""
        return bool(self._token) and self.clock() < self._token_until

    def renew_token(self) -> Steps[None]:
        """Ask for a token if there is none that holds for a while.

        Raises:
            ServiceProblem: INVALID_CLIENT, CLIENT_SUSPENDED, or the service's own trouble.
        """
        deadline = self.clock() + self.patience_s
        yield from self._patiently(lambda: self._ask_token(deadline), deadline, self.tries)

    def run(self, call: Call[T]) -> Steps[T]:
        """Carry out one call.

        Raises:
            ServiceProblem: it was refused, or failed as often as it was worth trying.
        """
        return (yield from self._call(call, self.clock() + self.patience_s, self.tries))

    def prefill_or_blank(
        self,
        service_item: str,
        person: Person,
        *,
        user_id: str,
        role: str = "applicant",
        case_id: str = "",
        external_no: str | None = None,
        parties: list[dict[str, str]] | None = None,
        idempotency_key: str | None = None,
    ) -> Steps[Form]:
        """Return the form to show: filled, or blank where the service refuses, fails or is silent; it never raises.

        Args:
            service_item: code.
            person: whom the form is about.
            user_id: who sits before the screen, as this system knows them.
            role: applicant, agent, guardian or officer.
            case_id: of the case, if it is registered; else it is registered now.
            external_no: this system's own number of the case; name it, or a case is taken for made up later.
            parties: of a case that is registered now; by default the person alone, as applicant.
            idempotency_key: of the registration: the same for the same draft, so that a page read again is no new case.
        """
        deadline = self.clock() + self.form_patience_s
        try:
            if not case_id:
                case: Any = {
                    "service_item": service_item,
                    "parties": parties or [person.as_party("applicant")],
                }
                if external_no:
                    case["external_no"] = external_no
                registered = calls.register_case(case, idempotency_key=idempotency_key)
                case_id = (yield from self._call(registered, deadline, self.form_tries))["case_id"]
            query: Any = {
                "subject": person.as_subject(),
                "case_id": case_id,
                "actor": {"user_id": user_id, "role": role},
            }
            prefilled = calls.prefill(service_item, query)
            answer: PrefillOut = yield from self._call(prefilled, deadline, self.form_tries)
            self._keep_form(service_item, forms.skeleton_of(answer))
            return forms.filled(answer, case_id)
        except ServiceProblem as problem:
            code = problem.code
        except (KeyError, TypeError):  # an answer of another shape: a service of another version
            code = "UNEXPECTED_ANSWER"
        return forms.blank(service_item, self.forms.get(service_item), code, case_id)

    def load_form(self, service_item: str) -> Steps[bool]:
        """Learn a form's fields and materials, at start-up, so that a blank one can be shown; False if that failed."""
        deadline = self.clock() + self.patience_s
        try:
            item = yield from self._call(calls.service_item(service_item), deadline, self.tries)
            needed = yield from self._call(calls.requirements(service_item), deadline, self.tries)
        except ServiceProblem:
            return service_item in self.forms
        known = {"name_zh": item["name_zh"], "fields": item["form"], "materials": needed}
        self._keep_form(service_item, forms.skeleton_of(known))
        return True

    def _keep_form(self, service_item: str, skeleton: Skeleton) -> None:
        """Keep what a blank form needs; a full disk costs no applicant anything."""
        if self.forms.get(service_item) != skeleton:
            with contextlib.suppress(OSError):
                self.forms[service_item] = skeleton

    def _call(self, call: Call[T], deadline: float, tries: int) -> Steps[T]:
        headers = {"Accept": call.accept, "Accept-Language": self.language}
        if call.creates:
            headers["Idempotency-Key"] = call.idempotency_key or uuid.uuid4().hex
        content = None
        if call.body is not None:
            headers["Content-Type"] = call.sent
            lines = call.body if call.sent == calls.NDJSON else [call.body]
            content = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode()

        def once() -> Steps[T]:
            if not self.has_token:
                yield from self._ask_token(deadline)
            token = self._token
            bearer = headers | {"Authorization": f"Bearer {token}"}
            try:
                reply = yield from self._send(call.method, call.path, bearer, content, deadline)
            except ServiceProblem as problem:
                if problem.code == "INVALID_TOKEN" and token == self._token:
                    self._token = ""
                raise
            return (yield from self._read(call, reply, deadline))

        return (yield from self._patiently(once, deadline, tries))

    def _patiently(self, once: Callable[[], Steps[T]], deadline: float, tries: int) -> Steps[T]:
        """Try until it works, is refused for good, or has taken too long."""
        new_tokens = 0
        for tried in range(1, tries + 1):
            try:
                return (yield from once())
            except ServiceProblem as problem:
                # A token of ours that the service no longer takes: its keys are new, or it was put up anew.
                new_tokens += problem.code == "INVALID_TOKEN"
                if problem.code == "INVALID_TOKEN" and new_tokens == 1 and tried < tries:
                    continue
                wait_s = problem.retry_after_s or random.uniform(0.5, 1) * _BACK_OFF_S * 2**tried
                if not problem.is_retryable or tried == tries or self.clock() + wait_s > deadline:
                    raise
            yield Wait(wait_s)
        raise AssertionError("the last try returns or raises")

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes | None, deadline: float
    ) -> Steps[Reply]:
        pause_s = self._open_from - self.clock()
        if self.clock() + pause_s > deadline:
            raise ServiceProblem("QUOTA_EXCEEDED", title="the quota is used up", retry_after_s=pause_s)
        if pause_s > 0:
            yield Wait(pause_s)
        reply = yield Request(method, path, headers, content, max(0.1, deadline - self.clock()))
        if reply.lost:
            raise Unreachable(reply.lost)
        self._open_from = self.clock() + _full_for_s(reply.headers.get("ratelimit", ""))
        if not 200 <= reply.status < 300:
            raise problem_of(
                reply.status,
                reply.headers.get("content-type", ""),
                reply.content,
                reply.headers.get("retry-after", ""),
            )
        return reply

    def _ask_token(self, deadline: float) -> Steps[None]:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": keys.assertion(self.client_id, self.key, f"{self.base_url}/oauth2/token"),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept-Language": self.language}
        asked_at = self.clock()
        content = urlencode(form).encode()
        reply = yield from self._send("POST", "/oauth2/token", headers, content, deadline)
        answer = _decoded(json.loads, reply)
        try:
            life_s = float(answer["expires_in"])
            self._token = str(answer["access_token"])
        except (KeyError, TypeError, ValueError):
            raise _unexpected(reply) from None
        self._token_until = asked_at + max(life_s - _RENEW_S, life_s / 2)

    def _read(self, call: Call[T], reply: Reply, deadline: float) -> Steps[T]:
        answer = _decoded(call.read, reply)
        for part in _decoded(lambda _: call.proven(answer), reply):
            kid = receipts.key_id(part)
            if self._keys is None or kid not in {key.kid for key in self._keys.keys}:
                yield from self._learn_keys(deadline)
            if self._keys is None:
                raise ReceiptError("the service's keys are not known")
            receipt = receipts.checked(part, self._keys, self.client_id)
            if self.on_receipt is not None:
                try:
                    self.on_receipt(receipt)
                except OSError as error:
                    raise ReceiptError(f"it could not be kept ({type(error).__name__})") from None
        found: T = answer
        return found

    def _learn_keys(self, deadline: float) -> Steps[None]:
        headers = {"Accept": calls.JSON}
        reply = yield from self._send("GET", "/.well-known/jwks.json", headers, None, deadline)
        try:
            self._keys = KeySet.import_key_set(_decoded(json.loads, reply))
        except (JoseError, KeyError, TypeError, ValueError):
            raise _unexpected(reply) from None


def _decoded(read: Callable[[bytes], Any], reply: Reply) -> Any:
    try:
        return read(reply.content)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _unexpected(reply) from None


def _unexpected(reply: Reply) -> ServiceProblem:
    return ServiceProblem("UNEXPECTED_ANSWER", reply.status, "an answer that is not the service's")


def _full_for_s(ratelimit: str) -> float:
    """Return how long a used-up quota stays so, by the header `RateLimit: "policy";r=left;t=seconds`."""
    parts = dict(part.strip().partition("=")[::2] for part in ratelimit.split(";")[1:])
    left, wait = parts.get("r", ""), parts.get("t", "")
    return float(wait) if left == "0" and wait.isdigit() else 0.0
