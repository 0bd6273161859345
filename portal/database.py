"""The portal's connections to the warehouse, as its own role or as the stewards' desk.

Handlers run in threads and borrow one each.
"""

import contextlib
from collections.abc import Iterator

import psycopg
from sqlalchemy import create_engine

from warehouse.connect import Role, pg_params, session_options, url

_WAIT_S = 5


class Database:
    """A pool of connections in autocommit mode."""

    def __init__(self, size: int, role: Role = "portal") -> None:
        self._engine = create_engine(
            url(role),
            pool_size=size,
            max_overflow=0,
            pool_timeout=_WAIT_S,
            pool_pre_ping=True,
            isolation_level="AUTOCOMMIT",
            connect_args={"options": f"{session_options(pg_params(role))} -c statement_timeout=10000"},
        )

    @contextlib.contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """Lend a connection until the block ends."""
        with self._engine.connect() as lent:
            con = lent.connection.driver_connection
            assert isinstance(con, psycopg.Connection)
            yield con

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()
