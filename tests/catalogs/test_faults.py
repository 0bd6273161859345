"""Every rule of the check catches its breach, at its file and line, and says how to mend it."""

from datetime import date
from typing import Any

import pytest

import catalogs
from catalogs.faults import RULES
from catalogs.model import Partition
from tests.catalogs import small
from tests.catalogs.small import (
    AWARDS,
    DEMAND,
    SERVICE,
    STAFF,
    STUDENTS,
    as_bytes,
    awards,
    campus,
    contract,
    demand,
    item,
    key_item,
    materials,
    props,
    row_rule,
    service_item,
    staff,
    students,
)

ON = date(2026, 10, 20)
POLICE = "resources/police/check.odcs.yaml"


def edited(doc: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Return a contract with other top-level keys; None removes one."""
    return {key: value for key, value in (doc | keys).items() if value is not None}


def staff_with(extra_item: dict[str, Any], **custom: Any) -> dict[str, Any]:
    """Return hr.staff with one more item."""
    doc = staff(**custom)
    doc["schema"][0]["properties"].append(extra_item)
    return doc


def staff_with_rule(**rule: Any) -> dict[str, Any]:
    """Return hr.staff whose only rule is replaced."""
    doc = staff()
    doc["schema"][0]["quality"] = [row_rule("other", "born_on IS NULL", **rule)]
    return doc


def told_apart_by(**items: str) -> dict[str, Any]:
    """Return staff as a subject whose document and further items tell persons apart."""
    identity = {"number": "id_no", "type": "=1", **items}
    return {"type": "person", "key": "staff_no", "idType": "staff_no", "identity": identity}


def named(name: str, business_name: str) -> dict[str, Any]:
    """Return a contract with a businessName."""
    doc = contract(name, [key_item("k")])
    doc["schema"][0]["businessName"] = business_name
    return doc


def asked_with(params: dict[str, str] | None) -> dict[str, Any]:
    """Return a campus with a system that is asked about one person, with these parameters."""
    system = {
        "system": "police",
        "nameZh": "公安核验",
        "provider": "RS",
        "kind": "lookup",
        "base_url": "env:U",
    }
    doc = contract(
        "police.check",
        [key_item("id_no"), item("reason"), item("name", "XM", custom={"authoritative": False})],
        subject={"type": "person", "key": "id_no", "idType": "doc:1:CHN"},
        read={"path": "/check", **({"params": params} if params else {})},
    )
    return {"systems.yaml": [*small.SYSTEMS, system], POLICE: doc}


def intraday(**other: Any) -> dict[str, Any]:
    """Return an ingest block that is read every five minutes."""
    return {"mode": "intraday", "watermark": "changed_at", "everyMinutes": 5} | other


def unit(line: str) -> str:
    return small.UNITS + line + "\n"


BREACHES: list[tuple[str, dict[str, Any], str, str]] = [
    ("F01", {"systems.yaml": b"- system: [\n"}, "systems.yaml:2", ""),
    ("F01", {STAFF: b"\xff\xfe"}, STAFF + ":1", "not UTF-8"),
    ("F01", {"units.csv": b'code,nameZh\n"RS,x\n'}, "units.csv:2", ""),
    ("F01", {SERVICE: b""}, SERVICE + ":1", "empty"),
    ("F01", {SERVICE: b'a: &x {b: "1"}\nc: *x\n'}, SERVICE + ":1", "alias"),
    ("F02", {DEMAND: as_bytes(demand()).replace(b'"per_case"', b"no")}, DEMAND, "boolean in YAML 1.1"),
    ("F02", {"campus.yaml": b'code: "A"\nnameZh: "x"\non: "y"\n'}, "campus.yaml:3", 'write "on"'),
    ("F03", {"campus.yaml": b'code: DEMO\nnameZh: "x"\n'}, "campus.yaml:1", "not quoted"),
    ("F04", {"campus.yaml": b'code: "A"\ncode: "B"\nnameZh: "x"\n'}, "campus.yaml:2", "twice"),
    ("F04", {STAFF: edited(staff(), customProperties=props(system="hr") * 2)}, STAFF, "twice"),
    ("F05", {"units.csv": None}, "units.csv:0", ""),
    ("F06", {"units.csv": "code,name\nRS,x\n"}, "units.csv:1", 'did you mean "nameZh"?'),
    ("F06", {"units.csv": "code,nameZh\nRS,x,y\n"}, "units.csv:2", "3 cells"),
    ("F07", {"unit.csv": "code\n"}, "unit.csv:0", ""),
    ("F07", {"resources/staff.odcs.yaml": staff()}, "resources/staff.odcs.yaml:0", ""),
    ("V01", {SERVICE: service_item(nameZh="")}, SERVICE, '"nameZh" is missing'),
    ("V02", {STAFF: staff(ingest={"mode": "full", "onAbsense": "keep"})}, STAFF, 'did you mean "onAbsence"?'),
    ("V02", {SERVICE: service_item(leadUnits="RS")}, SERVICE, 'did you mean "leadUnit"?'),
    ("V02", {DEMAND: demand(element=["XM"])}, DEMAND, 'did you mean "elements"?'),
    (
        "V02",
        {STAFF: staff_with(item("x", kind="number", logicalTypeOptions={"exclusiveMinimum": 0}))},
        STAFF,
        'unknown key "exclusiveMinimum"',
    ),
    (
        "V02",
        {"materials.yaml": [*materials(), {"code": "M-X", "nameZh": "某", "fact": []}]},
        "materials.yaml",
        "",
    ),
    ("S01", {"powers.yaml": [{"code": "P-1"}], SERVICE: service_item(power="P-2")}, SERVICE, 'mean "P-1"?'),
    ("V03", {STAFF: staff(ingest={"mode": "ful"})}, STAFF, 'did you mean "full"?'),
    ("V03", {STAFF: staff(shareType=1)}, STAFF, "not a string"),
    ("V03", {STAFF: staff(updateCycle="dayly")}, STAFF, 'did you mean "daily"?'),
    (
        "V03",
        {"systems.yaml": [small.SYSTEMS[0] | {"password": "s3cret"}, small.SYSTEMS[1]]},
        "systems.yaml",
        "",
    ),
    ("V03", {STAFF: staff_with(item("x", custom={"mask": "keep 6,4"}))}, STAFF, "keep:6,4"),
    ("V03", {STAFF: staff_with(item("x", enum=[{"value": 1}]))}, STAFF, "enum has a value"),
    ("V03", {STAFF: staff_with(item("x", kind="date", enum=[{"value": "2026-09-01"}]))}, STAFF, "enum has"),
    ("V03", {"elements.csv": small.ELEMENTS + 'YY,又一个,,string,,,,,,"keep:6",,\n'}, "elements.csv:10", ""),
    ("V04", {"units.csv": unit("RS,又一个,,,,,,,,,,")}, "units.csv:6", "already at line 3"),
    (
        "V04",
        {
            "resources/hr/people.odcs.yaml": contract(
                "hr.people", [key_item("k")], resourceCode="3070201/hr-staff"
            )
        },
        STAFF,
        "resourceCode",
    ),
    (
        "V04",
        {"resources/hr/people.odcs.yaml": named("hr.people", "人事 系统")},
        "resources/hr/people.odcs.yaml",
        "system hr",
    ),
    (
        "V04",
        {
            "resources/hr/a.odcs.yaml": named("hr.a", "教师(名册)"),
            "resources/hr/b.odcs.yaml": named("hr.b", "教师（名册）"),
        },
        "resources/hr/b.odcs.yaml",
        "already that of hr.a",
    ),
    ("F02", {"powers.yaml": b'- power: "P1"\n  on: "x"\n'}, "powers.yaml:2", ""),
    ("R01", {"clients.yaml": [{"client": "hall", "unit": "RX"}]}, "clients.yaml", "RX"),
    ("V04", {"demands/d-002.yaml": demand()}, "demands/d-002.yaml", DEMAND),
    ("V04", {STAFF: staff_with(item("name", "XM"))}, STAFF, 'item "name"'),
    ("V05", {"units.csv": unit("人事,又一个,,,,,,,,,,")}, "units.csv:6", "ASCII"),
    ("V05", {STAFF: staff_with(item("StaffNo"))}, STAFF, "[a-z]"),
    ("V06", {DEMAND: demand(validTo="2025-12-31")}, DEMAND, "before validFrom"),
    ("V06", {DEMAND: demand(validFrom="2026/1/1")}, DEMAND, "2026-09-01"),
    ("C01", {STAFF: edited(staff(), version=None)}, STAFF, "version is missing"),
    ("C01", {STAFF: edited(staff(), colour="red")}, STAFF, "colour"),
    ("C01", {STAFF: edited(staff(), apiVersion="v3.1.0")}, STAFF, "v3.2.0"),
    ("C01", {STAFF: staff_with(item("x", kind="strng"))}, STAFF, "strng"),
    ("C01", {STAFF: staff_with(item("x", required="yes"))}, STAFF, "boolean"),
    ("C02", {STAFF: staff(sharetype="none")}, STAFF, 'did you mean "shareType"?'),
    ("C02", {STAFF: staff_with(item("x", custom={"elemnt": "XM"}))}, STAFF, 'did you mean "element"?'),
    ("C03", {STAFF: edited(staff(), name="hr.people")}, STAFF, '"hr.staff", as the file is named'),
    ("C04", {STAFF: edited(staff(), status=None)}, STAFF, "no status"),
    ("V03", {STAFF: edited(staff(), status="activ")}, STAFF, '"status" is "activ"'),
    ("C05", {AWARDS: contract("academic.awards", [item("award_no")])}, AWARDS, "no primary key"),
    (
        "C05",
        {AWARDS: contract("academic.awards", [item("a", primaryKey=True)])},
        AWARDS,
        "add required: true",
    ),
    ("C06", {STAFF: staff_with(item("x", "XMM"))}, STAFF, 'did you mean "XM"?'),
    ("C06", {STAFF: staff(provider="RX")}, STAFF, 'unknown unit "RX"'),
    ("C06", {STAFF: staff_with(item("x", custom={"codeTable": "sexes"}))}, STAFF, 'did you mean "sex"?'),
    ("C06", {STAFF: staff(relatedServiceItems=["RS-002"])}, STAFF, 'did you mean "RS-001"?'),
    ("C06", {STAFF: staff(authoritativeFor=["staf"])}, STAFF, 'did you mean "staff"?'),
    ("C06", {STAFF: staff_with(item("x", custom={"derivedFrom": "academic.students.nam"}))}, STAFF, '"name"'),
    (
        "C07",
        {STAFF: staff_with(item("x", custom={"codeTable": "sex", "codeMap": {"女": "3"}}))},
        STAFF,
        '"2"',
    ),
    (
        "C08",
        {STAFF: staff_with_rule(query="SELECT COUNT(*) FROM ${object} WHERE born IS NULL")},
        STAFF,
        '"born_on"',
    ),
    ("C08", {STAFF: staff_with_rule(query="SELECT COUNT(*) FROM ${object} WHERE (")}, STAFF, "parse"),
    (
        "C08",
        {STAFF: staff_with_rule(query="SELECT COUNT(*) FROM staff WHERE name IS NULL")},
        STAFF,
        "${object}",
    ),
    ("C08", {STAFF: staff_with_rule(query="SELECT MAX(name) FROM ${object}")}, STAFF, "not a row rule"),
    ("C08", {STAFF: staff_with_rule(mustBe=1)}, STAFF, "mustBe: 0"),
    ("C09", {STAFF: staff_with(item("alias", "XM"))}, STAFF, "hr.staff.alias"),
    ("C10", {AWARDS: awards(many=False)}, AWARDS, 'item "award"'),
    ("C10", {STAFF: staff(subject=None)}, STAFF, "no subject"),
    (
        "C11",
        {STUDENTS: students(ingest={"mode": "watermark", "watermark": "changed"})},
        STUDENTS,
        '"changed_at"',
    ),
    ("C11", {STUDENTS: students(ingest={"mode": "append"})}, STUDENTS, "partition"),
    (
        "C11",
        {STUDENTS: students(ingest={"mode": "intraday", "everyMinutes": 5})},
        STUDENTS,
        "without a watermark",
    ),
    ("C11", {STUDENTS: students(ingest=intraday(everyMinutes=7))}, STUDENTS, "a divisor of 60"),
    ("C11", {STUDENTS: students(ingest=intraday(mode="watermark"))}, STUDENTS, 'mode: "intraday"'),
    (
        "C11",
        {STUDENTS: students(ingest={"mode": "full", "keySweep": {"everyDays": 7}})},
        STUDENTS,
        "keySweep",
    ),
    (
        "C11",
        {
            STUDENTS: students(
                ingest={"mode": "append", "partition": {"by": "day", "from": "filename", "item": "x"}}
            )
        },
        STUDENTS,
        'partition.item: "x"',
    ),
    ("C11", {STAFF: staff(ingest={"mode": "full", "exclude": "涉密 = ("})}, STAFF, "duckdb"),
    ("C21", {STUDENTS: students(updateCycle="realtime")}, STUDENTS, "read in mode"),
    (
        "C21",
        {STUDENTS: students(updateCycle="realtime", ingest=intraday(everyMinutes=10))},
        STUDENTS,
        "everyMinutes: 5",
    ),
    ("C12", {STAFF: staff(shareType="none")}, STAFF, "noShareBasis"),
    ("C12", {STAFF: staff(shareType="conditional")}, STAFF, "shareCondition"),
    ("C13", {STAFF: staff(resourceCode=None)}, STAFF, "resourceCode"),
    ("C14", {STAFF: staff(secrecy="state")}, STAFF, "state"),
    (
        "C15",
        {STAFF: staff(subject={"type": "person", "key": "staffno", "idType": "staff_no"})},
        STAFF,
        '"staff_no"',
    ),
    ("C15", {STAFF: staff(subject=told_apart_by(birthday="name"))}, STAFF, "logicalType: date"),
    ("C15", {STAFF: staff(subject=told_apart_by(phone="=1"))}, STAFF, "an item"),
    ("C15", {STAFF: staff(subject=told_apart_by(formerName="nam"))}, STAFF, '"name"'),
    (
        "C16",
        {
            AWARDS: contract(
                "academic.awards",
                [key_item("award_no", relationships=[{"to": "academic.student.student_no"}])],
            )
        },
        AWARDS,
        '"academic.students"',
    ),
    (
        "C17",
        {
            AWARDS: contract(
                "academic.awards", [key_item("award_no", relationships=[{"to": "academic.students.name"}])]
            )
        },
        AWARDS,
        "(student_no)",
    ),
    (
        "C18",
        {STAFF: edited(staff(), authoritativeDefinitions=[{"url": "u", "type": "definition"}])},
        STAFF,
        "definition",
    ),
    ("C19", {STAFF: staff_with(item("x", "JXMC", "integer"))}, STAFF, "string"),
    ("C20", asked_with(None), POLICE, "without subject and read.params"),
    ("C20", asked_with({"id_no": "idno"}), POLICE, '"idno"'),
    ("C20", asked_with({"id_no": "id_no", "reason": "reason"}), POLICE, "no element"),
    ("R01", {"units.csv": unit("YY,又一个,,XY,,,,,,,,")}, "units.csv:6", 'unknown parent "XY"'),
    (
        "R01",
        {"systems.yaml": [small.SYSTEMS[0] | {"provider": "RX"}, small.SYSTEMS[1]]},
        "systems.yaml",
        "RX",
    ),
    (
        "R01",
        {"elements.csv": small.ELEMENTS + "YY,又一个,,string,sexes,,,,,,,\n"},
        "elements.csv:10",
        '"sex"',
    ),
    (
        "R02",
        {"populations.csv": "code,nameZh,register,rule\nstaff,教职工,hr.staff,sx = '1'\nstudent,学生,,\n"},
        "populations.csv:2",
        '"sex"',
    ),
    ("R03", {"calendar.csv": "day,kind\n2025-01-01,法定节假\n"}, "calendar.csv:1", "2026"),
    ("R04", {"units.csv": "code,nameZh,parent\nRS,a,CW\nCW,b,RS\nJW,c,\n"}, "units.csv:2", "ancestor"),
    (
        "L01",
        {"campus.yaml": {"code": "DEMO", "nameZh": "示例大学", "caseLog": {"resource": "hr.case"}}},
        "campus.yaml:4",
        '"hr.case"',
    ),
    (
        "S01",
        {SERVICE: service_item(leadUnit="RX", steps=[{"seq": 1, "nameZh": "受理", "unit": "CW"}])},
        SERVICE,
        "RX",
    ),
    ("S01", {SERVICE: service_item(materials=[{"material": "M-IDD"}])}, SERVICE, 'did you mean "M-ID"?'),
    (
        "S02",
        {
            SERVICE: service_item(
                materials=[{"material": "M-ID", "proves": [{"element": "YHKH", "predicate": "is_known"}]}]
            )
        },
        SERVICE,
        "not shared",
    ),
    (
        "S02",
        {
            AWARDS: awards(authoritative=False),
            SERVICE: service_item(
                materials=[{"material": "M-ID", "proves": [{"element": "JXMC", "predicate": "is_known"}]}]
            ),
        },
        SERVICE,
        "no source",
    ),
    (
        "S03",
        {
            SERVICE: service_item(
                materials=[{"material": "M-ID", "proves": [{"element": "XM", "predicate": "equals:1"}]}]
            )
        },
        SERVICE,
        "equals:1",
    ),
    (
        "S03",
        {
            SERVICE: service_item(
                materials=[{"material": "M-ID", "proves": [{"element": "XB", "predicate": "in:男性,女"}]}]
            )
        },
        SERVICE,
        "names",
    ),
    ("S04", {SERVICE: service_item(promisedLimit={"value": 3, "unit": "workday"})}, SERVICE, "即办件"),
    ("S04", {SERVICE: service_item(visits=1)}, SERVICE, "visits 0"),
    ("S05", {SERVICE: service_item(jointUnits=[])}, SERVICE, 'unit "CW"'),
    ("S05", {SERVICE: service_item(steps=[])}, SERVICE, "no steps"),
    (
        "S06",
        {
            AWARDS: awards(authoritative=False),
            SERVICE: service_item(
                form=[{"field": "jx", "nameZh": "奖项", "element": "JXMC", "editable": False}]
            ),
        },
        SERVICE,
        '"jx"',
    ),
    ("D01", {DEMAND: demand(elements=["XM", "SFZHH"])}, DEMAND, 'did you mean "SFZH"?'),
    ("D01", {"clients.yaml": [{"client": "hall-1"}]}, DEMAND, 'did you mean "hall-1"?'),
    ("D02", {DEMAND: demand(basis="")}, DEMAND, '"basis" is missing'),
    ("D02", {DEMAND: demand(decision={"state": "granted", "by": ["post:office"]})}, DEMAND, "decision.on"),
    ("D03", {DEMAND: demand(elements=["XM", "YHKH"])}, DEMAND, "YHKH"),
    ("D04", {AWARDS: awards(authoritative=False), DEMAND: demand(elements=["JXMC"])}, DEMAND, "no source"),
    ("D05", {DEMAND: demand(elements=["XM", "CSRQ"])}, DEMAND, "CSRQ"),
]


@pytest.mark.parametrize(
    ("rule", "changes", "place", "words"), BREACHES, ids=[f"{row[0]}-{n}" for n, row in enumerate(BREACHES)]
)
def test_a_breach_is_told_with_its_place_and_a_mend(rule, changes, place, words):
    found = [fault for fault in catalogs.check(campus(changes), ON) if fault.rule == rule]
    assert found, f"{rule} was not told"
    texts = [str(fault) for fault in found]
    assert any(text.startswith(place) and words in text for text in texts), texts
    assert all(fault.what and fault.why and fault.severity == RULES[rule].severity for fault in found)


def test_a_right_campus_has_no_fault():
    assert catalogs.check(campus(), ON) == []


def test_all_faults_are_told_at_once_in_order_and_warnings_do_not_forbid_use():
    changes = {
        "units.csv": unit("RS,x,,,,,,,,,,"),
        STAFF: staff(shareType="none"),
        "campus.yaml": b'code: A\nnameZh: "x"\n',
    }
    with pytest.raises(catalogs.CatalogError) as caught:
        catalogs.load(campus(changes))
    assert [fault.rule for fault in caught.value.faults] == ["C12", "V04"]
    assert "2 faults; nothing was run" in str(caught.value)


def test_the_line_is_the_one_a_person_would_look_at():
    content = as_bytes(staff_with(item("nick", "XMM")))
    line = next(n for n, text in enumerate(content.decode().splitlines(), 1) if '"XMM"' in text)
    [fault] = [one for one in catalogs.check(campus({STAFF: content}), ON) if one.rule == "C06"]
    assert abs(fault.line - line) <= 1
    assert str(fault) == (
        f'{STAFF}:{fault.line} [C06] unknown element "XMM" – expected a code of elements.csv; '
        'did you mean "XM"?'
    )


def test_realtime_is_for_what_is_read_every_five_minutes_and_for_what_is_asked_live():
    live = asked_with({"no": "id_no"})
    live[POLICE]["customProperties"] = props(**{p["property"]: p["value"] for p in live[POLICE]["customProperties"]}
                                             | {"updateCycle": "realtime"})  # fmt: skip
    changed = live | {STUDENTS: students(updateCycle="realtime", ingest=intraday())}
    assert [f.rule for f in catalogs.check(campus(changed), ON) if f.severity == "error"] == []


def test_how_a_resource_is_read_is_all_in_its_contract():
    ingest = intraday(overlap_s=60, keySweep={"everyDays": 7}, minimumShare=0.5)
    cut = {"by": "day", "from": "filename", "item": "born_on", "closedAfterDays": 30}
    loaded = catalogs.load(campus({
        STUDENTS: students(ingest=ingest), STAFF: staff(ingest={"mode": "append", "partition": cut}),
    }))  # fmt: skip
    read = loaded.resources["academic.students"].ingest
    assert (read.mode, read.reads_changes, read.every_minutes) == ("intraday", True, 5)
    assert (read.key_sweep_days, read.minimum_share, read.overlap_s) == (7, 0.5, 60)
    assert loaded.resources["hr.staff"].ingest.partition == Partition("day", "filename", "born_on", 30)


def test_a_secret_written_into_systems_is_told_without_its_value():
    changed = {
        "systems.yaml": [small.SYSTEMS[0] | {"auth": {"type": "bearer", "token": "s3cret"}}, small.SYSTEMS[1]]
    }
    faults = catalogs.check(campus(changed), ON)
    assert [fault.rule for fault in faults] == ["V03"]
    assert "s3cret" not in str(faults[0])


@pytest.mark.parametrize("doc", [b"[]", b'"x"', b"1", b"- 1\n- [2]", b'schema: 3\nversion: "1"', b"{}"])
def test_a_contract_of_any_wrong_shape_is_a_fault_and_never_a_crash(doc):
    assert any(fault.severity == "error" for fault in catalogs.check(campus({STAFF: doc}), ON))


@pytest.mark.parametrize(
    "path", [SERVICE, DEMAND, "materials.yaml", "systems.yaml", "campus.yaml", "clients.yaml"]
)
@pytest.mark.parametrize(
    "doc", [b"[]", b'"x"', b"1", b"- 1\n- [2]", b"form: 3\ncode: 4", b'purpose: []\ndemandId: "x"']
)
def test_a_register_of_any_wrong_shape_never_crashes(path, doc):
    catalogs.check(campus({path: doc}), ON)


def test_materials_hold_what_service_items_leave_out():
    told = [one | {"facts": [{"element": "JXMC"}]} if one["code"] == "M-FORM" else one for one in materials()]
    changes = {"materials.yaml": told, AWARDS: awards(authoritative=False)}
    [fault] = catalogs.check(campus(changes), ON)
    assert (fault.rule, fault.file) == ("S02", "materials.yaml")
