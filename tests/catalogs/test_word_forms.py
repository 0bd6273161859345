"""Forms in Word: placeholders of the form's fields, and nothing that runs, opens or fetches something."""

import io
import zipfile

import pytest

import catalogs
from catalogs.word_forms import WordFormError, fill, placeholders
from tests.catalogs.breaches import ON, Breach, cases
from tests.catalogs.small import campus
from tests.support.word import text_of, with_parts, word_form

RIGHT = word_form(["申请人 {{ xm }}", "工号 {|{ g|h }}"], [["电话", "{{ dh }}"]])
_RELATIONS = (
    b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1"'
    b' Type="t" Target="http://elsewhere.example/t.dotm" TargetMode="External"/></Relationships>'
)
HOSTILE = {
    "code": word_form(["{% for x in xm %}{{ x }}{% endfor %}"]),
    "attribute": word_form(["{{ xm.__class__ }}"]),
    "call": word_form(["{{ xm() }}"]),
    "sum": word_form(["{{ xm + gh }}"]),
    "arithmetic": word_form(["{{ 7 * 7 }}"]),
    "macros": with_parts(RIGHT, {"word/vbaProject.bin": b"x"}),
    "template elsewhere": with_parts(RIGHT, {"word/_rels/settings.xml.rels": _RELATIONS}),
    "object": with_parts(RIGHT, {"word/embeddings/oleObject1.bin": b"x"}),
    "entities": with_parts(RIGHT, {"word/document.xml": b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'}),
    "bomb": with_parts(RIGHT, {"word/media/a.xml": b" " * 17 * 1024 * 1024}),
    "field": with_parts(RIGHT, {"word/footer9.xml": b"<w:instrText>INCLUDETEXT c:/x</w:instrText>"}),
    "cut short": with_parts(RIGHT, {"word/document.xml": b"<w:document"}),
    "another root": with_parts(RIGHT, {"word/document.xml": b"<a/>"}),
    "no parts listed": with_parts(RIGHT, {"[Content_Types].xml": b"<a/>"}),
    "no zip": b"%PDF-1.7",
    "another zip": with_parts(RIGHT, {}).replace(b"word/document.xml", b"word/documenu.xml"),
    "empty": b"",
}
FORM = "templates/RS-001.docx"
BREACHES = [
    Breach("W01", {FORM: HOSTILE["macros"]}, FORM, "vbaProject"),
    Breach("W01", {FORM: HOSTILE["code"]}, FORM, "more than placeholders"),
    Breach("W02", {FORM: word_form(["{{ nothing }}"])}, FORM, 'no field "nothing"'),
    Breach("W02", {"templates/RS-999.docx": word_form(["x"])}, "templates/RS-999.docx", "RS-999"),
]


@cases(BREACHES)
def test_a_breach_is_told(breach):
    faults = catalogs.check(campus(breach.changes), ON)
    assert [(one.rule, one.file) for one in faults] == [(breach.rule, breach.file)], "\n".join(
        map(str, faults)
    )
    assert breach.words in faults[0].what and faults[0].mend


def test_a_form_is_filled_wherever_its_placeholders_stand_and_however_word_divides_them():
    assert placeholders(RIGHT) == {"xm", "gh", "dh"}
    filled = text_of(fill(RIGHT, {"xm": "张三", "gh": "100001"}))
    assert filled == "申请人 张三\n工号 100001\n电话\n"


def test_how_far_the_values_were_verified_stands_at_the_end_or_where_the_form_has_its_place():
    note = "姓名：权威数据源核验（人事处，2026-09-01） & <w:p>"
    assert text_of(fill(RIGHT, {"xm": "张三"}, note)).split("\n")[2] == note
    foreseen = word_form(["核验 {{ verification_note }}", "申请人 {{ xm }}"])
    assert text_of(fill(foreseen, {"xm": "张三"}, note)) == f"核验 {note}\n申请人 张三"
    assert text_of(fill(RIGHT, {"xm": "张三"})).count("\n") == 3


def test_a_form_may_have_a_place_for_how_far_its_values_were_verified():
    assert catalogs.check(campus({FORM: word_form(["{{ verification_note }}"])}), ON) == []


def test_a_value_is_text_whatever_it_looks_like():
    nasty = "<w:p>&amp;</w:p> {{ gh }} {% raw %} <script>alert(1)</script>"
    assert nasty in text_of(fill(RIGHT, {"xm": nasty, "gh": "1"}))


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_form_is_refused(content):
    with pytest.raises(WordFormError):
        fill(content, {"xm": "张三"})


@pytest.mark.parametrize("place", [0, 1, 7])
def test_a_form_whose_packed_bytes_are_damaged_is_refused(place):
    with zipfile.ZipFile(io.BytesIO(RIGHT)) as archive:
        body = archive.getinfo("word/document.xml")
    begin = body.header_offset + 30 + len(body.filename)
    damaged = bytearray(RIGHT)
    damaged[begin + place : begin + place + 40] = b"\xff" * 40
    with pytest.raises(WordFormError, match="no Word file"):
        placeholders(bytes(damaged))
