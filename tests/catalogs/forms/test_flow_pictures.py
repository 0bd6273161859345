"""The graph of a flow, and its picture."""

import re
from xml.etree import ElementTree as ET

import catalogs
from catalogs.exports.flow_svg import draw
from catalogs.flows import END, START, graph
from tests.catalogs.forms.test_bpmn import SEEDS, catalog_with, step, together

CAMPUS = catalogs.load("catalogs/campus")


def item_with(steps):
    catalog = catalog_with(steps)
    return catalog, catalog.services["RS-001"]


def edges(flow, kind):
    return {(edge.source, edge.target) for edge in flow.edges if edge.kind == kind}


def test_a_group_runs_at_the_same_time_and_a_return_leads_to_its_beginning():
    flow = graph(item_with(SEEDS)[1])
    assert edges(flow, "next") >= {
        ("start", "step_1"),
        ("step_1", "fork_2"),
        ("join_2", "step_8"),
        ("step_8", "end"),
    }
    assert edges(flow, "return") == {(f"step_{number}", "fork_2") for number in range(2, 8)}
    assert [node.id for node in flow.nodes if node.kind in ("fork", "join")] == ["fork_2", "join_2"]


def test_a_conditional_step_has_a_way_past_it():
    flow = graph(item_with([step(1, "受理"), step(2, "复核", condition="大额"), step(3, "办结")])[1])
    assert edges(flow, "if") == {("choice_2", "step_2")}
    assert edges(flow, "else") == {("choice_2", "merge_2")}


def test_returns_lead_to_the_step_itself_or_to_the_first_one():
    flow = graph(
        item_with(
            [step(1, "受理"), step(2, "甲", onReturn="resumeNode"), step(3, "乙", onReturn="restartAll")]
        )[1]
    )
    assert edges(flow, "return") == {("step_2", "step_2"), ("step_3", "step_1")}


def test_every_flow_of_the_reference_campus_leads_from_start_to_end_through_every_node():
    for item in CAMPUS.services.values():
        flow = graph(item)
        assert flow.reached() == {node.id for node in flow.nodes}
        assert all(END in flow.reached(node.id) for node in flow.nodes)
        assert (flow.nodes[0].id, flow.nodes[-1].id) == (START, END)


def test_the_critical_path_counts_the_longest_member_of_a_group_once():
    steps = [step(1, "受理"), *together("甲", "乙", "丙"), step(5, "办结")]
    for one, days in zip(steps, (1, 2, 6, 3, 1), strict=True):
        one["limit"] = {"value": days, "unit": "workday"}
    assert graph(item_with(steps)[1]).longest(lambda one: one.raw["limit"]["value"]) == 8


def test_a_picture_names_every_step_and_unit_and_needs_nothing_from_outside():
    for item in CAMPUS.services.values():
        text = draw(CAMPUS, item).decode()
        root = ET.fromstring(text)
        shown = "".join(
            re.sub(r"\s", "", one.text or "") for one in root.iter("{http://www.w3.org/2000/svg}text")
        )
        for one in item.steps:
            name = "".join(one.name_zh.split())
            assert f"{one.seq}.{name}" in shown
            assert CAMPUS.units[one.unit].name_zh in shown
        assert not re.search(r"<script|<image|<foreignObject|href=|url\((?!#)|@import|\son\w+=", text)


def test_nothing_of_a_picture_lies_outside_of_it():
    for item in CAMPUS.services.values():
        root = ET.fromstring(draw(CAMPUS, item))
        width, height = (int(root.get(key, "")) for key in ("width", "height"))
        for one in root.iter():
            if one.tag.endswith("rect") and one.get("x"):
                assert 0 <= int(one.get("x")) <= int(one.get("x")) + int(one.get("width")) <= width
                assert 0 <= int(one.get("y")) <= int(one.get("y")) + int(one.get("height")) <= height


def test_the_picture_of_the_seeds_says_that_one_return_means_all_again():
    text = draw(CAMPUS, CAMPUS.services["GZ-001"]).decode()
    assert "修改后重新提交" in text
    assert "任一退回" in text
    assert "6 个工作日" in text


def test_signs_of_xml_in_a_name_stay_signs():
    catalog, item = item_with([step(1, '<受理> & "登记"'), step(2, "办结")])
    root = ET.fromstring(draw(catalog, item))
    assert '1. <受理> & "登记"' in "".join(
        one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}text")
    )
