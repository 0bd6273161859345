"""YAML with line numbers: plain dicts and lists that remember where each key and element stood.

Read as YAML 1.2 (core schema). A plain scalar that YAML 1.1 would read otherwise is a fault, so a file means
the same to every parser. The composer is libyaml's where it is there (a thousand contracts in seconds).
"""

import re
from functools import lru_cache
from typing import Any

import yaml

from catalogs.faults import Faults

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVE_1_1 = yaml.SafeLoader("")
_CORE = (
    (re.compile(r"(?:null|Null|NULL|~|)\Z"), "null"),
    (re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), "bool"),
    (re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z"), "int"),
    (
        re.compile(
            r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
        ),
        "float",
    ),
)
# libyaml lets this pass; other parsers do not.
_LAX_HEADER = re.compile(r"[|>][-+0-9]*#")
_TAG = "tag:yaml.org,2002:"
_STRING = _TAG + "str"
_UNTAGGED = {yaml.SequenceNode: _TAG + "seq", yaml.MappingNode: _TAG + "map"}


class _Loader(_Base):
    """The composer alone: what a plain scalar means is decided below, once for each text."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        """The tag of a node that has none: of a plain scalar nothing."""
        if kind is yaml.ScalarNode:
            return "" if implicit[0] else _STRING
        return _UNTAGGED[kind]

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        """No tag here depends on where a node stands."""

    def ascend_resolver(self) -> None:
        """As above."""


class LinedDict(dict):
    """A mapping that knows its own line and the line of each key."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int):
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


class LinedList(list):
    """A sequence that knows its own line and the line of each element."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int):
        super().__init__()
        self.line = line
        self.lines: list[int] = []


def line_of(where: Any, key: Any = None, default: int = 1) -> int:
    """Return the line of a key (or index) of a mapping (or sequence); else its own; else `default`."""
    if isinstance(where, LinedDict):
        return where.lines.get(key, where.line)
    if isinstance(where, LinedList):
        return where.lines[key] if isinstance(key, int) and key < len(where.lines) else where.line
    return default


def plain(value: Any) -> Any:
    """Return the same data as ordinary dicts and lists."""
    if isinstance(value, dict):
        return {
            key: plain(inner) if isinstance(inner, dict | list) else inner for key, inner in value.items()
        }
    if isinstance(value, list):
        return [plain(inner) if isinstance(inner, dict | list) else inner for inner in value]
    return value


def read_yaml(content: bytes, file: str, faults: Faults) -> Any:
    """Parse one YAML document; None if it is malformed or empty (then a fault says where).

    Args:
        content: the file's bytes, UTF-8.
        file: its path for messages.
        faults: where faults are told.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        faults.add("F01", file, line, "not UTF-8 text", expected="UTF-8", mend="save the file as UTF-8")
        return None
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "cannot be parsed"
        faults.add("F01", file, (mark.line if mark else 0) + 1, problem)
        return None
    except yaml.YAMLError as error:
        faults.add("F01", file, 1, str(error).splitlines()[0])
        return None
    except RecursionError:
        faults.add("F01", file, 1, "nested too deeply")
        return None
    if root is None:
        faults.add("F01", file, 1, "the file is empty", expected="a YAML document")
        return None
    return _Builder(text, file, faults).build(root)


class _Builder:
    def __init__(self, text: str, file: str, faults: Faults):
        self.text = text
        self.file = file
        self.faults = faults
        self.seen: set[int] = set()

    def build(self, node: Any) -> Any:
        line = node.start_mark.line + 1
        kind = type(node)
        if kind is yaml.ScalarNode:
            return self._scalar(node, line, is_key=False)
        if id(node) in self.seen:
            self.faults.add(
                "F01",
                self.file,
                line,
                "an alias (*name)",
                expected="the text itself",
                mend="write the value out",
            )
            return None
        self.seen.add(id(node))
        if node.tag != _UNTAGGED[kind]:
            self._tell_tag(node, line)
        if kind is yaml.SequenceNode:
            sequence = LinedList(line)
            for child in node.value:
                sequence.append(self.build(child))
                sequence.lines.append(child.start_mark.line + 1)
            return sequence
        mapping = LinedDict(line)
        lines = mapping.lines
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            if type(key_node) is not yaml.ScalarNode:
                self.faults.add("F01", self.file, key_line, "a key is not a word", expected="a word as key")
                continue
            key = self._scalar(key_node, key_line, is_key=True)
            if key in mapping:
                self.faults.add("F04", self.file, key_line, f'key "{key}" stands twice')
            mapping[key] = self.build(value_node)
            lines[key] = key_line
        return mapping

    def _scalar(self, node: Any, line: int, is_key: bool) -> Any:
        text, style = node.value, node.style
        if style:
            if node.tag != _STRING:
                self._tell_tag(node, line)
            if style in "|>" and _LAX_HEADER.match(self.text, node.start_mark.index):
                self.faults.add("F01", self.file, line, "a comment touches the sign of a text block")
            return text
        if node.tag:
            self._tell_tag(node, line)
        kind, value, kind_1_1 = _both_ways(text)
        if not _same(text, kind, kind_1_1):
            self.faults.add(
                "F02",
                self.file,
                line,
                f"{'key' if is_key else 'value'} {text} is {_ARTICLE.get(kind_1_1, kind_1_1)} in YAML 1.1 "
                f"and {_ARTICLE[kind]} in YAML 1.2",
                expected="a quoted string",
                mend=f'write "{text}"',
            )
        elif kind == "str" and not is_key:
            self.faults.add(
                "F03",
                self.file,
                line,
                f"value {text[:40]} is not quoted",
                expected="a quoted string",
                mend=f'write "{text[:40]}"',
            )
        return text if is_key else value

    def _tell_tag(self, node: Any, line: int) -> None:
        """Tell a tag that somebody wrote; a text that was not tagged has none, or that of its kind."""
        self.faults.add(
            "F01", self.file, line, f"a tag ({node.tag})", expected="plain YAML", mend="remove the tag"
        )


_ARTICLE = {
    "str": "a string", "int": "a whole number", "float": "a number", "bool": "a boolean", "null": "empty",
    "timestamp": "a date", "merge": "a merge", "value": "a default value",
}  # fmt: skip


@lru_cache(maxsize=4096)
def _both_ways(text: str) -> tuple[str, Any, str]:
    """What a plain scalar is in YAML 1.2, its value there, and what it is in YAML 1.1."""
    kind_1_1 = _RESOLVE_1_1.resolve(yaml.ScalarNode, text, (True, False)).rpartition(":")[2]
    return *_core_value(text), kind_1_1


def _core_value(text: str) -> tuple[str, Any]:
    for pattern, kind in _CORE:
        if pattern.match(text):
            return kind, _convert(text, kind)
    return "str", text


def _convert(text: str, kind: str) -> Any:
    if kind == "null":
        return None
    if kind == "bool":
        return text[0] in "tT"
    if kind == "int":
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _same(text: str, kind: str, kind_1_1: str) -> bool:
    """Whether YAML 1.1 reads this plain scalar as YAML 1.2 does."""
    if kind != kind_1_1:
        return False
    if kind == "int":
        return not re.match(r"[-+]?0[0-9]", text) and "_" not in text and ":" not in text
    return True
