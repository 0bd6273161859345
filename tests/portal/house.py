"""A small university with posts, and a portal over it: who is who, how one logs in, what its warehouse tells."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg
import pyotp
import pytest
from argon2 import PasswordHasher

import catalogs
from catalogs.lists.all import today
from catalogs.model import Catalog
from catalogs.model_posts import Numbered
from catalogs.settings import now
from expectations.quality import desk as tickets
from expectations.quality.standing import ADMISSION, RuleState
from expectations.quality.terms import terms
from expectations.quality.tickets import Change, Ticket
from portal import accounts, publishing
from portal.app import create_app
from portal.configuration import Configuration
from tests.service import campus, desk
from tests.support import kept, migrated
from tests.support.http import asgi_server
from tests.support.postgres import PgDatabase
from tests.support.session import exclusively
from tests.support.word import word_form
from warehouse import catalog_versions
from warehouse.key_ring import ring

ROLE_PASSWORD = PASSWORD = "for-tests-only"
PEOPLE = {
    "member": "900000",
    "clerk": "900001",
    "steward": "900002",
    "head": "900003",
    "data_office": "900004",
    "reform_office": "900005",
    "administrator": "900006",
    "leadership": "900007",
    "auditor": "900008",
    "engineer": "900009",
}
FORMER, DEPUTY = "900010", "900011"
ACCOUNTS = PEOPLE | {"former": FORMER, "deputy": DEPUTY}
# Nobody is to be kept from guessing the password of the tests.
_QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_HEADER = "code,nameZh,nameEn,parent,kind,uscc,accountable,steward,contact,successor,validFrom,validTo\n"
_UNITS = {"RS": "人事处", "JW": "教务处", "CW": "财务处", "DT": "大厅"}
# The ticket that the warehouse has open, of the unit RS.
TICKET, OTHER_TICKET = 1, 2


def files() -> dict[str, bytes]:
    """Return the small campus with a post of each role."""
    found = campus.files()
    units = []
    for code, name in _UNITS.items():
        posts = ",".join(f"post:{code.lower()}-{place}" for place in ("head", "steward", "desk"))
        units.append(f"{code},{name},,,机关,,{posts},,2000-01-01,")
    units.append("GA,公安,Police,,校外,11990000YX00030X3T,post:ga-head,post:ga-steward,,,2000-01-01,")
    found["units.csv"] = (_HEADER + "\n".join(units) + "\n").encode()
    found["codes/index.csv"] += "claim_status,local,2026,认领状态,current\n".encode()
    found["codes/claim_status.csv"] = (
        "code,nameZh,nameEn,parent,validFrom,validTo\n"
        "0,未认领,Not claimed,,,\n1,已认领,Claimed,,,\n2,已上账,Booked,,,\n"
    ).encode()
    posts = {
        "clerk": "post:rs-desk",
        "steward": "post:rs-steward",
        "head": "post:rs-head",
        "data_office": "post:dt-steward",
        "reform_office": "post:jw-head",
        "administrator": "post:cw-desk",
        "leadership": "post:cw-head",
        "auditor": "post:jw-desk",
        "engineer": "post:dt-desk",
    }
    rows = [f"P-{role},{PEOPLE[role]},{post},{role},2020-01-01,," for role, post in posts.items()]
    rows.append(f"P-former,{FORMER},post:rs-steward,steward,2020-01-01,2020-12-31,")
    rows.append(f"P-deputy,{DEPUTY},post:rs-steward,steward,2021-01-01,2099-12-31,P-steward")
    found["posts.csv"] = (
        "id,person,post,role,validFrom,validTo,deputyOf\n" + "\n".join(rows) + "\n"
    ).encode()
    found["campus.yaml"] = (
        b'{"code": "T", "nameZh": "\\u8bd5\\u9a8c\\u5927\\u5b66", "nameEn": "Test University",'
        b' "timeZone": "Asia/Shanghai", "dataOffice": "DT", "leadOffice": "JW"}'
    )
    found["templates/S-EMPLOYED.docx"] = word_form(
        ["在职证明申请表"], [["姓名", "{{ xm }}"], ["用途", "{{ yt }}"]]
    )
    return found


@dataclass
class Portal:
    """A running portal, and how people come in."""

    url: str
    owner: psycopg.Connection
    catalog: Catalog
    secrets: dict[str, str] = field(default_factory=dict)

    def browser(self) -> httpx.Client:
        """Return a browser that nobody has logged in with."""
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def code(self, name: str) -> str:
        """Return a code of somebody's authenticator that was not used yet."""
        self.owner.execute("UPDATE portal.account SET totp_step = 0 WHERE name = %s", [name])
        return pyotp.TOTP(self.secrets[name]).at(int(time.time()))

    def log_in(self, browser: httpx.Client, account: str, **changes: str) -> httpx.Response:
        """Fill in the form of the login and send it."""
        told = {"csrf": token(browser.get("/login").text), "name": account, "password": PASSWORD, "next": "/"}
        return browser.post("/login/account", data=told | {"code": self.code(account)} | changes)

    def as_role(self, role: str) -> httpx.Client:
        """Return a browser in which somebody of a role has logged in."""
        browser = self.browser()
        assert self.log_in(browser, role).status_code == 303
        return browser

    def deeds(self) -> list[tuple[str, str, str, str, str, str]]:
        """Return who did what, as what, and how it ended, in order."""
        return self.owner.execute(
            "SELECT person, role, deed, about, outcome, rule FROM portal.deed ORDER BY id"
        ).fetchall()


def token(html: str) -> str:
    """Return the token of a page's form."""
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found is not None
    return found[1]


def portal_url(database: PgDatabase) -> str:
    """Return the address under which the portal's own role signs in, making the role if there is none."""
    return _role_url(database, "yici_portal")


def desk_url(database: PgDatabase) -> str:
    """Return the address under which the stewards' desk signs in, making the role if there is none."""
    return _role_url(database, "yici_desk")


def _role_url(database: PgDatabase, role: str) -> str:
    with exclusively(f"role {role}"), database.connect() as con:
        if not con.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
            con.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{ROLE_PASSWORD}'")
    parts = psycopg.conninfo.conninfo_to_dict(database.tcp_url)
    return f"postgresql://{role}:{ROLE_PASSWORD}@{parts['host']}:{parts['port']}/{database.name}"


def surroundings(database: PgDatabase, home: Path) -> dict[str, str]:
    """Return the environment of a portal over a database."""
    return {
        "YICI_HOME": str(home),
        "YICI_DATABASE_URL": database.url,
        "YICI_PORTAL_DATABASE_URL": portal_url(database),
        "YICI_DESK_DATABASE_URL": desk_url(database),
    }


@contextmanager
def opened(
    database: PgDatabase,
    home: Path,
    chosen: Configuration | None = None,
    told: Mapping[str, bytes] | None = None,
) -> Iterator[Portal]:
    """Run a portal over a fresh database with a release, scores and tickets; `told`: the campus's files."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in surroundings(database, home).items():
            patch.setenv(name, value)
        content = catalogs.load(told or files())
        fill(database, content)
        with running(database, content, chosen) as portal:
            yield portal


@contextmanager
def running(database: PgDatabase, content: Catalog, chosen: Configuration | None = None) -> Iterator[Portal]:
    """Run a portal over a database that `fill` has filled; the environment says where it is."""
    with database.connect() as owner:
        made = dict(owner.execute("SELECT name, totp_secret FROM portal.account").fetchall())
        with asgi_server(create_app(chosen or Configuration(is_reference_campus=True))) as url:
            yield Portal(url, owner, content, made)


def fill(database: PgDatabase, content: Catalog) -> None:
    """Let a fresh database, which YICI_DATABASE_URL names, hold a release, scores, tickets and accounts.

    It is made once in a session and copied.
    """

    def make() -> None:
        migrated.begin()
        with database.connect() as owner:
            campus.publish(owner, content, desk.ROWS)
            catalog_versions.publish(owner, content.files, catalog_versions.FIRST, "folder", "")
            _publish_nothing(owner)
            _judge(owner, content)
            for name, person in ACCOUNTS.items():
                account(owner, name, person)

    keys = "_".join(key.id for key in ring().keys)
    kept.made_once(f"portal_{content.version[:12]}_{keys}", database, None, make)


def account(owner: psycopg.Connection, name: str, person: str, id_type: str = "staff_no") -> str:
    """Make an account whose password takes no time to check; returns the authenticator's secret."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_hasher", _QUICK)
        return accounts.make(owner, name, Numbered(id_type, person), PASSWORD).secret


def settled(portal: Portal, passed: bool) -> Sequence[tuple[Change, Ticket]]:
    """Let a release find that names are missing in hr.staff, or missing no more; returns what became of tickets."""
    failed = 0 if passed else 4
    state = RuleState(
        "hr.staff", ADMISSION, "name.required", "completeness", "critical", passed, failed, 5, now(), 1
    )
    return tickets.settle(portal.owner, portal.catalog, terms(portal.catalog), [state], 1)


def _publish_nothing(owner: psycopg.Connection) -> None:
    """Leave a publication behind that has come to its end."""
    number = publishing.ask(owner, PEOPLE["data_office"], "post:dt-steward", 1, [])
    owner.execute("UPDATE portal.publication SET state = 'done' WHERE id = %s", [number])


def _judge(owner: psycopg.Connection, content: Catalog) -> None:
    """Put scores and tickets there as the quality of a release would."""
    day, at = today(content), now()
    dimensions = ("conformity", "completeness", "timeliness", "total")
    for scope, name, score in (
        ("campus", "T", 91.0),
        ("unit", "RS", 82.0),
        ("unit", "JW", 99.5),
        ("resource", "hr.staff", 82.0),
    ):
        for dimension in dimensions:
            owner.execute(
                "INSERT INTO yici.score VALUES (%s, %s, %s, %s, %s, %s, 1, 5, 1)",
                [day, scope, name, dimension, score, score],
            )
    owner.execute(
        """INSERT INTO yici.rule_state (resource, stage, rule, dimension, severity, passed, rows_failed, rows_total,
               points, inherited_from, since, release)
           VALUES ('hr.staff', 'admission', 'phone.required', 'completeness', 'warning', false, 3, 5, 18, '{}',
               %s, 1)""",
        [at],
    )
    for number, unit, resource in ((TICKET, "RS", "hr.staff"), (OTHER_TICKET, "JW", "academic.students")):
        owner.execute(
            """INSERT INTO yici.ticket (id, kind, resource, rule, dimension, severity, unit, post, level, about,
                   reference, inherited_from, rows_failed, opened_at, opened_on, due_on, climb_after, reopened, state)
               VALUES (%s, 'rule', %s, 'phone.required', 'completeness', 'warning', %s, %s, 0, '电话 必填', 'CASE-4711',
                   '{}', 3, %s, %s, %s, %s, 0, 'open')""",
            [number, resource, unit, f"post:{unit.lower()}-steward", at, day, day - timedelta(days=1), day],
        )
        owner.execute(
            "INSERT INTO yici.ticket_event (ticket, at, event, post, text) VALUES (%s, %s, 'opened', %s, '3 行不符合')",
            [number, at, f"post:{unit.lower()}-steward"],
        )
