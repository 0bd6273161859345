"""The release job: admit → gate → identity → dbt → derived resources → gate → dbt → publish → catalog.

All steps share one candidate, held by a resource of the run: it takes the release lock when the run starts, and a
run that ends without publishing abandons it. Gates are code here and their results are reported as checks: a check
that stopped Dagster would stop every resource.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import duckdb
import psycopg

from catalogs.dbt_files import Verdict
from catalogs.model import Catalog, Resource
from catalogs.publish import publish as publish_catalog
from catalogs.settings import ConfigurationError, now, settings
from catalogs.versions import pack
from connectors.base import WarehousePin
from connectors.landing import Landing
from expectations import data_docs
from expectations.admission import Finding
from expectations.admit import Admitted, admit, engine
from expectations.quality.update import after_release
from expectations.quality.words import shown
from expectations.suites import run_suites
from pipelines import dbt
from pipelines.assets import check_result, check_spec, landing_key, spec, store_key, stored, team
from pipelines.progress import tell
from service import outcomes
from service.reconciliation import reconcile
from warehouse import history, identity, releases
from warehouse.connect import connect, pg_params, url
from warehouse.extraction import land_system
from warehouse.figures import keep as keep_figures
from warehouse.measured import measure
from warehouse.releases import CANDIDATE_SCHEMA, Candidate

ADMISSION, EXPECTATIONS = "admission", "expectations"


@dataclass
class ReleaseRun:
    """The open candidate of a run and what its steps have found so far."""

    candidate: Candidate
    catalog: Catalog
    project: Path
    landing: Landing
    engine: duckdb.DuckDBPyConnection
    verdicts: dict[str, Verdict] = field(default_factory=dict)


def release_run(catalog: Catalog, project: Path) -> dg.ResourceDefinition:
    """Return the resource that opens the candidate when a run starts and closes it when the run ends."""

    @dg.resource(description="The open candidate release")
    def opened(_) -> Iterator[ReleaseRun]:
        with releases.open_candidate(catalog, pack(catalog.files)) as candidate, engine() as con:
            yield ReleaseRun(candidate, catalog, project, Landing(settings().landing), con)

    return opened


def release_assets(catalog: Catalog, project: Path) -> list[dg.AssetsDefinition]:
    """Return the assets of the release job, in the order of its steps."""
    base, derived = stored(catalog, derived=False), stored(catalog, derived=True)
    feeds, rest = dbt.specs(project, "derived"), dbt.specs(project, "rest")
    assets, after = [], []

    def then(make, *arguments) -> None:
        assets.append(make(*arguments, after[-1:]))
        after.append(_last_key(assets[-1]))

    then(_stored_asset, "resources", base, _admit)
    then(_identity_asset)
    if feeds and derived:
        then(_dbt_asset, "feeds", "derived", feeds)
        then(_stored_asset, "derived_resources", derived, _derive)
    if rest:
        then(_dbt_asset, "marts", "rest", rest)
    then(_publish_asset)
    then(_catalog_asset)
    office = team(catalog.campus.raw.get("dataOffice", ""))
    return [
        step.map_asset_specs(lambda s: s if s.owners else s.replace_attributes(owners=office))
        for step in assets
    ]


def _last_key(assets: dg.AssetsDefinition) -> dg.AssetKey:
    """The asset that a step always materializes, and on which the next step waits.

    A resource that has nothing new, or is refused, gives no materialization, and Dagster would skip whatever
    depends on it directly.
    """
    return next(s.key for s in assets.specs if not s.skippable)


def _done(name: str, after: list[dg.AssetKey], members: Sequence[dg.AssetKey]) -> dg.AssetSpec:
    return dg.AssetSpec(
        ["done", name], deps=[*after, *members], group_name="warehouse", description=f"步骤完成: {name}"
    )


def _admit(run: "ReleaseRun", resource: Resource) -> Admitted:
    return admit(run.engine, run.candidate, run.catalog, resource, run.landing)


def _stored_asset(
    name: str,
    resources: Sequence[Resource],
    step: Callable[[ReleaseRun, Resource], Admitted],
    after: list[dg.AssetKey],
) -> dg.AssetsDefinition:
    """One asset and two checks per resource: admitted one by one, then gated together by the expectations."""

    @dg.multi_asset(
        name=f"admit_{name}",
        specs=[
            *(
                spec(r, store_key(r.name), [landing_key(r.name)]).replace_attributes(skippable=True)
                for r in resources
            ),
            _done(name, after, [store_key(r.name) for r in resources]),
        ],
        check_specs=[
            check_spec(r, n, store_key(r.name)) for r in resources for n in (ADMISSION, EXPECTATIONS)
        ],
        required_resource_keys={"release"},
    )
    def admitted(context: dg.AssetExecutionContext):
        run: ReleaseRun = context.resources.release
        done = []
        for resource in resources:
            outcome = step(run, resource)
            _tell(outcome)
            done.append(outcome)
        gated = _gate(run, [r for r, o in zip(resources, done, strict=True) if o.outcome == "applied"])
        for outcome in done:
            key = store_key(outcome.resource)
            if outcome.outcome == "applied" and outcome.resource not in gated.taken_back:
                yield dg.MaterializeResult(asset_key=key, metadata=_metadata(outcome))
            elif outcome.outcome == "refused":
                context.log.warning(outcome.reason)
            yield check_result(ADMISSION, key, list(outcome.findings))
            yield check_result(EXPECTATIONS, key, gated.findings.get(outcome.resource, []))
        yield dg.MaterializeResult(asset_key=["done", name])

    return admitted


@dataclass
class _Gated:
    findings: dict[str, list[Finding]]
    taken_back: set[str]


def _gate(run: ReleaseRun, applied: Sequence[Resource]) -> _Gated:
    """Run the expectations on what was applied; a critical one takes its resource, and its group, back."""
    number, con = run.candidate.id, run.candidate.con
    found: dict[str, list[Finding]] = defaultdict(list)
    if applied:
        address = url(release=number).render_as_string(hide_password=False)
        for check in run_suites(run.catalog, applied, address, number):
            found[check.resource].append(
                Finding(
                    check.resource,
                    check.rule,
                    check.dimension,
                    check.severity,
                    EXPECTATIONS,
                    check.passed,
                    check.rows_failed,
                    check.rows_total,
                    check.detail,
                )
            )
    names = {resource.name for resource in applied}
    taken_back = set()
    for name, findings in found.items():
        releases.add_findings(con, number, findings)
        broken = [f.rule for f in findings if not f.passed and f.severity == "critical"]
        if broken and name in names:
            ids = con.execute(
                "SELECT judged FROM yici.release_resource WHERE release = %s AND resource = %s",
                [number, name],
            ).fetchone()[0]
            reason = f"expectations broken: {', '.join(broken)}; the last good state stays"
            releases.refuse(con, number, name, ids, reason)
            taken_back.add(name)
            tell(name, f"✕ {reason}")
    for name, guilty in releases.hold_groups(con, number, run.catalog.groups()).items():
        taken_back.add(name)
        tell(name, f"held back with {guilty}")
    return _Gated(found, taken_back)


def _derive(run: ReleaseRun, resource: Resource) -> Admitted:
    """Read a derived resource from the model that dbt just built, and admit it like any other."""
    verdict = run.verdicts.get(resource.physical_name)
    if verdict is None or verdict.outcome != "built":
        reason = f"{resource.name}: model {resource.physical_name} was not built; the last good state stays"
        releases.refuse(run.candidate.con, run.candidate.id, resource.name, [], reason)
        return Admitted(resource.name, "refused", reason)
    pin = WarehousePin(pg_params(), CANDIDATE_SCHEMA, run.candidate.id)
    (landed,) = land_system(run.catalog, resource.system, run.landing, [resource.name], warehouse=pin)
    if landed.error:
        releases.refuse(run.candidate.con, run.candidate.id, resource.name, [], landed.error)
        return Admitted(resource.name, "refused", landed.error)
    return admit(run.engine, run.candidate, run.catalog, resource, run.landing)


def _identity_asset(after: list[dg.AssetKey]) -> dg.AssetsDefinition:
    @dg.asset(
        key=["warehouse", "links"],
        deps=after,
        group_name="warehouse",
        description="对象: 业务系统自然键与人、项目、单位、房间的对应",
        required_resource_keys={"release"},
    )
    def links(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        run: ReleaseRun = context.resources.release
        counts = identity.update(run.candidate.con, run.candidate.id, run.catalog)
        tell(
            "identity",
            f"{counts['minted']:,} subjects, {counts['links']:,} links, {counts['reviews']} to review",
        )
        return dg.MaterializeResult(metadata=counts)

    return links


def _dbt_asset(
    name: str, stage: str, specs: Sequence[dg.AssetSpec], after: list[dg.AssetKey]
) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"dbt_{name}",
        specs=[*specs, _done(name, after, [s.key for s in specs])],
        check_specs=[dg.AssetCheckSpec("dbt", asset=s.key, description="dbt 构建与测试") for s in specs],
        required_resource_keys={"release"},
    )
    def built(context: dg.AssetExecutionContext):
        run: ReleaseRun = context.resources.release
        failed = [v.model for v in run.verdicts.values() if v.outcome != "built"]
        verdicts = dbt.build(run.project, stage, run.candidate.id, failed)
        run.verdicts |= {v.model: v for v in verdicts}
        releases.add_findings(
            run.candidate.con, run.candidate.id, [f for v in verdicts for f in _dbt_findings(v)]
        )
        good = sum(v.outcome == "built" for v in verdicts)
        tell(f"dbt {stage}", f"{good} of {len(verdicts)} models built and tested")
        by_model = {v.model: v for v in verdicts}
        for asset in specs:
            verdict = by_model.get(asset.key.path[-1])
            if verdict and verdict.outcome == "built":
                yield dg.MaterializeResult(asset_key=asset.key, metadata={"seconds": verdict.seconds})
            elif verdict:
                tell(f"dbt {verdict.model}", f"✕ {verdict.outcome}")
            yield dg.AssetCheckResult(
                check_name="dbt",
                asset_key=asset.key,
                passed=verdict is not None and verdict.outcome == "built" and not verdict.failed_tests,
                severity=dg.AssetCheckSeverity.WARN
                if verdict and verdict.outcome == "built"
                else dg.AssetCheckSeverity.ERROR,
                metadata={
                    "failed": ", ".join(t.name for t in verdict.failed_tests) or "-" if verdict else "not run"
                },
            )
        yield dg.MaterializeResult(asset_key=["done", name])

    return built


def _dbt_findings(verdict: Verdict) -> list[Finding]:
    name = f"dbt.{verdict.model}"
    found = [
        Finding(
            name,
            test.name,
            "consistency",
            "critical" if test.severity == "error" else "warning",
            "dbt",
            False,
            test.rows_failed or 0,
            None,
        )
        for test in verdict.failed_tests
    ]
    good = verdict.outcome == "built"
    found.append(
        Finding(
            name,
            "build",
            "consistency",
            "info" if good else "critical",
            "dbt",
            good,
            0,
            None,
            None if good else verdict.outcome,
        )
    )
    return found


def _publish_asset(after: list[dg.AssetKey]) -> dg.AssetsDefinition:
    @dg.asset(
        key=["release"],
        deps=after,
        group_name="warehouse",
        description="发布版次: 服务由此作答的状态",
        required_resource_keys={"release"},
    )
    def release(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        run: ReleaseRun = context.resources.release
        everything = [*stored(run.catalog, derived=False), *stored(run.catalog, derived=True)]
        models = {name: verdict.outcome == "built" for name, verdict in run.verdicts.items()}
        without_persons = {name for name, verdict in run.verdicts.items() if verdict.holds_no_person}
        releases.publish(run.candidate, everything, models, without_persons)
        tell("release", f"{run.candidate.id} published")
        _export_ledger(run)
        _note_edits(run)
        _settle_quality(run)
        _reconcile_cases(run)
        return dg.MaterializeResult(metadata={"release": run.candidate.id})

    return release


def _export_ledger(run: ReleaseRun) -> None:
    """Keep beside landing what a rebuild needs of the release; it stands published, whatever happens here."""
    try:
        history.export(run.candidate.con, run.landing, settings().home)
    except OSError as error:
        tell("ledger", f"✕ not exported beside landing ({type(error).__name__}); the next release does it")


def _settle_quality(run: ReleaseRun) -> None:
    """Let scores and tickets follow the release; it stands published, and the next one makes up for what failed."""
    models = {name: verdict.resources for name, verdict in run.verdicts.items()}
    try:
        with connect(autocommit=True) as con:
            done = after_release(con, run.catalog, run.candidate.id, models)
    except (ConfigurationError, psycopg.Error) as error:
        why = str(error) if isinstance(error, ConfigurationError) else type(error).__name__
        tell("quality", f"✕ scores and tickets stay as they were: {why}")
        return
    score = "no data" if done.score is None else f"score {shown(done.score)}"
    tell("quality", f"{score}, {done.opened} tickets opened, {done.closed} closed")


def _note_edits(run: ReleaseRun) -> None:
    """Turn what applicants changed in prefilled fields into findings of this release."""
    try:
        with connect(autocommit=True) as con:
            releases.add_findings(con, run.candidate.id, list(outcomes.findings(con, run.catalog, now())))
    except psycopg.Error as error:
        tell("edits", f"✕ what applicants changed was not looked at: {type(error).__name__}")


def _reconcile_cases(run: ReleaseRun) -> None:
    """Compare the cases that service systems registered with the hall's log, if this release took it in."""
    try:
        with connect(autocommit=True) as con:
            done = reconcile(con, run.catalog, run.candidate.id, now())
    except psycopg.Error as error:
        tell("cases", f"✕ not compared with the hall's log: {type(error).__name__}; the next release does it")
        return
    if done and (done.known or done.unknown):
        tell("cases", f"{done.known} known to the hall's log, {done.unknown} not")
    for client in done.suspended if done else ():
        tell(
            "cases",
            f"✕ client {client} suspended: its cases are not in the hall's log; see yici record signals",
        )


def _catalog_asset(after: list[dg.AssetKey]) -> dg.AssetsDefinition:
    @dg.asset(
        key=["catalog"],
        deps=after,
        group_name="warehouse",
        description="数据资源目录: 网站、办事指南、清单、契约与机器可读的各种形式",
        required_resource_keys={"release"},
    )
    def catalog(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        run: ReleaseRun = context.resources.release
        out = settings().home / "catalog"
        with connect(autocommit=True) as con:
            measured = measure(con, run.catalog)
            if measured is not None:
                keep_figures(con, measured)
        publish_catalog(run.catalog, out, measured=measured)
        with connect(autocommit=True) as con:
            data_docs.write(con, run.catalog, settings().home / data_docs.FOLDER)
        tell("catalog", f"version {run.catalog.version[:12]} published")
        return dg.MaterializeResult(
            metadata={
                "version": run.catalog.version,
                "folder": str(out),
                "gaps": len(measured.gaps) if measured else 0,
            }
        )

    return catalog


def _metadata(outcome: Admitted) -> dict:
    return {
        "rows_in": outcome.rows_in,
        "admitted": outcome.admitted,
        "quarantined": outcome.quarantined,
        "inserted": outcome.inserted,
        "ended": outcome.ended,
        "seconds": round(outcome.seconds, 3),
    }


def _tell(outcome: Admitted) -> None:
    if outcome.outcome == "applied":
        moved = f"+{outcome.inserted:,} −{outcome.ended:,}"
        waiting = f", {outcome.quarantined:,} quarantined" if outcome.quarantined else ""
        tell(outcome.resource, f"{outcome.rows_in:,} rows judged, {moved} versions{waiting}")
    elif outcome.outcome == "refused":
        tell(outcome.resource, f"✕ {outcome.reason}")
