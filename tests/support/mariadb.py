"""One real MariaDB per test session, for what SQLite cannot stand in for: the wire, the types, the modes."""

import contextlib
import itertools
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pymysql

from tests.support.needs import need_program
from tests.support.session import exclusively, shared_folder

_START_S = 60
_numbers = itertools.count(1)


@dataclass(frozen=True)
class MariaDatabase:
    """A database of its own on 127.0.0.1, and a user who may do everything in it."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    name: str

    @property
    def sqlalchemy_url(self) -> str:
        return (
            f"mysql+pymysql://{self.user}:{self.password}@{self.host}:{self.port}/{self.name}?charset=utf8mb4"
        )

    def connect(self) -> pymysql.Connection:
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=self.name or None,
            charset="utf8mb4",
            autocommit=True,
        )


class MariaServer:
    """The session's MariaDB."""

    def __init__(self, admin: MariaDatabase) -> None:
        self.admin = admin

    def create_database(self) -> MariaDatabase:
        """Make an empty utf8mb4 database."""
        name = f"t_{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}_{os.getpid()}_{next(_numbers)}"
        with self.admin.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return MariaDatabase(self.admin.host, self.admin.port, self.admin.user, self.admin.password, name)

    def drop_database(self, database: MariaDatabase) -> None:
        with self.admin.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {database.name}")


def start_mariadb() -> MariaServer:
    """Return the session's server, started by whichever worker asks first.

    As root the server runs as Debian's account `mysql`: it, too, refuses to run as root by default.
    """
    daemon = need_program("mariadbd", "mysqld", package="mariadb-server")
    installer = need_program("mariadb-install-db", "mysql_install_db", package="mariadb-server")
    folder = shared_folder() / "mariadb"
    with exclusively("mariadb"):
        login = folder / "login"
        if not login.exists():
            _start(folder, daemon, installer, login)
        port, password = login.read_text(encoding="ascii").split()
    return MariaServer(MariaDatabase("127.0.0.1", int(port), "campus", password, ""))


def stop_mariadb(folder: Path) -> None:
    """Stop the server whose pid file is in the folder; nothing if there is none."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
        os.kill(int((folder / "pid").read_text(encoding="ascii")), signal.SIGTERM)
        deadline = time.monotonic() + 20
        while (folder / "pid").exists() and time.monotonic() < deadline:
            time.sleep(0.05)


def _start(folder: Path, daemon: str, installer: str, login: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o755)
    as_account = []
    if os.geteuid() == 0:
        account = pwd.getpwnam("mysql")
        os.chown(folder, account.pw_uid, account.pw_gid)
        as_account = ["--user=mysql"]
    data, password, port = folder / "data", secrets.token_hex(16), _free_port()
    subprocess.run(
        [installer, "--no-defaults", *as_account, f"--datadir={data}", "--skip-test-db"],
        check=True, capture_output=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    first = folder / "first.sql"
    first.write_text(
        f"CREATE USER 'campus'@'%' IDENTIFIED BY '{password}';\n"
        "GRANT ALL ON *.* TO 'campus'@'%' WITH GRANT OPTION;\n",
        encoding="ascii",
    )
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                daemon, "--no-defaults", *as_account, f"--datadir={data}", f"--socket={folder / 'socket'}",
                f"--pid-file={folder / 'pid'}", "--bind-address=127.0.0.1", f"--port={port}",
                f"--init-file={first}", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0",
                "--innodb-buffer-pool-size=64M", "--performance-schema=OFF", "--skip-name-resolve",
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + _START_S
    while True:
        try:
            MariaDatabase("127.0.0.1", port, "campus", password, "").connect().close()
            break
        except pymysql.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                said = (folder / "log").read_text("utf-8", "replace")[-2000:]
                raise RuntimeError(f"MariaDB did not start:\n{said}") from None
            time.sleep(0.1)
    login.write_text(f"{port} {password}", encoding="ascii")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
