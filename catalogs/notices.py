"""Notices (告知书): what people are told before they consent, in versions of which one is in force on a day.

A text that people have consented to is never edited: a change is a further entry with a version and a first day of its
own, and consents to the text before it do not carry over.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from catalogs.derive import is_valid
from catalogs.faults import Faults
from catalogs.fields import Fields
from catalogs.model import Catalog, Demand, Notice
from catalogs.services import entries

CONSENT = "consent"
NOTICE_KEYS = (
    "notice", "version", "titleZh", "titleEn", "purposeZh", "purposeEn", "textZh", "textEn", "serviceItems",
    "elements", "retention", "validFrom", "validTo", "note",
)  # fmt: skip


def read_notices(content: bytes, file: str, faults: Faults) -> list[tuple[Notice, Fields]]:
    """Read notices.yaml: one entry per version of a notice."""
    notices = []
    seen: dict[tuple[str, str], int] = {}
    for entry in entries(content, file, "notices", "notice", faults):
        own = Fields(entry.data, file, f'notice "{entry.data.get("notice")}"', faults, entry.line)
        own.only(NOTICE_KEYS)
        name, version = own.code("notice"), own.code("version")
        first = seen.setdefault((name, version), own.at("version"))
        if first != own.at("version"):
            what = f'version "{version}" is already at line {first}'
            own.fault("V04", "version", what, expected="each version once")
            continue
        if name and version:
            notices.append((_notice(own, name, version), own))
    return notices


def _notice(own: Fields, name: str, version: str) -> Notice:
    own.text("validFrom", required=True)
    valid_from, valid_to = own.period("validFrom", "validTo")
    return Notice(
        notice=name,
        version=version,
        title_zh=own.text("titleZh", required=True),
        title_en=own.text("titleEn", required=True),
        purpose_zh=own.text("purposeZh", required=True),
        purpose_en=own.text("purposeEn", required=True),
        text_zh=own.text("textZh", required=True),
        text_en=own.text("textEn", required=True),
        service_items=own.words("serviceItems", required=True),
        elements=own.words("elements", required=True),
        retention=own.text("retention", required=True),
        valid_from=valid_from,
        valid_to=valid_to,
    )


def by_notice(notices: Iterable[Notice]) -> Mapping[str, tuple[Notice, ...]]:
    """Return the versions of each notice, the newest first."""
    found: dict[str, list[Notice]] = {}
    for one in sorted(notices, key=lambda one: one.valid_from or date.min, reverse=True):
        found.setdefault(one.notice, []).append(one)
    return {name: tuple(versions) for name, versions in found.items()}


def in_force(versions: Sequence[Notice], day: date) -> Notice | None:
    """Return the version that is in force on a day: the newest that has begun, unless it has ended."""
    begun = [one for one in versions if one.valid_from is not None and one.valid_from <= day]
    return begun[0] if begun and is_valid(begun[0].valid_from, begun[0].valid_to, day) else None


def on_consent(catalog: Catalog, demand: Demand) -> frozenset[str]:
    """Return the elements of a demand that are given only on consent: what any version of its notice lists.

    Where consent is the ground, they are all elements of the demand.
    """
    if demand.ground == CONSENT:
        return frozenset(demand.elements)
    if not demand.notice:
        return frozenset()
    listed = {code for one in catalog.notices.get(demand.notice, ()) for code in one.elements}
    return frozenset(demand.elements) & listed
