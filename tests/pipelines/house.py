"""A campus whose systems are SQLite files, from a source row to an HTTP answer through the real jobs."""

import contextlib
import hashlib
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from catalogs import dbt_files
from service.app import create_app
from tests.service import campus, desk
from tests.service.conftest import service_url
from tests.service.desk import Desk
from tests.support import dbt
from tests.support.http import asgi_server
from tests.support.kept import made_once
from tests.support.postgres import PgDatabase, PgServer, worker

SYSTEMS = ("hr", "academic", "finance")
# A granted element that nobody is the source of yet.
WANTED = "WU"
MART = "mart_test__students"
# Those whom the service's tests ask for, among enough others that one more or less is no broken extract.
STAFF = desk.STAFF + [
    {"staff_no": f"F{n:03d}", "name": f"众{n}", "id_no": None, "status": "11", "unit": "物理系",
     "hired_on": "2020-09-01", "phone": None} for n in range(20)
]  # fmt: skip
STUDENTS = desk.STUDENTS + [
    {"student_no": f"Y{n:03d}", "name": f"生{n}", "id_no": None, "unit": "法学院", "is_enrolled": True}
    for n in range(20)
]
_ROWS = desk.ROWS | {"hr.staff": STAFF, "academic.students": STUDENTS}


class House:
    """The campus's folder, its three systems, and the warehouse that reads them."""

    def __init__(self, folder: Path, database: PgDatabase, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.database, self._patch = folder, database, patch
        for name, content in campus.files().items():
            self.write(name, content)
        systems = yaml.safe_load((folder / "campus/systems.yaml").read_text())
        for system in systems:
            if system["system"] in SYSTEMS:
                system["file"] = f"env:{self._variable(system['system'])}"
        self.write("systems.yaml", yaml.safe_dump(systems, allow_unicode=True).encode())
        demands = yaml.safe_load((folder / "campus/demands/all.yaml").read_text())
        demands[0]["elements"].append(WANTED)
        self.write("demands/all.yaml", yaml.safe_dump(demands, allow_unicode=True).encode())
        patch.setattr("pipelines.dbt.call", dbt.call)
        # One instance for all of a test's runs, in memory: Dagster's files take longer than what is written there.
        instance = dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}})
        patch.setattr(dg.DagsterInstance, "get", lambda: contextlib.nullcontext(instance))
        patch.setenv("YICI_CAMPUS", str(folder / "campus"))
        patch.setenv("YICI_HOME", str(folder / "home"))
        patch.setenv("YICI_DATABASE_URL", database.url)
        patch.setenv("YICI_SERVICE_DATABASE_URL", service_url(database))
        for system in SYSTEMS:
            patch.setenv(self._variable(system), str(self.file(system)))
        for name, rows in _ROWS.items():
            self.fill(name, rows)

    @staticmethod
    def _variable(system: str) -> str:
        return f"{system.upper()}_FILE"

    def write(self, name: str, content: bytes) -> None:
        """Write one file of the catalog."""
        path = self.folder / "campus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def file(self, system: str) -> Path:
        """Return the file that a system lives in."""
        return self.folder / f"{system}.sqlite"

    def fill(self, resource: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Let a table of a system hold just these rows, in one transaction."""
        system, _, table = resource.partition(".")
        columns = list(rows[0])
        with contextlib.closing(sqlite3.connect(self.file(system), timeout=20)) as con, con:
            con.execute("BEGIN IMMEDIATE")
            con.execute(f"DROP TABLE IF EXISTS {table}")
            con.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
            marks = ", ".join("?" * len(columns))
            con.executemany(
                f"INSERT INTO {table} VALUES ({marks})", [[row[c] for c in columns] for row in rows]
            )

    def first_run(self) -> None:
        """Let the first run have been made; what campus and systems hold is that run's, whichever test made it.

        It is made anew for the first test that asks, and kept for those after it.
        """

        def make() -> None:
            from pipelines.run import run

            done = run()
            assert (done.failed_systems, done.release) == ({}, 1)

        without = (*dbt_files.DBT_OUTPUT, "dagster")
        made_once(f"run_{self._content()}", self.database, self.folder / "home", make, without)

    def _content(self) -> str:
        """Return a digest of the catalog and of what the systems hold."""
        found = hashlib.sha256()
        for path in sorted((self.folder / "campus").rglob("*")):
            if path.is_file():
                found.update(repr((path.relative_to(self.folder), path.read_bytes())).encode())
        for system in SYSTEMS:
            with contextlib.closing(sqlite3.connect(self.file(system))) as con:
                found.update(repr((system, *con.iterdump())).encode())
        return found.hexdigest()[:16]

    def days_pass(self, days: int) -> None:
        """Move the campus's clock."""
        self.seconds_pass(days * 86_400)

    def seconds_pass(self, seconds: int) -> None:
        """Move the campus's clock."""
        self._patch.setenv("YICI_CLOCK_OFFSET_S", str(seconds))

    @contextlib.contextmanager
    def service(self) -> Iterator[Desk]:
        """Serve what is published until the block ends."""
        with self.database.connect() as owner, asgi_server(create_app()) as url:
            at = Desk(url, campus.catalog(), owner, self.folder)
            at.register(campus.HALL, self.folder)
            yield at


@pytest.fixture
def mart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the dbt project one more mart, whose test fails where a student has no unit."""
    template = tmp_path / "dbt_template"
    shutil.copytree(dbt_files.TEMPLATE, template, ignore=shutil.ignore_patterns(*dbt_files.DBT_OUTPUT))
    (template / f"models/marts/{MART}.sql").write_text(
        "select student_no, unit from {{ ref('stg_academic__students') }}"
    )
    (template / f"models/marts/{MART}.yml").write_text(
        f"""version: 2
models:
  - name: {MART}
    description: "学生"
    config: {{group: teaching}}
    columns:
      - {{name: student_no, data_type: text}}
      - {{name: unit, data_type: text, description: "所在单位", data_tests: ["not_null"]}}
"""
    )
    monkeypatch.setattr(dbt_files, "assemble", partial(dbt_files.assemble, template=template))


@pytest.fixture
def house(tmp_path: Path, pg_server: PgServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A campus with filled systems and nothing landed yet.

    Its database has the same name in every test of a worker, since what dbt has parsed is of one database.
    """
    database = pg_server.create_database(name=f"house_{worker()}")
    yield House(tmp_path, database, monkeypatch)
    pg_server.drop_database(database)
