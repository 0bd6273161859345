"""Contracts and systems for tests, as the catalog would give them; only what reading looks at varies."""

from collections.abc import Mapping, Sequence
from typing import Any

from catalogs.model import Ingest, Item, Partition, Resource, System


def item(name: str, physical_name: str | None = None, logical_type: str = "string", **other: Any) -> Item:
    """An item; the first of a resource is its key."""
    values: dict[str, Any] = {
        "name": name,
        "physical_name": physical_name or name,
        "business_name": name,
        "description": "",
        "logical_type": logical_type,
        "required": False,
        "unique": False,
        "primary_key": False,
        "element": "",
        "code_table": "",
        "code_map": None,
        "pattern": "",
        "minimum": None,
        "maximum": None,
        "min_length": None,
        "max_length": None,
        "max_bytes": None,
        "scale": 6,
        "share_type": "conditional",
        "share_condition": "",
        "no_share_basis": "",
        "mask": "",
        "pi_class": "",
        "data_level": "",
        "tier": "campus",
        "subject_view": "full",
        "authoritative": False,
        "many": False,
        "pick": None,
        "format": "",
    }
    return Item(**(values | other))


def resource(
    physical_name: str,
    items: Sequence[Item],
    name: str = "academic.students",
    ingest: Ingest | None = None,
    read: Mapping[str, Any] | None = None,
) -> Resource:
    """A resource of provider JW."""
    return Resource(
        name=name,
        system=name.partition(".")[0],
        physical_name=physical_name,
        business_name=name,
        description="",
        purpose="",
        version="1.0.0",
        status="active",
        provider="JW",
        items=tuple(items),
        key=(items[0].name,),
        ingest=ingest or Ingest(),
        read=read or {},
        subject=None,
        share_type="conditional",
        tier="campus",
        update_cycle="daily",
        secrecy="none",
        rules=(),
        metrics=(),
        relationships=(),
        authoritative=False,
        authoritative_for=(),
        accountable="",
        steward="",
        delivers=None,
        properties={},
        file="",
    )


def system(kind: str, settings: Mapping[str, Any], code: str = "academic", **limits: Any) -> System:
    """A system of provider JW."""
    return System(code, code, "JW", kind, settings, None, limits)


def by_day(source: str) -> Ingest:
    """Append, one partition a day."""
    return Ingest(mode="append", partition=Partition("day", source))
