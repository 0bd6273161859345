"""Addresses inside an entry: `properties[XM].customProperties[shareType].value`, `steps[3].limit.value`.

A key is written bare; one that is no plain word stands in double quotes as JSON writes it. A member of a list is
addressed by what identifies it there, so that an address stays true when others add or move members; a list whose
members cannot be told apart is one value. `steps[]` is the order of the members.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# List name → the key that tells its members apart.
IDENTITY = {
    "customProperties": "property",
    "schema": "name",
    "properties": "name",
    "quality": "id",
    "members": "username",
    "roles": "role",
    "servers": "server",
    "slaProperties": "property",
    "steps": "seq",
    "form": "field",
    "materials": "material",
    "serviceItems": "code",
    "demands": "demandId",
    "powers": "code",
    "certificates": "certificate",
    "purposes": "code",
    "facts": "element",
    "proves": "element",
    "places": "campus",
    "contacts": "unit",
    "legalBasis": "title",
    "preconditions": "nameZh",
    "faq": "q",
    "goals": "id",
    "sites": "code",
    "terms": "term",
}
_WORD = re.compile(r"[^\s.\[\]\"]+")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True)
class Member:
    """A member of a list, by what identifies it; None: the order of the members."""

    id: str | None


Part = str | Member


class PathError(ValueError):
    """A text is no address, or there is nothing at it that could be changed."""


def field_of(parts: Sequence[Part]) -> str:
    """Return the address as text; empty for the entry itself."""
    text = ""
    for part in parts:
        if isinstance(part, Member):
            text += f"[{'' if part.id is None else _written(part.id)}]"
        else:
            text += ("." if text else "") + _written(part)
    return text


def parts_of(field: str) -> tuple[Part, ...]:
    """Read an address.

    Raises:
        PathError: the text is no address.
    """
    parts: list[Part] = []
    place = 0
    while place < len(field):
        if field[place] == "[":
            if field.startswith("[]", place):
                parts.append(Member(None))
                place += 2
                continue
            word, place = _word(field, place + 1)
            if not field.startswith("]", place):
                raise PathError(f"{field}: a bracket is not closed")
            parts.append(Member(word))
            place += 1
            continue
        if place:
            if field[place] != ".":
                raise PathError(f"{field}: expected a dot at character {place + 1}")
            place += 1
        word, place = _word(field, place)
        parts.append(word)
    return tuple(parts)


def member_ids(name: str, members: Any) -> list[str] | None:
    """Return what identifies each member of a list, or None if they cannot be told apart.

    Args:
        name: the key the list stands under.
        members: the list; of texts, each once, or of mappings.
    """
    if not isinstance(members, list):
        return None
    if all(isinstance(member, str) for member in members):
        return list(members) if len(set(members)) == len(members) else None
    if name not in IDENTITY or not all(isinstance(member, Mapping) for member in members):
        return None
    values = [member.get(IDENTITY[name]) for member in members]
    found = [str(value) for value in values if isinstance(value, (str, int)) and str(value)]
    return found if len(set(found)) == len(members) else None


def shared_ids(name: str, one: Any, other: Any) -> tuple[list[str], list[str]] | None:
    """Return what identifies the members of two states of a list, or None if it has to be seen as a whole."""
    both = member_ids(name, one), member_ids(name, other)
    kinds = {type(member) for members in (one, other) if isinstance(members, list) for member in members}
    return None if both[0] is None or both[1] is None or len(kinds) > 1 else (both[0], both[1])


def look(data: Any, parts: Sequence[Part]) -> Any:
    """Return what stands at an address, None if nothing does.

    Raises:
        PathError: a part of the way is not there, or is of another kind.
    """
    name = ""
    for number, part in enumerate(parts):
        if data is None:
            raise PathError(f"there is no {field_of(parts[:number])}")
        if isinstance(part, Member):
            ids = member_ids(name, data)
            if ids is None:
                raise PathError(f"{field_of(parts[:number])} is no list whose members can be told apart")
            if part.id is None:
                return ids
            data = data[ids.index(part.id)] if part.id in ids else None
        else:
            if not isinstance(data, Mapping):
                raise PathError(f"{field_of(parts[:number]) or 'the entry'} has no keys")
            data, name = data.get(part), part
    return data


def put(data: Any, parts: Sequence[Part], value: Any) -> None:
    """Set, add or (None) remove what stands at an address, in place; `look` has found the way to it.

    A new member goes to the end of its list. Setting an order keeps members that it does not name at the end.
    """
    *way, last = parts
    holder = look(data, way)
    if isinstance(last, str):
        if value is None:
            holder.pop(last, None)
        else:
            holder[last] = value
        return
    ids = member_ids(str(way[-1]), holder) or []
    if last.id is None:
        rank = {one: number for number, one in enumerate(value)}
        order = sorted(range(len(ids)), key=lambda place: rank.get(ids[place], len(rank)))
        holder[:] = [holder[place] for place in order]
    elif last.id not in ids:
        holder.append(value)
    elif value is None:
        del holder[ids.index(last.id)]
    else:
        holder[ids.index(last.id)] = value


def same(one: Any, other: Any) -> bool:
    """Whether two pieces of plain data are the same, with 1, 1.0 and true told apart."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def _written(word: str) -> str:
    return word if _WORD.fullmatch(word) else json.dumps(word, ensure_ascii=False)


def _word(field: str, place: int) -> tuple[str, int]:
    quoted = _QUOTED.match(field, place)
    if quoted:
        return json.loads(quoted.group()), quoted.end()
    word = _WORD.match(field, place)
    if not word:
        raise PathError(f"{field}: expected a word at character {place + 1}")
    return word.group(), word.end()
