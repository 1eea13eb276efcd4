"""Every member of a kind of doubtful file is read right, refused, or warned of, as is said."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.benchmarks.doubtful_files import REFUSED, RIGHT, outcome
from tests.support.doubtful import KINDS


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(random=st.randoms(use_true_random=False))
def test_no_member_of_a_kind_is_read_wrongly_or_refused_needlessly(
    kind: str, random: Random
) -> None:
    for number, member in enumerate(KINDS[kind](random)):
        expected = REFUSED if member.samples_mv is None else RIGHT
        assert outcome(member) == expected, f"member {number} of {kind}"
