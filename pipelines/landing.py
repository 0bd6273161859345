"""Landing assets: one job per system, run when the system has delivered.

What somebody asks for by hand comes as tags of the run: some of the resources, a part of them to be read again, a count
to be believed, a system to be tried although it did not answer lately.
"""

import json
import random
from collections.abc import Iterable

import dagster as dg
import psycopg

from catalogs.model import Catalog
from catalogs.settings import ConfigurationError, settings
from connectors.base import Scope, SourceError, SourceUnavailable
from pipelines.assets import landed_systems, landing_key, spec
from pipelines.progress import tell
from warehouse.breaker import SystemPaused
from warehouse.connect import told_safely
from warehouse.extraction import Landed
from warehouse.reading import read_system

MAX_RETRIES = 2
# Somebody waits for the run; these resources, by comma, land however few rows they have; read only these; read this
# part of them again; try the system at any rate.
NO_RETRY, BELIEVED, ONLY = "yici/no_retry", "yici/believed", "yici/only"
SCOPE, BY_HAND = "yici/scope", "yici/by_hand"
_WAIT_S = 30.0


def asked(
    believed: Iterable[str] = (),
    only: Iterable[str] = (),
    scope: Scope | None = None,
    by_hand: bool = False,
) -> dict[str, str]:
    """Return the tags of a run that somebody waits for; see `warehouse.extraction.land_system`."""
    tags = {NO_RETRY: "true", BELIEVED: ",".join(believed), ONLY: ",".join(only)}
    if scope is not None:
        tags[SCOPE] = json.dumps(scope.as_dict())
    if by_hand:
        tags[BY_HAND] = "true"
    return tags


def landing_assets(catalog: Catalog) -> dict[str, dg.AssetsDefinition]:
    """Return system → one asset per resource, read together in one snapshot where the kind can."""
    return {code: _system(catalog, code) for code in landed_systems(catalog)}


def _system(catalog: Catalog, code: str) -> dg.AssetsDefinition:
    resources = {r.name: r for r in catalog.resources.values() if r.system == code}

    @dg.multi_asset(
        name=f"extract_{code}",
        specs=[_optional(spec(r, landing_key(r.name), [])) for r in resources.values()],
        can_subset=True,
        description=catalog.systems[code].name_zh,
    )
    def land(context: dg.AssetExecutionContext):
        tags = context.run.tags
        wanted = [name for name in resources if landing_key(name) in context.selected_asset_keys]
        if tags.get(ONLY):
            wanted = [name for name in wanted if name in tags[ONLY].split(",")]
        try:
            done = read_system(
                catalog,
                code,
                settings().landing,
                wanted,
                report=_tell,
                believed=tags.get(BELIEVED, "").split(","),
                scope=Scope.from_dict(json.loads(tags[SCOPE])) if SCOPE in tags else None,
                by_hand=BY_HAND in tags,
            )
        except SourceUnavailable as error:
            if _is_worth_a_retry(context, error):
                raise dg.RetryRequested(MAX_RETRIES, _wait_s(context.retry_number, error)) from error
            raise dg.Failure(str(error), allow_retries=False) from None
        except (SourceError, ConfigurationError) as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        except psycopg.OperationalError as error:
            raise dg.Failure(told_safely(error), allow_retries=False) from None
        for landed in done:
            if landed.error:
                context.log.error(landed.error)
            if landed.extracts:
                yield dg.MaterializeResult(
                    asset_key=landing_key(landed.resource),
                    metadata={"rows": landed.rows, "seconds": round(landed.seconds, 3)},
                )
        tell(
            code,
            f"{sum(r.rows for r in done):,} rows from {sum(bool(r.extracts) for r in done)} of {len(done)} resources",
        )

    return land


def _is_worth_a_retry(context: dg.AssetExecutionContext, error: SourceUnavailable) -> bool:
    if NO_RETRY in context.run.tags or isinstance(error, SystemPaused):
        return False
    return context.retry_number < MAX_RETRIES


def _wait_s(retry_number: int, error: SourceUnavailable) -> float:
    """Wait as the source asked, else longer each time, and not all systems equally long."""
    return error.retry_after_s or _WAIT_S * 2**retry_number * random.uniform(0.8, 1.2)


def _optional(asset: dg.AssetSpec) -> dg.AssetSpec:
    """A resource with nothing new, or one that failed alone, gives no materialization."""
    return asset.replace_attributes(skippable=True)


def _tell(landed: Landed) -> None:
    if landed.error:
        tell(landed.resource, f"✕ {landed.error}")
    elif landed.extracts:
        tell(landed.resource, f"{landed.rows:,} rows read")
    else:
        tell(landed.resource, "nothing new")
