"""Who holds the posts that the reference campus's posts.csv names: staff with fixed numbers, made last.

They are made after everybody else, so that nobody else changes with them. A number is the year of joining and a place
from 9001 on, which no running number reaches.
"""

from collections.abc import Iterator
from datetime import date

from demo.world_people import PeopleMaker
from demo.world_staff import Staff

# Staff number, unit, office and rank, sex where a note of posts.csv tells it.
_HOLDERS = (
    ("19989001", "XB", ("校长助理", "3"), ""),
    ("20009001", "XB", ("主任", "3"), ""),
    ("20019001", "JW", ("处长", "3"), ""),
    ("20029001", "YJS", ("院长", "3"), ""),
    ("20039001", "RS", ("处长", "3"), ""),
    ("20049001", "CW", ("处长", "3"), ""),
    ("20059001", "XX", ("处长", "3"), ""),
    ("20069001", "HQ", ("总经理", "3"), ""),
    ("20119001", "JW", ("科长", "5"), "2"),
    ("20129001", "CW", ("科长", "5"), ""),
    ("20139001", "JJW", ("科长", "5"), ""),
    ("20149001", "XX", ("科长", "5"), ""),
    ("20159001", "XB", ("副科长", "6"), ""),
    ("20169001", "RS", ("副科长", "6"), ""),
    ("20179001", "XX", ("", ""), ""),
    ("20189001", "JW", ("", ""), ""),
    ("20199001", "RS", ("", ""), ""),
)
_AGE_AT_JOINING = 26


def holders(maker: PeopleMaker) -> Iterator[Staff]:
    """Yield the holders, by number."""
    for number, unit, (office, rank), sex in _HOLDERS:
        joined = int(number[:4])
        born = joined - _AGE_AT_JOINING
        yield Staff(
            person=maker.citizen((date(born, 1, 1), date(born, 12, 31)), sex),
            staff_no=number,
            unit=unit,
            category="20",
            establishment="1",
            status="01",
            title="",
            titled_on=None,
            office=office,
            office_rank=rank,
            joined_on=date(joined, 7, 1),
            first_job_on=date(joined, 7, 1),
            contract_until=None,
            education="14",
            degree="312",
            alma_mater="云溪大学",
        )
