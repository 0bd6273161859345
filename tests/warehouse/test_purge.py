"""Purging: what should never have come is nowhere afterwards, and everything else is as it was."""

import gzip
import re
import subprocess
import zipfile
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from catalogs.settings import ConfigurationError, settings
from connectors.base import Scope
from connectors.landing import Landing
from expectations.admit import engine
from expectations.purge import Order, Purged, PurgeRefused, PurgeUnfinished, check, is_unfinished, purge
from expectations.rebuild import plan, rebuild
from service.erasure import elsewhere
from service.keys import load
from tests.support import campus, migrated
from tests.support.campus import row
from tests.support.landed import parquet_text
from tests.support.postgres import PgDatabase
from warehouse import baseline, history, releases, sealed
from warehouse.connect import connect
from warehouse.inspection import inspect
from warehouse.placement import wheel_binaries

CANARY = "鸑鷟甲"
SECRET_ID = "11010519491231002X"
OTHERS = [row(n) for n in range(1, 61)]
SECRET = row(77, name=CANARY, id_no=SECRET_ID)


_STEPS = {
    "versions": "_delete_versions", "delete": "_delete_quarantined", "links": "remove_links", "vacuum": "_write_anew",
}  # fmt: skip


def home() -> Path:
    return settings().home


def run(house: campus.Warehouse, dry: bool = False, keys: tuple[str, ...] = (), where: str = "") -> Purged:
    order = Order(house.catalog.resources["hr.staff"], keys, where, "张处长", "误报涉密人员")
    check(order)
    with connect(autocommit=True) as con, engine() as duck:
        return purge(
            con,
            duck,
            house.catalog,
            house.landing,
            home(),
            order,
            dry,
            lambda *said: None,
            elsewhere(load(home()), house.catalog),
        )


def leaked(house: campus.Warehouse) -> None:
    """Some days on which the secret person comes and goes."""
    house.made_once("leaked", lambda: _leak(house))


def _leak(house: campus.Warehouse) -> None:
    """Some days on which the secret person comes, changes, is refused and goes; the last one is not judged yet."""
    days = (
        [*OTHERS, SECRET],
        [*OTHERS, SECRET | {"salary": "1.00"}],
        [*OTHERS, SECRET | {"sex": f"?{CANARY}"}],
        [SECRET | {"sex": "?"}, row(1, sex="?")],  # refused whole
        OTHERS,
    )
    for number, rows in enumerate(days):
        house.land(rows)
        house.release()
        with connect(autocommit=True) as con:
            history.export(con, house.landing, home())
            if number == 1:
                releases.hold(con)
                baseline.write(con, house.landing, home())
    house.land([*OTHERS, SECRET | {"staff_no": "00078"}])


def texts(landing: Landing) -> dict[str, str]:
    """The content of every file of a zone, unpacked, Parquet as the text of its rows."""
    found = {}
    for path in landing.local.rglob("*"):
        if path.suffix == ".parquet":
            found[str(path)] = parquet_text(path)
        elif path.suffix == ".gz":
            found[str(path)] = gzip.decompress(path.read_bytes()).decode()
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                found[str(path)] = "".join(archive.read(name).decode() for name in archive.namelist())
        elif path.is_file():
            found[str(path)] = path.read_bytes().decode()
    return found


def stands_in(content: str, text: str) -> bool:
    """Whether a text is in a content; the digits of a key count only where they are not those of a digest or a time."""
    if not text.isdigit():
        return text in content
    return re.search(rf"(?<![0-9A-Za-z.]){text}(?![0-9A-Za-z])", content) is not None


def holding(house: campus.Warehouse, text: str) -> list[str]:
    return [path for path, content in texts(house.landing).items() if stands_in(content, text)]


def dump(database: PgDatabase) -> str:
    program = wheel_binaries() / "pg_dump"
    done = subprocess.run([program, "--dbname", database.url], capture_output=True, check=True)
    return done.stdout.decode()


def data_files(database: PgDatabase) -> list[str]:
    """The files of a database in which the secret stands; its statistics are rewritten as a superuser may."""
    with database.connect() as con:
        con.execute("VACUUM FULL pg_statistic")
        con.execute("CHECKPOINT")
        (oid,) = con.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()
        (folder,) = con.execute("SHOW data_directory").fetchone()
        return [
            con.execute(
                "SELECT coalesce(pg_filenode_relation(0, %s)::text, %s)", [int(path.name), path.name]
            ).fetchone()[0]
            for path in (Path(folder) / "base" / str(oid)).iterdir()
            if path.name.isdigit() and any(text.encode() in path.read_bytes() for text in (CANARY, SECRET_ID))
        ]


def test_what_was_purged_is_in_no_file_no_table_and_no_dump(warehouse, pg_database):
    house = warehouse(campus.catalog())
    leaked(house)
    with connect(autocommit=True) as con:  # a random sample drew it
        con.execute("INSERT INTO yici.sample_draw (number, commitment, committed_at) VALUES (1, '', now())")
        con.execute(
            "INSERT INTO yici.sample_row (draw, unit, resource, key_text, rank, reviewer, due_on)"
            " VALUES (1, 'RS', 'hr.staff', '00077', '', 'post:b', '2099-01-01')"
        )
    assert len(holding(house, CANARY)) > 5 and len(holding(house, SECRET_ID)) > 5
    assert CANARY in dump(pg_database) and data_files(pg_database)
    digest = house.digest()

    counted = run(house, dry=True, keys=("00077", "00078"))
    assert len(holding(house, CANARY)) > 5
    done = run(house, keys=("00077", "00078"))
    assert (dict(done.rows), done.extracts) == (dict(counted.rows), counted.extracts)
    assert dict(done.versions) == dict(counted.versions) == {"hr.staff": 4}
    assert dict(done.quarantined) == {"hr.staff": 1}
    assert (dict(done.rows), len(done.extracts), len(done.baselines)) == ({"hr.staff": 5}, 5, 1)

    for text in (CANARY, SECRET_ID, "00077", "00078"):
        assert holding(house, text) == [], text
        assert not stands_in(dump(pg_database), text), text
    assert data_files(pg_database) == []
    with connect(autocommit=True) as con:
        seen = inspect(con, house.landing, home())
    assert (seen.faults, seen.purged) == ([], 5)
    assert house.digest() != digest
    assert [person["staff_no"] for person in house.served()] == [person["staff_no"] for person in OTHERS]


def test_the_record_says_who_why_when_and_how_much_and_no_key(warehouse):
    house = warehouse(campus.catalog())
    leaked(house)
    run(house, keys=("00077",))
    with connect(autocommit=True) as con:
        kind, state, by, reason, resource, counts, digests = con.execute(
            "SELECT kind, state, ordered_by, reason, resource, counts, digests FROM yici.deletion"
        ).fetchone()
        assert (kind, state, by, reason, resource) == ("purge", "done", "张处长", "误报涉密人员", "hr.staff")
        assert (counts["rows"], counts["extracts"]) == ({"hr.staff": 4}, 4)
        assert not is_unfinished(con, house.landing, "hr.staff")
    manifest = house.landing.verify("hr/staff/0000000001")
    (stone,) = manifest.tombstones
    assert (stone.deletion, stone.rows) == (1, 1)
    assert digests[manifest.path] == [stone.old_sha256, stone.new_sha256]
    assert stone.new_sha256 == manifest.files[0].sha256 != stone.old_sha256


def test_many_rows_are_named_by_a_predicate_over_typed_items_and_go_with_all_of_their_past(warehouse):
    house = warehouse(campus.catalog())
    leaked(house)
    done = run(house, where=f"name = '{CANARY}' AND salary < 2")  # true of one version of one person only
    assert dict(done.versions) == {"hr.staff": 4}
    # Number 78, of the extract that waits, has the same name and another salary.
    assert [path for path in holding(house, CANARY) if "/hr/staff/" in path] == [
        str(house.landing.local / "hr/staff/0000000006/part-0000.parquet")
    ]


def test_a_row_whose_key_cannot_be_read_goes_by_predicate(warehouse):
    house = warehouse(campus.catalog())
    house.land([*OTHERS, SECRET | {"staff_no": ""}])
    house.release()
    done = run(house, where=f"id_no = '{SECRET_ID}'")
    assert (dict(done.rows), dict(done.quarantined)) == ({"hr.staff": 1}, {"hr.staff": 1})
    assert holding(house, CANARY) == []
    assert house.scalar("SELECT count(*) FROM yici.quarantine") == 0


@pytest.mark.parametrize("how", [{"keys": ("00077",)}, {"where": f"name = '{CANARY}'"}], ids=["key", "where"])
def test_rows_of_another_shape_are_purged_by_their_old_key_or_by_predicate(warehouse, pg_database, how):
    house = warehouse(campus.catalog())
    house.land([*OTHERS, SECRET])
    house.release()
    house.land([*OTHERS, SECRET | {"sex": "?"}])
    house.release()
    contract = campus.CONTRACT.format(mode="full", absence="end", extra="")
    for old, new in (
        ("required: true, primaryKey: true, primaryKeyPosition: 1}", "required: true}"),
        ('physicalName: "staff_no"', 'physicalName: "gh"'),
        (
            '{name: "salary", physicalName: "gz"',
            '{name: "post", physicalName: "gw", businessName: "岗位", logicalType: "string", required: true, '
            'primaryKey: true, primaryKeyPosition: 1}\n      - {name: "salary", physicalName: "gz"',
        ),
    ):
        contract = contract.replace(old, new)
    house.catalog = campus.catalog(contract=contract)
    with house.candidate():
        pass
    assert house.scalar("SELECT count(*) FROM pg_tables WHERE tablename = 'hr__staff__v2'") == 1
    done = run(house, **how)
    assert (done.versions["hr.staff"], done.rows["hr.staff"], done.quarantined["hr.staff"]) == (2, 2, 1)
    assert CANARY not in dump(pg_database)
    assert holding(house, CANARY) == []


def test_the_next_release_goes_on_and_a_rebuild_gives_the_purged_warehouse(warehouse):
    house = warehouse(campus.catalog())
    leaked(house)
    run(house, keys=("00077", "00078"))
    done = house.release()
    assert (done.outcome, done.inserted, done.ended) == ("applied", 0, 0)
    with connect(autocommit=True) as con:
        history.export(con, house.landing, home())
    digest = house.digest()
    migrated.begin()
    with connect(autocommit=True) as con:
        rebuilt = rebuild(
            con, house.landing, plan(house.landing, sealed.trusted_key(home())), True, lambda *said: None
        )
    assert rebuilt.differences == []
    assert house.digest() == digest


def test_releases_that_showed_the_rows_can_no_longer_be_rolled_back_to(warehouse):
    house = warehouse(campus.catalog())
    house.land(OTHERS)
    house.release()
    house.land([*OTHERS, SECRET])
    house.release()
    run(house, keys=("00077",))
    house.release()
    with connect(autocommit=True) as con:
        with pytest.raises(releases.NoSuchRelease, match="deleted on"):
            releases.roll_back(con, 2)
        releases.roll_back(con, 1)


def test_a_key_that_another_row_still_names_keeps_its_link(warehouse):
    house = warehouse(campus.catalog())
    house.land([*OTHERS, SECRET, row(88, name=CANARY, id_no=SECRET_ID)])
    house.release()
    assert run(house, keys=("00077",)).links == 1
    assert house.scalar(f"SELECT count(*) FROM {campus.LINKS} WHERE key = %s", SECRET_ID) == 1
    assert house.scalar("SELECT count(*) FROM yici.link WHERE key = '00077'") == 0
    assert run(house, keys=("00088",)).links == 2
    assert house.scalar(f"SELECT count(*) FROM {campus.LINKS} WHERE key = %s", SECRET_ID) == 0
    assert house.scalar("SELECT count(*) FROM yici.subject") == len(OTHERS)


def test_a_purge_is_not_done_while_somebody_still_sees_the_rows(warehouse, pg_database, monkeypatch):
    house = warehouse(campus.catalog())
    leaked(house)
    monkeypatch.setattr("warehouse.anew.LONGEST_READER_S", 0.5)
    with connect() as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM yici.link")
        with pytest.raises(PurgeUnfinished, match="can still see them"):
            run(house, keys=("00077", "00078"))
    with connect(autocommit=True) as con:
        assert is_unfinished(con, house.landing, "hr.staff")
    run(house, keys=("00077", "00078"))
    assert data_files(pg_database) == []


@pytest.mark.parametrize("moment", ["rewrite", "versions", "delete", "links", "vacuum", "baseline"])
def test_an_interrupted_purge_is_finished_by_the_next_one(warehouse, pg_database, monkeypatch, moment):
    house = warehouse(campus.catalog())
    leaked(house)

    def die(*arguments, **named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if moment == "rewrite":  # the new manifest stands, the old file and the ledger are not told
            patch.setattr(Landing, "sweep", die)
        elif moment in _STEPS:
            patch.setattr(f"expectations.purge._Purge.{_STEPS[moment]}", die)
        else:
            patch.setattr(baseline, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            run(house, keys=("00077", "00078"))
    with connect(autocommit=True) as con:
        assert is_unfinished(con, house.landing, "hr.staff")
    # Whatever the second order names, it finishes the first.
    run(house, keys=("00060",))
    for text in (CANARY, SECRET_ID, "00077", "00078"):
        assert holding(house, text) == [], text
        assert not stands_in(dump(pg_database), text), text
    assert data_files(pg_database) == []
    with connect(autocommit=True) as con:
        assert inspect(con, house.landing, home()).faults == []
        assert con.execute("SELECT count(*) FROM yici.deletion WHERE state = 'done'").fetchone()[0] == 2
        assert not is_unfinished(con, house.landing, "hr.staff")


def test_nothing_is_purged_while_a_release_or_a_reading_is_under_way(warehouse):
    house = warehouse(campus.catalog())
    leaked(house)
    with house.candidate(), pytest.raises(releases.ReleaseRunning):
        run(house, keys=("00077",))
    with connect(autocommit=True) as reading:
        reading.execute("SELECT pg_advisory_lock(hashtext('land hr'))")
        with pytest.raises(releases.ReleaseRunning, match="system hr is being read"):
            run(house, keys=("00077",))
    assert len(holding(house, CANARY)) > 5


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("", "name the rows"),
        ("nmae = 'x'", "has no item nmae"),
        ("name = 'x'; DROP TABLE t", "not one predicate"),
        ("name IN (SELECT name FROM u)", "not one predicate"),
    ],
)
def test_an_order_that_names_no_rows_of_the_resource_is_refused_before_anything(warehouse, where, words):
    house = warehouse(campus.catalog())
    with pytest.raises(ConfigurationError, match=words):
        run(house, where=where)


def test_a_predicate_that_cannot_be_evaluated_quotes_no_value(warehouse):
    house = warehouse(campus.catalog())
    leaked(house)
    with pytest.raises(PurgeRefused) as caught:
        run(house, where="CAST(name AS INTEGER) = 3")
    assert CANARY not in f"{caught.value!r}" and "试" not in f"{caught.value!r}"
    assert house.scalar("SELECT count(*) FROM yici.deletion") == 0


def test_partitions_and_waiting_readings_that_died_are_purged_too(warehouse):
    house = warehouse(campus.catalog(mode="append", extra=', partition: {by: "day", from: "filename"}'))
    house.land([row(1), SECRET], Scope.of_partition("2026-01-01"))
    house.land([row(2)], Scope.of_partition("2026-01-02"))
    house.release()
    orphan = house.landing.local / "hr/staff/0000000009"
    orphan.mkdir()
    (orphan / "part-0000.parquet").write_bytes(
        (house.landing.local / "hr/staff/0000000001/part-0000.parquet").read_bytes()
    )
    done = run(house, keys=("00077",))
    assert done.extracts == ["hr/staff/0000000001"]
    assert not orphan.exists()
    assert holding(house, CANARY) == []
    assert [person["staff_no"] for person in house.served()] == ["00001", "00002"]


def test_with_a_number_goes_what_service_and_portal_keep_under_it(warehouse):
    house = warehouse(campus.catalog())
    leaked(house)
    keys = load(home())
    with connect(autocommit=True) as con:
        con.execute(
            "INSERT INTO service.client VALUES ('hall', 'RS', 'x', '{}', NULL, 'active', now(), false)"
        )
        parties = [
            {"role": "applicant", "id_type": "staff_no", "id": one, "country": None}
            for one in ("00077", "00001")
        ]
        con.execute(
            'INSERT INTO service."case" (id, client_id, service_item, status, parties, registered_at, expires_at)'
            " VALUES (gen_random_uuid(), 'hall', 'S', 'draft', %s, now(), now())",
            [Jsonb(parties)],
        )
        for number in ("00077", "00001"):
            con.execute("INSERT INTO portal.draft VALUES (%s, '/', '{}', now())", [number])
            con.execute(
                "INSERT INTO service.claim_miss VALUES ('hall', %s, 'XM', current_date, 1)",
                [keys.digest("claims", str(subject_of(con, number)))],
            )
        con.execute(
            "INSERT INTO portal.handed_in (person, post, resource, content, state, asked_at)"
            " VALUES ('00001', 'post:b', 'hr.staff', '\\x00', 'asked', now())"
        )
    counted, done = run(house, dry=True, keys=("00077",)), run(house, keys=("00077",))
    wanted = {"service.case": 1, "portal.draft": 1, "service.claim_miss": 1, "portal.handed_in": 1}
    assert counted.elsewhere == done.elsewhere == wanted
    assert counted.links == done.links
    with connect(autocommit=True) as con:
        assert con.execute("SELECT person FROM portal.draft").fetchall() == [("00001",)]
        ((kept,),) = con.execute('SELECT parties FROM service."case"').fetchall()
        assert [one["id"] for one in kept] == ["00001"]
        (counts,) = con.execute("SELECT counts FROM yici.deletion ORDER BY id DESC LIMIT 1").fetchone()
        assert counts["elsewhere"] == wanted
        # Of somebody whose rows are long gone, too: the number alone is enough.
        con.execute("INSERT INTO portal.draft VALUES ('00077', '/', '{}', now())")
    counted = run(house, dry=True, keys=("00077",))
    assert (counted.elsewhere, counted.is_empty) == ({"portal.draft": 1}, False)
    run(house, keys=("00077",))
    assert run(house, dry=True, keys=("00077",)).is_empty


def subject_of(con, number: str) -> int:
    return con.execute("SELECT subject_id FROM yici.link WHERE key = %s", [number]).fetchone()[0]
