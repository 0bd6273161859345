"""Sensitive items lie sealed: in the landing zone, the store, quarantine, links, and the notes of a purge."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import psycopg
import pytest
from alembic import command
from alembic.config import Config

from catalogs.model import Catalog
from catalogs.settings import ConfigurationError
from connectors import landing_keys
from connectors.landing import LandingError
from expectations.admit import engine
from expectations.purge import Order, Purged, purge
from service import cases
from tests.support import campus
from tests.support.postgres import PgDatabase
from tests.support.session import exclusively
from warehouse import key_ring, migrate, releases, rotation
from warehouse.connect import connect
from warehouse.connect import engine as engine_of_warehouse
from warehouse.sealing import SealError

NUMBER = "110101198001017777"
ODD = "110101198001018888"
PAY = "8765432.10"
_SENSITIVE = ("id_no", "sex", "born_on", "salary", "updated_at")


def sensitive(*names: str, absence: str = "keep_as_former") -> Catalog:
    """Return the small campus with some items of the class sensitive."""
    contract = campus.CONTRACT.format(mode="full", absence=absence, extra="")
    for name in names:
        lines = [line for line in contract.splitlines() if f'name: "{name}"' in line]
        (line,) = lines
        word = '{property: "piClass", value: "sensitive"}, {property: "mask", value: "hide"}'
        if "customProperties: [" in line:
            changed = line.replace("customProperties: [", f"customProperties: [{word}, ")
        else:
            changed = line.rstrip()[:-1] + f", customProperties: [{word}]}}"
        contract = contract.replace(line, changed)
    return campus.catalog(contract=contract)


def people(number: str = NUMBER) -> list[dict[str, str | None]]:
    return [
        *(campus.row(number, id_no=f"11010119800101{number:04d}") for number in range(1, 40)),
        campus.row(40, id_no=number, salary=PAY, updated_at="2026-01-02 03:04:05.678"),
        campus.row(41, id_no=None, sex=None, born_on=None, salary="0.00"),
    ]


@pytest.fixture(autouse=True)
def own_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has the rings of its own home."""
    monkeypatch.delenv(key_ring.ENVIRONMENT)
    monkeypatch.delenv(landing_keys.ENVIRONMENT)


@pytest.fixture
def house(warehouse: Callable[[Catalog], campus.Warehouse]) -> Iterator[campus.Warehouse]:
    yield warehouse(sensitive(*_SENSITIVE))


def test_what_is_read_is_what_was_sent_for_every_type(
    house: campus.Warehouse, warehouse: Callable[[Catalog], campus.Warehouse]
) -> None:
    house.land(people())
    house.release()
    sealed, digest = house.served(), house.digest()
    house.empty()
    open_house = warehouse(campus.catalog())
    open_house.landing = house.landing
    open_house.land(people())
    open_house.release()
    assert sealed == open_house.served()
    assert digest == open_house.digest()
    assert (
        sealed[39]["id_no"] == NUMBER and str(sealed[39]["salary"]) == PAY and sealed[40]["born_on"] is None
    )


def test_the_table_itself_holds_no_value_and_neither_do_its_statistics(house: campus.Warehouse) -> None:
    house.land(people())
    house.release()
    with connect(autocommit=True) as con:
        con.execute("ANALYZE")
        kinds = dict(con.execute(
            "SELECT attname, atttypid::regtype::text FROM pg_attribute WHERE attrelid = 'store.hr__staff'::regclass"
        ).fetchall())  # fmt: skip
        told = con.execute("SELECT s::text FROM pg_stats s WHERE schemaname IN ('store', 'yici')").fetchall()
        links = con.execute("SELECT key FROM yici.link").fetchall()
    assert {kinds[name] for name in (*_SENSITIVE, "sex__src")} == {"bytea"}
    assert not [text for (text,) in told if NUMBER in text or PAY in text]
    assert not [key for (key,) in links if NUMBER in key]


def test_an_unchanged_reading_writes_nothing_and_a_changed_value_one_version(house: campus.Warehouse) -> None:
    house.land(people())
    house.release()
    house.land(people())
    assert house.release().inserted == 0
    changed = people()
    changed[3]["salary"] = "1.25"
    house.land(changed)
    assert house.release().inserted == 1
    assert str(house.served()[3]["salary"]) == "1.25"


def files_with(admin: psycopg.Connection, *texts: str) -> list[str]:
    """Return the files of the server's data folder that hold one of the texts, old parts of the log cleared away."""
    for _ in range(2):
        admin.execute("SELECT pg_switch_wal()")
        admin.execute("CHECKPOINT")
    (folder,) = admin.execute("SELECT current_setting('data_directory')").fetchone()
    wanted = [part for text in texts for part in ("-e", text)]
    found = subprocess.run(["grep", "-rlF", *wanted, folder], capture_output=True, text=True, check=False)
    return found.stdout.split()


def test_no_file_of_the_data_folder_holds_a_sensitive_value(
    house: campus.Warehouse, pg_database: PgDatabase
) -> None:
    number, odd = "110101198001014444", "110101198001013333"  # in no other database of this server
    rows = [*people(number), campus.row(50, id_no=odd, sex="未知", name="试五十号")]
    house.land(rows)
    assert house.release().quarantined == 1
    house.land([*rows, campus.row(51, name="试五十一号")])
    house.release()
    with pg_database.connect() as admin:
        admin.execute("VACUUM FULL")
        assert files_with(admin, "试五十一号")
        assert not files_with(admin, number, odd, PAY, "试五十号")


def test_a_refused_row_waits_sealed_and_is_shown_open(house: campus.Warehouse) -> None:
    house.land([*people(), campus.row(50, id_no=ODD, sex="未知")])
    house.release()
    with connect(autocommit=True) as con:
        kept = con.execute("SELECT key_text, row FROM yici.quarantine").fetchone()
        shown = con.execute("SELECT key_text, row FROM clear.quarantine").fetchone()
    assert all(re.fullmatch("[0-9a-f]+", text) for text in kept)
    assert shown[0] == "00050" and ODD in shown[1]


def test_a_session_without_the_key_reads_nothing_sensitive(
    house: campus.Warehouse, pg_database: PgDatabase
) -> None:
    house.land(people())
    house.release()
    with pg_database.connect(options="-c yici.release=1") as con:
        with pytest.raises(psycopg.Error, match="was not given store key"):
            con.execute("SELECT id_no FROM raw.hr__staff").fetchall()
        assert con.execute("SELECT count(staff_no) FROM raw.hr__staff").fetchone() == (41,)


def test_a_value_moved_into_another_column_is_not_opened(house: campus.Warehouse) -> None:
    house.land(people())
    house.release()
    with connect(autocommit=True, release=1) as con:
        con.execute("UPDATE store.hr__staff SET id_no = salary WHERE staff_no = '00001'")
        with pytest.raises(psycopg.Error, match="not what was sealed"):
            con.execute("SELECT id_no FROM raw.hr__staff").fetchall()


def test_what_a_catalog_newly_calls_sensitive_is_sealed_where_it_lies(
    warehouse: Callable[[Catalog], campus.Warehouse],
) -> None:
    house = warehouse(campus.catalog())
    house.land([*people(), campus.row(50, id_no=ODD, sex="未知")])
    house.release()
    before = house.served()
    for names in (("id_no", "salary"), ("salary",), ()):
        house.catalog = sensitive(*names)
        house.land([*people(), campus.row(50, id_no=ODD, sex="未知")])
        assert house.release().inserted == 0
        assert [r | {"_extract": 0} for r in house.served()] == [r | {"_extract": 0} for r in before]
        kinds = house.scalar(
            "SELECT count(*) FROM pg_attribute"
            " WHERE attrelid = 'store.hr__staff'::regclass AND atttypid = 'bytea'::regtype"
        )
        assert kinds == len(names)
        assert house.scalar("SELECT bool_and(sealed) FROM yici.quarantine WHERE _to IS NULL") == bool(names)


def as_before_sealing(pg_database: PgDatabase) -> None:
    """Leave the warehouse as the version before sealed items left it."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    own = engine_of_warehouse()
    with own.begin() as con:
        config.attributes["connection"] = con
        command.downgrade(config, "0024")
    own.dispose()
    with pg_database.connect() as admin:
        assert not admin.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'clear'").fetchone()


def test_an_installation_that_holds_clear_data_is_sealed_by_its_upgrade_and_next_release(
    warehouse: Callable[[Catalog], campus.Warehouse], pg_database: PgDatabase
) -> None:
    number, odd = "110101198001012222", "110101198001011111"  # in no other database of this server
    rows = [*people(number), campus.row(50, id_no=odd, sex="未知")]
    house = warehouse(campus.catalog())
    house.land(rows)
    house.release()
    as_before_sealing(pg_database)
    party, other = "110101198001016666", "110101198001015555"
    told = (number, odd, party, other)
    with pg_database.connect() as admin:
        admin.execute("ALTER SYSTEM SET wal_recycle = off")
        admin.execute("SELECT pg_reload_conf()")
        admin.execute(
            "INSERT INTO yici.link (subject_id, type, id_type, key, source, _from)"
            " SELECT min(subject_id), 'person', 'doc:1:CHN', %s, 'hr.staff', 1 FROM yici.link",
            [other],
        )
        admin.execute(
            "INSERT INTO service.client (client_id, unit, name, jwks, registered_at)"
            " VALUES ('c', 'u', 'n', '{}', now())"
        )
        admin.execute(
            'INSERT INTO service."case" (id, client_id, service_item, status, parties, registered_at, expires_at)'
            " VALUES (gen_random_uuid(), 'c', 's', 'draft', %s, now(), now())",
            [
                json.dumps(
                    [
                        {"role": "applicant", "id_type": "doc:1", "id": party, "country": "CHN"},
                        {"role": "agent", "id_type": "staff_no", "id": "00001"},
                    ]
                )
            ],
        )
    with pg_database.connect() as admin:
        assert all(files_with(admin, value) for value in told)
    served = house.served()
    migrate.upgrade()
    assert house.served() == served
    digest = house.digest()
    house.catalog = sensitive(*_SENSITIVE)
    house.land(rows)
    assert house.release().inserted == 0
    assert [r | {"_extract": 0} for r in house.served()] == [r | {"_extract": 0} for r in served]
    assert house.digest() == digest
    assert house.scalar(f"SELECT count(*) FROM {campus.LINKS} WHERE key = %s", other) == 1
    (kept, agent) = house.scalar('SELECT parties FROM service."case"')
    assert cases.party(kept).id == party and agent["id"] == "00001"
    with pg_database.connect() as admin:
        assert not files_with(admin, *told)
        admin.execute("ALTER SYSTEM RESET wal_recycle")
        admin.execute("SELECT pg_reload_conf()")


def test_a_sealed_item_of_another_type_opens_a_new_table(house: campus.Warehouse) -> None:
    house.land(people())
    house.release()
    contract = house.catalog.files["resources/hr/staff.odcs.yaml"].decode()
    house.catalog = campus.catalog(contract=contract.replace("multipleOf: 0.01", "multipleOf: 0.0001"))
    house.land([campus.row(1, id_no=NUMBER, salary="1.2345")])
    house.release()
    assert str(house.served()[0]["salary"]) == "1.2345"
    assert str(house.scalar("SELECT max(salary) FROM clear.hr__staff")) == PAY
    held = "SELECT salary FROM clear.hr__staff__v2 WHERE staff_no = '00001' AND _to IS NULL"
    assert str(house.scalar(held)) == "1.2345"


def test_sealed_values_that_are_carried_into_a_new_table_are_those_that_are_read(
    house: campus.Warehouse,
) -> None:
    house.land(people())
    house.release()
    contract = house.catalog.files["resources/hr/staff.odcs.yaml"].decode()
    house.catalog = campus.catalog(contract=contract.replace("multipleOf: 0.01", "multipleOf: 0.0001"))
    house.land(people())
    assert house.release().inserted == len(people())  # carried, and not written once more


def test_a_lost_key_is_told_and_nothing_is_released(house: campus.Warehouse, tmp_path: Path) -> None:
    house.land(people())
    house.release()
    file = key_ring.file_of(tmp_path)
    kept = file.read_text()
    file.unlink()
    with pytest.raises(ConfigurationError, match="Everything else stays"):
        house.release()
    file.write_text(kept)
    house.land(people())
    assert house.release().inserted == 0


def test_the_ring_is_private_and_a_file_named_by_the_environment_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = key_ring.ring(tmp_path)
    file = key_ring.file_of(tmp_path)
    assert file.stat().st_mode & 0o077 == 0
    assert made.keys[0].secret.hex() not in repr(made)
    elsewhere = tmp_path / "elsewhere.json"
    file.rename(elsewhere)
    monkeypatch.setenv(key_ring.ENVIRONMENT, str(elsewhere))
    assert key_ring.ring(tmp_path) == made
    elsewhere.unlink()
    with pytest.raises(ConfigurationError, match="YICI_STORE_KEYS"):
        key_ring.ring(tmp_path)
    monkeypatch.delenv(key_ring.ENVIRONMENT)
    file.write_text("{}")
    with pytest.raises(ConfigurationError, match="not a ring"):
        key_ring.ring(tmp_path)


def test_sql_and_python_seal_alike_whatever_the_text(house: campus.Warehouse, tmp_path: Path) -> None:
    texts = ["", "a", "1" * 15, "1" * 16, "1" * 17, NUMBER, "王" * 10 + "x", "王" * 11, "é" * 200, "x" * 4097]
    ring = key_ring.ring(tmp_path)
    with connect(autocommit=True) as con:
        for text in texts:
            mine = ring.seal(text, "上下文")
            theirs = con.execute("SELECT yici.seal(%s, '上下文'), yici.unseal(%s, '上下文')", [text, mine])
            assert theirs.fetchone() == (mine, text)
            assert ring.unseal(mine, "上下文") == text
            with pytest.raises(SealError):
                ring.unseal(mine, "another")
    assert len({ring.seal(NUMBER, "a"), ring.seal(NUMBER, "a"), ring.seal(NUMBER, "b")}) == 2


def test_engineers_see_masked_rows_and_nothing_else(
    warehouse: Callable[[Catalog], campus.Warehouse], pg_database: PgDatabase
) -> None:
    with exclusively("role yici_engineer"), pg_database.connect() as admin:
        if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = 'yici_engineer'").fetchone():
            admin.execute("CREATE ROLE yici_engineer LOGIN")
    house = warehouse(sensitive("id_no", "salary", "sex"))
    house.land(people())
    house.release()
    with pg_database.connect() as con:
        con.execute("SET SESSION AUTHORIZATION yici_engineer")
        rows = con.execute(
            "SELECT staff_no, name, id_no, salary, sex, sex__src, _state FROM masked.hr__staff ORDER BY 1"
        ).fetchall()
        assert rows[39] == ("00040", "试**", "***", "***", "***", "***", "reported")
        assert rows[40][2] is None and rows[40][4] is None
        assert NUMBER not in str(rows) and PAY not in str(rows) and "\\x" not in str(rows)
        for name in (
            "store.hr__staff",
            "raw.hr__staff",
            "clear.hr__staff",
            "yici.link",
            "clear.links",
            "yici.quarantine",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                con.execute(f"SELECT * FROM {name}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            con.execute("SELECT yici.unseal(''::bytea, 'x')")


def test_another_key_seals_everything_again_and_nothing_that_is_served_changes(
    house: campus.Warehouse, tmp_path: Path
) -> None:
    house.land([*people(), campus.row(50, id_no=ODD, sex="未知")])
    house.release()
    served, digest = house.served(), house.digest()
    with connect(autocommit=True) as con:
        releases.hold(con)
        old, new = rotation.exchange(con, tmp_path, lambda table, rows: None, grace_s=0)
    assert (served, digest) == (house.served(), house.digest())
    assert (
        house.scalar(
            "SELECT count(*) FROM store.hr__staff WHERE substr(id_no, 1, 4) <> decode(%s, 'hex')", new
        )
        == 0
    )
    assert house.scalar("SELECT count(*) FROM yici.link WHERE key LIKE %s", f"{old}%") == 0
    assert house.scalar("SELECT left(row, 8) FROM yici.quarantine") == new
    assert [key.id for key in key_ring.ring(tmp_path).keys] == [new]
    house.land([*people(), campus.row(50, id_no=ODD, sex="未知")])
    assert house.release().inserted == 0


@pytest.mark.parametrize(
    "moment", ["after the new key joined", "before it seals", "between tables", "before the old goes"]
)
def test_an_exchange_that_was_killed_is_finished_by_the_next_release(
    house: campus.Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    house.land(people())
    house.release()
    served, digest = house.served(), house.digest()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if moment == "after the new key joined":
            patch.setattr(rotation.time, "sleep", die)
        elif moment == "before it seals":
            patch.setattr(rotation, "_reseal", die)
        told = die if moment == "between tables" else lambda table, rows: None
        secure = die if moment == "before the old goes" else None
        with connect(autocommit=True) as con, pytest.raises(KeyboardInterrupt):
            releases.hold(con)
            rotation.exchange(con, tmp_path, told, 0, secure)
    assert len(key_ring.ring(tmp_path).keys) == 2
    assert (served, digest) == (house.served(), house.digest())
    monkeypatch.setattr(rotation, "GRACE_S", 0.0)
    house.land(people())
    assert house.release().inserted == 0
    assert len(key_ring.ring(tmp_path).keys) == 1
    assert digest == house.digest()


def landed(house: campus.Warehouse) -> list[Path]:
    return sorted(Path(house.landing.root).rglob("part-*.parquet"))


def test_an_extract_with_sensitive_items_is_encrypted_and_judged_like_any_other(
    house: campus.Warehouse,
) -> None:
    house.land(people())
    house.release()
    (file,) = landed(house)
    assert file.read_bytes()[:4] == b"PARE"
    with duckdb.connect() as stranger, pytest.raises(duckdb.Error, match="encrypted"):
        stranger.execute("SELECT 1 FROM read_parquet(?)", [str(file)])
    house.catalog = campus.catalog()
    house.land(people())
    assert landed(house)[1].read_bytes()[:4] == b"PAR1"


def test_an_extract_whose_key_is_lost_is_named_with_its_key(house: campus.Warehouse, tmp_path: Path) -> None:
    house.land(people())
    (key,) = landing_keys.ring()
    landing_keys.file_of(tmp_path).unlink()
    with pytest.raises(LandingError, match=f"encrypted with key {key}"):
        house.landing.open(house.landing.read(house.landing.extracts()[0]))
    assert house.release().outcome == "refused", "and the next run reads the source again"


def test_a_purge_leaves_an_extract_encrypted_and_its_notes_sealed(
    house: campus.Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.land([*people(), campus.row(50, id_no=ODD, sex="未知")])
    house.release()
    order = Order(
        house.catalog.resources["hr.staff"], (), f"id_no IN ('{NUMBER}', '{ODD}')", "张处长", "误报"
    )

    def carry_out() -> Purged:
        with connect(autocommit=True) as con, engine() as duck:
            return purge(con, duck, house.catalog, house.landing, tmp_path, order, False, lambda *said: None)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("expectations.purge._Purge.remove_links", die)
        with pytest.raises(KeyboardInterrupt):
            carry_out()
    assert NUMBER not in str(house.scalar("SELECT pending::text FROM yici.deletion"))
    carry_out()
    assert [file.read_bytes()[:4] for file in landed(house)] == [b"PARE"]
    assert house.scalar(f"SELECT count(*) FROM {campus.LINKS} WHERE key = %s", NUMBER) == 0
    assert house.scalar("SELECT count(*) FROM store.hr__staff WHERE _to IS NULL") == 40
    assert house.scalar("SELECT count(*) FROM yici.quarantine") == 0


def test_another_landing_key_takes_the_extracts_to_come_and_the_old_one_goes_with_its_last(
    house: campus.Warehouse, tmp_path: Path
) -> None:
    house.land(people())
    house.release()
    (first,) = landing_keys.ring()
    second = landing_keys.add(tmp_path)
    house.land([*people()[:-1], campus.row(41, salary="7.00")])
    assert house.release().inserted == 1
    manifests = [house.landing.read(path) for path in house.landing.extracts()]
    assert [one.key for one in manifests] == [first, second]
    assert landing_keys.forget(tmp_path, {first, second}) == []
    house.landing.remove(manifests[0].path)
    assert landing_keys.forget(tmp_path, {second}) == [first]
    assert list(landing_keys.ring()) == [second]
    assert landing_keys.file_of(tmp_path).stat().st_mode & 0o077 == 0
