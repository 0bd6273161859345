"""How the portal is set up: everything from the environment, read when the application is made."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from catalogs.settings import ConfigurationError
from service.configuration import kinds_of_claims

_LOCAL = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class OidcSettings:
    """The campus's OpenID provider.

    Attributes:
        issuer: its address, under which it describes itself (YICI_PORTAL_OIDC_ISSUER).
        client: our name there (YICI_PORTAL_OIDC_CLIENT).
        secret: our secret there; empty for a public client (YICI_PORTAL_OIDC_SECRET).
        numbers: claim → kind of the person's number; the first that a token has counts (YICI_PORTAL_OIDC_NUMBERS).
    """

    issuer: str
    client: str
    numbers: Mapping[str, str]
    secret: str = field(repr=False, default="")


@dataclass(frozen=True)
class ServiceSettings:
    """The service, which people's own pages and clerks ask.

    Attributes:
        url: its address, as it knows itself (YICI_PORTAL_SERVICE).
        key: file with our private key as JWK (YICI_PORTAL_KEY).
        client: our name there (YICI_PORTAL_CLIENT).
    """

    url: str
    key: Path
    client: str = "portal"


@dataclass(frozen=True)
class Configuration:
    """The portal's own settings.

    Attributes:
        url: address that people type (YICI_PORTAL_URL). With https cookies are Secure and browsers told to stay there;
            without, only this machine is served, or the made-up people of the reference campus.
        is_reference_campus: local accounts may log in (YICI_REFERENCE_CAMPUS=1).
        idle_min: minutes after which a session that nobody uses ends (YICI_PORTAL_IDLE_MIN).
        session_h: hours after which every session ends (YICI_PORTAL_SESSION_H).
        pool_size: connections to the warehouse per worker (YICI_PORTAL_POOL).
        oidc: None: nobody logs in by the campus's provider.
        cas: address of the campus's CAS server (YICI_PORTAL_CAS); None: nobody logs in by it.
        service: None: there are no own pages, and clerks are told so.
        links: name → address of what engineers work with (YICI_PORTAL_DAGSTER, _DBT_DOCS, _DATA_DOCS, _API_DOCS).
    """

    url: str | None = None
    is_reference_campus: bool = False
    idle_min: int = 30
    session_h: int = 10
    pool_size: int = 5
    oidc: OidcSettings | None = None
    cas: str | None = None
    service: ServiceSettings | None = None
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_secure(self) -> bool:
        """Whether people reach the portal over TLS."""
        return bool(self.url and self.url.startswith("https://"))


def configuration() -> Configuration:
    """Read the settings.

    Raises:
        ConfigurationError: one of them is malformed, or names reach the portal in the clear.
    """
    url = (os.environ.get("YICI_PORTAL_URL") or "").rstrip("/") or None
    is_reference_campus = os.environ.get("YICI_REFERENCE_CAMPUS") == "1"
    if url and (urlsplit(url).scheme not in ("https", "http") or urlsplit(url).path):
        raise ConfigurationError(
            "YICI_PORTAL_URL: expected an address like https://data.example.edu.cn, without a path"
        )
    if url and not _is_safe(url, is_reference_campus):
        raise ConfigurationError(
            "YICI_PORTAL_URL: expected an address starting with https://; logins would cross the network in the clear"
        )
    return Configuration(
        url=url,
        is_reference_campus=is_reference_campus,
        idle_min=_positive("YICI_PORTAL_IDLE_MIN", Configuration.idle_min),
        session_h=_positive("YICI_PORTAL_SESSION_H", Configuration.session_h),
        pool_size=_positive("YICI_PORTAL_POOL", Configuration.pool_size),
        oidc=_oidc(is_reference_campus),
        cas=_cas(is_reference_campus),
        service=_service(is_reference_campus),
        links=_links(),
    )


def _oidc(is_reference_campus: bool) -> OidcSettings | None:
    issuer = (os.environ.get("YICI_PORTAL_OIDC_ISSUER") or "").rstrip("/")
    client = os.environ.get("YICI_PORTAL_OIDC_CLIENT") or ""
    if not issuer:
        return None
    if not client:
        raise ConfigurationError("YICI_PORTAL_OIDC_ISSUER is set, so YICI_PORTAL_OIDC_CLIENT is needed too")
    if not _is_safe(issuer, is_reference_campus):
        raise ConfigurationError("YICI_PORTAL_OIDC_ISSUER: expected an address starting with https://")
    numbers = kinds_of_claims("YICI_PORTAL_OIDC_NUMBERS", "YICI_PORTAL_OIDC_ISSUER")
    return OidcSettings(issuer, client, numbers, os.environ.get("YICI_PORTAL_OIDC_SECRET") or "")


def _cas(is_reference_campus: bool) -> str | None:
    server = (os.environ.get("YICI_PORTAL_CAS") or "").rstrip("/")
    if not server:
        return None
    if not _is_safe(server, is_reference_campus):
        raise ConfigurationError("YICI_PORTAL_CAS: expected an address starting with https://")
    if not os.environ.get("YICI_PORTAL_SERVICE"):
        raise ConfigurationError(
            "YICI_PORTAL_CAS is set, so YICI_PORTAL_SERVICE is needed too: the service asks the CAS server whose a"
            " ticket is"
        )
    return server


def _service(is_reference_campus: bool) -> ServiceSettings | None:
    url, key = (
        (os.environ.get(name) or "").rstrip("/") for name in ("YICI_PORTAL_SERVICE", "YICI_PORTAL_KEY")
    )
    if not url:
        return None
    if not _is_safe(url, is_reference_campus):
        raise ConfigurationError("YICI_PORTAL_SERVICE: expected an address starting with https://")
    if not key:
        raise ConfigurationError(
            "YICI_PORTAL_SERVICE is set, so YICI_PORTAL_KEY, a file with our private key there, is needed too"
        )
    return ServiceSettings(url, Path(key), os.environ.get("YICI_PORTAL_CLIENT") or ServiceSettings.client)


def _links() -> dict[str, str]:
    named = {
        "dagster": "YICI_PORTAL_DAGSTER",
        "dbt": "YICI_PORTAL_DBT_DOCS",
        "data_docs": "YICI_PORTAL_DATA_DOCS",
        "api": "YICI_PORTAL_API_DOCS",
    }
    found = {name: os.environ.get(variable) or "" for name, variable in named.items()}
    for name, address in found.items():
        if address and urlsplit(address).scheme not in ("https", "http"):
            raise ConfigurationError(f"{named[name]}: expected an address starting with https://")
    return {name: address for name, address in found.items() if address}


def _is_safe(url: str, is_reference_campus: bool) -> bool:
    return (
        url.startswith("https://") or is_reference_campus or urlsplit(url).netloc.rsplit(":", 1)[0] in _LOCAL
    )


def _positive(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or int(text) < 1:
        raise ConfigurationError(f"{name}: expected a whole number, at least 1")
    return int(text)
