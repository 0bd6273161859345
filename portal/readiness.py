"""Pages are made before somebody waits for them: after the start, and whenever version, release or day is another one.

Making the pages of a catalog takes seconds, and so does telling what open proposals would mean on it. A thread beside
the requests looks every few seconds whether something changed, and makes it then; with nothing new it asks two small
questions. What it has not made yet, a request makes, as before: nobody is ever shown an older version.
"""

import asyncio

import psycopg
import sqlalchemy.exc
import structlog

from portal import correcting
from portal.entry import House
from portal.problems import Refused

LOOK_S = 2.0
_log = structlog.get_logger("yici.portal")


class Readiness:
    """What was made ready last in this worker."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._made: tuple[object, ...] = ()
        self._told = ""

    async def keep(self, end: asyncio.Event) -> None:
        """Look again and again until the application ends; what is being made then is finished."""
        while not end.is_set():
            await asyncio.to_thread(self.look)
            try:
                await asyncio.wait_for(end.wait(), LOOK_S)
            except TimeoutError:
                continue

    def look(self) -> None:
        """Make what is new since the last look."""
        try:
            with self._house.database.connection() as con:
                self._make(con)
            self._told = ""
        except (Refused, psycopg.Error, sqlalchemy.exc.SQLAlchemyError) as error:
            told = type(error).__name__
            if told != self._told:
                _log.info("nothing can be made ready now", error=told)
            self._told = told

    def _make(self, con: psycopg.Connection) -> None:
        edition = self._house.known.edition(con)
        (newest,) = con.execute("SELECT max(number) FROM yici.proposal").fetchone()
        found = (edition.key, newest)
        if found == self._made:
            return
        self._house.meanings.warm(con, edition.catalog)
        if self._house.desk is not None:
            with self._house.desk.connection() as desk:
                correcting.forget_old(desk)
        self._made = found
