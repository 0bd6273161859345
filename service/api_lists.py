"""Reads of the derived lists: what there is, and each with its rows and their reasons, as JSON or as a workbook."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from service.api import Around, Caller, refusals
from service.guard import XLSX, accepted_kinds
from service.lists import about

router = APIRouter(tags=["catalog"])
_FORMATS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The list", "content": {"application/json": {}, XLSX: {}}}
}


@router.get("/v1/catalog/lists", responses=refusals())
async def lists(caller: Caller, around: Around) -> dict[str, Any]:
    """Every derived list: its name, titles, columns and number of rows."""
    edition = await around.lists.edition(around.pool, caller.current)
    return edition.as_data() | {"lists": [about(one) for one in edition.lists.values()]}


@router.get("/v1/catalog/lists/{name:part}", response_class=Response, responses=_FORMATS | refusals(404, 422))
async def one_list(
    name: Annotated[str, Path(min_length=1, max_length=64)],
    request: Request,
    caller: Caller,
    around: Around,
    chosen: Annotated[Literal["json", "xlsx"] | None, Query(alias="format")] = None,
) -> Response:
    """One list with all its rows, each with `why` it is there; as a workbook by `format=xlsx` or `Accept`."""
    kinds = accepted_kinds(request)
    as_workbook = chosen == "xlsx" or (chosen is None and XLSX in kinds and "application/json" not in kinds)
    edition = await around.lists.edition(around.pool, caller.current)
    content = await around.lists.written(edition, name, as_workbook)
    if not as_workbook:
        return Response(content, media_type="application/json")
    named = {"Content-Disposition": f'attachment; filename="{name}.xlsx"'}
    return Response(content, media_type=XLSX, headers=named)
