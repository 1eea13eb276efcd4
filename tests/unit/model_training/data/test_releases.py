"""Each public release, in the layout in which it is downloaded, is listed and read right."""

import numpy as np
import pytest

from ecg_core.conditions import Catalogue
from ecg_core.errors import InputError
from ecg_core.leads import LEADS
from model_training.data.releases.base import Listing, ReleaseFaultCode
from model_training.data.releases.labels import labels_of
from model_training.data.releases.registry import RELEASES
from tests.support import releases as build
from tests.support.recordings import make_recording

CATALOGUE = Catalogue.load()


def listing_of(name, root) -> Listing:
    listing = RELEASES[name].listing(root)
    assert listing.faults == []
    return listing


def samples_of(name, root, listed):
    recording = RELEASES[name].read(root, listed)
    return {lead: recording.lead(lead) for lead in LEADS}, recording.sampling_rate_hz


def assert_is(name, root, listed, expected) -> None:
    samples, rate_hz = samples_of(name, root, listed)
    assert rate_hz == expected.sampling_rate_hz
    for lead in LEADS:
        np.testing.assert_allclose(samples[lead], expected.lead(lead), atol=0.001)


@pytest.mark.parametrize(("name", "rate_hz"), [("ptb-xl", 500.0), ("ptb-xl-100", 100.0)])
def test_ptb_xl_at_both_rates(tmp_path, name, rate_hz):
    root = build.write_ptb_xl(tmp_path / "r")
    recordings = listing_of(name, root).recordings
    assert [r.source_id for r in recordings] == ["1", "2", "3"]
    assert [r.fold for r in recordings] == [2, 3, 4]
    assert recordings[0].patient_id == "3"
    assert recordings[0].codes == {"NORM", "SR"}
    assert recordings[1].report == "sinusrhythmus, nummer 2"
    assert_is(name, root, recordings[1], build.at(52, rate_hz))


def test_ptb_xls_rhythm_is_not_said_where_no_statement_names_one(tmp_path):
    recordings = listing_of("ptb-xl", build.write_ptb_xl(tmp_path / "r")).recordings
    system = RELEASES["ptb-xl"].system("ptb-xl", CATALOGUE)
    labels = labels_of([r.codes for r in recordings], system, CATALOGUE)
    column = labels.conditions.index("sinus-rhythm")
    np.testing.assert_array_equal(labels.targets[:, column], [1, np.nan, 1])
    column = labels.conditions.index("inferior-myocardial-infarction")
    np.testing.assert_array_equal(labels.targets[:, column], [0, 1, 0])


def test_mimic_joins_its_report_lines_and_takes_leads_by_name(tmp_path):
    root = build.write_mimic(tmp_path / "r")
    recordings = listing_of("mimic-iv-ecg", root).recordings
    assert [r.report for r in recordings][:2] == ["Sinus rhythm. Borderline ECG", "Normal ECG"]
    assert [r.patient_id for r in recordings] == ["10000001", "10000001", "10000002"]
    assert recordings[0].codes is None
    assert_is("mimic-iv-ecg", root, recordings[1], make_recording(heart_rate_bpm=61))


def test_the_challenges_sources_are_told_by_their_folders(tmp_path):
    root = build.write_challenge(tmp_path / "training")
    recordings = listing_of("challenge", root).recordings
    assert [r.source for r in recordings] == ["cpsc_2018", "ptb"]
    assert [r.source_id for r in recordings] == ["cpsc_2018/g1/A0001", "ptb/g1/S0001"]
    assert_is("challenge", root, recordings[1], make_recording())
    challenge = RELEASES["challenge"]
    normal = challenge.system("cpsc_2018", CATALOGUE).lookup("426783006")
    assert normal is not None
    assert normal.id == "normal-ecg"
    rhythm = challenge.system("georgia", CATALOGUE).lookup("426783006")
    assert rhythm is not None
    assert rhythm.id == "sinus-rhythm"


def test_one_source_of_a_challenge_is_told_by_the_folders_own_name(tmp_path):
    build.write_challenge(tmp_path / "training")
    recordings = listing_of("challenge", tmp_path / "training/cpsc_2018").recordings
    assert [r.source for r in recordings] == ["cpsc_2018"]


def test_chapman_reads_its_tree(tmp_path):
    root = build.write_chapman(tmp_path / "r")
    recordings = listing_of("chapman-shaoxing-ningbo", root).recordings
    assert [r.source_id[-7:] for r in recordings] == ["JS00001", "JS00002"]
    assert recordings[0].codes == {"164889003", "164930006"}
    assert_is("chapman-shaoxing-ningbo", root, recordings[0], make_recording())


def test_cpsc2018_as_released_and_in_the_challenges_form(tmp_path):
    root = build.write_cpsc2018(tmp_path / "r")
    recordings = listing_of("cpsc2018", root).recordings
    assert [r.codes for r in recordings] == [{"CRBBB", "STD"}, {"NORM"}]
    assert_is("cpsc2018", root, recordings[1], build.at(62, 500.0))
    other = build.write_challenge(tmp_path / "training") / "cpsc_2018"
    [converted] = listing_of("cpsc2018", other).recordings
    system = RELEASES["cpsc2018"].system(converted.source, CATALOGUE)
    labels = labels_of([converted.codes], system, CATALOGUE)
    assert labels.targets[0, labels.conditions.index("normal-ecg")] == 1
    assert_is("cpsc2018", other, converted, make_recording())


def test_code15_finds_each_exam_in_its_part_and_takes_off_the_padding(tmp_path):
    root = build.write_code15(tmp_path / "r")
    recordings = listing_of("code-15", root).recordings
    assert [r.source_id for r in recordings] == ["11", "22", "33"]
    assert [r.codes for r in recordings] == [{"AF"}, frozenset(), frozenset()]
    assert_is("code-15", root, recordings[2], build.at(83, 400.0))
    samples, rate_hz = samples_of("code-15", root, recordings[1])
    expected = build.at(72, 400.0).lead("V2")
    assert rate_hz == 400.0
    assert len(samples["V2"]) == 2800
    np.testing.assert_allclose(samples["V2"], expected[:2800], atol=1e-6)


def test_a_tracing_of_nothing_but_padding_is_refused_by_the_check(tmp_path):
    root = build.write_code15(tmp_path / "r")
    recordings = listing_of("code-15", root).recordings
    with build.h5py.File(root / "exams_part1.hdf5", "r+") as stream:
        stream["tracings"][0] = 0.0
    recording = RELEASES["code-15"].read(root, recordings[2])
    assert recording.samples_mv.shape == (12, 0)


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file, cut off"])
def test_a_broken_matlab_file_is_an_input_error(tmp_path, content):
    root = build.write_cpsc2018(tmp_path / "r")
    recordings = listing_of("cpsc2018", root).recordings
    (root / "A0001.mat").write_bytes(content)
    with pytest.raises(InputError):
        RELEASES["cpsc2018"].read(root, recordings[0])


@pytest.mark.shared
def test_the_excerpt_of_ptb_xl_lists_what_the_tables_say(shared):
    listing = RELEASES["ptb-xl-100"].listing(shared / "data/ptb-xl")
    kept = listing.without_faults(
        frozenset({ReleaseFaultCode.MISSING_FILE, ReleaseFaultCode.EMPTY_REPORT})
    )
    assert len(listing.recordings) == 12_066
    assert len(kept.recordings) == 3_593


@pytest.mark.shared
@pytest.mark.parametrize(
    ("folder", "count"),
    [("chapman-ningbo", 40), ("cpsc2018", 10), ("cpsc2018-extra", 29), ("ptb-diagnostic", 10)],
)
def test_real_challenge_folders_are_listed_without_a_fault(shared, folder, count):
    listing = listing_of("challenge", shared / "data/other-hospitals" / folder)
    assert len(listing.recordings) == count
    assert {recording.source for recording in listing.recordings} == {folder}
