"""The campus of the failure drills: four real sources on two days, and an installation that may be copied.

Every source stands ready as it is on day 0 and on day 1, so that a drill chooses a day by environment variables alone
and no drill changes what the next one reads: a PostgreSQL server (hr, one database per day), an SQLite file
(academic), CSV files behind SFTP (finance, one file per day) and a paged REST interface (research). Day 1 changes rows,
adds some, leaves some out, and has rows that break their contract.

An installation is a state folder with its embedded server. The one that has released day 0 is made once; each drill
gets a copy, server and all.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml

from tests.service import campus
from tests.support.disks import mount, unmount
from tests.support.http import Reply, Request, ScriptedServer, free_port, scripted_server
from tests.support.sftp import SftpServer, sftp_server
from warehouse.embedded import EmbeddedServer, ServerAddress
from warehouse.key_ring import ring

Row = dict[str, Any]
DAYS = (0, 1)
STAFF = 6_000
_PROJECTS, _PAGE = 400, 50
TOKEN = "for-drills-only"
# A session that comes here says so by one lock and waits for another one to be free; it asks again and again, since
# the sources' sessions are only allowed to wait for a lock for some seconds.
_HERE, _GATE = 4711, 4712
PAUSE = f"""
CREATE SCHEMA IF NOT EXISTS drill;
GRANT USAGE ON SCHEMA drill TO PUBLIC;
CREATE OR REPLACE FUNCTION drill.pause() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_try_advisory_lock_shared({_HERE});
    WHILE NOT pg_try_advisory_lock_shared({_GATE}) LOOP PERFORM pg_sleep(0.02); END LOOP;
    PERFORM pg_advisory_unlock_shared({_GATE});
    PERFORM pg_advisory_unlock_shared({_HERE});
    RETURN true;
END $$;
CREATE OR REPLACE FUNCTION drill.pass(n integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF n = {STAFF // 2} THEN PERFORM drill.pause(); END IF;
    RETURN true;
END $$;
"""


class Gate:
    """A point in a database where a session waits as long as this is closed."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._con = connection
        self._con.execute("SELECT pg_advisory_lock(%s)", [_GATE])

    def waiting(self) -> list[int]:
        """Return the backends that have come to the point."""
        return [
            pid
            for (pid,) in self._con.execute(
                "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                [_HERE],
            ).fetchall()
        ]

    def open(self) -> None:
        """Let everybody pass."""
        if not self._con.closed:
            self._con.execute("SELECT pg_advisory_unlock_all()")


@dataclass
class Sources:
    """The running sources.

    Attributes:
        postgres: the server of hr; its databases are `hr0` and `hr1`.
        address: of that server.
        sftp, rest: the servers of finance and research.
        variables: day → the variables that let an installation read that day.
    """

    postgres: EmbeddedServer
    address: ServerAddress
    sftp: SftpServer
    rest: ScriptedServer
    variables: Mapping[int, Mapping[str, str]]

    def hr(self, day: int) -> psycopg.Connection:
        """Connect to hr's database of a day as its superuser."""
        return psycopg.connect(self.address.url(f"hr{day}"), autocommit=True)

    def start(self) -> None:
        """Start hr's server if a drill has stopped it."""
        self.postgres.ensure(tcp=True)


@contextlib.contextmanager
def sources(folder: Path) -> Iterator[Sources]:
    """Make and serve all sources until the block ends."""
    folder.mkdir()
    folder.chmod(0o711)
    postgres = EmbeddedServer(folder / "hr", settings={"fsync": "off"})
    try:
        address = postgres.ensure(tcp=True)
        for day in DAYS:
            _fill_hr(address, day)
            _fill_academic(folder / f"academic{day}.sqlite", day)
            _fill_finance(folder / f"served/day{day}", day)
        with sftp_server(folder / "served") as sftp, scripted_server() as rest:
            hosts = sftp.known_hosts(folder / "known_hosts")
            for day in DAYS:
                rest.answers[f"/day{day}/projects"] = _pages(projects(day))
            yield Sources(
                postgres,
                address,
                sftp,
                rest,
                {
                    day: {
                        "HR_HOST": "127.0.0.1",
                        "HR_PORT": str(address.port),
                        "HR_DATABASE": f"hr{day}",
                        "HR_USER": address.user,
                        "HR_PASSWORD": address.password,
                        "ACADEMIC_FILE": str(folder / f"academic{day}.sqlite"),
                        "FINANCE_ROOT": f"sftp://127.0.0.1:{sftp.port}/day{day}",
                        "FINANCE_USER": sftp.user,
                        "FINANCE_PASSWORD": sftp.password,
                        "FINANCE_KNOWN_HOSTS": str(hosts),
                        "RESEARCH_URL": f"{rest.url}/day{day}",
                        "RESEARCH_TOKEN": TOKEN,
                    }
                    for day in DAYS
                },
            )
    finally:
        postgres.remove()


def catalog_files() -> dict[str, bytes]:
    """Return the campus's catalog: the service tests' small one, with other sources and one resource more."""
    found = campus.files()
    systems = {one["system"]: one for one in yaml.safe_load(found["systems.yaml"])}
    common = {name: {k: one[k] for k in ("system", "nameZh", "provider", "delivers") if k in one}
              for name, one in systems.items()}  # fmt: skip
    systems["hr"] = common["hr"] | {
        "kind": "postgres",
        **{key: f"env:HR_{key.upper()}" for key in ("host", "port", "database", "user", "password")},
    }
    systems["academic"] = common["academic"] | {"kind": "sqlite", "file": "env:ACADEMIC_FILE"}
    systems["finance"] = common["finance"] | {
        "kind": "files",
        **{key: f"env:FINANCE_{key.upper()}" for key in ("root", "user", "password", "known_hosts")},
    }
    systems["research"] = {
        "system": "research", "nameZh": "科研", "provider": "RS", "kind": "rest", "delivers": "05:30",
        "base_url": "env:RESEARCH_URL", "auth": {"type": "bearer", "token": "env:RESEARCH_TOKEN"},
        "paging": {"style": "page", "size": _PAGE, "rows": "$.items", "total": "$.total"},
    }  # fmt: skip
    found["systems.yaml"] = yaml.safe_dump(list(systems.values()), allow_unicode=True).encode()
    by_file = {"mode": "append", "onAbsence": "keep", "partition": {"by": "day", "from": "filename"}}
    payroll = json.loads(found["resources/finance/payroll.odcs.yaml"])
    payroll["schema"][0] |= {"physicalName": "payroll_{date}.csv", "physicalType": "file"}
    _set(payroll, ingest=by_file, read={"format": "csv", "encoding": "utf-8"})
    found["resources/finance/payroll.odcs.yaml"] = json.dumps(payroll, ensure_ascii=False).encode()
    project = json.loads(campus.contract(
        "research.projects", "项目", "RS",
        {"type": "project", "key": "project_no", "idType": "project_no"},
        [campus.item("project_no", "项目编号", key=1), campus.item("name", "名称"),
         campus.item("amount", "经费", "number")],
        read={"path": "/projects"},
    ))  # fmt: skip
    project["schema"][0] |= {"physicalName": "/projects", "physicalType": "endpoint"}
    found["resources/research/projects.odcs.yaml"] = json.dumps(project, ensure_ascii=False).encode()
    return found


def _set(contract: dict[str, Any], **custom: Any) -> None:
    kept = [one for one in contract["customProperties"] if one["property"] not in custom]
    contract["customProperties"] = kept + [{"property": k, "value": v} for k, v in custom.items()]


def staff(day: int) -> list[Row]:
    """hr.staff: on day 1 every tenth has moved, some left, some came, and some have no possible date."""
    rows = [
        {"n": n, "staff_no": f"T{n:05d}", "name": f"员{n}", "id_no": None, "status": "11", "unit": "物理系",
         "hired_on": "2020-09-01", "phone": f"1380000{n:04d}"}
        for n in range(1, STAFF + 1)
    ]  # fmt: skip
    if day == 0:
        return rows
    rows = [row | {"unit": "化学系"} if row["n"] % 10 == 0 else row for row in rows if row["n"] % 97]
    rows = [row | {"hired_on": "2020-02-31"} if row["n"] % 601 == 1 else row for row in rows]
    return rows + [
        row | {"n": STAFF + n, "staff_no": f"N{n:05d}"} for n, row in enumerate(rows[:50], start=1)
    ]


def students(day: int) -> list[Row]:
    """academic.students: on day 1 a year has left and one number stands there twice."""
    rows = [
        {"student_no": f"X{n:05d}", "name": f"生{n}", "id_no": None, "unit": "法学院", "is_enrolled": True}
        for n in range(1, 2_001)
    ]
    if day == 0:
        return rows
    left = [row | {"is_enrolled": False} if n % 4 == 0 else row for n, row in enumerate(rows)]
    return [*left, left[7] | {"name": "另一人"}]


def payroll(day: int) -> list[Row]:
    """The file of one day of finance.payroll."""
    return [
        {"staff_no": f"T{n:05d}", "month": f"2026-{9 + day:02d}", "amount": f"{5_000 + n + day}.50"}
        for n in range(1, 2_001)
    ]


def projects(day: int) -> list[Row]:
    """research.projects: on day 1 the amounts have grown."""
    return [{"project_no": f"P{n:04d}", "name": f"项目{n}", "amount": n + day} for n in range(_PROJECTS)]


def _fill_hr(address: ServerAddress, day: int) -> None:
    with psycopg.connect(address.url(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE hr{day}")
    with psycopg.connect(address.url(f"hr{day}"), autocommit=True) as con:
        con.execute(PAUSE)
        con.execute("CREATE TABLE guests (guest_no text, name text, id_no text, unit text)")
        con.execute(
            "INSERT INTO guests SELECT 'G' || n, '客' || n, NULL, '物理系' FROM generate_series(1, 40) n"
        )
        columns = [column for column in staff(day)[0] if column != "n"]
        con.execute(f"CREATE TABLE people (n integer, {', '.join(f'{c} text' for c in columns)})")
        with con.cursor().copy(f"COPY people (n, {', '.join(columns)}) FROM STDIN") as stream:
            for row in staff(day):
                stream.write_row([row["n"], *(row[column] for column in columns)])
        # Half way through its rows the view waits for the gate.
        con.execute(f"CREATE VIEW staff AS SELECT {', '.join(columns)} FROM people WHERE drill.pass(n)")


def _fill_academic(file: Path, day: int) -> None:
    rows = students(day)
    with contextlib.closing(sqlite3.connect(file)) as con, con:
        con.execute(f"CREATE TABLE students ({', '.join(rows[0])})")
        con.executemany(f"INSERT INTO students VALUES ({', '.join('?' * len(rows[0]))})",
                        [list(row.values()) for row in rows])  # fmt: skip


def _fill_finance(folder: Path, day: int) -> None:
    folder.mkdir(parents=True)
    for past in range(day + 1):
        rows = payroll(past)
        lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
        file = folder / f"payroll_2026-1{past}-10.csv"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        os.utime(file, (time.time() - 3_600,) * 2)


def _pages(rows: Sequence[Row]):
    def answer(request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Reply({}, 401)
        page, size = int(request.query["page"][0]), int(request.query["size"][0])
        return Reply({"total": len(rows), "items": rows[(page - 1) * size : page * size]})

    return answer


@dataclass(frozen=True)
class Installation:
    """A state folder with its embedded server, and the campus that it serves."""

    home: Path
    campus: Path
    variables: Mapping[str, str]

    @property
    def server(self) -> EmbeddedServer:
        return EmbeddedServer(self.home)

    def environment(self, **more: str) -> dict[str, str]:
        """Return all variables of a command of this installation."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("YICI_")}
        return own | {"YICI_HOME": str(self.home), "YICI_CAMPUS": str(self.campus), **self.variables} | more

    def connect(self) -> psycopg.Connection:
        """Connect as the server's superuser, who opens what is sealed; starts the server if need be."""
        opens = " ".join(f"-c {name}={value}" for name, value in ring(self.home).session())
        return psycopg.connect(self.server.ensure().url("yici"), autocommit=True, options=opens)

    def copy(self, home: Path, disk_mb: int | None = None) -> "Installation":
        """Return a copy of this installation, whose server must not run.

        Args:
            home: the copy's state folder.
            disk_mb: put the copy's cluster on a disk of its own of that size, which needs root.
        """
        home.mkdir()
        home.chmod(0o711)
        if disk_mb is not None:
            (home / "pg").mkdir()
            mount(home / "pg", disk_mb)
        for entry in self.home.iterdir():
            if entry.name != "run":
                subprocess.run(["cp", "-a", str(entry), str(home)], check=True)
        return Installation(home, self.campus, self.variables)


def install(folder: Path) -> Installation:
    """Return an installation of the drills' campus that has read nothing yet."""
    content = folder / "campus"
    for name, data in catalog_files().items():
        path = content / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    home = folder / "home"
    home.mkdir()
    home.chmod(0o711)
    return Installation(
        home, content, {"TEST_GOV_URL": f"http://127.0.0.1:{free_port()}", "TEST_GOV_TOKEN": "x"}
    )


def remove(installation: Installation) -> None:
    """Stop the server of an installation and delete it."""
    installation.server.remove()
    unmount(installation.home / "pg")
    unmount(installation.home / "landing")
    shutil.rmtree(installation.home, ignore_errors=True)
