"""The ledger of each release, exported beside landing: what a rebuild cannot find in the extracts themselves.

Which extracts a release judged with which outcome, by which catalog, and the links it opened and ended. One sealed
folder per release, `_ledger/<number>`, and each catalog once, named by its own digest. Written after a release is
published; what one run missed, the next one writes.
"""

from pathlib import Path

import psycopg

from catalogs.settings import scratch
from connectors.landing import BASELINES, LEDGER, Landing, LandingError
from warehouse import sealed
from warehouse.ledger_rows import write_rows

CATALOGS = f"{LEDGER}/catalogs"
LEDGER_FILE, LINKS_FILE = "ledger.jsonl.gz", "links.jsonl.gz"
# Of the tables that are not here: `current_release` follows from the releases, `quarantine` from judging again,
# `deletion` is in the baseline that every deletion writes, `system_failure` is about tomorrow's readings,
# `identity_pair` and `identity_search` are what the next search finds again.
_LEDGER = {
    "catalog_version": """SELECT to_jsonb(v) - 'files' FROM yici.catalog_version v
                          WHERE id = (SELECT catalog_version FROM yici.release WHERE id = {n})
                              OR id IN (SELECT catalog_version FROM yici.catalog_publication
                                        WHERE at > {since} AND at <= {until})""",
    "proposal": "SELECT to_jsonb(p) FROM yici.proposal p WHERE changed_at > {since} AND changed_at <= {until}",
    "catalog_publication": """SELECT to_jsonb(p) FROM yici.catalog_publication p
                              WHERE at > {since} AND at <= {until}""",
    "proposal_event": """SELECT to_jsonb(e) FROM yici.proposal_event e WHERE at > {since} AND at <= {until}""",
    "release": "SELECT to_jsonb(r) FROM yici.release r WHERE id = {n}",
    # Also extracts that no release judged yet; of those the zone itself knows the rest.
    "extract": """SELECT to_jsonb(e) FROM yici.extract e WHERE (finished_at > {since} AND finished_at <= {until})
                      OR id IN (SELECT unnest(judged) FROM yici.release_resource WHERE release = {n})""",
    "release_resource": "SELECT to_jsonb(r) FROM yici.release_resource r WHERE release = {n}",
    "mart": "SELECT to_jsonb(m) FROM yici.mart m WHERE release = {n}",
    "finding": "SELECT to_jsonb(f) FROM yici.finding f WHERE release = {n}",
    "distribution": "SELECT to_jsonb(d) FROM yici.distribution d WHERE release = {n}",
    # What a human decides closes a review at a later release.
    "identity_review": "SELECT to_jsonb(i) FROM yici.identity_review i WHERE release = {n} OR closed_release = {n}",
    "identity_decision": "SELECT to_jsonb(d) FROM yici.identity_decision d WHERE at > {since} AND at <= {until}",
    "identity_sight": "SELECT to_jsonb(s) FROM yici.identity_sight s WHERE at > {since} AND at <= {until}",
    # A decision is exported when it is filed, and again by the release that takes it up.
    "quarantine_decision": """SELECT to_jsonb(d) FROM yici.quarantine_decision d
                              WHERE _from = {n} OR (at > {since} AND at <= {until})""",
    "quarantine_look": "SELECT to_jsonb(l) FROM yici.quarantine_look l WHERE at > {since} AND at <= {until}",
    "identity_event": "SELECT to_jsonb(i) FROM yici.identity_event i WHERE release = {n}",
}
_LINKS = {
    "subject": "SELECT to_jsonb(s) FROM yici.subject s WHERE minted_release = {n}",
    "link": """SELECT to_jsonb(l) || CASE WHEN _to > {n} THEN '{{"_to": null}}'::jsonb ELSE '{{}}'::jsonb END
               FROM yici.link l WHERE _from = {n} OR _to = {n} ORDER BY _to = {n} DESC NULLS LAST""",
}
EXPORTED = frozenset(_LEDGER | _LINKS)


def path_of(release: int) -> str:
    """Return the folder of a release's ledger, relative to the landing zone."""
    return f"{LEDGER}/{release:010d}"


def export(con: psycopg.Connection, landing: Landing, home: Path) -> list[int]:
    """Export the ledger of every published release that neither it nor a baseline holds yet; returns their numbers.

    Args:
        con: the owner's connection.
        landing: the zone.
        home: the state folder, whose key signs.
    """
    there = {sealed.release_of(path) for path in sealed.folders(landing, LEDGER)}
    secured = max((sealed.release_of(path) for path in sealed.folders(landing, BASELINES)), default=0)
    published = con.execute(
        """SELECT id, lag(id) OVER (ORDER BY id) FROM yici.release WHERE state = 'published' ORDER BY id"""
    ).fetchall()
    done = []
    for number, previous in published:
        if number > secured and number not in there:
            _export(con, landing, home, number, previous or 0)
            done.append(number)
    return done


def _export(con: psycopg.Connection, landing: Landing, home: Path, number: int, previous: int) -> None:
    row = con.execute(
        """SELECT v.hash, v.files FROM yici.release r JOIN yici.catalog_version v ON v.id = r.catalog_version
           WHERE r.id = %s""",
        [number],
    ).fetchone()
    put_catalog(landing, *row)
    published = "coalesce((SELECT published_at FROM yici.release WHERE id = {}), '-infinity')"
    texts = {"n": number, "until": published.format(number), "since": published.format(previous)}
    others = con.execute(
        """SELECT v.hash, v.files FROM yici.catalog_publication p JOIN yici.catalog_version v
               ON v.id = p.catalog_version WHERE p.at > {since} AND p.at <= {until}""".format(**texts)
    )
    for version, files in others:
        put_catalog(landing, version, files)
    with scratch("ledger") as folder:
        for file, selects in ((LEDGER_FILE, _LEDGER), (LINKS_FILE, _LINKS)):
            write_rows(
                con, [(table, query.format(**texts)) for table, query in selects.items()], folder / file
            )
        sealed.seal(
            landing,
            path_of(number),
            {file: folder / file for file in (LEDGER_FILE, LINKS_FILE)},
            {"kind": "ledger", "release": number, "previous": previous, "catalog": row[0]},
            sealed.signing_key(home),
        )


def with_files(landing: Landing, table: str, row: dict) -> tuple[str, dict]:
    """Return a row of an exported ledger as its table takes it: a catalog with its files."""
    if table == "catalog_version":
        row = row | {"files": "\\x" + catalog_files(landing, row["hash"]).hex()}
    return table, row


def put_catalog(landing: Landing, version: str, files: bytes) -> None:
    """Keep the packed files of a catalog beside landing, once."""
    path = f"{CATALOGS}/{version}.zip"
    if not landing.fs.exists(f"{landing.root}/{path}"):
        landing.put(path, files)


def catalog_files(landing: Landing, version: str) -> bytes:
    """Return the packed files of a catalog; whoever loads them compares the version.

    Raises:
        LandingError: they are gone.
    """
    try:
        return landing.fs.cat_file(f"{landing.root}/{CATALOGS}/{version}.zip")
    except FileNotFoundError:
        raise LandingError(
            f"landing {CATALOGS}/{version}.zip: missing; restore it from backup. Nothing was changed"
        ) from None
