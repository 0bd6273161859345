"""The personnel workbook: staff, units, professional titles, each sheet as people made it for reading.

Units and titles have merged headings above their column names; dates are cells, texts with points, or what a form
leaves when nobody fills it in: 1900-01-01.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from openpyxl import Workbook

from demo import ids
from demo.drops import save_workbook, steady
from demo.roll import dice
from demo.target import FIRST_DAY
from demo.world_campus import OFFICES, SCHOOLS
from demo.world_words import ETHNIC_GROUPS, POLITICS

if TYPE_CHECKING:
    from demo.systems.hr_morning import Morning
    from demo.world import World
    from demo.world_staff import Staff

Cells = tuple[object, ...]
STAFF_SHEET, UNIT_SHEET, TITLE_SHEET = "在册", "单位", "专业技术职务"
STAFF_HEADINGS = (
    "工号", "姓名", "姓名拼音", "曾用名", "性别", "出生日期", "民族", "国籍", "港澳台侨外", "政治面貌", "婚姻状况",
    "证件类型", "证件号码", "签发国", "证件有效期", "手机", "邮箱", "教职工类别", "编制类别", "人员状态",
    "参加工作日期", "来校日期", "进站日期", "合同起始", "合同截止", "退休日期", "单位", "最高学历", "最高学位",
    "毕业院校", "教师资格证号", "涉密人员标志",
)  # fmt: skip
UNIT_HEADINGS = ("分类", "单位代码", "单位名称", "单位类别", "上级单位", "负责人岗位")
TITLE_HEADINGS = (
    "工号", "姓名", "单位", "资格证书编号", "资格名称", "资格级别", "取得日期", "聘任日期", "批准文号", "涉密人员标志",
)  # fmt: skip
TITLES = {
    "011": "教授", "012": "副教授", "013": "讲师", "014": "助教", "071": "研究员", "072": "副研究员",
    "073": "助理研究员", "074": "研究实习员", "081": "正高级工程师", "082": "高级工程师", "083": "工程师",
    "084": "助理工程师",
}  # fmt: skip
_LEVELS = {"1": "正高级", "2": "副高级", "3": "中级", "4": "初级"}
_SEXES = {"1": "男", "2": "女"}
_DOCUMENTS = {
    "1": "居民身份证", "6": "港澳居民来往内地通行证", "8": "台湾居民来往大陆通行证", "9": "外国人永久居留身份证",
    "A": "护照", "C": "港澳居民居住证", "D": "台湾居民居住证",
}  # fmt: skip
_COMPATRIOTS = {"00": "非港澳台侨外", "01": "香港同胞", "03": "澳门同胞", "05": "台湾同胞", "51": "外国人"}
_ESTABLISHMENTS = {
    "1": "事业编制", "2": "人事代理", "3": "校聘合同", "4": "劳务派遣", "5": "博士后", "6": "返聘",
}  # fmt: skip
_STATES = {
    "01": "在职", "02": "退休", "03": "离休", "05": "返聘", "06": "调出", "07": "辞职", "08": "离职", "11": "出国(境)",
}  # fmt: skip
_CATEGORIES = {
    "10": "专任教师", "20": "行政人员", "30": "教辅人员", "40": "工勤人员", "50": "专职科研人员",
    "70": "专职辅导员", "80": "博士后",
}  # fmt: skip
_EDUCATION = {"11": "博士研究生毕业", "14": "硕士研究生毕业", "21": "大学本科毕业"}
_DEGREE_FIELDS = {"05": "文学", "07": "理学", "08": "工学", "12": "管理学"}
_DEGREE_LEVELS = {"2": "博士", "3": "硕士", "4": "学士"}
_SUPPORT, _ATTACHED = ("TS", "DA"), ("XX", "HQ", "XYY", "JXJY", "XYH", "DT")
_HEADS = {
    "XYY": "院长",
    "JXJY": "院长",
    "XB": "主任",
    "JGDW": "书记",
    "ZZ": "部长",
    "XC": "部长",
    "TW": "书记",
}
_NEVER = date(1900, 1, 1)
_DOCUMENT_NO = "校人〔{year}〕{number}号"


def tell_faults(world: "World") -> None:
    """Tell the rows of this workbook that break their contracts."""
    world.fault("hr.staff", "CS0001", "a trial entry whose identity number has a wrong check digit")
    world.fault("hr.staff", "CS0002", "a trial entry in a state that there is no code for")
    world.fault("hr.staff", "CS0003", "retired on 1900-01-01: the form's own value for nothing")
    world.fault("hr.units", "X99", "a unit of a kind that does not exist")
    for number, what in enumerate(("a title the country does not award", "awarded on 1900-01-01"), start=1):
        world.fault("hr.titles", f"ZC-CS{number}", what)


def write(path: Path, now: "Morning") -> dict[str, int]:
    """Write the workbook of a morning over the earlier one; returns rows per sheet."""
    book = Workbook(write_only=True)
    counts = {
        STAFF_SHEET: _fill(book, STAFF_SHEET, (STAFF_HEADINGS,), _staff_rows(now)),
        UNIT_SHEET: _units(book, now),
        TITLE_SHEET: _titles(book, now),
    }
    save_workbook(book, path)
    return counts


def _fill(
    book: Workbook, name: str, above: tuple[Cells, ...], rows: Iterator[Cells], merged: tuple[str, ...] = ()
) -> int:
    sheet = book.create_sheet(name)
    for cells in above:
        sheet.append(cells)
    count = 0
    for cells in rows:
        sheet.append(cells)
        count += 1
    for place in merged:
        sheet.merged_cells.add(place)
    return count


def _units(book: Workbook, now: "Morning") -> int:
    rows = list(_unit_rows())
    merged, first, top = ["A1:F1"], 0, 3
    for place in range(1, len(rows) + 1):
        if place == len(rows) or rows[place][0]:
            merged.append(f"A{top + first}:A{top + place - 1}")
            first = place
    title = (f"校内单位一览表({FIRST_DAY.year}年)",)
    return _fill(book, UNIT_SHEET, (title, UNIT_HEADINGS), iter(rows), tuple(merged))


def _unit_rows() -> Iterator[Cells]:
    """Yield the units by class; the class stands in the first row of its merged cells only."""
    classes: dict[str, list[tuple[str, str, str, str]]] = {
        "党政管理机构": [],
        "教辅及直属单位": [],
        "学院": [],
    }
    for code, name in OFFICES.items():
        kind = "教辅" if code in _SUPPORT else "直属" if code in _ATTACHED else "机关"
        head = "馆长" if kind == "教辅" else _HEADS.get(code, "主任" if kind == "直属" else "处长")
        classes["党政管理机构" if kind == "机关" else "教辅及直属单位"].append((code, name, kind, head))
    classes["学院"] = [(code, name, "学院", "院长") for code, name in SCHOOLS.items()]
    for title, units in classes.items():
        for place, (code, name, kind, head) in enumerate(units):
            parent = "XB" if code == "DT" else "YXDX"
            yield None if place else title, code, name, kind, parent, head
    yield "其他", "X99", "临时机构", "虚体单位", "YXDX", None


def _titles(book: Workbook, now: "Morning") -> int:
    title = ("教职工专业技术职务评聘一览表",)
    groups = ("人员信息", None, None, "评聘信息")
    merged = ("A1:J1", "A2:C2", "D2:I2")
    return _fill(book, TITLE_SHEET, (title, groups, TITLE_HEADINGS), _title_rows(now), merged)


def _title_rows(now: "Morning") -> Iterator[Cells]:
    world = now.world
    for member in now.members.values():
        before = _history(world, world.staff_by_no[member.staff_no])
        for title, on in [*before, *now.promoted.get(member.staff_no, ())]:
            yield _title_row(member, f"ZC{member.staff_no}{title}", TITLES[title], title[-1], on)
    for number, member in enumerate(steady(world, world.staff, 2), start=1):
        word, on = ("特聘教授", date(2024, 7, 1)) if number == 1 else ("教授", _NEVER)
        yield _title_row(member, f"ZC-CS{number}", word, "1", on)


def _title_row(member: "Staff", certificate: str, word: str, level: str, on: date) -> Cells:
    return (
        member.staff_no, member.name, member.unit, certificate, word, _LEVELS[level], on,
        date(on.year, 9, 1) if on.month < 9 else on, _DOCUMENT_NO.format(year=on.year, number=on.month * 3 + 12),
        _mark(member),
    )  # fmt: skip


def _history(world: "World", member: "Staff") -> list[tuple[str, date]]:
    """Return the titles a person held on the first day with the days they were awarded, oldest first."""
    if not member.title or member.titled_on is None:
        return []
    held, on = [(member.title, member.titled_on)], member.titled_on
    random = dice(world.seed, "hr", "titles", member.staff_no)
    for place in range(int(member.title[-1]) + 1, 5):
        on = date(on.year - random.randint(5, 8), 7, 1)
        if on.year <= member.person.born_on.year + 23:
            break
        held.append((f"{member.title[:2]}{place}", on))
    return held[::-1]


def _staff_rows(now: "Morning") -> Iterator[Cells]:
    seed = now.world.seed
    for member in now.members.values():
        yield _staff_row(member, seed)
    pattern = dict(
        zip(STAFF_HEADINGS, _staff_row(steady(now.world, now.world.staff, 1)[0], seed), strict=True)
    )
    born = date(1990, 1, 1)
    wrong: tuple[dict[str, object], ...] = (
        {"证件号码": ids.spoiled(ids.resident_id("330106", born, 491, "1"))},
        {"人员状态": "试用"},
        {"退休日期": _NEVER},
    )
    for number, told in enumerate(wrong, start=1):
        trial = {
            "工号": f"CS000{number}", "姓名": "测试", "姓名拼音": "ce shi", "性别": "男", "手机": None, "邮箱": None,
            "出生日期": born.isoformat(), "证件类型": "居民身份证",
            "证件号码": ids.resident_id("330106", born, 491 + number, "1"),
        }  # fmt: skip
        yield tuple((pattern | trial | told).values())


def _staff_row(member: "Staff", seed: int) -> Cells:
    person, document = member.person, member.person.document
    is_postdoc = member.establishment == "5"
    has_retired = member.status in ("02", "03", "05")
    return (
        member.staff_no,
        person.name,
        person.pinyin or None,
        person.former_name or None,
        _SEXES[person.sex],
        person.born_on.isoformat(),
        ETHNIC_GROUPS.get(person.ethnic),
        person.nationality,
        _COMPATRIOTS[person.compatriot],
        POLITICS[person.politics],
        "已婚" if person.married else "未婚",
        _DOCUMENTS[document.kind],
        document.number,
        document.country,
        document.valid_until,
        person.phone or None,
        person.email or None,
        _CATEGORIES[member.category],
        _ESTABLISHMENTS[member.establishment],
        _STATES[member.status],
        f"{member.first_job_on:%Y.%m.%d}",
        member.joined_on.isoformat(),
        member.joined_on if is_postdoc else None,
        member.joined_on if member.contract_until else None,
        member.contract_until,
        member.left_on if has_retired else None,
        member.unit,
        _EDUCATION[member.education],
        f"{_DEGREE_FIELDS[member.degree[1:]]}{_DEGREE_LEVELS[member.degree[0]]}",
        member.alma_mater,
        _qualification(member, seed),
        _mark(member),
    )


def _qualification(member: "Staff", seed: int) -> str | None:
    """Return a teacher's qualification number: year, region, kind of school, sex, running number (17 digits)."""
    if (
        member.category not in ("10", "70")
        or member.joined_on.year >= 2026
        or member.person.compatriot != "00"
    ):
        return None
    random = dice(seed, "hr", "qualification", member.staff_no)
    year = max(1996, member.joined_on.year + 1)
    return f"{year}33{random.randint(1, 11):03d}7{int(member.person.sex) - 1}{random.randrange(10**6):06d}"


def _mark(member: "Staff") -> str:
    return "1" if member.is_secret else "0"
