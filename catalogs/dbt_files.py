"""Turn the catalog into the dbt project that a release builds, and dbt's result files back into verdicts.

`dbt_project/` holds what people wrote: macros, core models and marts. `assemble` copies it into the state
folder and adds what follows from the catalog: the source `raw` with one table per resource, one staging model
per resource, the registers that models join (service items, units, codes, days), and the list of resources by
which the macro `requires` switches models off that this campus cannot fill. The output is deterministic and a
file whose content is right is not touched, so that dbt's partial parsing stays valid from release to release.

dbt itself is not imported here: the caller runs it with `arguments` and `environment` and reads `verdicts`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

from catalogs.model import LOOKUP_SYSTEM_KIND, Catalog, Resource

TEMPLATE = Path(__file__).resolve().parent.parent / "dbt_project"
FEEDS_DERIVED = "feeds_derived"
HOLDS_NO_PERSON = "holds_no_person"
# dbt writes these beside the project's own files: `assemble` neither reads nor clears them.
DBT_OUTPUT = frozenset({"target", "logs", "dbt_packages"})
TECHNICAL_COLUMNS = ("_extract", "_state", "_last_extract", "_from")
_GENERATED = "generated"
_WORD = re.compile(r"\w+")
_REFERENCE = re.compile(r"ref\(\s*['\"](\w+)['\"]")
_EVERYTHING = re.compile(r"(select|distinct|,|\.)\s*\*", re.IGNORECASE)
_WORKING_DAYS_BEFORE_YEARS = 3


@dataclass(frozen=True)
class FailedTest:
    """A dbt test that did not pass. `severity` is dbt's: error disqualifies the model, warn is a finding."""

    name: str
    severity: str
    rows_failed: int | None


@dataclass(frozen=True)
class Verdict:
    """What one dbt invocation says about one model.

    Attributes:
        model: name of the model, which is also its table.
        outcome: "built", "failed" (its SQL failed, or a test of severity error on it did) or "skipped"
            (something it reads failed).
        failed_tests: tests that did not pass, of both severities.
        resources: catalog resources that the model reads, directly or through other models.
        feeds_derived: whether the model is the table of a derived resource.
        seconds: time the database took for the model and its tests.
        holds_no_person: whether it says of itself (`meta.holds_no_person`) that no row is about a person: the portal
            may show it.
    """

    model: str
    outcome: str
    failed_tests: tuple[FailedTest, ...]
    resources: tuple[str, ...]
    feeds_derived: bool
    seconds: float
    holds_no_person: bool = False


def assemble(catalog: Catalog, out: Path, template: Path = TEMPLATE) -> Path:
    """Write the dbt project of this catalog into `out` and return it; files that are right are left alone.

    Args:
        catalog: the catalog version of the release.
        out: folder of the assembled project, for example `<home>/dbt/project`; created if absent. Files that
            belong neither to the project nor to dbt's own output are removed, so a resource that left the
            catalog leaves no model behind.
        template: folder of the hand-written project.
    """
    wanted = {
        path.relative_to(template).as_posix(): path.read_bytes()
        for path in sorted(template.rglob("*"))
        if path.is_file() and path.relative_to(template).parts[0] not in DBT_OUTPUT
    }
    by_hand = {Path(name).stem for name in wanted if name.endswith(".sql")}
    for name, text in _generated(catalog, by_hand).items():
        wanted[name] = text.encode()
    for name in _sensitive(catalog, wanted):
        wanted[name] = b"{{ config(materialized='view') }}\n" + wanted[name]
    wanted["dbt_project.yml"] += _variables(catalog).encode()
    for name, content in wanted.items():
        file = out / name
        if not file.is_file() or file.read_bytes() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    for file in sorted(out.rglob("*"), reverse=True):
        place = file.relative_to(out)
        if place.parts[0] in DBT_OUTPUT:
            continue
        if file.is_file() and place.as_posix() not in wanted:
            file.unlink()
        elif file.is_dir() and not any(file.iterdir()):
            file.rmdir()
    return out


def _sensitive(catalog: Catalog, files: Mapping[str, bytes]) -> set[str]:
    """Return the files of models that may hold a sensitive item: they are views, whatever their folder says.

    A table would keep in clear what the store keeps sealed. In doubt a model counts: it names a resource and one of its
    sensitive items, or all of its items; it is the table of a derived resource with such an item; or it reads a model
    that counts. Staging models select everything, are never built, and so say nothing.
    """
    models = {
        Path(name).stem: (name, content.decode())
        for name, content in files.items()
        if name.startswith("models/") and name.endswith(".sql") and not name.startswith("models/staging/")
    }
    found = {model for model, (_, text) in models.items() if _names_sensitive(catalog, model, text)}
    reads = {model: set(_REFERENCE.findall(text)) for model, (_, text) in models.items()}
    while more := {model for model in models.keys() - found if reads[model] & found}:
        found |= more
    return {models[model][0] for model in found}


def _names_sensitive(catalog: Catalog, model: str, text: str) -> bool:
    words = set(_WORD.findall(text))
    for resource in catalog.resources.values():
        items = {item.name for item in resource.items if item.is_sensitive}
        if not items:
            continue
        is_its_own = resource.is_derived and resource.physical_name == model
        is_read = resource.name in text or resource.table in text
        if is_its_own or (is_read and (items & words or _EVERYTHING.search(text))):
            return True
    return False


def arguments(project: Path, stage: str, disqualified: Iterable[str] = ()) -> list[str]:
    """Return the arguments of one of a release's two dbt invocations.

    Args:
        project: the folder that `assemble` returned.
        stage: "derived" builds the models of derived resources and all they read; "rest" builds everything
            else, reading derived resources as they were admitted in between.
        disqualified: models that failed in the first invocation; "rest" leaves out what depends on them.
            (Within one invocation dbt does that itself.)

    Raises:
        ValueError: another stage.
    """
    feeding = f"+tag:{FEEDS_DERIVED}"
    if stage == "derived":
        selection = ["--select", feeding]
    elif stage == "rest":
        selection = ["--exclude", feeding, *(f"{model}+" for model in sorted(disqualified))]
    else:
        raise ValueError(f"stage {stage!r}: expected 'derived' or 'rest'")
    # Unit tests judge the SQL, not the data: they run where the project is tested, not in every release.
    return [
        "build",
        *("--project-dir", str(project), "--profiles-dir", str(project)),
        *selection,
        *("--exclude-resource-type", "unit_test"),
    ]


def environment(params, release: int, schema: str) -> dict[str, str]:
    """Return the environment variables with which dbt reaches the warehouse, pinned to `release`.

    Args:
        params: `PgParams` of the warehouse's owner; the host may be a socket folder.
        release: number of the candidate whose state dbt reads.
        schema: schema that everything is built into. Best the same name for every release, renamed
            afterwards: dbt parses the whole project anew whenever this name changes.
    """
    return {
        "YICI_DBT_HOST": params.host,
        "YICI_DBT_PORT": str(params.port),
        "YICI_DBT_USER": params.user,
        # dbt keeps variables of this prefix out of its logs and artefacts.
        "DBT_ENV_SECRET_YICI_PASSWORD": params.password,
        "YICI_DBT_DBNAME": params.dbname,
        "YICI_BUILD_SCHEMA": schema,
        "PGOPTIONS": " ".join(
            f"-c {name}={value}" for name, value in (*params.options, ("yici.release", release))
        ),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_STATIC_PARSER": "true",
    }


def verdicts(target: Path) -> tuple[Verdict, ...]:
    """Read one invocation's `run_results.json` and `manifest.json` into verdicts by model, upstream first.

    A test in `run_results.json` has no model of its own: its node in the manifest names the model it was
    declared on (`attached_node`), and a test written as SQL belongs to the last model it refers to. dbt's
    messages are left out on purpose: a database error can quote a value of a person.

    Args:
        target: dbt's target folder after the invocation.
    """
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
    nodes = manifest["nodes"]
    outcome: dict[str, str] = {}
    failed: dict[str, list[FailedTest]] = {}
    seconds: dict[str, float] = {}
    for result in results:
        node = nodes[result["unique_id"]]
        is_test = node["resource_type"] == "test"
        owner = _tested_model(node) if is_test else result["unique_id"]
        if owner is None:
            continue
        seconds[owner] = seconds.get(owner, 0.0) + result["execution_time"]
        status = result["status"]
        if is_test:
            if status in ("fail", "error", "warn"):
                severity = "warn" if status == "warn" else "error"
                test = FailedTest(node["name"], severity, result.get("failures"))
                failed.setdefault(owner, []).append(test)
        else:
            outcome[owner] = {"success": "built", "skipped": "skipped"}.get(status, "failed")
    found = []
    for unique_id in outcome:
        tests = tuple(sorted(failed.get(unique_id, ()), key=lambda test: test.name))
        state = outcome[unique_id]
        if state == "built" and any(test.severity == "error" for test in tests):
            state = "failed"
        found.append(
            Verdict(
                model=nodes[unique_id]["name"],
                outcome=state,
                failed_tests=tests,
                resources=tuple(sorted(_resources_read(manifest, unique_id))),
                feeds_derived=FEEDS_DERIVED in nodes[unique_id]["tags"],
                seconds=round(seconds[unique_id], 3),
                holds_no_person=_meta(nodes[unique_id]).get(HOLDS_NO_PERSON) is True,
            )
        )
    return tuple(found)


def _meta(node: Mapping) -> Mapping:
    return node.get("config", {}).get("meta") or {}


def _tested_model(test: Mapping) -> str | None:
    if test.get("attached_node"):
        return test["attached_node"]
    models = [name for name in test["depends_on"]["nodes"] if name.startswith("model.")]
    return models[-1] if models else None


def _resources_read(manifest: Mapping, unique_id: str) -> set[str]:
    read, waiting = set(), [unique_id]
    seen = set(waiting)
    while waiting:
        name = waiting.pop()
        source = manifest["sources"].get(name)
        if source:
            resource = source.get("config", {}).get("meta", {}).get("resource")
            read |= {resource} if resource else set()
            continue
        for upstream in manifest["nodes"].get(name, {}).get("depends_on", {}).get("nodes", ()):
            if upstream not in seen:
                seen.add(upstream)
                waiting.append(upstream)
    return read


def stored_resources(catalog: Catalog) -> tuple[Resource, ...]:
    """Return the resources that have a table in the warehouse, by name; looked-up ones never land."""
    return tuple(
        resource
        for _, resource in sorted(catalog.resources.items())
        if catalog.systems[resource.system].kind != LOOKUP_SYSTEM_KIND
    )


def _generated(catalog: Catalog, by_hand: set[str]) -> dict[str, str]:
    resources = stored_resources(catalog)
    files = {f"models/{_GENERATED}/sources.yml": _sources(catalog, resources)}
    for resource in resources:
        name = f"stg_{resource.table}"
        if name not in by_hand:
            files[f"models/staging/{_GENERATED}/{resource.system}/{name}.sql"] = _staging(resource)
    for name, (columns, rows) in _registers(catalog).items():
        files[f"models/registers/{_GENERATED}/{name}.sql"] = _values(columns, rows)
    return files


def _sources(catalog: Catalog, resources: Iterable[Resource]) -> str:
    lines = ["version: 2", "", "sources:", "  - name: raw", "    schema: raw"]
    lines.append(f"    description: {_quote('每项数据资源在所固定发布版次的状态')}")
    lines.append("    tables:")
    for system, group in groupby(resources, key=lambda resource: resource.system):
        lines.append(f"      # {catalog.systems[system].name_zh}")
        for resource in group:
            meta = f"resource: {_quote(resource.name)}, provider: {_quote(resource.provider)}"
            lines += [
                f"      - name: {resource.table}",
                f"        description: {_quote(resource.description or resource.business_name)}",
                f"        config: {{meta: {{{meta}}}}}",
                "        columns:",
            ]
            for item in resource.items:
                title = item.business_name or item.name
                lines.append(f"          - {{name: {item.name}, description: {_quote(title)}}}")
    lines += [
        "      - name: links",
        f"        description: {_quote('业务系统的自然键与对象的对应关系')}",
        "  - name: yici",
        "    schema: yici",
        "    tables:",
        "      - name: release",
        f"        description: {_quote('发布版次')}",
    ]
    return "\n".join(lines) + "\n"


def _staging(resource: Resource) -> str:
    columns = [f"    {item.name}" for item in resource.items]
    columns += [f"    {name}" for name in TECHNICAL_COLUMNS]
    body = ",\n".join(columns)
    return f"select\n{body}\nfrom {{{{ source('raw', '{resource.table}') }}}}\n"


def _registers(catalog: Catalog) -> dict[str, tuple[tuple[tuple[str, str], ...], Iterable[tuple]]]:
    """Return model name → (columns with types, rows) of the registers that hand-written models join."""
    services = (
        (
            item.code,
            item.name_zh,
            item.lead_unit,
            item.kind,
            item.case_type,
            item.promised_limit.get("value"),
            item.promised_limit.get("unit"),
            item.online_depth,
            item.visits,
            "online" in item.channels,
            "mobile" in item.channels,
            bool(item.joint_units),
            len(item.materials),
            len(item.form),
            item.published_on,
            "unit" in item.audience,
        )
        for _, item in sorted(catalog.services.items())
    )
    units = (
        (unit.code, unit.name_zh, unit.parent, unit.kind, unit.successor, unit.valid_from, unit.valid_to)
        for _, unit in sorted(catalog.units.items())
    )
    codes = (
        (name, row.code, row.name_zh, row.name_en, row.parent)
        for name, table in sorted(catalog.codes.items())
        for _, row in sorted(table.rows.items())
    )
    resources = (
        (
            resource.name,
            resource.business_name,
            resource.system,
            resource.provider,
            resource.update_cycle,
            int(resource.promise.total_seconds()),
        )
        for resource in stored_resources(catalog)
    )
    return {
        "dim_service_item": (
            (
                ("service_item", "text"),
                ("name_zh", "text"),
                ("lead_unit", "text"),
                ("kind", "text"),
                ("case_type", "text"),
                ("promised_limit", "integer"),
                ("promised_limit_unit", "text"),
                ("online_depth", "text"),
                ("promised_visits", "integer"),
                ("is_online", "boolean"),
                ("is_mobile", "boolean"),
                ("is_cross_unit", "boolean"),
                ("material_count", "integer"),
                ("form_field_count", "integer"),
                ("published_on", "date"),
                ("is_corporate", "boolean"),
            ),
            services,
        ),
        "dim_unit": (
            (
                ("unit", "text"),
                ("name_zh", "text"),
                ("parent", "text"),
                ("kind", "text"),
                ("successor", "text"),
                ("valid_from", "date"),
                ("valid_to", "date"),
            ),
            units,
        ),
        "dim_code": (
            (
                ("code_table", "text"),
                ("code", "text"),
                ("name_zh", "text"),
                ("name_en", "text"),
                ("parent", "text"),
            ),
            codes,
        ),
        "dim_campus_day": (
            (
                ("day_on", "date"),
                ("is_working", "boolean"),
                ("working_no", "integer"),
                ("kind", "text"),
                ("event", "text"),
            ),
            _days(catalog),
        ),
        "dim_resource": (
            (
                ("resource", "text"),
                ("name_zh", "text"),
                ("system", "text"),
                ("provider", "text"),
                ("update_cycle", "text"),
                ("promise_s", "bigint"),
            ),
            resources,
        ),
    }


def _days(catalog: Catalog) -> Iterable[tuple]:
    """Yield every day around the calendar's years with the number of working days up to it.

    Working days from a to b are then `working_no(b) - working_no(a)`.
    """
    years = catalog.calendar.years()
    if not years:
        return
    day = date(min(years) - _WORKING_DAYS_BEFORE_YEARS, 1, 1)
    working_no = 0
    while day.year <= max(years) + 1:
        is_working = catalog.calendar.is_working(day)
        working_no += is_working
        listed = catalog.calendar.days.get(day)
        kind, event = (listed.kind, listed.event) if listed else ("", "")
        yield day, is_working, working_no, kind, event
        day += timedelta(days=1)


def _variables(catalog: Catalog) -> str:
    limits = catalog.campus.raw.get("limits_days") or {}
    lines = ["", "vars:", f"  yici_time_zone: {_quote(catalog.campus.time_zone)}"]
    lines.append(
        f"  yici_limits_days: {json.dumps({n: days for n, days in limits.items() if isinstance(days, int)})}"
    )
    lines.append("  yici_resources:")
    for resource in stored_resources(catalog):
        items = ", ".join(item.name for item in resource.items)
        lines.append(f"    {_quote(resource.name)}: [{items}]")
    if lines[-1].endswith("yici_resources:"):
        lines[-1] += " {}"
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    """Write a YAML double-quoted scalar; dbt must not take braces in a description for Jinja."""
    return json.dumps(text.replace("{", "(").replace("}", ")"), ensure_ascii=False)


def _values(columns: tuple[tuple[str, str], ...], rows: Iterable[tuple]) -> str:
    """Write a register as SQL. (dbt's own CSV seeds took 2 s for a calendar of 1,800 days.)"""
    casts = ",\n".join(f"    cast({name} as {sql_type}) as {name}" for name, sql_type in columns)
    names = ", ".join(name for name, _ in columns)
    body = ",\n".join("    (" + ", ".join(map(_literal, row)) + ")" for row in rows)
    if body:
        return f"select\n{casts}\nfrom (values\n{body}\n) as register ({names})\n"
    nulls = ", ".join(f"null as {name}" for name, _ in columns)
    return f"select\n{casts}\nfrom (select {nulls}) as register\nwhere 1 = 0\n"


def _literal(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    # An opening brace in a text of the catalog must not start a Jinja expression.
    text = str(value).replace("'", "''").replace("{", "' || chr(123) || '")
    return f"'{text}'"
