"""The one press of a worker: opening its fonts costs more than printing a page."""

from functools import cache

from catalogs.exports.printing import Press


@cache
def press() -> Press:
    """Return the press.

    Raises:
        ConfigurationError: YICI_FONTS names no folder.
    """
    return Press()
