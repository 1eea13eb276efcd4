"""HL7 aECG that cannot be read as it stands: refused for what is wrong with it."""

import pytest

from ecg_core.errors import FaultCode, UnreadableRecording, UnusableRecording
from ecg_core.leads import LEADS
from ecg_core.quality import check_recording
from tests.support.reading import read, upload
from tests.support.refusals import Refusal
from tests.support.xml_files import aecg_lead, aecg_series, aecg_set, make_aecg, stored_units

ROWS = stored_units()


def series_of(*leads: str, **said: str) -> bytes:
    return make_aecg(aecg_series(aecg_set(leads, **said)))  # type: ignore[arg-type]


def test_unknown_unit_is_refused_by_lead(refused: Refusal) -> None:
    broken = [aecg_lead(name, ROWS[name], unit="counts") for name in ("I", "V6")]
    error = refused(upload(series_of(*broken)), *[FaultCode.UNKNOWN_UNITS] * 2)
    assert [fault.lead for fault in error.faults] == ["I", "V6"]


def test_missing_unit_is_refused(refused: Refusal) -> None:
    content = series_of(aecg_lead("I", ROWS["I"], unit=""))
    refused(upload(content), FaultCode.UNKNOWN_UNITS)


def test_unknown_unit_of_an_origin_is_refused(refused: Refusal) -> None:
    content = series_of(aecg_lead("I", ROWS["I"], origin=3, origin_unit="mmHg"))
    refused(upload(content), FaultCode.UNKNOWN_UNITS)


@pytest.mark.parametrize("scale", ["", "0", "NaN", "Infinity", "-5", "x", "1e-300", "5_0", "1e9"])
def test_scale_that_no_converter_has_is_refused_by_lead(refused: Refusal, scale: str) -> None:
    content = series_of(aecg_lead("II", ROWS["II"], scale=scale))
    error = refused(upload(content), FaultCode.IMPLAUSIBLE_GAIN)
    assert error.faults[0].lead == "II"


def test_whole_numbers_of_millivolts_are_refused(refused: Refusal) -> None:
    content = series_of(aecg_lead("I", ROWS["I"], scale=1, unit="mV"))
    refused(upload(content), FaultCode.IMPLAUSIBLE_GAIN)


@pytest.mark.parametrize(
    "digits",
    [
        ["1", "x", "3"],
        ["1,5", "2,5"],
        ["nan", "1"],
        ["inf"],
        ["1-2", "3"],
        ["0x10"],
        ["1_000"],
        ["1.2.3"],
        ["--1"],
        ["1e", "2"],
        ["\u0661"],
        [],
    ],
    ids=str,
)
def test_digits_that_are_no_numbers_are_refused(refused: Refusal, digits: list[str]) -> None:
    refused(upload(series_of(aecg_lead("I", digits))), FaultCode.MALFORMED_FILE)


def test_number_beyond_float_is_refused_by_the_quality_check() -> None:
    recording = read(series_of(aecg_lead("I", ["1.0", "1e999"] * 1000)))
    with pytest.raises(UnusableRecording) as caught:
        check_recording(recording, allow_missing_leads=True)
    assert FaultCode.NON_FINITE in {fault.code for fault in caught.value.faults}


@pytest.mark.parametrize(
    ("increment", "unit"),
    [("", "s"), ("0", "s"), ("-0.002", "s"), ("NaN", "s"), ("0.002", "h"), ("500", "Hz")],
)
def test_increment_that_gives_no_rate_is_refused(
    refused: Refusal, increment: str, unit: str
) -> None:
    content = series_of(aecg_lead("I", ROWS["I"]), increment=increment, unit=unit)
    refused(upload(content), FaultCode.MISSING_SAMPLING_RATE)


@pytest.mark.parametrize("increment", ["1", "0.00001", "1e-30"])
def test_implausible_rate_is_refused(refused: Refusal, increment: str) -> None:
    content = series_of(aecg_lead("I", ROWS["I"]), increment=increment)
    refused(upload(content), FaultCode.IMPLAUSIBLE_SAMPLING_RATE)


def test_leads_of_different_lengths_are_refused(refused: Refusal) -> None:
    content = series_of(aecg_lead("I", ROWS["I"]), aecg_lead("II", ROWS["II"][:-1]))
    refused(upload(content), FaultCode.LEADS_NOT_SIMULTANEOUS)


@pytest.mark.parametrize("said", [{"head": "20021122091003"}, {"increment": "0.004"}])
def test_sets_of_different_times_or_rates_are_refused(
    refused: Refusal, said: dict[str, str]
) -> None:
    sets = [aecg_set([aecg_lead("I", ROWS["I"])]), aecg_set([aecg_lead("II", ROWS["II"])], **said)]
    content = make_aecg(aecg_series(*sets))
    refused(upload(content), FaultCode.LEADS_NOT_SIMULTANEOUS)


def test_two_rhythms_of_the_same_leads_are_refused(refused: Refusal) -> None:
    one = aecg_series(aecg_set([aecg_lead("I", ROWS["I"])]))
    refused(upload(make_aecg(one, one)), FaultCode.DUPLICATE_LEAD)


def test_rhythms_of_several_times_are_refused_as_several_recordings(refused: Refusal) -> None:
    heads = ("20021122091000", "20021122101000")
    series = [aecg_series(aecg_set([aecg_lead("I", ROWS["I"])], head=head)) for head in heads]
    refused(upload(make_aecg(*series)), FaultCode.SEVERAL_RECORDINGS)


def test_lead_that_is_there_twice_is_refused(refused: Refusal) -> None:
    content = series_of(*[aecg_lead("V1", ROWS["V1"])] * 2)
    error = refused(upload(content), FaultCode.DUPLICATE_LEAD)
    assert error.faults[0].lead == "V1"


def test_leads_of_no_known_name_are_refused(refused: Refusal) -> None:
    refused(upload(series_of(aecg_lead("V3R", ROWS["V1"]))), FaultCode.UNKNOWN_LEAD)


@pytest.mark.parametrize("kind", ["GLIST_PQ", "SLIST_INT", "xsi:ED"])
def test_leads_stored_in_another_way_are_refused(refused: Refusal, kind: str) -> None:
    content = series_of(aecg_lead("I", ROWS["I"], kind=kind))
    refused(upload(content), FaultCode.UNSUPPORTED_CONTENT)


def test_document_without_a_rhythm_is_refused(refused: Refusal) -> None:
    beats = aecg_series(aecg_set([aecg_lead("I", ROWS["I"])]), code="REPRESENTATIVE_BEAT")
    for content in (b'<AnnotatedECG xmlns="urn:hl7-org:v3"/>', make_aecg(beats)):
        refused(upload(content), FaultCode.MALFORMED_FILE)


def test_rhythm_without_leads_or_time_is_refused(refused: Refusal) -> None:
    timeless = f"<component><sequenceSet>{aecg_lead('I', [1])}</sequenceSet></component>"
    for content in (series_of(), make_aecg(aecg_series()), make_aecg(aecg_series(timeless))):
        refused(upload(content), FaultCode.MALFORMED_FILE)


def test_two_sampling_intervals_in_one_set_are_refused(refused: Refusal) -> None:
    other = aecg_set([], increment="0.004").partition("<sequenceSet>")[2]
    time = other.partition("</sequenceSet>")[0]
    refused(upload(series_of(time, aecg_lead("I", ROWS["I"]))), FaultCode.MALFORMED_FILE)


def test_all_faults_are_told_at_once(refused: Refusal) -> None:
    content = series_of(
        aecg_lead("I", ["x"]), aecg_lead("II", ROWS["II"], scale=0), aecg_lead("V1", [], kind="ED")
    )
    refused(
        upload(content),
        FaultCode.MALFORMED_FILE,
        FaultCode.IMPLAUSIBLE_GAIN,
        FaultCode.UNSUPPORTED_CONTENT,
    )


def test_missing_leads_are_told_by_name() -> None:
    recording = read(series_of(*(aecg_lead(name, ROWS[name]) for name in LEADS[:9])))
    with pytest.raises(UnusableRecording) as caught:
        check_recording(recording)
    assert [fault.lead for fault in caught.value.faults] == list(LEADS[9:])


def test_file_that_is_cut_off_is_refused_wherever() -> None:
    whole = make_aecg()
    for length in range(300, len(whole) - 1, len(whole) // 40):
        with pytest.raises(UnreadableRecording):
            read(whole[:length])
