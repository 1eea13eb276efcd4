"""What makes a recording unfit for scoring."""

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import Fault, FaultCode
from ecg_core.leads import LEADS, derivable_leads
from ecg_core.plausibility import (
    FAINTEST_RECORDING_MV,
    FLAT_MV,
    amplitude_fault,
    excess_faults,
    is_faint,
    rate_faults,
    shortage_faults,
)
from ecg_core.recording import Recording


def timing_faults(recording: Recording) -> list[Fault]:
    """Faults of rate and length; with any of these, nothing else can be told."""
    rate_hz, samples = recording.sampling_rate_hz, recording.samples_mv.shape[1]
    return (
        rate_faults(rate_hz, field="sampling_rate_hz")
        or shortage_faults(samples, rate_hz)
        or excess_faults(samples, rate_hz)
    )


def missing_leads(leads: tuple[str, ...]) -> tuple[str, ...]:
    """The standard leads that are neither among these nor follow from them."""
    given = {*leads, *derivable_leads(leads)}
    return tuple(lead for lead in LEADS if lead not in given)


def flat_leads(recording: Recording) -> tuple[str, ...]:
    """Leads that hold nothing but a constant and, at most, the converter's dither."""
    if not recording.samples_mv.size:
        return ()
    ranges_mv = _ranges_mv(recording.samples_mv)
    faint = is_faint(np.nanmax(ranges_mv, initial=0.0))
    # In a recording that is faint as a whole (wrong units), only what is constant is flat.
    most_mv = 0.0 if faint else FLAT_MV
    pairs = zip(recording.leads, ranges_mv, strict=True)
    return tuple(lead for lead, range_mv in pairs if range_mv <= most_mv)


def sample_faults(recording: Recording) -> list[Fault]:
    """Faults of the samples themselves: not finite, or not those of an ECG in millivolts."""
    if not recording.samples_mv.size:
        return []
    faults = []
    finite = np.atleast_1d(np.isfinite(recording.samples_mv).all(axis=1))
    typical_mv = _typical_ranges_mv(recording)
    largest_mv = np.abs(recording.samples_mv).max(axis=1)
    by_lead = zip(recording.leads, finite, typical_mv, largest_mv, strict=True)
    for lead, is_finite, range_mv, sample_mv in by_lead:
        if not is_finite:
            detail = f"lead {lead} has samples that are missing or infinite"
            faults.append(Fault(FaultCode.NON_FINITE, detail, lead=lead))
        elif fault := amplitude_fault(lead, range_mv, sample_mv):
            faults.append(fault)
    ranges_mv = _ranges_mv(recording.samples_mv)
    largest_range_mv = ranges_mv.max(initial=0.0)
    if finite.all() and largest_range_mv > 0.0 and is_faint(largest_range_mv):
        detail = f"no lead spans {FAINTEST_RECORDING_MV:g} mV: wrong units, or not an ECG"
        faults.append(Fault(FaultCode.IMPLAUSIBLE_AMPLITUDE, detail))
    return faults


def _ranges_mv(samples_mv: NDArray[np.float32]) -> NDArray[np.float64]:
    """Largest minus smallest along the last axis; NaN where a sample is not finite."""
    highest = samples_mv.max(axis=-1).astype(np.float64)
    lowest = samples_mv.min(axis=-1).astype(np.float64)
    with np.errstate(invalid="ignore"):
        ranges = highest - lowest
    return np.where(np.isfinite(ranges), ranges, np.nan)


def _typical_ranges_mv(recording: Recording) -> NDArray[np.float64]:
    """The median over seconds of each lead's range; one large artefact does not count."""
    # The rate may be one that is refused.
    rate_hz, length = recording.sampling_rate_hz, recording.samples_mv.shape[1]
    second = round(min(max(rate_hz, 1.0), length)) if isfinite(rate_hz) else length
    count = length // second
    seconds = recording.samples_mv[:, : count * second].reshape(-1, count, second)
    median: NDArray[np.float64] = np.median(_ranges_mv(seconds), axis=1)
    return median
