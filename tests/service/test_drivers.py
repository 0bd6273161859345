"""What drives the service in benchmarks sends every request as it was made, and counts what came of it."""

import itertools
import json
import socket
import threading
import time

import pytest

from benchmarks import service_wrk
from benchmarks.pauses import Pauses, pauses
from benchmarks.service_driver import Drive, flat_out, request, steady
from tests.support.http import Reply, Request, ScriptedServer

PATH = "/v1/facts:query"
NEEDS_WRK = pytest.mark.skipif(not service_wrk.is_installed(), reason="there is no wrk on this machine")


def _every_third_refused(asked: Request) -> Reply:
    return Reply({}, 403) if json.loads(asked.body)["n"] % 3 == 0 else Reply({})


@pytest.mark.parametrize("kind", ["bundled", pytest.param("wrk", marks=NEEDS_WRK)])
def test_different_requests_are_sent_in_turn_and_refusals_counted(http_server: ScriptedServer, kind: str):
    http_server.answers[PATH] = _every_third_refused
    port = int(http_server.url.rpartition(":")[2])
    made = [request(PATH, "token", {"n": number, "name": "员"}) for number in range(6)]
    is_wrk = kind == "wrk"
    drive = service_wrk.flat_out(port, made, 1, 2) if is_wrk else flat_out(port, itertools.cycle(made), 1, 2)
    bodies = [json.loads(one.body) for one in http_server.requests]
    assert {one["n"] for one in bodies} == set(range(6)) and {one["name"] for one in bodies} == {"员"}
    assert {one.headers["authorization"] for one in http_server.requests} == {"Bearer token"}
    answered = drive.statuses.total()
    assert 6 < answered <= len(bodies) and abs(drive.failures - answered / 3) <= 3
    assert 0 < drive.percentile_ms(0.5) <= drive.percentile_ms(0.99) and drive.seconds > 0.9


def test_at_a_given_rate_a_latency_counts_from_when_its_request_was_due(http_server: ScriptedServer):
    def slow(asked: Request) -> Reply:
        time.sleep(0.3)
        return Reply({})

    http_server.answers[PATH] = slow
    port = int(http_server.url.rpartition(":")[2])
    asked = request(PATH, "token", {})
    drive: Drive = steady(port, itertools.repeat(asked), 20, lambda passed: passed > 0.5)
    assert drive.statuses == {200: 20} and len(drive.lags_s) == 20
    assert min(drive.latencies_s) > 0.29
    assert max(drive.latencies_s) >= max(drive.lags_s) + 0.29


def test_a_connection_that_the_server_closed_while_it_rested_is_opened_anew():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        served = threading.Thread(target=serve, daemon=True)
        served.start()
        port = server.getsockname()[1]
        drive = steady(port, itertools.repeat(request(PATH, "token", {})), 2, lambda passed: passed > 0.4)
        served.join(10)
    assert drive.statuses == {200: 2}


def test_slow_rounds_close_together_are_one_pause_of_the_machine_and_waiting_for_it_is_none():
    used = [0.0015] * 200
    used[50], used[51], used[120] = 0.014, 0.004, 0.009
    rounds, now = [], 0.0
    for place, one in enumerate(used):
        lasted = (
            0.5 if place == 170 else one
        )  # another program had the processor: this round used no more of it
        rounds.append((now, now + lasted, one))
        now += lasted
    found = pauses(rounds)
    assert found == pytest.approx((0.018, 0.009))
    assert "2 times" in Pauses(1.0, found).line() and "2.7 % of the time" in Pauses(1.0, found).line()
    assert "never" in Pauses(1.0, ()).line()
