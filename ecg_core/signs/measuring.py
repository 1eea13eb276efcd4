"""The measured values of all signs of prepared windows."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.signs.beats import find_beats
from ecg_core.signs.general import general_signs
from ecg_core.signs.measured import Measured, NotMeasured, Sign
from ecg_core.signs.regional import regional_signs
from ecg_core.signs.rhythm import measure_rhythm
from ecg_core.signs.waves import Waves, measure_waves

SIGNS: tuple[Sign, ...] = (*general_signs(), *regional_signs())
LIMIT = 20.0  # softnesses: beyond, a sign is as certain as it gets


def measure_signs(windows: NDArray[np.float32], spec: PreprocessingSpec) -> NDArray[np.float32]:
    """Measure prepared windows, each for itself.

    Args:
        windows: Shape (window, lead, sample), as `prepare` makes them.
        spec: What they were prepared with.

    Returns:
        Shape (window, sign): signed distance from each sign's threshold in softnesses, within
        `LIMIT`; its logistic function says how certainly the sign is there. 0 where it cannot be
        measured: a lead is missing, or there are no three beats.
    """
    return np.stack([_measure(window, spec) for window in windows])


def _measure(window: NDArray[np.float32], spec: PreprocessingSpec) -> NDArray[np.float32]:
    samples_mv = window.astype(np.float64) * spec.millivolts_per_unit
    beats = find_beats(samples_mv, spec.sampling_rate_hz)
    if beats is None:
        return np.zeros(len(SIGNS), dtype=np.float32)
    waves = _without_leads(measure_waves(beats), np.asarray(~window.any(axis=1)))
    measured = Measured(spec.leads, beats, waves, measure_rhythm(beats))
    values = np.nan_to_num(np.array([_value(sign, measured) for sign in SIGNS]), nan=0.0)
    limited: NDArray[np.float32] = values.clip(-LIMIT, LIMIT).astype(np.float32)
    return limited


def _without_leads(waves: Waves, missing: NDArray[np.bool_]) -> Waves:
    """NaN where a lead is missing: prepared windows hold zeros there."""
    if not missing.any():
        return waves
    by_lead: dict[str, Any] = {
        field.name: np.where(missing, np.nan, getattr(waves, field.name))
        for field in fields(waves)
        if isinstance(getattr(waves, field.name), np.ndarray)
    }
    return replace(waves, **by_lead)


def _value(sign: Sign, measured: Measured) -> float:
    try:
        return sign.value(measured)
    except NotMeasured:
        return float("nan")
