"""What is given only on consent: to this text, for this case, by the person, until it is taken back."""

import json
import time
import uuid
from collections.abc import Iterator

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

import catalogs
from service.configuration import Configuration
from service.login import LoginSettings
from tests.service import campus, rights
from tests.service.conftest import opened, service_url
from tests.service.desk import CANARY, T001, Desk
from tests.service.rights import BANK, PAPER, SCHOOL, notice, party
from tests.service.test_access import refused
from tests.service.test_jobs import finish, hand_in

PROOF = "ab" * 32
ITEM = campus.TRANSFER
SELF = {"user_id": "T001", "role": "applicant"}
LOGIN = ECKey.generate_key("P-256", {"kid": "login"})


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("home")
    (home / "login.json").write_text(json.dumps({"keys": [LOGIN.as_dict(private=False)]}))
    login = LoginSettings("https://login.example", "yici", str(home / "login.json"), {"sub": "staff_no"})
    chosen = Configuration(login=login)
    with opened(pg_module_database, home, chosen, rights.catalog(), rights.ROWS) as found:
        yield found


def me(
    at_desk: Desk, path: str, body: dict | None = None, number: str = "T001", method: str = ""
) -> httpx.Response:
    """Call as the person who is logged in."""
    claims = {"iss": "https://login.example", "aud": "yici", "sub": number, "exp": int(time.time()) + 300}
    headers = {"Authorization": f"Bearer {jwt.encode({'alg': 'ES256', 'kid': 'login'}, claims, LOGIN)}"}
    method = method or ("GET" if body is None else "POST")
    return at_desk.http.request(method, f"/v1/me/{path}", json=body, headers=headers)


def case_of(at_desk: Desk, item: str = ITEM, *others: dict, **more) -> str:
    return at_desk.case(item, [party("applicant", "staff_no", "T001"), *others], **more)


def given(
    at_desk: Desk, case_id: str, key: str | None = None, client_id: str = campus.HALL, **changes
) -> httpx.Response:
    body = {
        "subject": T001,
        "case_id": case_id,
        "actor": SELF,
        "service_item": ITEM,
        "notice": BANK,
        "version": "1",
        "evidence_digest": PROOF,
    } | changes
    return at_desk.post("/v1/consents", body, client_id, **{"Idempotency-Key": key or uuid.uuid4().hex})


def asked(at_desk: Desk, case_id: str, elements=("XM", "SFZJH"), **more) -> httpx.Response:
    return at_desk.facts(elements, T001, case_id, ITEM, **more)


def test_without_consent_exactly_the_elements_of_the_notice_are_refused(at_desk: Desk):
    case_id = case_of(at_desk)
    assert asked(at_desk, case_id, ["XM", "DW"]).status_code == 200
    reply = asked(at_desk, case_id)
    entry = refused(at_desk, reply, 403, "CONSENT_REQUIRED")
    assert entry["rule"] == "consent:given" and entry["elements"] == ["XM", "SFZJH"]
    lacking = {"pointer": "/elements/1", "code": "consent_required", "notice": BANK, "version": "1"}
    assert reply.json()["errors"] == [lacking]


def test_what_was_consented_to_is_given_for_this_case_and_no_other(at_desk: Desk):
    case_id, other = case_of(at_desk), case_of(at_desk)
    reply = given(at_desk, case_id)
    assert reply.status_code == 201, reply.text
    consent = reply.json()
    assert consent["elements"] == ["SFZJH"] and consent["given_by"] == "subject"
    entry = at_desk.last()
    assert (entry["action"], entry["outcome"]) == ("consent_give", "allowed")
    assert (entry["rule"], entry["elements"]) == ("consent:by_subject N-BANK/1", ["SFZJH"])
    assert asked(at_desk, case_id).json()["facts"]["SFZJH"]["value"].startswith("110101")
    assert asked(at_desk, other).json()["code"] == "CONSENT_REQUIRED"
    assert at_desk.get(f"/v1/consents/{consent['consent_id']}").json() == consent
    assert at_desk.get(f"/v1/consents/{consent['consent_id']}", campus.PORTAL).status_code == 404


def test_what_is_taken_back_is_refused_from_the_next_request_on(at_desk: Desk):
    case_id = case_of(at_desk)
    number = given(at_desk, case_id).json()["consent_id"]
    assert asked(at_desk, case_id).status_code == 200
    reply = at_desk.post(f"/v1/consents/{number}:withdraw", {"actor": SELF})
    assert reply.json()["withdrawn_at"]
    assert (at_desk.last()["action"], at_desk.last()["purpose"]) == ("consent_withdraw", ITEM)
    assert asked(at_desk, case_id).json()["code"] == "CONSENT_REQUIRED"
    again = at_desk.post(f"/v1/consents/{number}:withdraw", {"actor": SELF})
    assert again.json() == reply.json()
    assert at_desk.post(f"/v1/consents/{number}:withdraw", {"actor": SELF}, campus.PORTAL).status_code == 404
    assert given(at_desk, case_id).status_code == 201
    assert asked(at_desk, case_id).status_code == 200


def test_what_a_job_has_prepared_is_not_given_once_the_consent_is_taken_back(
    at_desk: Desk, as_owner, pg_module_database, monkeypatch
):
    monkeypatch.setenv("YICI_SERVICE_DATABASE_URL", service_url(pg_module_database))
    monkeypatch.setenv("YICI_HOME", str(at_desk.home))
    kept, taken_back, again = (case_of(at_desk) for _ in range(3))
    numbers = [given(at_desk, case_id).json()["consent_id"] for case_id in (kept, taken_back, again)]
    items = [{"subject": T001, "case_id": one, "actor": SELF} for one in (kept, taken_back, again)]
    handed_in = hand_in(at_desk, items, service_item=ITEM, elements=["XM", "SFZJH"])
    assert handed_in.status_code == 202, handed_in.text
    job_id = handed_in.json()["job_id"]
    finish(at_desk, job_id)

    def told() -> list[str]:
        reply = at_desk.get(f"/v1/jobs/{job_id}/results")
        assert reply.status_code == 200, reply.text
        found = [json.loads(line) for line in reply.text.splitlines()]
        return [one["problem"]["code"] if "problem" in one else "answered" for one in found]

    assert told() == ["answered"] * 3
    for number in numbers[1:]:
        at_desk.post(f"/v1/consents/{number}:withdraw", {"actor": SELF}).raise_for_status()
    assert given(at_desk, again).status_code == 201
    assert told() == ["answered", "CONSENT_REQUIRED", "answered"]
    at_desk.post(f"/v1/consents/{numbers[0]}:withdraw", {"actor": SELF}).raise_for_status()
    last = at_desk.get(f"/v1/jobs/{job_id}/results?after=1").text
    assert "answer" in json.loads(last)  # nobody took that one back


def test_people_see_and_take_back_their_consents_at_their_own_login_and_nobody_elses(at_desk: Desk):
    case_id = case_of(at_desk)
    number = given(at_desk, case_id).json()["consent_id"]
    own = me(at_desk, "consents").json()["consents"]
    assert own[0]["consent_id"] == number and own[0]["withdrawn_at"] is None
    assert me(at_desk, "consents", number="T002").json()["consents"] == []
    assert me(at_desk, f"consents/{number}:withdraw", {}, number="T002").status_code == 404
    assert asked(at_desk, case_id).status_code == 200
    assert me(at_desk, f"consents/{number}:withdraw", {}).json()["withdrawn_at"]
    assert asked(at_desk, case_id).json()["code"] == "CONSENT_REQUIRED"
    said = [one["action"] for one in me(at_desk, "usages").json()["usages"]]
    assert any(
        "登记同意: 身份证件号 (本人)" in one for one in said
    ) and "本人撤回同意: 身份证件号 (本人)" in str(said)


def test_a_form_leaves_out_what_lacks_a_consent_says_why_and_fills_the_rest(at_desk: Desk):
    case_id = case_of(at_desk)
    body = {"subject": T001, "case_id": case_id, "actor": SELF}
    before = at_desk.post(f"/v1/service-items/{ITEM}:prefill", body).json()
    fields = {one["field"]: one for one in before["fields"]}
    assert fields["xm"]["value"] == f"{CANARY}甲"
    lacking = fields["zjh"]
    assert (lacking["status"], lacking["reason"], lacking["notice"]) == (
        "not_permitted",
        "consent_required",
        BANK,
    )
    assert "value" not in lacking and lacking["editable"] and not before["complete"]
    (material,) = [one for one in before["materials"] if one["material"] == "M-ID"]
    assert (material["outcome"], material["reasons"]) == ("still_required", ["SFZJH:consent_required"])
    assert "SFZJH" not in at_desk.last()["elements"]
    given(at_desk, case_id)
    after = at_desk.post(f"/v1/service-items/{ITEM}:prefill", body).json()
    assert {one["field"]: one["status"] for one in after["fields"]}["zjh"] == "available"
    assert [one["outcome"] for one in after["materials"] if one["material"] == "M-ID"] == ["satisfied"]


def test_yes_or_no_and_a_batch_ask_for_the_consent_too(at_desk: Desk):
    case_id = case_of(at_desk)
    one = {"subject": T001, "case_id": case_id, "actor": SELF}
    claim = one | {"service_item": ITEM, "claims": [{"element": "SFZJH", "op": "is_known"}]}
    refusal = at_desk.post("/v1/claims:verify", claim).json()
    assert (refusal["code"], refusal["errors"][0]["pointer"]) == ("CONSENT_REQUIRED", "/claims/0/element")
    batch = {"service_item": ITEM, "elements": ["SFZJH"], "items": [one]}
    (result,) = at_desk.post("/v1/facts:batch_query", batch).json()["results"]
    assert result["problem"]["code"] == "CONSENT_REQUIRED"


@pytest.mark.parametrize(
    ("actor", "status"),
    [
        (SELF, 201),
        ({"user_id": "110101198001010015", "role": "applicant"}, 201),
        ({"user_id": "T001", "role": "officer"}, 403),
        ({"user_id": "U1", "role": "officer"}, 403),
        ({"user_id": "U1", "role": "applicant"}, 403),
        ({"user_id": "T002", "role": "applicant"}, 403),
        ({"user_id": "T002", "role": "agent"}, 403),
    ],
)
def test_only_the_person_consents_never_an_agent_nor_an_officer(at_desk: Desk, actor, status):
    case_id = case_of(at_desk, ITEM, party("agent", "staff_no", "T002", authorisation=PAPER))
    reply = given(at_desk, case_id, actor=actor)
    assert reply.status_code == status, reply.text
    assert asked(at_desk, case_id).status_code == (200 if status == 201 else 403)


def test_the_guardian_consents_for_a_child_and_the_child_not(at_desk: Desk):
    guardian = party("guardian", "staff_no", "T001")
    subject = {"id_type": "pupil_no", "id": "P08"}
    case_id = at_desk.case(ITEM, [party("applicant", "pupil_no", "P08"), guardian])
    for actor, status in (
        ({"user_id": "P08", "role": "applicant"}, 403),
        ({"user_id": "T002", "role": "guardian"}, 403),
        ({"user_id": "T001", "role": "guardian"}, 201),
    ):
        assert given(at_desk, case_id, subject=subject, actor=actor).status_code == status
    assert at_desk.last()["rule"] == "consent:by_guardian N-BANK/1; guardian on file"
    assert at_desk.facts(["SFZJH"], subject, case_id, ITEM).status_code == 200
    number = me(at_desk, "consents").json()["consents"][0]["consent_id"]  # the guardian's own login
    assert me(at_desk, f"consents/{number}:withdraw", {}).status_code == 200
    assert at_desk.facts(["SFZJH"], subject, case_id, ITEM).json()["code"] == "CONSENT_REQUIRED"


def test_beside_the_guardian_that_a_source_has_nobody_else_decides_for_a_child(at_desk: Desk):
    """One guardian of the case is known; another party is only called one."""
    subject = {"id_type": "pupil_no", "id": "P08"}
    known = party("guardian", "staff_no", "T001")
    called = party("guardian", "staff_no", "T002", authorisation=PAPER)
    case_id = at_desk.case(ITEM, [party("applicant", "pupil_no", "P08"), called, known])
    for number, status in (("T002", 403), ("T001", 201)):
        actor = {"user_id": number, "role": "guardian"}
        assert given(at_desk, case_id, subject=subject, actor=actor).status_code == status


def test_an_equal_number_of_another_kind_shows_nobody_a_guardians_consents(at_desk: Desk):
    subject = {"id_type": "pupil_no", "id": "P08"}
    case_id = at_desk.case(
        ITEM, [party("applicant", "pupil_no", "P08"), party("guardian", "staff_no", "T001")]
    )
    actor = {"user_id": "T001", "role": "guardian"}
    number = given(at_desk, case_id, subject=subject, actor=actor).json()["consent_id"]
    at_desk.owner.execute(
        "INSERT INTO yici.link (subject_id, type, id_type, key, source, _from)"
        " SELECT subject_id, type, 'student_no', 'T001', source, _from FROM yici.link"
        " WHERE key = 'T002' AND _to IS NULL"
    )
    try:
        assert me(at_desk, "consents", number="T002").json()["consents"] == []
        assert me(at_desk, f"consents/{number}:withdraw", {}, number="T002").status_code == 404
    finally:
        at_desk.owner.execute("DELETE FROM yici.link WHERE id_type = 'student_no' AND key = 'T001'")
    assert number in {one["consent_id"] for one in me(at_desk, "consents").json()["consents"]}


def test_whoever_else_is_a_party_has_not_consented_with_the_first(at_desk: Desk):
    other = {"id_type": "staff_no", "id": "T002"}
    case_id = case_of(at_desk, ITEM, party("co_applicant", "staff_no", "T002"))
    assert given(at_desk, case_id).status_code == 201
    assert at_desk.facts(["SFZJH"], other, case_id, ITEM).json()["code"] == "CONSENT_REQUIRED"
    assert given(at_desk, case_id, subject=other).status_code == 403
    assert (
        given(at_desk, case_id, subject=other, actor={"user_id": "T002", "role": "applicant"}).status_code
        == 201
    )
    assert at_desk.facts(["SFZJH"], other, case_id, ITEM).status_code == 200


def test_where_consent_is_the_ground_everything_that_was_granted_waits_for_it(at_desk: Desk):
    case_id = case_of(at_desk, client_id=campus.PORTAL)
    assert asked(at_desk, case_id, ["DW"], client_id=campus.PORTAL).json()["errors"][0]["notice"] == SCHOOL
    told = given(at_desk, case_id, client_id=campus.PORTAL, notice=SCHOOL)
    assert told.json()["elements"] == ["DW"]  # of what the notice lists only this is granted
    assert asked(at_desk, case_id, ["DW"], client_id=campus.PORTAL).status_code == 200
    assert at_desk.last()["ground"] == "consent"


@pytest.mark.parametrize(
    ("changes", "status", "code", "pointer"),
    [
        ({"notice": "N-NONE"}, 422, "INVALID_PARAMETER", "/notice"),
        (
            {"notice": SCHOOL},
            422,
            "INVALID_PARAMETER",
            "/notice",
        ),  # the hall's demand does not ask for that one
        ({"version": "0"}, 422, "INVALID_PARAMETER", "/version"),
        ({"elements": ["XM"]}, 422, "INVALID_PARAMETER", "/elements/0"),
        ({"elements": ["SFZJH", "XH"]}, 422, "INVALID_PARAMETER", "/elements/1"),
        ({"evidence_digest": "x"}, 422, "INVALID_PARAMETER", "/evidence_digest"),
        ({"service_item": campus.EMPLOYED}, 403, "CASE_NOT_VALID", None),
        ({"subject": {"id_type": "staff_no", "id": "T002"}}, 403, "CASE_NOT_VALID", None),
    ],
)
def test_a_consent_is_to_a_notice_that_is_in_force_for_what_is_granted(
    at_desk: Desk, changes, status, code, pointer
):
    reply = given(at_desk, case_of(at_desk), **changes)
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text
    assert [one["pointer"] for one in reply.json()["errors"]] == ([pointer] if pointer else [])


def test_under_one_key_a_consent_is_given_once(at_desk: Desk):
    case_id = case_of(at_desk)
    first = given(at_desk, case_id, key="once")
    assert given(at_desk, case_id, key="once").json() == first.json()
    reused = given(at_desk, case_id, key="once", evidence_digest="cd" * 32)
    assert reused.json()["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_whether_a_consent_is_needed_can_be_asked_beforehand(at_desk: Desk):
    def evaluated(**more):
        body = {"service_item": ITEM, "elements": ["XM", "SFZJH"]} | more
        answer = at_desk.post("/v1/access:evaluate", body).json()
        return answer["allowed"], answer["code"], answer["rule"]

    assert evaluated() == (False, "CONSENT_REQUIRED", "consent:given")
    assert evaluated(elements=["XM"]) == (True, "OK", None)
    case_id = case_of(at_desk)
    assert evaluated(case_id=case_id) == (False, "CONSENT_REQUIRED", "consent:given")
    given(at_desk, case_id)
    assert evaluated(case_id=case_id) == (True, "OK", None)


def test_the_register_of_consents_holds_nobodys_number_nor_value(at_desk: Desk):
    given(at_desk, case_of(at_desk))
    (kept,) = at_desk.owner.execute("SELECT string_agg(c::text, ' ') FROM service.consent c").fetchone()
    assert all(one not in kept for one in ("T001", "110101198001010015", CANARY))


def test_a_changed_text_is_consented_to_anew_and_what_was_answered_before_is_replayed(
    at_desk: Desk, as_owner
):
    case_id = case_of(at_desk)
    given(at_desk, case_id)
    request = {
        "subject": T001,
        "service_item": ITEM,
        "case_id": case_id,
        "actor": SELF,
        "elements": ["SFZJH"],
    }
    answer = at_desk.post("/v1/facts:query", request).json()
    assert at_desk.get(f"/v1/notices/{BANK}").json()["text_zh"] == "第1版"
    changed = rights.files()
    others = [one for one in json.loads(changed["notices.yaml"]) if one["notice"] == rights.PHONE]
    versions = [
        *others,
        notice(BANK, "1", "2026-01-01"),
        notice(BANK, "2", "2026-02-01"),
        notice(BANK, "3", "2098-01-01"),  # not yet
        notice(SCHOOL, "1", "2026-01-01", elements=["DW", "BJ"], textZh="改过的第1版"),
    ]
    changed["notices.yaml"] = json.dumps(versions, ensure_ascii=False).encode()
    campus.publish(at_desk.owner, catalogs.load(changed), {"hr.guests": []})
    assert asked(at_desk, case_id).json()["errors"][0]["version"] == "2"
    assert at_desk.get(f"/v1/notices/{BANK}").json()["version"] == "2"
    assert at_desk.get(f"/v1/notices/{BANK}?version=1").json()["text_zh"] == "第1版"
    assert at_desk.get("/v1/notices/N-NONE").status_code == 404
    assert given(at_desk, case_id).json()["errors"][0]["code"] == "not_in_force"
    assert given(at_desk, case_id, version="2").status_code == 201
    assert asked(at_desk, case_id).status_code == 200
    number = me(at_desk, "consents").json()["consents"][0]["consent_id"]
    at_desk.post(f"/v1/consents/{number}:withdraw", {"actor": SELF})
    replay = {"action": "facts", "request": request, "receipt": answer["receipt"]}
    found = at_desk.post(f"/v1/transactions/{answer['transaction_id']}:replay", replay).json()
    assert found["matches"], found


def test_a_text_that_was_edited_without_a_new_version_is_not_what_people_consented_to(at_desk: Desk):
    case_id = case_of(at_desk, client_id=campus.PORTAL)
    given(at_desk, case_id, client_id=campus.PORTAL, notice=SCHOOL)
    at_desk.owner.execute(
        "UPDATE service.consent SET notice_digest = %s WHERE case_id = %s",
        [rights.catalog().notices[SCHOOL][0].digest, case_id],
    )
    assert asked(at_desk, case_id, ["DW"], client_id=campus.PORTAL).json()["code"] == "CONSENT_REQUIRED"
