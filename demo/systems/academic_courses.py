"""Plans of study, course classes, enrolments and grades of undergraduates: streams of rows, whatever their number."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from random import Random

from demo.tables import Row
from demo.target import FIRST_DAY
from demo.world_campus import MAJORS, THIS_TERM, Major, term_ends, terms_since
from demo.world_students import Undergraduate

_COMMON = (
    # name, credits, kind, terms in which it is taught
    ("思想道德与法治", 3, "11", 1), ("大学英语一", 3, "11", 1), ("高等数学一", 5, "21", 1), ("体育一", 1, "11", 1),
    ("中国近现代史纲要", 3, "11", 2), ("大学英语二", 3, "11", 2), ("高等数学二", 5, "21", 2), ("体育二", 1, "11", 2),
    ("马克思主义基本原理", 3, "11", 3), ("大学英语三", 2, "11", 3), ("线性代数", 3, "21", 3),
    ("形势与政策", 2, "11", 4), ("概率论与数理统计", 3, "21", 4),
    ("艺术鉴赏", 2, "12", 5), ("创新创业基础", 2, "12", 6),
)  # fmt: skip
_OWN = (
    ("导论", 2, "21", 1), ("基础", 3, "21", 1), ("原理", 4, "21", 2), ("方法", 3, "21", 2), ("史", 2, "31", 3),
    ("实验一", 1, "41", 3), ("理论", 4, "31", 3), ("综合训练", 2, "41", 4),
    ("分析", 3, "31", 4), ("设计", 3, "31", 4),
    ("应用", 3, "31", 5), ("实验二", 1, "41", 5), ("专题一", 2, "32", 5), ("案例研究", 3, "31", 5),
    ("专题二", 2, "32", 6),
    ("前沿", 2, "32", 6), ("课程设计", 3, "41", 6), ("实习", 4, "41", 7),
    ("文献研读", 2, "32", 7), ("毕业设计(论文)", 10, "41", 8),
)  # fmt: skip
_GRADED = ("实习", "综合训练", "课程设计")
_WORDS = ((90, "优"), (80, "良"), (70, "中"), (60, "及格"), (0, "不及格"))


@dataclass(frozen=True, slots=True)
class Course:
    """A course of the catalogue; `term` is the term of study in which the plan has it."""

    code: str
    name: str
    credits: int
    kind: str
    term: int
    unit: str
    is_worded: bool


def courses() -> Iterator[Course]:
    """Yield all courses: common ones first, then major by major."""
    yield from _common()
    for major in MAJORS:
        yield from _own(major)


def _common() -> Iterator[Course]:
    for number, (name, credits, kind, term) in enumerate(_COMMON, start=1):
        unit = "112" if name.startswith("大学英语") else "104" if kind == "21" else "101"
        yield Course(f"G{number:04d}", name, credits, kind, term, unit, False)


def _own(major: Major) -> Iterator[Course]:
    place = MAJORS.index(major) + 1
    for number, (ending, credits, kind, term) in enumerate(_OWN, start=1):
        name = ending if ending.startswith("毕业") else f"{major.name}{ending}"
        last = major.years * 2
        yield Course(
            f"Z{place:02d}{number:03d}", name, credits, kind, min(term, last), major.unit, ending in _GRADED
        )


@cache
def plan(major: Major) -> dict[int, tuple[Course, ...]]:
    """Return term of study → its courses. Longer programmes practise where others write their thesis."""
    found: dict[int, list[Course]] = {}
    for course in (*_common(), *_own(major)):
        term = major.years * 2 if course.credits == 10 else course.term
        if term <= major.years * 2:
            found.setdefault(term, []).append(course)
    return {term: tuple(taught) for term, taught in found.items()}


def class_no(student: Undergraduate, course: Course, term: str) -> str:
    """Return the course class: common courses are taught by school, others by pairs of classes."""
    group = student.unit if course.code[0] == "G" else f"{(int(student.class_name[-2:]) + 1) // 2:02d}"
    return f"({term})-{course.code}-{str(student.year)[2:]}{group}"


def course_classes(
    students: Iterable[Undergraduate], teachers: dict[str, list[str]], rooms: list[str]
) -> Iterator[Row]:
    """Yield the course classes of this term and the two before, those with students only."""
    seen: set[str] = set()
    for student in students:
        terms = terms_since(student.year)
        for place, term in list(enumerate(terms, start=1))[-3:]:
            for course in plan(student.major).get(place, ()):
                number = class_no(student, course, term)
                if number in seen:
                    continue
                seen.add(number)
                staff = teachers[course.unit]
                draw = len(seen)
                opened = term_ends(term) - timedelta(days=150)
                yield (
                    number, term, course.code, staff[draw % len(staff)], student.site, rooms[draw % len(rooms)],
                    60 if course.code[0] == "Z" else 240, f"{opened} 09:00:00",
                )  # fmt: skip


def enrolments(students: Iterable[Undergraduate]) -> Iterator[Row]:
    """Yield what everybody takes this term."""
    for at, student in enumerate(students):
        place = len(terms_since(student.year))
        taken_at = f"2026-08-{20 + at % 9} {8 + at % 12:02d}:{at % 60:02d}:{at * 7 % 60:02d}"
        for course in plan(student.major).get(place, ()):
            yield student.student_no, class_no(student, course, THIS_TERM), THIS_TERM, course.code, taken_at


def grade_lines(students: Iterable[Undergraduate], seed: int) -> Iterator[str]:
    """Yield all grades of the terms before this one, as lines of COPY's text format.

    About one in thirty fails and has a second row for the make-up examination; who graduated passed in the end.
    """
    for student in students:
        random = Random(f"{seed}:grades:{student.student_no}")
        roll = random.random
        talent = 62 + roll() * 24
        number = student.student_no
        last = student.left_on or FIRST_DAY
        for place, term in enumerate(terms_since(student.year), start=1):
            ended = term_ends(term)
            if term == THIS_TERM or ended > last + timedelta(days=20):
                break
            taught = plan(student.major).get(place, ())
            for at, course in enumerate(taught):
                score = int((talent + (roll() + roll() - 1) * 28) * 2) / 2
                score = min(99.5, max(20.0, score))
                day = ended - timedelta(days=at + int(roll() * 4))
                stamp = f"{day} {8 + int(roll() * 10):02d}:{int(roll() * 60):02d}:{int(roll() * 60):02d}"
                head = f"{number}\t{term}\t{course.code}\t"
                tail = (
                    f"\t{course.name}\t{course.credits}\t{course.kind}\t{class_no(student, course, term)}\t"
                )
                yield f"{head}0{tail}{_result(score, course.is_worded)}\t{stamp}\n"
                if score < 60:
                    again = 60.0 if roll() < 0.85 or student.leave in ("41", "44") else score
                    made_up = ended + timedelta(days=45)
                    yield f"{head}1{tail}{_result(again, course.is_worded)}\t{made_up} 10:30:00\n"


def _result(score: float, is_worded: bool) -> str:
    """Score, grade in words (where the course is graded so), grade point, as COPY columns."""
    point = 0 if score < 60 else min(5.0, (score - 50) / 10)
    if is_worded:
        word = next(word for least, word in _WORDS if score >= least)
        return f"{score:.1f}\t{word}\t{point:.2f}"
    return f"{score:.1f}\t\\N\t{point:.2f}"


def new_grade(random: Random, course: Course, is_missed: bool) -> tuple[str, str | None, str]:
    """Return score, grade in words (or None) and grade point of a grade entered today."""
    score = 0.0 if is_missed else min(99.5, max(30.0, int(random.gauss(78, 10) * 2) / 2))
    number, word, point = _result(score, course.is_worded).split("\t")
    return number, None if word == "\\N" else word, point


def stamp(moment: datetime) -> str:
    """Write a local time as the vendor does."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")
