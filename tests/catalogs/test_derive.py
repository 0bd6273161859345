"""What follows from a catalog, and only from it."""

import random
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import catalogs
from catalogs import derive
from tests.catalogs.small import (
    AWARDS,
    DEMAND,
    SERVICE,
    STAFF,
    STUDENTS,
    awards,
    campus,
    contract,
    demand,
    item,
    key_item,
    materials,
    service_item,
    staff,
    students,
)


def test_a_fact_has_one_source_per_population_in_order_of_precedence():
    catalog = catalogs.load(campus())
    assert [(one.resource, one.item, one.populations) for one in catalog.sources_of("XM")] == [
        ("hr.staff", "name", ("staff",)),
        ("academic.students", "name", ("student",)),
    ]
    [award] = catalog.sources_of("JXMC")
    assert (award.many, award.key_item, award.id_type) == (True, "student_no", "student_no")
    assert catalog.sources_of("NONE") == ()


def test_a_grant_comes_only_from_a_granted_demand():
    for state in ("draft", "filed", "refused", "disputed", "withdrawn", "expired"):
        changed = demand(decision={"state": state, "by": [], "on": "2026-01-01"})
        assert catalogs.load(campus({DEMAND: changed})).grants() == ()
    granted = catalogs.load(campus()).grants()
    assert {(one.client, one.purpose_kind, one.purpose, one.element) for one in granted} == {
        ("hall", "service_item", "RS-001", "XM"),
        ("hall", "service_item", "RS-001", "SFZH"),
    }
    assert {one.demand_id for one in granted} == {"D-001"}


def test_a_grant_carries_the_items_mask_unless_it_was_granted_unmasked():
    assert [one.mask for one in catalogs.load(campus()).grants() if one.element == "SFZH"] == ["keep:6,4"]
    open_demand = campus({DEMAND: demand(unmasked=["SFZH"])})
    assert [one.mask for one in catalogs.load(open_demand).grants() if one.element == "SFZH"] == [""]


def test_an_item_that_is_not_shared_is_never_granted():
    doc = students()
    doc["schema"][0]["properties"][1]["customProperties"] += [
        {"property": "shareType", "value": "none"},
        {"property": "noShareBasis", "value": "校内规定"},
    ]
    granted = catalogs.load(campus({STUDENTS: doc})).grants()
    assert {one.resource for one in granted if one.element == "XM"} == {"hr.staff"}


def test_a_task_is_a_purpose_too():
    changed = demand(purpose={"task": "T-2026-001"}, elements=["XM"])
    assert {(one.purpose_kind, one.purpose) for one in catalogs.load(campus({DEMAND: changed})).grants()} == {
        ("task", "T-2026-001")
    }


def test_every_authoritative_item_is_a_row_of_the_responsibility_list():
    catalog = catalogs.load(campus())
    rows = catalog.responsibilities()
    assert {(row.resource, row.item) for row in rows} == {
        (resource.name, one.name)
        for resource in catalog.resources.values()
        for one in resource.items
        if one.authoritative
    }
    [number] = [row for row in rows if row.item == "id_no"]
    assert (number.unit, number.steward, number.demands, number.gap) == ("RS", "post:hr-data", ("D-001",), "")


def test_an_ended_unit_leaves_its_duties_to_its_successor_else_to_its_parent():
    units = "code,nameZh,parent,successor,accountable,steward,validTo\nXX,校,,,p,q,\n"
    units += "RS,人事处,XX,{},p,q,2026-06-30\n"
    units += "CW,财务处,XX,,p,q,\nJW,教务处,XX,,p,q,\n"
    for successor, heir in (("CW", "CW"), ("", "XX")):
        catalog = catalogs.load(campus({"units.csv": units.format(successor)}))
        before = {
            row.unit for row in derive.responsibilities(catalog, date(2026, 6, 30)) if row.provider == "RS"
        }
        after = [row for row in derive.responsibilities(catalog, date(2026, 7, 1)) if row.provider == "RS"]
        assert before == {"RS"}
        assert {(row.unit, row.gap) for row in after} == {(heir, "单位已撤并")}


def test_every_element_of_a_demand_finds_its_source_or_a_named_gap():
    filed = demand(elements=["XM", "YHKH", "JXMC"], decision={"state": "filed"})
    catalog = catalogs.load(campus({DEMAND: filed, AWARDS: awards(authoritative=False)}))
    lines = {line.element: line for line in derive.demand_lines(catalog)}
    assert lines["XM"].resources == ("hr.staff.name", "academic.students.name") and lines["XM"].gap == ""
    assert (lines["YHKH"].resources, lines["YHKH"].gap) == ((), "不予共享")
    assert (lines["JXMC"].resources, lines["JXMC"].gap) == ((), "无源")
    assert all(bool(line.resources) != bool(line.gap) for line in lines.values())


def test_a_resource_is_released_after_those_it_refers_to_and_derived_ones_last():
    systems = [
        {"system": "derived", "nameZh": "派生", "provider": "RS", "kind": "warehouse"},
        {"system": "hr", "nameZh": "人事", "provider": "RS", "kind": "files"},
    ]
    links = {"c": ["b"], "b": ["a"], "a": ["d"], "d": ["a"]}
    files = {
        f"resources/hr/{name}.odcs.yaml": contract(
            f"hr.{name}",
            [key_item("k"), *(item(f"to_{t}", relationships=[{"to": f"hr.{t}.k"}]) for t in targets)],
        )
        for name, targets in links.items()
    }
    files |= {
        "resources/derived/a.odcs.yaml": contract("derived.a", [key_item("k")]),
        "systems.yaml": systems,
    }
    files |= dict.fromkeys((STAFF, STUDENTS, AWARDS, SERVICE, DEMAND, "populations.csv", "materials.yaml"))
    order = catalogs.load(campus(files)).release_order()
    assert order[-1] == "derived.a" and sorted(order[:-1]) == ["hr.a", "hr.b", "hr.c", "hr.d"]
    assert order.index("hr.a") < order.index("hr.b") < order.index("hr.c")


def test_resources_of_one_snapshot_are_one_group():
    group = {"mode": "full", "snapshotGroup": "edu"}
    files = {STUDENTS: students(ingest=group), AWARDS: awards(ingest=group)}
    assert catalogs.load(campus(files)).groups() == (("academic.awards", "academic.students"), ("hr.staff",))


def verdicts(files, client=None, on=None):
    catalog = catalogs.load(files)
    return {one.material: one for one in derive.material_verdicts(catalog, "RS-001", client, on)}


def test_a_material_is_spared_when_every_fact_can_be_read():
    found = verdicts(campus(), "hall", date(2026, 10, 20))
    assert found["M-ID"].outcome == derive.SATISFIED and found["M-ID"].blocked == ()
    assert found["M-ID"].facts[0].sources[0].resource == "hr.staff"
    assert (found["M-FORM"].outcome, found["M-FORM"].blocked) == (derive.STILL_REQUIRED, ("states_no_facts",))
    assert found["M-BANK"].blocked == ("gap:不予共享", "YHKH:not_shared")


def test_without_a_valid_grant_of_this_client_a_material_is_still_required():
    for client, on in (("other", date(2026, 10, 20)), ("hall", date(2028, 1, 1))):
        found = verdicts(campus(), client, on)["M-ID"]
        assert (found.outcome, found.blocked) == (derive.STILL_REQUIRED, ("SFZH:not_granted",))


@pytest.mark.parametrize(("issuer", "outcome"), [("RS", derive.CERTIFICATE), ("", derive.STILL_REQUIRED)])
def test_where_the_original_is_required_our_own_paper_can_be_issued_as_a_certificate(issuer, outcome):
    told = [
        one | {"kind": "证明", "issuer": issuer, "originalRequired": True, "originalBasis": "某规定"}
        if one["code"] == "M-ID"
        else one
        for one in materials()
    ]
    found = verdicts(campus({"materials.yaml": told}))["M-ID"]
    assert (found.outcome, found.blocked) == (outcome, ("original_required",))


OPENINGS = ("XM", "XB", "CSRQ", "SFZH", "YHKH")


@settings(max_examples=15, deadline=None)
@given(st.sets(st.sampled_from(OPENINGS)), st.sampled_from(OPENINGS), st.integers(0, 2**16))
def test_opening_data_never_makes_a_material_reappear(opened, more, seed):
    """CATALOG §2 C: the set of spared materials grows with what is open."""
    rng = random.Random(seed)
    uses, register = [], []
    for number in range(4):
        facts = [{"element": code} for code in rng.sample(OPENINGS, rng.randint(1, 3))]
        register.append({"code": f"M{number}", "nameZh": "材料", "facts": facts})
        uses.append({"material": f"M{number}"})

    def spared(shared: set[str]) -> set[str]:
        doc = staff()
        for prop in doc["schema"][0]["properties"]:
            own = {entry["property"]: entry["value"] for entry in prop["customProperties"]}
            own |= (
                {"shareType": "unconditional"}
                if own["element"] in shared
                else {
                    "shareType": "none",
                    "noShareBasis": "校内规定",
                }
            )
            prop["customProperties"] = [{"property": key, "value": value} for key, value in own.items()]
        files = {STAFF: doc, "materials.yaml": register, SERVICE: service_item(materials=uses, form=[])}
        files |= dict.fromkeys((STUDENTS, AWARDS, DEMAND, "populations.csv"))
        doc["customProperties"] = [
            entry | {"value": {key: value for key, value in entry["value"].items() if key != "populations"}}
            if entry["property"] == "subject"
            else entry
            for entry in doc["customProperties"]
        ]
        gaps = [
            one | ({} if all(f["element"] in shared for f in one["facts"]) else {"gap": "不予共享"})
            for one in register
        ]
        files["materials.yaml"] = gaps
        catalog = catalogs.load(campus(files))
        return {
            one.material
            for one in derive.material_verdicts(catalog, "RS-001")
            if one.outcome == derive.SATISFIED
        }

    assert spared(opened) <= spared(opened | {more})
