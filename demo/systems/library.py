"""The library: one CSV file in GB18030, written anew every night, a line for everybody with a reader's card."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from demo.roll import dice
from demo.target import Target, campus_day

if TYPE_CHECKING:
    from demo.world import World

STUDENTS, GRADUATES, STAFF = "本科生借阅.csv", "研究生借阅.csv", "教职工借阅.csv"
HEADINGS = ("读者证号", "在借册数", "超期册数", "欠款", "已还清")


def build(world: "World", target: Target) -> dict[str, int]:
    """Write the files of the first morning; returns rows per file."""
    target.env.set_system("library", drop=target.folder("library"))
    return advance(world, target, 0)


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Write the files of another morning over the earlier ones; returns rows per file."""
    folder, today = target.folder("library"), campus_day(day)
    pupils, scholars = world.present_students(today)
    readers = {
        STUDENTS: [student.student_no for student in pupils],
        GRADUATES: [student.student_no for student in scholars],
        STAFF: [member.staff_no for member in world.present_staff(today)],
    }
    return {name: _write(folder / name, numbers, world.seed, day) for name, numbers in readers.items()}


def _write(path: Path, numbers: list[str], seed: int, day: int) -> int:
    # Readers never see half a file.
    beside = path.with_name(f".{path.name}.part")
    with beside.open("w", encoding="gb18030", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HEADINGS)
        writer.writerows(_row(number, seed, day) for number in numbers)
    beside.replace(path)
    return len(numbers)


def _row(number: str, seed: int, day: int) -> tuple[str, int, int, str, str]:
    """Return the loans of a reader: what they were on the first day, returned by some since."""
    random = dice(seed, "library", number)
    loans = random.choices((0, 1, 2, 3, 5, 8), (50, 18, 12, 10, 7, 3))[0]
    overdue = random.randint(1, loans) if loans and random.random() < 0.12 else 0
    if loans and 1 <= random.randint(1, 200) <= day:
        loans = overdue = 0
    fine = f"{overdue * random.randint(2, 60) / 10:.2f}"
    return number, loans, overdue, fine, "否" if loans or overdue else "是"
