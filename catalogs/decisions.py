"""The power list (powers.yaml) and the ways of deciding (approvals.yaml), as written by people."""

from catalogs.faults import Faults
from catalogs.fields import Fields
from catalogs.lined_yaml import plain
from catalogs.model_decisions import CHANGES, DECIDERS, POSTS, REFUSED, Approval, ApprovalStep, Power
from catalogs.registers import Register
from catalogs.services import claim, entries
from catalogs.words import PI_CLASSES, SHARE_TYPES

POWER_KEYS = (
    "code", "power", "nameZh", "nameEn", "kind", "lists", "basis", "subject", "unit", "duties", "dutyBasis",
    "accountablePersons", "accountableFor", "phone", "batch", "publishedOn", "status", "serviceItems", "note",
)  # fmt: skip
APPROVAL_KEYS = (
    "change", "nameZh", "nameEn", "when", "steps", "escalate", "fourEyes", "undertaking", "assessment", "outcome",
    "note",
)  # fmt: skip
APPROVAL_STEP_KEYS = ("seq", "who", "post", "act", "limit_days", "note")
_POST = "post:"


def read_powers(content: bytes, file: str, faults: Faults, register: Register) -> list[tuple[Power, Fields]]:
    """Read the power list (权责清单), each power with the fields it was read from."""
    powers = []
    for entry in entries(content, file, "powers", "power", faults):
        code = claim(entry, "power", "power" if "power" in entry.data else "code", register)
        if not code:
            continue
        own = Fields(entry.data, file, f'power "{code}"', faults, entry.line)
        own.only(POWER_KEYS)
        power = Power(
            code=code,
            name_zh=own.text("nameZh"),
            kind=own.text("kind"),
            lists=own.words("lists"),
            basis=own.text("basis"),
            subject=own.text("subject"),
            unit=own.text("unit"),
            duties=own.text("duties"),
            duty_basis=own.text("dutyBasis"),
            accountable_persons=own.text("accountablePersons"),
            accountable_for=own.text("accountableFor"),
            phone=own.text("phone"),
            batch=own.whole("batch"),
            published_on=own.day("publishedOn"),
            status=own.text("status"),
            service_items=own.words("serviceItems"),
            raw=plain(own.data),
        )
        powers.append((power, own))
    return powers


def read_approvals(content: bytes, file: str, faults: Faults) -> list[tuple[Approval, Fields]]:
    """Read the ways of deciding, each with the fields it was read from."""
    return [_approval(entry) for entry in entries(content, file, "approvals", "approval", faults)]


def _approval(entry: Fields) -> tuple[Approval, Fields]:
    change = entry.text("change", required=True, among=CHANGES)
    own = Fields(entry.data, entry.file, f'approval of "{change}"', entry.faults, entry.line)
    own.only(APPROVAL_KEYS)
    when = own.inner("when", f"{own.place} when")
    if when:
        when.only(("shareType", "piClass"))
    approval = Approval(
        change=change,
        name_zh=own.text("nameZh"),
        when_share_type=when.text("shareType", among=SHARE_TYPES) if when else "",
        when_pi_class=when.text("piClass", among=PI_CLASSES) if when else "",
        steps=tuple(_step(row) for row in own.rows("steps", f"{own.place} steps", required=True)),
        escalate=_post(own, "escalate"),
        four_eyes=own.flag("fourEyes"),
        undertaking=own.text("undertaking", among=("required",)) == "required",
        assessment=own.text("assessment", among=("required",)) == "required",
        outcome=own.text("outcome", among=(REFUSED,)),
    )
    return approval, own


def _step(row: Fields) -> ApprovalStep:
    row.only(APPROVAL_STEP_KEYS)
    return ApprovalStep(
        seq=row.whole("seq", 0, required=True) or 0,
        who=row.text("who", required=True, among=DECIDERS),
        post=_post(row, "post", required=True),
        act=row.text("act"),
        limit_days=row.whole("limit_days", 0) or 0,
    )


def _post(row: Fields, key: str, *, required: bool = False) -> str:
    """A post of units.csv, or its role in the unit concerned."""
    value = row.text(key, required=required)
    return value if not value or value.startswith(_POST) else row.among(key, value, POSTS, "")
