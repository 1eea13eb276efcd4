"""A fusion of tokens learns what is planted, each path what it sees, and goes on when killed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ecg_core.conditions import Catalogue
from ecg_core.leads import LEADS
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.signs import SIGNS
from ecg_core.statistics.ranking import auroc
from model_training.data.labelled import TRAINING_FOLDS, VALIDATION_FOLD
from model_training.entities.labels.masking import LeftOut
from model_training.evaluation.cuts import TOKEN_CUTS, cut_out, evaluate_cuts
from model_training.evaluation.fold import EvaluatedFold
from model_training.models.windows import Windows
from model_training.run.token_training import TokenPretraining, leads_needed
from model_training.text.asking import concepts_of
from tests.support.one_thread import one_thread  # noqa: F401
from tests.support.recordings import make_recording
from tests.support.token_networks import (
    TextsByHash,
    make_token_bench,
    planted_recordings,
    tiny_config,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def make_bench(folder, **changes):
    torch.manual_seed(0)
    config = tiny_config(**changes)
    phases = config.token_training
    signs = {"epochs": 40, "learning_rate": 0.01, "ema_decay": 0.9}
    longer = phases.signs.model_copy(
        update={"training": phases.signs.training.model_copy(update=signs)}
    )
    phase = config.fusion_training.model_copy(
        update={"epochs": 10, "learning_rate": 0.01, "ema_decay": 0.9}
    )
    config = config.model_copy(
        update={
            "fusion_training": phase,
            "token_training": phases.model_copy(update={"signs": longer}),
        }
    )
    return make_token_bench(config, planted_recordings(160), TextsByHash(), folder)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    bench = make_bench(tmp_path_factory.mktemp("run"))
    TokenPretraining(bench).train()
    return bench


def areas(bench, signs, part):
    rows = bench.recordings.rows(VALIDATION_FOLD, 10)
    windows = torch.from_numpy(bench.recordings.windows[rows])
    with torch.inference_mode():
        logits = bench.network.eval()(windows, torch.from_numpy(signs[rows]), bench.asked)
    return auroc(bench.recordings.targets[rows], logits.double().numpy())[part]


def test_the_waveform_tells_what_only_it_shows(trained):
    nothing = np.full_like(trained.measured, np.nan)
    assert areas(trained, nothing, 0) == pytest.approx(1.0, abs=0.1)
    assert 0.2 < areas(trained, nothing, 1) < 0.8


def test_the_signs_tell_what_only_they_show(trained):
    assert areas(trained, trained.measured, 1) > 0.85


def test_with_a_part_cut_out_the_others_answer_and_it_comes_back(trained):
    whole = areas(trained, trained.measured, slice(2))
    with cut_out(trained.network, TOKEN_CUTS["waveform"]):
        assert 0.2 < areas(trained, trained.measured, 0) < 0.8
    with cut_out(trained.network, TOKEN_CUTS["signs"]):
        assert 0.2 < areas(trained, trained.measured, 1) < 0.8
    with cut_out(trained.network, TOKEN_CUTS["token_attention"]):
        logits = EvaluatedFold(trained, VALIDATION_FOLD).known_logits
        np.testing.assert_allclose(logits, logits[:, :1] * [[1, 1, 1]], rtol=1e-5)
    np.testing.assert_array_equal(areas(trained, trained.measured, slice(2)), whole)


def test_what_each_part_costs_is_told(trained):
    found = evaluate_cuts(trained, VALIDATION_FOLD)
    assert found.keys() >= TOKEN_CUTS.keys()
    assert found["token_attention"]["auroc"] < 80 < found["time_attention"]["auroc"] + 30
    assert found["waveform"]["costs"]["points"] > 0


def test_a_run_goes_on_from_the_branches_that_it_has_kept(trained):
    expected = [p.detach().clone() for p in trained.network.parameters()]
    bench = make_bench(trained.run.folder)
    bench = replace(bench, run=replace(bench.run, resume=True))
    files = sorted(trained.run.folder.glob("branch_*.pt"))
    before = [path.stat().st_mtime_ns for path in files]
    TokenPretraining(bench).train()
    assert [path.stat().st_mtime_ns for path in files] == before
    for ours, theirs in zip(bench.network.parameters(), expected, strict=True):
        torch.testing.assert_close(ours.detach(), theirs)


def test_a_branch_of_other_labels_is_refused(trained):
    bench = make_bench(trained.run.folder)
    bench.recordings.targets[0, 0] = 1 - bench.recordings.targets[0, 0]
    bench = replace(bench, run=replace(bench.run, resume=True))
    with pytest.raises(ValueError, match="other recordings"):
        TokenPretraining(bench).train_branch(0)


def test_known_conditions_attend_to_themselves_and_others_to_their_signs(trained):
    catalogue = Catalogue.load()
    known = catalogue.get("atrial-fibrillation")
    rows = trained.queries.conditions([known])
    assert rows[0, 1] == 1
    assert rows.sum() == 1
    hidden = catalogue.get("first-degree-av-block")
    concepts = concepts_of([known], catalogue.conditions, frozenset({hidden.id}))
    assert hidden.id not in concepts.places
    queries = replace(trained.queries, concepts=replace(trained.concepts, composed=()))
    row = queries.untrained([hidden])[0]
    expected = {trained.concepts.sign_places[name] for name in hidden.signs}
    assert set(np.flatnonzero(row)) == expected
    assert row.sum() == pytest.approx(1)


def test_no_wording_names_what_is_left_out():
    catalogue = Catalogue.load()
    left_out = LeftOut(["st-depression"], catalogue)
    kept = [c for c in catalogue.conditions if c.id not in left_out.conditions][:20]
    concepts = concepts_of(kept, catalogue.conditions, left_out.conditions)
    assert not left_out.conditions & concepts.places.keys()
    for name, said in zip(
        [*(c.name for c in concepts.conditions), *(s.name for s in concepts.signs)],
        concepts.wordings(left_out),
        strict=False,
    ):
        assert said == (name,) or not any(map(left_out.is_mentioned, said))


def test_a_sign_is_not_measured_without_the_leads_it_is_read_from():
    spec = PreprocessingSpec()
    recordings = [make_recording(heart_rate_bpm=rate) for rate in (60.0, 75.0, 90.0)]
    windows = np.concatenate([prepare(each, spec).windows for each in recordings])
    needs = leads_needed(Windows(windows), np.arange(len(windows)), spec).numpy()
    assert needs.shape == (len(SIGNS), len(LEADS))
    names = [sign.name for sign in SIGNS]
    in_avl = names.index("R in aVL above 1.1 mV")
    assert [LEADS[lead] for lead in np.flatnonzero(needs[in_avl])] == ["aVL"]
    assert not needs[names.index("heart rate above 100 beats per minute")].any()


def test_phases_are_logged(trained):
    names = {path.name for path in trained.run.folder.glob("*.csv")}
    phases = {"branch_1", "branch_2", "sign_reader_1", "sign_reader_2", "naming"}
    assert names == {f"{phase}.csv" for phase in phases}
    assert len(trained.recordings.rows(*TRAINING_FOLDS)) == 128
