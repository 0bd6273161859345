"""Tickets from the first failing row to the last: opened, closed, reopened, overdue, climbed, answered."""

from datetime import date, timedelta

import psycopg
import pytest

from expectations.quality import desk, routine
from expectations.quality.desk import TicketError
from expectations.quality.terms import terms
from tests.expectations.quality.conftest import people
from tests.support import campus
from warehouse.connect import connect


@pytest.fixture
def con(office):
    """The owner's connection; after `office` has named the database."""
    with connect(autocommit=True) as opened:
        yield opened


def events(con, number: int) -> list[str]:
    return [one.event for one in desk.one(con, number)[1]]


def test_a_failed_rule_opens_one_ticket_to_the_steward_with_a_deadline(office, con):
    at = office()
    done = at.publish(people(wrong=3))
    assert (done.opened, done.closed) == (1, 0)
    (one,) = desk.listed(con)
    assert (one.resource, one.rule, one.unit, one.post) == ("hr.staff", "sex.code", "RS", "post:hr-steward")
    assert one.rows_failed == 3
    assert "性别" in one.about
    calendar = at.catalog.calendar
    assert one.due_on == calendar.add_working_days(one.opened_on, 5)


def test_the_same_fault_in_the_next_extract_opens_no_second_ticket(office, con):
    at = office()
    at.publish(people(wrong=3))
    assert at.publish(people(wrong=5)).opened == 0
    (one,) = desk.listed(con)
    assert one.rows_failed == 5


def test_a_ticket_closes_itself_when_the_next_extract_is_clean(office, con):
    at = office()
    at.publish(people(wrong=3))
    assert at.publish(people()).closed == 1
    (one,) = desk.listed(con, everything=True)
    assert one.state == "closed"
    assert events(con, one.id) == ["opened", "closed"]


def test_a_fault_that_comes_back_soon_reopens_its_ticket_with_its_history(office, con):
    at = office()
    at.publish(people(wrong=3))
    at.publish(people())
    at.days_pass(3)
    at.publish(people(wrong=1))
    (one,) = desk.listed(con, everything=True)
    assert (one.state, one.reopened) == ("open", 1)
    assert events(con, one.id) == ["opened", "closed", "reopened"]
    assert one.due_on > one.opened_on + timedelta(days=5)


def test_a_fault_that_comes_back_late_is_a_new_ticket(office, con):
    at = office("{reopenDays: 14}")
    at.publish(people(wrong=3))
    at.publish(people())
    at.days_pass(20)
    at.publish(people(wrong=1))
    assert [one.state for one in desk.listed(con, everything=True)] == ["open", "closed"]


def test_an_overdue_ticket_climbs_to_the_accountable_post_and_then_to_the_data_office(office, con):
    at = office("{mendDays: {warning: 2}, climbDays: 2}")
    at.publish(people(wrong=3))
    (one,) = desk.listed(con)
    assert routine.every_day(con, at.catalog).climbed == 0
    at.days_pass(6)
    routine.every_day(con, at.catalog)
    (one,) = desk.listed(con)
    assert (one.post, one.level) == ("post:hr-director", 1)
    assert routine.every_day(con, at.catalog).climbed == 0
    at.days_pass(6)
    routine.every_day(con, at.catalog)
    at.days_pass(12)
    routine.every_day(con, at.catalog)
    (one,) = desk.listed(con)
    assert (one.post, one.level) == ("post:xx-director", 2)
    assert events(con, one.id) == ["opened", "overdue", "climbed", "climbed"]


def test_a_vacant_stewards_post_leaves_the_ticket_to_the_accountable_one(office, con):
    units = """code,nameZh,nameEn,parent,kind,uscc,accountable,steward,contact,successor,validFrom,validTo
RS,人事处,HR,,机关,,post:hr-director,张三,,,2000-01-01,
"""
    contract = campus.CONTRACT.format(mode="full", absence="keep_as_former", extra="").replace(
        'team: {name: "人事处", members: [{username: "post:hr-steward", role: "steward"}]}\n', ""
    )
    at = office(**{"units.csv": units, "resources/hr/staff.odcs.yaml": contract})
    at.publish(people(wrong=1))
    (one,) = desk.listed(con)
    assert one.post == "post:hr-director"


def test_a_rules_ticket_is_not_closed_by_hand(office, con):
    at = office()
    at.publish(people(wrong=1))
    (one,) = desk.listed(con)
    with pytest.raises(TicketError, match="closes itself"):
        desk.answer(con, one.id, "post:hr-steward", "已处理")
    assert desk.listed(con)[0].state == "open"


def test_comments_and_hand_overs_stay_in_the_history_which_nobody_alters(office, con):
    at = office()
    at.publish(people(wrong=1))
    (one,) = desk.listed(con)
    desk.comment(con, one.id, "post:hr-steward", "正在核对")
    desk.hand_over(
        con, at.catalog, terms(at.catalog), one.id, "post:hr-steward", "post:hr-director", "请安排"
    )
    assert desk.listed(con)[0].post == "post:hr-director"
    assert events(con, one.id) == ["opened", "commented", "handed"]
    for change in ("UPDATE yici.ticket_event SET text = ''", "DELETE FROM yici.ticket_event"):
        with pytest.raises(psycopg.errors.RaiseException, match="keeps its rows"):
            con.execute(change)


def test_what_a_person_told_is_closed_only_after_the_person_was_answered(office, con):
    at = office()
    wanted = terms(at.catalog)
    one = desk.tell(con, at.catalog, wanted, "complaint", "工资条上的职务是旧的", "TS-2026-17", "hr.staff")
    assert (one.kind, one.post, one.reference) == ("person", "post:hr-steward", "TS-2026-17")
    at.publish(people())
    assert [ticket.id for ticket in desk.listed(con)] == [one.id]
    with pytest.raises(TicketError):
        desk.answer(con, one.id, "post:hr-steward", "  ")
    desk.answer(con, one.id, "post:hr-steward", "已更正，并电话告知")
    assert desk.listed(con) == []
    assert events(con, one.id) == ["opened", "answered", "closed"]


@pytest.mark.parametrize(
    "text", ["张某 11010519491231002X 的职务错", "请联系 138 1234 5678", "回复 a.b@t.example"]
)
def test_a_text_that_names_a_person_is_refused_and_nothing_is_kept(office, con, text):
    at = office()
    with pytest.raises(TicketError, match="Nothing was recorded"):
        desk.tell(con, at.catalog, terms(at.catalog), "complaint", text, "TS-1", "hr.staff")
    assert con.execute("SELECT count(*) FROM yici.ticket").fetchone()[0] == 0


@pytest.mark.parametrize(
    ("channel", "reference", "resource", "unit", "told"),
    [
        ("rumour", "1", "hr.staff", "", "complaint, experience"),
        ("complaint", " ", "hr.staff", "", "reference"),
        ("complaint", "1", "hr.stuff", "", 'did you mean "hr.staff"'),
        ("complaint", "1", "", "", "unit"),
    ],
)
def test_a_report_that_nobody_could_answer_is_refused(office, con, channel, reference, resource, unit, told):
    at = office()
    with pytest.raises(TicketError) as caught:
        desk.tell(con, at.catalog, terms(at.catalog), channel, "说明", reference, resource, unit)
    assert told in str(caught.value)


def test_a_release_after_a_failed_step_makes_up_for_it(office, con):
    at = office()
    at.land(people(wrong=3))
    at.release()
    at.land(people(wrong=3))
    at.release()
    done = at.settle()
    assert done.opened == 1
    assert con.execute("SELECT array_agg(release ORDER BY release) FROM yici.quality_release").fetchone()[
        0
    ] == [1, 2]


def test_settling_a_release_twice_changes_nothing(office, con):
    at = office()
    at.publish(people(wrong=3))
    before = con.execute("SELECT count(*) FROM yici.ticket_event").fetchone()[0]
    assert (at.settle().opened, at.settle().closed) == (0, 0)
    assert con.execute("SELECT count(*) FROM yici.ticket_event").fetchone()[0] == before


def test_scores_have_one_row_per_day_and_past_days_stay(office, con):
    at = office()
    at.publish(people(wrong=10))
    at.publish(people(wrong=20))
    at.days_pass(1)
    at.publish(people())
    rows = con.execute(
        "SELECT day, round(score) FROM yici.score WHERE scope = 'unit' AND dimension = 'conformity' ORDER BY day"
    ).fetchall()
    assert [score for _, score in rows] == [80, 100]
    assert isinstance(rows[0][0], date)


def test_no_table_of_quality_holds_a_value_of_a_row(office, con):
    canary = "金丝雀甲乙丙"
    at = office()
    rows = [*people(50), campus.row(51, name=canary, sex=canary), campus.row(52, salary=canary)]
    at.publish(rows)
    assert len(desk.listed(con)) == 2
    for table in ("rule_state", "score", "ticket", "ticket_event", "notice"):
        found = con.execute(f"SELECT count(*) FROM yici.{table} t WHERE t::text LIKE %s", [f"%{canary}%"])
        assert found.fetchone()[0] == 0
