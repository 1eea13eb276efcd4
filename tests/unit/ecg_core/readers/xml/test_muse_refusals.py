"""GE MUSE XML that cannot be read as it stands: refused for what is wrong with it."""

import pytest

from ecg_core.errors import FaultCode, UnusableRecording
from ecg_core.quality import check_recording
from tests.support.reading import read, upload
from tests.support.refusals import Refusal
from tests.support.xml_files import make_muse, muse_lead, muse_leads, muse_waveform, stored_units

ROWS = stored_units(mv_per_unit=0.00488)


def test_five_leads_are_refused_by_name() -> None:
    recording = read(make_muse(muse_waveform(muse_leads(("I", "II", "V1", "V2", "V3")))))
    with pytest.raises(UnusableRecording) as caught:
        check_recording(recording)
    assert [fault.lead for fault in caught.value.faults] == ["V4", "V5", "V6"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"LeadAmplitudeUnits": None}, FaultCode.UNKNOWN_UNITS),
        ({"LeadAmplitudeUnits": "ADC"}, FaultCode.UNKNOWN_UNITS),
        ({"LeadAmplitudeUnitsPerBit": None}, FaultCode.IMPLAUSIBLE_GAIN),
        ({"LeadAmplitudeUnitsPerBit": "NaN"}, FaultCode.IMPLAUSIBLE_GAIN),
        ({"LeadAmplitudeUnitsPerBit": "0"}, FaultCode.IMPLAUSIBLE_GAIN),
        ({"LeadAmplitudeUnitsPerBit": "-4.88"}, FaultCode.IMPLAUSIBLE_GAIN),
        ({"LeadAmplitudeUnitsPerBit": "4.8.8"}, FaultCode.IMPLAUSIBLE_GAIN),
        ({"LeadAmplitudeUnitsPerBit": "1,004,88"}, FaultCode.IMPLAUSIBLE_GAIN),
        ({"FirstSampleBaseline": "12"}, FaultCode.UNSUPPORTED_CONTENT),
        ({"LeadOffsetFirstSample": "1"}, FaultCode.UNSUPPORTED_CONTENT),
        ({"LeadSampleSize": "4"}, FaultCode.UNSUPPORTED_CONTENT),
        ({"LeadSampleCountTotal": "4999"}, FaultCode.MALFORMED_FILE),
        ({"LeadSampleCountTotal": "x"}, FaultCode.MALFORMED_FILE),
        ({"LeadByteCountTotal": "10002"}, FaultCode.MALFORMED_FILE),
        ({"LeadDataCRC32": "1"}, FaultCode.MALFORMED_FILE),
        ({"LeadDataCRC32": "x"}, FaultCode.MALFORMED_FILE),
        ({"WaveFormData": None}, FaultCode.MALFORMED_FILE),
        ({"WaveFormData": "AAA"}, FaultCode.MALFORMED_FILE),
        ({"WaveFormData": "AAAA===="}, FaultCode.MALFORMED_FILE),
        ({"WaveFormData": "AAAAA&#233;A="}, FaultCode.MALFORMED_FILE),
    ],
    ids=str,
)
def test_lead_that_says_something_wrong_is_refused(
    refused: Refusal, changed: dict[str, object], code: FaultCode
) -> None:
    content = make_muse(muse_waveform([muse_lead("I", ROWS["I"], **changed)]))
    refused(upload(content), code)


@pytest.mark.parametrize(
    ("base", "exponent", "code"),
    [
        ("", "0", FaultCode.MISSING_SAMPLING_RATE),
        ("x", "0", FaultCode.MISSING_SAMPLING_RATE),
        ("5", "999999999", FaultCode.MISSING_SAMPLING_RATE),
        ("5", "0.5", FaultCode.MISSING_SAMPLING_RATE),
        ("0", "0", FaultCode.IMPLAUSIBLE_SAMPLING_RATE),
        ("-500", "0", FaultCode.IMPLAUSIBLE_SAMPLING_RATE),
        ("500", "3", FaultCode.IMPLAUSIBLE_SAMPLING_RATE),
    ],
)
def test_rate_that_is_none_is_refused(
    refused: Refusal, base: str, exponent: str, code: FaultCode
) -> None:
    content = make_muse(muse_waveform(muse_leads(), base=base, exponent=exponent))
    refused(upload(content), code)


def test_leads_recorded_one_after_the_other_are_refused(refused: Refusal) -> None:
    leads = [muse_lead("I", ROWS["I"]), muse_lead("V1", ROWS["V1"], LeadTimeOffset="2500")]
    refused(upload(make_muse(muse_waveform(leads))), FaultCode.LEADS_NOT_SIMULTANEOUS)


def test_leads_of_different_lengths_are_refused(refused: Refusal) -> None:
    leads = [muse_lead("I", ROWS["I"]), muse_lead("V1", ROWS["V1"][:1250])]
    refused(upload(make_muse(muse_waveform(leads))), FaultCode.LEADS_NOT_SIMULTANEOUS)


def test_several_rhythms_or_none_are_refused(refused: Refusal) -> None:
    one = muse_waveform(muse_leads())
    refused(upload(make_muse(one, one)), FaultCode.SEVERAL_RECORDINGS)
    median = muse_waveform(muse_leads(samples=600), "Median")
    refused(upload(make_muse(median)), FaultCode.MALFORMED_FILE)


def test_all_leads_faults_are_told_at_once(refused: Refusal) -> None:
    leads = [
        muse_lead("I", ROWS["I"], LeadAmplitudeUnitsPerBit="0"),
        muse_lead("II", ROWS["II"], LeadAmplitudeUnitsPerBit="0"),
        muse_lead("V1", ROWS["V1"], LeadDataCRC32="1"),
    ]
    error = refused(
        upload(make_muse(muse_waveform(leads))),
        *[FaultCode.IMPLAUSIBLE_GAIN] * 2,
        FaultCode.MALFORMED_FILE,
    )
    assert [fault.lead for fault in error.faults] == ["I", "II", None]
