"""What the stable of dbt has imported beside dbt: the same files, written by the encoder in C.

dbt writes its manifest twice in an invocation, piece by piece through Python, which takes it longer than what a small
campus has to build.
"""

import inspect
import json
from types import SimpleNamespace
from typing import IO, Any

from dbt_common.clients import system


def _dump(content: Any, file: IO[str], **how: Any) -> None:
    file.write(json.dumps(content, **how))


system.json = SimpleNamespace(load=json.load, dump=_dump)
inspect.stack()  # dbt asks four times who calls it; the first time every module's file is looked up
