"""Random content files as people write them: block and flow style mixed, comments everywhere, data under it."""

import copy
import json
from dataclasses import dataclass
from typing import Any

import yaml
from hypothesis import strategies as st

from catalogs.changes.content import read_content
from catalogs.changes.paths import IDENTITY

Files = dict[str, bytes]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
CODES = st.sampled_from(["A", "B", "C", "D", "x.y", "[z]", "甲"])
SCALARS = st.one_of(
    TEXTS, st.integers(-3, 300), st.booleans(), st.floats(-2, 2).map(lambda one: round(one, 3))
)
PLAIN_KEYS = ("nameZh", "basis", "on", "limit", "a b", "note.d")
LISTS = ("steps", "properties", "customProperties", "form")


@st.composite
def mappings(draw, depth: int = 2) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key in draw(st.lists(st.sampled_from(PLAIN_KEYS), max_size=4, unique=True)):
        data[key] = draw(values(depth - 1))
    if depth and draw(st.booleans()):
        name = draw(st.sampled_from(LISTS))
        data[name] = draw(members(name, depth - 1))
    if draw(st.booleans()):
        data["elements"] = draw(st.lists(CODES, max_size=4, unique=draw(st.booleans())))
    return data


@st.composite
def members(draw, name: str, depth: int) -> list[dict[str, Any]]:
    codes = draw(st.lists(st.integers(1, 5) if name == "steps" else CODES, max_size=4, unique=True))
    return [{IDENTITY[name]: code, **draw(mappings(depth))} for code in codes]


def values(depth: int) -> st.SearchStrategy[Any]:
    if depth <= 0:
        return SCALARS
    return st.one_of(
        SCALARS, mappings(depth - 1), st.lists(SCALARS, max_size=3), st.lists(mappings(0), max_size=2)
    )


@st.composite
def mutated(draw, data: Any) -> Any:
    """Return the data with a few places changed, so that most of it is still the same."""
    if isinstance(data, dict):
        result = {}
        for key, value in data.items():
            fate = draw(st.integers(0, 9))
            if fate == 0 and key not in IDENTITY.values():
                continue
            result[key] = draw(mutated(value)) if fate < 6 and key not in IDENTITY.values() else value
        if draw(st.integers(0, 4)) == 0:
            result.setdefault(draw(st.sampled_from(PLAIN_KEYS)), draw(values(1)))
        return result
    if isinstance(data, list):
        result = [draw(mutated(value)) for value in data if draw(st.integers(0, 5))]
        if draw(st.integers(0, 4)) == 0:
            result = list(draw(st.permutations(result)))
        if draw(st.integers(0, 3)) == 0:
            result.append(
                draw(values(1)) if not data or not isinstance(data[0], dict) else {"name": "new", "seq": 9}
            )
        return result
    return draw(SCALARS) if draw(st.integers(0, 2)) == 0 else data


class Writer:
    """Writes data as YAML in a style that the draw decides, with numbered comments."""

    def __init__(self, draw: Any):
        self.draw = draw
        self.comments: list[str] = []

    def text(self, data: Any) -> str:
        if not isinstance(data, (dict, list)) or not data:
            return self._scalar(data) + "\n"
        return "\n".join(self._block(data, 0)) + ("\n" if self.draw(st.booleans()) else "")

    def _comment(self) -> str:
        self.comments.append(f"# note {len(self.comments)}.")
        return self.comments[-1]

    def _scalar(self, value: Any) -> str:
        if isinstance(value, dict):
            return "{}"
        if isinstance(value, list):
            return "[]"
        if isinstance(value, str):
            return yaml.safe_dump(value, default_style='"', width=10**6).strip()
        return json.dumps(value)

    def _key(self, key: str) -> str:
        return key if key.isalpha() and key != "on" else json.dumps(key)

    def _flow(self, value: Any, indent: int) -> str:
        if not isinstance(value, (dict, list)) or not value:
            return self._scalar(value)
        comma = f",\n{' ' * indent}" if self.draw(st.integers(0, 3)) == 0 else ", "
        if isinstance(value, dict):
            inner = comma.join(
                f"{self._key(key)}: {self._flow(one, indent + 2)}" for key, one in value.items()
            )
            return "{" + inner + "}"
        return "[" + comma.join(self._flow(one, indent + 2) for one in value) + "]"

    def _block(self, value: Any, indent: int) -> list[str]:
        lines: list[str] = []
        for one in value.items() if isinstance(value, dict) else ((None, member) for member in value):
            key, inner = one
            if self.draw(st.integers(0, 3)) == 0:
                lines.append(" " * indent + self._comment())
            if self.draw(st.integers(0, 9)) == 0:
                lines.append("")
            lead = " " * indent + ("-" if key is None else f"{self._key(key)}:")
            tail = f"  {self._comment()}" if self.draw(st.integers(0, 3)) == 0 else ""
            is_collection = isinstance(inner, (dict, list)) and inner
            if is_collection and self.draw(st.booleans()):
                deeper = self._block(inner, indent + 2)
                tight = (
                    key is None and not tail and deeper[0].strip() and not deeper[0].strip().startswith("#")
                )
                if tight and self.draw(st.booleans()):
                    lines += [f"{lead} {deeper[0].strip()}", *deeper[1:]]
                else:
                    lines += [lead + tail, *deeper]
            elif isinstance(inner, str) and self._fits_block(inner) and self.draw(st.integers(0, 2)) == 0:
                self.comments = [one for one in self.comments if one not in tail or not tail]
                lines += [f"{lead} |-", *(" " * (indent + 2) + line for line in inner.split("\n"))]
            else:
                lines.append(f"{lead} {self._flow(inner, indent + 2)}{tail}")
        return lines

    @staticmethod
    def _fits_block(text: str) -> bool:
        return bool(text) and text.isprintable() and text == text.strip()


@dataclass(frozen=True)
class Changed:
    """Two states of files, and the comments of the old one."""

    old: Files
    new: Files
    comments: dict[str, list[str]]

    def lasting_comments(self) -> dict[str, list[str]]:
        """The comments of files of which no key, member or entry was removed, no member moved, no kind changed."""
        return {
            file: comments
            for file, comments in self.comments.items()
            if file in self.new
            and _only_grew(
                read_content(file, self.old[file]).entries, read_content(file, self.new[file]).entries
            )
        }


def _only_grew(old: Any, new: Any) -> bool:
    if isinstance(old, dict):
        return isinstance(new, dict) and all(
            key in new and _only_grew(one, new[key]) for key, one in old.items()
        )
    if isinstance(old, list):
        return old == new
    return not isinstance(new, (dict, list))


@st.composite
def changes(draw) -> Changed:
    """Return two states of a contract-like file, a list file and a register."""
    writer, others = Writer(draw), Writer(draw)
    data = draw(mappings(2)) | {"code": "X"}
    entries = [{"code": code, **draw(mappings(1))} for code in draw(st.lists(CODES, max_size=3, unique=True))]
    rows = draw(registers())
    old = {
        "services/x.yaml": writer.text(data).encode(),
        "materials.yaml": others.text(entries).encode(),
        "units.csv": rows.encode(),
    }
    comments = {"services/x.yaml": writer.comments, "materials.yaml": others.comments}
    again = Writer(draw)
    new = {
        "services/x.yaml": again.text(draw(mutated(data)) | {"code": "X"}).encode(),
        "materials.yaml": again.text(_with_codes(draw(mutated(entries)))).encode(),
        "units.csv": (draw(registers()) if draw(st.booleans()) else rows).encode(),
    }
    if draw(st.integers(0, 9)) == 0:
        del new["services/x.yaml"]
    return Changed(old, new, comments)


@st.composite
def changed_twice(draw) -> tuple[Files, Files, Files]:
    """Return a state, and two others that somebody made of it."""
    change = draw(changes())
    data = copy.deepcopy(dict(read_content("services/x.yaml", change.old["services/x.yaml"]).entries[""]))
    theirs = dict(change.old) | {
        "services/x.yaml": Writer(draw).text(draw(mutated(data)) | {"code": "X"}).encode(),
        "units.csv": draw(registers()).encode(),
    }
    return change.old, change.new, theirs


def _with_codes(entries: list[Any]) -> list[Any]:
    return [one for one in entries if isinstance(one, dict) and "code" in one]


@st.composite
def registers(draw) -> str:
    codes = draw(st.lists(st.sampled_from(["XX", "RS", "CW", "JW"]), max_size=3, unique=True))
    cell = st.sampled_from(["", "人事处", '"a, b"', '"say ""x"""', '"two\nlines"'])
    return "code,nameZh,parent\n" + "".join(f"{code},{draw(cell)},{draw(cell)}\n" for code in codes)


def meaning(files: Files, ordered: bool = True) -> dict[str, Any]:
    """Return what files say; an absent file says as much as one without entries."""
    found = {file: dict(read_content(file, content).entries) for file, content in files.items()}
    told = {file: entries for file, entries in found.items() if entries}
    return told if ordered else _unordered(told)


def _unordered(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _unordered(value) for key, value in data.items()}
    if isinstance(data, list):
        return sorted((_unordered(value) for value in data), key=lambda one: json.dumps(one, sort_keys=True))
    return data
