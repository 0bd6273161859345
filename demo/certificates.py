"""`python -m demo.certificates`: a certificate from its issue to its revocation, judged by others than who made it.

Starts the sandbox in a folder of its own, asks as its service hall, and shows what happens: a paper is issued, poppler
judges it, one changed byte is found out, and once it is revoked the page and the status list say so. People are made
up, and values are shown only in part all the same. Ends with exit code 1 if anything is not as it should be.
"""

import argparse
import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import OKPKey
from rich.console import Console

CLIENT, SERVICE_ITEM, STUDENT = "hall", "ZM-001", "S0001"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# Where another warehouse is named, the sandbox refuses to start.
_ELSEWHERE = (
    "YICI_DATABASE_URL", "YICI_SERVICE_DATABASE_URL", "YICI_RETENTION_DATABASE_URL", "YICI_LANDING", "YICI_CAMPUS",
)  # fmt: skip
_READY_S, _PAPER_S, _LISTED_S, _STOP_S = 90, 30, 60, 20
console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)


class NotSo(Exception):
    """Something is not as it should be."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; returns the exit code."""
    parser = argparse.ArgumentParser(prog="demo.certificates", description=__doc__)
    parser.add_argument("--out", type=Path, help="folder to leave the paper and the pages in")
    out = parser.parse_args(arguments).out
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="yici-certificates-") as folder:
        sandbox = _Sandbox(Path(folder))
        try:
            sandbox.start()
            _show(sandbox, Path(out or folder))
        except (NotSo, httpx.HTTPError) as error:
            console.print(f"[red]not as it should be:[/] {error}")
            return 1
        finally:
            sandbox.stop()
    console.print(f"Done in {time.monotonic() - began:.0f} s.")
    return 0


class _Sandbox:
    """The service over made-up people, as a process of its own."""

    def __init__(self, home: Path) -> None:
        self._home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._port}"
        self.http = httpx.Client(base_url=self.address, timeout=30, trust_env=False)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and sign in as the hall."""
        surroundings = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
        command = [str(Path(sys.executable).with_name("yici")), "sandbox", "--port", str(self._port)]
        with (self._home / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, env=surroundings | {"YICI_HOME": str(self._home)}, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _READY_S
        while True:
            try:
                if self.http.get("/readyz").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NotSo("the sandbox did not start")
            time.sleep(0.2)
        self.http.headers["Authorization"] = f"Bearer {self._token()}"

    def _token(self) -> str:
        kept = json.loads((self._home / "sandbox" / "hall.private.json").read_text(encoding="utf-8"))
        key, moment = OKPKey.import_key(kept), int(time.time())
        claims = {
            "iss": CLIENT, "sub": CLIENT, "aud": f"{self.address}/oauth2/token", "iat": moment, "exp": moment + 120,
            "jti": uuid.uuid4().hex,
        }  # fmt: skip
        assertion = jwt.encode({"alg": "Ed25519", "kid": key.kid}, claims, key, algorithms=["Ed25519"])
        form = {
            "grant_type": "client_credentials", "client_assertion_type": _ASSERTION, "client_assertion": assertion,
        }  # fmt: skip
        return str(_told(self.http.post("/oauth2/token", data=form), 200)["access_token"])

    def post(self, path: str, body: Any, expected: int) -> dict[str, Any]:
        """Send something and return the answer."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        return _told(self.http.post(path, json=body, headers=headers), expected)

    def stop(self) -> None:
        """End it, its database included."""
        self.http.close()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=_STOP_S)


def _told(reply: httpx.Response, expected: int) -> dict[str, Any]:
    told: dict[str, Any] = reply.json()
    if reply.status_code != expected:
        raise NotSo(f"{reply.request.url.path} answered {reply.status_code} {told.get('code', '')}")
    return told


def _show(sandbox: _Sandbox, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    console.rule("1 A student's certificate, for a case of the service hall")
    person = {"id_type": "student_no", "id": STUDENT}
    case = sandbox.post(
        "/v1/cases", {"service_item": SERVICE_ITEM, "parties": [{"role": "applicant", **person}]}, 201
    )
    order = {
        "kind": "enrolment", "language": "both", "purpose": "visa", "validity_days": 90, "shown": ["SSDW", "XJZT"],
        "service_item": SERVICE_ITEM, "subject": person, "case_id": case["case_id"],
        "actor": {"user_id": STUDENT, "role": "applicant"},
    }  # fmt: skip
    issued = sandbox.post("/v1/certificates", order, 201)
    began = time.monotonic()
    paper = _paper(sandbox, issued["certificate_id"])
    file = out / "certificate.pdf"
    file.write_bytes(paper)
    console.print(
        f"{issued['number']}: issued from release {issued['release']}, valid until {issued['valid_until']}; its paper"
        f" ({len(paper) // 1024} kB) was sealed {time.monotonic() - began:.1f} s later"
    )

    console.rule("2 Judged by poppler, who knows nothing of us, and by the service")
    _poppler(file, is_right=True)
    verdict = _judged(sandbox, paper, "valid")
    stated = [name for name in verdict["stated"] if isinstance(verdict["stated"][name], dict)]
    console.print(
        f"the service: {verdict['standing']}, signed by {verdict['signed_by']}; states {', '.join(stated)}"
    )

    console.rule("3 One byte changed")
    changed = bytearray(paper)
    changed[len(changed) // 3] ^= 1
    tampered = out / "tampered.pdf"
    tampered.write_bytes(changed)
    _poppler(tampered, is_right=False)
    verdict = _judged(sandbox, bytes(changed), "invalid")
    console.print(f"the service: {verdict['standing']} ({verdict['reason']}): {verdict['explanation_en']}")

    console.rule("4 Revoked: the page and the status list")
    address = _printed_address(file)
    before = _page(sandbox, address, out / "page-before.html", "有效")
    console.print(f"the page of the printed code, before: 有效, {before} bytes")
    reference = _status_of(
        _told(sandbox.http.get(f"/v1/certificates/{issued['certificate_id']}/token"), 200)["token"]
    )
    if _listed(sandbox, reference):
        raise NotSo("the status list called it revoked before it was")
    sandbox.post(f"/v1/certificates/{issued['certificate_id']}:revoke", {"reason": "演示: 已离校"}, 200)
    began = time.monotonic()
    _page(sandbox, address, out / "page-after.html", "已撤销")
    console.print("the page, after: 已撤销, 不得采信")
    while not _listed(sandbox, reference):
        if time.monotonic() - began > _LISTED_S:
            raise NotSo(f"the status list did not follow within {_LISTED_S} s")
        time.sleep(0.5)
    console.print(f"the status list followed after {time.monotonic() - began:.1f} s")
    verdict = _judged(sandbox, paper, "revoked")
    console.print(f"the untouched paper: {verdict['standing']}")


def _paper(sandbox: _Sandbox, certificate_id: str) -> bytes:
    deadline = time.monotonic() + _PAPER_S
    while True:
        reply = sandbox.http.get(f"/v1/certificates/{certificate_id}/pdf")
        if reply.status_code == 200:
            return reply.content
        if reply.status_code != 409 or time.monotonic() > deadline:
            raise NotSo("the paper was not printed")
        time.sleep(0.1)


def _judged(sandbox: _Sandbox, paper: bytes, expected: str) -> dict[str, Any]:
    headers = {"Content-Type": "application/pdf"}
    told = _told(sandbox.http.post("/v1/verifications", content=paper, headers=headers), 200)
    if told["standing"] != expected:
        raise NotSo(f"the paper is judged {told['standing']} ({told['reason']}), not {expected}")
    return told


def _poppler(file: Path, is_right: bool) -> None:
    if shutil.which("pdfsig") is None:
        console.print("pdfsig (poppler-utils) is not installed: left out")
        return
    told = subprocess.run(
        ["pdfsig", "-nocert", str(file)], capture_output=True, text=True, check=False
    ).stdout
    wanted = ("Signature is Valid", "Total document signed") if is_right else ("Digest Mismatch",)
    shown = ("Signature Validation", "document signed")
    lines = [line.strip(" -") for line in told.splitlines() if any(one in line for one in shown)]
    console.print(f"pdfsig: {'; '.join(lines)}")
    if not all(one in told for one in wanted):
        raise NotSo(f"pdfsig does not say {' and '.join(wanted)}")


def _printed_address(file: Path) -> str:
    """Return the path that the paper names for checking it."""
    if shutil.which("pdftotext") is None:
        raise NotSo("pdftotext (poppler-utils) is needed to read the paper as a person would")
    told = subprocess.run(["pdftotext", str(file), "-"], capture_output=True, text=True, check=False).stdout
    text = "".join(told.split())
    place = text.find("/verify/")
    if place < 0:
        raise NotSo("the paper names no address to check it at")
    return text[place : place + len("/verify/") + 21]


def _page(sandbox: _Sandbox, address: str, file: Path, wanted: str) -> int:
    reply = httpx.get(
        f"{sandbox.address}{address}",
        headers={"Accept": "text/html", "Accept-Language": "zh"},
        trust_env=False,
    )
    file.write_bytes(reply.content)
    if reply.status_code != 200 or wanted not in reply.text:
        raise NotSo(f"the page answers {reply.status_code} and does not say {wanted}")
    return len(reply.content)


def _status_of(token: str) -> tuple[str, int]:
    """Return the path of the status list of a token, and the place in it."""
    claims = json.loads(_decoded(token.split(".")[1]))
    listed = claims["status"]["status_list"]
    return "/" + listed["uri"].split("/", 3)[3], listed["idx"]


def _listed(sandbox: _Sandbox, reference: tuple[str, int]) -> bool:
    """Whether the published status list says that a certificate is revoked."""
    path, index = reference
    reply = httpx.get(f"{sandbox.address}{path}", trust_env=False)
    claims = json.loads(_decoded(reply.text.split(".")[1]))["status_list"]
    bits = zlib.decompress(_decoded(claims["lst"]))
    return bool(bits[index // 8] >> (index % 8) & 1)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


if __name__ == "__main__":
    sys.exit(main())
