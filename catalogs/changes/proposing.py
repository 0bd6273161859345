"""Make a proposal of a wish: edits without decisions, versions raised, checked, explained, with who decides.

Nothing that somebody hands in says that it is approved: what a file tells of a demand's decision is left out and
told, and the decision that is written when the proposal takes effect is the one that was made here. An import may
take a grant away by itself (withdrawn, expired); it is then decided like any other change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from catalogs import derive
from catalogs.changes.approvals import FILED, Route, route
from catalogs.changes.consequences import Consequences, consequences
from catalogs.changes.content import read_content
from catalogs.changes.contract_versions import is_contract, is_lower, raised, version_class
from catalogs.changes.edits import Conflict, Edit, Files, Merged, edits_between, rebase
from catalogs.faults import Fault
from catalogs.loading import read
from catalogs.model import Catalog
from catalogs.rules import ERROR

DEMANDS = "demands/"
_HOW_DECIDED = "D10"
_TAKEN_BACK = ("withdrawn", "expired", "refused", "disputed", "draft")


@dataclass(frozen=True)
class Decided:
    """Who decided and when, as it is written into demands."""

    by: tuple[str, ...]
    on: date


@dataclass(frozen=True)
class Prepared:
    """A proposal with everything that a reader of it needs.

    Attributes:
        edits: what is proposed.
        notes: what was left out of the wish, or added to it, and why.
        conflicts: edits that the present catalog does not allow, because somebody changed the same place.
        faults: of the catalog as it would be: errors, which forbid proposing, else warnings of the files concerned.
        files: the content as it would be.
        told: the consequences; None where the catalog cannot be read with the edits.
        route: who decides; None likewise.
    """

    edits: tuple[Edit, ...]
    notes: tuple[str, ...]
    conflicts: tuple[Conflict, ...]
    faults: tuple[Fault, ...]
    files: Mapping[str, bytes]
    told: Consequences | None
    route: Route | None

    @property
    def hindrances(self) -> tuple[str, ...]:
        """Why it cannot be proposed, each with its place."""
        errors = [str(fault) for fault in self.faults if fault.severity == ERROR]
        missing = self.route.missing if self.route and not self.route.refused else ()
        return (*map(str, self.conflicts), *errors, *missing)


def prepare(base: Catalog, wish: Iterable[Edit], on: date, by: str | None) -> Prepared:
    """Prepare a proposal.

    Args:
        base: the published catalog.
        wish: edits as they were handed in.
        on: the campus's day on which it would be decided.
        by: the author's post; None for a roll-back, which brings decisions and versions back as they were.
    """
    edits, notes = (tuple(wish), ()) if by is None else without_decisions(wish)
    merged = finish(base.files, edits, None if by is None else Decided((by,), on))
    if merged.conflicts:
        return Prepared(edits, notes, merged.conflicts, (), merged.files, None, None)
    sources, faults = read(merged.files, on)
    found = tuple(faults.all())
    if any(fault.severity == ERROR for fault in found):
        told, needed = _refused(base, edits, on) or (None, None)
        return Prepared(edits, notes, (), () if needed else found, merged.files, told, needed)
    told = consequences(base, sources.catalog, edits_between(base.files, merged.files))
    needed = route(base, sources.catalog, edits, told, on)
    touched = {edit.file for edit in edits}
    # How a demand is decided is seen to by its route, and is not yet in the content that was checked.
    shown = tuple(fault for fault in found if fault.file in touched and fault.rule != _HOW_DECIDED)
    return Prepared(edits, notes, (), shown, merged.files, told, needed)


def _refused(base: Catalog, edits: tuple[Edit, ...], on: date) -> tuple[Consequences, Route] | None:
    """What is not shared breaks the catalog once it is granted; return the refusal if that is all there is to it."""
    merged = finish(base.files, edits, None)
    sources, faults = read(merged.files, on)
    if faults.errors():
        return None
    told = consequences(base, sources.catalog, edits)
    needed = route(base, sources.catalog, edits, told, on)
    return (told, needed) if needed.refused else None


def without_decisions(wish: Iterable[Edit]) -> tuple[tuple[Edit, ...], tuple[str, ...]]:
    """Return the edits without what they say of decisions, and a note for each that says something."""
    kept, notes = [], []
    for edit in wish:
        if not edit.file.startswith(DEMANDS):
            kept.append(edit)
        elif not edit.field and isinstance(edit.new, dict):
            told = _decision_of(edit.new)
            if _state_of(edit.new) == derive.GRANTED:
                notes.append(_note(edit))
            kept.append(
                Edit(edit.file, edit.entry, "", edit.old, edit.new if not told else _undecided(edit.new))
            )
        elif _is_decision(edit.field) and _says_granted(edit):
            notes.append(_note(edit))
        else:
            kept.append(edit)
    return tuple(kept), tuple(dict.fromkeys(notes))


def finish(files: Files, edits: Iterable[Edit], decided: Decided | None) -> Merged:
    """Make the edits, raise the versions of contracts that change, and write the decision into demands.

    Args:
        files: the published content.
        edits: a proposal's.
        decided: who decided it; None leaves decisions and versions as they are (a roll-back).
    """
    edits = tuple(edits)
    if decided is None:
        return rebase(files, edits)
    versions = [edit for edit in edits if is_contract(edit.file) and edit.field == "version"]
    merged = rebase(files, [edit for edit in edits if edit not in versions])
    wished = {edit.file: str(edit.new) for edit in versions}
    final = [*_raised(files, merged.files, wished), *_granted(merged.files, edits, decided)]
    return Merged(rebase(merged.files, final).files, merged.conflicts)


def _raised(before: Files, after: Files, wished: Mapping[str, str]) -> list[Edit]:
    """The edits of the versions of contracts that change: as wished, if that is high enough."""
    edits = []
    for file in sorted({*after} | {*wished}):
        if not is_contract(file) or file not in before or file not in after:
            continue
        if before[file] == after[file] and file not in wished:
            continue
        version = str(read_content(file, after[file]).entries[""].get("version", ""))
        own = edits_between({file: before[file]}, {file: after[file]})
        least = raised(version, version_class(own)) if own else version
        wish = wished.get(file, least)
        new = least if is_lower(wish, least) else wish
        if new != version:
            edits.append(Edit(file, "", "version", version, new))
    return edits


def _granted(files: Files, edits: Iterable[Edit], decided: Decided) -> list[Edit]:
    """The edits that write the decision into every demand that is added or changed and asks to be granted."""
    touched = dict.fromkeys((edit.file, edit.entry) for edit in edits if edit.file.startswith(DEMANDS))
    result = []
    for file, entry in touched:
        data = read_content(file, files.get(file)).entries.get(entry)
        if not isinstance(data, dict) or _state_of(data) in _TAKEN_BACK:
            continue
        old = data.get("decision")
        had = old if isinstance(old, dict) and _state_of(data) == derive.GRANTED else {}
        new = {
            **{key: value for key, value in had.items() if key == "path"},
            "state": derive.GRANTED,
            # Who decided what was granted before has still decided it.
            "by": list(dict.fromkeys([*had.get("by", ()), *decided.by])),
            "on": decided.on.isoformat(),
        }
        result.append(Edit(file, entry, "decision", old, new))
        if "state" in data:
            result.append(Edit(file, entry, "state", data["state"], None))
    return result


def is_decision(edit: Edit) -> bool:
    """Whether an edit is of what was decided of a demand."""
    return edit.file.startswith(DEMANDS) and _is_decision(edit.field)


def _is_decision(field: str) -> bool:
    return field == "state" or field == "decision" or field.startswith("decision.")


def _says_granted(edit: Edit) -> bool:
    """Whether an edit of a decision gives, or alters who gave: to take back, or to file again, is no such thing."""
    if edit.field in ("state", "decision.state"):
        return edit.new not in (None, FILED, *_TAKEN_BACK)
    if edit.field == "decision":
        return edit.new is not None and _state_of({"decision": edit.new}) not in (FILED, *_TAKEN_BACK)
    return True


def _state_of(demand: Mapping[str, Any]) -> str:
    decision = demand.get("decision")
    told = decision.get("state") if isinstance(decision, Mapping) else None
    return str(told or demand.get("state") or FILED)


def _decision_of(demand: Mapping[str, Any]) -> bool:
    return _state_of(demand) not in _TAKEN_BACK and ("decision" in demand or "state" in demand)


def _undecided(demand: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in demand.items() if not _is_decision(key)}


def _note(edit: Edit) -> str:
    where = " ".join(part for part in (edit.file, edit.entry) if part)
    return f"{where}: what it says of its decision was left out: a decision is made here, never imported"
