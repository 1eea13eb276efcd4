"""Real DICOM files, against an independent reader."""

from pathlib import Path

import numpy as np
import pytest
from ecgdatakit.parsing import FileParser

from ecg_core.leads import LEADS
from ecg_core.quality import check_recording
from ecg_core.readers import UploadedFile, read_recording
from ecg_core.recording import NoteCode

# File, steps of its converter in millivolts, what is noted.
FILES = {
    "ecg2dcm_general_ecg_mdc_corr4.88.dcm": (0.00488, {NoteCode.OUTSIDE_TRAINING_POPULATION}),
    "ecgtoolkit_implicit_le_padding0_baduid.dcm": (0.0025, set()),
    "mortara_el250_1000hz_rhythm+median_uV.dcm": (0.00125, set()),
}


@pytest.mark.shared
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")  # pydicom's, for the other reader
@pytest.mark.parametrize("name", FILES)
def test_a_real_file_gives_what_another_reader_gives(shared: Path, name: str) -> None:
    path = shared / "data/formats/dicom" / name
    step_mv, noted = FILES[name]
    recording = read_recording([UploadedFile("x", path.read_bytes())])
    theirs = FileParser().parse(path)
    assert recording.leads == LEADS
    assert recording.sampling_rate_hz == theirs.leads[0].sampling_rate
    for lead in theirs.leads:
        assert lead.units == "mV"
        # It takes the padding value 0, which one exporter declares, for a missing sample.
        samples_mv = np.nan_to_num(lead.samples)
        np.testing.assert_allclose(recording.lead(lead.label), samples_mv, atol=step_mv / 2)
    assert {note.code for note in recording.notes} == noted | {NoteCode.WAVEFORM_LEFT_OUT}
    assert check_recording(recording).acceptable


@pytest.mark.shared
def test_every_file_at_hand_is_tested(shared: Path) -> None:
    assert {path.name for path in (shared / "data/formats/dicom").iterdir()} == set(FILES)
