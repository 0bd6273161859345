"""The campus that commands run on."""

import pytest
import yaml

from tests.catalogs.small import as_bytes
from tests.pipelines.house import House, house

__all__ = ["house"]

APPROVALS = """\
- change: "demand"
  steps:
    - {seq: 1, who: "data_office", post: "post:b", act: "核对", limit_days: 3}
    - {seq: 2, who: "provider", post: "steward", act: "知悉", limit_days: 0}
"""


@pytest.fixture
def governed(house: House) -> House:
    """The house with ways of deciding."""
    house.write("approvals.yaml", APPROVALS.encode())
    about = yaml.safe_load((house.folder / "campus/campus.yaml").read_text(encoding="utf-8"))
    house.write("campus.yaml", as_bytes(about | {"dataOffice": "JW"}))
    return house
