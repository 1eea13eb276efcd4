"""How well intervals are measured: against manual delineation, beside another library's.

Run: `python -m model_training.recipes.evaluate_intervals --shared ../shared`. Writes
docs/measured/results/intervals.json.

Readers marked the waves of LUDB's recordings in every lead by itself (Kalyakulina et al., IEEE
Access 2020). An interval of a recording is here the median over leads of each lead's median over
beats. Levels and margins of `ecg_core/signs/delineation.py` were chosen on recordings 1-30; 31-60
are held out.
"""

import argparse
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import wfdb
from numpy.typing import NDArray
from tqdm import tqdm

from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.readers import UploadedFile, read_recording
from ecg_core.recording import Recording
from ecg_core.signs.measurements import measure
from ecg_core.signs.quantities import Quantity

INTERVALS = {
    "rate": Quantity.HEART_RATE,
    "p": Quantity.P_DURATION,
    "pr": Quantity.PR_INTERVAL,
    "qrs": Quantity.QRS_DURATION,
    "qt": Quantity.QT_INTERVAL,
}
# IEC 60601-2-25: largest mean and standard deviation of the differences, milliseconds.
TOLERANCES = {"p": (10, 15), "pr": (10, 10), "qrs": (10, 10), "qt": (25, 30)}
_DEVELOPED_ON = range(1, 31)
_LEAST_LEADS = 3  # in fewer marked leads, a wave is not taken as marked
_OWN_RATE = {"sampling_rate_hz": 500.0, "lowpass_hz": 100.0}

Intervals = Mapping[str, float]  # by the keys of `INTERVALS`, NaN where there is none


@dataclass(frozen=True)
class Delineated:
    """A recording and what its readers marked."""

    number: int
    recording: Recording
    marked: Intervals


def main() -> None:
    """Measure every recording in three ways and write the differences."""
    arguments = _arguments()
    recordings = read_delineated(arguments.shared / "data" / "delineation-ludb")
    held_out = [one for one in recordings if one.number not in _DEVELOPED_ON]
    spec = PreprocessingSpec()
    own_rate = spec.model_copy(update=_OWN_RATE)
    figures = {
        "command": "python -m model_training.recipes.evaluate_intervals --shared ../shared",
        "definition": "measured minus marked; marked: median over leads of each lead's median "
        "over beats; rate in 1/min from the mean R-R interval, others in ms",
        "split": "LUDB recordings 1-30 developed on, 31-60 held out",
        "tolerances": {name: {"mean": m, "sd": sd} for name, (m, sd) in TOLERANCES.items()},
        "intervals": differences(held_out, lambda one: measured(one, spec)),
        "developed_on": differences(
            [one for one in recordings if one.number in _DEVELOPED_ON],
            lambda one: measured(one, spec),
        ),
        "all_60": differences(recordings, lambda one: measured(one, spec)),
        "all_60_at_500_hz": differences(recordings, lambda one: measured(one, own_rate)),
        "all_60_by_neurokit2": differences(recordings, by_neurokit2),
        "no_p_waves": no_p_waves(recordings, spec),
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
    print(json.dumps(figures, indent=2, ensure_ascii=False))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--output", type=Path, default=Path("docs/measured/results/intervals.json"))
    return parser.parse_args()


def read_delineated(folder: Path) -> list[Delineated]:
    """All recordings of a folder, by number, with the intervals that readers marked."""
    headers = sorted(folder.glob("*.hea"), key=lambda path: int(path.stem))
    return [_read(header) for header in tqdm(headers, desc="reading")]


def _read(header: Path) -> Delineated:
    files = [UploadedFile(path.name, path.read_bytes())
             for path in (header, header.with_suffix(".dat"))]  # fmt: skip
    recording = read_recording(files)
    names = wfdb.rdheader(str(header.with_suffix(""))).sig_name
    by_lead = [_marked_in(header.with_suffix(""), name) for name in names]
    return Delineated(int(header.stem), recording, _over_leads(by_lead))


def _marked_in(record: Path, lead: str) -> Intervals:
    """One lead's intervals: medians over its beats."""
    marks = wfdb.rdann(str(record), lead)
    waves = _waves(marks.symbol, marks.sample.tolist())
    found: dict[str, list[float]] = {name: [] for name in ("p", "pr", "qrs", "qt")}
    nothing = _Wave("", np.nan, np.nan, np.nan)
    for before, wave, after in zip([nothing, *waves], waves, [*waves[1:], nothing], strict=False):
        if wave.symbol != "N":
            continue
        found["qrs"].append(wave.end - wave.onset)
        if before.symbol == "p":
            found["p"].append(before.end - before.onset)
            found["pr"].append(wave.onset - before.onset)
        if after.symbol == "t":
            found["qt"].append(after.end - wave.onset)
    intervals = {name: _median(values) * 1e3 / marks.fs for name, values in found.items()}
    between = np.diff([wave.peak for wave in waves if wave.symbol == "N"])
    rate = 60 * marks.fs / between.mean() if len(between) > 1 else np.nan
    return {"rate": float(rate), **intervals}


@dataclass(frozen=True)
class _Wave:
    """One marked wave: p, N or t; samples, NaN where onset or end is not marked."""

    symbol: str
    onset: float
    peak: float
    end: float


def _waves(symbols: Sequence[str], samples: Sequence[int]) -> list[_Wave]:
    bounded = ["", *symbols, ""]
    return [
        _Wave(
            symbol,
            samples[place - 1] if bounded[place] == "(" else np.nan,
            samples[place],
            samples[place + 1] if bounded[place + 2] == ")" else np.nan,
        )
        for place, symbol in enumerate(symbols)
        if symbol in "pNt"
    ]


def _median(values: Sequence[float] | NDArray[np.float64]) -> float:
    there = np.array(values, dtype=np.float64)
    there = there[~np.isnan(there)]
    return float(np.median(there)) if there.size else float("nan")


def _over_leads(by_lead: Sequence[Intervals]) -> Intervals:
    """Medians over leads, NaN where fewer than `_LEAST_LEADS` have the interval."""
    columns = {name: np.array([lead[name] for lead in by_lead]) for name in INTERVALS}
    return {
        name: _median(column) if (~np.isnan(column)).sum() >= _LEAST_LEADS else float("nan")
        for name, column in columns.items()
    }


def measured(one: Delineated, spec: PreprocessingSpec) -> Intervals:
    """The recording's intervals by `ecg_core.signs`."""
    values = measure(prepare(one.recording, spec), spec).values
    found = {name: values[quantity].value for name, quantity in INTERVALS.items()}
    return {name: np.nan if value is None else value for name, value in found.items()}


def by_neurokit2(one: Delineated) -> Intervals:
    """The recording's intervals by neurokit2's wavelet delineation of each lead."""
    rate_hz = round(one.recording.sampling_rate_hz)
    return _over_leads([_neurokit2_in(lead, rate_hz) for lead in one.recording.samples_mv])


def _neurokit2_in(lead_mv: NDArray[np.float32], rate_hz: int) -> Intervals:
    import neurokit2  # here only: importing it takes seconds, and only this comparison needs it

    nothing = dict.fromkeys(INTERVALS, float("nan"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            clean = neurokit2.ecg_clean(lead_mv, sampling_rate=rate_hz)
            _, peaks = neurokit2.ecg_peaks(clean, sampling_rate=rate_hz)
            r_peaks = peaks["ECG_R_Peaks"]
            _, waves = neurokit2.ecg_delineate(clean, r_peaks, sampling_rate=rate_hz, method="dwt")
        except (ValueError, IndexError, ZeroDivisionError):
            return nothing  # it gives up on some leads
    at = {name: np.array(values, dtype=np.float64) for name, values in waves.items()}
    pairs = {
        "p": ("ECG_P_Onsets", "ECG_P_Offsets"),
        "pr": ("ECG_P_Onsets", "ECG_R_Onsets"),
        "qrs": ("ECG_R_Onsets", "ECG_R_Offsets"),
        "qt": ("ECG_R_Onsets", "ECG_T_Offsets"),
    }
    intervals = {name: _median(at[end] - at[begin]) * 1e3 / rate_hz
                 for name, (begin, end) in pairs.items()}  # fmt: skip
    return {"rate": 60 * rate_hz / float(np.diff(r_peaks).mean()), **intervals}


def differences(
    recordings: Sequence[Delineated], measuring: Callable[[Delineated], Intervals]
) -> dict[str, Any]:
    """Mean and standard deviation of what is measured minus what is marked, by interval.

    `n` are measured and marked, `marked` are all that are marked.
    """
    found = [measuring(one) for one in tqdm(recordings, desc="measuring")]
    figures = {}
    for name in INTERVALS:
        marked = np.array([one.marked[name] for one in recordings])
        apart = np.array([row[name] for row in found]) - marked
        apart = apart[~np.isnan(apart)]
        figures[name] = {
            "mean": round(float(apart.mean()), 1),
            "sd": round(float(apart.std(ddof=1)), 1),
            "n": len(apart),
            "marked": int((~np.isnan(marked)).sum()),
        }
    return figures


def no_p_waves(recordings: Sequence[Delineated], spec: PreprocessingSpec) -> dict[str, int]:
    """How many recordings without marked P waves, and with, are said to have none."""
    without = [one for one in recordings if np.isnan(one.marked["pr"])]
    others = [one for one in recordings if not np.isnan(one.marked["pr"])]

    def said(group: Sequence[Delineated]) -> int:
        return sum(bool(np.isnan(measured(one, spec)["pr"])) for one in group)

    return {
        "none_marked": len(without), "none_marked_and_none_measured": said(without),
        "marked": len(others), "marked_but_none_measured": said(others),
    }  # fmt: skip


if __name__ == "__main__":
    main()
