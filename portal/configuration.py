"""How the portal is set up: everything from the environment, read when the application is made."""

import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from catalogs.settings import ConfigurationError

_LOCAL = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class OidcSettings:
    """The campus's OpenID provider.

    Attributes:
        issuer: its address, under which it describes itself (YICI_PORTAL_OIDC_ISSUER).
        client: our name there (YICI_PORTAL_OIDC_CLIENT).
        secret: our secret there; empty for a public client (YICI_PORTAL_OIDC_SECRET).
        number: the claim that is the person's number, as posts.csv has it (YICI_PORTAL_OIDC_NUMBER).
    """

    issuer: str
    client: str
    secret: str = field(repr=False, default="")
    number: str = "sub"


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
    """

    url: str | None = None
    is_reference_campus: bool = False
    idle_min: int = 30
    session_h: int = 10
    pool_size: int = 5
    oidc: OidcSettings | None = None

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
    return OidcSettings(
        issuer,
        client,
        os.environ.get("YICI_PORTAL_OIDC_SECRET") or "",
        os.environ.get("YICI_PORTAL_OIDC_NUMBER") or OidcSettings.number,
    )


def _is_safe(url: str, is_reference_campus: bool) -> bool:
    return (
        url.startswith("https://") or is_reference_campus or urlsplit(url).netloc.rsplit(":", 1)[0] in _LOCAL
    )


def _positive(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or int(text) < 1:
        raise ConfigurationError(f"{name}: expected a whole number, at least 1")
    return int(text)
