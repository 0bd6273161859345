"""What a certificate says, as it is kept and as its paper wants it."""

from datetime import date
from typing import Any

import pytest

from service.certificate_content import printable

KEPT: dict[str, Any] = {
    "layout": {"accent": "", "statement_first": True, "notes": [], "closing": ["", ""]},
    "values": [],
    "title": ["在职证明", "Certificate of Employment"],
    "statement": ["兹证明。", "This certifies."],
    "number": "ZZ-2026-000001",
    "code": "0" * 20,
    "valid_until": "2027-02-24",
    "verify_address": "https://example.edu.cn/verify/0",
    "university": ["示例大学", "Example University"],
    "unit": ["人事处", "Human Resources"],
}


@pytest.mark.parametrize(
    ("kept", "printed"),
    [
        ({"issued_on": "2026-11-26"}, date(2026, 11, 26)),
        # before the campus's own day was kept
        ({"issued_at": "2026-11-26T17:00:00+00:00"}, date(2026, 11, 27)),
    ],
)
def test_a_paper_is_dated_by_the_campus_s_day_and_an_old_one_as_it_was(kept, printed):
    _, content = printable(KEPT | kept)
    assert content.issued_on == printed
