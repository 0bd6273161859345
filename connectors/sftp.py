"""SFTP as fsspec has it, but for a host that is known.

fsspec's own file system trusts whatever key a host shows first, so anybody between us and the host could
hand us files. Here a host is taken only with a key that stands in a known-hosts file, as `ssh` itself does.
"""

from pathlib import Path

import paramiko
from fsspec.implementations.sftp import SFTPFileSystem

from connectors.base import SourceRefused


class KnownSftp(SFTPFileSystem):
    """A connection to one SFTP host.

    Args:
        system: code of the system, for messages.
        host: its name or address.
        timeout: seconds; a host that says nothing for so long has gone.
        port: of the SSH server.
        known_hosts: file as `ssh-keyscan` writes it.
        key_file: the account's private key, if it has one.
        key_password: that the key file is locked with.
        credentials: `username`, and `password` if it has one.

    Raises:
        SourceRefused: the host shows another key than the known one, or has none that is known; or the key file
            cannot be read.
    """

    def __init__(
        self,
        system: str,
        host: str,
        timeout: float,
        port: int = paramiko.config.SSH_PORT,
        known_hosts: str = "~/.ssh/known_hosts",
        key_file: str | None = None,
        key_password: str | None = None,
        **credentials: str,
    ):
        self.system = system
        self.port = port
        self.known_hosts = Path(known_hosts).expanduser()
        self.timeout_s = timeout
        self.own_key = self._own_key(key_file, key_password) if key_file else None
        super().__init__(host, **credentials)

    def _own_key(self, file: str, password: str | None) -> paramiko.PKey:
        try:
            return paramiko.PKey.from_path(Path(file).expanduser(), password.encode() if password else None)
        except (OSError, ValueError, TypeError, paramiko.SSHException):
            raise SourceRefused(
                f"{self.system}: the key file cannot be read, or its password is wrong; nothing was read. Check "
                f"{self.system}.key_file and {self.system}.key_password in systems.yaml"
            ) from None

    def _connect(self) -> None:
        self.client = paramiko.SSHClient()
        self.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        if self.known_hosts.is_file():
            self.client.load_host_keys(str(self.known_hosts))
        name = self.host if self.port == paramiko.config.SSH_PORT else f"[{self.host}]:{self.port}"
        if self.client.get_host_keys().lookup(name) is None:
            raise SourceRefused(
                f"{self.system}: the SFTP host {name} is not known, so its files cannot be trusted; nothing was "
                f"read. Ask its provider for the key's fingerprint, then add the key to the known_hosts file: "
                f"ssh-keyscan -p {self.port} {self.host}"
            )
        try:
            self.client.connect(
                self.host,
                port=self.port,
                pkey=self.own_key,
                timeout=self.timeout_s,
                banner_timeout=self.timeout_s,
                auth_timeout=self.timeout_s,
                channel_timeout=self.timeout_s,
                # The account is that of systems.yaml, not whatever the operator's own keys open.
                allow_agent=False,
                look_for_keys=False,
                **self.ssh_kwargs,
            )
            self.ftp = self.client.open_sftp()
        except paramiko.BadHostKeyException:
            self.client.close()
            raise SourceRefused(
                f"{self.system}: the SFTP host {name} shows another key than the known one: it was set up anew, "
                f"or somebody stands between; nothing was read. Ask its provider, then mend the known_hosts file"
            ) from None
        except BaseException:
            self.client.close()
            raise
        channel = self.ftp.get_channel()
        if channel is not None:
            channel.settimeout(self.timeout_s)

    def close(self) -> None:
        """Leave the host."""
        self.client.close()
