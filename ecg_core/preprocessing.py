"""The one preprocessing: training, evaluation and serving all call `prepare`.

Nothing here depends on other recordings: no statistics over a batch, no fitted scale.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy import signal

from ecg_core.checkpoint import Checkpoint, no_checkpoint
from ecg_core.leads import LEADS, derivable_leads, derive_limb_lead, limb_lead_sources
from ecg_core.recording import Recording

# Of all leads that are filtered at once, so that long recordings let others go on between.
_SAMPLES_AT_ONCE = 500_000

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class PreprocessingSpec(BaseModel):
    """Parameters of `prepare`, held by the bundle's manifest.

    Attributes:
        leads: Lead names in the order in which the encoder takes them.
        sampling_rate_hz: Rate that recordings are resampled to.
        window_s: Length of one window in seconds.
        highpass_hz: Cut-off that takes off baseline wander (0.5 Hz at the most keeps ST segments,
            AHA/ACC/HRS 2007, since the filter has no phase shift).
        lowpass_hz: Cut-off against muscle noise and mains.
        filter_order: Order of the Butterworth band-pass; it runs forwards and backwards.
        clip_mv: Amplitude bound, so that an artefact cannot dominate a window.
        millivolts_per_unit: What the encoder sees is millivolts divided by this.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    leads: tuple[str, ...] = LEADS
    sampling_rate_hz: _Positive = 100.0
    window_s: _Positive = 10.0
    highpass_hz: _Positive = 0.3
    lowpass_hz: _Positive = 45.0
    filter_order: Annotated[int, Field(ge=1, le=8)] = 2
    clip_mv: _Positive = 5.0
    millivolts_per_unit: _Positive = 0.5

    @property
    def window_samples(self) -> int:
        """Samples in one window."""
        return round(self.window_s * self.sampling_rate_hz)


@dataclass(frozen=True, eq=False, slots=True)
class PreparedRecording:
    """What the encoder takes.

    Attributes:
        windows: Shape (window, lead, sample), float32, mV / `millivolts_per_unit`; read-only.
        steps: What was done, for people, in order.
        missing_leads: Leads that were neither there nor derivable and are filled with zeros.
        starts_s: Where each window begins in the recording, seconds.
    """

    windows: NDArray[np.float32]
    steps: tuple[str, ...]
    missing_leads: tuple[str, ...]
    starts_s: tuple[float, ...]


def prepare(
    recording: Recording, spec: PreprocessingSpec, checkpoint: Checkpoint = no_checkpoint
) -> PreparedRecording:
    """Order, complete, resample, filter, scale and window a checked recording.

    Args:
        recording: A recording that `ecg_core.quality.check_recording` let pass.
        spec: The bundle's parameters.
        checkpoint: Called before each few leads of a long recording; may raise.

    Returns:
        Windows of shape (window, lead, sample), float32, and what was done.

    Raises:
        ValueError: The recording holds samples that are not finite.
    """
    if not np.isfinite(recording.samples_mv).all():
        raise ValueError("prepare() takes checked recordings only: a sample is not finite")
    ordered_mv, missing, steps = _order_leads(recording, spec.leads)
    ratio, rate_steps = _ratio(recording.sampling_rate_hz, spec)
    filtered_mv = []
    at_once = max(1, _SAMPLES_AT_ONCE // ordered_mv.shape[1])
    for first in range(0, len(ordered_mv), at_once):
        checkpoint()
        leads_mv = _resample(ordered_mv[first : first + at_once], ratio)
        filtered_mv.append(_band_pass(leads_mv, spec))
    windows, starts, window_steps = _windows(
        np.clip(np.concatenate(filtered_mv), -spec.clip_mv, spec.clip_mv), spec
    )
    scaled = (windows / spec.millivolts_per_unit).astype(np.float32)
    scaled.flags.writeable = False
    filter_step = f"band-pass {spec.highpass_hz:g}-{spec.lowpass_hz:g} Hz, zero phase"
    return PreparedRecording(
        scaled,
        (*steps, *rate_steps, filter_step, *window_steps),
        tuple(missing),
        tuple(start / spec.sampling_rate_hz for start in starts),
    )


def _order_leads(
    recording: Recording, leads: tuple[str, ...]
) -> tuple[NDArray[np.float64], list[str], list[str]]:
    """Rows by lead name; limb leads derived where two others give them, else zeros."""
    ordered_mv = np.zeros((len(leads), recording.samples_mv.shape[1]))
    sources = limb_lead_sources(recording.leads)
    derivable = derivable_leads(recording.leads)
    missing: list[str] = []
    steps: list[str] = []
    for row, lead in enumerate(leads):
        if lead in recording.leads:
            ordered_mv[row] = recording.lead(lead)
        elif sources is not None and lead in derivable:
            pair_mv = np.stack([recording.lead(source) for source in sources])
            ordered_mv[row] = derive_limb_lead(lead, sources, pair_mv)
            steps.append(f"derived {lead} from {sources[0]}, {sources[1]}")
        else:
            missing.append(lead)
            steps.append(f"lead {lead} missing: filled with zeros")
    return ordered_mv, missing, steps


def _ratio(rate_hz: float, spec: PreprocessingSpec) -> tuple[Fraction, list[str]]:
    """The spec's rate over that of a recording, and the step that it makes."""
    ratio = Fraction(spec.sampling_rate_hz / rate_hz).limit_denominator(1000)
    step = f"resampled {rate_hz:g} -> {spec.sampling_rate_hz:g} Hz"
    return ratio, [] if ratio == 1 else [step]


def _resample(samples_mv: NDArray[np.float64], ratio: Fraction) -> NDArray[np.float64]:
    """Polyphase resampling; its Kaiser-windowed filter keeps aliases out."""
    if ratio == 1:
        return samples_mv
    # The recording's ends are extended by their own values: zero-padding would ring there.
    resampled: NDArray[np.float64] = signal.resample_poly(
        samples_mv, ratio.numerator, ratio.denominator, axis=1, padtype="line"
    )
    return resampled


def _band_pass(samples_mv: NDArray[np.float64], spec: PreprocessingSpec) -> NDArray[np.float64]:
    sections = signal.butter(
        spec.filter_order,
        (spec.highpass_hz, spec.lowpass_hz),
        btype="bandpass",
        fs=spec.sampling_rate_hz,
        output="sos",
    )
    padding = min(samples_mv.shape[1] - 1, round(2 * spec.sampling_rate_hz))
    filtered: NDArray[np.float64] = signal.sosfiltfilt(
        sections, samples_mv, axis=1, padtype="odd", padlen=padding
    )
    return filtered


def _windows(
    samples: NDArray[np.float64], spec: PreprocessingSpec
) -> tuple[NDArray[np.float64], list[int], list[str]]:
    """Windows that cover the recording evenly, and their first samples.

    A short recording is padded with zeros at its end.
    """
    count, length = samples.shape[1], spec.window_samples
    if count < length:
        padded = np.pad(samples, ((0, 0), (0, length - count)))
        missing_s = (length - count) / spec.sampling_rate_hz
        return padded[np.newaxis], [0], [f"padded with {missing_s:.2f} s of zeros"]
    starts = np.linspace(0, count - length, ceil(count / length)).round().astype(int)
    windows = np.stack([samples[:, start : start + length] for start in starts])
    steps = [f"{len(starts)} windows of {spec.window_s:g} s, logits averaged"]
    return windows, starts.tolist(), steps if len(starts) > 1 else []
