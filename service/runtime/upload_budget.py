"""Bytes of all uploads that are held at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from ecg_core.errors import Overloaded

# So many refused bodies at once are read to their end, so that who sends all before it reads gets
# its answer. More would cost the event loop what the refusals save.
_MOST_DRAINING = 2


class UploadBudget:
    """Bytes of all uploads held at once, so that many large ones cannot fill the memory.

    Args:
        max_bytes: Of all uploads together.
        left_for_others: Bytes that a caller leaves free unless it holds nothing yet, so that no one
            caller can keep all others out; half of the budget at most.

    Attributes:
        max_bytes: Of all uploads together.
        held_bytes: Bytes that are held now.
    """

    def __init__(self, max_bytes: int, left_for_others: int = 0) -> None:
        self.max_bytes = max_bytes
        self.held_bytes = 0
        self._left_for_others = min(left_for_others, max_bytes // 2)
        self._of_callers: Counter[str] = Counter()
        self._draining = 0

    @contextmanager
    def share(self, caller: str = "") -> Iterator["BudgetShare"]:
        """One request's share; it is given back when the request has been answered.

        Args:
            caller: Whose it is; those without a name have nobody to leave room for.
        """
        share = BudgetShare(self, caller)
        try:
            yield share
        finally:
            share.shrink_to(0)

    def take(self, share: "BudgetShare", count: int) -> None:
        """Count so many more bytes as held for this share.

        Raises:
            Overloaded: There is no room for them now; nothing was taken.
        """
        holds_others = self._of_callers[share.caller] > share.taken
        spare = self._left_for_others if share.caller and holds_others else 0
        if self.held_bytes + count > self.max_bytes - spare:
            raise Overloaded
        self._count(share, count)

    @contextmanager
    def draining(self) -> Iterator[bool]:
        """Whether one more refused body may be read to its end meanwhile."""
        may = self._draining < _MOST_DRAINING
        self._draining += may
        try:
            yield may
        finally:
            self._draining -= may

    def give_back(self, share: "BudgetShare", count: int) -> None:
        """Count so many bytes less."""
        self._count(share, -count)

    def _count(self, share: "BudgetShare", count: int) -> None:
        self.held_bytes += count
        self._of_callers[share.caller] += count
        if not self._of_callers[share.caller]:
            del self._of_callers[share.caller]


class BudgetShare:
    """The part of the budget that one request holds.

    Attributes:
        caller: Whose it is.
        taken: Its bytes.
    """

    def __init__(self, budget: UploadBudget, caller: str) -> None:
        self._budget = budget
        self.caller = caller
        self.taken = 0

    @property
    def largest(self) -> int:
        """Bytes that it could hold if it were alone."""
        return self._budget.max_bytes

    def draining(self) -> AbstractContextManager[bool]:
        """Whether this refused body, too, may be read to its end meanwhile."""
        return self._budget.draining()

    def grow_to(self, count: int) -> None:
        """Hold so many bytes, all of them or no more than before; what is held already stays.

        Raises:
            Overloaded: There is no room for them now.
        """
        if count > self.taken:
            self._budget.take(self, count - self.taken)
            self.taken = count

    def shrink_to(self, count: int) -> None:
        """Hold no more than so many bytes."""
        if count < self.taken:
            self._budget.give_back(self, self.taken - count)
            self.taken = count
