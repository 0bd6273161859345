"""Who may see which page: one table and one function that decides; what the table does not name, nobody sees.

A role comes from a post that a person holds today (posts.csv). Some pages are about one unit: stewards and heads see
those of the units that their post belongs to, offices see them all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from catalogs.model import Catalog
from catalogs.model_posts import (
    ADMINISTRATOR,
    AUDITOR,
    CLERK,
    DATA_OFFICE,
    ENGINEER,
    HEAD,
    LEADERSHIP,
    MEMBER,
    REFORM_OFFICE,
    ROLES,
    STEWARD,
    Numbered,
)
from catalogs.posts import holdings_of, named, units_of_post
from catalogs.views import TIERS

ANY, OWN = "any", "own"
_EVERYBODY = dict.fromkeys((*ROLES, MEMBER), ANY)
_IN_OFFICE = dict.fromkeys(ROLES, ANY)
_OFFICES = dict.fromkeys((DATA_OFFICE, REFORM_OFFICE, ADMINISTRATOR, LEADERSHIP, AUDITOR), ANY)
_ANSWERING = _OFFICES | dict.fromkeys((STEWARD, HEAD), OWN)
# Proposals: the offices that look after all units see every one, others those that concern a unit or post of theirs.
_DECIDING = dict.fromkeys(ROLES, OWN) | dict.fromkeys((DATA_OFFICE, REFORM_OFFICE, LEADERSHIP, AUDITOR), ANY)
# Certificates that a post issues: any post may be named by a kind; the service decides by which one somebody holds.
_ISSUING = dict.fromkeys(ROLES, OWN)
_PROPOSING = dict.fromkeys((DATA_OFFICE, STEWARD, HEAD), ANY)
_DATA_OFFICE_ACTS = {DATA_OFFICE: ANY}
_LOOKING = _ANSWERING | {STEWARD: ANY, HEAD: ANY, ENGINEER: ANY}
_ON_DUTY = dict.fromkeys((STEWARD, HEAD), OWN)
# Page → role → units about which it may be seen.
PAGES: Mapping[str, Mapping[str, str]] = {
    "home": _EVERYBODY,
    "search": _EVERYBODY,
    "resources": _EVERYBODY,
    "resource": _EVERYBODY,
    "contract": _EVERYBODY,
    "services": _EVERYBODY,
    "service": _EVERYBODY,
    "codes": _EVERYBODY,
    "code": _EVERYBODY,
    "lists": _EVERYBODY,
    "list": _EVERYBODY,
    "list_file": _EVERYBODY,
    "logout": _EVERYBODY,
    "mine": _EVERYBODY,
    "mine_things": _EVERYBODY,
    "mine_usages": _EVERYBODY,
    "mine_question": _EVERYBODY,
    "mine_corrections": _EVERYBODY,
    "mine_correct": _EVERYBODY,
    "mine_consents": _EVERYBODY,
    "mine_withdraw": _EVERYBODY,
    "mine_declared": _EVERYBODY,
    "mine_certificates": _EVERYBODY,
    "mine_certificate_new": _EVERYBODY,
    "mine_certificate": _EVERYBODY,
    "mine_certificate_paper": _EVERYBODY,
    "mine_certificate_share": _EVERYBODY,
    "mine_certificate_withdraw": _EVERYBODY,
    "mine_certificate_revoke": _EVERYBODY,
    "demands": _IN_OFFICE,
    "responsibilities": _IN_OFFICE,
    "quality": _LOOKING,
    "quality_unit": _ANSWERING | {ENGINEER: ANY},
    "reform": _LOOKING,
    "reform_topic": _LOOKING,
    "reform_research": _OFFICES,
    "usage": _OFFICES | {ENGINEER: ANY},
    "tickets": _ANSWERING,
    "ticket": _ANSWERING,
    "duty": _ON_DUTY,
    "waiting": _ON_DUTY,
    "waiting_export": _ON_DUTY,
    "waiting_release": _ON_DUTY,
    "waiting_upload": _ON_DUTY,
    "handed_in": _ON_DUTY,
    "ticket_act": _ON_DUTY,
    "samples": _ON_DUTY,
    "sample_judge": _ON_DUTY,
    "weekly": _ANSWERING,
    "issued": _ISSUING,
    "issued_find": _ISSUING,
    "issued_one": _ISSUING,
    "issued_revoke": _ISSUING,
    "issued_keep": _ISSUING,
    "window": {CLERK: OWN},
    "window_case": {CLERK: OWN},
    "window_form": {CLERK: OWN},
    "window_confirm": {CLERK: OWN},
    "runs": dict.fromkeys((ENGINEER, DATA_OFFICE, ADMINISTRATOR), ANY),
    "maintain": _DECIDING,
    "proposal": _DECIDING,
    "propose": _PROPOSING,
    "upload": _PROPOSING,
    "form_file": _PROPOSING,
    "edit": _PROPOSING,
    "wish": _PROPOSING,
    "versions": {DATA_OFFICE: ANY, AUDITOR: ANY},
    "version": {DATA_OFFICE: ANY, AUDITOR: ANY},
    "publish": _DATA_OFFICE_ACTS,
    "publication": _DATA_OFFICE_ACTS,
}
# What is shown before anybody has logged in: how to log in, and how pages look.
OPEN = frozenset(
    ("login", "login_account", "login_campus", "login_back", "login_cas", "language", "asset", "alive")
)
# Who reads the whole catalog, drafts and office rows included; all others read what is for the campus.
_WHOLE_CATALOG = frozenset((DATA_OFFICE, AUDITOR))


@dataclass(frozen=True)
class Held:
    """A post that somebody holds today: its role, and the units it belongs to."""

    post: str
    role: str
    units: frozenset[str]


@dataclass(frozen=True)
class Viewer:
    """Somebody who has logged in.

    Attributes:
        person: who it is, as `catalogs.posts.named` names them: holders of posts by their bare number.
        held: posts held today, besides being a member.
    """

    person: str
    held: tuple[Held, ...] = ()

    @property
    def tier(self) -> str:
        """Which tier of the catalog is shown: office or campus."""
        is_whole = any(one.role in _WHOLE_CATALOG for one in self.held)
        return TIERS[2] if is_whole else TIERS[1]


@dataclass(frozen=True)
class Decision:
    """What was decided about a viewer and a page.

    Attributes:
        post, role: as which the viewer may, or would have been judged; a member has no post.
        units: about which units the page may be shown; None: all.
        rule: that decided.
    """

    is_allowed: bool
    post: str
    role: str
    units: frozenset[str] | None
    rule: str


def viewer_of(catalog: Catalog, whose: Numbered, day: date) -> Viewer:
    """Return what whoever has a number is on a day."""
    person = named(catalog, whose)
    held = holdings_of(catalog, person, day)
    return Viewer(person, tuple(Held(one.post, one.role, units_of_post(catalog, one.post)) for one in held))


def issues(catalog: Catalog, viewer: Viewer) -> bool:
    """Whether a post that somebody holds issues a kind of certificate."""
    posts = {one.post for one in viewer.held}
    return any(kind.post in posts for kind in catalog.certificates.values())


def decide(viewer: Viewer, page: str, unit: str | None = None) -> Decision:
    """Decide whether somebody may see a page.

    Args:
        viewer: who.
        page: its name; one that the table does not have is refused to everybody.
        unit: the unit that it is about; None for a page that shows whatever of `Decision.units` there is.
    """
    roles = PAGES.get(page, {})
    member = Held("", MEMBER, frozenset())
    fitting = [one for one in (*viewer.held, member) if one.role in roles]
    broad = [one for one in fitting if roles[one.role] == ANY]
    narrow = [one for one in fitting if roles[one.role] == OWN and (unit is None or unit in one.units)]
    if broad:
        return Decision(True, broad[0].post, broad[0].role, None, f"page:{page}")
    if narrow:
        return Decision(True, narrow[0].post, narrow[0].role, _all(narrow), f"page:{page}:own_unit")
    first = (*viewer.held, member)[0]
    rule = f"page:{page}:own_unit" if fitting else f"page:{page}:role" if roles else "page:unknown"
    return Decision(False, first.post, first.role, frozenset(), rule)


def _all(held: Iterable[Held]) -> frozenset[str]:
    return frozenset(unit for one in held for unit in one.units)
