"""What many tests begin with is made once in a session: database and folder are kept, and copied for each of them."""

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.support.postgres import PgDatabase, PgServer
from tests.support.session import exclusively, shared_folder


def made_once(
    name: str,
    database: PgDatabase,
    folder: Path | None,
    make: Callable[[], None],
    without: tuple[str, ...] = (),
) -> None:
    """Let database and folder be as `make` leaves them; connections to the database are ended.

    Args:
        name: tells what is made from whatever else a session keeps.
        database: the one that `make` fills.
        folder: the one that `make` fills; files of other names that are in it stay. None: it fills the database only.
        make: called by the first test that asks.
        without: names that are left out of the copy of the folder.
    """
    server, template, kept = PgServer(database.address), f"kept_{name}", shared_folder() / f"kept_{name}"
    with exclusively(template):
        if not server.has_database(template):
            make()
            if folder:
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(folder, kept, ignore=shutil.ignore_patterns(*without))
            server.keep(database, template)
            return
    server.drop_database(database)
    server.create_database(template, database.name)
    if folder:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
