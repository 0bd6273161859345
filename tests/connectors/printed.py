"""What a database's own client prints: what a landed value is compared with."""

import os
import subprocess
from xml.etree import ElementTree

from tests.support.mariadb import MariaDatabase
from tests.support.needs import need_program
from tests.support.postgres import PgDatabase

_NULL = "∅ no value ∅"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def by_psql(database: PgDatabase, query: str) -> list[str | None]:
    """The first column of a query, as psql prints it."""
    address = database.address
    program = need_program("psql", package="postgresql-client")
    answer = subprocess.run(
        [program, "-XAt0", "-P", f"null={_NULL}", "-h", str(address.socket_dir), "-p", str(address.port),
         "-U", address.user, "-d", database.name, "-c", query],
        env=os.environ | {"PGPASSWORD": address.password, "PGTZ": "UTC", "PGCLIENTENCODING": "UTF8"},
        check=True, capture_output=True,
    )  # fmt: skip
    printed = answer.stdout.decode().split("\0")[:-1]
    return [None if value == _NULL else value for value in printed]


def by_mariadb(database: MariaDatabase, query: str) -> list[str | None]:
    """The first column of a query, as the mariadb client prints it; binary values as 0x…, without a value None."""
    program = need_program("mariadb", "mysql", package="mariadb-client")
    answer = subprocess.run(
        [program, "--no-defaults", "-h", database.host, "-P", str(database.port), "-u", database.user,
         "--default-character-set=utf8mb4", "--binary-as-hex", "--init-command=SET time_zone='+00:00'",
         "--xml", database.name, "-e", query],
        env=os.environ | {"MYSQL_PWD": database.password}, check=True, capture_output=True,
    )  # fmt: skip
    fields = ElementTree.fromstring(answer.stdout.decode()).findall("row/field[1]")
    return [None if field.get(_NIL) else field.text or "" for field in fields]
