from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_core.errors import Overloaded
from service.runtime.upload_budget import BudgetShare, UploadBudget

MOST = 100

# Which of five requests (of two callers with keys and of those without) does what: holds so many
# bytes in all, more or fewer, or is over.
steps = st.lists(
    st.tuples(
        st.integers(0, 4), st.sampled_from(["grow", "shrink", "end"]), st.integers(0, MOST + 1)
    ),
    max_size=60,
)


@given(steps, st.integers(0, MOST))
def test_what_is_held_is_what_the_shares_hold_and_nothing_in_the_end(
    steps: list[tuple[int, str, int]], left_for_others: int
) -> None:
    budget = UploadBudget(MOST, left_for_others)
    with ExitStack() as running:
        shares: dict[int, tuple[BudgetShare, ExitStack]] = {}
        for number, step, count in steps:
            if number not in shares:
                one = running.enter_context(ExitStack())
                share = one.enter_context(budget.share(("", "a", "b", "a", "b")[number]))
                shares[number] = share, one
            share, one = shares[number]
            before = share.taken
            if step == "grow":
                try:
                    share.grow_to(count)
                    assert share.taken == max(before, count)
                except Overloaded:
                    assert share.taken == before
            elif step == "shrink":
                share.shrink_to(count)
                assert share.taken == min(before, count)
            else:
                one.close()
                del shares[number]
            assert budget.held_bytes == sum(each.taken for each, _ in shares.values()) <= MOST
    assert budget.held_bytes == 0
    # As if nothing had been: also of what is counted by caller nothing is left.
    with budget.share("a") as share:
        share.grow_to(MOST)


@given(st.integers(2, 50), st.lists(st.integers(1, 50), max_size=40))
def test_no_caller_keeps_the_largest_of_another_out(largest: int, greedy: list[int]) -> None:
    budget = UploadBudget(MOST, left_for_others=largest)
    with ExitStack() as running:
        for count in greedy:
            share = running.enter_context(budget.share("greedy"))
            try:
                share.grow_to(min(count, largest))
            except Overloaded:
                continue
        running.enter_context(budget.share("other")).grow_to(largest)


def test_a_caller_may_fill_the_budget_with_one_body_but_not_add_to_it() -> None:
    budget = UploadBudget(MOST, left_for_others=30)
    with budget.share("batch") as batch, budget.share("batch") as more:
        batch.grow_to(MOST - 20)
        with pytest.raises(Overloaded):
            more.grow_to(1)
        with budget.share("other") as other:
            other.grow_to(20)


def test_small_bodies_of_one_caller_fit_beside_each_other_in_a_budget_for_one() -> None:
    budget = UploadBudget(MOST, left_for_others=MOST)
    with budget.share("a") as first, budget.share("a") as second:
        first.grow_to(10)
        second.grow_to(10)
        assert budget.held_bytes == 20


def test_callers_without_a_key_leave_nothing_free_for_each_other() -> None:
    budget = UploadBudget(MOST, left_for_others=30)
    with budget.share() as first, budget.share() as second:
        first.grow_to(50)
        second.grow_to(50)
        assert budget.held_bytes == MOST
