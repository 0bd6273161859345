"""The portal's application: its pages, the one door before them, and every failure as a page that says what to do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import quote

import psycopg
import sqlalchemy.exc
import structlog
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from portal import pages_catalog, pages_home, pages_lists, pages_login, pages_quality
from portal.configuration import Configuration, configuration
from portal.database import Database
from portal.entry import House, LoginFirst, enter
from portal.problems import Refused, not_found
from portal.rendering import page
from portal.wall import Wall
from service import logs

PAGE_MODULES = (pages_login, pages_home, pages_catalog, pages_lists, pages_quality)
_DATABASE_ERRORS = (psycopg.Error, sqlalchemy.exc.SQLAlchemyError)
_log = structlog.get_logger("yici.portal")


def create_app(chosen: Configuration | None = None) -> FastAPI:
    """Return the application; it connects when it starts.

    Args:
        chosen: how it is set up; by default by the environment.

    Raises:
        ConfigurationError: a setting is malformed.
    """
    chosen = chosen or configuration()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        database = await asyncio.to_thread(Database, chosen.pool_size)
        app.state.house = House(chosen, database)
        warming = asyncio.create_task(asyncio.to_thread(_warm, app.state.house))
        try:
            yield
        finally:
            await warming
            database.close()

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


def _warm(house: House) -> None:
    """Make the pages of the catalog before somebody waits for them."""
    try:
        with house.database.connection() as con:
            house.known.edition(con)
    except (Refused, *_DATABASE_ERRORS) as error:
        _log.info("no catalog to show yet", error=type(error).__name__)


def _failures(app: FastAPI) -> None:
    @app.exception_handler(LoginFirst)
    async def nobody(request: Request, error: LoginFirst) -> Response:
        return RedirectResponse(f"/login?next={quote(error.wanted, safe='')}", 303)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return _told(request, error)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        return _told(request, not_found())

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        return _told(request, not_found())

    async def database(request: Request, error: Exception) -> Response:
        _log.error("the warehouse did not answer", error=type(error).__name__)
        return _told(request, Refused(503, "unavailable"))

    for kind in _DATABASE_ERRORS:
        app.add_exception_handler(kind, database)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        return _told(request, Refused(500, "internal"))


def _told(request: Request, error: Refused) -> Response:
    return page(request, "error.html.j2", error.status, kind=error.kind, deed=error.deed)
