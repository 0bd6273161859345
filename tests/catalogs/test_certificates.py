"""Kinds of certificates: every rule catches its breach, on a campus of another shape; what a sentence may hold."""

from typing import Any

import pytest

import catalogs
from catalogs.model_certificates import filled, placeholders
from catalogs.publish import publish
from tests.catalogs.breaches import ON, Breach, assert_told, cases
from tests.catalogs.small import ELEMENTS, STAFF, UNITS, campus, props, staff

FILE = "certificates/service.yaml"
UNIT = "HR9,人力,,,机关,,post:hr-head,post:hr-steward,post:hr-desk 内线1,,2000-01-01,\n"
STATED = [
    {"element": "XM", "labelZh": "姓名", "labelEn": "Name", "disclosable": False},
    {"element": "XB", "labelZh": "性别", "labelEn": "Sex", "optional": True},
    {"element": "SFZH", "labelZh": "证件号", "labelEn": "Document number", "masked": True},
]


def kind(**changes: Any) -> dict[str, Any]:
    """Return a kind of certificate that is right unless the arguments make it wrong."""
    return {
        "certificate": "service",
        "nameZh": "任职证明",
        "nameEn": "Certificate of service",
        "unit": "HR9",
        "post": "post:hr-desk",
        "populations": ["staff"],
        "askedBy": ["self", "system"],
        "textZh": "兹证明{XM}在本校任职。",
        "textEn": "{XM} serves at this university.",
        "elements": STATED,
        "purposes": [{"code": "visa", "nameZh": "签证", "nameEn": "Visa"}],
        "validityDays": [30, 45],
        "materials": ["M-ID"],
        "layout": {"accent": "#204080", "notes": [{"textZh": "仅供核验。", "textEn": "For checking only."}]},
    } | changes


def with_kind(**changes: Any) -> dict[str, Any]:
    return {"units.csv": UNITS + UNIT, FILE: kind(**changes)}


def stating(*more: dict[str, Any], leaving: int = 3) -> dict[str, Any]:
    return with_kind(elements=[*STATED[:leaving], *more])


def row(element: str, **more: Any) -> dict[str, Any]:
    return {"element": element, "labelZh": "项", "labelEn": "Item"} | more


BREACHES = [
    Breach("K01", with_kind(unit="HR8"), FILE, "unknown unit", "unit"),
    Breach("K01", with_kind(post="post:cw"), FILE, "names no post", "post"),
    Breach("K01", with_kind(populations=["staff", "pupils"]), FILE, "pupils", "populations"),
    Breach("K01", with_kind(materials=["M-NONE"]), FILE, "M-NONE", "materials"),
    Breach("K01", stating(row("NONE")), FILE, "NONE", "elements"),
    Breach("K02", with_kind(textZh="兹证明{GH}。"), FILE, "{GH}", "textZh"),
    Breach("K02", with_kind(textEn="{XB} is the sex."), FILE, "{XB}", "textEn"),
    Breach("K02", with_kind(textZh="兹证明{XM。"), FILE, "expected '}'", "textZh"),
    Breach("K02", with_kind(textZh="兹证明{XM.__class__}。"), FILE, "is no element", "textZh"),
    Breach("K02", with_kind(textZh="兹证明{XM!r}。"), FILE, "how it is to be written", "textZh"),
    Breach("K03", stating(row("XH")), FILE, '"XH" of "staff"', "elements"),
    Breach(
        "K03", with_kind(populations=["student"], elements=[STATED[0], row("JXMC")]), FILE, "list", "elements"
    ),
    Breach("K04", stating(row("SFZH"), leaving=2), FILE, "no basis is named", "elements"),
    Breach("K04", stating(row("GH", masked=True)), FILE, "no mask", "elements"),
    Breach("K05", with_kind(validityDays=[30, 365]), FILE, "365", "validityDays"),
    Breach("K05", with_kind(validityDays=[7]), FILE, "7", "validityDays"),
    Breach("V01", with_kind(textEn=""), FILE, '"textEn" is missing', "textEn"),
    Breach("V03", with_kind(validityDays=["thirty"]), FILE, "no list of days", "validityDays"),
    Breach("V03", with_kind(askedBy=["anybody"]), FILE, "anybody", "askedBy"),
    Breach("V03", with_kind(layout={"accent": "red"}), FILE, "red", "accent"),
    Breach("V04", stating(row("XM")), FILE, "twice", "elements"),
    Breach("V02", with_kind(code="x"), FILE, "unknown key", "code"),
    Breach("S03", stating(row("GH", must="looks:good")), FILE, "looks:good", "must"),
]


@cases(BREACHES)
def test_a_breach_is_told(breach):
    assert_told(breach)


def test_a_kind_is_read_whole_and_a_campus_may_have_none():
    assert catalogs.load(campus()).certificates == {}
    found = catalogs.load(campus(with_kind())).certificates["service"]
    assert (found.elements, found.unit, found.validity_days) == (("XM", "XB", "SFZH"), "HR9", (30, 45))
    assert [one.disclosable for one in found.stated] == [False, True, True]
    assert found.layout.notes == (("仅供核验。", "For checking only."),)


def test_what_a_person_sees_masked_or_not_at_all_is_not_printed_whole():
    for view, masked, is_right in (("none", False, False), ("masked", False, False), ("masked", True, True)):
        contract = staff()
        name = next(one for one in contract["schema"][0]["properties"] if one["name"] == "name")
        name["customProperties"] += props(subjectView=view, subjectViewBasis="示例规定第一条", mask="last:1")
        stated = [STATED[0] | {"masked": masked}, *STATED[1:]]
        masks = ELEMENTS.replace("person,,2,personal,,,\nXB", 'person,,2,personal,"last:1",,\nXB')
        files = campus(with_kind(elements=stated) | {STAFF: contract, "elements.csv": masks})
        told = [fault.what for fault in catalogs.check(files, ON) if fault.rule == "K03"]
        assert told == [] if is_right else "does not see it whole" in told[0], view


@pytest.mark.parametrize("text", ["{}", "{XM.a}", "{XM[0]}", "{XM:>9}", "{XM!r}", "{", "}", "{a b}"])
def test_a_sentence_holds_no_code(text):
    with pytest.raises(ValueError):
        placeholders(text)


def test_a_value_in_a_sentence_stays_what_it_is():
    assert (
        filled("{{兹}}证明{XM}、{XB}。", {"XM": "{XB}", "XB": "{0.__class__}"})
        == "{兹}证明{XB}、{0.__class__}。"
    )


def test_the_published_site_names_the_kinds_and_leaves_the_page_out_where_there_are_none(tmp_path):
    with_kinds = publish(catalogs.load(campus(with_kind())), tmp_path / "with") / "public"
    text = (with_kinds / "certificates.html").read_text(encoding="utf-8")
    assert "certificates.html" in (with_kinds / "index.html").read_text(encoding="utf-8")
    for wanted in ("任职证明", "人力", "教职工", "姓名、性别、证件号", "签证", "30、45"):
        assert wanted in text, wanted
    without = publish(catalogs.load(campus()), tmp_path / "without") / "public"
    assert not (without / "certificates.html").exists()
    assert "certificates.html" not in (without / "index.html").read_text(encoding="utf-8")
