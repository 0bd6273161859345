"""Where dropped files lie: a folder of this machine, or one behind an address that fsspec knows.

Whatever reads files reads them locally. A file of this machine is read where it lies. One that lies elsewhere
is fetched whole into the private folder first: its content decides whether it is new, and a connection that
breaks in the middle of a file must not look like its end.
"""

import importlib
import shutil
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec
from fsspec.registry import known_implementations

from catalogs.model import System
from catalogs.settings import ConfigurationError, resolve_env
from connectors.base import SourceError, SourceUnreachable, check_settings, setting, source_error
from connectors.duck import DuckError

_TIMEOUT_S = 30.0
_CONNECTING = "connecting"
# Drivers that come with an extra of Yici; of others fsspec itself knows what to install.
_EXTRAS = ("sftp", "smb", "s3")
_HOSTS = ("sftp", "ftp", "smb")
# Where a folder is nothing but the beginning of names: it is there as long as its bucket is.
BUCKETS = ("s3", "s3a", "oss", "obs", "cos", "gs", "gcs", "abfs", "az")
_ACCOUNT = {"user": "username", "password": "password"}
# Protocol → setting of an entry → what the file system calls it.
_CALLED = {
    "sftp": _ACCOUNT | {name: name for name in ("key_file", "key_password", "known_hosts")},
    "ftp": _ACCOUNT,
    "smb": _ACCOUNT,
    "s3": {"user": "key", "password": "secret", "endpoint": "endpoint_url"},
}
# Class names that mean "not with these credentials" in the libraries behind fsspec.
_REFUSALS = {
    "AuthenticationException",
    "PermissionError",
    "NoCredentialsError",
    "SMBAuthenticationError",
    "LogonFailure",
}
_FTP_NOT_LOGGED_IN = "530"
# What file systems call the mark that changes when a file does, the surest first.
_MARKS = ("ETag", "etag", "mtime", "LastModified", "last_modified", "modify", "created")


@dataclass(frozen=True)
class Found:
    """A file as its folder lists it.

    Attributes:
        path: where it lies, in the words of its place.
        name: file name, Unicode-normalised (a Mac writes 教师 in another form than Windows).
        size: bytes.
        stamp: changes when the file does; empty if the place cannot say.
        changed_at: seconds since 1970; None if the place cannot say.
        beside: files that this one cannot be read without (the memo file of a DBF table).
    """

    path: str
    name: str
    size: int
    stamp: str
    changed_at: float | None
    beside: tuple["Found", ...] = ()

    @property
    def all(self) -> tuple["Found", ...]:
        """The file itself, then what lies beside it."""
        return (replace(self, beside=()), *self.beside)


class Place(ABC):
    """A root folder that files are dropped into."""

    @abstractmethod
    def entries(self, folder: str = "") -> list[Found]:
        """Return the files of a folder below the root, by name; none if there is no such folder.

        Raises:
            SourceUnavailable, SourceRefused: the place cannot be listed.
        """

    @abstractmethod
    def fetch(self, found: Found) -> tuple[Path, ...] | None:
        """Return the file, then what lies beside it, on this machine; None if it changes while it is looked at.

        Raises:
            SourceUnavailable: it could not be fetched to its end.
        """

    def local(self, found: Found) -> Path | None:
        """Return the file itself on this machine; see `fetch`."""
        paths = self.fetch(found)
        return paths[0] if paths else None

    @abstractmethod
    def forget(self) -> None:
        """Remove what was fetched; the files themselves stay."""


class LocalPlace(Place):
    """A folder of this machine, or one that is mounted."""

    def __init__(self, root: Path):
        self.root = root

    def entries(self, folder: str = "") -> list[Found]:
        """See `Place.entries`."""
        where = self.root / folder
        if not where.is_dir():
            return []
        return [_of_path(path) for path in sorted(where.iterdir()) if path.is_file()]

    def fetch(self, found: Found) -> tuple[Path, ...] | None:
        """See `Place.fetch`."""
        paths = tuple(Path(one.path) for one in found.all)
        is_same = all(
            path.is_file() and _of_path(path) == one for path, one in zip(paths, found.all, strict=True)
        )
        return paths if is_same else None

    def forget(self) -> None:
        """See `Place.forget`: nothing was fetched."""


class RemotePlace(Place):
    """A folder of a file system that fsspec speaks to.

    Args:
        system: whose folder it is, for messages.
        fs: an open file system.
        root: the folder's path in it.
        folder: private folder for fetched files.
    """

    def __init__(self, system: System, fs: fsspec.AbstractFileSystem, root: str, folder: Path):
        self.system = system
        self.fs = fs
        self.root = root.rstrip("/")
        self.folder = folder
        self._fetched: dict[Found, tuple[Path, ...]] = {}

    def entries(self, folder: str = "") -> list[Found]:
        """See `Place.entries`."""
        where = f"{self.root}/{folder}" if folder else self.root
        with _told(self.system, "listing the drop folder"):
            self.fs.invalidate_cache()
            try:
                listed = self.fs.ls(where or "/", detail=True)
            except FileNotFoundError:
                return []
            links = [entry["name"] for entry in listed if entry["type"] == "link"]
            listed = [entry for entry in listed if entry["type"] != "link"]
            listed += [{**self.fs.info(name), "name": name} for name in links]
        found = [_of_info(entry) for entry in listed if entry["type"] == "file"]
        return sorted(found, key=lambda one: one.name)

    def fetch(self, found: Found) -> tuple[Path, ...] | None:
        """See `Place.fetch`."""
        if found in self._fetched:
            return self._fetched[found]
        # A folder for each: the names of files are part of messages, and patterns may span folders.
        own = self.folder / f"{len(self._fetched):06d}"
        own.mkdir()
        paths = tuple(own / one.name for one in found.all)
        for one, path in zip(found.all, paths, strict=True):
            if not self._copy(one, path):
                shutil.rmtree(own)
                return None
        self._fetched[found] = paths
        return paths

    def _copy(self, found: Found, target: Path) -> bool:
        with _told(self.system, f"fetching {found.name}"):
            try:
                self.fs.get_file(found.path, str(target))
                self.fs.invalidate_cache()
                after = _of_info({**self.fs.info(found.path), "name": found.path})
            except FileNotFoundError:
                return False
        return (after.size, after.stamp, target.stat().st_size) == (found.size, found.stamp, found.size)

    def forget(self) -> None:
        """See `Place.forget`."""
        for paths in self._fetched.values():
            shutil.rmtree(paths[0].parent)
        self._fetched.clear()


@contextmanager
def open_place(system: System, folder: Path) -> Iterator[Place]:
    """Open the folder that a system's setting `root` names.

    Args:
        system: its entry; `root` is a folder or an address such as `sftp://host/drop`.
        folder: private folder for what must be fetched.

    Raises:
        SourceUnavailable: the folder is not there now, or its host does not answer.
        SourceRefused: the host refuses us, or is not the one we know.
        ConfigurationError: a setting or a driver is missing.
    """
    root = setting(system, "root")
    protocol = urlsplit(root).scheme if "://" in root else "file"
    if protocol == "file":
        path = Path(urlsplit(root).path if "://" in root else root)
        if not path.is_dir():
            raise _not_there(system)
        yield LocalPlace(path)
        return
    fs = _file_system(system, protocol, root)
    try:
        where = fs._strip_protocol(root)
        with _told(system, _CONNECTING):  # some file systems do so only when they are first asked
            try:
                fs.info(where)
            except FileNotFoundError:
                if protocol not in BUCKETS or not _is_there(fs, where.split("/")[0]):
                    raise _not_there(system) from None
        yield RemotePlace(system, fs, where, folder)
    finally:
        close = getattr(fs, "close", None)
        if callable(close):
            close()


def _is_there(fs: fsspec.AbstractFileSystem, bucket: str) -> bool:
    try:
        fs.info(bucket)
    except FileNotFoundError:
        return False
    except PermissionError:  # the account may list its own folder only
        return True
    return True


def _file_system(system: System, protocol: str, root: str) -> fsspec.AbstractFileSystem:
    address = urlsplit(root)
    if address.username or address.password:
        raise ConfigurationError(
            f"systems.yaml: {system.code}.root: the address holds a user or a password; write them as "
            f"{system.code}.user and {system.code}.password (env:NAME), and the address without"
        )
    options = _options(system, protocol, address.hostname or "", address.port)
    try:
        if protocol == "sftp":
            kind = importlib.import_module("connectors.sftp").KnownSftp
        else:
            kind = fsspec.get_filesystem_class(protocol)
    except ImportError:
        raise ConfigurationError(f"systems.yaml: {system.code}.root: {driver_advice(protocol)}") from None
    except ValueError:
        raise ConfigurationError(
            f"systems.yaml: {system.code}.root: nobody knows addresses that begin with {protocol}://"
        ) from None
    with _told(system, _CONNECTING):
        try:
            # An instance of its own: fsspec would keep one, and its password, for the life of the process.
            return kind(**options, skip_instance_cache=True)
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"systems.yaml: {system.code}: the {protocol} file system does not take these settings; look at "
                f"{system.code}.options"
            ) from None


def _options(system: System, protocol: str, host: str, port: int | None) -> dict[str, Any]:
    """What a file system wants to be told, from the words that all entries of systems.yaml use."""
    timeout_s = float((system.limits or {}).get("timeout_s", _TIMEOUT_S))
    port = port or int(_optional(system, "port") or 0)
    options: dict[str, Any] = {
        theirs: value
        for ours, theirs in _CALLED.get(protocol, {}).items()
        if (value := _optional(system, ours)) is not None
    }
    if protocol in _HOSTS:
        options |= {"host": host, "timeout": timeout_s} | ({"port": port} if port else {})
    if protocol == "sftp":
        options["system"] = system.code
    if protocol == "s3":
        options["config_kwargs"] = {"connect_timeout": timeout_s, "read_timeout": timeout_s}
    where = f"systems.yaml: {system.code}.options"
    given = system.settings.get("options") or {}
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{where}: expected a mapping of what fsspec's {protocol} file system takes")
    for key, value in given.items():
        options[key] = resolve_env(value, f"{where}.{key}") if isinstance(value, str) else value
    return options


def _optional(system: System, name: str) -> str | None:
    return setting(system, name) if system.settings.get(name) is not None else None


def driver_advice(protocol: str) -> str:
    """Return what to install for addresses that begin so."""
    if protocol in _EXTRAS:
        return f"{protocol}:// needs a driver that is not installed: pip install 'yici[{protocol}]'"
    advice = known_implementations.get(protocol, {}).get("err", "")
    return f"{protocol}:// needs a driver that is not installed. {advice}".rstrip()


def _not_there(system: System) -> SourceUnreachable:
    return SourceUnreachable(
        f"{system.code}: the drop folder is not there; what was published stays; check {system.code}.root "
        f"in systems.yaml, or mount it"
    )


@contextmanager
def _told(system: System, what: str) -> Iterator[None]:
    """Turn whatever a file system raises into an error that names the kind of failure and nothing else."""
    try:
        yield
    except (SourceError, ConfigurationError):
        raise
    except Exception as error:  # noqa: BLE001 - the libraries behind fsspec have no common class of errors
        kinds = {kind.__name__ for kind in type(error).__mro__}
        is_refused = bool(kinds & _REFUSALS) or str(error).startswith(_FTP_NOT_LOGGED_IN)
        if is_refused:
            words = "user or password refused" if what == _CONNECTING else "the reading user lacks permission"
        elif what == _CONNECTING:
            words = "no connection"
        else:
            words = f"the connection broke ({type(error).__name__})"
        raise source_error(
            DuckError(words, transient=not is_refused), system.code, what, check_settings(system, words)
        ) from None


def _of_path(path: Path) -> Found:
    stat = path.stat()
    name = unicodedata.normalize("NFC", path.name)
    return Found(str(path), name, stat.st_size, str(stat.st_mtime_ns), stat.st_mtime)


def _of_info(info: Mapping[str, Any]) -> Found:
    path = str(info["name"])
    name = unicodedata.normalize("NFC", path.rstrip("/").rsplit("/", 1)[-1])
    marks = [info[key] for key in _MARKS if info.get(key)]
    moments = [_moment(mark) for mark in marks]
    # One and the same moment may be told as a number or as a date; a text is the place's own mark (an ETag).
    stamps = [
        str(mark) if moment is None else str(moment) for mark, moment in zip(marks, moments, strict=True)
    ]
    # A plain FTP server tells the minute only, `Nov 26 10:13`: a file corrected within it would look the same.
    stamp = next((stamp for stamp in stamps if " " not in stamp), "")
    changed_at = next((moment for moment in moments if moment is not None), None)
    return Found(path, name, int(info["size"] or 0), stamp, changed_at)


def _moment(mark: object) -> float | None:
    if isinstance(mark, datetime):
        return (mark if mark.tzinfo else mark.replace(tzinfo=UTC)).timestamp()
    if isinstance(mark, int | float):
        return float(mark)
    if isinstance(mark, str) and mark[:14].isdigit() and len(mark) >= 14:
        return datetime.strptime(mark[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    return None
