"""Fit the verdict on signal quality to the CinC 2011 recordings, and judge it on those left out.

python -m model_training.recipes.evaluate_quality --shared ../shared

Writes docs/measured/results/quality.json, and fails if the constants in
ecg_core/quality/verdict.py are not the ones fitted here.
"""

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from ecg_core.errors import InputError, UnusableRecording
from ecg_core.leads import LEADS
from ecg_core.quality import QualityWarningCode, check_recording
from ecg_core.quality.measures import measure
from ecg_core.quality.verdict import FEATURES, INTERCEPT, WEIGHTS, verdict_features
from ecg_core.readers import StatedFacts, UploadedFile, read_recording
from ecg_core.recording import Recording

# CinC 2011 set a comes as text without a header; its README in words: 500 Hz, 5 µV a unit.
_CINC_FACTS = StatedFacts(sampling_rate_hz=500.0, units_per_mv=200.0, lead_order=LEADS)
_DECIMALS = 3
# Of the 998 recordings of set a with a verdict, 225 were unacceptable (Silva, Moody and Celi,
# Computing in Cardiology 2011); of those at hand, 60 of 160.
_UNACCEPTABLE_SHARE = 0.225
# Where each lead comes from, and its sign, when two electrodes are swapped.
_SWAPS = {
    "right arm and left arm": {
        "I": (-1, "I"),
        "II": (1, "III"),
        "III": (1, "II"),
        "aVR": (1, "aVL"),
        "aVL": (1, "aVR"),
    },
    "right arm and left leg": {
        "I": (-1, "III"),
        "II": (-1, "II"),
        "III": (-1, "I"),
        "aVR": (1, "aVF"),
        "aVF": (1, "aVR"),
    },
}


@dataclass(frozen=True, eq=False)
class JudgedRecording:
    """A recording as the check sees it, and what its readers said of it.

    Attributes:
        features: Of its one window, shape (feature,).
        refused: Whether it is refused before the model is asked.
        unacceptable: To its readers.
    """

    features: NDArray[np.float64]
    refused: bool
    unacceptable: bool


@dataclass(frozen=True, eq=False)
class Model:
    """The logistic model: weights of shape (feature,)."""

    intercept: float
    weights: NDArray[np.float64]


def main() -> None:
    """Fit, judge, count false alarms on PTB-XL and the other hospitals, write the figures."""
    arguments = _arguments()
    data = arguments.shared / "data"
    judged = read_judged(data / "signal-quality-cinc2011")
    fitted = fit(judged)
    figures = {
        "command": "python -m model_training.recipes.evaluate_quality --shared ../shared",
        "weighted": f"classes as in the whole of set a: {_UNACCEPTABLE_SHARE} unacceptable",
        "fitted": published(fitted),
        "fitted_on": judge(judged, fitted),
        "cross_validated": cross_validated(judged),
        "halves": "record ids in ascending order within each verdict: 1st, 3rd, …; 2nd, 4th, …",
        "second_half_by_a_model_of_the_first": judge(judged[1::2], fit(judged[::2])),
        "first_half_by_a_model_of_the_second": judge(judged[::2], fit(judged[1::2])),
        # The swap rule was chosen on folds 1-8 and looked at on fold 9; fold 10 is fresh.
        "ptb_xl_fold_9": warnings_on_ptb_xl(data, "val"),
        "ptb_xl_fold_10": warnings_on_ptb_xl(data, "test"),
        "refusals": refusals(data),
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
    print(json.dumps(figures, indent=2, ensure_ascii=False))
    if published(fitted) != {"intercept": INTERCEPT, "weights": dict(WEIGHTS)}:
        sys.exit("ecg_core/quality/verdict.py holds other constants: copy these and run again")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--output", type=Path, default=Path("docs/measured/results/quality.json"))
    return parser.parse_args()


def read_judged(folder: Path) -> list[JudgedRecording]:
    """All recordings with a verdict: by verdict, then by id; each verdict's number is even."""
    with (folder / "verdicts.csv").open(newline="") as file:
        verdicts = {row["record"]: row["verdict"] for row in csv.DictReader(file)}
    names = sorted(verdicts, key=lambda name: (verdicts[name], int(name)))
    return [_judged(folder / "set-a" / f"{name}.txt", verdicts[name]) for name in names]


def _judged(path: Path, verdict: str) -> JudgedRecording:
    files = [UploadedFile("recording.txt", path.read_bytes())]
    recording = read_recording(files, _CINC_FACTS)
    (features,) = verdict_features(measure(recording))
    return JudgedRecording(features, _is_refused(recording), verdict == "unacceptable")


def fit(judged: Sequence[JudgedRecording]) -> Model:
    """The model of those recordings that are not refused anyway, in the shares of set a."""
    labels = np.array([one.unacceptable for one in judged])
    shares = np.where(labels, _UNACCEPTABLE_SHARE, 1 - _UNACCEPTABLE_SHARE)
    weights = shares / np.where(labels, labels.mean(), (~labels).mean())
    scored = np.array([not one.refused for one in judged])
    features = np.stack([one.features for one in judged])[scored]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=1.0))
    pipeline.fit(features, labels[scored], logisticregression__sample_weight=weights[scored])
    scaler, logistic = pipeline[0], pipeline[1]
    by_feature = logistic.coef_[0] / scaler.scale_
    return Model(float(logistic.intercept_[0] - by_feature @ scaler.mean_), by_feature)


def published(model: Model) -> dict[str, Any]:
    """The model's constants as they stand in ecg_core/quality/verdict.py."""
    weights = zip(FEATURES, model.weights.tolist(), strict=True)
    return {
        "intercept": round(model.intercept, _DECIMALS),
        "weights": {name: round(weight, _DECIMALS) for name, weight in weights},
    }


def _is_refused(recording: Recording) -> bool:
    try:
        check_recording(recording)
    except UnusableRecording:
        return True
    return False


def _rejected(judged: Sequence[JudgedRecording], model: Model) -> NDArray[np.bool_]:
    """Which are refused or called unacceptable, shape (recording,)."""
    logits = np.stack([one.features for one in judged]) @ model.weights + model.intercept
    refused = np.array([one.refused for one in judged])
    return np.asarray(refused | (logits > 0))


def judge(judged: Sequence[JudgedRecording], model: Model) -> dict[str, Any]:
    """Sensitivity for unacceptable recordings, specificity and accuracy, with intervals."""
    rejected = _rejected(judged, model)
    labels = np.array([one.unacceptable for one in judged])
    return {
        "sensitivity": _share(rejected[labels]),
        "specificity": _share(~rejected[~labels]),
        "accuracy": _share(rejected == labels),
    }


def cross_validated(judged: Sequence[JudgedRecording]) -> dict[str, float]:
    """Means over 20 times 5 folds; accuracy also in the shares of the whole of set a."""
    labels = np.array([one.unacceptable for one in judged])
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=20, random_state=1)
    found = []
    for fitting, others in folds.split(labels, labels):
        rejected = _rejected([judged[n] for n in others], fit([judged[n] for n in fitting]))
        bad = labels[others]
        found.append((rejected[bad].mean(), (~rejected[~bad]).mean(), (rejected == bad).mean()))
    sensitivity, specificity, accuracy = np.mean(found, axis=0).tolist()
    usual = _UNACCEPTABLE_SHARE * sensitivity + (1 - _UNACCEPTABLE_SHARE) * specificity
    figures = {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "accuracy": accuracy,
        "accuracy_in_the_shares_of_set_a": usual,
    }
    return {name: round(share, 4) for name, share in figures.items()}


def _share(outcomes: NDArray[np.bool_]) -> dict[str, Any]:
    """A share with Wilson's 95 % interval."""
    count, total = int(outcomes.sum()), len(outcomes)
    interval = binomtest(count, total).proportion_ci(method="wilson")
    return {
        "share": round(count / total, 4),
        "ci95": [round(interval.low, 4), round(interval.high, 4)],
        "n": total,
        "count": count,
    }


def warnings_on_ptb_xl(data: Path, part: str) -> dict[str, Any]:
    """How many 100 Hz recordings are warned of, and how many swaps of electrodes are found."""
    recordings = [_read_wfdb(header) for header in tqdm(_headers(data, part), desc=part)]
    reports = [check_recording(recording) for recording in recordings]
    codes = [{warning.code for warning in report.warnings} for report in reports]
    return {
        "unacceptable": _share(np.array([not report.acceptable for report in reports])),
        "warned": {
            code.value: _share(np.array([code in found for found in codes]))
            for code in QualityWarningCode
        },
        "swaps_found": {
            name: _share(np.array([_warns_of_swap(_swapped(one, swap)) for one in recordings]))
            for name, swap in _SWAPS.items()
        },
    }


def _headers(data: Path, part: str) -> list[Path]:
    """The headers of the benchmark's `val` (fold 9) or `test` (fold 10) recordings."""
    names: set[str] = set()
    for table in (data / "zero-shot-benchmark" / "ptbxl").glob(f"*/ptbxl_*_{part}.csv"):
        with table.open(newline="", encoding="utf-8") as file:
            names |= {row["filename_lr"] for row in csv.DictReader(file)}
    headers = [data / "ptb-xl" / f"{name}.hea" for name in sorted(names)]
    return [header for header in headers if header.exists()]


def _read_wfdb(header: Path) -> Recording:
    signals = header.with_suffix(".dat")
    signals = signals if signals.exists() else header.with_suffix(".mat")
    return read_recording(
        [UploadedFile(path.name, path.read_bytes()) for path in (header, signals)]
    )


def _swapped(recording: Recording, swap: dict[str, tuple[int, str]]) -> Recording:
    samples_mv = recording.samples_mv.copy()
    for lead, (sign, source) in swap.items():
        samples_mv[recording.leads.index(lead)] = sign * recording.lead(source)
    return Recording(samples_mv, recording.leads, recording.sampling_rate_hz, recording.format)


def _warns_of_swap(recording: Recording) -> bool:
    warnings = check_recording(recording).warnings
    return any(warning.code is QualityWarningCode.LIMB_LEADS_SWAPPED for warning in warnings)


def refusals(data: Path) -> dict[str, Any]:
    """How many recordings are refused as unusable, and why, in each collection."""
    folders = [data / "ptb-xl" / "records100", data / "ptb-xl" / "records500"]
    folders += sorted((data / "other-hospitals").iterdir())
    headers = {folder.name: sorted(folder.rglob("*.hea")) for folder in folders}
    return {name: _refusals_in(tqdm(found, desc=name)) for name, found in headers.items() if found}


def _refusals_in(headers: Iterable[Path]) -> dict[str, Any]:
    figures: Counter[str] = Counter()
    for header in headers:
        try:
            recording = _read_wfdb(header)
        except InputError:
            figures["not readable"] += 1
            continue
        figures["read"] += 1
        try:
            figures["unacceptable"] += not check_recording(recording).acceptable
        except UnusableRecording as error:
            figures["refused"] += 1
            figures.update({fault.code.value for fault in error.faults})
    return dict(figures)


if __name__ == "__main__":
    main()
