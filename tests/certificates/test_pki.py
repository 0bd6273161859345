"""An offline root, keys for a year that overlap, and revocation that counts whatever the date."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc.jwk import KeySet

from certificates import pki, tokens
from certificates.keys import KeyFault, memory_signer
from certificates.pki import OVERLAP_DAYS, PAPER_DAYS, SIGNING_DAYS, Root, Trust, UntrustedError
from tests.certificates.office import AT, ISSUER, LATER, PASSPHRASE, Office, pem_of, ran
from tests.support.needs import need_program

YEAR_LATER = AT + timedelta(days=SIGNING_DAYS - 10)


def usage(certificate: x509.Certificate) -> x509.KeyUsage:
    return certificate.extensions.get_extension_for_class(x509.KeyUsage).value


@pytest.fixture(scope="module")
def next_seal(office):
    return office.root.certify_seal("证明专用章", YEAR_LATER)


def test_a_seal_certificate_is_one_that_pdf_readers_accept(office):
    seal = office.seal_key.chain[0]
    assert usage(seal).digital_signature and usage(seal).content_commitment and not usage(seal).key_cert_sign
    assert usage(office.root.certificate).key_cert_sign and usage(office.root.certificate).crl_sign
    assert not seal.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_openssl_accepts_chain_and_revocation_list(office, tmp_path):
    openssl = need_program("openssl", package="openssl")
    (tmp_path / "root.pem").write_bytes(pem_of(office.root))
    (tmp_path / "seal.pem").write_bytes(office.seal_key.chain[0].public_bytes(Encoding.PEM))
    for key, is_accepted in ((office.token_key, True), (office.seal_key, False)):
        revoked = office.revoking(key)
        (tmp_path / "crl.pem").write_bytes(revoked.lists[0].public_bytes(Encoding.PEM))
        named = ("-CAfile", tmp_path / "root.pem", "-CRLfile", tmp_path / "crl.pem", "-crl_check")
        assert (ran(openssl, "verify", *named, tmp_path / "seal.pem").returncode == 0) is is_accepted


def test_the_root_is_opened_with_its_passphrase_alone(office):
    assert Root.open(office.root_file, PASSPHRASE).certificate == office.root.certificate
    with pytest.raises(KeyFault, match="another passphrase"):
        Root.open(office.root_file, "not the passphrase")


def test_a_seals_file_is_no_root(office, tmp_path):
    from certificates.keys import save_key

    save_key(tmp_path / "seal.p12", office.seal_key.key, office.seal_key.chain, PASSPHRASE)
    with pytest.raises(KeyFault, match="holds no root"):
        Root.open(tmp_path / "seal.p12", PASSPHRASE)


def test_the_newest_key_signs_and_papers_of_the_last_one_still_hold(office, next_seal):
    old, new = office.seal, memory_signer(next_seal.key, next_seal.chain)
    assert pki.current([old], LATER) is old
    assert pki.current([old, new], LATER) is old  # the new one's turn has not come
    assert pki.current([old, new], YEAR_LATER) is new
    assert pki.current([new, old], YEAR_LATER) is new
    last_day = pki.signs_until(old.chain[0])
    assert pki.current([old], last_day) is None
    last_paper_ends = last_day + timedelta(days=PAPER_DAYS)
    office.trust.accept(old.chain, last_paper_ends)
    with pytest.raises(UntrustedError, match="signer_expired"):
        Trust(office.trust.roots).accept(old.chain, last_day + timedelta(days=OVERLAP_DAYS + 1))


def test_a_renewal_is_due_a_month_before_the_last_key_stops_signing(office, next_seal):
    old, new = office.seal, memory_signer(next_seal.key, next_seal.chain)
    until = pki.signs_until(old.chain[0])
    assert pki.renewal_due([old], until - timedelta(days=31)) is None
    assert pki.renewal_due([old], until - timedelta(days=29)) == until.date()
    assert pki.renewal_due([old], until + timedelta(days=1)) == until.date()
    assert pki.renewal_due([old, new], until) is None
    assert pki.renewal_due([], AT) == AT.date()


def test_a_key_is_accepted_from_its_first_second(office):
    office.trust.accept(office.seal.chain, AT)


def test_a_key_is_not_accepted_before_it_holds(office):
    with pytest.raises(UntrustedError, match="signer_not_yet_valid"):
        office.trust.accept(office.seal.chain, AT - timedelta(days=2))


@pytest.mark.parametrize("moment", [AT - timedelta(days=100), AT, AT + timedelta(days=100)])
def test_a_revoked_key_vouches_for_nothing_whatever_the_date(office, moment):
    revoked = [(office.token_key.chain[0].serial_number, moment)]
    trust = Trust((office.root.certificate,), (office.root.revocation_list(revoked, 2, AT),))
    with pytest.raises(UntrustedError, match="signer_revoked"):
        trust.accept(office.token_key.chain, LATER)
    trust.accept(office.seal_key.chain, LATER)


def test_a_revocation_in_an_earlier_list_counts_beside_a_later_one(office):
    earlier, later = office.revoking(office.seal_key).lists[0], office.root.revocation_list([], 3, LATER)
    with pytest.raises(UntrustedError, match="signer_revoked"):
        Trust((office.root.certificate,), (later, earlier)).accept(office.seal_key.chain, LATER)


def test_a_list_that_is_too_old_says_nothing(office):
    long_ago = office.root.revocation_list([], 1, AT - timedelta(days=SIGNING_DAYS + OVERLAP_DAYS + 1))
    with pytest.raises(UntrustedError, match="revocation_list_stale"):
        Trust((office.root.certificate,), (long_ago,)).accept(office.seal_key.chain, LATER)


def test_a_strangers_list_revokes_nothing(office, stranger):
    revoked = [(office.seal_key.chain[0].serial_number, AT)]
    forged = stranger.root.revocation_list(revoked, 9, AT)
    Trust((office.root.certificate,), (forged,)).accept(office.seal_key.chain, LATER)


def test_a_root_of_the_same_name_is_another_root(office, stranger):
    with pytest.raises(UntrustedError, match="untrusted_signer"):
        office.trust.accept(stranger.seal_key.chain, LATER)
    with pytest.raises(UntrustedError, match="untrusted_signer"):
        office.trust.accept([stranger.seal_key.chain[0], office.root.certificate], LATER)


def test_a_certified_key_certifies_nobody(office, tmp_path):
    below = Root(office.seal_key.key, office.seal_key.chain[0]).certify_token_key(ISSUER, AT)
    with pytest.raises(UntrustedError, match="untrusted_signer"):
        office.trust.accept([below.chain[0], *office.seal_key.chain], LATER)


def test_trust_survives_its_published_form(office):
    trust = office.revoking(office.seal_key)
    again = Trust.from_pem(trust.to_pem(), trust.issuers)
    assert again.roots == trust.roots and again.issuers == trust.issuers and again.to_pem() == trust.to_pem()
    with pytest.raises(UntrustedError, match="signer_revoked"):
        again.accept(office.seal_key.chain, LATER)


@pytest.mark.parametrize(
    "pem", [b"", b" \n", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_trust_is_refused(pem):
    with pytest.raises(ValueError):
        Trust.from_pem(pem)


def test_a_private_key_is_never_read_as_trust(office):
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

    key = office.token_key.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match="PRIVATE KEY: neither"):
        Trust.from_pem(office.trust.to_pem() + key)


def test_the_published_key_set_verifies_tokens_and_forgets_what_no_longer_holds(office: Office):
    published = pki.key_set([office.signer], LATER)
    assert [key["kid"] for key in published["keys"]] == [pki.key_id(office.token_key.chain[0])]
    assert not any("d" in key for key in published["keys"])
    from joserfc import jws

    head = tokens.select(office.token(), []).partition("~")[0]
    registry = jws.JWSRegistry(algorithms=["ES256"])
    registry.max_header_length = 20_000
    assert jws.deserialize_compact(head, KeySet.import_key_set(published), registry=registry).payload
    assert pki.key_set([office.signer], LATER + timedelta(days=2_000)) == {"keys": []}


def test_papers_key_is_no_tokens_key(office):
    with pytest.raises(KeyFault, match="not P-256"):
        pki.key_set([office.seal], LATER)
