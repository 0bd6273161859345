"""Logging in and out, the language, and what pages look like: what can be asked for before anybody is known."""

from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from catalogs.exports.site import STYLE
from portal import accounts, attempts, deeds, oidc, sessions
from portal.access import Decision
from portal.configuration import OidcSettings
from portal.entry import House, safe_path
from portal.problems import Refused, not_found
from portal.rendering import LANGUAGE_COOKIE, page
from portal.sessions import Session
from portal.texts import LANGUAGES
from portal.wall import address_of

router = APIRouter()
_ASSETS = {"style.css": STYLE, "portal.css": Path(__file__).parent / "templates" / "portal.css"}
_BACK = "/login/back"
_LANGUAGE_KEPT_S = 365 * 24 * 3600


@router.get("/healthz", name="alive")
def alive() -> dict[str, str]:
    """The worker runs."""
    return {"status": "ok"}


@router.get("/assets/{name}", name="asset")
def asset(name: str) -> Response:
    """A stylesheet."""
    if name not in _ASSETS:
        raise not_found()
    return PlainTextResponse(
        _ASSETS[name].read_text(encoding="utf-8"),
        media_type="text/css",
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
def login(request: Request, next: str = "/") -> Response:
    """Ask who somebody is."""
    if request.state.session is not None and request.state.session.person is not None:
        return RedirectResponse(safe_path(next), 303)
    return _asking(request, safe_path(next))


@router.post("/login/account", name="login_account")
def login_account(request: Request) -> Response:
    """Log in by a local account, where there are any."""
    house = _house(request)
    if not house.chosen.is_reference_campus:
        raise not_found()
    name, password, code, wanted = (
        str(request.state.form.get(one) or "") for one in ("name", "password", "code", "next")
    )
    name, address = name.strip()[:64], address_of(request)
    with house.database.connection() as con:
        if not attempts.is_allowed(con, name, address):
            deeds.note(con, "", deeds.LOGIN_FAILED, "account", _login(False, "login:too_many"))
            return _asking(request, safe_path(wanted), "too_many", name, 429)
        person = accounts.check(con, name, password[:256], code[:8])
        if person is None:
            deeds.note(con, "", deeds.LOGIN_FAILED, "account", _login(False, "login:account"))
            return _asking(request, safe_path(wanted), "wrong", name, 401)
        attempts.forgive(con, name, address)
    return _logged_in(request, person, "account", safe_path(wanted))


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
            person = oidc.person(settings, asked, state, code)
        except Refused as error:
            deeds.note(con, "", deeds.LOGIN_FAILED, "campus", _login(False, error.rule))
            raise
    return _logged_in(request, person, "campus", safe_path(str((asked or {}).get("next") or "/")))


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
    )
    if fresh is not None:
        _set_cookie(request, answer, fresh)
    return answer


def _anonymous(request: Request, answer: Response) -> Session:
    with _house(request).database.connection() as con:
        session = sessions.begin(con, None)
    _set_cookie(request, answer, session)
    return session


def _logged_in(request: Request, person: str, way: str, wanted: str) -> Response:
    with _house(request).database.connection() as con:
        deeds.note(con, person, deeds.LOGGED_IN, way, _login(True, f"login:{way}"))
        session = sessions.begin(con, person, request.state.session)
        sessions.forget(con, _house(request).limits)
    answer = RedirectResponse(wanted, 303)
    _set_cookie(request, answer, session)
    return answer


def _login(is_allowed: bool, rule: str) -> Decision:
    return Decision(is_allowed, "", "", frozenset(), rule)


def _set_cookie(request: Request, answer: Response, session: Session) -> None:
    house = _house(request)
    answer.set_cookie(
        house.cookie, session.value, path="/", secure=house.chosen.is_secure, httponly=True, samesite="lax"
    )
