"""What one channel of a multiplex group is: its lead, its scale, its place in time.

Attributes and their meaning: DICOM PS3.3, C.10.9 (Waveform Module); leads: PS3.16, CID 3001.
"""

import re
from dataclasses import dataclass
from math import isfinite

from ecg_core.leads import numbered_lead_name, other_lead_name, standard_lead_name
from ecg_core.plausibility import units_per_mv
from ecg_core.readers.dicom.elements import Elements

_CODE_VALUE, _CODING_SCHEME, _CODE_MEANING = 0x0008_0100, 0x0008_0102, 0x0008_0104
_SOURCE, _SENSITIVITY, _UNITS = 0x003A_0208, 0x003A_0210, 0x003A_0211
_CORRECTION, _BASELINE = 0x003A_0212, 0x003A_0213
_TIME_SKEW, _SAMPLE_SKEW, _OFFSET = 0x003A_0214, 0x003A_0215, 0x003A_0218
_BITS_STORED, _LABEL = 0x003A_021A, 0x003A_0203

_MDC_BLOCK = 131072
# "2:61" or "131133" (ISO/IEEE 11073-10101), "5.6.3-9-61" (SCP-ECG).
_MDC = re.compile(r"(?:2:)?([0-9]{1,6})")
_SCP = re.compile(r"5\.6\.3-9-([0-9]{1,3})")


@dataclass(frozen=True, slots=True, repr=False)
class Channel:
    """One channel as its definition says.

    Attributes:
        name: Of its lead, where the code is known; else what the code means, in the file's words.
        unit: Of its sensitivity and baseline; empty where the file gives none.
        sensitivity: Units that one step of the converter makes, corrected; None where not given.
        baseline: Units that sample value 0 means.
        bits_stored: How many bits of a sample count; None: all.
        skew_samples: How much later than the group it begins, in samples.
    """

    name: str
    unit: str
    sensitivity: float | None
    baseline: float
    bits_stored: int | None
    skew_samples: float

    @property
    def units_per_mv(self) -> float | None:
        """Units that make one millivolt; None where they are not known."""
        return units_per_mv(self.unit) if self.sensitivity is not None else None

    @property
    def steps_per_mv(self) -> float | None:
        """Steps of the converter that make one millivolt; None where scale or baseline is none."""
        per_mv = self.units_per_mv
        scale = self.sensitivity
        if per_mv is None or not scale or not isfinite(scale) or not isfinite(self.baseline):
            return None
        return per_mv / scale


def channel_of(definition: Elements, sampling_rate_hz: float | None) -> Channel:
    """Understand an item of the Channel Definition Sequence."""
    sensitivity, correction = definition.number(_SENSITIVITY), definition.number(_CORRECTION)
    if sensitivity is not None and correction is not None:
        sensitivity *= correction
    units = definition.items(_UNITS)
    seconds = _or_zero(definition.number(_TIME_SKEW)) + _or_zero(definition.number(_OFFSET))
    return Channel(
        name=_lead_name(definition),
        unit=units[0].text(_CODE_VALUE) if units else "",
        sensitivity=sensitivity,
        baseline=_or_zero(definition.number(_BASELINE)),
        bits_stored=definition.whole(_BITS_STORED),
        skew_samples=_or_zero(definition.number(_SAMPLE_SKEW))
        + (seconds * sampling_rate_hz if seconds and sampling_rate_hz else 0.0),
    )


def _or_zero(number: float | None) -> float:
    return 0.0 if number is None else number


def _lead_name(definition: Elements) -> str:
    """By the code, where it is of a scheme that is known; else by its meaning, or the label."""
    sources = definition.items(_SOURCE)
    if not sources:
        return definition.text(_LABEL)
    value, scheme = sources[0].text(_CODE_VALUE), sources[0].text(_CODING_SCHEME).upper()
    number = _lead_number(value, scheme)
    if number is not None:
        # A lead that has a number and is none of ours must not pass by its meaning: CID 3001 calls
        # the inverted aVR "aVR".
        return numbered_lead_name(number) or "another lead"
    meaning = sources[0].text(_CODE_MEANING)
    # "Lead I (Einthoven)", "aVR, augmented voltage, right"; "MDC_ECG_LEAD_V1" for its number.
    reference = value.removeprefix("MDC_ECG_LEAD_") if scheme == "MDC" else ""
    names = (meaning, re.split(r"[(,]", meaning)[0], reference)
    known = (name for name in names if standard_lead_name(name) or other_lead_name(name))
    return next(known, "") or definition.text(_LABEL) or meaning


def _lead_number(code: str, scheme: str) -> int | None:
    if scheme == "SCPECG" and (match := _SCP.fullmatch(code)):
        return int(match[1])
    if scheme == "MDC" and (match := _MDC.fullmatch(code)):
        number = int(match[1])
        return number - _MDC_BLOCK if number >= _MDC_BLOCK else number
    return None
