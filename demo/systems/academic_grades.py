"""Grades of undergraduates: some courses in each term that is over, failed ones made up half a year later."""

from collections.abc import Iterator
from datetime import datetime, time
from typing import TYPE_CHECKING

from demo.roll import dice
from demo.tables import Row, Table
from demo.target import CAMPUS_ZONE, FIRST_DAY
from demo.world_campus import term_ends, terms_since

if TYPE_CHECKING:
    from demo.world import World
    from demo.world_students import Undergraduate

GRADES = Table(
    "XSCJB",
    "学生成绩表",
    (
        ("XH", "varchar(20)", "学号"),
        ("XNXQ", "varchar(11)", "学年学期"),
        ("KCH", "varchar(20)", "课程号"),
        ("CJLXM", "varchar(1)", "成绩类型码: 1 正常考试, 2 补考"),
        ("KCMC", "varchar(60)", "课程名称"),
        ("XF", "decimal(4,1)", "学分"),
        ("KCXZM", "varchar(1)", "课程性质码"),
        ("CJ", "decimal(5,1)", "百分制成绩"),
        ("JD", "decimal(3,2)", "绩点"),
        ("GXSJ", "instant", "更新时间"),
    ),
    ("XH", "XNXQ", "KCH", "CJLXM"),
    ("GXSJ",),
)
_COMMON = (
    ("高等数学", "5.0", "1"), ("大学英语", "3.0", "1"), ("大学物理", "4.0", "1"), ("思想道德与法治", "3.0", "1"),
    ("程序设计基础", "3.0", "3"), ("线性代数", "3.0", "3"), ("体育", "1.0", "1"), ("中国近现代史纲要", "3.0", "1"),
)  # fmt: skip
_OWN = (("导论", "2.0", "3"), ("原理", "3.5", "4"), ("方法", "3.0", "4"), ("实验", "1.5", "6"), ("专题", "2.0", "5"))
_PER_TERM = 6
_PASS = 60.0


def grades(world: "World") -> Iterator[Row]:
    """Yield the grades of everybody, graduates of this year too, student after student."""
    for student in world.undergraduates:
        yield from _of(student, world.seed)
    world.fault("academic.grades", f"{world.undergraduates[0].student_no}/2020-2021-1", "more than a hundred points")
    yield (
        world.undergraduates[0].student_no, "2020-2021-1", "C0000", "1", "高等数学", "5.0", "1", "101.0", "5.10",
        _written("2020-2021-1"),
    )  # fmt: skip


def _of(student: "Undergraduate", seed: int) -> Iterator[Row]:
    random = dice(seed, "grades", student.student_no)
    last_day = min(student.left_on or FIRST_DAY, FIRST_DAY)
    strength = random.gauss(79, 7)
    courses = [*_COMMON, *((f"{student.major.name}{word}", credit, kind) for word, credit, kind in _OWN)]
    for place, term in enumerate(terms_since(student.year)):
        if term_ends(term) > last_day:
            return
        for number in range(_PER_TERM):
            at = place * _PER_TERM + number
            name, credit, kind = courses[at % len(courses)]
            name = f"{name}{'' if at < len(courses) else at // len(courses) + 1}"
            course = f"{student.unit if at % len(courses) >= len(_COMMON) else '000'}{student.major.code[:4]}{at:03d}"
            points = round(min(100.0, max(20.0, random.gauss(strength, 8))), 0)
            yield _row(student, term, course, "1", name, credit, kind, points)
            if points < _PASS:
                yield _row(student, term, course, "2", name, credit, kind, float(random.randint(50, 75)))


def _row(
    student: "Undergraduate", term: str, course: str, sort: str, name: str, credit: str, kind: str, points: float
) -> Row:
    point = max(0.0, (points - 50) / 10) if points >= _PASS else 0.0
    return (
        student.student_no, term, course, sort, name, credit, kind, f"{points:.1f}", f"{point:.2f}", _written(term),
    )  # fmt: skip


def _written(term: str) -> datetime:
    return datetime.combine(term_ends(term), time(18, 0), CAMPUS_ZONE)
