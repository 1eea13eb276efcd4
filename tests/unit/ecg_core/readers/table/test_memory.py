import tracemalloc

import pytest

from ecg_core.errors import UnreadableRecording
from ecg_core.leads import LEADS
from ecg_core.readers import StatedFacts, UploadedFile, read_recording

# As all cells at once would be many times their text.
MOST_BYTES_A_BYTE = 14


@pytest.mark.parametrize("by_line", [False, True], ids=["columns", "lines"])
def test_looking_for_thousands_marks_takes_no_more_than_reading(by_line: bool) -> None:
    cells = [["1.234", "720"][(n + k) % 3 == 0] for n in range(80_000) for k in range(12)]
    if by_line:
        text = "\n".join(",".join([lead, *cells[:80_000]]) for lead in LEADS)
    else:
        rows = (",".join(cells[start : start + 12]) for start in range(0, len(cells), 12))
        text = "\n".join([",".join(LEADS), *rows])
    content = text.encode()
    del cells, text
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableRecording):
            read_recording(
                [UploadedFile("a.csv", content)],
                StatedFacts(sampling_rate_hz=500.0, units_per_mv=1.0),
            )
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most <= MOST_BYTES_A_BYTE * len(content)
