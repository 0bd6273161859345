"""The seal: judges of other make find it good, and none does after any byte has changed."""

import asyncio
import hashlib
import os
import random
import re
import sys
from pathlib import Path

import pytest
from asn1crypto import cms
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes

from certificates import judging, paper
from certificates.keys import KeyFault
from tests.certificates.office import (
    AT,
    LATER,
    Office,
    openssl_accepts,
    pem_of,
    poppler_accepts,
    ran,
    signature_of,
    text_of,
)
from tests.support.needs import need_program

# `make soak` flips every byte before our own judge, and some hundred before poppler and openssl.
SLOW_FLIPS, FLIPS = int(os.environ.get("YICI_SLOW_FLIPS", 8)), int(os.environ.get("YICI_FLIPS", 60))


def ours_accepts(pdf: bytes, office: Office) -> bool:
    """Judge in this process, without the child: the same decision, many times faster."""
    return judging.read_paper("pdf", pdf, office.trust, LATER)["reason"] == "valid"


def pyhanko_accepts(pdf: bytes, office: Office, folder) -> bool:
    (folder / "pyhanko.pdf").write_bytes(pdf)
    (folder / "root.pem").write_bytes(pem_of(office.root))
    program = Path(sys.executable).with_name("pyhanko")
    if not program.exists():
        pytest.skip("pyhanko-cli is not installed (requirements-dev.in)")
    named = (
        "--no-revocation-check",
        "--trust",
        folder / "root.pem",
        "--trust-replace",
        "--executive-summary",
    )
    done = ran(program, "sign", "validate", *named, folder / "pyhanko.pdf", cwd=folder)
    return done.returncode == 0 and b":VALID" in done.stdout.replace(b" ", b"")


def unsealed(pdf: bytes) -> bytes:
    """Return the paper before the seal was added."""
    return pdf[: pdf.index(b"%%EOF") + 6]


def flipped(pdf: bytes, place: int) -> bytes:
    changed = bytearray(pdf)
    changed[place] ^= 1 << place % 8
    return bytes(changed)


def signed_places(pdf: bytes) -> list[int]:
    found = re.search(rb"/ByteRange \[\s*0 (\d+) (\d+) (\d+)\s*\]", pdf)
    assert found is not None
    before, after, rest = map(int, found.groups())
    return [*range(before), *range(after, after + rest)]


def contents_of(pdf: bytes) -> tuple[int, bytes]:
    """Return where the first hexadecimal digit of the signature stands, and the signature."""
    _, held = signature_of(pdf)
    start = re.search(rb"/Contents\s*<", pdf)
    assert start is not None
    return start.end(), held


def test_four_judges_of_other_make_find_a_seal_good(office, sealed, tmp_path):
    assert poppler_accepts(sealed, tmp_path)
    assert openssl_accepts(sealed, pem_of(office.root), tmp_path)
    assert pyhanko_accepts(sealed, office, tmp_path)
    assert ours_accepts(sealed, office)


def test_a_seal_says_who_when_and_that_nothing_may_change(sealed, tmp_path):
    (tmp_path / "paper.pdf").write_bytes(sealed)
    said = ran(
        need_program("pdfsig", package="poppler-utils"), "-nocert", tmp_path / "paper.pdf"
    ).stdout.decode()
    assert "Signer Certificate Common Name: 证明专用章" in said
    assert f"Signing Time: {AT.astimezone():%b %d %Y %H:%M:%S}" in said
    assert "Signature Type: ETSI.CAdES.detached" in said and "SHA-256" in said
    assert b"/DocMDP" in sealed and re.search(rb"/P 1\b", sealed)


def test_a_seal_has_signed_attributes_and_no_time_in_them(sealed):
    """PAdES: the certificate is among what is signed, the time is not: it stands in the signed file."""
    _, held = signature_of(sealed)
    [signer] = cms.ContentInfo.load(held)["content"]["signer_infos"]
    kinds = {one["type"].native for one in signer["signed_attrs"]}
    assert {"content_type", "message_digest", "signing_certificate_v2"} <= kinds
    assert "signing_time" not in kinds
    assert "signature_time_stamp_token" not in {one["type"].native for one in signer["unsigned_attrs"]}


def test_the_root_travels_in_no_paper(office, sealed):
    _, held = signature_of(sealed)
    serials = {one.chosen.serial_number for one in cms.ContentInfo.load(held)["content"]["certificates"]}
    assert serials == {office.seal_key.chain[0].serial_number}


def some(places: list[int], number: int, seed: int) -> list[int]:
    return random.Random(seed).sample(places, min(number, len(places)))


def test_any_flipped_byte_makes_a_paper_invalid(office, sealed):
    places = some(signed_places(sealed), FLIPS, seed=2)
    assert [place for place in places if ours_accepts(flipped(sealed, place), office)] == []


def test_judges_of_other_make_refuse_flipped_bytes_too(office, sealed, tmp_path):
    # Where the file can still be read: the values, not the words that hold it together.
    for place in some(signed_places(sealed), SLOW_FLIPS, seed=3):
        changed = flipped(sealed, place)
        assert not poppler_accepts(changed, tmp_path)
        if re.search(rb"/ByteRange \[\s*\d+ \d+ \d+ \d+\s*\]", changed) and signed_places(changed):
            assert not openssl_accepts(changed, pem_of(office.root), tmp_path)
    for place in some(signed_places(sealed), 2, seed=4):
        assert not pyhanko_accepts(flipped(sealed, place), office, tmp_path)


def test_a_flipped_bit_of_what_a_signature_consists_of_makes_a_paper_invalid(office, sealed):
    start, held = contents_of(sealed)
    [signer] = cms.ContentInfo.load(held)["content"]["signer_infos"]
    made_of = [signer["signed_attrs"].dump(), signer["signature"].dump()]
    bounds = [(held.index(part), len(part)) for part in made_of]
    places = [
        start + 2 * at + digit
        for begin, long in bounds
        for at in range(begin, begin + long)
        for digit in (0, 1)
    ]
    chosen = some(places, FLIPS, seed=5)
    assert [place for place in chosen if ours_accepts(flipped(sealed, place), office)] == []


def test_a_flipped_bit_of_the_container_changes_nothing_that_is_believed(office, sealed):
    """No signature covers all of its own container, such as how long it is: no flip makes it say something else."""
    said = judging.read_paper("pdf", sealed, office.trust, LATER)
    outside = sorted(set(range(len(sealed))) - set(signed_places(sealed)))
    for place in some(outside, FLIPS, seed=6):
        told = judging.read_paper("pdf", flipped(sealed, place), office.trust, LATER)
        assert told["reason"] != "valid" or told == said, place


def test_another_key_is_refused_by_every_judge_that_knows_our_root(office, stranger, tmp_path):
    forged = office.paper(seal=stranger.seal)
    assert not openssl_accepts(forged, pem_of(office.root), tmp_path)
    assert not pyhanko_accepts(forged, office, tmp_path)
    assert not ours_accepts(forged, office)
    assert openssl_accepts(forged, pem_of(stranger.root), tmp_path)


def test_a_p256_key_seals_as_well(office, tmp_path):
    pdf = office.paper(seal=office.signer)
    assert poppler_accepts(pdf, tmp_path)
    # … but a key that is certified for tokens seals no papers.
    assert judging.read_paper("pdf", pdf, office.trust, LATER)["reason"] == "untrusted_signer"


def test_a_seal_changes_nothing_that_is_read(office, tmp_path):
    pdf = office.paper("zh")
    assert text_of(unsealed(pdf), tmp_path) == text_of(pdf, tmp_path)


def test_a_paper_is_sealed_from_within_an_event_loop(office):
    async def sealing() -> bytes:
        return office.paper("en")

    assert ours_accepts(asyncio.run(sealing()), office)


def test_a_seal_is_the_very_one_that_pyhanko_puts_together(office):
    asked = {"use_pades": True, "signed_attr_settings": PdfCMSSignedAttributes(signing_time=AT)}
    quick, usual = paper._bridge(office.seal), paper._Bridge(office.seal)
    assert type(quick) is not type(usual)
    for said in (b"one file", b"another"):
        digest = hashlib.sha256(said).digest()
        made = [asyncio.run(one.async_sign(digest, "sha256", **asked)).dump() for one in (quick, usual)]
        assert made[0] == made[1]
    # of P-256 no two signatures need be of one length
    assert type(paper._bridge(office.signer)) is paper._Bridge


def test_a_key_that_does_not_answer_is_an_error_and_no_paper(office):
    class Silent:
        chain = office.seal.chain
        algorithm = "RS256"

        def sign(self, data: bytes) -> bytes:
            raise KeyFault("pkcs11:token=seals: DeviceRemoved of the device; nothing was signed")

    with pytest.raises(KeyFault, match="DeviceRemoved"):
        paper.seal(unsealed(office.paper("zh")), Silent(), AT)
