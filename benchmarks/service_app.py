"""The service with one endpoint more: the floor that the others are measured against (ARCHITECTURE §6).

The floor is what no answer of this service can do without: the same server and framework, the guard and the log line of
every request, a token verified, one row read by its key, one row inserted durably.
"""

import argparse
from typing import Annotated
from uuid import uuid4

import uvicorn
from fastapi import APIRouter, FastAPI, Header
from joserfc import jwt
from pydantic import BaseModel

from benchmarks import service_waits
from catalogs.settings import now
from service import logs
from service.api import Around
from service.app import create_app
from service.problems import Problem
from service.running import GRACE_S
from service.stopping import KEEP_ALIVE_S
from service.wire import Wire

PATH = "/bench/floor"
TABLES = """
CREATE SCHEMA IF NOT EXISTS bench;
DROP TABLE IF EXISTS bench.person, bench.entry;
CREATE TABLE bench.person (key text PRIMARY KEY, name text NOT NULL, unit text NOT NULL);
CREATE TABLE bench.entry (id uuid PRIMARY KEY, at timestamptz NOT NULL, client_id text NOT NULL, key text NOT NULL);
INSERT INTO bench.person SELECT staff_no, name, unit FROM store.hr__staff WHERE _to IS NULL;
GRANT USAGE ON SCHEMA bench TO yici_service;
GRANT SELECT ON bench.person TO yici_service;
GRANT SELECT, INSERT ON bench.entry TO yici_service;
"""
router = APIRouter()


class FloorQuery(BaseModel):
    """Whom it is about."""

    key: str


class FloorOut(BaseModel):
    """The row."""

    key: str
    name: str
    unit: str


@router.post(PATH)
async def floor(query: FloorQuery, around: Around, authorization: Annotated[str, Header()]) -> FloorOut:
    """Verify the token, read the row, insert another."""
    token = jwt.decode(authorization.partition(" ")[2], around.keys.signing, algorithms=["Ed25519"])
    row = await around.pool.fetchrow("SELECT key, name, unit FROM bench.person WHERE key = $1", query.key)
    if row is None:
        raise Problem("NOT_FOUND")
    await around.pool.execute(
        "INSERT INTO bench.entry (id, at, client_id, key) VALUES ($1, $2, $3, $4)",
        uuid4(),
        now(),
        token.claims["sub"],
        query.key,
    )
    return FloorOut(**row)


def create() -> FastAPI:
    """Return the service with the floor, and with what notes where answers wait."""
    logs.configure()
    service_waits.install()
    app = create_app(is_alone=True)
    app.include_router(router)
    app.include_router(service_waits.router)
    return app


def main() -> None:
    """Serve as `python -m service` does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    logs.configure()
    uvicorn.run(
        "benchmarks.service_app:create",
        factory=True,
        port=parser.parse_args().port,
        access_log=False,
        log_config=None,
        http=Wire,
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
    )


if __name__ == "__main__":
    main()
