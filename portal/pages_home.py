"""Home: can I trust the data today, and is the reform moving?"""

from collections import Counter
from datetime import timedelta

from fastapi import APIRouter, Request, Response

from catalogs.derive import STILL_REQUIRED
from catalogs.views import CYCLE_NAMES, resource_name, unit_name
from expectations.quality.kept import scores_on
from expectations.quality.scores import CAMPUS
from expectations.quality.terms import terms
from expectations.quality.words import TOTAL, shown
from portal import facts, reform_materials, reform_visits
from portal.access import decide
from portal.entry import Entered, House
from portal.reform import Reading, share
from portal.rendering import age, language_of, moment, page

router = APIRouter()
_RELEASES, _LATE_SHOWN = 5, 10


@router.get("/", name="home")
def home(request: Request) -> Response:
    """The state of the warehouse and the reform at a glance."""
    entered: Entered = request.state.entered
    house: House = request.app.state.house
    catalog, day, language = entered.edition.catalog, entered.edition.on, language_of(request)
    may_see_tickets = decide(entered.viewer, "tickets")
    zone = catalog.campus.time_zone
    with house.database.connection() as con:
        reading = Reading(con, catalog, entered.shown.lists, entered.shown.pages, language)
        real, prefilled = reform_visits.summary(reading), reform_materials.prefills(reading)
        lately = facts.since_yesterday(con, day, zone)
        last = facts.last_published(con)
        now, before = facts.scores(con, day), scores_on(con, day - timedelta(days=7))
        opened = facts.tickets(con, None)
        releases = facts.releases(con, _RELEASES)
    promised = facts.promised(catalog)
    late = [one for one in promised if facts.is_late(one, last.get(one.name))]
    may_open = [one for one in late if f"resources/{one.name}.html" in entered.shown.pages]
    overdue = [one for one in opened if one.is_overdue(day)]
    own = [one for one in overdue if may_see_tickets.units is None or one.unit in may_see_tickets.units]
    score, earlier = (kept.get(CAMPUS, catalog.campus.code, TOTAL) for kept in (now, before))
    services = entered.shown.pages["services.html"].told
    uses = [use for _, items in services["groups"] for one in items for use in one["materials"]]
    once = entered.shown.lists["at_most_once"]
    return page(
        request,
        "home.html.j2",
        section="home",
        fresh=len(promised) - len(late),
        resources=len(promised),
        overdue_count=len(overdue),
        score=score.score if score else None,
        sign=terms(catalog).sign(score.score if score else None),
        change=score.score - earlier.score if score and earlier and before.day != now.day else None,
        spared=sum(use["outcome"] != STILL_REQUIRED for use in uses),
        materials=len(uses),
        once=once.summary.get("覆盖率", len(once.rows)),
        services=services["total"],
        real=real,
        prefilled=prefilled,
        share=share,
        shown=shown,
        lately=lately,
        may_see_reform=decide(entered.viewer, "reform").is_allowed,
        may_see_tickets=may_see_tickets.is_allowed,
        overdue=[
            (unit_name(catalog, unit, language), post, count)
            for (unit, post), count in Counter((one.unit, one.post) for one in own).most_common()
        ],
        late=[
            {
                "name": resource_name(catalog, one.name, language),
                "page": f"/resources/{one.name}.html",
                "unit": unit_name(catalog, one.provider, language),
                "cycle": CYCLE_NAMES.get(one.update_cycle, one.update_cycle),
                "last": moment(last[one.name], zone) if one.name in last else "",
                "age": age(last[one.name], language) if one.name in last else "",
            }
            for one in may_open[:_LATE_SHOWN]
        ],
        releases=[
            {
                "id": one.id,
                "at": moment(one.published_at, zone),
                "age": age(one.published_at, language),
                "applied": one.applied,
                "carried": one.carried,
                "refused": one.refused,
            }
            for one in releases
        ],
    )
