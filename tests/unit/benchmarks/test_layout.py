"""Floors are counted the same whatever the order in which folders are met."""

from itertools import permutations

import pytest

from tests.benchmarks.layout import floors

STRAIGHT = {"a": {"b", "c"}, "b": {"c"}, "c": {"d"}, "d": set()}
# b and c import one another: they stand on one floor, and nothing below them is missed.
CIRCLE = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}


@pytest.mark.parametrize(("graph", "expected"), [(STRAIGHT, 4), (CIRCLE, 3), ({"a": set()}, 1)])
def test_floors_are_the_longest_way_down(graph: dict[str, set[str]], expected: int) -> None:
    orders = [{folder: graph[folder] for folder in order} for order in permutations(graph)]
    assert {floors(order) for order in orders} == {expected}
