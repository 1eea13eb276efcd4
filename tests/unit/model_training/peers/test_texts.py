from dataclasses import replace

import numpy as np
import pytest
import torch

from ecg_core.conditions import Catalogue
from model_training.entities import LeftOut
from model_training.peers import Report
from model_training.peers.texts import read_reports, training_texts

REPORTS = ("sinusrhythmus normales ekg", "Vorhofflimmern", "kein Vorhofflimmern", "", "  ")


def test_reports_that_name_what_is_left_out_are_not_read(make_task):
    recordings = make_task().recordings
    texts = (*REPORTS, *[""] * (len(recordings.ecg_ids) - len(REPORTS)))
    recordings = replace(recordings, reports=texts)
    everything = read_reports(recordings, None)
    assert [report.is_readable for report in everything[:6]] == [True] * 3 + [False] * 3
    assert [report.text for report in everything[:3]] == [*REPORTS[:3]]
    left_out = LeftOut(["atrial-fibrillation"], Catalogue.load())
    redacted = read_reports(recordings, left_out)
    assert [report.is_readable for report in redacted[:4]] == [True, False, False, False]


@pytest.fixture
def task(make_task):
    unread = Report("must not be read", is_readable=False)
    count = len(make_task().recordings.ecg_ids)
    return make_task((*(Report("a report", is_readable=True),) * 20, *(unread,) * (count - 20)))


def all_rows(texts):
    return torch.from_numpy(texts.rows_with_text(np.arange(len(texts.report_of))))


@pytest.mark.parametrize(("source", "share"), [("reports", 1.0), ("labels", 0.0), ("both", 0.5)])
def test_a_text_is_the_report_or_the_conditions_as_configured(source, share, task):
    texts = training_texts(task, source)
    report = torch.from_numpy(task.embedder.free_texts(["a report"]))[0]
    has_both = torch.tensor([row for row in range(20) if (task.targets[row] == 1).any()])
    drawn = torch.cat([texts.draw(has_both, task.canonical)[0] for _ in range(50)])
    by_report = torch.isclose(drawn, report).all(dim=1).float().mean()
    assert by_report == pytest.approx(share, abs=0.1)
    torch.testing.assert_close(drawn.norm(dim=1), torch.ones(len(drawn)))


def test_what_is_not_there_is_replaced_by_the_other_and_without_both_there_is_no_text(task):
    texts = training_texts(task, "reports")
    rows = all_rows(texts)
    silent = ~(task.targets == 1).any(dim=1)
    silent[:20] = False
    assert silent.any()
    assert not silent[rows].any()
    embeddings, _ = texts.draw(rows, task.canonical)
    unread = torch.from_numpy(task.embedder.free_texts(["must not be read"]))[0]
    assert not torch.isclose(embeddings, unread).all(dim=1).any()
    one = [row for row in rows.tolist() if row >= 20 and (task.targets[row] == 1).sum() == 1]
    position = rows.tolist().index(one[0])
    condition = int((task.targets[one[0]] == 1).nonzero())
    torch.testing.assert_close(embeddings[position], task.canonical[condition])


def test_texts_have_the_same_number_only_if_they_are_the_same(task):
    texts = training_texts(task, "both")
    embeddings, numbers = texts.draw(all_rows(texts), task.canonical)
    equal = torch.cdist(embeddings, embeddings) < 1e-3
    assert torch.equal(equal, numbers[:, None] == numbers)
    assert 1 < len(numbers.unique()) < len(numbers)


def test_nothing_to_align_with_is_said(make_task):
    task = make_task()
    task.recordings.targets[:] = 0
    with pytest.raises(ValueError, match="no training recording"):
        training_texts(task, "both")
