"""Who certifies the keys: a root that stays offline, a seal certificate a year, a token certificate a year, a CRL.

The root is made once and signs only certificates and revocation lists; its file is then taken away, and nothing at run
time needs it. A seal certificate (keyUsage digitalSignature and nonRepudiation, or PDF readers refuse it) signs for a
year and stays valid for as long as a paper of its last day may be (`OVERLAP_DAYS`): the next one takes over while
the papers of the last still hold. Token keys are certified by the same root, so that a token can be judged offline by
the chain in its header, and published as JWKS for those who ask online.

Papers carry no time stamp of a third party, so a revoked key vouches for nothing, not even for what it claims to have
signed before: whoever has the key can write any date. For the same reason a revocation list holds until the longest
certificate has run out, not for days: bringing the root every week to say "nothing new" would end its being offline.
"""

import asyncio
import base64
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from asn1crypto import pem as asn1_pem
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from joserfc.jwk import ECKey
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import ExpiredError, NotYetValidError, PathBuildingError, ValidationError

from certificates.keys import KeyFault, Signer, SigningKey, read_key, save_key

ROOT_YEARS = 20
SIGNING_DAYS = 366
PAPER_DAYS = 180  # the longest validity that a holder may choose
OVERLAP_DAYS = PAPER_DAYS + 5
RENEW_DAYS = 30  # a new certificate is due when the current one signs for no longer than this

_T = TypeVar("_T")


@dataclass(frozen=True)
class Certified:
    """A fresh key and its chain, ready for `keys.save_key` or `keys.memory_signer`; the root is the chain's last."""

    key: SigningKey
    chain: tuple[x509.Certificate, ...]


class Root:
    """The root: certifies keys and revokes certificates. Opened only where an operator has brought its file.

    Attributes:
        certificate: the root's own, to be published.
    """

    def __init__(self, key: SigningKey, certificate: x509.Certificate) -> None:
        self._key = key
        self.certificate = certificate

    @classmethod
    def make(cls, organisation: str, path: Path, passphrase: str, at: datetime) -> "Root":
        """Make a root (RSA 4096, `ROOT_YEARS`) and write it to `path` as PKCS#12.

        Args:
            organisation: the university's name, as the certificates state it; at most 64 characters.
            path: where the operator takes it away from; never overwritten.
            passphrase: at least 12 characters.
            at: the moment it begins to hold, with a time zone.

        Raises:
            KeyFault: the passphrase is too short, or the file is there already.
        """
        key = rsa.generate_private_key(65537, 4096)
        name = _name(organisation, f"{organisation} Root {at:%Y}")
        until = at + timedelta(days=365 * ROOT_YEARS)
        builder = _builder(key, name, name, at, until).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        usage = _usage(key_cert_sign=True, crl_sign=True)
        certificate = builder.add_extension(usage, critical=True).sign(key, hashes.SHA256())
        save_key(path, key, [certificate], passphrase)
        return cls(key, certificate)

    @classmethod
    def open(cls, path: Path, passphrase: str) -> "Root":
        """Open a root's file.

        Raises:
            KeyFault: no such file, a wrong passphrase, or no root in it.
        """
        key, chain = read_key(path, passphrase)
        if chain[0].issuer != chain[0].subject:
            raise KeyFault(f"{path}: holds no root; nothing was certified. Bring the root's file")
        return cls(key, chain[0])

    def certify_seal(self, unit: str, at: datetime, crl_address: str = "") -> Certified:
        """Return a new seal key (RSA 3072) for papers, signing from `at` for `SIGNING_DAYS`.

        Args:
            unit: who seals, as readers of a PDF see it, such as `证明专用章`; at most 64 characters.
            at: the moment it begins to hold, with a time zone.
            crl_address: where the revocation list is published (`…/pki/crl`); "" names none.
        """
        usage = _usage(digital_signature=True, content_commitment=True)
        return self._certified(rsa.generate_private_key(65537, 3072), unit, usage, at, crl_address)

    def certify_token_key(self, issuer: str, at: datetime, crl_address: str = "") -> Certified:
        """Return a new key for tokens and status lists (P-256), signing from `at` for `SIGNING_DAYS`.

        Args:
            issuer: the `iss` address of its tokens; the certificate states it as a URI, and judges compare the two.
            at: as for `certify_seal`.
            crl_address: as for `certify_seal`.
        """
        usage = _usage(digital_signature=True)
        key = ec.generate_private_key(ec.SECP256R1())
        return self._certified(key, "Token issuer", usage, at, crl_address, issuer)

    def revocation_list(
        self, revoked: Iterable[tuple[int, datetime]], number: int, at: datetime
    ) -> x509.CertificateRevocationList:
        """Return the list of revoked certificates; it holds until the longest certificate has run out.

        Args:
            revoked: serial number and moment of each, the earlier ones included.
            number: of the list; higher than the last one's.
            at: the moment of the list, with a time zone.
        """
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(at)
            .next_update(at + timedelta(days=SIGNING_DAYS + OVERLAP_DAYS))
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(_authority(self.certificate), critical=False)
        )
        for serial, moment in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self._key, hashes.SHA256())

    def _certified(
        self,
        key: SigningKey,
        name: str,
        usage: x509.KeyUsage,
        at: datetime,
        crl_address: str,
        issuer: str = "",
    ) -> Certified:
        organisation = self.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value
        signs_until = at + timedelta(days=SIGNING_DAYS)
        builder = (
            _builder(
                key,
                _name(str(organisation), name),
                self.certificate.subject,
                at,
                signs_until + timedelta(days=OVERLAP_DAYS),
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.PrivateKeyUsagePeriod(at, signs_until), critical=False)
            .add_extension(_authority(self.certificate), critical=False)
        )
        if issuer:
            names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(issuer)])
            builder = builder.add_extension(names, critical=False)
        if crl_address:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_address)], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        return Certified(key, (builder.sign(self._key, hashes.SHA256()), self.certificate))


class UntrustedError(Exception):
    """A certificate does not lead to a root that is trusted. `reason` is a code of `judging.REASONS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Trust:
    """What a judge relies on: roots and their revocation lists. Nothing is fetched.

    Attributes:
        roots: certificates that are trusted by themselves.
        lists: revocation lists; for a root without one nothing counts as revoked.
        issuers: `iss` addresses whose tokens are ours; () accepts any that a root's certificate states.
    """

    roots: tuple[x509.Certificate, ...]
    lists: tuple[x509.CertificateRevocationList, ...] = ()
    issuers: tuple[str, ...] = ()

    def __hash__(self) -> int:
        return hash(self._pem)  # a revocation list has no hash of its own

    @cached_property
    def _pem(self) -> bytes:
        return b"".join(one.public_bytes(Encoding.PEM) for one in (*self.roots, *self.lists))

    def to_pem(self) -> bytes:
        """Return roots and lists as one PEM text: what `/pki` publishes."""
        return self._pem

    @classmethod
    def from_pem(cls, pem: bytes, issuers: Sequence[str] = ()) -> "Trust":
        """Read roots and lists back from PEM.

        Raises:
            ValueError: nothing in it is a certificate, or something in it is neither certificate nor list.
        """
        found = [(kind, content) for kind, _, content in asn1_pem.unarmor(pem, multiple=True)]
        if other := {kind for kind, _ in found} - {"CERTIFICATE", "X509 CRL"}:
            raise ValueError(f"{', '.join(sorted(other))}: neither a certificate nor a revocation list")
        if "CERTIFICATE" not in {kind for kind, _ in found}:
            raise ValueError("no certificate in it")
        return cls(
            tuple(x509.load_der_x509_certificate(der) for kind, der in found if kind == "CERTIFICATE"),
            tuple(x509.load_der_x509_crl(der) for kind, der in found if kind == "X509 CRL"),
            tuple(issuers),
        )

    def context(self, at: datetime) -> ValidationContext:
        """Return pyHanko's form of the roots at a moment; it fetches nothing. Revocation is `revocation`'s."""
        return ValidationContext(
            trust_roots=[_asn1(one) for one in self.roots], moment=at, allow_fetching=False
        )

    def revocation(self, path: Iterable[asn1_x509.Certificate], at: datetime) -> str:
        """Return why a path from a root to a signer does not hold because of revocation; "" where it holds.

        Whatever a list names is revoked, from when it does not matter (see the module). pyHanko would weigh dates, and
        would leave out certificates that name no distribution point.

        Args:
            path: the certificates, the root first.
            at: the moment of judging.
        """
        certificates = [x509.load_der_x509_certificate(one.dump()) for one in path]
        for issuer, certificate in pairwise(certificates):
            lists = [one for one in self.lists if _is_list_of(one, issuer)]
            if any(one.get_revoked_certificate_by_serial_number(certificate.serial_number) for one in lists):
                return "signer_revoked"
            if lists and max(one.next_update_utc or one.last_update_utc for one in lists) < at:
                return "revocation_list_stale"
        return ""

    def accept(self, chain: Sequence[x509.Certificate], at: datetime) -> None:
        """Accept a chain whose first key may sign, at a moment.

        Raises:
            UntrustedError: `untrusted_signer`, `signer_revoked`, `signer_expired`, `signer_not_yet_valid`,
                `revocation_list_stale`.
        """
        # To the next full minute, so that one judgement of a chain serves all its tokens of that minute.
        minute = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
        if refusal := _refusal(self, tuple(chain), minute):
            raise UntrustedError(refusal)


@lru_cache(maxsize=64)
def _refusal(trust: Trust, chain: tuple[x509.Certificate, ...], at: datetime) -> str:
    first, *others = (_asn1(one) for one in chain)
    validator = CertificateValidator(first, others, validation_context=trust.context(at))
    try:
        path = finished(validator.async_validate_usage({"digital_signature"}))
    except (ValidationError, PathBuildingError) as error:
        return reason_of(error)
    return trust.revocation(path, at)


def finished(work: Coroutine[Any, Any, _T]) -> _T:
    """Return what one of pyHanko's coroutines returns, in a thread of its own: the caller's may have an event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def reason_of(error: ValidationError | PathBuildingError) -> str:
    """Return what pyHanko's refusal of a chain is, as a code of `judging.REASONS`."""
    if isinstance(error, ExpiredError):
        return "signer_expired"
    if isinstance(error, NotYetValidError):
        return "signer_not_yet_valid"
    return "untrusted_signer"


def signs_from(certificate: x509.Certificate) -> datetime:
    """Return the moment from which a certificate's key signs; UTC."""
    return certificate.not_valid_before_utc


def signs_until(certificate: x509.Certificate) -> datetime:
    """Return the moment from which a certificate's key signs nothing new (its papers hold longer); UTC.

    A certificate of another CA that states no period of use signs until its papers could outlive it.
    """
    try:
        period = certificate.extensions.get_extension_for_class(x509.PrivateKeyUsagePeriod).value
    except x509.ExtensionNotFound:
        return certificate.not_valid_after_utc - timedelta(days=OVERLAP_DAYS)
    if period.not_after is None:
        return certificate.not_valid_after_utc - timedelta(days=OVERLAP_DAYS)
    return period.not_after.replace(tzinfo=UTC)


def current(signers: Iterable[Signer], at: datetime) -> Signer | None:
    """Return the signer to use at a moment: of those that may sign then, the one certified last; None: none may."""
    able = [one for one in signers if signs_from(one.chain[0]) <= at < signs_until(one.chain[0])]
    return max(able, key=lambda one: signs_from(one.chain[0]), default=None)


def renewal_due(signers: Iterable[Signer], at: datetime) -> date | None:
    """Return the day by which a new certificate is needed if that is within `RENEW_DAYS` or past, else None."""
    last = max((signs_until(one.chain[0]) for one in signers), default=at)
    return last.date() if last - at <= timedelta(days=RENEW_DAYS) else None


def key_set(signers: Iterable[Signer], at: datetime) -> dict[str, Any]:
    """Return the JWKS of the token keys whose tokens may still hold: `kid` (RFC 7638), `use`, `alg`, `x5c`."""
    return {
        "keys": [
            public_key(one.chain[0]).as_dict(private=False)
            | {
                "kid": key_id(one.chain[0]),
                "use": "sig",
                "alg": one.algorithm,
                "x5c": list(header_chain(one.chain)),
            }
            for one in signers
            if one.chain[0].not_valid_before_utc <= at < one.chain[0].not_valid_after_utc
        ]
    }


@lru_cache(maxsize=64)
def key_id(certificate: x509.Certificate) -> str:
    """Return the RFC 7638 thumbprint of a certificate's P-256 key: the `kid` of its tokens."""
    return public_key(certificate).thumbprint()


@lru_cache(maxsize=64)
def public_key(certificate: x509.Certificate) -> ECKey:
    """Return the P-256 key of a certificate.

    Raises:
        KeyFault: it has another key.
    """
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyFault(
            "the certificate's key is not P-256; tokens are signed with ES256. Certify a token key"
        )
    return ECKey.import_key(key.public_numbers().public_key())


@lru_cache(maxsize=64)
def header_chain(chain: tuple[x509.Certificate, ...]) -> tuple[str, ...]:
    """Return a chain as the header `x5c` has it: DER in base64, without roots, which a judge has to bring."""
    named = [one for one in chain if one.issuer != one.subject]
    return tuple(base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in named)


def name_of(certificate: x509.Certificate) -> str:
    """Return organisation and name of a certificate, as people read it."""
    found = (
        certificate.subject.get_attributes_for_oid(oid)
        for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
    )
    return " ".join(str(one[0].value) for one in found if one)


def issuers_of(certificate: x509.Certificate) -> Iterator[str]:
    """Yield the `iss` addresses that a certificate states."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return
    yield from names.get_values_for_type(x509.UniformResourceIdentifier)


def _name(organisation: str, name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _builder(
    key: SigningKey, subject: x509.Name, issuer: x509.Name, at: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _authority(certificate: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    held = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(held)


def _usage(
    digital_signature: bool = False,
    content_commitment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,  # X.509's later name of nonRepudiation
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _is_list_of(revoked: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    if revoked.issuer != issuer.subject or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return False
    return revoked.is_signature_valid(key)


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
