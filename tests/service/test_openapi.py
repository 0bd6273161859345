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
from tests.catalogs.exports.support import standard
from tests.service import campus
from tests.service.conftest import opened
from tests.service.desk import Desk

TRACKER = "aj-usage/dumonitor-openapi.yaml"
FUZZ = int(os.environ.get("YICI_FUZZ", "0"))
# What depends on more than the document can say: a form whose fields exclude each other, a passed expiry, statements
# that the service item must have registered.
SEMANTIC = ["/oauth2/token", "/v1/cases", "/v1/claims:verify"]
# It makes no workbook and no lines of JSON that mean something: those are made in the tests of proposals and of jobs.
MADE_ELSEWHERE = ["/v1/catalog/proposals", "/v1/jobs"]


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


def judged(
    at_desk: Desk, *arguments: str, document: str = "", client_id: str = campus.HALL
) -> subprocess.CompletedProcess:
    phases = "coverage,stateful,fuzzing" if FUZZ else "coverage,stateful"
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        document or f"{at_desk.url}/openapi.json",
        f"--header=Authorization: {at_desk.headers(client_id)['Authorization']}",
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
    found = judged(at_desk, *(f"--exclude-path={one}" for one in (*MADE_ELSEWHERE, *SEMANTIC)))
    assert found.returncode == 0, found.stdout[-8000:]
    assert " passed" in found.stdout


@pytest.mark.parametrize(
    ("paths", "unjudged"),
    [
        (SEMANTIC, "positive_data_acceptance"),
        # It sends nothing there, and so no content type, which is refused before anything else.
        (MADE_ELSEWHERE, "positive_data_acceptance,missing_required_header"),
    ],
)
def test_what_no_document_can_say_in_full_is_at_least_answered_as_documented(at_desk: Desk, paths, unjudged):
    found = judged(at_desk, f"--exclude-checks={unjudged}", *(f"--include-path={one}" for one in paths))
    assert found.returncode == 0, found.stdout[-8000:]


def test_the_data_tracker_s_own_contract_is_kept(at_desk: Desk):
    """Judged by the contract as it is published, not by what we say of it; only whose numbers there are is ours.

    It lets numbers below zero be asked for, which mean nothing: they get its 400.
    """
    (contract,) = standard(TRACKER)
    at_desk.facts(["XM"])
    (at_desk.home / "schemathesis.toml").write_text('parameters = { "query.userCode" = "staff_no:T001" }')
    try:
        found = judged(
            at_desk,
            f"--url={at_desk.url}",
            "--exclude-checks=positive_data_acceptance",
            document=str(contract),
            client_id=campus.PORTAL,
        )
    finally:
        (at_desk.home / "schemathesis.toml").unlink()
    assert found.returncode == 0, found.stdout[-8000:]
    assert "Operations:       3 selected / 3 total" in found.stdout
