"""By how much the version of a contract rises: major, minor or patch, seen by those who read the resource.

- **major**: what a reader relied on is gone or means something else: a resource or item removed, another type, key,
  code table, value range, element or mask, a promise of presence or sharing taken back, the meaning of absence.
- **minor**: more than before, or the same by other ways: an item, a rule, a wider sharing, another cycle or source.
- **patch**: words only: names, descriptions, contacts, categories, dates.

Whatever no rule names is minor. ODCS asks for a version and leaves its meaning to the publisher: these rules are ours.
"""

import re
from collections.abc import Iterable, Sequence

from catalogs.changes.edits import Edit
from catalogs.changes.paths import Member, Part, PathError, parts_of

PATCH, MINOR, MAJOR = "patch", "minor", "major"
CLASSES = (PATCH, MINOR, MAJOR)
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)\Z")
_WORDS = frozenset((
    "businessName", "description", "purpose", "usage", "limitations", "team", "support", "tags", "domain", "synonyms",
    "authoritativeDefinitions", "examples", "publishedOn", "category", "resourceCode", "steward", "accountable",
    "usageWarning", "relatedServiceItems", "relatedCodes", "note", "openTheme", "formatNote", "retention", "abstract",
    "guideType", "length",
))  # fmt: skip
_MEANING = frozenset((
    "logicalType", "logicalTypeOptions", "primaryKey", "primaryKeyPosition", "element", "codeTable", "codeMap", "mask",
    "enum", "subject", "format", "many", "pick", "populations", "population", "onAbsence", "subjectView",
))  # fmt: skip
# From the widest to the narrowest: going down this list takes something from readers.
_SHARING = ("unconditional", "conditional", "none")
_STANDING = ("active", "deprecated", "retired")


def is_contract(file: str) -> bool:
    """Whether a content file is a contract."""
    return file.startswith("resources/") and file.endswith(".odcs.yaml")


def version_class(edits: Iterable[Edit]) -> str:
    """Return the class of a contract's change; the edit of its version itself counts nothing."""
    found = [_class(edit) for edit in edits if edit.field != "version"]
    return max(found, key=CLASSES.index, default=PATCH)


def raised(version: str, by: str) -> str:
    """Return the next version of a class; a text that is no `1.2.3` stays, since nobody knows what follows it."""
    found = _VERSION.match(version)
    if not found:
        return version
    major, minor, patch = map(int, found.groups())
    if by == MAJOR:
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if by == MINOR else f"{major}.{minor}.{patch + 1}"


def is_lower(one: str, other: str) -> bool:
    """Whether one version is lower than another; what is no `1.2.3` is never lower."""
    both = _VERSION.match(one), _VERSION.match(other)
    if both[0] is None or both[1] is None:
        return False
    return tuple(map(int, both[0].groups())) < tuple(map(int, both[1].groups()))


def _class(edit: Edit) -> str:
    try:
        parts = parts_of(edit.field)
    except PathError:
        return MINOR
    if not parts:
        return MAJOR if edit.new is None else MINOR
    last = parts[-1]
    if isinstance(last, Member):
        is_property = _list_of(parts) in ("properties", "schema") and last.id is not None
        if is_property:
            return MAJOR if edit.new is None else MINOR if edit.old is None else MAJOR
        if last.id is None:
            return PATCH
    named = _names(parts)
    if "status" in named:
        return _narrowing(_STANDING, edit)
    if "shareType" in named:
        return _narrowing(_SHARING, Edit(edit.file, "", "", _told(edit.old), _told(edit.new)))
    if named & _MEANING:
        return MAJOR if edit.old is not None else MINOR
    if last == "required":
        return MAJOR if edit.new is not True else MINOR
    return PATCH if named & _WORDS else MINOR


def _names(parts: Sequence[Part]) -> frozenset[str]:
    """The keys on the way, and the custom properties; not the names of items, which may be any word."""
    names = []
    for number, part in enumerate(parts):
        if isinstance(part, str):
            names.append(part)
        elif part.id is not None and parts[number - 1] == "customProperties":
            names.append(part.id)
    if names[0] == "name" and len(parts) == 1:
        names.append("logicalType")  # another name is another resource to its readers
    return frozenset(names)


def _list_of(parts: Sequence[Part]) -> str:
    return str(parts[-2]) if len(parts) > 1 else ""


def _told(value: object) -> object:
    return value.get("value") if isinstance(value, dict) else value


def _narrowing(order: Sequence[str], edit: Edit) -> str:
    rank = {word: number for number, word in enumerate(order)}
    old, new = rank.get(str(edit.old)), rank.get(str(edit.new))
    return MAJOR if old is not None and new is not None and new > old else MINOR
