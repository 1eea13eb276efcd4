"""References and times that a request may state."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.intake.fhir_fields import encounter_reference, subject_reference, time_with_zone

ZONES = st.integers(-13 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(min_value=datetime(1000, 1, 1), timezones=ZONES))
def test_every_time_with_a_zone_is_taken_as_it_is(time: datetime) -> None:
    assert time_with_zone(time.isoformat()) == time.isoformat()


@given(st.datetimes(min_value=datetime(1000, 1, 1)))
def test_every_naive_time_is_refused(time: datetime) -> None:
    with pytest.raises(ValueError, match="zone"):
        time_with_zone(time.isoformat())


@pytest.mark.parametrize(
    "text",
    [
        "", "2025", "2025-01-31", "2025-01-31T09:30+01:00", "2025-02-30T09:30:00Z",
        "2025-01-31T24:00:00Z", "2025-01-31T09:30:60Z", "2025-01-31 09:30:00Z",
        "2025-01-31T09:30:00+15:00", "2025-01-31T09:30:00Z\n", "٢٠٢٥-01-31T09:30:00Z",
    ],
)  # fmt: skip
def test_what_is_no_fhir_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"zone|there is"):
        time_with_zone(text)


@pytest.mark.parametrize(
    "text",
    [
        "Patient/1", "Group/a-b.C", "https://hospital.example/fhir/Patient/1",
        "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",
    ],
)  # fmt: skip
def test_references_to_a_subject(text: str) -> None:
    assert subject_reference(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "Jane Doe", "Patient/", "Patient/1/", "Patient/Jane Doe", "Encounter/1",
        "patient/1", "Patient/" + "1" * 65, "ftp://h/Patient/1", "https://h/Patient/1?x=y",
        "urn:uuid:1", "#patient", "Patient/1\n",
    ],
)  # fmt: skip
def test_what_refers_to_no_subject_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="reference"):
        subject_reference(text)


def test_an_encounter_is_an_encounter() -> None:
    assert encounter_reference("Encounter/1") == "Encounter/1"
    with pytest.raises(ValueError, match="reference"):
        encounter_reference("Patient/1")
