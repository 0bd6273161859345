"""Changes of the catalog: proposed, decided, in effect, rolled back; the folder and the published versions."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest

from catalogs.changes.deciding import MayNotDecide
from catalogs.changes.edits import Edit
from catalogs.faults import CatalogError
from catalogs.loading import read_files
from catalogs.settings import settings
from tests.catalogs import small
from tests.catalogs.changes.governed import HR, HR_HEAD, OFFICE, PAPERS, campus, demand, filed
from tests.support import migrated
from tests.support.postgres import PgDatabase
from warehouse import catalog_folder, catalog_versions, history, proposals
from warehouse.catalog_changes import Desk, Hindered, today
from warehouse.connect import connect
from warehouse.migrate import upgrade
from warehouse.proposals import ProposalError, Wish

NEW = "demands/d-002.yaml"


class Campus:
    """A campus's folder, its warehouse, and a desk at it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch):
        self.folder, self.patch = folder, patch
        self.con = connect(autocommit=True)
        self.desk = Desk(self.con, settings())

    def write(self, changes) -> None:
        """Let people edit the folder by hand."""
        for name, data in small.with_files(read_files(self.folder), changes).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        for name, data in changes.items():
            if data is None:
                (self.folder / name).unlink(missing_ok=True)

    def propose(self, changes=None, by: str = HR, person: str = "甲", on: date | None = None, **keys):
        """Propose a change of files, or what the folder says."""
        if changes is None:
            edits = self.desk.wish_of_folder()
        else:
            files = {name: data for name, data in changes.items() if data is not None}
            edits = self.desk.wish_of_files(small.with_files({}, files))
        return self.desk.propose(Wish("一项变更", by, person, "试", "test", on), edits, **keys)[0]

    def decide(self, number: int, *posts: str, approve: bool = True):
        """Let posts decide, each with a person of its own."""
        for post in posts:
            self.desk.decide(number, post, f"{post} 的人", approve, "意见")
        return proposals.one(self.con, number)

    def text(self, name: str) -> str:
        """Return a file of the folder."""
        return (self.folder / name).read_text(encoding="utf-8")

    def days_pass(self, days: int) -> None:
        """Move the campus's clock."""
        self.patch.setenv("YICI_CLOCK_OFFSET_S", str(days * 86_400))

    @property
    def number(self) -> int:
        """The number of the version in use."""
        return self.desk.in_use().published.number


@pytest.fixture
def place(tmp_path: Path, pg_database: PgDatabase, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "campus"
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("YICI_CAMPUS", str(folder))
    migrated.begin()
    for name, data in campus().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def at(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Campus]:
    opened = Campus(place, monkeypatch)
    opened.desk.take_up()
    yield opened
    opened.con.close()


def test_the_first_content_is_published_as_it_is(at: Campus):
    (only,) = catalog_versions.every(at.con)
    assert (only.number, only.origin) == (1, "first")
    assert catalog_versions.files_of(at.con, only) == read_files(at.folder)


def test_a_hand_edit_is_told_and_not_used_until_it_is_decided(at: Campus):
    at.write({NEW: filed()})
    found = at.desk.take_up()
    assert found.published.number == 1 and "D-002" not in found.catalog.demands
    assert NEW in found.notes[0] and "yici catalog propose" in found.notes[0]
    number = at.propose().number
    assert at.desk.take_up().notes == ()
    at.decide(number, OFFICE)
    used = at.desk.take_up()
    assert used.published.number == 2 and used.catalog.demands["D-002"].decided_by == (OFFICE,)
    assert at.desk.take_up().notes == ()


def test_a_broken_hand_edit_does_not_stop_a_governed_campus(at: Campus):
    (at.folder / small.DEMAND).write_text('demandId: "D-001\n', encoding="utf-8")
    found = at.desk.take_up()
    assert found.published.number == 1 and small.DEMAND in found.notes[0]


def test_where_nobody_decides_the_next_run_publishes_the_folder(at: Campus, tmp_path: Path):
    at.con.execute("TRUNCATE yici.catalog_publication, yici.proposal, yici.proposal_event")
    (at.folder / "approvals.yaml").unlink()
    assert at.desk.take_up().published.number == 1
    at.write({NEW: filed() | {"decision": {"state": "granted", "by": ["post:me"], "on": "2026-01-01"}}})
    used = at.desk.take_up()
    assert (used.published.number, used.published.origin) == (2, "folder")
    assert used.catalog.demands["D-002"].decided_by == ("post:me",)
    at.write({NEW: filed() | {"elements": ["NOSUCH"]}})
    with pytest.raises(CatalogError):
        at.desk.take_up()
    assert at.number == 2


def test_a_hand_edit_cannot_take_away_the_need_to_decide(at: Campus):
    (at.folder / "approvals.yaml").unlink()
    assert at.desk.take_up().published.number == 1


def test_what_takes_effect_is_written_into_the_folder_and_comments_stay(at: Campus):
    path = at.folder / small.DEMAND
    path.write_text("# 每年一审\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    number = at.propose({small.DEMAND: demand(elements=["XM"])}).number
    at.decide(number, OFFICE)
    (applied,) = at.desk.apply_due()
    assert applied.version == 2
    assert at.text(small.DEMAND).startswith("# 每年一审\n") and "SFZH" not in at.text(small.DEMAND)
    assert read_files(at.folder) == at.desk.in_use().catalog.files
    assert proposals.one(at.con, number).state == "effective"


def test_what_is_decided_waits_for_its_date_and_may_be_withdrawn_before(at: Campus):
    tomorrow = today(at.desk.in_use().catalog) + timedelta(days=1)
    first, second = (
        at.propose({f"demands/{name}.yaml": filed(name)}, on=tomorrow).number for name in ("D-2", "D-3")
    )
    for number in (first, second):
        assert at.decide(number, OFFICE).state == "decided"
    assert at.desk.take_up().published.number == 1
    with pytest.raises(ProposalError, match="to withdraw"):
        at.desk.withdraw(first, OFFICE, "乙", "")
    at.desk.withdraw(first, HR, "甲", "不需要了")
    at.days_pass(1)
    assert [one.proposal for one in at.desk.apply_due()] == [second]
    with pytest.raises(ProposalError, match="rollback"):
        at.desk.withdraw(second, HR, "甲", "")


def test_one_refusal_closes_it_and_says_why(at: Campus):
    number = at.propose({NEW: filed()}).number
    with pytest.raises(ProposalError, match="opinion"):
        at.desk.decide(number, OFFICE, "乙", False, " ")
    assert at.decide(number, OFFICE, approve=False).state == "refused"
    with pytest.raises(ProposalError, match="refused"):
        at.decide(number, OFFICE)
    assert at.desk.apply_due() == []


def test_what_is_not_shared_is_refused_at_once_with_its_basis(at: Campus):
    found = at.propose({NEW: filed() | {"elements": ["YHKH"]}})
    assert found.state == "refused" and "校财〔2024〕12号" in found.events[-1].opinion


def test_sensitive_data_is_decided_by_two_persons_neither_of_whom_proposed_it(at: Campus):
    number = at.propose({NEW: filed() | {"elements": ["SFZH"]}}, by=OFFICE, person="甲").number
    with pytest.raises(MayNotDecide):
        at.desk.decide(number, OFFICE, "甲", True, "")
    at.desk.decide(number, OFFICE, "乙", True, "")
    with pytest.raises(MayNotDecide):
        at.desk.decide(number, HR, "乙", True, "")
    assert at.desk.decide(number, HR, "丙", True, "").state == "decided"


def test_silence_climbs_and_grants_nothing(at: Campus):
    contract = small.staff(shareType="conditional", shareCondition="逐项申请")
    at.decide(at.propose({small.STAFF: contract}).number, OFFICE)
    at.desk.apply_due()
    number = at.propose({NEW: filed() | {"elements": ["CSRQ"]}}, by="post:cw").number
    at.decide(number, OFFICE)
    with pytest.raises(MayNotDecide):
        at.decide(number, HR_HEAD)
    at.days_pass(30)
    assert proposals.one(at.con, number).state == "proposed"
    assert at.decide(number, HR_HEAD).state == "decided"


def test_a_content_that_breaks_newer_rules_stops_the_run_and_can_be_mended_by_a_proposal(at: Campus):
    broken = small.with_files(read_files(at.folder), {small.DEMAND: demand(elements=["NOSUCH"])})
    with catalog_versions.lock(at.con):
        catalog_versions.publish(at.con, broken, catalog_versions.FIRST, "folder", "by older rules")
    with pytest.raises(CatalogError):
        at.desk.take_up()
    at.decide(at.propose({small.DEMAND: demand()}).number, OFFICE, HR, "post:jw-data")
    assert at.desk.take_up().published.number == 3


def test_a_post_that_nobody_holds_proposes_nothing(at: Campus):
    with pytest.raises(ProposalError, match="post:hr-data"):
        at.propose({NEW: filed()}, by="post:hr-dat")


def test_a_proposal_with_errors_is_not_recorded_but_may_be_a_draft(at: Campus):
    wrong = {NEW: filed() | {"elements": ["NOSUCH"]}}
    with pytest.raises(Hindered, match=NEW):
        at.propose(wrong)
    assert proposals.listed(at.con) == []
    draft = at.propose(wrong, draft=True)
    with pytest.raises(Hindered):
        at.desk.submit(draft.number)
    right = at.propose({NEW: filed()}, draft=True)
    assert at.desk.submit(right.number).state == "proposed"
    assert proposals.one(at.con, right.number).state == "superseded"


def test_proposals_of_different_fields_of_one_contract_both_take_effect(at: Campus):
    one, other = small.staff(), small.staff()
    one["description"]["purpose"] = "在职教职工"
    other["schema"][0]["properties"].append(small.item("email"))
    numbers = [at.propose({small.STAFF: contract}).number for contract in (one, other)]
    assert at.desk.rivals(proposals.one(at.con, numbers[1])) == {}
    for number in numbers:
        at.decide(number, OFFICE)
    assert [applied.version for applied in at.desk.apply_due()] == [2, 3]
    resource = at.desk.in_use().catalog.resources["hr.staff"]
    assert (resource.purpose, resource.has_item("email"), resource.version) == ("在职教职工", True, "1.1.0")


def test_proposals_of_one_field_are_shown_as_rivals_and_the_second_is_blocked(at: Campus):
    first, second = (at.propose({small.DEMAND: demand(basis=text)}) for text in ("甲", "乙"))
    (conflict,) = at.desk.rivals(second)[first.number]
    assert conflict.edit.field == "basis"
    for number in (first.number, second.number):
        at.decide(number, OFFICE)
    applied = at.desk.apply_due()
    assert [one.version for one in applied] == [2, None]
    assert applied[1].is_blocked and "basis" in applied[1].notes[0]
    assert at.desk.in_use().catalog.demands["D-001"].basis == "甲"
    assert [str(one) for one in at.desk.present(proposals.one(at.con, second.number)).conflicts] != []
    at.desk.apply_due()
    assert [event.event for event in proposals.one(at.con, second.number).events].count("blocked") == 1


def test_what_somebody_edits_by_hand_meanwhile_is_merged_or_left_and_told(at: Campus):
    number = at.propose({small.DEMAND: demand(basis="新依据", frequency="daily")}).number
    at.write({small.DEMAND: demand(basis="手改", retention="一年")})
    at.decide(number, OFFICE)
    (applied,) = at.desk.apply_due()
    assert "basis" in applied.notes[1]
    assert '"手改"' in at.text(small.DEMAND) and '"一年"' in at.text(small.DEMAND)
    assert '"daily"' in at.text(small.DEMAND)
    used = at.desk.in_use().catalog.demands["D-001"]
    assert (used.basis, used.retention, used.frequency) == ("新依据", demand()["retention"], "daily")


def test_a_decision_written_by_hand_gives_way_to_the_one_that_was_made(at: Campus):
    at.write({NEW: filed() | {"decision": {"state": "granted", "by": ["post:me"], "on": "2020-01-01"}}})
    found = at.propose()
    assert "never imported" in found.notes[0]
    at.decide(found.number, OFFICE)
    at.desk.apply_due()
    assert "post:me" not in at.text(NEW) and OFFICE in at.text(NEW)
    assert at.desk.take_up().notes == ()


def test_a_roll_back_that_takes_back_is_a_new_version_at_once(at: Campus):
    at.decide(at.propose({NEW: filed()}).number, OFFICE)
    at.desk.apply_due()
    proposal, _ = at.desk.roll_back(1, Wish("回退", OFFICE, "乙", "误授", "rollback", rolls_back_to=1))
    assert proposal.state == "decided"
    at.desk.apply_due()
    newest = catalog_versions.newest(at.con)
    assert newest and (newest.number, newest.origin) == (3, "rollback")
    assert newest.digest == catalog_versions.one(at.con, 1).digest
    assert not (at.folder / NEW).exists()


def test_a_roll_back_that_would_grant_again_has_to_be_decided(at: Campus):
    at.decide(at.propose({small.DEMAND: demand(elements=["XM"])}).number, OFFICE)
    at.desk.apply_due()
    proposal, prepared = at.desk.roll_back(1, Wish("回退", HR, "甲", "试", "rollback", rolls_back_to=1))
    assert prepared.told and prepared.told.allows_more
    assert proposal.state == "proposed" and at.desk.apply_due() == []
    at.decide(proposal.number, OFFICE, HR)
    at.desk.apply_due()
    assert at.desk.in_use().catalog.demands["D-001"].elements == ("XM", "SFZH")


def test_what_another_proposal_has_brought_already_is_superseded(at: Campus):
    numbers = [at.propose({NEW: filed()}).number for _ in range(2)]
    for number in numbers:
        at.decide(number, OFFICE)
    at.desk.apply_due()
    assert [proposals.one(at.con, number).state for number in numbers] == ["effective", "superseded"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE yici.catalog_version SET files = ''",
        "DELETE FROM yici.catalog_publication",
        "UPDATE yici.catalog_publication SET note = 'x'",
        "UPDATE yici.proposal_event SET post = 'post:other'",
        "DELETE FROM yici.proposal_event",
        "UPDATE yici.proposal SET edits = '[]'",
        "DELETE FROM yici.proposal",
    ],
)
def test_nothing_published_or_decided_can_be_altered(at: Campus, statement: str):
    at.propose({NEW: filed()})
    with pytest.raises(psycopg.errors.RaiseException, match="keeps its rows"):
        at.con.execute(statement)


def _die_at(write: int) -> None:
    """Let a decided proposal take effect in a process that is killed at a write; 0: right before publishing."""
    original, done = catalog_folder._write, [0]

    def dying(target: Path, data: bytes) -> None:
        done[0] += 1
        if done[0] == write + 1:
            os.kill(os.getpid(), signal.SIGKILL)
        original(target, data)

    def before_publishing(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if write:
        catalog_folder._write = dying
    else:
        catalog_versions.publish = before_publishing
    with connect(autocommit=True) as con:
        Desk(con, settings()).apply_due()


@pytest.mark.parametrize(("write", "published"), [(0, False), (1, True), (2, True), (3, True)])
def test_a_process_killed_at_any_write_leaves_all_files_of_a_change_or_none(
    at: Campus, write: int, published: bool
):
    names = ("D-2", "D-3", "D-4")
    number = at.propose({f"demands/{name.lower()}.yaml": filed(name) for name in names}).number
    at.decide(number, OFFICE)
    process = multiprocessing.get_context("fork").Process(target=_die_at, args=(write,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert at.number == (2 if published else 1)
    at.desk.take_up()
    assert at.number == 2
    assert read_files(at.folder) == at.desk.in_use().catalog.files
    assert not list(at.folder.rglob("*.new"))


def test_a_folder_that_cannot_be_written_does_not_stop_the_change(
    at: Campus, monkeypatch: pytest.MonkeyPatch
):
    at.decide(at.propose({NEW: filed()}).number, OFFICE)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(catalog_folder, "carry_out", full)
        (applied,) = at.desk.apply_due()
    assert applied.version == 2 and "No space left" in applied.notes[1]
    at.desk.take_up()
    assert (at.folder / NEW).is_file()


def test_the_ledger_beside_landing_names_what_was_published_and_decided():
    assert {"proposal", "proposal_event", "catalog_publication"} <= history.EXPORTED


def test_an_edit_that_is_no_content_file_is_refused(at: Campus):
    wish = Wish("越界", HR, "甲", "", "test")
    for file in ("../outside.yaml", "/tmp/outside.yaml", "resources/../x.yaml"):
        with pytest.raises(Hindered, match="no such file belongs to a catalog"):
            at.desk.propose(wish, [Edit(file, "", "", None, {"a": "b"})])


def forged(con: psycopg.Connection, number: int, steps: list[int], post: str = OFFICE) -> None:
    """Write, as whoever has the portal's connection can, that a post approved."""
    con.execute(
        """INSERT INTO yici.proposal_event (proposal, at, on_day, event, post, person, steps, opinion)
           VALUES (%s, now(), current_date, 'approved', %s, '冒名', %s, '同意')""",
        [number, post, steps],
    )


def called_decided(con: psycopg.Connection, number: int) -> None:
    con.execute("UPDATE yici.proposal SET state = 'decided' WHERE number = %s", [number])


def test_a_stolen_connection_of_the_portal_lets_nothing_take_effect_that_nobody_decided(at: Campus):
    wish = filed() | PAPERS | {"elements": ["SFZH"]}
    only_called, half, whole = (at.propose({NEW: wish | {"basis": basis}}).number for basis in "甲乙丙")
    at.con.execute("SET ROLE yici_portal")
    called_decided(at.con, only_called)
    forged(at.con, half, [0])
    forged(at.con, whole, [0])
    forged(at.con, whole, [1], HR)
    called_decided(at.con, whole)
    # a proposal of its own that says of itself that nobody has to decide it
    (own,) = at.con.execute(
        """INSERT INTO yici.proposal (title, author, person, reason, source, base, edits, notes, route, told, state, at,
               changed_at)
           SELECT title, author, person, reason, source, base, edits, notes,
               '{"steps": [], "refused": "", "missing": []}', told, 'draft', at, changed_at
           FROM yici.proposal WHERE number = %s RETURNING number""",
        [whole],
    ).fetchone()
    called_decided(at.con, own)
    at.con.execute("RESET ROLE")
    assert at.decide(half, HR).state == "decided"
    told = {one.proposal: one for one in at.desk.apply_due()}
    assert {number: one.is_blocked for number, one in told.items()} == dict.fromkeys(
        (only_called, half, whole, own), True
    )
    assert "keys/decisions" in told[half].notes[0] and OFFICE in told[half].notes[0]
    assert f"{OFFICE} (demand D-002)" in told[own].notes[0]
    assert at.number == 1
    assert at.desk.withdraw(half, HR, "甲", "重新提出").state == "withdrawn"


def test_who_has_to_decide_is_asked_again_on_the_day_of_effect(at: Campus):
    """What was unconditional when it was proposed and is conditional now needs the provider as well."""
    later = today(at.desk.in_use().catalog) + timedelta(days=10)
    waiting = at.propose({NEW: filed()}, on=later).number
    assert at.decide(waiting, OFFICE).state == "decided"
    stricter = small.staff()
    on_condition = {"shareType": "conditional", "shareCondition": "逐项申请"}
    stricter["schema"][0]["properties"][1] = small.item("name", "XM", required=True, custom=on_condition)
    at.decide(at.propose({small.STAFF: stricter}).number, OFFICE)
    assert [one.version for one in at.desk.apply_due()] == [2]
    at.days_pass(10)
    (applied,) = at.desk.apply_due()
    assert applied.is_blocked and HR in applied.notes[0] and "propose it anew" in applied.notes[0]
    assert "D-002" not in at.desk.in_use().catalog.demands


def test_what_was_approved_before_approvals_were_sealed_still_counts(
    pg_database: PgDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("YICI_DATABASE_URL", pg_database.url)
    monkeypatch.setenv("YICI_HOME", str(tmp_path / "home"))
    upgrade("0032")
    with connect(autocommit=True) as con:
        con.execute(
            """INSERT INTO yici.proposal (number, title, author, person, reason, source, base, edits, notes, route,
                   told, state, at, changed_at)
               VALUES (1, 't', 'post:a', 'p', '', 'test', 1,
                   '[{"file": "units.csv", "entry": "RS", "field": "nameZh", "old": "甲", "new": "乙"}]', '[]',
                   '{"steps": [], "refused": "", "missing": []}', '{}', 'decided', now(), now())"""
        )
        forged(con, 1, [0])
        upgrade()
        forged(con, 1, [1])
        assert [one.steps for one in proposals.one(con, 1).proven().decisions] == [(0,)]
