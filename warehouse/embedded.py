"""The PostgreSQL 18 that comes with Yici: started when a command needs it, stopped only when asked.

`EmbeddedServer(home).ensure()` may be called by any number of processes at once and after any crash. The
server outlives the command that started it, speaks only over a Unix socket in a private folder (plus
127.0.0.1 where asked for), and believes nobody without a password. Its programs come from a wheel whose own
starter is not used: that one opens up the modes of parent folders, trusts everybody, trips over a stale pid
file and stops the server under other processes.

Layout in the state folder: `pg/data` (cluster), `pg/log` (a week of logs), `pg/local.conf` (one's own
settings, read last), `pg.json` (socket folder, port), `pg.lock`, `keys/postgres_superuser` (mode 0600),
`logs/postgres-start.log`.
"""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from warehouse.placement import SYSTEM_STATE, EmbeddedServerError, Placement, digest_of, place

MAJOR_VERSION = "18"
SUPERUSER = "yici_admin"
SOCKET_PORT = 5432
_TCP_PORTS = range(20000, 30000)
_NO_SUCH_PID = 2**22 + 1  # above Linux's largest pid
_POLL_S = 0.05

# For a machine of 2 cores and 8 GB that also runs the pipeline. Error details and statements hold personal
# data, so neither is logged. wal_level minimal: nothing replicates from here and loads skip the WAL.
_SETTINGS: Mapping[str, str] = {
    "cluster_name": "yici",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "effective_cache_size": "3GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "256MB",
    "max_wal_size": "2GB",
    "password_encryption": "scram-sha-256",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_directory": "../log",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}


@dataclass(frozen=True)
class ServerAddress:
    """How to reach the running server as its superuser.

    Attributes:
        socket_dir: folder of the Unix socket; what libpq calls `host`.
        port: of the socket, and of 127.0.0.1 where `tcp` holds.
        tcp: whether the server also listens on 127.0.0.1.
    """

    socket_dir: Path
    port: int
    tcp: bool
    user: str
    password: str = field(repr=False)

    def url(self, database: str = "postgres", driver: str = "postgresql", over_tcp: bool = False) -> str:
        """An address with password: libpq's by default, SQLAlchemy's with `driver="postgresql+psycopg"`."""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        name = quote(database, safe="")
        if over_tcp:
            if not self.tcp:
                raise EmbeddedServerError("the embedded server listens on no TCP port; call ensure(tcp=True)")
            return f"{driver}://{login}@127.0.0.1:{self.port}/{name}"
        return f"{driver}://{login}@/{name}?host={quote(str(self.socket_dir), safe='')}&port={self.port}"


@dataclass(frozen=True)
class ServerStatus:
    """What `yici db status` shows; `pid` and `started_at` are None unless `state` is running."""

    state: str  # absent | stopped | starting | running
    data: Path
    pid: int | None = None
    started_at: datetime | None = None
    socket_dir: Path | None = None
    port: int | None = None
    tcp: bool = False


@dataclass(frozen=True)
class _Postmaster:
    pid: int
    started_at: datetime
    ready: bool


class EmbeddedServer:
    """The embedded server of one state folder.

    Args:
        home: the state folder (YICI_HOME).
        settings: further PostgreSQL settings for this start, over ours; tests trade durability for speed.
    """

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None) -> None:
        self.home = home.absolute()
        self._settings = dict(settings or {})

    def ensure(self, tcp: bool | None = None, timeout_s: float = 120) -> ServerAddress:
        """Return the running server's address, creating and starting the server first if need be.

        Args:
            tcp: True also listens on 127.0.0.1, restarting a server that does not; None keeps what the
                server has had (no TCP at first). The port, once chosen, stays.
            timeout_s: for recovery after a crash, and for other processes that are starting it.

        Raises:
            EmbeddedServerError: it cannot start; what is in the cluster stays as it is.
        """
        if sys.platform == "win32":
            raise EmbeddedServerError("the embedded server needs Linux or macOS; set YICI_DATABASE_URL")
        running = self._running_address()
        if running and (running.tcp or not tcp):
            return running
        deadline = time.monotonic() + timeout_s
        with self._locked(deadline):
            running = self._running_address()
            if running and (running.tcp or not tcp):
                return running
            placement = place(self.home)
            self._create(placement)
            if self._postmaster() and tcp and not self._record().get("tcp"):
                self._stop(deadline)
            self._start(placement, bool(self._record().get("tcp") if tcp is None else tcp), deadline)
        address = self._running_address()
        if address is None:
            raise EmbeddedServerError(f"the embedded server stopped right after its start; see {self._log()}")
        return address

    def stop(self, timeout_s: float = 60) -> bool:
        """Stop the server, ending open connections; False if it was not running.

        Raises:
            EmbeddedServerError: it is still stopping after `timeout_s`.
        """
        if self._postmaster() is None:
            return False
        deadline = time.monotonic() + timeout_s
        with self._locked(deadline):
            return self._stop(deadline)

    def remove(self) -> None:
        """Stop the server and delete the cluster with everything in it, wherever it lies."""
        self.stop()
        link = self.home / "pg"
        places = [link.resolve(), SYSTEM_STATE / digest_of(self.home)]
        if socket_dir := self._record().get("socket_dir"):
            places.append(Path(socket_dir))
        if link.is_symlink():
            link.unlink()
        for folder in places:
            shutil.rmtree(folder, ignore_errors=True)
        for path in (self._record_file, self._password_file):
            path.unlink(missing_ok=True)

    def status(self) -> ServerStatus:
        """Look without touching anything."""
        if not (self._data / "PG_VERSION").exists():
            return ServerStatus(state="absent", data=self._data)
        record = self._record()
        postmaster = self._postmaster()
        return ServerStatus(
            state="stopped" if postmaster is None else "running" if postmaster.ready else "starting",
            data=self._data,
            pid=postmaster.pid if postmaster else None,
            started_at=postmaster.started_at if postmaster else None,
            socket_dir=Path(record["socket_dir"]) if record else None,
            port=record.get("port"),
            tcp=bool(record.get("tcp")),
        )

    @property
    def _data(self) -> Path:
        return (self.home / "pg").resolve() / "data"

    @property
    def _record_file(self) -> Path:
        return self.home / "pg.json"

    @property
    def _password_file(self) -> Path:
        return self.home / "keys" / "postgres_superuser"

    @property
    def _start_log(self) -> Path:
        return self.home / "logs" / "postgres-start.log"

    def _log(self) -> Path:
        return self._data.parent / "log"

    def _record(self) -> dict:
        try:
            return json.loads(self._record_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    def _running_address(self) -> ServerAddress | None:
        postmaster = self._postmaster()
        if postmaster is None or not postmaster.ready:
            return None
        record = self._record()
        try:
            password = self._password_file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise EmbeddedServerError(
                f"{self._password_file} is gone, and with it the only password of the embedded server; "
                "restore the file. The data is untouched"
            ) from None
        return ServerAddress(
            Path(record["socket_dir"]), record["port"], record["tcp"], user=SUPERUSER, password=password
        )

    def _postmaster(self) -> _Postmaster | None:
        """Read postmaster.pid and believe it only if that process is this cluster's server."""
        try:
            lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            pid, started = int(lines[0]), int(lines[2])
        except (FileNotFoundError, IndexError, ValueError):
            return None
        command = _command_line(pid)
        if b"postgres" not in command or os.fsencode(self._data) not in command:
            return None
        ready = len(lines) > 7 and lines[7].strip() == "ready"
        return _Postmaster(pid, datetime.fromtimestamp(started, UTC), ready)

    def _create(self, placement: Placement) -> None:
        """initdb into a folder beside, renamed when complete: an interrupted one leaves nothing behind."""
        version_file = placement.data / "PG_VERSION"
        if version_file.exists():
            found = version_file.read_text(encoding="ascii").strip()
            if found != MAJOR_VERSION:
                raise EmbeddedServerError(
                    f"{placement.data} was made by PostgreSQL {found}, this Yici brings {MAJOR_VERSION}; "
                    "export it with the version that made it. The data is untouched"
                )
            return
        password = secrets.token_urlsafe(32)
        self._password_file.parent.mkdir(mode=0o700, exist_ok=True)
        _write_private(self._password_file, password)
        handed_over = placement.root / "superuser"
        _write_private(handed_over, password)
        placement.own(handed_over)
        partial = placement.root / "data.partial"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            made = placement.run(
                placement.binaries / "initdb",
                f"--pgdata={partial}",
                f"--username={SUPERUSER}",
                f"--pwfile={handed_over}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--data-checksums",
            )
        finally:
            handed_over.unlink()
        if made.returncode != 0:
            raise EmbeddedServerError(f"initdb failed in {placement.root}: {_last_line(made.stderr)}")
        partial.rename(placement.data)

    def _start(self, placement: Placement, tcp: bool, deadline: float) -> None:
        """Start the server detached; wait for recovery, and for an earlier server's last processes to end."""
        if self._postmaster() is None:
            port = self._port(tcp)
            self._record_file.write_text(
                json.dumps({"socket_dir": str(placement.sockets), "port": port, "tcp": tcp}), encoding="utf-8"
            )
            self._configure(placement, port, tcp)
        while True:
            if postmaster := self._postmaster():
                pid = postmaster.pid
            else:
                _disown_stale_pid(placement.data / "postmaster.pid")
                for left in placement.sockets.glob(".s.PGSQL.*"):
                    left.unlink()
                pid = _launch(placement, self._start_log)
            while _alive(pid) and time.monotonic() < deadline:
                postmaster = self._postmaster()
                if postmaster and postmaster.ready:
                    return
                time.sleep(_POLL_S)
            said = self._last_words(pid)
            if time.monotonic() > deadline or "pre-existing shared memory" not in said:
                raise EmbeddedServerError(
                    f"the embedded server did not start: {said or 'no message'} (logs: {self._start_log}, "
                    f"{self._log()}). The data in {placement.data} is untouched"
                )
            time.sleep(0.5)

    def _last_words(self, pid: int) -> str:
        """What a server that did not come up said last: before, or after, its own logging began."""
        logs = sorted(self._log().glob("*.log"), key=lambda path: path.stat().st_mtime)
        written = b"\n".join(path.read_bytes() for path in (self._start_log, *logs[-1:]))
        own = b"\n".join(line for line in written.splitlines() if b"[%d]" % pid in line)
        return _last_line(own or written)

    def _configure(self, placement: Placement, port: int, tcp: bool) -> None:
        """Write postgresql.conf whole at every start; what people set is in `local.conf`."""
        values = {
            "listen_addresses": "127.0.0.1" if tcp else "",
            "port": str(port),
            "unix_socket_directories": f'"{placement.sockets}"',
            **_SETTINGS,
            **self._settings,
        }
        quoted = (f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in values.items())
        text = "\n".join(["# Written at every start; your own settings go into ../local.conf.", *quoted])
        path = placement.data / "postgresql.conf"
        _write_private(path, f"{text}\ninclude_if_exists '../local.conf'\n")
        placement.own(path)

    def _port(self, tcp: bool) -> int:
        """The port of before; for TCP the first free one from a start that differs between state folders.

        Settings of source systems may name the port, so a taken one is an error and never replaced. Ports
        that the operating system hands out for outgoing connections are avoided.
        """
        record = self._record()
        if not tcp:
            return SOCKET_PORT
        if record.get("tcp"):
            if not _is_free(record["port"]):
                raise EmbeddedServerError(
                    f"port {record['port']} of the embedded server on 127.0.0.1 is taken by another program; "
                    f"stop that program, or change the port in {self._record_file} and where it is used"
                )
            return record["port"]
        first = int(digest_of(self.home), 16) % len(_TCP_PORTS)
        for step in range(len(_TCP_PORTS)):
            port = _TCP_PORTS[(first + step) % len(_TCP_PORTS)]
            if _is_free(port):
                return port
        raise EmbeddedServerError(f"127.0.0.1 has no free port in {_TCP_PORTS.start}-{_TCP_PORTS.stop - 1}")

    def _stop(self, deadline: float) -> bool:
        postmaster = self._postmaster()
        if postmaster is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(postmaster.pid, signal.SIGINT)  # PostgreSQL's "fast" shutdown
        while self._postmaster() is not None:
            if time.monotonic() > deadline:
                raise EmbeddedServerError(f"the embedded server is still stopping; see {self._log()}")
            time.sleep(_POLL_S)
        return True

    @contextlib.contextmanager
    def _locked(self, deadline: float) -> Iterator[None]:
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "pg.lock").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise EmbeddedServerError(
                            f"another process has held {self.home / 'pg.lock'} too long; end it and try again"
                        ) from None
                    time.sleep(_POLL_S)
            yield


def _launch(placement: Placement, start_log: Path) -> int:
    """Start postgres as nobody's child, in a session of its own; returns its pid."""
    log_folder = placement.root / "log"
    log_folder.mkdir(mode=0o700, exist_ok=True)
    placement.own(log_folder)
    start_log.parent.mkdir(exist_ok=True)
    with start_log.open("wb") as log:
        started = placement.run(
            "/bin/sh",
            "-c",
            '"$0" -D "$1" >&2 & echo $!',
            placement.binaries / "postgres",
            placement.data,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    return int(started.stdout)


def _disown_stale_pid(pid_file: Path) -> None:
    """Where the pid of a dead server now belongs to another process, name a pid that nobody has.

    PostgreSQL refuses to start while that pid lives, whoever it is. Deleting the file would also delete the
    number of the shared memory by which it notices surviving processes of the dead server; this keeps it.
    """
    try:
        lines = pid_file.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return
    if lines:
        with os.fdopen(os.open(pid_file, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW), "wb") as file:
            file.write(b"".join([b"%d\n" % _NO_SUCH_PID, *lines[1:]]))


def _command_line(pid: int) -> bytes:
    """A process's command line; empty for a dead process and for a zombie."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return b""
    shown = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
    return shown.stdout


def _alive(pid: int) -> bool:
    """Whether the process runs; a zombie, which a container without an init keeps for ever, does not."""
    if sys.platform == "linux":
        try:
            state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].strip()
        except (FileNotFoundError, ProcessLookupError):
            return False
    else:
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False).stdout
    return bool(state) and not state.startswith((b"Z", b"X"))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _last_line(output: bytes) -> str:
    """The last line that names a failure, else the last line."""
    lines = [line for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    failures = [line for line in lines if "FATAL" in line or "error:" in line]
    return (failures or lines or [""])[-1].strip()
