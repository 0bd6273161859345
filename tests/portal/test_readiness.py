"""What pages show of a new version is made before somebody waits for it, and figures are old for moments only."""

from contextlib import closing, contextmanager

import pytest

from portal import known, meanings
from portal.configuration import Configuration
from portal.database import Database
from portal.entry import House
from portal.readiness import Readiness
from tests.portal.maintained import RESOURCE, proposed, purpose_edit
from tests.service import campus
from warehouse import catalog_versions

pytestmark = pytest.mark.usefixtures("surroundings_of_maintained")


@pytest.fixture
def house(maintained):
    with closing(Database(2)) as database, closing(Database(2, "desk")) as desk:
        yield House(Configuration(is_reference_campus=True), database, desk=desk)


@contextmanager
def nothing_is_made(monkeypatch):
    """Whatever reads a catalog or works out a proposal fails meanwhile."""

    def made(*_):
        raise AssertionError("a request made it")

    with monkeypatch.context() as patch:
        patch.setattr(known, "read", made)
        patch.setattr(meanings, "prepare", made)
        yield


def test_a_new_version_and_what_proposals_mean_on_it_are_ready_before_anybody_asks(
    maintained, house, monkeypatch
):
    readiness = Readiness(house)
    readiness.look()
    proposal = proposed(maintained, "改摘要", [purpose_edit(maintained, "换一种说法")])
    content = dict(maintained.catalog.files)
    content[RESOURCE] = content[RESOURCE].replace(b"1.0.0", b"1.0.1")
    version = catalog_versions.publish(maintained.owner, content, catalog_versions.FOLDER, "folder", "")
    readiness.look()
    with nothing_is_made(monkeypatch), house.database.connection() as con:
        edition = house.known.edition(con)
        assert edition.catalog.version == version.digest
        assert house.meanings.of_proposal(proposal, edition.catalog).edits == proposal.edits


def test_while_figures_of_a_new_release_are_made_the_earlier_ones_are_shown(maintained, house):
    with house.database.connection() as con:
        before = house.known.edition(con)
        campus.publish(maintained.owner, before.catalog, {})
        with house.known._lock:
            assert house.known.edition(con) is before
        after = house.known.edition(con)
    assert (after.release, after.catalog.version) == (before.release + 1, before.catalog.version)


def test_workbooks_that_are_kept_no_longer_go_without_anybody_coming(maintained, house):
    maintained.owner.execute(
        """INSERT INTO portal.handed_in (person, post, resource, content, state, asked_at)
           VALUES ('900002', 'post:rs-steward', 'hr.staff', 'x', 'faulty', now() - interval '25 hours')"""
    )
    Readiness(house).look()
    assert maintained.owner.execute("SELECT count(*) FROM portal.handed_in").fetchone() == (0,)
