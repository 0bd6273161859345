"""`yici catalog forms` and `yici catalog flow`: Excel forms both ways, flows as pictures and BPMN."""

from pathlib import Path

import typer

from catalogs.counting import counted

app = typer.Typer(help="Excel forms: write them, check what came back.", no_args_is_help=True)


@app.command()
def export(
    form: str = typer.Option(
        ..., "--form", help="guide, annex1, annex2, annex3, responsibilities, demands or powers."
    ),
    out: Path = typer.Option(..., "--out", help="The .xlsx file to write."),
    unit: list[str] = typer.Option([], "--unit", help="Only of these units (code)."),
    only: list[str] = typer.Option(
        [], "--only", help="Only these: resource, service item, demand or power (code)."
    ),
    repeat: bool = typer.Option(False, "--repeat", help="Repeat cells in each row instead of merging them."),
) -> None:
    """Write a form filled in with what the catalog says."""
    import catalogs
    from catalogs.forms.form import Chosen
    from catalogs.forms.known import form_names, write_form
    from yici.warehouse import content_in_force

    if form not in form_names():
        raise typer.BadParameter(f"one of {', '.join(form_names())}", param_hint="--form")
    catalog = catalogs.load(content_in_force())
    content = write_form(form, catalog, Chosen(frozenset(unit), frozenset(only)), merged=not repeat)
    if content is None:
        typer.echo("Nothing in the catalog is of this choice; no file was written.")
        raise typer.Exit(1)
    out.write_bytes(content)
    typer.echo(f"The form is in {out}")


@app.command()
def check(
    file: Path = typer.Argument(..., exists=True, dir_okay=False, help="A filled-in .xlsx file."),
    marked: Path = typer.Option(
        None, "--marked", help="Also write a copy with the faults in red and as notes."
    ),
) -> None:
    """Tell every fault with sheet, row and column, or what the workbook would change; exit 1 on faults."""
    import catalogs
    from catalogs.forms.marking import marked as mark
    from catalogs.forms.reading import read_workbook
    from yici.warehouse import content_in_force

    content = file.read_bytes()
    reading = read_workbook(content, file.name, catalogs.load(content_in_force()))
    for name in reading.left_alone:
        typer.echo(f'Sheet "{name}" is no form and was left alone.')
    for fault in reading.faults:
        typer.echo(str(fault))
    if reading.faults:
        if marked and all(fault.sheet for fault in reading.faults):
            marked.write_bytes(mark(content, reading.faults))
            typer.echo(f"A copy with the faults marked is in {marked}")
        typer.echo(f"{counted(len(reading.faults), 'fault')}; nothing would be changed")
        raise typer.Exit(1)
    for edit in reading.edits:
        typer.echo(edit.place)
    typer.echo(counted(len(reading.edits), "change"))


def flow(
    code: str = typer.Argument(..., help="Code of a service item."),
    svg: Path = typer.Option(None, "--svg", help="Write the flow as a picture."),
    bpmn: Path = typer.Option(None, "--bpmn", help="Write the flow as BPMN 2.0 XML."),
    read: Path = typer.Option(None, "--read", exists=True, help="Tell what a BPMN file would change."),
) -> None:
    """Draw a service item's flow, hand it on as BPMN, or read it back."""
    import catalogs
    from catalogs.exports import bpmn as bpmn_file
    from catalogs.exports import flow_svg
    from catalogs.forms.bpmn import read_flow
    from yici.warehouse import content_in_force

    catalog = catalogs.load(content_in_force())
    item = catalog.services.get(code)
    if item is None:
        raise typer.BadParameter(f'there is no service item "{code}"', param_hint="CODE")
    if not (svg or bpmn or read):
        raise typer.BadParameter("say what to do: --svg, --bpmn or --read", param_hint="--svg")
    for out, content in ((svg, flow_svg.draw), (bpmn, bpmn_file.write)):
        if out:
            out.write_bytes(content(catalog, item))
            typer.echo(f"The flow of {code} is in {out}")
    if read:
        reading = read_flow(read.read_bytes(), catalog, item)
        for one in reading.left_out:
            typer.echo(f"Not read: {one}")
        for edit in reading.edits:
            typer.echo(edit.place)
        typer.echo(counted(len(reading.edits), "change"))
        if reading.left_out:
            raise typer.Exit(1)
