"""One resource through a release: judge its new extracts, apply the difference, or refuse and keep what is there.

Extracts of one kind are judged together, one kind after the other as they came. A partition that breaks its contract
is refused alone, so that one bad file does not keep out the good ones behind it; everything else of a resource is
applied or refused whole. An extract that is no longer what was landed is refused, too: the source is read again.
After that, rows that wait are looked at again where their contract changed or a person decided about them
(`expectations.quarantine.again`), also without a new extract.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from zoneinfo import ZoneInfo

import duckdb
import psycopg

from catalogs.model import Catalog, Resource
from catalogs.settings import now, scratch
from connectors.duck import attach_postgres, describe, session
from connectors.landing import Landing, LandingError
from expectations.admission import Finding, judge, judge_keys
from expectations.extracts import ExtractRefused, SharedKeys
from expectations.quarantine.again import basis, look_again, waive
from warehouse import ledger, releases, reshaped, versions, volume, waiting
from warehouse.connect import pg_params
from warehouse.judged import Applied, Judged
from warehouse.releases import Candidate
from warehouse.store import StoreTable, ensure_table

# With what the process holds beside it, half a gigabyte whatever the size of a table (docs/performance.md).
MEMORY_LIMIT = "200MB"


class AdmissionFailed(Exception):
    """The database, or its connection, failed while a resource was admitted; the candidate is abandoned."""


@dataclass(frozen=True)
class Admitted:
    """What became of a resource in a candidate.

    Attributes:
        resource: its name.
        outcome: `applied`, `refused`, or `nothing` if there was no new extract and no reason to look again.
        reason: why it was refused, without values.
        rows_in, admitted, quarantined: rows judged, kept and refused.
        inserted, ended: versions written and closed in the store.
        seconds: judging and applying.
        findings: results of the rules.
    """

    resource: str
    outcome: str
    reason: str | None = None
    rows_in: int = 0
    admitted: int = 0
    quarantined: int = 0
    inserted: int = 0
    ended: int = 0
    seconds: float = 0.0
    findings: tuple[Finding, ...] = ()


@contextmanager
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the DuckDB session that admits resources one after the other, the warehouse attached as `wh`."""
    with scratch("admit") as folder:
        con = session(memory_limit=MEMORY_LIMIT, temp_dir=folder)
        try:
            attach_postgres(con, "wh", pg_params())
            yield con
        finally:
            con.close()


def admit(
    con: duckdb.DuckDBPyConnection,
    candidate: Candidate,
    catalog: Catalog,
    resource: Resource,
    landing: Landing,
    extracts: Sequence[ledger.Extract] | None = None,
    again: bool = True,
) -> Admitted:
    """Judge the newest unjudged extracts of a resource, apply them to the candidate, then look at what waits.

    Nothing here raises for what a source sent: a refused extract is an outcome, and the last good state stays.

    Args:
        con: an `engine`, which may have admitted other resources before.
        candidate: the open candidate.
        catalog: its catalog.
        resource: the contract.
        landing: where the extracts are.
        extracts: judge these instead: a rebuild judges again what a release once judged.
        again: look at the waiting rows; a rebuild does where the release did.

    Raises:
        AdmissionFailed: the warehouse failed; the candidate has to be abandoned.
        LandingError: an extract to be judged again is missing or altered.
    """
    started = time.monotonic()
    work = _Work(con, candidate, catalog, resource, landing, extracts)
    try:
        if work.extracts:
            work.judge_extracts()
        if again:
            work.look_again()
        done = work.done
    except ExtractRefused as refused:
        work.findings += [*refused.findings, _whole(resource, refused)]
        ids = [extract.id for extract in work.extracts]
        releases.refuse(candidate.con, candidate.id, resource.name, ids, str(refused))
        done = Admitted(resource.name, "refused", str(refused))
    if done.outcome == "nothing":
        return done
    releases.add_findings(candidate.con, candidate.id, work.findings)
    return replace(done, seconds=time.monotonic() - started, findings=tuple(work.findings))


class _Work:
    """One resource on its way into a candidate: its extracts, what became of them so far, what was found."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        candidate: Candidate,
        catalog: Catalog,
        resource: Resource,
        landing: Landing,
        extracts: Sequence[ledger.Extract] | None,
    ) -> None:
        self.con, self.candidate, self.catalog = con, candidate, catalog
        self.resource, self.landing = resource, landing
        self.is_replay = extracts is not None
        if extracts is None:
            extracts = ledger.unjudged(candidate.con, resource.name)
            waiting.take_up(candidate.con, candidate.id, resource.name)
        self.extracts = extracts
        self.done = Admitted(resource.name, "nothing")
        self.findings: list[Finding] = []

    def judge_extracts(self) -> None:
        """Judge and apply them, those of one kind together.

        Raises:
            ExtractRefused: one of them is refused, and with it the resource.
        """
        self.landing.attach(self.con)
        self.findings += _told_of_source(self.candidate.con, self.catalog, self.resource, self.extracts)
        table = ensure_table(self.candidate.con, self.resource)
        self._take_over(table)
        for (kind, _), group in groupby(self.extracts, key=_together):
            unjudged = list(group)
            while unjudged:
                try:
                    self._apply(kind, table, unjudged)
                except ExtractRefused as refused:
                    others = [extract for extract in unjudged if extract.id not in refused.extract_ids]
                    if kind != "partition" or not refused.extract_ids or not others:
                        raise
                    self._refuse(refused)
                    unjudged = others
                except SharedKeys:
                    self._apply_apart(kind, table, unjudged)
                    unjudged = []
                else:
                    unjudged = []

    def _take_over(self, table: StoreTable) -> None:
        """Carry over what an older table holds, if the resource has got a new one."""
        with _told_safely(self.resource), self.candidate.con.transaction():
            old = reshaped.left_in(self.candidate.con, table)
            if old is None:
                return
            count = None
            if reshaped.is_untouched(self.candidate.con, table):
                count = reshaped.carry_over(self.candidate.con, self.candidate.id, table, old)
            moved = Applied(count, count, 0, 0) if count is not None else self._give_up(old)
            waiting.enter(self.candidate.con, self.candidate.id, self.resource.name, moved)
        self.done = replace(self.done, inserted=moved.inserted, ended=moved.ended)

    def _give_up(self, old: str) -> Applied:
        scopes = [extract.scope for extract in self.extracts]
        is_whole = any(scope["kind"] == "full" for scope in scopes)
        read_anew = None if is_whole else [s["partition"] for s in scopes if s["kind"] == "partition"]
        return Applied(0, reshaped.give_up(self.candidate.con, self.candidate.id, old, read_anew), 0, 0)

    def _apply_apart(self, kind: str, table: StoreTable, extracts: Sequence[ledger.Extract]) -> None:
        """Judge and apply partitions one after the other, as they came; files from the latest day back.

        Raises:
            ExtractRefused: all of them are refused.
        """
        cut = self.resource.ingest.partition
        if cut is not None and cut.source == "filename":
            extracts = sorted(extracts, key=lambda extract: extract.scope["partition"], reverse=True)
        refusals = []
        for extract in extracts:
            try:
                self._apply(kind, table, [extract])
            except ExtractRefused as refused:
                if not refused.extract_ids:
                    raise
                refusals.append(refused)
        if len(refusals) == len(extracts):
            raise refusals[0]
        for one in refusals:
            self._refuse(one)

    def _refuse(self, refused: ExtractRefused) -> None:
        """Refuse partitions alone, while others of their resource are applied."""
        ledger.refuse(self.candidate.con, refused.extract_ids)
        self.findings.append(_whole(self.resource, refused))

    def _apply(self, kind: str, table: StoreTable, extracts: Sequence[ledger.Extract]) -> None:
        begun = time.monotonic()
        files = [(extract, self._files(extract)) for extract in extracts]
        con, pg, resource = self.con, self.candidate.con, self.resource
        _clear(con)
        found: Sequence[Finding] = ()
        with _told_safely(resource):
            if kind == "keys":
                judged = judge_keys(con, self.catalog, resource, files)
            else:
                judged, found = judge(con, self.catalog, resource, files)
                released = waive(con, pg, self.candidate.id, resource)
                judged = replace(
                    judged,
                    admitted=judged.admitted + released,
                    refused=judged.refused - released,
                    released=released,
                    judged_by=basis(self.catalog, resource),
                )
            applied = versions.apply(con, pg, self.candidate.id, table, judged, time.monotonic() - begun)
        self.findings += [*found, *_marked_later(pg, resource, extracts, applied.gone)]
        self.done = _added(self.done, judged, applied)

    def _files(self, extract: ledger.Extract) -> list[str]:
        """Return the addresses of an extract's files, which are what was landed.

        Raises:
            ExtractRefused: they are not.
            LandingError: they are not, and a rebuild cannot read the source instead.
        """
        try:
            return self.landing.open(self.landing.intact(extract.path))
        except LandingError as error:
            if self.is_replay:
                raise
            raise ExtractRefused(
                "landing",
                f"{self.resource.name}: {error}. None of it is used, the last good state stays, and the next run reads"
                " the source again",
                extract_ids=[extract.id],
            ) from None

    def look_again(self) -> None:
        """Judge again what waits, where that is due.

        Raises:
            ExtractRefused: a rule cannot be run, so that nothing can be said of any row.
        """
        _clear(self.con)
        with _told_safely(self.resource):
            looked = look_again(self.con, self.candidate, self.catalog, self.resource)
        if looked is None:
            return
        self.findings.append(looked.finding(self.resource.name))
        self.done = replace(
            self.done,
            outcome="applied",
            inserted=self.done.inserted + looked.inserted,
            ended=self.done.ended + looked.ended,
        )


@contextmanager
def _told_safely(resource: Resource) -> Iterator[None]:
    """Let no engine's own words out: they may quote a row."""
    try:
        yield
    except (duckdb.Error, psycopg.Error) as error:
        raise AdmissionFailed(
            f"{resource.name}: admission failed: {describe(error)}; the candidate is abandoned, the current"
            " release stays. When `yici db status` shows the database running, with room on its disk, run again"
        ) from (error if _debugging() else None)


def _together(extract: ledger.Extract) -> tuple[str, int]:
    """Extracts of which this is equal are judged together; ranges may overlap, so that each stands alone."""
    kind = extract.scope["kind"]
    return kind, extract.id if kind == "range" else 0


def _added(done: Admitted, judged: Judged, applied: Applied) -> Admitted:
    return replace(
        done,
        outcome="applied",
        rows_in=done.rows_in + judged.rows_in,
        admitted=done.admitted + judged.admitted,
        quarantined=done.quarantined + judged.refused,
        inserted=done.inserted + applied.inserted,
        ended=done.ended + applied.ended,
    )


def _whole(resource: Resource, refused: ExtractRefused) -> Finding:
    """The finding that says why an extract is refused."""
    return Finding(
        resource.name, refused.rule, "completeness", "critical", "admission", False, 0, None, str(refused)
    )


def _told_of_source(
    con: psycopg.Connection, catalog: Catalog, resource: Resource, extracts: Sequence[ledger.Extract]
) -> Iterator[Finding]:
    """Findings on what was read rather than on its rows: new columns, and days with fewer rows than usual."""
    new = ledger.new_columns(con, resource)
    if new:
        yield Finding(
            resource.name, "new_columns", "conformity", "warning", "admission", False, 0, None,
            f"the source has columns that it had not when this contract was agreed: {', '.join(new)}. None of them is "
            "stored; a new contract version names them or leaves them out",
        )  # fmt: skip
    today = now().astimezone(ZoneInfo(catalog.campus.time_zone)).date()
    for extract in extracts:
        partition = extract.scope.get("partition")
        if partition is None or extract.scope["kind"] != "partition":
            continue
        expected = volume.expected_partition(con, catalog, resource, partition, today)
        if expected and extract.rows < resource.ingest.minimum_share * expected.rows:
            yield Finding(
                resource.name, "partition_volume", "completeness", "warning", "admission", False, 0, extract.rows,
                f"{partition}: {extract.rows} rows, against {expected.because} {expected.rows}",
                extract.id,
            )  # fmt: skip


def _marked_later(
    con: psycopg.Connection, resource: Resource, extracts: Sequence[ledger.Extract], gone: int
) -> Iterator[Finding]:
    """The finding that rows which had come may be marked secret now: some are gone, and more are kept back than before.

    Which ones cannot be told, since nothing of them is read any more; that both had other reasons is possible.
    """
    more = ledger.newly_excluded(con, extracts[-1].id) if gone and resource.ingest.exclude else 0
    if more:
        stays = "in the landing zone and in earlier releases"
        if resource.ingest.on_absence != "end":
            stays += ", and is answered as no longer reported,"
        yield Finding(
            resource.name, "marked_later", "conformity", "warning", "admission", False, 0, None,
            f"{gone} rows are gone from the source, and ingest.exclude keeps back {more} more than before: if any "
            f"was marked after it had come, what came stays {stays} until `yici purge {resource.name}` takes it out",
            extracts[-1].id,
        )  # fmt: skip


def _clear(con: duckdb.DuckDBPyConnection) -> None:
    """Drop the rows of the last resource, so that the session is as small for the next."""
    con.execute("DROP VIEW IF EXISTS admitted")
    for table in ("swept", "left_out", "refused", "waived"):
        con.execute(f"DROP TABLE IF EXISTS {table}")


def _debugging() -> bool:
    """Whether a developer asked for raw engine errors; they may hold values, so never on real data."""
    import os

    return os.environ.get("YICI_DEBUG_ENGINE") == "1"
