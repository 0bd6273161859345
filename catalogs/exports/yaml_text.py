"""YAML as the project writes it: block style, every string value in double quotes, keys bare.

Why not PyYAML's own dumper and constructor: they take 25 ms a contract, half a minute for a thousand in two tiers.
Strings are JSON strings, which are YAML strings in 1.1 and 1.2 alike; what YAML would break a line at is escaped.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Made once: `json.dumps` with an option makes an encoder at every call.
_JSON = json.JSONEncoder(ensure_ascii=False).encode
_BARE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
# Line breaks of YAML 1.1, and what no YAML text may hold as it is.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_TRUE = frozenset(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"))


def dump_yaml(data: Any) -> str:
    """Return YAML in which every string value is quoted, so that YAML 1.1 and 1.2 read the same.

    Args:
        data: mappings with text keys, lists, texts, numbers, booleans, None.
    """
    return "\n".join(_lines(data)) + "\n"


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict | Mapping) and value:
        for key, inner in value.items():
            yield from _entry(f"{_key(key)}:", inner, "  ")
    elif isinstance(value, list | tuple) and value:
        for inner in value:
            first, *rest = _lines(inner)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _scalar(value)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if not isinstance(value, Mapping | list | tuple) or not value:
        yield f"{head} {_scalar(value)}"
        return
    yield head
    if not isinstance(value, Mapping):
        indent = ""
    yield from (indent + line for line in _lines(value))


def _key(key: Any) -> str:
    text = str(key)
    return text if _BARE_KEY.match(text) and text.lower() not in _WORDS else _quoted(text)


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = repr(value)
        # YAML 1.1 wants a dot: 1e-05 would be a text there.
        return text.replace("e", ".0e", 1) if "e" in text and "." not in text else text
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list | tuple):
        return "[]"
    return _quoted(str(value))


def _quoted(text: str) -> str:
    return _ESCAPED.sub(lambda found: f"\\u{ord(found.group()):04x}", _JSON(text))


def read_plain(content: bytes) -> Any:
    """Return a file of the catalog as plain data.

    The file was checked: YAML 1.1 and 1.2 read the same in it, and nothing has a tag, an anchor or a second key.
    """
    return _built(yaml.compose(content, Loader=_Loader))


def _built(node: Any) -> Any:
    if node is None:
        return None
    if isinstance(node, yaml.MappingNode):
        return {key.value: _built(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_built(entry) for entry in node.value]
    kind = node.tag.rpartition(":")[2]
    if kind == "int":
        return int(node.value.replace("_", ""), 0)
    if kind == "float":
        return float(node.value.replace("_", ""))
    if kind == "bool":
        return node.value in _TRUE
    return None if kind == "null" else node.value
