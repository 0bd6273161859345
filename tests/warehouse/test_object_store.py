"""A landing zone in an object store: released and rebuilt from, verified, pruned and purged as one in a folder."""

from collections.abc import Callable

import pytest
import s3fs

from catalogs.model import Catalog
from catalogs.settings import settings
from connectors.base import LandingUnreachable
from connectors.landing import Landing
from expectations.admit import engine
from expectations.purge import Order, check, purge
from expectations.rebuild import plan, rebuild
from tests.support import campus, migrated
from tests.support.campus import row
from tests.support.http import Reply, ScriptedServer
from tests.support.postgres import PgServer
from tests.support.s3 import S3
from tests.warehouse.test_reading import content as behind_http
from tests.warehouse.test_reading_modes import PHYSICAL
from tests.warehouse.test_rebuild import contents
from tests.warehouse.test_sealed_items import sensitive
from warehouse import baseline, history, releases, sealed
from warehouse.connect import connect
from warehouse.inspection import Inspection, inspect
from warehouse.reading import read_system
from warehouse.report import failing_sources
from warehouse.retention import enforce

SECRET = "11010519491231002X"
PEOPLE = [row(n) for n in range(1, 41)]


@pytest.fixture
def store(s3_store: S3) -> S3:
    return s3_store


@pytest.fixture
def bucket(store: S3) -> str:
    return store.bucket()


@pytest.fixture
def in_store(
    store: S3,
    bucket: str,
    warehouse: Callable[[Catalog], campus.Warehouse],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Catalog], campus.Warehouse]:
    """Return a function that opens an empty warehouse whose landing zone is in the store."""
    for name, value in store.environment().items():
        monkeypatch.setenv(name, value)

    def opened(content: Catalog) -> campus.Warehouse:
        house = warehouse(content)
        house.landing = Landing(f"s3://{bucket}/campus/landing")
        return house

    return opened


def publish(house: campus.Warehouse, rows: list[dict]) -> None:
    house.land(rows)
    assert house.release().outcome == "applied"
    with connect(autocommit=True) as con:
        history.export(con, house.landing, settings().home)


def secure(house: campus.Warehouse) -> None:
    with connect(autocommit=True) as con:
        releases.hold(con)
        baseline.write(con, house.landing, settings().home)


def take_out(house: campus.Warehouse, staff_no: str) -> None:
    """Purge a person who should never have come."""
    order = Order(house.catalog.resources["hr.staff"], (staff_no,), "", "张处长", "误报涉密人员")
    check(order)
    with connect(autocommit=True) as con, engine() as duck:
        purge(con, duck, house.catalog, house.landing, settings().home, order, False, lambda *said: None)


def look(house: campus.Warehouse) -> Inspection:
    with connect(autocommit=True) as con:
        return inspect(con, house.landing, settings().home)


def test_a_lost_warehouse_comes_back_from_a_zone_in_a_store(
    in_store, store: S3, bucket: str, pg_server: PgServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = in_store(campus.catalog())
    publish(house, [row(1, id_no=SECRET), *PEOPLE[1:]])
    secure(house)
    publish(house, [row(1), row(2, salary="9.99"), row(3, sex="?"), *PEOPLE[3:39]])
    take_out(house, "00030")
    publish(house, PEOPLE[:38])
    seen = look(house)
    assert (seen.faults, seen.extracts, seen.purged, seen.sealed) == ([], 3, 2, 2)
    before, served = contents(), house.digest()

    database = pg_server.create_database()
    try:
        monkeypatch.setenv("YICI_DATABASE_URL", database.url)
        migrated.begin()
        planned = plan(house.landing, sealed.trusted_key(settings().home))
        with connect(autocommit=True) as con:
            done = rebuild(con, house.landing, planned, False, lambda what, result: None)
        assert done.differences == []
        assert (contents(), house.digest()) == (before, served)
        assert look(house).faults == []
        publish(house, [row(1), row(2), *PEOPLE[2:]])
        assert look(house).faults == []
    finally:
        pg_server.drop_database(database)


def test_what_a_reading_process_lands_is_seen_here_and_a_zone_that_is_gone_is_not_the_source_s_fault(
    in_store, http_server: ScriptedServer, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YICI_HR_URL", http_server.url)
    rows = [dict(zip(PHYSICAL, row(n).values(), strict=True)) for n in range(1, 6)]
    http_server.answers["/staff"] = Reply(rows)
    house = in_store(behind_http())
    assert look(house).extracts == 0
    (landed,) = read_system(house.catalog, "hr", f"s3://{bucket}/campus/landing")
    assert (landed.rows, landed.error) == (len(rows), None)
    assert house.landing.extracts() == ["hr/staff/0000000001"]
    # A store that refuses us while it is judged: nothing is taken for altered, and what has landed waits.
    with monkeypatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        s3fs.S3FileSystem.clear_instance_cache()
        house.landing = Landing(f"s3://{bucket}/campus/landing")
        with pytest.raises(LandingUnreachable, match="it refuses us"):
            house.release()
    s3fs.S3FileSystem.clear_instance_cache()
    house.landing = Landing(f"s3://{bucket}/campus/landing")
    assert house.release().inserted == len(rows)
    with pytest.raises(LandingUnreachable, match="it has no such bucket"):
        read_system(house.catalog, "hr", f"s3://{bucket}-gone/campus/landing")
    assert house.scalar("SELECT count(*) FROM yici.system_failure") == 0
    with connect(autocommit=True) as con:
        assert "no such bucket" in failing_sources(con)["hr.staff"]
    assert look(house).faults == []


def test_every_harm_in_the_store_is_a_fault_that_names_the_place(in_store, store: S3, bucket: str) -> None:
    house = in_store(campus.catalog())
    publish(house, PEOPLE)
    assert look(house).faults == []
    part = next(key for key in store.keys(bucket) if key.endswith(".parquet") and "/hr/" in key)
    whole = store.get(bucket, part)
    harms = {"missing or cut short": whole[:-1], "content differs": whole[:-1] + bytes([whole[-1] ^ 1])}
    for told, content in harms.items():
        store.put(bucket, part, content)
        (fault,) = look(house).faults
        assert told in fault and "hr/staff/0000000001" in fault
    store.put(bucket, part, whole)
    store.put(bucket, "campus/landing/hr/staff/0000000009/part-0000.parquet", b"half")
    store.put(bucket, "campus/landing/hr/readme.txt", b"?")
    assert [fault.split(":")[0] for fault in look(house).faults] == [
        "landing hr/staff/0000000009",
        "landing hr/readme.txt",
    ]


def test_what_is_too_old_goes_from_the_store(
    in_store, store: S3, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = 'slaProperties: [{property: "retention", value: 30, unit: "d"}]\nschema:'
    contract = campus.CONTRACT.format(mode="full", absence="end", extra="").replace("schema:", told, 1)
    house = in_store(campus.catalog(contract=contract))
    for day in (0, 10, 50):
        monkeypatch.setenv("YICI_CLOCK_OFFSET_S", str(day * 86_400))
        publish(house, [row(1, salary=f"{day}.00"), *PEOPLE[1:]])
    with connect(autocommit=True) as con, connect("retention", autocommit=True) as pruner:
        enforce(con, pruner, house.catalog, house.landing, settings().home)
    assert house.landing.extracts() == ["hr/staff/0000000003"]
    assert not [key for key in store.keys(bucket) if "/hr/staff/000000000" in key and "0003/" not in key]
    assert look(house).faults == []


def test_what_should_never_have_come_is_purged_from_the_store_and_the_rest_is_as_it_was(
    in_store, store: S3, bucket: str
) -> None:
    house = in_store(sensitive("salary"))
    publish(house, [*PEOPLE, row(77, name="鸑鷟甲", id_no=SECRET)])
    publish(house, PEOPLE)
    served = house.served()
    take_out(house, "00077")
    manifests = [house.landing.read(path) for path in house.landing.extracts()]
    assert all(manifest.key for manifest in manifests)  # the harder case: encrypted, rewritten with its key
    assert [(m.rows, len(m.tombstones)) for m in manifests] == [(40, 1), (40, 0)]
    folder = f"campus/landing/{manifests[0].path}/"
    assert [key for key in store.keys(bucket) if key.startswith(folder)] == [
        f"{folder}manifest.json",
        f"{folder}part-0001.parquet",
    ]
    assert house.served() == [person for person in served if person["staff_no"] != "00077"]
    seen = look(house)
    assert (seen.faults, seen.purged) == ([], 1)
