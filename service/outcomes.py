"""What became of prefilled fields: a value that applicants keep changing is wrong, or means something else to them.

A service system says afterwards which prefilled fields were kept, changed or cleared, never to what. Each release turns
that into a finding for whoever provides the value.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import asyncpg
import psycopg
from pydantic import Field

from catalogs.model import Catalog
from expectations.admission import Finding
from service import declared
from service.keys import Keys
from service.problems import Problem
from service.subjects import Closed, Text

STAGE = "service"
# Over these days, of at least so many prefilled fields, more than such a share changed is a finding.
WINDOW, AT_LEAST, SHARE = timedelta(days=30), 20, 0.05


class FieldOutcome(Closed):
    """What became of one field. `source` and `serial` are those that the answer's evidence named."""

    field: Text
    source: Text
    serial: UUID | None = Field(None, description="Of a value that the applicant had declared before")
    outcome: Literal["kept", "changed", "cleared"]


class Outcomes(Closed):
    """`POST /v1/prefills/{id}:reconcile`."""

    fields: list[FieldOutcome] = Field(min_length=1, max_length=200)


async def note(
    pool: asyncpg.Pool, keys: Keys, catalog: Catalog, client_id: str, id_: UUID, told: Outcomes, at: datetime
) -> dict[str, Any]:
    """Note what became of the fields of a prefill; what was noted before stays as it is.

    A value that the applicant had declared before is dated anew where it was kept, and destroyed where it was not.

    Returns:
        `noted`: how many fields are noted now.

    Raises:
        Problem: NOT_FOUND for what is no prefill of this client, INVALID_PARAMETER for a field that its form does not
            have or a source that does not provide it.
    """
    purpose = await pool.fetchval(
        "SELECT purpose FROM service.record"
        " WHERE transaction_id = $1 AND client_id = $2 AND action = 'prefill' AND outcome = 'allowed'",
        id_,
        client_id,
    )
    item = catalog.services.get(purpose or "")
    if item is None:
        raise Problem("NOT_FOUND", rule="audit:own_transaction")
    elements = {field.field: field.element for field in item.form if field.element}
    errors = []
    for place, one in enumerate(told.fields):
        sources = {source.resource for source in catalog.sources_of(elements.get(one.field, ""))}
        if one.field not in elements:
            errors.append({"pointer": f"/fields/{place}/field", "code": "not_in_form"})
        elif one.source != declared.SOURCE and one.source not in sources:
            errors.append({"pointer": f"/fields/{place}/source", "code": "not_its_source"})
    if errors:
        raise Problem("INVALID_PARAMETER", errors=errors, rule="prefill:of_this_form")
    for place, one in enumerate(told.fields):
        if one.source != declared.SOURCE:
            continue
        was_kept, element = one.outcome == "kept", elements[one.field]
        if one.serial is None or not await declared.reuse(pool, keys, one.serial, element, was_kept, at):
            errors = [{"pointer": f"/fields/{place}/serial", "code": "not_its_source"}]
            raise Problem("INVALID_PARAMETER", errors=errors, rule="prefill:of_this_form")
    await pool.executemany(
        """INSERT INTO service.prefill_outcome (transaction_id, field, element, source, outcome, at)
           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING""",
        [(id_, one.field, elements[one.field], one.source, one.outcome, at) for one in told.fields],
    )
    noted = await pool.fetchval("SELECT count(*) FROM service.prefill_outcome WHERE transaction_id = $1", id_)
    return {"transaction_id": str(id_), "noted": noted}


def findings(con: psycopg.Connection, catalog: Catalog, at: datetime) -> Iterator[Finding]:
    """Yield one finding per item whose prefilled values were looked at often enough lately; counts only."""
    rows = con.execute(
        """SELECT source, element, count(*), count(*) FILTER (WHERE outcome <> 'kept') FROM service.prefill_outcome
           WHERE at > %s GROUP BY 1, 2 HAVING count(*) >= %s ORDER BY 1, 2""",
        [at - WINDOW, AT_LEAST],
    ).fetchall()
    for resource, element, total, changed in rows:
        sources = [one for one in catalog.sources_of(element) if one.resource == resource]
        if not sources:
            continue
        yield Finding(
            resource,
            f"{sources[0].item}.edited",
            "accuracy",
            "warning",
            STAGE,
            changed <= SHARE * total,
            changed,
            total,
            f"of {total} prefilled fields applicants changed {changed} in {WINDOW.days} days",
        )
