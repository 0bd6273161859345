"""How the portal is set up: every setting is on the page, and what would be unsafe is refused."""

import re
from pathlib import Path

import pytest

from catalogs.settings import ConfigurationError
from portal.configuration import Configuration, configuration

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "portal.md").read_text(encoding="utf-8")
SOURCE = (Path(__file__).resolve().parents[2] / "portal" / "configuration.py").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in set(re.findall(r"YICI_\w+", SOURCE)):
        monkeypatch.delenv(name, raising=False)


def test_the_page_has_every_setting_and_its_default():
    table = dict(re.findall(r"^\| `(YICI_\w+)` \| `?([^|`]+?)`? \|", PAGE, re.MULTILINE))
    assert table.keys() == set(re.findall(r'"(YICI_\w+)"', SOURCE)) | {
        "YICI_PORTAL_DATABASE_URL",
        "YICI_DESK_DATABASE_URL",
    }
    default = Configuration()
    assert table["YICI_PORTAL_IDLE_MIN"] == str(default.idle_min)
    assert table["YICI_PORTAL_SESSION_H"] == str(default.session_h)
    assert table["YICI_PORTAL_POOL"] == str(default.pool_size)


def test_the_settings_are_read(monkeypatch):
    for name, value in {
        "YICI_PORTAL_URL": "https://data.example.edu.cn/",
        "YICI_PORTAL_IDLE_MIN": "5",
        "YICI_PORTAL_OIDC_ISSUER": "https://login.example.edu.cn/",
        "YICI_PORTAL_OIDC_CLIENT": "portal",
        "YICI_PORTAL_OIDC_NUMBERS": "employee=staff_no, student=student_no",
    }.items():
        monkeypatch.setenv(name, value)
    found = configuration()
    assert (found.url, found.is_secure, found.idle_min) == ("https://data.example.edu.cn", True, 5)
    assert found.oidc is not None
    assert found.oidc.issuer == "https://login.example.edu.cn"
    assert list(found.oidc.numbers.items()) == [("employee", "staff_no"), ("student", "student_no")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("YICI_PORTAL_URL", "http://data.example.edu.cn"),
        ("YICI_PORTAL_URL", "data.example.edu.cn"),
        ("YICI_PORTAL_URL", "https://data.example.edu.cn/portal"),
        ("YICI_PORTAL_IDLE_MIN", "0"),
        ("YICI_PORTAL_POOL", "many"),
        ("YICI_PORTAL_OIDC_ISSUER", "https://login.example.edu.cn"),
    ],
)
def test_what_is_malformed_or_unsafe_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        configuration()


def test_a_login_in_the_clear_is_refused_but_on_this_machine(monkeypatch):
    monkeypatch.setenv("YICI_PORTAL_OIDC_CLIENT", "portal")
    monkeypatch.setenv("YICI_PORTAL_OIDC_NUMBERS", "sub=staff_no")
    monkeypatch.setenv("YICI_PORTAL_OIDC_ISSUER", "http://login.example.edu.cn")
    with pytest.raises(ConfigurationError, match="https://"):
        configuration()
    monkeypatch.setenv("YICI_PORTAL_OIDC_ISSUER", "http://127.0.0.1:9000")
    assert configuration().oidc is not None


@pytest.mark.parametrize("numbers", ["", "sub", "=staff_no"])
def test_a_login_whose_numbers_are_of_no_kind_is_refused(monkeypatch, numbers):
    monkeypatch.setenv("YICI_PORTAL_OIDC_ISSUER", "https://login.example.edu.cn")
    monkeypatch.setenv("YICI_PORTAL_OIDC_CLIENT", "portal")
    monkeypatch.setenv("YICI_PORTAL_OIDC_NUMBERS", numbers)
    with pytest.raises(ConfigurationError, match="YICI_PORTAL_OIDC_NUMBERS"):
        configuration()
