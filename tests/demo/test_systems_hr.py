"""Personnel, party affairs, archives: right by their contracts but for the faults they tell; the secret never land."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from catalogs.model import Catalog
from catalogs.posts import units_of_post
from connectors import open_source
from connectors.base import ReadSpec
from demo.systems import archives, hr, hr_posts, hr_workbook, party
from demo.target import FIRST_DAY
from demo.world import build_world
from tests.demo.built import (
    Campus,
    Judgement,
    build_systems,
    file_target,
    judgements,
    live,
    resources_of,
    told,
)
from tests.support.reference import reference_campus

SYSTEMS = ("hr", "party", "archives")
RULES = {
    "hr.staff": {"id_no.format", "status.code", "retired_on.range", "retired-after-joining"},
    "hr.units": {"kind.code"},
    "hr.titles": {"title.code", "awarded_on.range", "engaged_on.range"},
    "hr.appointments": {"post_kind.code", "ends-after-start", "starts_on.range"},
    "hr.appraisals": {"result.code", "result.required"},
    **{f"party.{role}_stages": {"stage.code", "steps-in-order"} for role in ("student", "graduate", "staff")},
    **{
        f"archives.{role}_files": {"status.code", "sent-has-day"} for role in ("student", "graduate", "staff")
    },
    **{
        f"archives.{role}_households": {"moved_in_on.range", "household_kind.code"}
        for role in ("student", "graduate", "staff")
    },
}
RARE = "䶮㛃𫖯𨱑𬭎𬴊𬱖𫍯"


@pytest.fixture(scope="module")
def content() -> Catalog:
    return reference_campus()


@pytest.fixture(scope="module")
def campus(content: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Campus:
    folder = tmp_path_factory.mktemp("hr")
    return build_systems(build_world(1, "small"), content, file_target(folder), SYSTEMS, folder / "landing")


@pytest.fixture(scope="module")
def found(campus: Campus, module_variables: None) -> dict[str, Judgement]:
    return {
        name: one
        for place, system in enumerate(SYSTEMS)
        for name, one in _judged(campus, system, place).items()
    }


@pytest.fixture(scope="module")
def module_variables(campus: Campus) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in campus.variables.items():
            patch.setenv(name, value)
        yield


def _judged(campus: Campus, system: str, place: int) -> dict[str, Judgement]:
    return judgements(campus, system, 1 + 100 * place)


def _rows(campus: Campus, name: str) -> list[dict[str, Any]]:
    """Return a resource's rows as a reading hands them over, by item."""
    resource = campus.catalog.resources[name]
    with open_source(campus.catalog.systems[resource.system]) as source:
        (reading,) = source.readings(ReadSpec(resource))
        rows = reading.con.execute(reading.query)
        columns = [column[0] for column in rows.description]
        return [dict(zip(columns, row, strict=True)) for row in rows.fetchall()]


def _digests(campus: Campus) -> dict[str, str]:
    files = [path for system in SYSTEMS for path in campus.target.folder(system).iterdir()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_every_contract_fits_its_system_and_only_told_faults_are_refused(
    campus: Campus, found: dict[str, Judgement]
) -> None:
    assert (
        set(found)
        == {one.name for system in SYSTEMS for one in resources_of(campus.catalog, system)}
        == set(RULES)
    )
    for name, judgement in found.items():
        assert judgement.refused == told(campus, name) != (), name
        assert judgement.rules == RULES[name], name
        assert judgement.rows > 10 * len(judgement.refused), name


def test_nobody_on_secret_duty_is_read_and_everybody_of_them_stands_in_the_source(
    campus: Campus, found: dict[str, Judgement]
) -> None:
    secret = {member.staff_no for member in campus.world.staff if member.is_secret}
    assert secret
    sheet = load_workbook(campus.target.folder("hr") / hr.WORKBOOK, read_only=True)[hr_workbook.STAFF_SHEET]
    listed = {row[0] for row in sheet.iter_rows(min_row=2, values_only=True)}
    assert secret <= listed
    for name in ("hr.staff", "hr.titles", "hr.appointments", "hr.appraisals", "party.staff_stages",
                 "archives.staff_files", "archives.staff_households"):  # fmt: skip
        assert not secret & {row["staff_no"] for row in _rows(campus, name)}, name
        assert found[name].excluded > 0, name
    assert found["hr.staff"].excluded == found["archives.staff_files"].excluded == len(secret)


def test_names_that_gbk_has_not_arrive_unchanged(campus: Campus, module_variables: None) -> None:
    member = campus.world.special["rare_name_staff"]
    assert member.name[-1] in RARE
    raw = (campus.target.folder("hr") / hr.POSTS).read_bytes()
    assert member.name.encode("gb18030") in raw
    with pytest.raises(UnicodeEncodeError):
        member.name.encode("gbk")
    (row,) = [row for row in _rows(campus, "hr.staff") if row["staff_no"] == member.staff_no]
    assert row["name"] == member.name


def test_headings_over_several_columns_do_not_become_rows(
    campus: Campus, found: dict[str, Judgement]
) -> None:
    book = load_workbook(campus.target.folder("hr") / hr.WORKBOOK)
    merged = {str(place) for place in book[hr_workbook.TITLE_SHEET].merged_cells.ranges}
    assert merged == {"A1:J1", "A2:C2", "D2:I2"}
    assert len(book[hr_workbook.UNIT_SHEET].merged_cells.ranges) > 3
    assert found["hr.units"].rows == len(campus.world.units) + 1
    assert found["hr.titles"].rows + found["hr.titles"].excluded == campus.rows["hr.专业技术职务"]


def test_the_newest_title_is_the_one_the_person_holds(campus: Campus, module_variables: None) -> None:
    newest: dict[str, tuple[str, str]] = {}
    wrong = set(told(campus, "hr.titles"))
    for row in _rows(campus, "hr.titles"):
        if row["certificate_no"] not in wrong:
            newest[row["staff_no"]] = max(
                newest.get(row["staff_no"], ("", "")), (row["awarded_on"], row["title"])
            )
    held = {
        member.staff_no: hr_workbook.TITLES[member.title]
        for member in campus.world.staff
        if member.title and not member.is_secret and member.listed(FIRST_DAY)
    }
    assert {number: title for number, (_, title) in newest.items()} == held


def test_everybody_in_service_has_one_main_post_and_some_have_two_posts(
    campus: Campus, module_variables: None
) -> None:
    wrong = set(told(campus, "hr.appointments"))
    current = [
        r for r in _rows(campus, "hr.appointments") if not r["ends_on"] and r["appointment_no"] not in wrong
    ]
    main = [row["staff_no"] for row in current if row["is_main"] == "是"]
    serving = {m.staff_no for m in campus.world.staff if m.status in ("01", "11", "05") and not m.is_secret}
    serving -= {member.staff_no for member in campus.world.staff if not member.listed(FIRST_DAY)}
    assert len(main) == len(set(main))
    assert set(main) == serving
    assert len(current) > len(main)
    doctor, _ = campus.world.special["employed_doctoral_student"]
    assert next(row["remark"] for row in current if row["staff_no"] == doctor.staff_no) == "在职攻读博士学位"


def test_the_party_register_agrees_with_what_people_are(campus: Campus, module_variables: None) -> None:
    stages = {row["student_no"]: row["stage"] for row in _rows(campus, "party.student_stages")}
    known = {student.student_no: student.person.politics for student in campus.world.undergraduates}
    wrong = set(told(campus, "party.student_stages"))
    for number, stage in stages.items():
        if number not in wrong:
            assert (stage == "正式党员") == (known[number] == "01"), number
            assert (stage == "预备党员") == (known[number] == "02"), number
    present, _ = campus.world.present_students(FIRST_DAY)
    assert {one.student_no for one in present if one.person.politics in ("01", "02")} <= set(stages)


def test_a_teacher_who_studies_here_has_one_branch_and_one_personal_file(
    campus: Campus, module_variables: None
) -> None:
    member, student = campus.world.special["employed_doctoral_student"]
    assert student.student_no not in {row["student_no"] for row in _rows(campus, "party.graduate_stages")}
    files = {row["student_no"]: row for row in _rows(campus, "archives.graduate_files")}
    own = {row["staff_no"]: row for row in _rows(campus, "archives.staff_files")}
    assert files[student.student_no]["file_no"] == own[member.staff_no]["file_no"]
    assert files[student.student_no]["location"] == own[member.staff_no]["location"]


def test_files_of_those_who_left_were_sent_and_the_register_still_knows_where(
    campus: Campus, module_variables: None
) -> None:
    gone = campus.world.special["gone_graduate"]
    (row,) = [row for row in _rows(campus, "archives.student_files") if row["student_no"] == gone.student_no]
    assert row["status"] == "转出"
    assert row["sent_on"] > gone.left_on.isoformat()
    assert row["location"]
    houses = {row["student_no"]: row for row in _rows(campus, "archives.student_households")}
    assert houses[gone.student_no]["is_collective"] == "否"
    inside = [row for row in houses.values() if row["is_collective"] == "是"]
    assert 0.1 < len(inside) / len(houses) < 0.25


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    campus: Campus, content: Catalog, tmp_path: Path
) -> None:
    again = build_systems(build_world(1, "small"), content, file_target(tmp_path / "a"), SYSTEMS, tmp_path)
    other = build_systems(build_world(2, "small"), content, file_target(tmp_path / "b"), SYSTEMS, tmp_path)
    first = _digests(campus)
    assert len(first) == 12
    assert _digests(again) == first
    assert not {*first.values()} & {*_digests(other).values()}


@pytest.fixture(scope="module")
def later(campus: Campus, content: Catalog, tmp_path_factory: pytest.TempPathFactory) -> tuple[Campus, dict]:
    """Another build of the same campus, two days on, and what changed."""
    folder = tmp_path_factory.mktemp("later")
    built = build_systems(build_world(1, "small"), content, file_target(folder), SYSTEMS, folder / "landing")
    return built, live(built, SYSTEMS)


def test_a_day_changes_little_and_leaves_other_files_alone(
    campus: Campus, later: tuple[Campus, dict]
) -> None:
    built, changed = later
    assert changed["hr"]["在册"] > 0
    assert changed["hr"]["专业技术职务"] > 0
    total = sum(count for tables in changed.values() for count in tables.values())
    assert 3 < total < 0.01 * sum(campus.rows.values())
    before, after = _digests(campus), _digests(built)
    assert before[hr.WORKBOOK] != after[hr.WORKBOOK]
    assert before["研究生户籍.csv"] == after["研究生户籍.csv"]


def test_after_two_days_the_rows_still_keep_their_contracts(
    later: tuple[Campus, dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    built, _ = later
    for name, value in built.variables.items():
        monkeypatch.setenv(name, value)
    retiring = built.world.special["retired_on_first_day"]
    for place, system in enumerate(SYSTEMS):
        for name, judgement in _judged(built, system, 10 + place).items():
            assert judgement.refused == told(built, name), name
    (row,) = [row for row in _rows(built, "hr.staff") if row["staff_no"] == retiring.staff_no]
    assert (row["status"], row["retired_on"]) == ("退休", retiring.left_on.isoformat())
    ended = [
        row["ends_on"] for row in _rows(built, "hr.appointments") if row["staff_no"] == retiring.staff_no
    ]
    assert ended and all(ended)
    left = built.world.special["left_on_first_day"].staff_no
    assert left not in {row["staff_no"] for row in _rows(built, "hr.staff")}


def test_applicants_become_activists_as_days_pass(campus: Campus) -> None:
    people = [student.person for student in campus.world.undergraduates]
    first, later = ([party.way_of(person, 1, day) for person in people] for day in (0, 60))
    moved = [(a, b) for a, b in zip(first, later, strict=True) if a is not None and b is not None and a != b]
    assert [way is None for way in first] == [way is None for way in later]
    assert moved
    assert {(a.stage, b.stage) for a, b in moved} == {("1", "2")}
    assert all(b.days[1] >= FIRST_DAY for _, b in moved)


def test_steps_towards_the_party_keep_their_distances(campus: Campus) -> None:
    for person in campus.world.people:
        way = party.way_of(person, 1, 0)
        if way is None:
            continue
        assert list(way.days) == sorted(way.days)
        assert way.days[0].year - person.born_on.year >= 18
        if way.stage in ("4", "5"):
            assert (way.days[3] - way.days[1]).days >= 365
        if way.stage == "5":
            assert (way.days[4] - way.days[3]).days == 365
            assert way.days[4] <= FIRST_DAY


def test_headings_in_the_files_are_those_the_contracts_name(content: Catalog) -> None:
    written = {
        "hr.staff": hr_workbook.STAFF_HEADINGS,
        "hr.appointments": hr_posts.POST_HEADINGS,
        "party.staff_stages": party.HEADINGS,
        "archives.staff_files": archives.FILE_HEADINGS,
    }
    for name, headings in written.items():
        assert {item.physical_name for item in content.resources[name].items} <= set(headings), name


def test_every_post_is_held_by_somebody_in_service_of_the_unit_that_names_it(
    campus: Campus, content: Catalog
) -> None:
    listed = campus.world.staff_by_no
    for holding in content.holdings:
        member = listed[holding.person]
        assert member.listed(FIRST_DAY) and member.left_on is None and not member.is_secret
        assert member.joined_on <= holding.valid_from
        # The university's own post is held in its office.
        units = units_of_post(content, holding.post)
        assert member.unit in units or units == {content.campus.code}
