"""Write yici/client/types.py: the shapes of requests and answers, as the service's OpenAPI document describes them.

`python -m scripts.client_types` after a change of the API; a test compares.
"""

import keyword
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from service.app import create_app
from service.configuration import Configuration

FILE = Path(__file__).resolve().parents[1] / "yici" / "client" / "types.py"
_HEAD = '''"""Requests and answers, generated from the service's OpenAPI document: `python -m scripts.client_types`."""

from typing import Any, Literal, NotRequired, TypedDict
'''
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


def text() -> str:
    """Return the module as it has to be."""
    schemas = create_app(Configuration()).openapi()["components"]["schemas"]
    written = _HEAD + "".join(_declared(name, schemas[name]) for name in sorted(schemas))
    ruff = Path(sys.executable).with_name("ruff")
    done = subprocess.run(
        [ruff, "format", "-", "--stdin-filename", FILE],
        input=written,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def _declared(name: str, schema: dict[str, Any]) -> str:
    if "properties" not in schema:
        return f"\n\n{name} = {_type(schema)}\n"
    required = schema.get("required", ())
    members = {
        one: kind if one in required else f"NotRequired[{kind}]"
        for one, kind in ((one, _type(inner)) for one, inner in schema["properties"].items())
    }
    said, _, _ = " ".join(schema.get("description", "").split()).partition(". ")
    said = said and f"{said.removesuffix('.')}."
    if any(not one.isidentifier() or keyword.iskeyword(one) for one in members):
        inside = "".join(f'        "{one}": {kind},\n' for one, kind in members.items())
        return f'\n\n{name} = TypedDict(\n    "{name}",\n    {{\n{inside}    }},\n)\n'
    said = textwrap.fill(said, 90, initial_indent='    """', subsequent_indent="    ")
    doc = f'{said}"""\n\n' if said else ""
    return f"\n\nclass {name}(TypedDict):\n{doc}" + "".join(
        f"    {one}: {kind}\n" for one, kind in members.items()
    )


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return f'"{schema["$ref"].rpartition("/")[2]}"'
    if "const" in schema:
        return f"Literal[{_literal(schema['const'])}]"
    if "enum" in schema:
        return f"Literal[{', '.join(map(_literal, schema['enum']))}]"
    for many in ("anyOf", "oneOf", "allOf"):
        if many in schema:
            kinds = list(dict.fromkeys(_type(one) for one in schema[many]))
            if any(kind.startswith('"') for kind in kinds):
                # a quoted name and `|` do not go together: the whole is quoted
                return '"' + " | ".join(kind.strip('"') for kind in kinds) + '"'
            return " | ".join(kinds)
    kind = schema.get("type")
    if kind == "array":
        return f"list[{_type(schema.get('items', {}))}]"
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"dict[str, {_type(inner) if isinstance(inner, dict) else 'Any'}]"
    return _PLAIN.get(kind or "", "Any")


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
