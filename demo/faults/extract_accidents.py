"""Accidents that befall what a system delivers as a whole: files, pages, tables, days, and rows that hold them back.

Each has a resource of its own, so that what is said of one extract is never said because of another. All of them
happen on a later day than the first: some need what was delivered before.
"""

import json
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from demo.faults.labels import Label, digest
from demo.faults.row_accidents import plain_name
from demo.faults.rows import is_open, opened, store_of, write_over
from demo.servers.research import MOODS
from demo.systems.logistics import spending_file
from demo.target import Target, TargetError, campus_day

# How many days the campus must have seen: late is what misses more than one.
DAYS = 3
KEPT = "kept"


@dataclass(frozen=True)
class Scene:
    """What an accident works on.

    Attributes:
        target: the campus.
        day: the campus day.
        now: local time of a change.
        random: decides what is left to chance.
    """

    target: Target
    day: int
    now: str
    random: Random

    def file(self, path: str) -> Path:
        return self.target.out / path

    def spending(self, back: int) -> Path:
        """Return the file of the purchases of so many days before yesterday."""
        return self.target.folder("logistics") / spending_file(campus_day(self.day - 1 - back))


Happens = Callable[[Scene], list[Label]]


def keep(target: Target) -> None:
    """Keep what is delivered on the first day, so that it can come again later."""
    source = target.out / "archives/本科生档案.csv"
    kept = target.folder(KEPT) / source.name
    kept.write_bytes(source.read_bytes())
    os.utime(kept, ns=(source.stat().st_atime_ns, source.stat().st_mtime_ns))


def _whole(kind: str, resource: str) -> list[Label]:
    return [Label(kind, resource)]


def _bytes(kind: str, resources: str, path: str, change: Callable[[bytes], bytes]) -> Happens:
    """Change the bytes of a file, which several resources may be read from: their names stand between blanks."""

    def happens(scene: Scene) -> list[Label]:
        file = scene.file(path)
        write_over(file, change(file.read_bytes()))
        return [Label(kind, resource) for resource in resources.split()]

    return happens


def _sql(kind: str, resource: str, system: str, *statements: str) -> Happens:
    def happens(scene: Scene) -> list[Label]:
        with closing(store_of(scene.target, system)) as store:
            for statement in statements:
                store.change(statement)
        return _whole(kind, resource)

    return happens


def _cut(share: float) -> Callable[[bytes], bytes]:
    return lambda content: content[: int(len(content) * share)]


def _first_line(content: bytes) -> bytes:
    return content[: content.index(b"\n") + 1]


def _extra_field(content: bytes) -> bytes:
    lines = content.split(b"\n")
    place = len(lines) // 2
    lines[place] = lines[place].replace(b",", b",,", 1)
    return b"\n".join(lines)


def _open_quote(content: bytes) -> bytes:
    lines = content.split(b"\n")
    place = len(lines) // 2
    head, comma, rest = lines[place].partition(b",")
    lines[place] = head + comma + b'"' + rest
    return b"\n".join(lines)


def _renamed(old: str, new: str, encoding: str) -> Callable[[bytes], bytes]:
    return lambda content: content.replace(old.encode(encoding), new.encode(encoding), 1)


def _without_column(name: str) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        lines = [line.split(",") for line in content.decode("utf-8-sig").splitlines()]
        place = lines[0].index(name)
        kept = [f"{','.join(line[:place] + line[place + 1 :])}\r\n" for line in lines]
        return "".join(kept).encode("utf-8-sig")

    return change


def _with_column(name: str) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        first, *rest = content.decode("utf-8-sig").splitlines()
        lines = [f"{first},{name}", *(f"{line},无" for line in rest)]
        return "".join(f"{line}\r\n" for line in lines).encode("utf-8-sig")

    return change


def _recoded(old: str, new: str) -> Callable[[bytes], bytes]:
    return lambda content: content.decode(old).encode(new)


def _half_written(scene: Scene) -> list[Label]:
    file = scene.file("library/教职工借阅.csv")
    part = file.with_name(f"{file.name}.part")
    part.write_bytes(_cut(0.5)(file.read_bytes()))
    file.unlink()
    return _whole("half-written", "library.staff_loans")


def _older_file(scene: Scene) -> list[Label]:
    kept, file = scene.target.folder(KEPT) / "本科生档案.csv", scene.file("archives/本科生档案.csv")
    if not kept.exists():
        raise TargetError("nothing was kept of the first day: `python -m demo faults --keep` comes first")
    write_over(file, kept.read_bytes())
    os.utime(file, ns=(kept.stat().st_atime_ns, kept.stat().st_mtime_ns))
    return _whole("older-file", "archives.student_files")


def _missing_day(scene: Scene) -> list[Label]:
    scene.spending(2).unlink()
    return _partition("missing-day", scene, 2)


def _same_file(scene: Scene) -> list[Label]:
    write_over(scene.spending(1), scene.spending(3).read_bytes())
    return _partition("same-file", scene, 1)


def _wrong_partition(scene: Scene) -> list[Label]:
    on = campus_day(scene.day - 1)
    other = str(on - timedelta(days=20))
    file = scene.spending(0)
    write_over(file, file.read_bytes().replace(str(on).encode(), other.encode()))
    return _partition("wrong-partition", scene, 0)


def _partition(kind: str, scene: Scene, back: int) -> list[Label]:
    return [Label(kind, "logistics.card_transactions", (str(campus_day(scene.day - 1 - back)),))]


def _late(scene: Scene) -> list[Label]:
    scene.file("archives/研究生户籍.csv").unlink()
    return _whole("late-delivery", "archives.graduate_households")


def _pages(scene: Scene) -> list[Label]:
    moods = {"members": "repeated", "budgets": "partial"}
    write_over(scene.target.folder("research") / MOODS, json.dumps(moods).encode())
    return [Label("repeated-page", f"research.{kind}") for kind in moods]


def _trimmed(scene: Scene) -> list[Label]:
    """Names lose their last character in the register of graduates, as a narrower field cuts them."""
    with opened(scene.target, "graduate.students", scene.now) as rows:
        fits = plain_name("full_name")
        fitting = [row for row in rows.read() if fits(row) and len(row["full_name"]) == 3]
        labels = []
        for row in scene.random.sample(fitting, 3):
            new = row | {"full_name": row["full_name"][:-1]}
            rows.replace(row, new)
            truth = digest({"full_name": row["full_name"]})
            labels.append(
                Label("trimmed-padded", "graduate.students", rows.key_of(row), ("full_name",), truth)
            )
    return labels


def _parent_deleted(scene: Scene) -> list[Label]:
    with opened(scene.target, "research.projects", scene.now) as rows:
        chosen = scene.random.sample([row for row in rows.read() if is_open(row)], 3)
        for row in chosen:
            rows.remove(row)
    return [Label("parent-deleted", "research.projects", (row["projectNo"],)) for row in chosen]


def _contradiction(scene: Scene) -> list[Label]:
    """Students who are enrolled are entered among the graduates of earlier years."""
    with opened(scene.target, "academic.students", scene.now) as rows:
        enrolled = [row for row in rows.read() if row["XJZTDM"].strip() == "ZD" and row["XM"]]
    with opened(scene.target, "academic.degrees", scene.now) as rows:
        degrees = rows.read()
        there = {row["XH"] for row in degrees}
        chosen = scene.random.sample(
            [row for row in enrolled if row["XH"] not in there], max(5, len(degrees) // 80)
        )
        for student, degree in zip(chosen, scene.random.sample(degrees, len(chosen)), strict=True):
            copied = {name: student[name] for name in ("XH", "XM", "SFZJLXDM", "SFZJH", "SFZJQFG")}
            numbers = {
                "BYZSH": f"10999{scene.random.randrange(10**12):012d}",
                "XWZSH": None,
                "XWDM": None,
                "XWSYRQ": None,
            }
            rows.add(degree | copied | numbers)
    return [Label("contradicting-status", "academic.degrees", (row["XH"],)) for row in chosen]


def _leavers(scene: Scene) -> list[Label]:
    """Cards of people who have left are valid again."""
    with opened(scene.target, "hr.staff", scene.now) as rows:
        here = {row["工号"] for row in rows.read()}
    with opened(scene.target, "logistics.staff_cards", scene.now) as rows:
        cards = [row for row in rows.read() if is_open(row) and row["学工号"] not in here]
        chosen = [row for row in cards if row["卡状态"] == "注销"]
        for row in chosen:
            rows.replace(row, row | {"卡状态": "正常"})
    if not chosen:
        raise TargetError("nobody has left this campus, so no card of theirs can be valid again")
    return [Label("leaver-active", "logistics.staff_cards", (row["学工号"],), ("卡状态",)) for row in chosen]


# Whoever reads rows of a file comes before the accident that spoils it as a whole.
HAPPENS: tuple[tuple[str, Happens], ...] = (
    ("leaver-active", _leavers),
    ("truncated-file", _bytes("truncated-file", "logistics.student_beds", "logistics/本科生床位.dbf", _cut(0.6))),
    ("truncated-file", _bytes("truncated-file", "library.graduate_loans", "library/研究生借阅.csv", _cut(0.6))),
    ("truncated-file", _bytes("truncated-file", "hr.staff hr.titles hr.units", "hr/教职工信息.xlsx", _cut(0.6))),
    ("empty-extract", _bytes("empty-extract", "archives.graduate_files", "archives/研究生档案.csv", _first_line)),
    ("empty-extract", _sql("empty-extract", "administration.seals", "administration", 'DELETE FROM "用印"')),
    ("half-written", _half_written),
    ("same-file", _same_file),
    ("older-file", _older_file),
    ("missing-day", _missing_day),
    ("wrong-partition", _wrong_partition),
    ("repeated-page", _pages),
    ("header-changed", _bytes("header-changed", "archives.staff_households", "archives/教职工户籍.csv",
                              _renamed("户籍地址", "户口所在地", "gb18030"))),
    ("new-column", _bytes("new-column", "party.student_stages", "party/本科生党员发展.csv", _with_column("备注"))),
    ("new-column", _sql("new-column", "assets.public_housing", "assets", 'ALTER TABLE "GZFZL" ADD COLUMN "BZ" text')),
    ("lost-column", _bytes("lost-column", "party.graduate_stages", "party/研究生党员发展.csv",
            _without_column("党支部"))),
    ("lost-column", _sql("lost-column", "hall.enquiries", "hall", 'ALTER TABLE t_enquiry DROP COLUMN topic')),
    ("retyped-column", _sql("retyped-column", "hall.complaints", "hall",
                            "ALTER TABLE t_complaint ALTER COLUMN upheld TYPE text")),
    ("retyped-column", _sql("retyped-column", "academic.courses", "academic",
                            'ALTER TABLE "T_KC_KCXX" ALTER COLUMN "XF" TYPE text')),
    ("late-delivery", _late),
    ("column-shift", _bytes("column-shift", "logistics.graduate_cards", "logistics/校园卡_研究生.csv", _extra_field)),
    ("broken-quoting", _bytes("broken-quoting", "library.student_loans", "library/本科生借阅.csv", _open_quote)),
    ("gbk-as-utf8", _bytes("gbk-as-utf8", "party.staff_stages", "party/教职工党员.csv", _recoded("utf-8-sig",
            "gb18030"))),
    ("utf8-as-gbk", _bytes("utf8-as-gbk", "hr.appraisals", "hr/年度考核.csv", _recoded("gb18030", "utf-8"))),
    ("trimmed-padded", _trimmed),
    ("parent-deleted", _parent_deleted),
    ("contradicting-status", _contradiction),
)  # fmt: skip
