"""The guide of a service item and the register of materials (CATALOG §3.4, 3.5)."""

from typing import Any

import catalogs
from catalogs.unified import Difference, differences
from tests.catalogs.breaches import Breach, assert_told, cases
from tests.catalogs.small import SERVICE, campus, materials, service_item

SECOND = "services/rs-002.yaml"
RESULT = service_item()["result"]
SITES = {
    "code": "DEMO",
    "nameZh": "示例大学",
    "sites": [{"code": "1", "nameZh": "东区"}, {"code": "2", "nameZh": "西区"}],
}
PLACE = {"campus": "东区", "address": "东区一层", "hours": "8:30–17:00"}
ONLINE = service_item()["urls"]
LATER = {"caseType": "承诺件", "promisedLimit": {"value": 5, "unit": "workday"}}


def guide(**changes: Any) -> dict[str, Any]:
    """Return files with another RS-001; None takes a key out of the guide."""
    return {SERVICE: {key: value for key, value in service_item(**changes).items() if value is not None}}


def second(**changes: Any) -> dict[str, Any]:
    """Return files with a second service item."""
    return {SECOND: service_item(code="RS-002", taskCode="DEMO-RS-002-01", **changes)}


def at_window(**changes: Any) -> dict[str, Any]:
    """Return files with an item that one comes to a window for."""
    given = {
        "channels": ["window"],
        "onlineDepth": "I",
        "visits": 1,
        "visitReason": "签字",
        "urls": None,
        "places": [PLACE],
    }
    return guide(**(given | changes))


def material(**changes: Any) -> dict[str, Any]:
    """Return files with a further material in the register."""
    given = {
        "code": "M-X",
        "nameZh": "收入证明",
        "kind": "证明",
        "source": "申请人自备",
        "form": ["纸质"],
        "gap": "无源",
    }
    row = {key: value for key, value in (given | changes).items() if value is not None}
    return {"materials.yaml": [*materials(), row]}


REGISTER = "materials.yaml"
BREACHES = [
    Breach("S07", guide(refusal=None, faq=None), SERVICE, "no refusal, faq"),
    Breach("S08", guide(urls=None), SERVICE, '"online" has no address', "channels"),
    Breach("S08", guide(urls=ONLINE | {"mobile": "https://m.sample.example"}), SERVICE, "urls.mobile", "urls"),
    Breach("S08", guide(urls={"online": "hall"}), SERVICE, "urls.online", "urls"),
    Breach("S08", at_window(places=None), SERVICE, "no place", "channels"),
    Breach("S08", at_window(places=[{"campus": "东区", "address": "一层"}]), SERVICE, "without hours", "campus"),
    Breach("S08", {"campus.yaml": SITES} | at_window(places=[PLACE | {"campus": "北区"}]),
           SERVICE, '"北区"', "campus"),
    Breach("S08", at_window(onlineDepth="III"), SERVICE, "no online channel", "onlineDepth"),
    Breach("S09", at_window(visits=0, result=RESULT | {"delivery": ["自取"]}),
           SERVICE, "nothing is delivered", "visits"),
    Breach("S10", guide(fee={"charged": True, "basis": "某文"}), SERVICE, "standard, onlinePayment", "charged"),
    Breach("S10", guide(fee={"charged": False, "onlinePayment": True}), SERVICE, "paid online", "onlinePayment"),
    Breach("S11", guide(result=RESULT | {"sample": ""}), SERVICE, "no sample", "nameZh"),
    Breach("S11", guide(result=RESULT | {"kind": "出文"}), SERVICE, "of kind 出文", "kind"),
    Breach("S12", guide(complaint={"unit": "XX", "phone": "6301"}), SERVICE, "one telephone", "complaint"),
    Breach("S12", guide(contacts=[{"unit": "RS", "phone": "6301"}]), SERVICE, '"CW" takes part', "contacts"),
    Breach("S13", guide(acceptConditions="在职, 以及其他条件。"), SERVICE, '"其他条件"', "acceptConditions"),
    Breach("S13", guide(preconditions=[{"nameZh": "视情况提供"}]), SERVICE, '"视情况"', "nameZh"),
    Breach("S14", material(kind="申请表单", sample="s.pdf"), REGISTER, "without blank", "kind"),
    Breach("S15", second(refusal="外聘的不受理。", form=[{"field": "yt", "nameZh": "用途"}]),
           SECOND, '"form" reads otherwise in "RS-001"', "form"),
    Breach("S15", guide(variants=[{"campus": "西区", "materials": []}]), SERVICE, 'at "西区"', "materials"),
    Breach("S16", guide(lifeEvent="毕业"), SERVICE, 'not for "student"', "lifeEvent"),
    Breach("S17", at_window(visits=2), SERVICE, "on no list", "visits"),
    Breach("S17", guide(negativeList={"reason": "须面签"}), SERVICE, "with 0 visits", "negativeList"),
    Breach("S18", guide(caseType="联办件"), SERVICE, "联办件", "caseType"),
    Breach("S19", guide(materials=[{"material": "M-BANK", "necessity": "deferrable"}]),
           SERVICE, "when is not said", "necessity"),
    Breach("S20", guide(**LATER, statutoryLimit={"value": 3, "unit": "workday"}),
           SERVICE, "allows 3", "promisedLimit"),
    Breach("S24", material(copies="一份"), REGISTER, "'一份' copies", "copies"),
    Breach("S24", material(copies=0), REGISTER, "0 copies", "copies"),
    Breach("S24", material(form=["电子"], copies=2), REGISTER, "not brought on paper", "copies"),
    Breach("S24", material(form=["电子"], spec="A4"), REGISTER, "not brought on paper", "spec"),
    Breach(
        "S24",
        material(kind="申请表单", form=["电子"], sample="s.pdf", blank="b.docx"),
        REGISTER,
        "filled in online",
        "form",
    ),
    Breach("S25", guide(notices=["其他材料另见窗口"]), SERVICE, "leaves open", "notices"),
    Breach("S25", guide(faq=[{"q": "带什么?", "a": "视情况而定"}]), SERVICE, "leaves open", "视情况而定"),
    Breach("S25", material() | guide(notices=["请带收入证明"]), SERVICE, '"收入证明" is asked for', "notices"),
    Breach("S23", material(kind=None), REGISTER, "no kind", "code"),
    Breach("S23", material(gap=None), REGISTER, "facts (or a named gap)", "code"),
    Breach("S23", material(source="校内部门核发"), REGISTER, "none is named", "source"),
    Breach("S23", material(nameZh="身份证 复印件"), REGISTER, 'already that of "M-ID"', "nameZh"),
    Breach("V07", guide(kind="审批类"), SERVICE, '"审批类"', "kind"),
    Breach("V07", guide(result=RESULT | {"delivery": ["电子", "飞鸽"]}), SERVICE, '"飞鸽"', "delivery"),
    Breach("V07", material(form=["竹简"]), REGISTER, '"竹简"', "form"),
]  # fmt: skip


@cases(BREACHES)
def test_a_breach_is_told_where_a_person_looks(breach):
    assert_told(breach)


def test_what_need_not_be_brought_may_be_said():
    assert catalogs.check(campus(material() | guide(notices=["无需再交收入证明。"]))) == []


def test_a_special_requirement_may_need_more_visits_and_a_negative_one_too():
    for key in ("specialRequirement", "negativeList"):
        assert catalogs.check(campus(at_window(visits=2, **{key: {"reason": "须本人到场"}}))) == []


def test_words_that_a_campus_adds_are_usual_there():
    campus_file = {
        "code": "DEMO",
        "nameZh": "示例大学",
        "words": {"serviceKind": ["评优"], "delivery": ["校车"]},
    }
    changed = guide(kind="评优", result=RESULT | {"delivery": ["校车"]})
    assert catalogs.check(campus(changed | {"campus.yaml": campus_file})) == []


def test_what_reads_otherwise_is_told_by_field_and_only_for_the_fields_the_campus_unifies():
    campus_file = {"code": "DEMO", "nameZh": "示例大学", "unified": ["legalBasis", "form"]}
    changes = second(form=[], legalBasis=[]) | guide(variants=[{"campus": "西区", "form": [], "visits": 2}])
    found = differences(catalogs.load(campus(changes | {"campus.yaml": campus_file})))
    assert found == (
        Difference("RS-001", "form", site="西区"),
        Difference("RS-002", "legalBasis", other="RS-001"),
        Difference("RS-002", "form", other="RS-001"),
    )


def test_what_a_guide_refers_to_exists():
    changes = guide(
        mainItem="RS-009", outsideAuthority="GAJ", preconditions=[{"nameZh": "在职", "element": "ZZ"}]
    )
    faults = catalogs.check(campus(changes))
    assert [fault.rule for fault in faults] == ["S01", "S01", "S01"]
    assert {word for fault in faults for word in ("RS-009", "GAJ", "ZZ") if word in fault.what} == {
        "RS-009",
        "GAJ",
        "ZZ",
    }


def test_a_task_code_is_one_items():
    changed = {SECOND: service_item(code="RS-002", nameZh="收入证明")}
    faults = [fault for fault in catalogs.check(campus(changed)) if fault.severity == "error"]
    assert [(fault.rule, fault.file) for fault in faults] == [("V04", SECOND)]
