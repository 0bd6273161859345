"""Two people whose numbers are equal and of different kinds: the one holds posts, the other none, at every door."""

import hashlib
from contextlib import closing

import psycopg
import pytest

from catalogs.lists.all import today
from catalogs.model_posts import MEMBER, Numbered
from portal import accounts, attempts, correcting, publishing, sessions
from portal.access import decide, viewer_of
from portal.sessions import Limits
from tests.portal.house import DEPUTY, PEOPLE, account, opened

LIMITS = Limits(30, 10)
# A page of each role that a member is refused.
PAGES = {
    "clerk": "window",
    "steward": "duty",
    "head": "duty",
    "data_office": "publish",
    "reform_office": "reform_research",
    "administrator": "runs",
    "leadership": "usage",
    "auditor": "versions",
    "engineer": "runs",
    "deputy": "duty",
}
NUMBERS = PEOPLE | {"deputy": DEPUTY}


@pytest.fixture(scope="module")
def portal(pg_module_database, tmp_path_factory):
    with opened(pg_module_database, tmp_path_factory.mktemp("home")) as found:
        for name in PAGES:
            twin = f"student-{name}"
            found.secrets[twin] = account(found.owner, twin, NUMBERS[name], "student_no")
        yield found


@pytest.mark.parametrize("name", PAGES)
def test_whoever_has_an_equal_number_of_another_kind_holds_no_post(portal, name):
    day = today(portal.catalog)
    holder = viewer_of(portal.catalog, Numbered("staff_no", NUMBERS[name]), day)
    other = viewer_of(portal.catalog, Numbered("student_no", NUMBERS[name]), day)
    assert decide(holder, PAGES[name]).is_allowed
    refused = decide(other, PAGES[name])
    assert (refused.is_allowed, refused.role, other.held) == (False, MEMBER, ())
    assert holder.person == NUMBERS[name] and other.person == f"student_no:{NUMBERS[name]}"


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("steward", "/tickets"),
        ("deputy", "/duty"),
        ("data_office", "/maintain/publish"),
        ("auditor", "/maintain/versions"),
    ],
)
def test_pages_of_a_post_are_shut_to_them_and_deeds_tell_the_two_apart(portal, name, page):
    with closing(portal.as_role(name)) as holder, closing(portal.as_role(f"student-{name}")) as other:
        assert holder.get(page).status_code == 200
        assert other.get(page).status_code == 403
        assert other.get("/").status_code == 200
    seen = {(person, role) for person, role, *_ in portal.deeds() if person.endswith(NUMBERS[name])}
    assert (f"student_no:{NUMBERS[name]}", MEMBER) in seen
    assert {role for person, role in seen if person.startswith("student_no:")} <= {MEMBER, ""}


def test_a_session_and_an_account_are_worth_nothing_without_the_kind(portal):
    numbered = Numbered("student_no", PEOPLE["head"])
    session = sessions.begin(portal.owner, numbered)
    assert sessions.find(portal.owner, session.value, LIMITS).person == numbered
    assert sessions.author_of(portal.owner, session.csrf) == numbered
    with pytest.raises(psycopg.errors.CheckViolation):
        portal.owner.execute("UPDATE portal.session SET id_type = NULL WHERE csrf = %s", [session.csrf])
    with pytest.raises(accounts.ConfigurationError, match="kind"):
        accounts.make(portal.owner, "nobody", Numbered("", PEOPLE["head"]), "long enough a password")


def test_the_processes_that_judge_anew_take_nobody_else_for_the_holder(portal):
    catalog = portal.catalog
    office, steward = "post:dt-steward", "post:rs-steward"
    assert publishing._may(catalog, PEOPLE["data_office"], office)
    assert not publishing._may(catalog, f"student_no:{PEOPLE['data_office']}", office)
    for number in (PEOPLE["steward"], DEPUTY):
        assert correcting._may(catalog, number, steward, "hr.staff")
        assert not correcting._may(catalog, f"student_no:{number}", steward, "hr.staff")


def test_what_is_kept_of_a_failed_login_cannot_be_found_by_trying_names(portal):
    assert attempts.is_allowed(portal.owner, "zhang", "192.0.2.7")
    kept = {digest for (digest,) in portal.owner.execute("SELECT digest FROM portal.attempt")}
    for one in ("account zhang", "address 192.0.2.7", "zhang", "192.0.2.7"):
        assert hashlib.sha256(one.encode()).hexdigest() not in kept
    attempts.forgive(portal.owner, "zhang", "192.0.2.7")
    assert not kept & {digest for (digest,) in portal.owner.execute("SELECT digest FROM portal.attempt")}
