"""The government's data over HTTP: one person per request, answers not to be kept.

`POST /gateway/identity-check {name, id_no}` says whether name and number belong together;
`POST /gateway/household {name, id_no}` says where the person is registered. Every answer has
a serial number; a list of people is refused.
"""

from http.server import ThreadingHTTPServer
from itertools import count
from pathlib import Path

from demo.servers.common import Answer, Moods, Request, documents, make_server
from demo.systems.government import FILE

IDENTITY, HOUSEHOLD = "/gateway/identity-check", "/gateway/household"
BUSY_EVERY, LIMITED_EVERY = 13, 7


def server(folder: Path, port: int, token: str) -> ThreadingHTTPServer:
    """Return the bound server that answers from `folder`."""
    path = (folder / FILE).absolute()
    serials = count(1)

    def answer(request: Request) -> Answer:
        if request.method != "POST" or request.path not in (IDENTITY, HOUSEHOLD):
            return Answer(404, {"code": 404, "message": "没有这个接口"})
        asked = request.body
        if not isinstance(asked, dict) or set(asked) != {"name", "id_no"}:
            return Answer(400, {"code": 400, "message": "一次只查一人, 须给 name 与 id_no"})
        if not all(isinstance(value, str) and value for value in asked.values()):
            return Answer(400, {"code": 400, "message": "name 与 id_no 须为非空文本"})
        connection = documents(path)
        try:
            found = connection.execute(
                "SELECT name, household, household_kind, since FROM persons WHERE id_no = ?", [asked["id_no"]]
            ).fetchone()
        finally:
            connection.close()
        serial = f"ZW{next(serials):010d}"
        if request.path == IDENTITY:
            result = "查无此号" if found is None else "一致" if found[0] == asked["name"] else "不一致"
            return Answer(200, {"code": 0, "serial": serial, "data": {"result": result}})
        if found is None or found[0] != asked["name"]:
            return Answer(200, {"code": 0, "serial": serial, "data": None})
        _, place, kind, since = found
        found_data = {"household": place, "kind": kind, "since": since}
        return Answer(200, {"code": 0, "serial": serial, "data": found_data})

    return make_server(port, token, answer, Moods(BUSY_EVERY, LIMITED_EVERY))
