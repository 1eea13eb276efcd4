"""Formats with a mark of their own are told by it, whatever the file is called."""

import numpy as np
import pytest

from ecg_core.errors import FaultCode
from ecg_core.readers import UploadedFile, read_recording
from ecg_core.readers.registry import READERS
from tests.support.philips_files import make_philips
from tests.support.reading import read
from tests.support.recordings import make_csv, make_wfdb, make_zip
from tests.support.refusals import Refusal
from tests.support.scp_files import make_scp
from tests.support.xml_files import make_aecg, make_cardiosoft, make_muse

BUILT = {
    "aecg": make_aecg(),
    "muse": make_muse(),
    "cardiosoft": make_cardiosoft(),
    "philips": make_philips(),
    "scp": make_scp(),
}
NAMES = ("", "a", "a.xml", "a.XML", "a.scp", "a.csv", "a.txt", "a.dat", "a.hea", "a.mat", "a.dcm")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("file_format", BUILT)
def test_format_is_told_under_any_name(file_format: str, name: str) -> None:
    recording = read_recording([UploadedFile(name, BUILT[file_format])])
    assert recording.format == file_format


@pytest.mark.parametrize("file_format", BUILT)
def test_format_is_told_inside_an_archive(file_format: str) -> None:
    zipped = make_zip({"folder/any name": BUILT[file_format]})
    recording = read_recording([zipped])
    assert recording.format == file_format
    np.testing.assert_array_equal(recording.samples_mv, read(BUILT[file_format]).samples_mv)


@pytest.mark.parametrize("file_format", BUILT)
def test_no_other_reader_recognises_it(file_format: str) -> None:
    first_bytes = UploadedFile("", BUILT[file_format]).first_bytes
    assert sum(reader.recognises(first_bytes) for reader in READERS) == 1


@pytest.mark.parametrize("file_format", BUILT)
def test_two_recordings_at_once_are_refused(file_format: str, refused: Refusal) -> None:
    one = UploadedFile("a", BUILT[file_format])
    for others in ([one], make_csv(), make_wfdb()):
        refused([one, *others], FaultCode.SEVERAL_RECORDINGS)
