"""Bring the warehouse's own schemas to the newest version. Only `yici` and `service` belong to Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from warehouse import key_ring
from warehouse.connect import engine

_HOLDS_CLEAR = text(
    "SELECT to_regclass('service.\"case\"') IS NOT NULL AND to_regclass('yici.store_key') IS NULL"
)


def upgrade(to: str = "head") -> None:
    """Run the migrations that are missing; safe when several commands do it at once.

    Args:
        to: the last of them to run.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    own = engine()
    with own.begin() as con:
        con.execute(text("SELECT pg_advisory_xact_lock(hashtext('yici migrate'))"))
        con.execute(text("CREATE SCHEMA IF NOT EXISTS yici"))
        held_clear = con.execute(_HOLDS_CLEAR).scalar()
        config.attributes["connection"] = con
        command.upgrade(config, to)
        key_ring.enter_first(con.connection.driver_connection)
    if held_clear:
        # What was sealed stays readable in the files of these tables until they are written anew.
        with own.connect().execution_options(isolation_level="AUTOCOMMIT") as con:
            con.execute(text('ANALYZE yici.link, service."case"'))
            con.execute(text('VACUUM FULL yici.link, service."case", pg_catalog.pg_statistic'))
    own.dispose()
