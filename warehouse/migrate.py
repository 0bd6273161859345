"""Bring the warehouse's own schemas to the newest version. Only `yici` and `service` belong to Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from warehouse import key_ring
from warehouse.anew import write_anew
from warehouse.connect import connect, engine

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
    own.dispose()
    if held_clear:
        with connect(autocommit=True) as owner:
            for table in ("yici.link", "service.case", "pg_catalog.pg_statistic"):
                write_anew(owner, table)
