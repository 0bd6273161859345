"""A form that comes back as it left changes nothing; one changed cell is exactly that edit; and the law of both."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import catalogs
from catalogs.changes.edits import apply, edits_between
from catalogs.forms.cells import trimmed
from catalogs.forms.form import Chosen, Draft
from catalogs.forms.known import form_of
from catalogs.loading import read
from tests.catalogs import small
from tests.catalogs.forms.books import FORMS, catalog_of, reading, with_cell, written

EXAMPLES = 15
CAMPUS = catalogs.load("catalogs/campus")


@pytest.mark.parametrize("merged", [True, False], ids=["merged", "repeated"])
@pytest.mark.parametrize("form", FORMS)
def test_a_form_that_comes_back_as_it_left_changes_nothing(form, merged):
    for catalog in (CAMPUS, catalog_of()):
        found = reading(written(form, catalog, merged=merged), catalog)
        assert (found.forms, found.edits, found.faults, found.left_alone) == ((form,), (), (), ())


STAFF = small.STAFF
ITEM = "schema[staff].properties[{}]"
ONE_CELL = [
    (
        "guide",
        "信息资源摘要",
        "staff of the made-up campus",
        "教职工基本信息",
        STAFF,
        "",
        "description.purpose",
    ),
    ("guide", "信息资源名称", "示例资源 hr.staff", "教职工", STAFF, "", "schema[staff].businessName"),
    ("guide", "是否向社会开放", "否", "是", STAFF, "", "customProperties[isOpen].value"),
    ("guide", "更新周期", "每日", "每学期", STAFF, "", "customProperties[updateCycle].value"),
    (
        "guide",
        "数据类型",
        "字符型C",
        "备注型M",
        STAFF,
        "",
        ITEM.format("staff_no") + ".customProperties[guideType]",
    ),
    ("annex1", "现状", "线下盖章", "网上办理", small.SERVICE, "", "current"),
    ("annex1", "服务事项名称", "在职证明", "在职证明(中英文)", small.SERVICE, "", "nameZh"),
    ("annex2", "环节名称", "核验", "核验在职", small.SERVICE, "", "steps[2].nameZh"),
    ("annex2", "办理单位", "财务处", "教务处", small.SERVICE, "", "steps[2].unit"),
    ("annex3", "联系电话", "6401", "0640", small.SERVICE, "", "contacts[CW].phone"),
    ("annex3", "填写样表", "sample/form.pdf", "sample/f.pdf", "materials.yaml", "M-FORM", "sample"),
    ("demands", "留存与销毁", "结案后 30 日销毁", "结案即销毁", small.DEMAND, "", "retention"),
    ("powers", "监督电话", "内线0107", "0108", "powers.yaml", "P-RS-01", "phone"),
]


@pytest.mark.parametrize(("form", "heading", "shown", "new", "file", "entry", "field"), ONE_CELL)
def test_one_changed_cell_is_exactly_that_edit(form, heading, shown, new, file, entry, field):
    catalog = catalog_of()
    sheet = "人事处" if form == "guide" else ""
    found = reading(with_cell(written(form, catalog), heading, shown, new, sheet), catalog)
    assert found.faults == ()
    assert [(edit.file, edit.entry, edit.field) for edit in found.edits] == [(file, entry, field)]
    again = catalogs.loading.read(apply(catalog.files, found.edits))[0].catalog
    assert reading(with_cell(written(form, catalog), heading, shown, new, sheet), again).edits == ()


texts = st.text(
    st.sampled_from("甲乙丙 ,，。()（）0123=+-@'\"<>&#\n\tAaZ〔2025〕𠮷"), min_size=1, max_size=24
).filter(lambda text: trimmed(text) == text)
names = texts.filter(lambda text: "\n" not in text and "\t" not in text)
days = st.dates().filter(lambda day: day.year > 1000).map(lambda day: day.isoformat())
SHARES = st.sampled_from(["unconditional", "conditional", "none"])


def _custom(holder: dict[str, Any], **values: Any) -> None:
    kept = [one for one in holder.get("customProperties", []) if one["property"] not in values]
    holder["customProperties"] = kept + small.props(
        **{key: value for key, value in values.items() if value is not None}
    )


@st.composite
def contracts(draw):
    """The contract of the staff with whatever the guide's form can say of it."""
    doc = copy.deepcopy(small.staff())
    doc["description"]["purpose"] = draw(texts)
    schema = doc["schema"][0]
    schema["businessName"] = draw(names)
    _custom(
        doc,
        category="/".join(draw(st.lists(st.sampled_from(["部门", "人事", "01"]), min_size=1, max_size=5))),
        relatedServiceItems=draw(st.sampled_from([None, ["RS-001"]])),
        formatNote=draw(st.none() | texts),
        shareModeClass="邮件",
        shareModeType=draw(st.sampled_from(["文件下载", "数据库"])),
        isOpen=draw(st.booleans()),
        openCondition=draw(st.none() | texts),
        updateCycle=draw(st.sampled_from(["daily", "termly", "irregular"])),
        publishedOn=draw(days),
        shareType=draw(SHARES),
        shareCondition=draw(st.none() | texts),
        noShareBasis=draw(st.none() | texts),
    )
    for item in schema["properties"][1:]:
        own = draw(st.none() | SHARES)
        item["businessName"] = draw(names)
        _custom(
            item,
            length=draw(st.none() | st.integers(1, 4000)),
            shareType=own,
            shareCondition=draw(texts) if own == "conditional" else None,
            noShareBasis=draw(texts) if own == "none" else None,
        )
    return {STAFF: doc}


@st.composite
def services(draw):
    """The service item with whatever the annexes can say of it."""
    item = small.service_item(nameZh=draw(names), description=draw(texts), current=draw(texts))
    item["target"] = {
        "date": draw(days),
        "mode": draw(st.sampled_from(["online", "window"])),
        "text": "全程网办, 一趟不跑",
    }
    item["notices"] = draw(st.lists(texts, max_size=3))
    codes = draw(st.lists(st.sampled_from(["M-ID", "M-FORM", "M-BANK"]), unique=True))
    item["materials"] = [
        {"material": code, "necessity": draw(st.sampled_from(["required", "optional", "deferrable"]))}
        | draw(st.sampled_from([{}, {"condition": "首次办理"}, {"copies": 2}]))
        for code in codes
    ]
    item["steps"] = [
        {
            "seq": number,
            "nameZh": draw(names),
            "unit": draw(st.sampled_from(["RS", "CW"])),
            "limit": {
                "value": draw(st.sampled_from([0, 0.5, 12])),
                "unit": draw(st.sampled_from(["workday", "hour"])),
            },
            "condition": draw(texts),
            "onReturn": "restartAll",
        }
        for number in range(1, draw(st.integers(1, 4)) + 1)
    ]
    return {small.SERVICE: item}


@st.composite
def demands(draw):
    """The demand with whatever its form can say of it."""
    elements = draw(st.lists(st.sampled_from(["XM", "SFZH", "XB", "YHKH"]), min_size=1, unique=True))
    return {
        small.DEMAND: small.demand(
            elements=elements,
            unmasked=[one for one in elements if draw(st.booleans())],
            basis=draw(texts),
            scope=draw(texts),
            validFrom=draw(days),
            replaces=draw(st.lists(st.sampled_from(["M-ID", "M-FORM"]), unique=True)),
        )
    }


@st.composite
def powers(draw):
    """The power list."""
    keys = ("nameZh", "basis", "duties", "accountableFor")
    return {
        "powers.yaml": [
            {
                "code": f"P-{number:02}",
                "unit": "RS",
                "phone": draw(st.from_regex(r"0[0-9]{3}", fullmatch=True)),
            }
            | {key: draw(texts) for key in keys}
            for number in (1, 2)
        ]
    }


CHANGES = {
    "guide": contracts,
    "annex1": services,
    "annex2": services,
    "annex3": services,
    "demands": demands,
    "powers": powers,
}


def rows(form: str, catalog: Any) -> list[Any]:
    """What a form shows of a catalog."""
    pages = form_of(form, catalog).pages(Draft(catalog), Chosen())
    found = [
        {one.key: one.kind.write(row.values.get(one.key)) for one in grid.columns if one.key != "number"}
        for page in pages
        for grid in page.grids
        for row in grid.rows
        if not row.is_printed
    ]
    # The order of a demand's elements means nothing.
    return sorted(found, key=lambda row: row["element"]) if form == "demands" else found


@pytest.mark.parametrize("form", CHANGES)
def test_what_a_workbook_says_is_what_the_catalog_says_after_its_edits(form):
    """The law of a form: written from one state and read against another, its edits make both say the same."""

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(CHANGES[form](), CHANGES[form](), st.booleans())
    def law(before, after, merged):
        old, new = catalog_of(before), catalog_of(after)
        content = written(form, new, merged=merged)
        assert reading(content, new).edits == ()
        found = reading(content, old)
        if found.faults:
            # A name that stands for another item now is a question, not an edit.
            assert {fault.what.split(",")[0] for fault in found.faults} <= {"no item of this name"}
            return
        assert {edit.file for edit in found.edits} <= {
            edit.file for edit in edits_between(old.files, new.files)
        }
        assert rows(form, read(apply(old.files, found.edits))[0].catalog) == rows(form, new)

    law()
