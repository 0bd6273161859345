"""Posts and their holders (posts.csv): which role somebody has in the portal, from when to when, and for which unit.

What was decided:
- A post belongs to a unit because the unit register names it there, as accountable, as steward or among its contacts;
  posts.csv says who holds it and never which unit that is.
- The role has to suit the post: whoever answers for a unit is its head, its data steward a steward, whoever is named
  for enquiries a clerk. The data office and the reform office are the units that campus.yaml names.
- A deputy has exactly the post and role of the holding stood in for, and no longer than that.
- Holders are named by numbers of one kind (`holderIdType` of campus.yaml). So is whoever acts in an office, wherever it
  counts who it was: by the bare number of that kind, and by kind and number of any other.
"""

from collections.abc import Iterator, Sequence
from datetime import date

from catalogs.derive import POST, is_valid
from catalogs.faults import Faults, did_you_mean
from catalogs.fields import Fields, read_csv
from catalogs.model import Catalog, Unit
from catalogs.model_posts import CLERK, DATA_OFFICE, HEAD, REFORM_OFFICE, ROLES, STEWARD, Holding, Numbered
from catalogs.sources import Sources
from catalogs.views import resource_name

POSTS_FILE = "posts.csv"
_KIND_ENDS = ":"
_REQUIRED = ("id", "person", "post", "role", "validFrom")
_OPTIONAL = ("validTo", "deputyOf", "note")
_PERSON = "person"
# Role → the key of campus.yaml that names its unit.
_OFFICES = {DATA_OFFICE: "dataOffice", REFORM_OFFICE: "leadOffice"}
# What a place in the unit register is called.
_PLACES = {HEAD: ("负责人", "head"), STEWARD: ("数据专员", "data steward"), CLERK: ("联系人", "contact")}


def read_posts(content: bytes, faults: Faults) -> list[tuple[Holding, Fields]]:
    """Read posts.csv: one row per post and holder."""
    holdings = []
    seen: dict[str, int] = {}
    for row in read_csv(content, POSTS_FILE, _REQUIRED, _OPTIONAL, faults):
        own = Fields(row.data, POSTS_FILE, f'holding "{row.data["id"]}"', faults, row.line)
        name = own.code("id")
        first = seen.setdefault(name, row.line)
        if first != row.line:
            what = f'holding "{name}" is already at line {first}'
            own.fault("V04", "id", what, expected="each id once")
            continue
        own.text("validFrom", required=True)
        valid_from, valid_to = own.period("validFrom", "validTo")
        role = own.text("role", required=True, among=ROLES)
        person = own.text("person", required=True)
        if _KIND_ENDS in person:
            what = "a holder is named by the number alone"
            own.fault("V03", "person", what, expected="a number of the kind that campus.yaml says")
        if name and role:
            holding = Holding(
                id=name,
                person=person,
                post=own.text("post", required=True),
                role=role,
                valid_from=valid_from,
                valid_to=valid_to,
                deputy_of=own.text("deputyOf"),
            )
            holdings.append((holding, own))
    return holdings


def named(catalog: Catalog, whose: Numbered) -> str:
    """Return how whoever has a number is named as an actor: no two people alike, holders of posts as in posts.csv."""
    is_bare = whose.id_type == catalog.campus.holder_id_type and _KIND_ENDS not in whose.number
    return whose.number if is_bare else f"{whose.id_type}{_KIND_ENDS}{whose.number}"


def holdings_of(catalog: Catalog, person: str, day: date) -> tuple[Holding, ...]:
    """Return the posts that a person holds on a day, those held as a deputy only while the other's own holds too.

    Args:
        catalog: the one in force.
        person: as `named` names them.
        day: of the question.
    """
    known = {one.id: one for one in catalog.holdings}
    return tuple(
        one
        for one in catalog.holdings
        if one.person == person
        and _holds(one, day)
        and (not one.deputy_of or (one.deputy_of in known and _holds(known[one.deputy_of], day)))
    )


def holders_on(catalog: Catalog, day: date) -> list[str]:
    """Return the numbers of those who hold a post on a day, each once, in order."""
    return sorted({one.person for one in catalog.holdings if holdings_of(catalog, one.person, day)})


def units_of_post(catalog: Catalog, post: str) -> frozenset[str]:
    """Return the codes of the units that name a post, in whatever place."""
    return frozenset(
        code
        for code, unit in catalog.units.items()
        if post in (unit.accountable, unit.steward, *_contacts(unit.contact))
    )


def post_title(catalog: Catalog, post: str, language: str) -> str:
    """Return what people call a post: its unit and its place there.

    A post that only contracts name has the first resource that it answers for beside it, since its unit has another
    one in that place; one that nothing names is told by its code.

    Args:
        catalog: the one in force.
        post: `post:…`; whatever else stands in its place stays as it is.
        language: zh or en.
    """
    code = post.removeprefix(POST)
    if code == post:
        return post
    for unit in catalog.units.values():
        for role, posts in _posts_of(unit):
            if post in posts:
                return _titled(unit, role, language)
    for role, of in ((HEAD, "accountable"), (STEWARD, "steward")):
        theirs = [
            one
            for one in catalog.resources.values()
            if getattr(one, of) == post and one.provider in catalog.units
        ]
        if theirs:
            of_unit = _titled(catalog.units[theirs[0].provider], role, language)
            return f"{of_unit}{_of_resources(catalog, [one.name for one in theirs], language)}"
    return code


def tell_post_faults(sources: Sources, faults: Faults) -> None:
    """Check that posts are known, that roles suit them, and that deputies stand in for somebody."""
    catalog = sources.catalog
    places = _places(catalog)
    known = {holding.id: holding for holding, _ in sources.holdings}
    if sources.holdings:
        _tell_holder_kind(catalog, faults)
    for holding, own in sources.holdings:
        if holding.post not in places:
            what = f'no unit or contract names "{holding.post}"'
            own.fault("O01", "post", what, mend=did_you_mean(holding.post, places))
        elif not _suits(catalog, holding, places[holding.post]):
            own.fault("O02", "role", f'role "{holding.role}" does not suit {holding.post}')
        if holding.deputy_of:
            for what in _deputy_faults(holding, known.get(holding.deputy_of)):
                own.fault("O03", "deputyOf", what)


def _tell_holder_kind(catalog: Catalog, faults: Faults) -> None:
    kinds = [kind for kind, of in catalog.types_of_numbers().items() if of == _PERSON]
    kind = catalog.campus.holder_id_type
    if kinds and kind not in kinds:
        lines = catalog.files.get("campus.yaml", b"").decode("utf-8", "replace").splitlines()
        line = next((at for at, text in enumerate(lines, 1) if "holderIdType" in text), 1)
        what = f'holderIdType: no resource about persons knows them by "{kind}"'
        faults.add("O04", "campus.yaml", line, what, mend=did_you_mean(kind, kinds))


def _holds(holding: Holding, day: date) -> bool:
    return is_valid(holding.valid_from, holding.valid_to, day)


def _places(catalog: Catalog) -> dict[str, frozenset[str]]:
    """Return post → the roles that its places in registers and contracts give; empty: named, with no such place."""
    found: dict[str, set[str]] = {}
    for unit in catalog.units.values():
        for role, posts in _posts_of(unit):
            for post in posts:
                found.setdefault(post, set()).add(role)
    for resource in catalog.resources.values():
        found.setdefault(resource.accountable, set()).add(HEAD)
        found.setdefault(resource.steward, set()).add(STEWARD)
    return {post: frozenset(roles) for post, roles in found.items() if post.startswith(POST)}


def _titled(unit: Unit, role: str, language: str) -> str:
    zh, en = _PLACES[role]
    return f"{unit.name_zh}{zh}" if language == "zh" else f"{unit.name_en or unit.name_zh}, {en}"


def _of_resources(catalog: Catalog, names: Sequence[str], language: str) -> str:
    first = resource_name(catalog, names[0], language)
    if language == "zh":
        return f"（{first}等 {len(names)} 项资源）" if len(names) > 1 else f"（{first}）"
    return f" ({first} and {len(names) - 1} more)" if len(names) > 1 else f" ({first})"


def _posts_of(unit: Unit) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return role → the posts that a unit names in the place of it."""
    return (HEAD, (unit.accountable,)), (STEWARD, (unit.steward,)), (CLERK, _contacts(unit.contact))


def _suits(catalog: Catalog, holding: Holding, roles: frozenset[str]) -> bool:
    if holding.role in (CLERK, STEWARD, HEAD):
        return holding.role in roles
    key = _OFFICES.get(holding.role)
    return key is None or str(catalog.campus.raw.get(key) or "") in units_of_post(catalog, holding.post)


def _deputy_faults(deputy: Holding, other: Holding | None) -> Iterator[str]:
    if other is None:
        yield f'there is no holding "{deputy.deputy_of}"'
        return
    if other.deputy_of or other.person == deputy.person:
        yield f"holding \"{other.id}\" is a deputy's, or the same person's"
    if (other.post, other.role) != (deputy.post, deputy.role):
        yield f'holding "{other.id}" is of another post or role'
    begins = (deputy.valid_from or date.min) >= (other.valid_from or date.min)
    if not begins or (deputy.valid_to or date.max) > (other.valid_to or date.max):
        yield f'holding "{other.id}" does not last as long'


def _contacts(contact: str) -> tuple[str, ...]:
    return tuple(word for word in contact.split() if word.startswith(POST))
