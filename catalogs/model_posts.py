"""Who holds which post, and with which role in the portal: plain data."""

from dataclasses import dataclass, field
from datetime import date

CLERK, STEWARD, HEAD = "clerk", "steward", "head"
DATA_OFFICE, REFORM_OFFICE = "data_office", "reform_office"
ADMINISTRATOR, LEADERSHIP, AUDITOR, ENGINEER = "administrator", "leadership", "auditor", "engineer"
# A member is whoever may log in, and holds no post for it.
MEMBER = "member"
ROLES = (CLERK, STEWARD, HEAD, DATA_OFFICE, REFORM_OFFICE, ADMINISTRATOR, LEADERSHIP, AUDITOR, ENGINEER)


# The kind of number by which posts.csv names holders, where campus.yaml says nothing else (`holderIdType`).
HOLDER_ID_TYPE = "staff_no"


@dataclass(frozen=True)
class Numbered:
    """A person's number with its kind: equal numbers of two kinds are two people's.

    Attributes:
        id_type: the kind, as identity links it: staff_no, student_no, ….
    """

    id_type: str
    number: str = field(repr=False)


@dataclass(frozen=True)
class Holding:
    """A post held by a person, as HR or the unit says it.

    Attributes:
        id: of this entry.
        person: the person's number, of the kind that campus.yaml says (`holderIdType`); no name.
        post: `post:rs-data-steward`, as the unit register names it.
        role: what the post lets its holder do in the portal.
        valid_from, valid_to: first and last day; None: without end.
        deputy_of: id of the holding that this one stands in for; empty for the post's own holder.
    """

    id: str
    person: str
    post: str
    role: str
    valid_from: date | None
    valid_to: date | None
    deputy_of: str = ""
