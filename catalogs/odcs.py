"""Validity of a contract under the ODCS 3.2.0 JSON Schema, which a wheel carries (never fetched).

The schema is slow on large contracts (0.13 s for 40 items, mostly `unevaluatedProperties`), and contracts are
alike: items and the rest are validated by their shape, in which free text counts as one, every shape once.
"""

import json
import re
from collections.abc import Hashable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

import jsonschema
from jsonschema import Draft201909Validator
from jsonschema.validators import validator_for

from catalogs.faults import Faults
from catalogs.fields import Fields
from catalogs.lined_yaml import LinedDict, LinedList, line_of

_FREE_TEXT = frozenset(
    (
        "name", "physicalName", "physicalType", "businessName", "description", "query", "value",
        "classification", "username", "purpose", "usage", "limitations", "domain", "version",
    )
)  # fmt: skip
_STABLE_ID = re.compile(r"[A-Za-z0-9_-]+\Z")
_FETCHED_TYPES = ("definition", "semantics")


@cache
def _schema() -> dict[str, Any]:
    text = resources.files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    return json.loads(text)


@cache
def _validator(definition: str = "") -> Any:
    schema = _schema()
    if definition:
        schema = {"$schema": schema["$schema"], "$ref": f"#/$defs/{definition}", "$defs": schema["$defs"]}
    return validator_for(schema, default=Draft201909Validator)(schema)


_valid_shapes: set[Hashable] = set()


def tell_schema_faults(doc: LinedDict, file: str, faults: Faults) -> bool:
    """Tell where a contract breaks the schema; return whether it keeps it."""
    before = len(faults.found)
    head = dict(doc)
    if _has_items(doc):
        head["schema"] = [{**table, "properties": []} for table in doc["schema"]]
        for table in doc["schema"]:
            for item in table["properties"]:
                _tell_part(item, item, "SchemaProperty", file, faults)
    _tell_part(head, doc, "", file, faults)
    if doc.get("apiVersion") not in (None, "v3.2.0"):
        faults.add(
            "C01",
            file,
            line_of(doc, "apiVersion"),
            f'apiVersion is "{doc["apiVersion"]}"',
            expected='"v3.2.0"',
            mend='write apiVersion: "v3.2.0"',
        )
    valid = len(faults.found) == before
    _tell_fetched(doc, file, faults)
    return valid


def _tell_part(part: Any, lined: Any, definition: str, file: str, faults: Faults) -> None:
    """Validate a part unless its shape is known to be valid; `lined` is the same data with its lines."""
    shape = (definition, _shape(part))
    if shape in _valid_shapes:
        return
    errors = list(_errors(_validator(definition), part))
    for error in errors:
        _tell(error, lined, file, faults)
    if not errors:
        _valid_shapes.add(shape)


def read_custom(holder: Mapping[str, Any], known: tuple[str, ...], file: str, faults: Faults) -> LinedDict:
    """Return customProperties as one mapping, property → value, telling unknown and repeated ones."""
    entries = holder.get("customProperties") or []
    custom = LinedDict(line_of(holder))
    for index, entry in enumerate(entries):
        key, line = entry["property"], line_of(entries, index)
        if key in custom:
            faults.add("F04", file, line, f'custom property "{key}" stands twice')
        custom[key] = entry["value"]
        custom.lines[key] = line
    Fields(custom, file, "", faults).only(known, "C02")
    return custom


def _has_items(doc: LinedDict) -> bool:
    tables = doc.get("schema")
    return isinstance(tables, list) and all(
        isinstance(table, dict) and isinstance(table.get("properties"), list) for table in tables
    )


def _shape(value: Any, key: str = "") -> Hashable:
    """Return what the schema can tell of a value; texts that it does not restrict count as one."""
    if isinstance(value, str):
        free = key in _FREE_TEXT or (key == "id" and _STABLE_ID.match(value))
        return "" if free else value
    if isinstance(value, dict):
        return tuple([(name, _shape(inner, name)) for name, inner in sorted(value.items())])
    if isinstance(value, list):
        return tuple([_shape(inner) for inner in value])
    return (type(value).__name__, value)


def _errors(validator: Any, instance: Any) -> Iterator[jsonschema.ValidationError]:
    for error in validator.iter_errors(instance):
        yield jsonschema.exceptions.best_match([error]) or error


def _tell(error: jsonschema.ValidationError, root: Any, file: str, faults: Faults) -> None:
    where, line, path = root, line_of(root), ""
    for step in error.absolute_path:
        line = line_of(where, step, line) if isinstance(where, LinedDict | LinedList) else line
        where = where[step]
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    if isinstance(where, LinedDict) and error.validator not in ("type", "enum"):
        line = where.line
    what, expected = _words(error)
    faults.add("C01", file, line, f"{path}: {what}" if path else what, expected=expected)


def _words(error: jsonschema.ValidationError) -> tuple[str, str]:
    """What is wrong and what was expected, in words; the schema's own texts quote whole contracts."""
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"{', '.join(missing)} is missing", f"{', '.join(error.validator_value)}"
    if error.validator in ("additionalProperties", "unevaluatedProperties"):
        return error.message[:160], "only keys of ODCS 3.2.0; our own go under customProperties"
    if error.validator == "enum":
        return f"{str(error.instance)[:40]!r}", f"one of {', '.join(map(str, error.validator_value))}"
    if error.validator == "type":
        return f"{type(error.instance).__name__} given", f"{error.validator_value}"
    if error.validator == "pattern":
        return f"{str(error.instance)[:60]!r}", f"a text like {error.validator_value}"
    return error.message[:160], "what the ODCS 3.2.0 schema allows"


def _tell_fetched(value: LinedDict | LinedList, file: str, faults: Faults) -> None:
    if isinstance(value, LinedDict):
        for entry in value.get("authoritativeDefinitions") or []:
            if isinstance(entry, LinedDict) and entry.get("type") in _FETCHED_TYPES:
                faults.add("C18", file, entry.line, f'authoritative definition of type "{entry["type"]}"')
    for inner in value.values() if isinstance(value, LinedDict) else value:
        if isinstance(inner, LinedDict | LinedList):
            _tell_fetched(inner, file, faults)
