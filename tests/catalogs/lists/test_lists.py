"""All lists together: on the reference campus, without figures, for each circle of readers, as files."""

import json
from dataclasses import replace
from datetime import date

import pytest
from python_calamine import CalamineWorkbook

from catalogs.lists import derived_list, derived_lists, duties, faulty, materials, promises
from catalogs.lists.all import BUILDERS
from catalogs.lists.base import Column, DerivedList, join, make_list
from catalogs.lists.files import Heading, heading, write_lists
from catalogs.lists.given import Given
from catalogs.lists.measured import HandedIn, Kept
from catalogs.loading import read
from catalogs.model import Catalog
from catalogs.settings import DEFAULT_CAMPUS, ConfigurationError
from tests.catalogs import small
from tests.catalogs.lists import made
from tests.catalogs.lists.made import catalog_of
from tests.catalogs.small import STAFF, campus, item, service_item, staff

ON = made.ON
HEAD = Heading("示例大学", "0" * 64, ON)


@pytest.fixture(scope="module")
def reference() -> tuple[Catalog, tuple[DerivedList, ...]]:
    """The reference campus with its lists, without figures."""
    sources, faults = read(DEFAULT_CAMPUS, ON)
    return sources.catalog, derived_lists(sources.catalog, faults.all(), on=ON)


def test_every_list_has_titles_rows_with_reasons_and_a_name_of_its_own(reference):
    _, lists = reference
    assert [one.name for one in lists] == list(BUILDERS)
    assert len({one.title_zh for one in lists}) == len(lists)
    for one in lists:
        assert [row["number"] for row in one.rows] == list(range(1, len(one.rows) + 1))
        assert all(row["why"].endswith(("。", ".")) or one.name.endswith("faults") for row in one.rows), (
            one.name
        )


def test_without_a_warehouse_figures_say_that_they_were_not_measured(reference):
    _, lists = reference
    by_name = {one.name: one for one in lists}
    assert by_name["high_frequency"].rows == ()
    assert {row["verdict"] for row in by_name["promises"].rows} == {"未测"}
    assert {row["onTime"] for row in by_name["responsibilities"].rows} == {"未测"}
    assert by_name["spared_materials"].summary["每年可省份数"] == "未测"


def test_a_list_can_be_asked_for_by_its_name_alone(reference):
    catalog, lists = reference
    assert derived_list("powers", catalog, (), on=ON) == next(one for one in lists if one.name == "powers")
    with pytest.raises(ConfigurationError, match='did you mean "powers"'):
        derived_list("power", catalog, ())


def test_what_the_public_may_not_see_is_in_no_row_for_the_public():
    hidden = small.contract(
        "hr.secretly",
        [small.key_item("staff_no", "GH"), item("grade", "JXMC", businessName="暗等级")],
        tier="office",
        authoritative=True,
        subject={"type": "person", "key": "staff_no", "idType": "staff_no"},
    )
    hidden["schema"][0]["businessName"] = "暗资源"
    doc = staff()
    doc["schema"][0]["properties"].append(
        item("pay", "YHKH", custom={"tier": "campus"}, businessName="暗薪酬")
    )
    files = campus({"resources/hr/secretly.odcs.yaml": hidden, STAFF: doc})
    lists = derived_lists(catalog_of(files), (), on=ON)
    for reader, words in (("public", ("暗资源", "暗薪酬", "暗等级")), ("campus", ("暗资源", "暗等级"))):
        for one in lists:
            seen = one.for_readers(reader)
            text = repr((seen.rows, seen.summary))
            assert [word for word in words if word in text] == [], one.name
    office = repr([one.rows for one in lists])
    assert all(word in office for word in ("暗资源", "暗薪酬", "暗等级"))


def test_rows_left_out_for_readers_leave_no_trace_in_numbers_or_summary():
    rows = [
        {"a": "x", "why": "甲。", "tier": "office"},
        {"a": "y", "why": "乙。", "tier": "public"},
    ]
    one = make_list("n", ("单", "list"), [Column("a", "甲", "A")], rows, {"x": 1})
    seen = one.for_readers("public")
    assert [(row["number"], row["a"]) for row in seen.rows] == [(1, "y")]
    assert seen.summary == {"行数": 1}
    assert one.for_readers("office") is one


def test_a_row_without_a_reason_or_column_is_refused():
    for row in ({"a": "x", "why": ""}, {"why": "甲。"}, {"a": "x", "b": "y", "why": "甲。"}):
        with pytest.raises(ValueError, match="list n"):
            make_list("n", ("单", "list"), [Column("a", "甲", "A")], [row])


def test_the_workbook_and_the_json_files_say_what_the_lists_say(reference, tmp_path):
    catalog, lists = reference
    write_lists(lists, tmp_path / "out", heading(catalog, ON, None))
    book = CalamineWorkbook.from_path(tmp_path / "out" / "lists.xlsx")
    assert book.sheet_names == ["目录", *(one.title_zh for one in lists)]
    for one in lists:
        told = json.loads((tmp_path / "out" / f"{one.name}.json").read_text(encoding="utf-8"))
        assert told["rows"] == json.loads(json.dumps(list(map(dict, one.rows)))), one.name
        assert told["summary"] == dict(one.summary)
        header, *rows = book.get_sheet_by_name(one.title_zh).to_python()
        assert header == [column.zh for column in one.columns]
        assert rows == [[shown(row[key]) for key in one.keys] for row in one.rows], one.name


def shown(value: object) -> object:
    """What a cell of a value reads as in another library."""
    if isinstance(value, int):
        return float(value)
    return join(value) if isinstance(value, tuple) else value


def test_nothing_in_a_workbook_is_a_formula_or_a_link_out(tmp_path):
    rows = [
        {"a": word, "why": "甲。"} for word in ("=1+1", "+A1", "@x", "https://hall.example/x", "长" * 40_000)
    ]
    one = make_list("n", ("单", "list"), [Column("a", "甲", "A")], rows)
    write_lists([one], tmp_path, HEAD)
    sheet = CalamineWorkbook.from_path(tmp_path / "lists.xlsx").get_sheet_by_name("单")
    cells = [row[1] for row in sheet.to_python()[1:]]
    assert cells[:4] == ["=1+1", "+A1", "@x", "https://hall.example/x"]
    assert cells[4].endswith("…") and len(cells[4]) < 32_767


def test_files_of_others_stay_and_older_lists_are_replaced_whole(tmp_path):
    (tmp_path / "note.txt").write_text("mine", encoding="utf-8")
    one = make_list("n", ("单", "list"), [Column("a", "甲", "A")], [{"a": "x", "why": "甲。"}])
    write_lists([one], tmp_path, HEAD)
    write_lists([replace(one, rows=())], tmp_path, HEAD)
    assert json.loads((tmp_path / "n.json").read_text(encoding="utf-8"))["rows"] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lists.xlsx", "n.json", "note.txt"]


def test_a_responsibility_row_says_how_well_it_was_kept():
    catalog = catalog_of(campus())
    kept = Kept(loads=4, on_time=0.9, age_h=50, is_late=True, rows=49, admitted=48, waiting=1)
    at = made.given(catalog, replace(made.cases({}), kept={"hr.staff": kept}))
    row = next(row for row in duties.responsibilities(at).rows if row["element"] == "SFZH")
    assert (row["onTime"], row["quality"], row["state"], row["demands"]) == (
        "90%",
        "97.9%",
        "逾期",
        ("D-001",),
    )
    assert "1 行待纠正" in row["why"]


def test_a_source_below_its_gate_spares_no_material():
    catalog = catalog_of(campus())
    for kept, outcome in (
        (Kept(1, 1.0, 1.0, False, rows=100, admitted=100), "可免提交"),
        (Kept(1, 1.0, 1.0, False, rows=100, admitted=79), "仍需提交"),
        (Kept(1, 1.0, 1.0, False, rows=100, admitted=100, failed=1), "仍需提交"),
        (Kept(1, 1.0, 1.0, True, rows=100, admitted=100), "仍需提交"),
    ):
        at = made.given(catalog, replace(made.cases({}), kept={"hr.staff": kept}))
        (row,) = [row for row in materials.spared(at).rows if row["material"] == "M-ID"]
        assert row["outcome"] == outcome, kept


def test_a_grant_that_has_ended_spares_no_material():
    for end, outcome in (("2026-11-26", "可免提交"), ("2026-11-25", "仍需提交")):
        catalog = catalog_of(campus({small.DEMAND: small.demand(validTo=end)}))
        (row,) = [row for row in materials.spared(made.given(catalog)).rows if row["material"] == "M-ID"]
        assert row["outcome"] == outcome


def test_spared_copies_are_cases_times_copies():
    use = {"material": "M-ID", "necessity": "required", "copies": 2}
    use["proves"] = [{"element": "SFZH", "predicate": "is_known"}]
    catalog = catalog_of(campus({small.SERVICE: service_item(materials=[use])}))
    (row,) = materials.spared(made.given(catalog, made.cases({"RS-001": 30}))).rows
    assert (row["outcome"], row["cases"], row["copies"]) == ("可免提交", 30, 60)


def test_people_are_asked_again_where_a_field_is_held_and_not_joined_to_its_element():
    form = [
        {"field": "a", "nameZh": "出生 日期", "element": "", "editable": True},
        {"field": "b", "nameZh": "性别", "element": "XB", "editable": True},
        {"field": "c", "nameZh": "姓名", "element": "XM", "editable": False},
        {"field": "d", "nameZh": "银行卡号", "element": "YHKH", "editable": True},
        {"field": "e", "nameZh": "用途", "element": "", "editable": True},
    ]
    catalog = catalog_of(campus({small.SERVICE: service_item(form=form, materials=[])}))
    rows = materials.asked_again(made.given(catalog)).rows
    assert [(row["asked"], row["reason"]) for row in rows] == [
        ("出生 日期", "表单字段未挂接数据元"),
        ("性别", "有源未授权"),
    ]


def test_a_spared_material_is_asked_again_only_while_it_is_still_handed_in():
    catalog = catalog_of(campus())
    for handed, expected in ((7, ["M-ID"]), (0, [])):
        figures = replace(made.cases({"RS-001": 9}), handed=(HandedIn("RS-001", "M-ID", handed, 2),))
        rows = materials.asked_again(made.given(catalog, figures)).rows
        assert [row["asked"] for row in rows if row["kind"] == "材料"] == [
            catalog.materials[code].name_zh for code in expected
        ]


def test_faults_of_guides_and_flows_are_those_of_the_check():
    steps = [{"seq": 1, "nameZh": "受理", "unit": "JW", "role": "clerk"}]
    sources, found = read(campus({small.SERVICE: service_item(steps=steps, visits=1, onlineDepth="I")}), ON)
    at = Given(sources.catalog, ON, tuple(found.all()))
    guide, flow = faulty.guide_faults(at), faulty.flow_faults(at)
    assert {row["rule"] for row in flow.rows} >= {"S05"}
    assert all(row["items"] == ("RS-001",) and row["unit"] == "人事处" for row in flow.rows)
    assert "S04" in {row["rule"] for row in guide.rows} and "S05" not in {row["rule"] for row in guide.rows}


def test_promises_are_held_against_ledger_and_case_log():
    catalog = catalog_of(campus())
    figures = made.cases({})
    count = replace(
        made.cases({"RS-001": 49}).cases[0], closed=40, late=9, days=1.25, visits_over=0, most_visits=0
    )
    figures = replace(figures, cases=(count,), kept={"hr.staff": Kept(3, 1.0, 5.0, False)})
    rows = {(row["kind"], row["code"]): row for row in promises.promises(made.given(catalog, figures)).rows}
    limit, visits = rows["办结时限", "RS-001"], rows["跑动次数", "RS-001"]
    assert (limit["verdict"], limit["kept"], limit["observed"]) == ("失诺", "77.5%", "平均 1.2 天")
    assert (visits["verdict"], visits["kept"]) == ("守诺", "100%")
    cycle = rows["更新周期", catalog.resources["hr.staff"].code]
    assert (cycle["verdict"], cycle["promised"]) == ("守诺", "每日")


def test_what_is_to_be_collected_is_a_duty_of_the_presumed_unit():
    wanted = small.demand(
        demandId="D-9",
        elements=["JXMC"],
        presumedUnit="CW",
        decision={"state": "filed", "path": "NEED_COLLECT"},
    )
    files = campus({small.AWARDS: None, "demands/d-9.yaml": wanted})
    rows = duties.responsibilities(made.given(catalog_of(files))).rows
    (duty,) = [row for row in rows if row["element"] == "JXMC"]
    assert (duty["unit"], duty["gap"], duty["demands"], duty["state"]) == (
        "财务处",
        "待归集",
        ("D-9",),
        "从未提供",
    )


def test_duties_of_an_ended_unit_are_its_successors_and_named():
    units = small.UNITS.replace(
        "RS,人事处,Personnel,XX,机关,,post:hr,post:hr-data,,,,",
        "RS,人事处,Personnel,XX,机关,,post:hr,post:hr-data,,CW,,2026-01-31",
    )
    rows = duties.responsibilities(Given(catalog_of(campus({"units.csv": units})), date(2026, 2, 1))).rows
    (row,) = [row for row in rows if row["element"] == "SFZH"]
    assert (row["unit"], row["gap"]) == ("财务处", "单位已撤并")
