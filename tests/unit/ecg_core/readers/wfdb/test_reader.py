"""What the WFDB reader reads, to the last bit."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import wfdb
from numpy.typing import NDArray

from ecg_core.leads import LEADS
from ecg_core.readers import StatedFacts, UploadedFile, read_recording
from tests.support.paths import REPOSITORY
from tests.support.recordings import PEAK_KB, edit_header, make_recording, make_wfdb, write_wfdb

BITS = {"16": 16, "212": 12, "80": 8, "24": 24, "32": 32}


def random_digital(storage_format: str, count: int, signals: int) -> NDArray[np.int64]:
    """Values over the whole range of a format but its lowest, which means 'invalid'."""
    half = 2 ** (BITS[storage_format] - 1)
    digital = np.random.default_rng(7).integers(-half + 1, half, size=(count, signals))
    digital[0, 0], digital[1, 0] = half - 1, -half + 1
    return digital


@pytest.mark.parametrize("storage_format", BITS)
@pytest.mark.parametrize(("count", "signals"), [(500, 12), (501, 1), (501, 3)])
def test_each_format_is_read_to_the_exact_value(
    storage_format: str, count: int, signals: int
) -> None:
    digital = random_digital(storage_format, count, signals)
    files = write_wfdb(
        digital, LEADS[:signals], storage_format=storage_format, gain=50.0, baseline=17
    )
    recording = read_recording(files)
    assert recording.leads == LEADS[:signals]
    np.testing.assert_array_equal(
        recording.samples_mv, ((digital.T - 17) / 50.0).astype(np.float32)
    )


@pytest.mark.parametrize("storage_format", BITS)
def test_what_the_library_reads_as_millivolts_is_what_we_read(
    storage_format: str, tmp_path: Path
) -> None:
    header, signal_file = write_wfdb(
        random_digital(storage_format, 300, 12),
        LEADS,
        storage_format=storage_format,
        gain=204.8,
        baseline=-3,
    )
    for file in (header, signal_file):
        (tmp_path / file.name).write_bytes(file.content)
    theirs = wfdb.rdrecord(str(tmp_path / "record")).p_signal.T.astype(np.float32)
    ours = read_recording([header, signal_file]).samples_mv
    np.testing.assert_array_equal(ours, theirs)


def test_a_challenge_mat_reads_like_its_dat() -> None:
    dat, mat = read_recording(make_wfdb()), read_recording(make_wfdb(matlab=True))
    assert mat.leads == dat.leads
    np.testing.assert_array_equal(mat.samples_mv, dat.samples_mv)


def test_what_was_built_comes_back() -> None:
    built = make_recording(sampling_rate_hz=257.5, duration_s=4.0)
    read = read_recording(make_wfdb(built))
    assert (read.leads, read.sampling_rate_hz, read.format) == (LEADS, 257.5, "wfdb")
    np.testing.assert_allclose(read.samples_mv, built.samples_mv, atol=0.0005)


def test_stated_rate_that_agrees_with_the_header_is_let_pass() -> None:
    assert read_recording(make_wfdb(), StatedFacts(sampling_rate_hz=500)).leads == LEADS


def test_permuted_leads_keep_their_names_and_samples() -> None:
    straight = read_recording(make_wfdb())
    permuted = read_recording(make_wfdb(make_recording(leads=LEADS[::-1])))
    assert permuted.leads == LEADS[::-1]
    for lead in LEADS:
        np.testing.assert_array_equal(permuted.lead(lead), straight.lead(lead))


@pytest.mark.parametrize("units", ["mV", "mv", "MV"])
def test_units_of_millivolts_are_known_in_any_case(units: str) -> None:
    files = edit_header(make_wfdb(), ("/mV", f"/{units}"))
    np.testing.assert_array_equal(
        read_recording(files).samples_mv, read_recording(make_wfdb()).samples_mv
    )


@pytest.mark.parametrize("units", ["uV", "UV", "µV", "μV"])
def test_a_file_in_microvolts_gives_the_same_millivolts(units: str) -> None:
    files = edit_header(make_wfdb(units="uV"), ("/uV", f"/{units}"))
    np.testing.assert_allclose(
        read_recording(files).samples_mv, read_recording(make_wfdb()).samples_mv, rtol=1e-6
    )


def test_units_in_latin_1_are_known() -> None:
    header, signal_file = edit_header(make_wfdb(units="uV"), ("/uV", "/µV"))
    header = UploadedFile(header.name, header.content.decode().encode("latin-1"))
    assert read_recording([header, signal_file]).leads == LEADS


def test_units_left_out_mean_millivolts_as_the_specification_says() -> None:
    files = edit_header(make_wfdb(), ("1000.0(0)/mV", "1000.0(0)"))
    assert read_recording(files).lead("II").max() == pytest.approx(1.0, abs=0.01)


def test_baseline_left_out_is_the_adc_zero() -> None:
    files = make_wfdb(baseline=512)
    zero = edit_header(files, ("1000.0(512)/mV 16 0 ", "1000.0/mV 16 512 "))
    np.testing.assert_array_equal(read_recording(zero).samples_mv, read_recording(files).samples_mv)


@pytest.mark.parametrize("storage_format", BITS)
def test_invalid_samples_are_nan_and_not_repaired(storage_format: str) -> None:
    digital = random_digital(storage_format, 100, 2)
    digital[10:13, 1] = -(2 ** (BITS[storage_format] - 1))
    files = write_wfdb(digital, ["I", "II"], storage_format=storage_format, gain=100.0)
    samples_mv = read_recording(files).samples_mv
    assert np.isfinite(samples_mv[0]).all()
    assert np.flatnonzero(np.isnan(samples_mv[1])).tolist() == [10, 11, 12]


def test_signals_that_are_no_standard_lead_are_left_out() -> None:
    names = ["vx", "II", "PLETH", "aVF", "RESP 1", "V1"]
    recording = make_recording(leads=("I", "II", "III", "aVF", "aVL", "V1"))
    read = read_recording(make_wfdb(recording, names=names))
    assert read.leads == ("II", "aVF", "V1")
    np.testing.assert_allclose(read.lead("V1"), recording.lead("V1"), atol=0.0005)


def test_gain_and_units_of_signals_left_out_do_not_matter() -> None:
    files = make_wfdb(make_recording(leads=("I", "II")), names=["PLETH", "II"])
    header = files[0].content.decode().replace("1000.0(0)/mV", "0(0)/NU", 1)
    assert read_recording([UploadedFile("a.hea", header.encode()), files[1]]).leads == ("II",)


def test_leads_beside_a_second_signal_file_are_read_without_it() -> None:
    header, signal_file = make_wfdb(make_recording(leads=LEADS))
    frank = "".join(f"record.xyz 16 2000(0)/mV 16 0 0 0 0 v{axis}\n" for axis in "xyz")
    text = header.content.decode().replace("record 12 ", "record 15 ") + frank
    assert read_recording([UploadedFile("a.hea", text.encode()), signal_file]).leads == LEADS


@pytest.mark.parametrize("declared", ["", " 0"])
@pytest.mark.parametrize("storage_format", BITS)
def test_number_of_samples_left_out_is_told_from_the_file(
    declared: str, storage_format: str
) -> None:
    recording = make_recording(duration_s=2.002)
    files = make_wfdb(recording, storage_format=storage_format)
    files = edit_header(files, ("record 12 500 1001\n", f"record 12 500{declared}\n"))
    assert read_recording(files).samples_mv.shape == (12, 1001)


def test_a_padded_last_block_of_format_212_is_read() -> None:
    header, signal_file = make_wfdb(
        make_recording(leads=("II",), duration_s=2.002), storage_format="212"
    )
    padded = UploadedFile(signal_file.name, signal_file.content + b"\0")
    assert read_recording([header, padded]).samples_mv.shape == (1, 1001)


def test_names_of_the_files_do_not_matter() -> None:
    header, signal_file = make_wfdb()
    renamed = [
        UploadedFile("Befund Müller.DAT", signal_file.content),
        UploadedFile("s3://bucket/../../x.HEA", header.content),
    ]
    assert read_recording(renamed).leads == LEADS


def test_usual_spellings_of_leads_become_standard_names() -> None:
    spellings = ["i", "Lead II", "D3", "AVR", "avl", "VF", "v1", "C2", "ECG V3", "V4", "V5", "V6"]
    assert read_recording(make_wfdb(names=spellings)).leads == LEADS


def test_samples_are_read_only() -> None:
    assert not read_recording(make_wfdb()).samples_mv.flags.writeable


def test_no_disk_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert read_recording(make_wfdb()).leads == LEADS


_LARGEST = (
    PEAK_KB
    + """
from ecg_core.readers import ReadLimits, UploadedFile, read_recording
limits = ReadLimits()
frames = limits.max_file_bytes // 16
names = "I II III aVR aVL aVF V1 V2 V3 V4 V5 V6 vx vy vz x".split()
lines = [f"r.dat 80 25/mV 8 0 0 0 0 {name}" for name in names]
header = "\\n".join([f"r 16 2000 {frames}", *lines]).encode()
files = [UploadedFile("r.hea", header), UploadedFile("r.dat", b"\\x81" * (16 * frames))]
assert read_recording(files).samples_mv.shape == (12, frames)
print(peak_kb() // 1024)
"""
)


def test_the_largest_file_is_read_within_512_mb() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LARGEST],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert int(done.stdout) < 512
