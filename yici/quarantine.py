"""`yici quarantine`: the rows that wait: how many, which, why; corrected, released, and the path of each."""

import getpass
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from catalogs.model import Catalog, Resource

app = typer.Typer(help="Rows that broke their contract and wait.", no_args_is_help=True)

_RESOURCE = typer.Argument(help="The resource, as `yici status` names it.")
_AS = typer.Option("--as", help="The post that acts, as the contract or units.csv names it: post:…")
_PERSON = typer.Option(help="Who sits on the post; default: the account of this session.")
_KEY = typer.Option("--key", help="Of the row; several items joined by |.")
_RULE = typer.Option("--rule", help="Only rows that break this rule.")
_JSON = typer.Option("--json", help="For machines: JSON.")


@app.command("list")
def list_held(
    resource: Annotated[str, typer.Option("--resource", "-r", help="Only this resource.")] = "",
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Count the waiting rows by resource and broken rule, with who answers and until when; no value is shown."""
    from catalogs.lists.all import today
    from expectations.quarantine.desk import held
    from warehouse.report import refused_by_rule
    from yici.screen import console, held_rows
    from yici.warehouse import load_catalog, open_warehouse

    catalog = load_catalog()
    if resource:
        _known(catalog, resource)
    with open_warehouse() as con:
        found = held(con, catalog, today(catalog), resource)
        refused = [one for one in refused_by_rule(con) if resource in ("", one[0])]
    if as_json:
        whole = [{"resource": name, "rule": rule, "rows": rows} for name, rule, rows in refused]
        _print_json({"waiting": [asdict(one) for one in found], "refused_whole": whole})
        return
    if found:
        console.print(held_rows(found, today(catalog)))
    else:
        console.print("No row waits.")
    if refused:
        console.print("Refused as a whole, so that none of its rows waits:")
        for name, rule, count in refused:
            console.print(f"{name:<36} {rule:<32} {count:>8,} rows")


@app.command()
def show(
    resource: Annotated[str, _RESOURCE],
    rule: Annotated[str, _RULE] = "",
    key: Annotated[str, _KEY] = "",
    full: Annotated[bool, typer.Option("--full", help="Unmasked; goes on record. Needs --as.")] = False,
    post: Annotated[str, _AS] = "",
    person: Annotated[str, _PERSON] = "",
    limit: Annotated[int, typer.Option(help="At most so many rows.")] = 20,
    path: Annotated[bool, typer.Option("--path", help="Each step of the row of --key instead.")] = False,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Show waiting rows, masked by the classification of their items, with each rule that they break."""
    from catalogs.lists.all import today
    from expectations.quarantine import desk
    from expectations.quarantine.words import in_words
    from yici.screen import console
    from yici.warehouse import load_catalog, open_warehouse

    if path:
        if not key:
            raise desk.QuarantineError("--path: of which row? Name it with --key")
        trace(resource, key)
        return
    catalog = load_catalog()
    contract = _known(catalog, resource)
    if full:
        desk.check_post(catalog, contract, post, today(catalog))
    with open_warehouse() as con:
        found = desk.rows(con, resource, rule, key, limit)
        if full and found:
            desk.record_look(con, desk.SHOW, resource, len(found), post, _person(person))
    shown = [_shown(contract, row, full) for row in found]
    if as_json:
        _print_json(shown)
        return
    for row in shown:
        decided = "; a decision waits for the next release" if row["decided"] else ""
        console.print(
            f"{row['key'] or '(no key)'}  extract {row['extract']}, since {row['since'] or '?'}{decided}",
            style="bold", markup=False, soft_wrap=True,
        )  # fmt: skip
        for broken in row["rules"]:
            console.print(f"  ✕ {broken}  {in_words(contract, broken)}", markup=False, soft_wrap=True)
        cells = [
            f"{contract.item(name).business_name} {value}" for name, value in row["items"].items() if value
        ]
        console.print(f"  {' | '.join(cells)}", style="dim", markup=False, soft_wrap=True)
    if not shown:
        console.print("No such row waits.")
    elif len(shown) == limit:
        console.print(f"Only the first {limit}; --limit shows more.")


@app.command()
def export(
    resource: Annotated[str, _RESOURCE],
    out: Annotated[Path, typer.Option("--out", help="The workbook to write (.xlsx).")],
    post: Annotated[str, _AS],
    rule: Annotated[str, _RULE] = "",
    key: Annotated[str, _KEY] = "",
    person: Annotated[str, _PERSON] = "",
) -> None:
    """Write the waiting rows, whole, into a workbook to correct them in; goes on record."""
    from catalogs.lists.all import today
    from expectations.quarantine import desk, workbook
    from yici.warehouse import load_catalog, open_warehouse

    catalog = load_catalog()
    contract = _known(catalog, resource)
    desk.check_post(catalog, contract, post, today(catalog))
    with open_warehouse() as con:
        found = desk.rows(con, resource, rule, key)
        if not found:
            typer.echo("No such row waits; nothing was written.")
            return
        desk.record_look(con, desk.EXPORT, resource, len(found), post, _person(person))
    workbook.write(contract, found, catalog.campus.time_zone, out)
    typer.echo(
        f"{len(found):,} rows are in {out}, whole: keep it as closely as the source itself. Correct them there, then"
        f" `yici quarantine resubmit {out.name} --as {post}`"
    )


@app.command()
def resubmit(
    file: Annotated[Path, typer.Argument(help="The workbook that `export` wrote, corrected.")],
    post: Annotated[str, _AS],
    person: Annotated[str, _PERSON] = "",
) -> None:
    """Hand in corrected rows: they are judged now, and admitted by the next release in place of what they correct.

    If one of them cannot be matched or breaks the contract, its place is named and nothing is handed in (exit code 1).
    """
    from catalogs.lists.all import today
    from expectations.quarantine import desk, workbook
    from expectations.quarantine.handing_in import hand_in
    from yici.warehouse import load_catalog, open_warehouse

    catalog = load_catalog()
    content = _bytes_of(file)
    contract = _known(catalog, workbook.resource_of(content, file.name))
    desk.check_post(catalog, contract, post, today(catalog))
    with open_warehouse() as con:
        done = hand_in(con, catalog, contract, content, file.name, post, _person(person))
    if done.faults:
        for fault in done.faults:
            typer.echo(f"✕ {workbook.told(fault)}")
        typer.echo(f"{len(done.faults)} faults; nothing was handed in. Mend them and hand it in again.")
        raise typer.Exit(1)
    typer.echo(
        f"{done.rows:,} corrected rows are handed in, {done.unchanged:,} are as they were. The next release admits"
        " them; correct the source too: what it sends next comes first."
    )


@app.command()
def release(
    resource: Annotated[str, _RESOURCE],
    reason: Annotated[
        str, typer.Option(help="Why the rows are right; goes on record. Write no value of a person.")
    ],
    post: Annotated[str, _AS],
    key: Annotated[str, _KEY] = "",
    rule: Annotated[str, _RULE] = "",
    person: Annotated[str, _PERSON] = "",
) -> None:
    """Let the next release admit waiting rows although they break rules that may be waived.

    A key, a type, a code and an unreadable text never may; a contract says it of its own rules (`waivable`). Facts
    from such rows say `rule_waived` and prove nothing.
    """
    from catalogs.lists.all import today
    from expectations.quarantine import desk
    from yici.warehouse import load_catalog, open_warehouse

    catalog = load_catalog()
    contract = _known(catalog, resource)
    desk.check_post(catalog, contract, post, today(catalog))
    with open_warehouse() as con:
        found = desk.rows(con, resource, rule, key)
        filed = desk.release(con, contract, found, post, _person(person), reason)
    typer.echo(f"{filed.rows:,} of {len(found):,} rows: the next release admits them.")
    for broken, rows in sorted(filed.left.items()):
        typer.echo(f"✕ {rows:,} rows break {broken}, which nobody may waive; they wait on")
    if not filed.rows:
        raise typer.Exit(1)


@app.command("path")
def trace(
    resource: Annotated[str, _RESOURCE],
    key: Annotated[str, typer.Argument(help="Key of the row; several items joined by |.")],
    extracts: Annotated[int, typer.Option(help="How many of the newest extracts are asked for it.")] = 30,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Show each step of one row, from the extracts that held it to what reads it; none of its values."""
    from catalogs.settings import settings
    from connectors.landing import Landing
    from expectations.admit import engine
    from expectations.quarantine import path as paths
    from yici.screen import console
    from yici.warehouse import load_catalog, open_warehouse

    catalog = load_catalog()
    contract = _known(catalog, resource)
    with open_warehouse() as con, engine() as duck:
        found = paths.trace(con, duck, catalog, contract, Landing(settings().landing), key, extracts)
    if as_json:
        _print_json(asdict(found))
        return
    for step in found.steps:
        when = f"{step.at:%Y-%m-%d %H:%M}" if step.at else ""
        where = f"release {step.release}" if step.release else ""
        console.print(f"{when:<16}  {where:<12} {step.told}", markup=False, soft_wrap=True)
    if not found.steps:
        console.print(
            "No extract that is kept holds this key, and no version, refusal or decision is known of it."
        )
    if found.not_looked_at:
        console.print(f"{found.not_looked_at:,} older extracts were not asked; --extracts asks more.")
    console.print(
        f"Linked natural keys: {found.links}. Facts: {', '.join(found.facts) or 'none'}. Derived resources:"
        f" {', '.join(found.derived) or 'none'}. Granted demands: {', '.join(found.demands) or 'none'}.",
        markup=False, soft_wrap=True,
    )  # fmt: skip


def _shown(contract: "Resource", row: Any, full: bool) -> dict[str, Any]:
    """What is shown of a waiting row: whole, or masked by the classification of its items."""
    from service import masks
    from warehouse.masked import mask_of

    def masked(name: str, value: str | None) -> str | None:
        return value if full or value is None else masks.mask(mask_of(contract.item(name)), value)

    items = {name: masked(name, value) for name, value in row.row.items() if contract.has_item(name)}
    return {
        "key": row.key if full else masks.mask("last:2", row.key),
        "rules": list(row.rules),
        "extract": row.extract_id,
        "since": f"{row.since:%Y-%m-%d}" if row.since else None,
        "decided": row.is_decided,
        "items": items,
    }


def _known(catalog: "Catalog", name: str) -> "Resource":
    from yici.warehouse import tell_unknown

    tell_unknown("resource", [name], catalog.resources)
    return catalog.resources[name]


def _bytes_of(file: Path) -> bytes:
    from expectations.quarantine.desk import QuarantineError

    try:
        return file.read_bytes()
    except OSError as error:
        raise QuarantineError(
            f"{file.name}: cannot be read ({type(error).__name__}); nothing was changed"
        ) from None


def _person(named: str) -> str:
    return named or getpass.getuser()


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=1, default=str))
