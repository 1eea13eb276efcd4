"""Soft labels of all signs for prepared windows."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ecg_core.preprocessing import PreprocessingSpec
from model_training.signs.beats import find_beats
from model_training.signs.general import general_signs
from model_training.signs.measured import Measured, Sign, label
from model_training.signs.regional import regional_signs
from model_training.signs.rhythm import measure_rhythm
from model_training.signs.waves import measure_waves

SIGNS: tuple[Sign, ...] = (*general_signs(), *regional_signs())


def measure_signs(
    windows: NDArray[np.float32], spec: PreprocessingSpec, cache: Path
) -> NDArray[np.float32]:
    """Measure every window, once; some 6 ms each.

    Args:
        windows: Shape (recording, lead, sample), as `prepare` makes them.
        spec: What they were prepared with.
        cache: Folder for the labels, keyed by windows, `spec` and the signs' names.

    Returns:
        Shape (recording, sign): soft labels in [0, 1]; NaN where something cannot be measured.
    """
    digest = hashlib.sha256(repr((spec.model_dump_json(), [s.name for s in SIGNS])).encode())
    digest.update(np.ascontiguousarray(windows).data)
    cached = cache / f"signs-{digest.hexdigest()[:16]}.npy"
    if not cached.exists():
        progress = tqdm(windows, desc="measuring signs", unit="rec", mininterval=2)
        labels = np.stack([measure_window(window, spec) for window in progress])
        cached.parent.mkdir(parents=True, exist_ok=True)
        partial = cached.with_suffix(".partial.npy")
        np.save(partial, labels)
        partial.rename(cached)
    stored: NDArray[np.float32] = np.load(cached)
    return stored


def measure_window(window: NDArray[np.float32], spec: PreprocessingSpec) -> NDArray[np.float32]:
    """Soft labels of one window (lead, sample), shape (sign,); all NaN without three beats."""
    samples_mv = window.astype(np.float64) * spec.millivolts_per_unit
    beats = find_beats(samples_mv, spec.sampling_rate_hz)
    if beats is None:
        return np.full(len(SIGNS), np.nan, dtype=np.float32)
    measured = Measured(spec.leads, beats, measure_waves(beats), measure_rhythm(beats))
    return np.array([label(sign.value(measured)) for sign in SIGNS], dtype=np.float32)
