"""A warehouse's empty tables as a copy: the migrations run once in a session, and not in each of its tests."""

import psycopg
import pytest
from psycopg import conninfo, sql

from catalogs.settings import settings
from tests.support.postgres import PgDatabase, start_postgres
from tests.support.session import exclusively
from warehouse import key_ring
from warehouse.connect import ROLE_NAMES
from warehouse.migrate import upgrade

PASSWORD = "for-tests-only"
_TEMPLATE = "migrated"
# Somebody made something in it, or looks at it.
_IS_USED = """SELECT EXISTS (SELECT FROM pg_class WHERE oid >= 16384)
    OR EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid())"""


def begin() -> None:
    """Bring the warehouse's database to the newest version, as `upgrade` does."""
    with psycopg.connect(current().url) as con:
        (is_used,) = con.execute(_IS_USED).fetchone()
    if is_used:
        upgrade()
    else:
        begin_again()


def begin_again() -> None:
    """Forget everything in the warehouse's database but the tables of the newest version."""
    server, database = start_postgres(), current()
    template = server.template(_TEMPLATE, _migrate)
    server.drop_database(database)
    server.create_database(template, database.name)
    with database.connect() as con:
        # The template knows the keys of whoever made it.
        con.execute("DELETE FROM yici.store_key")
        key_ring.enter_first(con)


def current() -> PgDatabase:
    """Return the database that YICI_DATABASE_URL names, which is one of the session's server."""
    url = settings().database_url
    assert url is not None
    return PgDatabase(str(conninfo.conninfo_to_dict(url)["dbname"]), start_postgres().address)


def _migrate(database: PgDatabase) -> None:
    # Rights are granted to the roles that there are, and a test may need any of them.
    for role in ROLE_NAMES.values():
        with exclusively(f"role {role}"), database.connect() as con:
            if not con.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                con.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                        sql.Identifier(role), sql.Literal(PASSWORD)
                    )
                )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YICI_DATABASE_URL", database.url)
        upgrade()
