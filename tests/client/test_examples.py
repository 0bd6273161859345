"""The examples for other languages, run as a vendor would, and Authlib as a client that is not ours."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from service import clients
from tests.service import campus
from tests.service.conftest import service_url
from tests.service.desk import CANARY, T001, Desk
from tests.support.http import free_port
from tests.support.needs import need_program

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
KID = "hall-curl"


@pytest.fixture(scope="module")
def keys(at_desk: Desk, pg_module_database, tmp_path_factory) -> Iterator[Path]:
    """A folder with a key pair as examples/curl/new_key.sh makes it, registered for the hall beside its other key."""
    need_program("openssl", package="openssl")
    need_program("jq", package="jq")
    folder = tmp_path_factory.mktemp("keys")
    subprocess.run([EXAMPLES / "curl" / "new_key.sh", KID], cwd=folder, check=True, capture_output=True)
    jwks = folder / f"{KID}.jwks.json"
    ours = json.loads(jwks.read_text())["keys"] + [at_desk.keys[campus.HALL].as_dict(private=False)]
    both = folder / "both.json"
    both.write_text(json.dumps({"keys": ours}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YICI_DATABASE_URL", pg_module_database.url)
        patch.setenv("YICI_SERVICE_DATABASE_URL", service_url(pg_module_database))
        clients.register(campus.HALL, "DT", "系统 hall", both)
    yield folder


def run(folder: Path, *command: str | Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_curl_gets_a_filled_form_and_keeps_the_receipt(at_desk: Desk, keys: Path):
    need_program("curl", package="curl")
    number = T001["id"]
    told = run(
        keys, EXAMPLES / "curl" / "ask.sh", at_desk.url, campus.HALL, KID, campus.EMPLOYED, "staff_no", number
    )
    assert f"xm\tavailable\t{CANARY}甲" in told.splitlines()
    assert "材料 M-STATUS\tsatisfied" in told.splitlines()
    (receipt,) = keys.glob("*.receipt.jws")
    assert receipt.read_text().count(".") == 2


@pytest.mark.parametrize(
    ("kid", "item", "why"),
    [("unknown", campus.EMPLOYED, "INVALID_CLIENT"), (KID, "S-NONE", "PURPOSE_NOT_GRANTED")],
)
def test_curl_says_blank_form_where_the_service_refuses(
    at_desk: Desk, keys: Path, kid: str, item: str, why: str
):
    need_program("curl", package="curl")
    if kid != KID:
        run(keys, EXAMPLES / "curl" / "new_key.sh", kid)
    told = run(keys, EXAMPLES / "curl" / "ask.sh", at_desk.url, campus.HALL, kid, item, "staff_no", "T001")
    assert told == f"BLANK FORM ({why})\n"


def test_curl_says_blank_form_where_nobody_answers(keys: Path):
    need_program("curl", package="curl")
    away = f"http://127.0.0.1:{free_port()}"
    told = run(
        keys, EXAMPLES / "curl" / "ask.sh", away, campus.HALL, KID, campus.EMPLOYED, "staff_no", "T001"
    )
    assert told == "BLANK FORM (UNREACHABLE)\n"


def test_java_gets_a_filled_form_or_a_blank_one(at_desk: Desk, keys: Path):
    java = need_program("java", package="default-jdk-headless")
    need_program("javac", package="default-jdk-headless")
    program = [java, "-XX:TieredStopAtLevel=1", EXAMPLES / "java" / "AskOnce.java"]
    asked = [campus.HALL, f"{KID}.private.pem", KID, campus.EMPLOYED, "staff_no"]
    answer = json.loads(run(keys, *program, at_desk.url, *asked, "T001"))
    assert answer["fields"][0]["value"] == f"{CANARY}甲"
    assert run(keys, *program, at_desk.url, *asked, 'T"999') == "BLANK FORM (SUBJECT_NOT_FOUND)\n"
    assert (
        run(keys, *program, f"http://127.0.0.1:{free_port()}", *asked, "T001") == "BLANK FORM (UNREACHABLE)\n"
    )


def test_an_independent_oauth_client_reads_our_metadata_and_asks(at_desk: Desk):
    """Authlib, which shares no code with the service: discovery (RFC 8414), private_key_jwt (RFC 7523), bearer."""
    told = at_desk.http.get("/.well-known/oauth-authorization-server").json()
    metadata = AuthorizationServerMetadata(told)
    metadata.validate_issuer()
    metadata.validate_grant_types_supported()
    metadata.validate_token_endpoint_auth_methods_supported()
    assert metadata["issuer"] == at_desk.url
    assert "private_key_jwt" in metadata["token_endpoint_auth_methods_supported"]
    key = at_desk.keys[campus.HALL]
    # Authlib's assertions live for an hour unless told otherwise; the service takes five minutes at most.
    claims = {"exp": int(time.time()) + 60}
    method = PrivateKeyJWT(metadata["token_endpoint"], claims, {"kid": key.kid}, "ES256")
    with OAuth2Client(
        campus.HALL,
        key,
        token_endpoint_auth_method=method,
        grant_type="client_credentials",
        token_endpoint=metadata["token_endpoint"],
        trust_env=False,
    ) as judge:
        token = judge.fetch_token()
        assert token["token_type"] == "Bearer"
        assert token["expires_in"] == 600
        reply = judge.get(f"{at_desk.url}/v1/service-items")
        assert campus.EMPLOYED in {one["code"] for one in reply.json()}
