"""Reader of SCP-ECG (EN 1064): sections 1, 2, 3, 6 and 7 of a record."""

from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar

from ecg_core.errors import FaultCode, UnusableRecording
from ecg_core.leads import numbered_lead_name
from ecg_core.readers.assembly import (
    StoredLead,
    malformed_file,
    recording_of,
    waveform_left_out,
)
from ecg_core.readers.base import ReadLimits, SingleFileReader
from ecg_core.readers.patient import patient_notes
from ecg_core.readers.scaling import Stored, each_lead, is_read, scaled_lead
from ecg_core.readers.scp.huffman_tables import HuffmanTable, read_tables
from ecg_core.readers.scp.patient import age_years, has_pacemaker
from ecg_core.readers.scp.sections import looks_like_scp, read_sections
from ecg_core.readers.scp.waveforms import LeadSet, read_lead_set, read_rhythm, samples_of
from ecg_core.recording import Recording

_READ = _PATIENT, _TABLES, _LEADS, _BEATS, _RHYTHM, _MEASUREMENTS = 1, 2, 3, 5, 6, 7
_UNIT = "nV"
_US_PER_S = 1_000_000
# Eleven minutes of 12 leads at 500 Hz: a code may be one bit, and unpack to sixteen times that.
_MOST_SAMPLES = 4_000_000


class ScpReader(SingleFileReader):
    """Reads the rhythm of an SCP-ECG record; its checksums must match."""

    title: ClassVar[str] = "SCP-ECG"

    def recognises(self, first_bytes: bytes) -> bool:
        """Whether these begin with a section 0 that points at itself."""
        return looks_like_scp(first_bytes)

    def read_file(self, content: bytes, limits: ReadLimits) -> Recording:
        """Read one record; errors as for `read`."""
        sections = read_sections(content, _READ)
        if _LEADS not in sections or _RHYTHM not in sections:
            raise malformed_file("the SCP-ECG record holds no rhythm")
        leads = read_lead_set(sections[_LEADS])
        rhythm = read_rhythm(sections[_RHYTHM])
        _check_size(leads)
        rows = samples_of(rhythm, leads, _tables(sections))
        stored = _stored_leads(leads, rows, Fraction(rhythm.nv_per_unit))
        rate_hz = _US_PER_S / rhythm.interval_us if rhythm.interval_us else None
        patient, measurements = (sections.get(part, b"") for part in (_PATIENT, _MEASUREMENTS))
        notes = patient_notes(age_years(patient), has_pacemaker(patient, measurements))
        if _BEATS in sections:
            notes.append(waveform_left_out("the reference beat"))
        return recording_of(stored, rate_hz, "scp", limits, notes)


def _check_size(leads: LeadSet) -> None:
    if (leads.last - leads.first + 1) * len(leads.codes) > _MOST_SAMPLES:
        detail = f"the SCP-ECG record would unpack to more than {_MOST_SAMPLES} samples"
        raise UnusableRecording.of(FaultCode.TOO_LONG, detail)


def _tables(sections: dict[int, bytes]) -> list[HuffmanTable] | None:
    """The Huffman tables; without section 2, samples are plain."""
    if _TABLES not in sections:
        return None
    try:
        return read_tables(sections[_TABLES])
    except ValueError as error:
        raise malformed_file(f"the SCP-ECG record is broken: {error}") from error


def _stored_leads(
    leads: LeadSet, rows: Sequence[Stored], nv_per_unit: Fraction
) -> list[StoredLead]:
    def stored_lead(coded: tuple[int, Stored]) -> StoredLead:
        code, row = coded
        name = numbered_lead_name(code) or ""
        if not is_read(name):
            return StoredLead(name, None)
        return scaled_lead(name, row, nv_per_unit, _UNIT)

    return each_lead(zip(leads.codes, rows, strict=True), stored_lead)
