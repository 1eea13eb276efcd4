"""The measured values of all signs of prepared windows."""

import numpy as np
from numpy.typing import NDArray

from ecg_core.checkpoint import Checkpoint, no_checkpoint
from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.signs.general import general_signs
from ecg_core.signs.language import Measured, NotMeasured, Sign
from ecg_core.signs.regional import regional_signs
from ecg_core.signs.rhythm import measure_rhythm
from ecg_core.signs.usual_beat import UsualBeat, find_usual_beat, without_padding

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
        measured, see `signs_measured`.
    """
    return np.nan_to_num(signs_measured(windows, spec), nan=0.0)


def signs_measured(
    windows: NDArray[np.float32],
    spec: PreprocessingSpec,
    checkpoint: Checkpoint = no_checkpoint,
) -> NDArray[np.float32]:
    """Measure prepared windows, each for itself.

    Args:
        windows: Shape (window, lead, sample), as `prepare` makes them.
        spec: What they were prepared with.
        checkpoint: Called for each window; may raise.

    Returns:
        As `measure_signs`, but NaN where a sign cannot be measured: a lead is missing, there
        are no three beats, no P waves, or a boundary of a wave is not found.
    """
    rows = []
    for window in windows:
        checkpoint()
        rows.append(_measure(window, spec))
    return np.stack(rows)


def _measure(window: NDArray[np.float32], spec: PreprocessingSpec) -> NDArray[np.float32]:
    samples_mv = without_padding(window.astype(np.float64) * spec.millivolts_per_unit)
    return signs_of(find_usual_beat(samples_mv, spec.leads, spec.sampling_rate_hz))


def signs_of(usual: UsualBeat | None) -> NDArray[np.float32]:
    """The signs of a usual beat, shape (sign,), as in `signs_measured`; None: no three beats."""
    if usual is None:
        return np.full(len(SIGNS), np.nan, dtype=np.float32)
    measured = Measured(usual, measure_rhythm(usual))
    values = np.array([_value(sign, measured) for sign in SIGNS])
    limited: NDArray[np.float32] = values.clip(-LIMIT, LIMIT).astype(np.float32)
    return limited


def _value(sign: Sign, measured: Measured) -> float:
    try:
        return sign.value(measured)
    except NotMeasured:
        return float("nan")
