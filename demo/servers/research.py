"""Research administration over HTTP: `GET /api/v1/<kind>?page=1&size=500`, pages of JSON documents."""

import json
from http.server import ThreadingHTTPServer
from pathlib import Path

from demo.servers.common import Answer, Moods, Request, documents, make_server
from demo.systems.research import FILE, KINDS

PREFIX = "/api/v1/"
# Kind → `repeated` (each page is the first one) or `partial` (the last page is missing): a gateway gone wrong.
MOODS = "moods.json"
LARGEST_PAGE = 500
BUSY_EVERY, LIMITED_EVERY = 11, 17


def server(folder: Path, port: int, token: str) -> ThreadingHTTPServer:
    """Return the bound server that answers from `folder`."""
    path = (folder / FILE).absolute()

    def answer(request: Request) -> Answer:
        kind = request.path.removeprefix(PREFIX)
        if request.method != "GET" or not request.path.startswith(PREFIX) or kind not in KINDS:
            return Answer(404, {"code": 404, "message": "没有这个接口"})
        try:
            page = int(request.query.get("page", ["1"])[0])
            size = int(request.query.get("size", ["100"])[0])
        except ValueError:
            return Answer(400, {"code": 400, "message": "page、size 须为整数"})
        if page < 1 or not 1 <= size <= LARGEST_PAGE:
            return Answer(400, {"code": 400, "message": f"page 从 1 起, size 不超过 {LARGEST_PAGE}"})
        mood = _mood(folder, kind)
        connection = documents(path)
        try:
            (total,) = connection.execute("SELECT count(*) FROM documents WHERE kind = ?", [kind]).fetchone()
            rows = connection.execute(
                "SELECT body FROM documents WHERE kind = ? ORDER BY id LIMIT ? OFFSET ?",
                [kind, size, 0 if mood == "repeated" else (page - 1) * size],
            ).fetchall()
            if mood == "partial" and page * size >= total:
                rows = []
        finally:
            connection.close()
        items = [json.loads(body) for (body,) in rows]
        return Answer(200, {"code": 0, "data": {"total": total, "page": page, "size": size, "items": items}})

    return make_server(port, token, answer, Moods(BUSY_EVERY, LIMITED_EVERY))


def _mood(folder: Path, kind: str) -> str:
    """Return how pages of a kind are turned wrongly; empty if they are not."""
    try:
        return json.loads((folder / MOODS).read_text(encoding="utf-8")).get(kind, "")
    except FileNotFoundError:
        return ""
