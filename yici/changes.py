"""`yici catalog propose`, `diff`, `decide` and the rest: from a wish to a published version of the catalog."""

import getpass
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from catalogs.counting import counted

if TYPE_CHECKING:
    from catalogs.changes.edits import Edit
    from catalogs.changes.proposing import Prepared
    from warehouse.catalog_changes import Desk
    from warehouse.proposals import Proposal

_BY = typer.Option("--by", help="The post that acts, as in units.csv: post:…")
_PERSON = typer.Option(help="Who sits on the post; default: the account of this session.")
_LANG = typer.Option(help="zh or en.")
_JSON = typer.Option("--json", help="Print JSON.")
_MAX_ZIP = 64 * 1024 * 1024


def propose(
    source: Annotated[
        Path | None,
        typer.Argument(
            help="A workbook (.xlsx), a flow (.bpmn), a folder or zip of content files; default: the campus's folder."
        ),
    ] = None,
    by: Annotated[str, _BY] = "",
    title: Annotated[str, typer.Option(help="What it is, in a few words.")] = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Holds from this day.")] = None,
    whole: Annotated[bool, typer.Option(help="What the folder or zip does not have shall go.")] = False,
    item: Annotated[
        str,
        typer.Option(help="Whose flow a .bpmn is: a service item's code, where the file does not say it."),
    ] = "",
    draft: Annotated[bool, typer.Option(help="Keep it without handing it to those who decide.")] = False,
    submit: Annotated[int | None, typer.Option(help="Hand in the draft of this number.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what it would mean; record nothing.")
    ] = False,
    person: Annotated[str, _PERSON] = "",
    lang: Annotated[str, _LANG] = "zh",
) -> None:
    """Propose a change: it is checked, explained, and waits for those who decide.

    Errors, conflicts and missing papers hinder it: each is named, and nothing is recorded.
    """
    from warehouse.proposals import ProposalError, Wish

    with _desk() as desk:
        if submit is not None:
            _show_way(desk, desk.submit(submit))
            return
        edits = _wish(desk, source, whole, item)
        if dry_run:
            prepared = desk.prepare(edits, by)
            _show_meaning(desk, prepared, lang)
            raise typer.Exit(1 if prepared.hindrances else 0)
        if not by:
            raise ProposalError("--by: which post proposes it? Nothing was recorded")
        name = source.name if source else "folder"
        wish = Wish(
            title or f"{name}: {counted(len(edits), 'edit')}",
            by,
            _person(person),
            reason,
            name,
            on.date() if on else None,
        )
        proposal, prepared = desk.propose(wish, edits, draft)
        _show_meaning(desk, prepared, lang)
        _show_way(desk, proposal)


def diff(
    number: Annotated[int, typer.Argument(help="The proposal.")],
    as_json: Annotated[bool, _JSON] = False,
    lang: Annotated[str, _LANG] = "zh",
) -> None:
    """Show what a proposal would mean if it took effect now: allowed, broken, whom it concerns, conflicts.

    Exit code 1 if something hinders it.
    """
    from warehouse import proposals

    with _desk() as desk:
        proposal = proposals.one(desk.con, number)
        if proposal.state not in proposals.OPEN:
            _show_closed(proposal, as_json)
            return
        prepared, rivals = desk.present(proposal), desk.rivals(proposal)
        if as_json:
            _print_json(_as_data(desk, proposal, prepared, rivals))
        else:
            _say(f"{_head(proposal)}")
            _show_meaning(desk, prepared, lang)
            for other, conflicts in rivals.items():
                _say(f"✕ proposal {other} changes the same fields; whichever takes effect second is blocked:")
                for conflict in conflicts:
                    _say(f"    {conflict.edit.place}")
            _show_way(desk, proposal)
        if prepared.hindrances:
            raise typer.Exit(1)


def proposals(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are closed.")] = False,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """List the proposals, what each waits for, and until when."""
    from warehouse import proposals as kept

    states = (*kept.OPEN, kept.EFFECTIVE, kept.WITHDRAWN, kept.REFUSED, kept.SUPERSEDED)
    with _desk() as desk:
        found = kept.listed(desk.con, states if everything else kept.OPEN)
        if as_json:
            _print_json([_about(desk, one) for one in found])
            return
        for proposal in found:
            _say(_head(proposal))
            for line in _waits_for(desk, proposal):
                _say(f"    {line}")
        if not found:
            _say("No proposal is open.")


def decide(
    number: Annotated[int, typer.Argument(help="The proposal.")],
    by: Annotated[str, _BY],
    approve: Annotated[bool, typer.Option("--approve/--refuse", help="What the post decides.")],
    opinion: Annotated[str, typer.Option(help="Why; a refusal needs it.")] = "",
    person: Annotated[str, _PERSON] = "",
) -> None:
    """Decide a proposal's steps whose turn it is. What is decided by all takes effect at its date."""
    with _desk() as desk:
        _show_way(desk, desk.decide(number, by, _person(person), approve, opinion))
        _apply(desk)


def withdraw(
    number: Annotated[int, typer.Argument(help="The proposal.")],
    by: Annotated[str, _BY],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    person: Annotated[str, _PERSON] = "",
) -> None:
    """Withdraw a proposal of one's own that has not taken effect."""
    with _desk() as desk:
        _say(_head(desk.withdraw(number, by, _person(person), reason)))


def apply_due() -> None:
    """Let every decided proposal whose day has come take effect; `yici run` does the same first.

    Exit code 1 if one is blocked by what others changed meanwhile.
    """
    with _desk() as desk:
        if not _apply(desk):
            raise typer.Exit(1)


def rollback(
    number: Annotated[int, typer.Argument(help="The version whose content comes back.")],
    by: Annotated[str, _BY],
    reason: Annotated[str, typer.Option(help="Why.")],
    person: Annotated[str, _PERSON] = "",
    lang: Annotated[str, _LANG] = "zh",
) -> None:
    """Bring an earlier version's content back as a new version.

    At once, unless it would allow something that is not allowed now: that has to be decided like any other change.
    """
    from warehouse.proposals import Wish

    with _desk() as desk:
        wish = Wish(f"回退到版本 {number}", by, _person(person), reason, "rollback", rolls_back_to=number)
        proposal, prepared = desk.roll_back(number, wish)
        _show_meaning(desk, prepared, lang)
        _show_way(desk, proposal)
        _apply(desk)


def versions(
    number: Annotated[int | None, typer.Argument(help="A version to write out.")] = None,
    out: Annotated[Path | None, typer.Option(help="An empty folder for its content.")] = None,
) -> None:
    """List the published versions, newest first; or write one's content into a folder."""
    from warehouse import catalog_versions
    from warehouse.proposals import ProposalError

    with _desk() as desk:
        if number is None:
            for found in catalog_versions.every(desk.con):
                brought = f"proposal {found.proposal}" if found.proposal else found.origin
                _say(
                    f"{found.number:>5}  {found.at:%Y-%m-%d %H:%M} UTC  {found.digest[:12]}  {brought:<14} {found.by}"
                    f"  {found.note}"
                )
            return
        files = catalog_versions.files_of(desk.con, catalog_versions.one(desk.con, number))
        if out is None or (out.exists() and any(out.iterdir())):
            raise ProposalError("--out: name an empty folder; nothing was written")
        for path, data in files.items():
            target = out / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        _say(f"Version {number} is in {out}")


def log(
    number: Annotated[int | None, typer.Argument(help="Of this proposal only.")] = None,
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Print everything that was said of proposals, oldest first; nothing of it is ever altered."""
    from warehouse import proposals as kept

    states = (*kept.OPEN, kept.EFFECTIVE, kept.WITHDRAWN, kept.REFUSED, kept.SUPERSEDED)
    with _desk() as desk:
        found = kept.listed(desk.con, states) if number is None else [kept.one(desk.con, number)]
    lines = [(event.at, proposal, event) for proposal in found for event in proposal.events]
    lines.sort(key=lambda line: line[0])
    if as_json:
        _print_json([{"proposal": proposal.number, **_event(event)} for _, proposal, event in lines])
        return
    for at, proposal, event in lines:
        who = " ".join(part for part in (event.post, f"({event.person})" if event.person else "") if part)
        opinion = f": {event.opinion}" if event.opinion else ""
        _say(f"{at:%Y-%m-%d %H:%M} UTC  {proposal.number:>4}  {event.event:<10} {who}{opinion}")


# --- how ---


@contextmanager
def _desk() -> "Iterator[Desk]":
    from catalogs.settings import settings
    from warehouse.catalog_changes import Desk
    from yici.warehouse import open_warehouse

    with open_warehouse() as con:
        yield Desk(con, settings())


def _person(named: str) -> str:
    return named or getpass.getuser()


def _wish(desk: "Desk", source: Path | None, whole: bool, item: str) -> "tuple[Edit, ...]":
    from catalogs.loading import read_files
    from warehouse.proposals import ProposalError

    if source is None or source.absolute() == desk.campus:
        return desk.wish_of_folder()
    if source.is_dir():
        return desk.wish_of_files(read_files(source), whole)
    if not source.is_file():
        raise ProposalError(f"{source}: there is no such file or folder; nothing was recorded")
    if source.suffix == ".zip":
        return desk.wish_of_files(_unzipped(source), whole)
    if source.suffix.lower() == ".xlsx":
        return _wish_of_workbook(desk, source)
    if source.suffix.lower() == ".bpmn":
        return _wish_of_flow(desk, source, item)
    raise ProposalError(f"{source}: expected .xlsx, .bpmn, .zip or a folder; nothing was recorded")


def _wish_of_workbook(desk: "Desk", source: Path) -> "tuple[Edit, ...]":
    from catalogs.forms.reading import read_workbook

    reading = read_workbook(source.read_bytes(), source.name, desk.in_use().catalog)
    _tell_faults(source, reading.faults)
    return reading.edits


def _wish_of_flow(desk: "Desk", source: Path, code: str) -> "tuple[Edit, ...]":
    from catalogs.forms.bpmn import read_flow, service_item_of
    from warehouse.proposals import ProposalError

    catalog, content = desk.in_use().catalog, source.read_bytes()
    item = catalog.services.get(code) if code else service_item_of(content, catalog)
    if item is None:
        known = f'there is no service item "{code}"' if code else "the file does not say whose flow it is"
        raise ProposalError(f"{source.name}: {known}; name one by --item. Nothing was recorded")
    reading = read_flow(content, catalog, item)
    _tell_faults(source, reading.left_out)
    return reading.edits


def _tell_faults(source: Path, faults: Sequence[object]) -> None:
    """Tell what in a file cannot be read, and end there if there is anything."""
    for fault in faults:
        _say(f"✕ {fault}")
    if faults:
        _say(f"{source.name}: {counted(len(faults), 'fault')}; nothing was recorded")
        raise typer.Exit(1)


def _unzipped(source: Path) -> dict[str, bytes]:
    """Return the content files of a zip; names that lead out of it are refused."""
    import zipfile

    from warehouse.proposals import ProposalError

    try:
        with zipfile.ZipFile(source) as archive:
            entries = [one for one in archive.infolist() if not one.is_dir()]
            if sum(one.file_size for one in entries) > _MAX_ZIP:
                raise ProposalError(f"{source}: more than 64 MB unpacked; nothing was recorded")
            return {
                one.filename: archive.read(one)
                for one in entries
                if one.filename.endswith((".yaml", ".csv")) and ".." not in Path(one.filename).parts
            }
    except zipfile.BadZipFile:
        raise ProposalError(f"{source}: not a zip file; nothing was recorded") from None


def _apply(desk: "Desk") -> bool:
    """Let what is due take effect and say so; returns whether nothing was blocked."""
    done = desk.apply_due()
    for applied in done:
        for note in applied.notes:
            _say(note)
    if any(applied.version for applied in done):
        _say(
            "The pipeline runs by it from now on; the service answers by it from the next release on (`yici run`)."
        )
    return not any(applied.is_blocked for applied in done)


def _show_meaning(desk: "Desk", prepared: "Prepared", lang: str) -> None:
    from catalogs.changes.telling import as_text

    if prepared.told is not None:
        _say(as_text(prepared.told, prepared.edits, desk.in_use().catalog, lang))
    for note in prepared.notes:
        _say(f"! {note}")
    for fault in prepared.faults:
        if fault.severity != "error":
            _say(f"! {fault}")
    for hindrance in prepared.hindrances:
        _say(f"✕ {hindrance}")


def _show_way(desk: "Desk", proposal: "Proposal") -> None:
    from warehouse import proposals as kept

    _say(_head(proposal))
    for line in _waits_for(desk, proposal):
        _say(f"  {line}")
    if proposal.state == kept.REFUSED:
        _say(f"  refused: {proposal.events[-1].opinion}")


def _head(proposal: "Proposal") -> str:
    on = f", holds from {proposal.effective_on}" if proposal.effective_on else ""
    return f"Proposal {proposal.number} [{proposal.state}] {proposal.title}, by {proposal.author}{on}"


def _waits_for(desk: "Desk", proposal: "Proposal") -> list[str]:
    from warehouse import proposals as kept

    if proposal.state != kept.PROPOSED:
        return [f"blocked: {proposal.hindrance}"] if proposal.hindrance else []
    found = desk.standing(proposal)
    lines = [
        f"waits for {' or '.join(one.posts)} until {one.due_on}: {one.step.act} ({one.step.track})"
        for one in found.waiting
    ]
    return lines + [f"informed: {step.post} ({step.track})" for step in found.informed]


def _show_closed(proposal: "Proposal", as_json: bool) -> None:
    if as_json:
        _print_json({"number": proposal.number, "state": proposal.state, "consequences": proposal.told})
        return
    _say(_head(proposal))
    _say("It is closed. What it meant when it was made:")
    _print_json(proposal.told)


def _about(desk: "Desk", proposal: "Proposal") -> dict[str, Any]:
    found = desk.standing(proposal)
    return {
        "number": proposal.number,
        "title": proposal.title,
        "state": proposal.state,
        "author": proposal.author,
        "reason": proposal.reason,
        "source": proposal.source,
        "base": proposal.base,
        "effectiveOn": proposal.effective_on.isoformat() if proposal.effective_on else None,
        "waiting": [
            {
                "posts": list(one.posts),
                "act": one.step.act,
                "track": one.step.track,
                "dueOn": one.due_on.isoformat(),
            }
            for one in found.waiting
        ],
        "events": [_event(event) for event in proposal.events],
    }


def _event(event: Any) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(),
        "event": event.event,
        "post": event.post,
        "person": event.person,
        "opinion": event.opinion,
    }


def _as_data(
    desk: "Desk", proposal: "Proposal", prepared: "Prepared", rivals: dict[int, Any]
) -> dict[str, Any]:
    from catalogs.changes.telling import as_data, edit_data

    return {
        **_about(desk, proposal),
        "edits": [edit_data(edit) for edit in prepared.edits],
        "notes": list(prepared.notes),
        "consequences": as_data(prepared.told) if prepared.told else None,
        "hindrances": list(prepared.hindrances),
        "conflicts": [
            {"edit": edit_data(one.edit), "found": one.found, "why": one.why} for one in prepared.conflicts
        ],
        "rivals": {str(other): [one.edit.place for one in conflicts] for other, conflicts in rivals.items()},
    }


def _print_json(data: Any) -> None:
    typer.echo(json.dumps(data, ensure_ascii=False, indent=1))


def _say(text: str) -> None:
    typer.echo(text)
