"""Bring the warehouse's own schemas to the newest version. Only `yici` and `service` belong to Alembic."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from warehouse import key_ring
from warehouse.anew import write_anew
from warehouse.connect import connect, engine

_HOLDS_CLEAR = text(
    "SELECT to_regclass('service.\"case\"') IS NOT NULL AND to_regclass('yici.store_key') IS NULL"
)

_SCHEMA = "yici"


def upgrade(to: str = "head") -> None:
    """Run the migrations that are missing; safe when several commands do it at once.

    Args:
        to: the last of them to run.
    """
    config = _config()
    own = engine()
    with own.begin() as con:
        con.execute(text("SELECT pg_advisory_xact_lock(hashtext('yici migrate'))"))
        con.execute(text(f"CREATE SCHEMA IF NOT EXISTS {_SCHEMA}"))
        held_clear = con.execute(_HOLDS_CLEAR).scalar()
        at = MigrationContext.configure(con, opts={"version_table_schema": _SCHEMA}).get_current_revision()
        # Alembic would load every migration once more to find that there is nothing to run.
        if to != "head" or at != _newest():
            config.attributes["connection"] = con
            command.upgrade(config, to)
        key_ring.enter_first(con.connection.driver_connection)
    own.dispose()
    if held_clear:
        with connect(autocommit=True) as owner:
            for table in ("yici.link", "service.case", "pg_catalog.pg_statistic"):
                write_anew(owner, table)


@cache
def _newest() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
