"""Which hand-written models of the dbt project read a resource on this campus, told without dbt.

A model says in its template what it reads and what it cannot do without. The template is rendered here with the macros
that decide it (`requires`, `ref`, `source`, `var`) and with every other macro empty; the SQL is thrown away. A model
that this campus cannot fill is left out, as it is in a release. The tables of derived resources are no readers: what
they are made of is told by `made_of`.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, Environment, Template

from catalogs.dbt_files import TEMPLATE, stored_resources
from catalogs.model import Catalog

_STAGING, _MART = "stg_", "mart_"
_OVERVIEW = re.compile(r"\*\*概述\*\*\s*([^:：,，。;；(（\n]+)")


@dataclass(frozen=True)
class Model:
    """A model that people wrote.

    Attributes:
        name: of the model, which is also its table.
        title: the beginning of its description; its name where it has none.
        resources: that it reads, directly or through other models.
        is_mart: whether it is built for readers, and not for other models alone.
    """

    name: str
    title: str
    resources: frozenset[str]
    is_mart: bool


class Reads:
    """What the models of a campus read."""

    def __init__(self, catalog: Catalog) -> None:
        """Render every model for a campus."""
        found = _rendered(catalog)
        self._models = {
            name: Model(
                name, _titles(TEMPLATE).get(name, name), _through(name, found), name.startswith(_MART)
            )
            for name in found
        }
        own = {resource.physical_name for resource in catalog.resources.values() if resource.is_derived}
        self._readers: dict[str, list[Model]] = defaultdict(list)
        for model in sorted(self._models.values(), key=lambda one: (not one.is_mart, one.name)):
            for name in model.resources if model.name not in own else ():
                self._readers[name].append(model)

    def readers(self, resource: str) -> tuple[Model, ...]:
        """Return the models that read a resource, those for readers first."""
        return tuple(self._readers.get(resource, ()))

    def made_of(self, model: str) -> frozenset[str]:
        """Return the resources that a model reads; none of a model that there is not."""
        return self._models[model].resources if model in self._models else frozenset()


@dataclass
class _Rendering:
    """What one model said while it was rendered."""

    is_enabled: bool = True
    models: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    resources: set[str] = field(default_factory=set)


class _Empty(ChainableUndefined):
    """Any other macro or variable: it says nothing."""

    def __call__(self, *args: Any, **named: Any) -> str:
        return ""


def _rendered(catalog: Catalog) -> dict[str, _Rendering]:
    """Return name → what each model that this campus fills reads."""
    items = {one.name: [item.name for item in one.items] for one in stored_resources(catalog)}
    by_table = {catalog.resources[name].table: name for name in items}

    def requires(*wanted: str) -> bool:
        return all(_is_met(items, one) for one in wanted)

    def requires_any(*wanted: str) -> bool:
        return any(_is_met(items, one) for one in wanted)

    def var(wanted: str, default: Any = None) -> Any:
        return items if wanted == "yici_resources" else default

    found = {}
    for name, template in _templates(TEMPLATE).items():
        said = _Rendering()

        def config(said: _Rendering = said, **settings: Any) -> str:
            said.is_enabled = bool(settings.get("enabled", said.is_enabled))
            return ""

        def ref(model: str, said: _Rendering = said) -> str:
            said.models.add(model)
            return ""

        def source(schema: str, table: str, said: _Rendering = said) -> str:
            said.tables.add(table if schema == "raw" else "")
            return ""

        template.render(
            requires=requires, requires_any=requires_any, config=config, ref=ref, source=source, var=var
        )
        tables = said.tables | {one.removeprefix(_STAGING) for one in said.models if one.startswith(_STAGING)}
        said.resources = {by_table[table] for table in tables if table in by_table}
        if said.is_enabled:
            found[name] = said
    return found


def _is_met(items: Mapping[str, list[str]], wanted: str) -> bool:
    """Whether the campus has a resource and, after a colon, these items of it."""
    name, _, needed = wanted.partition(":")
    return name.strip() in items and set(needed.split()) <= set(items[name.strip()])


def _through(name: str, found: Mapping[str, _Rendering]) -> frozenset[str]:
    """Return the resources that a model reads, directly or through other models."""
    read, waiting, seen = set(), [name], {name}
    while waiting:
        one = found[waiting.pop()]
        read |= one.resources
        fresh = (one.models & found.keys()) - seen
        seen |= fresh
        waiting += fresh
    return frozenset(read)


@cache
def _templates(folder: Path) -> Mapping[str, Template]:
    """Return the models that people wrote, by name; compiled once in a process."""
    environment = Environment(undefined=_Empty, extensions=["jinja2.ext.do"])
    files = sorted(folder.glob("models/**/*.sql"))
    return {file.stem: environment.from_string(file.read_text(encoding="utf-8")) for file in files}


@cache
def _titles(folder: Path) -> Mapping[str, str]:
    """Return the titles of the models that are described."""
    found = {}
    for file in folder.glob("models/**/*.yml"):
        if overview := _OVERVIEW.search(file.read_text(encoding="utf-8")):
            found[file.stem] = overview[1].strip()
    return found
