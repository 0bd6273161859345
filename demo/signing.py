"""A made-up service system as a client of the service: its key pair, the token that it signs for, its refusals."""

import json
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from demo.target import Target, TargetError, write_private

PRIVATE, PUBLIC = "client_private.jwk", "client_public.jwks.json"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFE_S = 120


def make_keys(target: Target, folder: Path, client_id: str, variable: str) -> None:
    """Make a client's key pair once, and name its public half in the campus's environment file.

    Args:
        target: the campus.
        folder: of the system.
        client_id: as the catalog names it.
        variable: in which the catalog expects the file.
    """
    target.env.set(variable, folder / PUBLIC)
    if (folder / PRIVATE).exists():
        return
    key = ECKey.generate_key("P-256", {"alg": "ES256", "use": "sig", "kid": f"{client_id}-1"})
    write_private(folder / PRIVATE, json.dumps(key.as_dict(private=True)))
    public = json.dumps({"keys": [key.as_dict(private=False)]})
    (folder / PUBLIC).write_text(public, encoding="utf-8")


def token(http: httpx.Client, service: str, folder: Path, client_id: str) -> str:
    """Return an access token of a client.

    Args:
        http: with the service as its base.
        service: its address, as it names itself.
        folder: in which the client's key lies.
        client_id: as registered.

    Raises:
        TargetError: the service refuses.
    """
    key = ECKey.import_key(json.loads((folder / PRIVATE).read_text(encoding="utf-8")))
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": f"{service.rstrip('/')}/oauth2/token",
        "iat": now,
        "exp": now + _ASSERTION_LIFE_S,
        "jti": uuid.uuid4().hex,
    }
    assertion = jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": _ASSERTION,
        "client_assertion": assertion,
    }
    return checked(http.post("/oauth2/token", data=form))["access_token"]


def checked(reply: httpx.Response) -> dict[str, Any]:
    """Return an answer.

    Raises:
        TargetError: the service refused, with its words.
    """
    if reply.is_success:
        return reply.json()
    problem = problem_of(reply)
    words = " ".join(str(problem.get(key, "")) for key in ("code", "title", "detail")).strip()
    raise TargetError(f"{reply.request.url.path}: the service refused with {reply.status_code} {words}")


def problem_of(reply: httpx.Response) -> dict[str, Any]:
    """Return why the service refused; nothing where it does not say."""
    try:
        found = reply.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
