"""Notices, minors, declared fields and words of clients: every rule catches its breach; words are one to one."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

import catalogs
from catalogs.client_words import client_words
from catalogs.derive import demand_lines
from catalogs.notices import in_force
from tests.catalogs.breaches import ON, Breach, assert_told, cases
from tests.catalogs.changes import governed
from tests.catalogs.small import DEMAND, ELEMENTS, SERVICE, campus, demand, service_item

NOTICES = "notices.yaml"
CAMPUS = {"code": "DEMO", "nameZh": "示例大学", "timeZone": "Asia/Shanghai"}


def notice(version: str = "1", valid_from: str = "2026-01-01", **changes: Any) -> dict[str, Any]:
    """Return one version of a notice."""
    return {
        "notice": "N-ID",
        "version": version,
        "titleZh": "告知书",
        "titleEn": "Notice",
        "purposeZh": "核验身份",
        "purposeEn": "To check who you are",
        "textZh": "我们核验你的证件号。",
        "textEn": "We check your number.",
        "serviceItems": ["RS-001"],
        "elements": ["SFZH"],
        "retention": "结案后 30 日",
        "validFrom": valid_from,
    } | changes


def with_notice(*versions: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {NOTICES: list(versions) or [notice()], DEMAND: demand(notice="N-ID", **changes)}


def with_minors(minors: dict[str, Any] | None) -> dict[str, Any]:
    return {"campus.yaml": CAMPUS | ({"minors": minors} if minors else {})}


def with_field(**changes: Any) -> dict[str, Any]:
    field = {"field": "yhk", "nameZh": "银行卡", "element": "YHKH", "editable": True, "declared": True}
    form = [*service_item()["form"], field | changes]
    return {SERVICE: service_item(form=form)}


def with_words(elements: Any = None, codes: Any = None) -> dict[str, Any]:
    given = {"elements": elements or {}, "codes": codes or {}}
    return {"clients.yaml": [{"client": "hall", "unit": "RS", "mapping": given}]}


PUPILS = "code,nameZh,subjectType,register,rule,precedence,minors\npupil,学生,person,,,1,true\n"
STAFF_TOO = "staff,教职工,person,hr.staff,sex = '1',2,\nstudent,学生,person,academic.students,sex = '1',3,\n"
YOUNG = "code,nameZh,register,rule,minors\nstaff,教职工,hr.staff,sex = '1',true\nstudent,学生,,,\n"
GUARDIANS = {"resource": "hr.staff", "item": "name", "idType": "staff_no"}

BREACHES = [
    Breach("N01", with_notice(notice(elements=["SFZH", "SFZ"])), NOTICES, '"SFZ"', "elements"),
    Breach("N01", with_notice(notice(serviceItems=["RS-001", "RS-02"])), NOTICES, '"RS-02"', "serviceItems"),
    Breach("N02", with_notice(notice(), notice("2")), NOTICES, '"2" begins with version "1"', "validFrom"),
    Breach("V04", with_notice(notice(), notice("1", "2026-02-01")), NOTICES, "already", "version"),
    Breach("V01", with_notice(notice(textEn="")), NOTICES, '"textEn"', "textEn"),
    Breach("D11", {DEMAND: demand(ground="consent")}, DEMAND, "no notice is named", "ground"),
    Breach("D11", {DEMAND: demand(notice="N-IDS")}, DEMAND, 'unknown notice "N-IDS"', "notice"),
    Breach("D11", with_notice(ground="consent"), DEMAND, "does not list XM", "notice"),
    Breach("D11", with_notice(notice(elements=["YHKH"])), DEMAND, "does not list XM, SFZH", "notice"),
    Breach("R07", {"populations.csv": PUPILS + STAFF_TOO}, "populations.csv", "names no birth date", "pupil"),
    Breach("R07", with_minors({"birthDate": "CSR"}), "campus.yaml", 'unknown element "CSR"', "minors"),
    Breach("R07", with_minors({"birthDate": "XM"}), "campus.yaml", "is no date", "minors"),
    Breach(
        "R07",
        with_minors({"birthDate": "CSRQ", "guardians": GUARDIANS | {"item": "parent"}}),
        "campus.yaml",
        'no item "parent"',
        "minors",
    ),
    Breach(
        "R07",
        with_minors({"birthDate": "CSRQ", "guardians": GUARDIANS | {"resource": "hr.kin"}}),
        "campus.yaml",
        'unknown resource "hr.kin"',
        "minors",
    ),
    Breach(
        "V03",
        with_minors({"birthDate": "CSRQ", "guardianUntil": 12}),
        "campus.yaml",
        '"guardianUntil" is 12',
        "guardianUntil",
    ),
    Breach(
        "D10",
        with_minors({"birthDate": "CSRQ"}) | {"populations.csv": YOUNG, DEMAND: demand(assessment="")},
        DEMAND,
        "without the number of an impact assessment",
        "decision",
    ),
    Breach("S26", with_field(editable=False), SERVICE, "cannot be edited", "declared"),
    Breach("S26", with_field(element=""), SERVICE, "has no element", "declared"),
    Breach("R08", with_words({"XMM": "name"}), "clients.yaml", 'unknown element "XMM"', "hall"),
    Breach("R08", with_words({"XM": "a", "XB": "a"}), "clients.yaml", '"a" stands for two', "hall"),
    Breach("R08", with_words({"XM": "XB"}), "clients.yaml", "is the code of another", "hall"),
    Breach("R08", with_words(codes={"sexes": {}}), "clients.yaml", 'unknown code table "sexes"', "hall"),
    Breach(
        "R08", with_words(codes={"sex": {"0": "U", "1": "M"}}), "clients.yaml", "without a word: 2", "hall"
    ),
    Breach(
        "R08",
        with_words(codes={"sex": {"0": "U", "1": "M", "2": "M"}}),
        "clients.yaml",
        '"M" stands for two codes',
        "hall",
    ),
    Breach(
        "R08",
        with_words(codes={"sex": {"0": "U", "1": "M", "2": "F", "3": "X"}}),
        "clients.yaml",
        '"3" is no code',
        "hall",
    ),
    Breach("R08", with_words(codes={"sex": {"0": 1}}), "clients.yaml", "texts to texts", "hall"),
]


@cases(BREACHES)
def test_each_breach_is_told_where_it_stands_and_how_it_is_mended(breach):
    assert_told(breach)


def test_what_is_right_is_not_told():
    right = with_notice(notice(), notice("2", "2026-02-01")) | with_minors(
        {"birthDate": "CSRQ", "guardianUntil": 16, "guardians": GUARDIANS}
    )
    assert catalogs.check(campus(right | with_field()), ON) == []
    words = with_words({"XM": "userName"}, {"sex": {"0": "U", "1": "M", "2": "F"}})
    assert catalogs.check(campus(words), ON) == []


def test_of_the_versions_of_a_notice_the_newest_that_has_begun_is_in_force():
    versions = catalogs.load(
        campus(
            with_notice(notice(), notice("2", "2026-03-01"), notice("3", "2026-05-01", validTo="2026-05-31"))
        )
    ).notices["N-ID"]
    days = {"2025-12-31": None, "2026-02-28": "1", "2026-03-01": "2", "2026-05-31": "3", "2026-06-01": None}
    for day, version in days.items():
        found = in_force(versions, type(ON).fromisoformat(day))
        assert (found and found.version) == version
    assert len({one.digest for one in versions}) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {DEMAND: governed.demand()},
        {
            NOTICES: [notice(elements=["XM"])],
            DEMAND: governed.demand(notice="N-ID", elements=["XM", "SFZH", "GH"]),
        },
    ],
)
def test_who_would_hand_out_without_consent_goes_the_way_of_a_demand(changes):
    base = governed.campus({NOTICES: [notice()], DEMAND: governed.demand(notice="N-ID")})
    found = governed.prepared(changes, base)
    assert (governed.HR, "决定", 5) in governed.ways(found)


_NAMES = st.sampled_from(["XM", "XB", "CSRQ", "SFZH", "a", "b", "c", ""])
_OWN = st.sampled_from(["0", "1", "2", "M", "F", "U"])


@given(
    elements=st.dictionaries(st.sampled_from(["XM", "XB", "CSRQ", "SFZH"]), _NAMES, max_size=4),
    codes=st.dictionaries(st.sampled_from(["0", "1", "2", "9"]), _OWN, max_size=4),
)
@settings(max_examples=150, deadline=None)
def test_words_are_one_to_one_or_the_check_fails(elements, codes):
    files = campus(with_words(elements, {"sex": codes} if codes else {}))
    faults = {fault.rule for fault in catalogs.check(files, ON) if fault.severity == "error"}
    if faults:
        assert faults == {"R08"}
        return
    catalog = catalogs.load(files)
    words = client_words(catalog, "hall")
    spoken = {code: words.elements.get(code, code) for code in catalog.elements}
    assert len(set(spoken.values())) == len(spoken)
    if codes:
        own = words.codes["sex"]
        assert own.keys() == catalog.codes["sex"].rows.keys() and len(set(own.values())) == len(own)


def test_what_applicants_declare_themselves_is_no_gap_that_a_unit_would_have_to_fill():
    granted = {DEMAND: demand(elements=["XM", "SFZH", "JTRKS"])}
    named = {"elements.csv": ELEMENTS + "JTRKS,家庭人口数,household size,integer,,person,,3,personal,,,\n"}
    for is_declared, gap in ((True, "本人填报"), (False, "无源")):
        field = with_field(element="JTRKS", declared=is_declared)
        catalog = catalogs.load(campus(granted | named | field))
        assert {line.element: line.gap for line in demand_lines(catalog)}["JTRKS"] == gap
        told = {fault.rule for fault in catalogs.check(campus(granted | named | field), ON)}
        assert told == (set() if is_declared else {"D04"})
