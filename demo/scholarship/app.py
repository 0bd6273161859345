"""The pages: log in, fill in, hand in. Whatever the service does, each of them is answered.

The login is a list of made-up people, and says so; a real system has the campus's single sign-on here.
"""

import asyncio
import contextlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import Cookie, FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from demo.applicants import APPLICANTS
from demo.scholarship import words
from demo.scholarship.visits import LIFE_S, Visit, Visits
from demo.systems.hall import CLIENT_ID
from yici.client import Client, FormFolder, ReceiptFolder, ServiceProblem, read_key
from yici.client.forms import FILLED

SERVICE_ITEM = "XG-001"
AWARDS = ("国家奖学金", "国家励志奖学金", "校级奖学金")
_COOKIE = "visit"
_UNKNOWN = {"who": "系统里查不到的人", "id_type": "student_no", "id": "1999000000"}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_HERE = Path(__file__).resolve().parent
_Visit = Annotated[str | None, Cookie(alias=_COOKIE)]


def create_app(
    hall: Path, service: str, client_id: str = CLIENT_ID, service_item: str = SERVICE_ITEM
) -> FastAPI:
    """Return the application.

    Args:
        hall: the hall's own folder: its key and the campus's applicants; receipts and forms are kept there too.
        service: address of the service.
        client_id: as which the hall's key is registered.
        service_item: which form it is.
    """
    named = json.loads((hall / APPLICANTS).read_text(encoding="utf-8"))
    people = [one for one in named if service_item in one["service_items"]] + [_UNKNOWN]
    client = Client(
        service,
        client_id,
        read_key(hall / "client_private.jwk"),
        on_receipt=ReceiptFolder(hall / "receipts"),
        forms=FormFolder(hall / "forms"),
        http={"trust_env": False},
    )
    app = FastAPI(
        title="奖学金申请",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan(client, service_item),
    )
    _pages(app, _Desk(client, service_item, people))
    return app


def _lifespan(client: Client, service_item: str) -> Any:
    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # Beside the first visits: nobody waits for it, and without it a first form would only have fewer fields.
        learning = asyncio.create_task(asyncio.to_thread(client.load_form, service_item))
        yield
        await learning
        client.close()

    return lifespan


class _Desk:
    """What happens between the pages and the service."""

    def __init__(self, client: Client, service_item: str, people: Sequence[Mapping[str, Any]]) -> None:
        self.people = people
        self.visits = Visits()
        self._client = client
        self._service_item = service_item

    def fill(self, visit: Visit) -> None:
        """Ask for the form of a visit; blank if there is no answer."""
        visit.form = self._client.prefill_or_blank(
            self._service_item,
            visit.person,
            user_id=visit.person.id,
            external_no=visit.draft_no,
            idempotency_key=visit.draft_no,
        )

    def hand_in(self, visit: Visit, sent: Mapping[str, str]) -> dict[str, Any]:
        """Take an application in, then tell the service what became of its fields; the first needs no answer."""
        form = visit.form
        assert form is not None
        outcomes = form.outcomes(sent)
        if not form.is_blank:
            with contextlib.suppress(ServiceProblem):
                if outcomes:
                    self._client.reconcile(form.transaction_id, {"fields": outcomes})
                self._client.change_case(form.case_id, {"status": "submitted"})
        return {
            "number": visit.draft_no,
            "filled": len(form.filled),
            "changed": sum(one["outcome"] == "changed" for one in outcomes),
            "needed": [one for one in form.materials if one["outcome"] == "still_required"],
        }


def _pages(app: FastAPI, desk: _Desk) -> None:
    pages = Jinja2Templates(_HERE / "pages")
    pages.env.globals.update(words=words, FILLED=FILLED, AWARDS=AWARDS)

    def page(request: Request, name: str, **shown: Any) -> HTMLResponse:
        return pages.TemplateResponse(request, name, shown, headers=_HEADERS)

    def elsewhere(path: str) -> RedirectResponse:
        return RedirectResponse(path, status_code=303, headers=_HEADERS)

    @app.get("/style.css")
    def style() -> Response:
        content = (_HERE / "pages" / "style.css").read_bytes()
        return Response(content, media_type="text/css", headers={"Cache-Control": "max-age=300"})

    @app.get("/")
    def people(request: Request) -> HTMLResponse:
        return page(request, "login.html", people=desk.people)

    @app.post("/login")
    def login(who: Annotated[int, Form(ge=0)]) -> Response:
        if who >= len(desk.people):
            return elsewhere("/")
        answer = elsewhere("/apply")
        answer.set_cookie(
            _COOKIE, desk.visits.begin(desk.people[who]), LIFE_S, httponly=True, samesite="strict"
        )
        return answer

    @app.get("/apply")
    def fill_in(request: Request, visit: _Visit = None) -> Response:
        found = desk.visits.find(visit)
        if found is None:
            return elsewhere("/")
        desk.fill(found)
        return page(request, "form.html", visit=found, form=found.form)

    @app.post("/apply")
    async def hand_in(request: Request, visit: _Visit = None) -> Response:
        found = desk.visits.find(visit)
        sent = {name: str(value) for name, value in (await request.form(max_fields=100)).items()}
        if found is None or found.form is None:
            return elsewhere("/")
        if not hmac.compare_digest(sent.pop("token", "").encode(), found.token.encode()):
            return elsewhere("/apply")
        told = await asyncio.to_thread(desk.hand_in, found, sent)
        desk.visits.end(visit)
        return page(request, "done.html", **told)
