"""The one door: every request passes it, and what `portal.access` does not allow ends here.

A page that is asked for by nobody leads to the login; a form has to bring its session's token; whatever was decided is
on record before the page is made. A route that the table of pages does not name is shut.
"""

import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from portal import deeds, drafts, sessions
from portal.access import OPEN, Decision, Viewer, decide, viewer_of
from portal.configuration import Configuration
from portal.database import Database
from portal.known import Edition, Known, Shown
from portal.meanings import Meanings
from portal.problems import Refused
from portal.sessions import Limits, Session

if TYPE_CHECKING:
    from portal.asking import Asking

_FORM = "application/x-www-form-urlencoded"
_WITH_FILE = "multipart/form-data"
# The pages whose form sends a file.
TAKES_FILE = frozenset(("upload", "waiting_upload"))
# Forms into which people type what is theirs alone: nothing of it is kept.
UNKEPT = "mine"
_MOST_FIELDS = 6000
# The pages whose form is kept for its author if the session ended meanwhile: they are about the catalog, and say
# nothing of a person. No other form is; of an upload nothing is but the page that it came from.
KEPT_LATE = frozenset(("proposal", "upload", "waiting_upload", "edit", "wish", "version"))
_NAME = re.compile(r"[A-Za-z0-9._~-]{1,100}")


@dataclass
class House:
    """What the application stands on; one per worker.

    Attributes:
        desk: where stewards treat tickets, waiting rows and samples; None: its role is not set up.
        asking: the service as we ask it; None: none is set up.
    """

    chosen: Configuration
    database: Database
    known: Known = field(default_factory=Known)
    desk: Database | None = None
    asking: "Asking | None" = None
    meanings: Meanings = field(default_factory=Meanings)

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
    """Nobody has logged in; the page asked for follows the login.

    Attributes:
        wanted: the page that follows.
        is_kept: whether what was typed is kept until then.
    """

    def __init__(self, wanted: str, is_kept: bool = False) -> None:
        super().__init__()
        self.wanted = wanted
        self.is_kept = is_kept


async def enter(request: Request) -> None:
    """Let a request in, or end it; the dependency of every route.

    Raises:
        LoginFirst: nobody has logged in.
        Refused: whoever has may not, or a form does not bring its token.
    """
    form = FormData()
    if request.method not in ("GET", "HEAD"):
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != _FORM and not (kind == _WITH_FILE and _page(request) in TAKES_FILE):
            raise Refused(415, "not_a_form")
        if kind == _WITH_FILE and not await run_in_threadpool(_is_known, request):
            raise LoginFirst(wanted(request))
        form = await request.form(max_files=1, max_fields=_MOST_FIELDS)
    request.state.form = form
    try:
        await run_in_threadpool(_enter, request, form)
    except (LoginFirst, Refused):
        await form.close()
        raise


def _is_known(request: Request) -> bool:
    """Whether whoever sends a file has logged in here before; nobody else's is read."""
    house: House = request.app.state.house
    with house.database.connection() as con:
        return sessions.is_known(con, request.cookies.get(house.cookie, ""))


def _page(request: Request) -> str:
    return getattr(request.scope.get("route"), "name", "")


def _enter(request: Request, form: FormData) -> None:
    house: House = request.app.state.house
    page = _page(request)
    with house.database.connection() as con:
        if page in KEPT_LATE and request.method not in ("GET", "HEAD"):
            _keep_late_form(request, con, form, house)
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


def _keep_late_form(request: Request, con: psycopg.Connection, form: FormData, house: House) -> None:
    """Keep what was typed into a form whose session ended meanwhile, and let its author log in again.

    Raises:
        LoginFirst: the form is one of a session that has ended.
    """
    value, csrf = request.cookies.get(house.cookie, ""), form.get("csrf")
    person = sessions.author_of_late_form(con, value, csrf) if isinstance(csrf, str) else None
    if person is None or sessions.find(con, value, house.limits) is not None:
        return
    if _page(request).startswith(UNKEPT):
        raise LoginFirst("/mine")
    page = safe_path(str(form.get("back") or "/"))
    drafts.keep(con, person, page, form)
    raise LoginFirst(page, is_kept=True)


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
