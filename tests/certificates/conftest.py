"""One office with its keys, and one paper of it, for all tests of a worker: keys take seconds to make."""

import pytest

from tests.certificates.office import Office


@pytest.fixture(scope="session")
def office(tmp_path_factory) -> Office:
    return Office.opened(tmp_path_factory.mktemp("office"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory) -> Office:
    """Another root that claims to be the same university."""
    return Office.opened(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="session")
def sealed(office) -> bytes:
    return office.paper()
