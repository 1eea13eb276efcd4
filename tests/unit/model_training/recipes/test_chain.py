"""Every recipe on a small release of every kind: prepared as float16, trained, shipped."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from ecg_core.bundle import MODEL_CARD_FILE, load_bundle
from ecg_core.preprocessing import PreprocessingSpec
from model_training.data.releases.benchmark import split_file
from model_training.evaluation.stores import evaluate_store as evaluate_on
from model_training.models.ecg_encoder import EcgEncoderConfig
from model_training.models.fusion import FusionConfig
from model_training.recipes import (
    calibrate,
    evaluate,
    evaluate_store,
    export,
    measure_bundle,
    prepare,
    pretrain,
    reference,
)
from model_training.run.config import LabelsConfig, Run, RunConfig, StoreConfig, load_config
from model_training.run.provenance import WrongRun
from model_training.run.recordings import CONFIGS
from model_training.run.workbench import restored_workbench
from tests.support import releases as build
from tests.support.exporting import EXPORTER_WARNINGS
from tests.support.one_thread import one_thread  # noqa: F401
from tests.support.token_networks import tiny_config

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    *EXPORTER_WARNINGS,
]
RECORDINGS = 60  # so that folds 9 and 10 have some with and without a condition
PTB_XL, MIMIC = "ptb-xl-100", "mimic-iv-ecg"
BUILDERS: dict[str, Callable[[Path], Path]] = {
    PTB_XL: lambda root: build.write_ptb_xl(root, RECORDINGS),
    MIMIC: lambda root: build.write_mimic(root, RECORDINGS),
    "challenge": lambda root: build.write_challenge(root, RECORDINGS // 2),
    "chapman-shaoxing-ningbo": lambda root: build.write_chapman(root, RECORDINGS),
    "cpsc2018": lambda root: build.write_cpsc2018(root, RECORDINGS),
    "code-15": lambda root: build.write_code15(root, range(100, 100 + RECORDINGS)),
}


def tiny(release: str, extraction: Path, *, tokens: bool) -> RunConfig:
    encoder = EcgEncoderConfig(width=2, branches=1, branch_dimension=4)
    if tokens:
        config = tiny_config(batch_size=8, preprocessing=PreprocessingSpec(), ecg_encoder=encoder)
    else:
        config = load_config(CONFIGS / "supreme.yaml")
        phase = {"epochs": 1, "batch_size": 8}
        update = {
            "ecg_encoder": encoder,
            "fusion": FusionConfig(dimension=8, layers=1, heads=2, feed_forward=8, adapter=8),
            "fusion_training": config.fusion_training.model_copy(update=phase),
        }
        config = config.model_copy(update=update)
    labels = LabelsConfig(reports=release == MIMIC, extraction=extraction, silence="no")
    store = StoreConfig(kind="store", folder="store")
    name = f"{release}-tokens" if tokens else release
    return config.model_copy(update={"name": name, "data": store, "labels": labels})


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder of all runs, which share their cache: embeddings are made once."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def recipe(tmp_path, monkeypatch, runs):
    """Runs a recipe as its command line does, in a folder of its own."""
    data = tmp_path / "data"
    monkeypatch.chdir(tmp_path)

    def run(module, *more: str) -> None:
        arguments = ["--config", "run.yaml", "--shared", str(data), "--runs", str(runs), *more]
        monkeypatch.setattr(sys, "argv", [module.__name__, *arguments])
        module.main()

    return run


def prepared(release: str, folder: Path, *, tokens: bool = False) -> None:
    """A store of the release, and the configuration of a run on it."""
    data = folder / "data"
    source = BUILDERS[release](data / "release")
    reports = {"files": ["store/index.csv"], "id": "source_id", "text": ["report"]}
    extraction = folder / "extraction.yaml"
    extraction.write_text(yaml.safe_dump({"name": "tiny", "reports": reports, "min_count": 1}))
    config = tiny(release, extraction, tokens=tokens)
    (folder / "run.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    arguments = ["--release", release, "--source", str(source), "--store", str(data / "store")]
    arguments += ["--config", str(folder / "run.yaml"), "--workers", "1"]
    assert prepare.main(arguments) == 0
    assert np.load(data / "store/windows.npy", mmap_mode="r").dtype == np.float16


def told(folder: Path) -> dict[str, str]:
    return json.loads((folder / "provenance.json").read_text())


@pytest.mark.parametrize("release", [name for name in BUILDERS if name != MIMIC])
def test_a_store_is_trained_on_and_evaluated(release, tmp_path, runs, recipe):
    prepared(release, tmp_path)
    for program in (pretrain, calibrate, reference, evaluate):
        recipe(program)
    results = json.loads((runs / release / "results/results.json").read_text())
    assert 0 <= results["known"]["auroc"] <= 100
    assert told(runs / release) == told(runs / release / "results")
    assert told(runs / release)["release"] == release


CPSC2018_CLASSES = ("AFIB", "VPC", "NORM", "1AVB", "CRBBB", "STE", "PAC", "CLBBB", "STD")


def write_icbeb(folder: Path) -> Path:
    """The benchmark's CPSC2018: in its test part ten recordings, two of which are not here."""
    head = ("patient_id", "ecg_id", "filename", "validation", "age", "sex", "scp_codes")
    names = [*(f"A{number:04d}" for number in range(1, 9)), "A6001", "A6002"]
    rows = [
        (
            n,
            n,
            name,
            False,
            60,
            0,
            "{}",
            *(int(c == ("CRBBB", "NORM")[n % 2]) for c in CPSC2018_CLASSES),
        )
        for n, name in enumerate(names)
    ]
    lines = [",".join(map(str, row)) for row in ((*head, *CPSC2018_CLASSES), *rows)]
    spare = [lines[0], lines[1].replace("A0001", "A0009")]
    for part, held in (("test", lines), ("train", spare), ("val", lines[:1])):
        file = folder / split_file("cpsc2018", part)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(held) + "\n")
    return folder


def test_a_store_of_any_release_is_scored_on_as_many_recordings_as_are_there(
    tmp_path, runs, recipe, capsys
):
    prepared("cpsc2018", tmp_path)
    recipe(pretrain)
    store, benchmark = str(tmp_path / "data/store"), write_icbeb(tmp_path / "benchmark")
    capsys.readouterr()
    recipe(evaluate_store, "--store", store)
    own = json.loads(capsys.readouterr().out)
    assert own["folds"] == [10]
    assert 0 < own["recordings"] < own["of"] == RECORDINGS
    assert own["run"] == told(runs / "cpsc2018")
    other = build.write_cpsc2018(tmp_path / "other", 12)
    config = ["--config", str(tmp_path / "run.yaml"), "--workers", "1"]
    prepare.main(
        ["--release", "cpsc2018", "--source", str(other), "--store", str(tmp_path / "s"), *config]
    )
    capsys.readouterr()
    bench = restored_workbench(run_of(tmp_path, runs))
    foreign = replace(bench, recordings=replace(bench.recordings, release="code-15"))
    found = evaluate_on(foreign, tmp_path / "s", benchmark)
    assert (found["folds"], found["recordings"]) == ("all", 12)
    assert (found["cpsc2018"]["listed"], found["cpsc2018"]["recordings"]) == (10, 8)
    whole = found["cpsc2018_all_parts"]
    assert (whole["listed"], whole["recordings"]) == (11, 9)
    assert (found["cpsc2018"]["classes"], found["cpsc2018"]["of_classes"]) == (2, 9)
    assert found["own_labels"]["trained"]["recordings"] == 12
    with pytest.raises(FileNotFoundError):
        evaluate_on(foreign, tmp_path / "s", tmp_path / "nowhere")


def run_of(folder: Path, runs: Path) -> Run:
    config = load_config(folder / "run.yaml")
    return Run(config, folder / "data", runs / config.name)


@pytest.mark.parametrize("tokens", [True, False], ids=["tokens", "published"])
def test_a_store_goes_the_whole_way_and_only_with_its_own_results(
    tokens, tmp_path, runs, recipe, monkeypatch
):
    bundle, folder = tmp_path / "bundle", runs / (f"{MIMIC}-tokens" if tokens else MIMIC)
    monkeypatch.setattr(export, "BUNDLE", bundle)
    prepared(MIMIC, tmp_path, tokens=tokens)
    recipe(pretrain)
    with pytest.raises(WrongRun, match=r"calibration.json is missing.*results.json is missing"):
        recipe(export)
    for program in (calibrate, reference, measure_bundle):
        recipe(program)
    recipe(evaluate, "--publish", str(tmp_path / "published"))
    results = json.loads((tmp_path / "published/results.json").read_text())
    assert results == json.loads((folder / "results/results.json").read_text())
    assert results["bundle"]["latency_ms_20_queries"] > 0
    recipe(export)
    card = json.loads((bundle / MODEL_CARD_FILE).read_text())
    assert card["provenance"] == told(folder) == told(tmp_path / "published")
    assert card["evaluation"]["known"] == results["known"]
    assert card["training_data"][0]["name"].startswith("MIMIC-IV-ECG")
    assert load_bundle(bundle).manifest.trained_conditions
    other = told(folder) | {"weights": "of another run"}
    (folder / "results/provenance.json").write_text(json.dumps(other))
    with pytest.raises(WrongRun, match="the results: of other weights"):
        recipe(export)
    assert card == json.loads((bundle / MODEL_CARD_FILE).read_text())


def test_weights_of_another_configuration_are_refused(tmp_path, runs, recipe):
    prepared(PTB_XL, tmp_path)
    recipe(pretrain)
    text = (tmp_path / "run.yaml").read_text()
    (tmp_path / "run.yaml").write_text(text.replace("seed: 0", "seed: 1"))
    with pytest.raises(WrongRun, match="the weights: of other configuration"):
        recipe(calibrate)
