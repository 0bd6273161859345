"""Whatever is brought gets a verdict and a reason, in bounded time and memory, and is valid only if it is ours."""

import io
import json
import random
import re
import time
import zlib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers

from certificates import codes, judging, paper, status, tokens
from certificates.judging import REASONS, Limits, Standing, Verdict, judge
from certificates.pki import Trust
from tests.certificates.office import AT, ISSUER, LATER, RARE_NAME, UNIVERSITY, content

SEAL_NAME = f"{UNIVERSITY} 证明专用章"


def verdict(
    data, office, at=LATER, trust=None, status_of=lambda reference: status.VALID, limits=None
) -> Verdict:
    found = judge(data, trust or office.trust, at, status_of, limits)
    assert (found.standing, found.explanation) == REASONS[found.reason]
    assert RARE_NAME not in found.explanation.zh + found.explanation.en
    if found.standing in (Standing.INVALID, Standing.UNKNOWN) and found.reason != "status_unavailable":
        assert found.claims == {} and found.code == ""
    return found


def reason(*asked, **more) -> str:
    return verdict(*asked, **more).reason


def test_a_paper_is_valid_and_tells_what_its_token_states(office):
    said = content()
    found = verdict(office.paper(code=said.code), office)
    assert (found.standing, found.reason, found.kind) == (Standing.VALID, "valid", "pdf")
    assert (found.signed_by, found.signed_at) == (SEAL_NAME, AT)
    assert (found.code, found.claims["XM"]) == (said.code, RARE_NAME)
    assert found.expires_at == AT + timedelta(days=90)
    assert found.explanation.zh and found.explanation.en


def test_a_token_is_valid_by_itself_and_shows_no_more_than_the_holder_chose(office):
    code = codes.new_code()
    found = verdict(f" {tokens.select(office.token(code), ['XY'])}\n".encode(), office)
    assert (found.standing, found.kind, found.code, found.signed_at) == (Standing.VALID, "token", code, AT)
    assert found.claims["XY"] == "计算机学院" and "XM" not in found.claims


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (status.VALID, "valid"),
        (status.INVALID, "revoked"),
        (status.SUSPENDED, "revoked"),
        (None, "status_unavailable"),
    ],
)
def test_the_status_list_has_the_last_word(office, sealed, found, expected):
    asked = []

    def status_of(reference):
        asked.append((reference.address, reference.index))
        return found

    assert reason(sealed, office, status_of=status_of) == expected
    assert asked == [(f"{ISSUER}/statuslists/1", 77)]


def test_nobody_is_asked_about_a_paper_that_is_not_valid_anyway(office, sealed):
    def status_of(reference):
        raise AssertionError("asked")

    assert reason(sealed + b"\n", office, status_of=status_of) == "changed_after"


def test_validity_ends_when_the_token_says_so(office, sealed):
    assert reason(sealed, office, at=AT + timedelta(days=90, seconds=-1)) == "valid"
    ended = verdict(sealed, office, at=AT + timedelta(days=90))
    assert (ended.standing, ended.reason, ended.signed_by) == (Standing.EXPIRED, "token_expired", SEAL_NAME)


def test_a_seal_outlives_none_of_its_certificates(office, sealed):
    no_list = Trust(office.trust.roots)
    assert reason(sealed, office, at=AT + timedelta(days=1_000), trust=no_list) == "signer_expired"


def test_a_revoked_seal_or_token_key_revokes_its_papers(office, sealed):
    for key in (office.seal_key, office.token_key):
        found = verdict(sealed, office, trust=office.revoking(key))
        assert (found.standing, found.reason) == (Standing.REVOKED, "signer_revoked")


def test_another_root_is_not_ours_whatever_it_calls_itself(office, stranger):
    found = verdict(stranger.paper(), office)
    assert (found.standing, found.reason, found.signed_by) == (Standing.INVALID, "untrusted_signer", "")
    # Our token stolen into a paper of somebody else's, and the reverse.
    assert reason(office.paper(seal=stranger.seal), office) == "untrusted_signer"
    assert reason(office.paper(token=stranger.token()), office) == "untrusted_signer"


def test_a_paper_of_our_seal_without_a_token_is_no_certificate(office):
    bare = plain_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] >>",
        ]
    )
    assert reason(paper.seal(bare, office.seal, AT), office) == "no_token"


def updated(pdf: bytes, change) -> bytes:
    """Return a PDF with an incremental update after its seal."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    assert out.getvalue().startswith(pdf)
    return out.getvalue()


def new_title(writer):
    writer.set_info({"/Title": generic.TextStringObject("Doctor")})
    writer.trailer["/Info"] = writer.add_object(
        generic.DictionaryObject({generic.pdf_name("/Title"): generic.TextStringObject("Doctor")})
    )


def note_over_the_page(writer):
    page = writer.root["/Pages"]["/Kids"][0]
    note = generic.DictionaryObject(
        {
            generic.pdf_name("/Type"): generic.pdf_name("/Annot"),
            generic.pdf_name("/Subtype"): generic.pdf_name("/FreeText"),
            generic.pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (60, 600, 300, 700))),
            generic.pdf_name("/Contents"): generic.TextStringObject("GPA 4.0"),
        }
    )
    page["/Annots"] = generic.ArrayObject([writer.add_object(note)])
    writer.update_container(page)


def form_field(writer):
    form = writer.root["/AcroForm"]
    field = generic.DictionaryObject(
        {
            generic.pdf_name("/FT"): generic.pdf_name("/Tx"),
            generic.pdf_name("/T"): generic.TextStringObject("Grade"),
            generic.pdf_name("/V"): generic.TextStringObject("4.0"),
        }
    )
    form["/Fields"].append(writer.add_object(field))
    writer.update_container(form["/Fields"])


def other_page_content(writer):
    """A shadow: the page of the last revision paints something else."""
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=b"BT ET"))
    writer.update_container(page)


def other_catalog(writer):
    """A shadow: the last revision has another catalog altogether, and no form."""
    pages = writer.root.raw_get("/Pages")
    root = generic.DictionaryObject(
        {generic.pdf_name("/Type"): generic.pdf_name("/Catalog"), generic.pdf_name("/Pages"): pages}
    )
    writer.trailer["/Root"] = writer.add_object(root)


@pytest.mark.parametrize(
    "change", [note_over_the_page, form_field, other_page_content], ids=lambda one: one.__name__
)
def test_whatever_is_added_after_the_seal_makes_a_paper_invalid(office, sealed, change):
    found = verdict(updated(sealed, change), office)
    assert (found.standing, found.reason) == (Standing.INVALID, "changed_after")


def test_a_second_signature_makes_a_paper_invalid(office, sealed):
    def field(writer):
        fields.append_signature_field(writer, fields.SigFieldSpec("Second"))

    assert reason(updated(sealed, field), office) in ("changed_after", "several_signatures")


@pytest.mark.parametrize(
    "added", [b"\n", b"\0", b"%%EOF\n", b"\nxref\n0 0\ntrailer\n<< >>\nstartxref\n0\n%%EOF\n"]
)
def test_one_byte_more_makes_a_paper_invalid(office, sealed, added):
    assert verdict(sealed + added, office).standing is Standing.INVALID
    assert verdict(added + sealed, office).standing is Standing.INVALID


def test_a_seal_that_allows_changes_is_not_ours(office):
    for is_certified, allowed in ((True, fields.MDPPerm.FILL_FORMS), (False, None)):
        meta = signers.PdfSignatureMetadata(
            field_name="Seal",
            md_algorithm="sha256",
            certify=is_certified,
            docmdp_permissions=allowed or fields.MDPPerm.NO_CHANGES,
        )
        printed = office.paper()
        printed = printed[: printed.index(b"%%EOF") + 6]
        out = io.BytesIO()
        signers.PdfSigner(meta, paper._Bridge(office.seal)).sign_pdf(
            IncrementalPdfFileWriter(io.BytesIO(printed)), output=out
        )
        assert reason(out.getvalue(), office, at=LATER + timedelta(days=1)) == "not_certified"


def test_bytes_hidden_beside_the_signature_make_a_paper_invalid(office, sealed):
    start = sealed.index(b"/Contents <", sealed.index(b"/ByteRange") - 200_000) + len(b"/Contents <")
    end = sealed.index(b">", sealed.index(b"00" * 100, start))
    hidden = sealed[: end - 20] + b"41" * 10 + sealed[end:]
    assert len(hidden) == len(sealed) and hidden != sealed
    assert reason(hidden, office) == "changed_after"


def test_a_cut_paper_is_invalid(office, sealed):
    for length in random.Random(6).sample(range(1_100, len(sealed)), 12):
        assert judging.read_paper("pdf", sealed[:length], office.trust, LATER)["reason"] != "valid"
    assert verdict(sealed[:-1], office).standing is Standing.INVALID


def test_an_unsigned_pdf_is_unknown(office, sealed):
    printed = sealed[: sealed.index(b"%%EOF") + 6]
    found = verdict(printed, office)
    assert (found.standing, found.reason) == (Standing.UNKNOWN, "no_signature")


def test_an_encrypted_pdf_is_unknown(office, sealed):
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(sealed)))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    found = verdict(out.getvalue(), office)
    assert (found.standing, found.reason) == (Standing.UNKNOWN, "encrypted")


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\x89PNG\r\n", b"PK\x03\x04", "不是证明".encode(), b"a.b", b"~"]
)
def test_what_is_neither_pdf_nor_token_is_unknown(office, data):
    assert reason(data, office) == "not_a_paper"


@pytest.mark.parametrize(
    "data", [b"a.b.c~", b"..~", b"%PDF-", b"%PDF-1.7\n" + bytes(5_000), b"%PDF-1.7 a.b.c~"]
)
def test_nonsense_gets_a_verdict(office, data):
    assert verdict(data, office).standing is Standing.INVALID


def test_a_huge_file_is_not_read(office):
    started = time.monotonic()
    assert reason(b"%PDF-1.7" + bytes(judging.LARGEST_BYTES), office) == "too_large"
    assert time.monotonic() - started < 1


def plain_pdf(objects: list[bytes], trailer: bytes = b"") -> bytes:
    """Return a PDF of these objects, the first its catalog."""
    out, places = b"%PDF-1.7\n", []
    for number, one in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer\n<< /Size %d /Root 1 0 R %b >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        trailer,
        len(out),
    )
    return out + b"xref\n0 %d\n0000000000 65535 f \n%b%b" % (len(objects) + 1, table, end)


def form(fields_: bytes, *more: bytes) -> bytes:
    return plain_pdf([b"<< /Type /Catalog /AcroForm << /Fields [%b] >> /Note /ByteRange >>" % fields_, *more])


def bomb(times: int) -> bytes:
    packed = zlib.compress(bytes(100_000_000), 9)
    for _ in range(times - 1):
        packed = zlib.compress(packed, 9)
    head = b"<< /Length %d /Filter [%b] >>" % (len(packed), b"/FlateDecode " * times)
    return b"%b\nstream\n%b\nendstream" % (head, packed)


def compressed_objects_bomb() -> bytes:
    """A cross-reference stream that unpacks to 100 MB."""
    packed = zlib.compress(bytes(100_000_000), 9)
    head = b"<< /Type /XRef /Size 20000000 /W [1 2 1] /Root 1 0 R /Length %d /Filter /FlateDecode >>" % len(
        packed
    )
    return b"%%PDF-1.7\n1 0 obj\n%b\nstream\n%b\nendstream\nendobj\nstartxref\n9\n%%%%EOF\n/ByteRange" % (
        head,
        packed,
    )


HOSTILE = {
    "a field that is its own kid": form(b"2 0 R", b"<< /T (a) /Kids [2 0 R] >>"),
    "fields that are each other's kids": form(
        b"2 0 R", b"<< /T (a) /Kids [3 0 R] >>", b"<< /T (b) /Kids [2 0 R 2 0 R] >>"
    ),
    "fields nested 10,000 deep": form(
        b"2 0 R", *(b"<< /T (a) /Kids [%d 0 R] >>" % (number + 1) for number in range(2, 10_000))
    ),
    "arrays nested 200,000 deep": form(b"[" * 200_000 + b"]" * 200_000),
    "dictionaries nested 100,000 deep": form(b"<</A" * 100_000),
    "10,000 objects": form(b"2 0 R", *(b"<< /T (f%d) /FT /Tx >>" % number for number in range(10_000))),
    "10,000 fields": form(
        b" ".join(b"%d 0 R" % n for n in range(2, 10_002)), *[b"<< /FT /Sig /T (f) >>"] * 10_000
    ),
    "an object that refers to itself": form(b"2 0 R", b"2 0 R"),
    "a catalog that is a number": plain_pdf([b"5"]) + b"/ByteRange",
    "a form that is a stream bomb": plain_pdf(
        [b"<< /Type /Catalog /AcroForm 2 0 R /N /ByteRange >>", bomb(1)]
    ),
    "a bomb in a bomb": plain_pdf([b"<< /Type /Catalog /AcroForm 2 0 R /N /ByteRange >>", bomb(3)]),
    "a bomb as cross-reference stream": compressed_objects_bomb(),
    "a trailer that precedes itself": plain_pdf([b"<< /Type /Catalog >>"], b"/Prev 9 /N /ByteRange"),
    "a length of 10^18": form(b"2 0 R", b"<< /Length 1000000000000000000 >>\nstream\nx\nendstream"),
    "a number of a million digits": form(b"1" * 1_000_000),
    "a name of a million signs": form(b"/" + b"a" * 1_000_000),
    "a signature of nothing": form(b"2 0 R", b"<< /FT /Sig /T (s) /V << /Type /Sig >> >>"),
    "a signature of 4 GB": form(
        b"2 0 R",
        b"<< /FT /Sig /T (s) /V << /Type /Sig /ByteRange [0 4294967296 4294967297 9] /Contents <3080> >> >>",
    ),
    "a byte range of words": form(
        b"2 0 R", b"<< /FT /Sig /T (s) /V << /Type /Sig /ByteRange [/a (b) true null] /Contents <3080> >> >>"
    ),
    "a signature of negative length": form(
        b"2 0 R", b"<< /FT /Sig /T (s) /V << /Type /Sig /ByteRange [0 -5 99 -7] /Contents <30800000> >> >>"
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pdf_gets_a_verdict_in_time(office, name):
    started = time.monotonic()
    found = verdict(HOSTILE[name], office, limits=Limits(cpu_s=1))
    assert found.standing in (Standing.INVALID, Standing.UNKNOWN)
    assert time.monotonic() - started < Limits().wall_s + 5


def test_a_paper_that_takes_too_long_is_given_up(office, sealed):
    started = time.monotonic()
    assert reason(sealed, office, limits=Limits(wall_s=0.001)) == "too_costly"
    assert time.monotonic() - started < 5


def test_a_paper_that_takes_too_much_memory_is_given_up(office, sealed):
    assert reason(sealed, office, limits=Limits(memory_bytes=50_000_000)) == "too_costly"


def test_a_reader_that_is_killed_leaves_a_verdict_and_no_process(office, sealed, monkeypatch):
    import multiprocessing

    assert reason(sealed, office) == "valid"
    assert [one.name for one in multiprocessing.active_children() if "judges" in one.name] == []


def test_a_judged_paper_leaves_no_word_in_any_log(office, sealed, capfd, caplog):
    for data in (sealed, sealed + b"\n", HOSTILE["a signature of nothing"], b"a.b.c~"):
        verdict(data, office)
    out, err = capfd.readouterr()
    assert (out, err, caplog.records) == ("", "", [])


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_mutation_of_a_paper_gets_a_reason_and_is_never_valid(office, sealed, data):
    start = data.draw(st.integers(0, len(sealed) - 1))
    end = min(len(sealed), start + data.draw(st.integers(1, 200)))
    new = data.draw(st.binary(max_size=200))
    changed = sealed[:start] + new + sealed[end:]
    if changed != sealed:
        found = judging.read_paper("pdf", changed, office.trust, LATER)["reason"]
        assert found in REASONS and found != "valid"


def test_the_answer_of_the_reader_is_plain_json(office, sealed):
    answer = judging.read_paper("pdf", sealed, office.trust, LATER)
    assert json.loads(json.dumps(answer)) == answer


def test_the_documentation_names_every_reason_under_its_standing():
    text = (Path(__file__).parents[2] / "docs" / "certificates.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (`.*`.*) \|$", text, re.MULTILINE))
    for standing in Standing:
        named = set(re.findall(r"`(\w+)`", rows[standing]))
        assert named == {code for code, (follows, _) in REASONS.items() if follows is standing}
