"""From what a page tells to HTML: the site's templates in the portal's frame, in the reader's language."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import pass_context
from jinja2.runtime import Context

from catalogs.counting import counted
from catalogs.exports.templating import environment
from catalogs.posts import post_title
from catalogs.settings import now
from portal.access import MEMBER, decide, issues
from portal.charts import plotly_name
from portal.drafts import Draft, draft_of
from portal.english import in_english
from portal.entry import Entered, House, safe_path
from portal.refilling import refilled
from portal.texts import LANGUAGES, text

LANGUAGE_COOKIE = "yici-language"
_NAVIGATION = (
    ("home", "/"),
    ("resources", "/resources.html"),
    ("services", "/services.html"),
    ("lists", "/lists.html"),
    ("codes", "/codes.html"),
    ("responsibilities", "/responsibilities"),
    ("demands", "/demands"),
    ("quality", "/quality"),
    ("tickets", "/tickets"),
    ("reform", "/reform"),
    ("usage", "/usage"),
    ("maintain", "/maintain"),
    ("duty", "/duty"),
    ("issued", "/issued"),
    ("window", "/window"),
    ("runs", "/runs"),
    ("mine", "/mine"),
)
_SIGNS = {"✓": "good", "!": "watch", "✕": "bad", "–": "nothing"}
_templates = environment(Path(__file__).parent / "templates")


@pass_context
def _sign(context: Context, sign: str, words: str = "") -> dict[str, str]:
    """Return how a status is shown: its shape, its class, its word."""
    kind = _SIGNS[sign]
    return {"sign": sign, "kind": kind, "word": words or text(kind, context["language"])}


@pass_context
def _post(context: Context, post: str) -> str:
    """Return what people call a post."""
    return post_title(context["entered"].edition.catalog, post, context["language"])


_templates.globals["status"] = _sign
_templates.globals["plotly"] = plotly_name()
_templates.filters["post"] = _post


def language_of(request: Request) -> str:
    """Return the language that the reader chose; Chinese until then."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else LANGUAGES[0]


def page(
    request: Request, template: str, status: int = 200, *, section: str = "", root: str = "/", **told: Any
) -> HTMLResponse:
    """Return a page.

    Args:
        request: that asked for it.
        template: its name.
        status: of HTTP.
        section: the entry of the navigation that it belongs to.
        root: where the site's templates find their pages.
        told: what the template shows.
    """
    language = language_of(request)
    entered: Entered | None = getattr(request.state, "entered", None)
    session = getattr(request.state, "session", None)
    frame = {
        "language": language,
        "t": partial(text, language=language),
        "navigation": _navigation(entered),
        "here": section,
        "entered": entered,
        "you": _you(entered, language),
        "csrf": session.csrf if session else "",
        "path": _path(request),
        "address": _address(request),
        "root": root,
        "section": section,
        "site": {**(entered.shown.told if entered else {}), "name": _name(entered, language)},
    }
    html = _refilled(request, _templates.get_template(template).render(frame | told), status, language)
    if language != LANGUAGES[0]:
        html = in_english(html, entered.edition.english if entered else {})
    return HTMLResponse(html, status)


def _refilled(request: Request, html: str, status: int, language: str) -> str:
    """Return a page with what was typed in its form: one that was just sent and not taken, or came too late."""
    if getattr(request.state, "entered", None) is None:
        return html
    if request.method != "GET":
        return refilled(html, draft_of(request.url.path, request.state.form)) if status >= 400 else html
    draft: Draft | None = getattr(request.state, "draft", None)
    note = f'<div class="note" role="status"><p>{text("draft.offered", language)}</p></div>'
    return refilled(html, draft, note) if draft is not None else html


def _path(request: Request) -> str:
    """Return the address of the page that is shown; of one that answers a form, the page that the form stands on."""
    if request.method != "GET":
        form = getattr(request.state, "form", None)
        return safe_path(str((form.get("back") if form else "") or "/"))
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _address(request: Request) -> str:
    """Return where a page is found again, for whoever reads it on paper."""
    house: House = request.app.state.house
    return (house.chosen.url or str(request.base_url)).rstrip("/") + _path(request)


def moment(at: datetime, zone: str) -> str:
    """Return a time as people of the campus read it."""
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


class Moment(NamedTuple):
    """A time in the past as people of the campus read it, and how long ago that was, in words."""

    at: str
    age: str


def told_moment(request: Request, at: datetime | str | None) -> Moment | None:
    """Return a time in the reader's words; a text is one as the service writes it, and nothing stays nothing."""
    if not at:
        return None
    when = datetime.fromisoformat(at) if isinstance(at, str) else at
    zone = request.state.entered.edition.catalog.campus.time_zone
    return Moment(moment(when, zone), age(when, language_of(request)))


def age(at: datetime, language: str) -> str:
    """Return how long ago something was, in words."""
    passed = max(now().astimezone(UTC) - at, timedelta())
    for seconds, zh, en in ((86400, "天", "day"), (3600, "小时", "hour"), (60, "分钟", "minute")):
        if passed.total_seconds() >= seconds:
            return _ago(int(passed.total_seconds() // seconds), zh, en, language)
    return "刚刚" if language == "zh" else "just now"


def age_in_days(days: int, language: str) -> str:
    """Return how many days ago something was that has a day and no time, in words."""
    if days < 1:
        return "今天" if language == "zh" else "today"
    return _ago(days, "天", "day", language)


def _ago(count: int, zh: str, en: str, language: str) -> str:
    return f"{count:,} {zh}前" if language == "zh" else f"{counted(count, en)} ago"


def _name(entered: Entered | None, language: str) -> str:
    """Return the portal's name, that of the campus before it once somebody has logged in."""
    if entered is None:
        return text("app", language)
    campus = entered.edition.catalog.campus
    name = campus.name_zh if language == "zh" else campus.name_en or campus.name_zh
    return text("app.of", language, campus=name)


def _navigation(entered: Entered | None) -> list[tuple[str, str]]:
    if entered is None:
        return []
    viewer = entered.viewer
    hidden = () if issues(entered.edition.catalog, viewer) else ("issued",)
    return [
        (name, path) for name, path in _NAVIGATION if name not in hidden and decide(viewer, name).is_allowed
    ]


def _you(entered: Entered | None, language: str) -> str:
    if entered is None:
        return ""
    roles: Mapping[str, None] = dict.fromkeys(one.role for one in entered.viewer.held) or {MEMBER: None}
    names = [text(f"role.{role}", language) for role in roles]
    return text(
        "you",
        language,
        person=entered.viewer.person,
        roles="、".join(names) if language == "zh" else ", ".join(names),
    )
