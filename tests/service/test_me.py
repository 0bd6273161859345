"""What people see: their own facts, who looked at them, and nothing of anybody else."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from service import usages
from service.configuration import Configuration
from service.login import LoginSettings
from tests.catalogs.exports.support import standard
from tests.service import campus
from tests.service.conftest import opened
from tests.service.desk import CANARY, Desk
from tests.service.test_replay import asked, replayed
from tests.support.http import Reply, ScriptedServer, scripted_server

AUDIENCE = "yici"
NUMBERS = {"employee_number": "staff_no", "student_number": "student_no"}
TRACKER = "aj-usage/dumonitor-openapi.yaml"


class Provider:
    """A small OpenID provider: its keys over HTTP, tokens for whoever asks."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.issuer = server.url
        self.rotate()

    def rotate(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": f"k{time.monotonic_ns()}"})
        keys = KeySet([self.key]).as_dict(private=False)
        self.server.answers["/keys"] = Reply(keys)

    def token(self, key: ECKey | None = None, **changes: Any) -> str:
        moment = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "iat": moment,
            "exp": moment + 300,
            "employee_number": "T001",
        }
        claims = {name: value for name, value in (claims | changes).items() if value is not None}
        key = key or self.key
        return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with scripted_server() as server:
        yield Provider(server)


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory, provider: Provider) -> Iterator[Desk]:
    chosen = Configuration(login=LoginSettings(provider.issuer, AUDIENCE, f"{provider.issuer}/keys", NUMBERS))
    with opened(pg_module_database, tmp_path_factory.mktemp("home"), chosen) as found:
        yield found


def me(at_desk: Desk, path: str, token: str, status: int = 200) -> dict:
    reply = at_desk.http.get(f"/v1/me/{path}", headers={"Authorization": f"Bearer {token}"})
    assert reply.status_code == status, reply.text
    return reply.json()


def test_own_facts_are_shown_as_far_as_the_catalog_lets_the_person_see_them(
    at_desk: Desk, provider: Provider
):
    told = me(at_desk, "facts", provider.token())
    found = {one["element"]: one for one in told["facts"]}
    assert (found["XM"]["value"], found["XM"]["name_zh"]) == (f"{CANARY}甲", "姓名")
    assert found["SFZJH"]["value"] == "110101198001010015"
    assert found["SFZJH"]["verification"]["verifier"] == "RS"
    assert (found["DH"]["value"], found["DH"]["masked"]) == ("*******0001", True)
    assert (found["GZ"]["status"], found["GZ"]["reason"]) == ("withheld", "试验规定第三条")
    assert "9000.5" not in json.dumps(told)
    entry = at_desk.last()
    assert (entry["action"], entry["outcome"], entry["ground"], entry["rule"]) == (
        "me_facts",
        "allowed",
        "own_data",
        "subject:own",
    )
    assert at_desk.details(entry)["subject_key"] == at_desk.app.state.around.keys.subject_key(
        "staff_no", "T001"
    )


def test_a_person_of_two_numbers_is_one_and_numbers_of_two_people_are_nobody(
    at_desk: Desk, provider: Provider
):
    both = provider.token(employee_number="T003", student_number="X003")
    found = {one["element"]: one for one in me(at_desk, "facts", both)["facts"]}
    assert (found["XM"]["value"], found["XH"]["value"]) == (f"{CANARY}丙", "X003")
    mixed = provider.token(employee_number="T001", student_number="X003")
    assert me(at_desk, "facts", mixed, 409)["code"] == "SUBJECT_AMBIGUOUS"
    assert me(at_desk, "usages", mixed, 409)["code"] == "SUBJECT_AMBIGUOUS"
    assert at_desk.last()["rule"] == "subject:one_person"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"iss": "https://elsewhere.example"}, 401, "INVALID_TOKEN"),
        ({"aud": "another"}, 401, "INVALID_TOKEN"),
        ({"aud": None}, 401, "INVALID_TOKEN"),
        ({"exp": 1}, 401, "INVALID_TOKEN"),
        ({"exp": None}, 401, "INVALID_TOKEN"),
        ({"nbf": 99999999999}, 401, "INVALID_TOKEN"),
        ({"employee_number": None}, 404, "SUBJECT_NOT_FOUND"),
        ({"employee_number": ["T001"]}, 404, "SUBJECT_NOT_FOUND"),
        ({"employee_number": "T999"}, 404, "SUBJECT_NOT_FOUND"),
    ],
)
def test_a_login_that_is_not_for_us_or_names_nobody_shows_nothing(at_desk, provider, changes, status, code):
    for path in ("facts", "usages"):
        assert me(at_desk, path, provider.token(**changes), status)["code"] == code


def test_who_signs_with_another_key_or_as_a_service_system_is_nobody(at_desk: Desk, provider: Provider):
    assert (
        me(at_desk, "facts", provider.token(ECKey.generate_key("P-256", {"kid": "x"})), 401)["code"]
        == "INVALID_TOKEN"
    )
    same_name = ECKey.generate_key("P-256", {"kid": provider.key.kid})
    assert me(at_desk, "facts", provider.token(same_name), 401)["code"] == "INVALID_TOKEN"
    systems = at_desk.headers()["Authorization"].removeprefix("Bearer ")
    assert me(at_desk, "facts", systems, 401)["code"] == "INVALID_TOKEN"
    assert at_desk.http.get("/v1/me/facts").status_code == 401
    for made_up in ("a.b.c", "x", "." * 50, "e30.e30."):
        assert me(at_desk, "facts", made_up, 401)["code"] == "INVALID_TOKEN"


def test_keys_that_the_login_rotated_are_fetched_again(at_desk: Desk, provider: Provider, monkeypatch):
    monkeypatch.setattr("service.login._ASK_AGAIN_S", 0)
    me(at_desk, "facts", provider.token())
    provider.rotate()
    me(at_desk, "facts", provider.token())


def test_who_looked_is_shown_in_words_refused_attempts_too_and_of_nobody_else(
    at_desk: Desk, provider: Provider
):
    at_desk.facts(["XM", "ZT"])
    at_desk.facts(["DH"])
    at_desk.prefill()
    at_desk.facts(["XM"], {"id_type": "doc:1", "id": "110101198001010015", "country": "CHN"})
    at_desk.facts(["XM"], {"id_type": "staff_no", "id": "T002"})
    told = me(at_desk, "usages?limit=1000", provider.token())
    said = [one["action"] for one in told["usages"]]
    assert "为办理《在职证明》读取: 姓名、在职状态 (经办人)" in said
    assert "为办理《在职证明》读取: 电话 (经办人); 未给出数据: 数据元未获授权" in said
    assert any(one.startswith("为办理《在职证明》预填申请表: 姓名、工号") for one in said)
    assert {one["receiver_unit"] for one in told["usages"] if one["service_item"]} == {"大厅"}
    keys = at_desk.app.state.around.keys
    own = usages.subject_keys(keys, {"staff_no": ["T001"], "doc:1:CHN": ["110101198001010015"]})
    (count,) = at_desk.owner.execute(
        "SELECT count(*) FROM service.record_detail WHERE subject_key = ANY (%s)", [own]
    ).fetchone()
    assert told["total"] == len(told["usages"]) == count - 1  # its own entry came after
    assert CANARY not in json.dumps(told, ensure_ascii=False) and "U1" not in json.dumps(told)
    page = me(at_desk, "usages?limit=2&offset=1", provider.token())
    shown = {one["transaction_id"]: one for one in told["usages"]}
    assert all(one["transaction_id"] in shown for one in page["usages"])


def test_what_is_confidential_for_now_is_not_shown(at_desk: Desk, provider: Provider):
    number = at_desk.facts(["XM"]).json()["transaction_id"]
    assert number in json.dumps(me(at_desk, "usages", provider.token()))
    at_desk.owner.execute(
        "UPDATE service.record SET confidentiality = 'confidential' WHERE transaction_id = %s", [number]
    )
    assert number not in json.dumps(me(at_desk, "usages", provider.token()))


def test_the_portal_that_shows_usages_asks_as_the_data_trackers_contract_says(at_desk: Desk):
    at_desk.facts(["XM"])
    (file,) = standard(TRACKER)
    contract = yaml.safe_load(file.read_text())
    schema = contract["components"]["schemas"]
    headers = at_desk.headers(campus.PORTAL) | {"X-Road-UserId": "staff_no:T001"}
    reply = at_desk.http.get("/v2/findUsage?userCode=staff_no:T001&limit=5", headers=headers)
    assert reply.status_code == 200, reply.text
    found = reply.json()
    assert found.keys() == schema["FindUsageResponse"]["properties"].keys()
    assert found["totalUsages"] >= len(found["usages"]) > 0
    for one in found["usages"]:
        assert set(schema["Usage"]["required"]) <= one.keys() <= schema["Usage"]["properties"].keys()
        assert all(isinstance(value, str) for value in one.values())
    period = at_desk.http.get("/v2/usagePeriod", headers=headers).json()
    assert set(schema["UsagePeriodResponse"]["required"]) <= period.keys()
    later = at_desk.http.get(
        "/v2/findUsage?userCode=staff_no:T001&periodStart=2099-01-01T00:00:00Z", headers=headers
    ).json()
    assert later == {"totalUsages": 0, "usages": []}
    assert at_desk.http.get("/v2/heartbeat").json()["status"] == "OK"
    for wrong in ("userCode=T001", "userCode=staff_no:T001&offset=-1", "userCode=staff_no:T001&periodEnd=x"):
        reply = at_desk.http.get(f"/v2/findUsage?{wrong}", headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (400, "MALFORMED")
    ours = at_desk.http.get("/openapi.json").json()["paths"]
    for path, operations in contract["paths"].items():
        for method, operation in operations.items():
            mine = ours[path][method]
            assert mine["operationId"] == operation["operationId"]
            wanted = {
                (one["name"].lower(), one["in"], one["required"]) for one in operation.get("parameters", [])
            }
            assert {
                (one["name"].lower(), one["in"], one["required"]) for one in mine.get("parameters", [])
            } == wanted


def test_of_a_number_that_nobody_is_known_by_it_is_told_who_asked_about_it(at_desk: Desk):
    """Its answer is that of the contract, and nobody learns from it whether there is such a person."""
    headers = at_desk.headers(campus.PORTAL) | {"X-Road-UserId": "staff_no:T001"}
    address = "/v2/findUsage?userCode=staff_no:T987&limit=5000"
    assert at_desk.http.get(address, headers=headers).json() == {"totalUsages": 0, "usages": []}
    case_id = at_desk.case()
    at_desk.facts(["XM"], {"id_type": "staff_no", "id": "T987"}, case_id)
    found = at_desk.http.get(address, headers=headers).json()
    assert found["totalUsages"] == len(found["usages"]) == 2  # and who looked at who looked
    assert "未给出数据: 办件无效" in found["usages"][0]["action"]


def test_every_access_is_told_in_words_of_the_person(at_desk: Desk, provider: Provider):
    request, answer = asked(at_desk, ["XM"])
    assert replayed(at_desk, request, answer).json()["matches"]
    headers = at_desk.headers(campus.PORTAL) | {"X-Road-UserId": "staff_no:T001"}
    at_desk.http.get("/v2/findUsage?userCode=staff_no:T001", headers=headers)
    for page in (
        "facts",
        "usages",
        "questions",
        "corrections",
        "consents",
        "certificates",
        "certificate-kinds",
    ):
        me(at_desk, page, provider.token())
    told = [one["action"] for one in me(at_desk, "usages?limit=1000", provider.token())["usages"]]
    assert "复核过去的答复(不给出数据)" in told and "向本人展示访问记录 (本人)" in told
    assert [one for one in told if re.search("[a-z]", one)] == []


def test_no_other_system_may_ask_who_looked(at_desk: Desk):
    headers = at_desk.headers() | {"X-Road-UserId": "staff_no:T001"}
    reply = at_desk.http.get("/v2/findUsage?userCode=staff_no:T001", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (403, "NOT_PERMITTED")
    assert (at_desk.last()["action"], at_desk.last()["outcome"]) == ("usages", "refused")


def test_without_a_login_set_up_nobody_sees_anything(pg_database, tmp_path, provider: Provider):
    with opened(pg_database, tmp_path) as plain:
        assert me(plain, "facts", provider.token(), 503)["code"] == "LOGIN_UNAVAILABLE"


def test_nobodys_number_is_in_a_log(at_desk: Desk, provider: Provider, capsys):
    me(at_desk, "facts", provider.token())
    me(at_desk, "usages", provider.token())
    said = capsys.readouterr()
    numbers = ("T001", "110101198001010015", CANARY)
    assert [one for one in numbers if one in said.out + said.err] == []


def test_of_several_numbers_of_a_login_the_one_that_is_known_is_told_to_whoever_corrects(
    at_desk: Desk, provider: Provider
):
    """A login may name a number of a system that the warehouse does not read."""
    login = {"Authorization": f"Bearer {provider.token(employee_number='T999', student_number='X003')}"}
    stated = {"element": "DH", "reason": "有电话"}
    assert at_desk.http.post("/v1/me/corrections", json=stated, headers=login).json()["code"] == "MALFORMED"
    login["Idempotency-Key"] = "k-1"
    filed = at_desk.http.post("/v1/me/corrections", json=stated, headers=login)
    assert filed.status_code == 201, filed.text
    told = at_desk.get(f"/v1/corrections/{filed.json()['correction_id']}", campus.HR).json()["stated"]
    assert (told["id_type"], told["id"]) == ("student_no", "X003")
