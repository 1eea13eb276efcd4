"""DICOM files that are refused, each for its reason, soon and in little memory."""

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from ecg_core.errors import FaultCode, RecordingTooLarge, UnreadableRecording, UnusableRecording
from ecg_core.leads import LEADS
from ecg_core.quality import check_recording
from ecg_core.readers import ReadLimits, StatedFacts, UploadedFile, read_recording
from tests.support.dicom import (
    SYNTAXES,
    inflating,
    make_dicom,
    make_group,
    nested,
    sized,
    with_waveforms,
)
from tests.support.recordings import make_recording
from tests.support.refusals import Refusal

SOUND = make_dicom()
TWO = make_recording(leads=("I", "II"))


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("9.1.3", "ambulatory"),
        ("9.2.1", "haemodynamic"),
        ("9.3.1", "electrophysiological"),
        ("104.1", "PDF"),
        ("2", "neither"),
        ("9.4.1", "neither"),
    ],
)
def test_other_objects_are_refused_by_name(number: str, name: str, refused: Refusal) -> None:
    file = make_dicom(sop_class=f"1.2.840.10008.5.1.4.1.1.{number}")
    error = refused([file], FaultCode.UNSUPPORTED_CONTENT)
    assert isinstance(error, UnreadableRecording)
    assert name in error.faults[0].detail


def test_an_object_without_waveforms_is_refused(refused: Refusal) -> None:
    refused([make_dicom(WaveformSequence=None)], FaultCode.MALFORMED_FILE)


def test_an_unknown_transfer_syntax_is_refused(refused: Refusal) -> None:
    file = make_dicom(declared_syntax="1.2.840.10008.1.2.4.50")
    refused([file], FaultCode.UNSUPPORTED_CONTENT)


@pytest.mark.parametrize("size", [132, 140, 200, 600, 3000, 60_000, len(SOUND.content) - 1])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_file_that_is_cut_short_is_refused(size: int, syntax: str) -> None:
    content = make_dicom(syntax=syntax).content
    cut = UploadedFile("x", content[: min(size, len(content) - 1)])
    with pytest.raises(UnreadableRecording) as caught:
        read_recording([cut])
    assert {fault.code for fault in caught.value.faults} <= {
        FaultCode.MALFORMED_FILE,
        FaultCode.UNSUPPORTED_CONTENT,
    }


class TestHostile:
    @pytest.mark.parametrize("defined", [False, True])
    def test_deeply_nested_sequences_are_refused(self, defined: bool, refused: Refusal) -> None:
        refused([nested(5000, defined=defined)], FaultCode.MALFORMED_FILE)

    @pytest.mark.parametrize("length", [0xFFFFFFF0, 0x7FFFFFFF, 0xFFFFFFFE])
    @pytest.mark.parametrize("tag", [b"\0T\0\1SQ", b"\0T\x10\x10OW", b"\x10\0\x10\0UN"])
    def test_a_declared_length_beyond_the_file_is_refused(
        self, tag: bytes, length: int, refused: Refusal
    ) -> None:
        element = tag + b"\0\0" + length.to_bytes(4, "little") + b"\0" * 16
        refused([with_waveforms(element)], FaultCode.MALFORMED_FILE)

    def test_what_inflates_beyond_the_limit_is_refused(self, refused: Refusal) -> None:
        bomb = inflating(300_000_000)
        assert len(bomb.content) < 400_000
        error = refused([bomb], FaultCode.TOO_LONG)
        assert isinstance(error, RecordingTooLarge)

    @pytest.mark.parametrize("place", ["top", "item", "items"])
    def test_millions_of_elements_are_refused(self, place: str, refused: Refusal) -> None:
        element = b"\x08\0\x18\0UI\0\0"
        many = element * 2_000_000
        item = b"\xfe\xff\0\xe0"
        inside = {
            "top": many,
            "item": b"\0T\0\1SQ\0\0" + sized(item + sized(many)),
            "items": b"\0T\0\1SQ\0\0" + sized((item + sized(element)) * 1_000_000),
        }[place]
        refused([with_waveforms(inside)], FaultCode.MALFORMED_FILE)

    def test_thousands_of_groups_are_refused(self, refused: Refusal) -> None:
        group = make_group(make_recording(leads=("I",), duration_s=0.02))
        refused([make_dicom(*[group] * 500)], FaultCode.UNSUPPORTED_CONTENT)


class TestDeclarations:
    @pytest.mark.parametrize(
        "elements",
        [
            {"NumberOfWaveformChannels": 11},
            {"NumberOfWaveformChannels": None},
            {"NumberOfWaveformSamples": 4999},
            {"NumberOfWaveformSamples": 5001},
            {"NumberOfWaveformSamples": 4_000_000_000},
            {"NumberOfWaveformSamples": 0},
            {"WaveformData": None},
            {"WaveformData": b""},
            {"ChannelDefinitionSequence": None},
        ],
    )
    def test_counts_that_do_not_agree_are_refused(
        self, elements: dict[str, Any], refused: Refusal
    ) -> None:
        refused([make_dicom(make_group(**elements))], FaultCode.MALFORMED_FILE)

    @pytest.mark.parametrize(
        "elements",
        [
            {"WaveformSampleInterpretation": "MB", "WaveformBitsAllocated": 8},
            {"WaveformSampleInterpretation": "AB", "WaveformBitsAllocated": 8},
            {"WaveformSampleInterpretation": "SS", "WaveformBitsAllocated": 24},
            {"WaveformSampleInterpretation": None},
        ],
    )
    def test_samples_that_are_no_such_integers_are_refused(
        self, elements: dict[str, Any], refused: Refusal
    ) -> None:
        refused([make_dicom(make_group(**elements))], FaultCode.UNSUPPORTED_CONTENT)

    @pytest.mark.parametrize("bits", [0, 17, 3])
    def test_bits_stored_that_the_samples_belie_are_refused(
        self, bits: int, refused: Refusal
    ) -> None:
        group = make_group(channel={"WaveformBitsStored": bits})
        refused([make_dicom(group)], FaultCode.MALFORMED_FILE)

    @pytest.mark.parametrize(
        ("rate", "code"),
        [
            (None, FaultCode.MISSING_SAMPLING_RATE),
            ("", FaultCode.MISSING_SAMPLING_RATE),
            ("x", FaultCode.IMPLAUSIBLE_SAMPLING_RATE),
            ("500\\250", FaultCode.IMPLAUSIBLE_SAMPLING_RATE),
            ("0", FaultCode.IMPLAUSIBLE_SAMPLING_RATE),
            ("-500", FaultCode.IMPLAUSIBLE_SAMPLING_RATE),
            ("10000", FaultCode.IMPLAUSIBLE_SAMPLING_RATE),
            ("nan", FaultCode.IMPLAUSIBLE_SAMPLING_RATE),
        ],
    )
    def test_rates_that_no_ecg_has_are_refused(
        self, rate: str | None, code: FaultCode, refused: Refusal
    ) -> None:
        group = make_group(SamplingFrequency=None)
        if rate is not None:
            group.add_new(0x003A001A, "LO", rate)  # as text of any kind
        error = refused([make_dicom(group)], code)
        assert isinstance(error, UnusableRecording)

    @pytest.mark.parametrize(
        "options",
        [{"unit": ""}, {"unit": "mmHg"}, {"unit": "1"}, {"channel": {"ChannelSensitivity": None}}],
    )
    def test_raw_counts_are_refused_lead_by_lead(
        self, options: dict[str, Any], refused: Refusal
    ) -> None:
        error = refused([make_dicom(make_group(**options))], *[FaultCode.UNKNOWN_UNITS] * 12)
        assert [fault.lead for fault in error.faults] == list(LEADS)

    @pytest.mark.parametrize("sensitivity", ["0", "-2.5", "1e-30", "1e30", "nan", "2500"])
    def test_a_gain_that_no_converter_has_is_refused(
        self, sensitivity: str, refused: Refusal
    ) -> None:
        group = make_group(TWO)
        for channel in group.ChannelDefinitionSequence:
            del channel.ChannelSensitivity
            channel.add_new(0x003A0210, "LO", sensitivity)
        refused([make_dicom(group)], *[FaultCode.IMPLAUSIBLE_GAIN] * 2)

    @pytest.mark.parametrize("tag", [0x003A0210, 0x003A0212, 0x003A0213])
    @pytest.mark.parametrize("text", ["2,5", "x", "1\\2"])
    def test_a_scale_that_cannot_be_read_is_not_taken_for_one_left_out(
        self, tag: int, text: str, refused: Refusal
    ) -> None:
        group = make_group(TWO)
        for channel in group.ChannelDefinitionSequence:
            del channel[tag]
            channel.add_new(tag, "LO", text)
        refused([make_dicom(group)], *[FaultCode.IMPLAUSIBLE_GAIN] * 2)

    def test_a_lead_that_two_waveforms_of_the_same_time_hold_is_refused(
        self, refused: Refusal
    ) -> None:
        chest = make_group(make_recording(leads=("II", "V1")))
        refused([make_dicom(make_group(TWO), chest)], FaultCode.DUPLICATE_LEAD)

    def test_a_lead_that_is_there_twice_is_refused(self, refused: Refusal) -> None:
        group = make_group(TWO, names=("I", "I"))
        refused([make_dicom(group)], FaultCode.DUPLICATE_LEAD)

    def test_no_standard_lead_is_refused(self, refused: Refusal) -> None:
        group = make_group(TWO, names=("V3R", "V7"))
        refused([make_dicom(group)], FaultCode.UNKNOWN_LEAD)

    @pytest.mark.parametrize(
        "skew",
        [
            {"ChannelSampleSkew": "5"},
            {"ChannelSampleSkew": None, "ChannelTimeSkew": "0.1"},
            {"ChannelOffset": "2.5"},
        ],
    )
    def test_channels_that_begin_apart_are_refused(
        self, skew: dict[str, str], refused: Refusal
    ) -> None:
        codes = [FaultCode.LEADS_NOT_SIMULTANEOUS] * 2
        refused([make_dicom(make_group(TWO, channel=skew))], *codes)

    def test_every_fault_is_told_at_once(self, refused: Refusal) -> None:
        group = make_group(TWO, names=("I", "I"), unit="", SamplingFrequency=None)
        refused(
            [make_dicom(group)],
            FaultCode.MISSING_SAMPLING_RATE,
            FaultCode.DUPLICATE_LEAD,
            FaultCode.UNKNOWN_UNITS,
            FaultCode.UNKNOWN_UNITS,
        )


class TestTimes:
    @staticmethod
    def strips(*offsets: str | None, duration_s: float = 2.5) -> list[Dataset]:
        leads = (LEADS[:3], LEADS[3:6], LEADS[6:9], LEADS[9:])
        return [
            make_group(
                make_recording(leads=names, duration_s=duration_s),
                label="RHYTHM",
                **({} if offset is None else {"MultiplexGroupTimeOffset": offset}),
            )
            for names, offset in zip(leads, offsets, strict=True)
        ]

    @pytest.mark.parametrize("offsets", [("0", "2500", "5000", "7500"), (None, None, None, None)])
    def test_four_strips_of_leads_are_refused(
        self, offsets: tuple[str | None, ...], refused: Refusal
    ) -> None:
        refused([make_dicom(*self.strips(*offsets))], FaultCode.LEADS_NOT_SIMULTANEOUS)

    def test_groups_of_other_times_are_refused(self, refused: Refusal) -> None:
        groups = self.strips("0", "0", "10000", "10000", duration_s=10)
        refused([make_dicom(*groups)], FaultCode.LEADS_NOT_SIMULTANEOUS)

    def test_groups_of_other_lengths_are_refused(self, refused: Refusal) -> None:
        limb = make_group(make_recording(leads=LEADS[:6]))
        chest = make_group(make_recording(leads=LEADS[6:], duration_s=12))
        refused([make_dicom(limb, chest)], FaultCode.LEADS_NOT_SIMULTANEOUS)


def test_median_beats_alone_are_too_short() -> None:
    recording = read_recording([make_dicom(make_group(make_recording(duration_s=1.2)))])
    with pytest.raises(UnusableRecording) as caught:
        check_recording(recording)
    assert caught.value.faults[0].code is FaultCode.TOO_SHORT


def test_samples_that_are_missing_are_refused_by_the_quality_check() -> None:
    stored = np.round(TWO.samples_mv.T / 0.0025).astype(np.int64)
    stored[7, 1] = -32768
    recording = read_recording([make_dicom(make_group(TWO, stored=stored, padding=-32768))])
    with pytest.raises(UnusableRecording) as caught:
        check_recording(recording, allow_missing_leads=True)
    assert [(f.code, f.lead) for f in caught.value.faults] == [(FaultCode.NON_FINITE, "II")]


def test_a_stated_rate_that_differs_is_refused(refused: Refusal) -> None:
    stated = StatedFacts(sampling_rate_hz=250)
    refused([SOUND], FaultCode.CONTRADICTS_FILE, stated=stated)
    assert read_recording([SOUND], StatedFacts(sampling_rate_hz=500)).leads == LEADS


def test_two_files_are_two_recordings(refused: Refusal) -> None:
    refused([SOUND, make_dicom()], FaultCode.SEVERAL_RECORDINGS)


def test_a_recording_beyond_the_longest_is_refused(refused: Refusal) -> None:
    refused([SOUND], FaultCode.TOO_LONG, limits=ReadLimits(max_duration_s=5))


def test_no_fault_repeats_the_file(refused: Refusal) -> None:
    group = make_group(TWO, unit="Mustermann", names=("I", "Mustermann"), scheme="99")
    error = refused([make_dicom(group)], FaultCode.UNKNOWN_UNITS)
    assert "Mustermann" not in repr(error.faults)


def test_the_builder_of_hostile_files_builds_sound_ones() -> None:
    sound = SOUND.content
    assert read_recording([with_waveforms(sound[sound.index(b"\0T\0\1SQ") :])]).leads == LEADS
