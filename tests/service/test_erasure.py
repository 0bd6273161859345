"""Whoever is gone from the store is forgotten by service and portal, place by place; record and numbers stay."""

import re
import uuid
from datetime import UTC, datetime

import psycopg

from service import erasure
from service.keys import load
from tests.service import campus
from tests.service.desk import T001, Desk
from tests.service.test_certificates import (  # fixtures of a service with certificates
    Person,
    at_desk,  # noqa: F401
    check,
    judge,
    provider,  # noqa: F401
    sealing,  # noqa: F401
)
from tests.service.test_jobs import OFFICER, hand_in
from warehouse.elsewhere import Gone

T003 = {"id_type": "staff_no", "id": "T003"}
BY_DOCUMENT = {"id_type": "doc:1", "country": "CHN", "id": "110101198001010015"}
# What a column is called, or of which type, that may hold something of a person.
_NAMES = re.compile(
    r"person|account|subjects?|subject_(key|id|a|b)|actor_(key|id)|parties|key_text|row|sealed|content|pdf|bearer"
)
_TYPES = ("bytea", "jsonb")


def rows(con: psycopg.Connection, table: str, where: str = "true") -> int:
    return con.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0]


def forget(at: Desk, gone: Gone, is_counted: bool = False) -> dict[str, int]:
    with at.owner.transaction():
        return dict(erasure.elsewhere(load(at.home), at.catalog).forget(at.owner, gone, is_counted))


def gone(at: Desk, *numbers: tuple[str, str], subjects: tuple[int, ...] = ()) -> Gone:
    return Gone(frozenset(numbers), frozenset(subjects))


def subject_of(at: Desk, number: str) -> int:
    found = at.owner.execute("SELECT subject_id FROM yici.link WHERE key = %s AND _to IS NULL", [number])
    return found.fetchone()[0]


def kept_of(at: Desk, number: str, actor: str, case_id: str) -> None:
    """Put a consent and a declared value of somebody there, and what the portal keeps of them."""
    keys = load(at.home)
    consent = (
        "INSERT INTO service.consent (id, client_id, case_id, service_item, subject_key, notice, version,"
        " notice_digest, elements, given_by, actor_key, evidence_digest, given_at)"
        " VALUES (gen_random_uuid(), %s, %s, %s, %s, 'N', '1', '', '{DH}', %s, %s, '', now())"
    )
    own, by = keys.subject_key("staff_no", number), keys.subject_key("staff_no", actor)
    given = "subject" if actor == number else "guardian"
    at.owner.execute(consent, [campus.HALL, case_id, campus.EMPLOYED, own, given, by])
    at.owner.execute(
        "INSERT INTO service.declared (id, subject_key, element, client_id, case_id, service_item, sealed, declared_at,"
        " confirmed_at) VALUES (gen_random_uuid(), %s, 'DH', %s, %s, %s, '\\x00', now(), now())",
        [own, campus.HALL, case_id, campus.EMPLOYED],
    )
    for table, columns in {
        "session (digest, person, id_type, csrf, began_at, seen_at)":
            "gen_random_uuid(), %s, 'staff_no', '', now(), now()",
        "draft (person, page, sealed, at)": "%s, '/', '{}', now()",
        "wish (person, source, base, edits, faults, left_alone, at)": "%s, '', 1, '[]', '[]', '[]', now()",
        "account (name, person, id_type, password_hash, totp_secret, totp_step, made_at)":
            "gen_random_uuid(), %s, 'staff_no', '', '', 0, now()",
    }.items():  # fmt: skip
        at.owner.execute(f"INSERT INTO portal.{table} VALUES ({columns}) ON CONFLICT DO NOTHING", [number])


def correct(at: Desk, subject: dict, case_id: str) -> None:
    body = {
        "subject": subject | {"capacity": "staff"}, "case_id": case_id, "element": "DW", "stated": "别处",
        "actor": {"user_id": subject["id"], "role": "applicant"}, "service_item": campus.EMPLOYED, "reason": "调动",
    }  # fmt: skip
    reply = at.post("/v1/corrections", body, **{"Idempotency-Key": uuid.uuid4().hex})
    assert reply.status_code == 201, reply.text


def test_everything_that_is_kept_of_one_person_goes_and_nothing_of_another(at_desk: Desk, provider, sealing):  # noqa: F811
    at, con = at_desk, at_desk.owner
    parties = [
        {"role": "applicant", **T001},
        {"role": "related", **BY_DOCUMENT},
        {"role": "co_applicant", **T003},
    ]
    case_id, other = at.case(parties=parties), at.case(parties=[{"role": "applicant", **T003}])
    kept_of(at, "T001", "T001", case_id)
    kept_of(at, "T003", "T001", other)
    holder = Person(at, provider, sealing=sealing)
    issued = holder.issue(shown=["XM"])
    paper, code = holder.paper(issued["certificate_id"]), holder.code(issued["certificate_id"])
    kept = Person(at, provider, "T003").issue()
    assert check(at, code)["standing"] == "valid"
    assert at.facts(["XM"], case_id=case_id).status_code == 200
    told = at.last()["transaction_id"]
    holder.post(f"usages/{told}:question", {"reason": "为何?"}, 201)
    for subject, own in ((T001, case_id), (T003, other)):
        correct(at, subject, own)
        at.claims([("XM", "eq", "谁")], subject, case_id=own)
        item = {"subject": subject, "case_id": own, "actor": OFFICER}
        assert hand_in(at, [item]).status_code == 202
    entries, sealed = rows(con, "service.record"), rows(con, "service.record_detail")

    # an equal number of another kind is somebody else's
    assert forget(at, gone(at, ("student_no", "T001")), is_counted=True) == {}
    con.execute(
        "INSERT INTO portal.draft (person, page, sealed, at) VALUES ('student_no:T001', '/', '', now())"
    )
    assert forget(at, gone(at, ("student_no", "T001"))) == {"portal.draft": 1}
    whom = gone(
        at, ("staff_no", "T001"), ("doc:1:CHN", BY_DOCUMENT["id"]), subjects=(subject_of(at, "T001"),)
    )
    wanted = {
        "service.certificate": 1, "service.certificate_share": 1, "service.certificate_view": 1, "service.declared": 1,
        "service.consent": 2, "service.question": 1, "service.correction": 1, "service.claim_miss": 1,
        "service.job_part": 1, "service.case": 1,
        "portal.session": 1, "portal.draft": 1, "portal.wish": 1, "portal.account": 1,
    }  # fmt: skip
    assert forget(at, whom, is_counted=True) == wanted
    assert rows(con, "service.declared") == 2
    assert forget(at, whom) == wanted
    assert forget(at, whom) == {}

    digests = load(at.home).subject_keys("staff_no", "T001")
    for table in ("declared", "consent", "question", "certificate"):
        assert not rows(con, f"service.{table}", f"subject_key = '{digests[0]}'"), table
    for table in ("session", "draft", "wish", "account"):
        assert con.execute(f"SELECT person FROM portal.{table} WHERE person IS NOT NULL").fetchall() == [
            ("T003",)
        ]
    left = dict(con.execute('SELECT id::text, parties FROM service."case"'))
    assert [one["id"] for one in left[case_id]] == ["T003"] and [one["id"] for one in left[other]] == ["T003"]
    (child,) = con.execute("SELECT actor_key FROM service.consent").fetchall()
    assert child == (erasure.ERASED,)
    assert rows(con, "service.claim_miss") == rows(con, "service.job") == 1
    emptied = "subject_id = 0 AND closed_at IS NOT NULL AND value_digest = ''"
    assert (rows(con, "service.correction"), rows(con, "service.correction", emptied)) == (2, 1)
    # The number stays, revoked, without what it said; the paper and its code are worth nothing.
    numbers = con.execute(
        "SELECT seq, subject_key, state, content IS NULL AND pdf IS NULL, revoked_at IS NOT NULL"
        " FROM service.certificate ORDER BY seq"
    ).fetchall()
    assert numbers[0] == (1, erasure.ERASED, "destroyed", True, True)
    assert (numbers[1][0], numbers[1][2], numbers[1][4]) == (2, "waiting", False)
    assert at.http.get(f"/verify/{code}", headers={"Accept": "application/json"}).status_code == 404
    assert judge(at, paper)["standing"] != "valid"
    assert (
        Person(at, provider, "T003")
        .get(f"certificates/{kept['certificate_id']}")
        .json()["number"]
        .endswith("2")
    )
    # The record stays as it was, and so do its details until their own day.
    assert (rows(con, "service.record"), rows(con, "service.record_detail")) >= (entries, sealed)
    assert rows(con, "service.record", f"transaction_id = '{told}'") == 1


def test_every_table_that_may_hold_a_person_is_reached_or_named_with_its_reason(at_desk: Desk):  # noqa: F811
    columns = at_desk.owner.execute(
        "SELECT c.table_schema || '.' || c.table_name, c.column_name, c.data_type FROM information_schema.columns c"
        " JOIN information_schema.tables t USING (table_schema, table_name)"
        " WHERE c.table_schema IN ('service', 'portal', 'yici') AND t.table_type = 'BASE TABLE'"
    ).fetchall()
    found = {table for table, column, kind in columns if _NAMES.fullmatch(column) or kind in _TYPES}
    reached = set(erasure.PLACES) | erasure.BY_RESOURCE
    told = "reach it in service/erasure.py, or say why it stays"
    assert found - reached - erasure.STAYS.keys() == set(), told
    assert reached | erasure.STAYS.keys() <= {table for table, _, _ in columns}
    assert not reached & erasure.STAYS.keys()
    assert all(reason.strip() for reason in erasure.STAYS.values())


def test_what_was_over_long_ago_is_forgotten_whoever_it_is_about(at_desk: Desk):  # noqa: F811
    at, con = at_desk, at_desk.owner
    old, young = at.case(), at.case()
    for case_id in (old, young):
        kept_of(at, "T001", "T001", case_id)
    con.execute("UPDATE service.\"case\" SET expires_at = '2020-01-01' WHERE id = %s", [old])
    kept = erasure.elsewhere(load(at.home), at.catalog)
    with con.transaction():
        wanted = {"service.consent": 1, "service.case": 1}
        before = datetime(2021, 1, 1, tzinfo=UTC)
        assert kept.expire(con, before, True) == kept.expire(con, before, False) == wanted
        assert kept.expire(con, before, False) == {}
    left = dict(con.execute('SELECT id::text, parties FROM service."case"').fetchall())
    assert left[old] == [] and [one["id"] for one in left[young]] == ["T001"]
    refused = at.facts(["XM"], case_id=old).json()
    assert refused["code"] == "CASE_NOT_VALID"
