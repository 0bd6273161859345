"""The landing zone: every extract an immutable folder of Parquet files and a manifest, written last.

A folder without a manifest was never finished; a folder with one never changes. Whatever stands
downstream can be built again from here, so the manifest carries what is needed to trust it: rows,
columns, scope, watermark and the SHA-256 of each file.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import duckdb
import fsspec

from catalogs.settings import scratch
from connectors.base import Reading, source_error
from connectors.duck import literal

MANIFEST = "manifest.json"
_PART = "part-0000.parquet"
_CHUNK = 1 << 20
# Rows per row group: what DuckDB buffers per thread while writing, hence part of the memory bound.
_ROW_GROUP = 100_000


class LandingError(Exception):
    """An extract in the landing zone is missing, altered or would have been overwritten."""


@dataclass(frozen=True)
class LandedFile:
    """One Parquet file of an extract."""

    name: str
    sha256: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """What an extract says about itself.

    Attributes:
        extract_id: from the warehouse's sequence; names the folder.
        resource: name of the resource.
        contract_version: version of the contract it was read under.
        mode: full | watermark | append.
        scope: `connectors.base.Scope` as plain data.
        taken_at: start of reading on the campus's clock, UTC.
        rows: rows landed.
        excluded_rows: rows that the exclusion predicate kept back at the source.
        columns: item → type in the source's own words.
        extra_columns: columns of the source that the contract does not name; not landed.
        watermark_from: where reading began; None from the beginning.
        watermark_to: greatest watermark seen; None without a watermark.
        source_digest: identifies what was read (hash of a file, or of a partition's shape).
        notes: what a reader of the ledger should know.
        files: the Parquet files.
        seconds: reading and writing took.
    """

    extract_id: int
    resource: str
    contract_version: str
    mode: str
    scope: dict[str, Any]
    taken_at: datetime
    rows: int
    excluded_rows: int
    columns: dict[str, str]
    extra_columns: tuple[str, ...]
    watermark_from: str | None
    watermark_to: str | None
    source_digest: str | None
    notes: tuple[str, ...]
    files: tuple[LandedFile, ...]
    seconds: float

    @property
    def path(self) -> str:
        """Folder of the extract, relative to the landing zone."""
        return extract_path(self.resource, self.extract_id)

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest file, hex."""
        return hashlib.sha256(self.to_json()).hexdigest()

    def to_json(self) -> bytes:
        """The bytes that stand in manifest.json."""
        value = asdict(self) | {"taken_at": self.taken_at.astimezone(UTC).isoformat()}
        return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"

    @classmethod
    def from_json(cls, text: bytes) -> "Manifest":
        """Inverse of `to_json`."""
        value = json.loads(text)
        value["taken_at"] = datetime.fromisoformat(value["taken_at"])
        value["files"] = tuple(LandedFile(**file) for file in value["files"])
        for name in ("extra_columns", "notes"):
            value[name] = tuple(value[name])
        return cls(**value)


def extract_path(resource: str, extract_id: int) -> str:
    """Return the folder of an extract relative to the landing zone: `<system>/<resource>/<id>`."""
    system, _, name = resource.partition(".")
    return f"{system}/{name}/{extract_id:010d}"


class Landing:
    """A landing zone at an fsspec address.

    Args:
        root: a folder or an fsspec address such as `s3://bucket/landing`.
    """

    def __init__(self, root: str):
        self.fs, self.root = fsspec.core.url_to_fs(root)
        self.root = self.root.rstrip("/")
        self.local = Path(self.root) if _is_local(root) else None

    def write(
        self,
        reading: Reading,
        extract_id: int,
        taken_at: datetime,
        before_finish: Callable[[Manifest], None] | None = None,
    ) -> Manifest:
        """Land a reading; the manifest appears last, whole or not at all.

        Args:
            reading: run exactly once.
            extract_id: a number never used before; an unfinished folder of that number is replaced.
            taken_at: when reading began, aware.
            before_finish: called with the manifest before it is written; whatever it raises (for example
                `guard`) removes the folder again.

        Raises:
            SourceUnavailable: the source broke off; nothing is left behind.
            SourceRefused: the source sent what cannot be read; nothing is left behind.
            LandingError: an extract of that number is already there.
        """
        path = extract_path(reading.resource.name, extract_id)
        if self.fs.exists(f"{self.root}/{path}/{MANIFEST}"):
            raise LandingError(f"landing {path}: is already there; extracts are never overwritten")
        self._remove(path)
        started = time.monotonic()
        try:
            file = self._write_parquet(reading, path)
            manifest = Manifest(
                extract_id=extract_id,
                resource=reading.resource.name,
                contract_version=reading.resource.version,
                mode=reading.resource.ingest.mode,
                scope=reading.covered.as_dict(),
                taken_at=taken_at,
                rows=file.rows,
                excluded_rows=reading.excluded_rows,
                columns=dict(reading.types),
                extra_columns=reading.extra_columns,
                watermark_from=reading.watermark_from,
                watermark_to=reading.watermark_to,
                source_digest=reading.source_digest,
                notes=reading.notes,
                files=(file,),
                seconds=round(time.monotonic() - started, 3),
            )
            if before_finish is not None:
                before_finish(manifest)
            self._put(f"{path}/{MANIFEST}", manifest.to_json())
        except BaseException:
            self._remove(path)
            raise
        return manifest

    def read(self, path: str) -> Manifest:
        """Return the manifest of an extract folder.

        Raises:
            LandingError: there is none, or it cannot be read.
        """
        try:
            return Manifest.from_json(self.fs.cat_file(f"{self.root}/{path}/{MANIFEST}"))
        except FileNotFoundError:
            raise LandingError(f"landing {path}: no manifest; never finished, or gone") from None
        except (ValueError, KeyError, TypeError):
            raise LandingError(f"landing {path}: unreadable manifest; restore it from backup") from None

    def open(self, manifest: Manifest) -> list[str]:
        """Return the addresses of an extract's Parquet files.

        Raises:
            LandingError: a file is missing or its size is not the manifest's (`verify` compares content).
        """
        uris = []
        for file in manifest.files:
            address = f"{self.root}/{manifest.path}/{file.name}"
            if not self.fs.exists(address) or self.fs.size(address) != file.bytes:
                raise LandingError(
                    f"landing {manifest.path}/{file.name}: missing or cut short; restore it from backup or "
                    f"read the resource again. What was published stays"
                )
            uris.append(address if self.local else self.fs.unstrip_protocol(address))
        return uris

    def verify(self, path: str) -> Manifest:
        """Check every file of an extract against its manifest, byte for byte.

        Raises:
            LandingError: names the file that is missing, altered or not in the manifest.
        """
        manifest = self.read(path)
        self.open(manifest)
        for file in manifest.files:
            if self._sha256(f"{self.root}/{path}/{file.name}") != file.sha256:
                raise LandingError(f"landing {path}/{file.name}: content differs from its manifest")
        named = {MANIFEST, *(file.name for file in manifest.files)}
        there = {entry.rsplit("/", 1)[-1] for entry in self.fs.ls(f"{self.root}/{path}", detail=False)}
        if others := sorted(there - named):
            raise LandingError(f"landing {path}: holds files its manifest does not name: {', '.join(others)}")
        return manifest

    def extracts(self) -> list[str]:
        """Return every extract folder, finished or not, relative to the landing zone."""
        if not self.fs.exists(self.root):
            return []
        found = []
        for entry in self.fs.glob(f"{self.root}/*/*/*", detail=False):
            path = str(entry).rstrip("/").removeprefix(f"{self.root}/")
            if path.rsplit("/", 1)[-1].isdigit() and self.fs.isdir(f"{self.root}/{path}"):
                found.append(path)
        return sorted(found)

    def garbage(self, registered: Iterable[str]) -> list[str]:
        """Return extract folders that no ledger row names: readings that died before they were registered.

        Args:
            registered: paths from the ledger. Take them *after* every running landing has ended, or a folder
                that is just being written looks like garbage.
        """
        known = set(registered)
        return [path for path in self.extracts() if path not in known]

    def remove(self, path: str) -> None:
        """Remove one extract folder, manifest first, so that a half-removed one counts as unfinished.

        Raises:
            LandingError: the path is not that of an extract.
        """
        if path.count("/") != 2 or not path.rsplit("/", 1)[-1].isdigit() or ".." in path:
            raise LandingError(f"landing {path}: not an extract folder; nothing was removed")
        self._remove(path)

    def _write_parquet(self, reading: Reading, path: str) -> LandedFile:
        if self.local:
            target = self.local / path / _PART
            self.local.parent.mkdir(parents=True, exist_ok=True)
            self.local.mkdir(mode=0o700, exist_ok=True)  # what lies here is personal data
            target.parent.mkdir(parents=True, exist_ok=True)
            rows = _copy(reading, target)
            _sync(target)
        else:
            with scratch("landing") as folder:
                target = folder / _PART
                rows = _copy(reading, target)
                self.fs.makedirs(f"{self.root}/{path}", exist_ok=True)
                self.fs.put_file(str(target), f"{self.root}/{path}/{_PART}")
        address = f"{self.root}/{path}/{_PART}"
        return LandedFile(_PART, self._sha256(address), rows, self.fs.size(address))

    def _put(self, path: str, content: bytes) -> None:
        if self.local:
            target = self.local / path
            partial = target.with_suffix(".part")
            partial.write_bytes(content)
            _sync(partial)
            partial.rename(target)
            _sync(target.parent)
            return
        # An object store shows an object whole or not at all.
        self.fs.pipe_file(f"{self.root}/{path}", content)

    def _remove(self, path: str) -> None:
        folder = f"{self.root}/{path}"
        if not self.fs.exists(folder):
            return
        if self.fs.exists(f"{folder}/{MANIFEST}"):
            self.fs.rm_file(f"{folder}/{MANIFEST}")
        self.fs.rm(folder, recursive=True)

    def _sha256(self, address: str) -> str:
        digest = hashlib.sha256()
        with self.fs.open(address, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()


def _is_local(root: str) -> bool:
    return urlparse(root).scheme in ("", "file") or len(urlparse(root).scheme) == 1


def _copy(reading: Reading, target: Path) -> int:
    try:
        answer = reading.con.execute(
            f"COPY ({reading.query}) TO {literal(str(target))} "
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP})"
        ).fetchone()
    except duckdb.Error as error:
        raise reading.failure() or source_error(
            error, reading.resource.system, reading.resource.name
        ) from None
    return int(answer[0])


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
