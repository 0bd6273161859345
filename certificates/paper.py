"""The paper: plain data in, a sealed PDF out, with the token attached and the seal over all of it.

What a certificate says is decided before (the service reads facts, the catalog has the sentences); here it is laid out.
The layout is a `Template`, plain data that a unit writes in the catalog. Typst sets the page with the fonts of
`catalogs.exports.printing`, embedded and subset, so that 生僻字 show and can be copied; equal content prints
equal pages.

The seal is a PAdES signature that certifies every byte of the file and allows no change after it. pyHanko makes it; the
key is a `Signer`, wherever that keeps it. Nothing is fetched: the signer's certificates go into the signature, no time
stamp and no revocation data do (`pki` says what follows from that).
"""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Literal

import segno
from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.signers.pdf_signer import PdfSigningSession
from pyhanko_certvalidator.registry import SimpleCertificateStore

from catalogs.exports.printing import Press
from certificates import codes
from certificates.keys import RS256, Signer
from certificates.pki import finished

Language = Literal["zh", "en", "both"]
TOKEN_FILE = "certificate.sd-jwt"
TOKEN_MEDIA_TYPE = "application/dc+sd-jwt"
_TEMPLATE = "certificate.typ"
_FIELD = "Seal"
_ROOM = 3_000  # bytes of a seal besides its certificates: attributes, names, a signature of up to 8192 bits
# What stands for them in a form of a seal; nothing else in one is as these are.
_DIGEST_MARK, _SIGNATURE_MARK = (
    hashlib.sha256(f"yici seal: {name}".encode()).digest() for name in ("digest", "signature")
)


@dataclass(frozen=True)
class Text:
    """The same in Chinese and English; a paper in one language reads only that one."""

    zh: str
    en: str = ""


_LABELS = {
    "number": Text("编号", "No."),
    "code": Text("核验码", "Code"),
    "item": Text("事项", "Item"),
    "value": Text("内容", "Value"),
    "provider": Text("数源单位", "Data provider"),
    "asOf": Text("数据日期", "As of"),
    "validUntil": Text("有效期至", "Valid until"),
}
_MARK = Text("校内核验用", "For verification on campus")
_ATTACHED = Text("本证明的可核验数据", "The verifiable data of this certificate")
_HOW_TO = Text(
    "本件为电子证明, 以文件内的数字签名为准; 打印件请扫码或凭核验码核验:",
    "The digital signature in the file decides; check a print by this code or at:",
)
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True)
class Line:
    """One value: what it is, what it says, who answers for it and as of which day."""

    label: Text
    value: Text
    provider: Text
    as_of: date


@dataclass(frozen=True)
class Template:
    """How certificates of a kind look; plain data, every field with a default.

    Attributes:
        accent: colour of the title's rule, `#rrggbb`.
        statement_first: whether the sentence stands above the table of values or below it.
        show_providers: whether the table has the columns provider and date; without them they are told below it.
        notes: small print below the table, paragraphs.
        signature: what stands above the issuer's name, such as 特此证明。
        paper: `a4` or `us-letter`.
    """

    accent: str = "#8a1c1c"
    statement_first: bool = True
    show_providers: bool = True
    notes: tuple[Text, ...] = ()
    signature: Text = field(default_factory=lambda: Text("特此证明。", "This is hereby certified."))
    paper: Literal["a4", "us-letter"] = "a4"


@dataclass(frozen=True)
class Content:
    """What one certificate says.

    Attributes:
        title: such as 在读证明, Certificate of Enrolment.
        statement: the sentence; paragraphs are separated by a newline. "" prints none.
        lines: the values.
        number: as the register counts it.
        code: the stored form of `codes`; printed in groups.
        issued_on: the campus's day of issue.
        valid_until: the last day of validity, printed as such.
        verify_address: the full address that the QR code opens.
        university: whose certificate it is.
        unit: who issues it.
        is_internal: whether 校内核验用 is printed over it: true while the root is our own.
    """

    title: Text
    statement: Text
    lines: tuple[Line, ...]
    number: str
    code: str
    issued_on: date
    valid_until: date
    verify_address: str
    university: Text
    unit: Text
    is_internal: bool = True


def print_paper(press: Press, template: Template, content: Content, language: Language, token: str) -> bytes:
    """Return the paper as an unsealed PDF, the token attached as `TOKEN_FILE`.

    Args:
        press: shared; safe between threads.
        template: the layout.
        content: what it says.
        language: `zh`, `en` or `both`.
        token: the whole SD-JWT.

    Raises:
        ValueError: a text that the language needs is empty; names which, never its value.
    """
    if empty := sorted({name for name, text in _needed(template, content) if "" in _chosen(text, language)}):
        raise ValueError(f"{', '.join(empty)}: no text in {language}; nothing was printed")

    def told(text: Text) -> list[str]:
        return _chosen(text, language)

    sources = {(told(line.provider)[0], line.as_of): line for line in content.lines}.values()
    data = {
        "accent": template.accent,
        "paper": template.paper,
        "lang": "en" if language == "en" else "zh",
        "region": "gb" if language == "en" else "cn",
        "labels": {name: told(text) for name, text in _LABELS.items()},
        "university": told(content.university),
        "mark": told(_MARK) if content.is_internal else [],
        "title": told(content.title),
        "number": content.number,
        "code": codes.shown(content.code),
        "statement": _paragraphs(content.statement, language),
        "statementFirst": template.statement_first,
        "showProviders": template.show_providers,
        "lines": [
            {
                "label": told(line.label),
                "value": told(line.value),
                "provider": told(line.provider),
                "asOf": line.as_of.isoformat(),
            }
            for line in content.lines
        ],
        "sources": [[*told(line.provider), line.as_of.isoformat()] for line in sources],
        "notes": [told(note) for note in template.notes],
        "signature": told(template.signature),
        "unit": told(content.unit),
        "issuedOn": told(_day(content.issued_on)),
        "date": [content.issued_on.year, content.issued_on.month, content.issued_on.day],
        "validUntil": content.valid_until.isoformat(),
        "howTo": told(_HOW_TO),
        "verify": content.verify_address,
        "attachment": TOKEN_FILE,
        "mediaType": TOKEN_MEDIA_TYPE,
        "attached": told(_ATTACHED),
        "token": token,
    }
    return press.document(_TEMPLATE, data, _qr(content.verify_address))


def seal(pdf: bytes, signer: Signer, at: datetime, place: str = "") -> bytes:
    """Certify a PDF: one PAdES signature over all of it, no changes allowed.

    Args:
        pdf: what `print_paper` returned.
        signer: the seal's key.
        at: the moment that the signature states, with a time zone.
        place: the university's name, shown by readers as the place of signing; "" states none.

    Raises:
        KeyFault: the key does not sign.
    """
    meta = signers.PdfSignatureMetadata(
        field_name=_FIELD,
        md_algorithm="sha256",
        location=place or None,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
        subfilter=SigSeedSubFilter.PADES,
    )
    out = io.BytesIO()
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    certifier = _Certifier(meta, _bridge(signer), at)
    finished(certifier.async_sign_pdf(writer, bytes_reserved=_room(signer), output=out))
    return out.getvalue()


def _room(signer: Signer) -> int:
    """Return how many hexadecimal digits to keep free for the seal; pyHanko would sign twice to find out."""
    travelling = [one for one in signer.chain if one.issuer != one.subject]
    return 2 * (_ROOM + sum(len(one.public_bytes(Encoding.DER)) for one in travelling))


def _chosen(text: Text, language: Language) -> list[str]:
    """Return a text in the language or in both, the main one first."""
    return {"zh": [text.zh], "en": [text.en], "both": [text.zh, text.en]}[language]


def _paragraphs(text: Text, language: Language) -> list[dict[str, Any]]:
    """Return the paragraphs of a text; Chinese ones are indented by two signs."""
    told = zip(("zh", "en") if language == "both" else (language,), _chosen(text, language), strict=True)
    return [
        {"indent": 2 if name == "zh" else 0, "text": one} for name, text in told for one in text.splitlines()
    ]


def _needed(template: Template, content: Content) -> Iterator[tuple[str, Text]]:
    yield from (("title", content.title), ("university", content.university), ("unit", content.unit))
    for line in content.lines:
        yield from (("label", line.label), ("value", line.value), ("provider", line.provider))
    if content.statement != Text(""):
        yield "statement", content.statement
    yield "signature", template.signature
    yield from (("note", note) for note in template.notes)


def _day(on: date) -> Text:
    return Text(f"{on.year} 年 {on.month} 月 {on.day} 日", f"{on.day} {_MONTHS[on.month - 1]} {on.year}")


def _qr(address: str) -> str:
    """Return the QR code of an address as SVG.

    With a fixed mask: to try all eight takes a tenth of the time of a whole paper, and readers read any.
    """
    out = io.BytesIO()
    segno.make(address, error="m", micro=False, mask=0).save(out, kind="svg", xmldecl=False, border=0)
    return out.getvalue().decode()


class _Bridge(signers.Signer):
    """A `Signer` as pyHanko wants one; both hash with SHA-256, as `seal` asks."""

    def __init__(self, signer: Signer) -> None:
        own, *others = (asn1_x509.Certificate.load(one.public_bytes(Encoding.DER)) for one in signer.chain)
        store = SimpleCertificateStore()
        store.register_multiple(others)
        super().__init__(signing_cert=own, cert_registry=store, embed_roots=False)
        self._signer = signer

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        return self._signer.sign(data)


class _QuickBridge(_Bridge):
    """A bridge to an RSA key, whose seals (CMS) differ in two places only: the file's digest and the signature.

    pyHanko puts one together with marks in these places; each further seal has its own there. To put every one together
    would take longer than all else about a seal.
    """

    def __init__(self, signer: Signer, signature_bytes: int) -> None:
        super().__init__(signer)
        self._marker = _Marker(signer.chain, _SIGNATURE_MARK * (signature_bytes // len(_SIGNATURE_MARK)))
        self._form = b""

    async def async_sign(self, data_digest: bytes, digest_algorithm: str, **asked: Any) -> cms.ContentInfo:
        if not self._form:
            made = await _Bridge(self._marker).async_sign(_DIGEST_MARK, digest_algorithm, **asked)
            self._form = made.dump()
        signature = self._signer.sign(_with(self._marker.signed, _DIGEST_MARK, data_digest))
        own = _with(self._form, _DIGEST_MARK, data_digest)
        return cms.ContentInfo.load(_with(own, self._marker.signature, signature))


@dataclass(eq=False)
class _Marker:
    """A key that signs nothing: it keeps what is to be signed, and returns a mark."""

    chain: tuple[x509.Certificate, ...]
    signature: bytes
    signed: bytes = b""
    algorithm: str = RS256

    def sign(self, data: bytes) -> bytes:
        self.signed = data
        return self.signature


def _with(form: bytes, mark: bytes, value: bytes) -> bytes:
    """Return a form with a value in place of its one mark."""
    before, after = form.split(mark)
    if len(value) != len(mark):
        raise ValueError("the value is longer or shorter than its place")
    return before + value + after


@lru_cache(maxsize=8)
def _bridge(signer: Signer) -> _Bridge:
    key = signer.chain[0].public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size % (8 * len(_SIGNATURE_MARK)):
        return _Bridge(signer)
    return _QuickBridge(signer, key.key_size // 8)


class _Certifier(signers.PdfSigner):
    """pyHanko's way to sign a PDF, with the moment told instead of the clock's."""

    def __init__(self, meta: signers.PdfSignatureMetadata, bridge: _Bridge, at: datetime) -> None:
        super().__init__(meta, bridge)
        self._at = at

    def init_signing_session(self, pdf_out: Any, existing_fields_only: bool = False) -> PdfSigningSession:
        session = super().init_signing_session(pdf_out, existing_fields_only)
        session.system_time = self._at
        return session
