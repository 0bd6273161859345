"""The portal's connections to the warehouse, as its own role or as the stewards' desk.

Handlers run in threads and borrow one each. Sessions of the desk are given the store keys as they connect; while keys
are exchanged its pool is replaced, or what a steward files would be sealed with a key that is destroyed.
"""

import contextlib
import threading
from collections.abc import Iterator

import psycopg
import structlog
from sqlalchemy import Engine, create_engine

from catalogs.settings import ConfigurationError
from warehouse.connect import Role, pg_params, session_options, url

_WAIT_S = 5
_log = structlog.get_logger("yici.portal")


class Database:
    """A pool of connections in autocommit mode."""

    def __init__(self, size: int, role: Role = "portal") -> None:
        self._size, self._role = size, role
        self._lock = threading.Lock()
        self._options = session_options(pg_params(role))
        self._engine = self._made()

    @contextlib.contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """Lend a connection until the block ends."""
        with self._present().connect() as lent:
            con = lent.connection.driver_connection
            assert isinstance(con, psycopg.Connection)
            yield con

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def _made(self) -> Engine:
        return create_engine(
            url(self._role),
            pool_size=self._size,
            max_overflow=0,
            pool_timeout=_WAIT_S,
            pool_pre_ping=True,
            isolation_level="AUTOCOMMIT",
            connect_args={"options": f"{self._options} -c statement_timeout=10000"},
        )

    def _present(self) -> Engine:
        """Return the pool whose sessions have the store keys of now; where the ring cannot be read, those it has."""
        if not self._options:  # a role that opens nothing
            return self._engine
        with self._lock:
            try:
                options = session_options(pg_params(self._role))
            except (ConfigurationError, OSError) as error:
                _log.error("the key ring cannot be read", error=type(error).__name__)
                return self._engine
            if options != self._options:
                before, self._options = self._engine, options
                self._engine = self._made()
                before.dispose()
            return self._engine
