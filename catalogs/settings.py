"""Where this installation lives: state folder, campus content, warehouse, landing zone, clock.

Everything comes from the environment, read when asked and never at import, so that a test or a
second campus on one machine changes nothing but variables. Connection settings of source systems
stay names of variables (`env:NAME`) until the moment somebody connects, so that no secret is ever
held by the catalog.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

DEFAULT_CAMPUS = Path(__file__).resolve().parent / "campus"
SOURCES_ENV = "sources.env"
_ENV_PREFIX = "env:"


class ConfigurationError(Exception):
    """A setting is missing or malformed. The message names place and variable, never a value."""


@dataclass(frozen=True)
class Settings:
    """The installation's own settings.

    Attributes:
        home: state folder (YICI_HOME, default `./.yici`), absolute.
        campus: folder of the catalog's content (YICI_CAMPUS), absolute.
        database_url: address of an external PostgreSQL (YICI_DATABASE_URL); None means embedded.
        landing: fsspec address of the landing zone (YICI_LANDING, default `<home>/landing`).
    """

    home: Path
    campus: Path
    database_url: str | None
    landing: str


def settings() -> Settings:
    """Read the settings from the environment, after loading `<home>/sources.env` if there is one."""
    home = Path(os.environ.get("YICI_HOME") or ".yici").expanduser().absolute()
    load_env_file(home / SOURCES_ENV)
    campus = Path(os.environ.get("YICI_CAMPUS") or DEFAULT_CAMPUS).expanduser().absolute()
    return Settings(
        home=home,
        campus=campus,
        database_url=os.environ.get("YICI_DATABASE_URL") or None,
        landing=os.environ.get("YICI_LANDING") or str(home / "landing"),
    )


def load_env_file(path: Path) -> None:
    """Load `KEY=VALUE` lines into the environment without overriding what is set; absent file: nothing.

    Blank lines and lines starting with `#` are skipped; one pair of surrounding quotes is removed.

    Raises:
        ConfigurationError: a line without `=`, named by file and line number only.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.removeprefix("export ").partition("=")
        if not equals or not name.strip():
            raise ConfigurationError(f"{path}:{number}: expected KEY=VALUE; nothing of this line was used")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        os.environ.setdefault(name.strip(), value)


def variable_of(value: str) -> str | None:
    """Return the name behind `env:NAME`; None for a value that stands there itself."""
    return value.removeprefix(_ENV_PREFIX) if value.startswith(_ENV_PREFIX) else None


def resolve_env(value: str, where: str) -> str:
    """Return the value behind `env:NAME`; any other text is returned as it stands.

    Args:
        value: a setting of systems.yaml, for example `env:YICI_HR_DROP`.
        where: system and setting for the message, for example `systems.yaml: hr.root`.

    Raises:
        ConfigurationError: the variable is not set or empty.
    """
    name = variable_of(value)
    if name is None:
        return value
    found = os.environ.get(name)
    if not found:
        raise ConfigurationError(
            f"{where}: environment variable {name} is not set; set it, or put it into "
            f"{SOURCES_ENV} in the state folder (YICI_HOME). Nothing was read from this system"
        )
    return found


def kept_secret(home: Path, name: str, make: Callable[[], str]) -> str:
    """Return the secret kept in `<home>/keys/<name>` (mode 0600), made once; concurrent makers agree on one.

    Args:
        home: the state folder.
        name: file name of the secret.
        make: called if there is none yet.
    """
    file = home / "keys" / name
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.is_file():
        partial = file.with_name(f"{name}.{os.getpid()}")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(make())
        with contextlib.suppress(FileExistsError):
            os.link(partial, file)
        partial.unlink()
    return file.read_text()


@contextlib.contextmanager
def scratch(what: str) -> Iterator[Path]:
    """Give a folder below `<home>/tmp` that is gone afterwards, and remove what killed processes left there.

    Rows pass through it: it is as private as the landing zone, and not where the machine keeps everybody's.

    Args:
        what: for the folder's name, for example `extract`.
    """
    root = settings().home / "tmp"
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in root.glob("*-*-*"):
        owner = old.name.split("-")[1]
        if owner.isdigit() and not _runs(int(owner)):
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{what}-{os.getpid()}-", dir=root) as folder:
        yield Path(folder)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def now() -> datetime:
    """Return the campus's present moment: the real clock plus YICI_CLOCK_OFFSET_S seconds, aware, UTC.

    Tokens and signatures use the real clock instead.

    Raises:
        ConfigurationError: the offset is not a number.
    """
    text = os.environ.get("YICI_CLOCK_OFFSET_S") or "0"
    try:
        offset_s = float(text)
    except ValueError:
        raise ConfigurationError("YICI_CLOCK_OFFSET_S: expected a number of seconds") from None
    return datetime.now(UTC) + timedelta(seconds=offset_s)
