"""What an entry says about who asks is known and can be meant, or it is a fault where it stands."""

import re
from pathlib import Path

import pytest

import catalogs
from catalogs.faults import Faults
from catalogs.fields import Fields
from catalogs.source_auth import AUTH_KEYS, tell_auth_faults
from tests.catalogs import small
from tests.catalogs.small import campus

PAGE = Path(catalogs.__file__).resolve().parents[1] / "docs" / "own-campus.md"
ASKED = {"type": "client_credentials", "token_url": "/token", "id": "yici", "secret": "env:SECRET"}


def faults_of(auth: dict[str, object]) -> list[str]:
    faults = Faults()
    tell_auth_faults(Fields(auth, "systems.yaml", "auth", faults))
    return [str(fault) for fault in faults.all()]


@pytest.mark.parametrize(
    "auth",
    [
        {"type": "none"},
        {"type": "bearer", "token": "env:TOKEN"},
        {"type": "basic", "user": "reader", "password": "env:PASSWORD"},
        ASKED,
        ASKED | {"token_url": "https://sso.example.edu.cn/oauth/token", "params": {"scope": "read"}},
        ASKED | {"token_url": "env:TOKEN_URL", "header": "X-Token", "scheme": ""},
        ASKED
        | {
            "send_as": "query",
            "id_param": "corpid",
            "secret_param": "corpsecret",
            "query_param": "access_token",
        }
        | {"access_token": "$.data.token", "expires_in": "$.data.expire"}
        | {"expired": {"$.errcode": ["40014", "42001"], "$.status": "expired"}},
    ],
)
def test_every_way_that_is_known_is_no_fault(auth: dict[str, object]) -> None:
    assert faults_of(auth) == []


@pytest.mark.parametrize(
    ("auth", "told"),
    [
        ({"type": "oauth"}, '"type" is "oauth"'),
        ({"type": "bearer"}, '"token" is missing'),
        ({"type": "basic", "user": "reader"}, '"password" is missing'),
        ({"type": "bearer", "token": "env:T", "scope": "read"}, 'unknown key "scope"'),
        ({"type": "client_credentials", "id": "yici"}, '"token_url" is missing'),
        (ASKED | {"token_ulr": "/x"}, 'unknown key "token_ulr"'),
        (ASKED | {"token_url": "https://h/token?corpsecret=CANARY"}, '"token_url" is not an address'),
        (ASKED | {"token_url": "https://CANARY:x@h/token"}, '"token_url" is not an address'),
        (ASKED | {"send_as": "header"}, '"send_as" is "header"'),
        (ASKED | {"access_token": "data.token"}, '"access_token" is not a JSONPath'),
        (ASKED | {"expired": {"errcode": "1"}}, '"errcode" is not a JSONPath'),
        (ASKED | {"expired": {"$.errcode": [42001]}}, "is not a list of strings"),
        (ASKED | {"params": {"scope": 1}}, '"scope" is not a string'),
        (ASKED | {"query_param": "token", "header": "X-Token"}, '"query_param" beside a header'),
    ],
)
def test_what_cannot_be_meant_is_told_without_a_value(auth: dict[str, object], told: str) -> None:
    found = faults_of(auth)
    assert any(told in fault for fault in found), found
    assert "CANARY" not in str(found)


def test_the_check_of_a_catalog_tells_an_unknown_key_and_a_secret_that_is_written_out() -> None:
    wrong = small.SYSTEMS[0] | {"auth": ASKED | {"secret": "CANARY", "scop": "read"}}
    faults = catalogs.check(campus({"systems.yaml": [wrong, small.SYSTEMS[1]]}))
    assert sorted(fault.rule for fault in faults) == ["V02", "V03"]
    assert "CANARY" not in str([str(fault) for fault in faults])


def test_every_key_stands_in_the_page_for_campuses_and_every_key_there_is_known() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("### Who asks")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]*)\|", section, re.MULTILINE)
    told = {word for cell in cells for word in re.findall(r"`(\w+)`", cell)}
    assert told == {key for keys in AUTH_KEYS.values() for key in (*keys[0], *keys[1])} - {"type"}
