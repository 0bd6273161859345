"""Certificates over HTTP: issued from what is verified now, shared, checked, revoked, followed; nothing by default."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from playwright.sync_api import sync_playwright

import catalogs
from catalogs.settings import now
from certificates import pki, status, tokens
from service import (
    certificate_authority,
    certificate_following,
    certificate_keys,
    certificate_sealing,
    certificates,
)
from service.certificate_keys import Seals, read_trust
from service.configuration import Configuration
from tests.service import campus, desk
from tests.service.certifying import ISSUER, certifying
from tests.service.conftest import service_url
from tests.service.desk import CANARY, T001, Desk
from tests.service.test_me import Provider
from tests.support.http import scripted_server
from tests.support.needs import need_program
from tests.support.postgres import PgDatabase
from tests.yici.commands import yici

KIND = "employment"
PDF = {"Content-Type": "application/pdf"}


def kind(code: str = KIND, **changes: Any) -> dict[str, Any]:
    return {
        "certificate": code,
        "nameZh": "在职证明",
        "nameEn": "Certificate of employment",
        "unit": "RS",
        "post": "post:a",
        "populations": ["staff"],
        "askedBy": ["self", "system"],
        "textZh": "兹证明{XM}(工号 {GH})在{DW}任职, {RZRQ}入职。",
        "textEn": "{XM} (staff number {GH}) works at {DW} since {RZRQ}.",
        "elements": [
            {"element": "XM", "labelZh": "姓名", "labelEn": "Name", "disclosable": False},
            {"element": "GH", "labelZh": "工号", "labelEn": "Staff number"},
            {"element": "SFZJH", "labelZh": "证件号", "labelEn": "Identity number", "masked": True},
            {"element": "ZT", "labelZh": "状态", "labelEn": "Status", "must": "in:在职"},
            {"element": "DW", "labelZh": "单位", "labelEn": "Unit"},
            {"element": "RZRQ", "labelZh": "入职日期", "labelEn": "Hired on"},
        ],
        "purposes": [{"code": "visa", "nameZh": "签证", "nameEn": "Visa"}],
        "validityDays": [30, 90],
        "materials": ["M-SEAL"],
    } | changes


def content() -> dict[str, bytes]:
    """Return the small campus with two kinds of certificates, and HR's system letting itself revoke them."""
    files = campus.files()
    known = json.loads(files["clients.yaml"])
    for one in known:
        if one["client"] == campus.HR:
            one["certificates"] = True
    own = kind("telephone", askedBy=["self"], textZh="{XM}", textEn="{XM}", materials=["M-PHONE"], elements=[
        {"element": "XM", "labelZh": "姓名", "labelEn": "Name"},
        {"element": "DH", "labelZh": "电话", "labelEn": "Telephone", "masked": True},
    ])  # fmt: skip
    return files | {
        "clients.yaml": json.dumps(known, ensure_ascii=False).encode(),
        "certificates/staff.yaml": json.dumps([kind(), own], ensure_ascii=False).encode(),
    }


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with scripted_server() as server:
        yield Provider(server)


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory, provider: Provider) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("home")
    with certifying(pg_module_database, home, provider, catalogs.load(content())) as found:
        yield found


@pytest.fixture(scope="module")
def sealing(at_desk: Desk, pg_module_database) -> Callable[[], int]:
    """Prints what waits, in this process: its fonts are opened once for all tests."""
    keys = at_desk.app.state.around.keys
    printer = certificate_sealing.Printer(keys, Seals(at_desk.home))

    def seal() -> int:
        return with_pool(pg_module_database, lambda pool: certificate_sealing.work(pool, printer))

    return seal


def with_pool(database: PgDatabase, act: Callable[[asyncpg.Pool], Awaitable[Any]]) -> Any:
    """Run something with a connection of the service's role."""

    async def run() -> Any:
        pool = await asyncpg.create_pool(service_url(database), min_size=1, max_size=1)
        try:
            return await act(pool)
        finally:
            await pool.close()

    return asyncio.run(run())


@pytest.fixture
def me(at_desk: Desk, provider: Provider, sealing) -> "Person":
    return Person(at_desk, provider, sealing=sealing)


class Person:
    """Somebody who is logged in."""

    def __init__(self, at: Desk, provider: Provider, number: str = "T001", sealing: Any = None) -> None:
        self.at = at
        self.sealing = sealing
        self.headers = {
            "Authorization": f"Bearer {provider.token(employee_number=number)}",
            "Content-Type": "application/json",
        }

    def get(self, path: str, status_code: int = 200) -> httpx.Response:
        reply = self.at.http.get(f"/v1/me/{path}", headers=self.headers)
        assert reply.status_code == status_code, reply.text
        return reply

    def post(self, path: str, body: Any, status_code: int = 200, key: str | None = None) -> dict[str, Any]:
        headers = self.headers | {"Idempotency-Key": key or uuid.uuid4().hex}
        reply = self.at.http.post(f"/v1/me/{path}", content=json.dumps(body), headers=headers)
        assert reply.status_code == status_code, reply.text
        return reply.json()

    def issue(self, status_code: int = 201, key: str | None = None, **changes: Any) -> dict[str, Any]:
        order = {"kind": KIND, "purpose": "visa", "validity_days": 30} | changes
        return self.post("certificates", order, status_code, key)

    def paper(self, certificate_id: str) -> bytes:
        """Have the paper printed and return it."""
        assert self.get(f"certificates/{certificate_id}/pdf", 409).json()["code"] == "NOT_DONE"
        self.sealing()
        reply = self.get(f"certificates/{certificate_id}/pdf")
        assert reply.headers["content-type"] == "application/pdf"
        return reply.content

    def code(self, certificate_id: str) -> str:
        """Return the code that is printed on the paper."""
        (printed,) = [
            one for one in self.get(f"certificates/{certificate_id}").json()["shares"] if one["is_printed"]
        ]
        return printed["code"]


def check(at: Desk, code: str, status_code: int = 200) -> dict[str, Any]:
    reply = at.http.get(f"/verify/{code}", headers={"Accept": "application/json"})
    assert reply.status_code == status_code, reply.text
    return reply.json()


def judge(at: Desk, paper: bytes) -> dict[str, Any]:
    reply = at.http.post("/v1/verifications", content=paper, headers=PDF)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_a_person_gets_a_sealed_paper_of_what_is_verified_and_nobody_else_sees_it(
    at_desk: Desk, me: Person, provider: Provider, tmp_path: Path
):
    told = me.issue(language="both")
    assert (told["kind"], told["state"], told["changed"]) == (KIND, "waiting", [])
    assert CANARY not in json.dumps(told, ensure_ascii=False)
    entry = at_desk.record("action = 'me_certificate_issue'")[-1]
    assert (entry["outcome"], entry["elements"]) == ("allowed", ["XM", "GH", "SFZJH", "ZT", "DW", "RZRQ"])
    file = tmp_path / "paper.pdf"
    file.write_bytes(me.paper(told["certificate_id"]))
    text = subprocess.run(
        ["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True
    ).stdout
    printed = "".join(text.split())
    for wanted in (
        f"{CANARY}甲",
        "T001",
        "物理系",
        "2005年9月1日",
        "1September2005",
        told["number"],
        "人事处",
        "签证",
    ):
        assert wanted in printed, wanted
    assert "110101198001010015" not in printed and "110101********0015" in printed
    seen = subprocess.run(["pdfsig", file], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid" in seen and "Total document signed" in seen
    verdict = judge(at_desk, file.read_bytes())
    assert (verdict["standing"], verdict["kind"]) == ("valid", "pdf")
    assert verdict["stated"]["GH"]["value"] == "T001"
    assert verdict["stated"]["GH"]["provider"] == "RS"
    stranger = Person(at_desk, provider, "T003")
    stranger.get(f"certificates/{told['certificate_id']}", 404)
    stranger.get(f"certificates/{told['certificate_id']}/pdf", 404)
    assert stranger.get("certificates").json() == []
    assert [one["certificate_id"] for one in me.get("certificates").json()] == [told["certificate_id"]]


def test_what_is_not_verified_now_is_not_certified_and_the_reason_names_no_value(
    at_desk: Desk, provider: Provider
):
    left = Person(at_desk, provider, "T002").issue(409)
    assert (left["code"], left["errors"]) == (
        "CERTIFICATE_REFUSED",
        [{"pointer": "/capacity", "code": "not_a_member"}],
    )
    gone = Person(at_desk, provider, "T004").issue(409)
    assert gone["errors"] == [{"pointer": "/capacity", "code": "not_a_member"}]
    for told in (left, gone):
        assert CANARY not in json.dumps(told, ensure_ascii=False)
    missing = Person(at_desk, provider, "T003").issue(409, kind="telephone")
    assert missing["errors"] == [{"pointer": "/elements/DH", "code": "not_found"}]
    assert at_desk.last()["code"] == "CERTIFICATE_REFUSED"


def test_the_kinds_say_what_stands_in_the_way_of_each_as_a_refusal_would(
    at_desk: Desk, me: Person, provider: Provider
):
    def refused(person: Person) -> dict[str, list[dict[str, str]]]:
        told = person.get("certificate-kinds")
        assert CANARY not in told.text and person.headers["Authorization"] not in told.text
        return {one["code"]: one["refused"] for one in told.json()}

    assert refused(me) == {KIND: [], "telephone": []}
    for number in ("T002", "T003", "T004"):
        person = Person(at_desk, provider, number)
        for code, why in refused(person).items():
            assert not why or person.issue(409, kind=code)["errors"] == why
    assert refused(Person(at_desk, provider, "T003"))["telephone"] == [
        {"pointer": "/elements/DH", "code": "not_found"}
    ]
    entry = at_desk.record("action = 'me_certificate_kinds'")[-1]
    assert entry["outcome"] == "allowed" and set(entry["elements"]) >= {"XM", "DH", "RZRQ"}
    Person(at_desk, provider, "T987").get("certificate-kinds", 404)


def test_a_fact_in_dispute_is_not_certified(at_desk: Desk, provider: Provider):
    person = Person(at_desk, provider, "T003")
    case = at_desk.case(parties=[{"role": "applicant", "id_type": "staff_no", "id": "T003"}])
    body = {
        "subject": {"id_type": "staff_no", "id": "T003", "capacity": "staff"}, "case_id": case,
        "actor": {"user_id": "T003", "role": "applicant"}, "service_item": campus.EMPLOYED, "element": "DW",
        "stated": "别处", "reason": "调动",
    }  # fmt: skip
    filed = at_desk.post("/v1/corrections", body, **{"Idempotency-Key": uuid.uuid4().hex})
    assert filed.status_code == 201, filed.text
    assert person.issue(409)["errors"] == [{"pointer": "/elements/DW", "code": "in_dispute"}]


@pytest.mark.parametrize(
    ("changes", "status_code", "pointer"),
    [
        ({"kind": "none"}, 422, "/kind"),
        ({"purpose": "loan"}, 422, "/purpose"),
        ({"validity_days": 31}, 422, "/validity_days"),
        ({"shown": ["XM", "GZ"]}, 422, "/shown/1"),
        ({"language": "fr"}, 422, "/language"),
        ({"capacity": "guest"}, 409, "/capacity"),
    ],
)
def test_what_the_kind_does_not_offer_is_refused(me: Person, changes, status_code, pointer):
    assert me.issue(status_code, **changes)["errors"][0]["pointer"] == pointer


def test_the_same_request_is_one_certificate_and_numbers_have_no_gap(
    at_desk: Desk, me: Person, provider: Provider
):
    first = me.issue(key="once")
    assert me.issue(key="once")["certificate_id"] == first["certificate_id"]
    assert me.issue(422, key="once", validity_days=90)["code"] == "IDEMPOTENCY_KEY_REUSED"
    # the key of one person is no key of another
    Person(at_desk, provider, "T002").issue(409, key="once")
    me.issue()
    rows = at_desk.owner.execute(
        "SELECT kind, array_agg(seq ORDER BY seq) FROM service.certificate GROUP BY kind, year"
    ).fetchall()
    assert rows and all(numbers == list(range(1, len(numbers) + 1)) for _, numbers in rows)


def test_many_who_ask_at_once_for_cases_wait_for_no_connection_that_they_hold_themselves(at_desk: Desk):
    order = {
        "kind": KIND, "purpose": "visa", "validity_days": 90, "service_item": campus.EMPLOYED,
        "subject": dict(T001), "case_id": at_desk.case(), "actor": {"user_id": "T001", "role": "applicant"},
    }  # fmt: skip
    at_desk.headers()

    def ask(key: str) -> httpx.Response:
        return at_desk.post("/v1/certificates", order, **{"Idempotency-Key": key})

    at_once = 3 * Configuration.pool_size
    with ThreadPoolExecutor(at_once) as many:
        told = list(many.map(ask, [f"at-once-{number}" for number in range(at_once)]))
    assert {one.status_code for one in told} == {201}, [one.text for one in told if one.status_code != 201]
    # once it is issued, the same request gets the same one, whatever became of the case
    at_desk.http.patch(
        f"/v1/cases/{order['case_id']}", json={"status": "closed"}, headers=at_desk.headers()
    ).raise_for_status()
    assert ask("at-once-0").json()["certificate_id"] == told[0].json()["certificate_id"]
    assert ask("later").json()["code"] == "CASE_NOT_VALID"


def test_a_system_gets_one_for_a_case_that_its_grants_cover_and_no_other(at_desk: Desk, me: Person):
    order = {
        "kind": KIND, "purpose": "visa", "validity_days": 90, "language": "en", "service_item": campus.EMPLOYED,
        "subject": dict(T001), "case_id": at_desk.case(), "actor": {"user_id": "T001", "role": "applicant"},
    }  # fmt: skip

    def ask(client_id: str = campus.HALL, **changes: Any) -> httpx.Response:
        return at_desk.post(
            "/v1/certificates", order | changes, client_id, **{"Idempotency-Key": uuid.uuid4().hex}
        )

    told = ask()
    assert told.status_code == 201, told.text
    entry = at_desk.record("action = 'certificate_issue'")[-1]
    assert (entry["outcome"], entry["client_id"], entry["purpose"]) == (
        "allowed",
        campus.HALL,
        campus.EMPLOYED,
    )
    found = at_desk.get(f"/v1/certificates/{told.json()['certificate_id']}")
    assert found.json()["number"] == told.json()["number"]
    token = at_desk.get(f"/v1/certificates/{told.json()['certificate_id']}/token").json()["token"]
    assert token.count("~") > 4
    for client_id, code in ((campus.PORTAL, "CASE_NOT_VALID"), (campus.STRANGER, "PURPOSE_NOT_GRANTED")):
        refused = ask(client_id)
        assert refused.status_code == 403, refused.text
        assert refused.json()["code"] in (code, "ELEMENT_NOT_GRANTED")
        assert (
            at_desk.get(f"/v1/certificates/{told.json()['certificate_id']}/pdf", client_id).status_code == 404
        )
    assert ask(kind="telephone").json()["code"] == "NOT_PERMITTED"
    stranger = ask(subject={"id_type": "staff_no", "id": "T003"})
    assert stranger.json()["code"] == "CASE_NOT_VALID"
    # the person sees what was issued about them
    assert told.json()["number"] in [one["number"] for one in me.get("certificates").json()]


def test_a_code_shows_what_the_holder_chose_and_every_other_code_the_same_nothing(at_desk: Desk, me: Person):
    told = me.issue(shown=["DW"])
    code = me.code(told["certificate_id"])
    seen = check(at_desk, code.lower().replace("-", ""))
    assert (seen["standing"], seen["number"]) == ("valid", told["number"])
    assert [(one["element"], one["value_zh"]) for one in seen["values"]] == [("DW", "物理系")]
    assert CANARY not in json.dumps(seen, ensure_ascii=False)
    entry = at_desk.record("action = 'certificate_verify'")[-1]
    assert (entry["client_id"], entry["elements"], entry["outcome"]) == ("public", ["DW"], "allowed")
    page = at_desk.http.get(f"/verify/{code}", headers={"Accept": "text/html", "Accept-Language": "zh"})
    assert (
        page.headers["content-type"].startswith("text/html") and "物理系" in page.text and "有效" in page.text
    )
    assert "script" not in page.text and "default-src 'none'" in page.headers["content-security-policy"]
    assert CANARY not in page.text
    views = me.get(f"certificates/{told['certificate_id']}").json()["views"]
    assert [one["how"] for one in views] == ["page", "program"]
    english = at_desk.http.get(f"/verify/{code}", headers={"Accept": "text/html", "Accept-Language": "en"})
    body = english.text.partition("</style>")[2]
    assert "Valid" in body and "物理系" in body
    left = re.sub(r'<span[^>]* lang="zh-CN">[^<]*</span>', "", body)
    assert re.findall("[\u4e00-\u9fff]+", left) == []
    answers = set()
    for wrong in (
        "x",
        "0" * 17,
        code[:-1] + ("0" if code[-1] != "0" else "1"),
        "ABCD-EFGH-JKMN-PQRS-T",
        "%00",
        "鸑",
    ):
        answers.add(json.dumps({name: value for name, value in check(at_desk, wrong, 404).items() if name not in (
            "trace_id", "instance")}))  # fmt: skip
    assert len(answers) == 1


def test_a_share_ends_with_its_views_its_time_and_its_withdrawal(at_desk: Desk, me: Person):
    told = me.issue()
    path = f"certificates/{told['certificate_id']}/shares"
    assert me.post(path, {"shown": ["GZ"]}, 422)["errors"][0]["pointer"] == "/shown/0"
    made = me.post(path, {"shown": ["XM", "GH"], "days": 180, "max_views": 2}, 201, key="share")
    assert me.post(path, {"shown": ["XM", "GH"], "days": 180, "max_views": 2}, 201, key="share") == made
    assert made["expires_at"] <= (told["valid_until"] + "T24")
    for _ in range(2):
        assert [one["element"] for one in check(at_desk, made["code"])["values"]] == ["XM", "GH"]
    check(at_desk, made["code"], 404)
    other = me.post(path, {"shown": ["GH"]}, 201)
    check(at_desk, other["code"])
    taken = me.post(f"{path}/{other['share_id']}:withdraw", {})
    assert taken["withdrawn_at"] and taken["views"] == 1
    check(at_desk, other["code"], 404)
    third = me.post(path, {"shown": ["GH"], "days": 1}, 201)
    at_desk.owner.execute(
        "UPDATE service.certificate_share SET expires_at = now() - interval '1 s' WHERE id = %s",
        [third["share_id"]],
    )
    check(at_desk, third["code"], 404)


def test_a_token_shows_as_much_as_is_chosen(at_desk: Desk, me: Person):
    told = me.issue()
    path = f"certificates/{told['certificate_id']}/token"
    trust = read_trust(at_desk.home)
    whole = tokens.check(me.get(path).json()["token"], trust, now())
    assert whole.issuer == ISSUER and whole.claims["GH"]["value"] == "T001"
    some = tokens.check(me.get(f"{path}?shown=DW").json()["token"], trust, now())
    assert "DW" in some.claims and "XM" in some.claims and "GH" not in some.claims
    reply = at_desk.http.post("/v1/verifications", json={"token": me.get(f"{path}?shown=DW").json()["token"]})
    assert (reply.json()["standing"], reply.json()["kind"]) == ("valid", "token"), reply.text
    me.get(f"{path}?shown=GZ", 422)
    assert "token" in [one["how"] for one in me.get(f"certificates/{told['certificate_id']}").json()["views"]]


def test_a_revoked_one_is_revoked_everywhere_within_a_minute(at_desk: Desk, me: Person):
    told = me.issue(shown=["DW"])
    id_ = told["certificate_id"]
    paper, code = me.paper(id_), me.code(id_)
    trust, issuer = read_trust(at_desk.home), at_desk.http.get("/.well-known/jwt-vc-issuer").json()
    assert issuer["issuer"] == ISSUER and issuer["jwks"]["keys"]
    reference = tokens.check(me.get(f"certificates/{id_}/token").json()["token"], trust, now()).status
    assert reference.address.startswith(f"{ISSUER}/statuslists/")

    def listed() -> int | None:
        reply = at_desk.http.get(reference.address.removeprefix(ISSUER))
        assert (
            reply.headers["content-type"] == status.MEDIA_TYPE
            and "max-age=30" in reply.headers["cache-control"]
        )
        found = status.read(reply.text, trust, address=reference.address, at=now())
        return found.get(reference.index)

    assert listed() == status.VALID
    revoked = me.post(f"certificates/{id_}:revoke", {"reason": "不再需要"})
    assert revoked["revoked_at"] and revoked["revoke_reason"] == "不再需要"
    again = me.post(f"certificates/{id_}:revoke", {"reason": "又一次"})
    assert (again["revoked_at"], again["revoke_reason"]) == (revoked["revoked_at"], "不再需要")
    seen = check(at_desk, code)
    assert (seen["standing"], seen["values"]) == ("revoked", [])
    assert judge(at_desk, paper)["standing"] == "revoked"
    at_desk.app.state.certifying.lists.clear()  # what 15 seconds do
    assert listed() == status.INVALID
    me.post(f"certificates/{id_}/shares", {"shown": []}, 403)


def test_a_changed_byte_makes_a_paper_invalid_and_rubbish_gets_a_verdict(at_desk: Desk, me: Person):
    paper = bytearray(me.paper(me.issue()["certificate_id"]))
    paper[len(paper) // 3] ^= 1
    assert judge(at_desk, bytes(paper))["standing"] == "invalid"
    for rubbish in (b"%PDF-1.7\n", b"x", b"\x00" * 100_000):
        assert judge(at_desk, rubbish)["standing"] in ("unknown", "invalid")
    too_large = at_desk.http.post("/v1/verifications", content=b"x" * 5_000_001, headers=PDF)
    assert too_large.json()["code"] == "TOO_LARGE"
    for body in ("{}", "[]", '{"token": 1}', '{"token": ""}'):
        reply = at_desk.http.post(
            "/v1/verifications", content=body, headers={"Content-Type": "application/json"}
        )
        assert reply.status_code == 422, reply.text


def test_only_the_issuing_units_system_revokes_and_only_with_a_reason(at_desk: Desk, me: Person):
    id_ = me.issue()["certificate_id"]
    for client_id in (campus.HALL, campus.PORTAL):
        assert at_desk.post(f"/v1/certificates/{id_}:revoke", {"reason": "x"}, client_id).status_code == 403
        assert at_desk.get("/v1/certificate-tickets", client_id).status_code == 403
    assert at_desk.post(f"/v1/certificates/{id_}:revoke", {}, campus.HR).status_code == 422
    assert (
        at_desk.post(f"/v1/certificates/{uuid.uuid4()}:revoke", {"reason": "x"}, campus.HR).status_code == 404
    )
    told = at_desk.post(f"/v1/certificates/{id_}:revoke", {"reason": "已离职"}, campus.HR)
    assert told.status_code == 200 and told.json()["revoke_reason"] == "已离职", told.text


def test_an_address_checks_only_so_often_and_a_long_line_of_papers_is_sent_away(at_desk: Desk):
    state = at_desk.app.state
    around = state.around
    state.around = replace(around, configuration=replace(around.configuration, verify_rate=3))
    try:
        answers = [at_desk.http.get("/verify/x", headers={"Accept": "application/json"}) for _ in range(4)]
        large = at_desk.http.post("/v1/verifications", content=b"x" * 100_000, headers=PDF)
    finally:
        state.around = around
    assert [one.status_code for one in answers] == [404, 404, 404, 429]
    assert answers[3].json()["rule"] == "quota:verify" and int(answers[3].headers["retry-after"]) > 0
    assert large.status_code == 429
    around.quotas.buckets.clear()
    state.certifying.in_line = 8
    try:
        sent_away = at_desk.http.post("/v1/verifications", content=b"x", headers=PDF)
    finally:
        state.certifying.in_line = 0
    assert (sent_away.status_code, sent_away.json()["rule"]) == (429, "quota:judging")


def test_without_a_key_nothing_is_issued_no_number_is_lost_and_codes_are_still_answered(
    at_desk: Desk, me: Person, monkeypatch, tmp_path: Path
):
    told = me.issue()
    code = me.code(told["certificate_id"])
    with monkeypatch.context() as patch:
        patch.setattr(at_desk.app.state.certifying, "seals", Seals(tmp_path))
        refused = me.issue(503)
        assert (refused["code"], refused["retryable"]) == ("SEAL_UNAVAILABLE", True)
        assert check(at_desk, code)["standing"] == "valid"
    assert int(me.issue()["number"][-6:]) == int(told["number"][-6:]) + 1


def test_keys_and_lists_are_public_and_hold_no_secret(at_desk: Desk):
    for name in ("root.pem", "chain.pem", "trust.pem", "crl"):
        reply = at_desk.http.get(f"/pki/{name}")
        assert reply.status_code == 200 and b"PRIVATE" not in reply.content, name
    assert len(pki.Trust.from_pem(at_desk.http.get("/pki/trust.pem").content).lists) == 1
    assert at_desk.http.get("/pki/passphrase").status_code == 422
    assert at_desk.http.get("/statuslists/999999").status_code == 404


def test_a_prefill_names_the_certificate_where_only_the_right_to_read_is_lacking(at_desk: Desk):
    told = {one["material"]: one for one in at_desk.prefill()["materials"]}
    # nobody granted the hall the telephone number; the person may have it certified
    assert (told["M-PHONE"]["outcome"], told["M-PHONE"]["certificates"]) == ("certificate", ["telephone"])
    assert told["M-PHONE"]["facts"] == [] and told["M-PHONE"]["reasons"] == ["DH:not_granted"]
    assert (told["M-SEAL"]["outcome"], told["M-SEAL"]["certificates"]) == ("certificate", ["employment"])
    assert (told["M-GAP"]["outcome"], "certificates" in told["M-GAP"]) == ("still_required", False)
    former = {
        one["material"]: one for one in at_desk.prefill({"id_type": "staff_no", "id": "T002"})["materials"]
    }
    assert former["M-SEAL"]["outcome"] == "still_required" and "certificates" not in former["M-SEAL"]


def test_the_expected_minute_follows_the_pace_of_the_last_minute():
    at = datetime(2026, 6, 20, 10, 0, 30, tzinfo=UTC)
    assert certificates.expected_at(0, None, at) == datetime(2026, 6, 20, 10, 1, tzinfo=UTC)
    assert certificates.expected_at(1199, 20.0, at) == datetime(2026, 6, 20, 10, 2, tzinfo=UTC)
    assert certificates.expected_at(4999, 5.0, at) == datetime(2026, 6, 20, 10, 18, tzinfo=UTC)


def test_the_page_of_a_code_opens_in_a_browser_and_prints(at_desk: Desk, me: Person, tmp_path: Path):
    told = me.issue(shown=["DW"])
    file = tmp_path / "page.pdf"
    with sync_playwright() as playwright:
        program = need_program("chromium", package="chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(locale="zh-CN")
        page.goto(f"{at_desk.url}/verify/{me.code(told['certificate_id'])}")
        assert page.get_by_text("物理系").is_visible()
        page.pdf(path=file)
        browser.close()
    printed = subprocess.run(["pdftotext", file, "-"], capture_output=True, text=True, check=True).stdout
    assert "有效" in printed and told["number"] in printed and "物理系" in printed and CANARY not in printed


def test_papers_are_printed_by_several_processes_and_none_is_lost_when_they_are_killed(
    at_desk: Desk, me: Person, pg_module_database, as_owner: None
):
    me.sealing()
    wanted = [me.issue()["certificate_id"] for _ in range(24)]
    shown = [me.get(f"certificates/{id_}").json() for id_ in wanted]
    assert [one["ahead"] for one in shown] == list(range(24))
    assert all(one["issued_at"] < one["expected_at"] for one in shown)
    told = yici("certificate", "queue")
    assert re.search(r"waiting +24\n", told) and "the last is expected by" in told
    environment = os.environ | {
        "YICI_HOME": str(at_desk.home),
        "YICI_DATABASE_URL": pg_module_database.url,
        "YICI_SERVICE_DATABASE_URL": service_url(pg_module_database),
    }

    def start() -> subprocess.Popen:
        command = [sys.executable, "-m", "service.certificate_sealing"]
        return subprocess.Popen(
            command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    def ready() -> int:
        return at_desk.owner.execute(
            "SELECT count(*) FROM service.certificate WHERE id = ANY (%s::uuid[]) AND state = 'ready'",
            [wanted],
        ).fetchone()[0]

    killed, deadline = [start(), start()], time.monotonic() + 120
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for process in killed:
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = ready()
    assert 0 < left < 24
    last = start()
    assert last.wait(timeout=120) == 0
    assert ready() == 24
    assert me.get(f"certificates/{wanted[0]}").json()["expected_at"] is None
    assert re.search(r"waiting +0\n", told := yici("certificate", "queue")) and "expected" not in told
    # each is a paper of its own certificate
    for id_ in (wanted[0], wanted[left], wanted[-1]):
        verdict = judge(at_desk, me.get(f"certificates/{id_}/pdf").content)
        assert (verdict["standing"], verdict["stated"]["number"]) == (
            "valid",
            me.get(f"certificates/{id_}").json()["number"],
        )


def test_a_paper_that_cannot_be_printed_keeps_nobody_waiting(at_desk: Desk, me: Person):
    broken, good = me.issue()["certificate_id"], me.issue()["certificate_id"]
    at_desk.owner.execute("UPDATE service.certificate SET content = '\\x00' WHERE id = %s", [broken])
    assert me.sealing() == 1
    while at_desk.owner.execute("SELECT state FROM service.certificate WHERE id = %s", [broken]).fetchone()[
        0
    ] == ("waiting"):
        assert me.sealing() == 0
    states = dict(at_desk.owner.execute(
        "SELECT id::text, state FROM service.certificate WHERE id = ANY (%s::uuid[])", [[broken, good]]
    ).fetchall())  # fmt: skip
    assert states == {broken: "failed", good: "ready"}
    at_desk.owner.execute("DELETE FROM service.certificate WHERE id = %s", [broken])


def test_a_new_key_takes_over_and_the_papers_of_the_old_one_hold(at_desk: Desk, me: Person):
    before = me.issue()["certificate_id"]
    paper = me.paper(before)
    home, secret = at_desk.home, certificate_keys.passphrase(at_desk.home)
    root = pki.Root.open(certificate_keys.folder(home) / "root.p12", secret)
    later = now() + timedelta(seconds=1)
    certificate_authority.certify(home, root, "seal", "证明专用章", later)
    time.sleep(1.1)
    seals = Seals(home)
    assert seals.seal(now()).chain[0].not_valid_before_utc.replace(microsecond=0) == later.replace(
        microsecond=0
    )
    assert judge(at_desk, paper)["standing"] == "valid"
    old = seals.seal_signers[0].chain[0]
    certificate_authority.revoke(home, root, old.serial_number, now())
    at_desk.app.state.certifying.seals = Seals(home)
    verdict = judge(at_desk, paper)
    assert (verdict["standing"], verdict["reason"]) == ("revoked", "signer_revoked")
    certificate_authority.renew_list(home, root, now())
    assert len(read_trust(home).lists) == 1 and judge(at_desk, paper)["reason"] == "signer_revoked"


def test_what_is_kept_is_encrypted_and_destroyed_in_time(at_desk: Desk, me: Person, pg_module_database):
    told = me.issue(shown=["DW"])
    id_, code = told["certificate_id"], me.code(told["certificate_id"])
    me.paper(id_)
    dumped = "".join(
        str(row)
        for table in ("certificate", "certificate_share", "certificate_view", "idempotency")
        for row in at_desk.owner.execute(f"SELECT * FROM service.{table}").fetchall()
    )
    for secret in (CANARY, "物理系", code, code.replace("-", ""), "110101198001010015"):
        assert secret not in dumped
    at_desk.owner.execute(
        "UPDATE service.certificate SET expires_at = now() - interval '31 days' WHERE id = %s", [id_]
    )
    with_pool(pg_module_database, lambda pool: certificates.forget(pool, now()))
    row = at_desk.owner.execute(
        "SELECT c.content, c.pdf, c.state, s.code FROM service.certificate c"
        " JOIN service.certificate_share s ON s.certificate = c.id WHERE c.id = %s", [id_]
    ).fetchone()  # fmt: skip
    assert row == (None, None, "destroyed", None)
    me.get(f"certificates/{id_}/pdf", 410)
    seen = check(at_desk, code)
    assert (seen["standing"], seen["number"], seen["values"]) == ("expired", told["number"], [])


def test_whoever_issued_it_is_told_when_what_it_states_changes(
    at_desk: Desk, provider: Provider, as_owner: None
):
    person = Person(at_desk, provider, "T001")
    told = person.issue()
    unaffected = Person(at_desk, provider, "T003")
    moved = [dict(row) for row in desk.STAFF[:3]]
    moved[0]["unit"] = "天文系"
    campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": moved + desk.GONE})
    deadline = time.monotonic() + 60
    while not (waiting := at_desk.get("/v1/certificate-tickets", campus.HR).json()):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    mine = next(one for one in waiting if one["certificate_id"] == told["certificate_id"])
    assert mine["elements"] == ["DW"] and "天文系" not in json.dumps(waiting, ensure_ascii=False)
    assert person.get(f"certificates/{told['certificate_id']}").json()["changed"] == ["DW"]
    assert unaffected.get("certificates").json() == []
    kept = at_desk.post(
        f"/v1/certificate-tickets/{mine['ticket_id']}:keep", {"reason": "当日属实"}, campus.HR
    )
    assert kept.json()["outcome"] == "kept", kept.text
    assert person.get(f"certificates/{told['certificate_id']}").json()["changed"] == []
    # the next release says nothing new about it
    campus.publish(at_desk.owner, at_desk.catalog, {"hr.staff": moved + desk.GONE})
    current = at_desk.owner.execute("SELECT yici.current()").fetchone()[0]
    while at_desk.owner.execute(
        "SELECT min(checked_release) FROM service.certificate WHERE id = %s", [told["certificate_id"]]
    ).fetchone() != (current,):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert told["certificate_id"] not in [
        one["certificate_id"] for one in at_desk.get("/v1/certificate-tickets", campus.HR).json()
    ]


def test_who_finds_another_worker_following_certificates_does_not_wait_for_it(
    at_desk: Desk, pg_module_database: PgDatabase
):
    around = at_desk.app.state.around

    async def follow(pool: asyncpg.Pool) -> int:
        current = await around.state.current(pool)
        return await asyncio.wait_for(certificate_following.follow(pool, around.keys, current), 5)

    lock = "SELECT pg_advisory_{}lock(hashtext('yici certificates'))"
    at_desk.owner.execute(lock.format(""))
    try:
        assert with_pool(pg_module_database, follow) == 0
    finally:
        at_desk.owner.execute(lock.format("un"))


def test_a_fact_that_is_older_than_its_source_promised_is_not_certified(
    at_desk: Desk, provider: Provider, as_owner: None
):
    long_ago, rows = now() - timedelta(days=20), {"hr.staff": desk.STAFF[:3] + desk.GONE}
    campus.publish(at_desk.owner, at_desk.catalog, rows, taken_at=long_ago)
    told = Person(at_desk, provider, "T001").issue(409)
    assert {"pointer": "/elements/XM", "code": "stale"} in told["errors"]
    assert {one["code"] for one in told["errors"]} == {"stale"}
