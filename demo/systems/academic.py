"""Academic affairs: undergraduates and their grades, columns in pinyin initials, in a database of its own."""

from datetime import date, datetime, time
from typing import TYPE_CHECKING

from demo.systems.academic_grades import GRADES, grades
from demo.tables import PostgresStore, Row, Table
from demo.target import CAMPUS_ZONE, FIRST_DAY, Target, campus_day

if TYPE_CHECKING:
    from demo.world import World
    from demo.world_students import Undergraduate

DATABASE = "jwxt"
STUDENTS = Table(
    "XSJBXX",
    "学生基本信息",
    (
        ("XH", "varchar(20)", "学号"),
        ("XM", "varchar(100)", "姓名"),
        ("CYM", "varchar(100)", "曾用名"),
        ("XBM", "varchar(1)", "性别码"),
        ("CSRQ", "date", "出生日期"),
        ("SFZJLXM", "varchar(2)", "身份证件类型码"),
        ("SFZJH", "varchar(30)", "身份证件号"),
        ("SFZJQFG", "varchar(3)", "身份证件签发国"),
        ("SJHM", "varchar(20)", "手机号码"),
        ("DZYX", "varchar(60)", "电子邮箱"),
        ("XSLBM", "varchar(2)", "学生类别码"),
        ("XJZTM", "varchar(2)", "学籍状态码"),
        ("PYCCM", "varchar(1)", "培养层次码"),
        ("RXRQ", "date", "入学日期"),
        ("YJBYRQ", "date", "预计毕业日期"),
        ("YXDM", "varchar(12)", "院系代码"),
        ("ZYDM", "varchar(12)", "专业代码"),
        ("ZYMC", "varchar(60)", "专业名称"),
        ("NJ", "varchar(4)", "年级"),
        ("BJMC", "varchar(60)", "班级名称"),
        ("GXSJ", "instant", "更新时间"),
    ),
    ("XH",),
    ("GXSJ",),
)
_TABLES = (STUDENTS, GRADES)
_ENDINGS = ("withdraw", "graduate")
# What happens → code of student_status.
_STATES = {"suspend": "02", "resume": "01", "prolong": "14"}


def build(world: "World", target: Target) -> dict[str, int]:
    """Create and fill the database; returns rows per table."""
    store = PostgresStore(target.new_database("academic", DATABASE))
    try:
        for table in _TABLES:
            store.create(table)
        enrolled = [student for student in world.undergraduates if student.present(FIRST_DAY)]
        counts = {
            STUDENTS.name: store.load(STUDENTS, (_student(student) for student in enrolled)),
            GRADES.name: store.load(GRADES, grades(world)),
        }
        target.grant_reader(store.connection, "public")
        return counts
    finally:
        store.close()


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Let one day pass: telephones, leaves and returns; who ends leaves the table. Returns rows per table."""
    store = PostgresStore(target.database(DATABASE))
    try:
        count = 0
        for change in world.changes(day):
            if change.role != "undergraduate":
                continue
            if change.kind in _ENDINGS:
                count += store.change('DELETE FROM "XSJBXX" WHERE "XH" = ?', (change.number,))
                continue
            column, value = (
                ("SJHM", change.value) if change.kind == "phone" else ("XJZTM", _STATES[change.kind])
            )
            count += store.change(
                f'UPDATE "XSJBXX" SET "{column}" = ?, "GXSJ" = ? WHERE "XH" = ?',
                (value, _night(campus_day(day)), change.number),
            )
        return {STUDENTS.name: count}
    finally:
        store.close()


def _student(student: "Undergraduate") -> Row:
    person, document = student.person, student.person.document
    return (
        student.student_no,
        person.name,
        person.former_name or None,
        person.sex,
        person.born_on,
        document.kind,
        document.number,
        document.country,
        person.phone or None,
        person.email or None,
        student.category,
        student.status,
        student.major.level,
        student.entered_on,
        student.expected_on,
        student.unit,
        student.major.code,
        student.major.name,
        str(student.year),
        student.class_name,
        _night(student.entered_on),
    )


def _night(day: date) -> datetime:
    return datetime.combine(day, time(0, 30), CAMPUS_ZONE)
