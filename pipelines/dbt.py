"""dbt in a release: two invocations, each model an asset, each verdict data for the release to decide on.

A failing test never stops the run: a model that fails disqualifies itself and what reads it, and stays as the last
release built it.

dbt ends with the process that started it, however that ends: one that went on after a kill -9 would write what it
still reads of a dead candidate into the schema that the next candidate builds in.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, build_dbt_asset_specs

from catalogs import dbt_files
from catalogs.dbt_files import Verdict
from catalogs.model import Catalog
from catalogs.settings import settings
from pipelines.assets import store_key
from warehouse.connect import pg_params
from warehouse.releases import CANDIDATE_SCHEMA

# The process holds the reading end of a pipe that nobody writes to; it is closed when the other end's owner is gone.
_DBT = """
import os, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
from dbt.cli.main import cli
cli(prog_name="dbt")
"""


class DbtFailed(Exception):
    """dbt did not run at all (its project does not parse, the warehouse is gone): no verdicts exist."""


class _Translator(DagsterDbtTranslator):
    """Names sources as the store's assets and models as `dbt/<model>`."""

    def get_asset_key(self, dbt_resource_props: Mapping) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            resource = dbt_resource_props.get("config", {}).get("meta", {}).get("resource")
            return store_key(resource) if resource else dg.AssetKey(["warehouse", dbt_resource_props["name"]])
        return dg.AssetKey(["dbt", dbt_resource_props["name"]])

    def get_owners(self, dbt_resource_props: Mapping) -> list[str]:
        found = super().get_owners(dbt_resource_props) or []
        return [owner if "@" in owner else f"team:{owner.replace(':', '-')}" for owner in found]

    def get_group_name(self, dbt_resource_props: Mapping) -> str:
        return "dbt"


def prepare(catalog: Catalog) -> Path:
    """Assemble the project and parse it if it changed; returns its folder with a valid `target/manifest.json`.

    Raises:
        DbtFailed: the project does not parse.
    """
    project = dbt_files.assemble(catalog, settings().home / "dbt" / "project")
    manifest = project / "target" / "manifest.json"
    newest = max(
        path.stat().st_mtime
        for path in project.rglob("*")
        if path.is_file() and path.relative_to(project).parts[0] not in dbt_files.DBT_OUTPUT
    )
    if not manifest.is_file() or manifest.stat().st_mtime < newest:
        _dbt(["parse", "--project-dir", str(project), "--profiles-dir", str(project)], project, release=0)
    return project


def specs(project: Path, stage: str) -> list[dg.AssetSpec]:
    """Return the assets of the models that one invocation builds, each after what it reads within it.

    What it reads of other steps may have nothing new, and Dagster skips what depends on that. Dagster also refuses
    results of one step that come before those they depend on, hence the order.
    """
    manifest = json.loads((project / "target" / "manifest.json").read_text(encoding="utf-8"))
    feeding = f"+tag:{dbt_files.FEEDS_DERIVED}"
    selection = {"select": feeding} if stage == "derived" else {"select": "fqn:*", "exclude": feeding}
    if not any(dbt_files.FEEDS_DERIVED in node.get("tags", ()) for node in manifest["nodes"].values()):
        # dbt would warn of a selection that matches nothing.
        if stage == "derived":
            return []
        del selection["exclude"]
    found = build_dbt_asset_specs(
        manifest=manifest, dagster_dbt_translator=_Translator(), project=None, **selection
    )
    keys = {model.key for model in found}
    own = {
        model.key: model.replace_attributes(
            skippable=True, deps=[dep for dep in model.deps if dep.asset_key in keys]
        )
        for model in found
    }
    order = TopologicalSorter({key: {dep.asset_key for dep in model.deps} for key, model in own.items()})
    return [own[key] for key in order.static_order()]


def build(project: Path, stage: str, release: int, disqualified: Iterable[str] = ()) -> tuple[Verdict, ...]:
    """Run one invocation into the candidate's schema, pinned to `release`, and return its verdicts."""
    results = project / "target" / "run_results.json"
    results.unlink(missing_ok=True)
    _dbt(dbt_files.arguments(project, stage, disqualified), project, release, check=False)
    if not results.is_file():
        raise DbtFailed(f"dbt {stage}: no results; see {project / 'logs' / 'dbt.log'}. Nothing was published")
    return dbt_files.verdicts(project / "target")


def _dbt(arguments: list[str], project: Path, release: int, check: bool = True) -> None:
    environment = dbt_files.environment(pg_params(), release, CANDIDATE_SCHEMA)
    code, said = call(["--no-use-colors", *arguments], {**os.environ, **environment}, project)
    if check and code:
        raise DbtFailed(f"dbt {arguments[0]} failed: {_safe_tail(said)}")


def call(arguments: list[str], environment: Mapping[str, str], folder: Path) -> tuple[int, str]:
    """Run dbt in a process that does not outlive this one; returns its exit code and what it said."""
    there, here = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _DBT, *arguments],
            env=environment,
            cwd=folder,
            stdin=there,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        os.close(there)
        os.close(here)
    return done.returncode, done.stdout


def _safe_tail(output: str) -> str:
    """The last lines of a parse error; parsing reads no row, so they hold no value."""
    return " | ".join(line.strip() for line in output.splitlines()[-6:] if line.strip())
