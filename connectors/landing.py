"""The landing zone: every extract an immutable folder of Parquet files and a manifest, written last.

A folder without a manifest was never finished; a folder with one never changes, but for a purge, which
leaves a tombstone in it. Whatever stands downstream can be built again from here, so the manifest carries
what is needed to trust it: rows, columns, scope, watermark and the SHA-256 of each file.

Beside the extracts, in folders that no system can be named after, lies what a rebuild needs besides them:
`_baselines` and `_ledger` (`warehouse.sealed`).
"""

import errno
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from catalogs.settings import scratch, settings
from connectors import landing_keys
from connectors.base import LandingFull, Reading, source_error
from connectors.duck import NO_ROOM, describe, literal
from connectors.landing_store import is_local, open_store

MANIFEST = "manifest.json"
BASELINES, LEDGER = "_baselines", "_ledger"
_PART = "part-{:04d}.parquet"
_BESIDE = "beside-0000.parquet"
_CHUNK = 1 << 20
# Rows per row group: what DuckDB buffers per thread while writing, hence part of the memory bound.
_ROW_GROUP = 100_000
# With dictionaries for columns of few values only, and numbers, dates and lengths as differences (version 2), writing
# takes half the processor time and half the space, and reading no longer (docs/performance.md).
_FORMAT = (
    f"FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP}, "
    "DICTIONARY_SIZE_LIMIT 1024"
)


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
class Tombstone:
    """What a purge took out of an extract: how many rows, and the file's SHA-256 before and after.

    `deletion` is the number of the record in `yici.deletion`, which says who asked for it and why.
    """

    at: str
    deletion: int
    rows: int
    old_sha256: str
    new_sha256: str


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
        tombstones: what purges took out since; `rows` and `files` are what is left.
        beside: the key and those columns that are new in the source; nothing downstream reads it, and a purge removes
            it whole.
        key: id of the landing key that its files are encrypted with; None: they are not.
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
    tombstones: tuple[Tombstone, ...] = ()
    beside: LandedFile | None = None
    key: str | None = None

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
        if self.key is None:
            del value["key"]
        return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"

    @classmethod
    def from_json(cls, text: bytes) -> "Manifest":
        """Inverse of `to_json`."""
        value = json.loads(text)
        value["taken_at"] = datetime.fromisoformat(value["taken_at"])
        value["files"] = tuple(LandedFile(**file) for file in value["files"])
        value["tombstones"] = tuple(Tombstone(**stone) for stone in value.get("tombstones", ()))
        value["beside"] = LandedFile(**value["beside"]) if value.get("beside") else None
        for name in ("extra_columns", "notes"):
            value[name] = tuple(value[name])
        return cls(**value)


def extract_path(resource: str, extract_id: int) -> str:
    """Return the folder of an extract relative to the landing zone: `<system>/<resource>/<id>`."""
    system, _, name = resource.partition(".")
    return f"{system}/{name}/{extract_id:010d}"


class Opened(list[str]):
    """Addresses of an extract's files.

    Attributes:
        options: what `read_parquet` is told besides them, beginning with a comma; empty for files in clear.
    """

    def __init__(self, addresses: Iterable[str], key: str | None) -> None:
        super().__init__(addresses)
        self.options = _encryption(key, "encryption_config =")


class Landing:
    """A landing zone at an fsspec address.

    Args:
        root: a folder or an fsspec address such as `s3://bucket/landing`.
    """

    def __init__(self, root: str):
        self.fs, self.root = open_store(root)
        self.root = self.root.rstrip("/")
        self.local = Path(self.root) if is_local(root) else None

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
            LandingFull: there is no room for it; nothing is left behind.
            LandingUnreachable: the zone lies elsewhere and does not answer, or refuses us.
            LandingError: an extract of that number is already there.
        """
        path = extract_path(reading.resource.name, extract_id)
        if self.fs.exists(f"{self.root}/{path}/{MANIFEST}"):
            raise LandingError(f"landing {path}: is already there; extracts are never overwritten")
        self._remove(path)
        started = time.monotonic()
        key = _key_for(reading)
        try:
            file = self._write_part(f"{path}/{_PART.format(0)}", lambda target: _copy(reading, target, key))
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
                beside=self._write_beside(reading, path, key),
                key=key,
            )
            if before_finish is not None:
                before_finish(manifest)
            self.put(f"{path}/{MANIFEST}", manifest.to_json())
        except BaseException as error:
            self._remove(path)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _full(reading) from None
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

    def open(self, manifest: Manifest) -> Opened:
        """Return the addresses of an extract's Parquet files; a session that reads them is told the keys by `attach`.

        Raises:
            LandingError: a file is missing or its size is not the manifest's (`verify` compares content), or its key
                is lost.
        """
        if manifest.key and manifest.key not in landing_keys.ring():
            raise LandingError(
                f"landing {manifest.path}: encrypted with key {manifest.key}, which is not in "
                f"{landing_keys.file_of(settings().home)}: nobody can read it. It stays; restore the file from "
                "the backup of keys"
            )
        return Opened((self._uri(manifest, file) for file in manifest.files), manifest.key)

    def _uri(self, manifest: Manifest, file: LandedFile) -> str:
        address = f"{self.root}/{manifest.path}/{file.name}"
        if not self.fs.exists(address) or self.fs.size(address) != file.bytes:
            raise LandingError(
                f"landing {manifest.path}/{file.name}: missing or cut short; restore it from backup or "
                f"read the resource again. What was published stays"
            )
        return address if self.local else self.fs.unstrip_protocol(address)

    def attach(self, con: duckdb.DuckDBPyConnection) -> None:
        """Let a DuckDB session read the zone's addresses and open its encrypted files."""
        protocol = self.fs.protocol if isinstance(self.fs.protocol, str) else self.fs.protocol[0]
        if not self.local and protocol not in con.list_filesystems():
            con.register_filesystem(self.fs.raw)
        landing_keys.teach(con, landing_keys.ring())

    def intact(self, path: str) -> Manifest:
        """Return the manifest of an extract whose files are, byte for byte, what it says.

        Raises:
            LandingError: names the file that is missing or altered.
        """
        manifest = self.read(path)
        for file in _all_files(manifest):
            self._uri(manifest, file)
            if self.sha256(f"{path}/{file.name}") != file.sha256:
                raise LandingError(f"landing {path}/{file.name}: content differs from its manifest")
        return manifest

    def verify(self, path: str) -> Manifest:
        """Check every file of an extract against its manifest, byte for byte, and that there are no others.

        Raises:
            LandingError: names the file that is missing, altered or not in the manifest.
        """
        manifest = self.intact(path)
        if others := self._unnamed(manifest):
            raise LandingError(f"landing {path}: holds files its manifest does not name: {', '.join(others)}")
        return manifest

    def files(self) -> dict[str, int]:
        """Return every file of the zone, relative to it, with its size in bytes."""
        if not self.fs.exists(self.root):
            return {}
        found = self.fs.find(self.root, detail=True)
        return {str(path).removeprefix(f"{self.root}/"): int(entry["size"]) for path, entry in found.items()}

    def put_file(self, path: str, source: Path) -> None:
        """Copy a local file into the zone."""
        self._make_folder(path)
        self.fs.put_file(str(source), f"{self.root}/{path}")
        if self.local:
            _sync(self.local / path)

    def put(self, path: str, content: bytes) -> None:
        """Write a small file into the zone; readers see the old content or the new one."""
        self._make_folder(path)
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

    def remove_beside(self, path: str) -> None:
        """Remove a folder of baselines or ledger, manifest first.

        Raises:
            LandingError: the path lies elsewhere.
        """
        if path.split("/")[0] not in (BASELINES, LEDGER) or path.count("/") != 1 or ".." in path:
            raise LandingError(f"landing {path}: not a baseline or ledger folder; nothing was removed")
        self._remove(path)

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

    def keys(self) -> Counter[str]:
        """Return how many extracts need each key of the landing zone.

        Raises:
            LandingError: a manifest cannot be read, so that nobody knows which key its extract needs.
        """
        finished = (path for path in self.extracts() if self.fs.exists(f"{self.root}/{path}/{MANIFEST}"))
        return Counter(key for key in (self.read(path).key for path in finished) if key)

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

    def rewrite(
        self, manifest: Manifest, query: str, con: duckdb.DuckDBPyConnection, stone: Tombstone
    ) -> Manifest:
        """Replace an extract's rows by those that a purge leaves, and say so in its manifest.

        The new file stands under a new name before the manifest names it, and the old one goes last, so that an
        interruption leaves the extract as it was or as it shall be; `sweep` removes what then lies beside it.

        Args:
            manifest: the extract.
            query: DuckDB SQL for the rows that stay.
            con: the session it runs in.
            stone: the tombstone; its digests and rows are filled in here.

        Returns:
            the manifest that now stands there.
        """
        taken = [int(file.name.removeprefix("part-").partition(".")[0]) for file in manifest.files]
        name = _PART.format(max(taken) + 1)
        if manifest.key:
            landing_keys.teach(con, landing_keys.ring(), writes=True)
        file = self._write_part(
            f"{manifest.path}/{name}", lambda target: _copy_query(con, query, target, manifest.key)
        )
        old = ",".join(each.sha256 for each in manifest.files)
        stone = replace(stone, rows=manifest.rows - file.rows, old_sha256=old, new_sha256=file.sha256)
        changed = replace(
            manifest,
            rows=file.rows,
            files=(file,),
            tombstones=(*manifest.tombstones, stone),
            beside=None,
        )
        self.put(f"{manifest.path}/{MANIFEST}", changed.to_json())
        self.sweep(changed)
        return changed

    def sweep(self, manifest: Manifest) -> None:
        """Remove the files of an extract's folder that its manifest does not name."""
        for name in self._unnamed(manifest):
            self.fs.rm_file(f"{self.root}/{manifest.path}/{name}")

    def _unnamed(self, manifest: Manifest) -> list[str]:
        named = {MANIFEST, *(file.name for file in _all_files(manifest))}
        there = self.fs.ls(f"{self.root}/{manifest.path}", detail=False)
        return sorted({str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in there} - named)

    def _write_beside(self, reading: Reading, path: str, key: str | None) -> LandedFile | None:
        """Land the new columns, if the reading has any."""
        if reading.beside is None:
            return None
        beside = replace(reading, query=reading.beside())
        return self._write_part(f"{path}/{_BESIDE}", lambda target: _copy(beside, target, key))

    def _write_part(self, path: str, write: Callable[[Path], int]) -> LandedFile:
        """Let `write` make a Parquet file, put it in its place and describe it."""
        if self.local:
            target = self.local / path
            self._make_folder(path)
            rows = write(target)
            _sync(target)
        else:
            with scratch("landing") as folder:
                target = folder / path.rsplit("/", 1)[-1]
                rows = write(target)
                self.put_file(path, target)
        return LandedFile(target.name, self.sha256(path), rows, self.fs.size(f"{self.root}/{path}"))

    def _make_folder(self, path: str) -> None:
        """Make the folder of a file, private from the zone's root on: what lies here is personal data."""
        if self.local:
            self.local.parent.mkdir(parents=True, exist_ok=True)
            self.local.mkdir(mode=0o700, exist_ok=True)
            (self.local / path).parent.mkdir(parents=True, exist_ok=True)
        elif self.fs.has_folders:
            self.fs.makedirs(f"{self.root}/{path}".rsplit("/", 1)[0], exist_ok=True)

    def _remove(self, path: str) -> None:
        folder = f"{self.root}/{path}"
        if not self.fs.exists(folder):
            return
        if self.fs.exists(f"{folder}/{MANIFEST}"):
            self.fs.rm_file(f"{folder}/{MANIFEST}")
        if self.fs.exists(folder):  # in an object store a folder is gone with its last file
            self.fs.rm(folder, recursive=True)

    def sha256(self, path: str) -> str:
        """Return the SHA-256 of a file of the zone, hex."""
        digest = hashlib.sha256()
        telling = nullcontext() if self.local else self.fs.telling()
        with telling, self.fs.open(f"{self.root}/{path}", "rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()


def _all_files(manifest: Manifest) -> tuple[LandedFile, ...]:
    return (*manifest.files, manifest.beside) if manifest.beside else manifest.files


def _key_for(reading: Reading) -> str | None:
    """Return the key that a reading's files are encrypted with, known to its session; None for nothing sensitive."""
    if not any(item.is_sensitive for item in reading.resource.items):
        return None
    held = landing_keys.ring(make=True)
    landing_keys.teach(reading.con, held, writes=True)
    return next(iter(held))


def _encryption(key: str | None, name: str) -> str:
    return f", {name} {{footer_key: {literal(key)}}}" if key else ""


def _copy(reading: Reading, target: Path, key: str | None) -> int:
    try:
        return _copy_query(reading.con, reading.query, target, key)
    except duckdb.Error as error:
        if describe(error) == NO_ROOM:
            raise _full(reading) from None
        raise reading.failure() or source_error(
            error, reading.resource.system, reading.resource.name
        ) from None


def _full(reading: Reading) -> LandingFull:
    return LandingFull(
        f"{reading.resource.name}: no room is left on the disk of the landing zone, or of the state folder; nothing was"
        " landed from this reading and the last good state stays. Make room, then run again"
    )


def _copy_query(con: duckdb.DuckDBPyConnection, query: str, target: Path, key: str | None = None) -> int:
    options = _FORMAT + _encryption(key, "ENCRYPTION_CONFIG")
    answer = con.execute(f"COPY ({query}) TO {literal(str(target))} ({options})").fetchone()
    return int(answer[0])


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
