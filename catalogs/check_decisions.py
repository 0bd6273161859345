"""The power list against the service items, both ways; and approvals.yaml against the organisation register."""

from catalogs.check_guides import is_deciding
from catalogs.faults import Faults, did_you_mean
from catalogs.fields import Fields
from catalogs.model import Approval, Catalog, Power
from catalogs.model_decisions import DEMAND
from catalogs.sources import Sources
from catalogs.words import SENSITIVE_CLASSES

_COLUMNS = (
    "nameZh", "kind", "lists", "basis", "subject", "unit", "duties", "dutyBasis", "accountablePersons",
    "accountableFor", "phone", "batch", "publishedOn", "status",
)  # fmt: skip
_UNCONDITIONAL = "unconditional"
_POST = "post:"
_TWO = 2


def tell_decision_faults(sources: Sources, faults: Faults) -> None:
    """Check the power list where the campus keeps one (清单之外无权力), and its ways of deciding."""
    if sources.powers is not None:
        for power, own in sources.powers:
            _tell_power(sources.catalog, power, own)
        _tell_outside_the_list(sources)
    posts = posts_of(sources.catalog)
    for approval, own in sources.approvals:
        _tell_approval(approval, own, posts)


def _tell_power(catalog: Catalog, power: Power, own: Fields) -> None:
    if power.unit and power.unit not in catalog.units:
        mend = did_you_mean(power.unit, catalog.units)
        own.fault("P01", "unit", f'unknown unit "{power.unit}"', expected="a code of units.csv", mend=mend)
    missing = [key for key in _COLUMNS if not own.data.get(key)]
    if missing:
        own.fault("P02", None, f"no {', '.join(missing)}", mend="add what is missing")
    if not power.service_items:
        own.fault("P04", "serviceItems", "no service item rests on it")
    for code in power.service_items:
        item = catalog.services.get(code)
        if item is None:
            mend = did_you_mean(code, catalog.services)
            own.fault(
                "P01",
                "serviceItems",
                f'unknown service item "{code}"',
                expected="a code under services/",
                mend=mend,
            )
            continue
        if item.power != power.code:
            own.fault("P03", "serviceItems", f'"{code}" stands on "{item.power or "no power"}"')
        if power.unit in catalog.units and power.unit not in item.involved_units:
            own.fault("P04", "unit", f'unit "{power.unit}" takes no part in "{code}"')


def _tell_outside_the_list(sources: Sources) -> None:
    for item, own in sources.services:
        power = sources.catalog.powers.get(item.power)
        if is_deciding(item) and not item.power:
            own.fault("P03", "kind", f"it is an {item.kind} and stands on no power of the list")
        elif power is not None and item.code not in power.service_items:
            own.fault(
                "P03",
                "power",
                f'power "{item.power}" does not list it',
                mend="add it to serviceItems of the power",
            )


def posts_of(catalog: Catalog) -> frozenset[str]:
    """Return every post that units.csv names: those responsible, and those whom one asks."""
    told = [(unit.accountable, unit.steward, *unit.contact.split()) for unit in catalog.units.values()]
    return frozenset(post for posts in told for post in posts if post.startswith(_POST))


def _tell_approval(approval: Approval, own: Fields, posts: frozenset[str]) -> None:
    numbers = [step.seq for step in approval.steps]
    if not numbers or numbers != sorted(set(numbers)):
        own.fault("A01", "steps", "the steps are missing, or not numbered in their order")
    named = [("escalate", approval.escalate), *(("steps", step.post) for step in approval.steps)]
    for key, post in named:
        if post.startswith(_POST) and post not in posts:
            own.fault(
                "A02",
                key,
                f'unknown post "{post}"',
                expected="a post of units.csv",
                mend=did_you_mean(post, sorted(posts)),
            )
    deciding = [step for step in approval.steps if step.limit_days]
    is_free = approval.change == DEMAND and approval.when_share_type == _UNCONDITIONAL
    if is_free and any(step.who != "data_office" for step in deciding):
        own.fault("A03", "steps", "what is shared without condition waits for another than the data office")
    if approval.four_eyes and approval.change == DEMAND and approval.when_pi_class not in SENSITIVE_CLASSES:
        own.fault("A04", "fourEyes", "two persons, and no sensitive personal data is concerned")
    if approval.four_eyes and len({(step.who, step.post) for step in deciding}) < _TWO:
        own.fault("A04", "fourEyes", "two persons, and one decides")
