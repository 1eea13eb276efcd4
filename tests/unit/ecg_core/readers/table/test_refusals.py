"""Tables that are refused, soon, in little memory, and without a word of their content."""

import gzip

import pytest

from ecg_core.errors import FaultCode, InputError, UnreadableRecording, UnusableRecording
from ecg_core.leads import LEADS
from ecg_core.readers import ReadLimits, StatedFacts, UploadedFile, read_recording
from tests.support.recordings import make_csv
from tests.support.refusals import Refusal

STATED = StatedFacts(sampling_rate_hz=500.0, units_per_mv=1.0)
MEBIBYTE = 1024 * 1024


def table(text: str | bytes) -> list[UploadedFile]:
    return [UploadedFile("recording.csv", text if isinstance(text, bytes) else text.encode())]


MALFORMED = {
    "empty_file": "",
    "only_comments": "# a\n# b\n",
    "header_without_rows": "I,II\n",
    "nul_bytes": "I,II\n1,\0\n",
    "binary": bytes(range(256)) * 10,
    "broken_utf_16": b"\xff\xfeI\x00,\x00\xd8\xd8\n",
    "gzip_named_csv": gzip.compress(b"I,II\n1,2\n"),
    "zip_named_csv": b"PK\x03\x04 and so on",
    "short_row": "I,II\n1,2\n3\n",
    "long_row": "I,II\n1,2\n3,4,5\n",
    "empty_line_in_the_middle": "I,II\n1,2\n\n3,4\n",
    "words_in_a_cell": "I,II\n1,2\n3,lead off\n",
    "two_numbers_in_a_cell": "I,II\n1,2\n3,4 5\n",
    "number_followed_by_letters": "I,II\n1,2\n3,4mV\n",
    "hexadecimal": "I,II\n1,0x10\n",
    "underscore": "I,II\n1,1_000\n",
    "two_decimal_points": "I,II\n1,2.3.4\n",
    "minus_of_typographers": "I,II\n1,−2\n",
    "decimal_comma_between_commas": "I,II\n0,1,0,2\n",
    "quoted_thousands_between_commas": 'I,II\n"1,234.5","0,2"\n',
    "thousands_marks": "I;II\n1.234,5;2\n",
    "quote_inside_a_number": 'I,II\n1"2,3\n',
    "quotes_that_do_not_close": 'I,II\n"1,2\n',
    "leads_in_rows_of_different_length": "I,1,2,3\nII,1,2\n",
    "rows_of_which_one_lacks_its_name": "I,1,2,3\n1,2,3,4\n",
    "missing_time": "time (s),I\n0,1\n,1\n0.004,1\n",
    "two_time_columns": "time (s),t [ms],I\n0,0,1\n0.002,2,1\n",
    "lost_row": "time (s),I\n0,1\n0.002,1\n0.004,1\n0.008,1\n0.010,1\n",
    "time_that_goes_back": "time (s),I\n0,1\n0.004,1\n0.002,1\n0.006,1\n",
    "time_that_stands_still": "time (s),I\n1,1\n1,1\n1,1\n",
    "one_row_of_time": "time (s),I\n0,1\n",
    "too_large_times": "time (s),I\n-1e308,1\n0,1\n1e308,1\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_table_is_refused(name: str, refused: Refusal) -> None:
    error = refused(table(MALFORMED[name]), FaultCode.MALFORMED_TABLE, stated=STATED)
    assert isinstance(error, UnreadableRecording)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("I,II\n1,2\n3\n", 3),
        ("# a comment\n\nI,II\n1,2\nx,3\n", 5),
        ("'I','II'\n'mV','mV'\n1,2\n1,-\n", 4),
        ("I,II\n" + "1,2\n" * 60_000 + "1,,\n", 60_002),
    ],
)
def test_first_bad_line_is_named(text: str, line: int, refused: Refusal) -> None:
    error = refused(table(text), FaultCode.MALFORMED_TABLE, stated=STATED)
    assert f"line {line} " in error.faults[0].detail


class TestSize:
    def test_fifty_thousand_columns_of_one_name(self, refused: Refusal) -> None:
        text = ",".join(["I"] * 50_000) + "\n" + ",".join(["1"] * 50_000)
        refused(table(text), FaultCode.MALFORMED_TABLE)

    def test_file_over_the_limit(self, refused: Refusal) -> None:
        limits = ReadLimits(max_file_bytes=100)
        refused(table("I,II\n" + "1,2\n" * 100), FaultCode.TOO_LONG, stated=STATED, limits=limits)

    def test_more_rows_than_the_longest_recording(self, refused: Refusal) -> None:
        limits = ReadLimits(max_duration_s=1.0)
        refused(table("I,II\n" + "1,2\n" * 501), FaultCode.TOO_LONG, stated=STATED, limits=limits)

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            pytest.param(b"I,II" + b"\n" * 31 * MEBIBYTE, FaultCode.MALFORMED_TABLE, id="empty"),
            pytest.param(b"I,II" + b"\n1,2" * 7 * MEBIBYTE, FaultCode.TOO_LONG, id="rows"),
            pytest.param(b"#\n" * 15 * MEBIBYTE, FaultCode.TOO_LONG, id="comments"),
            pytest.param(b"I," + b"1," * 15 * MEBIBYTE, FaultCode.TOO_LONG, id="columns"),
            pytest.param(
                b"I,II\n" + b"1" * 3 * MEBIBYTE + b",2", FaultCode.MALFORMED_TABLE, id="digits"
            ),
            pytest.param(
                b"I,II\n" + b'"' * 3 * MEBIBYTE + b"\n1,2", FaultCode.MALFORMED_TABLE, id="quotes"
            ),
            pytest.param(
                b"I,II\n" + b"x" * 3 * MEBIBYTE + b",V\n", FaultCode.MALFORMED_TABLE, id="units"
            ),
            pytest.param(
                b"I,II\n" + b'"' * 30 * MEBIBYTE, FaultCode.MALFORMED_TABLE, id="one line"
            ),
            pytest.param(
                b"#" * 30 * MEBIBYTE + b"\nI,II\n", FaultCode.MALFORMED_TABLE, id="one comment"
            ),
        ],
    )
    def test_as_much_as_is_allowed_of_anything(
        self, text: bytes, code: FaultCode, refused: Refusal
    ) -> None:
        refused(table(text), code, stated=STATED)


class TestLeads:
    def test_duplicate_lead(self, refused: Refusal) -> None:
        error = refused(table("I,Lead I\n1,2\n"), FaultCode.DUPLICATE_LEAD, stated=STATED)
        assert error.faults[0].lead == "I"

    def test_header_without_any_lead(self, refused: Refusal) -> None:
        refused(table("ch1,ch2\n1,2\n"), FaultCode.UNKNOWN_LEAD, stated=STATED)

    def test_headerless_table_without_stated_order(self, refused: Refusal) -> None:
        error = refused(table("1,2\n3,4\n"), FaultCode.UNKNOWN_LEAD, stated=STATED)
        assert error.faults[0].field == "lead_order"

    def test_line_of_numbers_with_one_broken_cell_is_no_header(self, refused: Refusal) -> None:
        refused(table("0,1,x,3\n1,2,3,4\n"), FaultCode.MALFORMED_TABLE, stated=STATED)

    @pytest.mark.parametrize(
        ("text", "order"),
        [
            ("1,2,3\n4,5,6\n", ("I", "II")),
            ("0,2\n1,5\n", ("I", "II")),
            ("I,II\n1,2\n", ("II", "I")),
            ("I,II\n1,2\n", ("I", "II", "III")),
            ("ch1,ch2\n1,2\n", LEADS),
        ],
        ids=["too many columns", "counter and too few", "other order", "more leads", "unnamed"],
    )
    def test_stated_order_that_does_not_fit(
        self, text: str, order: tuple[str, ...], refused: Refusal
    ) -> None:
        stated = StatedFacts(500.0, 1.0, order)
        error = refused(table(text), FaultCode.CONTRADICTS_FILE, stated=stated)
        assert error.faults[0].field == "lead_order"

    def test_stated_order_with_an_unknown_name(self, refused: Refusal) -> None:
        stated = StatedFacts(500.0, 1.0, ("I", "X9"))
        refused(table("1,2\n4,5\n"), FaultCode.UNKNOWN_LEAD, stated=stated)

    def test_stated_order_with_a_lead_twice(self, refused: Refusal) -> None:
        stated = StatedFacts(500.0, 1.0, ("I", "I"))
        refused(table("1,2\n4,5\n"), FaultCode.DUPLICATE_LEAD, stated=stated)


class TestUnits:
    @pytest.mark.parametrize("header", ["I,II", "I (mV),II", "I (counts),II (counts)"])
    def test_unknown_units_are_never_guessed(self, header: str, refused: Refusal) -> None:
        stated = StatedFacts(sampling_rate_hz=500.0)
        refused(table(f"{header}\n1,2\n"), FaultCode.UNKNOWN_UNITS, stated=stated)

    def test_stated_units_that_contradict_the_header(self, refused: Refusal) -> None:
        stated = StatedFacts(500.0, 1000.0)
        error = refused(table("I (mV),II\n1,2\n"), FaultCode.CONTRADICTS_FILE, stated=stated)
        assert error.faults[0].field == "units"

    @pytest.mark.parametrize("units", [0.0, -200.0, float("nan"), float("inf")])
    def test_impossible_units(self, units: float, refused: Refusal) -> None:
        stated = StatedFacts(500.0, units)
        refused(table("I,II\n1,2\n"), FaultCode.IMPLAUSIBLE_GAIN, stated=stated)


class TestRate:
    def test_no_rate_at_all(self, refused: Refusal) -> None:
        stated = StatedFacts(units_per_mv=1.0)
        refused(table("I,II\n1,2\n"), FaultCode.MISSING_SAMPLING_RATE, stated=stated)

    def test_time_column_without_unit(self, refused: Refusal) -> None:
        stated = StatedFacts(units_per_mv=1.0)
        text = "time,I\n0,1\n0.002,2\n"
        refused(table(text), FaultCode.MISSING_SAMPLING_RATE, stated=stated)

    def test_stated_rate_that_contradicts_the_time_column(self, refused: Refusal) -> None:
        error = refused(
            make_csv(), FaultCode.CONTRADICTS_FILE, stated=StatedFacts(sampling_rate_hz=250.0)
        )
        assert error.faults[0].field == "sampling_rate_hz"

    @pytest.mark.parametrize("rate_hz", [0.0, 1e-7, -500.0, 49.0, 2001.0, float("nan")])
    def test_implausible_stated_rate(self, rate_hz: float, refused: Refusal) -> None:
        stated = StatedFacts(rate_hz, 1.0)
        refused(table("I\n1\n2\n"), FaultCode.IMPLAUSIBLE_SAMPLING_RATE, stated=stated)

    def test_implausible_rate_of_the_time_column(self, refused: Refusal) -> None:
        text = "time (s),I (mV)\n0,1\n1,1\n2,1\n"
        refused(table(text), FaultCode.IMPLAUSIBLE_SAMPLING_RATE)


def test_all_faults_are_reported_at_once(refused: Refusal) -> None:
    error = refused(
        table("I,I,II\n1,2,3\n"),
        FaultCode.MISSING_SAMPLING_RATE,
        FaultCode.DUPLICATE_LEAD,
        FaultCode.UNKNOWN_UNITS,
    )
    assert isinstance(error, UnreadableRecording)


def test_lacking_facts_are_not_called_unreadable(refused: Refusal) -> None:
    error: InputError = refused(
        table("I,II\n1,2\n"), FaultCode.MISSING_SAMPLING_RATE, FaultCode.UNKNOWN_UNITS
    )
    assert isinstance(error, UnusableRecording)


@pytest.mark.parametrize(
    "text",
    [
        "# SECRET\nI,II\n1,SECRET\n",
        "# SECRET\nSECRET,SECRET\n1,2\n",
        "I,SECRET\n1\n",
        "SECRET,SECRET,I,I\n1,2,3,4\n",
    ],
)
def test_no_refusal_repeats_the_file(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_recording([UploadedFile("SECRET.csv", text.encode())])
    assert "SECRET" not in str(caught.value)
    assert all("SECRET" not in repr(fault) for fault in caught.value.faults)
