"""What `workspace.yaml` loads: the definitions of the campus that the settings name."""

from pipelines.definitions import load

defs = load()
