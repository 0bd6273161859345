"""Who is who on the campus, for whoever measures how well that is found out: `python -m demo.truth --size small FILE`.

One JSON line per role: register, number, which human being, and what a register without any mistake would say. No
system of the campus knows this.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from demo.systems.certificates_legacy import earlier_graduates
from demo.target import write_private
from demo.world import SIZES, World, build_world
from demo.world_people import Person


def truth(world: World) -> Iterator[dict]:
    """Yield each role of each person: students, graduates, staff, and those who graduated before there were systems.

    Fields: register, number, person (a key: same human being, same key), name, former_name, sex (1 man, 2 woman),
    born_on (ISO), phone, documents (kind, country, number; the one that registers use first).
    """
    keys = {}
    for register, roles in (
        ("academic.students", world.undergraduates),
        ("graduate.students", world.graduates),
        ("hr.staff", world.staff),
    ):
        for role in roles:
            keys[role.person.document.number] = role.person.key
            number = role.staff_no if register == "hr.staff" else role.student_no
            yield _row(register, number, str(role.person.key), role.person)
    for graduate in earlier_graduates(world):
        person = graduate.person
        # Most of them were made for this list only, and count their keys anew.
        key = keys.get(person.document.number, f"earlier-{graduate.student_no}")
        yield _row("certificates_legacy.graduation", graduate.student_no, str(key), person)


def _row(register: str, number: str, key: str, person: Person) -> dict:
    return {
        "register": register,
        "number": number,
        "person": key,
        "name": person.name,
        "former_name": person.former_name,
        "sex": person.sex,
        "born_on": person.born_on.isoformat(),
        "phone": person.phone,
        "documents": [
            {"kind": one.kind, "country": one.country, "number": one.number} for one in person.documents
        ],
    }


def main() -> None:
    """Write the truth of a campus into a file that only its owner reads."""
    parser = argparse.ArgumentParser(prog="demo.truth", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same people")
    parser.add_argument("file", type=Path)
    asked = parser.parse_args()
    lines = [json.dumps(row, ensure_ascii=False) for row in truth(build_world(asked.seed, asked.size))]
    write_private(asked.file, "\n".join(lines) + "\n")
    print(f"{len(lines):,} roles in {asked.file}")


if __name__ == "__main__":
    main()
