"""`yici sandbox`: the service over a campus of made-up people, each of them a case that a service system has to handle.

For who builds a service system. It has a state folder and a database of its own and takes neither from anywhere else,
so that it can never stand before real data. Its people go the way of all data, from a source file through admission to
a release, at every start, so that nothing is stale but what is meant to be.
"""

import contextlib
import json
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from fastapi import FastAPI

CLIENT_ID, KID = "hall", "sandbox-1"
_FOLDER, _MARK = "sandbox", "sandbox.json"
# The sandbox has its own of each; whoever has set one means another warehouse.
_ELSEWHERE = (
    "YICI_DATABASE_URL", "YICI_SERVICE_DATABASE_URL", "YICI_RETENTION_DATABASE_URL", "YICI_LANDING", "YICI_CAMPUS",
)  # fmt: skip
_NOT_OURS = ("YICI_SERVICE_URL", "YICI_CLOCK_OFFSET_S", "YICI_LOGIN_ISSUER")
_READY_S = 30


def sandbox(
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
    port: int = typer.Option(8701, help="Port to listen on."),
    jwks: Path | None = typer.Option(
        None, help="Your own public keys (JWK set), taken beside the throw-away key."
    ),
) -> None:
    """Serve made-up people for who builds a service system, until interrupted; it registers the client `hall`."""
    import uvicorn

    from service import logs
    from warehouse.embedded import EmbeddedServer

    home = prepare(jwks)
    address = f"http://{host}:{port}"
    _certify(home, address)
    typer.echo(f"Sandbox: {address}, client {CLIENT_ID}, made-up people only: {address}/sandbox/people")
    typer.echo(f"Private key {KID}: {home / 'hall.private.json'} (JWK), {home / 'hall.private.pem'} (PEM)")
    logs.configure()
    config = uvicorn.Config(
        application(), host=host, port=port, access_log=False, log_config=None, server_header=False
    )
    server = uvicorn.Server(config)
    # uvicorn passes a signal on when it has ended: the database is to be stopped then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    threading.Thread(target=_dispute, args=(server, f"http://127.0.0.1:{port}", home), daemon=True).start()
    try:
        server.run()
    finally:
        EmbeddedServer(home).stop()


def prepare(jwks: Path | None = None) -> Path:
    """Make the sandbox's folder, database, people and client, or bring them up to date; returns the folder.

    Raises:
        ConfigurationError: something in the surroundings points at another warehouse.
    """
    from service import clients
    from warehouse.connect import connect
    from warehouse.migrate import upgrade
    from warehouse.releases import current

    home = _own_home()
    people = _people()
    file = home / "people.db"
    os.environ["SANDBOX_FILE"] = str(file)
    upgrade()
    gone = people["no_longer_reported"]
    with connect(autocommit=True) as con:
        is_new = current(con) is None
    if is_new:
        _write(file, people["tables"], {})
        _release()
    _write(file, people["tables"], gone)
    _release()
    clients.register(CLIENT_ID, "DT", "试验用服务系统", _keys(home, jwks))
    return home


def application() -> "FastAPI":
    """Return the service with what only the sandbox has: the list of its people.

    Raises:
        ConfigurationError: these are not the sandbox's surroundings.
    """
    from catalogs.settings import settings
    from service.app import create_app

    found = settings()
    if found.database_url or not (found.home / _MARK).is_file():
        raise _refusal("this is not the sandbox's own state folder and database")
    app = create_app()
    cases = _people()["cases"]

    @app.get("/sandbox/people", tags=["sandbox"])
    async def people() -> list[dict[str, Any]]:
        """Whom to ask about, for which service item, and what has to come of it."""
        return cases

    return app


def _certify(home: Path, address: str) -> None:
    """Give the sandbox keys of its own, so that it issues certificates, too."""
    from catalogs import load
    from catalogs.settings import now, settings
    from service import certificate_authority

    certificate_authority.reference_keys(home, load(settings().campus).campus.name_zh, address, now())


def _own_home() -> Path:
    """Point everything at the sandbox's own folder and return it."""
    from catalogs.settings import DEFAULT_CAMPUS, settings

    for name in _ELSEWHERE:
        if os.environ.get(name):
            raise _refusal(f"{name} is set: unset it for this command")
    home = Path(os.environ.get("YICI_HOME") or ".yici").expanduser().absolute() / _FOLDER
    mark = home / _MARK
    if home.is_dir() and any(home.iterdir()) and not mark.is_file():
        raise _refusal(f"{home} was not made by the sandbox: name another YICI_HOME")
    home.mkdir(parents=True, exist_ok=True)
    mark.write_text('{"people": "made up"}\n', encoding="utf-8")
    for name in _NOT_OURS:
        os.environ.pop(name, None)
    os.environ["YICI_HOME"] = str(home)
    os.environ["YICI_CAMPUS"] = str(DEFAULT_CAMPUS.with_name(_FOLDER))
    if settings().database_url:
        raise _refusal(f"{home / 'sources.env'} names a database: remove that line")
    return home


def _refusal(what: str) -> Exception:
    from catalogs.settings import ConfigurationError

    return ConfigurationError(
        f"the sandbox holds made-up people in a database of its own and is never pointed at another: {what}. "
        "Nothing was started"
    )


def _people() -> dict[str, Any]:
    from catalogs.settings import DEFAULT_CAMPUS

    text = (DEFAULT_CAMPUS.with_name(_FOLDER) / "people.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _write(file: Path, tables: Mapping[str, Iterable[Mapping[str, Any]]], gone: Mapping[str, str]) -> None:
    """Write the source's file anew, without the person who is no longer reported."""
    file.unlink(missing_ok=True)
    con = sqlite3.connect(file)
    for table, rows in tables.items():
        listed = [row for row in rows if table != gone.get("table") or row[gone["key"]] != gone["id"]]
        names = list(listed[0])
        con.execute(f"CREATE TABLE {table} ({', '.join(f'{name} text' for name in names)})")
        places = ", ".join("?" * len(names))
        con.executemany(f"INSERT INTO {table} VALUES ({places})", [list(row.values()) for row in listed])
    con.commit()
    con.close()


def _release() -> None:
    """Land the people, admit them, link who is who, and publish; what has no file is never received, as it is meant."""
    from catalogs import load
    from catalogs.settings import settings
    from catalogs.versions import pack
    from connectors.landing import Landing
    from expectations.admit import admit, engine
    from warehouse import identity, releases
    from warehouse.extraction import land_system

    catalog = load(settings().campus)
    landing = Landing(settings().landing)
    for system in catalog.systems:
        land_system(catalog, system, landing, by_hand=True)
    with releases.open_candidate(catalog, pack(catalog.files)) as candidate, engine() as con:
        for name in catalog.release_order():
            admit(con, candidate, catalog, catalog.resources[name], landing)
        identity.update(candidate.con, candidate.id, catalog)
        releases.publish(candidate, list(catalog.resources.values()), {})


def _keys(home: Path, jwks: Path | None) -> Path:
    """Make the throw-away key once and return the file with every public key of the client."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from joserfc.jwk import OKPKey

    from catalogs.settings import ConfigurationError
    from yici.client import public_keys, read_key

    private = home / "hall.private.json"
    if not private.is_file():
        made = OKPKey.generate_key("Ed25519", {"kid": KID, "use": "sig"})
        pem = made.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        for path, text in (
            (private, json.dumps(made.as_dict(private=True))),
            (home / "hall.private.pem", pem),
        ):
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
    known = public_keys(read_key(private))
    if jwks is not None:
        try:
            known["keys"] += json.loads(jwks.read_text(encoding="utf-8"))["keys"]
        except (OSError, ValueError, KeyError, TypeError):
            raise ConfigurationError(f"{jwks}: expected a JWK set (RFC 7517); nothing was started") from None
    public = home / "hall.jwks.json"
    public.write_text(json.dumps(known), encoding="utf-8")
    return public


def _dispute(server: Any, address: str, home: Path) -> None:
    """Once the service answers, say of one fact that it is wrong, as a service system does, if nobody has said so."""
    from yici.client import Client, ServiceProblem, read_key

    deadline = time.monotonic() + _READY_S
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.05)
    one = _people()["in_dispute"]
    person: Any = {"id_type": one["id_type"], "id": one["id"]}
    key = read_key(home / "hall.private.json")
    with (
        Client(address, CLIENT_ID, key, http={"trust_env": False}) as hall,
        contextlib.suppress(ServiceProblem),
    ):
        party: Any = person | {"role": "applicant"}
        case = hall.register_case({"service_item": one["service_item"], "parties": [party]})
        hall.file_correction(
            {
                "subject": person,
                "case_id": case["case_id"],
                "actor": {"user_id": one["id"], "role": "applicant"},
                "service_item": one["service_item"],
                "element": one["element"],
                "stated": "理学院",
                "reason": "已转系",
            }
        )
