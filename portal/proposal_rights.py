"""Who may do what with a proposal in the portal; what the workflow itself decides is in `catalogs.changes`.

Decided here: a proposal is shown to those whom it concerns, a steward or head proposes what is their units' own, and
nobody decides what the same person has proposed, also where approvals.yaml would let them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import psycopg

from catalogs.changes.content import read_content
from catalogs.changes.deciding import MayNotDecide, Standing, steps_of
from catalogs.changes.edits import Edit, rebase
from catalogs.forms.contract import custom_of
from catalogs.model import Catalog
from catalogs.model_posts import DATA_OFFICE, HEAD, STEWARD
from catalogs.posts import units_of_post
from portal.access import Held, Viewer, decide
from portal.entry import House
from portal.problems import Refused
from warehouse import catalog_versions, proposals
from warehouse.catalog_changes import InUse, today
from warehouse.proposals import Proposal

PROPOSING = (DATA_OFFICE, STEWARD, HEAD)
CLOSED = (proposals.EFFECTIVE, proposals.REFUSED, proposals.WITHDRAWN, proposals.SUPERSEDED)


def in_use(con: psycopg.Connection, house: House) -> InUse:
    """Return the published version that changes are made to.

    Raises:
        Refused: nothing is published yet.
    """
    published, catalog = catalog_versions.newest(con), house.known.edition(con).catalog
    if published is None or published.digest != catalog.version:
        raise Refused(503, "nothing_published")
    return InUse(published, catalog, ())


def standing(proposal: Proposal, catalog: Catalog) -> Standing:
    """Return where a proposal's decision is today."""
    return proposal.standing(today(catalog), catalog.calendar)


def is_shown(viewer: Viewer, proposal: Proposal, catalog: Catalog) -> bool:
    """Whether a proposal concerns the viewer: by a post that takes part in it, or by one of the viewer's units."""
    decision = decide(viewer, "proposal")
    own = decision.units
    if own is None or not decision.is_allowed:
        return decision.is_allowed
    posts = {proposal.author} | {
        post for step in proposal.route.steps for post in (step.post, step.escalate) if post
    }
    if any(held.post in posts for held in viewer.held):
        return True
    affected = proposal.told.get("affected", {}).get("units", ())
    units = {*affected, *units_of_post(catalog, proposal.author)}
    return not own.isdisjoint(units)


def deciding_posts(viewer: Viewer, proposal: Proposal, found: Standing) -> tuple[Held, ...]:
    """Return the viewer's posts that may decide a proposal now; none if the viewer proposed it."""
    if proposal.state != proposals.PROPOSED or proposal.person == viewer.person:
        return ()
    return tuple(held for held in viewer.held if _may_decide(held, viewer.person, proposal, found))


def _may_decide(held: Held, person: str, proposal: Proposal, found: Standing) -> bool:
    try:
        steps_of(proposal.route, found, proposal.decisions, held.post, person, proposal.person)
    except MayNotDecide:
        return False
    return True


def proposing_posts(viewer: Viewer, catalog: Catalog, edits: Sequence[Edit]) -> tuple[Held, ...]:
    """Return the viewer's posts that may propose these edits: the data office any, others what is their units' own."""
    owners = set(_owners(catalog, edits))
    return tuple(
        held
        for held in viewer.held
        if held.role == DATA_OFFICE or (held.role in PROPOSING and owners <= held.units)
    )


def proposing_units(viewer: Viewer, catalog: Catalog) -> list[str]:
    """Return the codes of the units that the viewer may propose for."""
    held = [one for one in viewer.held if one.role in PROPOSING]
    if any(one.role == DATA_OFFICE for one in held):
        return sorted(catalog.units)
    return sorted({unit for one in held for unit in one.units})


def may_fill_in(viewer: Viewer, catalog: Catalog, form: str, code: str) -> bool:
    """Whether the viewer may fill in a form for an entry: it shows what the catalog says of it, to its unit only."""
    if form == "demands":
        unit = catalog.demands[code].requester_unit if code in catalog.demands else ""
    elif form == "powers":
        unit = catalog.powers[code].unit if code in catalog.powers else ""
    else:
        unit = catalog.resources[code].provider if code in catalog.resources else ""
    return unit in proposing_units(viewer, catalog)


def _owners(catalog: Catalog, edits: Iterable[Edit]) -> Iterator[str]:
    """Yield the units that the edits' entries belong to before and after; "" for what is the data office's."""
    edits = tuple(edits)
    files = {edit.file: catalog.files[edit.file] for edit in edits if edit.file in catalog.files}
    after = rebase(files, edits).files
    for file, entry in dict.fromkeys((edit.file, edit.entry) for edit in edits):
        for content in (files.get(file), after.get(file)):
            data = read_content(file, content).entries.get(entry)
            if data is not None:
                yield _owner(catalog, file, data)


def _owner(catalog: Catalog, file: str, data: Mapping[str, Any]) -> str:
    folder = file.partition("/")[0]
    if folder == "resources":
        stated = custom_of(data)
        system = catalog.systems.get(str(stated.get("system")))
        return str(stated.get("provider") or (system.provider if system else ""))
    key = {"services": "leadUnit", "demands": "requesterUnit", "powers.yaml": "unit"}.get(folder, "")
    return str(data.get(key) or "") if key else ""
