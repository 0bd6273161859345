"""`POST /oauth2/token` and what OAuth clients read about us."""

import base64
import binascii
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import unquote_plus
from uuid import uuid4

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel

from catalogs.settings import now
from service import decisions, tokens
from service.api import Around, address_of, refusals
from service.decisions import Surroundings
from service.problems import Problem
from service.record import Decision
from service.tokens import Credentials

router = APIRouter(tags=["token"])


class AccessTokenOut(BaseModel):
    """An access token (RFC 6749 §5.1)."""

    access_token: str
    token_type: str
    expires_in: int


@router.post("/oauth2/token", responses=refusals(400, 413, 415, 422))
async def token(
    request: Request,
    around: Around,
    grant_type: Annotated[str, Form(max_length=64)],
    client_assertion_type: Annotated[str, Form(max_length=128)] = "",
    client_assertion: Annotated[str, Form(max_length=8192)] = "",
    client_id: Annotated[str, Form(max_length=64)] = "",
    client_secret: Annotated[str, Form(max_length=256)] = "",
) -> AccessTokenOut:
    """Give an access token to a client that proves itself by a signed assertion (RFC 7523)."""
    around.quotas.take("token", address_of(request), around.configuration.token_rate)
    credentials = Credentials(grant_type, client_assertion_type, client_assertion, client_id, client_secret)
    credentials = _with_basic(credentials, request.headers.get("authorization", ""))
    _check_form(credentials, around)
    issuer = issuer_of(request, around)
    decision = Decision(uuid4(), "token", tokens.claimed_client(credentials) or "?")
    at = now()
    async with decisions.deciding(around, decision, {"grant_type": grant_type}, at) as one:
        client = await tokens.authenticate(
            around.pool,
            credentials,
            {issuer, f"{issuer}/oauth2/token"},
            around.configuration.is_reference_campus,
            around.client_keys.of,
        )
        one.learn(receiver_unit=client.unit, receiver_name=client.name)
        answer = tokens.issue(around.keys, client, issuer)
        await decisions.allow(around, one, {"expires_in": answer["expires_in"]}, at)
    request.scope.setdefault("yici.log", {})["client_id"] = client.client_id
    return AccessTokenOut(**answer)


@router.get("/.well-known/jwks.json")
async def jwks(around: Around) -> dict[str, Any]:
    """The public keys by which tokens and receipts, and checkpoints of the record, are checked; former ones too."""
    return {"keys": around.keys.published}


@router.get("/.well-known/oauth-authorization-server")
async def metadata(request: Request, around: Around) -> dict[str, Any]:
    """Authorization server metadata (RFC 8414)."""
    issuer = issuer_of(request, around)
    methods = ["private_key_jwt"]
    if around.configuration.is_reference_campus:
        methods += ["client_secret_basic", "client_secret_post"]
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/oauth2/token",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": tokens.CLIENT_ALGORITHMS,
    }


def issuer_of(request: Request, around: Surroundings) -> str:
    """Return the name under which clients know us; never taken from what a caller wrote into Host."""
    if around.configuration.issuer:
        return around.configuration.issuer
    scheme = request.scope["scheme"]
    host, port = request.scope.get("server") or ("127.0.0.1", None)
    usual = port is None or (scheme, port) in (("http", 80), ("https", 443))
    return f"{scheme}://{host}" if usual else f"{scheme}://{host}:{port}"


def _with_basic(credentials: Credentials, authorization: str) -> Credentials:
    kind, _, encoded = authorization.partition(" ")
    if kind.lower() != "basic":
        return credentials
    try:
        name, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon or credentials.client_secret:
        raise Problem("MALFORMED", "the Basic credentials cannot be read")
    return replace(credentials, client_id=unquote_plus(name), client_secret=unquote_plus(secret))


def _check_form(credentials: Credentials, around: Surroundings) -> None:
    if credentials.grant_type != "client_credentials":
        raise Problem("INVALID_PARAMETER", errors=[{"pointer": "/grant_type", "code": "client_credentials"}])
    if credentials.assertion and credentials.client_secret:
        raise Problem("MALFORMED", "two ways of authentication in one request")
    if credentials.assertion and credentials.assertion_type != tokens.ASSERTION_TYPE:
        raise Problem(
            "INVALID_PARAMETER", errors=[{"pointer": "/client_assertion_type", "code": "jwt-bearer"}]
        )
    if not credentials.assertion and not around.configuration.is_reference_campus:
        raise Problem("MALFORMED", errors=[{"pointer": "/client_assertion", "code": "missing"}])
