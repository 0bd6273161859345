"""What the pages of a post share: the desk's connection, whether the viewer answers for what is shown, and files."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from fastapi import Request

from catalogs.model import Resource
from expectations.quality.duty import duty
from expectations.quarantine import desk
from portal.access import decide
from portal.entry import Entered, House, about_unit
from portal.problems import Refused, not_found


@contextmanager
def desk_of(request: Request) -> Iterator[psycopg.Connection]:
    """Lend a connection of the desk's role.

    Raises:
        Refused: it is not set up.
    """
    house: House = request.app.state.house
    if house.desk is None:
        raise Refused(503, "desk_not_set_up", "desk:set_up")
    with house.desk.connection() as con:
        yield con


def posts_of(entered: Entered) -> list[str]:
    """Return the posts held today that answer for data."""
    own = decide(entered.viewer, "duty")
    return list(dict.fromkeys(one.post for one in entered.viewer.held if own.is_allowed and one.units))


def own_resource(request: Request, name: str, what: str) -> Resource:
    """Return a resource that the viewer's unit answers for; `what` is the page.

    Raises:
        Refused: another unit's; not found where there is none.
    """
    entered: Entered = request.state.entered
    catalog = entered.edition.catalog
    contract = catalog.resources.get(name)
    if contract is None:
        raise not_found()
    about_unit(request, what, duty(catalog, name, entered.edition.on).unit, name)
    return contract


def answering_post(request: Request, contract: Resource) -> str:
    """Return the viewer's post that may see whole rows of a resource and decide about them.

    Raises:
        Refused: none of them may.
    """
    entered: Entered = request.state.entered
    allowed = desk.posts_of(entered.edition.catalog, contract, entered.edition.on)
    post = next((one for one in posts_of(entered) if one in allowed), None)
    if post is None:
        raise Refused(403, "not_yours", "waiting:answering_post")
    return post
