"""What long work calls at its steps: there it may be stopped, or let others go before."""

from collections.abc import Callable

Checkpoint = Callable[[], None]


def no_checkpoint() -> None:
    """The checkpoint of work that may take as long as it needs."""
