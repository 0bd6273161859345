"""The service hall: cases with steps, materials, corrections, evaluations; enquiries, complaints, appointments.

A case that began before the campus's present is closed with few exceptions; those of the last days are under
way, and `advance` moves them on. Also here: the key pair with which the hall signs as client `service-hall`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from random import Random
from typing import TYPE_CHECKING

from demo.roll import Member, Roll, dice, roll_of
from demo.signing import make_keys
from demo.systems import hall_tables as t
from demo.systems.hall_items import ITEMS, ServiceItem
from demo.tables import PostgresStore, Row, Spool, Table
from demo.target import CAMPUS_ZONE, FIRST_DAY, Target, campus_day

if TYPE_CHECKING:
    from demo.world import World

DATABASE = "bsdt"
CLIENT_ID = "service-hall"
_CASES_PER_PERSON = 3.5
_HISTORY_DAYS = 365
_CHANNELS = (("web", 46), ("app", 30), ("window", 16), ("kiosk", 7), ("mail", 1))
_REASONS = ("照片不清晰", "缺少签字", "信息与系统不一致", "材料已过期", "缺少附件")
_WORDS = (None, None, None, "很快", "办事员耐心", "不用跑腿了", "还是要交纸质材料", "等得有点久")
_FIRST_ID = 1_000_001


def build(world: "World", target: Target) -> dict[str, int]:
    """Create and fill the hall's database and its key pair; returns rows per table."""
    make_keys(target, target.folder("hall"), CLIENT_ID, "YICI_CLIENT_SERVICE_HALL_JWKS")
    store = PostgresStore(target.new_database("hall", DATABASE))
    try:
        for table in t.TABLES:
            store.create(table)
        spool = Spool(store)
        desk = _Desk(world.seed, roll_of(world))
        people = len(desk.roll.on(FIRST_DAY).students) + len(desk.roll.on(FIRST_DAY).staff)
        for number in range(1, round(people * _CASES_PER_PERSON) + 1):
            for table, row in desk.case(number):
                spool.add(table, row)
        for table, row in _around_cases(desk, people):
            spool.add(table, row)
        for table, row in _broken(world):
            spool.add(table, row)
        counts = spool.flush()
        target.grant_reader(store.connection, "public")
        return counts
    finally:
        store.close()


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Let one day pass: open cases move on a step or are closed, new ones come in, some are evaluated."""
    store = PostgresStore(target.database(DATABASE))
    try:
        return _Day(world, store, day).pass_by()
    finally:
        store.close()


def present_moment(day: int) -> datetime:
    """Return 07:00 of a campus day, the moment up to which everything has happened."""
    return datetime.combine(campus_day(day), time(7, 0), CAMPUS_ZONE)


@dataclass(frozen=True)
class Case:
    """One case with the times of its life; a time is None until it has come."""

    number: str
    item: ServiceItem
    applicant: Member
    channel: str
    campus: str
    submitted_at: datetime
    steps: tuple[tuple[str, str, datetime, datetime | None, str | None], ...]
    closed_at: datetime | None
    status: int
    corrected_at: datetime | None
    visits: int
    given: tuple[tuple[str, str], ...]

    @property
    def touched(self) -> datetime:
        times = [self.submitted_at, self.closed_at, self.corrected_at]
        times += [done or arrived for _, _, arrived, done, _ in self.steps]
        return max(moment for moment in times if moment)

    def rows(self) -> Iterator[tuple[Table, Row]]:
        kind = {"undergraduate": "student", "graduate": "graduate", "staff": "staff"}[self.applicant.role]
        accepted = self.steps[0][3] if self.steps else None
        promised = (accepted or self.submitted_at).date() + timedelta(days=self.item.days * 7 // 5 + 1)
        yield t.CASES, (
            self.number, self.item.code, kind, self.applicant.number, self.applicant.name, None, self.channel,
            self.campus, self.item.unit, self.status, self.submitted_at, accepted, promised, self.closed_at,
            self.visits, sum(way != "spared" for _, way in self.given), self.touched,
        )  # fmt: skip
        for seq, (node, unit, arrived, done, action) in enumerate(self.steps, start=1):
            handler = None if done is None else f"post:{unit.lower()}"
            yield t.STEPS, (self.number, seq, node, unit, handler, arrived, done, action, done or arrived)
        for at, (material, way) in enumerate(self.given):
            handed = self._brought_again if self._brought_again and at == 0 else self.submitted_at
            yield t.MATERIALS, (self.number, material, way, 1, handed, handed)

    @property
    def _brought_again(self) -> datetime | None:
        """When the first paper of a case at a window was brought as its correction asked for; None where none was."""
        if self.channel == "window" and self.corrected_at and self.closed_at:
            return self.corrected_at + timedelta(hours=3)
        return None


class _Desk:
    """Makes cases: who comes for what, when, and how it goes on."""

    def __init__(self, seed: int, roll: Roll) -> None:
        self.seed = seed
        self.roll = roll
        present = roll.on(FIRST_DAY)
        self._audiences = {
            "student": present.undergraduates,
            "graduate": present.graduates,
            "staff": present.staff,
        }
        self._items = [item for item in ITEMS if any(self._audiences[who] for who in item.audience)]
        self._weights = [item.weight for item in self._items]
        self._corrections = iter(range(_FIRST_ID, 10**12))

    def new(self, number: int, random: Random, submitted: datetime) -> Case:
        """Return a case as it is at the moment it is handed in."""
        item = random.choices(self._items, self._weights)[0]
        who = random.choice([who for who in item.audience if self._audiences[who]])
        applicant = random.choice(self._audiences[who])
        channel = random.choices([name for name, _ in _CHANNELS], [weight for _, weight in _CHANNELS])[0]
        given = tuple((code, _way(channel, random)) for code in item.materials)
        return Case(
            f"BJ{submitted:%Y%m}{number:08d}", item, applicant, channel, random.choice("123"), submitted,
            (("受理", item.unit, submitted, None, None),), None, 20, None, int(channel == "window"), given,
        )  # fmt: skip

    def case(self, number: int) -> Iterator[tuple[Table, Row]]:
        """Yield the rows of one case of the past year."""
        random = dice(self.seed, "case", number)
        first = FIRST_DAY - timedelta(days=_HISTORY_DAYS)
        day = first + timedelta(days=int(_HISTORY_DAYS * random.random() ** 0.9))
        case = self.new(number, random, _office_hour(min(day, FIRST_DAY - timedelta(days=1)), random))
        if random.random() < 0.02:
            yield from replace(case, steps=(), status=random.choice((10, 70))).rows()
            return
        case = self.live(case, random, present_moment(0))
        yield from case.rows()
        if case.corrected_at:
            yield t.CORRECTIONS, self.correction(case, random)
            if random.random() < 0.1:
                yield t.CORRECTIONS, self.correction(case, random, 2)
        if case.closed_at and random.random() < 0.4:
            yield from evaluation(case, random, present_moment(0))

    def live(self, case: Case, random: Random, now: datetime) -> Case:
        """Let a case go its way until `now`: each step takes its part of the promised time, or longer."""
        slow = 2.5 if random.random() < 0.06 else 1.0
        share = timedelta(
            hours=max(0.2, case.item.days * 24 * random.uniform(0.2, 0.9) * slow / len(case.item.nodes))
        )
        moment, steps, corrected = case.submitted_at, [], None
        refused = random.random() < 0.03
        needs_correction = random.random() < 0.12
        nodes = case.item.nodes_for(case.applicant.unit)
        for at, (node, unit) in enumerate(nodes):
            arrived, moment = moment, moment + share * random.uniform(0.5, 1.5)
            if at == 1 and needs_correction:
                corrected = moment
                moment += timedelta(hours=random.randrange(5, 80))
            last = at == len(nodes) - 1
            if moment > now:
                status = 20 if at == 0 else 40 if corrected and corrected <= now < moment else 30
                steps.append((node, unit, arrived, None, None))
                return replace(
                    case,
                    steps=tuple(steps),
                    status=status,
                    corrected_at=corrected if corrected and corrected <= now else None,
                )
            action = "refuse" if refused and at == 0 else "close" if last else "pass"
            steps.append((node, unit, arrived, moment, action))
            if action == "refuse":
                return replace(case, steps=tuple(steps), closed_at=moment, status=60)
        visits = case.visits + (1 if case.item.visits and random.random() < 0.7 else 0)
        return replace(
            case, steps=tuple(steps), closed_at=moment, status=50, corrected_at=corrected, visits=visits
        )

    def correction(self, case: Case, random: Random, turn: int = 1) -> Row:
        """Return the notice that asked for a correction."""
        asked = case.corrected_at + timedelta(hours=6 * (turn - 1))
        answered = asked + timedelta(hours=4) if case.closed_at else None
        return (
            next(self._corrections),
            case.number,
            turn,
            asked,
            random.choice(_REASONS),
            (asked + timedelta(days=5)).date(),
            answered,
            answered or asked,
        )


def evaluation(case: Case, random: Random, now: datetime) -> Iterator[tuple[Table, Row]]:
    """Yield what the applicant thought of it, if that was before `now`."""
    at = case.closed_at + timedelta(hours=random.randrange(1, 60))
    if at > now:
        return
    stars = random.choices((5, 4, 3, 2, 1), (70, 18, 6, 4, 2))[0]
    replied = at + timedelta(days=2) if stars <= 2 and at + timedelta(days=2) <= now else None
    yield t.EVALUATIONS, (case.number, stars, random.choice(_WORDS), case.channel, at, replied, replied or at)


def _way(channel: str, random: Random) -> str:
    if channel in ("window", "mail"):
        return random.choice(("paper", "paper", "original"))
    return random.choices(("upload", "spared"), (85, 15))[0]


def _hour(day: date, random: Random) -> datetime:
    """Return a moment between 08:00 and 22:00 of a day."""
    clock = time(random.randrange(8, 22), random.randrange(60), random.randrange(60))
    return datetime.combine(day, clock, CAMPUS_ZONE)


def _office_hour(day: date, random: Random) -> datetime:
    """Return a moment on a day or, mostly, on the Friday before if it is a weekend."""
    return _hour(day - timedelta(days=max(0, day.weekday() - 4) if random.random() < 0.8 else 0), random)


def _around_cases(desk: _Desk, people: int) -> Iterator[tuple[Table, Row]]:
    """What else the hall keeps: enquiries, complaints, appointments of the past year."""
    random = dice(desk.seed, "hall", "around")
    present = desk.roll.on(FIRST_DAY)
    everybody = present.students + present.staff
    for number in range(1, people // 4 + 1):
        yield t.ENQUIRIES, _enquiry(number, _recent(random), random, everybody)
    for number in range(1, people // 60 + 1):
        filed = _recent(random)
        item = random.choice(ITEMS)
        closed = filed + timedelta(days=random.randrange(1, 12))
        closed = closed if closed < present_moment(0) else None
        yield t.COMPLAINTS, (
            f"TS{number:08d}", None, item.unit, random.choice(("delay", "attitude", "repeat", "refuse")), filed,
            closed, random.random() < 0.6 if closed else None, closed or filed,
        )  # fmt: skip
    for number in range(1, people // 5 + 1):
        yield t.APPOINTMENTS, _appointment(number, _recent(random), random, everybody, "came")


def _recent(random: Random) -> datetime:
    return _office_hour(FIRST_DAY - timedelta(days=random.randrange(1, _HISTORY_DAYS)), random)


def _enquiry(number: int, asked: datetime, random: Random, people: Sequence[Member]) -> Row:
    item = random.choice(ITEMS)
    answered = asked + timedelta(hours=random.randrange(1, 50))
    answered = answered if answered < present_moment(0) else None
    topic = random.choice(("所需材料", "办理时限", "办理地点", "能否代办"))
    return (
        f"ZX{number:08d}",
        item.code,
        random.choice(people).number,
        topic,
        item.unit,
        asked,
        answered,
        random.random() < 0.85 if answered else None,
        answered or asked,
    )


def _appointment(number: int, slot: datetime, random: Random, people: Sequence[Member], state: str) -> Row:
    if state == "came":
        state = random.choices(("came", "missed", "cancelled"), (80, 12, 8))[0]
    return (
        f"YY{number:08d}",
        random.choice(ITEMS).code,
        random.choice(people).number,
        random.choice("123"),
        f"{random.randrange(1, 20):02d}",
        slot,
        state,
        slot - timedelta(days=1) if state == "booked" else slot,
    )


def _broken(world: "World") -> Iterator[tuple[Table, Row]]:
    """Rows that break the contracts, as any hall has a few, each told to the world."""
    at = present_moment(0) - timedelta(days=2)
    world.fault("hall.cases", "BJ-0000-X", "unknown state")
    yield (
        t.CASES,
        (
            "BJ-0000-X",
            ITEMS[0].code,
            "staff",
            "00000000",
            "试件",
            None,
            "web",
            "1",
            ITEMS[0].unit,
            99,
            at,
            None,
            None,
            None,
            0,
            0,
            at,
        ),
    )
    world.fault("hall.cases", "BJ-0001-X", "closed before it was handed in")
    yield (
        t.CASES,
        (
            "BJ-0001-X",
            ITEMS[0].code,
            "staff",
            "00000000",
            "试件",
            None,
            "web",
            "1",
            ITEMS[0].unit,
            50,
            at,
            at,
            None,
            at - timedelta(days=9),
            0,
            0,
            at,
        ),
    )
    world.fault("hall.case_steps", "BJ-9999-X/1", "no such case")
    yield t.STEPS, ("BJ-9999-X", 1, "受理", ITEMS[0].unit, None, at, at, "pass", at)
    world.fault("hall.evaluations", "BJ-0001-X", "seven stars")
    yield t.EVALUATIONS, ("BJ-0001-X", 7, None, "web", at, None, at)


class _Day:
    """The changes of one day."""

    def __init__(self, world: "World", store: PostgresStore, day: int) -> None:
        self.world, self.store, self.day = world, store, day
        self.today, self.now = campus_day(day - 1), present_moment(day)
        self.random = dice(world.seed, "hall", "day", day)
        self.desk = _Desk(world.seed, roll_of(world))
        self.spool = Spool(store)
        self.changed: dict[str, int] = {}

    def pass_by(self) -> dict[str, int]:
        self._move_on()
        present = self.desk.roll.on(self.today)
        people = len(present.students) + len(present.staff)
        self._come_in(max(5, people // 110))
        for table, rows in self.spool.flush().items():
            self.changed[table] = self.changed.get(table, 0) + rows
        return self.changed

    def _come_in(self, number: int) -> None:
        first = self._last("t_case", "case_no", 8) + 1
        for case_number in range(first, first + number):
            case = self.desk.new(case_number, self.random, _hour(self.today, self.random))
            case = self.desk.live(
                replace(case, submitted_at=min(case.submitted_at, self.now)), self.random, self.now
            )
            for table, row in case.rows():
                self.spool.add(table, row)
            if case.corrected_at:
                _, *notice = self.desk.correction(case, self.random)
                ((last,),) = self.store.ask("SELECT max(id) FROM t_case_correction")
                self.store.load(t.CORRECTIONS, [(last + 1, *notice)])
                self._count(t.CORRECTIONS, 1)
        present = self.desk.roll.on(self.today)
        everybody = present.students + present.staff
        asked = self._last("t_enquiry", "enquiry_no", 8)
        booked = self._last("t_appointment", "appointment_no", 8)
        slot = _office_hour(self.today + timedelta(days=2), self.random)
        self.spool.add(
            t.ENQUIRIES, _enquiry(asked + 1, _hour(self.today, self.random), self.random, everybody)
        )
        self.spool.add(t.APPOINTMENTS, _appointment(booked + 1, slot, self.random, everybody, "booked"))

    def _last(self, table: str, column: str, digits: int) -> int:
        ((last,),) = self.store.ask(
            f"SELECT max(right({column}, {digits})) FROM {table} WHERE {column} NOT LIKE ?", ["%X"]
        )
        return int(last)

    def _move_on(self) -> None:
        """Open steps of the cases handed in first are done; the case moves to its next step or is closed."""
        items = {item.code: item for item in ITEMS}
        units = {member.number: member.unit for member in self.desk.roll.students + self.desk.roll.staff}
        waiting = self.store.ask(
            "SELECT s.case_no, s.seq, c.item_code, c.applicant_no FROM t_case_step s JOIN t_case c USING (case_no) "
            "WHERE s.done_at IS NULL AND c.status IN (20, 30, 40) ORDER BY c.submitted_at, s.case_no LIMIT 60"
        )
        for case_no, seq, item_code, applicant in waiting:
            if self.random.random() < 0.35:
                continue
            at = min(_hour(self.today, self.random), self.now - timedelta(minutes=1))
            nodes = items[item_code].nodes_for(units[applicant])
            last = seq >= len(nodes)
            self._count(
                t.STEPS,
                self.store.change(
                    "UPDATE t_case_step SET done_at = greatest(?, arrived_at), action = ?, "
                    "handler_no = 'post:' || lower(unit_code), updated_at = ? WHERE case_no = ? AND seq = ?",
                    [at, "close" if last else "pass", at, case_no, seq],
                ),
            )
            if last:
                self.store.change(
                    "UPDATE t_case SET status = 50, closed_at = greatest(?, submitted_at), updated_at = ? "
                    "WHERE case_no = ?",
                    [at, at, case_no],
                )
                if self.random.random() < 0.4:
                    self.spool.add(t.EVALUATIONS, (case_no, 5, "很快", "app", at, None, at))
            else:
                node, unit = nodes[seq]
                self.store.change(
                    "UPDATE t_case SET status = 30, accepted_at = coalesce(accepted_at, ?), updated_at = ? "
                    "WHERE case_no = ?",
                    [at, at, case_no],
                )
                self.spool.add(t.STEPS, (case_no, seq + 1, node, unit, None, at, None, None, at))
            self._count(t.CASES, 1)

    def _count(self, table: Table, rows: int) -> None:
        self.changed[table.name] = self.changed.get(table.name, 0) + rows
