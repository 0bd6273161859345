"""The file system of a landing zone: opened without a memory of listings, its failures told in our words.

What other processes land and remove must be seen at once, so nothing of a listing is remembered. And whatever the
libraries behind an address raise becomes one error that says what stays and what to do; files that are not there stay
a FileNotFoundError, which the zone itself understands.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any
from urllib.parse import urlparse

import fsspec
from fsspec.dircache import DirCache

from catalogs.settings import ConfigurationError
from connectors.base import LandingUnreachable
from connectors.places import BUCKETS, driver_advice

_REFUSALS = ("PermissionError", "NoCredentialsError")
_WRITES = ("put_file", "pipe_file")
# What the zone understands, and what would be a mistake of ours.
_OURS = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, TypeError, AttributeError)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def is_local(address: str) -> bool:
    """Whether an address is a folder of this machine."""
    scheme = urlparse(address).scheme
    return scheme in ("", "file") or len(scheme) == 1


def open_store(address: str) -> tuple[Any, str]:
    """Return the file system behind an address, and the path of the zone in it.

    Raises:
        ConfigurationError: nobody knows such addresses, or the driver is not installed.
    """
    try:
        fs, root = fsspec.core.url_to_fs(address)
    except ImportError:
        raise ConfigurationError(f"YICI_LANDING: {driver_advice(urlparse(address).scheme)}") from None
    except ValueError:
        raise ConfigurationError(
            f"YICI_LANDING: nobody knows addresses that begin with {urlparse(address).scheme}://"
        ) from None
    if isinstance(fs.dircache, DirCache):
        fs.dircache.use_listings_cache = False
        fs.dircache.clear()
    return (fs if is_local(address) else Store(fs, root)), root


class Store:
    """A file system elsewhere, as fsspec has it, but for what it raises.

    Attributes:
        raw: fsspec's own.
        has_folders: whether a folder has to be made before a file is put into it.
    """

    def __init__(self, raw: fsspec.AbstractFileSystem, root: str):
        self.raw = raw
        self.root = root
        protocol = raw.protocol if isinstance(raw.protocol, str) else raw.protocol[0]
        self.has_folders = protocol not in BUCKETS

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.raw, name)
        if not callable(found):
            return found

        @wraps(found)
        def calling(*arguments: Any, **named: Any) -> Any:
            with self.telling():
                try:
                    return found(*arguments, **named)
                except FileNotFoundError:
                    if name in _WRITES and not self.has_folders:
                        raise self._failed("it has no such bucket", "Make it, or mend YICI_LANDING") from None
                    raise

        return calling

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Turn what the libraries raise into an error that names no more than the kind of failure.

        Raises:
            LandingUnreachable: the store refuses us, or does not answer.
        """
        try:
            yield
        except (LandingUnreachable, *_OURS):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _NO_ROOM:
                raise
            kinds = {kind.__name__ for kind in type(error).__mro__}
            if kinds.intersection(_REFUSALS):
                advice = "Check the account that the environment names, and its rights"
                raise self._failed("it refuses us", advice) from None
            words = f"it does not answer ({type(error).__name__})"
            raise self._failed(words, "Run again when it does") from None

    def _failed(self, words: str, advice: str) -> LandingUnreachable:
        return LandingUnreachable(
            f"landing zone {self.root}: {words}; nothing was landed or removed there now, and what was published "
            f"stays. {advice}"
        )
