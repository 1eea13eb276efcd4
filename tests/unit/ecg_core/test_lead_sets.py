import pytest

from ecg_core.calibration import Calibration
from ecg_core.lead_sets import LeadSet, LeadSets
from ecg_core.leads import LEADS, LIMB_LEADS


def lead_set(name: str, leads: tuple[str, ...]) -> LeadSet:
    return LeadSet(
        name=name, leads=leads, temperature=2.0, bias=0.5, calibrated=("a",), uncalibrated=("b",)
    )


SETS = LeadSets(
    sets=(
        lead_set("II", ("II",)),
        lead_set("limb", LIMB_LEADS),
        lead_set("without V3", tuple(lead for lead in LEADS if lead != "V3")),
    ),
    shortest_calibrated_s=5.0,
    poor_is_calibrated=False,
)


@pytest.mark.parametrize(
    ("there", "name"),
    [
        (("II",), "II"),
        (("II", "V1"), "II"),
        ((*LIMB_LEADS, "V1", "V2"), "limb"),
        (tuple(lead for lead in LEADS if lead != "V3"), "without V3"),
        (tuple(lead for lead in LEADS if lead != "V4"), "limb"),
    ],
)
def test_the_largest_set_that_is_there_answers(there: tuple[str, ...], name: str) -> None:
    found = SETS.of(there)
    assert found is not None
    assert found.name == name


def test_leads_that_hold_no_set_have_none() -> None:
    assert SETS.of(("V1", "V2")) is None
    assert SETS.of(()) is None


def test_a_set_has_its_own_calibration_of_what_was_trained_alone() -> None:
    whole = Calibration(temperature=1.1, bias=-1.0, unseen_bias=-3.0)
    found = SETS.sets[0].calibration(whole)
    assert (found.temperature, found.bias, found.unseen_bias) == (2.0, 0.5, -3.0)
    assert SETS.sets[0].answered == {"a", "b"}
