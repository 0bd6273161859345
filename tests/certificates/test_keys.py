"""Where keys are kept is the address's matter; a key that anyone could use is refused, and errors tell no secret."""

import secrets
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from certificates import tokens
from certificates.keys import UNCLAIMED, KeyFault, Signer, memory_signer, open_signer, save_key
from certificates.pki import Certified
from tests.certificates.office import LATER, PASSPHRASE, openssl_accepts, pem_of
from tests.support.needs import need_program

SOFTHSM = [Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")]
DATA = b"what is signed"


def verified(signer: Signer) -> None:
    key = signer.chain[0].public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signer.sign(DATA), DATA, padding.PKCS1v15(), hashes.SHA256())
    else:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(signer.sign(DATA), DATA, ec.ECDSA(hashes.SHA256()))


def in_pem(certified: Certified, passphrase: str) -> bytes:
    way = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    key = certified.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, way)
    return b"".join(one.public_bytes(Encoding.PEM) for one in certified.chain) + key


@pytest.fixture(scope="module")
def key_file(office, tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "seal.p12"
    save_key(path, office.seal_key.key, office.seal_key.chain, PASSPHRASE)
    return path


def test_a_key_is_read_from_pkcs12_with_its_chain_in_order(office, key_file):
    signer = open_signer(f"file:{key_file}", PASSPHRASE)
    assert signer.chain == office.seal_key.chain and signer.algorithm == "RS256"
    verified(signer)


def test_a_key_is_read_from_pem_with_an_encrypted_key(office, tmp_path):
    (tmp_path / "token.pem").write_bytes(in_pem(office.token_key, PASSPHRASE))
    signer = open_signer(f"file:{tmp_path / 'token.pem'}", PASSPHRASE)
    assert signer.chain == office.token_key.chain and signer.algorithm == "ES256"
    verified(signer)


def test_a_key_file_is_its_owners_alone_and_never_written_over(office, key_file):
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    before = key_file.read_bytes()
    with pytest.raises(KeyFault, match="is there already"):
        save_key(key_file, office.token_key.key, office.token_key.chain, PASSPHRASE)
    assert key_file.read_bytes() == before


def test_a_short_passphrase_writes_nothing(office, tmp_path):
    with pytest.raises(KeyFault, match="shorter than 12"):
        save_key(tmp_path / "seal.p12", office.seal_key.key, office.seal_key.chain, "elevenchars")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("passphrase", ["", "not that one at all"])
def test_a_wrong_or_missing_passphrase_is_an_error_that_tells_no_secret(key_file, passphrase):
    with pytest.raises(KeyFault, match=r"seal\.p12.*nothing was signed") as told:
        open_signer(f"file:{key_file}", passphrase)
    assert PASSPHRASE not in str(told.value) and (not passphrase or passphrase not in str(told.value))


def test_a_key_without_encryption_is_refused(office, tmp_path):
    (tmp_path / "open.pem").write_bytes(in_pem(office.token_key, ""))
    with pytest.raises(KeyFault, match="no encrypted key"):
        open_signer(f"file:{tmp_path / 'open.pem'}", PASSPHRASE)


@pytest.mark.parametrize("written", [b"", b"nothing of a key", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_that_holds_no_key_is_an_error(tmp_path, written):
    (tmp_path / "key").write_bytes(written)
    with pytest.raises(KeyFault, match="nothing was signed"):
        open_signer(f"file:{tmp_path / 'key'}", PASSPHRASE)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(KeyFault, match="cannot be read"):
        open_signer(f"file:{tmp_path / 'none.p12'}", PASSPHRASE)


@pytest.mark.parametrize("slot", sorted(UNCLAIMED))
def test_slots_for_a_licensed_ca_are_named_and_unclaimed(slot):
    with pytest.raises(KeyFault, match=rf"{slot}:.*licensed CA.*nothing was signed"):
        open_signer(f"{slot}:anything", PASSPHRASE)


def test_an_unknown_kind_of_key_is_an_error():
    with pytest.raises(KeyFault, match="no such kind of key"):
        open_signer("https://elsewhere/key", PASSPHRASE)


def test_a_key_does_not_sign_under_another_certificate(office):
    with pytest.raises(KeyFault, match="not that of its certificate"):
        memory_signer(office.seal_key.key, office.token_key.chain)


@pytest.fixture(scope="module")
def device(office, tmp_path_factory):
    """A PKCS#11 device in software that holds both keys with their certificates: its module and its PIN."""
    pkcs11 = pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed (extras/pkcs11.in)")
    program = need_program("softhsm2-util", package="softhsm2")
    module = next((path for path in SOFTHSM if path.exists()), None)
    if module is None:
        pytest.skip("SoftHSM2's module is not where Debian puts it (package softhsm2)")
    place = tmp_path_factory.mktemp("device")
    (place / "tokens").mkdir()
    (place / "softhsm2.conf").write_text(f"directories.tokendir = {place / 'tokens'}\n")
    pin = secrets.token_hex(8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(place / "softhsm2.conf"))
        named = ("--init-token", "--free", "--label", "seals", "--pin", pin, "--so-pin", pin)
        subprocess.run([program, *named], check=True, capture_output=True)
        for label, certified in (("seal", office.seal_key), ("token", office.token_key)):
            kept = certified.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            (place / "key.pem").write_bytes(kept)
            named = ("--import", str(place / "key.pem"), "--token", "seals", "--pin", pin, "--label", label)
            subprocess.run([program, *named, "--id", label.encode().hex()], check=True, capture_output=True)
        (place / "key.pem").unlink()
        with pkcs11.lib(str(module)).get_token(token_label="seals").open(user_pin=pin, rw=True) as session:
            held = [("seal", office.seal_key.chain[0]), ("token", office.token_key.chain[0])]
            for label, certificate in [*held, ("root", office.root.certificate)]:
                session.create_object(
                    {
                        pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
                        pkcs11.Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                        pkcs11.Attribute.LABEL: label,
                        pkcs11.Attribute.TOKEN: True,
                        pkcs11.Attribute.SUBJECT: certificate.subject.public_bytes(),
                        pkcs11.Attribute.VALUE: certificate.public_bytes(Encoding.DER),
                    }
                )
        yield module, pin


def test_a_wrong_pin_is_an_error(device):  # before a right one: a device is logged in to once a process
    module, pin = device
    with pytest.raises(KeyFault, match="PinIncorrect of the device") as told:
        open_signer(f"pkcs11:token=seals;object=seal?module-path={module}", "0000")
    assert pin not in str(told.value)


def test_a_key_in_a_device_seals_papers_and_signs_tokens(office, device, tmp_path):
    module, pin = device
    seal = open_signer(f"pkcs11:token=seals;object=seal?module-path={module}", pin)
    signer = open_signer(f"pkcs11:token=seals;object=token?module-path={module}", pin)
    assert seal.chain == office.seal_key.chain and signer.chain == office.token_key.chain
    verified(seal)
    verified(signer)
    assert openssl_accepts(office.paper(seal=seal), pem_of(office.root), tmp_path)
    token = tokens.issue(
        signer,
        issuer="https://yici.example",
        kind="kind",
        token_id="id",
        claims={},
        disclosable=[],
        issued_at=LATER,
        expires_at=LATER.replace(year=LATER.year + 1),
    )
    assert tokens.check(token.text, office.trust, LATER).token_id == "id"


def test_an_address_with_a_pin_in_it_is_refused_and_not_repeated():
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed (extras/pkcs11.in)")
    with pytest.raises(KeyFault, match="holds a PIN") as told:
        open_signer("pkcs11:token=seals;object=seal?module-path=/x.so&pin-value=4711", "4711")
    assert "4711" not in str(told.value)


@pytest.mark.parametrize("named", ["token=seals;object=none", "token=none;object=seal", "object=seal", ""])
def test_what_is_not_in_the_device_is_an_error_that_names_the_address(device, named):
    module, pin = device
    with pytest.raises(KeyFault, match=r"pkcs11:.*nothing was signed") as told:
        open_signer(f"pkcs11:{named}?module-path={module}", pin)
    assert pin not in str(told.value)


def test_a_device_whose_module_is_not_there_is_an_error(device):
    with pytest.raises(KeyFault, match="nothing was signed"):
        open_signer("pkcs11:token=seals;object=seal?module-path=/nowhere/module.so", "0000")
