"""When the client tries again, how long it waits and what it holds on to: steps taken by hand, without a network."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from joserfc import jws

from yici.client import Person, ServiceProblem, Unreachable, calls, new_key
from yici.client.core import Core, Reply, Request, Steps, Wait

TOKEN = Reply(200, content=json.dumps({"access_token": "t", "expires_in": 600}).encode())
CASE: Any = {"service_item": "S-1", "parties": [{"role": "applicant", "id_type": "staff_no", "id": "T001"}]}


class Clock:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def core(**settings: Any) -> Core:
    return Core("http://service.example", "hall", new_key("hall-1"), clock=Clock(), **settings)


def taken(one: Core, steps: Steps[Any], replies: Sequence[Reply]) -> tuple[list[Request], list[float], Any]:
    """Take the steps with these replies; returns what was sent, how long was waited, and what came of it."""
    sent, waited, left = [], [], list(replies)
    try:
        step = next(steps)
        while True:
            if isinstance(step, Wait):
                waited.append(step.seconds)
                one.clock.now += step.seconds
                step = steps.send(Reply(0))
            else:
                sent.append(step)
                step = steps.send(left.pop(0))
    except StopIteration as end:
        assert not left
        return sent, waited, end.value
    except ServiceProblem as problem:
        assert not left
        return sent, waited, problem


def answer(content: Any, **headers: str) -> Reply:
    return Reply(200, headers, json.dumps(content).encode())


def problem(status: int, code: str, is_retryable: bool, **headers: str) -> Reply:
    body = {"code": code, "title": code, "retryable": is_retryable, "fault": "us"}
    return Reply(status, {"content-type": "application/problem+json"} | headers, json.dumps(body).encode())


def test_a_failure_that_may_pass_is_tried_again_under_the_same_idempotency_key():
    one = core()
    busy = problem(503, "AUDIT_UNAVAILABLE", True)
    sent, waited, found = taken(
        one,
        one.run(calls.register_case(CASE)),
        [TOKEN, busy, Reply(0, lost="ReadTimeout"), answer({"case_id": "1"})],
    )
    assert found == {"case_id": "1"}
    tries = [request.headers["Idempotency-Key"] for request in sent[1:]]
    assert len(tries) == 3
    assert len(set(tries)) == 1
    assert 0.25 <= waited[0] <= 0.5 <= waited[1] <= 1.0


def test_two_calls_have_two_idempotency_keys():
    one = core()
    first, _, _ = taken(one, one.run(calls.register_case(CASE)), [TOKEN, answer({})])
    second, _, _ = taken(one, one.run(calls.register_case(CASE)), [answer({})])
    assert first[1].headers["Idempotency-Key"] != second[0].headers["Idempotency-Key"]


def test_a_refusal_for_good_is_not_tried_again():
    one = core()
    sent, waited, found = taken(
        one, one.run(calls.service_items()), [TOKEN, problem(403, "PURPOSE_NOT_GRANTED", False)]
    )
    assert (len(sent), waited, found.code, found.status) == (2, [], "PURPOSE_NOT_GRANTED", 403)


def test_the_service_says_how_long_to_wait():
    one = core()
    full = problem(429, "QUOTA_EXCEEDED", True, **{"retry-after": "7"})
    _, waited, found = taken(one, one.run(calls.service_items()), [TOKEN, full, answer([])])
    assert (waited, found) == ([7.0], [])


def test_nobody_waits_longer_than_the_call_is_worth():
    one = core(patience_s=5)
    full = problem(429, "QUOTA_EXCEEDED", True, **{"retry-after": "60"})
    _, waited, found = taken(one, one.run(calls.service_items()), [TOKEN, full])
    assert (waited, found.code, found.retry_after_s) == ([], "QUOTA_EXCEEDED", 60)


def test_a_quota_that_is_used_up_is_left_alone_until_it_fills():
    one = core()
    last = answer([], ratelimit='"client";r=0;t=3')
    taken(one, one.run(calls.service_items()), [TOKEN, last])
    _, waited, _ = taken(one, one.run(calls.service_items()), [answer([], ratelimit='"client";r=9;t=1')])
    assert waited == [3.0]
    _, waited, _ = taken(one, one.run(calls.service_items()), [answer([])])
    assert waited == []


def test_a_token_is_kept_until_shortly_before_its_end():
    one = core()
    taken(one, one.run(calls.service_items()), [TOKEN, answer([])])
    one.clock.now += 500
    sent, _, _ = taken(one, one.run(calls.service_items()), [answer([])])
    assert [request.path for request in sent] == ["/v1/service-items"]
    one.clock.now += 60
    sent, _, _ = taken(one, one.run(calls.service_items()), [TOKEN, answer([])])
    assert [request.path for request in sent] == ["/oauth2/token", "/v1/service-items"]


def test_a_token_that_is_no_longer_taken_is_replaced_once():
    one = core()
    refused = problem(401, "INVALID_TOKEN", False)
    sent, waited, found = taken(one, one.run(calls.service_items()), [TOKEN, refused, TOKEN, answer([])])
    assert (len(sent), waited, found) == (4, [], [])
    _, _, found = taken(one, one.run(calls.service_items()), [refused, TOKEN, refused])
    assert found.code == "INVALID_TOKEN"


def test_every_token_request_has_an_assertion_of_its_own():
    one = core()
    lost = Reply(0, lost="ConnectError")
    sent, _, _ = taken(one, one.renew_token(), [lost, TOKEN])
    assert sent[0].content != sent[1].content


def test_nobody_there_is_a_problem_like_others():
    one = core(tries=2)
    lost = Reply(0, lost="ConnectError")
    _, _, found = taken(one, one.run(calls.service_items()), [lost, lost])
    assert isinstance(found, Unreachable)
    assert (found.code, found.is_retryable) == ("UNREACHABLE", True)


@pytest.mark.parametrize("content", [b"<html>", b"", b"[1", b'{"code": 1}'])
def test_what_a_proxy_says_is_no_answer(content: bytes):
    one = core(tries=1)
    _, _, found = taken(
        one, one.run(calls.service_items()), [TOKEN, Reply(502, {"content-type": "text/html"}, content)]
    )
    assert (found.code, found.status, found.is_retryable) == ("UNEXPECTED_ANSWER", 502, True)


def test_an_answer_without_a_receipt_that_holds_is_not_given_out():
    one = core()
    signed = jws.serialize_compact({"alg": "ES256", "kid": "unknown"}, b"{}", new_key("unknown"))
    forged = answer({"transaction_id": "1", "facts": {}, "receipt": signed})
    jwks = answer({"keys": [new_key("other").as_dict(private=False)]})
    _, _, found = taken(one, one.run(calls.query_facts({})), [TOKEN, forged, jwks])
    assert found.code == "RECEIPT_NOT_VALID"


@pytest.mark.parametrize("content", [{}, [], None, {"transaction_id": "1", "fields": []}, {"receipt": 7}])
def test_an_answer_without_a_receipt_means_a_blank_form_too(content: Any):
    one = core()
    form = one.prefill_or_blank("S-1", Person("staff_no", "T001"), user_id="U")
    _, _, found = taken(one, form, [TOKEN, answer({"case_id": "1"}), answer(content)])
    assert (found.is_blank, found.problem, found.case_id) == (True, "RECEIPT_NOT_VALID", "1")


def test_a_case_of_another_shape_means_a_blank_form():
    one = core()
    form = one.prefill_or_blank("S-1", Person("staff_no", "T001"), user_id="U")
    _, _, found = taken(one, form, [TOKEN, answer({"id": "1"})])
    assert (found.is_blank, found.problem) == (True, "UNEXPECTED_ANSWER")


def test_a_form_is_given_up_long_before_another_question():
    one = core()
    lost = Reply(0, lost="ReadTimeout")
    form = one.prefill_or_blank("S-1", Person("staff_no", "T001"), user_id="U")
    sent, waited, found = taken(one, form, [lost, lost])
    assert (found.is_blank, found.problem, sum(waited) < 1) == (True, "UNREACHABLE", True)
    assert all(request.timeout_s <= 3 for request in sent)


def test_evidence_comes_as_the_archive_that_it_is():
    one = core()
    archive = Reply(200, {"content-type": "application/zip"}, b"PK\x03\x04")
    sent, _, found = taken(one, one.run(calls.evidence("1")), [TOKEN, archive])
    assert found == b"PK\x03\x04"
    assert (sent[1].path, sent[1].headers["Accept"]) == ("/v1/transactions/1/evidence", "application/zip")


def test_the_items_of_a_job_are_sent_as_lines_and_read_as_lines():
    one = core()
    item: Any = {"subject": {"id_type": "staff_no", "id": "T001"}}
    filed = calls.file_job({"service_item": "S-1", "elements": ["XM"]}, [item, item])
    sent, _, _ = taken(one, one.run(filed), [TOKEN, answer({"job_id": "1"})])
    lines = [json.loads(line) for line in sent[1].content.splitlines()]
    assert [lines[0]["service_item"], *lines[1:]] == ["S-1", item, item]
    assert sent[1].headers["Content-Type"] == "application/x-ndjson"
    told = Reply(200, {}, b'{"n":0,"problem":{"code":"SUBJECT_NOT_FOUND"}}\n{"n":1,"problem":{}}\n')
    _, _, found = taken(one, one.run(calls.job_results("1")), [told])
    assert [line["n"] for line in found] == [0, 1]
