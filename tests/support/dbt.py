"""dbt for tests that release: the same program in a process of its own, but forked from one that has imported it.

A release calls dbt twice, and half of what that costs is dbt's start. What the pipeline itself starts is run by the
tests of killed runs, and by the drills.
"""

import atexit
import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.apart import Stable

_MODULES = (
    "dbt.cli.main",
    "dbt.adapters.postgres",
    "dbt.parser.manifest",
    "dbt.task.build",
    "dbt.parser.generic_test_builders",
)


@functools.cache
def _stable() -> Stable:
    stable = Stable(_MODULES)
    atexit.register(stable.close)
    return stable


def call(arguments: list[str], environment: Mapping[str, str], folder: Path) -> tuple[int, str]:
    """Stand in for `pipelines.dbt.call`."""
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        command = _stable().start(
            *arguments, environment=environment, log=Path(log.name), call="dbt.cli.main:cli", folder=folder
        )
        return command.wait(), command.said()
