"""How a resource is read, from a real source to what is served: watermarks, sweeps, partitions, guards, pauses."""

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from catalogs.model import Catalog
from catalogs.settings import ConfigurationError, now
from connectors.base import Scope, SourceUnavailable
from connectors.landing import Landing
from connectors.sqlite import SqliteSource
from tests.support import campus
from tests.support.campus import row
from warehouse import breaker, ledger, versions
from warehouse.connect import connect
from warehouse.extraction import Landed, land_system
from warehouse.store import shape_hash

PHYSICAL = ("gh", "xm", "zjhm", "xb", "csrq", "gz", "gxsj")
WATERMARK = ', watermark: "updated_at", overlap_s: 3600'
BY_DAY = ', partition: {by: "day", from: "born_on"}'


class Place:
    """A source in a SQLite file, the warehouse that reads it, and the campus's clock."""

    def __init__(self, folder: Path, house: campus.Warehouse, patch: pytest.MonkeyPatch) -> None:
        self.file, self.house, self._patch = folder / "hr.sqlite", house, patch
        patch.setenv("YICI_HR_FILE", str(self.file))
        self.execute(f"CREATE TABLE staff ({', '.join(PHYSICAL)})")

    def execute(self, statement: str, rows: Sequence[Sequence] | None = None) -> None:
        with contextlib.closing(sqlite3.connect(self.file)) as db, db:
            if rows is None:
                db.execute(statement)
            else:
                db.executemany(statement, rows)

    def put(self, *rows: dict) -> None:
        """Insert rows, or replace those of the same number."""
        keys = [(values["staff_no"],) for values in rows]
        self.execute("DELETE FROM staff WHERE gh = ?", keys)
        marks = ", ".join("?" * len(PHYSICAL))
        self.execute(
            f"INSERT INTO staff VALUES ({marks})",
            [[values[name] for name in campus.COLUMNS] for values in rows],
        )

    def delete(self, number: int) -> None:
        self.execute(f"DELETE FROM staff WHERE gh = '{number:05d}'")

    def days_pass(self, days: int) -> None:
        self._patch.setenv("YICI_CLOCK_OFFSET_S", str(days * 86_400))

    def read(self, **options) -> Landed:
        (landed,) = land_system(self.house.catalog, "hr", self.house.landing, **options)
        return landed

    def read_and_release(self, **options):
        landed = self.read(**options)
        assert landed.error is None, landed.error
        return self.house.release()

    def served(self) -> dict[int, dict]:
        return {int(values["staff_no"]): values for values in self.house.served()}

    def watermark(self) -> str | None:
        resource = self.house.catalog.resources["hr.staff"]
        with connect(autocommit=True) as con:
            return ledger.published_watermark(con, resource, shape_hash(resource))

    def states(self) -> list[str]:
        with connect(autocommit=True) as con:
            rows = con.execute("SELECT state FROM yici.extract ORDER BY ordinal").fetchall()
        return [state for (state,) in rows]

    def findings(self, rule: str) -> list[tuple]:
        with connect(autocommit=True) as con:
            return con.execute(
                "SELECT severity, passed, detail FROM yici.finding WHERE rule = %s ORDER BY id", [rule]
            ).fetchall()


@pytest.fixture
def place(
    tmp_path: Path, warehouse: Callable[[Catalog], campus.Warehouse], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Place]:
    """Return a function that opens a source and its warehouse; arguments are those of `campus.catalog`."""
    return lambda **how: Place(tmp_path, warehouse(campus.catalog(**how)), monkeypatch)


def at(number: int, time: str, **changes: str | None) -> dict:
    return row(number, updated_at=f"2026-01-{time}", **changes)


def people(count: int, time: str = "02 08:00:00") -> list[dict]:
    return [at(number, time) for number in range(1, count + 1)]


# Watermarks.


def test_a_refused_window_moves_nothing_and_the_next_good_one_begins_where_the_last_published_ended(place):
    here = place(mode="watermark", extra=WATERMARK)
    here.put(*people(30))
    here.read_and_release()
    bad = (1, 3, 4, 5, 6, 7)
    here.put(*(at(n, "03 08:00:00", sex="?") for n in bad), at(2, "03 09:00:00", salary="7"))
    assert here.read_and_release().outcome == "refused"
    assert here.watermark() == "2026-01-02 08:00:00"
    here.put(*(at(n, "04 08:00:00") for n in bad))
    assert here.read_and_release().outcome == "applied"
    assert here.watermark() == "2026-01-04 08:00:00"
    assert str(here.served()[2]["salary"]) == "7.00"
    assert here.states() == ["published", "refused", "published"]


def test_one_bad_row_among_the_few_of_a_window_waits_and_keeps_nothing_out(place):
    metric = (
        '{id: "volume", type: "library", metric: "rowCount", mustBeBetween: [10, 100], severity: "error", '
        + ('customProperties: [{property: "onFailure", value: "refuse_extract"}]}')
    )
    contract = campus.CONTRACT.format(mode="watermark", absence="keep", extra=WATERMARK)
    here = place(contract=f"{contract}    quality:\n      - {metric}\n")
    here.put(*people(30))
    here.read_and_release()
    here.put(at(1, "03 08:00:00", sex="?"), at(2, "03 09:00:00", salary="7"))
    done = here.read_and_release()
    assert (done.outcome, done.quarantined) == ("applied", 1)
    here.put(at(3, "04 09:00:00", salary="8"))
    here.read_and_release()
    assert str(here.served()[3]["salary"]) == "8.00"


def test_a_back_fill_after_newer_data_takes_what_the_source_says_now_and_leaves_the_watermark(place):
    here = place(mode="watermark", extra=WATERMARK)
    here.put(*people(30), at(31, "20 08:00:00"))
    here.read_and_release()
    here.put(at(5, "02 08:00:00", salary="77"))  # changed without its time being touched
    assert here.read_and_release().inserted == 0
    here.read(scope=Scope.of_range("2026-01-02", "2026-01-02"))
    here.put(at(31, "21 08:00:00", salary="88"))
    here.read()
    done = here.house.release()
    assert (done.inserted, done.ended) == (2, 2)
    assert [str(here.served()[number]["salary"]) for number in (5, 31)] == ["77.00", "88.00"]
    assert len(here.served()) == 31
    here.read_and_release(scope=Scope.of_range("2026-01-02", None))
    assert here.watermark() == "2026-01-21 08:00:00"


def test_the_watermark_is_the_greatest_number_not_the_last_text(place):
    here = place(mode="watermark", extra=', watermark: "salary"')
    for top in ("9", "10", "9.5"):
        here.house.land([row(1)], Scope.since(None, top), top)
        here.house.release()
    assert here.watermark() == "10"


def test_a_late_row_is_found_within_the_overlap_and_not_beyond_it(place):
    here = place(mode="watermark", extra=WATERMARK)
    here.put(*people(30))
    here.read_and_release()
    here.put(at(40, "02 07:30:00"), at(41, "02 06:30:00"))
    assert here.read_and_release().inserted == 1
    assert 40 in here.served()
    assert 41 not in here.served()


def test_a_clock_that_runs_ahead_hides_no_row_that_comes_after_it(place):
    here = place(mode="watermark", extra=WATERMARK)
    here.put(*people(30), row(31, updated_at="2999-01-01 00:00:00"))
    here.read_and_release()
    assert here.watermark() == "2026-01-02 08:00:00"
    here.put(at(32, "02 08:00:01"))
    here.read_and_release()
    assert {31, 32} <= here.served().keys()


def test_an_older_reading_that_comes_in_after_a_newer_one_is_not_judged(place, monkeypatch):
    here = place()
    here.house.land([row(1), row(2, salary="5")])
    here.house.release()
    monkeypatch.setattr(campus, "now", lambda: now() - timedelta(hours=1))  # it took an hour
    here.house.land([row(1), row(2)])
    assert here.states() == ["published", "superseded"]
    assert here.house.release().outcome == "nothing"
    assert str(here.served()[2]["salary"]) == "5.00"


def test_what_was_read_while_the_clock_was_ahead_keeps_out_nothing_that_is_read_afterwards(place):
    here = place(mode="watermark", extra=WATERMARK + ", keySweep: {everyDays: 7}")
    here.put(*people(30))
    here.days_pass(30)
    here.read_and_release()
    here.days_pass(0)
    here.delete(3)
    here.put(at(31, "02 08:00:01", salary="5"))
    here.read_and_release()
    assert str(here.served()[31]["salary"]) == "5.00"
    assert here.served()[3]["_state"] != "reported"
    assert "superseded" not in here.states()


def test_a_pause_that_was_begun_while_the_clock_was_ahead_is_over_when_it_is_right_again(place):
    here = place()
    here.days_pass(30)
    with connect(autocommit=True) as con:
        for _ in range(breaker.FAILURES):
            breaker.failed(con, "hr", "no connection")
        with pytest.raises(breaker.SystemPaused):
            breaker.check(con, "hr")
        here.days_pass(0)
        breaker.check(con, "hr")


def test_a_lost_landing_zone_keeps_nothing_from_being_read_and_released(place):
    here = place(mode="watermark", extra=WATERMARK)
    here.put(*people(30))
    here.read_and_release()
    shutil.rmtree(here.house.landing.local)
    here.put(at(31, "02 08:00:01"))
    assert here.read_and_release().outcome == "applied"
    assert here.served().keys() == set(range(1, 32))


# Sweeps of keys.


@pytest.mark.parametrize("many", [1_000_000, 0])
@pytest.mark.parametrize(
    ("absence", "expected"), [("end", None), ("keep", "absent"), ("keep_as_former", "former")]
)
def test_a_sweep_finds_what_was_deleted_and_touches_no_value(place, absence, expected, many, monkeypatch):
    monkeypatch.setattr(versions, "_MANY", many)  # small tables, and large ones
    here = place(mode="watermark", absence=absence, extra=WATERMARK + ", keySweep: {everyDays: 7}")
    here.put(*people(30))
    here.read_and_release()
    here.delete(3)
    here.put(at(4, "02 01:00:00", salary="99"))  # beyond the overlap: only its key is read
    here.days_pass(6)
    assert here.read_and_release().ended == 0
    here.days_pass(7)
    done = here.read_and_release()
    assert (done.outcome, done.ended) == ("applied", 1)
    gone = here.served().get(3)
    assert gone is None if expected is None else gone["_state"] == expected
    assert (str(here.served()[4]["salary"]), here.served()[4]["_state"]) == ("4.50", "reported")
    here.days_pass(8)
    assert here.read_and_release().ended == 0
    if expected:
        here.put(*people(3)[2:])
        here.days_pass(14)
        here.read_and_release()
        assert here.served()[3]["_state"] == "reported"


def test_a_refused_sweep_is_due_again_and_a_source_that_lost_its_rows_ends_none(place):
    here = place(mode="watermark", absence="end", extra=WATERMARK + ", keySweep: {everyDays: 7}")
    here.put(*people(30))
    here.read_and_release()
    here.execute("DELETE FROM staff WHERE gh > '00010'")
    here.days_pass(7)
    landed = here.read()
    assert "returned 10 rows, 33% of the stored 30" in landed.error
    here.house.release()
    assert len(here.served()) == 30
    assert here.read(believed=["hr.staff"]).error is None
    assert here.house.release().ended == 20


def test_what_was_refused_and_is_gone_from_the_source_leaves_the_quarantine_with_the_sweep(place):
    here = place(mode="watermark", extra=WATERMARK + ", keySweep: {everyDays: 7}")
    here.put(*people(30), at(31, "02 08:00:00", sex="?"))
    here.read_and_release()
    here.delete(31)
    here.days_pass(7)
    here.read_and_release()
    assert here.house.scalar("SELECT count(*) FROM yici.quarantine WHERE _to IS NULL") == 0
    assert here.house.scalar("SELECT count(*) FROM yici.quarantine") == 1


# Partitions.


def test_one_partition_or_a_range_of_them_is_read_again_when_asked(place):
    here = place(mode="append", absence="keep", extra=BY_DAY)
    here.put(*(row(n, born_on=f"2026-01-0{n}") for n in range(1, 6)))
    here.read_and_release()
    here.put(*(row(n, born_on=f"2026-01-0{n}", salary="9") for n in range(1, 6)))
    assert here.read().extracts == ()
    assert here.read_and_release(scope=Scope.of_partition("2026-01-02")).inserted == 1
    assert here.read_and_release(scope=Scope.of_range("2026-01-03", "2026-01-04")).inserted == 2
    assert [n for n, values in here.served().items() if str(values["salary"]) == "9.00"] == [2, 3, 4]
    assert here.read_and_release(scope=Scope.of_partition("2026-01-02")).inserted == 0


@pytest.mark.parametrize(
    ("cut_off", "read", "landed"),
    [({2, 4}, [1, 2, 2, 3, 3], 3), ({2, 3}, [1, 2, 2], 1), ({1, 2}, [1, 1], 0)],
)
def test_partitions_that_the_end_of_a_snapshot_cuts_off_are_read_in_the_next_as_long_as_that_helps(
    place, monkeypatch, cut_off: set[int], read: list[int], landed: int
):
    here = place(mode="append", absence="keep", extra=BY_DAY)
    here.put(*(row(n, born_on=f"2026-01-0{n}") for n in range(1, 4)))
    begun: list[int] = []
    write = Landing.write

    def cut(self, reading, *arguments, **named):
        begun.append(int(reading.covered.partition[-2:]))
        if len(begun) in cut_off:
            raise SourceUnavailable("hr.staff: the source's time limit was reached")
        return write(self, reading, *arguments, **named)

    monkeypatch.setattr(Landing, "write", cut)
    monkeypatch.setattr(SqliteSource, "ran_out", lambda self: True)
    done = here.read()
    assert begun == read
    assert (len(done.extracts), done.error is None) == (landed, landed == 3)


def test_a_partition_that_shrank_replaces_nothing_and_the_others_are_read(place):
    here = place(mode="append", absence="keep", extra=BY_DAY)
    here.put(*(row(n, born_on=f"2026-01-0{1 + n % 2}") for n in range(1, 21)))
    here.read_and_release()
    here.execute("DELETE FROM staff WHERE csrq = '2026-01-01' AND gh > '00010'")
    here.put(row(21, born_on="2026-01-02"))
    landed = here.read()
    assert "hr.staff 2026-01-01: the source returned 5 rows, 50% of the last good 10" in landed.error
    assert len(landed.extracts) == 1
    here.house.release()
    assert len(here.served()) == 21
    here.read(believed=["hr.staff"])
    here.house.release()
    assert len(here.served()) == 16


def test_a_closed_partition_is_not_looked_at_unless_asked_but_one_never_reached_is(place):
    day = now().date()
    days = [(day - timedelta(days=back)).isoformat() for back in (40, 35, 1)]
    extra = ', partition: {by: "day", from: "born_on", closedAfterDays: 30}'
    here = place(mode="append", absence="keep", extra=extra)
    here.put(row(1, born_on=days[0]))
    here.read_and_release()
    here.put(row(2, born_on=days[1]), row(3, born_on=days[2]))
    here.read_and_release()
    assert set(here.served()) == {1, 2, 3}
    here.put(row(4, born_on=days[0]), row(5, born_on=days[2]))
    here.read_and_release()
    assert set(here.served()) == {1, 2, 3, 5}
    here.read_and_release(scope=Scope.of_partition(days[0]))
    assert set(here.served()) == {1, 2, 3, 4, 5}


def test_rows_of_another_day_refuse_their_file_alone_with_a_count(place):
    extra = ', partition: {by: "day", from: "filename", item: "updated_at"}'
    here = place(mode="append", absence="keep", extra=extra)
    good = [row(n, updated_at="2026-01-01 08:00:00") for n in range(1, 4)]
    # 2026-01-01 20:00 in London is the second on the campus.
    late = [row(9, updated_at="2026-01-02 00:30:00"), row(10, updated_at="2026-01-01T20:00:00+00:00")]
    here.house.land([*good, *late], Scope.of_partition("2026-01-01"))
    here.house.land([row(5, updated_at="2026-01-02 08:00:00")], Scope.of_partition("2026-01-02"))
    done = here.house.release()
    assert (done.outcome, set(here.served())) == ("applied", {5})
    assert sorted(here.states()) == ["published", "refused"]
    ((severity, passed, detail),) = here.findings("partition")
    assert (severity, passed) == ("critical", False)
    assert "2026-01-01 (2 rows)" in detail
    here.house.land(good, Scope.of_partition("2026-01-01"))
    here.house.release()
    assert set(here.served()) == {1, 2, 3, 5}


def test_a_file_with_too_many_bad_rows_does_not_keep_out_the_next(place):
    here = place(mode="append", absence="keep", extra=', partition: {by: "day", from: "filename"}')
    here.house.land([row(1, sex="?"), row(2)], Scope.of_partition("2026-01-01"))
    here.house.land([row(n) for n in range(3, 43)], Scope.of_partition("2026-01-02"))
    done = here.house.release()
    assert (done.outcome, done.rows_in, done.admitted) == ("applied", 40, 40)
    assert [f.passed for f in done.findings if f.rule == "refused_share"] == [False]
    assert here.house.release().outcome == "nothing"


def test_an_old_file_does_not_put_back_what_a_newer_one_changed(place):
    here = place(mode="append", absence="keep", extra=', partition: {by: "day", from: "filename"}')
    here.house.land([row(1), row(2)], Scope.of_partition("2026-01-01"))
    here.house.release()
    here.house.land([row(1, salary="9")], Scope.of_partition("2026-01-02"))
    done = here.house.release()
    assert (done.inserted, done.ended) == (1, 1)
    here.house.land([row(1, salary="3"), row(2, salary="4")], Scope.of_partition("2026-01-01"))
    done = here.house.release()
    assert (done.inserted, done.ended) == (1, 1)
    assert [str(here.served()[number]["salary"]) for number in (1, 2)] == ["9.00", "4.00"]


def test_the_same_partition_twice_before_a_release_counts_once(place):
    here = place(mode="append", absence="keep", extra=', partition: {by: "day", from: "filename"}')
    here.house.land([row(1), row(2)], Scope.of_partition("2026-01-01"))
    here.house.land([row(2, salary="6"), row(3)], Scope.of_partition("2026-01-01"))
    done = here.house.release()
    assert (done.rows_in, set(here.served())) == (2, {2, 3})
    assert here.states() == ["superseded", "published"]


@pytest.mark.parametrize(
    ("how", "scope", "words"),
    [
        ({}, Scope.of_partition("2026-01-01"), "no partitions"),
        ({}, Scope.of_range("2026-01-01", None), "every reading is whole"),
        ({"mode": "watermark", "extra": WATERMARK}, Scope.of_partition("2026-01-01"), "no partitions"),
        ({"mode": "append", "extra": BY_DAY}, Scope.of_partition("yesterday"), "is no day"),
        ({"mode": "append", "extra": BY_DAY}, Scope.of_range("2026-02-01", "2026-01-01"), "is after"),
    ],
)
def test_what_a_mode_cannot_be_asked_for_is_said_before_anything_is_read(place, how, scope, words):
    here = place(**how)
    with pytest.raises(ConfigurationError, match=words):
        here.read(scope=scope)


# Guards.


def test_how_much_may_be_lost_is_a_matter_of_the_contract(place):
    here = place(extra=", minimumShare: 0.5")
    here.put(*people(20))
    here.read_and_release()
    here.execute("DELETE FROM staff WHERE gh > '00010'")
    here.read_and_release()
    here.execute("DELETE FROM staff WHERE gh > '00004'")
    assert "4 rows, 40% of the last good 10 (at least 50% is believed)" in here.read().error
    here.execute("DELETE FROM staff")
    assert "no rows" in here.read().error


@pytest.mark.parametrize("years", [1, 2])
def test_what_was_lost_in_the_same_teaching_week_of_an_earlier_year_may_be_lost_again(place, years):
    """Then a third of the rows left in the first week of term; of years between nothing is known."""
    here = place()
    starts = {
        f"{2026 - earlier}-{2027 - earlier}-1": now().date() - timedelta(days=3 + 364 * earlier)
        for earlier in range(years, -1, -1)
    }
    here.house.catalog = with_terms(here.house.catalog, starts)
    for days, count in ((-364 * years - 7, 30), (-364 * years - 1, 20), (-10, 30)):
        here.days_pass(days)
        here.house.land([row(n) for n in range(1, count + 1)])
        here.house.release()
    here.days_pass(0)
    here.put(*people(20))
    assert here.read().error is None
    here.days_pass(60)
    here.house.land([row(n) for n in range(1, 31)])
    here.house.release()
    assert "20 rows, 67% of the last good 30" in here.read().error


def test_a_new_day_with_few_rows_is_taken_and_told(place):
    here = place(mode="append", absence="keep", extra=BY_DAY)
    first = now().date() - timedelta(days=20)
    days = [first, first + timedelta(days=7)]
    here.put(*(row(n, born_on=days[0].isoformat()) for n in range(1, 11)))
    here.read_and_release()
    here.put(row(11, born_on=days[1].isoformat()))
    here.read_and_release()
    assert 11 in here.served()
    ((severity, passed, detail),) = here.findings("partition_volume")
    assert (severity, passed) == ("warning", False)
    assert f"{days[1]}: 1 rows, against those of {days[0]}: 10" in detail


def with_terms(content: Catalog, starts: dict[str, object]) -> Catalog:
    from catalogs.model import Calendar, CalendarDay

    days = {}
    for term, start in starts.items():
        days |= {start + timedelta(days=n): CalendarDay(start, "教学", True, term=term) for n in range(120)}
    before = min(days) - timedelta(days=1)
    return replace(content, calendar=Calendar({before: CalendarDay(before, "暑假", False)} | days))


# New columns.


def test_a_new_column_lies_beside_the_extract_and_is_reported_and_goes_no_further(place):
    here = place()
    here.put(*people(20))
    here.read_and_release()
    assert here.findings("new_columns") == []
    here.execute("ALTER TABLE staff ADD COLUMN dh")
    here.execute("UPDATE staff SET dh = 'CANARY' || gh")
    here.read_and_release()
    ((severity, passed, detail),) = here.findings("new_columns")
    assert (severity, passed) == ("warning", False)
    assert "dh" in detail
    manifest = here.house.landing.verify(_newest_path())
    assert manifest.extra_columns == ("dh",)
    import duckdb

    beside = str(here.house.landing.local / manifest.path / manifest.beside.name)
    rows = duckdb.sql(f"SELECT * FROM read_parquet('{beside}') ORDER BY 1").fetchall()
    assert rows[0] == ("00001", "CANARY00001")
    assert len(rows) == 20
    assert all("CANARY" not in str(values) for values in here.served().values())
    assert [Path(uri).name for uri in here.house.landing.open(manifest)] == ["part-0000.parquet"]
    # It stays new until a contract version says what it is.
    here.read_and_release()
    assert here.house.landing.verify(_newest_path()).beside is not None


@pytest.mark.parametrize("kept_back", [", exclude: \"xm = 'secret'\"", ""])
def test_where_anything_is_kept_back_a_new_column_is_only_reported(place, kept_back):
    contract = campus.CONTRACT.format(mode="full", absence="keep", extra=kept_back)
    if not kept_back:
        contract = contract.replace('"secrecy", value: "none"', '"secrecy", value: "work"')
    here = place(contract=contract)
    here.put(*people(20))
    here.read_and_release()
    here.execute("ALTER TABLE staff ADD COLUMN dh DEFAULT 'CANARY'")
    here.read_and_release()
    assert len(here.findings("new_columns")) == 1
    manifest = here.house.landing.verify(_newest_path())
    assert (manifest.extra_columns, manifest.beside) == (("dh",), None)


# Rows that are marked secret.


@pytest.mark.parametrize(
    ("mode", "absence", "stays"),
    [
        ("full", "end", "earlier releases until"),
        ("full", "keep_as_former", "answered as no longer reported"),
        ("watermark", "keep", "answered as no longer reported"),
    ],
)
def test_rows_that_may_be_marked_after_they_came_are_told_with_what_stays_of_them(
    place, mode, absence, stays
):
    extra = ", exclude: \"xb = '密'\""
    if mode == "watermark":
        extra += WATERMARK + ", keySweep: {everyDays: 1}"
    here = place(mode=mode, absence=absence, extra=extra)
    here.put(*people(30), at(31, "02 08:00:00", sex="密"))
    here.read_and_release()
    # Neither a new row that is secret from the beginning nor a row that is deleted is one that was marked later.
    here.days_pass(2)
    here.put(at(32, "02 08:00:00", sex="密"))
    here.read_and_release()
    here.days_pass(4)
    here.delete(30)
    here.read_and_release()
    assert here.findings("marked_later") == []

    here.days_pass(6)
    here.put(at(7, "02 08:00:00", name="CANARY", sex="密"))
    here.read_and_release()
    ((severity, passed, detail),) = here.findings("marked_later")
    assert (severity, passed) == ("warning", False)
    assert "1 rows are gone from the source, and ingest.exclude keeps back 1 more" in detail
    assert stays in detail
    assert "`yici purge hr.staff`" in detail
    assert "CANARY" not in detail
    here.days_pass(8)
    here.read_and_release()
    assert len(here.findings("marked_later")) == 1


def _newest_path() -> str:
    with connect(autocommit=True) as con:
        return con.execute("SELECT path FROM yici.extract ORDER BY id DESC LIMIT 1").fetchone()[0]


# Systems that do not answer.


def test_a_system_that_does_not_answer_is_left_alone_for_a_growing_time_and_tried_by_hand(place):
    here = place()
    here.put(*people(20))
    there = here.file.with_name("elsewhere")
    here.file.rename(there)
    for _ in range(breaker.FAILURES):
        with pytest.raises(SourceUnavailable) as caught:
            here.read()
        assert not isinstance(caught.value, breaker.SystemPaused)
    with pytest.raises(breaker.SystemPaused, match=r"hr: not tried before .* after 3 failures.*--system hr"):
        here.read()
    with pytest.raises(SourceUnavailable), connect(autocommit=True) as con:
        before = breaker.failing_systems(con)[0].paused_until
        here.read(by_hand=True)
    with connect(autocommit=True) as con:
        (failing,) = breaker.failing_systems(con)
    assert failing.failures == 4
    assert failing.paused_until > before
    there.rename(here.file)
    assert here.read(by_hand=True).error is None
    assert here.read().error is None
    with connect(autocommit=True) as con:
        assert breaker.failing_systems(con) == []


def test_pauses_double_and_end_at_six_hours():
    for failures, seconds in ((3, 300), (4, 600), (6, 2400), (50, 6 * 3600)):
        drawn = [breaker.pause_s(failures) for _ in range(50)]
        assert 0.8 * seconds <= min(drawn) < max(drawn) <= 1.2 * seconds


def test_a_resource_that_fails_alone_pauses_nothing(place):
    here = place()
    here.execute("ALTER TABLE staff DROP COLUMN xm")
    for _ in range(breaker.FAILURES + 1):
        assert "column xm (name) is gone" in here.read().error
