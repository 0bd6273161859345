"""What student affairs knows of each student: awards, hardship, loans, discipline, conduct, reimbursers, assessment.

Each student has dice of their own for each kind of row, so that no draw moves another's.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING

from demo.roll import dice
from demo.systems import student_affairs_tables as t
from demo.tables import Row, yuan
from demo.target import FIRST_DAY
from demo.world_students import Graduate, Undergraduate

if TYPE_CHECKING:
    from demo.world import World

THIS_YEAR = 2026
_AWARDS = (
    # name, level, yuan, weight
    ("国家奖学金", "国家级", 10_000, 1), ("国家励志奖学金", "国家级", 6_000, 5), ("省政府奖学金", "省级", 6_000, 3),
    ("校级一等奖学金", "校级", 3_000, 8), ("校级二等奖学金", "校级", 1_500, 14), ("三好学生", "校级", 0, 12),
    ("优秀学生干部", "校级", 0, 8), ("学院文体活动先进个人", "院级", 0, 9),
)  # fmt: skip
_GRADUATE_AWARDS = (
    ("研究生国家奖学金", "国家级", 30_000, 2), ("研究生学业奖学金一等奖", "校级", 12_000, 10),
    ("研究生学业奖学金二等奖", "校级", 8_000, 20), ("优秀研究生", "校级", 0, 6),
    ("研究生学术论坛优秀论文", "院级", 0, 5),
)  # fmt: skip
_MEASURES = (("警告", 50, 180), ("严重警告", 25, 240), ("记过", 18, 300), ("留校察看", 7, 365))
_IN_FORCE = ("生效", "申诉中")
_AWARDED = (11, 20)
_ASSESSED = (9, 28)

Student = Undergraduate | Graduate


def everybody(world: "World") -> Iterator[tuple[Student, str]]:
    """Yield every student that the office ever knew, with the kind of student."""
    for student in world.undergraduates:
        yield student, t.UNDERGRADUATE
    for student in world.graduates:
        yield student, t.GRADUATE


def _last_day(student: Student) -> date:
    """Return the student's last day before the first campus day, or the day before that."""
    yesterday = FIRST_DAY - timedelta(days=1)
    return min(student.left_on, yesterday) if student.left_on else yesterday


def _school_year(year: int) -> str:
    return f"{year}-{year + 1}"


def awards(world: "World") -> Iterator[Row]:
    number = 0
    for student, kind in everybody(world):
        random = dice(world.seed, "awards", student.student_no)
        for year in range(student.year, THIS_YEAR):
            on = date(year + 1, *_AWARDED)
            if on > _last_day(student) or random.random() > (0.32 if kind == t.UNDERGRADUATE else 0.45):
                continue
            number += 1
            yield award(random, f"JL{number:08d}", student, year, on)


def award(random: Random, number: str, student: Student, year: int, on: date) -> Row:
    is_graduate = isinstance(student, Graduate)
    choices = _GRADUATE_AWARDS if is_graduate else _AWARDS
    name, level, amount, _ = random.choices(choices, [weight for *_, weight in choices])[0]
    return t.AWARDS.row(
        jlbh=number,
        xh=student.student_no,
        xslx=t.GRADUATE if is_graduate else t.UNDERGRADUATE,
        jlmc=name,
        jljb=level,
        jlje=yuan(amount * 100),
        jlxn=_school_year(year),
        bfrq=on.isoformat(),
        bfwh=f"校学〔{on.year}〕{on.month * 5 + on.day}号" if level != "院级" else None,
        sfyx="0" if random.random() < 0.004 else "1",
        gxsj=f"{on} 15:00:00",
    )


def _is_poor(world: "World", student: Student) -> bool:
    """Say whether the student's family is in hardship, as the office found year after year."""
    share = 0.22 if isinstance(student, Undergraduate) else 0.16
    return (
        student.person.compatriot == "00"
        and dice(world.seed, "hardship", student.student_no).random() < share
    )


def hardship(world: "World") -> Iterator[Row]:
    for student, kind in everybody(world):
        if not _is_poor(world, student):
            continue
        random = dice(world.seed, "hardship", "grade", student.student_no)
        grade = random.choices(("特别困难", "困难", "一般困难", "不困难"), (25, 40, 30, 5))[0]
        for year in range(student.year, THIS_YEAR + 1):
            on = date(year, 10, 8 + random.randrange(8))
            if on <= _last_day(student) and random.random() < 0.93:
                yield t.HARDSHIP.row(
                    xh=student.student_no,
                    xn=_school_year(year),
                    xslx=kind,
                    kndj=grade,
                    rdrq=on.isoformat(),
                    sfdq=str(int(year == THIS_YEAR)),
                    gxsj=f"{on} 11:00:00",
                )


def loans(world: "World") -> Iterator[Row]:
    for student, kind in everybody(world):
        random = dice(world.seed, "loans", student.student_no)
        if not _is_poor(world, student) or random.random() > 0.45:
            continue
        signed = date(student.year, 9, 10) + timedelta(days=random.randrange(20))
        amount = random.randrange(8, 17) * 1000 * (student.expected_on.year - student.year)
        left, state = amount, "在贷"
        if student.left_on and student.left_on < FIRST_DAY:
            state = random.choices(("还款中", "已结清", "逾期"), (70, 25, 5))[0]
            left = 0 if state == "已结清" else amount * random.randrange(60, 100) // 100
        yield t.LOANS.row(
            hth=f"ZXDK{student.student_no}",
            xh=student.student_no,
            xslx=kind,
            dklx=random.choice(("校园地", "生源地", "生源地")),
            htje=yuan(amount * 100),
            whje=yuan(left * 100),
            dkzt=state,
            qdrq=signed.isoformat(),
            dqrq=date(student.expected_on.year + 15, 9, 20).isoformat(),
            gxsj=f"{max(signed, _last_day(student) - timedelta(days=30))} 10:00:00",
        )


def _against(world: "World", student: Student, kind: str) -> Row | None:
    """Return the disciplinary measure against a student, None against most."""
    random = dice(world.seed, "discipline", student.student_no)
    first, last = student.entered_on + timedelta(days=60), _last_day(student) - timedelta(days=10)
    if random.random() > 0.025 or last <= first:
        return None
    on = first + timedelta(days=random.randrange((last - first).days))
    name, _, days = random.choices(_MEASURES, [weight for _, weight, _ in _MEASURES])[0]
    lifted_on, draw = on + timedelta(days=days), random.random()
    if (FIRST_DAY - on).days < 30 and draw < 0.5:
        return measure(student, kind, None, None, "调查中", None, on)
    if draw < 0.04:
        return measure(student, kind, name, on, "撤销", None, min(lifted_on, last))
    if lifted_on <= last and draw < 0.9:
        return measure(student, kind, name, on, "已解除", lifted_on, lifted_on)
    return measure(student, kind, name, on, "申诉中" if draw > 0.97 else "生效", None, on)


def measure(
    student: Student,
    kind: str,
    name: str | None,
    on: date | None,
    state: str,
    lifted_on: date | None,
    touched: date,
) -> Row:
    return t.DISCIPLINE.row(
        cfbh=f"CF{student.student_no}",
        xh=student.student_no,
        xslx=kind,
        cflb=name,
        cfrq=on.isoformat() if on else None,
        cfwh=f"校学〔{on.year}〕{on.month * 31 + on.day}号" if on else None,
        cfzt=state,
        jcrq=lifted_on.isoformat() if lifted_on else None,
        gxsj=f"{touched} 16:30:00",
    )


def discipline(world: "World") -> Iterator[Row]:
    for student, kind in everybody(world):
        if row := _against(world, student, kind):
            yield row


def standing(world: "World") -> Iterator[Row]:
    state = t.DISCIPLINE.column_names.index("cfzt")
    touched = t.DISCIPLINE.column_names.index("gxsj")
    for student, kind in everybody(world):
        if not student.present(FIRST_DAY):
            continue
        row = _against(world, student, kind)
        valid = int(row is not None and row[state] in _IN_FORCE)
        since = row[touched] if row else f"{student.entered_on} 08:00:00"
        yield t.STANDING.row(xh=student.student_no, xslx=kind, yxcfs=valid, wcf=str(1 - valid), gxsj=since)


def reimbursers(world: "World") -> Iterator[Row]:
    members = [member.staff_no for member in world.present_staff(FIRST_DAY) if member.is_teacher]
    for student, kind in everybody(world):
        random = dice(world.seed, "reimbursers", student.student_no)
        share = 0.02 if kind == t.UNDERGRADUATE else 0.15
        if not student.present(FIRST_DAY) or student.year == THIS_YEAR or random.random() > share:
            continue
        state = random.choices(("有效", "待培训", "暂停投单", "取消", "到期"), (70, 8, 8, 4, 10))[0]
        trained = date(2025, 9, 12) + timedelta(days=random.randrange(380)) if state != "待培训" else None
        if state == "到期":
            trained = date(2024, 9, 20) + timedelta(days=random.randrange(300))
        yield t.REIMBURSERS.row(
            xh=student.student_no,
            xslx=kind,
            tjrgh=getattr(student, "supervisor_no", "") or random.choice(members),
            bxyzt=state,
            pxhg="1" if trained else "0",
            pxrq=trained.isoformat() if trained else None,
            zgyxq=(trained + timedelta(days=2 * 365 if state != "到期" else 365)).isoformat()
            if trained
            else None,
            tdcs=random.randrange(4, 9) if state == "暂停投单" else random.randrange(4) if trained else 0,
            gxsj=f"{trained or date(2026, 10, 12)} 14:00:00",
        )


def assessments(world: "World") -> Iterator[Row]:
    """Yield the assessment of every class in every school year that ended, best first; equal scores share a rank."""
    classes: dict[tuple[int, str], list[Undergraduate]] = {}
    for student in world.undergraduates:
        classes.setdefault((student.year, student.class_name), []).append(student)
    for (entered, name), members in classes.items():
        for year in range(entered, THIS_YEAR):
            on = date(year + 1, *_ASSESSED)
            scores = {
                student.student_no: _assessed(world.seed, year, student)
                for student in members
                if student.left_on is None or student.left_on > date(year + 1, 6, 1)
            }
            places = {
                score: at for at, score in reversed(list(enumerate(sorted(scores.values())[::-1], start=1)))
            }
            for number, score in scores.items():
                yield t.ASSESSMENTS.row(
                    xh=number,
                    xn=_school_year(year),
                    xslx=t.UNDERGRADUATE,
                    bjmc=name,
                    zhcj=f"{score:.2f}",
                    bjpm=places[score],
                    bjrs=len(scores),
                    gxsj=f"{on} 09:00:00",
                )


def _assessed(seed: int, year: int, student: Undergraduate) -> float:
    return min(99.9, round(dice(seed, "assessment", year, student.student_no).gauss(80, 6), 2))
