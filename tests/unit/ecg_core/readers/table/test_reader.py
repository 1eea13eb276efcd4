"""Tables that are read right, to the microvolt."""

from pathlib import Path

import numpy as np
import pytest

from ecg_core.errors import FaultCode, UnusableRecording
from ecg_core.leads import LEADS
from ecg_core.readers import StatedFacts, UploadedFile, read_recording
from ecg_core.recording import Recording
from tests.support.recordings import make_csv, make_recording

STATED = StatedFacts(sampling_rate_hz=500.0, units_per_mv=1.0)


def read_text(
    text: str | bytes, stated: StatedFacts = STATED, *, name: str = "recording.csv"
) -> Recording:
    content = text if isinstance(text, bytes) else text.encode()
    return read_recording([UploadedFile(name, content)], stated)


def assert_same(one: Recording, other: Recording) -> None:
    assert one.leads == other.leads
    assert one.sampling_rate_hz == other.sampling_rate_hz
    np.testing.assert_allclose(one.samples_mv, other.samples_mv, rtol=1e-6, atol=1e-8)


class TestLayouts:
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"units": "uV"},
            {"time_unit": "ms"},
            {"counter": True},
            {"separator": ";"},
            {"separator": "\t"},
            {"separator": ";", "decimal": ","},
            {"separator": "\t", "decimal": ","},
            {"newline": "\r\n"},
            {"newline": "\r"},
            {"encoding": "utf-8-sig"},
            {"encoding": "utf-16"},
            {"encoding": "utf-16", "separator": "\t", "decimal": ",", "newline": "\r\n"},
        ],
    )
    def test_every_way_to_write_a_table_gives_the_same_recording(
        self, options: dict[str, object]
    ) -> None:
        recording = make_recording(duration_s=2.0)
        assert_same(read_recording(make_csv(recording, **options), StatedFacts()), recording)

    def test_headerless_table_is_read_with_stated_facts(self) -> None:
        recording = make_recording(duration_s=2.0)
        files = make_csv(recording, header=False, time_unit=None, units="uV")
        stated = StatedFacts(500.0, 1000.0, LEADS)
        assert_same(read_recording(files, stated), recording)

    @pytest.mark.parametrize("suffix", [".csv", ".txt", ".tsv"])
    def test_every_suffix_is_read(self, suffix: str) -> None:
        assert read_text("I,II\n1,2\n", name="x" + suffix).format == "csv"

    def test_leads_in_rows_are_read_right(self) -> None:
        text = "I (mV),0.1,0.2,0.3\nLead II (uV),100,200,300\n"
        recording = read_text(text, StatedFacts(500.0, None))
        assert recording.leads == ("I", "II")
        np.testing.assert_allclose(recording.samples_mv, [[0.1, 0.2, 0.3]] * 2, rtol=1e-6)

    def test_leads_in_rows_with_decimal_commas_and_a_line_of_times(self) -> None:
        recording = read_text("time_ms;0;2;4\nV1_mV;0,1;0,2;0,3\n", StatedFacts())
        assert recording.sampling_rate_hz == 500.0
        np.testing.assert_allclose(recording.lead("V1"), [0.1, 0.2, 0.3], rtol=1e-6)

    def test_counter_in_front_of_a_headerless_table_is_left_out(self) -> None:
        recording = read_text("0,7,8\n1,9,10\n2,11,12\n", StatedFacts(500.0, 1.0, ("I", "II")))
        np.testing.assert_array_equal(recording.samples_mv, [[7, 9, 11], [8, 10, 12]])

    @pytest.mark.parametrize("name", ["sample", "Index", "", "#"])
    def test_counter_column_is_not_taken_for_time(self, name: str) -> None:
        recording = read_text(f"{name},I,II\n0,1,2\n1,3,4\n")
        assert recording.leads == ("I", "II")
        assert recording.sampling_rate_hz == 500.0

    def test_columns_that_are_no_leads_are_left_out(self) -> None:
        recording = read_text("I,resp,II,\n1,50,2,\n3,60,4,\n")
        np.testing.assert_array_equal(recording.samples_mv, [[1, 3], [2, 4]])

    def test_comments_and_trailing_empty_lines_are_dropped(self) -> None:
        recording = read_text("# Jane Doe, born 1950\n\n#\nI,II\n1,2\n3,4\n\n  \n\n")
        np.testing.assert_array_equal(recording.samples_mv, [[1, 3], [2, 4]])

    def test_header_that_numpy_wrote_as_a_comment_is_read(self) -> None:
        assert read_text("# II,I\n1,2\n3,4\n").leads == ("II", "I")

    def test_quoted_cells_are_read(self) -> None:
        recording = read_text('"I","II"\n"1","2"\n"3","4"\n')
        np.testing.assert_array_equal(recording.samples_mv, [[1, 3], [2, 4]])

    def test_quoted_decimal_commas_between_commas_are_read(self) -> None:
        recording = read_text('I,II\n"0,1",2\n"3,5","-4,25"\n')
        np.testing.assert_allclose(recording.samples_mv, [[0.1, 3.5], [2, -4.25]], rtol=1e-6)

    def test_units_in_a_second_line_are_read(self) -> None:
        text = "'Elapsed time','I','II'\n'seconds','mV','uV'\n0,1,2\n0.002,3,4\n"
        recording = read_text(text, StatedFacts())
        np.testing.assert_allclose(recording.samples_mv, [[1, 3], [0.002, 0.004]])

    def test_order_of_the_leads_is_the_files(self) -> None:
        files = make_csv(make_recording(leads=tuple(reversed(LEADS)), duration_s=2.0))
        assert read_recording(files).leads == tuple(reversed(LEADS))


class TestNames:
    @pytest.mark.parametrize(
        ("header", "lead", "millivolts"),
        [
            ("Lead II (mV)", "II", 2.0),
            ("II[uV]", "II", 0.002),
            ("V1_mV", "V1", 2.0),
            ("I/µV", "I", 0.002),
            ("avr μV", "aVR", 0.002),
            ("I (V)", "I", 2000.0),
            ("aVL, mV", "aVL", 2.0),
        ],
    )
    def test_units_in_the_header_scale_the_lead(
        self, header: str, lead: str, millivolts: float
    ) -> None:
        recording = read_text(f'time (s);"{header}"\n0;2\n0.002;2\n', StatedFacts())
        assert recording.leads == (lead,)
        np.testing.assert_allclose(recording.samples_mv, millivolts, rtol=1e-6)

    def test_latin_1_micro_sign_is_read(self) -> None:
        recording = read_text("I/µV;II/µV\n1000;2\n3;4\n".encode("latin-1"), StatedFacts(500.0))
        assert recording.samples_mv[0, 0] == 1.0

    def test_columns_without_lead_names_take_the_stated_order(self) -> None:
        stated = StatedFacts(500.0, 1.0, ("II", "V5"))
        assert read_text("idx,ch1,ch2\n0,1,2\n1,3,4\n", stated).leads == ("II", "V5")


class TestTime:
    @pytest.mark.parametrize(
        ("column", "times"),
        [
            ("time (s)", "0 0.002 0.004"),
            ("Time[ms]", "0 2 4"),
            ("Zeit_ms", "10 12 14"),
            ("seconds", "1 1.002 1.004"),
            ("t [s]", "0 .002 4e-3"),
        ],
    )
    def test_time_column_gives_the_rate(self, column: str, times: str) -> None:
        rows = "".join(f"{time};1\n" for time in times.split())
        recording = read_text(f"{column};I (mV)\n{rows}", StatedFacts())
        assert recording.sampling_rate_hz == 500.0

    def test_times_rounded_to_milliseconds_give_the_whole_rate(self) -> None:
        rows = "".join(f"{k / 360:.3f},0\n" for k in range(3600))
        assert read_text("time (s),I (mV)\n" + rows, StatedFacts()).sampling_rate_hz == 360.0

    def test_stated_rate_tells_the_unit_of_a_time_column_that_does_not(self) -> None:
        assert read_text("time,I\n0,1\n2,1\n4,1\n").sampling_rate_hz == 500.0

    def test_stated_rate_within_a_percent_agrees(self) -> None:
        stated = StatedFacts(498.0, 1.0)
        assert read_text("time (s),I\n0,1\n0.002,1\n", stated).sampling_rate_hz == 500.0


class TestNumbers:
    def test_empty_cells_and_nan_stay_not_a_number(self) -> None:
        recording = read_text("I,II,III\n1,,nan\n,NaN,5\n")
        expected = [[1, np.nan], [np.nan, np.nan], [np.nan, 5]]
        np.testing.assert_array_equal(recording.samples_mv, expected)

    def test_infinite_and_too_large_numbers_become_infinite(self) -> None:
        recording = read_text("I,II\ninf,-Infinity\n1e400,1e300\n")
        np.testing.assert_array_equal(recording.samples_mv, [[np.inf, np.inf], [-np.inf, np.inf]])

    def test_exponents_signs_and_spaces_are_read(self) -> None:
        recording = read_text("I, II\n 1e-3 , +2\n-.5,3.\n")
        np.testing.assert_allclose(recording.samples_mv, [[0.001, -0.5], [2, 3]], rtol=1e-6)


@pytest.mark.shared
def test_cinc_2011_recording_is_read_as_it_comes(shared: Path) -> None:
    path = shared / "data/signal-quality-cinc2011/set-a/1002867.txt"
    recording = read_text(path.read_bytes(), StatedFacts(500.0, 200.0, LEADS), name=path.name)
    assert recording.samples_mv.shape == (12, 5000)
    expected = np.loadtxt(path, delimiter=",")[:, 1:].T / 200
    np.testing.assert_allclose(recording.samples_mv, expected, rtol=1e-6)


def test_fault_codes_of_lacking_facts_name_their_field() -> None:
    with pytest.raises(UnusableRecording) as caught:
        read_text("1,2\n3,4\n", StatedFacts())
    assert [(fault.code, fault.field) for fault in caught.value.faults] == [
        (FaultCode.UNKNOWN_LEAD, "lead_order"),
        (FaultCode.MISSING_SAMPLING_RATE, "sampling_rate_hz"),
        (FaultCode.UNKNOWN_UNITS, "units"),
    ]
