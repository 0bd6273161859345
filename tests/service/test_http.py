"""HTTP itself: sizes, formats, traces, quotas, and logs that hold nobody's data."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import get_args

import pytest

import catalogs
from service import configuration
from service.api_facts import Status
from service.problems import KINDS
from tests.service import campus, desk
from tests.service.conftest import opened
from tests.service.desk import CANARY, T001, Desk
from tests.support.http import free_port

JSON = {"Content-Type": "application/json"}


def test_a_body_is_bounded_whether_or_not_it_says_its_length(at_desk: Desk):
    headers = at_desk.headers() | JSON
    said = at_desk.http.post("/v1/facts:query", content=b"x" * 70_000, headers=headers)
    unsaid = at_desk.http.post("/v1/facts:query", content=iter([b"x" * 7_000] * 10), headers=headers)
    for reply in (said, unsaid):
        assert (reply.status_code, reply.json()["code"]) == (413, "TOO_LARGE")


@pytest.mark.parametrize("content", [b"{", b"", b"\xff", b"[" * 60_000, b"NaN", b'"text"'])
def test_a_body_that_is_no_request_is_a_problem(at_desk: Desk, content):
    reply = at_desk.http.post("/v1/facts:query", content=content, headers=at_desk.headers() | JSON)
    assert reply.json()["code"] in ("MALFORMED", "INVALID_PARAMETER")
    assert reply.status_code in (400, 422)
    assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Content-Type": "text/plain"}, 415, "UNSUPPORTED_FORMAT"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "UNSUPPORTED_FORMAT"),
        ({"Accept": "text/html"}, 406, "NOT_ACCEPTABLE"),
        ({"Content-Type": "text/plain", "Host": "x/?"}, 415, "UNSUPPORTED_FORMAT"),
        ({"Content-Type": "text/plain", "Host": "["}, 415, "UNSUPPORTED_FORMAT"),
    ],
)
def test_formats_are_checked_whatever_the_host_header_says(at_desk: Desk, headers, status, code):
    reply = at_desk.http.post("/v1/facts:query", content=b"{}", headers=at_desk.headers() | JSON | headers)
    assert (reply.status_code, reply.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/corrections", "GET, POST"),
        ("POST", "/healthz", "GET"),
        ("GET", "/v1/service-items/X:prefill", "POST"),
        ("PUT", "/v1/cases/1", "GET, PATCH"),
        ("POST", "/v1/service-items/X", "GET"),
    ],
)
def test_what_a_path_can_do_is_told_whole(at_desk: Desk, method, path, allowed):
    reply = at_desk.http.request(method, path, headers=at_desk.headers())
    assert (reply.status_code, reply.headers["allow"]) == (405, allowed)


def test_a_method_that_a_path_does_not_have_is_a_problem(at_desk: Desk):
    reply = at_desk.http.delete("/v1/elements", headers=at_desk.headers())
    assert (reply.status_code, reply.json()["code"], reply.headers["allow"]) == (
        405,
        "METHOD_NOT_ALLOWED",
        "GET",
    )


def test_a_trace_goes_through_and_nothing_is_kept_on_the_way(at_desk: Desk):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = at_desk.headers() | {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    reply = at_desk.http.get("/v1/nothing", headers=headers)
    assert reply.json()["trace_id"] == trace
    assert reply.headers["traceparent"].split("-")[1] == trace
    assert reply.headers["cache-control"] == "no-store"
    made_up = at_desk.http.get(
        "/v1/nothing", headers=at_desk.headers() | {"traceparent": f"00-{CANARY!a}-x-01"}
    )
    assert re.fullmatch("[0-9a-f]{32}", made_up.json()["trace_id"])


def test_a_quota_is_told_and_kept(at_desk: Desk):
    replies = [at_desk.get("/v1/service-items", campus.STRANGER) for _ in range(22)]
    assert [reply.status_code for reply in replies[:20]] == [200] * 20
    assert replies[0].headers["ratelimit-policy"] == '"client";q=20;w=60'
    assert replies[0].headers["ratelimit"].startswith('"client";r=19')
    refused = replies[-1]
    assert (refused.status_code, refused.json()["code"]) == (429, "QUOTA_EXCEEDED")
    assert int(refused.headers["retry-after"]) >= 1
    assert at_desk.get("/v1/service-items").status_code == 200  # another client's is its own


def test_one_subject_is_asked_about_only_so_often_a_day_however_it_is_asked(at_desk: Desk, as_owner):
    files = campus.files()
    clients = json.loads(files["clients.yaml"])
    clients[0]["quota"]["perSubjectPerDay"] = 3
    files["clients.yaml"] = json.dumps(clients, ensure_ascii=False).encode()
    case_id, other = at_desk.case(), {"id_type": "staff_no", "id": "T003"}
    campus.publish(at_desk.owner, catalogs.load(files), {})
    try:
        item = {"subject": T001, "case_id": case_id, "actor": {"user_id": "U1", "role": "officer"}}
        asked = {"service_item": campus.EMPLOYED, "elements": ["XM"]}
        assert at_desk.facts(["XM"], case_id=case_id).status_code == 200
        assert at_desk.claims([("XM", "is_known", None)], case_id=case_id).status_code == 200
        assert at_desk.post("/v1/facts:batch_query", asked | {"items": [item]}).status_code == 200
        before = at_desk.last()["seq"]
        for refused in (
            at_desk.facts(["XM"], case_id=case_id),
            at_desk.post("/v1/facts:batch_query", asked | {"items": [item]}),
            at_desk.post(f"/v1/service-items/{campus.EMPLOYED}:prefill", item),
        ):
            assert (refused.status_code, refused.json()["rule"]) == (429, "quota:subject")
            assert refused.headers["ratelimit-policy"].startswith('"subject";q=3;w=86400')
        assert at_desk.last()["seq"] == before
        assert at_desk.facts(["XM"], other).status_code == 200
    finally:
        campus.publish(at_desk.owner, at_desk.catalog, {})


def test_the_api_describes_its_problems(at_desk: Desk):
    document = at_desk.http.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert "HTTPValidationError" not in json.dumps(document)
    for path in ("/v1/facts:query", "/v1/service-items/{code}:prefill", "/v1/cases"):
        answers = document["paths"][path]["post"]["responses"]
        assert "application/problem+json" in answers["403"]["content"]
        assert "application/problem+json" in answers["503"]["content"]


def test_metrics_count_without_naming_anybody(at_desk: Desk):
    at_desk.facts(["XM"])
    text = at_desk.http.get("/metrics").text
    assert 'yici_decisions_total{action="facts",code="OK",outcome="allowed"}' in text
    assert 'route="/v1/facts:query"' in text
    assert CANARY not in text
    assert "T001" not in text


def test_the_documentation_names_every_problem_status_and_setting():
    page = (Path(__file__).resolve().parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Za-z_]+)`", page))
    source = Path(configuration.__file__).read_text(encoding="utf-8")
    settings = set(re.findall(r"\"(YICI_[A-Z_]+)\"", source))
    assert settings
    assert (set(KINDS) | set(get_args(Status)) | settings) - named == set()


@contextlib.contextmanager
def served(log: Path, database_url: str, home: Path):
    """Run the service as it is run, in a process of its own that writes its log to a file."""
    port = free_port()
    environment = os.environ | {
        "YICI_HOME": str(home),
        "YICI_DATABASE_URL": database_url,
        "YICI_SERVICE_DATABASE_URL": os.environ["YICI_SERVICE_DATABASE_URL"],
    }
    command = [sys.executable, "-m", "service", "--port", str(port)]
    with log.open("w") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 180
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/readyz", timeout=20)
                break
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=120)


def test_the_log_of_a_running_service_holds_nobodys_data(pg_database, tmp_path):
    log = tmp_path / "service.log"
    with opened(pg_database, tmp_path) as inside, served(log, pg_database.url, tmp_path) as address:
        at_desk = Desk(address, inside.catalog, inside.owner, tmp_path, keys=inside.keys)
        case_id = at_desk.case(external_no=f"{CANARY}-1")
        assert at_desk.facts(["XM", "SFZJH"], case_id=case_id).status_code == 200
        assert at_desk.prefill()["complete"] is False
        for reply in (
            at_desk.facts(["XM"], {"id_type": "staff_no", "id": CANARY}, case_id=case_id),
            at_desk.facts([CANARY], case_id=case_id),
            at_desk.facts(["XM"], case_id=CANARY),
            at_desk.facts(["XM"], actor={"user_id": CANARY, "role": CANARY}, case_id=case_id),
            at_desk.post(f"/v1/service-items/{CANARY}:prefill", {CANARY: CANARY}),
            at_desk.get(f"/v1/code-lists/{CANARY}?name={CANARY}"),
            at_desk.ask_token(at_desk.assertion(CANARY, at_desk.keys[campus.HALL])),
        ):
            assert 400 <= reply.status_code < 500
        # a fault whose own words quote the value: PostgreSQL names the row that breaks a constraint
        at_desk.owner.execute("ALTER TABLE service.\"case\" ADD CHECK (external_no <> 'never') NOT VALID")
        assert at_desk.new_case(external_no="never").status_code == 503
        # and one that nobody catches: the table that parties are read from no longer holds any
        broken = at_desk.case()
        at_desk.owner.execute(
            'UPDATE service."case" SET parties = %s WHERE id = %s', [json.dumps([{CANARY: "T001"}]), broken]
        )
        reply = at_desk.facts(["XM"], case_id=broken)
        assert (reply.status_code, reply.json()["code"]) == (500, "INTERNAL")
        assert CANARY not in reply.text
        tokens = list(at_desk.tokens.values())
    text = log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert any(line.get("route") == "/v1/facts:query" and line["client_id"] == campus.HALL for line in lines)
    assert any("exception" in line and line["frames"] for line in lines)
    numbers = [value for row in desk.STAFF for name, value in row.items() if value and name != "status"]
    assert [
        one
        for one in (CANARY, urllib.parse.quote(CANARY), T001["id"], *numbers, *tokens, case_id)
        if one in text
    ] == []
