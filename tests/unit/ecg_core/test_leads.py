import numpy as np
import pytest

from ecg_core.leads import LEADS, LIMB_LEADS, derivable_leads, derive_limb_lead, standard_lead_name
from tests.builders import make_recording


@pytest.mark.parametrize(
    ("spelling", "lead"),
    [
        ("AVR", "aVR"),
        ("avf", "aVF"),
        ("Lead II", "II"),
        ("lead_v1", "V1"),
        ("MLII", "II"),
        ("Ableitung III", "III"),
        ("C6", "V6"),
        ("DII", "II"),
        (" V3 ", "V3"),
    ],
)
def test_usual_spelling_is_recognised(spelling, lead):
    assert standard_lead_name(spelling) == lead


@pytest.mark.parametrize("name", ["", "ECG1", "channel 1", "1", "pleth", "vx", "V7", "IV", "aV"])
def test_what_is_no_standard_lead_is_not_taken_for_one(name):
    assert standard_lead_name(name) is None


@pytest.mark.parametrize("first", LIMB_LEADS)
@pytest.mark.parametrize("second", LIMB_LEADS)
def test_every_limb_lead_follows_from_any_two(first, second):
    if first == second:
        return
    recording = make_recording()
    pair_mv = np.stack([recording.lead(first), recording.lead(second)])
    for lead in LIMB_LEADS:
        derived = derive_limb_lead(lead, (first, second), pair_mv)
        np.testing.assert_allclose(derived, recording.lead(lead), atol=1e-5)


def test_chest_leads_are_never_derived():
    assert derivable_leads(LIMB_LEADS) == ()
    assert derivable_leads(("I", "II", "V1")) == ("III", "aVR", "aVL", "aVF")
    assert derivable_leads(("II", *LEADS[6:])) == ()
