"""The one door: every request passes it, and what `portal.access` does not allow ends here.

A page that is asked for by nobody leads to the login; a form has to bring its session's token; whatever was decided is
on record before the page is made. A route that the table of pages does not name is shut.
"""

import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import quote

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from portal import deeds, sessions
from portal.access import OPEN, Decision, Viewer, decide, viewer_of
from portal.configuration import Configuration
from portal.database import Database
from portal.known import Edition, Known, Shown
from portal.problems import Refused
from portal.sessions import Limits, Session

_FORM = "application/x-www-form-urlencoded"
_NAME = re.compile(r"[A-Za-z0-9._~-]{1,100}")


@dataclass
class House:
    """What the application stands on; one per worker."""

    chosen: Configuration
    database: Database
    known: Known = field(default_factory=Known)

    @property
    def limits(self) -> Limits:
        """How long sessions last."""
        return Limits(self.chosen.idle_min, self.chosen.session_h)

    @property
    def cookie(self) -> str:
        """The name of the session's cookie; a browser takes `__Host-` from this very host over TLS only."""
        return "__Host-yici" if self.chosen.is_secure else "yici"


@dataclass(frozen=True)
class Entered:
    """A request of somebody who may.

    Attributes:
        edition: the catalog, used throughout the request.
        decision: why; its `units` bound what the page may show.
    """

    session: Session
    viewer: Viewer
    edition: Edition
    decision: Decision

    @property
    def shown(self) -> Shown:
        """The catalog as the viewer may read it."""
        return self.edition.tiers[self.viewer.tier]


class LoginFirst(Exception):
    """Nobody has logged in; the page asked for follows the login."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted = wanted


async def enter(request: Request) -> None:
    """Let a request in, or end it; the dependency of every route.

    Raises:
        LoginFirst: nobody has logged in.
        Refused: whoever has may not, or a form does not bring its token.
    """
    form = FormData()
    if request.method not in ("GET", "HEAD"):
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            raise Refused(415, "not_a_form")
        form = await request.form()
    request.state.form = form
    await run_in_threadpool(_enter, request, form)


def _enter(request: Request, form: FormData) -> None:
    house: House = request.app.state.house
    page = getattr(request.scope.get("route"), "name", "")
    with house.database.connection() as con:
        session = sessions.find(con, request.cookies.get(house.cookie, ""), house.limits)
        request.state.session = session
        if request.method not in ("GET", "HEAD"):
            _check_form(request, session, form)
        if page in OPEN:
            return
        if session is None or session.person is None:
            raise LoginFirst(wanted(request))
        edition = house.known.edition(con)
        viewer = viewer_of(edition.catalog, session.person, edition.on)
        decision = decide(viewer, page)
        number = deeds.note(con, viewer.person, f"{request.method} {page}", _about(request), decision)
    request.state.entered = Entered(session, viewer, edition, decision)
    if not decision.is_allowed:
        raise Refused(403, "not_yours", decision.rule, number)


def about_unit(request: Request, page: str, unit: str, about: str) -> Decision:
    """Decide about a page that is about one unit, on record.

    Raises:
        Refused: not this viewer.
    """
    entered: Entered = request.state.entered
    decision = decide(entered.viewer, page, unit)
    if not decision.is_allowed:
        with request.app.state.house.database.connection() as con:
            number = deeds.note(con, entered.viewer.person, f"{request.method} {page}", about, decision)
        raise Refused(403, "not_yours", decision.rule, number)
    return decision


def wanted(request: Request) -> str:
    """Return the page that a request asks for, to come back to; a form is not sent again by itself."""
    if request.method != "GET":
        return "/"
    query = request.url.query
    return quote(request.url.path) + (f"?{query}" if query else "")


def safe_path(path: str) -> str:
    """Return a path of this portal to go to next; anything else, another host above all, is the home page."""
    is_here = (
        path.startswith("/")
        and not path.startswith(("//", "/\\"))
        and path.isprintable()
        and "\\" not in path
    )
    return path if is_here and len(path) < 2000 else "/"


def _check_form(request: Request, session: Session | None, form: FormData) -> None:
    came_from = request.headers.get("sec-fetch-site", "same-origin")
    sent = form.get("csrf")
    is_ours = (
        session is not None
        and isinstance(sent, str)
        and secrets.compare_digest(sent.encode(), session.csrf.encode())
    )
    if not is_ours or came_from not in ("same-origin", "none"):
        raise Refused(403, "form_stale", "form:token")


def _about(request: Request) -> str:
    """Return what a page is about: the parameters of its path where they look like names of the catalog."""
    names = [str(one) for one in request.path_params.values()]
    return " ".join(one if _NAME.fullmatch(one) else "?" for one in names)
