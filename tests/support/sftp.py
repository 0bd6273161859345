"""A real SFTP server over a folder, in a thread; it can cut the connection in the middle of a file."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from paramiko import sftp


@dataclass
class SftpServer:
    """Where it is, who may come in, and what it was asked for.

    Attributes:
        port: on 127.0.0.1.
        root: the folder that is its `/`.
        key: the host's key.
        user: who may come in, with `password` or with `client_key`.
        opened: files that were opened for reading, in order.
        cut_after: bytes after which the connection is cut while a file is read; None never.
    """

    port: int
    root: Path
    key: paramiko.PKey
    user: str = "dropper"
    password: str = "drop-canary-7f3a"
    client_key: paramiko.PKey | None = None
    opened: list[str] = field(default_factory=list)
    cut_after: int | None = None

    def known_hosts(self, path: Path, key: paramiko.PKey | None = None) -> Path:
        """Write a known-hosts file that names this server, with its key or another."""
        shown = key or self.key
        path.write_text(f"[127.0.0.1]:{self.port} {shown.get_name()} {shown.get_base64()}\n")
        return path


@contextlib.contextmanager
def sftp_server(root: Path) -> Iterator[SftpServer]:
    """Serve a folder until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = SftpServer(listener.getsockname()[1], root, paramiko.ECDSAKey.generate())
        transports: list[paramiko.Transport] = []
        thread = threading.Thread(target=_accept, args=(listener, server, transports), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for transport in transports:
                transport.close()


def _accept(listener: socket.socket, server: SftpServer, transports: list[paramiko.Transport]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        transport = paramiko.Transport(connection)
        transport.add_server_key(server.key)
        transport.set_subsystem_handler(
            "sftp", paramiko.SFTPServer, _Files, served=server, transport=transport
        )
        transports.append(transport)
        with contextlib.suppress(paramiko.SSHException, EOFError):
            transport.start_server(server=_Door(server))


class _Door(paramiko.ServerInterface):
    def __init__(self, server: SftpServer):
        self.server = server

    def get_allowed_auths(self, username):
        return "password,publickey"

    def check_auth_password(self, username, password):
        is_right = (username, password) == (self.server.user, self.server.password)
        return paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username, key):
        is_right = username == self.server.user and key == self.server.client_key
        return paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED


class _Files(paramiko.SFTPServerInterface):
    def __init__(self, door, served: SftpServer, transport: paramiko.Transport):
        super().__init__(door)
        self.server = served
        self.transport = transport

    def _path(self, path: str) -> Path:
        return self.server.root / path.lstrip("/")

    def list_folder(self, path):
        try:
            return [
                paramiko.SFTPAttributes.from_stat(os.lstat(entry.path), entry.name)
                for entry in os.scandir(self._path(path))
            ]
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    def stat(self, path):
        try:
            return paramiko.SFTPAttributes.from_stat(self._path(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    lstat = stat

    def open(self, path, flags, attr):
        if flags & (os.O_WRONLY | os.O_RDWR):
            return sftp.SFTP_PERMISSION_DENIED
        self.server.opened.append(path)
        try:
            return _Reading(self, self._path(path).open("rb"))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)


class _Reading(paramiko.SFTPHandle):
    def __init__(self, files: _Files, stream):
        super().__init__()
        self.files = files
        self.readfile = stream

    def stat(self):
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))

    def read(self, offset, length):
        limit = self.files.server.cut_after
        if limit is not None and offset >= limit:
            self.files.transport.close()
            return sftp.SFTP_FAILURE
        return super().read(offset, length)
