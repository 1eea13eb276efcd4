import numpy as np
import pytest

from ecg_core.leads import (
    LEADS,
    LIMB_LEADS,
    derivable_leads,
    derive_limb_lead,
    numbered_lead_name,
    other_lead_name,
    standard_lead_name,
)
from tests.support.recordings import make_recording


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
        ("ECG Lead II", "II"),
        ("V 1", "V1"),
        ("C 3", "V3"),
        ("a VR", "aVR"),
        ("Einthoven II", "II"),
    ],
)
def test_usual_spelling_is_recognised(spelling, lead):
    assert standard_lead_name(spelling) == lead


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ECG1",
        "channel 1",
        "1",
        "pleth",
        "vx",
        "V7",
        "IV",
        "aV",
        "-aVR",
        "V3R",
        "ECG Lead 2",
        "I I",
        "V 7",
    ],
)
def test_what_is_no_standard_lead_is_not_taken_for_one(name):
    assert standard_lead_name(name) is None


# EN 1064, table of lead codes, which ISO/IEEE 11073-10101 and DICOM's CID 3001 share.
@pytest.mark.parametrize(
    ("number", "lead"),
    [
        *((1, "I"), (2, "II"), (3, "V1"), (8, "V6"), (9, "V7"), (10, "V2R"), (11, "V3R")),
        *((15, "V7R"), (16, "X"), (18, "Z"), (61, "III"), (62, "aVR"), (63, "aVL"), (64, "aVF")),
        *((65, "-aVR"), (66, "V8"), (67, "V9"), (0, None), (19, None), (60, None), (-1, None)),
    ],
)
def test_numbers_of_leads_are_those_of_the_standard(number, lead):
    assert numbered_lead_name(number) == lead


def test_a_numbered_lead_is_one_of_the_twelve_or_another():
    names = {name for name in map(numbered_lead_name, range(70)) if name}
    assert names >= set(LEADS)
    for name in names:
        assert (standard_lead_name(name) == name) != (other_lead_name(name) == name)


@pytest.mark.parametrize(
    ("spelling", "lead"), [("v4r", "V4R"), ("Lead V7", "V7"), ("ECG V3R", "V3R"), ("II", None)]
)
def test_other_leads_are_known_by_their_usual_names(spelling, lead):
    assert other_lead_name(spelling) == lead


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
