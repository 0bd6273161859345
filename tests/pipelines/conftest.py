"""The campus that pipeline tests run."""

from tests.pipelines.house import house, mart

__all__ = ["house", "mart"]
