"""Looks into the record by those who run the service: on record like any other, before anything is shown."""

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

from service.keys import load
from service.record import Decision, Recorder
from service.store_keys import arguments
from warehouse.connect import pg_params

OPERATOR = "operator"


async def put_on_record(action: str, post: str, asked: Any, told: Any, at: datetime, home: Path) -> None:
    """Record that somebody was shown something of the record.

    Args:
        action: what was looked at.
        post: who looked.
        asked: what for, as plain data; only a digest is written.
        told: what was shown, likewise.
        at: the moment.
        home: the state folder.

    Raises:
        Problem: AUDIT_UNAVAILABLE; then nothing may be shown.
    """
    decision = Decision(
        uuid4(),
        action,
        OPERATOR,
        receiver_name="运行维护",
        actor_id=post,
        actor_role="officer",
        outcome="allowed",
        code="OK",
        rule="record:look",
    )
    async with asyncpg.create_pool(**arguments(pg_params("service")), min_size=1, max_size=1) as pool:
        recorder = Recorder(pool, load(home))
        try:
            await recorder.append(decision, asked, told, at)
        finally:
            await recorder.stop()
