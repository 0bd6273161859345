"""The two clients: both take the same steps (`core`), one waits for each, the other lets others go on meanwhile.

A method is a call of `calls` or a procedure of `core`, bound to a shell; its words and types are written there, once.
"""

import asyncio
import functools
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx

from yici.client import calls
from yici.client.calls import Call
from yici.client.core import Core, Reply, Request, Steps, Wait
from yici.client.forms import Forms
from yici.client.keys import Key
from yici.client.receipts import Receipt

P = ParamSpec("P")
T = TypeVar("T")
_CONNECT_S = 3.0


class _Shell:
    """What both clients are made of."""

    def __init__(
        self,
        base_url: str,
        client_id: str,
        key: Key,
        *,
        timeout_s: float = 10.0,
        on_receipt: Callable[[Receipt], None] | None = None,
        forms: Forms | None = None,
        http: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            base_url: the service's address, as it names itself (YICI_SERVICE_URL).
            client_id: as registered.
            key: private; `read_key` reads one.
            timeout_s: of a single request.
            on_receipt: is given every receipt, checked; `ReceiptFolder` keeps them as files.
            forms: where the fields of forms are kept; `FormFolder` outlives a restart.
            http: settings of httpx, for example `verify` with the campus's own certificates.
            more: further settings of `Core`: tries, patience_s, form_patience_s, language.
        """
        self._core = Core(
            base_url.rstrip("/"),
            client_id,
            key,
            on_receipt=on_receipt,
            forms={} if forms is None else forms,
            **more,
        )
        self._settings: dict[str, Any] = {
            "base_url": self._core.base_url,
            "timeout": timeout_s,
            **(http or {}),
        }
        self._timeout_s = timeout_s

    def _request(self, step: Request) -> dict[str, Any]:
        """Return a step as httpx wants it."""
        timeout_s = min(self._timeout_s, step.timeout_s)
        return {
            "method": step.method,
            "url": step.path,
            "headers": dict(step.headers),
            "content": step.content,
            "timeout": httpx.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
        }


def _sync(build: Callable[P, Call[T]]) -> Callable[Concatenate["Client", P], T]:
    @functools.wraps(build)
    def method(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(build(*args, **kwargs))

    return method


def _async(build: Callable[P, Call[T]]) -> Callable[Concatenate["AsyncClient", P], Awaitable[T]]:
    @functools.wraps(build)
    def method(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        return self.send(build(*args, **kwargs))

    return method


def _sync_steps(procedure: Callable[Concatenate[Core, P], Steps[T]]) -> Callable[Concatenate["Client", P], T]:
    @functools.wraps(procedure)
    def method(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._drive(procedure(self._core, *args, **kwargs))

    return method


def _async_steps(
    procedure: Callable[Concatenate[Core, P], Steps[T]],
) -> Callable[Concatenate["AsyncClient", P], Awaitable[T]]:
    @functools.wraps(procedure)
    def method(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        return self._drive(procedure(self._core, *args, **kwargs))

    return method


class Client(_Shell):
    """Asks the service, one thread per question; may be shared by threads."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._http = httpx.Client(**self._settings)
        self._one_token = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, call: Call[T]) -> T:
        """Carry out a call of `yici.client.calls`.

        Raises:
            ServiceProblem: it was refused, or failed as often as it was worth trying.
        """
        with self._one_token:  # many threads at once would otherwise ask for as many tokens
            if not self._core.has_token:
                self._drive(self._core.renew_token())
        return self._drive(self._core.run(call))

    def _drive(self, steps: Steps[T]) -> T:
        try:
            step = next(steps)
            while True:
                step = steps.send(self._take(step))
        except StopIteration as end:
            found: T = end.value
            return found

    def _take(self, step: Request | Wait) -> Reply:
        if isinstance(step, Wait):
            time.sleep(step.seconds)
            return Reply(0)
        try:
            reply = self._http.request(**self._request(step))
        except httpx.HTTPError as error:
            return Reply(0, lost=type(error).__name__)
        return Reply(reply.status_code, reply.headers, reply.content)

    elements = _sync(calls.elements)
    resources = _sync(calls.resources)
    service_items = _sync(calls.service_items)
    service_item = _sync(calls.service_item)
    requirements = _sync(calls.requirements)
    code_list = _sync(calls.code_list)
    sources_health = _sync(calls.sources_health)
    register_case = _sync(calls.register_case)
    show_case = _sync(calls.show_case)
    change_case = _sync(calls.change_case)
    query_facts = _sync(calls.query_facts)
    batch_query = _sync(calls.batch_query)
    prefill = _sync(calls.prefill)
    reconcile = _sync(calls.reconcile)
    verify_claims = _sync(calls.verify_claims)
    evaluate_access = _sync(calls.evaluate_access)
    file_job = _sync(calls.file_job)
    show_job = _sync(calls.show_job)
    cancel_job = _sync(calls.cancel_job)
    job_results = _sync(calls.job_results)
    notice = _sync(calls.notice)
    give_consent = _sync(calls.give_consent)
    show_consent = _sync(calls.show_consent)
    withdraw_consent = _sync(calls.withdraw_consent)
    declare = _sync(calls.declare)
    file_correction = _sync(calls.file_correction)
    show_correction = _sync(calls.show_correction)
    waiting_corrections = _sync(calls.waiting_corrections)
    decide_correction = _sync(calls.decide_correction)
    changes = _sync(calls.changes)
    checkpoint = _sync(calls.checkpoint)
    inclusion_proof = _sync(calls.inclusion_proof)
    consistency_proof = _sync(calls.consistency_proof)
    evidence = _sync(calls.evidence)
    replay = _sync(calls.replay)
    prefill_or_blank = _sync_steps(Core.prefill_or_blank)
    load_form = _sync_steps(Core.load_form)


class AsyncClient(_Shell):
    """Asks the service from a coroutine; belongs to one event loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._http = httpx.AsyncClient(**self._settings)
        self._one_token = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """Carry out a call of `yici.client.calls`.

        Raises:
            ServiceProblem: it was refused, or failed as often as it was worth trying.
        """
        async with self._one_token:
            if not self._core.has_token:
                await self._drive(self._core.renew_token())
        return await self._drive(self._core.run(call))

    async def _drive(self, steps: Steps[T]) -> T:
        try:
            step = next(steps)
            while True:
                step = steps.send(await self._take(step))
        except StopIteration as end:
            found: T = end.value
            return found

    async def _take(self, step: Request | Wait) -> Reply:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            return Reply(0)
        try:
            reply = await self._http.request(**self._request(step))
        except httpx.HTTPError as error:
            return Reply(0, lost=type(error).__name__)
        return Reply(reply.status_code, reply.headers, reply.content)

    elements = _async(calls.elements)
    resources = _async(calls.resources)
    service_items = _async(calls.service_items)
    service_item = _async(calls.service_item)
    requirements = _async(calls.requirements)
    code_list = _async(calls.code_list)
    sources_health = _async(calls.sources_health)
    register_case = _async(calls.register_case)
    show_case = _async(calls.show_case)
    change_case = _async(calls.change_case)
    query_facts = _async(calls.query_facts)
    batch_query = _async(calls.batch_query)
    prefill = _async(calls.prefill)
    reconcile = _async(calls.reconcile)
    verify_claims = _async(calls.verify_claims)
    evaluate_access = _async(calls.evaluate_access)
    file_job = _async(calls.file_job)
    show_job = _async(calls.show_job)
    cancel_job = _async(calls.cancel_job)
    job_results = _async(calls.job_results)
    notice = _async(calls.notice)
    give_consent = _async(calls.give_consent)
    show_consent = _async(calls.show_consent)
    withdraw_consent = _async(calls.withdraw_consent)
    declare = _async(calls.declare)
    file_correction = _async(calls.file_correction)
    show_correction = _async(calls.show_correction)
    waiting_corrections = _async(calls.waiting_corrections)
    decide_correction = _async(calls.decide_correction)
    changes = _async(calls.changes)
    checkpoint = _async(calls.checkpoint)
    inclusion_proof = _async(calls.inclusion_proof)
    consistency_proof = _async(calls.consistency_proof)
    evidence = _async(calls.evidence)
    replay = _async(calls.replay)
    prefill_or_blank = _async_steps(Core.prefill_or_blank)
    load_form = _async_steps(Core.load_form)
