"""The catalog's Chinese on English pages: in English where it is known, marked where not, never in people's words."""

import json

import pytest

import catalogs
from portal.english import english_names, in_english
from portal.texts_lists import CLAUSES
from service import usages
from tests.service import campus

NAMES = {
    **CLAUSES,
    "每日": "daily",
    "人事处": "Human resources",
    "姓名": "Name",
    "为办理": "for",
    "预填申请表": "filled in a form",
    "证明": "<b>paper</b>",
}
ZH = '<span lang="zh-CN">'


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<td>人事处</td>", "<td>Human resources</td>"),
        ("<td>人事处、姓名</td>", "<td>Human resources, Name</td>"),
        ("<td>人事处、教务处</td>", f"<td>{ZH}人事处、教务处</span></td>"),
        ("<p>5 个工作日</p>", "<p>5 working days</p>"),
        ("<p>由人事处出具</p>", "<p>issued by Human resources</p>"),
        ("<p>为办理《姓名》预填申请表: 姓名</p>", "<p>for “Name” filled in a form: Name</p>"),
        ("<p>为办理《教务处》预填申请表</p>", f"<p>for “{ZH}教务处</span>” filled in a form</p>"),
        (
            "<td>《教职工》的“姓名(XM)”是姓名、证明的权威源, 人事处须每日06:00 前更新; 履责情况未测。</td>",
            f"<td>“Name(XM)” in “{ZH}教职工</span>” is the authoritative source for Name, &lt;b&gt;paper&lt;/b&gt;,"
            " Human resources has to update it daily by 06:00; whether the duty is kept was not measured.</td>",
        ),
        (
            "<td>到现场一次: 须交回户口页原件。</td>",
            f"<td>{ZH}到现场一次: 须交回户口页原件。</span></td>",
        ),
        ("<p>Extract of 教务处 late</p>", f"<p>Extract of {ZH}教务处</span> late</p>"),
        ("<p>证明</p>", "<p>&lt;b&gt;paper&lt;/b&gt;</p>"),
        ("<p>&lt;b&gt;字&lt;/b&gt;</p>", f"<p>&lt;b&gt;{ZH}字</span>&lt;/b&gt;</p>"),
        ("<title>教务处</title>", '<title lang="zh-CN">教务处</title>'),
        ('<option value="人事处">人事处</option>', '<option value="人事处">Human resources</option>'),
        ("<option>人事处</option>", '<option lang="zh-CN">人事处</option>'),
        ('<td translate="no"><b>人事处</b></td>', f'<td translate="no"><b>{ZH}人事处</span></b></td>'),
        (
            '<td lang="zh-CN"><b>人事处</b></td><td>姓名</td>',
            '<td lang="zh-CN"><b>人事处</b></td><td>Name</td>',
        ),
        ("<textarea>人事处</textarea><p>姓名</p>", "<textarea>人事处</textarea><p>Name</p>"),
        ('<script>"人事处"</script>', '<script>"人事处"</script>'),
        ("<svg><text>人事处</text></svg>", '<svg lang="zh-CN"><text>人事处</text></svg>'),
        ('<input value="人事处">', '<input value="人事处">'),
    ],
)
def test_what_the_catalog_knows_in_english_is_told_so_and_the_rest_is_marked(page, expected):
    assert in_english(page, NAMES) == expected


@pytest.mark.parametrize("told", [*usages._ACTIONS.values(), *usages._ROLES.values()])
def test_whatever_the_record_tells_people_about_an_access_is_known_in_english(told):
    names = english_names(catalogs.load(campus.files()))
    assert ZH not in in_english(f"<td>{told}</td>", names)


def test_a_name_is_told_as_the_catalog_has_it_in_english_and_an_item_else_by_its_element_or_column():
    files = campus.files()
    contract = json.loads(files["resources/hr/staff.odcs.yaml"])
    contract["customProperties"].append({"property": "nameEn", "value": "Staff of all kinds"})
    table = contract["schema"][0]
    table["businessName"] = "教职工名册"
    named, told = (
        next(one for one in table["properties"] if one["name"] == name) for name in ("phone", "name")
    )
    named["businessName"] = "手机"
    named["customProperties"].append({"property": "nameEn", "value": "Mobile"})
    table["properties"].append({"name": "seen_on", "businessName": "最近一面", "logicalType": "date"})
    told["businessName"] = "叫什么"
    files["resources/hr/staff.odcs.yaml"] = json.dumps(contract).encode()
    names = english_names(catalogs.load(files))
    assert {zh: names.get(zh) for zh in ("教职工名册", "手机", "叫什么", "最近一面")} == {
        "教职工名册": "Staff of all kinds",
        "手机": "Mobile",
        "叫什么": "Name",
        "最近一面": "seen on",
    }
