"""Units and their duties, numbers of bodies, the reform's goals, what a system holds undeclared (CATALOG §3.3)."""

from datetime import date

import catalogs
from catalogs.model import Goal, Site
from catalogs.registers import SYSTEM_KINDS
from connectors import ASK_ONLY, KINDS
from tests.catalogs import small
from tests.catalogs.breaches import ON, Breach, assert_told, cases
from tests.catalogs.small import SERVICE, STAFF, UNITS, campus, service_item

OUTSIDE = "GAJ,市公安局,,,校外,{},post:x,post:y,,,,\n"
OLD = "OLD,老处,,XX,机关,,post:x,post:y,,CW,,2026-06-30\n"
EMPTY = "NEW,新处,,XX,机关,,post:x,,,,,\n"
LOG = {"resource": "hr.staff", "item": "staff_no", "acceptedAt": "borne_on"}
HALL = {"client": "hall", "nameZh": "大厅"}
PROVIDED = {"systems.yaml": [small.SYSTEMS[0], small.SYSTEMS[1] | {"provider": "OLD"}]}
BREACHES = [
    Breach("R05", {"units.csv": UNITS + OUTSIDE.format("11990000YX00030X3U")}, "units.csv", "check digit", "GAJ"),
    Breach("R05", {"units.csv": UNITS + OUTSIDE.format("")}, "units.csv", "no uscc", "GAJ"),
    Breach("R06", {"units.csv": UNITS + EMPTY, SERVICE: service_item(leadUnit="NEW", jointUnits=["RS", "CW"],
           contacts=[{"unit": unit, "phone": "1"} for unit in ("NEW", "RS", "CW")])},
           "units.csv", "no steward", "NEW"),
    Breach("R06", {"units.csv": UNITS + OLD, STAFF: small.staff(provider="OLD")}, STAFF, '"CW" answers', "provider"),
    Breach("L01", {"campus.yaml": {"code": "DEMO", "nameZh": "示例大学", "caseLog": LOG}}, "campus.yaml", "borne_on"),
    Breach("V07", {"units.csv": UNITS + "ZZ,某处,,XX,处级,,p,q,,,,\n"}, "units.csv", '"处级"', "ZZ"),
    Breach("R10", {"clients.yaml": [HALL | {"corrections": "true"}]}, "clients.yaml", "neither true nor false", "hall"),
    Breach("R10", {"clients.yaml": [HALL | {"questions": True}]}, "clients.yaml", '"questions" without a unit', "hall"),
    Breach("R10", {"clients.yaml": [HALL | {"quota": {"perDay": 9}}]}, "clients.yaml", "is no number", "hall"),
    Breach("R10", {"clients.yaml": [HALL | {"correction": True}]}, "clients.yaml", '"corrections"', "hall"),
    Breach("R01", {"elements.csv": small.ELEMENTS + "ZZ,某,,string,,person,staffs,,,,,\n"},
           "elements.csv", '"staffs"', "ZZ"),
]  # fmt: skip


@cases(BREACHES)
def test_a_breach_is_told_where_a_person_looks(breach):
    assert_told(breach)


def test_a_duty_passes_on_the_day_after_its_unit_ends():
    files = campus({"units.csv": UNITS + OLD} | PROVIDED)
    assert catalogs.check(files, date(2026, 6, 30)) == []
    rules = [(fault.rule, fault.file) for fault in catalogs.check(files, date(2026, 7, 1))]
    assert ("R06", "systems.yaml") in rules and {rule for rule, _ in rules} == {"R06"}


def test_the_calendar_needs_the_next_year_from_december():
    files = campus()
    assert catalogs.check(files, date(2026, 11, 30)) == []
    [fault] = catalogs.check(files, date(2026, 12, 1))
    assert (fault.rule, fault.severity) == ("R03", "warning") and "2027" in fault.what


def test_goals_sites_and_unified_fields_are_the_campus_own():
    told = {
        "code": "DEMO", "nameZh": "示例大学", "sites": [{"code": "1", "nameZh": "东区"}], "unified": ["form"],
        "goals": [{"id": "G1", "nameZh": "八成", "dueOn": "2019-06-30", "measure": "at_most_once", "share": 0.8,
                   "excludes": "special"}],
    }  # fmt: skip
    own = catalogs.load(campus({"campus.yaml": told})).campus
    assert own.goals == (Goal("G1", "八成", date(2019, 6, 30), "at_most_once", 0.8, "special"),)
    assert (own.sites, own.unified) == ((Site("1", "东区"),), ("form",))
    assert len(catalogs.load(campus()).campus.unified) == 8


def test_a_goal_measures_something_that_is_counted():
    goal = {"id": "G1", "nameZh": "某", "dueOn": "2019-06-30", "measure": "happiness"}
    told = {"code": "DEMO", "nameZh": "示例大学", "goals": [goal]}
    assert [fault.rule for fault in catalogs.check(campus({"campus.yaml": told}), ON)] == ["V03"]


def test_every_kind_of_system_that_can_be_read_can_be_declared():
    assert set(SYSTEM_KINDS) == {*KINDS, *ASK_ONLY}


def test_what_a_system_holds_undeclared_is_listed_and_no_setting_of_its_connection():
    ignoring = small.SYSTEMS[1] | {"ignored": ["tmp_*", "t_students:photo"]}
    system = catalogs.load(campus({"systems.yaml": [small.SYSTEMS[0], ignoring]})).systems["academic"]
    assert system.ignored == ("tmp_*", "t_students:photo") and "ignored" not in system.settings
