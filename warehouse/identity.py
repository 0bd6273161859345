"""Identity: one stored key per subject, linked to the natural keys by which systems know it.

A person's key is minted once and never computed from attributes. Links follow from what registers say: a row that
names a natural key and a document links both to one subject, and so does a row that names two natural keys. Only
certain evidence links by itself. Where a document is already somebody's under another name, or two existing persons
would become one without their names agreeing, nothing is linked: the pair waits in `yici.identity_review`.

A merge or a split changes links, never rows, and carries the candidate's number, so that it is taken back with it.
"""

import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from catalogs.model import Catalog, IdentityItems, Resource
from catalogs.settings import now

DOCUMENT = "doc:"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_MIDDLE_DOTS = str.maketrans("", "", "·•・‧∙・．. \u3000")

Key = tuple[str, str]  # (id_type, key)


@dataclass(frozen=True)
class Claim:
    """What one row says: these keys belong to one subject, whose name has this digest (empty if unknown)."""

    resource: str
    keys: tuple[Key, ...]
    name_digest: str = ""


@dataclass
class Resolution:
    """What the claims change: subjects to mint, links to open or move, merges, and pairs for a human."""

    minted: list[int] = field(default_factory=list)
    links: dict[Key, tuple[int, str, str]] = field(default_factory=dict)  # key → subject, digest, source
    merges: list[tuple[int, int, str]] = field(default_factory=list)  # kept, gone, reason
    reviews: set[tuple[int, int, str, str]] = field(default_factory=set)  # a, b, resource, reason


def resident_id_18(number: str) -> str:
    """Return the 18-digit form of a resident identity number (GB 11643); other texts in upper case."""
    text = unicodedata.normalize("NFKC", number).strip().upper()
    if len(text) == 15 and text.isdigit():
        body = f"{text[:6]}19{text[6:]}"
        text = body + "10X98765432"[sum(w * int(d) for w, d in zip(_WEIGHTS, body, strict=True)) % 11]
    return text


def fold_name(name: str) -> str:
    """Fold what writers of one name differ in: width, middle dots, blanks, case. For matching only."""
    return unicodedata.normalize("NFKC", name).translate(_MIDDLE_DOTS).casefold()


def name_digest(name: str | None) -> str:
    """Return a short digest of the folded name, for comparing without keeping the name here."""
    return hashlib.sha256(fold_name(name).encode()).hexdigest()[:16] if name else ""


def resolve(
    claims: Iterable[Claim], known: dict[Key, tuple[int, str]], next_id: Callable[[], int]
) -> Resolution:
    """Decide, claim by claim, whose keys they are. Pure: reads and changes no database.

    Args:
        claims: what the rows say, registers first.
        known: key → (subject, name digest) of the links that hold now.
        next_id: called to mint a subject.
    """
    found = Resolution()
    owner = dict(known)
    alias: dict[int, int] = {}

    def root(subject: int) -> int:
        while subject in alias:
            subject = alias[subject]
        return subject

    for claim in claims:
        owners = {key: (root(owner[key][0]), owner[key][1]) for key in claim.keys if key in owner}
        naturals = [owners[key] for key in claim.keys if key in owners and not key[0].startswith(DOCUMENT)]
        documents = [owners[key] for key in claim.keys if key in owners and key[0].startswith(DOCUMENT)]
        if naturals:
            subject = naturals[0][0]
        elif documents and _agree(documents[0][1], claim.name_digest):
            subject = documents[0][0]
        else:
            subject = next_id()
            found.minted.append(subject)
        digest = claim.name_digest
        for key, (other, other_digest) in owners.items():
            if other == subject:
                continue
            agree = bool(digest) and digest == other_digest
            if agree:
                kept, gone = min(subject, other), max(subject, other)
                alias[gone] = kept
                found.merges.append(
                    (kept, gone, f"{claim.resource}: one row names keys of both, names agree")
                )
                subject = kept
            else:
                a, b = min(subject, other), max(subject, other)
                found.reviews.add((a, b, claim.resource, f"same {key[0]}, names do not agree"))
        for key in claim.keys:
            held = owner.get(key)
            if held is None or (
                root(held[0]) == subject and (held[0] != subject or (digest and held[1] != digest))
            ):
                owner[key] = (subject, digest or (held[1] if held else ""))
                found.links[key] = (subject, owner[key][1], claim.resource)
    for kept, gone, _ in found.merges:
        for key, (subject, digest) in owner.items():
            if subject == gone:
                found.links[key] = (root(kept), digest, found.links.get(key, (0, "", "merge"))[2])
    found.links = {key: (root(s), digest, source) for key, (s, digest, source) in found.links.items()}
    return found


def _agree(known: str, claimed: str) -> bool:
    """Names agree if they are equal, or if one of them was never said."""
    return not known or not claimed or known == claimed


def update(con: psycopg.Connection, candidate: int, catalog: Catalog) -> dict[str, int]:
    """Link the keys that the candidate's versions brought; one transaction.

    Args:
        con: the owner's connection.
        candidate: number of the open candidate; only rows of its own versions are read.
        catalog: whose resources say which items are keys and documents.

    Returns:
        Counts: claims, minted, links, ended, merges, reviews.
    """
    counts = dict.fromkeys(("claims", "minted", "links", "ended", "merges", "reviews"), 0)
    with con.transaction():
        for subject_type in sorted({r.subject.type for r in catalog.resources.values() if r.subject}):
            resources = [r for r in _registers(catalog) if r.subject.type == subject_type]
            claims = [claim for resource in resources for claim in _claims(con, candidate, resource)]
            known = _known(con, subject_type, {key for claim in claims for key in claim.keys})
            ids = _fresh_ids(con)
            found = resolve(claims, known, lambda ids=ids: next(ids))
            _write(con, candidate, subject_type, found, known)
            ended = _end_unclaimed(con, candidate, subject_type, resources)
            for name, value in (
                ("claims", len(claims)),
                ("minted", len(found.minted)),
                ("links", len(found.links)),
                ("ended", ended),
                ("merges", len(found.merges)),
                ("reviews", len(found.reviews)),
            ):
                counts[name] += value
    return counts


def _registers(catalog: Catalog) -> list[Resource]:
    """Return the resources that may mint subjects: their key is the subject's, or they name documents.

    Those that name documents come first, so that later ones find the links there.
    """
    found = [
        resource
        for resource in catalog.resources.values()
        if resource.subject
        and (resource.subject.identity or resource.key == (resource.subject.key,))
        and not catalog.is_asked(resource.name)
    ]
    return sorted(found, key=lambda r: (r.subject.identity is None, r.key != (r.subject.key,), r.name))


def _claims(con: psycopg.Connection, candidate: int, resource: Resource) -> list[Claim]:
    subject = resource.subject
    columns = [subject.key, *(link.item for link in subject.links)]
    identity = subject.identity
    shown = [sql.Identifier(name) for name in columns]
    shown += [_operand(part) for part in _identity_parts(identity)] if identity else []
    statement = sql.SQL("SELECT DISTINCT {} FROM store.{} WHERE _from = %s AND _state = 'reported'").format(
        sql.SQL(", ").join(shown), sql.Identifier(_newest(con, resource))
    )
    claims = []
    for row in con.execute(statement, [candidate]):
        kinds = [subject.id_type, *(link.id_type for link in subject.links)]
        keys = [
            (kind, str(value)) for kind, value in zip(kinds, row, strict=False) if value not in (None, "")
        ]
        name = None
        if identity:
            number, kind, country, name = row[len(columns) :]
            if number and kind:
                keys.append((f"{DOCUMENT}{kind}:{country or ''}", resident_id_18(str(number))))
        if keys:
            claims.append(Claim(resource.name, tuple(dict.fromkeys(keys)), name_digest(name)))
    return claims


def _identity_parts(identity: IdentityItems) -> tuple[str, str, str, str]:
    return identity.number, identity.type, identity.country or "=", identity.name or "="


def _operand(part: str) -> sql.Composable:
    return sql.Literal(part[1:]) if part.startswith("=") else sql.Identifier(part)


def _newest(con: psycopg.Connection, resource: Resource) -> str:
    from warehouse.store import newest_table

    return newest_table(con, resource)


def _known(con: psycopg.Connection, subject_type: str, keys: set[Key]) -> dict[Key, tuple[int, str]]:
    if not keys:
        return {}
    kinds, values = zip(*keys, strict=True)
    rows = con.execute(
        """SELECT id_type, key, subject_id, coalesce(name_digest, '') FROM yici.link
           JOIN unnest(%s::text[], %s::text[]) AS wanted (id_type, key) USING (id_type, key)
           WHERE type = %s AND _to IS NULL""",
        [list(kinds), list(values), subject_type],
    )
    return {(kind, key): (subject, digest) for kind, key, subject, digest in rows}


def _fresh_ids(con: psycopg.Connection, block: int = 500) -> Iterator[int]:
    """Yield subject ids from the table's sequence, fetched in blocks; those left over are simply skipped."""
    while True:
        rows = con.execute(
            "SELECT nextval(pg_get_serial_sequence('yici.subject', 'id')) FROM generate_series(1, %s)",
            [block],
        ).fetchall()
        yield from (row[0] for row in rows)


def _write(
    con, candidate: int, subject_type: str, found: Resolution, known: dict[Key, tuple[int, str]]
) -> None:
    for kept, gone, reason in found.merges:
        rows = con.execute(
            "SELECT id_type, key, coalesce(name_digest, '') FROM yici.link WHERE subject_id = %s AND _to IS NULL",
            [gone],
        )
        for kind, key, digest in rows.fetchall():
            found.links.setdefault((kind, key), (kept, digest, "merge"))
        con.execute(
            "INSERT INTO yici.identity_event (release, event, kept, gone, reason, at)"
            " VALUES (%s, 'merge', %s, %s, %s, %s)",
            [candidate, kept, gone, reason, now()],
        )
    changed = list(found.links)
    with con.cursor() as cursor:
        with cursor.copy("COPY yici.subject (id, type, minted_release) FROM STDIN") as copy:
            for subject in found.minted:
                copy.write_row((subject, subject_type, candidate))
        cursor.executemany(
            "UPDATE yici.link SET _to = %s WHERE type = %s AND id_type = %s AND key = %s AND _to IS NULL",
            [
                (candidate, subject_type, kind, key)
                for kind, key in changed
                if (kind, key) in known or found.merges
            ],
        )
        with cursor.copy(
            "COPY yici.link (subject_id, type, id_type, key, name_digest, source, _from) FROM STDIN"
        ) as copy:
            for (kind, key), (subject, digest, source) in found.links.items():
                copy.write_row((subject, subject_type, kind, key, digest or None, source, candidate))
        cursor.executemany(
            "INSERT INTO yici.identity_review (release, type, subject_a, subject_b, resource, reason, state, at)"
            " VALUES (%s, %s, %s, %s, %s, %s, 'open', %s) ON CONFLICT DO NOTHING",
            [
                (candidate, subject_type, a, b, resource, reason, now())
                for a, b, resource, reason in found.reviews
            ],
        )
    if changed:
        con.execute("ANALYZE yici.link")


def _end_unclaimed(con, candidate: int, subject_type: str, resources: list[Resource]) -> int:
    """End the document links that the candidate's ended versions claimed and no open version claims any more.

    Natural keys stay: somebody who left is still known by their number.
    """
    ended = 0
    for resource in resources:
        identity = resource.subject.identity
        if not identity:
            continue
        table = sql.Identifier(_newest(con, resource))
        parts = [_operand(part) for part in _identity_parts(identity)[:3]]
        statement = sql.SQL("SELECT DISTINCT {} FROM store.{} WHERE {} ").format(
            sql.SQL(", ").join(parts), table, sql.SQL("_to = %s")
        )
        gone = {_document(row) for row in con.execute(statement, [candidate]) if row[0] and row[1]}
        if gone:
            ended += _end(con, candidate, subject_type, gone, resources)
    return ended


def _end(con, candidate: int, subject_type: str, gone: set[Key], resources: list[Resource]) -> int:
    still = set()
    for resource in resources:
        if identity := resource.subject.identity:
            numbers = [key for _, key in gone]
            old_forms = [number[:6] + number[8:17] for number in numbers if len(number) == 18]
            statement = sql.SQL(
                "SELECT DISTINCT {} FROM store.{} WHERE _to IS NULL AND upper({}) = ANY (%s)"
            ).format(
                sql.SQL(", ").join(_operand(part) for part in _identity_parts(identity)[:3]),
                sql.Identifier(_newest(con, resource)),
                _operand(identity.number),
            )
            still |= {
                _document(row) for row in con.execute(statement, [numbers + old_forms]) if row[0] and row[1]
            }
    count = 0
    for kind, key in gone - still:
        count += con.execute(
            "UPDATE yici.link SET _to = %s WHERE type = %s AND id_type = %s AND key = %s AND _to IS NULL"
            " AND _from < %s",
            [candidate, subject_type, kind, key, candidate],
        ).rowcount
    return count


def _document(row) -> Key:
    number, kind, country = row[:3]
    return f"{DOCUMENT}{kind}:{country or ''}", resident_id_18(str(number))
