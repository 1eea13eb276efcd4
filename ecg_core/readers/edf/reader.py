"""Reader of EDF and EDF+C."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import Fault
from ecg_core.leads import standard_lead_name
from ecg_core.plausibility import gain_faults, units_per_mv
from ecg_core.readers.assembly import StoredLead, recording_of
from ecg_core.readers.base import ReadLimits, SingleFileReader
from ecg_core.readers.edf.header import EdfHeader, Signal, begins_like_edf, parse_header, plus_date
from ecg_core.readers.patient import age_between, mentions_pacemaker, patient_notes
from ecg_core.recording import Note, Recording

_BITS = 16
_LEAST = -(2 ** (_BITS - 1))


class EdfReader(SingleFileReader):
    """Reads one EDF or EDF+C file; annotations are passed over."""

    title: ClassVar[str] = "EDF"

    def recognises(self, first_bytes: bytes) -> bool:
        """Whether it begins with a header whose size and number of signals agree."""
        return begins_like_edf(first_bytes)

    def read_file(self, content: bytes, limits: ReadLimits) -> Recording:
        """Read the leads of all records, one behind the other.

        Raises:
            UnreadableRecording: The header is broken, the file's size is not what it declares, the
                records are interrupted (EDF+D), or the leads differ in rate.
            UnusableRecording: It lacks leads, rate, units or a plausible gain.
        """
        header = parse_header(content)
        samples = np.frombuffer(content, "<i2", offset=header.size).reshape(header.records, -1)
        leads: list[StoredLead] = []
        faults: list[Fault] = []
        first = 0
        for signal in header.signals:
            stored = samples[:, first : first + signal.record_samples]
            first += signal.record_samples
            if not signal.is_annotations:
                leads.append(_stored_lead(signal, stored, faults))
        return recording_of(leads, _rate_hz(header), "edf", limits, _notes(header), faults)


def _stored_lead(signal: Signal, stored: NDArray[np.int16], faults: list[Fault]) -> StoredLead:
    lead, per_mv = standard_lead_name(signal.label), units_per_mv(signal.unit)
    if lead is None or per_mv is None:
        return StoredLead(signal.label, None)
    step = signal.units_per_step
    # A physical minimum above the maximum is EDF's way to say that a signal is inverted.
    wrong = gain_faults(lead, per_mv / abs(step) if step else None, _BITS)
    faults += wrong
    if step is None or wrong:
        return StoredLead(signal.label, np.zeros(stored.size, np.float32))
    in_units = (stored.ravel().astype(np.float64) - signal.digital[0]) * step + signal.physical[0]
    samples_mv = (in_units / per_mv).astype(np.float32)
    if signal.digital[0] > _LEAST:
        # Where the header leaves this value out of the range, it stands for "no value".
        samples_mv[stored.ravel() == _LEAST] = np.nan
    return StoredLead(signal.label, samples_mv)


def _rate_hz(header: EdfHeader) -> float | None:
    """Of the first standard lead; leads of another rate differ from it in length."""
    counts = [s.record_samples for s in header.signals if standard_lead_name(s.label)]
    if not counts or header.record_s == 0:
        return None
    return counts[0] / header.record_s


def _notes(header: EdfHeader) -> list[Note]:
    """Of EDF+'s patient only the date of birth and what stands behind the name are looked at."""
    parts = header.patient.split() if header.is_plus else []
    birth = plus_date(parts[2]) if len(parts) > 2 else None
    # Underscores are EDF+'s blanks.
    statements = [text.replace("_", " ") for text in (" ".join(parts[4:]), header.recording)]
    return patient_notes(age_between(birth, header.start), mentions_pacemaker(statements))
