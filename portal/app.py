"""The portal's application: its pages, the one door before them, and every failure as a page that says what to do."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from urllib.parse import quote

import psycopg
import sqlalchemy.exc
import structlog
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from catalogs.settings import ConfigurationError
from portal import (
    drafts,
    pages_catalog,
    pages_certificates,
    pages_clerk,
    pages_handed_in,
    pages_home,
    pages_issuing,
    pages_lists,
    pages_login,
    pages_maintain,
    pages_maintain_demands,
    pages_maintain_new,
    pages_maintain_versions,
    pages_mine,
    pages_own_things,
    pages_quality,
    pages_reform,
    pages_runs,
    pages_steward,
    pages_usage,
    pages_waiting,
)
from portal.asking import Asking, Said
from portal.configuration import Configuration, configuration
from portal.database import Database
from portal.entry import House, LoginFirst, enter, keep_form, recognise
from portal.problems import Refused, not_found
from portal.readiness import Readiness
from portal.rendering import page
from portal.wall import Wall, told_with_every_answer
from service import logs

PAGE_MODULES = (
    pages_login,
    pages_home,
    pages_catalog,
    pages_lists,
    pages_quality,
    pages_reform,
    pages_usage,
    pages_mine,
    pages_own_things,
    pages_certificates,
    pages_issuing,
    pages_steward,
    pages_waiting,
    pages_handed_in,
    pages_clerk,
    pages_runs,
    pages_maintain,
    pages_maintain_demands,
    pages_maintain_new,
    pages_maintain_versions,
)
_DATABASE_ERRORS = (psycopg.Error, sqlalchemy.exc.SQLAlchemyError)
# What may be otherwise when the same form is sent again.
_FOR_NOW = frozenset((409, 429, 503))
_log = structlog.get_logger("yici.portal")


def create_app(chosen: Configuration | None = None) -> FastAPI:
    """Return the application; it connects when it starts.

    Args:
        chosen: how it is set up; by default by the environment.

    Raises:
        ConfigurationError: a setting is malformed.
    """
    chosen = chosen or configuration()
    asking = Asking(chosen.service) if chosen.service else None

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        database = await asyncio.to_thread(Database, chosen.pool_size)
        desk = await asyncio.to_thread(_desk, chosen)
        app.state.house = House(chosen, database, desk=desk, asking=asking)
        end = asyncio.Event()
        readiness = asyncio.create_task(Readiness(app.state.house).keep(end))
        try:
            yield
        finally:
            end.set()
            await readiness
            database.close()
            if desk is not None:
                desk.close()
            if asking is not None:
                asking.close()

    app = FastAPI(
        title="Yici portal",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(enter)],
    )
    app.add_middleware(Wall, is_secure=chosen.is_secure)
    for module in PAGE_MODULES:
        app.include_router(module.router)
    _failures(app)
    return app


def create_served() -> FastAPI:
    """Return the application for a worker process of its own, which logs as JSON lines."""
    logs.configure()
    return create_app()


def _desk(chosen: Configuration) -> Database | None:
    """Connect as the stewards' desk; without it, its pages say that it is not set up."""
    try:
        return Database(chosen.pool_size, "desk")
    except ConfigurationError:
        _log.warning("YICI_DESK_DATABASE_URL is not set: stewards see counts and cannot treat rows")
        return None


def _failures(app: FastAPI) -> None:
    @app.exception_handler(LoginFirst)
    async def nobody(request: Request, error: LoginFirst) -> Response:
        kept = "&kept=1" if error.is_late else ""
        answer = RedirectResponse(f"/login?next={quote(error.wanted, safe='')}{kept}", 303)
        return _with_key(request, answer, error.draft_key)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        where, key = await _kept(request) if error.status in _FOR_NOW else ("", "")
        return _with_key(request, _told(request, error, where), key)

    @app.exception_handler(Said)
    async def said(request: Request, error: Said) -> Response:
        where, key = await _kept(request)
        return _with_key(request, page(request, "said.html.j2", error.status, said=error, form_at=where), key)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        return _told(request, not_found())

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if request.method == "GET":
            with contextlib.suppress(Refused, *_DATABASE_ERRORS):
                await run_in_threadpool(recognise, request)
        return _told(request, not_found())

    async def database(request: Request, error: Exception) -> Response:
        _log.error("the warehouse did not answer", error=type(error).__name__)
        return _told(request, Refused(503, "unavailable"))

    for kind in _DATABASE_ERRORS:
        app.add_exception_handler(kind, database)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        reference = secrets.token_hex(4)
        told = logs.without_words(_log, "error", {"reference": reference, "exc_info": error})
        _log.error("a page could not be made", **told)
        where, key = await _kept(request)
        answer = _told(request, Refused(500, "internal"), where, reference)
        # Starlette answers this outside of all middleware, so that the wall does not see it.
        answer.headers.update(told_with_every_answer(request.app.state.house.chosen.is_secure))
        return _with_key(request, answer, key)


async def _kept(request: Request) -> tuple[str, str]:
    """Keep what was typed into a form that could not be taken; returns the page it stands on, and the draft's key."""
    entered, form = getattr(request.state, "entered", None), getattr(request.state, "form", None)
    if entered is None or not form:
        return "", ""

    def keep() -> tuple[str, str]:
        with request.app.state.house.database.connection() as con:
            return keep_form(request, con, entered.viewer.person, form)

    try:
        where, key = await run_in_threadpool(keep)
    except _DATABASE_ERRORS:
        return "", ""
    return (where, key) if key else ("", "")


def _with_key(request: Request, answer: Response, key: str) -> Response:
    house: House = request.app.state.house
    if key:
        answer.set_cookie(
            house.draft_cookie, key, max_age=drafts.KEPT_DAYS * 24 * 3600, path="/", secure=house.chosen.is_secure,
            httponly=True, samesite="lax",
        )  # fmt: skip
    return answer


def _told(request: Request, error: Refused, form_at: str = "", reference: str = "") -> Response:
    return page(
        request,
        "error.html.j2",
        error.status,
        kind=error.kind,
        deed=error.deed,
        form_at=form_at,
        reference=reference,
    )
