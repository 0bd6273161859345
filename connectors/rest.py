"""REST sources: pages of JSON rows, spooled as they come, so that a reading that changes midway never lands."""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from catalogs.found import AT_LEAST, COUNTED, FoundColumn, FoundTable
from catalogs.model import Resource, System
from catalogs.settings import ConfigurationError, now
from connectors.base import (
    Column,
    Reading,
    ReadSpec,
    Scope,
    Source,
    SourceError,
    SourceRefused,
    SourceUnavailable,
    WarehousePin,
    match_columns,
    refuse_twins,
)
from connectors.batches import text_batches
from connectors.duck import quote, session
from connectors.http import HttpClient
from connectors.probe import fields_of
from connectors.spool import Spooled, physical_columns, refuse_without_marks, spool
from connectors.sql import lower_bound
from connectors.tabular import Records, at_path

_PAGE_SIZE = 500
_RESTARTS = 2
_MOST_PAGES = 100_000


@dataclass(frozen=True)
class Paging:
    """How a source hands its rows over in pages.

    Attributes:
        style: page (1, 2, …) | offset | cursor | link | none.
        size: rows asked for per page.
        rows: JSONPath of the rows.
        total: JSONPath of the number of all rows; empty if the source does not say.
        next: JSONPath of the next cursor or link; for `link`, empty means the Link header.
        names: our words page, size, offset, cursor → the source's parameter names.
    """

    style: str
    size: int
    rows: str
    total: str
    next: str
    names: Mapping[str, str]


class _Changed(SourceError):
    """The source changed while its pages were being read."""


class RestSource(Source):
    """A JSON interface; one reading is all pages of one path."""

    def __init__(self, system: System, con: duckdb.DuckDBPyConnection, client: HttpClient, folder: Path):
        super().__init__(system)
        self.con = con
        self.client = client
        self.folder = folder
        self._count = 0

    def readings(
        self, spec: ReadSpec, seen: Mapping[str, str] | None = None, watermark: str | None = None
    ) -> Iterator[Reading]:
        """See `Source.readings`; in watermark mode `read.since` names the parameter that carries the bound."""
        resource = spec.resource
        since = str(resource.read.get("since", ""))
        low = None
        if resource.ingest.reads_changes and since:
            low = lower_bound(watermark, resource.ingest.overlap_s)
        params = {since: low} if low is not None else {}
        records, kept, notes = self._fetch(resource, params)
        names = physical_columns(resource)
        present = records.present if records.count else set(names)
        matched = match_columns(
            spec, resource.physical_name, [Column(name, "", "unknown") for name in names if name in present]
        )
        refuse_without_marks(resource, present)
        columns = ", ".join(f"{quote(column.name)} AS {quote(item)}" for item, column in matched.columns)
        top = self._highest(resource, kept, dict(matched.columns), spec.zone) or watermark
        yield Reading(
            resource=resource,
            con=self.con,
            query=f"SELECT {columns} FROM {kept.relation}",
            covered=_scope(resource, low, top),
            types=matched.types,
            excluded_rows=kept.excluded_rows,
            watermark_from=low,
            watermark_to=top if resource.ingest.watermark else None,
            extra_columns=tuple(records.extra),
            notes=notes,
        )

    def tables(self, only: Sequence[str] = ()) -> list[FoundTable]:
        """See `Source.tables`: an interface lists nothing, so paths are named here or in the entry (`paths`)."""
        paths = list(only) or [str(path) for path in self.system.settings.get("paths") or ()]
        if not paths:
            raise ConfigurationError(
                f"systems.yaml: {self.system.code}: a REST interface does not say what it offers; name its paths: "
                f"--table /path, or paths: [...] in the entry"
            )
        return [self._first_page(path) for path in paths]

    def _first_page(self, path: str) -> FoundTable:
        """Ask one page; what its rows have are the columns."""
        paging = _paging(self.system, {})
        page = {paging.names["page"]: 1} if paging.style == "page" else {}
        offset = {paging.names["offset"]: 0} if paging.style == "offset" else {}
        size = {paging.names["size"]: paging.size} if paging.style in ("page", "offset", "cursor") else {}
        answer = self.client.ask(path, page | offset | size)
        rows = at_path(answer.body, paging.rows)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            note = f"the answer has no rows at {paging.rows}: check paging.rows of the entry"
            return FoundTable(path, "path", notes=(note,))
        total = at_path(answer.body, paging.total) if paging.total else None
        names = dict.fromkeys(name for row in rows for name in fields_of(row))
        is_all = total is None and paging.style == "none"
        return FoundTable(
            path,
            "path",
            rows=int(total) if total is not None else len(rows),
            certainty=COUNTED if total is not None or is_all else AT_LEAST,
            columns=tuple(FoundColumn(name) for name in names),
        )

    def _fetch(
        self, resource: Resource, params: Mapping[str, Any]
    ) -> tuple[Records, Spooled, tuple[str, ...]]:
        """Read all pages; from the beginning again if the source changes under the reader."""
        names = physical_columns(resource)
        refuse_twins(resource, resource.physical_name, names, names)
        for attempt in range(_RESTARTS + 1):
            records = Records(names)
            rows = self._rows(resource, params, records, strict=attempt < _RESTARTS)
            self._count += 1
            path = self.folder / f"{self._count:06d}.parquet"
            try:
                kept = spool(self.con, path, resource, names, text_batches(rows, names))
            except _Changed:
                path.unlink(missing_ok=True)
                continue
            notes = (f"read {attempt + 1} times: the source changed under the reader",) if attempt else ()
            return records, kept, notes
        raise SourceUnavailable(
            f"{resource.name}: the source changed while its pages were read, {_RESTARTS + 1} times in a row; "
            f"nothing was landed and what was published stays"
        )

    def _rows(
        self, resource: Resource, params: Mapping[str, Any], records: Records, strict: bool
    ) -> Iterator:
        paging = _paging(self.system, resource.read)
        keys = [resource.item(name).physical_name for name in resource.key]
        positions = [records.columns.index(name) for name in keys]
        may_repeat = bool(resource.ingest.pick_order_by) or not keys
        known: set[int] = set()
        total = None
        for rows, said_total in self._pages(resource, paging, params):
            if said_total is not None:
                if total is not None and said_total != total:
                    raise _Changed(f"{resource.name}: changed while it was read")
                total = said_total
            for record in rows:
                if not isinstance(record, dict):
                    raise SourceRefused(f"{resource.name}: a row is not a JSON object; nothing was landed")
                values = records.row(record)
                if strict and not may_repeat:
                    key = hash(tuple(values[position] for position in positions))
                    if key in known:
                        raise _Changed(f"{resource.name}: a row came twice")
                    known.add(key)
                yield values
        if total is not None and records.count != total:
            raise _Changed(f"{resource.name}: {records.count} rows of {total}")

    def _pages(
        self, resource: Resource, paging: Paging, params: Mapping[str, Any]
    ) -> Iterator[tuple[list[Any], int | None]]:
        path = str(resource.read.get("path") or resource.physical_name)
        asked = dict(params)
        digests: dict[bytes, int] = {}
        offset = 0
        for number in range(1, _MOST_PAGES + 1):
            if paging.style == "page":
                asked |= {paging.names["page"]: number, paging.names["size"]: paging.size}
            elif paging.style == "offset":
                asked |= {paging.names["offset"]: offset, paging.names["size"]: paging.size}
            elif paging.style == "cursor":
                asked |= {paging.names["size"]: paging.size}
            answer = self.client.ask(path, asked)
            rows = at_path(answer.body, paging.rows)
            if not isinstance(rows, list):
                raise SourceRefused(
                    f"{resource.name}: the answer has no rows at {paging.rows}; nothing was landed. Check "
                    f"paging.rows, or ask the provider {resource.provider} what its interface answers"
                )
            if rows:
                digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).digest()
                if digest in digests:
                    raise SourceRefused(
                        f"{resource.name}: page {number} repeats page {digests[digest]}: the source does not turn "
                        f"pages as {self.system.code}.paging says; nothing was landed"
                    )
                digests[digest] = number
            offset += len(rows)
            said_total = at_path(answer.body, paging.total) if paging.total else None
            total = int(said_total) if said_total is not None else None
            yield rows, total
            following = (
                answer.next_url
                if paging.style == "link" and not paging.next
                else (at_path(answer.body, paging.next) if paging.next else None)
            )
            if paging.style in ("page", "offset"):
                if not rows or (total is not None and offset >= total):
                    return
            elif paging.style == "none" or not following:
                return
            elif paging.style == "link":
                path, asked = self.client.url(str(following)), {}
            else:
                asked[paging.names["cursor"]] = str(following)
        raise SourceRefused(f"{resource.name}: more than {_MOST_PAGES} pages; nothing was landed")

    def _highest(
        self, resource: Resource, kept: Spooled, columns: Mapping[str, Column], zone: str
    ) -> str | None:
        """Greatest watermark that is not in the future: a clock that runs ahead would hide what follows."""
        if not resource.ingest.watermark:
            return None
        column = columns.get(resource.ingest.watermark)
        if column is None:
            raise ConfigurationError(f"{resource.name}: ingest.watermark is not one of its items")
        # Nobody says which zone a text is in, so that tomorrow is allowed.
        tomorrow = now().astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
        value = quote(column.name)
        (top,) = self.con.execute(
            f"SELECT max({value}) FROM {kept.relation} WHERE {_day_of(value)} <= ?", [tomorrow.isoformat()]
        ).fetchone()
        return top


def _day_of(value: str) -> str:
    """Return the DuckDB expression of the day in a text, as interfaces write times; empty where there is none."""
    seconds = f"CAST({value}[1:10] AS BIGINT)"  # since 1970, perhaps with three digits more
    return (
        f"CASE WHEN regexp_full_match({value}, '[0-9]{{10}}([0-9]{{3}})?') "
        f"THEN strftime(epoch_ms(1000 * {seconds}), '%Y-%m-%d') "
        f"WHEN regexp_full_match({value}, '[0-9]{{8}}([0-9]{{6}})?') "
        f"THEN {value}[1:4] || '-' || {value}[5:6] || '-' || {value}[7:8] "
        f"ELSE regexp_extract(replace({value}, '/', '-'), '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') END"
    )


def _scope(resource: Resource, low: str | None, top: str | None) -> Scope:
    if resource.ingest.mode == "full" or (resource.ingest.reads_changes and low is None):
        return Scope.full()
    return Scope.since(low, top)


def _paging(system: System, read: Mapping[str, Any]) -> Paging:
    """The system's way of paging, with what the contract says otherwise (`read.paging`, `read.rows`)."""
    values = dict(system.settings.get("paging") or {}) | dict(read.get("paging") or {})
    style = str(values.get("style", "none"))
    if style not in ("page", "offset", "cursor", "link", "none"):
        raise ConfigurationError(
            f"systems.yaml: {system.code}.paging.style: {style!r} is not page, offset, cursor, link or none"
        )
    if style == "cursor" and not values.get("next"):
        raise ConfigurationError(f"systems.yaml: {system.code}.paging.next: where is the next cursor?")
    names = {
        "page": "page",
        "size": "limit" if style == "offset" else "size",
        "offset": "offset",
        "cursor": "cursor",
    }
    return Paging(
        style=style,
        size=int(values.get("size", _PAGE_SIZE)),
        rows=str(read.get("rows") or values.get("rows", "$")),
        total=str(values.get("total", "")),
        next=str(values.get("next", "")),
        names=names | {ours: str(values[f"{ours}_param"]) for ours in names if f"{ours}_param" in values},
    )


@contextmanager
def open_kind(
    system: System, warehouse: WarehousePin | None = None, temp_dir: Path | None = None
) -> Iterator[RestSource]:
    """Open a REST system: settings base_url, auth, paging (see `HttpClient`, `Paging`)."""
    with (
        tempfile.TemporaryDirectory(prefix="yici-rest-", dir=temp_dir) as folder,
        closing(session(temp_dir=temp_dir, extensions=())) as con,
        HttpClient(system) as client,
    ):
        yield RestSource(system, con, client, Path(folder))
