"""Put changed data back into the text it came from: what did not change stays as it was written, byte for byte.

A round trip through a YAML library keeps comments but lays lines out anew, so that a reviewer's `diff` shows what
nobody changed. Here the text of a changed value is replaced where it stands, and nothing else; new text is in the
style of the content: every string in double quotes, short mappings and lists on one line.
"""

import csv
import difflib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import yaml

from catalogs.changes.content import Content, is_csv, read_content, read_rows
from catalogs.changes.paths import same, shared_ids
from catalogs.faults import CatalogError

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Splice: TypeAlias = tuple[int, int, str]
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# Words that YAML 1.1 reads as true or false.
_ODD_KEYS = ("on", "off", "yes", "no", "y", "n", "true", "false", "null")
# YAML 1.1 sees line breaks, or nothing printable, in what JSON leaves as it is.
_ESCAPED = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_LINE = 100


def write(file: str, text: bytes | None, before: Content, after: Mapping[str, Any]) -> bytes:
    """Return a file's new content.

    Args:
        file: its path.
        text: its present content; None: it is a new file.
        before: what the present content says.
        after: code → data of each entry as it shall be, in their order; at least one.
    """
    if is_csv(file):
        return _write_csv(file, text or b"", before, after)
    new = after[""] if "" in after else list(after.values())
    anew = {before.wrapper: new} if before.wrapper else new
    if text is None or not before.entries or ("" in before.entries) != ("" in after):
        return ("\n".join(_block(anew, 0)) + "\n").encode()
    source = text.decode("utf-8")
    loader = _Loader(source)
    try:
        root = loader.get_single_node()
    finally:
        loader.dispose()
    if before.wrapper:
        root = next(value for key, value in root.value if key.value == before.wrapper)
    old = before.entries[""] if "" in before.entries else list(before.entries.values())
    ids = None if "" in after else (list(before.entries), list(after))
    result = _Text(source).rewritten(root, old, new, ids).encode()
    if not _says(file, result, after):
        # A layout that this module does not know: the comments of this file go, its meaning stays.
        return ("\n".join(_block(anew, 0)) + "\n").encode()
    return result


def _says(file: str, result: bytes, after: Mapping[str, Any]) -> bool:
    """Whether a text is well-formed and means this."""
    try:
        read_back = read_content(file, result).entries
    except CatalogError:
        return False
    return len(read_back) == len(after) and all(map(same, read_back.values(), after.values()))


# --- CSV ---


def _write_csv(file: str, text: bytes, before: Content, after: Mapping[str, Any]) -> bytes:
    rows = read_rows(file, text)
    mark = b"\xef\xbb\xbf" if text.startswith(b"\xef\xbb\xbf") else b""
    header = list(before.columns) or list(dict.fromkeys(key for data in after.values() for key in data))
    wider = list(dict.fromkeys(key for data in after.values() for key in data if key not in header))
    end = "\r\n" if rows and rows[0].text.endswith("\r\n") else "\n"
    as_written = dict(zip(before.entries, rows[1:], strict=True))
    out = [rows[0].text if rows and not wider else _csv_line([*header, *wider], end)]
    for code, data in after.items():
        if code in as_written and not wider and same(data, before.entries[code]):
            out.append(as_written[code].text)
        else:
            out.append(_csv_line([data.get(key, "") for key in [*header, *wider]], end))
    lines = [line if line.endswith(("\n", "\r")) else line + end for line in out]
    return mark + "".join(lines).encode()


def _csv_line(cells: Sequence[str], end: str) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator=end).writerow(cells)
    return line.getvalue()


# --- YAML ---


class _Text:
    """The text of a document and the places in it."""

    def __init__(self, source: str):
        self.source = source

    def rewritten(self, node: yaml.Node, old: Any, new: Any, ids: tuple[list[str], list[str]] | None) -> str:
        return _spliced(self.source, 0, len(self.source), list(self._change(node, old, new, "", ids)))

    def _change(
        self, node: yaml.Node, old: Any, new: Any, name: str, ids: tuple[list[str], list[str]] | None = None
    ) -> Iterator[Splice]:
        """Say which pieces of text to replace so that the node says `new` instead of `old`."""
        if same(old, new):
            return
        if (
            isinstance(node, yaml.MappingNode)
            and isinstance(new, dict)
            and isinstance(old, dict)
            and old
            and new
        ):
            yield from self._change_mapping(node, old, new)
        elif isinstance(node, yaml.SequenceNode) and isinstance(new, list) and node.value and new:
            yield from self._change_sequence(node, old, new, ids or shared_ids(name, old, new))
        else:
            yield from self._replace(node, new)

    def _replace(self, node: yaml.Node, new: Any) -> Iterator[Splice]:
        start, end = node.start_mark.index, self._end(node)
        above = self.source[:start].rstrip()
        if _is_block(node) and above.endswith(":"):
            # Behind its key: at the indent of its members it might be no value of it.
            start = len(above)
        space = " " if start and self.source[start - 1] not in " \n" else ""
        yield start, end, space + _flow(new)

    def _change_mapping(
        self, node: yaml.MappingNode, old: dict[str, Any], new: dict[str, Any]
    ) -> Iterator[Splice]:
        pairs = [(key.value, key, value) for key, value in node.value]
        # A key that says null is not in the data and stays.
        gone = [key in old and key not in new for key, _, _ in pairs]
        if all(gone):
            yield from self._replace(node, new)
            return
        children = [
            (key.start_mark.index, max(self._end(value), key.end_mark.index)) for _, key, value in pairs
        ]
        for key, _, value in pairs:
            if key in new:
                yield from self._change(value, old.get(key), new[key], key)
        yield from self._remove(node, children, gone)
        written = {key for key, _, _ in pairs}
        added = {key: value for key, value in new.items() if key not in written}
        if added and node.flow_style:
            last = _last_kept(children, gone)
            yield last, last, "".join(f", {_key(key)}: {_flow(value)}" for key, value in added.items())
        elif added:
            lines = _block(added, node.value[0][0].start_mark.column)
            yield self._after_line(_last_kept(children, gone), lines)

    def _change_sequence(
        self, node: yaml.SequenceNode, old: list[Any], new: list[Any], ids: tuple[list[str], list[str]] | None
    ) -> Iterator[Splice]:
        was, now = ids or _aligned(old, new)
        place = {one: number for number, one in enumerate(now)}
        gone = [one not in place for one in was]
        kept = [one for one in was if one in place]
        added = [new[place[one]] for one in now if one not in set(was)]
        in_order = kept == [one for one in now if one in set(was)] and now[: len(kept)] == kept
        if all(gone) or not in_order:
            yield from self._lay_out_anew(node, old, new, was, now)
            return
        children = [(child.start_mark.index, self._end(child)) for child in node.value]
        for one, child, before in zip(was, node.value, old, strict=True):
            if one in place:
                yield from self._change(child, before, new[place[one]], "")
        if not node.flow_style:
            children = [(dash, end) for dash, (_, end) in zip(self._dashes(node), children, strict=True)]
        yield from self._remove(node, children, gone)
        if added and node.flow_style:
            last = _last_kept(children, gone)
            yield last, last, "".join(f", {_flow(value)}" for value in added)
        elif added:
            indent = node.start_mark.column
            block = _is_block(node.value[-1])
            lines = [line for value in added for line in _item(value, indent, block)]
            yield self._after_line(_last_kept(children, gone), lines)

    def _lay_out_anew(
        self, node: yaml.SequenceNode, old: list[Any], new: list[Any], was: list[str], now: list[str]
    ) -> Iterator[Splice]:
        """Write the members in their new order, each that stays with its own text and the comments above it."""
        start, end = node.start_mark.index, self._end(node)
        here = {one: number for number, one in enumerate(was)}

        def text_of(number: int, first: int, last: int, value: Any) -> str:
            return _spliced(
                self.source, first, last, list(self._change(node.value[number], old[number], value, ""))
            )

        if node.flow_style:
            parts = []
            for one, value in zip(now, new, strict=True):
                child = node.value[here[one]] if one in here else None
                if child is None:
                    parts.append(_flow(value))
                else:
                    parts.append(text_of(here[one], child.start_mark.index, self._end(child), value))
            yield start, end, f"[{', '.join(parts)}]"
            return
        indent, block = node.start_mark.column, _is_block(node.value[-1])
        first = self._line_start(start)
        if self.source[first:start].strip():
            # The first member shares its line with the dash of the list above.
            yield from self._replace(node, new)
            return
        comment = re.compile(rf" {{{indent}}}#")
        while indent and first and comment.match(self.source, above := self._line_start(first - 1)):
            first = above
        ends = [self._line_end(self._end(child)) for child in node.value]
        starts = [first, *(end_of_line + 1 for end_of_line in ends[:-1])]
        parts = []
        for one, value in zip(now, new, strict=True):
            if one in here:
                parts.append(text_of(here[one], starts[here[one]], ends[here[one]], value))
            else:
                parts.append("\n".join(_item(value, indent, block)))
        yield first, ends[-1], "\n".join(parts)

    def _remove(self, node: yaml.Node, children: list[tuple[int, int]], gone: list[bool]) -> Iterator[Splice]:
        """Remove children; one at least stays."""
        first_kept = gone.index(False)
        if node.flow_style:
            if first_kept:
                yield children[0][0], children[first_kept][0], ""
            for number in range(first_kept + 1, len(children)):
                if gone[number]:
                    before = children[number - 1][1]
                    clean = "#" not in self.source[before : children[number][0]]
                    yield before if clean else children[number][0], children[number][1], ""
            return
        own_line = not self.source[self._line_start(children[0][0]) : children[0][0]].strip()
        if first_kept and not own_line:
            # The first child shares its line with the dash of the list above.
            yield children[0][0], children[first_kept][0], ""
        for number, (start, end) in enumerate(children):
            if gone[number] and (own_line or number > first_kept):
                yield self._lines(start, end)

    def _lines(self, start: int, end: int) -> Splice:
        """The lines of a child without the line break after them: what is added there comes before it."""
        first, last = self._line_start(start), self._line_end(end)
        return (first - 1, last, "") if first else (0, min(last + 1, len(self.source)), "")

    def _after_line(self, place: int, lines: list[str]) -> Splice:
        end = self._line_end(place)
        return end, end, "".join(f"\n{line}" for line in lines)

    def _dashes(self, node: yaml.SequenceNode) -> list[int]:
        """Where the dash of each member stands."""
        found = [node.start_mark.index]
        dash = re.compile(rf"^ {{{node.start_mark.column}}}-(?=[ \n\r])", re.MULTILINE)
        for child in node.value[:-1]:
            match = dash.search(self.source, self._line_end(self._end(child)))
            found.append(match.end() - 1 if match else len(self.source))
        return found

    def _end(self, node: yaml.Node) -> int:
        """Where the text of a node ends; a block collection's own mark is after the comments that follow it."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style:
            last = node.value[-1]
            if isinstance(last, tuple):
                return max(last[0].end_mark.index, self._end(last[1]))
            return self._end(last)
        end = node.end_mark.index
        if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
            return len(self.source[:end].rstrip("\r\n \t")) if end else end
        return end

    def _line_start(self, place: int) -> int:
        return self.source.rfind("\n", 0, place) + 1

    def _line_end(self, place: int) -> int:
        found = self.source.find("\n", place)
        return found if found >= 0 else len(self.source)


def _spliced(source: str, start: int, end: int, splices: list[Splice]) -> str:
    parts, place = [], start
    for first, last, text in sorted(splices, key=lambda one: (one[0], one[1])):
        parts += [source[place : max(place, first)], text]
        place = max(place, last)
    return "".join([*parts, source[place:end]])


def _last_kept(children: list[tuple[int, int]], gone: list[bool]) -> int:
    return children[max(number for number, is_gone in enumerate(gone) if not is_gone)][1]


def _aligned(old: list[Any], new: list[Any]) -> tuple[list[str], list[str]]:
    """Name the members of two lists so that equal ones in equal order have equal names."""
    before, after = ([json.dumps(value, sort_keys=True) for value in values] for values in (old, new))
    was, now = (
        [f"old {number}" for number in range(len(old))],
        [f"new {number}" for number in range(len(new))],
    )
    for tag, i, j, k, _ in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            now[k : k + j - i] = was[i:j]
    return was, now


def _is_block(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and not node.flow_style


def _block(value: Any, indent: int) -> list[str]:
    """Lines of a value that has lines of its own, each indented."""
    space = " " * indent
    if isinstance(value, dict) and value:
        lines = []
        for key, inner in value.items():
            flow = _flow(inner)
            if _is_short(inner, indent + len(key) + 2 + len(flow)):
                lines.append(f"{space}{_key(key)}: {flow}")
            else:
                lines += [f"{space}{_key(key)}:", *_block(inner, indent + 2)]
        return lines
    if isinstance(value, list) and value:
        return [line for member in value for line in _item(member, indent, block=False)]
    return [space + _flow(value)]


def _item(value: Any, indent: int, block: bool) -> list[str]:
    """Lines of a list's member, the dash at the indent."""
    flow = _flow(value)
    if not block and _is_short(value, indent + 2 + len(flow)):
        return [f"{' ' * indent}- {flow}"]
    first, *rest = _block(value, indent + 2)
    return [f"{' ' * indent}- {first[indent + 2 :]}", *rest]


def _is_short(value: Any, length: int) -> bool:
    """Whether a value stands on one line: a scalar always, a collection while it is no list of mappings."""
    if not isinstance(value, (dict, list)) or not value:
        return True
    return length <= _LINE and not (isinstance(value, list) and isinstance(value[0], dict))


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float):
        mantissa, exponent, power = repr(value).partition("e")
        return (mantissa if "." in mantissa else f"{mantissa}.0") + exponent + power
    return json.dumps(value)


def _key(key: str) -> str:
    return key if _PLAIN_KEY.match(key) and key.lower() not in _ODD_KEYS else _quoted(key)


def _quoted(text: str) -> str:
    return _ESCAPED.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(text, ensure_ascii=False))
