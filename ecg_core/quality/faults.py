"""What makes a recording unfit for scoring."""

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import Fault, FaultCode
from ecg_core.leads import LEADS, derivable_leads
from ecg_core.recording import Recording

MIN_SAMPLING_RATE_HZ, MAX_SAMPLING_RATE_HZ = 50.0, 2000.0
# Two beats, so that a rhythm can be told, at 50 beats a minute.
MIN_DURATION_S, MAX_DURATION_S = 2.5, 1800.0
# Two steps of a usual converter; of 4,322 PTB-XL recordings the faintest lead spans 0.15 mV.
FLAT_MV = 0.01
# The faintest of those recordings spans 0.83 mV in its largest lead: this one is in volts.
FAINTEST_RECORDING_MV = 0.05
# The largest spans 10.3 mV in most of its seconds: this one is in other units, or no ECG.
LARGEST_LEAD_MV = 20.0
# Electrodes drift by up to 300 mV (IEC 60601-2-25). One sample of 1e30 mV would ring through the
# filter over the whole recording, where an artefact of some volts stays where it is.
LARGEST_SAMPLE_MV = 1000.0


def timing_faults(recording: Recording) -> list[Fault]:
    """Faults of rate and length; with any of these, nothing else can be told."""
    rate_hz = recording.sampling_rate_hz
    if not (isfinite(rate_hz) and MIN_SAMPLING_RATE_HZ <= rate_hz <= MAX_SAMPLING_RATE_HZ):
        detail = (
            f"the sampling rate is not between {MIN_SAMPLING_RATE_HZ:g} "
            f"and {MAX_SAMPLING_RATE_HZ:g} Hz"
        )
        field = "sampling_rate_hz"
        return [Fault(FaultCode.IMPLAUSIBLE_SAMPLING_RATE, detail, field=field)]
    if recording.duration_s < MIN_DURATION_S:
        return [Fault(FaultCode.TOO_SHORT, f"the recording is shorter than {MIN_DURATION_S:g} s")]
    if recording.duration_s > MAX_DURATION_S:
        return [Fault(FaultCode.TOO_LONG, f"the recording is longer than {MAX_DURATION_S:g} s")]
    return []


def missing_leads(leads: tuple[str, ...]) -> tuple[str, ...]:
    """The standard leads that are neither among these nor follow from them."""
    given = {*leads, *derivable_leads(leads)}
    return tuple(lead for lead in LEADS if lead not in given)


def flat_leads(recording: Recording) -> tuple[str, ...]:
    """Leads that hold nothing but a constant and, at most, the converter's dither."""
    if not recording.samples_mv.size:
        return ()
    ranges_mv = _ranges_mv(recording.samples_mv)
    faint = np.nanmax(ranges_mv, initial=0.0) < FAINTEST_RECORDING_MV
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
        elif range_mv > LARGEST_LEAD_MV:
            detail = (
                f"lead {lead} spans more than {LARGEST_LEAD_MV:g} mV in most of its seconds: "
                "wrong units, or not an ECG"
            )
            faults.append(Fault(FaultCode.IMPLAUSIBLE_AMPLITUDE, detail, lead=lead))
        elif sample_mv > LARGEST_SAMPLE_MV:
            detail = f"lead {lead} holds a sample beyond {LARGEST_SAMPLE_MV:g} mV: no electrode's"
            faults.append(Fault(FaultCode.IMPLAUSIBLE_AMPLITUDE, detail, lead=lead))
    ranges_mv = _ranges_mv(recording.samples_mv)
    if finite.all() and 0.0 < ranges_mv.max(initial=0.0) < FAINTEST_RECORDING_MV:
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
