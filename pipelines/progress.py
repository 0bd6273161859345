"""Who is told how a run goes: nobody by default, a terminal when a command runs jobs in process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, str], None]
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def tell(what: str, result: str) -> None:
    """Say that a step is done, for example ("academic.students", "+12 −3")."""
    if listener := _listener.get():
        listener(what, result)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send what is told within the block to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
