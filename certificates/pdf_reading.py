"""Whether a sealed PDF is one of ours, byte for byte, and the token in it. Only where it may be killed (`judging`).

pyHanko finds the signature and checks it. What it would weigh, such as harmless additions after the signature or a
signature that only approves, is refused here before it has a say, and whether a key counts is `pki.Trust`'s to say.
"""

import asyncio
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature, read_certification_data

from certificates.paper import TOKEN_FILE
from certificates.pki import Trust, UntrustedError, name_of

_MOST_CERTIFICATES = 10
_DIGEST_ALGORITHMS = cms.DigestAlgorithms(({"algorithm": "sha256"},)).dump()
_DEEPEST = 4  # levels of the tree that names attachments


class PaperFault(Exception):
    """A PDF is not a valid paper.

    Attributes:
        reason: a code of `judging.REASONS`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Sealed:
    """A sealed paper whose seal holds: who sealed it, when it says so (UTC), and the token attached to it."""

    signed_by: str
    signed_at: datetime
    token: str


def read(data: bytes, trust: Trust, at: datetime) -> Sealed:
    """Return what a sealed PDF carries, if its seal holds.

    Args:
        data: the file.
        trust: roots and revocation lists.
        at: the moment of judging.

    Raises:
        PaperFault: with the reason.
        Exception: anything else that reading a malformed file may raise; the caller takes it for `damaged`.
    """
    reader = PdfFileReader(io.BytesIO(data))
    if "/Encrypt" in reader.trailer_view:
        raise PaperFault("encrypted")
    signatures = reader.embedded_signatures
    if not signatures:
        # A signature that is mentioned but cannot be found was broken by somebody.
        raise PaperFault("damaged" if b"/ByteRange" in data else "no_signature")
    if len(signatures) > 1:
        raise PaperFault("several_signatures")
    signature = signatures[0]
    if not _is_one_piece(signature, data):
        raise PaperFault("changed_after")
    status = asyncio.run(async_validate_pdf_signature(signature, trust.context(at)))
    if not status.intact or not status.valid:
        raise PaperFault("bad_signature")
    signer = _accepted(signature, trust, at)
    if not status.bottom_line:
        raise PaperFault("untrusted_signer")  # such as a key that is certified for tokens only
    certified = read_certification_data(reader)
    if (
        certified is None
        or certified.permission is not MDPPerm.NO_CHANGES
        or certified.author_sig.container_ref != signature.sig_object.container_ref
    ):
        raise PaperFault("not_certified")
    stated = signature.self_reported_timestamp
    if stated is None:
        raise PaperFault("damaged")
    signed_at = stated.astimezone(UTC) if stated.tzinfo else stated.replace(tzinfo=UTC)
    return Sealed(name_of(signer), signed_at, _token(reader.root))


def _is_one_piece(signature: EmbeddedPdfSignature, data: bytes) -> bool:
    """Return whether everything but the signature's own value is signed, and that value is written as ours are.

    What no signature covers is then all fixed: capitals, zeros after the value, and the fields of its envelope that
    readers pass over. Nothing hides there, and a paper has one form only.
    """
    start, before, after, rest = (int(number) for number in signature.byte_range)
    value, envelope = signature.pkcs7_content, signature.signed_data
    return (
        start == 0
        and after + rest == len(data)
        and data[before:after] == b"<%b>" % value.hex().upper().encode()
        and not any(value[_der_length(value) :])
        and envelope["digest_algorithms"].dump() == _DIGEST_ALGORITHMS
        and envelope["version"].native == signature.signer_info["version"].native == "v1"
    )


def _der_length(held: bytes) -> int:
    """Return how many bytes the DER value at the start of these takes."""
    if held[1] < 0x80:
        return 2 + held[1]
    size = held[1] & 0x7F
    return 2 + size + int.from_bytes(held[2 : 2 + size], "big")


def _accepted(signature: EmbeddedPdfSignature, trust: Trust, at: datetime) -> x509.Certificate:
    found = [signature.signer_cert, *signature.other_embedded_certs]
    if len(found) > _MOST_CERTIFICATES:
        raise PaperFault("untrusted_signer")
    chain = [_certificate(one) for one in found]
    try:
        trust.accept(chain, at)
    except UntrustedError as error:
        raise PaperFault(error.reason) from None
    return chain[0]


def _certificate(found: asn1_x509.Certificate) -> x509.Certificate:
    return x509.load_der_x509_certificate(found.dump())


def _token(root: Any) -> str:
    """Return the attached token of a PDF whose every byte is signed by us."""
    tree = root["/Names"]["/EmbeddedFiles"] if "/Names" in root else {}
    for name, attached in _attachments(tree, _DEEPEST):
        if name == TOKEN_FILE:
            return attached["/EF"]["/F"].data.decode("ascii")
    raise PaperFault("no_token")


def _attachments(node: Any, depth: int) -> Iterator[tuple[str, Any]]:
    names = node.get("/Names", [])
    for place in range(0, len(names) - 1, 2):
        yield str(names[place]), names[place + 1]
    if depth:
        for below in node.get("/Kids", []):
            yield from _attachments(below, depth - 1)
