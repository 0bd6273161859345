"""Drop folders that lie elsewhere: fetched whole or not at all, and no password in any message."""

import logging
import os
import sys
import threading
import time
from pathlib import Path

import fsspec
import paramiko
import pytest
from fsspec.registry import _registry
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

from catalogs.model import Ingest, Partition, Resource, System
from catalogs.settings import ConfigurationError
from connectors import open_source
from connectors.base import ReadSpec, Scope, SourceError, SourceRefused, SourceUnavailable
from connectors.landing import Landing
from tests.connectors.build import item, resource, system
from tests.connectors.reading import land, rows
from tests.support.http import free_port
from tests.support.sftp import SftpServer, sftp_server

CSV = "工号,姓名\n007,张三\n008,李四\n".encode()
EXPECTED = [("007", "张三"), ("008", "李四")]
BY_DAY = Ingest(mode="append", partition=Partition("day", "filename"))


@pytest.fixture
def server(tmp_path: Path):
    root = tmp_path / "served"
    (root / "drop").mkdir(parents=True)
    with sftp_server(root) as running:
        yield running


@pytest.fixture
def hr(server: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    monkeypatch.setenv("HR_SFTP_PASSWORD", server.password)
    return system("files", settings(server, server.known_hosts(tmp_path / "known_hosts")), code="hr")


def settings(server: SftpServer, known_hosts: Path, **changes: object) -> dict[str, object]:
    return {
        "root": f"sftp://127.0.0.1:{server.port}/drop",
        "user": server.user,
        "password": "env:HR_SFTP_PASSWORD",
        "known_hosts": str(known_hosts),
    } | changes


def staff(physical_name: str = "staff.csv", ingest: Ingest | None = None) -> Resource:
    return resource(
        physical_name, [item("staff_no", "工号"), item("name", "姓名")], name="hr.staff", ingest=ingest
    )


def put(server: SftpServer, name: str, content: bytes) -> Path:
    path = server.root / "drop" / name
    path.write_bytes(content)
    os.utime(path, (time.time() - 60,) * 2)
    return path


def refused(hr: System, kind: type[SourceError] = SourceRefused) -> str:
    with pytest.raises(kind) as caught, open_source(hr) as source:
        list(source.readings(ReadSpec(staff())))
    return str(caught.value)


def test_files_of_an_sftp_host_arrive_and_the_same_ones_are_not_even_fetched_again(
    server: SftpServer, hr: System, landing: Landing
) -> None:
    put(server, "流水_20261019.csv", CSV)
    put(server, "流水_20261020.csv", CSV)
    put(server, "流水_20261021.csv.part", CSV)
    contract = staff("流水_{date}.csv", BY_DAY)
    first = land(landing, hr, contract)
    assert [rows(landing, manifest) for manifest in first] == [EXPECTED, EXPECTED]
    seen = {str(m.scope["partition"]): str(m.source_digest) for m in first}
    server.opened.clear()
    put(server, "流水_20261020.csv", CSV + "009,王五\n".encode())
    (corrected,) = land(landing, hr, contract, extract_id=5, seen=seen)
    assert (corrected.scope["partition"], corrected.rows) == ("2026-10-20", 3)
    assert server.opened == ["/drop/流水_20261020.csv"]


def test_only_the_partition_that_is_asked_for_is_fetched(
    server: SftpServer, hr: System, landing: Landing
) -> None:
    for day in ("20261019", "20261020"):
        put(server, f"流水_{day}.csv", CSV)
    scope = Scope.of_partition("2026-10-19")
    (manifest,) = land(landing, hr, staff("流水_{date}.csv", BY_DAY), scope=scope)
    assert (manifest.scope["partition"], server.opened) == ("2026-10-19", ["/drop/流水_20261019.csv"])


def test_what_was_fetched_is_private_and_gone_afterwards(
    server: SftpServer, hr: System, tmp_path: Path
) -> None:
    put(server, "staff.csv", CSV)
    private = tmp_path / "private"
    private.mkdir()
    with open_source(hr, temp_dir=private) as source:
        source.read(ReadSpec(staff()))
        (kept,) = private.rglob("*.csv")
        assert kept.read_bytes() == CSV
        assert all(folder.stat().st_mode & 0o077 == 0 for folder in private.iterdir())
    assert list(private.iterdir()) == []


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)  # paramiko's own thread that reads ahead
def test_a_connection_cut_in_the_middle_of_a_file_lands_nothing_and_passes(
    server: SftpServer, hr: System, landing: Landing
) -> None:
    put(server, "staff.csv", CSV + b"".join(b"%d,x\n" % number for number in range(400_000)))
    server.cut_after = 1_000_000
    with pytest.raises(SourceUnavailable, match=r"hr: fetching staff\.csv: the connection broke"):
        land(landing, hr, staff())
    assert landing.extracts() == []
    server.cut_after = None
    (manifest,) = land(landing, hr, staff())
    assert manifest.rows == 400_002


def test_a_file_that_grows_while_it_is_fetched_waits(
    server: SftpServer, hr: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(server, "staff.csv", CSV)

    class Growing(paramiko.SFTPClient):
        def get(self, remotepath, localpath, *args, **kwargs):
            super().get(remotepath, localpath, *args, **kwargs)
            with path.open("ab") as stream:
                stream.write(b"009,x\n")

    monkeypatch.setattr(
        paramiko.SSHClient, "open_sftp", lambda self: Growing.from_transport(self.get_transport())
    )
    with open_source(hr) as source:
        assert list(source.readings(ReadSpec(staff()))) == []
        assert [skip.reason for skip in source.skipped] == ["staff.csv: still growing; it waits"]


def test_a_wrong_password_is_refused_without_being_shown(
    server: SftpServer, hr: System, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HR_SFTP_PASSWORD", "CANARY-wrong")
    message = refused(hr)
    assert "user or password refused" in message
    assert "check hr.user, hr.password (variable HR_SFTP_PASSWORD) in systems.yaml" in message
    assert "CANARY" not in message + caplog.text


def test_a_key_file_opens_the_door_as_well(
    server: SftpServer, hr: System, landing: Landing, tmp_path: Path
) -> None:
    server.client_key = paramiko.ECDSAKey.generate()
    server.client_key.write_private_key_file(str(tmp_path / "id"), password="CANARY-phrase")
    put(server, "staff.csv", CSV)
    known = server.known_hosts(tmp_path / "known_hosts")
    with_key = settings(server, known, key_file=str(tmp_path / "id"), key_password="CANARY-phrase")
    del with_key["password"]
    (manifest,) = land(landing, system("files", with_key, code="hr"), staff())
    assert rows(landing, manifest) == EXPECTED
    message = refused(system("files", with_key | {"key_password": "CANARY-no"}, code="hr"))
    assert "the key file cannot be read, or its password is wrong" in message
    assert "CANARY" not in message


def test_a_host_that_is_unknown_or_shows_another_key_is_not_talked_to(
    server: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HR_SFTP_PASSWORD", server.password)
    nobody = system("files", settings(server, tmp_path / "none"), code="hr")
    assert f"hr: the SFTP host [127.0.0.1]:{server.port} is not known" in refused(nobody)
    another = server.known_hosts(tmp_path / "other", paramiko.ECDSAKey.generate())
    message = refused(system("files", settings(server, another), code="hr"))
    assert "shows another key than the known one" in message


def test_a_host_that_does_not_answer_is_a_passing_failure(
    server: SftpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HR_SFTP_PASSWORD", "CANARY")
    port = free_port()
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {server.key.get_name()} {server.key.get_base64()}\n")
    address = {"root": f"sftp://127.0.0.1:{port}/drop"}
    message = refused(system("files", settings(server, known, **address), code="hr"), SourceUnavailable)
    assert "hr: connecting: no connection" in message
    assert "hr.root" in message
    assert "CANARY" not in message


def test_a_folder_that_the_host_does_not_have_is_missed(
    server: SftpServer, hr: System, tmp_path: Path
) -> None:
    gone = {"root": f"sftp://127.0.0.1:{server.port}/elsewhere"}
    elsewhere = system("files", {**hr.settings, **gone}, code="hr")
    assert "the drop folder is not there" in refused(elsewhere, SourceUnavailable)


def test_a_password_in_the_address_is_not_accepted_and_not_shown() -> None:
    told = system("files", {"root": "sftp://hr:CANARY@127.0.0.1/drop"}, code="hr")
    with pytest.raises(ConfigurationError, match="holds a user or a password") as caught, open_source(told):
        pass
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    ("root", "module", "advice"),
    [
        ("sftp://h/d", "paramiko", r"pip install 'yici\[sftp\]'"),
        ("smb://h/share/d", "smbclient", r"pip install 'yici\[smb\]'"),
        ("s3://bucket/d", "s3fs", r"pip install 'yici\[s3\]'"),
        ("oss://bucket/d", "ossfs", "Install ossfs"),
        ("nowhere://h/d", "nothing", "nobody knows addresses that begin with nowhere://"),
    ],
)
def test_a_missing_driver_gives_the_install_command(
    root: str, module: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(_registry, root.partition(":")[0], raising=False)
    monkeypatch.delitem(sys.modules, "connectors.sftp", raising=False)
    with pytest.raises(ConfigurationError, match=advice), open_source(system("files", {"root": root})):
        pass


def test_any_other_address_that_fsspec_knows_serves_as_a_drop_folder(landing: Landing) -> None:
    store = fsspec.filesystem("memory")
    store.pipe_file("/drop/day/流水_20261020.csv", CSV)
    far = system("files", {"root": "memory://drop"}, code="hr")
    try:
        contract = staff("day/流水_{date}.csv", BY_DAY)
        (manifest,) = land(landing, far, contract)
        assert (manifest.scope["partition"], rows(landing, manifest)) == ("2026-10-20", EXPECTED)
        assert land(landing, far, contract, 2, seen={"2026-10-20": str(manifest.source_digest)}) == []
    finally:
        store.rm("/drop", recursive=True)


def test_an_ftp_host_serves_as_a_drop_folder_and_refuses_a_wrong_password(
    tmp_path: Path, landing: Landing
) -> None:
    (tmp_path / "drop").mkdir()
    settle_at = tmp_path / "drop" / "staff.csv"
    settle_at.write_bytes(CSV)
    os.utime(settle_at, (time.time() - 60,) * 2)
    doors = DummyAuthorizer()
    doors.add_user("dropper", "right", str(tmp_path))
    handler = type("Handler", (FTPHandler,), {"authorizer": doors})
    ftp = ThreadedFTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=ftp.serve_forever, kwargs={"timeout": 0.1}, daemon=True)
    thread.start()
    try:
        told = {"root": f"ftp://127.0.0.1:{ftp.address[1]}/drop", "user": "dropper", "password": "right"}
        (manifest,) = land(landing, system("files", told, code="hr"), staff())
        assert rows(landing, manifest) == EXPECTED
        again = land(
            landing, system("files", told, code="hr"), staff(), 2, seen={"": str(manifest.source_digest)}
        )
        assert again == []
        message = refused(system("files", told | {"password": "CANARY"}, code="hr"))
    finally:
        ftp.close_all()
        thread.join(5)
    assert "user or password refused" in message
    assert "CANARY" not in message
