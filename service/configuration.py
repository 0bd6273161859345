"""How the service is set up: everything from the environment, read when the application is made."""

import os
from dataclasses import dataclass

from catalogs.settings import ConfigurationError
from service.login import LoginSettings


@dataclass(frozen=True)
class Configuration:
    """The service's own settings.

    Attributes:
        issuer: address under which clients know the service (YICI_SERVICE_URL), the audience of their assertions.
            None: the address of the socket that a request came in by, which suits one machine, never a proxy.
        is_reference_campus: client secrets are accepted, made-up people only (YICI_REFERENCE_CAMPUS=1).
        max_body_bytes: larger requests are refused (YICI_SERVICE_MAX_BODY).
        body_timeout_s: slower ones too.
        pool_size: connections to the warehouse per worker (YICI_SERVICE_POOL).
        token_rate: token requests per minute and address (YICI_SERVICE_TOKEN_RATE).
        login: the campus's OpenID provider (YICI_LOGIN_ISSUER, _AUDIENCE, _JWKS, _NUMBERS); None: nobody logs in.
        checkpoint_s: seconds between checkpoints of the record, at most 60 (YICI_SERVICE_CHECKPOINT_S).
    """

    issuer: str | None = None
    is_reference_campus: bool = False
    max_body_bytes: int = 65536
    body_timeout_s: float = 10.0
    pool_size: int = 10
    token_rate: int = 300
    checkpoint_s: int = 20
    login: LoginSettings | None = None


def configuration() -> Configuration:
    """Read the settings.

    Raises:
        ConfigurationError: one of them is malformed.
    """
    issuer = (os.environ.get("YICI_SERVICE_URL") or "").rstrip("/") or None
    if issuer and not issuer.startswith(("https://", "http://")):
        raise ConfigurationError("YICI_SERVICE_URL: expected an address starting with https://")
    return Configuration(
        issuer=issuer,
        is_reference_campus=os.environ.get("YICI_REFERENCE_CAMPUS") == "1",
        max_body_bytes=_positive("YICI_SERVICE_MAX_BODY", Configuration.max_body_bytes),
        pool_size=_positive("YICI_SERVICE_POOL", Configuration.pool_size),
        token_rate=_positive("YICI_SERVICE_TOKEN_RATE", Configuration.token_rate),
        login=_login(),
        checkpoint_s=min(60, _positive("YICI_SERVICE_CHECKPOINT_S", Configuration.checkpoint_s)),
    )


def _login() -> LoginSettings | None:
    names = ("ISSUER", "AUDIENCE", "JWKS", "NUMBERS")
    issuer, audience, jwks, numbers = (os.environ.get(f"YICI_LOGIN_{name}") or "" for name in names)
    if not issuer:
        return None
    pairs = [part.partition("=") for part in numbers.split(",") if part.strip()]
    if not audience or not jwks or not pairs or any(not claim or not kind for claim, _, kind in pairs):
        raise ConfigurationError(
            "YICI_LOGIN_ISSUER is set, so YICI_LOGIN_AUDIENCE, YICI_LOGIN_JWKS and YICI_LOGIN_NUMBERS "
            "(claim=kind,claim=kind) are needed too"
        )
    return LoginSettings(issuer, audience, jwks, {claim.strip(): kind.strip() for claim, _, kind in pairs})


def _positive(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or int(text) < 1:
        raise ConfigurationError(f"{name}: expected a whole number above 0")
    return int(text)
