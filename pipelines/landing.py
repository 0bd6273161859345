"""Landing assets: one job per system, run when the system has delivered."""

import dagster as dg

from catalogs.model import Catalog
from catalogs.settings import ConfigurationError, settings
from connectors.base import SourceError, SourceUnavailable
from pipelines.assets import landed_systems, landing_key, spec
from pipelines.progress import tell
from warehouse.extraction import Landed
from warehouse.reading import read_system

MAX_RETRIES = 2
# Tags of a run: somebody waits for it; these resources, by comma, land however few rows they have.
NO_RETRY, BELIEVED = "yici/no_retry", "yici/believed"
_WAIT_S = 30.0


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
        wanted = [name for name in resources if landing_key(name) in context.selected_asset_keys]
        try:
            believed = context.run.tags.get(BELIEVED, "").split(",")
            done = read_system(catalog, code, settings().landing, wanted, report=_tell, believed=believed)
        except SourceUnavailable as error:
            if context.retry_number < MAX_RETRIES and not context.run.tags.get(NO_RETRY):
                raise dg.RetryRequested(MAX_RETRIES, error.retry_after_s or _WAIT_S) from error
            raise dg.Failure(str(error), allow_retries=False) from None
        except (SourceError, ConfigurationError) as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        for landed in done:
            if landed.error:
                context.log.error(landed.error)
            elif landed.extracts:
                yield dg.MaterializeResult(
                    asset_key=landing_key(landed.resource),
                    metadata={"rows": landed.rows, "seconds": round(landed.seconds, 3)},
                )
        tell(
            code,
            f"{sum(r.rows for r in done):,} rows from {sum(bool(r.extracts) for r in done)} of {len(done)} resources",
        )

    return land


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
