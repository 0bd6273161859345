"""The embedded server, for real: creation, crashes, concurrency, odd paths, running as root."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from warehouse.embedded import EmbeddedServer
from warehouse.placement import INSTALLATION, WHEEL_PACKAGE, EmbeddedServerError, place, wheel_binaries

REPOSITORY = Path(__file__).resolve().parents[2]
SMALL = {"shared_buffers": "16MB", "max_wal_size": "64MB", "min_wal_size": "32MB"}
ENSURE = """
import sys
from pathlib import Path
from warehouse.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]), settings={"shared_buffers": "16MB"})
print(server.ensure().socket_dir, server.status().pid, flush=True)
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A short path that every account may enter, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="yici-embedded-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def new_server() -> Iterator[Callable[[Path], EmbeddedServer]]:
    """Make servers that are removed with their data afterwards."""
    made: list[EmbeddedServer] = []

    def make(home: Path) -> EmbeddedServer:
        made.append(EmbeddedServer(home, settings=SMALL))
        return made[-1]

    yield make
    for server in made:
        server.remove()


@pytest.fixture(scope="module")
def server(new_server, folder: Path) -> EmbeddedServer:
    """One server for the tests that leave it usable."""
    return new_server(folder / "home")


def asked(server: EmbeddedServer, question: str, over_tcp: bool = False) -> object:
    with psycopg.connect(server.ensure().url(over_tcp=over_tcp)) as connection:
        return connection.execute(question).fetchone()[0]


def killed(server: EmbeddedServer) -> None:
    os.kill(server.status().pid, signal.SIGKILL)
    while server.status().state != "stopped":
        time.sleep(0.02)


def ensured_by_another_process(home: Path) -> str:
    command = [sys.executable, "-c", ENSURE, str(home)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout


def test_two_processes_at_once_create_one_server(new_server, folder):
    server = new_server(folder / "raced")
    assert server.status().state == "absent"
    with ThreadPoolExecutor(2) as pool:
        answers = set(pool.map(ensured_by_another_process, [folder / "raced"] * 2))
    assert len(answers) == 1
    assert server.status().state == "running"


def test_it_is_postgresql_18_with_bytewise_unicode_order_and_no_tcp(server):
    assert asked(server, "SHOW server_version").startswith("18")
    assert asked(server, "SELECT datlocprovider FROM pg_database WHERE datname = 'postgres'") == "b"
    assert asked(server, "SHOW listen_addresses") == ""
    assert asked(server, "SHOW data_checksums") == "on"


def test_ensure_again_is_the_same_server(server):
    first, pid = server.ensure(), server.status().pid
    assert server.ensure() == first
    assert server.status().pid == pid


def test_it_outlives_a_kill_of_the_command_that_started_it(server, folder):
    server.stop()
    command = [sys.executable, "-c", ENSURE + "import time; time.sleep(60)", str(folder / "home")]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, start_new_session=True) as starter:
        starter.stdout.readline()
        os.killpg(starter.pid, signal.SIGKILL)
    assert server.status().state == "running"
    assert asked(server, "SELECT 1") == 1


def test_after_a_kill_minus_9_it_recovers_what_was_committed(server):
    with psycopg.connect(server.ensure().url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    killed(server)
    assert asked(server, "SELECT n FROM kept") == 1


def test_after_a_kill_minus_9_it_waits_for_a_busy_connection_to_end(server):
    with psycopg.connect(server.ensure().url(), autocommit=True) as busy:
        busy.execute("SELECT 1")
        killed(server)
        assert asked(server, "SELECT 1") == 1
        with pytest.raises(psycopg.OperationalError):
            busy.execute("SELECT 1")


def test_a_stale_pid_file_that_names_another_program_does_not_stop_it(server):
    server.ensure()
    files = [server.status().data / "postmaster.pid", *server.status().socket_dir.glob("*.lock")]
    written = {path: path.read_text().splitlines() for path in files}
    killed(server)
    time.sleep(0.3)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        for path, lines in written.items():
            path.write_text("\n".join([str(stranger.pid), *lines[1:], ""]))
        assert server.status().state == "stopped"
        assert asked(server, "SELECT 1") == 1
        assert stranger.poll() is None
        stranger.kill()


def test_an_interrupted_creation_leaves_nothing_to_trip_over(new_server, folder):
    partial = place(folder / "interrupted").root / "data.partial"
    partial.mkdir()
    (partial / "PG_VERSION").write_text("18")
    assert asked(new_server(folder / "interrupted"), "SELECT 1") == 1


@pytest.mark.parametrize("name", ["with space", "数据 仓库", "quo'te\"and$dollar," + "long" * 30])
def test_any_folder_name_will_do(new_server, folder, name):
    server = new_server(folder / name)
    assert asked(server, "SELECT 1") == 1
    assert server.stop()
    assert asked(server, "SELECT 1") == 1


def test_closed_parent_folders_stay_closed(new_server, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = new_server(closed / "home")
    assert asked(server, "SELECT 1") == 1
    assert closed.stat().st_mode & 0o777 == 0o700
    assert tmp_path.stat().st_mode & 0o077 == 0
    data, sockets = server.status().data, server.status().socket_dir
    server.remove()
    assert not data.parent.exists()
    assert not sockets.exists()
    assert server.status().state == "absent"


def test_programs_in_a_closed_folder_are_run_all_the_same(new_server, folder, tmp_path, monkeypatch):
    installed = wheel_binaries().parent
    site = tmp_path / "site"
    shutil.copytree(installed, site / WHEEL_PACKAGE / INSTALLATION, symlinks=True)
    if (libraries := installed.parents[1] / f"{WHEEL_PACKAGE}.libs").exists():
        shutil.copytree(libraries, site / libraries.name)
    site.chmod(0o700)
    monkeypatch.setattr(
        "warehouse.placement.wheel_binaries", lambda: site / WHEEL_PACKAGE / INSTALLATION / "bin"
    )
    assert asked(new_server(folder / "closed-programs"), "SELECT 1") == 1


def test_only_the_password_lets_one_in(server):
    address = server.ensure(tcp=True)
    for right in (address.url(), address.url(over_tcp=True)):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(right.replace(address.password, "guess"))
    assert address.password not in repr(address)


def test_files_are_private(server, folder):
    address = server.ensure()
    assert (folder / "home" / "keys" / "postgres_superuser").stat().st_mode & 0o777 == 0o600
    assert address.socket_dir.stat().st_mode & 0o777 == 0o700
    assert server.status().data.stat().st_mode & 0o077 == 0


def test_tcp_is_opened_on_demand_and_keeps_its_port(server):
    port = server.ensure(tcp=True).port
    assert asked(server, "SELECT 1", over_tcp=True) == 1
    server.stop()
    assert server.ensure().port == port
    assert server.status().tcp


def test_a_port_that_somebody_else_took_is_an_error_that_names_it(server):
    port = server.ensure(tcp=True).port
    server.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(EmbeddedServerError, match=str(port)):
            server.ensure()


def test_stop_says_whether_there_was_anything_to_stop(server):
    server.ensure()
    assert server.stop() is True
    assert server.status().state == "stopped"
    assert server.stop() is False


def test_a_lost_password_file_is_named_and_the_data_left_alone(server, folder):
    server.ensure()
    password_file = folder / "home" / "keys" / "postgres_superuser"
    kept = password_file.read_text()
    password_file.unlink()
    with pytest.raises(EmbeddedServerError, match="postgres_superuser"):
        server.ensure()
    assert server.status().state == "running"
    password_file.write_text(kept)


def test_values_of_rows_do_not_reach_the_log(server):
    with psycopg.connect(server.ensure().url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE person (id_number text PRIMARY KEY)")
        connection.execute("INSERT INTO person VALUES ('canary')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO person VALUES ('canary')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO person VALUES (%s)", ["canary"])
    server.stop()
    text = "".join(path.read_text() for path in (server.status().data.parent / "log").glob("*.log"))
    assert "duplicate key" in text
    assert "canary" not in text


def test_settings_of_ones_own_survive_a_restart(server):
    server.ensure()
    server.stop()
    (server.status().data.parent / "local.conf").write_text("work_mem = '7MB'\n")
    assert asked(server, "SHOW work_mem") == "7MB"
