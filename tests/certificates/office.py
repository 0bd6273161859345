"""A made-up issuing office: its root, its keys, what it certifies; and what judges other than ours say of a paper."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from catalogs.exports.printing import Press
from certificates import codes, paper, tokens
from certificates.keys import Signer, memory_signer
from certificates.paper import Content, Language, Line, Template, Text
from certificates.pki import Certified, Root, Trust
from certificates.tokens import StatusReference
from tests.support.needs import need_program

UNIVERSITY = "示例大学"
ISSUER = "https://yici.example"
STATUS_LIST = f"{ISSUER}/statuslists/1"
PASSPHRASE = "correct horse battery"
RARE_NAME = "张㐂霖"  # the second sign is in Unicode's extension A
AT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
LATER = AT + timedelta(minutes=30)


@dataclass(frozen=True)
class Office:
    """Keys of one university, and what it makes with them."""

    root: Root
    root_file: Path
    seal_key: Certified
    token_key: Certified
    press: Press

    @classmethod
    def opened(cls, folder: Path, at: datetime = AT) -> "Office":
        path = folder / "root.p12"
        root = Root.make(UNIVERSITY, path, PASSPHRASE, at)
        seal = root.certify_seal("证明专用章", at, f"{ISSUER}/pki/crl")
        return cls(root, path, seal, root.certify_token_key(ISSUER, at), Press())

    @property
    def seal(self) -> Signer:
        return memory_signer(self.seal_key.key, self.seal_key.chain)

    @property
    def signer(self) -> Signer:
        return memory_signer(self.token_key.key, self.token_key.chain)

    @property
    def trust(self) -> Trust:
        return Trust((self.root.certificate,), (self.root.revocation_list([], 1, AT),), (ISSUER,))

    def revoking(self, key: Certified) -> Trust:
        revoked = [(key.chain[0].serial_number, AT)]
        return Trust((self.root.certificate,), (self.root.revocation_list(revoked, 2, AT),), (ISSUER,))

    def token(self, code: str = "", **changed: Any) -> str:
        asked: dict[str, Any] = {
            "issuer": ISSUER,
            "kind": f"{ISSUER}/kinds/enrolment",
            "token_id": code or codes.new_code(),
            "claims": {"XM": RARE_NAME, "XH": "20230001", "XY": "计算机学院", "ZT": "在读"},
            "disclosable": ["XM", "XH", "XY"],
            "issued_at": AT,
            "expires_at": AT + timedelta(days=90),
            "status": StatusReference(STATUS_LIST, 77),
        }
        return tokens.issue(self.signer, **(asked | changed)).text

    def paper(
        self,
        language: Language = "both",
        seal: Signer | None = None,
        token: str | None = None,
        template: Template | None = None,
        **changed: Any,
    ) -> bytes:
        said = content(**changed)
        held = self.token(said.code) if token is None else token
        printed = paper.print_paper(self.press, template or Template(), said, language, held)
        return paper.seal(printed, seal or self.seal, AT, UNIVERSITY)


def content(**changed: Any) -> Content:
    """Return what a certificate of enrolment says."""
    code = codes.new_code()
    provider = Text("教务处", "Academic Affairs")
    said: dict[str, Any] = {
        "title": Text("在读证明", "Certificate of Enrolment"),
        "statement": Text(
            f"兹证明{RARE_NAME}系我校在读本科学生。", f"{RARE_NAME} is an undergraduate of this university."
        ),
        "lines": (
            Line(Text("姓名", "Name"), Text(RARE_NAME, RARE_NAME), provider, date(2026, 11, 1)),
            Line(
                Text("学院", "School"),
                Text("计算机学院", "School of Computing"),
                provider,
                date(2026, 11, 20),
            ),
        ),
        "number": "ZD-2026-000123",
        "code": code,
        "issued_on": AT.date(),
        "valid_until": date(2027, 2, 24),
        "verify_address": f"{ISSUER}/verify/{code}",
        "university": Text(UNIVERSITY, "Example University"),
        "unit": Text("学生处", "Office of Student Affairs"),
    }
    return Content(**(said | changed))


def ran(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [str(part) for part in command], capture_output=True, check=False, timeout=120, **options
    )


def text_of(pdf: bytes, folder: Path) -> str:
    """Return the text of a PDF as poppler extracts it."""
    path = folder / "text.pdf"
    path.write_bytes(pdf)
    done = ran(need_program("pdftotext", package="poppler-utils"), "-layout", path, "-")
    assert done.returncode == 0
    return done.stdout.decode()


def signature_of(pdf: bytes) -> tuple[bytes, bytes]:
    """Return the signed bytes of a PDF and its signature, found by its byte range alone."""
    found = re.search(rb"/ByteRange \[\s*(\d+) (\d+) (\d+) (\d+)\s*\]", pdf)
    assert found is not None
    start, before, after, rest = map(int, found.groups())
    held = bytes.fromhex(pdf[before + 1 : after - 1].decode())
    return pdf[start:before] + pdf[after : after + rest], held


def poppler_accepts(pdf: bytes, folder: Path) -> bool:
    path = folder / "poppler.pdf"
    path.write_bytes(pdf)
    said = ran(need_program("pdfsig", package="poppler-utils"), "-nocert", path).stdout.decode(
        "utf-8", "replace"
    )
    return "Signature is Valid." in said and "Total document signed" in said


def openssl_accepts(pdf: bytes, root_pem: bytes, folder: Path) -> bool:
    signed, held = signature_of(pdf)
    files: Mapping[str, bytes] = {"signed": signed, "signature": held.rstrip(b"\0"), "root.pem": root_pem}
    for name, written in files.items():
        (folder / name).write_bytes(written)
    done = ran(
        need_program("openssl", package="openssl"),
        *("cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any", "-out", "/dev/null"),
        *("-in", folder / "signature", "-content", folder / "signed", "-CAfile", folder / "root.pem"),
    )
    return done.returncode == 0


def pem_of(root: Root) -> bytes:
    return root.certificate.public_bytes(Encoding.PEM)
