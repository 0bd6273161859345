"""docs/operations.md, carried out: a warehouse is lost and brought back, keys and database agree, pages name all."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service import metrics
from service.app import create_app
from tests.service.conftest import service_url
from tests.service.desk import Desk
from tests.service.test_service import content
from tests.support import campus
from tests.support.http import asgi_server
from tests.support.postgres import PgDatabase, PgServer
from tests.yici.commands import yici
from warehouse.connect import connect
from warehouse.migrate import upgrade

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "operations.md"
ELEMENTS = ["XM", "XBM", "SFZJH"]
SUBJECT = {"id_type": "staff_no", "id": "00001"}
PEOPLE = [campus.row(1, id_no="11010519491231002X"), *(campus.row(number) for number in range(3, 40))]


@dataclass
class Place:
    """An installation: state folder, landing zone and database of its own."""

    folder: Path
    patch: pytest.MonkeyPatch

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def use(self, database: PgDatabase) -> None:
        """Let commands work on this database."""
        self.patch.setenv("YICI_DATABASE_URL", database.url)
        self.patch.setenv("YICI_SERVICE_DATABASE_URL", service_url(database))

    @contextmanager
    def service(self, database: PgDatabase) -> Iterator[Desk]:
        """Serve what is published; the end seals the record."""
        with database.connect() as owner, asgi_server(create_app()) as url:
            yield Desk(url, content(), owner, self.home)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An installation of the small campus, with nothing in it."""
    for name, text in content().files.items():
        path = tmp_path / "campus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    monkeypatch.setenv("YICI_CAMPUS", str(tmp_path / "campus"))
    monkeypatch.setenv("YICI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("YICI_LANDING", str(tmp_path / "landing"))
    return Place(tmp_path, monkeypatch)


def values(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what was answered, without what is another one each time."""
    moving = {"age_seconds"}
    return {
        element: {name: value for name, value in fact.items() if name not in moving}
        for element, fact in answer["facts"].items()
    }


def test_a_lost_warehouse_comes_back_with_its_answers_and_a_record_that_proves_itself(
    place: Place, pg_database: PgDatabase, pg_server: PgServer
):
    place.use(pg_database)
    house = campus.Warehouse(place.folder, content())
    house.land(PEOPLE)
    house.release()
    with place.service(pg_database) as desk:
        desk.register("hall", place.folder)
        case_id = desk.case(service_item="S-EMPLOYED", parties=[{"role": "applicant", **SUBJECT}])
        asked = {
            "subject": SUBJECT,
            "service_item": "S-EMPLOYED",
            "case_id": case_id,
            "elements": ELEMENTS,
            "actor": {"user_id": "U1", "role": "officer"},
        }
        before = desk.post("/v1/facts:query", asked).json()
        keys = desk.keys
    digest = yici("release", "digest")

    # Backup, in the order of the page: database, landing zone, keys.
    kept = place.folder / "kept"
    kept.mkdir()
    yici("db", "backup", str(kept / "warehouse.dump"))
    shutil.copytree(place.folder / "landing", kept / "landing")
    shutil.copytree(place.home / "keys", kept / "keys")
    assert (kept / "warehouse.dump").stat().st_mode & 0o077 == 0

    # Everything is lost.
    pg_server.drop_database(pg_database)
    shutil.rmtree(place.folder / "landing")
    shutil.rmtree(place.home)

    # Restore: keys, landing zone, database.
    shutil.copytree(kept / "keys", place.home / "keys")
    shutil.copytree(kept / "landing", place.folder / "landing")
    database = pg_server.create_database()
    try:
        place.use(database)
        yici("db", "restore", str(kept / "warehouse.dump"))
        assert "Nothing was changed or removed" in yici("record", "verify")
        yici("landing", "verify")
        assert yici("release", "digest") == digest
        with place.service(database) as desk:
            desk.keys = keys
            again = desk.post("/v1/facts:query", asked).json()
            assert values(again) == values(before)
            replayed = desk.post(
                f"/v1/transactions/{before['transaction_id']}:replay",
                {"action": "facts", "request": asked, "receipt": before["receipt"]},
            ).json()
            assert replayed["matches"] is True
        assert "Nothing was changed or removed" in yici("record", "verify")
        assert "not empty" in yici("db", "restore", str(kept / "warehouse.dump"), exit_code=2)

        # The database without its keys: nobody can say any more that the record is what was signed.
        shutil.rmtree(place.home / "keys")
        assert "checkpoint of size" in yici("record", "verify", exit_code=1)
    finally:
        pg_server.drop_database(database)


def test_a_backup_never_writes_over_another(place: Place, pg_database: PgDatabase):
    place.use(pg_database)
    upgrade()
    file = place.folder / "warehouse.dump"
    yici("db", "backup", str(file))
    first = file.read_bytes()
    assert "expected a new file" in yici("db", "backup", str(file), exit_code=2)
    assert file.read_bytes() == first
    assert list(place.folder.glob("*.partial")) == []


def test_a_file_that_is_no_backup_leaves_the_database_empty(place: Place, pg_database: PgDatabase):
    place.use(pg_database)
    file = place.folder / "warehouse.dump"
    file.write_text("no dump")
    assert "pg_restore: error" in yici("db", "restore", str(file), exit_code=3)
    with connect() as con:
        assert con.execute("SELECT to_regnamespace('yici'), to_regnamespace('service')").fetchone() == (
            None,
            None,
        )


def test_a_backup_of_an_older_version_is_brought_up_to_date(
    place: Place, pg_database: PgDatabase, pg_server: PgServer
):
    place.use(pg_database)
    upgrade("0017")
    with pg_database.connect() as owner:
        owner.execute(
            "INSERT INTO service.client (client_id, unit, name, jwks, registered_at)"
            " VALUES ('hall', 'DT', '大厅', '{}', now())"
        )
    file = place.folder / "warehouse.dump"
    yici("db", "backup", str(file))
    database = pg_server.create_database()
    try:
        place.use(database)
        yici("db", "restore", str(file))
        with connect() as con:
            version, clients = con.execute(
                "SELECT (SELECT version_num FROM yici.alembic_version), (SELECT count(*) FROM service.client)"
            ).fetchone()
        newest = max(path.name[:4] for path in (REPOSITORY / "warehouse/migrations/versions").glob("0*.py"))
        assert (version, clients) == (newest, 1)
    finally:
        pg_server.drop_database(database)


def test_the_page_names_every_setting_and_no_other():
    """Which settings there are say the rooms' own sources; the demo's and the drivers' stay out."""
    rooms = ("catalogs", "connectors", "warehouse", "expectations", "service", "pipelines")
    named = {
        name
        for room in rooms
        for path in (REPOSITORY / room).rglob("*.py")
        for name in re.findall(r"\b(YICI_[A-Z0-9_]*[A-Z])\b", path.read_text(encoding="utf-8"))
    }
    internal = {name for name in named if name.startswith("YICI_DBT_")} | INTERNAL
    rows = set(re.findall(r"^\| `(YICI_[A-Z0-9_]+)`", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert (named - internal - rows, rows - named) == (set(), set())


# Between our own processes, or examples of a campus's own variables.
INTERNAL = {"YICI_BUILD_SCHEMA", "YICI_LOGIN", "YICI_HR_DROP", "YICI_PASSWORD", "YICI_SERVICE_TLS"}


def test_the_page_names_every_metric_and_no_other():
    counted = {
        f"{one.name}_total" if one.type == "counter" else one.name for one in metrics.REGISTRY.collect()
    }
    named = set(re.findall(r"^\| `(yici_[a-z_]+)`", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert counted == named
