"""Files that arrive: each taken once, whole, in its place; whatever is left alone is said."""

import os
import threading
import time
from pathlib import Path

import pytest

from catalogs.model import Ingest, Partition, System
from catalogs.settings import ConfigurationError
from connectors import open_source
from connectors.base import ReadSpec, Scope, SourceRefused
from connectors.landing import Landing, Manifest
from tests.connectors.build import item, resource
from tests.connectors.drops import put, settle
from tests.connectors.reading import AT, land, rows

HEAD = "no,name\n"
BY_DAY = Ingest(mode="append", partition=Partition("day", "filename"))


def contract(name: str, ingest: Ingest | None = None, **read: object):
    return resource(name, [item("no"), item("name")], name="hr.staff", ingest=ingest, read=read)


def day(drop: Path, label: str, *numbers: int, name: str = "d_{}.csv") -> Path:
    body = "".join(f"{number},x\n" for number in numbers)
    return put(drop, name.format(label), (HEAD + body).encode())


def seen(*manifests: Manifest) -> dict[str, str]:
    return {str(m.scope["partition"] or ""): str(m.source_digest) for m in manifests}


def reasons(system: System, spec: ReadSpec, taken: dict[str, str]) -> list[str]:
    with open_source(system) as source:
        assert list(source.readings(spec, taken)) == []
        return [skip.reason for skip in source.skipped]


@pytest.mark.parametrize(
    ("pattern", "name", "partition"),
    [
        ("d_{date}.csv", "d_2026-10-20.csv", "2026-10-20"),
        ("d_{date}.csv", "d_20261020.csv", "2026-10-20"),
        ("d_{date}.csv", "d_2026_10_20.csv", "2026-10-20"),
        ("{month}月报.csv", "2026-09月报.csv", "2026-09"),
        ("{month}月报.csv", "202609月报.csv", "2026-09"),
        ("成绩_{term}.csv", "成绩_2025-2026-1.csv", "2025-2026-1"),
        ("在/d_{date}.csv", "在/d_20261020.csv", "2026-10-20"),
    ],
)
def test_day_month_or_term_in_a_name_is_the_partition(
    pattern: str, name: str, partition: str, drop: Path, hr: System, landing: Landing
) -> None:
    (drop / name).parent.mkdir(exist_ok=True)
    day(drop, "", 1, name=name)
    (manifest,) = land(landing, hr, contract(pattern, BY_DAY))
    assert manifest.scope["partition"] == partition


def test_names_in_the_form_that_a_mac_writes_match(drop: Path, hr: System, landing: Landing) -> None:
    day(drop, "", 1, name="e\u0301tat.csv")
    assert [m.rows for m in land(landing, hr, contract("\u00e9tat.csv"))] == [1]


def test_what_office_programs_leave_beside_an_open_file_is_no_delivery(
    drop: Path, hr: System, landing: Landing
) -> None:
    day(drop, "20261020_1", 1)
    day(drop, "20261020_1", 2, name="~$d_{}.csv")
    day(drop, "20261020_1", 3, name="._d_{}.csv")
    assert [m.rows for m in land(landing, hr, contract("{*}d_{date}_{*}.csv", BY_DAY))] == [1]


def test_an_old_file_after_a_new_one_takes_its_own_day_and_no_other(
    drop: Path, hr: System, landing: Landing
) -> None:
    day(drop, "20261020", 1, 2)
    (newer,) = land(landing, hr, contract("d_{date}.csv", BY_DAY))
    day(drop, "20261019", 9)
    (older,) = land(landing, hr, contract("d_{date}.csv", BY_DAY), extract_id=2, seen=seen(newer))
    assert older.scope == Scope.of_partition("2026-10-19").as_dict()
    assert rows(landing, older) == [("9", "x")]


def test_of_whole_files_an_older_one_is_skipped_and_said_so(drop: Path, hr: System, landing: Landing) -> None:
    day(drop, "20261020", 1, 2)
    (manifest,) = land(landing, hr, contract("d_{date}.csv"))
    (drop / "d_20261020.csv").unlink()
    day(drop, "20261019", 9)
    assert reasons(hr, ReadSpec(contract("d_{date}.csv")), {"": str(manifest.source_digest)}) == [
        "older than what was already taken"
    ]


def test_other_content_that_was_changed_earlier_is_an_older_file(
    drop: Path, hr: System, landing: Landing
) -> None:
    path = day(drop, "", 1, 2, 3, name="d.csv")
    taken = seen(*land(landing, hr, contract("d.csv")))
    day(drop, "", 1, 2, name="d.csv")
    os.utime(path, (time.time() - 86_400,) * 2)
    assert reasons(hr, ReadSpec(contract("d.csv")), taken) == ["d.csv: older than what was already taken"]
    os.utime(path, (time.time() - 5,) * 2)
    (newer,) = land(landing, hr, contract("d.csv"), extract_id=2, seen=taken)
    assert rows(landing, newer) == [("1", "x"), ("2", "x")]


def test_a_corrected_day_lists_what_is_left_of_it(drop: Path, hr: System, landing: Landing) -> None:
    day(drop, "20261020", 1, 2, 3)
    (first,) = land(landing, hr, contract("d_{date}.csv", BY_DAY))
    day(drop, "20261020", 1, 3)
    (corrected,) = land(landing, hr, contract("d_{date}.csv", BY_DAY), extract_id=2, seen=seen(first))
    assert (corrected.scope["lists_keys"], rows(landing, corrected)) == (True, [("1", "x"), ("3", "x")])


def test_the_same_content_under_a_new_time_is_the_same_file(drop: Path, hr: System, landing: Landing) -> None:
    path = day(drop, "20261020", 1)
    taken = seen(*land(landing, hr, contract("d_{date}.csv", BY_DAY)))
    os.utime(path, (time.time() - 30,) * 2)
    assert reasons(hr, ReadSpec(contract("d_{date}.csv", BY_DAY)), taken) == [
        "d_20261020.csv: the same content was already taken"
    ]


def test_a_file_that_is_still_being_written_waits(drop: Path, hr: System) -> None:
    path = day(drop, "20261020", 1)
    path.touch()
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.2):
            with path.open("a") as stream:
                stream.write("2,x\n")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        waits = reasons(hr, ReadSpec(contract("d_{date}.csv", BY_DAY)), {})
    finally:
        stop.set()
        writer.join()
    assert waits == ["d_20261020.csv: still growing; it waits"]


def test_a_day_of_several_files_waits_until_all_that_are_there_are_whole(
    drop: Path, hr: System, landing: Landing
) -> None:
    day(drop, "20261020_1", 1)
    day(drop, "20261020_2", 2, name="d_{}.csv.part")
    by_number = contract("d_{date}_{*}.csv", BY_DAY)
    assert reasons(hr, ReadSpec(by_number), {}) == ["d_20261020_2.csv.part: half-written; it waits"]
    settle((drop / "d_20261020_2.csv.part").rename(drop / "d_20261020_2.csv"))
    (manifest,) = land(landing, hr, by_number)
    assert rows(landing, manifest) == [("1", "x"), ("2", "x")]
    day(drop, "20261020_3", 3)
    (later,) = land(landing, hr, by_number, extract_id=2, seen=seen(manifest))
    assert (later.scope["partition"], later.rows) == ("2026-10-20", 3)


@pytest.mark.parametrize("marker", ["d_20261020.csv.done", "d_20261020.done"])
def test_a_marker_may_carry_the_file_s_whole_name_or_its_stem(
    marker: str, drop: Path, hr: System, landing: Landing
) -> None:
    day(drop, "20261020", 1)
    day(drop, "20261021", 2)
    (drop / marker).touch()
    waiting = contract("d_{date}.csv", BY_DAY, done=".done")
    (manifest,) = land(landing, hr, waiting)
    assert manifest.scope["partition"] == "2026-10-20"
    assert "d_20261021.csv: its .done marker is not there yet; it waits" in reasons(
        hr, ReadSpec(waiting), seen(manifest)
    )


def test_two_files_of_one_day_are_refused_until_one_is_gone(drop: Path, hr: System, landing: Landing) -> None:
    day(drop, "20261020", 1)
    other = day(drop, "2026-10-20", 2)
    with pytest.raises(SourceRefused, match="both claim to be 2026-10-20; nothing was read"):
        land(landing, hr, contract("d_{date}.csv", BY_DAY))
    other.unlink()
    assert [m.rows for m in land(landing, hr, contract("d_{date}.csv", BY_DAY))] == [1]


def test_partitions_that_are_asked_for_are_read_again_and_no_others(
    drop: Path, hr: System, landing: Landing
) -> None:
    for label in ("20261018", "20261019", "20261020"):
        day(drop, label, 1)
    by_day = contract("d_{date}.csv", BY_DAY)
    taken = seen(*land(landing, hr, by_day))
    one = land(landing, hr, by_day, extract_id=10, seen=taken, scope=Scope.of_partition("2026-10-19"))
    some = land(landing, hr, by_day, extract_id=20, seen=taken, scope=Scope.of_range("2026-10-19", None))
    assert [m.scope["partition"] for m in one] == ["2026-10-19"]
    assert [m.scope for m in some] == [Scope.of_partition(f"2026-10-{d}").as_dict() for d in (19, 20)]


def test_a_closed_day_is_not_taken_again_unless_asked_for(drop: Path, hr: System, landing: Landing) -> None:
    by_day = contract("d_{date}.csv", BY_DAY)
    day(drop, "20261018", 1)
    taken = seen(*land(landing, hr, by_day))
    day(drop, "20261018", 1, 2)
    day(drop, "20261017", 5)
    with open_source(hr) as source:
        spec = ReadSpec(by_day, closed_before="2026-10-20")
        late = [landing.write(reading, 5, AT) for reading in source.readings(spec, taken)]
        told = [skip.reason for skip in source.skipped]
    assert [m.scope["partition"] for m in late] == ["2026-10-17"]
    assert told == ["d_20261018.csv: changed after 2026-10-18 was closed; asked for by name it is read"]


def test_files_have_no_keys_to_sweep(drop: Path, hr: System, landing: Landing) -> None:
    day(drop, "20261018", 1)
    with pytest.raises(ConfigurationError, match=r"hr\.staff: ingest\.keySweep is for databases"):
        land(landing, hr, contract("d_{date}.csv", Ingest(mode="watermark")), scope=Scope.keys())


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_columns_that_are_new_land_beside_the_data_by_key(
    kind: str, drop: Path, hr: System, landing: Landing
) -> None:
    texts = {
        "csv": "no,name,phone,old\n1,x,CANARY-138,z\n2,y,,z\n",
        "jsonl": '{"no": 1, "name": "x", "phone": "CANARY-138", "old": "z"}\n{"no": 2, "name": "y", "old": "z"}\n',
    }
    put(drop, f"s.{kind}", texts[kind].encode())
    with open_source(hr) as source:
        reading = source.read(ReadSpec(contract(f"s.{kind}"), known_extra=("old",)))
        manifest = landing.write(reading, 1, AT)
        assert reading.beside is not None
        beside = source.con.execute(reading.beside()).fetchall()  # type: ignore[attr-defined]
    assert (rows(landing, manifest), beside) == ([("1", "x"), ("2", "y")], [("1", "CANARY-138"), ("2", None)])
    assert set(manifest.extra_columns) == {"phone", "old"}
