import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_core.errors import FaultCode
from service.api.intake.forms import MAX_FILES, DiagnosisForm, Part, diagnosis_form

FILE = Part("recording", "a.csv", b"1,2")


def form(*fields: tuple[str, str]) -> DiagnosisForm:
    parts = [Part(name, None, value.encode()) for name, value in fields]
    return diagnosis_form([FILE, *parts])


def faulty_fields(request: DiagnosisForm) -> list[str | None]:
    assert {fault.code for fault in request.faults} <= {FaultCode.INVALID_PARAMETER}
    return [fault.field for fault in request.faults]


def test_files_and_queries_are_kept_in_order() -> None:
    parts = [
        FILE,
        Part("queries", None, b"LBBB"),
        Part("recording", "b.dat", b"\x00"),
        Part("queries", None, b"Vorhofflimmern "),
    ]
    request = diagnosis_form(parts)
    assert [(file.name, file.content) for file in request.files] == [
        ("a.csv", b"1,2"),
        ("b.dat", b"\x00"),
    ]
    assert request.question.queries == ("LBBB", "Vorhofflimmern ")
    assert request.faults == ()


@pytest.mark.parametrize(
    ("stated", "units_per_mv"),
    [
        ("mV", 1),
        ("MV", 1),
        ("uV", 1000),
        ("µV", 1000),
        ("μV", 1000),
        ("204.8", 204.8),
        ("1e3", 1000),
    ],
)
def test_units(stated: str, units_per_mv: float) -> None:
    assert form(("units", stated)).question.stated.units_per_mv == units_per_mv


def test_stated_facts() -> None:
    request = form(
        ("sampling_rate_hz", " 500 "),
        ("lead_order", "i, II, Lead III"),
        ("top_k", "3"),
        ("allow_missing_leads", "TRUE"),
    )
    assert request.question.stated.sampling_rate_hz == 500
    assert request.question.stated.lead_order == ("I", "II", "III")
    assert request.question.top_k == 3
    assert request.question.allow_missing_leads
    assert request.faults == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("units", value) for value in ("V", "", "0", "-1", "nan", "inf", "1e400", "mV mV")],
        *[("sampling_rate_hz", value) for value in ("0", "-500", "nan", "Infinity", "fast", "")],
        *[("lead_order", value) for value in ("", "I,I", "I,II,X", "I,,II", "V1," * 9)],
        *[("top_k", value) for value in ("0", "-1", "1.5", "", "three", "²")],
        *[("allow_missing_leads", value) for value in ("yes", "1", "")],
        ("units", "1" * 300),
    ],
)
def test_a_field_that_makes_no_sense_is_named(name: str, value: str) -> None:
    assert faulty_fields(form((name, value))) == [name]


def test_all_faults_are_told_at_once() -> None:
    parts = [
        Part(name, None, b"nonsense")
        for name in ("recording", "units", "top_k", "sampling_rate_hz", "units")
    ]
    assert sorted(map(str, faulty_fields(diagnosis_form(parts)))) == [
        "recording", "recording", "sampling_rate_hz", "top_k", "units", "units",
    ]  # fmt: skip


def test_a_field_that_is_not_known_is_refused_without_repeating_its_name() -> None:
    request = form(("patient-doe", "x"), ("another", "x"))
    (fault,) = request.faults
    assert "doe" not in fault.detail
    assert "queries" in fault.detail


def test_files_are_only_taken_as_recording_and_not_too_many() -> None:
    (fault,) = diagnosis_form([FILE, Part("queries", "q.txt", b"AF")]).faults
    assert "recording" in fault.detail
    assert faulty_fields(diagnosis_form([FILE] * (MAX_FILES + 1))) == ["recording"]
    assert faulty_fields(diagnosis_form([])) == ["recording"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["units", "sampling_rate_hz", "lead_order", "top_k", "allow_missing_leads", "x"]
            ),
            st.text(max_size=30),
        ),
        max_size=6,
    )
)
def test_no_text_makes_the_form_fail_otherwise(fields: list[tuple[str, str]]) -> None:
    parts = [Part(name, None, value.encode(errors="replace")) for name, value in fields]
    request = diagnosis_form([FILE, *parts])
    rate = request.question.stated.sampling_rate_hz
    assert rate is None or rate > 0
    assert request.question.top_k is None or request.question.top_k > 0


def test_patient_data_does_not_show_when_a_form_is_printed() -> None:
    parts = [Part("recording", "Doe^John.csv", b"1,2"), Part("queries", None, b"Doe's disease")]
    assert "Doe" not in repr(diagnosis_form(parts))
