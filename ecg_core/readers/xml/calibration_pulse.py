"""The calibration pulse of 1 mV that Philips devices append to a recording of 10 s."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ecg_core.readers.assembly import StoredLead
from ecg_core.recording import Note, NoteCode

_RECORDING_S = 10.0
_LENGTH_S = 11.0
# All leads are at zero, then at 1 mV, then at zero. Files converted from others tremble a little.
_BEFORE_S, _PULSE_S, _BEHIND_S = (10.62, 10.69), (10.705, 10.895), (10.91, 11.0)
_TOLERANCE_MV = 0.05


def without_calibration_pulse(
    stored: Sequence[StoredLead], rate_hz: float
) -> tuple[list[StoredLead], list[Note]]:
    """The leads without the second that holds the pulse, and a note that it is gone.

    Leads that do not all end in one whole pulse are left as they are.
    """
    leads = list(stored)
    decoded = [lead.samples_mv for lead in leads if lead.samples_mv is not None]
    if not decoded or not all(_has_pulse(samples_mv, rate_hz) for samples_mv in decoded):
        return leads, []
    end = round(_RECORDING_S * rate_hz)
    trimmed = [
        StoredLead(lead.name, None if lead.samples_mv is None else lead.samples_mv[:end])
        for lead in leads
    ]
    detail = "the calibration pulse behind the recording was left out, with the second it is in"
    return trimmed, [Note(NoteCode.CALIBRATION_PULSE_REMOVED, detail)]


def _has_pulse(samples_mv: NDArray[np.floating], rate_hz: float) -> bool:
    if abs(len(samples_mv) / rate_hz - _LENGTH_S) > 1 / rate_hz:
        return False
    levels_mv = ((_BEFORE_S, 0.0), (_PULSE_S, 1.0), (_BEHIND_S, 0.0))
    for (start_s, end_s), level_mv in levels_mv:
        stretch_mv = samples_mv[round(start_s * rate_hz) : round(end_s * rate_hz)]
        if not len(stretch_mv) or not (np.abs(stretch_mv - level_mv) <= _TOLERANCE_MV).all():
            return False
    return True
