"""The DuckDB session between sources and the warehouse: offline, bounded, fixed settings, no leaks.

Campus data centres have no way out, so the scanners come as wheels and are loaded by path; DuckDB
checks their signature. Passwords travel only in `CREATE SECRET`: whatever stands in an `ATTACH`
text comes back in DuckDB's error message. Errors of a foreign server may also quote row values
(`invalid input syntax: "…"`), so nobody shows a raw DuckDB error: `describe` says what is safe.
"""

import importlib.resources
import re
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

# Nothing is downloaded, whatever a query names.
_CONFIG = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
# Defaults that would change a value, the moment that it means, or what a terminal shows, without saying so.
_SETTINGS = {
    "TimeZone": "'UTC'",
    "preserve_insertion_order": "false",
    "allow_persistent_secrets": "false",
    "enable_progress_bar": "false",
}
_TRANSIENT = re.compile(
    r"unable to connect|failed to connect|could not connect|connection (refused|reset|timed out|to server)"
    r"|server closed the connection|lost connection|gone away|can't connect|terminating connection"
    r"|the database system is (starting up|shutting down|in recovery)|too many (clients|connections)"
    r"|(statement|transaction) timeout|lock timeout|lock wait timeout|max_statement_time|execution was interrupted"
    r"|database is locked|no route to host|name or service not known|name resolution"
    r"|deadlock|conflict with recovery|idle-in-transaction timeout|ssl syscall|ssl connection has been",
    re.IGNORECASE,
)
_PERMANENT = re.compile(
    r"authentication failed|access denied|no password supplied|permission denied|no pg_hba\.conf entry"
    r"|(role|database) \"[^\"]*\" does not exist|unknown database|command denied",
    re.IGNORECASE,
)
NO_ROOM = "no room is left on its disk"
# Kinds of failure that may be named to a reader: fixed words, never the server's quotation of a row.
_KINDS = (
    (r"no space left on device|disk quota exceeded", NO_ROOM),
    (r"authentication failed|access denied for user|no password supplied", "user or password refused"),
    (r"permission denied|command denied", "the reading user lacks permission"),
    (r"no pg_hba\.conf entry", "the server does not admit this host or user"),
    (
        r"(statement|transaction) timeout|max_statement_time|execution was interrupted",
        "the source's time limit was reached",
    ),
    (r"lock timeout|lock wait timeout|database is locked", "the source is locked by another session"),
    (r"too many (clients|connections)", "the source has no free connection"),
    (r"terminating connection|server closed|lost connection|gone away|reset by peer", "the connection broke"),
    (
        r"unable to connect|failed to connect|could not connect|can't connect|no route to host"
        r"|connection (refused|timed out|timeout expired)|name or service not known|name resolution",
        "no connection",
    ),
    (r"unknown database|database \"[^\"]*\" does not exist", "the database does not exist"),
    (r"does not exist|doesn't exist|unknown column|no such", "a table or column does not exist"),
    (r"syntax error|error in your sql syntax", "the source could not parse the query"),
    (r"invalid unicode|invalid utf-?8|invalid byte sequence", "a text value is not valid UTF-8"),
    (
        r"division by zero|invalid input (syntax|value)|value \S* ?is out of range|out of range for type",
        "the source could not compute a value of its own (a view that casts or divides what cannot be)",
    ),
    (r"out of memory", "the memory limit of the reading session was reached"),
)


@dataclass(frozen=True)
class PgParams:
    """Where a PostgreSQL is. `host` may be a socket folder; `options` are libpq `-c name=value` texts."""

    host: str
    port: int
    dbname: str
    user: str
    password: str = field(repr=False)
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)


class DuckError(Exception):
    """A failure inside DuckDB or behind it, in words that hold no password and no row value.

    Attributes:
        transient: True if trying again later may help (connection, lock, time limit).
    """

    def __init__(self, message: str, transient: bool):
        super().__init__(message)
        self.transient = transient


def session(
    memory_limit: str = "300MB",
    threads: int = 2,
    temp_dir: Path | None = None,
    extensions: tuple[str, ...] = ("postgres_scanner",),
) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB session of our kind: extensions from wheels, nothing downloaded, UTC.

    Args:
        memory_limit: DuckDB's own limit; what does not fit spills to `temp_dir`.
        threads: parallel readers and writers.
        temp_dir: spill folder; None keeps DuckDB's default (a folder beside the process).
        extensions: scanners to load; each costs 0.15 s or more, because its signature is checked.

    Raises:
        DuckError: an extension's wheel is missing or of another DuckDB version.
    """
    config = _CONFIG | {"memory_limit": memory_limit, "threads": str(threads)}
    if temp_dir is not None:
        config["temp_directory"] = str(temp_dir)
    con = duckdb.connect(config=config)
    for extension in extensions:
        load_extension(con, extension)
    for name, value in _SETTINGS.items():
        con.execute(f"SET {name} = {value}")
    return con


def load_extension(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Load one extension from its wheel `duckdb-extension-<name>`.

    Raises:
        DuckError: the wheel is not installed, or was built for another version of DuckDB.
    """
    wheel = f"duckdb-extension-{name.replace('_', '-')}=={duckdb.__version__}"
    try:
        package = importlib.resources.files(f"duckdb_extension_{name}")
    except ModuleNotFoundError:
        message = f"DuckDB extension {name} is not installed: pip install {wheel}"
        raise DuckError(message, transient=False) from None
    file = package / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    try:
        con.execute(f"LOAD {literal(str(file))}")
    except duckdb.Error:
        raise DuckError(
            f"DuckDB extension {name} does not load into DuckDB {duckdb.__version__}: pip install {wheel}",
            transient=False,
        ) from None


def attach_postgres(
    con: duckdb.DuckDBPyConnection, alias: str, params: PgParams, read_only: bool = True
) -> None:
    """Attach a PostgreSQL as `alias`; the password goes through a secret, never through the statement.

    Raises:
        DuckError: no connection, or refused; the message holds no password.
    """
    secret = f"{alias}_secret"
    _create_secret(
        con,
        secret,
        "postgres",
        {
            "HOST": params.host,
            "PORT": str(params.port),
            "DATABASE": params.dbname,
            "USER": params.user,
            "PASSWORD": params.password,
        },
    )
    settings = dict(params.options)
    if read_only:
        settings.setdefault("default_transaction_read_only", "on")
    options = " ".join(f"-c {name}={_option_value(value)}" for name, value in settings.items())
    conninfo = f"connect_timeout=10 application_name=yici options={_conninfo_value(options)}"
    mode = ", READ_ONLY" if read_only else ""
    run(con, f"ATTACH {literal(conninfo)} AS {quote(alias)} (TYPE postgres, SECRET {quote(secret)}{mode})")


def run(con: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyConnection:
    """Execute one statement; a failure becomes a `DuckError` without the statement or a value in it."""
    try:
        return con.execute(sql)
    except duckdb.Error as error:
        raise scrubbed(error) from None


def scrubbed(error: duckdb.Error) -> DuckError:
    """Turn a DuckDB error into one that may be shown: known words for the kind, and whether to try again."""
    return DuckError(describe(error), is_transient(error))


def is_transient(error: Exception) -> bool:
    """True for failures that another attempt may not meet: connection, lock, time limit."""
    text = str(error)
    return bool(_TRANSIENT.search(text)) and not _PERMANENT.search(text)


def describe(error: Exception) -> str:
    """Name a failure in fixed words; unknown ones by their class, since their text may quote a row."""
    text = str(error)
    for pattern, words in _KINDS:
        if re.search(pattern, text, re.IGNORECASE):
            return words
    return f"the database engine failed ({type(error).__name__})"


def literal(text: str) -> str:
    """Quote a text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def quote(name: str) -> str:
    """Quote a name as an SQL identifier (DuckDB, PostgreSQL, SQLite)."""
    return '"' + name.replace('"', '""') + '"'


def _create_secret(con: duckdb.DuckDBPyConnection, name: str, kind: str, values: dict[str, str]) -> None:
    fields = ", ".join(f"{key} {literal(value)}" for key, value in values.items())
    run(con, f"CREATE OR REPLACE TEMPORARY SECRET {quote(name)} (TYPE {kind}, {fields})")


def _option_value(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _conninfo_value(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
