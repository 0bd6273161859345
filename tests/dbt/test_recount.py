"""The marts of the reform against a count of their own over rows that are made to be awkward.

Moments lie around midnight and noon of the campus, around weekends, holidays and working weekends, around the day of
publication and the limits of years; people come twice in a half-day, agents come for several, cases are withdrawn,
reopened, drafts, without a promised day or an item that the catalog has.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from psycopg import sql

from catalogs.dbt_files import assemble
from catalogs.model import Catalog
from tests.dbt.recount import Recount, Rows
from tests.dbt.running import dbt
from tests.dbt.shapes import RELEASE, show
from tests.support.postgres import PgServer
from tests.support.reference import reference_campus

_ZONE = ZoneInfo("Asia/Shanghai")
_AS_OF = date(2026, 10, 20)
_CASES = 70
_HALL = tuple(
    f"hall.{name}"
    for name in (
        "cases",
        "case_materials",
        "case_steps",
        "corrections",
        "appointments",
        "evaluations",
        "enquiries",
    )
)
_CLOCKS = (
    time(0, 0), time(0, 5), time(7, 59), time(11, 59, 59, 999999), time(12, 0), time(12, 30), time(16, 0),
    time(23, 59, 59, 999999),
)  # fmt: skip
# Working weekends and holidays of autumn and spring, the day of publication, both ends of a year, the release's day.
_DAYS = (
    date(2025, 10, 20), date(2025, 10, 21), date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 4), date(2026, 6, 29),
    date(2026, 6, 30), date(2026, 8, 31), date(2026, 9, 13), date(2026, 9, 20), date(2026, 9, 30), date(2026, 10, 1),
    date(2026, 10, 7), date(2026, 10, 8), date(2026, 10, 10), date(2026, 10, 11), date(2026, 10, 19), _AS_OF,
)  # fmt: skip
# Mart → columns that the count gives, in its order.
_COLUMNS = {
    "visit_evidence": "month_on service_item cases_closed real_without_visit real_with_one_visit real_with_more_visits"
    " recorded_at_most_once real_at_most_once_share cases_beyond_promise cases_corrected cases_with_correction_visit",
    "deadline": "month_on service_item cases closed_in_time closed_late closed_without_promise open_within open_beyond"
    " mean_working_days",
    "unit_league": "month_on unit cases_closed at_most_once_share without_visit_share cases_with_promise in_time_share"
    " mean_working_days mean_materials materials_spared corrected_twice_share evaluations satisfied_share",
    "before_after": "service_item cases_before cases_after mean_days_before mean_days_after mean_materials_before"
    " mean_materials_after",
    "spared": "service_item cases materials_given materials_spared",
    "service_item_volume": "period_kind period_on service_item cases volume_rank is_high_frequency",
    "demand_week": "week_on service_item event cases times_usual",
    "evaluation": "month_on service_item level_5 level_4 level_3 level_2 level_1 satisfied_share poor_called_back"
    " poor_waiting longest_wait_days poor_beyond_limit",
    "hand_over": "month_on service_item unit steps handed_over returned waiting mean_hours",
    "enquiry_topics": "month_on service_item topic enquiries unanswered not_solved mean_days_to_answer",
}  # fmt: skip


@pytest.fixture(scope="module")
def campus() -> Catalog:
    return reference_campus()


@pytest.fixture(scope="module")
def built(pg_server: PgServer, campus: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple]:
    """A database with the models over empty tables, and mart → the statement that makes it."""
    database = pg_server.create_database()
    with database.connect() as con:
        show(con, campus)
    project = assemble(campus, tmp_path_factory.mktemp("dbt"))
    output = dbt(project, database, "run", "--select", *(f"+mart_reform__{name}" for name in _COLUMNS))
    compiled = {
        path.stem: path.read_text(encoding="utf-8") for path in project.glob("target/compiled/**/*.sql")
    }
    assert {f"mart_reform__{name}" for name in _COLUMNS} <= compiled.keys(), output
    yield database, compiled
    pg_server.drop_database(database)


class _Awkward:
    """Makes rows of the hall."""

    def __init__(self, catalog: Catalog, seed: int) -> None:
        self.random = Random(seed)
        self.items = [*self.random.sample(sorted(catalog.services), 4), "BY-HAND"]
        self.people = [f"P{number}" for number in range(6)]

    def moment(self, least: datetime | None = None) -> datetime:
        """Return a moment, not before another one."""
        day = self.random.choice(_DAYS)
        if least and self.random.random() < 0.7:
            day = least.astimezone(_ZONE).date() + timedelta(days=self.random.choice((0, 0, 1, 2, 7, 40)))
        found = datetime.combine(day, self.random.choice(_CLOCKS), _ZONE)
        return max(found, least) if least else found

    def perhaps(self, value, share: float = 0.5):
        return value if self.random.random() < share else None

    def rows(self) -> Rows:
        found: Rows = {name: [] for name in _HALL}
        for number in range(_CASES):
            self._case(found, f"B{number:03d}")
        for number in range(_CASES):
            found["hall.appointments"].append({
                "appointment_no": f"Y{number}", "service_item": self.random.choice(self.items),
                "applicant_no": self.random.choice(self.people), "campus": self.random.choice(("1", "2", None)),
                "slot_at": self.moment(), "state": self.random.choice("133345"),
            })  # fmt: skip
        for number in range(30):
            asked = self.moment()
            found["hall.enquiries"].append({
                "enquiry_no": f"Z{number}", "service_item": self.random.choice([*self.items, None]),
                "topic": self.random.choice(("所需材料", None)), "unit": "JW", "asked_at": asked,
                "answered_at": self.perhaps(self.moment(asked)), "solved": self.random.choice((True, False, None)),
            })  # fmt: skip
        return found

    def _case(self, found: Rows, number: str) -> None:
        random, submitted = self.random, self.moment()
        accepted = self.perhaps(self.moment(submitted), 0.9)
        closed = self.moment(accepted or submitted)
        status = random.choice("0123456777777789")
        if status not in "5678":
            # A case that was reopened may keep the day on which it was closed first.
            closed = self.perhaps(closed, 0.1)
        found["hall.cases"].append({
            "case_no": number, "service_item": random.choice(self.items), "applicant_kind": "student",
            "applicant_no": random.choice(self.people), "agent_no": self.perhaps(random.choice(self.people), 0.3),
            "channel": random.choice("123456"), "campus": random.choice(("1", "2", None)),
            "lead_unit": random.choice(("JW", "CW")), "status": status, "submitted_at": submitted,
            "accepted_at": accepted, "promised_on": self.perhaps(self.moment(submitted).date(), 0.8),
            "closed_at": closed, "visits": random.choice((0, 0, 0, 1, 1, 2, 3)), "materials": 0,
        })  # fmt: skip
        for material in range(random.randrange(4)):
            found["hall.case_materials"].append({
                "case_no": number, "material": f"M{material}", "handed_at": self.perhaps(self.moment(submitted), 0.9),
                "way": random.choice(("paper", "original", "upload", "spared")), "copies": 1,
            })  # fmt: skip
        for turn in range(random.choice((0, 0, 0, 1, 2))):
            asked = self.moment(submitted)
            found["hall.corrections"].append({
                "correction_id": len(found["hall.corrections"]), "case_no": number, "round": turn + 1,
                "asked_at": asked, "answered_at": self.perhaps(self.moment(asked), 0.8),
            })  # fmt: skip
        arrived = submitted
        for seq in range(random.randrange(4)):
            done = self.perhaps(self.moment(arrived), 0.8)
            found["hall.case_steps"].append({
                "case_no": number, "seq": seq + 1, "unit": random.choice(("JW", "CW", "XX")), "arrived_at": arrived,
                "done_at": done, "action": done and random.choice(("pass", "return", "close")),
            })  # fmt: skip
            arrived = done or arrived
        if random.random() < 0.6:
            told = self.moment(closed or submitted)
            told = min(told, datetime.combine(_AS_OF, time(8), _ZONE))
            found["hall.evaluations"].append({
                "case_no": number, "stars": random.choice("12345"), "evaluated_at": told,
                "replied_at": self.perhaps(self.moment(told)),
            })  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_every_mart_counts_what_a_count_by_its_definition_gives(built, campus, seed):
    database, compiled = built
    rows = _Awkward(campus, seed).rows()
    recount = Recount(campus, rows, _AS_OF)
    with database.connect() as con:
        con.execute(f"SET yici.release = {RELEASE}")
        for name in _HALL:
            con.execute(sql.SQL("TRUNCATE raw.{}").format(sql.Identifier(campus.resources[name].table)))
        show(con, campus, rows)
        for name, columns in _COLUMNS.items():
            wanted = getattr(recount, name)()
            chosen = ", ".join(columns.split())
            told = con.execute(
                f"SELECT {chosen} FROM ({compiled[f'mart_reform__{name}']}) AS mart"
            ).fetchall()
            assert len(told) == len(wanted) > 0, name
            assert set(told) == wanted, name


def test_the_places_of_the_league_follow_from_its_shares(built, campus):
    """Whoever has fewer than twenty cases in a month has no place, and nobody is placed behind somebody worse."""
    database, compiled = built
    awkward = _Awkward(campus, 99)
    closed = datetime(2026, 9, 10, 10, tzinfo=_ZONE)
    rows: Rows = {name: [] for name in _HALL}
    for unit, cases in (("JW", 20), ("CW", 25), ("RS", 19), ("XX", 40)):
        for number in range(cases):
            rows["hall.cases"].append({
                "case_no": f"{unit}{number}", "service_item": "BY-HAND", "applicant_no": "P1", "lead_unit": unit,
                "channel": "2", "status": "7", "submitted_at": closed - timedelta(days=3), "closed_at": closed,
                "promised_on": awkward.perhaps(date(2026, 9, awkward.random.choice((9, 10))), 0.8),
                "visits": awkward.random.choice((0, 1, 2)),
            })  # fmt: skip
    with database.connect() as con:
        con.execute(f"SET yici.release = {RELEASE}")
        for name in _HALL:
            con.execute(sql.SQL("TRUNCATE raw.{}").format(sql.Identifier(campus.resources[name].table)))
        show(con, campus, rows)
        told = con.execute(
            "SELECT unit, place, at_most_once_share, in_time_share FROM"
            f" ({compiled['mart_reform__unit_league']}) AS mart ORDER BY place"
        ).fetchall()
    assert {unit for unit, place, *_ in told if place is None} == {"RS"}
    ranked = [shares for _, place, *shares in told if place is not None]
    assert ranked == sorted(ranked, reverse=True) and len(ranked) == 3
