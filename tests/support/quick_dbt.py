"""What the stable of dbt knows beside dbt: the same files, written by the encoder in C, and how its classes are read.

dbt writes its manifest twice in an invocation, piece by piece through Python, which takes it longer than what a small
campus has to build. And each invocation makes and compiles the functions that read and write its classes when it first
needs them: nearly half of what is left.
"""

import gc
import inspect
import json
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

from dbt.adapters.postgres import PostgresCredentials
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.project import PackageConfig, Project, ProjectFlags
from dbt.contracts.selection import SelectorFile
from dbt.parser.manifest import extended_mashumaro_encoder, extended_mashumuro_decoder
from dbt_common.clients import system


def _dump(content: Any, file: IO[str], **how: Any) -> None:
    file.write(json.dumps(content, **how))


system.json = SimpleNamespace(load=json.load, dump=_dump)
inspect.stack()  # dbt asks four times who calls it; the first time every module's file is looked up


def learn(project: str) -> None:
    """Read and write the manifest of a parsed project, and keep nothing but the functions that this made.

    Args:
        project: its folder.
    """
    for one in (PackageConfig, PostgresCredentials, Project, ProjectFlags, SelectorFile):
        one.json_schema()
    parsed = (Path(project) / "target" / "partial_parse.msgpack").read_bytes()
    manifest = Manifest.from_msgpack(parsed, decoder=extended_mashumuro_decoder)
    manifest.to_msgpack(extended_mashumaro_encoder)
    manifest.fill_tracking_metadata = lambda: None  # it asks for the flags of an invocation
    manifest.writable_manifest().to_dict(omit_none=False, context={"artifact": True})
    for node in manifest.nodes.values():
        node.to_dict(omit_none=False)
    del manifest
    gc.collect()  # with it go the locks that it holds
