"""Edits in words: the entry and its part by the names that people have for them, values by what their codes mean."""

from dataclasses import replace

import pytest

import catalogs
from catalogs import words
from catalogs.between_rules import BETWEEN_DIMENSIONS, BETWEEN_KEYS, BETWEEN_SEVERITIES
from catalogs.certificates import CERTIFICATE_KEYS, LAYOUT_KEYS, STATED_KEYS
from catalogs.changes.attribute_names import IN_PLACE, KINDS, NAMES, known_name
from catalogs.changes.code_words import CODE_WORDS, code_word
from catalogs.changes.edit_words import changed_entries, place_in_words
from catalogs.changes.edits import Edit, edits_between
from catalogs.contract_items import ITEM_PROPERTIES
from catalogs.contracts import CONTRACT_PROPERTIES, INGEST_KEYS, PARTITION_KEYS
from catalogs.decisions import APPROVAL_KEYS, APPROVAL_STEP_KEYS, POWER_KEYS
from catalogs.forms.demands import PATHS
from catalogs.forms.known import form_of
from catalogs.model_posts import ROLES
from catalogs.notices import NOTICE_KEYS
from catalogs.quality import ON_FAILURE
from catalogs.read_keys import READ_KEYS
from catalogs.services import DEMAND_KEYS, FORM_KEYS, ITEM_KEYS, MATERIAL_KEYS, STEP_KEYS
from catalogs.settings import DEFAULT_CAMPUS
from catalogs.source_auth import AUTH_KEYS

STAFF, MOVE, DEMAND = "resources/hr/staff.odcs.yaml", "services/BW-001.yaml", "demands/D-2026-0001.yaml"


@pytest.fixture(scope="module")
def campus():
    return catalogs.load(DEFAULT_CAMPUS)


def told(catalog, *edits, language="zh"):
    """Return (entry, part, old, new) of each place."""
    return [
        (f"{entry.kind} {entry.name}", one.what, one.old, one.new)
        for entry in changed_entries(edits, catalog, language)
        for one in entry.changes
    ]


def custom(name):
    return f"customProperties[{name}].value"


def test_a_property_of_a_resource_is_told_by_its_name_and_its_code_by_its_word(campus):
    edit = Edit(STAFF, "", custom("shareType"), "conditional", "none")
    assert told(campus, edit) == [
        ("数据资源 教职工基本信息 (hr.staff)", "共享类型", "有条件共享", "不予共享")
    ]
    assert told(campus, edit, language="en") == [
        ("Resource Staff: basic information (hr.staff)", "Sharing", "conditional", "not shared")
    ]
    (entry,) = changed_entries([edit], campus, "zh")
    assert (entry.file, entry.changes[0].address) == (STAFF, edit.field)


def test_an_item_a_step_and_a_material_are_told_by_what_people_call_them(campus):
    edits = (
        Edit(STAFF, "", f"schema[staff].properties[born_on].{custom('mask')}", None, "hide"),
        Edit(MOVE, "", "steps[3].limit", {"value": 3, "unit": "workday"}, {"value": 1, "unit": "workday"}),
        Edit(MOVE, "", "materials[M-MOVE-PERMIT].necessity", "optional", "required"),
        Edit(MOVE, "", "steps[]", ["1", "2"], ["2", "1"]),
    )
    assert [one[1:] for one in told(campus, *edits)] == [
        ("信息项“出生日期” · 脱敏方式", "", "全部隐去"),
        ("环节“3 报公安” · 办理时限", "3 个工作日", "1 个工作日"),
        ("材料“准予迁入证明 (M-MOVE-PERMIT)” · 必要性", "非必要", "必要"),
        ("环节 · 次序", "1、2", "2、1"),
    ]


def test_a_post_that_takes_another_s_place_is_one_change_of_the_role(campus):
    files = campus.files
    changed = files | {STAFF: files[STAFF].replace(b"post:hr-data-steward", b"post:rs-data-steward")}
    ((_, what, old, new),) = told(campus, *edits_between(files, changed))
    assert what == "数据专员岗位" and new == "人事处数据专员" and old.startswith("人事处数据专员（")


def test_codes_of_registers_are_told_by_the_names_that_these_have(campus):
    edits = (
        Edit(DEMAND, "", "elements[XBM]", "XBM", None),
        Edit(DEMAND, "", "purpose.serviceItem", "BW-001", "CW-001"),
        Edit("units.csv", "XB", "parent", "YXDX", "RS"),
    )
    assert told(campus, *edits) == [
        ("共享需求 D-2026-0001 保卫处 (BW)", "数据元", "性别 (XBM)", ""),
        ("共享需求 D-2026-0001 保卫处 (BW)", "关联事项", "集体户口迁移 (BW-001)", "报账(网上报销) (CW-001)"),
        ("单位 学校办公室 (XB)", "上级", "云溪大学 (YXDX)", "人事处 (RS)"),
    ]


def test_an_entry_that_comes_or_goes_is_told_part_by_part(campus):
    data = {
        "demandId": "D-1", "requesterUnit": "RS", "elements": ["XM"], "decision": {"by": ["post:rs-director"]}
    }  # fmt: skip
    edit = Edit("demands/D-1.yaml", "", "", None, data)
    (new,) = changed_entries([edit], campus, "zh")
    (gone,) = changed_entries([replace(edit, old=data, new=None)], campus, "zh")
    assert (new.name, new.is_new, new.is_gone) == ("D-1 人事处 (RS)", True, False)
    assert (gone.is_new, gone.is_gone) == (False, True)
    assert [(one.what, one.new) for one in new.changes] == [
        ("需求编号", "D-1"), ("需求单位", "人事处 (RS)"), ("数据元", "姓名 (XM)"),
        ("审批决定 · 决定岗位", "人事处负责人"),
    ]  # fmt: skip
    assert place_in_words(edit, campus, "zh") == "共享需求 D-1 人事处 (RS)"
    assert place_in_words(Edit(STAFF, "", "description.purpose", "a", "b"), campus, "zh").endswith(
        ": 信息资源摘要"
    )


def test_whatever_the_reference_campus_says_has_a_name_and_nothing_of_it_is_lost(campus):
    files = {name: content for name, content in campus.files.items() if not name.endswith(".docx")}
    edits = edits_between({}, files)
    found = changed_entries(edits, campus, "zh")
    assert len(found) == len({(edit.file, edit.entry) for edit in edits})
    assert all(one.is_new and one.name and one.changes for one in found)
    # What is told by its own word: codes that a contract maps, and resources that a rule reads.
    bare = {
        one.what
        for entry in found
        if not entry.file.startswith("expectations/")
        for one in entry.changes
        if one.what.isascii()
    }
    assert bare == set()


@pytest.mark.parametrize(
    ("place", "keys"),
    [
        ("resources", CONTRACT_PROPERTIES), ("properties", ITEM_PROPERTIES),
        ("ingest", (*INGEST_KEYS, *PARTITION_KEYS)),
        ("read", tuple(READ_KEYS)), ("services", ITEM_KEYS), ("steps", STEP_KEYS), ("form", FORM_KEYS),
        ("materials", MATERIAL_KEYS), ("demands", DEMAND_KEYS), ("powers", POWER_KEYS), ("notices", NOTICE_KEYS),
        ("approvals", (*APPROVAL_KEYS, *APPROVAL_STEP_KEYS)), ("expectations", BETWEEN_KEYS),
        ("certificates", (*CERTIFICATE_KEYS, *STATED_KEYS, *LAYOUT_KEYS)),
        *(("auth", (*needed, *possible)) for needed, possible in AUTH_KEYS.values()),
    ],
)  # fmt: skip
def test_every_key_that_the_catalog_knows_has_a_name(place, keys):
    assert [key for key in keys if known_name(key, (place,), False) == key] == []


def test_names_are_those_of_the_forms(campus):
    def headings(form):
        return {one.key: one.zh for columns in form_of(form, campus).tables.values() for one in columns}

    demands, powers = headings("demands"), headings("powers")
    for key, path in PATHS.items():
        assert known_name(path.rpartition(".")[2], ("demands",), False) == demands[key]
    for key in powers.keys() - {"number"}:
        assert known_name(key, ("powers",), False) == powers[key]
    for key in ("updateCycle", "isOpen", "openCondition", "formatClass", "shareModeType", "shareType"):
        assert known_name(key, ("resources",), False) == headings("guide")[key]
    steps = headings("annex2")
    for key in ("nameZh", "unit", "role", "action", "input", "output", "limit", "onReturn"):
        assert known_name(key, ("services", "steps"), False) == steps[key]


def test_every_name_is_in_both_languages():
    every = [pair for names in (NAMES, KINDS, *IN_PLACE.values()) for pair in names.values()]
    assert [pair for pair in every if not all(pair) or pair[0].isascii() or not pair[1].isascii()] == []


def test_in_english_a_code_is_told_by_its_word_and_a_time_by_its_unit(campus):
    edits = (
        Edit(DEMAND, "", "frequency", "per_case", "once"),
        Edit(STAFF, "", custom("piClass"), "personal", "sensitive"),
        Edit(MOVE, "", "materials[M-MOVE-PERMIT].necessity", "optional", "required"),
        Edit(MOVE, "", "steps[3].limit", {"value": 3, "unit": "workday"}, {"value": 1, "unit": "workday"}),
    )
    assert [one[2:] for one in told(campus, *edits, language="en")] == [
        ("per case", "once"),
        ("personal data", "sensitive personal data"),
        ("not required", "required"),
        ("3 working days", "1 working day"),
    ]


@pytest.mark.parametrize("is_english", [False, True])
@pytest.mark.parametrize(
    ("key", "codes"),
    [
        ("shareType", words.SHARE_TYPES), ("tier", words.TIERS), ("subjectView", words.SUBJECT_VIEWS),
        ("logicalType", words.LOGICAL_TYPES), ("mode", words.MODES), ("onAbsence", words.ABSENCES),
        ("secrecy", words.SECRECIES), ("piClass", words.PI_CLASSES), ("guideType", words.GUIDE_TYPES),
        ("necessity", words.NECESSITIES), ("state", words.DEMAND_STATES), ("join", words.STEP_JOINS),
        ("onReturn", words.ON_RETURN), ("onlineDepth", words.DEPTHS), ("unit", words.LIMIT_UNITS),
        ("audience", words.OPEN_WORDS["audience"]), ("channel", words.OPEN_WORDS["channel"]), ("role", ROLES),
        ("onFailure", ON_FAILURE), ("dimension", BETWEEN_DIMENSIONS), ("severity", BETWEEN_SEVERITIES),
    ],
)  # fmt: skip
def test_every_code_of_a_closed_list_has_a_word(key, codes, is_english):
    assert [code for code in codes if code not in CODE_WORDS[key]] == []
    told = [code_word(key, code, is_english) for code in codes]
    assert all(one and one.isascii() == is_english for one in told)
    # No code is left in its own spelling where people would not write it so.
    assert not any("_" in one for one in told)
