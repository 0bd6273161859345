"""The session's real servers as systems of kind `sqlalchemy`."""

from pathlib import Path

from catalogs.model import System
from tests.connectors.build import system
from tests.support.mariadb import MariaDatabase
from tests.support.postgres import PgDatabase


def pg_dialect_system(database: PgDatabase, **limits) -> System:
    address = database.address
    settings = {
        "dialect": "postgresql",
        "host": str(address.socket_dir),
        "port": address.port,
        "database": database.name,
        "user": address.user,
        "password": address.password,
    }
    return system("sqlalchemy", settings, **limits)


def maria_dialect_system(database: MariaDatabase, **limits) -> System:
    settings = {
        "dialect": "mysql+pymysql",
        "host": database.host,
        "port": database.port,
        "database": database.name,
        "user": database.user,
        "password": database.password,
        "options": {"charset": "utf8mb4"},
    }
    return system("sqlalchemy", settings, code="finance", **limits)


def sqlite_dialect_system(path: Path) -> System:
    return system("sqlalchemy", {"dialect": "sqlite", "database": str(path)})
