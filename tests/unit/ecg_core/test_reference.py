import pytest

from ecg_core.errors import InvalidBundle
from ecg_core.reference import (
    QUERY_SIMILARITY_BOUNDS,
    TOP_PROBABILITY_BOUNDS,
    Reference,
    ReferenceHistogram,
    reference_histogram,
    reference_in,
)


def a_card() -> dict[str, object]:
    reference = Reference(
        top_probability=reference_histogram([0.3, 0.97], TOP_PROBABILITY_BOUNDS, "two"),
        query_similarity=reference_histogram([-0.2, 0.75], QUERY_SIMILARITY_BOUNDS, "two"),
    )
    return {"name": "a model", "reference": reference.model_dump(mode="json")}


def test_bounds_are_inclusive_as_those_of_a_prometheus_histogram() -> None:
    histogram = reference_histogram([0.1, 0.1001, 1.0], TOP_PROBABILITY_BOUNDS, "three")
    assert histogram.counts[:2] == (1, 1)
    assert histogram.counts[-1] == 1


def test_values_below_the_first_bound_fall_into_the_first_bucket() -> None:
    assert reference_histogram([-0.9], QUERY_SIMILARITY_BOUNDS, "one").counts[0] == 1


def test_a_rounding_error_above_one_falls_into_the_last_bucket() -> None:
    assert reference_histogram([1.0000001], QUERY_SIMILARITY_BOUNDS, "one").counts[-1] == 1


def test_shares_are_cumulated() -> None:
    histogram = ReferenceHistogram(source="", bounds=(0.5, 0.75, 1.0), counts=(1, 0, 3))
    assert histogram.cumulated_shares() == {0.5: 0.25, 0.75: 0.25, 1.0: 1.0}


def test_a_card_gives_its_reference_back() -> None:
    reference = reference_in(a_card())
    assert reference is not None
    assert reference.top_probability.cumulated_shares()[0.3] == 0.5
    assert reference.query_similarity.cumulated_shares()[0.0] == 0.5


def test_a_card_may_have_none() -> None:
    assert reference_in({"name": "a model"}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"counts": [1]},
        {"counts": [0] * len(TOP_PROBABILITY_BOUNDS)},
        {"counts": [-1] * len(TOP_PROBABILITY_BOUNDS)},
        {"bounds": [*TOP_PROBABILITY_BOUNDS[:-1], 2.0]},
        {"more": 1},
    ],
)
def test_a_broken_reference_is_refused(change: dict[str, object]) -> None:
    card = a_card()
    card["reference"]["top_probability"] |= change
    with pytest.raises(InvalidBundle, match="reference"):
        reference_in(card)
