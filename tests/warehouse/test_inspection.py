"""`yici landing verify`: whatever the ledger and the zone say of each other is compared, and each fault named."""

import json
import shutil

import pytest

from catalogs.settings import settings
from tests.support import campus
from tests.support.campus import row
from warehouse.connect import connect
from warehouse.inspection import Inspection, inspect


def look(house: campus.Warehouse) -> Inspection:
    with connect(autocommit=True) as con:
        return inspect(con, house.landing, settings().home)


@pytest.fixture
def house(warehouse) -> campus.Warehouse:
    found = warehouse(campus.catalog())
    for number in (1, 2):
        found.land([row(number)])
    return found


def test_a_zone_that_agrees_with_the_ledger_has_no_fault(house):
    told = []
    with connect(autocommit=True) as con:
        seen = inspect(con, house.landing, settings().home, lambda *progress: told.append(progress))
    assert (seen.faults, seen.extracts, seen.purged, seen.under_way) == ([], 2, 0, 0)
    assert told[-1] == (seen.bytes, seen.bytes) and seen.bytes == sum(house.landing.files().values())


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("flip", "content differs from its manifest"),
        ("cut", "missing or cut short"),
        ("lose folder", "no manifest"),
        ("forge", "the ledger was told another manifest"),
        ("add file", "holds files its manifest does not name"),
        ("orphan", "the ledger does not name it"),
        ("stray", "nothing names this file"),
    ],
)
def test_every_disagreement_is_a_fault_that_names_the_place_and_what_to_do(house, harm, words):
    folder = house.landing.local / "hr/staff/0000000001"
    part = folder / "part-0000.parquet"
    content = part.read_bytes()
    if harm == "flip":
        part.write_bytes(content[:30] + bytes([content[30] ^ 1]) + content[31:])
    elif harm == "cut":
        part.write_bytes(content[:-1])
    elif harm == "lose folder":
        shutil.rmtree(folder)
    elif harm == "forge":
        manifest = json.loads((folder / "manifest.json").read_bytes())
        (folder / "manifest.json").write_text(json.dumps(manifest | {"rows": 7}))
    elif harm == "add file":
        (folder / "part-0007.parquet").write_bytes(content)
    elif harm == "orphan":
        shutil.copytree(folder, folder.with_name("0000000009"))
    else:
        (house.landing.local / "hr/readme.txt").write_text("?")
    (fault,) = look(house).faults
    assert words in fault
    assert any(place in fault for place in ("hr/staff/0000000001", "hr/staff/0000000009", "hr/readme.txt"))


@pytest.mark.parametrize("lane", ["hr", "hr intraday"])
def test_a_folder_that_is_being_written_is_no_fault(house, lane):
    unfinished = house.landing.local / "hr/staff/0000000009"
    unfinished.mkdir()
    (unfinished / "part-0000.parquet").write_bytes(b"half")
    with connect(autocommit=True) as reading:
        reading.execute("SELECT pg_advisory_lock(hashtext('land ' || %s))", [lane])
        seen = look(house)
        assert (seen.faults, seen.under_way) == ([], 1)
    assert len(look(house).faults) == 1
