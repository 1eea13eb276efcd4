"""A strict parser of EDF headers (Kemp et al. 1992; EDF+: Kemp and Olivan 2003, edfplus.info)."""

import re
from dataclasses import dataclass
from datetime import date
from math import isfinite

from ecg_core.errors import Fault, FaultCode, UnreadableRecording
from ecg_core.leads import standard_lead_name
from ecg_core.readers.assembly import unsupported_content

VERSION = b"0       "
SAMPLE_BYTES = 2
_FIXED_BYTES = 256
_SIGNAL_BYTES = 256
_MOST_SIGNALS = 128
_ANNOTATIONS = ("EDF Annotations", "BDF Annotations")
_CONTINUOUS, _INTERRUPTED = "EDF+C", "EDF+D"

_WHOLE = re.compile(r"([+-]?[0-9]{1,8})(?:\.0*)?")  # some write "-32768.0"
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,8}(?:\.[0-9]{0,7})?|\.[0-9]{1,7})(?:[eE][+-]?[0-9]{1,3})?")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_EDF_DATE = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{2})")
_PLUS_DATE = re.compile(r"([0-9]{2})-([A-Z]{3})-([0-9]{4})")
_TWO_DIGIT_YEARS_FROM = 85  # EDF+: 85 to 99 are of the last century


@dataclass(frozen=True, slots=True, repr=False)
class Signal:
    """One signal as the header declares it.

    Attributes:
        label: Its name.
        unit: Physical dimension.
        physical: Values at the least and at the largest digital value.
        digital: Those digital values.
        record_samples: How many samples a record holds.
    """

    label: str
    unit: str
    physical: tuple[float, float]
    digital: tuple[int, int]
    record_samples: int

    @property
    def is_annotations(self) -> bool:
        """Whether it holds EDF+ annotations in place of samples."""
        return self.label in _ANNOTATIONS

    @property
    def units_per_step(self) -> float | None:
        """Physical units that one digital step makes; None where the header's range is empty."""
        steps = self.digital[1] - self.digital[0]
        return (self.physical[1] - self.physical[0]) / steps if steps > 0 else None


@dataclass(frozen=True, slots=True, repr=False)
class EdfHeader:
    """A header that is sound; whether its signals make a recording is not asked here.

    Attributes:
        size: Of the header, in bytes.
        records: How many follow it.
        record_s: Duration of each, in seconds.
        signals: In the order of a record.
        is_plus: Whether it is EDF+, whose two texts have parts.
        patient: What it says of the patient: never handed on.
        recording: What it says of the recording: never handed on.
        start: Day of the recording, where the header gives one.
    """

    size: int
    records: int
    record_s: float
    signals: tuple[Signal, ...]
    is_plus: bool
    patient: str
    recording: str
    start: date | None


def begins_like_edf(first_bytes: bytes) -> bool:
    """Whether a version, a header's size and a number of signals stand where EDF has them."""
    size, signals = first_bytes[184:192].strip(), first_bytes[252:256].strip()
    if not first_bytes.startswith(VERSION) or not (size.isdigit() and signals.isdigit()):
        return False
    return int(size) == _FIXED_BYTES + _SIGNAL_BYTES * int(signals)


def parse_header(content: bytes) -> EdfHeader:
    """Parse the header of a file that holds as many bytes as it declares.

    Raises:
        UnreadableRecording: With every fault of its syntax, or because it is EDF+D.
    """
    if not begins_like_edf(content):
        raise _malformed(["the header's size and its number of signals do not agree"])
    text = content[:_FIXED_BYTES].decode("latin-1")
    kind = text[192:236].strip()
    if kind.startswith(_INTERRUPTED):
        raise unsupported_content("the file is EDF+D: its records do not follow each other")
    count = int(text[252:256])
    size = _FIXED_BYTES + _SIGNAL_BYTES * count
    if not 1 <= count <= _MOST_SIGNALS:
        raise unsupported_content(f"the file has {count} signals, 1 to {_MOST_SIGNALS} are read")
    if len(content) < size:
        raise _malformed(["the file ends within its header"])
    faults: list[str] = []
    signals = _signals(content[_FIXED_BYTES:size].decode("latin-1"), count, faults)
    record_s = _number(text[244:252], "the duration of a record", faults)
    if record_s < 0:
        faults.append("the duration of a record is negative")
    declared = _whole(text[236:244], "the number of records", faults)
    if faults:
        raise _malformed(faults)
    records = _records(declared, sum(s.record_samples for s in signals), len(content) - size)
    return EdfHeader(
        size=size,
        records=records,
        record_s=record_s,
        signals=signals,
        is_plus=kind.startswith(_CONTINUOUS),
        patient=text[8:88].strip(),
        recording=text[88:168].strip(),
        start=_start(text[168:176], text[88:168]),
    )


def plus_date(text: str) -> date | None:
    """A date as EDF+ writes it ("02-MAY-1951"), None where it is none."""
    match = _PLUS_DATE.fullmatch(text.upper())
    if match is None or match[2] not in _MONTHS:
        return None
    return _date(int(match[3]), _MONTHS.index(match[2]) + 1, int(match[1]))


def _signals(text: str, count: int, faults: list[str]) -> tuple[Signal, ...]:
    """The signals, whose fields stand field by field: all labels, then all units, and so on."""
    columns, start = [], 0
    for width in (16, 80, 8, 8, 8, 8, 8, 80, 8, 32):
        columns.append([text[start + n * width : start + (n + 1) * width] for n in range(count)])
        start += count * width
    labels, _, units, low, high, least, largest, _, samples, _ = columns
    signals = []
    for n in range(count):
        where, label = f"of signal {n + 1}", labels[n].strip(" \0")
        record_samples = _whole(samples[n], f"the number of samples {where}", faults)
        if record_samples < 1:
            faults.append(f"the number of samples {where} is not positive")
        # Other signals are left out, so their ranges do not matter.
        wrong = faults if standard_lead_name(label) else []
        physical = (
            _number(low[n], f"the physical minimum {where}", wrong),
            _number(high[n], f"the physical maximum {where}", wrong),
        )
        digital = (
            _whole(least[n], f"the digital minimum {where}", wrong),
            _whole(largest[n], f"the digital maximum {where}", wrong),
        )
        signals.append(Signal(label, units[n].strip(" \0"), physical, digital, record_samples))
    return tuple(signals)


def _records(declared: int, record_samples: int, data_bytes: int) -> int:
    """How many records follow the header; -1 is what is written while a recording goes on.

    Raises:
        UnreadableRecording: The file holds more or fewer, or not whole ones.
    """
    held, rest = divmod(data_bytes, SAMPLE_BYTES * record_samples)
    if rest or held == 0 or declared not in (held, -1):
        raise _malformed([f"the header declares {declared} records, the file holds {held}"])
    return held


def _whole(text: str, what: str, faults: list[str]) -> int:
    if match := _WHOLE.fullmatch(text.strip(" \0")):
        return int(match[1])
    faults.append(f"{what} is no whole number")
    return 1


def _number(text: str, what: str, faults: list[str]) -> float:
    stripped = text.strip(" \0")
    if _NUMBER.fullmatch(stripped) and isfinite(float(stripped)):
        return float(stripped)
    faults.append(f"{what} is no number")
    return 0.0


def _start(text: str, recording: str) -> date | None:
    parts = recording.split()
    if len(parts) > 1 and parts[0] == "Startdate" and (stated := plus_date(parts[1])):
        return stated
    match = _EDF_DATE.fullmatch(text)
    if match is None:
        return None
    day, month, year = (int(part) for part in match.groups())
    return _date(year + (1900 if year >= _TWO_DIGIT_YEARS_FROM else 2000), month, day)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _malformed(details: list[str]) -> UnreadableRecording:
    return UnreadableRecording(Fault(FaultCode.MALFORMED_FILE, detail) for detail in details)
