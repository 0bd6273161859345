"""Personnel: a workbook dropped every night, with Chinese headings and words instead of codes."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

from openpyxl import Workbook

from demo.target import FIRST_DAY, Target, campus_day

if TYPE_CHECKING:
    from demo.world import World
    from demo.world_staff import Staff

FILE, SHEET = "教职工信息.xlsx", "在册"
HEADINGS = (
    "工号", "姓名", "曾用名", "性别", "出生日期", "证件类型", "证件号码", "签发国", "手机", "邮箱", "编制类别",
    "人员状态", "来校日期", "单位", "涉密人员标志",
)  # fmt: skip
_SEXES = {"1": "男", "2": "女"}
_DOCUMENTS = {
    "1": "居民身份证", "6": "港澳居民来往内地通行证", "8": "台湾居民来往大陆通行证", "9": "外国人永久居留身份证",
    "A": "护照", "C": "港澳居民居住证", "D": "台湾居民居住证",
}  # fmt: skip
_ESTABLISHMENTS = {
    "1": "事业编制", "2": "人事代理", "3": "校聘合同", "4": "劳务派遣", "5": "博士后", "6": "返聘",
}  # fmt: skip
_STATES = {
    "01": "在职", "02": "退休", "03": "离休", "05": "返聘", "06": "调出", "07": "辞职", "08": "离职", "11": "出国(境)",
}  # fmt: skip


def build(world: "World", target: Target) -> dict[str, int]:
    """Write the workbook of the first morning; returns rows per sheet."""
    folder = target.folder("hr")
    target.env.set_system("hr", drop=folder)
    return {SHEET: _write(folder / FILE, world, 0)}


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Write the workbook of another morning over the earlier one; returns rows per sheet."""
    return {SHEET: _write(target.folder("hr") / FILE, world, day)}


def _write(path: Path, world: "World", day: int) -> int:
    book = Workbook(write_only=True)
    # Without fixed times the same rows would be another file.
    book.properties.created = book.properties.modified = datetime.combine(FIRST_DAY, time())
    sheet = book.create_sheet(SHEET)
    sheet.append(HEADINGS)
    count = 0
    for member in _members(world, day):
        sheet.append(_row(member))
        count += 1
    # Readers never see half a workbook.
    beside = path.with_name(f".{path.name}.part")
    book.save(beside)
    beside.replace(path)
    return count


def _members(world: "World", day: int) -> Iterable["Staff"]:
    """Return the members listed on the morning of a campus day, as the days since the first have left them."""
    listed = {member.staff_no: member for member in world.staff if member.listed(campus_day(day))}
    for passed in range(1, day + 1):
        for change in world.changes(passed):
            if change.role != "staff" or change.number not in listed:
                continue
            member = listed[change.number]
            if change.kind == "phone":
                listed[change.number] = replace(member, person=replace(member.person, phone=change.value))
            elif change.kind == "retire":
                listed[change.number] = replace(member, status="02")
    return listed.values()


def _row(member: "Staff") -> tuple[str | None, ...]:
    person, document = member.person, member.person.document
    return (
        member.staff_no,
        person.name,
        person.former_name or None,
        _SEXES[person.sex],
        person.born_on.isoformat(),
        _DOCUMENTS[document.kind],
        document.number,
        document.country,
        person.phone or None,
        person.email or None,
        _ESTABLISHMENTS[member.establishment],
        _STATES[member.status],
        member.joined_on.isoformat(),
        member.unit,
        "1" if member.is_secret else "0",
    )
