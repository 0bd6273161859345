"""dbt for tests that release: the same program in a process of its own, but forked from one that has imported it.

A release calls dbt twice, and half of what that costs is dbt's start. A project that this worker has parsed before is
not parsed again: its manifest is put there, and the build that follows finds nothing changed, as it does in the next
release of an installation. What the pipeline itself starts is run by the drills, and by the commands of the
documentation.
"""

import atexit
import functools
import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from catalogs.dbt_files import DBT_OUTPUT
from tests.support.apart import Stable
from tests.support.postgres import worker
from tests.support.session import shared_folder

MODULES = (
    "dbt.cli.main",
    "dbt.adapters.postgres",
    "dbt.parser.manifest",
    "dbt.task.build",
    "dbt.parser.generic_test_builders",
    "tests.support.quick_dbt",
)
# What a parsed manifest depends on beside the project's files.
_PLACE = ("YICI_DBT_HOST", "YICI_DBT_PORT", "YICI_DBT_USER", "YICI_DBT_DBNAME", "YICI_BUILD_SCHEMA")


@functools.cache
def _stable() -> Stable:
    stable = Stable(MODULES)
    atexit.register(stable.close)
    return stable


def call(arguments: list[str], environment: Mapping[str, str], folder: Path) -> tuple[int, str]:
    """Stand in for `pipelines.dbt.call`."""
    if "parse" not in arguments:
        return _called(arguments, environment, folder)
    parsed = shared_folder() / "dbt" / worker() / _digest(environment, folder)
    if parsed.exists():
        shutil.copytree(parsed, folder / "target", copy_function=shutil.copyfile, dirs_exist_ok=True)
        return 0, ""
    is_first = not parsed.parent.exists()
    done = _called(arguments, environment, folder)
    if done[0] == 0:
        if is_first:
            _stable().learn("tests.support.quick_dbt:learn", str(folder))
        shutil.copytree(folder / "target", parsed, copy_function=shutil.copyfile)
    return done


def _called(arguments: list[str], environment: Mapping[str, str], folder: Path) -> tuple[int, str]:
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        command = _stable().start(
            *arguments, environment=environment, log=Path(log.name), call="dbt.cli.main:cli", folder=folder
        )
        return command.wait(), command.said()


def _digest(environment: Mapping[str, str], project: Path) -> str:
    content = hashlib.sha256(repr([environment[name] for name in _PLACE]).encode())
    for path in sorted(project.rglob("*")):
        place = path.relative_to(project)
        if path.is_file() and place.parts[0] not in DBT_OUTPUT:
            content.update(repr((place.as_posix(), path.read_bytes())).encode())
    return content.hexdigest()
