"""Whatever is sent as a table: a recording or an `InputError`, nothing else."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_core.errors import InputError
from ecg_core.leads import LEADS
from ecg_core.readers import ReadLimits, StatedFacts, UploadedFile, read_recording
from ecg_core.readers.table import body as body_module
from ecg_core.readers.table import text as text_module
from ecg_core.readers.table.cells import parse_table

_rates = st.none() | st.floats() | st.just(500.0)
_units = st.none() | st.floats() | st.just(1000.0)
_orders = st.none() | st.lists(st.sampled_from([*LEADS, "x"]), max_size=4).map(tuple)
_stated = st.builds(StatedFacts, _rates, _units, _orders)
_names = ("I", "II", "time (s)", "time", "V1_mV", "x", "", "#", "µV", "\ufeff")
_numbers = ("nan", "inf", "0", "1", "0.002", "-1e400", "1,5", "1.5", '"1"', "1e308", "٣", " 2 ")
_cells = st.sampled_from([*_names, *_numbers, '"', "+"])
_tables = st.builds(
    lambda rows, separator, newline: newline.join(separator.join(row) for row in rows),
    st.lists(st.lists(_cells, max_size=4), max_size=6),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
# What is decided over all of a table, not line by line.
WHOLE_TABLES = (
    "# a comment\n# another\nI;II\n1,5;2,5;\n1,5;2,5;\n",
    '"I","II"\n"1,5","2,5"\n"1,5","2"\n',
    "t,I\n0:00.010,1\n0:00.020,2\n",
    "time,0:01,0:02,0:03\nI,1,2,3\nII,3,4,5",
    "I,1,2,3\r\nII,4,5,6\r\nIII,7,8,9\r\n",
    "I,1,2,3\nII,4,5,\nIII,7,8,9",
    "1\t2\r\n1\t2\r\n\t\r\n\r\n\x1a",
    "sep=;\nI;II\nmV;mV\n1;2\n",
    "I (mV) II (mV)\n1.234  5\n 1.2  3.4 \n",
    "I,II\n1.234,2.345\n3.456,4.567\n",
    "I,II\n1.234,2.345\n3.456,45\n",
    "1,2\n3,4\n5,6\n",
)
_encodings = st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])


def check(content: bytes, stated: StatedFacts) -> None:
    with suppress(InputError):
        recording = read_recording([UploadedFile("recording.csv", content)], stated)
        assert set(recording.leads) <= set(LEADS)
        assert np.isfinite(recording.sampling_rate_hz)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), _stated)
def test_arbitrary_bytes(content: bytes, stated: StatedFacts) -> None:
    check(content, stated)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), _stated)
def test_arbitrary_text(text: str, stated: StatedFacts) -> None:
    check(text.encode("utf-8", "replace"), stated)


@settings(max_examples=600, deadline=None)
@given(_tables, _encodings, _stated)
def test_arbitrary_tables(text: str, encoding: str, stated: StatedFacts) -> None:
    check(text.encode(encoding), stated)


def outcome(content: bytes, piece_bytes: int) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_module, "_PIECE_BYTES", piece_bytes)
        patch.setattr(body_module, "_BYTES_OF_LINE_AT_ONCE", piece_bytes)
        try:
            table = parse_table(content, ReadLimits())
        except InputError as error:
            return [fault.code for fault in error.faults]
    return [table.values.tobytes(), table.names, table.hint, table.clocks, table.marked]


@pytest.mark.parametrize("text", WHOLE_TABLES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_is_decided_over_a_whole_table_does_not_depend_on_its_pieces(
    text: str, encoding: str
) -> None:
    content = text.encode(encoding)
    whole = outcome(content, 1 << 20)
    assert all(outcome(content, size) == whole for size in range(2, len(content), 2))


@settings(max_examples=600, deadline=None)
@given(_tables, _encodings, st.sampled_from([2, 4, 6, 10, 16, 30]))
def test_a_text_means_the_same_in_whatever_pieces_it_comes(
    text: str, encoding: str, piece_bytes: int
) -> None:
    content = text.encode(encoding)
    assert outcome(content, piece_bytes) == outcome(content, 1 << 20)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.floats(-1e4, 1e4, allow_nan=False).map(lambda v: round(v, 6))] * 2),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from([(",", "."), (";", "."), (";", ","), ("\t", ",")]),
)
def test_numbers_come_back_exactly(rows: list[tuple[float, float]], marks: tuple[str, str]) -> None:
    separator, decimal = marks
    lines = [separator.join(repr(value).replace(".", decimal) for value in row) for row in rows]
    text = "\n".join([f"I (mV){separator}V6 (mV)", *lines])
    stated = StatedFacts(sampling_rate_hz=500.0)
    recording = read_recording([UploadedFile("recording.csv", text.encode())], stated)
    np.testing.assert_array_equal(recording.samples_mv, np.array(rows, np.float32).T)
