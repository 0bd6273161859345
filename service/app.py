"""The HTTP application: routes, life of a worker, and every failure as a problem document."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from catalogs.settings import now, settings
from service import (
    api,
    api_audit,
    api_cases,
    api_catalog,
    api_certificates,
    api_certificates_me,
    api_certificates_office,
    api_certificates_public,
    api_consents,
    api_corrections,
    api_declared,
    api_facts,
    api_jobs,
    api_lists,
    api_me,
    api_own_corrections,
    api_own_things,
    api_proposals,
    api_questions,
    api_sessions,
    api_tasks,
    api_token,
    api_window,
    certificate_following,
    certificate_sealing,
    certificates,
    checkpoints,
    claims,
    declared,
    following,
    jobs,
    logs,
    metrics,
    notes,
    quotas,
    store_keys,
    tokens,
    webhooks,
    working,
)
from service.api_certificates import Certifying
from service.cas import Cas
from service.certificate_keys import Seals
from service.client_keys import ClientKeys
from service.configuration import Configuration, configuration
from service.crowd import Crowd, Reader
from service.decisions import Surroundings
from service.guard import Guard
from service.keys import Keys, watching
from service.keys import load as load_keys
from service.lists import Lists
from service.login import Login
from service.lookups import Lookups
from service.problems import Problem, response
from service.proposals import Proposing
from service.quotas import Quotas
from service.record import Recorder
from service.room import ROOM, Room
from service.state import State, keep_loaded
from service.stopping import Stopping
from service.transactions import DATABASE_ERRORS, failed
from warehouse.connect import pg_params

_FORGET_EVERY_S = 300
_WATCH_EVERY_S = 5
# What a worker may take at its end for the last checkpoint, and for giving its connections back.
_SEAL_S = 10
_CLOSE_S = 5
_MAX_FAULTS = 20
_OWN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_STATUS_CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "TOO_LARGE", 415: "UNSUPPORTED_FORMAT"}
_ROUTES = (
    api_token,
    api_cases,
    api_facts,
    api_jobs,
    api_catalog,
    api_lists,
    api_audit,
    api_consents,
    api_corrections,
    api_declared,
    api_certificates,
    api_certificates_me,
    api_certificates_office,
    api_certificates_public,
    api_me,
    api_own_corrections,
    api_own_things,
    api_proposals,
    api_questions,
    api_sessions,
    api_tasks,
    api_window,
)
_log = structlog.get_logger("yici.service")


def create_app(chosen: Configuration | None = None, is_alone: bool = False) -> FastAPI:
    """Return the application; it connects when it starts.

    Args:
        chosen: how it is set up; by default by the environment.
        is_alone: whether its process does nothing else.

    Raises:
        ConfigurationError: a setting is malformed.
    """
    chosen = chosen or configuration()
    stopping, room = Stopping(chosen.drain_s), Room(chosen.places)
    app = FastAPI(
        title="Yici",
        version="1.0.0",
        summary="Verified data of the university, for granted purposes and registered cases, on record",
        lifespan=_lifespan(chosen, stopping, room, is_alone),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        separate_input_output_schemas=False,
    )
    app.add_middleware(
        Guard,
        max_body_bytes=chosen.max_body_bytes,
        body_timeout_s=chosen.body_timeout_s,
        stopping=stopping,
        room=room,
    )
    for module in _ROUTES:
        app.include_router(module.router)
    _ops(app, stopping)
    _failures(app)
    _document(app)
    return app


def create_served() -> FastAPI:
    """Return the application for a worker process of its own, which logs as JSON lines."""
    logs.configure()
    return create_app(is_alone=True)


def _lifespan(
    chosen: Configuration, stopping: Stopping, room: Room, is_alone: bool
) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[dict[str, Any]]]:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        params = pg_params("service")
        for_readers = max(1, chosen.pool_size // 2)
        pool = await _pool(store_keys.arguments(params), max(1, chosen.pool_size - for_readers))
        readers = await _pool(store_keys.readers(params), for_readers, Reader)
        home = settings().home
        await store_keys.check(pool, home)
        keys = load_keys(home)
        recorder = Recorder(pool, keys)
        state, shares = State(), Quotas()
        app.state.around = Surroundings(
            pool,
            keys,
            state,
            recorder,
            shares,
            chosen,
            Lookups(home, pool, room.aside),
            Lists(),
            Login(chosen.login, Cas(chosen.cas, keys) if chosen.cas else None),
            Crowd(pool, readers),
            client_keys=ClientKeys(chosen.outward),
        )
        app.state.proposing = Proposing(params)
        app.state.certifying = Certifying(Seals(home))
        background = [
            asyncio.create_task(_forget(pool, state), name="forget"),
            asyncio.create_task(_watch(pool, readers), name="pool"),
            asyncio.create_task(watching(keys), name="keys"),
            asyncio.create_task(
                webhooks.sending(pool, keys, state, chosen.outward, chosen.issuer or "urn:yici:service"),
                name="notices",
            ),
            asyncio.create_task(checkpoints.sealing(pool, keys, chosen.checkpoint_s), name="checkpoints"),
            asyncio.create_task(following.following(pool, keys, state), name="corrections"),
            asyncio.create_task(working.starting(pool), name="jobs"),
            asyncio.create_task(shares.sharing(pool, partial(keys.digest, "quota")), name="quotas"),
            asyncio.create_task(certificate_following.following(pool, keys, state), name="certificates"),
            asyncio.create_task(certificate_sealing.starting(pool), name="papers"),
            asyncio.create_task(
                store_keys.following(
                    ((pool, store_keys.arguments), (readers, store_keys.readers)), params, home
                ),
                name="store keys",
            ),
        ]
        with contextlib.suppress(Problem, *DATABASE_ERRORS):
            # The catalog takes a second to read: better now than at the first request.
            await app.state.around.state.current(pool)
        if is_alone:
            keep_loaded()
        metrics.forget_the_dead()
        stopping.listen()
        try:
            yield {ROOM: room}
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            app.state.around.lookups.close()
            await recorder.stop()
            await _seal_the_last(pool, keys)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(pool.close(), readers.close()), _CLOSE_S)
            metrics.forget_this_worker()

    return lifespan


async def _pool(
    arguments: dict[str, Any], size: int, kind: type[asyncpg.Connection] = asyncpg.Connection
) -> asyncpg.Pool:
    """Open connections as the service's role; those of readers cannot write."""
    return await asyncpg.create_pool(
        **arguments, min_size=min(2, size), max_size=size, reset=_as_it_is, connection_class=kind
    )


async def _seal_the_last(pool: asyncpg.Pool, keys: Keys) -> None:
    """Sign what this worker recorded since the last checkpoint: of several that end, the last one signs all of it."""
    try:
        await asyncio.wait_for(checkpoints.seal(pool, keys, now()), _SEAL_S)
    except (TimeoutError, checkpoints.RecordChanged, notes.NoteError, *DATABASE_ERRORS) as error:
        _log.error("no last checkpoint could be made", error=type(error).__name__)


async def _as_it_is(_con: asyncpg.Connection) -> None:
    """Spare asyncpg's own reset: every setting and lock here ends with its transaction, but for a reader's release,
    and a transaction that was left open is rolled back before this.
    """


async def _forget(pool: asyncpg.Pool, state: State) -> None:
    while True:
        try:
            await tokens.forget_used(pool)
            await jobs.forget(pool, now())
            await certificates.forget(pool, now())
            await claims.forget(pool, (now() - timedelta(days=2)).date())
            await quotas.forget(pool)
            with contextlib.suppress(Problem):  # no release yet, so nobody has declared anything
                await declared.forget(pool, (await state.current(pool)).catalog, now())
        except DATABASE_ERRORS as error:
            _log.warning("expired assertions could not be removed", error=type(error).__name__)
        await asyncio.sleep(_FORGET_EVERY_S)


async def _watch(*pools: asyncpg.Pool) -> None:
    while True:
        metrics.see_pools(pools)
        await asyncio.sleep(_WATCH_EVERY_S)


def _ops(app: FastAPI, stopping: Stopping) -> None:
    @app.get("/healthz", tags=["ops"])
    async def alive() -> dict[str, str]:
        """The worker runs."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["ops"])
    async def ready(around: api.Around) -> dict[str, Any]:
        """The worker can answer: the warehouse is there, a release is published, the record can be written."""
        if stopping.begun:
            raise Problem("STOPPING")
        current = await around.state.current(around.pool)
        writable = await around.pool.fetchval(
            "SELECT has_table_privilege('service.record', 'INSERT') AND NOT pg_is_in_recovery()"
        )
        if not writable:
            raise Problem("AUDIT_UNAVAILABLE")
        return {"status": "ok", "release": current.release}

    @app.get("/metrics", tags=["ops"], include_in_schema=False)
    async def counted() -> Response:
        """The counters of all workers for Prometheus."""
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


def _failures(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> JSONResponse:
        request.scope.setdefault("yici.log", {})["code"] = error.code
        return response(error, request)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = error.errors()
        # The Data Tracker's contract knows no other status of a request that is not as it should be.
        malformed = _is_tracker(request.url.path) or any(fault["type"] == "json_invalid" for fault in faults)
        errors = [
            {"pointer": _pointer(_named(fault)), "code": fault["type"]} for fault in faults[:_MAX_FAULTS]
        ]
        refused = Problem("MALFORMED" if malformed else "INVALID_PARAMETER", errors=errors)
        return response(await api.on_record(request, refused), request)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        allowed = {"Allow": ", ".join(_methods(request))} if error.status_code == 405 else {}
        return response(Problem(_STATUS_CODES.get(error.status_code, "MALFORMED"), headers=allowed), request)

    async def database(request: Request, error: Exception) -> JSONResponse:
        _log.error("the warehouse did not answer", error=type(error).__name__)
        asks_for_decision = request.method in ("POST", "PATCH")
        return response(Problem("AUDIT_UNAVAILABLE") if asks_for_decision else failed(error), request)

    for kind in DATABASE_ERRORS:
        app.add_exception_handler(kind, database)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        return response(Problem("INTERNAL"), request)


def _methods(request: Request) -> list[str]:
    """Return the methods of every route with the request's path."""
    own = [route for route in request.app.routes if isinstance(route, Route)]
    routes = [*own, *(route for module in _ROUTES for route in module.router.routes)]
    found = (route for route in routes if route.matches(request.scope)[0] != Match.NONE)
    return sorted({method for route in found for method in route.methods or ()})


def _is_tracker(path: str) -> bool:
    return path.startswith("/v2/")


def _pointer(location: tuple[int | str, ...]) -> str:
    """Return a JSON pointer into the body, or the place of a parameter."""
    first, *rest = location
    known = [str(part) for part in rest if isinstance(part, int) or _OWN_NAME.fullmatch(part)]
    pointer = "".join(f"/{part}" for part in known)
    return pointer or "/" if first == "body" else f"#/{first}{pointer}"


def _named(fault: dict[str, Any]) -> tuple[int | str, ...]:
    """Return where a fault is, without the name of a member that the caller made up."""
    location: tuple[int | str, ...] = fault["loc"]
    return location[:-1] if fault["type"] == "extra_forbidden" else location


def _document(app: FastAPI) -> None:
    """Complete the OpenAPI document: problems everywhere instead of FastAPI's own validation error."""
    original = app.openapi

    def completed() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = original()
            schemas = document["components"]["schemas"]
            schemas["ProblemOut"] = api.ProblemOut.model_json_schema()
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            for path, operations in document["paths"].items():
                for operation in operations.values():
                    for parameter in operation.get("parameters", ()):
                        # Its absence is a refusal of ours, on record, not FastAPI's.
                        parameter["required"] |= parameter["name"].lower() == "idempotency-key"
                    answers = operation["responses"]
                    if "HTTPValidationError" in str(answers.get("422", "")):
                        status = 400 if _is_tracker(path) else 422
                        del answers["422"]
                        answers[str(status)] = api.refusals(status)[status]
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = completed  # type: ignore[method-assign]
