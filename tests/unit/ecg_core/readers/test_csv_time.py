"""Tables of integers, whole or broken, are read or refused at once.

With a comma between integers, a pattern over rows that takes decimal commas can split each row in
2^n ways.
"""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecg_core.errors import FaultCode, InputError, UnreadableRecording
from ecg_core.leads import LEADS
from ecg_core.readers import StatedFacts, UploadedFile, read_recording
from tests.support.time_limited import TimeLimited

# A fault took longer than anybody would wait; a busy machine does not.
LIMIT_S = 10.0
CPU_S = 1.0
STATED = StatedFacts(sampling_rate_hz=500.0, units_per_mv=1000.0)

FIRST_SEEN = b"I" + b",1" * 60 + b"\nII" + b",1" * 59 + b",NA"


def read(content: bytes) -> None:
    with suppress(InputError):
        read_recording([UploadedFile("recording.csv", content)], STATED)


@pytest.fixture(scope="module")
def reader() -> Iterator[TimeLimited]:
    with TimeLimited(read, LIMIT_S) as limited:
        yield limited


def leads_in_lines(separator: str, samples: int, ending: str, cell: str = "1") -> bytes:
    row = separator.join([cell] * samples) + ending
    return "\n".join(f"{lead}{separator}{row}" for lead in LEADS).encode()


def test_the_file_that_never_ended_is_refused_at_once(reader: TimeLimited) -> None:
    assert reader.cpu_s(FIRST_SEEN) < CPU_S
    with pytest.raises(UnreadableRecording) as refused:
        read_recording([UploadedFile("recording.csv", FIRST_SEEN)], STATED)
    (fault,) = refused.value.faults
    assert fault.code is FaultCode.MALFORMED_TABLE
    assert fault.detail == "line 2 holds a cell that is not a number"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["", "{0}", "{0}{0}", "{0}NA", "{0}1{0}"])
def test_integers_of_one_lead_a_line_are_read_or_refused_at_once(
    reader: TimeLimited, separator: str, ending: str
) -> None:
    content = leads_in_lines(separator, 5000, ending.format(separator))
    assert reader.cpu_s(content) < CPU_S
    # Only the last line is broken.
    assert reader.cpu_s(content + separator.encode() + b"NA") < CPU_S


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.integers(1, 16),
    columns=st.integers(1, 400),
    separator=st.sampled_from([",", ";", "\t"]),
    cell=st.sampled_from(["1", "-12", "1,5", "007", "1.", ",5", " 1"]),
    broken=st.sampled_from(["", "NA", "-", "1e", "1 1", "++1", "x"]),
    where=st.tuples(st.integers(0, 15), st.integers(0, 399)),
    trailing=st.booleans(),
    named=st.sampled_from(["lines", "columns", "no"]),
    hint=st.sampled_from(["", "# a\n", "#" + " " * 3000 + "x\n", "# " + "(" * 3000 + "\n"]),
)
def test_a_table_of_integers_never_takes_long(
    reader: TimeLimited,
    rows: int,
    columns: int,
    separator: str,
    cell: str,
    broken: str,
    where: tuple[int, int],
    trailing: bool,
    named: str,
    hint: str,
) -> None:
    cells = [[cell] * columns for _ in range(rows)]
    cells[where[0] % rows][where[1] % columns] = broken
    if named == "columns":
        cells.insert(0, [LEADS[n % 12] for n in range(columns)])
    elif named == "lines":
        cells = [[LEADS[n % 12], *row] for n, row in enumerate(cells)]
    end = separator if trailing else ""
    text = hint + "\n".join(separator.join(row) + end for row in cells)
    assert reader.cpu_s(text.encode()) < CPU_S


def test_a_comment_of_any_length_above_the_numbers_costs_no_more_than_its_length(
    reader: TimeLimited,
) -> None:
    for comment in (" " * 500_000 + "x", "(" * 500_000, "_" * 500_000 + ")", "mV " * 200_000):
        assert reader.cpu_s(f"# {comment}\n1\n2\n3".encode()) < CPU_S


@pytest.mark.parametrize("bad_row", [0, 1, 49_999, 50_000, 60_000, 70_000])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [("1,x", "holds a cell that is not a number"), ("1", "has 1 cells where 2 are expected"),
     ("1,2,3", "has 3 cells where 2 are expected")],
)  # fmt: skip
def test_the_first_bad_line_is_named(bad_row: int, bad: str, reason: str) -> None:
    rows = ["1,2"] * 70_001
    rows[bad_row] = bad
    rows[-1] = "y,y" if bad_row < 70_000 else bad
    content = "\n".join(["I,II", *rows]).encode()
    with pytest.raises(UnreadableRecording) as refused:
        read_recording([UploadedFile("recording.csv", content)], STATED)
    assert [fault.detail for fault in refused.value.faults] == [f"line {bad_row + 2} {reason}"]
