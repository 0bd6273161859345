"""Connections to the warehouse, one way for every room: who connects, and pinned to which release.

Roles: `owner` runs the pipeline and owns every schema; `service` may read `raw`, `marts` and parts of `yici`
and append to the record; `retention` may delete versions and quarantine and nothing else; `portal` reads no row about
a person; `desk` reads and treats waiting rows, tickets and samples, for the portal's stewards; `engineer` may read
the views of `masked` and nothing else. A connection that reads `raw` is pinned by `SET yici.release`; unset, the views
fail. Owner, service and desk are given the store keys as they connect (`warehouse.sealing`), the others are not.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal

import psycopg
from psycopg import sql
from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError

from catalogs.settings import ConfigurationError, Settings, kept_secret, settings
from connectors.duck import PgParams, describe
from warehouse.key_ring import ring

Role = Literal["owner", "service", "retention", "portal", "desk", "engineer"]
DATABASE = "yici"
_REACH_S = 10
ROLE_NAMES: Mapping[Role, str] = {
    "owner": "yici_owner",
    "service": "yici_service",
    "retention": "yici_retention",
    "portal": "yici_portal",
    "desk": "yici_desk",
    "engineer": "yici_engineer",
}
_READS_SEALED: tuple[Role, ...] = ("owner", "service", "desk")


def pg_params(role: Role = "owner") -> PgParams:
    """Return where the warehouse is and how `role` signs in; starts and prepares the embedded server if needed.

    Raises:
        ConfigurationError: YICI_DATABASE_URL or YICI_SERVICE_DATABASE_URL is unusable, or nobody signs in there.
        EmbeddedServerError: the embedded server does not start.
    """
    found = settings()
    params = _external(found, role) if found.database_url else _embedded(found.home, role)
    return replace(params, options=ring(found.home).session()) if role in _READS_SEALED else params


def url(role: Role = "owner", release: int | None = None, driver: str = "postgresql+psycopg") -> URL:
    """Return the SQLAlchemy address of the warehouse, pinned to `release` if one is given."""
    params = pg_params(role)
    query = {"host": params.host, "port": str(params.port), "application_name": f"yici-{role}"}
    if options := session_options(params, release):
        query["options"] = options
    return URL.create(driver, params.user, params.password, database=params.dbname, query=query)


def engine(role: Role = "owner", release: int | None = None) -> Engine:
    """Return a SQLAlchemy engine; the caller disposes of it."""
    return create_engine(url(role, release), pool_pre_ping=True)


def connect(role: Role = "owner", release: int | None = None, autocommit: bool = False) -> psycopg.Connection:
    """Return one psycopg connection, pinned to `release` if one is given."""
    params = pg_params(role)
    return psycopg.connect(
        host=params.host,
        port=params.port,
        dbname=params.dbname,
        user=params.user,
        password=params.password,
        autocommit=autocommit,
        application_name=f"yici-{role}",
        options=session_options(params, release),
    )


def session_options(params: PgParams, release: int | None = None) -> str:
    """Return libpq's `options` of a session: its settings, and the release that it is pinned to."""
    pairs = [*params.options, *([("yici.release", str(release))] if release is not None else [])]
    return " ".join(f"-c {name}={value}" for name, value in pairs)


@cache
def _embedded(home: Path, role: Role) -> PgParams:
    from warehouse.embedded import EmbeddedServer

    address = EmbeddedServer(home).ensure()
    host = str(address.socket_dir)
    passwords = {
        name: kept_secret(home, f"postgres_{name}", lambda: secrets.token_urlsafe(24)) for name in ROLE_NAMES
    }
    with psycopg.connect(
        host=host,
        port=address.port,
        dbname="postgres",
        user=address.user,
        password=address.password,
        autocommit=True,
    ) as con:
        _prepare(con, passwords)
    return PgParams(host, address.port, DATABASE, ROLE_NAMES[role], passwords[role])


def _prepare(con: psycopg.Connection, passwords: Mapping[Role, str]) -> None:
    """Create roles and database if absent; safe when several commands do it at once."""
    con.execute("SELECT pg_advisory_lock(hashtext('yici prepare'))")
    for role, name in ROLE_NAMES.items():
        if not con.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone():
            con.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(name), sql.Literal(passwords[role])
                )
            )
    if not con.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
        con.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(DATABASE), sql.Identifier(ROLE_NAMES["owner"])
            )
        )


def told_safely(error: Exception) -> str:
    """Say that the warehouse's database failed; its own words may quote a row, so only the kind is told."""
    return (
        f"the warehouse's database failed: {describe(error)}. What was published stays, and the next run takes back"
        " what this one had begun. When `yici db status` shows it running, with room on its disk, run again"
    )


def tell_missing_role() -> None:
    """Refuse an external PostgreSQL without the service's role: rights are granted as the tables are made.

    Raises:
        ConfigurationError: with the statement that makes the role.
    """
    if settings().database_url is None:
        return
    name = ROLE_NAMES["service"]
    with connect() as con:
        if not con.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone():
            raise ConfigurationError(
                f"YICI_DATABASE_URL: this server has no role {name}, which the service signs in as; make it with "
                f"CREATE ROLE {name} LOGIN PASSWORD '…', and run again. Nothing was run"
            )


def _external(found: Settings, role: Role) -> PgParams:
    if role == "retention" and not os.environ.get("YICI_RETENTION_DATABASE_URL"):
        role = "owner"  # a server where nobody made the third role
    name = "YICI_DATABASE_URL" if role == "owner" else f"YICI_{role.upper()}_DATABASE_URL"
    text = found.database_url if role == "owner" else os.environ.get(name)
    if not text:
        raise ConfigurationError(
            f"{name} is not set: with an external PostgreSQL the {role} signs in as a role of its own, "
            "which may read but not change; create it, grant it nothing, and name it here"
        )
    malformed = ConfigurationError(f"{name}: expected postgresql://user:password@host:port/database")
    try:
        address = make_url(text)
    except (ArgumentError, ValueError):
        raise malformed from None
    if not address.drivername.startswith("postgres") or not address.database or not address.username:
        raise malformed
    if role != "owner" and address.username != ROLE_NAMES[role]:
        raise ConfigurationError(
            f"{name}: the user must be {ROLE_NAMES[role]}: rights are granted to that name"
        )
    host = address.host or address.query.get("host") or "localhost"
    params = PgParams(
        str(host),
        int(address.port or address.query.get("port") or 5432),
        address.database,
        address.username,
        address.password or "",
    )
    _reach(params, name)
    return params


@cache
def _reach(params: PgParams, name: str) -> None:
    """Sign in once, so that a wrong address is a message before anything is run."""
    try:
        psycopg.connect(
            host=params.host,
            port=params.port,
            dbname=params.dbname,
            user=params.user,
            password=params.password,
            connect_timeout=_REACH_S,
        ).close()
    except psycopg.OperationalError as error:
        where = f"{params.host}:{params.port}, database {params.dbname}, user {params.user}"
        raise ConfigurationError(f"{name}: {describe(error)} ({where}); nothing was run") from None
