"""A release is published while people ask: no request is dropped, and each answer is of one release throughout."""

from collections.abc import Iterator

import pytest

from service.configuration import Configuration
from tests.service import campus, desk
from tests.service.conftest import opened
from tests.service.desk import CANARY, Desk
from tests.service.load import constant

RELEASES = 5


@pytest.fixture(scope="module")
def at_desk(pg_module_database, tmp_path_factory) -> Iterator[Desk]:
    with opened(
        pg_module_database, tmp_path_factory.mktemp("home"), Configuration(checkpoint_s=3600)
    ) as found:
        yield found


def marked(number: int) -> dict[str, list[dict]]:
    """Return rows of three resources that all say of which release they are."""
    staff = desk.STAFF[0] | {"name": f"{CANARY}{number}", "unit": f"单位{number}"}
    return {
        "hr.staff": [staff],
        "finance.payroll": [{"staff_no": "T001", "month": "2027-01", "amount": str(number)}],
    }


def test_a_release_that_is_published_under_load_drops_no_request_and_mixes_no_answer(
    at_desk: Desk, as_owner: None
):
    shown = {campus.publish(at_desk.owner, at_desk.catalog, marked(0)): 0}
    with constant(at_desk, at_desk.url, per_second=60, elements=("XM", "DW", "GZ")) as load:
        for number in range(1, RELEASES):
            load.wait_for(20)
            shown[campus.publish(at_desk.owner, at_desk.catalog, marked(number))] = number
        load.wait_for(20)
    assert load.failures == []
    told = {
        (shown[one["release"]], *(one["facts"][element]["value"] for element in ("XM", "DW", "GZ")))
        for one in load.answers
    }
    assert told == {(number, f"{CANARY}{number}", f"单位{number}", str(number)) for number in shown.values()}
    assert load.answers[-1]["release"] == max(shown)


def test_a_rolled_back_release_is_answered_from_with_the_next_request(at_desk: Desk, as_owner: None):
    from warehouse import releases

    first = campus.publish(at_desk.owner, at_desk.catalog, marked(10))
    campus.publish(at_desk.owner, at_desk.catalog, marked(11))
    with constant(at_desk, at_desk.url, per_second=40, elements=("XM",)) as load:
        load.wait_for(10)
        releases.roll_back(at_desk.owner, first)
        assert at_desk.fact("XM")["value"] == f"{CANARY}10"
        load.wait_for(10)
    assert load.failures == []
