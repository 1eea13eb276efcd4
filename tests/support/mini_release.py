"""A small release of PTB-XL: simulated recordings, made-up labels, every file in its place."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ecg_core.preprocessing import PreprocessingSpec
from model_training.data.releases.benchmark import split_file
from model_training.models.ecg_encoder import EcgEncoderConfig
from model_training.models.fusion import FusionConfig
from model_training.run.config import Run, RunConfig, load_config
from model_training.run.recordings import CONFIGS
from tests.support.recordings import make_recording
from tests.support.releases import write_record, write_table
from tests.support.token_networks import tiny_config

CLASSES = {
    "ptbxl_super": ["NORM", "CD"],
    "ptbxl_sub": ["NORM", "CLBBB"],
    "ptbxl_form": ["PVC"],
    "ptbxl_rhythm": ["SR", "AFIB"],
}
FOLDS = [*range(1, 9), *range(1, 9), *[9] * 4, *[10] * 12]


def codes_of(number: int) -> set[str]:
    """Every combination of rhythm and conduction, in every fold that is evaluated."""
    rhythm = {"AFIB"} if number % 2 else {"SR"}
    form = {"PVC"} if number % 3 == 0 else set()
    return rhythm | form | ({"CLBBB", "CD"} if number % 4 > 1 else {"NORM"})


def write_release(
    folder: Path, codes: Callable[[int], set[str]] = codes_of, report: str = "{codes}"
) -> Path:
    """Write it; `{codes}` in the report stands for the recording's codes."""
    records = folder / "ptb-xl/records100/00000"
    rows = []
    for number, fold in enumerate(FOLDS):
        recording = make_recording(sampling_rate_hz=100.0, heart_rate_bpm=50.0 + 3 * number)
        write_record(records / f"{number:05d}_lr", recording)
        held = sorted(codes(number))
        text = report.format(codes=" ".join(held))
        scp = str(dict.fromkeys((c for c in held if c != "CD"), 0.0))
        rows.append((number, number, fold, _location(number), text, scp))
    columns = ["ecg_id", "patient_id", "strat_fold", "filename_lr", "report", "scp_codes"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "ptb-xl/ptbxl_database.csv", index=False)
    codes_at_all = {code for number in range(len(FOLDS)) for code in codes(number)}
    statements = [{"": code, "description": code, "rhythm": ""} for code in sorted(codes_at_all)]
    write_table(folder / "ptb-xl/scp_statements.csv", statements)
    for name, classes in CLASSES.items():
        _write_set(folder / "zero-shot-benchmark", name, classes, codes)
    return folder


def _location(number: int) -> str:
    return f"records100/00000/{number:05d}_lr"


def _write_set(
    folder: Path, name: str, classes: list[str], codes: Callable[[int], set[str]]
) -> None:
    for part, folds in (("train", range(1, 9)), ("val", [9]), ("test", [10])):
        rows = [
            (
                number,
                number,
                fold,
                _location(number),
                "",
                "",
                *(int(c in codes(number)) for c in classes),
            )
            for number, fold in enumerate(FOLDS)
            if fold in folds
        ]
        head = ["ecg_id", "patient_id", "strat_fold", "filename_lr", "filename_hr", "labels"]
        table = pd.DataFrame(rows, columns=[*head, *classes])
        file = folder / split_file(name, part)
        file.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(file, index=False)


def write_other_hospital(folder: Path, diagnoses: str) -> None:
    """One recording of the Challenge with these SNOMED codes."""
    stem = folder / "other-hospitals/chapman-ningbo/JS00001"
    write_record(stem, matlab=True, comments=[f"#Dx: {diagnoses}"])


def make_run(data: Path, runs: Path) -> Run:
    """A run as the shipped one, but tiny: a few epochs of each phase."""
    return _run(tiny_config(batch_size=8, preprocessing=PreprocessingSpec()), data, runs)


def make_published_run(data: Path, runs: Path) -> Run:
    """A run as SuPreME was published, but tiny: one epoch."""
    config = load_config(CONFIGS / "supreme.yaml")
    phase = {"epochs": 1, "batch_size": 8}
    update = {
        "ecg_encoder": EcgEncoderConfig(width=4, branch_dimension=8),
        "fusion": FusionConfig(dimension=8, layers=1, heads=2, feed_forward=8, adapter=8),
        "fusion_training": config.fusion_training.model_copy(update=phase),
    }
    return _run(config.model_copy(update=update), data, runs)


def _run(config: RunConfig, data: Path, runs: Path) -> Run:
    folder = runs / "run"
    folder.mkdir(parents=True, exist_ok=True)
    return Run(config, data, folder)
