"""Whatever is sent, the answer is a problem document and never a failure of ours; byte by byte, by a real socket."""

import concurrent.futures
import gzip
import io
import json
import socket
import time
import uuid
import zipfile
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from service import clients
from service.configuration import Configuration
from service.wire import Wire
from tests.service import campus
from tests.service.conftest import opened
from tests.service.desk import CANARY, T001, Desk
from warehouse import catalog_versions

JSON = {"Content-Type": "application/json"}
QUERY = "/v1/facts:query"
MEMBERS = {
    "type", "title", "status", "code", "detail", "instance", "fault", "rule", "retryable", "errors", "trace_id",
}  # fmt: skip


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory) -> Iterator[Desk]:
    """A service that waits less long than a real one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Wire, "head_s", 0.4)
        patch.setattr(Wire, "linger_s", 0.3)
        chosen = Configuration(body_timeout_s=0.5)
        with opened(pg_module_database, tmp_path_factory.mktemp("home"), chosen) as found:
            catalog_versions.publish(found.owner, campus.files(), catalog_versions.FIRST, "folder", "")
            found.owner.commit()
            clients.let_propose(campus.HALL)
            yield found


def exchange(at_desk: Desk, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """Send bytes as they are, some time apart, and return everything that comes back until the other side closes."""
    address = urlsplit(at_desk.url)
    with socket.create_connection((address.hostname, address.port), timeout=4) as line:
        try:
            for part in parts:
                line.sendall(part)
                time.sleep(pause_s)
        except OSError:
            pass  # the service may have had enough
        received = b""
        try:
            while chunk := line.recv(65536):
                received += chunk
        except OSError:
            pass
    return received


def answers(received: bytes) -> list[tuple[int, dict]]:
    """Return status and document of each answer on a connection."""
    found = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        length = int(headers["content-length"])
        found.append((int(lines[0].split(" ")[1]), json.loads(rest[:length] or b"null")))
        received = rest[length:]
    return found


def head(at_desk: Desk, *lines: str, path: str = QUERY, method: str = "POST", token: bool = True) -> bytes:
    """Return the head of a request."""
    own = [f"{method} {path} HTTP/1.1", *([] if any(one.startswith("Host:") for one in lines) else ["Host: x"]),
           *lines]  # fmt: skip
    if token:
        own.append(f"Authorization: {at_desk.headers()['Authorization']}")
    return ("\r\n".join(own) + "\r\n\r\n").encode("latin-1")


def is_problem(status: int, document: dict, *codes: str) -> None:
    assert status < 500, document
    assert set(document) == MEMBERS and document["status"] == status
    assert document["code"] in codes, document


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS, where there is none
        b"\x00" * 100,
        b"GET\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"BREW /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n folded: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        # two readers in a row could see two different ends of these
        b"POST /v1/facts:query HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /v1/facts:query HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/facts:query HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST /v1/facts:query HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/facts:query HTTP/1.1\r\nContent-Length: -5\r\n\r\nhello",
        b"POST /v1/facts:query HTTP/1.1\r\nContent-Length: +5\r\n\r\nhello",
        b"POST /v1/facts:query HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\nhello",
        b"POST /v1/facts:query HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
    ],
)
def test_what_is_no_http_is_refused_in_our_words(at_desk: Desk, sent):
    ((status, document),) = answers(exchange(at_desk, sent))
    is_problem(status, document, "MALFORMED", "NOT_FOUND")


@pytest.mark.parametrize(
    "chunks", [b"5\r\nhell", b"zz\r\nhello\r\n", b"5\r\nhelloX\r\n", b"5;" + b"x" * 50 + b"\n"]
)
def test_a_body_in_broken_chunks_is_no_request(at_desk: Desk, chunks):
    sent = head(at_desk, "Content-Type: application/json", "Transfer-Encoding: chunked") + chunks
    received = exchange(at_desk, sent)
    if received:  # who hangs up in the middle is owed nothing
        ((status, document),) = answers(received)
        is_problem(status, document, "MALFORMED", "REQUEST_TIMEOUT")


def test_what_follows_a_request_never_comes_before_its_answer(at_desk: Desk):
    body = b'{"status": "submitted"}'
    path = f"/v1/cases/{at_desk.case()}"
    last = head(at_desk, "Connection: close", path=path, method="GET")
    whole = head(at_desk, f"Content-Length: {len(body)}", "Content-Type: application/json", path=path,
                 method="PATCH") + body  # fmt: skip
    told = answers(exchange(at_desk, whole + b"\x00garbage\r\n\r\n"))
    assert [status for status, _ in told] == [200] and told[0][1]["status"] == "submitted"
    both = answers(exchange(at_desk, whole + last))
    assert [status for status, _ in both] == [200, 200]


def test_a_smuggled_request_is_only_ever_a_body(at_desk: Desk):
    inner = head(at_desk, path="/v1/elements", method="GET")
    own = ("Connection: close", f"Content-Length: {len(inner)}", "Content-Type: application/json")
    sent = head(at_desk, *own) + inner
    ((status, document),) = answers(exchange(at_desk, sent))
    is_problem(status, document, "MALFORMED")


def test_a_head_has_a_size_and_a_time(at_desk: Desk):
    large = b"GET /healthz HTTP/1.1\r\n" + b"X: " + b"y" * 40_000
    for sent in (large, large + b"\r\n" * 2, b"GET /" + b"y" * 40_000):
        ((status, document),) = answers(exchange(at_desk, sent))
        if sent.endswith(b"\r\n\r\n"):
            assert status == 200  # it was there at once, and is no larger than what is read at once
        else:
            is_problem(status, document, "TOO_LARGE")
    begun = time.perf_counter()
    drops = [b"GET /healthz HTTP/1.1\r\n"] + [b"X-%d: y\r\n" % number for number in range(20)]
    ((status, document),) = answers(exchange(at_desk, *drops, pause_s=0.1))
    is_problem(status, document, "REQUEST_TIMEOUT")
    assert time.perf_counter() - begun < 4
    assert at_desk.http.get("/healthz").status_code == 200


def test_who_says_nothing_is_not_waited_for(at_desk: Desk):
    address = urlsplit(at_desk.url)
    begun = time.perf_counter()
    with socket.create_connection((address.hostname, address.port), timeout=5) as line:
        assert line.recv(1) == b""
    assert time.perf_counter() - begun < 3


def test_a_slow_body_is_refused_and_its_connection_ends(at_desk: Desk):
    sent = head(at_desk, "Content-Length: 1000", "Content-Type: application/json")
    received = exchange(at_desk, sent, *[b"{"] * 12, pause_s=0.1)
    ((status, document),) = answers(received)
    is_problem(status, document, "REQUEST_TIMEOUT")


def test_an_early_refusal_does_not_keep_a_connection_open_for_an_endless_body(at_desk: Desk):
    sent = head(at_desk, "Content-Length: 999999999", "Content-Type: application/json")
    begun = time.perf_counter()
    received = exchange(at_desk, sent, *[b"x" * 1000] * 60, pause_s=0.1)
    ((status, document),) = answers(received)
    is_problem(status, document, "TOO_LARGE")
    assert time.perf_counter() - begun < 5


def post(at_desk: Desk, content: bytes, path: str = QUERY, **headers: str) -> tuple[int, dict]:
    reply = at_desk.http.post(path, content=content, headers=at_desk.headers() | JSON | headers)
    return reply.status_code, reply.json()


@pytest.mark.parametrize(
    "content",
    [
        b'{"elements": ["XM"], "elements": ["GZ"]}',
        b'{"actor": {"role": "officer", "role": "applicant"}}',
        b'{"elements": NaN}',
        b'{"elements": -Infinity}',
        b'{"max_age": ' + b"9" * 60_000 + b"}",
        b'{"a":' * 9_000 + b"1" + b"}" * 9_000,
        b"\xef\xbb\xbf{}",
        '{"elements": ["XM"]}'.encode("utf-16"),
        '{"elements": ["\u59d3"]}'.encode("gbk"),
        b'{"elements": ["\xed\xa0\x80"]}',
        b"{} {}",
        b"{'elements': 1}",
    ],
)
def test_json_that_two_readers_could_read_differently_is_read_by_nobody(at_desk: Desk, content):
    status, document = post(at_desk, content)
    assert status == 400
    is_problem(status, document, "MALFORMED")


@pytest.mark.parametrize("number", [1e308, 10**300, -1, 2**63, 0.1, True, None, [], {}])
def test_a_number_where_text_belongs_is_a_fault_of_its_place(at_desk: Desk, number):
    body = {"subject": T001 | {"id": number}, "case_id": str(uuid.uuid4()), "service_item": "S",
            "actor": {"user_id": "U", "role": "agent"}, "elements": ["XM"]}  # fmt: skip
    status, document = post(at_desk, json.dumps(body).encode())
    is_problem(status, document, "INVALID_PARAMETER")
    assert {error["pointer"] for error in document["errors"]} == {"/subject/id"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json; charset=gbk"},
        {"Content-Type": 'application/json; charset="utf-16"'},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "br"},
        {"Content-Encoding": "gzip, identity"},
    ],
)
def test_a_body_in_another_writing_or_packed_is_not_unpacked(at_desk: Desk, headers):
    bomb = gzip.compress(b" " * 20_000_000)
    begun = time.perf_counter()
    status, document = post(at_desk, bomb, **headers)
    is_problem(status, document, "UNSUPPORTED_FORMAT")
    assert time.perf_counter() - begun < 2


def test_utf_8_said_aloud_is_fine(at_desk: Desk):
    status, document = post(at_desk, b"{}", **{"Content-Type": "application/json; charset=UTF-8"})
    is_problem(status, document, "INVALID_PARAMETER")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/cases/%00", "/v1/cases/%ff", "/v1/elements/..%2f..%2fetc", "/v1/code-lists/%00",
        "/v1/service-items/%F0%9F",
        "/v1/changes?after=99999999999999999999999", "/v1/changes?after=%00", "/v1/changes?limit=1e9", "//v1//elements",
        "/v1/audit/proofs/inclusion?seq=1&size=9223372036854775807", "/v1/" + "x" * 8_000, "/v1/corrections/%2e%2e",
        "/v1/catalog/lists/%00", "/v1/transactions/nil/evidence", "/v1/me/usages?since=0000-00-00T00:00:00Z",
        "/v2/findUsage?userCode=%00:%00", "/v1/catalog/proposals/0", "/v1/catalog/proposals/%00",
    ],
)  # fmt: skip
def test_no_address_makes_it_fail(at_desk: Desk, path):
    ((status, document),) = answers(
        exchange(at_desk, head(at_desk, "Connection: close", path=path, method="GET"))
    )
    assert status in (400, 401, 403, 404, 422, 503), (status, document)
    assert status != 503 or document["code"] == "LOGIN_UNAVAILABLE"
    assert set(document) == MEMBERS


@pytest.mark.parametrize("name", ["traceparent", "Accept-Language", "Accept", "Authorization", "Idempotency-Key",
                                  "X-Road-UserId", "X-Forwarded-For", "Host", "Content-Type", "Expect"])  # fmt: skip
@pytest.mark.parametrize(
    "value", ["", "\xff\xfe", "x" * 9_000, ",;=q=;,,", "Bearer ...", "q=nan;en;q=1e999", "en;q=\xb2"]
)
def test_no_header_makes_it_fail(at_desk: Desk, name, value):
    body = b"{}"
    sent = head(at_desk, "Connection: close", f"{name}: {value}", f"Content-Length: {len(body)}",
                *([] if name == "Content-Type" else ["Content-Type: application/json"]), token=name != "Authorization",
                path="/v1/cases") + body  # fmt: skip
    ((status, document),) = answers(exchange(at_desk, sent))
    assert status in (400, 401, 403, 406, 415, 422), (status, document)
    assert set(document) == MEMBERS


TEXTS = ["\x00", "a\x00b", "\ud800", "\u202e", "x" * 300_000, CANARY * 30]


@pytest.mark.parametrize("text", TEXTS, ids=["nul", "nul within", "surrogate", "turned", "long", "many"])
def test_no_text_anywhere_makes_it_fail(at_desk: Desk, text):
    """Every place of every body that takes text."""
    case_id = at_desk.case()
    asked = {"subject": T001, "case_id": case_id, "actor": {"user_id": "U1", "role": "applicant"}}
    bodies = [
        ("/v1/cases", {"service_item": campus.EMPLOYED, "external_no": text,
                       "parties": [{"role": "applicant", **T001}]}),
        ("/v1/cases", {"service_item": campus.EMPLOYED, "parties": [{"role": "applicant", **T001, "id": text}]}),
        ("/v1/corrections", asked | {"service_item": campus.EMPLOYED, "element": "XM", "reason": text}),
        ("/v1/corrections", asked | {"service_item": campus.EMPLOYED, "element": "XM", "reason": "r", "stated": text}),
        (f"/v1/corrections/{uuid.uuid4()}:decide", {"decision": "accept", "reason": text}),
        ("/v1/claims:verify", asked | {"service_item": campus.EMPLOYED,
                                       "claims": [{"element": "XM", "op": "eq", "value": text}]}),
        ("/v1/catalog/proposals", {"title": text, "edits": [{"file": "demands/all.yaml", "new": 1}]}),
        ("/v1/catalog/proposals", {"title": "t", "reason": text, "edits": [{"file": "demands/all.yaml", "new": text}]}),
        ("/v1/catalog/proposals/1:withdraw", {"reason": text}),
        (f"/v1/prefills/{uuid.uuid4()}:reconcile", {"fields": [{"field": text, "outcome": "kept"}]}),
    ]  # fmt: skip
    for place, (path, body) in enumerate(bodies):
        reply = at_desk.post(path, body, **{"Idempotency-Key": uuid.uuid4().hex})
        assert reply.status_code < 500, (place, path, reply.text)
        assert reply.status_code < 300 or set(reply.json()) == MEMBERS


def test_nobody_sends_megabytes_before_we_know_who_it_is(at_desk: Desk):
    path, large = "/v1/catalog/proposals", 3 * 1024 * 1024
    lines = (f"Content-Length: {large}", "Content-Type: application/json", "Idempotency-Key: k")
    for end in (["Authorization: Bearer x"], []):
        sent = head(at_desk, *lines, *end, path=path, token=False)
        begun = time.perf_counter()
        ((status, document),) = answers(exchange(at_desk, sent))
        is_problem(status, document, "INVALID_TOKEN")
        assert time.perf_counter() - begun < 2, "it waited for the body"
        entry = at_desk.last()
        assert (entry["action"], entry["outcome"], entry["code"]) == ("access", "refused", "INVALID_TOKEN")
    status, document = post(at_desk, b'{"title": "' + b"x" * large + b'"}', path, **{"Idempotency-Key": "k"})
    is_problem(status, document, "INVALID_PARAMETER")
    assert post(at_desk, b" " * (5 * 1024 * 1024), path)[1]["code"] == "TOO_LARGE"


def test_a_workbook_that_would_unpack_without_end_is_refused_at_once(at_desk: Desk):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as parts:
        parts.writestr("xl/workbook.xml", "<workbook/>")
        with parts.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            for _ in range(54):
                sheet.write(b" " * 10_000_000)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    begun = time.perf_counter()
    headers = {"Content-Type": kind, "Idempotency-Key": uuid.uuid4().hex}
    status, document = post(at_desk, packed.getvalue(), "/v1/catalog/proposals?title=t", **headers)
    assert status == 422 and document["code"] == "PROPOSAL_FAULTY"
    assert time.perf_counter() - begun < 5


def at_the_same_time(call, times: int = 6) -> list:
    with concurrent.futures.ThreadPoolExecutor(times) as pool:
        return [future.result() for future in [pool.submit(call, number) for number in range(times)]]


def test_one_idempotency_key_makes_one_case_however_many_ask_at_once(at_desk: Desk):
    at_desk.headers()
    key, name = uuid.uuid4().hex, uuid.uuid4().hex
    replies = at_the_same_time(lambda _: at_desk.new_case(key=key, external_no=name))
    assert {reply.status_code for reply in replies} <= {201, 409}
    assert len({reply.json()["case_id"] for reply in replies if reply.status_code == 201}) == 1
    assert all(reply.json()["code"] == "REQUEST_IN_PROGRESS" for reply in replies if reply.status_code == 409)
    (count,) = at_desk.owner.execute(
        'SELECT count(*) FROM service."case" WHERE external_no = %s', [name]
    ).fetchone()
    assert count == 1
    other = at_desk.new_case(key=key, external_no="another")
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_an_assertion_gives_one_token_however_many_use_it_at_once(at_desk: Desk):
    assertion = at_desk.assertion(campus.HALL)
    replies = at_the_same_time(lambda _: at_desk.ask_token(assertion))
    assert sorted(reply.status_code for reply in replies) == [200, 401, 401, 401, 401, 401]


def test_steps_of_a_case_that_come_at_once_are_taken_once_and_in_order(at_desk: Desk):
    headers = at_desk.headers() | JSON
    path = f"/v1/cases/{at_desk.case()}"

    def step(number: int):
        status = ("submitted", "closed", "accepted")[number % 3]
        return at_desk.http.patch(path, content=json.dumps({"status": status}), headers=headers)

    replies = at_the_same_time(step, 9)
    assert all(reply.status_code == 200 or reply.json()["code"] == "CASE_NOT_VALID" for reply in replies)
    assert at_desk.get(path).json()["status"] == "closed"
    again = at_desk.http.patch(path, content=b'{"status": "closed"}', headers=headers)
    back = at_desk.http.patch(path, content=b'{"status": "accepted"}', headers=headers)
    assert (again.status_code, back.status_code, back.json()["code"]) == (200, 403, "CASE_NOT_VALID")


def test_after_all_that_it_still_answers(at_desk: Desk):
    assert at_desk.facts(["XM"]).status_code == 200
    assert at_desk.http.get("/readyz").status_code == 200


_NOBODY = "00000000-0000-4000-8000-000000000000"
# Reads that come to a decision: where their requests are in order, and how they look when nobody can read them.
_DECIDING_READS = [
    ("/v2/findUsage?userCode=staff_no:T001", "/v2/findUsage?userCode=%00:T001&offset=x"),
    (f"/v1/transactions/{_NOBODY}/evidence", "/v1/transactions/nil/evidence"),
    (f"/v1/jobs/{_NOBODY}/results", f"/v1/jobs/{_NOBODY}/results?after=x"),
]


@pytest.mark.parametrize(("sound", "malformed"), _DECIDING_READS)
def test_a_read_that_cannot_be_read_stands_on_record_where_a_sound_one_does(
    at_desk: Desk, sound: str, malformed: str
):
    def entries(path: str, **headers: str) -> list[dict]:
        at_desk.headers()
        before = at_desk.last()["seq"]
        at_desk.http.get(path, headers=at_desk.headers() | {"X-Road-UserId": "U1"} | headers)
        return at_desk.record("seq > %s", before)

    assert len(entries(sound)) == 1
    (refused,) = entries(malformed)
    assert (refused["action"], refused["outcome"], refused["client_id"]) == ("access", "refused", campus.HALL)
    assert refused["code"] in ("MALFORMED", "INVALID_PARAMETER") and refused["elements"] == []
    (unknown,) = entries(sound, Authorization="Bearer x")
    assert (unknown["action"], unknown["code"]) == ("access", "INVALID_TOKEN")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/changes?after=x",
        "/v1/cases/nil",
        "/v1/corrections/nil",
        "/v1/audit/proofs/inclusion?seq=x&size=1",
    ],
)
def test_a_read_of_what_is_the_client_s_own_is_no_decision(at_desk: Desk, path: str):
    at_desk.headers()
    before = at_desk.last()["seq"]
    assert at_desk.get(path).status_code == 422
    assert at_desk.record("seq > %s", before) == []
