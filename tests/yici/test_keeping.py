"""`yici landing`, `purge`, `rebuild` and `retention` as one types them, on a campus with a derived resource."""

import gzip
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from catalogs import dbt_files
from pipelines.definitions import load
from pipelines.keeping import retention_job
from tests.pipelines.house import STAFF, House
from tests.service import campus
from tests.service.conftest import service_url
from tests.service.desk import CANARY
from tests.support import campus as small
from tests.support.landed import parquet_text
from tests.support.postgres import PgDatabase, PgServer
from warehouse.connect import connect
from warehouse.placement import wheel_binaries
from warehouse.retention import ClockInDoubt

CARD = "staff_card"
_MODEL = f"""version: 2
models:
  - name: {CARD}
    description: "一行 = 一名教职工"
    config: {{group: teaching}}
    columns:
      - {{name: staff_no, data_type: text}}
      - {{name: line, data_type: text}}
"""


@pytest.fixture
def deriving(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """The campus with a resource that dbt computes from the staff: name and unit in one line."""
    systems = yaml.safe_load((house.folder / "campus/systems.yaml").read_text())
    systems.append(
        {"system": "derived", "nameZh": "派生", "provider": "RS", "kind": "warehouse", "delivers": "06:30"}
    )
    house.write("systems.yaml", yaml.safe_dump(systems, allow_unicode=True).encode())
    subject = {"type": "person", "key": "staff_no", "idType": "staff_no"}
    items = [campus.item("staff_no", "工号", key=1), campus.item("line", "名片")]
    card = campus.contract(f"derived.{CARD}", "名片", "RS", subject, items)
    house.write(f"resources/derived/{CARD}.odcs.yaml", card)
    template = tmp_path / "dbt_template"
    shutil.copytree(dbt_files.TEMPLATE, template, ignore=shutil.ignore_patterns(*dbt_files.DBT_OUTPUT))
    (template / f"models/feeds/{CARD}.sql").write_text(
        "select staff_no, name || ' ' || unit as line from {{ ref('stg_hr__staff') }}"
    )
    (template / f"models/feeds/{CARD}.yml").write_text(_MODEL)
    monkeypatch.setattr(dbt_files, "assemble", partial(dbt_files.assemble, template=template))
    return house


def yici(*arguments: str, exit_code: int = 0) -> str:
    from yici.cli import app

    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == exit_code, f"{done.output}\n{done.exception!r}"
    return done.output


def versions() -> list:
    """Every version of the staff and of what is derived from them, with the numbers that they carry."""
    with connect(autocommit=True) as con:
        return [
            con.execute(f"SELECT * FROM store.{table} ORDER BY staff_no, _from").fetchall()
            for table in ("hr__staff", f"derived__{CARD}")
        ]


def kept(house: House, text: str) -> list[str]:
    """The files of the state folder in which a text stands, Parquet and archives unpacked, and the dump if it does."""
    found = []
    for path in (house.folder / "home").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".parquet":
                content = parquet_text(path).encode()
            elif path.suffix == ".gz":
                content = gzip.decompress(content)
            if text.encode() in content:
                found.append(str(path))
    dump = subprocess.run(
        [wheel_binaries() / "pg_dump", "--dbname", house.database.url], capture_output=True, check=True
    )
    return [*found, "pg_dump"] if text.encode() in dump.stdout else found


def test_a_campus_is_purged_and_rebuilt_with_derived_resources_and_marts(
    deriving: House, pg_server: PgServer, monkeypatch: pytest.MonkeyPatch
):
    secret = f"{CANARY}甲 物理系"  # T001 as the derived card says it
    yici("run")
    assert "retention_daily" in [one.name for one in load().get_repository_def().schedule_defs]
    assert "The baseline is in _baselines/0000000001-" in yici("landing", "baseline")
    deriving.fill("hr.staff", [STAFF[0] | {"unit": "改名系"}, *STAFF[1:]])
    deriving.fill("finance.payroll", [{"staff_no": "", "month": "2026-08", "amount": "?"}])
    yici("run", exit_code=1)  # the payroll is refused, or held back as shrunken
    assert "No fault." in yici("landing", "verify")
    assert len(kept(deriving, secret)) >= 3

    dump = deriving.folder / "warehouse.dump"
    yici("db", "backup", str(dump))
    order = ("purge", "hr.staff", "--key", "T001", "--reason", "误报涉密人员")
    assert "would go" in yici(*order, "--dry-run")
    assert "1 baselines are written anew" in (said := yici(*order, "--yes"))
    assert "hr.staff: 2 rows in landing, 2 versions in the store, 0 rows in quarantine are gone." in said or (
        "Removed. Release 3 is current" in said
    )
    assert f"derived.{CARD}: 2 rows in landing, 2 versions" in said
    assert f"{dump} (" in said and "no longer there" not in said
    assert "ingest.exclude" in said
    assert CANARY not in said and "T001" not in said
    for text in (secret, f"{CANARY}甲", STAFF[0]["id_no"]):
        assert kept(deriving, text) == [], text
    assert "No fault." in yici("landing", "verify")
    assert "No such row is kept anywhere." in yici(*order, "--yes")
    assert "rows that it showed were deleted" in yici("release", "rollback", "2", exit_code=2)

    before, digest = versions(), yici("release", "digest")
    assert len(before[0]) == len(before[1]) == len(STAFF) - 1
    assert "not empty" in yici("rebuild", "--from-landing", "--yes", exit_code=2)
    other = pg_server.create_database()
    monkeypatch.setenv("YICI_DATABASE_URL", other.url)
    said = yici("rebuild", "--from-landing", "--yes")
    assert "From the baseline of release 2, 1 releases" in said
    assert "record, cases" in said
    assert "Release 3 is current again" in said
    assert "Release 4 is current, with its marts." in said
    assert versions() == before
    assert yici("release", "digest") == digest
    with connect(autocommit=True) as con:
        assert con.execute("SELECT count(*) FROM marts.mart_quality__row_counts").fetchone()[0] > 0
    pg_server.drop_database(other)


def test_retention_shows_what_is_overdue_and_the_nightly_job_deletes_it(
    tmp_path: Path, pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch
):
    content = small.catalog()
    for name, text in content.files.items():
        (tmp_path / "campus" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "campus" / name).write_bytes(text)
    monkeypatch.setenv("YICI_CAMPUS", str(tmp_path / "campus"))
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    service_url(pg_database)
    warehouse = small.Warehouse(tmp_path, content)
    for _ in range(2):
        warehouse.land([small.row(1)])
        warehouse.release()
    assert "Nothing is older" in yici("retention", "--dry-run")
    monkeypatch.setenv("YICI_CLOCK_OFFSET_S", str(500 * 86_400))
    said = yici("retention", "--dry-run")
    assert "hr.staff" in said and "landing 400 days" in said and "Nothing was deleted yet." in said
    assert warehouse.scalar("SELECT count(*) FROM yici.deletion") == 0
    assert "nothing was deleted" in yici("retention", exit_code=2)  # by this clock nothing runs any more
    with pytest.raises(ClockInDoubt):
        retention_job(content).execute_in_process()
    assert warehouse.scalar("SELECT count(*) FROM yici.deletion") == 0
    warehouse.land([small.row(1)])
    warehouse.release()
    assert retention_job(content).execute_in_process().success
    assert warehouse.scalar("SELECT counts ->> 'extracts' FROM yici.deletion") == "2"
    assert "Nothing is older" in yici("retention")
    assert "No fault." in yici("landing", "verify")
