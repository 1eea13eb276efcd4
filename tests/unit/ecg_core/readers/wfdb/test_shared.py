"""Real recordings of several hospitals, read against the WFDB library."""

from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecg_core.errors import FaultCode, UnreadableRecording
from ecg_core.leads import LEADS, standard_lead_name
from ecg_core.readers import UploadedFile, read_recording

pytestmark = pytest.mark.shared

TRUNCATED = {"Q2428"}  # 119,296 of the 120,024 bytes that its header declares


def upload(header: Path) -> list[UploadedFile]:
    signal_file = next(p for p in map(header.with_suffix, (".dat", ".mat")) if p.exists())
    return [UploadedFile(path.name, path.read_bytes()) for path in (header, signal_file)]


def assert_read_as_by_the_library(header: Path) -> None:
    ours = read_recording(upload(header))
    theirs = wfdb.rdrecord(str(header.with_suffix("")))
    assert ours.leads == tuple(standard_lead_name(name) for name in theirs.sig_name)
    assert set(ours.leads) == set(LEADS)
    assert ours.sampling_rate_hz == theirs.fs
    np.testing.assert_array_equal(ours.samples_mv, theirs.p_signal.T.astype(np.float32))


def assert_limb_leads_agree(header: Path) -> None:
    """Einthoven: I + III = II, but for rounding; it would not hold of leads mixed up."""
    recording = read_recording(upload(header))
    error_mv = recording.lead("I") + recording.lead("III") - recording.lead("II")
    assert np.quantile(np.abs(error_mv), 0.95) < 0.01


@pytest.mark.parametrize(
    "folder", ["chapman-ningbo", "cpsc2018", "cpsc2018-extra", "ptb-diagnostic", "brugada-huca"]
)
def test_recordings_of_other_hospitals_are_read_right(shared: Path, folder: str) -> None:
    headers = sorted((shared / "data" / "other-hospitals" / folder).rglob("*.hea"))
    headers = [header for header in headers if header.stem not in TRUNCATED]
    assert len(headers) >= 10
    for header in headers:
        assert_read_as_by_the_library(header)


@pytest.mark.parametrize("folder", ["records100", "records500"])
def test_recordings_of_ptb_xl_are_read_right(shared: Path, folder: str) -> None:
    headers = sorted((shared / "data" / "ptb-xl" / folder).rglob("*.hea"))[::60]
    assert headers
    for header in headers:
        assert_read_as_by_the_library(header)
        assert_limb_leads_agree(header)


def test_recording_that_came_truncated_is_refused(shared: Path) -> None:
    header = shared / "data" / "other-hospitals" / "cpsc2018-extra" / "Q2428.hea"
    with pytest.raises(UnreadableRecording) as caught:
        read_recording(upload(header))
    assert [fault.code for fault in caught.value.faults] == [FaultCode.SIGNAL_FILE_MISMATCH]
