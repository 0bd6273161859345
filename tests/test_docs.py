"""Documentation that cannot drift: links lead somewhere, commands exist, examples work."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from typer.core import TyperGroup
from typer.main import get_command

import catalogs
from tests.service.conftest import service_url
from tests.support.http import free_port
from tests.support.postgres import PgDatabase
from yici.cli import app

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLE = re.compile(r"^`([^`\n]+\.(?:yaml|csv|py))`.*?^```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)


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


def _write_examples(page: str, folder: Path) -> set[str]:
    files = dict(EXAMPLE.findall((REPOSITORY / "docs" / page).read_text(encoding="utf-8")))
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return set(files)


def test_the_example_campus_of_the_documentation_has_no_faults(tmp_path):
    files = _write_examples("own-campus.md", tmp_path)
    assert files == {"campus.yaml", "units.csv", "systems.yaml", "resources/library/loans.odcs.yaml"}
    assert [str(fault) for fault in catalogs.check(tmp_path) if fault.severity == "error"] == []
    assert catalogs.load(tmp_path).resources["library.loans"].key == ("loan_no",)


def wait_for(url: str, seconds: float = 60) -> None:
    """Return once a GET is answered with success."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, trust_env=False).is_success:
                return
        time.sleep(0.1)
    raise TimeoutError(url)


def test_the_first_answer_of_the_documentation_is_answered_by_its_own_commands(
    tmp_path: Path, pg_database: PgDatabase
):
    campus, drop, port = tmp_path / "campus", tmp_path / "drop", free_port()
    _write_examples("own-campus.md", campus)
    scripts = {name for name in _write_examples("first-answer.md", campus) if name.endswith(".py")}
    for name in scripts:
        (campus / name).rename(tmp_path / name)
    drop.mkdir()
    (drop / "loans.csv").write_text("借阅号,学号,题名,应还日期\nL1,20260001,红楼梦,2026-12-01\n", "gb18030")
    environment = os.environ | {
        "YICI_CAMPUS": str(campus),
        "YICI_HOME": str(tmp_path / "home"),
        "YICI_DATABASE_URL": pg_database.url,
        "YICI_SERVICE_DATABASE_URL": service_url(pg_database),
        "LIBRARY_DROP": str(drop),
        "REGISTRY_FILE": str(tmp_path / "registry.db"),
        "PYTHONPATH": str(REPOSITORY),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    text = (REPOSITORY / "docs" / "first-answer.md").read_text(encoding="utf-8")
    read, run, register, ask = (
        block.replace("/srv/haijiao", str(tmp_path))
        .replace(".venv/bin/", "")
        .replace(":8700", f":{port}")
        .replace("yici serve", f"(yici serve --port {port} > serve.log 2>&1 & echo $! > serve.pid)")
        for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    )
    ready = f"python -c 'from tests.test_docs import wait_for; wait_for(\"http://127.0.0.1:{port}/readyz\")'"
    try:
        done = subprocess.run(
            ["sh", "-ec", "\n".join((read, run, register, ready, ask))],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((tmp_path / "serve.pid").read_text()), signal.SIGTERM)
    assert done.returncode == 0, done.stdout + done.stderr
    (promised,) = re.findall(r"^```text\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert [line.rstrip() for line in done.stdout.splitlines()][-4:] == promised.splitlines()


def test_python_runs_the_command_as_a_module_too():
    done = subprocess.run(
        [sys.executable, "-m", "yici", "--help"], cwd=REPOSITORY, capture_output=True, check=False
    )
    assert done.returncode == 0
