"""An independent judge of the API: Schemathesis calls everything that the OpenAPI document describes, right and wrong.

It sends what the document allows and what it forbids, follows what answers lead to, and holds status codes, media
types, headers and bodies against the document. `YICI_FUZZ` says how many random examples per operation it tries too.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from catalogs.settings import now
from service import certificate_authority
from service.configuration import Configuration
from service.login import LoginSettings
from tests.service.conftest import opened
from tests.service.desk import Desk

FUZZ = int(os.environ.get("YICI_FUZZ", "0"))
# What depends on more than the document can say: a form whose fields exclude each other, a passed expiry, statements
# that the service item must have registered.
SEMANTIC = ["/oauth2/token", "/v1/cases", "/v1/claims:verify"]
# A workbook, and lines of JSON, are made elsewhere; see the tests of proposals and of jobs.
WORKBOOKS, LINES = "/v1/catalog/proposals", "/v1/jobs"


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("home")
    certificate_authority.reference_keys(home, "试验大学", "https://data.test.example", now())
    keys = home / "login.json"
    own = ECKey.generate_key("P-256", {"kid": "login"})
    keys.write_text(json.dumps({"keys": [own.as_dict(private=False)]}))
    chosen = Configuration(
        login=LoginSettings("https://login.example", "yici", str(keys), {"sub": "staff_no"})
    )
    with opened(pg_module_database, home, chosen) as found:
        yield found


def judged(at_desk: Desk, *arguments: str) -> subprocess.CompletedProcess:
    phases = "coverage,stateful,fuzzing" if FUZZ else "coverage,stateful"
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{at_desk.url}/openapi.json",
        f"--header=Authorization: {at_desk.headers()['Authorization']}",
        f"--phases={phases}",
        f"--max-examples={FUZZ or 5}",
        "--continue-on-failure",
        "--warnings=off",
        "--no-color",
        "--seed=1",
        *arguments,
    ]
    return subprocess.run(
        command,
        cwd=at_desk.home,
        capture_output=True,
        text=True,
        env=os.environ | {"NO_PROXY": "*"},
        check=False,
    )


def test_the_service_does_what_its_document_says(at_desk: Desk):
    found = judged(at_desk, *(f"--exclude-path={one}" for one in (WORKBOOKS, LINES, *SEMANTIC)))
    assert found.returncode == 0, found.stdout[-8000:]
    assert " passed" in found.stdout


def test_what_no_document_can_say_in_full_is_at_least_answered_as_documented(at_desk: Desk):
    paths = [f"--include-path={one}" for one in SEMANTIC]
    found = judged(at_desk, "--exclude-checks=positive_data_acceptance,ignored_auth", *paths)
    assert found.returncode == 0, found.stdout[-8000:]
