"""A folder or a mapping of files becomes one frozen catalog."""

import dataclasses
import time as clock
from datetime import date, time, timedelta

import pytest

import catalogs
from catalogs.loading import read_files, version_of
from catalogs.model import Calendar, Resource
from catalogs.odcs import tell_schema_faults  # noqa: F401 - loads the schema before times are taken
from catalogs.versions import pack, unpack
from tests.catalogs.small import STAFF, STUDENTS, as_bytes, campus, contract, item, key_item, staff

MINIMAL = ("campus.yaml", "systems.yaml", "units.csv", STAFF)


def test_campus_systems_units_and_one_contract_are_a_catalog():
    doc = staff(subject={"type": "person", "key": "staff_no", "idType": "staff_no"})
    doc["schema"][0]["properties"] = [key_item("staff_no"), item("name")]
    doc["schema"][0].pop("quality")
    files = {path: content for path, content in campus({STAFF: doc}).items() if path in MINIMAL}
    catalog = catalogs.load(files)
    assert list(catalog.resources) == ["hr.staff"]
    assert catalog.services == catalog.demands == catalog.elements == {}
    assert catalog.calendar.is_working(date(2026, 10, 20))


def test_what_refers_to_a_register_that_is_not_there_is_a_fault():
    files = {path: content for path, content in campus().items() if path != "elements.csv"}
    told = {fault.rule for fault in catalogs.check(files) if fault.severity == "error"}
    assert {"S01", "D01"} <= told


def test_a_file_that_cannot_be_read_is_told_alone():
    broken = campus()[STUDENTS].decode().replace("schema:", "schema: [", 1).encode()
    faults = [fault for fault in catalogs.check(campus() | {STUDENTS: broken}) if fault.severity == "error"]
    assert {fault.file for fault in faults} == {STUDENTS}


def test_a_folder_and_its_files_are_the_same_catalog(tmp_path):
    for path, content in campus().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "README.md").write_text("notes", encoding="utf-8")
    (tmp_path / ".hidden.yaml").write_text("x", encoding="utf-8")
    by_folder, by_files = catalogs.load(tmp_path), catalogs.load(campus())
    assert by_folder == by_files
    assert by_folder.files == campus()


def test_a_stored_version_loads_as_the_one_that_was_packed():
    catalog = catalogs.load(campus())
    blob = pack(catalog.files)
    assert blob == pack(dict(reversed(list(catalog.files.items()))))
    again = catalogs.load(unpack(blob))
    assert again == catalog and again.version == catalog.version == version_of(catalog.files)


def test_the_version_changes_with_any_byte_and_any_name():
    files = campus()
    renamed = {path.replace("d-001", "d-002"): content for path, content in files.items()}
    edited = files | {"units.csv": files["units.csv"] + b"\n"}
    assert len({version_of(files), version_of(renamed), version_of(edited)}) == 3


def test_an_item_inherits_from_its_element_and_its_resource():
    resource = catalogs.load(campus()).resources["hr.staff"]
    sex, number, card = resource.item("sex"), resource.item("id_no"), resource.item("bank_card_no")
    assert (sex.code_table, sex.pi_class, sex.data_level, sex.tier) == ("sex", "personal", "2", "public")
    assert sex.is_coded and sex.code_map == {"男": "1", "女": "2"}
    assert (number.mask, number.share_type, number.pi_class) == ("keep:6,4", "conditional", "sensitive")
    assert (card.mask, card.share_type) == ("keep:0,4", "none")
    assert resource.item("name").share_type == resource.share_type == "unconditional"
    assert all(one.authoritative for one in resource.items)


def test_an_item_can_undo_what_it_would_inherit():
    doc = staff()
    doc["schema"][0]["properties"].append(
        item("card_tail", "YHKH", custom={"mask": "", "authoritative": False, "shareType": "conditional",
                                          "shareCondition": "逐项申请", "tier": "office"})
    )  # fmt: skip
    found = catalogs.load(campus({STAFF: doc})).resources["hr.staff"].item("card_tail")
    assert (found.mask, found.authoritative, found.tier) == ("", False, "office")


def test_the_subjects_key_of_a_resource_with_many_rows_is_no_source():
    catalog = catalogs.load(campus())
    awards = catalog.resources["academic.awards"]
    assert awards.item("award").authoritative and not awards.item("student_no").authoritative
    assert [source.resource for source in catalog.sources_of("XH")] == ["academic.students"]


def test_types_of_the_warehouse_follow_the_contract():
    options = {"logicalTypeOptions": {"multipleOf": 0.01}}
    kinds = ["string", "integer", "number", "boolean", "date", "timestamp"]
    items = [
        key_item("k"),
        *(item(f"i_{kind}", kind=kind) for kind in kinds),
        item("fen", kind="number", **options),
    ]
    doc = contract("academic.students", items)
    files = {STUDENTS: doc, "populations.csv": None, "resources/academic/awards.odcs.yaml": None, STAFF: None}
    files |= {"services/rs-001.yaml": None, "demands/d-001.yaml": None, "materials.yaml": None}
    found = catalogs.load(campus(files)).resources["academic.students"]
    assert [one.pg_type for one in found.items] == [
        "text", "text", "bigint", "numeric(38,6)", "boolean", "date", "timestamptz", "numeric(38,2)",
    ]  # fmt: skip
    assert [one.duck_type for one in found.items][-1] == "DECIMAL(38,2)"


def test_a_resource_knows_its_table_system_promise_and_key():
    catalog = catalogs.load(campus())
    students: Resource = catalog.resources["academic.students"]
    assert (students.table, students.provider, students.key) == ("academic__students", "JW", ("student_no",))
    assert (students.delivers, students.promise) == (time(2, 0), timedelta(hours=30))
    assert (students.ingest.mode, students.ingest.watermark, students.ingest.overlap_s) == (
        "watermark", "changed_at", 3600,
    )  # fmt: skip
    assert catalog.systems["academic"].settings["password"] == "env:YICI_ACADEMIC_PASSWORD"
    rule = catalog.resources["hr.staff"].rules[0]
    assert (rule.where, rule.columns, rule.on_failure) == (
        "born_on > DATE '2100-01-01'",
        ("born_on",),
        "refuse_row",
    )
    with pytest.raises(KeyError, match=r"hr\.staff has no item 'nobody'"):
        catalog.resources["hr.staff"].item("nobody")


def test_a_composite_key_goes_by_its_positions():
    items = [
        item("b", required=True, primaryKey=True, primaryKeyPosition=2),
        item("a", required=True, primaryKey=True, primaryKeyPosition=1),
    ]
    path = "resources/hr/posts.odcs.yaml"
    assert catalogs.load(campus({path: contract("hr.posts", items)})).resources["hr.posts"].key == ("a", "b")


def test_working_days_follow_holidays_and_adjusted_days():
    calendar = catalogs.load(campus()).calendar
    assert not calendar.is_working(date(2026, 1, 1))
    assert calendar.is_working(date(2026, 1, 4)) and calendar.is_working(date(2026, 1, 5))
    assert not calendar.is_working(date(2026, 1, 10))
    assert calendar.add_working_days(date(2025, 12, 31), 2) == date(2026, 1, 4)
    assert calendar.add_working_days(date(2026, 1, 4), -2) == date(2025, 12, 31)
    assert Calendar().add_working_days(date(2026, 10, 16), 1) == date(2026, 10, 19)


def test_a_later_row_of_the_calendar_replaces_its_days_and_keeps_their_term():
    rows = "day,to,kind,working,event,term\n2026-09-07,2026-10-18,教学,,,2026-1\n"
    rows += "2026-10-01,2026-10-07,法定节假,,国庆节,\n"
    days = catalogs.load(campus({"calendar.csv": rows})).calendar.days
    assert (days[date(2026, 10, 1)].kind, days[date(2026, 10, 1)].term) == ("法定节假", "2026-1")
    assert days[date(2026, 10, 8)].is_working and not days[date(2026, 10, 7)].is_working
    twice = rows + "2026-10-10,,调休上班,,,\n2026-10-10,2026-10-10,教学,,,\n"
    assert [fault.rule for fault in catalogs.check(campus({"calendar.csv": twice}), date(2026, 10, 20))] == [
        "V04"
    ]


def test_nothing_of_a_catalog_can_be_changed():
    catalog = catalogs.load(campus())
    with pytest.raises(dataclasses.FrozenInstanceError):
        catalog.version = "x"


def test_hidden_and_foreign_files_are_left_out(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.yaml").write_text("a", encoding="utf-8")
    (tmp_path / "notes.md").write_text("a", encoding="utf-8")
    (tmp_path / "units.csv").write_text("a", encoding="utf-8")
    assert list(read_files(tmp_path)) == ["units.csv"]


def test_two_hundred_resources_of_forty_items_are_checked_in_seconds():
    items = [key_item("k"), *(item(f"item_{n}", custom={"note": f"说明 {n}"}) for n in range(39))]
    many = {
        f"resources/hr/r{n}.odcs.yaml": as_bytes(contract(f"hr.r{n}", items, resourceCode=f"x/{n}"))
        for n in range(200)
    }
    files = campus(many)
    started = clock.process_time()
    assert [fault for fault in catalogs.check(files) if fault.severity == "error"] == []
    assert clock.process_time() - started < 20
