"""The one door: every request passes it, and what `portal.access` does not allow ends here.

A page that is asked for by nobody leads to the login; a form has to bring its session's token, and one whose session
has ended is kept for who typed it; whatever was decided is on record before the page is made. A route that the table of
pages does not name is shut.
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

from catalogs.model_posts import Numbered
from catalogs.posts import named
from portal import deeds, drafts, sessions
from portal.access import OPEN, Decision, Viewer, decide, viewer_of
from portal.configuration import Configuration
from portal.database import Database
from portal.known import Edition, Known, Shown
from portal.meanings import Meanings
from portal.problems import Refused
from portal.sessions import Limits, Session
from portal.uploads import form_with_file

if TYPE_CHECKING:
    from portal.asking import Asking

_FORM = "application/x-www-form-urlencoded"
_WITH_FILE = "multipart/form-data"
# The pages whose form sends a file.
TAKES_FILE = frozenset(("upload", "waiting_upload", "window_confirm"))
_MOST_FIELDS = 6000
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

    def named(self, con: psycopg.Connection, whose: Numbered) -> str:
        """Return how whoever has a number is named in deeds and drafts.

        Raises:
            Refused: nothing is published yet.
        """
        return named(self.known.edition(con).catalog, whose)

    @property
    def cookie(self) -> str:
        """The name of the session's cookie; a browser takes `__Host-` from this very host over TLS only."""
        return "__Host-yici" if self.chosen.is_secure else "yici"

    @property
    def draft_cookie(self) -> str:
        """The name of the cookie that opens what was typed and could not be taken."""
        return f"__Host-{drafts.COOKIE}" if self.chosen.is_secure else drafts.COOKIE


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
        is_late: whether a form was sent; its files have to be chosen again.
        draft_key: of what was typed into it, which is kept until then; empty if nothing was.
    """

    def __init__(self, wanted: str, is_late: bool = False, draft_key: str = "") -> None:
        super().__init__()
        self.wanted = wanted
        self.is_late = is_late
        self.draft_key = draft_key


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
        if kind == _WITH_FILE:
            form = await form_with_file(request, _MOST_FIELDS)
        else:
            form = await request.form(max_files=0, max_fields=_MOST_FIELDS)
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
        session = sessions.find(con, request.cookies.get(house.cookie, ""), house.limits)
        request.state.session = session
        if request.method not in ("GET", "HEAD"):
            _check_form(request, con, session, form)
        if page in OPEN:
            return
        if session is None or session.person is None:
            raise LoginFirst(wanted(request))
        edition = house.known.edition(con)
        viewer = viewer_of(edition.catalog, session.person, edition.on)
        decision = decide(viewer, page)
        number = deeds.note(con, viewer.person, f"{request.method} {page}", _about(request), decision)
        if request.method == "GET":
            key = request.cookies.get(house.draft_cookie)
            request.state.draft = drafts.kept(con, viewer.person, request.url.path, key)
        else:
            drafts.forget(con, viewer.person, _page_of(form))
    request.state.entered = Entered(session, viewer, edition, decision)
    if not decision.is_allowed:
        raise Refused(403, "not_yours", decision.rule, number)


def recognise(request: Request) -> None:
    """Let a page that is not there know who asks, so that it shows them their way on; it shows nothing else."""
    house: House = request.app.state.house
    with house.database.connection() as con:
        session = sessions.find(con, request.cookies.get(house.cookie, ""), house.limits)
        if session is None or session.person is None:
            return
        edition = house.known.edition(con)
    viewer = viewer_of(edition.catalog, session.person, edition.on)
    request.state.session = session
    request.state.entered = Entered(session, viewer, edition, decide(viewer, _page(request)))


def keep_form(request: Request, con: psycopg.Connection, person: str, form: FormData) -> tuple[str, str]:
    """Keep what was typed into a form that cannot be taken; returns the page it stands on, and the draft's key.

    The key is for this browser alone; it is empty if nothing was typed.
    """
    house: House = request.app.state.house
    where, draft = safe_path(str(form.get("back") or "/")), drafts.draft_of(request.url.path, form)
    if not any(value for values in draft.fields.values() for value in values):
        return where, ""
    key = drafts.key_of(request.cookies.get(house.draft_cookie))
    drafts.keep(con, person, _page_of(form), draft, key)
    return where, key


def _page_of(form: FormData) -> str:
    """Return the path of the page that a form stands on, as it says."""
    return safe_path(str(form.get("back") or "/")).partition("?")[0]


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


def _check_form(request: Request, con: psycopg.Connection, session: Session | None, form: FormData) -> None:
    """Let a form of this session pass; one that came too late is kept until its author has logged in again.

    Raises:
        LoginFirst: it is of a session that has ended, of nobody else than who is here.
        Refused: it is of no session, or of somebody else's.
    """
    came_from = request.headers.get("sec-fetch-site", "same-origin")
    sent = form.get("csrf")
    is_ours = (
        session is not None
        and isinstance(sent, str)
        and secrets.compare_digest(sent.encode(), session.csrf.encode())
    )
    is_from_here = came_from in ("same-origin", "none")
    if is_ours and is_from_here:
        return
    author = sessions.author_of(con, sent) if isinstance(sent, str) and is_from_here else None
    is_late = author is not None and (session is None or session.person in (None, author))
    if author is not None and is_late and _page(request) not in (*OPEN, "logout"):
        house: House = request.app.state.house
        page, key = keep_form(request, con, house.named(con, author), form)
        raise LoginFirst(page, is_late=True, draft_key=key)
    raise Refused(403, "form_stale", "form:token")


def _about(request: Request) -> str:
    """Return what a page is about: the parameters of its path where they look like names of the catalog."""
    names = [str(one) for one in request.path_params.values()]
    return " ".join(one if _NAME.fullmatch(one) else "?" for one in names)
