"""Where the reference campus is put: folder, database server, variables for the readers, passwords.

Every system asks the target for its place and gets it empty at `build`, as it stands at `advance`.
A database that this package did not create is never dropped: created ones carry `MARK` as comment.
"""

import json
import os
import re
import secrets
import socket
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import conninfo, sql

FIRST_DAY = date(2026, 10, 20)
CAMPUS_ZONE = timezone(timedelta(hours=8))
DAY_STARTS = time(7, 0, tzinfo=CAMPUS_ZONE)
MARK = "reference campus of made-up people"
_OWNER = "campus_owner"
_PRIVATE = "private.json"
_STATE = "state.json"
_SAFE_VALUE = re.compile(r"^[^\n\r\"']*$")


class TargetError(Exception):
    """A place cannot be used. The message says which, what stays untouched and what to do."""


def campus_day(day: int) -> date:
    """Return the calendar day that is `day` days after the first campus day."""
    return FIRST_DAY + timedelta(days=day)


def clock_offset_s(day: int, real_now: datetime | None = None) -> int:
    """Return the seconds to add to the real clock so that it is 07:00 +08:00 of campus day `day`."""
    morning = datetime.combine(campus_day(day), DAY_STARTS)
    return round((morning - (real_now or datetime.now(UTC))).total_seconds())


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner may read, in one step: readers see the old or the new text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(
        os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as out:
        out.write(text)
    beside.replace(path)


class EnvWriter:
    """The file of variables by which readers find the systems: hosts, ports, folders, passwords."""

    def __init__(self, path: Path, values: dict[str, str] | None = None) -> None:
        self.path = path
        self.values: dict[str, str] = dict(values or {})

    @classmethod
    def load(cls, path: Path) -> "EnvWriter":
        """Take over what an earlier run wrote; an absent file is an empty one."""
        values = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                name, equals, value = line.partition("=")
                if equals and not line.startswith("#"):
                    values[name] = value
        return cls(path, values)

    def set(self, name: str, value: str | int | Path) -> None:
        """Set one variable.

        Raises:
            ValueError: the value holds a quote or a line break, which the file cannot carry.
        """
        text = str(value)
        if not _SAFE_VALUE.match(text):
            raise ValueError(f"{name}: quotes and line breaks cannot be written to {self.path}")
        self.values[name] = text

    def set_system(self, system: str, **settings: str | int | Path) -> None:
        """Set `YICI_<SYSTEM>_<SETTING>` for each setting, for example `set_system("hr", drop=folder)`."""
        for setting, value in settings.items():
            self.set(f"YICI_{system.upper()}_{setting.upper()}", value)

    def write(self) -> None:
        """Write the file, readable by its owner only."""
        lines = [
            "# Source systems of the reference campus; rewritten by `python -m demo build` and `advance`."
        ]
        lines += [f"{name}={value}" for name, value in sorted(self.values.items())]
        write_private(self.path, "\n".join(lines) + "\n")


@dataclass
class Target:
    """The place of one reference campus.

    Attributes:
        out: folder of the file-based systems and of the campus's own state.
        postgres_url: address of a role that may create databases and roles (only `build` needs such
            rights; `advance` comes as the owner of the created databases).
        finance_url: `mysql+pymysql://…` of an empty or earlier built MariaDB database; None: SQLite.
        env: the variables for the readers.
        private: passwords of this campus, kept in `<out>/private.json` (0600).
        prefix: stands before the names of databases and roles, so that campuses can share a server.
    """

    out: Path
    postgres_url: str
    finance_url: str | None
    env: EnvWriter
    private: dict[str, str] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        return self.private.get("prefix", "")

    @property
    def _owner(self) -> str:
        return f"{self.prefix}{_OWNER}"

    def folder(self, system: str) -> Path:
        """Return the system's own folder, created when absent."""
        path = self.out / system
        path.mkdir(parents=True, exist_ok=True)
        return path

    def fresh_file(self, system: str, name: str) -> Path:
        """Return the path of a file that does not exist yet; an earlier one is removed."""
        path = self.folder(system) / name
        for old in (
            path,
            path.with_name(f"{name}-wal"),
            path.with_name(f"{name}-shm"),
            path.with_name(f"{name}-journal"),
        ):
            old.unlink(missing_ok=True)
        return path

    def password(self, name: str) -> str:
        """Return the password or token kept under `name`, made at first use."""
        if name not in self.private:
            self.private[name] = secrets.token_urlsafe(24)
            write_private(self.out / _PRIVATE, json.dumps(self.private, indent=1, sort_keys=True))
        return self.private[name]

    def port(self, name: str) -> int:
        """Return the port chosen for the server `name`; chosen once, free at that moment."""
        key = f"port:{name}"
        if key not in self.private:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.private[key] = str(probe.getsockname()[1])
            write_private(self.out / _PRIVATE, json.dumps(self.private, indent=1, sort_keys=True))
        return int(self.private[key])

    def new_database(self, system: str, name: str) -> psycopg.Connection:
        """Create the system's PostgreSQL database empty and announce its reader to the env file.

        Two systems may live in one database: the second call finds it created by this build and
        returns a connection to it. The reader gets SELECT on what `grant_reader` is told.

        Returns:
            a connection as the database's owner; the caller closes it.

        Raises:
            TargetError: a database of that name exists and is not one of ours; it stays untouched.
        """
        created = self.private.setdefault("databases", "").split()
        full = f"{self.prefix}{name}"
        reader = f"{full}_reader"
        if name not in created:
            with psycopg.connect(self.postgres_url, autocommit=True) as admin:
                self._role(admin, self._owner)
                self._role(admin, reader)
                self._create(admin, full, reader)
            self.private["databases"] = " ".join([*created, name])
        host, port = self._server()
        password = self.password(f"role:{reader}")
        self.env.set_system(system, host=host, port=port, user=reader, database=full, password=password)
        return self.database(name)

    def database(self, name: str) -> psycopg.Connection:
        """Connect to a built database as its owner, with the campus's time zone; the caller closes it."""
        host, port = self._server()
        password = self.password(f"role:{self._owner}")
        full = f"{self.prefix}{name}"
        connection = psycopg.connect(host=host, port=port, dbname=full, user=self._owner, password=password)
        connection.execute("SET TIME ZONE 'Asia/Shanghai'")
        connection.commit()
        return connection

    def grant_reader(self, connection: psycopg.Connection, schema: str) -> None:
        """Let the database's reader read every table of `schema`, and nothing else, from now on."""
        reader = sql.Identifier(f"{connection.info.dbname}_reader")
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(schema), reader))
        connection.execute(
            sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}").format(sql.Identifier(schema), reader)
        )

    def reached(self, system: str) -> int:
        """Return the last campus day the system has seen, so that a day that broke off is not lived twice."""
        return int(self.private.get(f"day:{system}", "0"))

    def reach(self, system: str, day: int) -> None:
        """Keep that the system has seen a campus day."""
        self.private[f"day:{system}"] = str(day)
        write_private(self.out / _PRIVATE, json.dumps(self.private, indent=1, sort_keys=True))

    def save(self, seed: int, size: str, day: int) -> None:
        """Write state.json, the private file and the env file whose clock shows campus day `day`."""
        self.env.set("YICI_CLOCK_OFFSET_S", clock_offset_s(day))
        self.env.write()
        write_private(self.out / _PRIVATE, json.dumps(self.private, indent=1, sort_keys=True))
        state = {"seed": seed, "size": size, "day": day, "today": campus_day(day).isoformat()}
        write_private(self.out / _STATE, json.dumps(state, indent=1))

    def _server(self) -> tuple[str, int]:
        fields = conninfo.conninfo_to_dict(self.postgres_url)
        return fields.get("host") or "127.0.0.1", int(fields.get("port") or 5432)

    def _role(self, admin: psycopg.Connection, name: str) -> None:
        found = admin.execute(
            "SELECT coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname = %s",
            [name],
        ).fetchone()
        if found and found[0] != MARK:
            raise TargetError(_foreign("role", name))
        admin.execute(
            sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                sql.SQL("ALTER" if found else "CREATE"), sql.Identifier(name), self.password(f"role:{name}")
            )
        )
        admin.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(name), MARK))

    def _create(self, admin: psycopg.Connection, name: str, reader: str) -> None:
        found = admin.execute(
            "SELECT coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database WHERE datname = %s",
            [name],
        ).fetchone()
        if found and found[0] != MARK:
            raise TargetError(_foreign("database", name))
        if not admin.execute("SELECT pg_has_role(%s, 'MEMBER')", [self._owner]).fetchone()[0]:
            admin.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(self._owner)))
        named = {
            "name": sql.Identifier(name),
            "owner": sql.Identifier(self._owner),
            "reader": sql.Identifier(reader),
            "mark": MARK,
        }
        for statement in (
            "DROP DATABASE IF EXISTS {name} WITH (FORCE)",
            "CREATE DATABASE {name} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8'",
            "COMMENT ON DATABASE {name} IS {mark}",
            "REVOKE ALL ON DATABASE {name} FROM PUBLIC",
            "GRANT CONNECT ON DATABASE {name} TO {reader}",
        ):
            admin.execute(sql.SQL(statement).format(**named))


def _foreign(kind: str, name: str) -> str:
    return (
        f"{kind} {name} exists on the server and was not made by the reference campus; it was left as it is. "
        f"Give --postgres another server, or --database-prefix"
    )


def new_target(
    out: Path, postgres_url: str, finance_url: str | None, env_file: Path, prefix: str = ""
) -> Target:
    """Prepare a folder for a campus built anew; passwords and ports of an earlier build are kept.

    Args:
        out: folder, empty or of an earlier build.
        postgres_url: address of a role that may create databases and roles.
        finance_url: MariaDB of the finance system; None: SQLite.
        env_file: where the variables for the readers go.
        prefix: before the names of databases and roles.

    Raises:
        TargetError: the folder holds other things than an earlier reference campus; nothing is touched.
    """
    out = out.absolute()
    if out.exists() and any(out.iterdir()) and not (out / _PRIVATE).exists():
        raise TargetError(
            f"{out} is not empty and not a reference campus; nothing was written. Give --out another folder"
        )
    out.mkdir(parents=True, exist_ok=True)
    private = _read_json(out / _PRIVATE)
    private.update(
        {
            "databases": "",
            "postgres": _without_password(postgres_url),
            "finance": finance_url or "",
            "env": str(env_file.absolute()),
            "prefix": prefix,
        }
    )
    write_private(out / _PRIVATE, json.dumps(private, indent=1, sort_keys=True))
    return Target(out, postgres_url, finance_url, EnvWriter(env_file.absolute()), private)


def built_target(out: Path, postgres_url: str | None = None) -> tuple[Target, dict]:
    """Return the target and the state of an earlier build.

    Args:
        out: its folder.
        postgres_url: where its database server answers now, if it has moved.

    Raises:
        TargetError: there is no campus in the folder.
    """
    out = out.absolute()
    private, state = _read_json(out / _PRIVATE), _read_json(out / _STATE)
    if not private or not state:
        raise TargetError(
            f"{out} holds no built reference campus. Run `python -m demo build --out {out} …` first"
        )
    if postgres_url:
        private["postgres"] = _without_password(postgres_url)
    target = Target(
        out, private["postgres"], private["finance"] or None, EnvWriter.load(Path(private["env"])), private
    )
    if postgres_url:
        host, port = target._server()
        for name in [n for n in target.env.values if n.endswith("_DATABASE")]:
            system = name.removeprefix("YICI_").removesuffix("_DATABASE")
            if system != "FINANCE":
                target.env.set_system(system, host=host, port=port)
    return target, state


def mysql_parts(url: str) -> dict[str, str | int]:
    """Split `mysql+pymysql://user:password@host:port/database` into the settings of a reader.

    Raises:
        TargetError: another kind of address, or one without a database name.
    """
    parts = urlsplit(url)
    if not parts.scheme.startswith("mysql") or not parts.path.strip("/"):
        raise TargetError(
            "--finance-url: expected mysql+pymysql://user:password@host:port/database; nothing was written"
        )
    return {
        "host": parts.hostname or "127.0.0.1",
        "port": parts.port or 3306,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "database": parts.path.strip("/"),
    }


def _without_password(url: str) -> str:
    fields = conninfo.conninfo_to_dict(url)
    kept = {key: fields[key] for key in ("host", "port") if fields.get(key)}
    return conninfo.make_conninfo(**kept)


def _read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
