"""Personnel's files: who holds which post since when, and what the yearly appraisals came to.

One line is one person in one post: some have two, and re-employed people hold another after the one they retired from.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING

from demo.drops import day_text, steady
from demo.roll import dice
from demo.target import FIRST_DAY

if TYPE_CHECKING:
    from demo.systems.hr_morning import Morning
    from demo.world import World
    from demo.world_staff import Staff

Line = tuple[str, ...]
POST_HEADINGS = (
    "聘任编号", "工号", "姓名", "单位", "岗位类别", "岗位名称", "岗位等级", "行政职务", "职务级别", "是否主岗",
    "起始日期", "截止日期", "备注", "涉密人员标志",
)  # fmt: skip
APPRAISAL_HEADINGS = ("工号", "姓名", "单位", "考核年度", "考核结果", "备注", "涉密人员标志")
_FIRST_YEAR, _LAST_YEAR = 2021, FIRST_DAY.year - 1
_KINDS = {"20": "管理岗位", "40": "工勤技能岗位", "80": "特设岗位"}
_PROFESSIONAL = "专业技术岗位"
_POSTS = {
    "10": "教学科研岗", "20": "综合管理岗", "30": "实验技术岗", "40": "后勤服务岗", "50": "专职科研岗",
    "70": "辅导员岗", "80": "博士后研究岗",
}  # fmt: skip
_RANKS = {"3": "县处级正职", "4": "县处级副职", "5": "乡科级正职", "6": "乡科级副职"}
_MANAGERS = {"3": "五级职员", "4": "六级职员", "5": "七级职员", "6": "八级职员", "": "九级职员"}
_PROFESSIONALS = {"1": "专业技术四级", "2": "专业技术七级", "3": "专业技术十级", "4": "专业技术十二级"}
_FURTHER = (("院长", "3", 1), ("副院长", "4", 4), ("系主任", "", 9), ("系副主任", "", 6))
_RESULTS = ("优秀", "合格", "基本合格", "不合格")


def tell_faults(world: "World") -> None:
    """Tell the lines of these files that break their contracts."""
    for number, what in enumerate(
        ("a kind of post there is no code for", "ends before it begins", "begins in 1900"), 1
    ):
        world.fault("hr.appointments", f"GW-CS{number}", what)
    for (member, year), what in zip(
        _wrongly_appraised(world), ("a result there is no code for", "no result"), strict=True
    ):
        world.fault("hr.appraisals", f"{member.staff_no}|{year}", what)


def posts(now: "Morning") -> Iterator[Line]:
    """Yield the lines of 岗位聘任.csv."""
    for member in now.members.values():
        yield from _of_one(now, member)
    picked = steady(now.world, now.world.staff, 3)
    wrong = (("其他岗位", date(2023, 9, 1), None), (_PROFESSIONAL, date(2023, 9, 1), date(2013, 8, 31)),
             (_PROFESSIONAL, date(1900, 1, 1), None))  # fmt: skip
    for number, (member, (kind, starts_on, ends_on)) in enumerate(zip(picked, wrong, strict=True), start=1):
        yield _line(member, f"GW-CS{number}", kind, _POSTS["10"], "", ("", ""), False, starts_on, ends_on, "")


def _of_one(now: "Morning", member: "Staff") -> Iterator[Line]:
    number, kind = f"GW{member.staff_no}", _KINDS.get(member.category, _PROFESSIONAL)
    has_ended = member.status in ("02", "03", "05")
    until = member.left_on if has_ended else None
    remark = "在职攻读博士学位" if member.student_no and not has_ended else ""
    office = (member.office, _RANKS.get(member.office_rank, ""))
    post = (kind, _POSTS[member.category], _grade(member))
    yield _line(member, f"{number}01", *post, office, not has_ended, member.joined_on, until, remark)
    if member.status == "05" and until is not None:
        since = until + timedelta(days=1)
        yield _line(member, f"{number}02", "特设岗位", "返聘岗", "", ("", ""), True, since, None, "退休返聘")
    random = dice(now.world.seed, "hr", "posts", member.staff_no)
    if member.title in ("011", "012") and member.category == "10" and random.random() < 0.06:
        yield _further(member, f"{number}03", random, _since(member, random), until)
    for place, on in enumerate(now.named.get(member.staff_no, ()), start=4):
        yield _further(member, f"{number}{place:02d}", random, on, until)


def _since(member: "Staff", random: Random) -> date:
    earliest = max(member.joined_on, date(2018, 9, 1))
    latest = min(member.left_on or FIRST_DAY, FIRST_DAY) - timedelta(days=1)
    return earliest + timedelta(days=random.randrange(max(1, (latest - earliest).days)))


def _further(member: "Staff", number: str, random: Random, since: date, until: date | None) -> Line:
    name, rank, _ = random.choices(_FURTHER, [weight for *_, weight in _FURTHER])[0]
    until = None if until is None else max(until, since)
    office = (name, _RANKS.get(rank, ""))
    return _line(member, number, "管理岗位", f"{name}岗", "", office, False, since, until, "双肩挑")


def _line(
    member: "Staff", number: str, kind: str, post: str, grade: str, office: tuple[str, str], is_main: bool,
    starts_on: date, ends_on: date | None, remark: str,
) -> Line:  # fmt: skip
    return (
        number, member.staff_no, member.name, member.unit, kind, post, grade, *office, "是" if is_main else "否",
        day_text(starts_on), day_text(ends_on), remark, "1" if member.is_secret else "0",
    )  # fmt: skip


def _grade(member: "Staff") -> str:
    if member.category == "20":
        return _MANAGERS[member.office_rank]
    if member.category == "40":
        return "技术工三级"
    return _PROFESSIONALS[member.title[-1]] if member.title else ""


def appraisals(now: "Morning") -> Iterator[Line]:
    """Yield the lines of 年度考核.csv: the last five years of everybody listed, as long as they served."""
    for member in now.members.values():
        if member.establishment in ("4", "5"):
            continue
        random = dice(now.world.seed, "hr", "appraisals", member.staff_no)
        last = member.left_on.year - 1 if member.left_on and member.left_on < FIRST_DAY else _LAST_YEAR
        for year in range(max(member.joined_on.year, _FIRST_YEAR), last + 1):
            is_new = member.joined_on > date(year, 6, 30)
            result = "不定等次" if is_new else random.choices(_RESULTS, (160, 820, 15, 5))[0]
            yield _appraisal(member, str(year), result, "到岗不足半年" if is_new else "")
    for (member, wrong_year), result in zip(_wrongly_appraised(now.world), ("良好", ""), strict=True):
        yield _appraisal(member, wrong_year, result, "")


def _wrongly_appraised(world: "World") -> list[tuple["Staff", str]]:
    return [(member, str(_FIRST_YEAR - 1)) for member in steady(world, world.staff, 2)]


def _appraisal(member: "Staff", year: str, result: str, remark: str) -> Line:
    mark = "1" if member.is_secret else "0"
    return member.staff_no, member.name, member.unit, year, result, remark, mark
