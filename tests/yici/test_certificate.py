"""Keys of certificates from the command line: root, keys of a year, the list of the revoked; faults told in words."""

import re
from pathlib import Path

import pytest

from catalogs.settings import now
from service.certificate_keys import Seals, folder, read_trust
from service.problems import Problem
from tests.yici.commands import yici

SECRET, OWN = "passphrase of the root", "passphrase of the keys"
ISSUER = "https://data.test.example"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, Path]:
    """A state folder whose root was made and taken elsewhere."""
    home, elsewhere = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("safe") / "root.p12"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YICI_HOME", str(home))
        patch.setenv("YICI_ROOT_PASSPHRASE", SECRET)
        told = yici("certificate", "root", "--out", str(elsewhere))
    assert "take the file away" in told and SECRET not in told
    return home, elsewhere


@pytest.fixture
def surroundings(made, monkeypatch) -> tuple[Path, Path]:
    monkeypatch.setenv("YICI_HOME", str(made[0]))
    monkeypatch.setenv("YICI_ROOT_PASSPHRASE", SECRET)
    monkeypatch.setenv("YICI_CERTIFICATE_PASSPHRASE", OWN)
    return made


def test_the_root_is_made_once_and_its_key_is_not_here(surroundings):
    home, root = surroundings
    assert root.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in folder(home).iterdir()] == ["trust.pem"]
    assert len(read_trust(home).roots) == 1
    told = yici("certificate", "root", "--out", str(root), exit_code=2)
    assert str(root) in told and "Traceback" not in told


def test_a_year_s_keys_are_in_force_at_once_and_a_revoked_one_is_on_the_list(surroundings, monkeypatch):
    home, root = surroundings
    assert "there is none" in yici("certificate", "keys")
    with pytest.raises(Problem, match="SEAL_UNAVAILABLE"):
        Seals(home).seal(now())
    told = yici("certificate", "rotate", "--root", str(root), "--issuer", f"{ISSUER}/")
    assert "seal-" in told and "token-" in told
    assert Seals(home).issuer(now()) == ISSUER
    listed = yici("certificate", "keys")
    assert listed.count("in force, signs until") == 2
    serial = re.search(r"seal +([0-9a-f]+) ", listed)[1]
    yici("certificate", "crl", "--root", str(root), "--revoke", serial)
    (list_,) = read_trust(home).lists
    assert [f"{one.serial_number:x}" for one in list_] == [serial]
    yici("certificate", "crl", "--root", str(root))
    (renewed,) = read_trust(home).lists
    assert len(renewed) == 1 and renewed.last_update_utc >= list_.last_update_utc


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (("rotate", "--issuer", ISSUER), {"YICI_ROOT_PASSPHRASE": "another passphrase"}, "passphrase"),
        (("rotate", "--issuer", ISSUER), {"YICI_CERTIFICATE_PASSPHRASE": "short"}, "12"),
        (("rotate", "--issuer", ISSUER, "--only", "both"), {}, "--only"),
        (("crl", "--revoke", "no number"), {}, "--revoke"),
    ],
)
def test_what_goes_wrong_is_told_and_changes_nothing(surroundings, monkeypatch, arguments, environment, told):
    home, root = surroundings
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    before = sorted(file.name for file in folder(home).iterdir())
    command, *others = arguments
    said = yici("certificate", command, "--root", str(root), *others, exit_code=2)
    assert told in said and "Traceback" not in said and SECRET not in said
    assert sorted(file.name for file in folder(home).iterdir()) == before
