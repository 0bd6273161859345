"""The walls between rooms (docs/decisions/0001), and what no file of the project may hold."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
CHAIN = (
    *("catalogs", "certificates", "connectors", "warehouse", "expectations"),
    *("service", "portal", "pipelines", "yici"),
)
ROOMS = (*CHAIN, "demo")
CLIENT = "yici.client"
ORCHESTRATOR = re.compile(r"dagster(_\w+)?")
REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs\.org|(?:deb|security)\.debian\.org|--(?:extra-)?index-url"
)
MACHINE_PATHS = re.compile(r"(?:^|[^\w/])/(?:work|farm|root|home/\w+|Users/\w+)/[A-Za-z.]")


@cache
def imports_of(room: str) -> tuple[tuple[str, str], ...]:
    """(file:line, module) of every import, those inside functions included."""
    return tuple(_imports_of(room))


def _imports_of(room: str) -> Iterator[tuple[str, str]]:
    for path in sorted((REPOSITORY / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{path.relative_to(REPOSITORY)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield where, alias.name
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield where, node.module


def package(module: str) -> str:
    return module.partition(".")[0]


def is_client(module: str) -> bool:
    """Whether a module is of what service systems install: it knows no room, and any may know it."""
    return module == CLIENT or module.startswith(f"{CLIENT}.")


@cache
def tracked_texts() -> tuple[tuple[str, str], ...]:
    return tuple(_tracked_texts())


def _tracked_texts() -> Iterator[tuple[str, str]]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True).stdout
    for name in listed.decode().split("\0"):
        path = REPOSITORY / name
        if not name or not path.is_file():
            continue
        content = path.read_bytes()
        if b"\0" not in content[:8000]:
            yield name, content.decode("utf-8", "replace")


def found(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}"
        for name, text in tracked_texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize("room", CHAIN)
def test_a_room_imports_only_rooms_before_it(room):
    forbidden = set(ROOMS) - set(CHAIN[: CHAIN.index(room) + 1])
    assert [(where, module) for where, module in imports_of(room) if package(module) in forbidden] == []


def test_the_demo_imports_no_room_but_what_every_service_system_may_install():
    found = [(where, module) for where, module in imports_of("demo") if package(module) in CHAIN]
    assert [(where, module) for where, module in found if not is_client(module)] == []


def test_the_client_imports_no_room_so_that_it_can_be_installed_anywhere():
    found = [
        (where, module) for where, module in imports_of(CLIENT.replace(".", "/")) if package(module) in ROOMS
    ]
    assert found
    assert [(where, module) for where, module in found if not is_client(module)] == []


def test_certificates_know_only_the_catalog_and_neither_database_nor_http():
    known = {package(module) for _, module in imports_of("certificates")}
    assert known & set(ROOMS) == {"catalogs", "certificates"}
    assert not known & {
        "psycopg",
        "asyncpg",
        "sqlalchemy",
        "duckdb",
        "fastapi",
        "starlette",
        "httpx",
        "socket",
    }


@pytest.mark.parametrize("room", sorted(set(ROOMS) - {"pipelines"}))
def test_only_pipelines_knows_the_orchestrator(room):
    assert [where for where, module in imports_of(room) if ORCHESTRATOR.fullmatch(package(module))] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_belongs_in_it(room):
    said = ast.get_docstring(ast.parse((REPOSITORY / room / "__init__.py").read_text(encoding="utf-8")))
    assert said is not None
    assert len(said.splitlines()) >= 4


def test_no_file_names_a_package_registry():
    assert found(REGISTRIES) == []


def test_no_file_names_a_path_of_somebodys_machine():
    assert found(MACHINE_PATHS) == []


def test_every_locked_package_has_a_hash():
    entries = re.split(r"\n(?=[a-z])", (REPOSITORY / "requirements.lock").read_text(encoding="utf-8"))
    assert len(entries) > 100
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
