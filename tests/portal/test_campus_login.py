"""Logging in by the campus's OpenID provider: a small provider that checks what the portal sends."""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from portal.configuration import Configuration, OidcSettings
from tests.portal.house import PEOPLE, opened
from tests.support.http import Reply, Request, ScriptedServer, scripted_server

CLIENT, SECRET = "yici-portal", "of-the-provider"
KEY = RSAKey.generate_key(2048, {"kid": "1"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "1"})


@dataclass
class Provider:
    """An OpenID provider: codes that it gave, with what was asked for; `claims` changes what it says next."""

    server: ScriptedServer
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    claims: dict[str, object] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: KEY)

    def give(self, address: str, **changes: object) -> dict[str, str]:
        """Log somebody in who came to an address, and return what the browser brings back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = secrets.token_urlsafe(8)
        self.codes[code], self.claims = asked, changes
        return {"code": code, "state": asked["state"]}

    def token(self, request: Request) -> Reply:
        """Trade a code, once, for an ID token, if verifier, client and address are right."""
        told = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        asked = self.codes.pop(told.get("code", ""), None)
        basic = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        digest = hashlib.sha256(told.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        is_right = (
            asked is not None
            and request.headers.get("authorization") == basic
            and asked["code_challenge"] == challenge
            and asked["code_challenge_method"] == "S256"
            and asked["redirect_uri"] == told["redirect_uri"]
        )
        if not is_right:
            return Reply({"error": "invalid_grant"}, 400)
        moment = int(time.time())
        claims = {
            "iss": self.server.url,
            "aud": CLIENT,
            "sub": "opaque",
            "employee": PEOPLE["steward"],
            "nonce": asked["nonce"],
            "iat": moment,
            "exp": moment + 300,
        } | self.claims
        token = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key, algorithms=["RS256"])
        return Reply({"access_token": "x", "token_type": "Bearer", "id_token": token})


@pytest.fixture(scope="module")
def provider():
    with scripted_server() as server:
        found = Provider(server)
        server.answers = {
            "/.well-known/openid-configuration": Reply(
                {
                    "issuer": server.url,
                    "authorization_endpoint": f"{server.url}/authorize",
                    "token_endpoint": f"{server.url}/token",
                    "jwks_uri": f"{server.url}/keys",
                }
            ),
            "/keys": Reply(KeySet([KEY]).as_dict(private=False)),
            "/token": found.token,
        }
        yield found


@pytest.fixture(scope="module")
def portal(pg_module_database, tmp_path_factory, provider):
    settings = OidcSettings(
        provider.server.url, CLIENT, {"employee": "staff_no", "student": "student_no"}, SECRET
    )
    chosen = Configuration(is_reference_campus=True, oidc=settings)
    with opened(pg_module_database, tmp_path_factory.mktemp("home"), chosen) as found:
        yield found


def test_whoever_the_provider_names_is_logged_in_and_gets_the_page_asked_for(portal, provider):
    with portal.browser() as browser:
        asked = browser.get("/tickets")
        assert browser.get(asked.headers["location"]).status_code == 200
        sent = browser.get("/login/campus", params={"next": "/tickets"}).headers["location"]
        assert sent.startswith(f"{provider.server.url}/authorize?response_type=code&client_id={CLIENT}")
        before = browser.cookies["yici"]
        back = browser.get("/login/back", params=provider.give(sent))
        assert (back.status_code, back.headers["location"]) == (303, "/tickets")
        assert browser.cookies["yici"] != before
        assert browser.get("/tickets").status_code == 200
    assert (PEOPLE["steward"], "", "login", "campus", "allowed", "login:campus") in portal.deeds()


def test_an_answer_counts_once_and_only_in_the_browser_that_asked(portal, provider):
    with portal.browser() as browser, portal.browser() as other:
        sent = browser.get("/login/campus").headers["location"]
        answer = provider.give(sent)
        other.get("/login")
        assert other.get("/login/back", params=answer).status_code == 400
        assert browser.get("/login/back", params=answer | {"state": "made-up"}).status_code == 400
        # The question was used up by the wrong answer: the right one comes too late.
        assert browser.get("/login/back", params=answer).status_code == 400
        assert browser.get("/").status_code == 303


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"aud": "somebody-else"}, 400),
        ({"aud": [CLIENT, "somebody-else"]}, 400),
        ({"iss": "https://elsewhere.example"}, 400),
        ({"nonce": "another"}, 400),
        ({"exp": 1}, 400),
        ({"iat": None}, 400),
        ({"employee": ""}, 403),
        ({"employee": None}, 403),
        ({"employee": ["a"]}, 403),
    ],
)
def test_a_token_that_is_not_the_answer_to_this_question_logs_nobody_in(portal, provider, claims, status):
    with portal.browser() as browser:
        answer = provider.give(browser.get("/login/campus").headers["location"], **claims)
        assert browser.get("/login/back", params=answer).status_code == status
        assert browser.get("/").status_code == 303
    assert portal.deeds()[-1][2:5] == ("login_failed", "campus", "refused")


def test_a_token_of_another_key_logs_nobody_in(portal, provider):
    with portal.browser() as browser:
        answer = provider.give(browser.get("/login/campus").headers["location"])
        provider.key = OTHER_KEY
        try:
            assert browser.get("/login/back", params=answer).status_code == 400
        finally:
            provider.key = KEY
        assert browser.get("/").status_code == 303


@pytest.mark.parametrize(
    "reply", [Reply(status=500), Reply(b"no json"), Reply([]), Reply({"issuer": "another"})]
)
def test_a_provider_that_gives_no_usable_answer_is_told_in_words(portal, provider, reply):
    place = "/.well-known/openid-configuration"
    right = provider.server.answers[place]
    provider.server.answers[place] = reply
    try:
        with portal.browser() as browser:
            answer = browser.get("/login/campus")
    finally:
        provider.server.answers[place] = right
    assert answer.status_code == 503
    assert "统一身份认证暂不可用" in answer.text
