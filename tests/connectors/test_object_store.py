"""Landing in, and reading from, an object store: whole, seen at once, and refused without a secret in the message."""

import logging
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import s3fs
from fsspec.registry import _registry

from catalogs.model import Ingest, Partition, Resource, System
from catalogs.settings import ConfigurationError
from connectors import open_source
from connectors.base import (
    LandingUnreachable,
    ReadSpec,
    SourceError,
    SourceRefused,
    SourceShrunk,
    SourceUnavailable,
)
from connectors.landing import Landing, LandingError, Manifest
from tests.connectors.build import item, resource, system
from tests.connectors.drops import put
from tests.connectors.reading import AT, land, rows
from tests.support.http import free_port
from tests.support.s3 import S3

CSV = "工号,姓名\n007,张三\n008,李四\n".encode()
EXPECTED = [("007", "张三"), ("008", "李四")]
BY_DAY = Ingest(mode="append", partition=Partition("day", "filename"))


@pytest.fixture
def store(s3_store: S3) -> S3:
    return s3_store


@pytest.fixture
def bucket(store: S3) -> str:
    return store.bucket()


@pytest.fixture
def zone(store: S3, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Landing:
    """A landing zone in the store, whose address and account stand in the environment."""
    for name, value in store.environment().items():
        monkeypatch.setenv(name, value)
    return Landing(f"s3://{bucket}/campus/landing")


@pytest.fixture
def hr(store: S3, bucket: str, monkeypatch: pytest.MonkeyPatch) -> System:
    """A system whose files are dropped into the store."""
    for name in store.environment():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HR_S3_SECRET", store.password)
    settings = {
        "root": f"s3://{bucket}/drop",
        "endpoint": store.endpoint,
        "user": store.user,
        "password": "env:HR_S3_SECRET",
    }
    return system("files", settings, code="hr", timeout_s=5)


def staff(physical_name: str = "staff.csv", ingest: Ingest | None = None, **read: object) -> Resource:
    return resource(
        physical_name,
        [item("staff_no", "工号"), item("name", "姓名")],
        name="hr.staff",
        ingest=ingest,
        read=read,
    )


def landed(zone: Landing, drop: Path, hr_here: System, contract: Resource | None = None, **other) -> Manifest:
    put(drop, "staff.csv", CSV)
    (manifest,) = land(zone, hr_here, contract or staff(), **other)
    return manifest


@pytest.fixture
def here(drop: Path) -> System:
    """The same files in a folder of this machine, for tests of landing."""
    return system("files", {"root": str(drop)}, code="hr")


def test_an_extract_lands_whole_is_verified_and_read_back(
    zone: Landing, store: S3, bucket: str, drop: Path, here: System
) -> None:
    manifest = landed(zone, drop, here)
    folder = f"campus/landing/{manifest.path}"
    assert store.keys(bucket) == [f"{folder}/manifest.json", f"{folder}/part-0000.parquet"]
    assert zone.extracts() == [manifest.path]
    assert zone.read(manifest.path) == zone.verify(manifest.path) == manifest
    assert rows(zone, manifest) == EXPECTED
    assert sum(zone.files().values()) == manifest.files[0].bytes + len(manifest.to_json())


def test_sensitive_items_lie_encrypted_in_the_store_and_are_read_with_their_key(
    zone: Landing, store: S3, bucket: str, drop: Path, here: System
) -> None:
    contract = staff()
    hidden = replace(contract.items[1], pi_class="sensitive")
    manifest = landed(zone, drop, here, replace(contract, items=(contract.items[0], hidden)))
    assert manifest.key
    content = store.get(bucket, f"campus/landing/{manifest.path}/part-0000.parquet")
    assert content.startswith(b"PARE") and "张三".encode() not in content
    assert rows(zone, manifest) == EXPECTED


def test_what_was_altered_cut_short_or_lost_in_the_store_is_named(
    zone: Landing, store: S3, bucket: str, drop: Path, here: System
) -> None:
    manifest = landed(zone, drop, here)
    key = f"campus/landing/{manifest.path}/part-0000.parquet"
    whole = store.get(bucket, key)
    for content, told in (
        (whole[:-1], "cut short"),
        (whole[:-1] + b"?", "content differs from its manifest"),
    ):
        store.put(bucket, key, content)
        with pytest.raises(LandingError, match=told):
            zone.verify(manifest.path)
    store.put(bucket, key, whole)
    store.put(bucket, f"campus/landing/{manifest.path}/part-0007.parquet", whole)
    with pytest.raises(LandingError, match=r"does not name: part-0007\.parquet"):
        zone.verify(manifest.path)
    zone.sweep(manifest)
    zone.verify(manifest.path)
    store.client().delete_object(Bucket=bucket, Key=key)
    with pytest.raises(LandingError, match="missing"):
        zone.open(manifest)


def test_a_reading_that_is_refused_leaves_nothing_in_the_store(
    zone: Landing, store: S3, bucket: str, drop: Path, here: System
) -> None:
    put(drop, "staff.csv", CSV)

    def refuse(manifest: Manifest) -> None:
        raise SourceShrunk("far fewer rows")

    with open_source(here) as source, pytest.raises(SourceShrunk):
        zone.write(source.read(ReadSpec(staff())), 1, AT, before_finish=refuse)
    assert store.keys(bucket) == []


def test_a_reading_that_died_in_the_store_is_unfinished_and_replaced_by_the_next(
    zone: Landing, store: S3, bucket: str, drop: Path, here: System
) -> None:
    folder = "campus/landing/hr/staff/0000000001"
    store.put(bucket, f"{folder}/part-0000.parquet", b"half")
    store.put(bucket, f"{folder}/part-0001.parquet", b"half")
    assert zone.extracts() == zone.garbage([]) == ["hr/staff/0000000001"]
    with pytest.raises(LandingError, match="never finished"):
        zone.read("hr/staff/0000000001")
    manifest = landed(zone, drop, here)
    assert zone.verify(manifest.path).rows == 2
    with pytest.raises(LandingError, match="never overwritten"):
        landed(zone, drop, here)


def test_what_another_process_lands_or_removes_is_seen_at_once(
    zone: Landing, store: S3, bucket: str, drop: Path, here: System
) -> None:
    manifest = landed(zone, drop, here)
    assert len(zone.extracts()) == 1 and len(zone.files()) == 2
    zone.verify(manifest.path)
    mine = f"campus/landing/{manifest.path}"
    other = replace(manifest, extract_id=2)
    # As a reading process does, which this one's file system knows nothing of.
    for name in ("part-0000.parquet", "manifest.json"):
        content = other.to_json() if name == "manifest.json" else store.get(bucket, f"{mine}/{name}")
        store.put(bucket, f"campus/landing/{other.path}/{name}", content)
    assert zone.extracts() == [manifest.path, other.path]
    assert zone.verify(other.path) == other
    assert rows(zone, other) == EXPECTED
    for name in ("manifest.json", "part-0000.parquet"):
        store.client().delete_object(Bucket=bucket, Key=f"{mine}/{name}")
    assert zone.extracts() == [other.path]
    with pytest.raises(LandingError, match="no manifest"):
        zone.read(manifest.path)


def test_an_extract_is_removed_from_the_store_and_a_second_time_is_no_fault(
    zone: Landing, store: S3, bucket: str, drop: Path, here: System
) -> None:
    manifest = landed(zone, drop, here)
    zone.remove(manifest.path)
    zone.remove(manifest.path)
    assert store.keys(bucket) == [] and zone.extracts() == []
    # One whose removal was interrupted when only the manifest was left.
    store.put(bucket, f"campus/landing/{manifest.path}/manifest.json", manifest.to_json())
    zone.remove(manifest.path)
    assert store.keys(bucket) == []


def test_files_dropped_into_the_store_arrive_and_the_same_ones_are_not_fetched_again(
    store: S3, bucket: str, hr: System, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(bucket, "drop/", b"")  # what consoles leave for a folder
    store.put(bucket, "drop/流水_20261019.csv", CSV)
    store.put(bucket, "drop/流水_20261020.csv", CSV)
    store.put(bucket, "drop/流水_20261021.csv.part", CSV)
    contract = staff("流水_{date}.csv", BY_DAY)
    first = land(landing, hr, contract)
    assert [rows(landing, manifest) for manifest in first] == [EXPECTED, EXPECTED]
    seen = {str(m.scope["partition"]): str(m.source_digest) for m in first}
    store.put(bucket, "drop/流水_20261020.csv", CSV + "009,王五\n".encode())
    fetched: list[str] = []
    real = s3fs.S3FileSystem._get_file

    async def watched(self, path, *args, **kwargs):
        fetched.append(path)
        return await real(self, path, *args, **kwargs)

    monkeypatch.setattr(s3fs.S3FileSystem, "_get_file", watched)
    (corrected,) = land(landing, hr, contract, extract_id=5, seen=seen)
    assert (corrected.scope["partition"], corrected.rows) == ("2026-10-20", 3)
    assert fetched == [f"{bucket}/drop/流水_20261020.csv"]


def test_a_file_in_the_store_waits_for_its_marker(
    store: S3, bucket: str, hr: System, landing: Landing
) -> None:
    contract = staff("out/staff_{date}.csv", BY_DAY, done=".done")
    store.put(bucket, "drop/out/staff_20261020.csv", CSV)
    with open_source(hr) as source:
        assert list(source.readings(ReadSpec(contract))) == []
        assert [skip.reason for skip in source.skipped] == [
            "staff_20261020.csv: its .done marker is not there yet; it waits"
        ]
        store.put(bucket, "drop/out/staff_20261020.csv.done", b"")
        assert len(list(source.readings(ReadSpec(contract)))) == 1


def test_a_file_that_was_sent_in_parts_and_one_that_is_replaced_while_it_is_looked_at(
    store: S3, bucket: str, hr: System, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = store.client()
    upload = client.create_multipart_upload(Bucket=bucket, Key="drop/staff.csv")["UploadId"]
    big = CSV + b"".join(b"%d,x\n" % number for number in range(800_000))
    named = {"Bucket": bucket, "Key": "drop/staff.csv", "UploadId": upload}
    half = 5 << 20
    parts = [
        {"PartNumber": n, "ETag": client.upload_part(PartNumber=n, Body=body, **named)["ETag"]}
        for n, body in ((1, big[:half]), (2, big[half:]))
    ]
    # Nothing is there before the last part is.
    with pytest.raises(SourceUnavailable, match=r"no file staff\.csv has arrived"):
        land(landing, hr, staff())
    client.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    (manifest,) = land(landing, hr, staff())
    assert manifest.rows == 800_002
    real = s3fs.S3FileSystem._get_file

    async def replaced(self, path, *args, **kwargs):
        await real(self, path, *args, **kwargs)
        store.put(bucket, "drop/staff.csv", big + b"9,z\n")

    monkeypatch.setattr(s3fs.S3FileSystem, "_get_file", replaced)
    seen = {"": str(manifest.source_digest)}
    store.put(bucket, "drop/staff.csv", big + b"9,y\n")
    with open_source(hr) as source:
        assert list(source.readings(ReadSpec(staff()), seen)) == []
        assert [skip.reason for skip in source.skipped] == ["staff.csv: still growing; it waits"]


def refused(place: System, kind: type[SourceError]) -> str:
    started = time.monotonic()
    with pytest.raises(kind) as caught, open_source(place) as source:
        list(source.readings(ReadSpec(staff())))
    assert time.monotonic() - started < 30
    return str(caught.value)


def test_a_folder_of_the_store_that_is_emptied_is_there_and_a_bucket_that_is_not_is_missed(
    store: S3, hr: System
) -> None:
    assert "no file staff.csv has arrived" in refused(hr, SourceUnavailable)
    gone = replace(hr, settings={**hr.settings, "root": f"s3://{store.bucket()}-gone/drop"})
    assert "the drop folder is not there" in refused(gone, SourceUnavailable)


def test_a_wrong_account_is_refused_and_a_silent_store_is_a_passing_failure_without_a_secret(
    store: S3, bucket: str, hr: System, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store.put(bucket, "drop/staff.csv", CSV)
    monkeypatch.setenv("HR_S3_SECRET", "CANARY-secret")
    message = refused(hr, SourceRefused)
    assert "user or password refused" in message
    assert "hr.user, hr.password (variable HR_S3_SECRET)" in message
    unknown = replace(hr, settings={**hr.settings, "user": "AKIAUNKNOWN"})
    assert "user or password refused" in refused(unknown, SourceRefused)
    silent = {**hr.settings, "endpoint": f"http://127.0.0.1:{free_port()}"}
    assert "no connection" in refused(replace(hr, settings=silent), SourceUnavailable)
    assert "CANARY" not in message + caplog.text


def test_a_zone_that_refuses_is_silent_or_has_no_bucket_is_told_without_a_secret_and_no_bucket_is_made(
    zone: Landing, store: S3, bucket: str, drop: Path, here: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    mistyped = Landing(f"s3://{bucket}-gone/campus/landing")
    with pytest.raises(LandingUnreachable, match=r"-gone/campus/landing: it has no such bucket; .* Make it"):
        landed(mistyped, drop, here)
    names = [one["Name"] for one in store.client().list_buckets()["Buckets"]]
    assert bucket in names and f"{bucket}-gone" not in names
    for name, value, told in (
        ("AWS_SECRET_ACCESS_KEY", "CANARY", "it refuses us; .* Check the account"),
        ("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}", r"it does not answer \(\w+\); .* Run again"),
    ):
        monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        with pytest.raises(LandingUnreachable, match=told) as caught:
            landed(Landing(f"s3://{bucket}/campus/landing"), drop, here)
        assert "CANARY" not in str(caught.value)
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize(
    ("address", "advice"),
    [("s3://bucket/zone", r"pip install 'yici\[s3\]'"), ("nowhere://host/zone", "nobody knows addresses")],
)
def test_a_zone_whose_driver_is_missing_or_unknown_says_what_to_install(
    address: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(_registry, "s3", raising=False)
    with pytest.raises(ConfigurationError, match=advice):
        Landing(address)
