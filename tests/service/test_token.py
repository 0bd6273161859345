"""Who gets a token, and what a token is worth: wrong in any one way is worth nothing, and on record."""

import base64
import json
import time

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from catalogs.settings import ConfigurationError
from service import clients, tokens
from service.configuration import Configuration
from service.keys import load as load_keys
from tests.service import campus
from tests.service.conftest import opened
from tests.service.desk import T001, Desk

SECRET = "a secret of the reference campus"


def told(reply: httpx.Response) -> dict:
    """Return a problem without what differs from one request to the next."""
    return {name: value for name, value in reply.json().items() if name not in ("instance", "trace_id")}


def segment(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def test_a_known_key_gets_a_token_that_the_published_keys_prove(at_desk: Desk):
    answer = at_desk.ask_token(at_desk.assertion(campus.HALL)).json()
    published = KeySet.import_key_set(at_desk.http.get("/.well-known/jwks.json").json())
    found = jwt.decode(answer["access_token"], published, algorithms=["Ed25519"])
    assert (found.header["typ"], found.claims["client_id"]) == ("at+jwt", campus.HALL)
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", tokens.LIFETIME_S)
    assert found.claims["exp"] - found.claims["iat"] == tokens.LIFETIME_S
    assert not any(key.is_private for key in published.keys)
    assert (at_desk.last()["action"], at_desk.last()["outcome"]) == ("token", "allowed")


def test_the_metadata_leads_to_the_token_endpoint_whatever_the_host_header_says(at_desk: Desk):
    reply = at_desk.http.get("/.well-known/oauth-authorization-server", headers={"Host": "elsewhere.example"})
    assert reply.json()["token_endpoint"] == f"{at_desk.url}/oauth2/token"
    assert reply.json()["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]


@pytest.mark.parametrize(
    ("changes", "noted"),
    [
        ({"aud": "https://elsewhere.example/oauth2/token"}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": [["https://elsewhere.example"], {"a": 1}]}, "audience"),
        ({"exp": int(time.time()) - 60}, "lifetime"),
        ({"exp": 4_000_000_000}, "lifetime"),
        ({"exp": float("nan")}, "lifetime"),
        ({"exp": None}, "lifetime"),
        ({"nbf": 4_000_000_000}, "lifetime"),
        ({"iss": "somebody"}, "issuer"),
        ({"jti": None}, "jti"),
        ({"jti": "a\x00b"}, "jti"),
        ({"jti": "號"}, "jti"),
        ({"jti": "x" * 201}, "jti"),
        ({"sub": "nobody", "iss": "nobody"}, "unknown_client"),
        ({"sub": ["hall"]}, "unknown_client"),
    ],
)
def test_an_assertion_that_is_wrong_in_one_way_gets_no_token_and_no_hint(at_desk: Desk, changes, noted):
    reply = at_desk.ask_token(at_desk.assertion(campus.HALL, **changes))
    assert reply.status_code == 401
    plain = at_desk.ask_token(at_desk.assertion(campus.HALL, iss="somebody"))
    assert told(reply) == told(plain)
    assert (reply.json()["code"], reply.json()["error"]) == ("INVALID_CLIENT", "invalid_client")
    entry = at_desk.record("action = 'token' ORDER BY seq DESC LIMIT 2 --")[1]
    assert (entry["outcome"], entry["code"], entry["rule"]) == ("refused", "INVALID_CLIENT", noted)


def test_another_key_under_the_same_name_gets_no_token(at_desk: Desk):
    forged = ECKey.generate_key("P-256", {"kid": campus.HALL})
    reply = at_desk.ask_token(at_desk.assertion(campus.HALL, forged))
    assert (reply.status_code, reply.json()["code"]) == (401, "INVALID_CLIENT")
    assert (at_desk.last()["client_id"], at_desk.last()["rule"]) == (campus.HALL, "signature")


def test_another_clients_key_gets_no_token(at_desk: Desk):
    reply = at_desk.ask_token(at_desk.assertion(campus.HALL, at_desk.keys[campus.PORTAL]))
    assert reply.json()["code"] == "INVALID_CLIENT"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256", "kid": campus.HALL},
        {"alg": "RS256", "kid": campus.HALL},
        {"alg": "ES256", "kid": "../../etc/passwd"},
        {"alg": "ES256", "kid": ["hall"]},
        {"alg": ["ES256"]},
        {},
        [],
        b"[" * 5000,
        b"\xff",
    ],
)
def test_no_header_talks_the_check_out_of_the_registered_key(at_desk: Desk, header):
    payload = at_desk.assertion(campus.HALL).split(".")[1]
    reply = at_desk.ask_token(f"{segment(header)}.{payload}.{segment(b'x' * 64)}")
    assert (reply.status_code, reply.json()["code"]) in {(401, "INVALID_CLIENT"), (422, "INVALID_PARAMETER")}


def test_a_public_key_is_no_shared_secret(at_desk: Desk):
    public = json.dumps(at_desk.keys[campus.HALL].as_dict(private=False))
    claims = json.loads(base64.urlsafe_b64decode(at_desk.assertion(campus.HALL).split(".")[1] + "=="))
    forged = jwt.encode({"alg": "HS256", "kid": campus.HALL}, claims, OctKey.import_key(public.encode()))
    assert at_desk.ask_token(forged).json()["code"] == "INVALID_CLIENT"


@pytest.mark.parametrize("payload", [b"[" * 5000, b"[1]", b"\xff", b'"text"'])
def test_an_unreadable_assertion_is_refused_not_failed(at_desk: Desk, payload):
    reply = at_desk.ask_token(f"{segment({'alg': 'ES256'})}.{segment(payload)}.x")
    assert (reply.status_code, reply.json()["code"]) == (401, "INVALID_CLIENT")
    assert at_desk.last()["client_id"] == "?"


def test_an_assertion_is_good_for_one_token(at_desk: Desk):
    assertion = at_desk.assertion(campus.HALL)
    assert at_desk.ask_token(assertion).status_code == 200
    again = at_desk.ask_token(assertion)
    assert (again.status_code, again.json()["code"]) == (401, "INVALID_CLIENT")
    assert at_desk.last()["rule"] == "replayed"


def test_a_suspended_client_gets_no_token_and_its_old_one_is_worth_nothing(at_desk: Desk, as_owner):
    headers, case_id = at_desk.headers(campus.PORTAL), at_desk.case(client_id=campus.PORTAL)
    clients.suspend(campus.PORTAL)
    try:
        asked = at_desk.facts(["GH"], case_id=case_id, client_id=campus.PORTAL)
        assert (asked.status_code, asked.json()["code"]) == (401, "CLIENT_SUSPENDED")
        entry = at_desk.last()
        assert (entry["action"], entry["client_id"], entry["code"]) == (
            "access",
            campus.PORTAL,
            "CLIENT_SUSPENDED",
        )
        assert at_desk.http.get("/v1/elements", headers=headers).json()["code"] == "CLIENT_SUSPENDED"
        assert at_desk.ask_token(at_desk.assertion(campus.PORTAL)).json()["code"] == "CLIENT_SUSPENDED"
        assert at_desk.last()["code"] == "CLIENT_SUSPENDED"
    finally:
        clients.suspend(campus.PORTAL, False)
    assert at_desk.facts(["GH"], case_id=case_id, client_id=campus.PORTAL).status_code == 200


def access_token(at_desk: Desk, header: dict | None = None, key: OKPKey | None = None, **changes) -> str:
    """Return an access token as the service makes it, changed."""
    signing = load_keys(at_desk.home).signing
    moment = int(time.time())
    claims = {"sub": campus.HALL, "aud": tokens.AUDIENCE, "iat": moment, "exp": moment + 60} | changes
    header = {"alg": "Ed25519", "typ": "at+jwt", "kid": signing.kid} | (header or {})
    return jwt.encode(header, claims, key or signing, algorithms=["Ed25519", "EdDSA"])


def test_a_token_of_ours_is_taken(at_desk: Desk):
    reply = at_desk.http.get("/v1/elements", headers={"Authorization": f"Bearer {access_token(at_desk)}"})
    assert reply.status_code == 200


@pytest.mark.parametrize(
    ("make", "noted"),
    [
        (lambda desk: access_token(desk, exp=int(time.time()) - 1), "expired"),
        (lambda desk: access_token(desk, exp="never"), "expired"),
        (lambda desk: access_token(desk, aud="urn:another:service"), "audience"),
        (lambda desk: access_token(desk, {"typ": "JWT"}), "audience"),
        (lambda desk: access_token(desk, sub="nobody"), "unknown_client"),
        (lambda desk: access_token(desk, key=OKPKey.generate_key("Ed25519")), "signature"),
        (
            lambda desk: f"{segment({'alg': 'none', 'typ': 'at+jwt'})}.{segment({'sub': campus.HALL})}.",
            "signature",
        ),
        (lambda desk: f"{segment({'alg': 'Ed25519'})}.{segment(b'[' * 5000)}.x", "signature"),
        (lambda desk: desk.assertion(campus.HALL), "signature"),
        (lambda desk: desk.facts(["XM"]).json()["receipt"], "audience"),
        (lambda desk: "x", "signature"),
        (lambda desk: None, "no_token"),
    ],
)
def test_what_is_no_token_of_ours_opens_nothing_and_the_attempt_is_on_record(at_desk: Desk, make, noted):
    case_id, token = at_desk.case(), make(at_desk)
    body = {
        "subject": T001,
        "service_item": campus.EMPLOYED,
        "case_id": case_id,
        "actor": {"user_id": "U1", "role": "officer"},
        "elements": ["XM"],
    }
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    reply = at_desk.http.post("/v1/facts:query", json=body, headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (401, "INVALID_TOKEN")
    assert reply.headers["www-authenticate"].startswith("Bearer")
    entry = at_desk.last()
    assert (entry["action"], entry["outcome"], entry["rule"]) == ("access", "refused", noted)
    assert reply.json()["instance"] == f"urn:uuid:{entry['transaction_id']}"


def test_a_secret_counts_only_on_the_reference_campus(at_desk: Desk, as_owner, pg_database, tmp_path):
    form = {"grant_type": "client_credentials", "client_id": "pupil", "client_secret": SECRET}
    clients.register_secret("pupil", "DT", "试验系统", SECRET)
    assert at_desk.http.post("/oauth2/token", data=form).json()["code"] == "MALFORMED"
    with opened(pg_database, tmp_path, Configuration(is_reference_campus=True)) as school:
        clients.register_secret("pupil", "DT", "试验系统", SECRET)
        assert school.http.post("/oauth2/token", data=form).status_code == 200
        basic = school.http.post(
            "/oauth2/token", data={"grant_type": "client_credentials"}, auth=("pupil", SECRET)
        )
        assert basic.status_code == 200
        wrong = school.http.post("/oauth2/token", data=form | {"client_secret": "x" * 20})
        assert (wrong.status_code, wrong.json()["code"]) == (401, "INVALID_CLIENT")
        both = school.http.post(
            "/oauth2/token", data=form | {"client_assertion": school.assertion(campus.HALL)}
        )
        assert both.json()["code"] == "MALFORMED"


def test_who_keeps_coming_without_a_token_cannot_fill_the_record(pg_database, tmp_path):
    with opened(pg_database, tmp_path, Configuration(token_rate=5)) as desk:
        replies = [
            desk.http.post("/v1/facts:query", json={}, headers={"Authorization": "Bearer x"})
            for _ in range(9)
        ]
        assert [reply.status_code for reply in replies] == [401] * 5 + [429] * 4
        assert int(replies[-1].headers["retry-after"]) > 0
        assert len(desk.record()) == 5


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [ECKey.generate_key("P-256").as_dict(private=True)],
        [OctKey.generate_key(256).as_dict()],
        [RSAKey.generate_key(1024).as_dict(private=False)],
        [ECKey.generate_key("P-256", {"kid": "a"}).as_dict(private=False) for _ in range(2)],
    ],
    ids=["none", "private", "shared", "short", "two of one name"],
)
def test_only_public_keys_that_can_be_told_apart_are_registered(at_desk: Desk, as_owner, tmp_path, keys):
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": keys}))
    with pytest.raises(ConfigurationError, match="othing was registered"):
        clients.register("newcomer", "DT", "新系统", file)
    assert not at_desk.owner.execute("SELECT FROM service.client WHERE client_id = 'newcomer'").fetchall()
