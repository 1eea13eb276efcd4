"""The whole recipe on a store, with labels from reports: interrupted, resumed, refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from ecg_core.preprocessing import PreprocessingSpec
from model_training.data.store.layout import StoreError
from model_training.fitting import Ranks
from model_training.models.ecg_encoder import EcgEncoderConfig
from model_training.models.fusion import FusionConfig
from model_training.models.vit import VitEncoderConfig
from model_training.recipes import pretrain as recipe
from model_training.recipes.pretrain import pretrain
from model_training.run.config import (
    ImbalanceConfig,
    LabelsConfig,
    Run,
    StoreConfig,
    load_config,
)
from model_training.run.pretraining import Pretraining, positive_weights
from model_training.run.recordings import CONFIGS, load_recordings
from model_training.run.warm_up import warmed
from model_training.run.workbench import open_workbench, restored_workbench
from tests.support.one_thread import one_thread  # noqa: F401
from tests.support.releases import finish_store

pytestmark = pytest.mark.usefixtures("one_thread")

SPEC = PreprocessingSpec(window_s=1.0)
REPORTS = ("sinusrhythmus", "vorhofflimmern", "linksschenkelblock", "sinusrhythmus, st-hebung")
VIT = VitEncoderConfig(
    window_samples=100, patch_samples=20, width=8, depth=1, heads=2, feed_forward=8
)


@pytest.fixture
def run(tmp_path):
    """A run on 40 recordings of a store, every tenth fold 4 of them."""
    store = tmp_path / "data" / "store"
    store.mkdir(parents=True)
    index = pd.DataFrame({"source_id": range(100, 140), "fold": np.arange(40) % 10 + 1})
    index["report"] = [REPORTS[row % 4] for row in range(40)]
    index[["source", "patient_id", "labelled", "codes"]] = "tiny", "", "", ""
    index.to_csv(store / "index.csv", index=False)
    values = np.random.default_rng(0).normal(size=(40, 12, 100)).astype(np.float32)
    np.save(store / "windows.npy", values)
    finish_store(store, SPEC, 40, listed=42, left_out={"too_short": 2})
    reports = {"files": ["store/index.csv"], "id": "source_id", "text": ["report"]}
    extraction = tmp_path / "extraction.yaml"
    extraction.write_text(yaml.safe_dump({"name": "tiny", "reports": reports, "min_count": 1}))
    config = load_config(CONFIGS / "supreme.yaml")
    phase = config.fusion_training.model_copy(update={"epochs": 2, "batch_size": 8})
    tiny = config.model_copy(
        update={
            "data": StoreConfig(kind="store", folder="store"),
            "labels": LabelsConfig(reports=True, extraction=extraction, silence="no"),
            "preprocessing": SPEC,
            "ecg_encoder": VIT,
            "fusion": FusionConfig(dimension=8, layers=1, heads=2, feed_forward=8, adapter=8),
            "fusion_training": phase,
        }
    )
    folder = tmp_path / "runs" / "tiny"
    folder.mkdir(parents=True)
    return Run(tiny, tmp_path / "data", folder, device="cpu")


def test_a_store_is_mapped_and_labelled_by_its_reports(run):
    recordings = load_recordings(run)
    assert isinstance(recordings.windows, np.memmap)
    place = recordings.conditions.index("atrial-fibrillation")
    np.testing.assert_array_equal(recordings.targets[:4, place], [0, 1, 0, 0])
    assert recordings.left_out == {"too_short": 2}


def test_a_store_of_another_preprocessing_is_refused(run):
    other = run.config.model_copy(update={"preprocessing": PreprocessingSpec(window_s=2.0)})
    with pytest.raises(ValueError, match="another preprocessing"):
        load_recordings(replace(run, config=other))


def test_a_store_with_an_altered_index_is_refused(run):
    with (run.shared / "store" / "index.csv").open("a") as index:
        index.write("\n")
    with pytest.raises(StoreError, match="altered"):
        load_recordings(run)


def interrupt(monkeypatch, step, train):
    """Kill a training in one of its steps; each epoch of this run has four."""
    usual, steps = Pretraining._augmented, 0

    def broken(self, batch):
        nonlocal steps
        steps += 1
        if steps == step:
            raise KeyboardInterrupt
        return usual(self, batch)

    with monkeypatch.context() as patched:
        patched.setattr(Pretraining, "_augmented", broken)
        with pytest.raises(KeyboardInterrupt):
            train()


@pytest.mark.parametrize("kind", ["vit", "resnet1d"])
def test_an_interrupted_run_resumes_to_the_same_weights(run, kind, monkeypatch):
    if kind == "resnet1d":
        small = EcgEncoderConfig(width=2, branches=2, branch_dimension=4)
        config = run.config.model_copy(update={"ecg_encoder": small})
        run = replace(run, config=config)
    run = replace(run, checkpoint_every=3)
    pretrain(run, Ranks())
    assert not recipe.checkpoints(run).exists()
    expected = restored_workbench(run)
    logs = {path.name: path.read_bytes() for path in run.folder.glob("*.csv")}
    (run.folder / "network.pt").unlink()

    interrupt(monkeypatch, 6, lambda: pretrain(run, Ranks()))
    pretrain(replace(run, resume=True), Ranks())
    again = restored_workbench(run)
    for name, state in expected.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], state), name
    assert {path.name: path.read_bytes() for path in run.folder.glob("*.csv")} == logs


# The last epoch's losses on one thread, in training and on fold 9; see `TOLERANCE`.
GOLDEN = {"warm_up_1": (0.81216, 0.81476), "fusion_training": (0.60788, 0.58295)}
TOLERANCE = 0.01  # what other processors and their libraries may differ by after 16 steps


def test_a_tiny_run_learns_what_it_always_did(run):
    pretrain(run, Ranks())
    warmed(open_workbench(run), run.folder)
    last = {name: pd.read_csv(run.folder / f"{name}.csv").iloc[-1] for name in GOLDEN}
    for name, expected in GOLDEN.items():
        found = (last[name]["training_loss"], last[name]["validation_loss"])
        assert found == pytest.approx(expected, rel=TOLERANCE), name


def test_to_go_on_with_other_labels_is_refused(run, monkeypatch):
    interrupt(monkeypatch, 6, lambda: pretrain(run, Ranks()))
    silent = run.config.model_copy(
        update={"labels": run.config.labels.model_copy(update={"silence": "not_said"})}
    )
    with pytest.raises(ValueError, match="other labels"):
        pretrain(replace(run, config=silent, resume=True), Ranks())


def test_rare_conditions_weigh_more_where_they_are_present():
    targets = torch.zeros(100, 4)
    targets[:50, 0], targets[:20, 1], targets[:1, 2] = 1, 1, 1
    targets[50:, 1] = float("nan")
    weights = positive_weights(targets, ImbalanceConfig(power=0.5, most=5))
    torch.testing.assert_close(weights, torch.tensor([1.0, 1.5**0.5, 5.0, 5.0]))
    assert positive_weights(targets, ImbalanceConfig()).eq(1).all()


def test_the_loss_weighs_what_is_present_as_is_asked(run):
    imbalance = ImbalanceConfig(power=1.0)
    config = run.config.model_copy(update={"imbalance": imbalance})
    pretraining = Pretraining(open_workbench(replace(run, config=config)))
    batch = torch.arange(8)
    targets = pretraining.targets[batch]
    weights = positive_weights(pretraining.targets[pretraining.rows], imbalance)
    assert weights.max() > 1
    logits = torch.zeros(targets.shape)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        logits + weights.log(), targets, pos_weight=weights
    )
    torch.testing.assert_close(pretraining._loss(logits, batch), expected)


def test_an_interrupted_warm_up_goes_on_to_the_same_weights(run, tmp_path, monkeypatch):
    small = EcgEncoderConfig(width=2, branches=2, branch_dimension=4)
    run = replace(run, config=run.config.model_copy(update={"ecg_encoder": small}), resume=True)
    expected = warmed(open_workbench(run), tmp_path / "whole").state_dict()
    interrupt(monkeypatch, 14, lambda: warmed(open_workbench(run), tmp_path / "killed"))
    again = warmed(open_workbench(run), tmp_path / "killed").state_dict()
    read = warmed(open_workbench(run), tmp_path / "killed").state_dict()
    for name, state in expected.items():
        assert torch.equal(again[name], state), name
        assert torch.equal(read[name], state), name
