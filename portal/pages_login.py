"""Logging in and out, the language, and what pages look like: what can be asked for before anybody is known."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from catalogs.exports.templating import STYLE
from catalogs.model_posts import Numbered
from expectations.quality import report_html
from portal import accounts, attempts, charts, deeds, oidc, sessions
from portal.access import Decision
from portal.asking import ACCOUNT, ID_TOKEN, TICKET, Begun, Said
from portal.configuration import OidcSettings
from portal.drafts import typed
from portal.entry import House, safe_path
from portal.problems import Refused, not_found
from portal.rendering import LANGUAGE_COOKIE, page
from portal.sessions import Session
from portal.texts import LANGUAGES
from portal.wall import address_of

router = APIRouter()
_ASSETS = {
    "style.css": STYLE,
    "portal.css": Path(__file__).parent / "templates" / "portal.css",
    "report.css": report_html.STYLE,
    "charts.css": Path(__file__).parent / "templates" / "charts.css",
    "charts.js": Path(__file__).parent / "templates" / "charts.js",
}
_FOR_A_YEAR = "max-age=31536000, immutable"
_BACK = "/login/back"
_CAS_BACK = "/login/cas"
_log = structlog.get_logger("yici.portal")
_LANGUAGE_KEPT_S = 365 * 24 * 3600


@router.get("/healthz", name="alive")
def alive() -> dict[str, str]:
    """The worker runs."""
    return {"status": "ok"}


@router.get("/assets/{name}", name="asset")
def asset(name: str) -> Response:
    """A stylesheet, or what draws charts; Plotly's file is named by its version and may be kept."""
    if name == charts.plotly_name():
        headers = {"Content-Encoding": "gzip", "Cache-Control": _FOR_A_YEAR}
        return Response(charts.plotly_gzipped(), media_type="text/javascript", headers=headers)
    if name not in _ASSETS:
        raise not_found()
    return PlainTextResponse(
        _ASSETS[name].read_text(encoding="utf-8"),
        media_type="text/javascript" if name.endswith(".js") else "text/css",
        headers={"Cache-Control": "max-age=300"},
    )


@router.get("/language", name="language")
def language(request: Request, to: str = "", back: str = "/") -> Response:
    """Choose the language, and go back."""
    answer = RedirectResponse(safe_path(back), 303)
    if to in LANGUAGES:
        answer.set_cookie(
            LANGUAGE_COOKIE, to, max_age=_LANGUAGE_KEPT_S, secure=_house(request).chosen.is_secure, httponly=True,
            samesite="lax",
        )  # fmt: skip
    return answer


@router.get("/login", name="login")
def login(request: Request, next: str = "/", kept: str = "") -> Response:
    """Ask who somebody is."""
    if request.state.session is not None and request.state.session.person is not None:
        return RedirectResponse(safe_path(next), 303)
    return _asking(request, safe_path(next), "kept" if kept else "")


@router.post("/login/account", name="login_account")
def login_account(request: Request) -> Response:
    """Log in by a local account, where there are any."""
    house = _house(request)
    if not house.chosen.is_reference_campus:
        raise not_found()
    password, code, wanted = (str(request.state.form.get(one) or "") for one in ("password", "code", "next"))
    name, address = typed(request, "name", 64), address_of(request)
    with house.database.connection() as con:
        if not attempts.is_allowed(con, name, address):
            deeds.note(con, "", deeds.LOGIN_FAILED, "account", _login(False, "login:too_many"))
            return _asking(request, safe_path(wanted), "too_many", name, 429)
        person = accounts.check(con, name, password[:256], code[:8])
        if person is None:
            deeds.note(con, "", deeds.LOGIN_FAILED, "account", _login(False, "login:account"))
            return _asking(request, safe_path(wanted), "wrong", name, 401)
        attempts.forgive(con, name, address)
    return _logged_in(request, person, "account", safe_path(wanted), (ACCOUNT, person.number))


@router.get("/login/campus", name="login_campus")
def login_campus(request: Request, next: str = "/") -> Response:
    """Send somebody to the campus's login."""
    house, settings = _house(request), _provider(request)
    address, kept = oidc.question(settings, f"{_url(request)}{_BACK}")
    answer = RedirectResponse(address, 303)
    with house.database.connection() as con:
        session = request.state.session or _anonymous(request, answer)
        sessions.ask(con, session, kept | {"next": safe_path(next)})
    return answer


@router.get(_BACK, name="login_back")
def login_back(request: Request, state: str = "", code: str = "") -> Response:
    """Take the answer of the campus's login."""
    house, settings = _house(request), _provider(request)
    with house.database.connection() as con:
        asked = sessions.take_asked(con, request.state.session) if request.state.session else None
        try:
            question = asked if asked and "state" in asked else None
            person, id_token = oidc.person(settings, question, state, code)
        except Refused as error:
            deeds.note(con, "", deeds.LOGIN_FAILED, "campus", _login(False, error.rule))
            raise
    return _logged_in(request, person, "campus", _next(asked), (ID_TOKEN, id_token))


@router.get("/login/cas", name="login_cas")
def login_cas(request: Request, next: str = "/", ticket: str = "", state: str = "") -> Response:
    """Send somebody to the campus's CAS server, and take the ticket that they come back with.

    A ticket counts only in the browser that was sent there: the address to come back to holds a state that this browser
    alone knows, and the service asks the server whose ticket of that very address it is. CAS itself knows no state.
    """
    house = _house(request)
    if house.chosen.cas is None or house.asking is None:
        raise not_found()
    if not ticket:
        state = secrets.token_urlsafe(32)
        service = f"{_url(request)}{_CAS_BACK}?state={state}"
        answer = RedirectResponse(f"{house.chosen.cas}/login?service={quote(service, safe='')}", 303)
        with house.database.connection() as con:
            session = request.state.session or _anonymous(request, answer)
            sessions.ask(con, session, {"cas": state, "next": safe_path(next)})
        return answer
    with house.database.connection() as con:
        asked = sessions.take_asked(con, request.state.session) if request.state.session else None
    value = sessions.new_value()
    try:
        sent_with = str((asked or {}).get("cas") or "")
        if not sent_with or not secrets.compare_digest(sent_with.encode(), state.encode()):
            raise Refused(400, "login_stale", "login:state")
        begun = house.asking.begin(TICKET, ticket[:300], value, state)
    except (Said, Refused) as error:
        told = error if isinstance(error, Refused) else _untold(error)
        with house.database.connection() as con:
            deeds.note(con, "", deeds.LOGIN_FAILED, "cas", _login(False, told.rule))
        raise told from None
    return _logged_in(request, begun.person, "cas", _next(asked), begun=begun, value=value)


@router.post("/logout", name="logout")
def logout(request: Request) -> Response:
    """End the session."""
    house = _house(request)
    with house.database.connection() as con:
        sessions.end(con, request.state.session.value)
    answer = RedirectResponse("/login", 303, headers={"Clear-Site-Data": '"cache"'})
    answer.delete_cookie(house.cookie, path="/", secure=house.chosen.is_secure, httponly=True, samesite="lax")
    return answer


def _house(request: Request) -> House:
    return request.app.state.house


def _provider(request: Request) -> OidcSettings:
    settings = _house(request).chosen.oidc
    if settings is None:
        raise not_found()
    return settings


def _url(request: Request) -> str:
    return _house(request).chosen.url or str(request.base_url).rstrip("/")


def _asking(request: Request, wanted: str, problem: str = "", name: str = "", status: int = 200) -> Response:
    fresh: Session | None = None
    if request.state.session is None:
        with _house(request).database.connection() as con:
            fresh = request.state.session = sessions.begin(con, None)
    chosen = _house(request).chosen
    answer = page(
        request,
        "login.html.j2",
        status,
        wanted=wanted,
        problem=problem,
        name=name,
        has_accounts=chosen.is_reference_campus,
        has_campus_login=chosen.oidc is not None,
        campus_login=f"/login/campus?next={quote(wanted)}",
        cas_login=f"/login/cas?next={quote(wanted)}" if chosen.cas and _house(request).asking else "",
    )
    if fresh is not None:
        _set_cookie(request, answer, fresh)
    return answer


def _anonymous(request: Request, answer: Response) -> Session:
    with _house(request).database.connection() as con:
        session = sessions.begin(con, None)
    _set_cookie(request, answer, session)
    return session


def _logged_in(
    request: Request,
    person: Numbered,
    way: str,
    wanted: str,
    proof: tuple[str, str] | None = None,
    begun: Begun | None = None,
    value: str = "",
) -> Response:
    """Begin the session of somebody, with what the service takes for them; without it their own page says why."""
    value = value or sessions.new_value()
    asking = _house(request).asking
    if asking is not None and proof is not None:
        try:
            begun = asking.begin(*proof, value, id_type=person.id_type if proof[0] == ACCOUNT else "")
        except (Said, Refused) as error:
            _log.warning("the service takes this login for nobody's", error=type(error).__name__)
    with _house(request).database.connection() as con:
        deeds.note(
            con, _house(request).named(con, person), deeds.LOGGED_IN, way, _login(True, f"login:{way}")
        )
        session = sessions.begin(con, person, request.state.session, value)
        if begun is not None:
            session = sessions.hold(con, session, begun.bearer, begun.until)
        sessions.forget(con, _house(request).limits)
    answer = RedirectResponse(wanted, 303)
    _set_cookie(request, answer, session)
    return answer


def _next(asked: Mapping[str, Any] | None) -> str:
    return safe_path(str((asked or {}).get("next") or "/"))


def _untold(said: Said) -> Refused:
    """Return what a refused ticket is to whoever came with it."""
    nobody = 403, "login_nobody", "login:number"
    kinds = {"SUBJECT_NOT_FOUND": nobody, "SUBJECT_AMBIGUOUS": nobody}
    return Refused(*kinds.get(said.code, (400, "login_stale", "login:ticket")))


def _login(is_allowed: bool, rule: str) -> Decision:
    return Decision(is_allowed, "", "", frozenset(), rule)


def _set_cookie(request: Request, answer: Response, session: Session) -> None:
    house = _house(request)
    answer.set_cookie(
        house.cookie, session.value, path="/", secure=house.chosen.is_secure, httponly=True, samesite="lax"
    )
