"""What finance pays to and collects from people: payroll, yearly income, student fees."""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from demo.roll import Member, Roll, dice
from demo.tables import Row, yuan
from demo.target import FIRST_DAY

PAYROLL_FROM = (2025, 1)
INCOME_YEARS = (2023, 2024, 2025)
PAYDAY = 10
_SOCIAL_PERCENT, _FUND_PERCENT = 10, 12
_TUITION_FEN = {"undergraduate": (530_000, 600_000), "graduate": (800_000, 1_000_000)}
_LODGING_FEN = (120_000, 160_000)


def pay(member: Member, year: int, month: int, kind: str, seed: int) -> Row:
    """Return one payroll row; kind is 01 (month) or 02 (year-end bonus, paid with December)."""
    random = dice(seed, "pay", member.number)
    post, grade = random.randint(28, 62) * 10_000, random.randint(12, 48) * 10_000
    merit = random.randint(20, 110) * 10_000
    raised = 100 + 3 * (year - PAYROLL_FROM[0])
    if kind == "02":
        post, grade, merit = 0, 0, merit * 4
    post, grade, merit = (part * raised // 100 for part in (post, grade, merit))
    gross = post + grade + merit
    social, fund = ((post + grade) * percent // 100 for percent in (_SOCIAL_PERCENT, _FUND_PERCENT))
    tax = max(0, gross - social - fund - 500_000) * 3 // 100
    paid_on = date(year, month, PAYDAY)
    secret = str(int(member.is_secret))
    touched = f"{paid_on} 09:{len(member.number) * 7 % 60:02d}:00"
    amounts = (post, grade, merit, gross, social, fund, tax, gross - social - fund - tax)
    return (
        member.number,
        f"{year}{month:02d}",
        kind,
        *map(yuan, amounts),
        paid_on.isoformat(),
        secret,
        touched,
    )


def _months(member: Member, last: date) -> Iterator[tuple[int, int]]:
    year, month = PAYROLL_FROM
    while date(year, month, PAYDAY) <= last:
        payday = date(year, month, PAYDAY)
        if member.since <= payday and (member.until is None or payday <= member.until):
            yield year, month
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)


def payroll(roll: Roll, seed: int, last: date = FIRST_DAY) -> Iterator[Row]:
    """Yield the payroll of everybody on staff, month by month since January 2025, people by number."""
    for member in roll.staff + roll.secret_staff:
        for year, month in _months(member, last):
            yield pay(member, year, month, "01", seed)
            if month == 12:
                yield pay(member, year, month, "02", seed)


def annual_income(roll: Roll, seed: int) -> Iterator[Row]:
    """Yield income before tax per person and closed year.

    The year 2025 is the exact sum of that year's payroll; years before payroll was kept online are the same
    pay without later rises, times the months worked.
    """
    for member in roll.staff + roll.secret_staff:
        for year in INCOME_YEARS:
            if year >= PAYROLL_FROM[0]:
                months = [month for at, month in _months(member, date(year, 12, 31)) if at == year]
            else:
                months = [m for m in range(1, 13) if member.present(date(year, m, PAYDAY))]
            if not months:
                continue
            rows = [pay(member, year, month, "01", seed) for month in months]
            if 12 in months:
                rows.append(pay(member, year, 12, "02", seed))
            gross, tax = (sum(_fen(row[at]) for row in rows) for at in (6, 9))
            summed_on = date(year + 1, 1, 20)
            yield (
                member.number,
                year,
                yuan(gross),
                yuan(tax),
                len(months),
                summed_on.isoformat(),
                str(int(member.is_secret)),
                f"{summed_on} 10:00:00",
            )


def _fen(amount: object) -> int:
    return int(str(amount).replace(".", ""))


def school_years(member: Member, day: date) -> list[int]:
    """Return the first calendar years of the school years a student has been billed for by `day`."""
    last = min(day, member.until or day)
    first_year = member.since.year if member.since.month >= 7 else member.since.year - 1
    last_year = last.year if (last.month, last.day) >= (9, 1) else last.year - 1
    return list(range(first_year, last_year + 1))


def fees(roll: Roll, seed: int) -> Iterator[Row]:
    """Yield one bill per student and school year; a few of this year's are still owed or deferred."""
    for kind, members in (("本科生", roll.undergraduates), ("研究生", roll.graduates)):
        for member in members:
            random = dice(seed, "fees", member.number)
            tuition, lodging = random.choice(_TUITION_FEN[member.role]), random.choice(_LODGING_FEN)
            for year in school_years(member, FIRST_DAY):
                yield fee_row(member.number, year, kind, tuition, lodging, random)


def fee_row(number: str, year: int, kind: str, tuition: int, lodging: int, random: Random) -> Row:
    """Return one bill with what became of it."""
    due = tuition + lodging
    waived = due // 2 if random.random() < 0.03 else 0
    state = random.choices(("已缴清", "欠费", "缓缴"), (90, 7, 3))[0] if year == FIRST_DAY.year else "已缴清"
    paid = due - waived if state == "已缴清" else random.choice((0, lodging))
    day = date(year, 8, 25) + timedelta(days=random.randrange(0, 40))
    touched = f"{day} {random.randrange(8, 22):02d}:{random.randrange(60):02d}:{random.randrange(60):02d}"
    return (
        number,
        f"{year}-{year + 1}",
        kind,
        yuan(tuition),
        yuan(lodging),
        yuan(paid),
        yuan(waived),
        yuan(due - waived - paid),
        str(int(state == "已缴清")),
        str(int(state == "缓缴")),
        day.isoformat() if state == "已缴清" else None,
        touched,
    )


def advances(roll: Roll, seed: int) -> Iterator[Row]:
    """Yield, for everybody on staff, what they have borrowed and not yet settled; mostly nothing."""
    at = f"{FIRST_DAY - timedelta(days=1)} 18:30:00"
    present = roll.on(FIRST_DAY)
    for member in present.staff + present.secret_staff:
        random = dice(seed, "advance", member.number)
        loans = random.choices((0, 1, 2), (93, 6, 1))[0]
        owed = sum(random.randint(2, 80) * 10_000 for _ in range(loans))
        earliest = FIRST_DAY - timedelta(days=random.randrange(10, 300)) if loans else None
        yield (
            member.number,
            loans,
            yuan(owed),
            earliest.isoformat() if earliest else None,
            str(int(member.is_secret)),
            at,
        )
