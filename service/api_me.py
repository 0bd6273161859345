"""What the person may see: own facts, who looked; and the Data Tracker's endpoints for the portal that shows them."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Header, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from catalogs.model import Catalog, Grant
from catalogs.settings import now
from service import decisions, declared, facts, sessions, usages
from service.access import campus_day
from service.api import Around, Caller, address_of, decides, refusals
from service.api_facts import FactOut
from service.cas import LIFETIME_S, STATE_PATTERN
from service.decisions import Surroundings
from service.problems import Problem
from service.reads import Reading
from service.record import Decision
from service.state import Current
from service.subjects import Closed, Resolved, resolve
from service.telling import Fact
from service.transactions import pinned
from service.wanted import Question

router = APIRouter()
SELF = "campus-login"
_VIEWS = ("full", "masked")
_PER_MINUTE = 60
_TRACKED = 1000  # most that the Data Tracker's contract gives at once
_ME = refusals(404, 409, 422)


class OwnFact(FactOut):
    """A fact about oneself, with its name."""

    element: str
    name_zh: str
    declared_id: UUID | None = None


class OwnFacts(BaseModel):
    """What the university holds about oneself, as far as it may be shown."""

    transaction_id: str
    release: int
    facts: list[OwnFact]
    receipt: str


class UsageOut(BaseModel):
    """One access to one's data."""

    transaction_id: UUID
    logtime: AwareDatetime
    action: str
    receiver_unit: str
    receiver_system: str
    service_item: str | None
    ground: str | None
    elements: list[str]
    outcome: str
    code: str


class OwnUsages(BaseModel):
    """Accesses to one's data, the newest first."""

    total: int
    usages: list[UsageOut]


@router.get("/v1/me/facts", tags=["subject"], response_model_exclude_unset=True, responses=_ME)
async def own_facts(request: Request, around: Around) -> OwnFacts:
    """What the university holds about the person who is logged in, by whom it was verified and since when."""
    at, current = now(), await around.state.current(around.pool)
    catalog = current.catalog
    whom, decision = await myself(request, around, "me_facts", current.release)
    async with decisions.deciding(around, decision, {}, at) as one:
        subject, found, hidden = await own_known(around, current, whom, at)
        elements = list(found)
        shown = [
            {"element": code, "name_zh": catalog.elements[code].name_zh, **fact.as_dict()}
            for code, fact in found.items()
            if fact.status != "not_applicable"
        ]
        shown += [
            {"element": code, "name_zh": catalog.elements[code].name_zh, "status": "withheld", "reason": why}
            for code, why in hidden.items()
            if code not in found
        ]
        whose = usages.subject_keys(around.keys, subject.keys)
        own = await declared.read(around.pool, around.keys, catalog, whose, None, at, _evidence_key(around))
        shown += [
            {
                "element": code,
                "name_zh": catalog.elements[code].name_zh,
                "declared_id": str(said.id),
                **said.fact.as_dict(),
            }
            for code, said in own.items()
        ]
        one.learn(elements=[*elements, *(code for code in own if code not in elements)])
        answer: dict[str, Any] = {
            "transaction_id": str(decision.transaction_id),
            "release": current.release,
            "facts": shown,
        }
        answer["receipt"] = await decisions.allow(around, one, answer, at, "subject:own")
    return OwnFacts(**answer)


@router.get("/v1/me/usages", tags=["subject"], responses=_ME)
async def own_usages(
    request: Request,
    around: Around,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    offset: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> OwnUsages:
    """Who asked about the person who is logged in, why, for what, and what came of it; refused attempts too."""
    current = await around.state.current(around.pool)
    whom, decision = await myself(request, around, "me_usages", current.release)
    async with decisions.deciding(around, decision, {}, now()) as one:
        async with pinned(around.pool, current.release) as con:
            subject = one_person(await resolve(con, current.catalog, whom, now()))
        whose = usages.subject_keys(around.keys, subject.keys)
        over = usages.over(current.catalog, campus_day(current.catalog, now()))
        total = await usages.count(around.pool, over, whose, since, until)
        rows = await usages.read(around.pool, over, whose, since, until, offset, limit)
        await decisions.allow(around, one, {"total": total}, now(), "subject:own")
    return OwnUsages(total=total, usages=[_usage(current.catalog, row) for row in rows])


@router.get("/v2/findUsage", tags=["usage"], operation_id="findUsage", responses=refusals(400, 403))
@decides
async def find_usage(
    around: Around,
    caller: Caller,
    viewer: Annotated[str, Header(alias="X-Road-UserId", min_length=1, max_length=100)],
    whose: Annotated[str, Query(alias="userCode", pattern=r"^[A-Za-z0-9_:.-]{1,40}:[^:\x00-\x1f]{1,64}$")],
    since: Annotated[AwareDatetime | None, Query(alias="periodStart")] = None,
    until: Annotated[AwareDatetime | None, Query(alias="periodEnd")] = None,
    offset: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    limit: Annotated[int, Query(ge=0, lt=2**31)] = _TRACKED,
) -> dict[str, Any]:
    """Accesses to a person's data, for the portal that shows them (Data Tracker 2.1.0); `userCode` is kind:number.

    A number that nobody is known by is answered too: with what the record says of the number itself.
    """
    kind, _, number = whose.rpartition(":")
    decision = replace(
        decisions.decision_of(caller.client, "usages", caller.current.release),
        actor_id=viewer,
        actor_role="applicant",
        subject=(kind, number),
    )
    asked = {"periodStart": since, "periodEnd": until, "offset": offset, "limit": limit}
    async with decisions.deciding(around, decision, asked, now()) as one:
        _check_shows_usages(caller.catalog, caller.client.client_id)
        async with pinned(around.pool, caller.current.release) as con:
            (subject,) = await resolve(con, caller.catalog, [(kind, number)], now())
        keys = usages.subject_keys(around.keys, subject.keys or {kind: [number]})
        over = usages.over(caller.catalog, campus_day(caller.catalog, now()))
        total = await usages.count(around.pool, over, keys, since, until)
        rows = await usages.read(around.pool, over, keys, since, until, offset, min(limit, _TRACKED))
        await decisions.allow(around, one, {"total": total}, now(), "usages:shown_to_the_person")
    return {"totalUsages": total, "usages": [_tracked(caller.catalog, row) for row in rows]}


@router.get("/v2/usagePeriod", tags=["usage"], operation_id="usagePeriod", responses=refusals())
async def usage_period(around: Around, _caller: Caller) -> dict[str, str]:
    """Since when accesses are kept; without an end, they can be asked for until now."""
    return {"periodStart": (await usages.oldest(around.pool) or now()).isoformat()}


@router.get("/v2/heartbeat", tags=["usage"], operation_id="heartbeat", responses=refusals())
async def heartbeat(around: Around) -> dict[str, str]:
    """Whether accesses can be asked for."""
    await around.pool.fetchval("SELECT 1 FROM service.record_checkpoint LIMIT 1")
    return {"status": "OK", "message": "API is ready"}


class Handed(Closed):
    """`POST /v1/me/session`."""

    ticket: str = Field(
        min_length=1, max_length=260, repr=False, description="Service ticket of the CAS server"
    )
    state: str | None = Field(
        None,
        pattern=STATE_PATTERN,
        repr=False,
        description="The `state` that stood behind the portal's address (`?state=…`), if it put one there",
    )


class SessionOut(BaseModel):
    """A bearer for `/v1/me/…`."""

    access_token: str
    token_type: str
    expires_in: int


@router.post("/v1/me/session", tags=["subject"], responses=refusals(404, 413, 415, 422))
async def session(handed: Handed, request: Request, around: Around) -> SessionOut:
    """Take a service ticket of the campus's CAS server, once, and give a short bearer for the person it is of."""
    at, current = now(), await around.state.current(around.pool)
    request.scope["yici.headers"] |= around.quotas.take(
        "login", address_of(request), around.configuration.token_rate
    )
    request.scope.setdefault("yici.log", {})["client_id"] = SELF
    decision = Decision(
        uuid4(), "me_session", SELF, receiver_name="本人", ground="own_data", release=current.release
    )
    async with decisions.deciding(around, decision, {}, at) as one:
        if around.login.cas is None:
            raise Problem("NOT_FOUND", "no CAS server is set up", rule="login:cas")
        numbers = await around.login.cas.person_of_ticket(around.pool, handed.ticket, handed.state)
        one.learn(actor_id=numbers[0][1], actor_role="applicant", subject=numbers[0])
        await decisions.allow(around, one, {"expires_in": LIFETIME_S}, at, "login:ticket")
    return SessionOut(
        access_token=around.login.cas.bearer(numbers), token_type="Bearer", expires_in=LIFETIME_S
    )


async def myself(
    request: Request, around: Surroundings, action: str, release: int
) -> tuple[list[tuple[str, str]], Decision]:
    """Return the numbers of the person who is logged in, and what is known of a decision about them.

    Raises:
        Problem: what `Login.person` raises, QUOTA_EXCEEDED.
    """
    whom = await _who(request, around)
    whose = around.keys.digest("me", " ".join(whom[0]))
    request.scope["yici.headers"] |= around.quotas.take("me", whose, _PER_MINUTE)
    request.scope.setdefault("yici.log", {})["client_id"] = SELF
    decision = Decision(
        uuid4(),
        action,
        SELF,
        receiver_name="本人",
        actor_id=whom[0][1],
        actor_role="applicant",
        subject=whom[0],
        ground="own_data",
        release=release,
    )
    return whom, decision


def keys_of(around: Surroundings, whom: list[tuple[str, str]]) -> str:
    """Return whose idempotency keys these are: those of one person must not meet those of another."""
    return f"{SELF} {around.keys.digest('me', ' '.join(whom[0]))}"


async def _who(request: Request, around: Surroundings) -> list[tuple[str, str]]:
    """Return the numbers of whom a bearer is for: of the campus's login, or of a session of a portal."""
    authorization = request.headers.get("authorization", "")
    kind, _, token = authorization.partition(" ")
    if kind.lower() != "bearer" or not token.strip().startswith(sessions.MARK):
        return await around.login.person(authorization)
    catalog = (await around.state.current(around.pool)).catalog
    secret = request.headers.get(sessions.HEADER, "")
    return await sessions.person(around.pool, around.keys, catalog, token.strip(), secret)


async def oneself(
    around: Surroundings, current: Current, whom: list[tuple[str, str]], at: datetime
) -> Resolved:
    """Return the person who is logged in, with all numbers that identity links to them.

    Raises:
        Problem: SUBJECT_NOT_FOUND.
    """
    async with pinned(around.pool, current.release) as con:
        return one_person(await resolve(con, current.catalog, whom, at))


async def own_known(
    around: Surroundings, current: Current, whom: list[tuple[str, str]], at: datetime
) -> tuple[Resolved, dict[str, Fact], dict[str, str]]:
    """Return the person who is logged in, the facts that they may see, and element → why not, of the rest.

    Raises:
        Problem: SUBJECT_NOT_FOUND.
    """
    catalog = current.catalog
    async with pinned(around.pool, current.release) as con:
        subject = one_person(await resolve(con, catalog, whom, at))
        grants, hidden = own_rights(catalog, subject)
        question = Question(
            keys=subject.keys,
            in_doubt=subject.in_doubt,
            capacity=None,
            grants=grants,
            elements=list(dict.fromkeys(grant.element for grant in grants)),
            at=at,
            disputed=subject.disputed,
            record_key=_evidence_key(around),
        )
        gathered = await facts.gather(Reading(con), current, question)
    return subject, facts.settle(current, gathered, {}), hidden


def _evidence_key(around: Surroundings) -> bytes:
    return around.keys.derived(f"evidence {SELF}")


async def own_keys(
    around: Surroundings, current: Current, whom: list[tuple[str, str]], at: datetime
) -> list[str]:
    """Return everything by which the person who is logged in may stand in our own registers.

    Raises:
        Problem: SUBJECT_NOT_FOUND.
    """
    return usages.subject_keys(around.keys, (await oneself(around, current, whom, at)).keys)


def one_person(found: list[Resolved]) -> Resolved:
    """Return the one person that all numbers of a login lead to.

    Raises:
        Problem: SUBJECT_NOT_FOUND, or SUBJECT_AMBIGUOUS where they lead to several, which nobody may see mixed. Whoever
            has logged in may know the difference: the numbers are their own login's.
    """
    known = {one.subject_id: one for one in found if one.subject_id is not None}
    if not known:
        raise Problem("SUBJECT_NOT_FOUND", "no one is known by what the login says", rule="subject:known")
    if len(known) > 1:
        detail = "the login names numbers of several people; the data office has to look"
        raise Problem("SUBJECT_AMBIGUOUS", detail, rule="subject:one_person")
    (subject,) = known.values()
    return subject


def known_number(whom: list[tuple[str, str]], subject: Resolved) -> tuple[str, str]:
    """Return the first number of a login that leads to the person: by another one our registers would lose them."""
    return next((one for one in whom if one[1] in subject.keys.get(one[0], ())), whom[0])


def own_rights(catalog: Catalog, subject: Resolved) -> tuple[list[Grant], dict[str, str]]:
    """Return what a person may see of oneself as grants, and element → why not, of the rest."""
    grants, hidden = [], {}
    for code, element in catalog.elements.items():
        for source in catalog.sources_of(code):
            if source.id_type not in subject.keys or catalog.is_asked(source.resource):
                continue
            item = catalog.resources[source.resource].item(source.item)
            if item.subject_view not in _VIEWS:
                hidden[code] = item.subject_view_basis or item.subject_view
                continue
            mask = (element.mask or "hide") if item.subject_view == "masked" else ""
            right = Grant(
                "", "", "", code, source.resource, source.item, "", mask, "own_data", None, None, ""
            )
            grants.append(right)
    return grants, hidden


def _usage(catalog: Catalog, row: Any) -> UsageOut:
    return UsageOut(
        transaction_id=row["transaction_id"],
        logtime=row["logtime"],
        action=usages.words(catalog, row),
        receiver_unit=usages.receiver(catalog, row)[1],
        receiver_system=row["receiver_name"] or row["client_id"],
        service_item=row["purpose"],
        ground=row["ground"],
        elements=row["elements"],
        outcome=row["outcome"],
        code=row["code"],
    )


def _tracked(catalog: Catalog, row: Any) -> dict[str, str]:
    code, name = usages.receiver(catalog, row)
    logtime: datetime = row["logtime"]
    return {
        "logtime": logtime.isoformat(),
        "action": usages.words(catalog, row),
        "receiverCode": code,
        "receiverName": name,
        "receiverSystem": row["receiver_name"] or row["client_id"],
    }


def _check_shows_usages(catalog: Catalog, client_id: str) -> None:
    """Only the portal that shows people their own accesses may ask for them (clients.yaml: usages).

    Raises:
        Problem: NOT_PERMITTED.
    """
    if catalog.campus.clients.get(client_id, {}).get("usages") is not True:
        raise Problem("NOT_PERMITTED", rule="usages:shown_by_this_client")
