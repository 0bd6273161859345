"""The service over HTTP on a real release: who is answered, with what provenance, and who is refused."""

import json
import time
import uuid
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

import catalogs
from service import clients
from service.app import create_app
from service.tokens import ASSERTION_TYPE
from tests.support import campus
from warehouse.connect import connect

CANARY = "试1"
_REGISTERS = {
    "elements.csv": """code,nameZh,nameEn,type,codeTable,subjectType,population,dataLevel,piClass,mask,format,norm
XM,姓名,Name,string,,person,,2,个人,,,
XBM,性别,Sex,string,sex,person,,2,个人,,,
SFZJH,身份证件号,Document number,string,,person,,3,敏感个人,"keep:6,4",,
GZ,工资,Salary,number,,person,,3,敏感个人,,,
""",
    "codes/index.csv": "table,norm,version,nameZh,status\nsex,GB/T 2261.1,2003,性别,V\n",
    "codes/sex.csv": "code,nameZh,nameEn,parent,validFrom,validTo\n1,男,male,,,\n2,女,female,,,\n",
    "materials.yaml": """- code: "M-SEX"
  nameZh: "性别证明"
  kind: "证明"
  source: "校内部门核发"
  issuer: "RS"
  form: ["纸质"]
  originalRequired: false
- code: "M-PAY"
  nameZh: "工资条"
  kind: "证明"
  source: "校内部门核发"
  issuer: "RS"
  form: ["纸质"]
  originalRequired: false
""",
    "services/RS-001.yaml": """code: "RS-001"
nameZh: "在职证明"
nameEn: "Certificate of employment"
leadUnit: "RS"
audience: ["教师"]
kind: "证明"
caseType: "即办件"
promisedLimit: {value: 0, unit: "workday"}
channels: ["online"]
onlineDepth: "IV"
visits: 0
form:
  - {field: "xm", nameZh: "姓名", element: "XM", editable: false}
  - {field: "xb", nameZh: "性别", element: "XBM", editable: false}
  - {field: "yt", nameZh: "用途", element: "", editable: true}
materials:
  - {material: "M-SEX", necessity: "required", proves: [{element: "XBM", predicate: "in:男,女"}]}
  - {material: "M-PAY", necessity: "required", proves: [{element: "GZ", predicate: "is_known"}]}
steps:
  - {seq: 1, nameZh: "受理", unit: "RS", role: "system"}
""",
    "demands/D-1.yaml": """demandId: "D-1"
requesterUnit: "RS"
contact: "post:hr-clerk"
purpose: {serviceItem: "RS-001"}
replaces: ["M-SEX"]
elements: ["XM", "XBM", "SFZJH"]
basis: "校人〔2025〕7号"
ground: "statutory_duty"
client: "hall"
frequency: "per_case"
retention: "结案后 30 日销毁"
validFrom: "2020-01-01"
validTo: "2099-12-31"
decision: {state: "granted", by: ["post:hr-steward", "post:data-office"], "on": "2025-08-25"}
""",
}


def content() -> catalogs.Catalog:
    """The small campus with elements, a service item and a decided demand."""
    files = dict(campus.catalog().files)
    contract = files["resources/hr/staff.odcs.yaml"].decode()
    for item, element in (("name", "XM"), ("id_no", "SFZJH"), ("salary", "GZ")):
        line = next(part for part in contract.splitlines() if f'name: "{item}",' in part)
        contract = contract.replace(
            line, line[:-1] + f', customProperties: [{{property: "element", value: "{element}"}}]}}'
        )
    contract = contract.replace(
        'customProperties: [{property: "codeMap"',
        'customProperties: [{property: "element", value: "XBM"}, {property: "codeMap"',
    )
    contract = contract.replace(
        '  - {property: "updateCycle"', '  - {property: "authoritative", value: true}\n  - {property: "updateCycle"'
    )
    files["resources/hr/staff.odcs.yaml"] = contract.encode()
    return catalogs.load(files | {name: text.encode() for name, text in _REGISTERS.items()})


class Caller:
    """A service system: its key, its token, its cases."""

    def __init__(self, http: TestClient, key: OKPKey) -> None:
        self.http = http
        self.key = key
        self.headers: dict[str, str] = {}

    def assertion(self, **changes) -> str:
        now = int(time.time())
        claims = {
            "iss": "hall",
            "sub": "hall",
            "aud": "http://testserver/oauth2/token",
            "exp": now + 60,
            "jti": str(uuid.uuid4()),
        }
        header = {"alg": "EdDSA", "kid": self.key.kid}
        return jwt.encode(header, claims | changes, self.key, algorithms=["EdDSA"])

    def token(self, assertion: str):
        data = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        return self.http.post("/oauth2/token", data=data)

    def sign_in(self) -> "Caller":
        answer = self.token(self.assertion())
        assert answer.status_code == 200, answer.text
        self.headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        return self

    def case(self, number: str = "00001", **changes) -> str:
        body = {
            "service_item": "RS-001",
            "parties": [{"role": "applicant", "id_type": "staff_no", "id": number}],
        } | changes
        answer = self.http.post("/v1/cases", json=body, headers=self.headers)
        assert answer.status_code == 201, answer.text
        return answer.json()["case_id"]

    def query(self, case: str, number: str = "00001", **changes):
        body = {
            "subject": {"id_type": "staff_no", "id": number},
            "service_item": "RS-001",
            "case_id": case,
            "actor": {"user_id": "u1", "role": "applicant"},
            "elements": ["XM", "XBM"],
        } | changes
        return self.http.post("/v1/facts:query", json=body, headers=self.headers)

    def prefill(self, case: str, number: str = "00001"):
        body = {
            "subject": {"id_type": "staff_no", "id": number},
            "case_id": case,
            "actor": {"user_id": "u1", "role": "applicant"},
        }
        return self.http.post("/v1/service-items/RS-001:prefill", json=body, headers=self.headers)


@pytest.fixture
def hall(tmp_path, pg_database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    """A registered service hall, and a release of the small campus behind the service."""
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_SERVICE_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_HOME", str(tmp_path))
    house = campus.Warehouse(tmp_path, content())
    house.land([campus.row(1, id_no="11010519491231002X"), campus.row(2)])
    house.release()
    key = OKPKey.generate_key("Ed25519", {"kid": "k1", "use": "sig", "alg": "EdDSA"})
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(KeySet([key]).as_dict(private=False)))
    clients.register("hall", "RS", "办事大厅", file)
    with TestClient(create_app()) as http:
        yield Caller(http, key)


def test_a_granted_fact_of_a_registered_case_is_answered_with_its_provenance(hall: Caller):
    hall.sign_in()
    answer = hall.query(hall.case(), elements=["XM", "XBM", "SFZJH"])
    assert answer.status_code == 200, answer.text
    body = answer.json()
    facts = body["facts"]
    assert body["complete"] and body["release"] == 1 and body["receipt"].count(".") == 2
    assert facts["XM"]["value"] == "试1"
    assert (facts["XBM"]["value"], facts["XBM"]["code"]) == ("男", "1")
    assert (facts["SFZJH"]["value"], facts["SFZJH"]["masked"]) == ("110105********002X", True)
    verification = facts["XM"]["verification"]
    assert (verification["level"], verification["verifier"]) == ("authoritative", "RS")
    assert verification["evidence"][0]["source"] == "hr.staff"


def test_prefill_fills_the_form_and_says_which_materials_are_spared_and_why(hall: Caller):
    hall.sign_in()
    body = hall.prefill(hall.case()).json()
    fields = {field["field"]: field for field in body["fields"]}
    assert fields["xm"]["value"] == "试1"
    assert fields["yt"]["status"] == "applicant"
    materials = {material["material"]: material for material in body["materials"]}
    assert materials["M-SEX"]["outcome"] == "satisfied"
    assert materials["M-PAY"]["outcome"] == "still_required"
    assert materials["M-PAY"]["reasons"] == ["GZ:not_granted"]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"elements": ["GZ"]}, 403, "ELEMENT_NOT_GRANTED"),
        ({"elements": ["XM", "nothing"]}, 403, "ELEMENT_NOT_GRANTED"),
        ({"service_item": "RS-999"}, 403, "PURPOSE_NOT_GRANTED"),
        ({"case_id": str(uuid.uuid4())}, 403, "CASE_NOT_VALID"),
        ({"subject": {"id_type": "staff_no", "id": "00002"}}, 403, "CASE_NOT_VALID"),
        ({"actor": {"user_id": "00001", "role": "officer"}}, 403, "SELF_ACCESS_FORBIDDEN"),
        ({"elements": []}, 422, "INVALID_PARAMETER"),
        ({"surprise": 1}, 422, "INVALID_PARAMETER"),
    ],
)
def test_what_is_not_granted_is_refused_as_a_problem(hall: Caller, changes, status, code):
    hall.sign_in()
    answer = hall.query(hall.case(), **changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert CANARY not in answer.text


def test_every_decision_is_recorded_without_gap_and_without_a_value(hall: Caller):
    hall.sign_in()
    case = hall.case()
    hall.query(case)
    hall.query(case, elements=["GZ"])
    hall.prefill(case)
    with connect(autocommit=True) as con:
        rows = con.execute("SELECT seq, outcome, code FROM service.record ORDER BY seq").fetchall()
        everything = con.execute("SELECT string_agg(r::text, ' ') FROM service.record r").fetchone()[0]
    assert rows == [(1, "allowed", "OK"), (2, "refused", "ELEMENT_NOT_GRANTED"), (3, "allowed", "OK")]
    assert CANARY not in everything and "00001" not in everything


def test_without_a_record_there_is_no_answer(hall: Caller):
    hall.sign_in()
    case = hall.case()
    with connect(autocommit=True) as con:
        con.execute("ALTER TABLE service.record RENAME TO record_gone")
    answer = hall.query(case)
    assert (answer.status_code, answer.json()["code"]) == (503, "AUDIT_UNAVAILABLE")


def test_a_subject_that_nobody_knows_is_not_found(hall: Caller):
    hall.sign_in()
    case = hall.case("99999")
    answer = hall.query(case, "99999")
    assert (answer.status_code, answer.json()["code"]) == (404, "SUBJECT_NOT_FOUND")


def test_a_closed_case_opens_nothing(hall: Caller):
    hall.sign_in()
    case = hall.case()
    hall.http.patch(f"/v1/cases/{case}", json={"status": "closed"}, headers=hall.headers)
    assert hall.query(case).json()["code"] == "CASE_NOT_VALID"


def test_a_case_registered_twice_under_one_key_is_one_case(hall: Caller):
    hall.sign_in()
    body = {"service_item": "RS-001", "parties": [{"role": "applicant", "id_type": "staff_no", "id": "00001"}]}
    headers = hall.headers | {"Idempotency-Key": "k"}
    first = hall.http.post("/v1/cases", json=body, headers=headers)
    second = hall.http.post("/v1/cases", json=body, headers=headers)
    other = hall.http.post("/v1/cases", json=body | {"external_no": "x"}, headers=headers)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert other.json()["code"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere/"},
        {"exp": 1},
        {"exp": 4_000_000_000},
        {"iss": "somebody"},
        {"sub": "somebody", "iss": "somebody"},
        {"jti": ""},
    ],
)
def test_an_assertion_that_is_not_quite_right_gets_no_token(hall: Caller, changes):
    answer = hall.token(hall.assertion(**changes))
    assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_CLIENT")


def test_an_assertion_is_good_for_one_token_and_anothers_key_for_none(hall: Caller):
    assertion = hall.assertion()
    assert hall.token(assertion).status_code == 200
    assert hall.token(assertion).status_code == 401
    stranger = Caller(hall.http, OKPKey.generate_key("Ed25519", {"kid": "k1"}))
    assert stranger.token(stranger.assertion()).status_code == 401


def test_a_suspended_client_is_refused_at_once(hall: Caller):
    hall.sign_in()
    case = hall.case()
    clients.suspend("hall")
    assert hall.query(case).json()["code"] == "CLIENT_SUSPENDED"


@pytest.mark.parametrize("authorization", [None, "Bearer x", "Bearer a.b.c", "Basic eDp5"])
def test_without_a_good_token_nothing_is_answered(hall: Caller, authorization):
    headers = {"Authorization": authorization} if authorization else {}
    answer = hall.http.get("/v1/elements", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_TOKEN")


def test_malformed_oversized_and_unknown_requests_are_problems(hall: Caller):
    hall.sign_in()
    headers = hall.headers | {"Content-Type": "application/json"}
    assert hall.http.post("/v1/facts:query", content="{", headers=headers).json()["code"] == "MALFORMED"
    assert hall.http.post("/v1/facts:query", content="x" * 70_000, headers=headers).json()["code"] == "TOO_LARGE"
    assert hall.http.get("/nowhere").json()["code"] == "NOT_FOUND"
