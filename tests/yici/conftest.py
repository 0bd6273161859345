"""The campus that commands run on."""

from tests.pipelines.house import house

__all__ = ["house"]
