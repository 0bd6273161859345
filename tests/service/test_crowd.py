"""Reads that are shared by whoever asks at the same time: fewer statements, each question's own answer, no writing."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import psycopg
import pytest
from joserfc.errors import JoseError

from service.crowd import APART_S, Crowd, Reader
from service.keys import Keys
from service.tokens import Client, Proven, issue
from tests.service.conftest import service_url
from tests.service.desk import Desk
from tests.support.postgres import PgDatabase


class Statements:
    """A statement that takes its time, and what it was asked in which company."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.go = asyncio.Event()

    async def __call__(self, wanted: list[int]) -> list[int]:
        self.asked.append(wanted)
        await self.go.wait()
        if 13 in wanted:
            raise ValueError("13")
        return [one * 10 for one in wanted]


def together(numbers: list[int], then: Callable[[Statements], None]) -> tuple[list, Statements]:
    """Ask for numbers at the same time; returns what each was told or failed with."""

    async def run() -> tuple[list, Statements]:
        crowd, statements = Crowd(None, None), Statements()
        asking = [asyncio.ensure_future(crowd.load("kind", statements, number)) for number in numbers]
        await asyncio.sleep(0)
        then(statements)
        return await asyncio.gather(*asking, return_exceptions=True), statements

    return asyncio.run(run())


def test_who_comes_while_statements_are_under_way_goes_with_the_next_one():
    told, statements = together([1, 2, 3, 4, 5], lambda statements: statements.go.set())
    assert told == [10, 20, 30, 40, 50]
    assert len(statements.asked) <= 3  # two at once, the others together
    assert sorted(number for company in statements.asked for number in company) == [1, 2, 3, 4, 5]


def test_who_comes_alone_goes_at_once_and_who_comes_right_after_waits_for_company():
    async def run() -> Statements:
        crowd, statements = Crowd(None, None), Statements()
        statements.go.set()
        began = asyncio.get_running_loop().time()
        await crowd.load("kind", statements, 1)
        assert (
            asyncio.get_running_loop().time() - began < APART_S
        )  # nobody waited for company that never came
        await asyncio.gather(
            asyncio.ensure_future(crowd.load("kind", statements, 2)), later(crowd, statements, 3)
        )
        return statements

    async def later(crowd: Crowd, statements: Statements, number: int) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        await crowd.load("kind", statements, number)

    assert asyncio.run(run()).asked == [[1], [2, 3]]


def test_a_kind_that_nobody_asks_for_any_more_is_forgotten():
    async def run() -> int:
        crowd, statements = Crowd(None, None), Statements()
        statements.go.set()
        for kind in range(20):
            await crowd.load(kind, statements, 1)
        await asyncio.sleep(3 * APART_S)
        return len(crowd._lines)

    assert asyncio.run(run()) == 0


def test_nobody_fails_of_what_another_asked():
    told, _ = together([1, 2, 3, 13, 5], lambda statements: statements.go.set())
    assert [one for one in told if not isinstance(one, ValueError)] == [10, 20, 30, 50]
    assert isinstance(told[3], ValueError)


def test_who_went_away_keeps_nobody_waiting():
    async def run() -> list[int]:
        crowd, statements = Crowd(None, None), Statements()
        asking = [asyncio.ensure_future(crowd.load("kind", statements, number)) for number in (1, 2, 3, 4)]
        await asyncio.sleep(0)
        asking[2].cancel()
        statements.go.set()
        return [await asking[0], await asking[1], await asking[3]]

    assert asyncio.run(run()) == [10, 20, 40]


def on_reader(url: str, work: Callable[[Reader], Awaitable[object]]) -> object:
    """Do something with a connection as the service opens them for reading."""

    async def run() -> object:
        con = await asyncpg.connect(
            url, connection_class=Reader, server_settings={"default_transaction_read_only": "on"}
        )
        try:
            return await work(con)
        finally:
            await con.close()

    return asyncio.run(run())


def test_a_reader_reads_the_release_that_it_is_pinned_to_and_none_before(at_desk: Desk, pg_module_database):
    count = "SELECT count(*) FILTER (WHERE _state = 'former') FROM raw.hr__staff"

    async def work(con: Reader) -> list[int]:
        with pytest.raises(asyncpg.PostgresError):
            await con.fetchval(count)
        found = []
        for release in (1, 2, 1):
            await con.pin(release)
            found.append(await con.fetchval(count))
        return found

    assert on_reader(service_url(pg_module_database), work) == [0, 1, 0]


def test_a_reader_whose_pinning_broke_off_is_pinned_anew(at_desk: Desk, pg_module_database):
    release = "SELECT current_setting('yici.release')::int"

    async def work(con: Reader) -> list[int]:
        await con.pin(1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(con, "execute", _breaks_off(con.execute))
            with pytest.raises(TimeoutError):
                await con.pin(2)
        await con.pin(1)
        return [await con.fetchval(release)]

    assert on_reader(service_url(pg_module_database), work) == [1]


def _breaks_off(execute: Callable[[str], Awaitable[str]]) -> Callable[[str], Awaitable[str]]:
    """Return what the server does, and of which nobody hears that it did."""

    async def broken(statement: str) -> str:
        await execute(statement)
        raise TimeoutError

    return broken


def test_a_reader_cannot_write(at_desk: Desk, pg_module_database):
    async def work(con: Reader) -> None:
        await con.pin(1)
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await con.execute("DELETE FROM service.jti")

    on_reader(service_url(pg_module_database), work)


def test_the_subject_is_looked_up_while_the_case_is(at_desk: Desk, pg_module_database: PgDatabase):
    case_id = at_desk.case()
    assert at_desk.facts(["XM"], case_id=case_id).status_code == 200
    looked_up = (
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND query_start > %s AND state = 'idle'"
    )
    url = pg_module_database.url
    with (
        psycopg.connect(url) as holder,
        psycopg.connect(url, autocommit=True) as watcher,
        ThreadPoolExecutor() as threads,
    ):
        holder.execute('LOCK TABLE service."case"')
        (since,) = watcher.execute("SELECT clock_timestamp()").fetchone()
        reply = threads.submit(at_desk.facts, ["XM"], case_id=case_id)
        try:
            for _ in range(200):
                if watcher.execute(looked_up, ["%yici.identity_review%", since]).fetchone()[0]:
                    break
                time.sleep(0.02)
            else:
                pytest.fail("nobody looked the subject up while the case could not be read")
            assert not reply.done()
        finally:
            holder.rollback()
        assert reply.result().status_code == 200


def test_a_token_that_was_verified_once_counts_only_as_long_as_its_key(tmp_path):
    first, other = Keys(tmp_path / "first"), Keys(tmp_path / "other")
    token = issue(first, Client("hall", "DT", "大厅", "active", None, None), "https://yici.example.edu")
    proven = Proven()
    assert proven.read(first, token["access_token"]).claims["sub"] == "hall"
    assert proven.read(first, token["access_token"]).claims["sub"] == "hall"
    with pytest.raises(JoseError):
        proven.read(other, token["access_token"])
