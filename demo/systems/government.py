"""The government's register of persons, behind HTTP look-ups; nothing of it may be landed."""

from typing import TYPE_CHECKING

from demo.roll import dice
from demo.tables import SqliteStore, Table
from demo.target import Target

if TYPE_CHECKING:
    from demo.world import World

FILE = "persons.db"
PERSONS = Table(
    "persons",
    "常住人口",
    (
        ("id_no", "varchar(18)", "公民身份号码"),
        ("name", "varchar(100)", "姓名"),
        ("household", "varchar(100)", "户籍所在地"),
        ("household_kind", "varchar(10)", "家庭户, 集体户"),
        ("since", "date", "迁入日期"),
    ),
    ("id_no",),
)
_PLACES = ("青溪县城关镇", "云溪市溪东区", "东岭市河西街道", "明湖市南桥区", "北川县石坝乡")
_UNKNOWN_EVERY = 150


def build(world: "World", target: Target) -> dict[str, int]:
    """Write the register: everybody who holds a resident identity card.

    One person in a hundred and fifty is not found, as happens with renewed cards.
    """
    store = SqliteStore(target.fresh_file("government", FILE))
    random = dice(world.seed, "government")
    rows: dict[str, tuple] = {}
    for number, person in enumerate(world.people, start=1):
        document = person.document
        if document.kind != "1" or number % _UNKNOWN_EVERY == 0:
            continue
        kind = random.choices(("家庭户", "集体户"), (7, 3))[0]
        place = "云溪大学集体户" if kind == "集体户" else random.choice(_PLACES)
        since = f"{random.randint(2005, 2025)}-{random.randint(1, 12):02d}-15"
        rows.setdefault(document.number, (document.number, person.name, place, kind, since))
    try:
        store.create(PERSONS)
        store.load(PERSONS, rows.values())
    finally:
        store.close()
    target.env.set_system(
        "government",
        url=f"http://127.0.0.1:{target.port('government')}",
        token=target.password("token:government"),
    )
    return {"persons": len(rows)}


def advance(world: "World", target: Target, day: int) -> dict[str, int]:
    """Nothing changes from one day to the next."""
    return {}
