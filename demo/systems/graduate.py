"""The graduate school's system: a schema of its own beside academic affairs, English names, words for codes.

It writes middle dots as bullets, keeps its grades when a student goes, and empties its register as others do.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from random import Random
from typing import TYPE_CHECKING
from zlib import crc32

from demo.ids import bank_card, spoiled
from demo.roll import dice
from demo.systems import graduate_tables as t
from demo.systems.academic import DATABASE
from demo.tables import PostgresStore, Row
from demo.target import CAMPUS_ZONE, FIRST_DAY, Target, campus_day
from demo.world_campus import SITES, Discipline, term_ends, terms_since
from demo.world_days import Change
from demo.world_words import ETHNIC_GROUPS, POLITICS, REASONS

if TYPE_CHECKING:
    from demo.world import World
    from demo.world_students import Graduate

SCHEMA = "yjs"
_CERTIFICATES = {"1": "ID", "A": "PP", "6": "HMP", "8": "TWP", "C": "HMR", "D": "TWR", "9": "PR"}
_COMPATRIOTS = {"00": "NONE", "01": "HK", "03": "MO", "05": "TW", "51": "FOREIGN"}
_CATEGORIES = {"21": "ACA_M", "22": "PRO_M", "31": "ACA_D", "32": "PRO_D", "42": "INTL"}
_STATES = {"01": "ACTIVE", "14": "PROLONGED", "02": "SUSPENDED"}
_CHANGES = {"suspend": "SUSPEND", "resume": "RESUME", "withdraw": "WITHDRAW", "graduate": "GRADUATE"}
_COURSES = (
    # ending, credits, is a degree course, term of study
    ("高等理论", 3, True, 1), ("研究方法", 2, True, 1), ("学术英语", 2, True, 1), ("前沿讲座", 1, False, 1),
    ("专题研讨", 2, True, 2), ("数值方法", 2, False, 2), ("学术规范与写作", 1, True, 2), ("实践教学", 2, False, 3),
)  # fmt: skip


def build(world: "World", target: Target) -> dict[str, int]:
    """Create and fill the schema; returns rows per table."""
    connection = target.new_database("graduate", DATABASE)
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    store = PostgresStore(connection, SCHEMA)
    try:
        for table in t.TABLES:
            store.create(table)
        _, present = world.present_students(FIRST_DAY)
        counts = {
            t.STUDENTS.name: store.load(t.STUDENTS, _students(world, present)),
            t.SUPERVISORS.name: store.load(t.SUPERVISORS, _supervisors(world, present)),
            t.GRADES.name: store.load(t.GRADES, _grades(world)),
            t.DEGREES.name: store.load(t.DEGREES, _degrees(world)),
            t.STATUS_CHANGES.name: store.load(t.STATUS_CHANGES, _past_changes(world)),
        }
        target.grant_reader(connection, SCHEMA)
        return counts
    finally:
        store.close()


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Let one day pass: telephones, leaves, degrees, a few grades; returns rows changed per table."""
    on = campus_day(day - 1)
    if on.weekday() > 4:
        return {}
    store = PostgresStore(target.database(DATABASE), SCHEMA)
    try:
        students = {student.student_no: student for student in world.graduates}
        counts = dict.fromkeys((table.name for table in t.TABLES), 0)
        for place, change in enumerate(c for c in world.changes(day) if c.role == "graduate"):
            _live(store, change, students[change.number], place, counts)
        counts[t.GRADES.name] += _enter_grades(world, store, day, on)
        return counts
    finally:
        store.close()


def _students(world: "World", present: list["Graduate"]) -> Iterator[Row]:
    plain = [
        student
        for student in present
        if student.person.document.kind == "1"
        and student.left_on is None
        and student.student_no not in world.storied_numbers
    ]
    mistyped, misspelt = dice(world.seed, "graduate", "faults").sample(plain, 2)
    for student in present:
        row = _student(world, student)
        if student is mistyped:
            world.fault(
                "graduate.students", student.student_no, "check digit of the identity number is wrong"
            )
            row = t.STUDENTS.changed(row, cert_no=spoiled(student.person.document.number))
        elif student is misspelt:
            world.fault("graduate.students", student.student_no, "unknown ethnic group")
            row = t.STUDENTS.changed(row, ethnicity="汗族")
        yield row


def _student(world: "World", student: "Graduate") -> Row:
    person, document = student.person, student.person.document
    serial = crc32(student.student_no.encode())
    touched = min(student.entered_on + timedelta(days=serial % 300), FIRST_DAY - timedelta(days=2))
    return (
        student.student_no,
        _dotted(person.name),
        person.name if person.compatriot == "51" else None,
        person.former_name or None,
        "M" if person.sex == "1" else "F",
        person.born_on,
        ETHNIC_GROUPS.get(person.ethnic),
        person.area if person.compatriot == "00" else None,
        person.nationality,
        _COMPATRIOTS[person.compatriot],
        _CERTIFICATES[document.kind],
        document.number,
        document.country,
        document.valid_until,
        POLITICS[person.politics],
        person.phone or None,
        person.email or None,
        person.address or None,
        _CATEGORIES[student.category],
        _STATES[student.status],
        "D" if student.level == "1" else "M",
        "PT" if student.is_part_time else "FT",
        4 if student.level == "1" else 3,
        student.entered_on,
        student.expected_on,
        student.unit,
        student.discipline.code,
        student.discipline.name,
        student.year,
        SITES[student.site],
        student.supervisor_no,
        _dotted(world.staff_by_no[student.supervisor_no].name),
        student.staff_no or None,
        bank_card(serial),
        _at(touched, 9),
    )


def _dotted(name: str) -> str:
    return name.replace("·", "•")


def _at(day: date, hour: int, second: int = 0) -> datetime:
    return datetime.combine(day, time(hour, 0), CAMPUS_ZONE) + timedelta(seconds=second)


def _supervisors(world: "World", present: list["Graduate"]) -> Iterator[Row]:
    taught = Counter(student.supervisor_no for student in present)
    for member in world.present_staff(FIRST_DAY):
        if member.title not in ("011", "012", "071", "072") or not member.is_teacher:
            continue
        is_doctoral = member.title in ("011", "071")
        qualified_on = member.titled_on or member.joined_on
        yield (
            member.staff_no, _dotted(member.name), "DOCTORAL" if is_doctoral else "MASTER", member.unit, qualified_on,
            member.person.born_on.year > 1967, taught[member.staff_no], _at(date(2026, 9, 1), 10),
        )  # fmt: skip
    world.fault("graduate.supervisors", "WP0001", "unknown kind of supervisor")
    yield "WP0001", "外聘导师", "VISITING", "107", date(2025, 9, 1), False, 0, _at(date(2025, 9, 1), 10)


def _course(discipline: Discipline, place: int) -> tuple[str, str, int, str]:
    ending, credits, is_degree, _ = _COURSES[place]
    kind = "DEGREE" if is_degree else "ELECTIVE"
    return f"Y{discipline.code}{place + 1:02d}", f"{discipline.name}{ending}", credits, kind


def _grades(world: "World") -> Iterator[Row]:
    for student in world.graduates:
        random = dice(world.seed, "graduate", "grades", student.student_no)
        for place, term in enumerate(terms_since(student.year)[:-1], start=1):
            for at, (_, _, _, taught_in) in enumerate(_COURSES):
                if taught_in == place:
                    yield _grade(random, student, term, at, _at(term_ends(term), 15, at * 60))
    student = world.graduates[0]
    world.fault(
        "graduate.grades", f"{student.student_no}/2021-2022-3/Y000001/NORMAL", "there is no third term"
    )
    yield (
        student.student_no, "2021-2022-3", "Y000001", "NORMAL", "学术规范与写作", 1, "DEGREE", "88.0", "3.80",
        _at(date(2022, 7, 1), 15),
    )  # fmt: skip


def _grade(random: Random, student: "Graduate", term: str, place: int, at: datetime) -> Row:
    code, name, credits, kind = _course(student.discipline, place)
    score = min(99.0, max(55.0, int(random.gauss(84, 7) * 2) / 2))
    point = 0 if score < 60 else min(5.0, (score - 50) / 10)
    return student.student_no, term, code, "NORMAL", name, credits, kind, f"{score:.1f}", f"{point:.2f}", at


def _degrees(world: "World") -> Iterator[Row]:
    is_told = False
    for student in world.graduates:
        if student.left_on and student.left_on < FIRST_DAY:
            row = _degree(student, student.left_on)
            if not is_told and student.student_no not in world.storied_numbers:
                is_told = True
                world.fault("graduate.degrees", student.student_no, "degree on a defence that failed")
                row = t.DEGREES.changed(row, defence_result="FAIL")
            yield row


def _degree(student: "Graduate", day: date) -> Row:
    person, document = student.person, student.person.document
    is_doctor = student.level == "1"
    digits = student.student_no[5:]
    return (
        student.student_no,
        _dotted(person.name),
        _CERTIFICATES[document.kind],
        document.number,
        document.country,
        student.discipline.name,
        "GRADUATED",
        day,
        f"129991{day.year}{'01' if is_doctor else '02'}{digits}",
        "博士研究生毕业" if is_doctor else "硕士研究生毕业",
        f"{'2' if is_doctor else '3'}{student.discipline.field}",
        day,
        f"12999{'2' if is_doctor else '3'}{day.year}{digits}",
        f"{student.discipline.name}若干关键问题研究",
        day - timedelta(days=25),
        "PASS",
        _at(day, 18),
    )


def _past_changes(world: "World") -> Iterator[Row]:
    number = 0
    for student in world.graduates:
        if student.left_on and student.left_on < FIRST_DAY:
            number += 1
            yield _change(f"G{number:07d}", student.student_no, "GRADUATE", student.left_on, "正常毕业")
        elif student.status in ("02", "14"):
            number += 1
            kind, day = (
                ("SUSPEND", date(2026, 3, 10)) if student.status == "02" else ("PROLONG", date(2026, 6, 20))
            )
            yield _change(f"G{number:07d}", student.student_no, kind, day, "本人申请")
    world.fault("graduate.status_changes", "G9999999", "unknown reason of a status change")
    yield _change("G9999999", world.graduates[0].student_no, "SUSPEND", date(2025, 3, 3), "想回家")


def _change(number: str, student_no: str, kind: str, day: date, reason: str) -> Row:
    return (
        number,
        student_no,
        kind,
        day,
        reason,
        f"校研〔{day.year}〕{day.month * 31 + day.day}号",
        _at(day, 17),
    )


def _live(
    store: PostgresStore, change: Change, student: "Graduate", place: int, counts: dict[str, int]
) -> None:
    at = _at(change.on, 14, place)
    register = t.STUDENTS.name
    if change.kind == "phone":
        counts[register] += store.change(
            "UPDATE student SET mobile = ?, updated_at = ? WHERE stu_no = ?",
            (change.value, at, change.number),
        )
        return
    row = _change(
        f"G{change.on:%y%m%d}{place:02d}",
        change.number,
        _CHANGES[change.kind],
        change.on,
        REASONS[change.value],
    )
    counts[t.STATUS_CHANGES.name] += store.load(t.STATUS_CHANGES, [row])
    if change.kind in ("suspend", "resume"):
        state = "SUSPENDED" if change.kind == "suspend" else "ACTIVE"
        counts[register] += store.change(
            "UPDATE student SET status = ?, updated_at = ? WHERE stu_no = ?", (state, at, change.number)
        )
        return
    if change.kind == "graduate":
        counts[t.DEGREES.name] += store.load(t.DEGREES, [_degree(student, change.on)])
    counts[register] += store.change("DELETE FROM student WHERE stu_no = ?", (change.number,))


def _enter_grades(world: "World", store: PostgresStore, day: int, on: date) -> int:
    """Teachers correct a few grades of the last term."""
    random = dice(world.seed, "graduate", "day", day)
    old = store.ask(
        "SELECT stu_no, course_no FROM course_grade WHERE term = '2025-2026-2' AND score < 97 ORDER BY 1, 2"
    )
    count = 0
    for place, key in enumerate(random.sample(old, min(3, len(old)))):
        count += store.change(
            "UPDATE course_grade SET score = score + 1, updated_at = ? "
            "WHERE term = '2025-2026-2' AND stu_no = ? AND course_no = ?",
            (_at(on, 16, place * 40), *key),
        )
    return count
