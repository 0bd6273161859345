"""The catalog in use: which published version the warehouse runs by, and how a change becomes the next one.

The first content that is ever run is published as it is. From then on the folder is where people edit, and not what
is used: on a campus with an approvals.yaml a hand edit is a proposal to be decided, elsewhere, where nobody has to
decide, the next run publishes it. A decided proposal takes effect at its date: it is merged, field by field, into
what is published by then, checked as a whole, published, and written into the folder, where nothing that somebody
edited by hand is lost.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import psycopg

import catalogs
from catalogs.changes.approvals import Route
from catalogs.changes.content import read_content
from catalogs.changes.contract_versions import is_contract
from catalogs.changes.deciding import Standing
from catalogs.changes.edits import Conflict, Edit, Merged, edits_between, rebase
from catalogs.changes.paths import same
from catalogs.changes.proposing import Decided, Prepared, finish, is_decision, prepare, without_decisions
from catalogs.changes.telling import as_data
from catalogs.check_decisions import posts_of
from catalogs.faults import CatalogError, did_you_mean
from catalogs.loading import read_files, version_of
from catalogs.model import Catalog
from catalogs.rules import ERROR
from catalogs.settings import Settings, now
from catalogs.versions import unpack
from warehouse import catalog_folder, catalog_versions, proposals
from warehouse.catalog_versions import Published
from warehouse.proposals import Proposal, ProposalError, Wish

# Nobody has to decide.
_NOBODY = Route(())


@dataclass(frozen=True)
class InUse:
    """The published version that is used, and what its reader should know."""

    published: Published
    catalog: Catalog
    notes: tuple[str, ...]


class Hindered(Exception):
    """A proposal cannot be made; every hindrance is named, nothing was recorded."""

    def __init__(self, prepared: Prepared):
        self.prepared = prepared
        found = prepared.hindrances
        super().__init__(
            "\n".join([f"this proposal cannot be made ({len(found)} reasons); nothing was recorded", *found])
        )


class Desk:
    """The catalog of an installation, opened for looking and changing: one process at a time changes it.

    Args:
        con: the owner's connection, in autocommit mode, to a migrated warehouse.
        found: the installation's settings.
    """

    def __init__(self, con: psycopg.Connection, found: Settings):
        self.con, self.home, self.campus = con, found.home, found.campus

    def take_up(self) -> InUse:
        """Return the version to run by: what is due takes effect first, and so does the folder if nobody decides.

        Raises:
            CatalogError: the folder's content would be published and has errors; nothing was published.
        """
        with self._changing():
            notes = self._begin()
            notes += [note for applied in self._apply_due() for note in applied.notes]
            published = self._newest()
            catalog = catalog_versions.catalog_of(self.con, published)
            files = read_files(self.campus)
            if version_of(files) != published.digest:
                if catalog.approvals.is_declared:
                    notes += self._hand_edits(catalog, files)
                elif edits := edits_between(catalog.files, files):
                    catalogs.load(files)
                    note = f"{len(edits)} edits of the folder"
                    published = catalog_versions.publish(
                        self.con, files, catalog_versions.FOLDER, "folder", note
                    )
                    catalog = catalog_versions.catalog_of(self.con, published)
                    notes.append(f"The folder was edited: published as version {published.number}.")
        return InUse(published, catalog, tuple(notes))

    def look(self, strict: bool = True) -> InUse | None:
        """Return the version in use without changing anything; None before the first.

        Raises:
            CatalogError: it breaks today's rules, and `strict` asks for one that does not.
        """
        return look(self.con, strict)

    def wish_of_folder(self) -> tuple[Edit, ...]:
        """Return what the folder says otherwise than the version in use.

        Raises:
            CatalogError: a file is not well-formed.
        """
        return edits_between(self.in_use().catalog.files, read_files(self.campus))

    def wish_of_files(self, files: Mapping[str, bytes], whole: bool = False) -> tuple[Edit, ...]:
        """Return what files say otherwise than the version in use.

        Args:
            files: relative POSIX path → bytes.
            whole: whether a file that is not among them shall go; by default it stays as it is.

        Raises:
            CatalogError: a file is not well-formed.
        """
        present = self.in_use().catalog.files
        return edits_between(
            present if whole else {path: present[path] for path in files if path in present}, files
        )

    def prepare(self, edits: Iterable[Edit], by: str) -> Prepared:
        """Say what a wish would mean, without recording anything."""
        catalog = self.in_use().catalog
        return prepare(catalog, edits, today(catalog), by)

    def propose(self, wish: Wish, edits: Sequence[Edit], draft: bool = False) -> tuple[Proposal, Prepared]:
        """Record a proposal, and unless it is a draft hand it to those who decide.

        Raises:
            Hindered: it has errors, conflicts, or lacks papers; a draft may.
            ProposalError: it changes nothing.
        """
        with self._changing():
            self._begin()
            found = self.in_use()
            _tell_stranger(found.catalog, wish.author)
            return hand_in(self.con, found, wish, edits, draft)

    def submit(self, number: int) -> Proposal:
        """Propose a draft as it would be made today; the draft is superseded by the proposal.

        Raises:
            Hindered: it has errors, conflicts, or lacks papers.
            ProposalError: it is no draft.
        """
        old = proposals.one(self.con, number)
        if old.state != proposals.DRAFT:
            raise ProposalError(f"proposal {number} is {old.state}, no draft; nothing was changed")
        wish = Wish(old.title, old.author, old.person, old.reason, old.source, old.effective_on)
        proposal, _ = self.propose(wish, old.edits)
        proposals.close(
            self.con,
            number,
            proposals.SUPERSEDED,
            f"proposal {proposal.number}",
            today(self.in_use().catalog),
        )
        return proposal

    def decide(self, number: int, post: str, person: str, approve: bool, opinion: str) -> Proposal:
        """Record a decision; what it makes due takes effect with `apply_due`."""
        catalog = self.in_use().catalog
        return proposals.decide(
            self.con, number, post, person, approve, opinion, today(catalog), catalog.calendar
        )

    def withdraw(self, number: int, post: str, person: str, opinion: str) -> Proposal:
        """Withdraw a proposal that has not taken effect."""
        return proposals.withdraw(self.con, number, post, person, opinion, today(self.in_use().catalog))

    def apply_due(self) -> list["Applied"]:
        """Let every decided proposal whose day has come take effect, in order."""
        with self._changing():
            self._begin()
            return self._apply_due()

    def roll_back(self, number: int, wish: Wish) -> tuple[Proposal, Prepared]:
        """Bring the content of an earlier version back as a new version.

        What lets nobody get more than now takes effect at once; what would give something back that was taken since
        is a proposal that has to be decided like any other.

        Raises:
            NoSuchVersion: it was never published.
            Hindered: the old content breaks today's rules.
            ProposalError: it is the content in use.
        """
        with self._changing():
            self._begin()
            found = self.in_use()
            day = today(found.catalog)
            _tell_stranger(found.catalog, wish.author)
            old = catalog_versions.files_of(self.con, catalog_versions.one(self.con, number))
            edits = edits_between(found.catalog.files, old)
            if not edits:
                raise ProposalError(f"version {number} is what is in use; nothing was changed")
            prepared = prepare(found.catalog, edits, day, None)
            if prepared.told is None or prepared.route is None:
                raise Hindered(prepared)
            route = prepared.route if prepared.told.allows_more else _NOBODY
            with self.con.transaction():
                told = as_data(prepared.told)
                proposal = proposals.add(self.con, wish, found.published.number, edits, (), route, told, day)
                proposal = proposals.submit(self.con, proposal, day, found.catalog.calendar)
            return proposal, prepared

    def present(self, proposal: Proposal) -> Prepared:
        """Say what a proposal would mean if it took effect now."""
        catalog = self.in_use().catalog
        by = proposal.author if proposal.rolls_back_to is None else None
        return prepare(catalog, proposal.edits, today(catalog), by)

    def standing(self, proposal: Proposal) -> Standing:
        """Where a proposal's decision is today."""
        catalog = self.in_use().catalog
        return proposal.standing(today(catalog), catalog.calendar)

    def rivals(self, proposal: Proposal) -> dict[int, tuple[Conflict, ...]]:
        """Return the other open proposals that change the same fields otherwise: number → the conflicts."""
        return rivals(self.con, self.in_use().catalog, proposal)

    # --- how ---

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        with catalog_versions.lock(self.con):
            yield

    def _begin(self) -> list[str]:
        """Finish what a dead process began, and publish the first version if there is none."""
        edited = catalog_folder.recover(
            self.home, self.campus, lambda *told: catalog_versions.published_with(self.con, *told)
        )
        notes = [_edited_meanwhile(edited)] if edited else []
        if catalog_versions.newest(self.con) is None:
            running = self.con.execute(
                """SELECT v.files FROM yici.release r JOIN yici.catalog_version v ON v.id = r.catalog_version
                   WHERE r.id = yici.current()"""
            ).fetchone()
            if running:
                # A warehouse older than its versions goes on with what it was released by.
                files, note = unpack(running[0]), "the content of the current release"
            else:
                files, note = read_files(self.campus), "the first content that was run"
                catalogs.load(files)
            catalog_versions.publish(self.con, files, catalog_versions.FIRST, "folder", note)
        return notes

    def _newest(self) -> Published:
        found = catalog_versions.newest(self.con)
        assert found is not None
        return found

    def in_use(self) -> InUse:
        """The version in use; before the first run that of the folder, which is published thereby."""
        return self.look(strict=False) or self.take_up()

    def _hand_edits(self, catalog: Catalog, files: Mapping[str, bytes]) -> list[str]:
        """Tell what the folder says otherwise than the version in use, and who has proposed it already."""
        try:
            edits = edits_between(catalog.files, files)
        except CatalogError as error:
            return [f"The folder has a file that cannot be read, and is not used: {error.faults[0]}"]
        edits = without_decisions(edits)[0]
        waiting = [edit for proposal in proposals.listed(self.con) for edit in proposal.edits]
        left = [edit for edit in edits if edit not in waiting and edit.field != "version"]
        if not left:
            return []
        where = sorted({edit.file for edit in left})
        shown = ", ".join(where[:3]) + (f" and {len(where) - 3} more" if len(where) > 3 else "")
        return [
            f"The folder was edited by hand ({len(left)} edits: {shown}). On this campus changes are decided, so the"
            " published version is used instead. Propose them: `yici catalog propose`"
        ]

    def _apply_due(self) -> list["Applied"]:
        done = []
        catalog = catalog_versions.catalog_of(self.con, self._newest(), strict=False)
        for proposal in proposals.due(self.con, today(catalog)):
            done.append(self._apply(proposal))
        return done

    def _apply(self, proposal: Proposal) -> "Applied":
        published = self._newest()
        catalog = catalog_versions.catalog_of(self.con, published, strict=False)
        day = today(catalog)
        by = proposal.proven().standing(day, catalog.calendar).approved_by or (proposal.author,)
        decided = None if proposal.rolls_back_to is not None else Decided(by, day)
        merged = finish(catalog.files, proposal.edits, decided)
        if proposal.rolls_back_to is not None and published.number == proposal.base:
            old = catalog_versions.one(self.con, proposal.rolls_back_to)
            merged = Merged(catalog_versions.files_of(self.con, old), ())
        why = [str(conflict) for conflict in merged.conflicts]
        if not why:
            why = [str(fault) for fault in catalogs.check(merged.files, day) if fault.severity == ERROR]
        if why:
            reason = "\n".join(why)
            proposals.block(self.con, proposal, reason, day)
            note = f"Proposal {proposal.number} is decided and cannot take effect:\n{reason}"
            return Applied(proposal.number, None, (note,), is_blocked=True)
        changed = edits_between(catalog.files, merged.files)
        if all(map(_follows, changed)) and not all(map(_follows, proposal.edits)):
            opinion = f"version {published.number} says so already"
            proposals.close(self.con, proposal.number, proposals.SUPERSEDED, opinion, day)
            return Applied(proposal.number, None, (f"Proposal {proposal.number}: {opinion}.",))
        if undecided := _not_decided(proposal, catalog, day):
            proposals.block(self.con, proposal, undecided, day)
            note = f"Proposal {proposal.number} is called decided and is not: {undecided}"
            return Applied(proposal.number, None, (note,), is_blocked=True)
        present = read_files(self.campus)
        files, folder, conflicts = _for_folder(present, catalog.files, merged.files, changed)
        number = published.number + 1
        plan = catalog_folder.prepare(self.home, number, version_of(files), present, folder)
        origin = catalog_versions.PROPOSAL if decided else catalog_versions.ROLLBACK
        with self.con.transaction():
            catalog_versions.publish(self.con, files, origin, ", ".join(by), proposal.title, proposal.number)
            proposals.close(self.con, proposal.number, proposals.EFFECTIVE, f"version {number}", day)
        notes = [f"Proposal {proposal.number} ({proposal.title}) took effect: version {number}."]
        notes += [f"Left in the folder as it was edited there: {conflict}" for conflict in conflicts]
        try:
            edited = catalog_folder.carry_out(self.home, self.campus, plan)
        except OSError as error:
            notes.append(
                f"The folder could not be written ({error.strerror}: {self.campus}); the version is published, and"
                " the next command writes the folder"
            )
        else:
            notes += [_edited_meanwhile(edited)] if edited else []
        return Applied(proposal.number, number, tuple(notes))


@dataclass(frozen=True)
class Applied:
    """What became of a proposal whose day came: the version it brought, None if it could not or need not."""

    proposal: int
    version: int | None
    notes: tuple[str, ...]
    is_blocked: bool = False


def look(con: psycopg.Connection, strict: bool = True) -> InUse | None:
    """Return the version in use without changing anything; None before the first.

    Raises:
        CatalogError: it breaks today's rules, and `strict` asks for one that does not.
    """
    published = catalog_versions.newest(con)
    if published is None:
        return None
    return InUse(published, catalog_versions.catalog_of(con, published, strict), ())


def hand_in(
    con: psycopg.Connection, found: InUse, wish: Wish, edits: Sequence[Edit], draft: bool = False
) -> tuple[Proposal, Prepared]:
    """Record a proposal against the version in use, and unless it is a draft hand it to those who decide.

    Raises:
        Hindered: it has errors, conflicts, or lacks papers; a draft may.
        ProposalError: it changes nothing.
    """
    day = today(found.catalog)
    prepared = prepare(found.catalog, edits, day, wish.author)
    if not prepared.edits:
        raise ProposalError("nothing differs from the version in use; nothing was recorded")
    if not draft and (prepared.hindrances or prepared.told is None or prepared.route is None):
        raise Hindered(prepared)
    told = as_data(prepared.told) if prepared.told else {}
    base, route = found.published.number, prepared.route or _NOBODY
    with con.transaction():
        proposal = proposals.add(con, wish, base, prepared.edits, prepared.notes, route, told, day)
        if not draft:
            proposal = proposals.submit(con, proposal, day, found.catalog.calendar)
    return proposal, prepared


def rivals(con: psycopg.Connection, catalog: Catalog, proposal: Proposal) -> dict[int, tuple[Conflict, ...]]:
    """Return the other open proposals that change the same fields otherwise: number → the conflicts."""
    own = {edit.file for edit in proposal.edits}
    files = {file: catalog.files[file] for file in own if file in catalog.files}
    alone = [conflict.edit for conflict in rebase(files, proposal.edits).conflicts]
    found = {}
    for other in proposals.listed(con, (proposals.PROPOSED, proposals.DECIDED)):
        shared = [edit for edit in other.edits if edit.file in own]
        if other.number != proposal.number and shared:
            conflicts = rebase(rebase(files, shared).files, proposal.edits).conflicts
            both = tuple(one for one in conflicts if one.edit not in alone and one.edit.field != "version")
            if both:
                found[other.number] = both
    return found


def today(catalog: Catalog) -> date:
    """Return the day that it is on the campus."""
    return now().astimezone(ZoneInfo(catalog.campus.time_zone)).date()


def _not_decided(proposal: Proposal, catalog: Catalog, day: date) -> str:
    """Why a proposal that is called decided may not take effect; empty: it may.

    Its state, its route and its events were written by roles that may not let anything take effect. So who has to
    decide is asked of the catalog in use, and only approvals count that this installation sealed.
    """
    is_rollback = proposal.rolls_back_to is not None
    prepared = prepare(catalog, proposal.edits, day, None if is_rollback else proposal.author)
    if prepared.route is None or prepared.told is None:
        return "what it would mean cannot be told; propose it anew"
    needed = _NOBODY if is_rollback and not prepared.told.allows_more else prepared.route
    if needed.refused:
        return f"it is refused by the catalog in use: {needed.refused}"
    shown = {
        (step.track, step.post, two_persons)
        for step in proposal.route.steps
        if step.limit_days
        for two_persons in {False, step.two_persons}
    }
    lacking = [
        f"{step.post or step.unit} ({step.track})"
        for step in needed.steps
        if step.limit_days and (step.track, step.post, step.two_persons) not in shown
    ]
    if lacking:
        return f"today {', '.join(lacking)} would have to decide, and was not asked; withdraw it and propose it anew"
    found = proposal.proven().standing(day, catalog.calendar)
    if found.state != proposals.DECIDED:
        waiting = ", ".join(one.step.post for one in found.waiting)
        return (
            f"no approval of {waiting or 'those who decide'} was recorded by this installation (key keys/decisions of"
            " the state folder); withdraw it and propose it anew"
        )
    return ""


def _for_folder(
    present: Mapping[str, bytes],
    before: Mapping[str, bytes],
    after: Mapping[str, bytes],
    changed: Sequence[Edit],
) -> tuple[dict[str, bytes], dict[str, bytes | None], tuple[Conflict, ...]]:
    """Merge a new content into the folder.

    Args:
        present: the folder's files.
        before, after: what is published, and what shall be.
        changed: the edits between them.

    Returns:
        The content to publish, in the folder's own bytes where they mean the same; the files of the folder to
        write; what the folder says otherwise and keeps.
    """
    moved = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    as_it_was = {path for path in moved if present.get(path) == before.get(path)}
    present_or_new = {path: data for path, data in present.items() if path not in as_it_was}
    present_or_new |= {path: after[path] for path in as_it_was & after.keys()}
    wanted = [edit for edit in changed if edit.file in moved - as_it_was - _unreadable(present)]
    merged = rebase(present_or_new, wanted)
    # Decisions are made here and nowhere else: what a hand wrote in their place gives way.
    ours = [one for one in merged.conflicts if is_decision(one.edit)]
    forced = rebase(
        merged.files,
        [Edit(one.edit.file, one.edit.entry, one.edit.field, one.found, one.edit.new) for one in ours],
    )
    merged = rebase(forced.files, wanted)
    folder = {path: merged.files.get(path) for path in moved if merged.files.get(path) != present.get(path)}
    files = {
        path: merged.files[path] if _mean_same(path, merged.files.get(path), data) else data
        for path, data in after.items()
    }
    return files, folder, merged.conflicts


def _tell_stranger(catalog: Catalog, post: str) -> None:
    """Refuse a post that nobody holds.

    Raises:
        ProposalError: it is not in units.csv.
    """
    known = posts_of(catalog)
    if post not in known:
        hint = did_you_mean(post, known) or "units.csv names the posts"
        raise ProposalError(f"there is no post {post}; {hint}. Nothing was recorded")


def _edited_meanwhile(files: Sequence[str]) -> str:
    return f"Edited by hand meanwhile, and left as they are in the folder: {', '.join(files)}"


def _follows(edit: Edit) -> bool:
    """Whether an edit only follows from others: a decision, the version of a contract."""
    return is_decision(edit) or (is_contract(edit.file) and edit.field == "version")


def _mean_same(file: str, one: bytes | None, other: bytes) -> bool:
    """Whether two contents of a file say the same; comments and layout say nothing."""
    if one is None or one == other:
        return one == other
    try:
        return same(read_content(file, one).entries, read_content(file, other).entries)
    except CatalogError:
        return False


def _unreadable(files: Mapping[str, bytes]) -> set[str]:
    found = set()
    for path, data in files.items():
        try:
            read_content(path, data)
        except CatalogError:
            found.add(path)
    return found
