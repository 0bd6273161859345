"""How the service is set up: everything from the environment, read when the application is made."""

import os
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from catalogs.settings import ConfigurationError
from service.cas import CasSettings
from service.login import LoginSettings
from service.outward import Network, Outward

# Half of a worker's connections read releases. Of the others some hold one while they borrow another.
LEAST_POOL = 4


@dataclass(frozen=True)
class Configuration:
    """The service's own settings.

    Attributes:
        issuer: address under which clients know the service (YICI_SERVICE_URL), the audience of their assertions.
            None: the address of the socket that a request came in by, which suits one machine, never a proxy.
        is_reference_campus: client secrets are accepted, made-up people only (YICI_REFERENCE_CAMPUS=1).
        max_body_bytes: larger requests are refused (YICI_SERVICE_MAX_BODY).
        body_timeout_s: slower ones too.
        pool_size: connections to the warehouse per worker, at least four (YICI_SERVICE_POOL).
        places: requests that a worker answers at a time (YICI_SERVICE_PLACES).
        job_processes: processes that answer jobs (YICI_SERVICE_JOB_PROCESSES).
        token_rate: token requests per minute and address (YICI_SERVICE_TOKEN_RATE).
        login: the campus's OpenID provider (YICI_LOGIN_ISSUER, _AUDIENCE, _JWKS, _NUMBERS); None: nobody logs in by it.
        cas: the campus's CAS server (YICI_LOGIN_CAS, _CAS_SERVICE, _NUMBERS); None: nobody logs in by it.
        verify_rate: checks of certificates per minute and address (YICI_SERVICE_VERIFY_RATE).
        checkpoint_s: seconds between checkpoints of the record, at most 60 (YICI_SERVICE_CHECKPOINT_S).
        inner_nets: private networks in which clients' own addresses may lie (YICI_SERVICE_INNER_NETS).
        tls_cert, tls_key: files to serve TLS with, where no proxy does (YICI_SERVICE_TLS_CERT, _KEY).
        drain_s: seconds in which a worker that was told to end still takes requests (YICI_SERVICE_DRAIN_S).
    """

    issuer: str | None = None
    is_reference_campus: bool = False
    max_body_bytes: int = 65536
    body_timeout_s: float = 10.0
    pool_size: int = 10
    places: int = 64
    job_processes: int = os.cpu_count() or 1
    token_rate: int = 300
    verify_rate: int = 60
    checkpoint_s: int = 20
    drain_s: int = 0
    tls_cert: str | None = None
    tls_key: str | None = None
    inner_nets: tuple[Network, ...] = ()

    @property
    def outward(self) -> Outward:
        """How far the service may reach by itself."""
        return Outward(self.inner_nets, self.is_reference_campus)

    login: LoginSettings | None = None
    cas: CasSettings | None = None


def configuration() -> Configuration:
    """Read the settings.

    Raises:
        ConfigurationError: one of them is malformed.
    """
    issuer = (os.environ.get("YICI_SERVICE_URL") or "").rstrip("/") or None
    if issuer and not issuer.startswith(("https://", "http://")):
        raise ConfigurationError("YICI_SERVICE_URL: expected an address starting with https://")
    tls_cert, tls_key = _tls()
    return Configuration(
        issuer=issuer,
        is_reference_campus=os.environ.get("YICI_REFERENCE_CAMPUS") == "1",
        max_body_bytes=_positive("YICI_SERVICE_MAX_BODY", Configuration.max_body_bytes),
        pool_size=_whole("YICI_SERVICE_POOL", Configuration.pool_size, LEAST_POOL),
        places=_positive("YICI_SERVICE_PLACES", Configuration.places),
        job_processes=_positive("YICI_SERVICE_JOB_PROCESSES", Configuration.job_processes),
        token_rate=_positive("YICI_SERVICE_TOKEN_RATE", Configuration.token_rate),
        verify_rate=_positive("YICI_SERVICE_VERIFY_RATE", Configuration.verify_rate),
        login=_login(),
        cas=_cas(),
        inner_nets=_networks("YICI_SERVICE_INNER_NETS"),
        tls_cert=tls_cert,
        tls_key=tls_key,
        checkpoint_s=min(60, _positive("YICI_SERVICE_CHECKPOINT_S", Configuration.checkpoint_s)),
        drain_s=_whole("YICI_SERVICE_DRAIN_S", Configuration.drain_s),
    )


def _login() -> LoginSettings | None:
    issuer, audience, jwks = (
        os.environ.get(name) or "" for name in ("YICI_LOGIN_ISSUER", "YICI_LOGIN_AUDIENCE", "YICI_LOGIN_JWKS")
    )
    if not issuer:
        return None
    if not audience or not jwks:
        raise ConfigurationError(
            "YICI_LOGIN_ISSUER is set, so YICI_LOGIN_AUDIENCE, YICI_LOGIN_JWKS and YICI_LOGIN_NUMBERS "
            "(claim=kind,claim=kind) are needed too"
        )
    return LoginSettings(issuer, audience, jwks, kinds_of_claims("YICI_LOGIN_NUMBERS", "YICI_LOGIN_ISSUER"))


def _cas() -> CasSettings | None:
    server = (os.environ.get("YICI_LOGIN_CAS") or "").rstrip("/")
    service = os.environ.get("YICI_LOGIN_CAS_SERVICE") or ""
    if not server:
        return None
    is_safe = server.startswith("https://") or os.environ.get("YICI_REFERENCE_CAMPUS") == "1"
    if not is_safe or not service:
        raise ConfigurationError(
            "YICI_LOGIN_CAS: expected an address starting with https://, and in YICI_LOGIN_CAS_SERVICE the portal's"
            " address as the CAS server knows it"
        )
    return CasSettings(server, service, kinds_of_claims("YICI_LOGIN_NUMBERS", "YICI_LOGIN_CAS"))


def kinds_of_claims(name: str, wanted_by: str) -> dict[str, str]:
    """Return claim → kind of the number that it is, as a setting says them.

    Args:
        name: of the setting.
        wanted_by: the setting for which it is needed.

    Raises:
        ConfigurationError: it is absent or malformed.
    """
    parts = (os.environ.get(name) or "").split(",")
    pairs = [part.partition("=") for part in parts if part.strip()]
    if not pairs or any(not claim.strip() or not kind.strip() for claim, _, kind in pairs):
        raise ConfigurationError(f"{wanted_by} is set, so {name} (claim=kind,claim=kind) is needed too")
    return {claim.strip(): kind.strip() for claim, _, kind in pairs}


def _networks(name: str) -> tuple[Network, ...]:
    parts = [one.strip() for one in (os.environ.get(name) or "").split(",") if one.strip()]
    try:
        return tuple(ip_network(one) for one in parts)
    except ValueError:
        raise ConfigurationError(f"{name}: expected networks as 10.1.0.0/16,10.2.0.0/16") from None


def _tls() -> tuple[str | None, str | None]:
    files = [os.environ.get(name) or None for name in ("YICI_SERVICE_TLS_CERT", "YICI_SERVICE_TLS_KEY")]
    if any(files) and not all(one and Path(one).is_file() for one in files):
        raise ConfigurationError(
            "YICI_SERVICE_TLS_CERT and YICI_SERVICE_TLS_KEY: expected two files in PEM, the certificate with its chain"
        )
    return files[0], files[1]


def _positive(name: str, default: int) -> int:
    return _whole(name, default, 1)


def _whole(name: str, default: int, least: int = 0) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or int(text) < least:
        raise ConfigurationError(f"{name}: expected a whole number, at least {least}")
    return int(text)
