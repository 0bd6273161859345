"""What an applicant typed in one form is offered in the next, never in place of a verified fact, until deleted."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from datetime import timedelta

import asyncpg
import psycopg
import pytest

import catalogs
from catalogs.settings import now
from service import declared
from service.configuration import Configuration
from service.login import LoginSettings
from tests.service import campus, rights
from tests.service.conftest import opened, service_url
from tests.service.desk import CANARY, T001, Desk
from tests.service.rights import BADGE, PAPER, PLACE, party
from tests.service.test_access import refused
from tests.service.test_consents import LOGIN, me

T003 = {"id_type": "staff_no", "id": "T003"}
PHONE = "13712345678"


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("home")
    (home / "login.json").write_text(json.dumps({"keys": [LOGIN.as_dict(private=False)]}))
    login = LoginSettings("https://login.example", "yici", str(home / "login.json"), {"sub": "staff_no"})
    content = catalogs.load(with_windows())
    with opened(pg_module_database, home, Configuration(login=login), content, rights.ROWS) as found:
        yield found


def with_windows() -> dict[str, bytes]:
    """Return the campus of rights with T002 at the windows of 人事处, and T001 at those of 教务处."""
    found = rights.files()
    desks = {"RS,人事处,HR": "post:rs-desk", "JW,教务处,Academic affairs": "post:jw-desk"}
    units = found["units.csv"].decode()
    for unit, desk in desks.items():
        units = units.replace(f"{unit},,机关,,post:a,post:b,,", f"{unit},,机关,,post:a,post:b,{desk},")
    found["units.csv"] = units.encode()
    found["posts.csv"] = (
        b"id,person,post,role,validFrom,validTo,deputyOf,note\n"
        b"P-1,T002,post:rs-desk,clerk,2020-01-01,,,\nP-2,T001,post:jw-desk,clerk,2020-01-01,,,\n"
    )
    return found


@pytest.fixture(autouse=True)
def nothing_declared(at_desk: Desk) -> None:
    at_desk.owner.execute("DELETE FROM service.declared")


def typed(
    at_desk: Desk, values: dict[str, str], subject=T003, item: str = PLACE, key: str | None = None, **changes
):
    """Hand in what a person typed in the form of a service item."""
    applicant = {"role": "applicant", **subject}
    body = {
        "subject": subject,
        "case_id": changes.pop("case_id", None) or at_desk.case(item, [applicant]),
        "actor": {"user_id": subject["id"], "role": "applicant"},
        "service_item": item,
        "values": [{"element": element, "value": value} for element, value in values.items()],
    } | changes
    return at_desk.post("/v1/declared", body, **{"Idempotency-Key": key or uuid.uuid4().hex})


def filled(at_desk: Desk, subject=T003, item: str = BADGE, client_id: str = campus.HALL) -> dict:
    body = {
        "subject": subject,
        "case_id": at_desk.case(item, [{"role": "applicant", **subject}], client_id),
        "actor": {"user_id": subject["id"], "role": "applicant"},
    }
    reply = at_desk.post(f"/v1/service-items/{item}:prefill", body, client_id)
    assert reply.status_code == 200, reply.text
    return reply.json() | {"request": body}


def field(answer: dict, name: str) -> dict:
    return next(one for one in answer["fields"] if one["field"] == name)


def test_what_was_asked_in_one_form_is_offered_in_another_for_confirmation(at_desk: Desk):
    assert field(filled(at_desk), "cc")["status"] == "applicant"
    reply = typed(at_desk, {"CC": "42.50", "XZ": "一致"})
    assert reply.status_code == 201, reply.text
    assert [one["element"] for one in reply.json()["declared"]] == ["CC", "XZ"]
    answer = filled(at_desk)
    size = field(answer, "cc")
    assert (size["status"], size["value"], size["editable"], size["masked"]) == (
        "available",
        "42.5",
        True,
        False,
    )
    said = size["verification"]
    assert (said["level"], said["verifier"]) == ("self_declared", "applicant")
    assert said["evidence"][0]["source"] == "self_declared"
    assert size["lastupdated"] == size["confirmed_at"]
    choice = field(answer, "xz")
    assert (choice["value"], choice["code"], choice["code_system"]) == ("一致", "1", "check_results")
    assert {"CC", "XZ"} <= set(at_desk.last()["elements"])


def test_only_a_grant_for_the_purpose_opens_it_under_the_grants_mask(at_desk: Desk):
    typed(at_desk, {"CC": "42", "JJDH": PHONE})
    without = filled(at_desk, item=PLACE)
    assert field(without, "cc")["status"] == "not_permitted"
    theirs = filled(at_desk, client_id=campus.PORTAL)
    assert (field(theirs, "jjdh")["value"], field(theirs, "cc")["status"]) == ("137****5678", "not_permitted")
    assert PHONE not in json.dumps(filled(at_desk))
    assert field(filled(at_desk, T001), "cc")["status"] == "applicant"  # nobody else's
    reply = at_desk.facts(["CC"], T003, at_desk.case(BADGE, [{"role": "applicant", **T003}]), BADGE)
    assert reply.json()["code"] == "ELEMENT_NOT_GRANTED"


def test_where_a_notice_is_named_it_is_offered_on_consent_only(at_desk: Desk):
    typed(at_desk, {"JJDH": PHONE})
    answer = filled(at_desk, item=PLACE)
    assert (field(answer, "jjdh")["reason"], field(answer, "jjdh")["notice"]) == (
        "consent_required",
        rights.PHONE,
    )
    request = answer["request"]
    consent = request | {
        "service_item": PLACE,
        "notice": rights.PHONE,
        "version": "1",
        "evidence_digest": "0" * 64,
    }
    given = at_desk.post("/v1/consents", consent, **{"Idempotency-Key": uuid.uuid4().hex})
    assert given.status_code == 201, given.text
    again = at_desk.post(f"/v1/service-items/{PLACE}:prefill", request).json()
    assert field(again, "jjdh")["value"] == "137****5678"


def test_it_never_takes_the_place_of_a_verified_fact_and_spares_no_paper(at_desk: Desk):
    typed(at_desk, {"DH": PHONE}, T001)
    official = field(filled(at_desk, T001), "dh")
    assert (official["value"], official["verification"]["level"]) == ("13900000001", "authoritative")
    typed(at_desk, {"DH": PHONE})
    answer = filled(at_desk)
    assert field(answer, "dh")["value"] == PHONE
    (material,) = answer["materials"]
    assert (material["outcome"], material["reasons"]) == ("still_required", ["DH:not_found"])


def test_a_new_value_takes_the_place_of_the_old_one_under_whatever_number_the_person_comes(at_desk: Desk):
    typed(at_desk, {"CC": "41"})
    typed(at_desk, {"CC": "43"}, {"id_type": "student_no", "id": "X003"})
    assert field(filled(at_desk), "cc")["value"] == "43"
    kept = at_desk.owner.execute(
        "SELECT sealed IS NULL, ended_by FROM service.declared ORDER BY declared_at"
    ).fetchall()
    assert kept == [(True, "replaced"), (False, None)]


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ({"CC": "big"}, [("/values/0/value", "type")]),
        ({"CC": "NaN"}, [("/values/0/value", "type")]),
        ({"XZ": "3"}, [("/values/0/value", "unknown_code")]),
        ({"JJDH": "12345"}, [("/values/0/value", "format")]),
        ({"JJDH": "'; DROP TABLE service.declared; --"}, [("/values/0/value", "format")]),
        ({"CC": "42", "XM": "某人"}, [("/values/1/element", "not_declared_in_form")]),
        ({"NONE": "1"}, [("/values/0/element", "not_declared_in_form")]),
    ],
)
def test_what_is_none_of_its_element_or_not_asked_in_the_form_is_refused(at_desk: Desk, values, errors):
    reply = typed(at_desk, values)
    refused(at_desk, reply, 422, "INVALID_PARAMETER")
    assert [(one["pointer"], one["code"]) for one in reply.json()["errors"]] == errors
    assert at_desk.owner.execute("SELECT count(*) FROM service.declared").fetchone()[0] == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"actor": {"user_id": "T003", "role": "officer"}}, "SELF_ACCESS_FORBIDDEN"),
        ({"actor": {"user_id": "U1", "role": "officer"}}, "NOT_PERMITTED"),
        ({"actor": {"user_id": "T001", "role": "applicant"}}, "NOT_PERMITTED"),
        ({"service_item": campus.TRANSFER}, "CASE_NOT_VALID"),
        ({"service_item": "S-NONE"}, "PURPOSE_NOT_GRANTED"),
    ],
)
def test_only_the_person_declares_and_only_in_a_case_of_theirs(at_desk: Desk, changes, code):
    assert typed(at_desk, {"CC": "42"}, **changes).json()["code"] == code


def test_for_a_child_the_guardian_declares_and_is_offered_it(at_desk: Desk):
    subject = {"id_type": "pupil_no", "id": "P08"}
    parties = [
        party("applicant", "pupil_no", "P08"),
        party("guardian", "staff_no", "T001", authorisation=PAPER),
    ]
    case_id = at_desk.case(BADGE, parties)
    guardian = {"user_id": "T001", "role": "guardian"}
    alone = typed(at_desk, {"CC": "30"}, subject, BADGE, case_id=case_id)
    assert alone.json()["code"] == "NOT_PERMITTED"
    assert typed(at_desk, {"CC": "30"}, subject, BADGE, case_id=case_id, actor=guardian).status_code == 201
    body = {"subject": subject, "case_id": case_id, "actor": guardian}
    answer = at_desk.post(f"/v1/service-items/{BADGE}:prefill", body).json()
    assert field(answer, "cc")["value"] == "30"


def test_what_the_applicant_leaves_as_it_is_is_dated_anew_and_what_not_is_destroyed(at_desk: Desk):
    typed(at_desk, {"CC": "42", "XZ": "1"})
    first = filled(at_desk)
    fields = [
        {
            "field": name,
            "source": "self_declared",
            "serial": field(first, name)["verification"]["evidence"][0]["serial"],
            "outcome": outcome,
        }
        for name, outcome in (("cc", "kept"), ("xz", "changed"))
    ]
    path = f"/v1/prefills/{first['transaction_id']}:reconcile"
    assert at_desk.post(path, {"fields": fields}).json()["noted"] == 2
    second = filled(at_desk)
    size, before = field(second, "cc"), field(first, "cc")
    assert (size["value"], size["lastupdated"]) == ("42", before["lastupdated"])
    assert size["confirmed_at"] > before["confirmed_at"]
    assert field(second, "xz")["status"] == "applicant"
    assert at_desk.post(path, {"fields": fields}).status_code == 200
    assert field(filled(at_desk), "cc")["confirmed_at"] == size["confirmed_at"]
    unknown = [fields[0] | {"serial": str(uuid.uuid4())}]
    reply = at_desk.post(path, {"fields": unknown})
    assert reply.json()["errors"] == [{"pointer": "/fields/0/serial", "code": "not_its_source"}]


def test_people_see_what_they_declared_and_delete_it_and_nobody_elses(at_desk: Desk):
    typed(at_desk, {"JJDH": PHONE})
    (own,) = [one for one in me(at_desk, "facts", number="T003").json()["facts"] if one.get("declared_id")]
    assert (own["element"], own["value"], own["verification"]["level"]) == ("JJDH", PHONE, "self_declared")
    assert "declared_id" not in me(at_desk, "facts", number="T001").text
    path = f"declared/{own['declared_id']}"
    assert me(at_desk, path, number="T001", method="DELETE").status_code == 404
    gone = me(at_desk, path, number="T003", method="DELETE")
    assert (gone.status_code, gone.json()["element"]) == (200, "JJDH")
    assert (at_desk.last()["action"], at_desk.last()["elements"]) == ("me_declared_delete", ["JJDH"])
    assert "declared_id" not in me(at_desk, "facts", number="T003").text
    assert field(filled(at_desk), "jjdh")["status"] == "applicant"
    assert at_desk.owner.execute("SELECT sealed FROM service.declared").fetchall() == [(None,)]


def test_nothing_that_was_typed_stands_readable_anywhere(at_desk: Desk, capsys):
    case_id = at_desk.case(PLACE, [{"role": "applicant", **T003}])
    reply = typed(at_desk, {"JJDH": PHONE}, key="same", case_id=case_id)
    again = typed(at_desk, {"JJDH": PHONE}, key="same", case_id=case_id)
    assert again.json() == reply.json() and PHONE not in reply.text
    other = typed(at_desk, {"JJDH": "13712345679"}, key="same", case_id=case_id)
    assert other.json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    (kept,) = at_desk.owner.execute("SELECT string_agg(d::text, ' ') FROM service.declared d").fetchone()
    assert PHONE not in kept and "T003" not in kept and PHONE.encode().hex() not in kept
    assert PHONE not in str(at_desk.record()) and CANARY not in kept
    said = capsys.readouterr()
    assert PHONE not in said.out + said.err


def test_what_nobody_confirms_is_destroyed_when_its_time_by_the_catalog_is_over(
    at_desk: Desk, pg_module_database
):
    typed(at_desk, {"CC": "42"})
    changed = rights.files()
    own = json.loads(changed["campus.yaml"]) | {"retention": {"declared_days": 30}}
    changed["campus.yaml"] = json.dumps(own, ensure_ascii=False).encode()
    content = catalogs.load(changed)

    async def after(days: int) -> None:
        async with asyncpg.create_pool(service_url(pg_module_database), min_size=1, max_size=1) as pool:
            await declared.forget(pool, content, now() + timedelta(days=days))

    asyncio.run(after(29))
    assert field(filled(at_desk), "cc")["value"] == "42"
    at_desk.owner.execute("UPDATE service.declared SET confirmed_at = confirmed_at - interval '366 days'")
    assert field(filled(at_desk), "cc")["status"] == "applicant"  # even before it is destroyed
    asyncio.run(after(0))
    ended = at_desk.owner.execute("SELECT sealed, ended_by FROM service.declared").fetchall()
    assert ended == [(None, "expired")]


def test_an_answer_with_such_values_is_replayed_as_it_was_while_they_are_kept(at_desk: Desk):
    typed(at_desk, {"CC": "42"})
    first = filled(at_desk)
    said = field(first, "cc")["verification"]["evidence"][0]
    kept = {"field": "cc", "source": said["source"], "serial": said["serial"], "outcome": "kept"}
    at_desk.post(f"/v1/prefills/{first['transaction_id']}:reconcile", {"fields": [kept]})
    replay = {
        "action": "prefill",
        "service_item": BADGE,
        "request": first["request"],
        "receipt": first["receipt"],
    }
    path = f"/v1/transactions/{first['transaction_id']}:replay"
    assert at_desk.post(path, replay).json()["matches"]
    typed(at_desk, {"CC": "43"})
    assert at_desk.post(path, replay).json()["code"] == "NOT_REPLAYABLE"


def confirmed(at_desk: Desk, answer: dict, name: str, client_id: str = campus.PAGES, **changes):
    """Let a clerk say that they have seen the proof of a field of a filled form."""
    (evidence,) = field(answer, name)["verification"]["evidence"]
    body = {
        "case": answer["request"]["case_id"],
        "clerk": "T002",
        "declared_id": evidence["serial"],
        "evidence_digest": "0" * 64,
    } | changes
    return at_desk.post("/v1/window:confirm", body, client_id)


def test_a_clerk_who_has_seen_the_proof_makes_it_officer_verified_until_another_is_typed(at_desk: Desk):
    typed(at_desk, {"CC": "42", "JJDH": PHONE})
    before = filled(at_desk)
    reply = confirmed(at_desk, before, "cc")
    assert reply.status_code == 200, reply.text
    entry = at_desk.last()
    assert (entry["action"], entry["elements"], entry["receiver_unit"]) == ("window_confirm", ["CC"], "RS")
    assert at_desk.details(entry)["actor_id"] == "T002"
    said = field(filled(at_desk), "cc")["verification"]
    assert (said["level"], said["verifier"], said["unmet"]) == ("officer_verified", "RS", "self_declared")
    assert said["evidence"][0]["serial"] == reply.json()["declared_id"]
    assert field(filled(at_desk), "jjdh")["verification"]["level"] == "self_declared"
    again = filled(at_desk)
    outcome = {
        "field": "cc",
        "outcome": "kept",
        "source": "self_declared",
        "serial": said["evidence"][0]["serial"],
    }
    told = at_desk.post(f"/v1/prefills/{again['transaction_id']}:reconcile", {"fields": [outcome]})
    assert told.status_code == 200, told.text
    kept = field(filled(at_desk), "cc")["verification"]
    assert (kept["level"], kept["time"]) == ("officer_verified", said["time"])  # seen once, not again
    typed(at_desk, {"CC": "44"})
    assert field(filled(at_desk), "cc")["verification"]["level"] == "self_declared"


def test_only_a_clerk_of_the_unit_confirms_and_only_what_the_case_s_applicant_declared(at_desk: Desk):
    typed(at_desk, {"CC": "42"})
    typed(at_desk, {"CC": "40"}, T001)
    answer, others = filled(at_desk), filled(at_desk, T001)
    theirs = field(others, "cc")["verification"]["evidence"][0]["serial"]
    for changes, status, code in (
        ({"client_id": campus.HALL}, 403, "NOT_PERMITTED"),
        ({"clerk": "T003"}, 403, "NOT_PERMITTED"),
        ({"clerk": "T001"}, 403, "CASE_NOT_VALID"),
        ({"clerk": "student_no:T002"}, 403, "NOT_PERMITTED"),
        ({"case": str(uuid.uuid4())}, 403, "CASE_NOT_VALID"),
        ({"declared_id": theirs}, 404, "NOT_FOUND"),
        ({"declared_id": str(uuid.uuid4())}, 404, "NOT_FOUND"),
    ):
        refused(at_desk, confirmed(at_desk, answer, "cc", **changes), status, code)
    assert field(filled(at_desk), "cc")["verification"]["level"] == "self_declared"
    own = {"id_type": "staff_no", "id": "T002"}
    typed(at_desk, {"CC": "39"}, own)
    mine = filled(at_desk, own)
    refused(at_desk, confirmed(at_desk, mine, "cc"), 403, "SELF_ACCESS_FORBIDDEN")


def test_a_proof_that_was_seen_has_a_unit_a_day_and_a_digest(at_desk: Desk):
    typed(at_desk, {"CC": "42"})
    with pytest.raises(psycopg.errors.CheckViolation):
        at_desk.owner.execute("UPDATE service.declared SET verified_by = 'RS'")
