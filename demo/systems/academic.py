"""Academic affairs (undergraduates): a PostgreSQL database of its own, filled and kept as its vendor would.

The register empties itself of those who leave; status changes, grades and degrees stay.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zlib import crc32

import psycopg

from demo.ids import bank_card, spoiled
from demo.roll import dice
from demo.systems import academic_courses as teaching
from demo.systems import academic_tables as t
from demo.tables import PostgresStore, Row
from demo.target import FIRST_DAY, Target, campus_day
from demo.world_campus import AREAS, MAJORS, THIS_TERM, Major
from demo.world_days import Change

if TYPE_CHECKING:
    from demo.world import World
    from demo.world_students import Undergraduate

DATABASE = "jwxt"
_DOCUMENTS = {"1": "01", "A": "02", "6": "03", "8": "04", "C": "05", "D": "06", "9": "07"}
_CATEGORIES = {"11": "BK", "12": "ZK", "41": "LX", "61": "JH"}
_STATES = {"01": "ZD", "02": "XX", "14": "YC"}
_CHUNK = 4000
_GRADING_DAYS = 80
_CORRECTED_PER_DAY = 6


def build(world: "World", target: Target) -> dict[str, int]:
    """Create and fill the database; returns rows per table."""
    store = PostgresStore(target.new_database("academic", DATABASE))
    try:
        for table in t.TABLES:
            store.create(table)
        present, _ = world.present_students(FIRST_DAY)
        counsellors = [m.staff_no for m in world.present_staff(FIRST_DAY) if m.category == "70"]
        teachers: dict[str, list[str]] = {}
        for member in world.present_staff(FIRST_DAY):
            if member.is_teacher:
                teachers.setdefault(member.unit, []).append(member.staff_no)
        rooms = [room.number for room in world.rooms if room.use == "1"]
        counts = {
            t.MAJORS.name: store.load(t.MAJORS, map(_major, MAJORS)),
            t.COURSES.name: store.load(t.COURSES, map(_course, teaching.courses())),
            t.STUDENTS.name: store.load(t.STUDENTS, _students(world, present, counsellors)),
            t.STATUS_CHANGES.name: store.load(t.STATUS_CHANGES, _past_changes(world)),
            t.CLASSES.name: store.load(t.CLASSES, _classes(world, present, teachers, rooms)),
            t.ENROLMENTS.name: store.load(t.ENROLMENTS, teaching.enrolments(present)),
            t.DEGREES.name: store.load(t.DEGREES, _degrees(world)),
            t.GRADES.name: _load_lines(
                store.connection, teaching.grade_lines(world.undergraduates, world.seed)
            ),
        }
        _break_grades(world, store)
        target.grant_reader(store.connection, "public")
        return counts
    finally:
        store.close()


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Let one day pass: grades come in, people move, leave and graduate; returns rows changed per table."""
    on = campus_day(day - 1)
    if on.weekday() > 4:
        return {}
    store = PostgresStore(target.database(DATABASE))
    try:
        students = {student.student_no: student for student in world.undergraduates}
        counts = dict.fromkeys((table.name for table in t.TABLES), 0)
        for number, change in enumerate(c for c in world.changes(day) if c.role == "undergraduate"):
            _live(store, change, students[change.number], number, counts)
        counts[t.GRADES.name] += _enter_grades(world, store, students, day, on)
        random = dice(world.seed, "academic", "drop", day)
        enrolled = store.ask('SELECT "XH", "JXBH" FROM "T_XK_XSXK" ORDER BY 1, 2')
        for number, class_no in random.sample(enrolled, max(1, len(enrolled) // 6000)):
            counts[t.ENROLMENTS.name] += store.change(
                'DELETE FROM "T_XK_XSXK" WHERE "XH" = ? AND "JXBH" = ?', (number, class_no)
            )
        return counts
    finally:
        store.close()


def _load_lines(connection: psycopg.Connection, lines: Iterable[str]) -> int:
    """Stream ready lines into the grades; a row each, written many at a time."""
    count, waiting = 0, []
    with connection.cursor() as cursor, cursor.copy(f'COPY "{t.GRADES.name}" FROM STDIN') as copy:
        for line in lines:
            waiting.append(line)
            if len(waiting) == _CHUNK:
                copy.write("".join(waiting))
                count += _CHUNK
                waiting.clear()
        copy.write("".join(waiting))
    return count + len(waiting)


def _major(major: Major) -> Row:
    level = "1" if major.level == "3" else "2"
    return (
        major.code,
        major.name,
        major.unit,
        level,
        major.years,
        major.degree or None,
        "1",
        "2022-03-01 10:00:00",
    )


def _course(course: teaching.Course) -> Row:
    examined = "2" if course.is_worded else "1"
    return (
        course.code, course.name, course.credits, course.credits * 16, course.kind, course.unit, examined,
        "2022-03-01 10:00:00",
    )  # fmt: skip


def _students(world: "World", present: list["Undergraduate"], counsellors: list[str]) -> Iterator[Row]:
    spoilt = _spoilt(world, present)
    for student in present:
        row = _student(student, counsellors[crc32(student.class_name.encode()) % len(counsellors)])
        if student.student_no in spoilt:
            column, value, what = spoilt[student.student_no]
            world.fault("academic.students", student.student_no, what)
            if column == "SFZJH":
                value = spoiled(student.person.document.number)
            row = t.STUDENTS.changed(row, **{column: value})
        yield row


def _spoilt(world: "World", present: list["Undergraduate"]) -> dict[str, tuple[str, str, str]]:
    """Student number → column, value and words of what is wrong: three in a register of three thousand."""
    plain = [
        s
        for s in present
        if s.student_no not in world.storied_numbers and s.person.compatriot == "00" and s.left_on is None
    ]
    errors = (
        ("SFZJH", "", "check digit of the identity number is wrong"),
        ("MZDM", "77", "unknown ethnic group"),
        ("CSRQ", "20050230", "born on a day that does not exist"),
    )
    count = max(3, len(plain) // 2000)
    return {
        student.student_no: errors[at % 3]
        for at, student in enumerate(dice(world.seed, "academic", "faults").sample(plain, count))
    }


def _student(student: "Undergraduate", counsellor: str) -> Row:
    person, document = student.person, student.person.document
    home = AREAS.get(person.area, "")
    serial = crc32(student.student_no.encode())
    return (
        student.student_no,
        person.name,
        person.pinyin or None,
        person.former_name or None,
        person.sex,
        f"{person.born_on:%Y%m%d}",
        person.ethnic or None,
        person.area,
        person.nationality,
        person.compatriot,
        _DOCUMENTS[document.kind],
        document.number,
        document.country,
        f"{document.valid_until:%Y%m%d}" if document.valid_until else None,
        person.politics,
        person.phone or None,
        person.email or None,
        person.address or None,
        person.postcode or None,
        student.candidate_no,
        _CATEGORIES[student.category],
        _STATES[student.status],
        "0" if student.status == "02" else "1",
        "1" if student.major.level == "3" else "2",
        "1",
        student.major.years,
        student.entered_on,
        student.expected_on,
        student.unit,
        student.major.code,
        student.major.name,
        str(student.year),
        student.class_name,
        student.site,
        f"Z{student.student_no}",
        f"云溪—{home.split('省')[-1].split('自治区')[-1]}" if home else None,
        counsellor,
        bank_card(serial),
        "云溪银行学府支行",
        student.prior_no or None,
        f"{min(student.entered_on + timedelta(days=serial % 400), FIRST_DAY - timedelta(days=3))} 16:00:00",
    )


def _past_changes(world: "World") -> Iterator[Row]:
    """Status changes before the first campus day: who left, graduated, is on leave, took another name."""
    number = 0
    for student in world.undergraduates:
        events: list[tuple[str, date, str, str]] = []
        if student.left_on and student.left_on < FIRST_DAY:
            events.append(
                (student.leave, student.left_on, "10" if student.leave in ("41", "42") else "06", "")
            )
        if student.status == "02":
            day = date(2026, 3, 2) + timedelta(days=crc32(student.student_no.encode()) % 180)
            events.append(("11", day, ("01", "02", "03", "07")[day.day % 4], ""))
        if student.person.former_name and not student.prior_no:
            events.append(("61", date(2026, 4, 15), "06", "公安机关户籍更名"))
        if student.prior_no:
            events.append(("15", student.entered_on, "06", f"再次入学, 原学号{student.prior_no}"))
        for kind, day, reason, words in events:
            number += 1
            yield _change_row(f"YD{number:08d}", student.student_no, kind, day, reason, words)
    world.fault("academic.status_changes", "YD99999999", "unknown kind of status change")
    yield _change_row("YD99999999", world.undergraduates[0].student_no, "88", date(2026, 5, 6), "99", "")


def _change_row(number: str, student_no: str, kind: str, day: date, reason: str, words: str) -> Row:
    document = f"校教〔{day.year}〕{day.month * 31 + day.day}号"
    return number, student_no, kind, f"{day:%Y%m%d}", reason, document, words or None, f"{day} 17:00:00"


def _classes(
    world: "World", present: list["Undergraduate"], teachers: dict[str, list[str]], rooms: list[str]
) -> Iterator[Row]:
    yield from teaching.course_classes(present, teachers, rooms)
    number = "(2025-2026-3)-G0001-25101"
    world.fault("academic.course_classes", number, "there is no third term")
    yield number, "2025-2026-3", "G0001", None, "1", None, 240, "2026-07-10 09:00:00"


def _degrees(world: "World") -> Iterator[Row]:
    is_told = False
    for student in world.undergraduates:
        if student.left_on and student.left_on < FIRST_DAY and student.leave in ("41", "42"):
            row = _degree(student, student.left_on)
            if not is_told and student.leave == "41" and student.student_no not in world.storied_numbers:
                is_told = True
                world.fault("academic.degrees", student.student_no, "degree without a certificate number")
                row = t.DEGREES.changed(row, XWZSH=None)
            yield row


def _degree(student: "Undergraduate", day: date) -> Row:
    person, document = student.person, student.person.document
    is_done = student.leave != "42"
    has_degree = is_done and student.major.degree
    school, digits = "12999", student.student_no[4:]
    level = {"3": ("22", "21"), "4": ("32", "31")}[student.major.level][is_done]
    return (
        student.student_no,
        person.name,
        _DOCUMENTS[document.kind],
        document.number,
        document.country,
        student.major.name,
        "1" if is_done else "2",
        day,
        f"{school}1{day.year}05{digits}",
        level,
        student.major.degree if has_degree else None,
        day if has_degree else None,
        f"{school}4{day.year}{digits}" if has_degree else None,
        f"{student.major.name}若干问题研究" if is_done else None,
        f"{day} 18:00:00",
    )


def _break_grades(world: "World", store: PostgresStore) -> None:
    """A few grades as clerks mistype them: above a hundred, or of a kind that does not exist."""
    rows = store.ask(
        'SELECT "XH", "XNXQ", "KCH" FROM "T_CJ_XSCJ" WHERE "CJLXDM" = \'0\' '
        'ORDER BY md5("XH" || "KCH") LIMIT ?',
        (max(6, len(world.undergraduates) // 120),),
    )
    for at, (number, term, course) in enumerate(rows):
        wrong = ('"CJ" = 985.0', "\"CJLXDM\" = 'X'")[at % 2]
        what = ("grade is above a hundred", "unknown kind of grade")[at % 2]
        store.change(
            f'UPDATE "T_CJ_XSCJ" SET {wrong} WHERE "XH" = ? AND "XNXQ" = ? AND "KCH" = ? AND "CJLXDM" = \'0\'',
            (number, term, course),
        )
        kind = "0" if at % 2 == 0 else "X"
        world.fault("academic.grades", f"{number}/{term}/{course}/{kind}", what)


@lru_cache(maxsize=1)
def _catalogue() -> dict[str, teaching.Course]:
    return {course.code: course for course in teaching.courses()}


def _live(
    store: PostgresStore, change: Change, student: "Undergraduate", place: int, counts: dict[str, int]
) -> None:
    """Write what one change does to the register."""
    at = datetime.combine(change.on, time(14, 0)) + timedelta(minutes=place % 180)
    register, changes = t.STUDENTS.name, t.STATUS_CHANGES.name
    if change.kind == "phone":
        counts[register] += store.change(
            'UPDATE "T_XS_JBXX" SET "SJHM" = ?, "GXSJ" = ? WHERE "XH" = ?', (change.value, at, change.number)
        )
        return
    kind = {"suspend": "11", "resume": "12"}.get(change.kind) or student.leave
    row = _change_row(f"YD{change.on:%y%m%d}{place:02d}", change.number, kind, change.on, change.value, "")
    counts[changes] += store.load(t.STATUS_CHANGES, [row])
    if change.kind in ("suspend", "resume"):
        state, is_here = ("XX", "0") if change.kind == "suspend" else ("ZD", "1")
        counts[register] += store.change(
            'UPDATE "T_XS_JBXX" SET "XJZTDM" = ?, "SFZX" = ?, "GXSJ" = ? WHERE "XH" = ?',
            (state, is_here, at, change.number),
        )
        return
    if change.kind == "graduate":
        counts[t.DEGREES.name] += store.load(t.DEGREES, [_degree(student, change.on)])
    counts[register] += store.change('DELETE FROM "T_XS_JBXX" WHERE "XH" = ?', (change.number,))
    counts[t.ENROLMENTS.name] += store.change('DELETE FROM "T_XK_XSXK" WHERE "XH" = ?', (change.number,))


def _enter_grades(
    world: "World", store: PostgresStore, students: dict[str, "Undergraduate"], day: int, on: date
) -> int:
    """Teachers enter the grades of some of this term's classes, and correct a few old ones."""
    random = dice(world.seed, "academic", "grades", day)
    taken = store.ask('SELECT "XH", "JXBH", "KCH" FROM "T_XK_XSXK" ORDER BY 1, 2')
    graded = {number for (number,) in store.ask(
        'SELECT DISTINCT "JXBH" FROM "T_CJ_XSCJ" WHERE "XNXQ" = ?', (THIS_TERM,)
    )}  # fmt: skip
    begins = datetime.combine(on, time(9, 0))
    rows = []
    for number, class_no, code in taken:
        if crc32(class_no.encode()) % _GRADING_DAYS != day % _GRADING_DAYS or class_no in graded:
            continue
        course = _catalogue()[code]
        entered_at = begins + timedelta(seconds=len(rows) * 3 % 30_000)
        result = teaching.new_grade(random, course, random.random() < 0.01)
        rows.append(
            (
                number,
                THIS_TERM,
                code,
                "0",
                course.name,
                course.credits,
                course.kind,
                class_no,
                *result,
                entered_at,
            )
        )
    count = store.load(t.GRADES, rows)
    old = store.ask(
        'SELECT "XH", "XNXQ", "KCH", "CJLXDM" FROM "T_CJ_XSCJ" WHERE "XNXQ" = ? AND "CJ" < 98 ORDER BY 1, 3, 4',
        ("2025-2026-2",),
    )
    wanted = max(_CORRECTED_PER_DAY, len(old) // 2000)
    for at, key in enumerate(random.sample(old, min(wanted, len(old)))):
        count += store.change(
            'UPDATE "T_CJ_XSCJ" SET "CJ" = "CJ" + 1, "GXSJ" = ? '
            'WHERE "XH" = ? AND "XNXQ" = ? AND "KCH" = ? AND "CJLXDM" = ?',
            (begins + timedelta(minutes=30 + at % 400), *key),
        )
    return count
