"""One item of a contract, with what it inherits from its element and from the contract."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from catalogs.faults import Faults
from catalogs.fields import Fields
from catalogs.lined_yaml import LinedDict, line_of, plain
from catalogs.model import DEFAULT_SCALE, Element, Item, Pick, Shift, Validity
from catalogs.words import (
    DATA_LEVELS,
    GUIDE_TYPES,
    LOGICAL_TYPES,
    PI_CLASSES,
    SHARE_TYPES,
    SUBJECT_VIEWS,
    TIERS,
)

ITEM_PROPERTIES = (
    "element", "codeTable", "codeMap", "shareType", "shareCondition", "noShareBasis", "mask", "piClass",
    "dataLevel", "tier", "subjectView", "subjectViewBasis", "authoritative", "many", "pick", "guideType", "length",
    "derivedFrom", "shift", "retiredCodes", "note", "validity", "nameEn",
)  # fmt: skip
# What of ODCS's logicalTypeOptions admission judges: any other would be a promise that nobody keeps.
OPTIONS = ("format", "maximum", "maxLength", "minimum", "minLength", "multipleOf", "pattern")
_ENUM_TYPES = {"string": str, "integer": int}
SHIFT_SEVERITIES = ("critical", "warning", "info")
_GUIDE_TYPES = {"string": "C", "integer": "I", "number": "N", "boolean": "L", "date": "D", "timestamp": "T"}


@dataclass(frozen=True)
class Defaults:
    """What a contract says of all its items; `repeated_key`: the subject's key in a table with another key."""

    share_type: str
    share_condition: str
    no_share_basis: str
    tier: str
    data_level: str
    pi_class: str
    subject_view_basis: str
    authoritative: bool
    many: bool
    pick: Pick | None
    validity: Validity | None
    repeated_key: str


def read_item(
    doc: LinedDict,
    custom: LinedDict,
    defaults: Defaults,
    elements: Mapping[str, Element],
    file: str,
    faults: Faults,
) -> Item:
    """Read one item of a contract, with what it inherits from its element and from the contract.

    Args:
        doc: the entry under `properties`.
        custom: its custom properties.
        defaults: what the contract says of all its items.
        elements: by code.
        file: the contract's.
        faults: where faults are told.
    """
    name = doc["name"]
    own = Fields(custom, file, f'item "{name}"', faults, line_of(doc))
    key_fields = Fields(doc, file, f'item "{name}"', faults, line_of(doc))
    element_code = own.text("element")
    element = elements.get(element_code)
    own.tell_mask()
    told = key_fields.inner("logicalTypeOptions")
    if told:
        told.only(OPTIONS)
    options = told.data if told else {}
    logical_type = key_fields.text("logicalType", default="string", among=LOGICAL_TYPES)
    element_letter = element.type if element and element.type in GUIDE_TYPES else ""
    return Item(
        name=name,
        physical_name=str(doc.get("physicalName") or name),
        business_name=str(doc.get("businessName") or (element.name_zh if element else name)),
        description=str(doc.get("description") or ""),
        logical_type=logical_type,
        required=key_fields.flag("required"),
        unique=key_fields.flag("unique"),
        primary_key=key_fields.flag("primaryKey"),
        element=element_code,
        code_table=_first(custom, "codeTable", element.code_table if element else ""),
        code_map=_code_map(own),
        pattern=str(options.get("pattern") or ""),
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        min_length=options.get("minLength"),
        max_length=options.get("maxLength"),
        max_bytes=own.whole("length"),
        scale=_scale(options.get("multipleOf")),
        share_type=own.text("shareType", among=SHARE_TYPES) or defaults.share_type,
        share_condition=own.text("shareCondition") or defaults.share_condition,
        no_share_basis=own.text("noShareBasis") or defaults.no_share_basis,
        mask=_first(custom, "mask", element.mask if element else ""),
        pi_class=own.text("piClass", among=PI_CLASSES)
        or (element.pi_class if element else "")
        or defaults.pi_class,
        data_level=own.text("dataLevel", among=DATA_LEVELS)
        or (element.data_level if element else "")
        or defaults.data_level,
        tier=own.text("tier", among=TIERS) or defaults.tier,
        subject_view=own.text("subjectView", default="full", among=SUBJECT_VIEWS),
        authoritative=bool(element_code)
        and own.flag("authoritative", defaults.authoritative and name != defaults.repeated_key),
        many=own.flag("many", defaults.many),
        pick=read_pick(own) or defaults.pick,
        format=str(options.get("format") or (element.format if element else "")),
        guide_type=own.text("guideType", among=GUIDE_TYPES) or element_letter or _GUIDE_TYPES[logical_type],
        derived_from=own.text("derivedFrom"),
        physical_type=str(doc.get("physicalType") or ""),
        note=own.text("note"),
        properties=plain(dict(custom)),
        subject_view_basis=own.text("subjectViewBasis") or defaults.subject_view_basis,
        enum=_enum(key_fields, logical_type),
        shift=_shift(own),
        validity=read_validity(own) if "validity" in custom else defaults.validity,
    )


def _enum(fields: Fields, logical_type: str) -> tuple[str | int, ...]:
    values = tuple(entry["value"] for entry in fields.data.get("enum") or ())
    wanted = _ENUM_TYPES.get(logical_type)
    if all(type(value) is wanted for value in values):
        return values
    fields.fault(
        "V03",
        "enum",
        f"enum has a value that no {logical_type} item can be held to",
        expected="texts for a string, whole numbers for an integer",
        mend="write the values as their type is written, or an SQL rule instead",
    )
    return ()


def _code_map(own: Fields) -> Mapping[str, str] | None:
    given = own.mapping("codeMap")
    for source, standard in given.items():
        if not isinstance(standard, str):
            own.fault(
                "V03",
                "codeMap",
                f'codeMap of "{source}" is not a string',
                expected="a quoted code",
                mend="put the code in double quotes",
            )
    return {source: str(standard) for source, standard in given.items()} or None


def read_pick(own: Fields) -> Pick | None:
    """Which of several values counts: the custom property `pick` of a contract or of an item."""
    inner = own.inner("pick")
    if inner is None:
        return None
    inner.only(("orderBy", "filter"))
    return Pick(inner.text("orderBy", required=True), inner.text("filter"))


def read_validity(own: Fields) -> Validity | None:
    """The bounds of a value; an empty mapping undoes what an item would inherit."""
    inner = own.inner("validity")
    if inner is None:
        return None
    inner.only(("from", "until"))
    bounds = Validity(inner.text("from"), inner.text("until"))
    return bounds if bounds.items else None


def _shift(own: Fields) -> Shift | None:
    inner = own.inner("shift")
    if inner is None:
        return None
    inner.only(("most", "severity"))
    severity = inner.text("severity", default="warning", among=SHIFT_SEVERITIES)
    return Shift(inner.share("most", 1.0), severity)


def _first(custom: Mapping[str, Any], key: str, inherited: str) -> str:
    """The item's own word, which may be empty to undo what it would inherit."""
    return str(custom[key] or "") if key in custom else inherited


def _scale(multiple_of: Any) -> int:
    """Digits after the point of ODCS's multipleOf; without it six."""
    if not isinstance(multiple_of, int | float) or isinstance(multiple_of, bool):
        return DEFAULT_SCALE
    exponent = Decimal(str(multiple_of)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else DEFAULT_SCALE
