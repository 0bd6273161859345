"""What open proposals would mean if they took effect now, made once per proposal, published version and day.

Checking a whole catalog takes a second or more: one at a time is made, and whoever opens the page first waits for it.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import date

import psycopg

from catalogs.changes.edits import Edit
from catalogs.changes.proposing import Prepared, prepare
from catalogs.model import Catalog
from warehouse import proposals
from warehouse.catalog_changes import today
from warehouse.proposals import Proposal

_KEPT = 100
_WARMED = 20


class Meanings:
    """Keeps those that were asked for last; one per worker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str, date], Prepared] = OrderedDict()

    def of(self, name: str, catalog: Catalog, edits: Sequence[Edit], by: str | None) -> Prepared:
        """Return what edits would mean.

        Args:
            name: of what holds the edits, which never change: `wish 7`.
            catalog: the published one.
            edits: what is proposed.
            by: the author's post; None for a roll-back.
        """
        key = (name, catalog.version, today(catalog))
        found = self._kept.get(key)
        if found is None:
            with self._lock:
                found = self._kept.get(key)
                if found is None:
                    found = self._kept[key] = prepare(catalog, edits, today(catalog), by)
                    while len(self._kept) > _KEPT:
                        self._kept.popitem(last=False)
        return found

    def of_proposal(self, proposal: Proposal, catalog: Catalog) -> Prepared:
        """Return what an open proposal would mean."""
        by = proposal.author if proposal.rolls_back_to is None else None
        return self.of(f"proposal {proposal.number}", catalog, proposal.edits, by)

    def warm(self, con: psycopg.Connection, catalog: Catalog) -> None:
        """Make those of the newest open proposals before somebody waits for them."""
        for proposal in proposals.listed(con)[-_WARMED:]:
            self.of_proposal(proposal, catalog)
