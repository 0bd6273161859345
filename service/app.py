"""The HTTP application: routes, and every failure as a problem document."""

import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import Depends, FastAPI, Form, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from catalogs.derive import material_verdicts
from catalogs.settings import now, settings
from service import cases, queries, tokens
from service.keys import load as load_keys
from service.problems import NO_STORE, Problem, response
from service.queries import FactsQuery, PrefillQuery, Surroundings
from service.state import State
from service.tokens import Client
from warehouse.connect import pg_params

MAX_BODY = 64 * 1024
_log = logging.getLogger("yici.service")


def create_app() -> FastAPI:
    """Return the application; it connects when it starts."""
    app = FastAPI(title="Yici", version="1", lifespan=_lifespan, docs_url=None, redoc_url=None)
    _problems(app)
    _ops(app)
    _oauth(app)
    _cases(app)
    _catalog(app)
    _facts(app)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    params = pg_params("service")
    pool = await asyncpg.create_pool(
        host=params.host,
        port=params.port,
        database=params.dbname,
        user=params.user,
        password=params.password,
        min_size=2,
        max_size=10,
        command_timeout=10,
        server_settings={"application_name": "yici-service"},
    )
    app.state.around = Surroundings(pool, load_keys(settings().home), State())
    yield
    await pool.close()


def _around(request: Request) -> Surroundings:
    return request.app.state.around


async def _client(request: Request, authorization: Annotated[str | None, Header()] = None) -> Client:
    around = _around(request)
    return await tokens.caller(around.pool, around.keys, authorization)


Around = Annotated[Surroundings, Depends(_around)]
Caller = Annotated[Client, Depends(_client)]


def _problems(app: FastAPI) -> None:
    @app.middleware("http")
    async def bounded(request: Request, call_next):
        request.state.trace_id = secrets.token_hex(8)
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY or "transfer-encoding" in request.headers:
            return response(Problem("TOO_LARGE", f"at most {MAX_BODY} bytes"), request, request.state.trace_id)
        try:
            answer = await call_next(request)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            _log.error("failed trace=%s error=%s", request.state.trace_id, type(error).__name__)
            return response(Problem("INTERNAL"), request, request.state.trace_id)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> JSONResponse:
        return response(error, request, request.state.trace_id)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        malformed = any(part["type"] == "json_invalid" for part in error.errors())
        errors = [{"pointer": "/" + "/".join(map(str, e["loc"])), "code": e["type"]} for e in error.errors()]
        code = "MALFORMED" if malformed else "INVALID_PARAMETER"
        return response(Problem(code, errors=errors), request, request.state.trace_id)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        code = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}.get(error.status_code, "MALFORMED")
        return response(Problem(code), request, request.state.trace_id)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        _log.error("failed trace=%s error=%s", request.state.trace_id, type(error).__name__)
        return response(Problem("INTERNAL"), request, request.state.trace_id)


def _ops(app: FastAPI) -> None:
    @app.get("/healthz")
    async def alive() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    async def ready(around: Around) -> dict[str, Any]:
        current = await around.state.current(around.pool)
        return {"status": "ok", "release": current.release}


def _oauth(app: FastAPI) -> None:
    @app.post("/oauth2/token")
    async def token(
        request: Request,
        around: Around,
        grant_type: Annotated[str, Form()],
        client_assertion_type: Annotated[str, Form()],
        client_assertion: Annotated[str, Form(max_length=8192)],
    ) -> JSONResponse:
        if grant_type != "client_credentials" or client_assertion_type != tokens.ASSERTION_TYPE:
            raise Problem("INVALID_PARAMETER", "expected client_credentials with a jwt-bearer client assertion")
        issuer = str(request.base_url).rstrip("/")
        client = await tokens.authenticate(around.pool, client_assertion, {issuer, f"{issuer}/oauth2/token"})
        return JSONResponse(tokens.issue(around.keys, client, issuer), headers=NO_STORE)

    @app.get("/.well-known/jwks.json")
    async def jwks(around: Around) -> dict[str, Any]:
        return {"keys": [around.keys.signing.as_dict(private=False)]}

    @app.get("/.well-known/oauth-authorization-server")
    async def metadata(request: Request) -> dict[str, Any]:
        issuer = str(request.base_url).rstrip("/")
        return {
            "issuer": issuer,
            "token_endpoint": f"{issuer}/oauth2/token",
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        }


def _cases(app: FastAPI) -> None:
    @app.post("/v1/cases", status_code=201)
    async def register(
        case: cases.NewCase,
        around: Around,
        client: Caller,
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    ) -> JSONResponse:
        current = await around.state.current(around.pool)
        queries.check_purpose(current.catalog, client, case.service_item, now())
        shown, is_new = await cases.register(around.pool, client.client_id, case, idempotency_key, now())
        return JSONResponse(shown, 201 if is_new else 200, headers=NO_STORE)

    @app.get("/v1/cases/{case_id}")
    async def show(case_id: UUID, around: Around, client: Caller) -> dict[str, Any]:
        return await cases.show(around.pool, client.client_id, case_id)

    @app.patch("/v1/cases/{case_id}")
    async def change(case_id: UUID, wanted: cases.CaseChange, around: Around, client: Caller) -> dict[str, Any]:
        return await cases.change(around.pool, client.client_id, case_id, wanted)


def _catalog(app: FastAPI) -> None:
    @app.get("/v1/elements")
    async def elements(around: Around, client: Caller) -> list[dict[str, Any]]:
        catalog = (await around.state.current(around.pool)).catalog
        granted = {grant.element for grant in catalog.grants() if grant.client == client.client_id}
        return [
            {
                "code": e.code,
                "name_zh": e.name_zh,
                "name_en": e.name_en,
                "code_table": e.code_table or None,
                "has_source": bool(catalog.sources_of(e.code)),
                "granted": e.code in granted,
            }
            for e in catalog.elements.values()
        ]

    @app.get("/v1/resources")
    async def resources(around: Around, client: Caller) -> list[dict[str, Any]]:
        catalog = (await around.state.current(around.pool)).catalog
        return [
            {
                "name": r.name,
                "name_zh": r.business_name,
                "provider": r.provider,
                "share_type": r.share_type,
                "update_cycle": r.update_cycle,
            }
            for r in catalog.resources.values()
        ]

    @app.get("/v1/service-items")
    async def service_items(around: Around, client: Caller) -> list[dict[str, Any]]:
        catalog = (await around.state.current(around.pool)).catalog
        return [{"code": s.code, "name_zh": s.name_zh, "lead_unit": s.lead_unit} for s in catalog.services.values()]

    @app.get("/v1/service-items/{code}/requirements")
    async def requirements(code: str, around: Around, client: Caller) -> list[dict[str, Any]]:
        catalog = (await around.state.current(around.pool)).catalog
        if code not in catalog.services:
            raise Problem("NOT_FOUND")
        return [
            {"material": v.material, "name_zh": v.name_zh, "outcome": v.outcome, "blocked": list(v.blocked)}
            for v in material_verdicts(catalog, code, client.client_id, now().date())
        ]

    @app.get("/v1/code-lists/{name}")
    async def code_list(name: str, around: Around, client: Caller) -> dict[str, Any]:
        catalog = (await around.state.current(around.pool)).catalog
        if name not in catalog.codes:
            raise Problem("NOT_FOUND")
        table = catalog.codes[name]
        rows = [{"code": row.code, "name_zh": row.name_zh} for row in table.rows.values()]
        return {"name": name, "norm": table.norm, "codes": rows}


def _facts(app: FastAPI) -> None:
    @app.post("/v1/facts:query")
    async def facts(query: FactsQuery, around: Around, client: Caller) -> dict[str, Any]:
        return await queries.query_facts(around, client, query, now())

    @app.post("/v1/service-items/{code}:prefill")
    async def prefilled(code: str, query: PrefillQuery, around: Around, client: Caller) -> dict[str, Any]:
        return await queries.query_prefill(around, client, code, query, now())
