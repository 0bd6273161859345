"""What `make bench-service` asks about: the service tests' small campus, with as many people as one likes.

Its systems are SQLite files that SQL fills; `yici run` reads, judges, links and publishes them as it would anywhere.
The service item's prefill reads seven elements from three resources and proves three materials; nothing is asked live.
"""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.service import campus
from warehouse.embedded import EmbeddedServer

SERVICE_ITEM = "S-BENCH"
ELEMENTS = ("XM", "GH", "SFZJH", "ZT", "DW", "RZRQ", "GZ")
_FIELDS = (("xm", "XM"), ("gh", "GH"), ("zjh", "SFZJH"), ("dw", "DW"), ("rq", "RZRQ"), ("yt", ""))
_MATERIALS = ("M-ID", "M-STATUS", "M-PAY")
_MONTHS = 3
_N = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {people}) "
# The people of the two registers are others: nobody is in both.
_FILL = {
    "hr": (
        "CREATE TABLE staff (staff_no, name, id_no, status, unit, hired_on, phone)",
        "INSERT INTO staff SELECT printf('T%07d', n), '员' || n, NULL, '11',"
        " CASE n % 3 WHEN 0 THEN '物理系' WHEN 1 THEN '化学系' ELSE '图书馆' END,"
        " printf('20%02d-09-01', n % 25), NULL FROM s",
        "CREATE TABLE guests (guest_no, name, id_no, unit)",
        "INSERT INTO guests SELECT 'G' || n, '客' || n, NULL, '物理系' FROM s WHERE n <= 40",
    ),
    "academic": (
        "CREATE TABLE students (student_no, name, id_no, unit, is_enrolled)",
        "INSERT INTO students SELECT printf('X%07d', n), '生' || n, NULL, '法学院', 1 FROM s WHERE n % 10 = 0",
    ),
    "finance": (
        "CREATE TABLE payroll (staff_no, month, amount)",
        "INSERT INTO payroll SELECT printf('T%07d', n), '2026-' || printf('%02d', 7 + m), 5000 + n % 9000"
        f" FROM s, (SELECT value AS m FROM json_each('{json.dumps(list(range(_MONTHS)))}'))",
    ),
}
_CHANGE = "UPDATE staff SET unit = unit || '一' WHERE rowid % 100 = ?"


@dataclass(frozen=True)
class Campus:
    """The campus's folder: content, systems, state.

    Attributes:
        people: how many members of staff there are.
    """

    folder: Path
    people: int

    def environment(self) -> dict[str, str]:
        """Return all variables of a command on this campus."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("YICI_")}
        files = {f"{system.upper()}_FILE": str(self.folder / f"{system}.sqlite") for system in _FILL}
        return own | files | {
            "YICI_HOME": str(self.folder / "home"),
            "YICI_CAMPUS": str(self.folder / "campus"),
            "TEST_GOV_URL": "http://127.0.0.1:9",
            "TEST_GOV_TOKEN": "x",
        }  # fmt: skip

    def yici(self, *arguments: str) -> subprocess.Popen:
        """Start a command of Yici."""
        return subprocess.Popen(
            [sys.executable, "-m", "yici", *arguments],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self) -> None:
        """Read, judge and publish what the systems hold.

        Raises:
            SystemExit: the run failed; with its last words.
        """
        process = self.yici("run")
        said, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"bench-service: yici run: {said[-2000:]}")

    def change(self, day: int) -> None:
        """Let one member of staff in a hundred move."""
        with contextlib.closing(sqlite3.connect(self.folder / "hr.sqlite")) as con, con:
            con.execute(_CHANGE, [day % 100])

    def remove(self) -> None:
        """Stop the server and delete its data."""
        EmbeddedServer(self.folder / "home").remove()


def make(folder: Path, people: int) -> Campus:
    """Write the campus and fill its systems; nothing is read yet."""
    for name, content in _files().items():
        path = folder / "campus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for system, statements in _FILL.items():
        with contextlib.closing(sqlite3.connect(folder / f"{system}.sqlite")) as con, con:
            for statement in statements:
                is_filling = statement.startswith("INSERT")
                con.execute((_N.format(people=people) if is_filling else "") + statement)
    home = folder / "home"
    home.mkdir()
    home.chmod(0o711)
    return Campus(folder, people)


def _files() -> dict[str, bytes]:
    found = campus.files()
    systems = yaml.safe_load(found["systems.yaml"])
    for system in systems:
        if system["system"] in _FILL:
            system["file"] = f"env:{system['system'].upper()}_FILE"
    clients = yaml.safe_load(found["clients.yaml"])
    for client in clients:
        client["quota"] = {"perMinute": 100_000_000}
    services = yaml.safe_load(found["services/all.yaml"])
    services.append(
        services[0]
        | {
            "code": SERVICE_ITEM,
            "nameZh": "测速事项",
            "form": [
                {"field": field, "nameZh": field, "element": element, "editable": not element}
                for field, element in _FIELDS
            ],
            "materials": [{"material": one, "necessity": "required"} for one in _MATERIALS],
        }
    )
    demands = yaml.safe_load(found["demands/all.yaml"])
    demands.append(
        demands[0]
        | {"demandId": "D-BENCH", "purpose": {"serviceItem": SERVICE_ITEM}, "elements": list(ELEMENTS)}
    )
    changed: Mapping[str, object] = {
        "systems.yaml": systems,
        "clients.yaml": clients,
        "services/all.yaml": services,
        "demands/all.yaml": demands,
    }
    return found | {
        name: json.dumps(content, ensure_ascii=False).encode() for name, content in changed.items()
    }
