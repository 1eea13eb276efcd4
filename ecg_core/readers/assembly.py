"""From what a file stores of each lead to a recording: the gate that every such format passes.

A reader decodes; whether the leads, the rate, the lengths and the units make a recording is asked
here, so that all of it is told at once and in the same words. Amplitudes, missing leads and what
the limb leads say of each other are the quality check's (`ecg_core.quality`), for every format.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import Fault, FaultCode, InputError, UnreadableRecording, UnusableRecording
from ecg_core.leads import other_lead_name, standard_lead_name
from ecg_core.plausibility import duplicate_faults, excess_faults, rate_faults, unit_fault
from ecg_core.readers.base import ReadLimits
from ecg_core.recording import Note, NoteCode, Recording, RecordingFormat

_UNREADABLE = frozenset({FaultCode.LEADS_NOT_SIMULTANEOUS, FaultCode.MALFORMED_FILE})


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class StoredLead:
    """One lead as a file stores it.

    Attributes:
        name: As the file gives it, or as its code means.
        samples_mv: Shape (sample,), millivolts, NaN where the file says "no value"; None where
            the file's units are not known.
    """

    name: str
    samples_mv: NDArray[np.floating] | None


def recording_of(
    stored: Sequence[StoredLead],
    sampling_rate_hz: float | None,
    recording_format: RecordingFormat,
    limits: ReadLimits,
    notes: Iterable[Note] = (),
    faults: Iterable[Fault] = (),
) -> Recording:
    """The recording of these leads; those that are none of the twelve are left out, with a note.

    Args:
        stored: The leads, in the file's order.
        sampling_rate_hz: Samples a second; None where the file does not say.
        recording_format: Which format it was.
        limits: Bounds on rate and length.
        notes: What else the reader noticed.
        faults: What else is wrong with the file.

    Raises:
        UnreadableRecording: The leads differ in length, among other faults.
        UnusableRecording: Leads, rate, length or units are missing or wrong; every fault at once.
    """
    standard = [(standard_lead_name(lead.name), lead.samples_mv) for lead in stored]
    leads = [(name, samples_mv) for name, samples_mv in standard if name is not None]
    surplus = [lead.name for lead in stored if standard_lead_name(lead.name) is None]
    found = [*faults, *_rate_faults(sampling_rate_hz, limits), *_lead_faults(leads)]
    longest = max((len(samples_mv) for _, samples_mv in leads if samples_mv is not None), default=0)
    if sampling_rate_hz is not None and not _rate_faults(sampling_rate_hz, limits):
        found += excess_faults(longest, sampling_rate_hz, limits.max_duration_s)
    if sampling_rate_hz is None or found:
        raise refusal(found)
    samples = np.empty((len(leads), longest), np.float32)
    # What float32 cannot hold becomes infinite, and is refused as such by the quality check.
    with np.errstate(over="ignore", invalid="ignore"):
        for row, (_, samples_mv) in zip(samples, leads, strict=True):
            row[:] = samples_mv
    samples.flags.writeable = False  # so that the recording need not copy them
    names = tuple(name for name, _ in leads)
    left_out = left_out_notes(surplus)
    return Recording(samples, names, sampling_rate_hz, recording_format, (*left_out, *notes))


def refusal(faults: Sequence[Fault]) -> InputError:
    """The error for these faults: unreadable where the file is broken, else unusable."""
    if any(fault.code in _UNREADABLE for fault in faults):
        return UnreadableRecording(faults)
    return UnusableRecording(faults)


def malformed_file(detail: str) -> UnreadableRecording:
    """The refusal of a file that is broken or does not agree with itself."""
    return UnreadableRecording.of(FaultCode.MALFORMED_FILE, detail)


def unsupported_content(detail: str) -> UnreadableRecording:
    """The refusal of a sound file that holds something which is not read; `detail` names it."""
    return UnreadableRecording.of(FaultCode.UNSUPPORTED_CONTENT, detail)


def left_out_notes(names: Sequence[str]) -> list[Note]:
    """One note on leads that are none of the twelve; only usual names are repeated."""
    if not names:
        return []
    usual = [other_lead_name(name) for name in names]
    named = list(dict.fromkeys(name for name in usual if name is not None))
    others = usual.count(None)
    if others:
        named.append(f"{others} other signal" + ("s" if others > 1 else ""))
    detail = f"left out, for the model reads the twelve standard leads: {', '.join(named)}"
    return [Note(NoteCode.LEAD_LEFT_OUT, detail)]


def waveform_left_out(what: str) -> Note:
    """The note on a waveform that is not the recording, as `what` says ("median beats")."""
    return Note(NoteCode.WAVEFORM_LEFT_OUT, f"{what}: left out, only the rhythm is read")


def _rate_faults(rate_hz: float | None, limits: ReadLimits) -> list[Fault]:
    if rate_hz is None:
        detail = "the file gives no sampling rate"
        return [Fault(FaultCode.MISSING_SAMPLING_RATE, detail)]
    return rate_faults(rate_hz, limits.min_sampling_rate_hz, limits.max_sampling_rate_hz)


def _lead_faults(leads: Sequence[tuple[str, NDArray[np.floating] | None]]) -> list[Fault]:
    if not leads:
        return [Fault(FaultCode.UNKNOWN_LEAD, "no signal bears the name of a standard lead")]
    faults = duplicate_faults(name for name, _ in leads)
    faults += [
        unit_fault(name, "V, mV, uV and nV") for name, samples_mv in leads if samples_mv is None
    ]
    if len({len(samples_mv) for _, samples_mv in leads if samples_mv is not None}) > 1:
        detail = "the leads differ in length: they were not recorded together"
        faults.append(Fault(FaultCode.LEADS_NOT_SIMULTANEOUS, detail))
    return faults
