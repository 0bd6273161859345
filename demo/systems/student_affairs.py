"""Student affairs: awards, hardship, loans, discipline, conduct, reimbursers, assessment, in one SQLite file.

Awards, loans and discipline stay when a student goes; the registers of conduct and of reimbursers drop who leaves.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from random import Random
from typing import TYPE_CHECKING

from demo.roll import dice
from demo.systems import student_affairs_rows as rows_of
from demo.systems import student_affairs_tables as t
from demo.tables import Row, SqliteStore, Table
from demo.target import FIRST_DAY, Target, campus_day
from demo.world_students import Undergraduate

if TYPE_CHECKING:
    from demo.world import World

_FILE = "xg.db"
_MISTYPED_PLACE = 3


def build(world: "World", target: Target) -> dict[str, int]:
    """Create and fill the file; returns rows per table."""
    path = target.fresh_file("student_affairs", _FILE)
    target.env.set_system("student_affairs", file=path)
    store = SqliteStore(path)
    try:
        for table in t.TABLES:
            store.create(table)
        for statement in t.views():
            store.change(statement)
        filled = {
            t.AWARDS: rows_of.awards(world),
            t.HARDSHIP: rows_of.hardship(world),
            t.LOANS: rows_of.loans(world),
            t.DISCIPLINE: rows_of.discipline(world),
            t.STANDING: rows_of.standing(world),
            t.REIMBURSERS: rows_of.reimbursers(world),
            t.ASSESSMENTS: rows_of.assessments(world),
        }
        return {
            table.name: store.load(table, _mistyped(world, table, rows)) for table, rows in filled.items()
        }
    finally:
        store.close()


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Let one day pass: awards, repayments, a measure imposed or lifted, leavers; returns rows changed per table."""
    on = campus_day(day - 1)
    if on.weekday() > 4:
        return {}
    store = SqliteStore(target.folder("student_affairs") / _FILE)
    try:
        random = dice(world.seed, "student_affairs", "day", day)
        counts = dict.fromkeys((table.name for table in t.TABLES), 0)
        present, _ = world.present_students(campus_day(day))
        chosen = random.sample(present, max(2, len(present) // 800))
        counts[t.AWARDS.name] += store.load(
            t.AWARDS,
            (
                rows_of.award(random, f"JL{on:%Y%m%d}{at:03d}", student, rows_of.THIS_YEAR - 1, on)
                for at, student in enumerate(chosen)
                if student.year < rows_of.THIS_YEAR
            ),
        )
        counts[t.LOANS.name] += _repay(store, random, on)
        _discipline_day(store, random, present, day, on, counts)
        late = store.ask("SELECT xh FROM xg_bxy WHERE bxyzt = '有效' ORDER BY xh")
        for (number,) in random.sample(late, min(2, len(late))):
            counts[t.REIMBURSERS.name] += store.change(
                "UPDATE xg_bxy SET tdcs = tdcs + 1, gxsj = ? WHERE xh = ?", (f"{on} 16:00:00", number)
            )
        for change in world.changes(day):
            if change.role != "staff" and change.kind in ("withdraw", "graduate"):
                for table in (t.STANDING, t.REIMBURSERS):
                    counts[table.name] += store.change(
                        f"DELETE FROM {table.name} WHERE xh = ?", (change.number,)
                    )
                counts[t.LOANS.name] += store.change(
                    "UPDATE xg_zxdk SET dkzt = '还款中', gxsj = ? WHERE xh = ? AND dkzt = '在贷'",
                    (f"{on} 17:00:00", change.number),
                )
        return counts
    finally:
        store.close()


# table → (kind, resource, columns of its key, what is wrong, columns as they are mistyped)
_FAULTS: dict[str, tuple[tuple[str, str, tuple[str, ...], str, dict[str, object]], ...]] = {
    "xg_jl": (
        (t.UNDERGRADUATE, "awards", ("jlbh",), "award of less than nothing", {"jlje": "-1500.00"}),
        (t.GRADUATE, "graduate_awards", ("jlbh",), "unknown level of award", {"jljb": "赛区级"}),
    ),
    "xg_knrd": (
        (t.UNDERGRADUATE, "hardship", ("xh", "xn"), "unknown grade of hardship", {"kndj": "贫困"}),
        (t.GRADUATE, "graduate_hardship", ("xh", "xn"), "recognised on no day", {"rdrq": "2025-02-30"}),
    ),
    "xg_zxdk": ((t.UNDERGRADUATE, "loans", ("hth",), "more is owed than was lent", {"whje": "990000.00"}),),
    "xg_cf": (
        (t.UNDERGRADUATE, "discipline", ("cfbh",), "unknown kind of measure", {"cflb": "口头批评"}),
    ),
    "xg_czzt": (
        (t.UNDERGRADUATE, "conduct", ("xh",), "free of measures, and one is counted", {"yxcfs": 1, "wcf": "1"}),
        (t.GRADUATE, "graduate_conduct", ("xh",), "number of measures is negative", {"yxcfs": -1}),
    ),
    "xg_bxy": (
        (t.GRADUATE, "graduate_reimbursers", ("xh",), "valid without training", {"bxyzt": "有效", "pxhg": "0"}),
    ),
    "xg_zhcp": ((t.UNDERGRADUATE, "assessments", ("xh", "xn"), "rank beyond the last", {"bjpm": 97}),),
}  # fmt: skip


def _mistyped(world: "World", table: Table, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows; of each resource the third of somebody who stays and has no story is written wrongly."""
    spared = world.storied_numbers | {
        student.student_no
        for student, _ in rows_of.everybody(world)
        if student.left_on and student.left_on >= FIRST_DAY
    }
    faults = {fault[0]: fault[1:] for fault in _FAULTS[table.name]}
    number, kind = (table.column_names.index(name) for name in ("xh", "xslx"))
    seen: Counter[str] = Counter()
    for row in rows:
        if row[kind] in faults and row[number] not in spared:
            seen[str(row[kind])] += 1
            if seen[str(row[kind])] == _MISTYPED_PLACE:
                resource, key, what, wrong = faults[str(row[kind])]
                told = "/".join(str(row[table.column_names.index(name)]) for name in key)
                world.fault(f"student_affairs.{resource}", told, what)
                row = table.changed(row, **wrong)
        yield row


def _repay(store: SqliteStore, random: Random, on: date) -> int:
    """Book repayments; a loan repaid in full is settled."""
    owed = store.ask("SELECT hth FROM xg_zxdk WHERE dkzt = '还款中' AND whje <= htje ORDER BY hth")
    count = 0
    for (contract,) in random.sample(owed, min(max(2, len(owed) // 60), len(owed))):
        count += store.change(
            "UPDATE xg_zxdk SET whje = max(0, whje - 1200), gxsj = ?, "
            "dkzt = CASE WHEN whje <= 1200 THEN '已结清' ELSE dkzt END WHERE hth = ?",
            (f"{on} 09:30:00", contract),
        )
    return count


def _discipline_day(
    store: SqliteStore,
    random: Random,
    present: list[Undergraduate],
    day: int,
    on: date,
    counts: dict[str, int],
) -> None:
    """Impose a measure on odd days, lift the oldest one in force every third day; conduct follows."""
    at = f"{on} 16:30:00"
    if day % 2:
        known = {
            number
            for (number,) in store.ask("SELECT xh FROM xg_cf UNION SELECT xh FROM xg_czzt WHERE yxcfs <> 0")
        }
        student = random.choice([one for one in present if one.student_no not in known])
        row = rows_of.measure(student, t.UNDERGRADUATE, "警告", on, "生效", None, on)
        counts[t.DISCIPLINE.name] += store.load(t.DISCIPLINE, [row])
        counts[t.STANDING.name] += store.change(
            "UPDATE xg_czzt SET yxcfs = 1, wcf = '0', gxsj = ? WHERE xh = ?", (at, student.student_no)
        )
    if day % 3 == 0:
        for (number,) in store.ask("SELECT xh FROM xg_cf WHERE cfzt = '生效' ORDER BY cfrq, xh LIMIT 1"):
            counts[t.DISCIPLINE.name] += store.change(
                "UPDATE xg_cf SET cfzt = '已解除', jcrq = ?, gxsj = ? WHERE xh = ? AND cfzt = '生效'",
                (on.isoformat(), at, number),
            )
            counts[t.STANDING.name] += store.change(
                "UPDATE xg_czzt SET yxcfs = 0, wcf = '1', gxsj = ? WHERE xh = ?", (at, number)
            )
