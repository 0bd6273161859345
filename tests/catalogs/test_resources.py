"""The guide's field list of resources and items (CATALOG §3.1, 3.2)."""

from typing import Any

import pytest

import catalogs
from tests.catalogs import small
from tests.catalogs.breaches import Breach, assert_told, cases
from tests.catalogs.small import STAFF, STUDENTS, awards, campus, contract, item, key_item, staff, students


def staff_item(name: str, element: str = "", **custom: Any) -> dict[str, Any]:
    """Return hr.staff with one more item."""
    doc = staff()
    doc["schema"][0]["properties"].append(item(name, element, custom=custom))
    return doc


def without_rules() -> dict[str, Any]:
    doc = staff()
    del doc["schema"][0]["quality"]
    return doc


def sensitive_key() -> dict[str, Any]:
    doc = staff()
    doc["schema"][0]["properties"][0]["customProperties"] += [
        {"property": "piClass", "value": "sensitive"},
        {"property": "mask", "value": "hide"},
    ]
    return doc


def sensitive_watermark() -> dict[str, Any]:
    doc = staff(
        ingest={
            "mode": "watermark",
            "watermark": "changed_at",
            "onAbsence": "end",
            "keySweep": {"everyDays": 7},
        }
    )
    doc["schema"][0]["properties"].append(
        item("changed_at", "", "timestamp", custom={"piClass": "sensitive", "mask": "hide"})
    )
    return doc


def bounded(until: str, since: str = "") -> dict[str, Any]:
    """Return hr.staff with a value that holds until an item says."""
    return staff_item("post", "JXMC", validity={"from": since, "until": until})


def hidden_bound() -> dict[str, Any]:
    doc = bounded("left_on")
    hidden = {"subjectView": "none", "subjectViewBasis": "校内规定"}
    doc["schema"][0]["properties"].append(item("left_on", "", "date", custom=hidden))
    return doc


OPEN = {"shareType": "none", "noShareBasis": "校内规定", "isOpen": True}
FILES = {"formatClass": "电子文件", "formatType": "pdf"}
BREACHES = [
    Breach("C22", {STAFF: staff(dataLevel=None, subset=None)}, STAFF, "no dataLevel, subset"),
    Breach("C22", {STAFF: staff(retention=None)}, STAFF, "no retention"),
    Breach("C22", {STUDENTS: students(ingest={"mode": "full"})}, STUDENTS, "no ingest.onAbsence"),
    Breach("C23", {STAFF: staff(resourceCode="人事/1")}, STAFF, '"人事/1"', "resourceCode"),
    Breach("C23", {STAFF: staff(category="部门/人事")}, STAFF, '"部门/人事"', "category"),
    Breach("C23", {STAFF: staff(category="基础/人口/教职工")}, STAFF, "begins with", "category"),
    Breach("C24", {"resources/hr/x.odcs.yaml": contract("hr.x", [key_item("k")], **OPEN)},
           "resources/hr/x.odcs.yaml", "open to society", "isOpen"),
    Breach("C24", {STAFF: staff(openCondition="须登记")}, STAFF, "not open", "openCondition"),
    Breach("C30", {STAFF: staff(formatClass="电子表格", formatType="PostgreSQL")}, STAFF, "PostgreSQL", "formatType"),
    Breach("C25", {STAFF: staff_item("health", piClass="sensitive")}, STAFF, '"health": sensitive', "piClass"),
    Breach("C26", {STAFF: staff_item("copied", "JXMC", authoritative=False)}, STAFF, "copy of element JXMC", "element"),
    Breach("C27", {STAFF: staff(**FILES, shareModeType="服务接口")}, STAFF, "电子文件", "shareModeType"),
    Breach("C27", {STUDENTS: students(shareModeType="文件下载")}, STUDENTS, "数据库", "shareModeType"),
    Breach("C28", {STAFF: without_rules()}, STAFF, "good enough", "schema"),
    Breach("C31", {STAFF: sensitive_key()}, STAFF, "looked for by it", "piClass"),
    Breach("C32", {STAFF: sensitive_watermark()}, STAFF, "kept apart by it", "piClass"),
    Breach("C34", {STAFF: staff() | {"status": "deprecated"}}, STAFF, "no deprecatedOn, validTo", "status"),
    Breach("C34", {STAFF: staff(deprecatedOn="2027-01-01", validTo="2026-12-31")}, STAFF, "before", "deprecatedOn"),
    Breach("C33", {STAFF: bounded("ended_on")}, STAFF, '"ended_on", which is no item', "validity"),
    Breach("C33", {STAFF: bounded("name")}, STAFF, '"name", which is no date', "validity"),
    Breach("C33", {STAFF: bounded("born_on", since="born_on")}, STAFF, '"born_on" twice', "validity"),
    Breach("C33", {STAFF: hidden_bound()}, STAFF, "not everybody may be told", "validity"),
    Breach("C29", {STAFF: staff_item("review", subjectView="none")}, STAFF, "none without basis", "subjectView"),
]  # fmt: skip


@cases(BREACHES)
def test_a_breach_is_told_where_a_person_looks(breach):
    assert_told(breach)


def test_a_related_code_is_one_of_a_resource():
    faults = catalogs.check(campus({STAFF: staff(relatedCodes=["3070201/academic-student"])}))
    assert [(fault.rule, fault.mend) for fault in faults] == [
        ("C06", 'did you mean "3070201/academic-students"?')
    ]
    assert catalogs.check(campus({STAFF: staff(relatedCodes=["3070201/academic-students"])})) == []


def test_a_draft_is_left_alone_where_it_is_unfinished():
    doc = without_rules() | {"status": "draft"}
    doc["customProperties"] = [one for one in doc["customProperties"] if one["property"] != "dataLevel"]
    assert [fault for fault in catalogs.check(campus({STAFF: doc})) if fault.file == STAFF] == []


@pytest.mark.parametrize(
    "words", [{"dataLevel": "5"}, {"piClass": "private"}, {"formatClass": "纸"}, {"qualityGate": {"完整性": 1.2}},
              {"shareModeClass": "飞鸽"}, {"isOpen": "yes"}, {"publishedOn": 2026}]
)  # fmt: skip
def test_what_machines_act_on_is_one_of_a_closed_list(words):
    assert [(one.rule, one.severity) for one in catalogs.check(campus({STAFF: staff(**words)}))][:1] == [
        ("V03", "error")
    ]


def test_what_a_contract_does_not_say_follows_from_its_system_and_its_elements():
    elements = small.ELEMENTS.replace("CSRQ,出生日期,birth date,date", "CSRQ,出生日期,birth date,D")
    loaded = catalogs.load(
        campus({"elements.csv": elements, STAFF: staff(relatedCodes=["3070201/hr-staff"])})
    )
    staff_, students_ = loaded.resources["hr.staff"], loaded.resources["academic.students"]
    assert (students_.format_class, students_.format_type) == ("数据库", "PostgreSQL")
    assert (students_.share_mode_class, students_.share_mode_type) == ("共享平台方式", "服务接口")
    assert [staff_.item(name).guide_type for name in ("name", "born_on")] == ["C", "D"]
    assert (staff_.code, staff_.category, staff_.is_open) == ("3070201/hr-staff", "部门/人事/教职工", False)
    assert staff_.valid_from == staff_.published_on and staff_.related_codes == ("3070201/hr-staff",)


def test_a_length_is_in_bytes_of_utf8():
    doc = awards()
    doc["schema"][0]["properties"][2]["logicalTypeOptions"] = {"maxLength": 20}
    award = catalogs.load(campus({small.AWARDS: doc})).resources["academic.awards"].item("award")
    assert (award.max_bytes, award.length) == (None, 60)
