"""Documentation that cannot drift: links lead somewhere, commands exist, examples work."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from typer.core import TyperGroup
from typer.main import get_command

import catalogs
from yici.cli import app

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLE = re.compile(r"^`([^`\n]+\.(?:yaml|csv))`.*?^```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)


def pages() -> Iterator[tuple[Path, str]]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        yield REPOSITORY / name, (REPOSITORY / name).read_text(encoding="utf-8")


def test_relative_links_lead_to_files():
    lost = [
        f"{page.relative_to(REPOSITORY)}: {target}"
        for page, text in pages()
        for target in re.findall(r"\]\(([^)#\s]+)", text)
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert lost == []


def test_commands_named_in_the_documentation_exist():
    command = get_command(app)
    unknown = []
    for page, text in pages():
        for words in re.findall(r"^(?:\.venv/bin/)?yici ([a-z][a-z -]*)", text, re.MULTILINE):
            found = command
            for word in words.split():
                if not isinstance(found, TyperGroup):
                    break
                found = found.commands.get(word)
            if found is None:
                unknown.append(f"{page.name}: yici {words}")
    assert unknown == []


def test_make_targets_named_in_the_documentation_exist():
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    named = {target for _, text in pages() for target in re.findall(r"[`\n]make ([a-z]+)", text)}
    assert named
    assert named <= targets


def test_the_example_campus_of_the_documentation_has_no_faults(tmp_path):
    text = (REPOSITORY / "docs" / "own-campus.md").read_text(encoding="utf-8")
    files = dict(EXAMPLE.findall(text))
    assert set(files) == {"campus.yaml", "units.csv", "systems.yaml", "resources/library/loans.odcs.yaml"}
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    assert [str(fault) for fault in catalogs.check(tmp_path) if fault.severity == "error"] == []
    assert catalogs.load(tmp_path).resources["library.loans"].key == ("loan_no",)


def test_python_runs_the_command_as_a_module_too():
    done = subprocess.run(
        [sys.executable, "-m", "yici", "--help"], cwd=REPOSITORY, capture_output=True, check=False
    )
    assert done.returncode == 0
