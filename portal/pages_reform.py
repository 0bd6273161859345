"""The reform as it really is: an overview that answers first, a page for each topic, a workbook for each table."""

from collections.abc import Callable, Mapping
from urllib.parse import quote

import psycopg
from fastapi import APIRouter, Request, Response

from portal import reform_deadlines, reform_funds, reform_materials, reform_visits, reform_voices
from portal.access import decide
from portal.blocks import Block, dated
from portal.entry import Entered, House
from portal.problems import not_found
from portal.reform import Reading, share
from portal.rendering import language_of, page

router = APIRouter()
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Topic = Callable[[Reading], list[Block]]
OVERVIEW = "overview"
# Topics in the order in which they are asked about. What is about money is a page of its own, with its own readers.
TOPICS: Mapping[str, Topic] = {
    "visits": reform_visits.visits,
    "milestones": reform_visits.milestones,
    "frequent": reform_materials.high_frequency,
    "materials": reform_materials.materials,
    "before-after": reform_visits.before_after,
    "deadlines": reform_deadlines.deadlines,
    "evaluation": reform_voices.evaluation,
    "enquiries": reform_voices.enquiries,
    "tides": reform_voices.tides,
    "league": reform_voices.league,
    "hand-overs": reform_voices.hand_overs,
}
RESEARCH = "research"


@router.get("/reform", name="reform")
def overview(request: Request) -> Response:
    """What share of cases really needed at most one visit, and what would raise it most."""
    entered, house = _request(request)
    with house.database.connection() as con:
        reading = _reading(request, con)
        told = reform_visits.summary(reading)
        blocks = reform_visits.overview(reading)
    goals = entered.shown.lists.get("goals")
    return page(
        request,
        "reform.html.j2",
        section="reform",
        told=told,
        share=share,
        goals=(sum(row["outcome"] == "达成" for row in goals.rows), len(goals.rows)) if goals else None,
        topics=_topics(entered),
        topic="",
        address="/reform/overview",
        blocks=blocks,
    )


@router.get("/reform/research", name="reform_research")
def research(request: Request) -> Response:
    """Research and finance: payments without a claim, days to the account, balances."""
    return _page(request, RESEARCH, reform_funds.research)


@router.get("/reform/research/{block}.xlsx", name="reform_research")
def research_file(request: Request, block: str) -> Response:
    """A table of research and finance as a workbook."""
    return _file(request, reform_funds.research, block)


@router.get("/reform/{topic}", name="reform_topic")
def topic(request: Request, topic: str) -> Response:
    """One topic: its findings, each with chart and table."""
    if topic not in TOPICS:
        raise not_found()
    return _page(request, topic, TOPICS[topic])


@router.get("/reform/{topic}/{block}.xlsx", name="reform_topic")
def topic_file(request: Request, topic: str, block: str) -> Response:
    """A table of a topic as a workbook."""
    made = reform_visits.overview if topic == OVERVIEW else TOPICS.get(topic)
    if made is None:
        raise not_found()
    return _file(request, made, block)


def _page(request: Request, name: str, made: Topic) -> Response:
    entered, house = _request(request)
    with house.database.connection() as con:
        reading = _reading(request, con)
        blocks = made(reading)
    return page(
        request,
        "reform_topic.html.j2",
        section="reform",
        topic=name,
        topics=_topics(entered),
        address=f"/reform/{name}",
        blocks=blocks,
    )


def _file(request: Request, made: Topic, name: str) -> Response:
    entered, house = _request(request)
    with house.database.connection() as con:
        found = next((one for one in made(_reading(request, con)) if one.name == name), None)
    if found is None:
        raise not_found()
    return block_file(request, found, entered)


def block_file(request: Request, block: Block, entered: Entered) -> Response:
    """Return a finding's table as a workbook, named by content and date."""
    name = dated(block.title, entered.edition.on, entered.edition.release)
    return Response(
        block.workbook(language_of(request)),
        media_type=XLSX,
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"},
    )


def _topics(entered: Entered) -> list[str]:
    may_see_money = decide(entered.viewer, "reform_research").is_allowed
    return [*TOPICS, RESEARCH] if may_see_money else [*TOPICS]


def _reading(request: Request, con: psycopg.Connection) -> Reading:
    entered, _ = _request(request)
    return Reading(
        con,
        entered.edition.catalog,
        entered.shown.lists,
        entered.shown.pages,
        language_of(request),
        entered.edition.english,
    )


def _request(request: Request) -> tuple[Entered, House]:
    return request.state.entered, request.app.state.house
