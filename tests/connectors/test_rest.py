"""REST sources that misbehave: what passes is waited for, what will not is refused, nothing half-read lands."""

import base64
import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from catalogs.model import Ingest, Resource, System
from connectors import http
from connectors.base import SourceChanged, SourceRefused, SourceUnavailable
from connectors.landing import Landing
from connectors.lookup import Lookup
from tests.connectors.build import item, resource, system
from tests.connectors.reading import AT, land, rows
from tests.support.http import Reply, Request, ScriptedServer

PATH = "/api/v1/projects"
PROJECT = resource(
    PATH,
    [item("no"), item("name"), item("amount")],
    name="research.projects",
    ingest=Ingest(exclude="secret = 1"),
)


def changing(overlap_s: int = 0) -> Resource:
    """Return the contract of an interface that tells what has changed since a time."""
    return resource(
        PATH,
        [item("no"), item("at")],
        name="research.projects",
        ingest=Ingest(mode="watermark", watermark="at", overlap_s=overlap_s),
        read={"since": "updated_since"},
    )


def project(number: int, **other: object) -> dict[str, object]:
    return {"no": f"P{number:03d}", "name": f"项目{number}", "amount": 0.1, "secret": 0} | other


def research(server: ScriptedServer, paging: dict[str, object] | None = None, **limits: object) -> System:
    settings = {
        "base_url": server.url,
        "auth": {"type": "bearer", "token": "env:TEST_TOKEN"},
        "paging": paging or {"style": "page", "size": 2, "rows": "$.data.items", "total": "$.data.total"},
    }
    return system("rest", settings, code="research", **limits)


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_TOKEN", "CANARY-token")
    monkeypatch.setattr(http, "_FIRST_WAIT_S", 0.01)


def pages(projects: list[dict[str, object]], total: Callable[[], int] | None = None):
    def answer(request: Request) -> Reply:
        if request.headers.get("authorization") != "Bearer CANARY-token":
            return Reply({"message": "CANARY"}, 401)
        size, page = int(request.query["size"][0]), int(request.query["page"][0])
        items = projects[(page - 1) * size : page * size]
        return Reply({"data": {"total": total() if total else len(projects), "items": items}})

    return answer


def test_all_pages_arrive_with_every_digit_and_secret_rows_stay_behind(
    http_server: ScriptedServer, landing: Landing
) -> None:
    projects = [project(n) for n in range(5)]
    projects[3]["secret"] = 1
    projects[4]["new"] = True
    http_server.answers[PATH] = pages(projects)
    (manifest,) = land(landing, research(http_server), PROJECT)
    assert rows(landing, manifest) == [(f"P00{n}", f"项目{n}", "0.1") for n in (0, 1, 2, 4)]
    assert (manifest.excluded_rows, manifest.extra_columns) == (1, ("new",))
    assert len(http_server.requests) == 3


def test_busy_and_limited_answers_are_waited_for_at_the_source_s_pace(
    http_server: ScriptedServer, landing: Landing
) -> None:
    answer = pages([project(n) for n in range(3)])
    bad = [
        Reply(status=503, headers={"Retry-After": "0"}),
        Reply(status=429, headers={"Retry-After": "1"}),
        Reply(b'{"data": {"items": [', headers={}),
        Reply({"data": {"total": 3, "items": [project(0), project(1)]}}, cut_after=40),
    ]

    def moody(request: Request) -> Reply:
        return bad.pop() if bad else answer(request)

    http_server.answers[PATH] = moody
    started = time.monotonic()
    (manifest,) = land(landing, research(http_server), PROJECT)
    assert manifest.rows == 3
    assert time.monotonic() - started > 1


def test_a_source_that_stays_busy_or_asks_for_a_long_wait_is_a_passing_failure(
    http_server: ScriptedServer, landing: Landing
) -> None:
    http_server.answers[PATH] = Reply(status=503)
    with pytest.raises(SourceUnavailable, match="the source is busy, 5 times in a row"):
        land(landing, research(http_server), PROJECT)
    http_server.answers[PATH] = Reply(status=429, headers={"Retry-After": "3600"})
    with pytest.raises(SourceUnavailable) as caught:
        land(landing, research(http_server), PROJECT)
    assert caught.value.retry_after_s == 3600
    assert landing.extracts() == []


def test_a_server_that_is_not_there_is_a_passing_failure(
    landing: Landing, http_server: ScriptedServer
) -> None:
    there = research(http_server, attempts=2)
    gone = System(**(vars(there) | {"settings": dict(there.settings) | {"base_url": "http://127.0.0.1:9"}}))
    with pytest.raises(SourceUnavailable, match=r"no connection, 2 times.*check research\.base_url in"):
        land(landing, gone, PROJECT)


def test_a_server_that_was_given_up_is_asked_only_once_per_resource_until_it_answers(
    http_server: ScriptedServer,
) -> None:
    with http.HttpClient(research(http_server, attempts=3)) as client:
        http_server.answers[PATH] = Reply(status=503)
        for requests_so_far in (3, 4, 5):
            with pytest.raises(SourceUnavailable, match="the source is busy"):
                client.ask(PATH)
            assert len(http_server.requests) == requests_so_far
        http_server.answers[PATH] = Reply({"data": []})
        client.ask(PATH)
        http_server.answers[PATH] = Reply(status=503)
        with pytest.raises(SourceUnavailable, match="3 times in a row"):
            client.ask(PATH)


def test_a_refused_token_is_final_and_not_shown(
    http_server: ScriptedServer, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_TOKEN", "CANARY-wrong")
    http_server.answers[PATH] = pages([project(1)])
    with pytest.raises(SourceRefused, match="the token was refused") as caught:
        land(landing, research(http_server), PROJECT)
    assert "CANARY" not in str(caught.value)
    assert len(http_server.requests) == 1


def test_a_user_and_a_password_open_an_interface_as_well_and_are_not_shown(
    http_server: ScriptedServer, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PASSWORD", "CANARY:päss")
    right = "Basic " + base64.b64encode("reader:CANARY:päss".encode()).decode()

    def answer(request: Request) -> Reply:
        if request.headers.get("authorization") != right:
            return Reply({"message": "CANARY"}, 401)
        return Reply({"data": {"total": 1, "items": [project(1)]}})

    http_server.answers[PATH] = answer
    place = research(http_server)
    entry = {"type": "basic", "user": "reader", "password": "env:TEST_PASSWORD"}
    place = replace(place, settings=dict(place.settings) | {"auth": entry})
    assert land(landing, place, PROJECT)[0].rows == 1
    monkeypatch.setenv("TEST_PASSWORD", "CANARY-old")
    with pytest.raises(SourceRefused) as caught:
        land(landing, place, PROJECT, extract_id=2)
    assert "CANARY" not in str(caught.value)


def test_pages_are_asked_for_no_faster_than_the_source_allows(
    http_server: ScriptedServer, landing: Landing
) -> None:
    asked_at: list[float] = []
    answer = pages([project(n) for n in range(5)])

    def timed(request: Request) -> Reply:
        asked_at.append(time.monotonic())
        return answer(request)

    http_server.answers[PATH] = timed
    assert land(landing, research(http_server, per_minute=200), PROJECT)[0].rows == 5
    # The gap lies between two sendings; how long one is under way differs by a little.
    assert len(asked_at) == 3 and asked_at[2] - asked_at[0] > 2 * 0.3 - 0.1


def test_a_token_that_expires_between_two_pages_lands_nothing_and_is_not_tried_again(
    http_server: ScriptedServer, landing: Landing
) -> None:
    answer = pages([project(n) for n in range(5)])
    expired = Reply({"message": "CANARY"}, 401)
    http_server.answers[PATH] = lambda request: answer(request) if request.query["page"] == ["1"] else expired
    with pytest.raises(SourceRefused, match="the token was refused") as caught:
        land(landing, research(http_server), PROJECT)
    assert "CANARY" not in str(caught.value)
    assert len(http_server.requests) == 2
    assert landing.extracts() == []


def test_a_page_that_repeats_is_refused(http_server: ScriptedServer, landing: Landing) -> None:
    http_server.answers[PATH] = Reply({"data": {"total": 9, "items": [project(1), project(2)]}})
    with pytest.raises(SourceRefused, match="page 2 repeats page 1"):
        land(landing, research(http_server), PROJECT)


def test_a_source_that_changes_under_the_reader_is_read_again(
    http_server: ScriptedServer, landing: Landing
) -> None:
    projects = [project(n) for n in range(5)]
    answer = pages(projects)

    def shifting(request: Request) -> Reply:
        if len(http_server.requests) == 2:
            projects.insert(0, project(9))
        return answer(request)

    http_server.answers[PATH] = shifting
    (manifest,) = land(landing, research(http_server), PROJECT)
    assert sorted(no for no, *_ in rows(landing, manifest)) == [
        "P000",
        "P001",
        "P002",
        "P003",
        "P004",
        "P009",
    ]
    assert manifest.notes == ("read 2 times: the source changed under the reader",)


def test_a_source_that_never_stands_still_is_a_passing_failure(
    http_server: ScriptedServer, landing: Landing
) -> None:
    projects = [project(n) for n in range(5)]
    http_server.answers[PATH] = pages(projects, total=lambda: 5 + len(http_server.requests))
    with pytest.raises(SourceUnavailable, match="changed while its pages were read, 3 times"):
        land(landing, research(http_server), PROJECT)


def test_a_lost_field_is_named_and_a_lost_secrecy_mark_stops_everything(
    http_server: ScriptedServer, landing: Landing
) -> None:
    http_server.answers[PATH] = pages([{"no": "1", "name": "x", "secret": 0}])
    with pytest.raises(SourceChanged, match="column amount"):
        land(landing, research(http_server), PROJECT)
    http_server.answers[PATH] = pages([{"no": "1", "name": "x", "amount": 1}])
    with pytest.raises(SourceRefused, match="no row has secret"):
        land(landing, research(http_server), PROJECT)


def test_offset_cursor_and_link_paging(http_server: ScriptedServer, landing: Landing) -> None:
    projects = [project(n) for n in range(5)]

    def by_offset(request: Request) -> Reply:
        start, size = int(request.query["start"][0]), int(request.query["limit"][0])
        return Reply({"rows": projects[start : start + size]})

    def by_cursor(request: Request) -> Reply:
        start = int(request.query.get("cursor", ["0"])[0])
        following = str(start + 2) if start + 2 < len(projects) else None
        return Reply({"rows": projects[start : start + 2], "next": following})

    def by_link(request: Request) -> Reply:
        start = int(request.query.get("from", ["0"])[0])
        link = {"Link": f'<{PATH}?from={start + 2}>; rel="next"'} if start + 2 < len(projects) else {}
        return Reply(projects[start : start + 2], headers=link)

    ways = [
        (by_offset, {"style": "offset", "size": 2, "rows": "$.rows", "offset_param": "start"}),
        (by_cursor, {"style": "cursor", "size": 2, "rows": "$.rows", "next": "$.next"}),
        (by_link, {"style": "link", "rows": "$"}),
    ]
    for number, (answer, paging) in enumerate(ways, start=1):
        http_server.answers[PATH] = answer
        (manifest,) = land(landing, research(http_server, paging), PROJECT, extract_id=number)
        assert manifest.rows == 5


def test_the_token_never_goes_to_another_host(http_server: ScriptedServer, landing: Landing) -> None:
    http_server.answers[PATH] = Reply([project(1)], headers={"Link": '<http://localhost:1/x>; rel="next"'})
    with pytest.raises(SourceRefused, match="another host"):
        land(landing, research(http_server, {"style": "link", "rows": "$"}), PROJECT)


def test_a_watermark_is_asked_for_and_moves(http_server: ScriptedServer, landing: Landing) -> None:
    contract = changing(60)
    changed = [{"no": "1", "at": "2026-10-20T07:00:00"}]
    http_server.answers[PATH] = pages(changed)
    (first,) = land(landing, research(http_server), contract)
    assert (first.scope["kind"], first.watermark_to) == ("full", "2026-10-20T07:00:00")
    (second,) = land(landing, research(http_server), contract, extract_id=2, watermark=first.watermark_to)
    assert http_server.requests[-1].query["updated_since"] == ["2026-10-20T06:59:00"]
    assert (second.scope["kind"], second.scope["low"]) == ("upsert", "2026-10-20T06:59:00")


@pytest.mark.parametrize(
    ("published", "asked"),
    [
        ("2026/10/20 07:00", "2026/10/20 06:45"),
        ("2026-10-20T07:00:00Z", "2026-10-20T06:45:00Z"),
        ("2026-10-20T07:00:00+08:00", "2026-10-20T06:45:00+08:00"),
        ("2026/10/20", "2026/10/19"),
        ("20261020", "20261019"),
        ("20261020070000", "20261020064500"),
        ("1792458000", "1792457100"),
        ("1792458000000", "1792457100000"),
        ("17", "17"),
    ],
)
def test_the_overlap_reaches_back_in_the_form_that_the_interface_writes_times_in(
    published: str, asked: str, http_server: ScriptedServer, landing: Landing
) -> None:
    contract = changing(900)
    http_server.answers[PATH] = pages([{"no": "1", "at": published}])
    (manifest,) = land(landing, research(http_server), contract, watermark=published)
    assert http_server.requests[-1].query["updated_since"] == [asked]
    assert manifest.scope["low"] == asked


def test_a_time_that_no_overlap_can_be_taken_from_is_refused_with_what_to_do(
    http_server: ScriptedServer, landing: Landing
) -> None:
    contract = changing(900)
    with pytest.raises(SourceRefused, match=r"overlap_s.*last good state stays\. Choose"):
        land(landing, research(http_server), contract, watermark="20 Oct 2026")
    assert http_server.requests == []


@pytest.mark.parametrize(
    ("good", "ahead"),
    [
        ("2026-10-20T07:00:00", "9999-12-31T00:00:00"),
        ("2026/10/20 07:00", "2026/12/01 00:00"),
        ("20261020070000", "20361020070000"),
        ("1792458000000", "2792458000000"),
        ("1792458000", "2792458000"),
        ("17", None),
    ],
)
def test_a_time_in_the_future_does_not_move_the_watermark(
    good: str,
    ahead: str | None,
    http_server: ScriptedServer,
    landing: Landing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("connectors.rest.now", lambda: AT)
    contract = changing()
    http_server.answers[PATH] = pages([{"no": "1", "at": good}, {"no": "2", "at": ahead}])
    (manifest,) = land(landing, research(http_server), contract)
    assert (manifest.rows, manifest.watermark_to) == (2, good)


def test_a_lookup_returns_an_outcome_and_never_raises(http_server: ScriptedServer) -> None:
    contract = resource(
        "/identity", [item("result")], name="government.identity", read={"evidence": "$.serial"}
    )
    government = system(
        "lookup",
        {"base_url": http_server.url, "reason_header": "X-Reason"},
        code="government",
        attempts=2,
    )
    with Lookup(government) as lookup:
        http_server.answers["/identity"] = Reply({"serial": 7, "data": {"result": "一致"}})
        found = lookup.ask(contract, {"name": "CANARY", "id_no": "1"}, reason="case 12")
        http_server.answers["/identity"] = Reply({"data": None})
        none = lookup.ask(contract, {"name": "CANARY", "id_no": "1"})
        http_server.answers["/identity"] = Reply(status=503)
        unavailable = lookup.ask(contract, {"name": "CANARY", "id_no": "1"})
    assert (found.kind, found.values, found.evidence) == ("found", {"result": "一致"}, "7")
    assert http_server.requests[0].headers["x-reason"] == "case 12"
    assert (none.kind, unavailable.kind) == ("none", "unavailable")
    assert "CANARY" not in f"{found} {none} {unavailable}"
    assert "一致" not in repr(found)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"code": 0, "data": {"result": "一致"}}, "found"),
        ({"code": 0, "data": None}, "none"),
        ({"code": 0, "data": []}, "none"),
        ({"code": 0}, "unreadable"),
        ({"code": 0, "data": [{"result": "一致"}]}, "unreadable"),
        ({"code": 0, "data": "CANARY"}, "unreadable"),
        ({"code": 500, "message": "CANARY", "data": None}, "refused"),
        (["CANARY"], "refused"),
    ],
)
def test_a_fault_told_with_status_200_is_not_an_absent_person(
    http_server: ScriptedServer, body: object, kind: str
) -> None:
    contract = resource(
        "/identity", [item("result")], name="government.identity", read={"accept": {"$.code": "0"}}
    )
    http_server.answers["/identity"] = Reply(body)
    with Lookup(system("lookup", {"base_url": http_server.url}, code="government")) as lookup:
        outcome = lookup.ask(contract, {"id_no": "1"})
    assert outcome.kind == kind
    assert "CANARY" not in f"{outcome}"


def test_the_last_attempt_says_when_to_come_back_and_does_not_wait_for_it(
    http_server: ScriptedServer,
) -> None:
    contract = resource("/identity", [item("result")], name="government.identity")
    http_server.answers["/identity"] = Reply(status=429, headers={"Retry-After": "20"})
    with Lookup(system("lookup", {"base_url": http_server.url}, code="government", attempts=1)) as lookup:
        started = time.monotonic()
        outcome = lookup.ask(contract, {"id_no": "1"})
    assert (outcome.kind, outcome.retry_after_s) == ("unavailable", 20)
    assert time.monotonic() - started < 5


def test_an_answer_that_only_trickles_in_is_given_up() -> None:
    """A byte now and then never lets a read time out; the limit for the whole answer does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(ConnectionError):
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
                for _ in range(100):
                    connection.sendall(b" ")
                    time.sleep(0.05)

        threading.Thread(target=trickle, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        slow = system("rest", {"base_url": url}, timeout_s=2, answer_s=0.4, attempts=1)
        started = time.monotonic()
        with http.HttpClient(slow) as client, pytest.raises(SourceUnavailable, match="no answer in time"):
            client.ask(PATH)
        assert time.monotonic() - started < 2
