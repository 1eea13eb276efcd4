"""Bytes of all uploads that are held at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from ecg_core.errors import Overloaded


class UploadBudget:
    """Bytes of all uploads held at once, so that many large ones cannot fill the memory.

    Attributes:
        held_bytes: Bytes that are held now.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.held_bytes = 0

    @contextmanager
    def share(self) -> Iterator["BudgetShare"]:
        """One request's share; it is given back when the request has been answered."""
        share = BudgetShare(self)
        try:
            yield share
        finally:
            self.held_bytes -= share.taken

    def take(self, count: int) -> None:
        """Count bytes as held.

        Raises:
            Overloaded: There is no room for them now.
        """
        if self.held_bytes + count > self._max_bytes:
            raise Overloaded
        self.held_bytes += count


class BudgetShare:
    """The part of the budget that one request holds."""

    def __init__(self, budget: UploadBudget) -> None:
        self._budget = budget
        self.taken = 0

    def take(self, count: int) -> None:
        """Count bytes as held by this request."""
        self._budget.take(count)
        self.taken += count
