"""The public sees what is 公开 and nothing else, whatever form it is written in; nobody sees a person."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pypdf import PdfReader

import catalogs
from catalogs import views
from catalogs.exports.filing import filing_pack
from catalogs.lists import derived_lists
from catalogs.model import Catalog
from catalogs.publish import publish
from tests.catalogs.exports.support import INNER_ITEMS, INNER_WORDS, PERSONS, layered_campus
from tests.support.reference import reference_campus


def texts(name: str, content: bytes) -> Iterator[tuple[str, str]]:
    """Every text of a file: as it stands, of archives each member, of PDF what is shown and what is told of it."""
    if name.endswith((".zip", ".xlsx")):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield f"{name}/{member}", member
                yield from texts(f"{name}/{member}", archive.read(member))
    elif name.endswith(".pdf"):
        reader = PdfReader(io.BytesIO(content))
        yield name, "".join(page.extract_text() for page in reader.pages) + str(reader.metadata)
    else:
        yield name, content.decode("utf-8")


def folder_texts(folder: Path) -> list[tuple[str, str]]:
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            found.append((name, name))
            found += texts(name, path.read_bytes())
    return found


def tells(found: list[tuple[str, str]], words: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(name, word) for name, text in found for word in words if word in text]


@pytest.fixture(scope="module")
def layered() -> Catalog:
    return layered_campus()


@pytest.fixture(scope="module")
def site(layered, tmp_path_factory) -> Path:
    return publish(
        layered, tmp_path_factory.mktemp("site") / "all", ("public", "campus", "office"), faults=()
    )


def test_no_byte_of_the_public_tier_names_what_is_not_public(site):
    found = folder_texts(site / "public")
    assert len(found) > 60
    assert tells(found, INNER_WORDS) == []
    assert tells(found, ("hr.staff",)) and tells(found, ("在职证明",))


def test_what_the_public_must_not_see_is_there_for_others(site):
    campus, office = folder_texts(site / "campus"), folder_texts(site / "office")
    assert {word for _, word in tells(campus, INNER_ITEMS)} == {"inner_salary"}
    assert {word for _, word in tells(office, INNER_ITEMS)} == set(INNER_ITEMS)
    assert tells(campus, ("C_OFFICE_CASE",)) == []
    assert tells(campus, ("academic.awards",))


def test_no_tier_and_no_filing_pack_names_a_person(site, layered):
    pack = filing_pack(layered, derived_lists(layered, ()), date(2026, 11, 26))
    assert tells(folder_texts(site), PERSONS) == []
    assert tells(list(texts("pack.zip", pack)), PERSONS) == []
    assert tells(list(texts("pack.zip", pack)), ("在职证明",))


def inner_names(catalog: Catalog) -> set[str]:
    """Names that only the campus's things have: of resources, their codes, tables, columns, and of systems.

    A plain English word, and what is also the name of a unit, an element or a service item, tells nothing.
    """
    public, inner = set(catalog.elements) | set(catalog.codes), set()
    for resource in catalog.resources.values():
        (public if resource.tier == "public" else inner).update(
            (resource.name, str(resource.properties.get("resourceCode"))),
            (item.name for item in resource.items),
        )
        inner.add(resource.physical_name)
        inner.update(item.physical_name for item in resource.items)
    for system in catalog.systems.values():
        inner |= {system.name_zh, *map(str, system.settings.values())}
    for named in (catalog.units, catalog.elements, catalog.services, catalog.materials):
        public |= {one.name_zh for one in named.values()}
    return {name for name in inner - public if len(name) > 5 and not re.fullmatch("[a-zA-Z]+", name)}


def test_the_reference_campus_shows_the_public_none_of_its_inner_names(tmp_path):
    catalog = reference_campus()
    names = inner_names(catalog)
    assert len(names) > 400
    found = folder_texts(publish(catalog, tmp_path / "site", ("public",)) / "public")
    vocabulary = {word for _, text in found for word in re.findall(r"[\w./#-]+", text)}
    assert sorted(names & vocabulary) == []
    phrases = [name for name in names if not re.fullmatch(r"[\w./#-]+", name)]
    assert tells(found, tuple(phrases)) == []


def test_the_public_schema_forbids_what_is_not_public(layered):
    schema = json.loads(
        (Path(catalogs.__file__).parent / "exports" / "catalog.schema.json").read_text("utf-8")
    )
    validator = Draft202012Validator(schema)
    inner = views.catalog_json(layered, "campus")
    assert list(validator.iter_errors(inner)) == []
    assert list(validator.iter_errors(inner | {"tier": "public"})) != []
    assert list(validator.iter_errors(views.catalog_json(layered, "public"))) == []
