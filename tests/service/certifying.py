"""A desk that issues certificates: keys that seal, a login of the campus, and papers that only a test prints."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from catalogs.model import Catalog
from catalogs.settings import now
from service import api_me, certificate_authority, certificate_following, certificate_sealing
from service.configuration import Configuration
from service.login import LoginSettings
from tests.service.conftest import opened
from tests.service.desk import Desk
from tests.service.test_me import AUDIENCE, NUMBERS, Provider
from tests.support.postgres import PgDatabase

ISSUER = "https://data.test.example"


@contextmanager
def certifying(
    database: PgDatabase,
    home: Path,
    provider: Provider,
    content: Catalog,
    rows: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    numbers: Mapping[str, str] = NUMBERS,
) -> Iterator[Desk]:
    """Run a service that certifies; nobody is limited, and what follows a change does so at once.

    Args:
        database, home: its warehouse and state folder.
        provider: of the campus's login.
        content: the catalog.
        rows: of the resources; None: the small campus's.
        numbers: claim of the login → kind of number.
    """
    certificate_authority.reference_keys(home, content.campus.name_zh, ISSUER, now())
    login = LoginSettings(provider.issuer, AUDIENCE, f"{provider.issuer}/keys", numbers)
    chosen = Configuration(login=login, verify_rate=100_000)
    given = () if rows is None else (rows,)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certificate_sealing, "starting", nobody_starts)
        patch.setattr(api_me, "_PER_MINUTE", 100_000)
        patch.setattr(certificate_following, "EVERY_S", 0.2)
        with opened(database, home, chosen, content, *given) as found:
            yield found


async def nobody_starts(_pool: asyncpg.Pool) -> None:
    """Stand in for what starts the printing processes."""
    await asyncio.Event().wait()
