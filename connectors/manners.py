"""What SQLAlchemy cannot know about a dialect: which session, which snapshot, how to write a type to the last digit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql
from sqlalchemy.types import NullType, TypeEngine

from connectors.sql import MYSQL_MODE

_CONNECT_S = 10
_ISO = "SYYYY-MM-DD HH24:MI:SS"
Expression: TypeAlias = sa.ColumnElement


def _as_is(column: Expression) -> Expression:
    return column


def _cast(column: Expression) -> Expression:
    return sa.cast(column, sa.Unicode())


def _converted(target: str, style: int) -> Callable[[Expression], Expression]:
    """SQL Server's way of writing a text, with a number for the form."""
    return lambda c: sa.func.convert(sa.literal_column(target), c, sa.literal_column(str(style)))


@dataclass(frozen=True)
class Manner:
    """What SQLAlchemy does not know about a dialect.

    Attributes:
        arguments: of the driver's connect; a limit's name in braces stands for the limit (`connectors.dialects`).
        options: SQLAlchemy's execution options of the connection.
        session: statements at the beginning of a connection, with limits as above. The last ones begin the
            read-only transaction, where the dialect has one.
        cast: how a value is written as text.
        written: types that are written otherwise.
        pads: CHAR values come filled up with blanks that nobody entered.
    """

    arguments: Mapping[str, Any]
    options: Mapping[str, Any]
    session: tuple[str, ...]
    cast: Callable[[Expression], Expression] = _cast
    written: tuple[tuple[tuple[type[TypeEngine], ...], Callable[[Expression], Expression]], ...] = ()
    pads: bool = False


_POSTGRES = Manner(
    arguments={"connect_timeout": _CONNECT_S},
    options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
    session=(
        "SET statement_timeout = {limit_ms}",
        # Not every database that speaks like PostgreSQL knows these.
        "SELECT set_config(name, '{lock_ms}', false) FROM pg_settings WHERE name = 'lock_timeout'",
        "SELECT set_config(name, '{patience_ms}', false) FROM pg_settings "
        "WHERE name IN ('transaction_timeout', 'idle_in_transaction_session_timeout')",
        "SET TimeZone = 'UTC'",
        "SET DateStyle = 'ISO'",
        "SET bytea_output = 'hex'",
        "SET extra_float_digits = 1",
    ),
    written=(
        ((postgresql.MONEY,), lambda c: _cast(sa.cast(c, sa.Numeric()))),
        # A cast adds the mask that nobody entered.
        ((postgresql.INET,), lambda c: sa.func.textin(sa.func.inet_out(c))),
    ),
    pads=True,
)
MYSQL = Manner(
    arguments={"connect_timeout": _CONNECT_S},
    options={"isolation_level": "AUTOCOMMIT"},
    session=(
        MYSQL_MODE,
        "SET SESSION time_zone = '+00:00'",
        "SET SESSION lock_wait_timeout = {lock_s}",
        "SET SESSION wait_timeout = {patience_s}, net_write_timeout = {patience_s}",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ),
    written=(
        ((mysql.BIT,), lambda c: _cast(c + 0)),
        ((NullType,), _as_is),  # shapes, which have no text, and addresses, which are one
    ),
)
_MANNERS = {
    "postgresql": _POSTGRES,
    "mysql": MYSQL,
    "mariadb": MYSQL,
    "sqlite": Manner(
        arguments={"timeout": "{lock_s}", "check_same_thread": False},
        options={"isolation_level": "AUTOCOMMIT"},
        session=("PRAGMA query_only = ON", "BEGIN"),
        written=(((TypeEngine,), _as_is),),  # values have types there, columns do not
    ),
    "oracle": Manner(
        arguments={"tcp_connect_timeout": _CONNECT_S},
        options={},
        session=(
            "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'",
            f"ALTER SESSION SET NLS_DATE_FORMAT = '{_ISO}'",
            f"ALTER SESSION SET NLS_TIMESTAMP_FORMAT = '{_ISO}.FF'",
            f"ALTER SESSION SET NLS_TIMESTAMP_TZ_FORMAT = '{_ISO}.FFTZH:TZM'",
            "ALTER SESSION SET TIME_ZONE = 'UTC'",
            "SET TRANSACTION READ ONLY",
        ),
        # A year has a sign: without one it stands behind a blank.
        cast=lambda c: sa.func.ltrim(_cast(c)),
        written=(
            # Binary fractions come as such; a plain cast would round them.
            ((oracle.BINARY_DOUBLE, oracle.BINARY_FLOAT), _as_is),
            # A plain cast rounds beyond 40 characters; the driver would make a double of it.
            ((sa.Numeric, sa.Float, sa.Integer), lambda c: sa.func.to_char(c, "TM9")),
            ((sa.Text, oracle.LONG), _as_is),
        ),
        pads=True,
    ),
    "mssql": Manner(
        arguments={"timeout": "{limit_s}", "login_timeout": _CONNECT_S},
        options={},
        session=(
            "SET LOCK_TIMEOUT {lock_ms}",
            "SET LANGUAGE us_english",
            "SET DATEFORMAT ymd",
        ),
        # 121: times in ISO's form with all digits; 3: digits enough to tell a number apart; 2: all four decimals.
        cast=_converted("NVARCHAR(max)", 121),
        written=(
            ((sa.Float,), _converted("VARCHAR(40)", 3)),
            ((mssql.MONEY, mssql.SMALLMONEY), _converted("VARCHAR(40)", 2)),
        ),
        pads=True,
    ),
    "dm": Manner(
        arguments={},
        options={},
        session=("SET TRANSACTION READ ONLY",),
        cast=lambda c: sa.cast(c, sa.String(4000)),  # the dialect has no text without a length
        written=(((sa.Text,), _as_is),),
        pads=True,
    ),
}  # fmt: skip
_PLAIN = Manner(arguments={}, options={}, session=())


def manner_of(dialect: type[sa.Dialect]) -> Manner:
    """Return the manner of a dialect; those built upon PostgreSQL's (openGauss, Kingbase) share its."""
    is_postgres = issubclass(dialect, postgresql.base.PGDialect)
    return _POSTGRES if is_postgres else _MANNERS.get(dialect.name, _PLAIN)
