"""The terms of a question: what is the same for everybody about whom one client asks for one purpose on one day.

They follow from the catalog alone, so they are worked out once for each release, client, purpose, list of elements and
day, and hold for whoever is asked about. What concerns the person, the case or who asks is judged question by question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from catalogs.model import Catalog, Grant, ServiceItem
from service import access, consents, declared, guardians, prefill
from service.consents import Needed
from service.reading import Versioned

ELEMENTS = "/elements/{}"


@dataclass(frozen=True)
class Terms:
    """What a client may be told for a purpose.

    Attributes:
        item: the service item.
        grants: the client's rights, with those to offer what a person has declared.
        offers: the latter alone; only a prefill has any.
        elements: what is wanted: campus codes, all of them granted.
        ground: on which grounds, for the record.
        needed: which of the elements are given only on consent.
        for_us: elements that are read to judge, and never told.
    """

    item: ServiceItem
    grants: tuple[Grant, ...]
    offers: tuple[Grant, ...]
    elements: tuple[str, ...]
    ground: str
    needed: Needed
    for_us: tuple[str, ...]


def terms_of(
    catalog: Catalog,
    client_id: str,
    service_item: str,
    elements: Sequence[str] | None,
    at: datetime,
    pointer: str = ELEMENTS,
) -> Terms:
    """Return the terms on which a client asks for elements.

    Args:
        catalog: of the release.
        client_id: who asks.
        service_item: for which purpose.
        elements: campus codes; None for all that the service item's form and materials need and that are granted.
        at: the moment of the question.
        pointer: where in the request an element stands.

    Raises:
        Problem: PURPOSE_NOT_GRANTED or ELEMENT_NOT_GRANTED.
    """
    today = access.campus_day(catalog, at)
    asked = None if elements is None else tuple(elements)
    return _terms(Versioned(catalog), client_id, service_item, asked, today, pointer)


# What is refused is not kept: callers could fill the memory with names that they make up.
@lru_cache(maxsize=512)
def _terms(
    versioned: Versioned,
    client_id: str,
    service_item: str,
    asked: tuple[str, ...] | None,
    today: date,
    pointer: str,
) -> Terms:
    catalog = versioned.catalog
    grants = access.grants_on(catalog, client_id, service_item, today)
    item = catalog.services[service_item]
    offers = declared.rights(catalog, client_id, item, today) if asked is None else []
    grants = [*grants, *offers]
    elements = prefill.elements_of(catalog, item, grants) if asked is None else asked
    access.check_elements(catalog, elements, grants, pointer)
    wanted = set(elements)
    return Terms(
        item=item,
        grants=tuple(grants),
        offers=tuple(offers),
        elements=tuple(elements),
        ground=",".join(sorted({grant.ground for grant in grants if grant.element in wanted})),
        needed=consents.needed(catalog, grants, elements, today),
        for_us=guardians.read_for_us(catalog),
    )
