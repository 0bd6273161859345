"""The graduate school's system: English names, its own codes, a schema of its own beside academic affairs."""

from typing import TYPE_CHECKING

from demo.systems.academic import DATABASE
from demo.tables import PostgresStore, Row, Table
from demo.target import FIRST_DAY, Target

if TYPE_CHECKING:
    from demo.world import World
    from demo.world_students import Graduate

SCHEMA = "yjs"
STUDENTS = Table(
    "student",
    "研究生",
    (
        ("stu_no", "varchar(20)", "学号"),
        ("full_name", "varchar(100)", "姓名"),
        ("former_name", "varchar(100)", "曾用名"),
        ("gender", "varchar(1)", "M 男, F 女"),
        ("birthday", "date", "出生日期"),
        ("cert_type", "varchar(3)", "ID 身份证, PP 护照, HMP/TWP 通行证, HMR/TWR 居住证, FPR 永久居留"),
        ("cert_no", "varchar(30)", "证件号"),
        ("cert_country", "varchar(3)", "签发国"),
        ("mobile", "varchar(20)", "手机"),
        ("email", "varchar(60)", "邮箱"),
        ("category", "varchar(5)", "ACA_M, PRO_M, ACA_D, PRO_D, INTL"),
        ("status", "varchar(10)", "ACTIVE, SUSPENDED, WITHDRAWN, GRADUATED, COMPLETED, INCOMPLETE"),
        ("degree_level", "varchar(1)", "M 硕士, D 博士"),
        ("enroll_date", "date", "入学日期"),
        ("expected_grad_date", "date", "预计毕业日期"),
        ("college_code", "varchar(12)", "院系"),
        ("major_code", "varchar(12)", "学科代码"),
        ("major_name", "varchar(60)", "学科名称"),
        ("supervisor_no", "varchar(20)", "导师工号"),
    ),
    ("stu_no",),
)
_GENDERS = {"1": "M", "2": "F"}
_CERTIFICATES = {"1": "ID", "A": "PP", "6": "HMP", "8": "TWP", "9": "FPR", "C": "HMR", "D": "TWR"}
_CATEGORIES = {"21": "ACA_M", "22": "PRO_M", "31": "ACA_D", "32": "PRO_D", "42": "INTL"}
# Who studies longer than planned is active in this system.
_STATES = {"01": "ACTIVE", "14": "ACTIVE", "02": "SUSPENDED"}
_ENDINGS = ("withdraw", "graduate")
_STATE_AFTER = {"suspend": "SUSPENDED", "resume": "ACTIVE", "prolong": "ACTIVE"}


def build(world: "World", target: Target) -> dict[str, int]:
    """Create and fill the schema; returns rows per table."""
    connection = target.new_database("graduate", DATABASE)
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    store = PostgresStore(connection, SCHEMA)
    try:
        store.create(STUDENTS)
        enrolled = [student for student in world.graduates if student.present(FIRST_DAY)]
        count = store.load(STUDENTS, (_student(student) for student in enrolled))
        target.grant_reader(connection, SCHEMA)
        return {STUDENTS.name: count}
    finally:
        store.close()


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Let one day pass: telephones, leaves and returns; who ends leaves the table. Returns rows per table."""
    store = PostgresStore(target.database(DATABASE), SCHEMA)
    try:
        count = 0
        for change in world.changes(day):
            if change.role != "graduate":
                continue
            if change.kind in _ENDINGS:
                count += store.change("DELETE FROM student WHERE stu_no = ?", (change.number,))
                continue
            column, value = (
                ("mobile", change.value) if change.kind == "phone" else ("status", _STATE_AFTER[change.kind])
            )
            count += store.change(f"UPDATE student SET {column} = ? WHERE stu_no = ?", (value, change.number))
        return {STUDENTS.name: count}
    finally:
        store.close()


def _student(student: "Graduate") -> Row:
    person, document = student.person, student.person.document
    return (
        student.student_no,
        person.name,
        person.former_name or None,
        _GENDERS[person.sex],
        person.born_on,
        _CERTIFICATES[document.kind],
        document.number,
        document.country,
        person.phone or None,
        person.email or None,
        _CATEGORIES[student.category],
        _STATES[student.status],
        "D" if student.level == "1" else "M",
        student.entered_on,
        student.expected_on,
        student.unit,
        student.discipline.code,
        student.discipline.name,
        student.supervisor_no,
    )
