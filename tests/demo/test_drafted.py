"""A draft of the academic system against the contracts that people wrote for it by hand."""

import dataclasses
from datetime import date
from pathlib import Path

import pytest

from catalogs import loading
from catalogs.draft import Drafter, registers_of
from catalogs.model import Resource
from connectors import open_source
from connectors.probe import probe
from expectations.drafting import draft
from tests.demo.built import built
from tests.support.postgres import PgServer
from tests.support.reference import reference_campus


def _key(resource: Resource) -> list[str]:
    return [resource.item(name).physical_name for name in resource.key]


def _types(resource: Resource) -> dict[str, str]:
    return {f"{resource.physical_name}.{item.physical_name}": item.logical_type for item in resource.items}


def test_a_draft_finds_the_keys_and_nearly_all_types_that_people_wrote(
    pg_server: PgServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    content = reference_campus()
    system = content.systems["academic"]
    bare = dataclasses.replace(content, resources={}, files={})
    with built(pg_server, content, tmp_path, ("academic",), "d") as campus:
        for name, value in campus.variables.items():
            monkeypatch.setenv(name, value)
        drafter = Drafter(system, bare, registers_of(content), date(2026, 11, 26))
        with open_source(system, temp_dir=tmp_path) as source:
            result = draft(source, drafter, probe(source), tmp_path)
    assert result.undrafted == ()
    assert not any(result.refused.values())
    texts = {name: text.encode() for name, text in result.files.items()}
    drafted = {
        resource.physical_name: resource
        for resource in loading.read({**content.files, **texts})[0].catalog.resources.values()
        if resource.status == "draft"
    }
    by_hand = {r.physical_name: r for r in content.resources.values() if r.system == "academic"}
    assert {name: _key(resource) for name, resource in drafted.items()} == {
        name: _key(resource) for name, resource in by_hand.items()
    }
    wanted = {place: kind for resource in by_hand.values() for place, kind in _types(resource).items()}
    found = {place: kind for resource in drafted.values() for place, kind in _types(resource).items()}
    other = {place: (kind, found[place]) for place, kind in wanted.items() if found[place] != kind}
    agreement = 1 - len(other) / len(wanted)
    assert agreement >= 0.95, f"{agreement:.1%} of {len(wanted)} types agree; by hand and drafted: {other}"
