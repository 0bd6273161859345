"""The reference campus can be spoiled in every way that the table of faults names, and its contracts notice."""

import contextlib
import shutil
from collections import defaultdict
from pathlib import Path
from random import Random

import duckdb
import psycopg
import pytest

from benchmarks.faults_caught import Label, read_labels
from catalogs.model import Catalog, Resource
from connectors import open_source
from connectors.base import ReadSpec, Source, SourceError
from demo.faults.extract_accidents import DAYS, HAPPENS, Scene
from demo.faults.inject import ROWS, inject
from demo.faults.kinds import GROUPS, KINDS
from demo.faults.row_accidents import SPOILED
from demo.target import TargetError
from demo.world import build_world
from tests.demo.built import Campus, build_systems, file_target, judgements
from tests.support.reference import reference_campus

# Systems that live in files: no server is needed to spoil them. The scoreboard (`make faults`) spoils all.
SYSTEMS = ("library", "archives", "certificates_legacy", "hr", "party")
# The table of faults in the design of quality, kinds by group: the list is fixed.
TABLE = {"row shape": 13, "codes and identity": 11, "text": 6, "extract": 14, "between systems": 7}
# Kinds of rows that no single row shows.
ELSEWHERE = {"swapped-ids", "number-twice", "person-twice", "orphan", "clock-skew"}


@pytest.fixture(scope="module")
def content() -> Catalog:
    return reference_campus()


@pytest.fixture(scope="module")
def unspoiled(content: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Campus:
    """The systems at their place; what was built there is kept beside it."""
    place = tmp_path_factory.mktemp("faults") / "place"
    built = build_systems(build_world(1, "small"), content, file_target(place), SYSTEMS, place / "landing")
    shutil.copytree(place, place.with_name("kept"))
    return built


@pytest.fixture
def campus(unspoiled: Campus, monkeypatch: pytest.MonkeyPatch) -> Campus:
    """The systems as they were built, for a test to spoil."""
    place = unspoiled.landing.parent
    shutil.rmtree(place)
    shutil.copytree(place.with_name("kept"), place)
    for name, value in unspoiled.variables.items():
        monkeypatch.setenv(name, value)
    return unspoiled


def test_every_kind_of_the_table_has_an_accident():
    happening = {one.kind for one in SPOILED} | {kind for kind, _ in HAPPENS}
    assert {name for name, kind in KINDS.items() if kind.is_detectable} == happening
    assert {group: sum(kind.group == group for kind in KINDS.values()) for group in GROUPS} == TABLE
    assert [name for name, kind in KINDS.items() if not kind.is_detectable] == [
        "plausible-value",
        "same-error-twice",
    ]


def test_a_kind_that_nobody_knows_is_refused(tmp_path: Path):
    with pytest.raises(TargetError, match="no fault is called gremlins"):
        inject(file_target(tmp_path), {"day": 0}, ROWS, ["gremlins"], 0.001, 1, tmp_path / "labels")


def _spoil(campus: Campus, path: Path, kinds: list[str]) -> list[Label]:
    inject(campus.target, {"day": 0}, ROWS, kinds, 0.002, 1, path)
    return read_labels(path)


def test_spoiled_rows_are_refused_and_no_others(
    campus: Campus, content: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    here = {one.kind for one in SPOILED if one.resource.partition(".")[0] in SYSTEMS} - ELSEWHERE
    here_only = tuple(one for one in SPOILED if one.resource.partition(".")[0] in SYSTEMS)
    monkeypatch.setattr("demo.faults.inject.SPOILED", here_only)
    before = {system: judgements(campus, system, 1) for system in SYSTEMS}
    labels = defaultdict(set)
    for label in _spoil(campus, tmp_path / "labels", sorted(here)):
        labels[label.resource].add("|".join(label.key))
    assert len(here) > 18
    for system in SYSTEMS:
        for name, judgement in judgements(campus, system, 50).items():
            new = set(judgement.refused) - set(before[system][name].refused)
            assert new == labels[name], name


def test_the_same_seed_spoils_the_same_rows(campus: Campus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "demo.faults.inject.SPOILED", tuple(one for one in SPOILED if one.resource.startswith("lib"))
    )
    first = _spoil(campus, tmp_path / "first", ["missing-key", "full-width"])
    build_systems(campus.world, campus.catalog, campus.target, ["library"], campus.landing)
    again = _spoil(campus, tmp_path / "again", ["missing-key", "full-width"])
    assert first == again != []
    assert "姓名" not in (tmp_path / "again").read_text()


def test_spoiled_deliveries_are_refused_by_their_reader(campus: Campus):
    kinds = ("truncated-file", "header-changed", "lost-column", "broken-quoting", "gbk-as-utf8")
    spoiled: list[Label] = []
    for kind, happens in HAPPENS:
        if kind in kinds:
            with contextlib.suppress(
                FileNotFoundError, KeyError, psycopg.Error
            ):  # systems that were not built here
                spoiled += happens(Scene(campus.target, DAYS, "2026-10-23 06:30:00", Random(1)))
    assert {label.kind for label in spoiled} == set(kinds)
    for label in spoiled:
        resource = campus.catalog.resources[label.resource]
        with open_source(campus.catalog.systems[resource.system]) as source:
            assert _why(source, resource) is not None, label


def _why(source: Source, resource: Resource) -> SourceError | None:
    """Return why a resource cannot be read; None if it can."""
    try:
        for reading in source.readings(ReadSpec(resource)):
            try:
                reading.con.execute(reading.query).fetchall()
            except duckdb.Error:
                return reading.failure()
    except SourceError as error:
        return error
    return None
