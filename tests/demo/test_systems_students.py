"""Academic affairs, graduate school, student affairs: right by their contracts but for the faults they tell."""

import importlib
import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from catalogs.model import Catalog
from demo.systems import academic_courses, academic_tables, graduate
from demo.systems import student_affairs_tables as affairs
from demo.target import FIRST_DAY
from demo.world import World, build_world
from tests.demo.built import Campus, built, file_target, judgements, live, told
from tests.support.postgres import PgServer
from tests.support.reference import reference_campus

SYSTEMS = ("academic", "graduate", "student_affairs")


@pytest.fixture(scope="module")
def content() -> Catalog:
    return reference_campus()


@pytest.fixture(scope="module")
def campus(
    pg_server: PgServer, content: Catalog, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Campus]:
    with built(pg_server, content, tmp_path_factory.mktemp("campus"), SYSTEMS, "c") as campus:
        yield campus


@pytest.fixture(autouse=True)
def variables(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "campus" in request.fixturenames:
        for name, value in request.getfixturevalue("campus").variables.items():
            monkeypatch.setenv(name, value)


def _affairs(campus: Campus) -> sqlite3.Connection:
    return sqlite3.connect(campus.variables["YICI_STUDENT_AFFAIRS_FILE"])


def _refused_as_told(campus: Campus, system: str, first_id: int) -> None:
    for name, one in judgements(campus, system, first_id).items():
        assert one.rows > 0, name
        # Admission writes the kind of a grade as the standard code, the source as its own: the rest names the row.
        parts = 3 if name.endswith(".grades") else None
        refused = ["/".join(key.split("|")[:parts]) for key in one.refused]
        assert sorted(refused) == sorted("/".join(key.split("/")[:parts]) for key in told(campus, name)), name
        assert one.excluded == 0, name


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_contract_fits_its_system_and_only_told_faults_are_refused(campus: Campus, system: str) -> None:
    _refused_as_told(campus, system, 1)


def test_the_systems_have_the_size_that_is_promised(campus: Campus) -> None:
    assert 80_000 < sum(campus.rows.values()) < 130_000
    assert campus.rows["academic.T_CJ_XSCJ"] > 60_000
    assert campus.rows["student_affairs.xg_zhcp"] > 5_000
    assert len(campus.world.faults) < 0.001 * sum(campus.rows.values())


def test_people_with_a_story_are_written_as_they_are(campus: Campus) -> None:
    about = {"academic.students", "academic.degrees", "graduate.students", "student_affairs.conduct"}
    numbers = {fault.key for fault in campus.world.faults if fault.resource in about}
    assert len(numbers) >= len(about)
    assert not numbers & campus.world.storied_numbers


def test_everybody_present_has_a_state_of_conduct_that_agrees_with_the_measures(campus: Campus) -> None:
    pupils, scholars = campus.world.present_students(FIRST_DAY)
    con = _affairs(campus)
    states = dict(con.execute("SELECT xh, wcf FROM xg_czzt").fetchall())
    assert set(states) == {student.student_no for student in (*pupils, *scholars)}
    in_force = {n for (n,) in con.execute("SELECT xh FROM xg_cf WHERE cfzt IN ('生效', '申诉中')")}
    assert in_force & set(states)
    mistyped = {*told(campus, "student_affairs.conduct"), *told(campus, "student_affairs.graduate_conduct")}
    for number in set(states) - mistyped:
        assert states[number] == ("0" if number in in_force else "1"), number


def test_nobody_graduates_with_a_degree_and_a_course_failed_for_good(campus: Campus) -> None:
    with campus.target.database("jwxt") as con:
        (failed,) = con.execute(
            'SELECT count(*) FROM (SELECT "XH", "KCH" FROM "T_CJ_XSCJ" JOIN "T_BY_BYXW" USING ("XH") '
            'WHERE "XWDM" IS NOT NULL GROUP BY 1, 2 HAVING max("CJ") < 60) AS lost'
        ).fetchone()
    assert failed == 0


def test_a_supervisor_bears_the_name_of_the_member_of_staff(campus: Campus) -> None:
    with campus.target.database("jwxt") as con:
        rows = con.execute("SELECT supervisor_no, supervisor_name FROM yjs.student").fetchall()
    assert len(rows) > 350
    for number, name in rows:
        assert name.replace("•", "·") == campus.world.staff_by_no[number].name


def test_ranks_within_a_class_go_by_score(campus: Campus) -> None:
    con = _affairs(campus)
    (wrong,) = con.execute(
        "SELECT count(*) FROM (SELECT bjpm, rank() OVER (PARTITION BY xn, bjmc ORDER BY CAST(zhcj AS REAL) DESC) "
        "AS place FROM xg_zhcp) WHERE bjpm <> place"
    ).fetchone()
    assert wrong == len(told(campus, "student_affairs.assessments"))


def test_the_views_divide_every_table(campus: Campus) -> None:
    con = _affairs(campus)
    for table in affairs.TABLES:
        short = table.name.removeprefix("xg_")
        parts = [
            con.execute(f"SELECT count(*) FROM v_{kind}_{short}").fetchone()[0] for kind in ("bks", "yjs")
        ]
        assert sum(parts) == campus.rows[f"student_affairs.{table.name}"], table.name


def _printed(world: World) -> dict[str, list]:
    """Rows of the two PostgreSQL systems that are drawn by dice, without a database."""
    pupils, scholars = world.present_students(FIRST_DAY)
    return {
        "grades": list(islice(academic_courses.grade_lines(pupils, world.seed), 4000)),
        "students": list(graduate._students(world, scholars)),
        "scores": list(graduate._grades(world)),
    }


def test_the_same_seed_gives_the_same_rows(campus: Campus, tmp_path: Path) -> None:
    again = build_world(1, "small")
    target = file_target(tmp_path)
    importlib.import_module("demo.systems.student_affairs").build(again, target)
    first, second = (
        list(sqlite3.connect(place.folder("student_affairs") / "xg.db").iterdump())
        for place in (campus.target, target)
    )
    assert first == second
    assert _printed(build_world(1, "small")) == _printed(again)


def test_another_seed_gives_other_rows(campus: Campus) -> None:
    first, second = _printed(build_world(1, "small")), _printed(build_world(2, "small"))
    assert all(first[name] != second[name] for name in first)


@pytest.fixture(scope="module")
def later(campus: Campus) -> dict[str, dict[str, int]]:
    """The changes of two days; the tests after this fixture see the campus two days later."""
    return live(campus, SYSTEMS)


def test_a_day_moves_little_but_something(campus: Campus, later: dict[str, dict[str, int]]) -> None:
    moved = sum(count for tables in later.values() for count in tables.values())
    assert 50 < moved < 0.02 * sum(campus.rows.values())
    for table in (academic_tables.GRADES, academic_tables.STUDENTS, academic_tables.STATUS_CHANGES):
        assert later["academic"][table.name] > 0, table.name
    assert later["graduate"]["course_grade"] > 0
    for table in (affairs.AWARDS, affairs.LOANS, affairs.DISCIPLINE, affairs.STANDING):
        assert later["student_affairs"][table.name] > 0, table.name


def test_who_leaves_stands_in_changes_and_degrees_and_no_longer_in_the_register(
    campus: Campus, later: dict[str, dict[str, int]]
) -> None:
    bachelor = campus.world.special["late_bachelor_on_first_day"]
    doctor = campus.world.special["graduated_on_first_day"]
    dropped = campus.world.special["withdrawn_on_first_day"]
    with campus.target.database("jwxt") as con:
        for student in (bachelor, dropped):
            number = (student.student_no,)
            assert con.execute('SELECT count(*) FROM "T_XS_JBXX" WHERE "XH" = %s', number).fetchone() == (0,)
            assert con.execute('SELECT count(*) FROM "T_XS_XJYD" WHERE "XH" = %s', number).fetchone()[0] > 0
        rows = con.execute(
            'SELECT count(*) FROM "T_BY_BYXW" WHERE "XH" = %s', (bachelor.student_no,)
        ).fetchone()
        assert rows == (1,)
        number = (doctor.student_no,)
        assert con.execute("SELECT count(*) FROM yjs.student WHERE stu_no = %s", number).fetchone() == (0,)
        assert con.execute("SELECT count(*) FROM yjs.degree_award WHERE stu_no = %s", number).fetchone() == (
            1,
        )
    left = (bachelor.student_no, doctor.student_no, dropped.student_no)
    assert _affairs(campus).execute(
        "SELECT count(*) FROM xg_czzt WHERE xh IN (?, ?, ?)", left
    ).fetchone() == (0,)


def test_what_a_day_changes_lies_after_the_watermark_of_the_day_before(
    campus: Campus, later: dict[str, dict[str, int]]
) -> None:
    with campus.target.database("jwxt") as con:
        for table, column in (('"T_CJ_XSCJ"', '"GXSJ"'), ("yjs.course_grade", "updated_at")):
            count, latest = con.execute(
                f"SELECT count(*) FILTER (WHERE {column} > '2026-10-20'), max({column}) < '2026-10-22' FROM {table}"
            ).fetchone()
            system = "graduate" if table.startswith("yjs") else "academic"
            assert 0 < count <= later[system][table.strip('"').removeprefix("yjs.")]
            assert latest


@pytest.mark.parametrize("system", SYSTEMS)
def test_after_two_days_the_rows_still_keep_their_contracts(
    campus: Campus, later: dict[str, dict[str, int]], system: str
) -> None:
    _refused_as_told(campus, system, 1001)
