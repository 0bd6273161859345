"""A flow leaves as BPMN, means the same to a foreign engine, and comes back without loss."""

import dataclasses
from pathlib import Path

import pytest
import SpiffWorkflow
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine
from SpiffWorkflow.util.task import TaskState

import catalogs
from catalogs.changes.edits import apply
from catalogs.exports.bpmn import write
from catalogs.forms.bpmn import read_flow, read_steps
from catalogs.loading import read
from tests.catalogs import small

SCHEMA = Path(SpiffWorkflow.__file__).parent / "bpmn/parser/schema/BPMN20.xsd"
UNITS = ("RS", "CW", "JW")


@pytest.fixture(scope="module")
def schema():
    return etree.XMLSchema(etree.parse(SCHEMA))


def catalog_with(steps):
    files = small.campus({small.SERVICE: small.service_item(steps=steps, jointUnits=["CW", "JW"])})
    return read(files)[0].catalog


def step(seq, name, unit="RS", **keys):
    return {"seq": seq, "nameZh": name, "unit": unit, "role": "clerk", **keys}


def together(*names, join="all", on_return="restartAll", first=2):
    return [
        step(number, name, unit, parallelGroup="six", join=join, onReturn=on_return)
        for number, (name, unit) in enumerate(zip(names, UNITS * 3, strict=False), start=first)
    ]


SEEDS = [
    step(1, "受理"),
    *together("国资审批", "基建审批", "信息化审批", "后勤审批", "保卫审批", "保密审批"),
    step(8, "办结", notify="sms"),
]


class Engine:
    """SpiffWorkflow running a flow; conditions are answered by their words."""

    def __init__(self, content):
        parser = BpmnParser()
        parser.add_bpmn_xml(
            etree.fromstring(content.replace(b'isExecutable="false"', b'isExecutable="true"'))
        )
        (name,) = parser.get_process_ids()
        self.answers = set()
        answers = self.answers

        class Script(PythonScriptEngine):
            def evaluate(self, task, expression, external_context=None):
                return expression in answers

        self.flow = BpmnWorkflow(
            parser.get_spec(name), parser.get_subprocess_specs(name), script_engine=Script()
        )
        self.flow.do_engine_steps()

    def waiting(self):
        self.flow.refresh_waiting_tasks()
        self.flow.do_engine_steps()
        ready = self.flow.get_tasks(state=TaskState.READY)
        return [(one.task_spec.bpmn_name or "").split("\n")[0] for one in ready if one.task_spec.manual]

    def do(self, name, *, returned=False):
        self.answers.discard("退回")
        if returned:
            self.answers.add("退回")
        task = next(
            one
            for one in self.flow.get_tasks(state=TaskState.READY)
            if (one.task_spec.bpmn_name or "").split("\n")[0] == name
        )
        task.run()
        return self.waiting()


def engine(steps):
    catalog = catalog_with(steps)
    return Engine(write(catalog, catalog.services["RS-001"]))


def test_one_return_calls_back_all_six_units_in_a_foreign_engine():
    six = ["国资审批", "基建审批", "信息化审批", "后勤审批", "保卫审批", "保密审批"]
    run = engine(SEEDS)
    assert run.do("受理") == six
    assert run.do("国资审批") == six[1:]
    assert run.do("信息化审批", returned=True) == ["申请人修改"]
    assert run.do("申请人修改") == six
    for done, name in enumerate(six, start=1):
        assert run.do(name) == (six[done:] or ["办结"])
    assert run.do("办结") == []
    assert run.flow.completed


def test_a_return_to_one_step_leaves_the_other_steps_at_work():
    run = engine([step(1, "受理"), *together("甲审", "乙审", on_return="resumeNode"), step(4, "办结")])
    run.do("受理")
    assert sorted(run.do("甲审", returned=True)) == ["乙审", "申请人修改"]
    assert sorted(run.do("申请人修改")) == ["乙审", "甲审"]
    run.do("乙审")
    assert run.do("甲审") == ["办结"]


def test_of_a_group_that_any_may_pass_the_first_ends_the_others():
    run = engine([step(1, "受理"), *together("甲审", "乙审", join="any", on_return=""), step(4, "办结")])
    assert run.do("受理") == ["甲审", "乙审"]
    assert run.do("乙审") == ["办结"]


def test_a_step_is_passed_by_where_its_condition_does_not_hold():
    steps = [step(1, "受理"), step(2, "复核", condition="50 万元以上"), step(3, "办结")]
    assert engine(steps).do("受理") == ["办结"]
    run = engine(steps)
    run.answers.add("50 万元以上")
    assert run.do("受理") == ["复核"]
    assert run.do("复核") == ["办结"]


def test_a_return_of_a_step_alone_begins_the_flow_anew():
    run = engine([step(1, "受理"), step(2, "审核", onReturn="restartAll"), step(3, "办结")])
    run.do("受理")
    assert run.do("审核", returned=True) == ["申请人修改"]
    assert run.do("申请人修改") == ["受理"]


def test_every_flow_of_the_reference_campus_keeps_the_schema_and_comes_back_as_it_left(schema):
    catalog = catalogs.load("catalogs/campus")
    for item in catalog.services.values():
        content = write(catalog, item)
        assert schema.validate(etree.fromstring(content)), (item.code, schema.error_log)
        reading = read_flow(content, catalog, item)
        assert (item.code, reading.edits, reading.left_out) == (item.code, (), ())


def test_every_node_and_way_has_its_place_in_the_picture():
    catalog = catalogs.load("catalogs/campus")
    tree = etree.fromstring(write(catalog, catalog.services["GZ-001"]))
    names = {
        "b": "http://www.omg.org/spec/BPMN/20100524/MODEL",
        "d": "http://www.omg.org/spec/BPMN/20100524/DI",
    }
    process = tree.find("b:process", names)
    drawn = {one.get("bpmnElement") for one in tree.iter() if one.get("bpmnElement")}
    nodes = {one.get("id") for one in process.iter() if one.find("b:incoming", names) is not None}
    assert len(nodes) > 20
    assert nodes <= drawn
    assert {one.get("id") for one in process.findall(".//b:sequenceFlow", names)} <= drawn


@st.composite
def flows(draw):
    """Steps as a person may write them: alone and in groups, with conditions and returns."""
    steps = []
    returns, conditions = (
        st.sampled_from(["", "restartAll", "resumeNode"]),
        st.sampled_from(["", "50 万元以上", "a > b"]),
    )
    for number in range(draw(st.integers(0, 4))):
        size = draw(st.sampled_from([1, 1, 1, 2, 3]))
        group, join, back = (
            f"g{number}" if size > 1 else "",
            draw(st.sampled_from(["all", "any"])),
            draw(returns),
        )
        for _ in range(size):
            keys = {
                "parallelGroup": group,
                "join": join if group else "",
                "onReturn": back,
                "condition": draw(conditions),
                "limit": {"value": draw(st.sampled_from([0, 0.5, 3])), "unit": "workday"},
                "role": draw(st.sampled_from(["clerk", "system"])),
                "note": draw(st.sampled_from(["", '见附件 <1> & "2"'])),
            }
            name = draw(st.sampled_from(["受理", "审核", "会签\n第二行", "<办结>"]))
            given = {key: value for key, value in keys.items() if value != ""}
            steps.append(
                {"seq": len(steps) + 1, "nameZh": name, "unit": draw(st.sampled_from(UNITS)), **given}
            )
    return steps


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(flows())
def test_any_flow_keeps_the_schema_and_comes_back_as_it_left(schema, steps):
    catalog = catalog_with(steps)
    item = catalog.services["RS-001"]
    content = write(catalog, item)
    assert schema.validate(etree.fromstring(content)), schema.error_log
    reading = read_flow(content, catalog, item)
    assert (reading.left_out, reading.edits) == ((), ())


def test_a_name_changed_in_another_tool_is_exactly_that_edit():
    catalog = catalog_with(SEEDS)
    item = catalog.services["RS-001"]
    text = write(catalog, item).decode().replace('name="受理"', 'name="受理登记"')
    reading = read_flow(text.encode(), catalog, item)
    assert reading.left_out == ()
    assert [(edit.field, edit.old, edit.new) for edit in reading.edits] == [
        ("steps[1].nameZh", "受理", "受理登记")
    ]
    files = apply(catalog.files, reading.edits)
    assert read(files)[0].catalog.services["RS-001"].steps[0].name_zh == "受理登记"


FOREIGN = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="urn:x" id="d">
 <bpmn:process id="p">
  <bpmn:laneSet id="ls">
   <bpmn:lane id="l1" name="人事处"><bpmn:flowNodeRef>a</bpmn:flowNodeRef>
    <bpmn:flowNodeRef>b</bpmn:flowNodeRef></bpmn:lane>
   <bpmn:lane id="l2" name="财务处"><bpmn:flowNodeRef>c</bpmn:flowNodeRef></bpmn:lane>
  </bpmn:laneSet>
  <bpmn:startEvent id="s"/><bpmn:task id="a" name="登记"/><bpmn:parallelGateway id="f"/>
  <bpmn:task id="b" name="核岗位"/><bpmn:task id="c" name="核经费"/><bpmn:parallelGateway id="j"/>
  {more}<bpmn:endEvent id="e"/>
  <bpmn:sequenceFlow id="1" sourceRef="s" targetRef="a"/><bpmn:sequenceFlow id="2" sourceRef="a" targetRef="f"/>
  <bpmn:sequenceFlow id="3" sourceRef="f" targetRef="b"/><bpmn:sequenceFlow id="4" sourceRef="f" targetRef="c"/>
  <bpmn:sequenceFlow id="5" sourceRef="b" targetRef="j"/><bpmn:sequenceFlow id="6" sourceRef="c" targetRef="j"/>
  {ways}
 </bpmn:process></bpmn:definitions>"""


def test_a_foreign_file_is_read_as_far_as_steps_can_say_it():
    content = FOREIGN.format(more="", ways='<bpmn:sequenceFlow id="7" sourceRef="j" targetRef="e"/>').encode()
    steps, left_out = read_steps(content, catalog_with([]))
    assert left_out == ()
    assert [(one["seq"], one["nameZh"], one["unit"], one.get("parallelGroup")) for one in steps] == [
        (1, "登记", "RS", None),
        (2, "核岗位", "RS", "f"),
        (3, "核经费", "CW", "f"),
    ]


def test_what_steps_cannot_say_is_named_and_nothing_of_the_file_is_taken():
    ways = (
        '<bpmn:sequenceFlow id="7" sourceRef="j" targetRef="t"/>'
        '<bpmn:sequenceFlow id="8" sourceRef="t" targetRef="e"/>'
    )
    more = '<bpmn:intermediateCatchEvent id="t" name="等三天"/><bpmn:task id="z" name="孤立"/>'
    catalog = catalog_with(SEEDS)
    reading = read_flow(FOREIGN.format(more=more, ways=ways).encode(), catalog, catalog.services["RS-001"])
    assert reading.edits == ()
    told = "\n".join(reading.left_out)
    assert 'intermediateCatchEvent "t" (等三天)' in told
    assert 'task "z" (孤立): is not on the way' in told


@pytest.mark.parametrize("content", [b"<a", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>", b"<definitions/>", b""])
def test_a_file_that_is_no_bpmn_is_told(content):
    steps, left_out = read_steps(content, catalog_with([]))
    assert steps == []
    assert len(left_out) == 1


def test_a_flow_without_steps_leads_from_the_start_to_the_end():
    catalog = catalog_with([])
    item = dataclasses.replace(catalog.services["RS-001"], steps=())
    assert read_steps(write(catalog, item), catalog) == ([], ())
