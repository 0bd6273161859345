"""Run dbt with the arguments and variables of a release."""

from pathlib import Path

import pytest

from catalogs import dbt_files
from catalogs.dbt_files import Verdict
from connectors.duck import PgParams
from tests.dbt.shapes import RELEASE
from tests.support.postgres import PgDatabase

SCHEMA = "build"


def params(database: PgDatabase) -> PgParams:
    """Return how dbt reaches a test's database."""
    address = database.address
    return PgParams(str(address.socket_dir), address.port, database.name, address.user, address.password)


def dbt(project: Path, database: PgDatabase, *arguments: str) -> str:
    """Run dbt on an assembled project, in this process (its import takes seconds), and return its output.

    Results are in the project's `target`: a failing model is not an exception.
    """
    from dbt.cli.main import dbtRunner

    lines: list[str] = []
    environment = dbt_files.environment(params(database), RELEASE, SCHEMA)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        runner = dbtRunner(callbacks=[lambda event: lines.append(event.info.msg)])
        where = ["--project-dir", str(project), "--profiles-dir", str(project)]
        runner.invoke(["--quiet", *arguments, *(() if "--project-dir" in arguments else where)])
    return "\n".join(lines)


def build(project: Path, database: PgDatabase, stage: str, *disqualified: str) -> dict[str, Verdict]:
    """Run one invocation of a release and return its verdicts by model."""
    output = dbt(project, database, *dbt_files.arguments(project, stage, disqualified))
    results = project / "target" / "run_results.json"
    assert results.is_file(), output[-2000:]
    return {verdict.model: verdict for verdict in dbt_files.verdicts(project / "target")}
