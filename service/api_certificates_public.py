"""Anybody checks a certificate: by its code, by handing in paper or token, or offline by lists and keys. No login.

What a code shows is what the holder chose for it, and only while the certificate is valid. A code that shows nothing
is answered in one way, whatever it is. Each address may check so often a minute, and is not kept.
"""

import asyncio
import contextlib
import hashlib
import time
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path as File
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import jinja2
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import AwareDatetime, BaseModel, Field

from catalogs.exports.marks import marked
from catalogs.model import Catalog
from catalogs.settings import now
from certificates import judging, pki, status
from certificates.judging import Standing
from certificates.tokens import StatusReference
from service import certificate_shares as shares
from service import certificates, decisions
from service.api import Around, address_of, refusals
from service.api_certificates import MOST_IN_LINE, Certifying, WithSeals
from service.certificate_acts import about
from service.certificate_shares import Look
from service.certificates import Certified
from service.decisions import Surroundings
from service.guard import PDF, accepted_kinds, sent_kind
from service.problems import NO_STORE, Problem, prefers_english
from service.record import Decision
from service.subjects import Closed

router = APIRouter(tags=["certificates"])
PUBLIC, PUBLIC_NAME = "public", "公众核验"
# A list is signed anew so often, and may be kept elsewhere so long: a revocation is seen within a minute.
SIGNED_AGAIN_S, KEPT_ELSEWHERE_S, HOLDS_S = 15, 30, 600
_CACHED = {"Cache-Control": f"public, max-age={KEPT_ELSEWHERE_S}"}
_HTML = "text/html"
_TEMPLATES = File(__file__).parent / "templates"
_PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
)
_STYLE = (_TEMPLATES / "verify.css").read_text(encoding="utf-8")
_PAGE_HEADERS = NO_STORE | {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}


class CheckedValue(BaseModel):
    """A value that the holder chose to show, with who answers for it and since when it is known to hold."""

    element: str
    label_zh: str
    label_en: str
    value_zh: str
    value_en: str
    provider: str
    provider_zh: str
    as_of: str


class CheckedOut(BaseModel):
    """What a code says of a certificate."""

    standing: Literal["valid", "revoked", "expired"]
    number: str
    title_zh: str
    title_en: str
    unit_zh: str
    unit_en: str
    issued_at: AwareDatetime
    valid_until: str
    revoked_at: AwareDatetime | None
    values: list[CheckedValue] = Field(description="Only while it is valid")
    is_internal: bool = Field(True, description="For checking within the university: its root is our own")
    checked_at: AwareDatetime


class HandedToken(Closed):
    """`POST /v1/verifications` with a token."""

    token: str = Field(min_length=1, max_length=60000, repr=False)


class VerdictOut(BaseModel):
    """The judgement on a paper or token."""

    standing: Literal["valid", "invalid", "revoked", "expired", "unknown"]
    reason: str
    explanation_zh: str
    explanation_en: str
    kind: str
    signed_by: str
    signed_at: AwareDatetime | None
    expires_at: AwareDatetime | None
    stated: dict[str, Any] = Field(description="What the token in it states, to be compared with the print")


_CHECKED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "What the holder chose to show",
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/CheckedOut"}},
            _HTML: {"schema": {"type": "string"}},
        },
    },
    404: {
        "description": "Nothing is shown by this code",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}},
            _HTML: {"schema": {"type": "string"}},
        },
    },
}


@router.get("/verify/{code:part}", response_model=CheckedOut, responses=refusals(422) | _CHECKED)
async def verify(code: Annotated[str, Path(max_length=100)], request: Request, around: Around) -> Response:
    """Check a certificate by the code on its paper or of a share; as a page, or as JSON by `Accept`."""
    at, is_page = now(), _HTML in accepted_kinds(request)
    _take(request, around)
    async with around.pool.acquire() as con, con.transaction():
        look = await shares.look(con, around.keys, code, "page" if is_page else "program", at)
    if look is None:
        if not is_page:
            raise Problem("NOT_FOUND", "nothing is shown by this code", rule="certificate:code")
        return _page(request, 404, None)
    found = await certificates.find(around.pool, around.keys, look.certificate)
    current = await around.state.current(around.pool)
    told = _checked(current.catalog, found, look, at)
    shown = [one.element for one in told.values]
    decision = Decision(uuid4(), "certificate_verify", PUBLIC, receiver_name=PUBLIC_NAME, ground="own_data",
                        release=current.release)  # fmt: skip
    async with decisions.deciding(around, decision, {"certificate_id": str(found.id)}, at) as one:
        about(one, found)
        one.learn(elements=shown)
        answer = told.model_dump(mode="json")
        await decisions.allow(around, one, answer, at, "certificate:chosen_by_holder")
    return _page(request, 200, told) if is_page else JSONResponse(answer, headers=NO_STORE)


def _checked(catalog: Catalog, found: Certified, look: Look, at: datetime) -> CheckedOut:
    standing, kept, row = found.standing(at), found.kept, found.row
    zone = ZoneInfo(catalog.campus.time_zone)
    kind, unit = catalog.certificates.get(row["kind"]), catalog.units.get(row["unit"])
    titles = kept["title"] if kept else [kind.name_zh, kind.name_en] if kind else [row["kind"]] * 2
    units = kept["unit"] if kept else [unit.name_zh, unit.name_en] if unit else [row["unit"]] * 2
    values = [
        CheckedValue(
            element=one["element"],
            label_zh=one["label"][0],
            label_en=one["label"][1],
            value_zh=one["value"][0],
            value_en=one["value"][1],
            provider=one["provider"],
            provider_zh=one["provider_name"][0],
            as_of=one["as_of"],
        )
        for one in (kept["values"] if kept and standing == "valid" else ())
        if one["element"] in look.shown
    ]
    return CheckedOut(
        standing=standing,
        number=found.number,
        title_zh=titles[0],
        title_en=titles[1],
        unit_zh=units[0],
        unit_en=units[1],
        issued_at=row["issued_at"].astimezone(zone),
        valid_until=row["valid_until"].isoformat(),
        revoked_at=row["revoked_at"] and row["revoked_at"].astimezone(zone),
        values=values,
        checked_at=at.astimezone(zone),
    )


def _page(request: Request, code: int, told: CheckedOut | None) -> HTMLResponse:
    english = prefers_english(request.headers.get("accept-language", ""))
    content = _PAGES.get_template("verify.html.j2").render(told=told, english=english, style=_STYLE)
    return HTMLResponse(marked(content) if english else content, code, headers=_PAGE_HEADERS)


_HANDED = {
    "requestBody": {
        "required": True,
        "content": {
            PDF: {"schema": {"type": "string", "format": "binary"}},
            "application/json": {"schema": HandedToken.model_json_schema()},
        },
    }
}


@router.post("/v1/verifications", openapi_extra=_HANDED, responses=refusals(400, 413, 415, 422))
async def judge(request: Request, around: Around, certifying: WithSeals) -> VerdictOut:
    """Judge a paper (PDF) or token that somebody was given: whatever it is, there is a verdict and a reason."""
    at = now()
    _take(request, around)
    content = await request.body()
    if sent_kind(request) != PDF:
        content = _token(content)
    loop = asyncio.get_running_loop()

    def status_of(reference: StatusReference) -> int | None:
        asked = _status(around, certifying, reference, at)
        return asyncio.run_coroutine_threadsafe(asked, loop).result()

    trust = certifying.seals.trust
    with _in_line(certifying):
        async with certifying.judging:
            verdict = await asyncio.to_thread(judging.judge, content, trust, at, status_of)
    await _note(around, verdict.kind, verdict.code, at)
    return VerdictOut(
        standing=Standing(verdict.standing).value,
        reason=verdict.reason,
        explanation_zh=verdict.explanation.zh,
        explanation_en=verdict.explanation.en,
        kind=verdict.kind,
        signed_by=verdict.signed_by,
        signed_at=verdict.signed_at,
        expires_at=verdict.expires_at,
        stated=dict(verdict.claims),
    )


@contextlib.contextmanager
def _in_line(certifying: Certifying) -> Iterator[None]:
    """Hold a place in the line of papers to be judged: who floods it takes no other's place in the worker.

    Raises:
        Problem: QUOTA_EXCEEDED where the line is long.
    """
    if certifying.in_line >= MOST_IN_LINE:
        headers = {"Retry-After": "5"}
        raise Problem("QUOTA_EXCEEDED", "many papers are being judged", rule="quota:judging", headers=headers)
    certifying.in_line += 1
    try:
        yield
    finally:
        certifying.in_line -= 1


def _token(content: bytes) -> bytes:
    try:
        return HandedToken.model_validate_json(content).token.encode()
    except ValueError:
        raise Problem("INVALID_PARAMETER", errors=[{"pointer": "/token", "code": "missing"}]) from None


async def _status(
    around: Surroundings, certifying: Certifying, reference: StatusReference, at: datetime
) -> int | None:
    """Return the status at a reference into our own lists, straight from the register; None for any other."""
    address, slash, list_ = reference.address.rpartition("/")
    if f"{address}{slash}" != certificates.list_address(certifying.seals.issuer(at), 0)[:-1]:
        return None
    if not list_.isdigit() or len(list_) > 6:
        return None
    revoked = await certificates.is_revoked(around.pool, int(list_), reference.index)
    return None if revoked is None else status.INVALID if revoked else status.VALID


async def _note(around: Surroundings, kind: str, token_id: str, at: datetime) -> None:
    """Let the holder see that a paper or token of ours was judged."""
    with contextlib.suppress(ValueError, Problem):
        id_ = UUID(token_id.removeprefix("urn:uuid:"))
        found = await certificates.find(around.pool, around.keys, id_)
        await shares.note(around.pool, found.id, None, "paper" if kind == "pdf" else "token", at)


@router.get(
    "/statuslists/{list_:part}",
    response_class=Response,
    responses=refusals(404, 422)
    | {
        200: {
            "description": "The signed list",
            "content": {status.MEDIA_TYPE: {"schema": {"type": "string"}}},
        }
    },
)
async def status_list(
    list_: Annotated[int, Path(ge=0, lt=1_000_000)], around: Around, certifying: WithSeals
) -> Response:
    """Which certificates of a list are revoked (Token Status List), signed."""
    at, moment = now(), time.monotonic()
    signed_at, text = certifying.lists.get(list_, (-float(SIGNED_AGAIN_S), ""))
    if moment - signed_at >= SIGNED_AGAIN_S:
        revoked = await certificates.revoked_in(around.pool, list_)
        if revoked is None:
            raise Problem("NOT_FOUND", "there is no such list")
        text = status.sign(
            status.StatusList(certificates.LIST_SIZE, revoked),
            certifying.seals.token(at),
            address=certificates.list_address(certifying.seals.issuer(at), list_),
            at=at,
            lifetime_s=HOLDS_S,
            ttl_s=KEPT_ELSEWHERE_S,
        )
        certifying.lists[list_] = moment, text
    return Response(text, media_type=status.MEDIA_TYPE, headers=_CACHED)


@router.get("/.well-known/jwt-vc-issuer", responses=refusals())
async def issuer(certifying: WithSeals) -> dict[str, Any]:
    """Who issues the tokens, and the keys of those that may still hold (SD-JWT VC)."""
    at = now()
    return {
        "issuer": certifying.seals.issuer(at),
        "jwks": pki.key_set(certifying.seals.token_signers, at),
    }


_PEM, _CRL = "application/x-pem-file", "application/pkix-crl"


@router.get(
    "/pki/{name:part}",
    response_class=Response,
    responses=refusals(404, 422) | {200: {"description": "The file", "content": {_PEM: {}, _CRL: {}}}},
)
async def public_key_files(
    name: Literal["root.pem", "chain.pem", "crl", "trust.pem"], certifying: WithSeals
) -> Response:
    """The root, the certificates of our keys, and what was revoked of them: `crl` in DER, `trust.pem` with the root."""
    trust = certifying.seals.trust
    if name == "crl":
        if not trust.lists:
            raise Problem("NOT_FOUND", "no revocation list is published yet")
        newest = max(trust.lists, key=lambda one: one.last_update_utc)
        return Response(newest.public_bytes(Encoding.DER), media_type=_CRL, headers=_CACHED)
    own = [one.chain[0] for one in (*certifying.seals.seal_signers, *certifying.seals.token_signers)]
    content = {
        "root.pem": lambda: b"".join(one.public_bytes(Encoding.PEM) for one in trust.roots),
        "chain.pem": lambda: b"".join(one.public_bytes(Encoding.PEM) for one in own),
        "trust.pem": trust.to_pem,
    }[name]()
    return Response(content, media_type=_PEM, headers=_CACHED)


def _take(request: Request, around: Surroundings) -> None:
    taken = around.quotas.take("verify", address_of(request), around.configuration.verify_rate)
    request.scope["yici.headers"] |= taken
