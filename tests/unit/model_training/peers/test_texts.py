import numpy as np
import pandas as pd
import pytest
import torch

from ecg_core.conditions import Catalogue
from model_training.entities import LeftOut
from model_training.peers.texts import read_reports, training_texts

REPORTS = ["sinusrhythmus normales ekg", "Vorhofflimmern", "kein Vorhofflimmern", None, "  "]


@pytest.fixture
def release(tmp_path):
    table = pd.DataFrame({"ecg_id": range(5), "patient_id": 1, "report": REPORTS})
    table.to_csv(tmp_path / "ptbxl_database.csv", index=False)
    return tmp_path


def test_reports_that_name_what_is_left_out_are_not_read(release, make_task):
    recordings = make_task().recordings
    everything = read_reports(release, recordings, None)
    assert everything[:5] == (*REPORTS[:3], None, None)
    assert set(everything[5:]) == {None}
    left_out = LeftOut(["atrial-fibrillation"], Catalogue.load())
    assert read_reports(release, recordings, left_out)[:5] == (REPORTS[0], *(None,) * 4)


@pytest.mark.parametrize(("source", "variants"), [("reports", 1), ("labels", 1), ("both", 2)])
def test_names_stand_in_where_there_is_no_report(source, variants, make_task):
    plain = make_task()
    reports = ("a report", *(None,) * (len(plain.recordings.ecg_ids) - 1))
    task = make_task(reports)
    texts = training_texts(task, source)
    assert texts.of_recording.shape == (len(reports), variants)
    present = task.recordings.targets == 1
    silent = np.flatnonzero(~present.any(axis=1))
    silent = silent[silent > 0]
    assert silent.size
    assert set(texts.of_recording[silent].flatten().tolist()) == {-1}
    rows = texts.rows_with_text(np.arange(len(reports)))
    assert not np.intersect1d(rows, silent).size
    own = torch.from_numpy(task.embedder.free_texts(["a report"]))[0]
    drawn = {int(texts.draw(torch.tensor([0]))) for _ in range(30)}
    used = [torch.allclose(texts.embeddings[row], own) for row in drawn]
    expected = {"reports": [True], "labels": [not present[0].any()], "both": [False, True]}
    assert sorted(used) == expected[source]
    alone = np.flatnonzero((present.sum(axis=1) == 1) & present[:, 2])[-1]
    name = torch.from_numpy(task.embedder.free_texts([task.conditions[2].name]))[0]
    torch.testing.assert_close(texts.embeddings[texts.of_recording[alone, -1]], name)


def test_nothing_to_align_with_is_said(make_task):
    task = make_task()
    task.recordings.targets[:] = 0
    with pytest.raises(ValueError, match="no recording"):
        training_texts(task, "both")
