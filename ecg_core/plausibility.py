"""What an ECG's rate, length, units and amplitudes can be.

The readers and the quality check ask here, so that a file is refused for the same reason whatever
its format. Every function gives the faults it finds; none repairs anything.
"""

from collections.abc import Iterable
from math import isfinite
from types import MappingProxyType

from ecg_core.errors import Fault, FaultCode

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

# One converter unit is at most 0.1 mV, or no ST segment could be told; its range at least 0.1 mV.
_COARSEST_UNIT_MV = 0.1
_NARROWEST_RANGE_MV = 0.1

_MICRO = ("u", "\u00b5", "\u03bc")  # as ASCII has it, the micro sign, the Greek letter
_UNITS_PER_MV = MappingProxyType(
    {"mv": 1.0, "millivolt": 1.0, "v": 1e-3, "volt": 1e-3, "nv": 1e6, "nanovolt": 1e6}
    | {f"{micro}v": 1e3 for micro in _MICRO}
    | {"microvolt": 1e3}
)


def units_per_mv(unit: str) -> float | None:
    """How many of this unit make one millivolt ("mV", "uV", "nV", "V"); None if it is unknown."""
    return _UNITS_PER_MV.get(unit.strip().lower())


def is_plausible_rate(
    rate_hz: float, low_hz: float = MIN_SAMPLING_RATE_HZ, high_hz: float = MAX_SAMPLING_RATE_HZ
) -> bool:
    """Whether an ECG may be sampled so often."""
    return isfinite(rate_hz) and low_hz <= rate_hz <= high_hz


def rate_faults(
    rate_hz: float,
    low_hz: float = MIN_SAMPLING_RATE_HZ,
    high_hz: float = MAX_SAMPLING_RATE_HZ,
    field: str | None = None,
) -> list[Fault]:
    """The fault of a rate beyond the bounds, if it is; `field` names the request's, if it is one's.

    Args:
        rate_hz: Samples a second.
        low_hz: The lowest.
        high_hz: The highest.
        field: Name of the request's field concerned.
    """
    if is_plausible_rate(rate_hz, low_hz, high_hz):
        return []
    detail = f"the sampling rate is not between {low_hz:g} and {high_hz:g} Hz"
    return [Fault(FaultCode.IMPLAUSIBLE_SAMPLING_RATE, detail, field=field)]


def excess_faults(samples: int, rate_hz: float, longest_s: float = MAX_DURATION_S) -> list[Fault]:
    """The fault of a recording of so many samples that is too long, if it is."""
    if samples <= longest_s * rate_hz:
        return []
    return [Fault(FaultCode.TOO_LONG, f"the recording is longer than {longest_s:g} s")]


def shortage_faults(
    samples: int, rate_hz: float, shortest_s: float = MIN_DURATION_S
) -> list[Fault]:
    """The fault of a recording of so many samples that is too short, if it is."""
    if samples / rate_hz >= shortest_s:
        return []
    return [Fault(FaultCode.TOO_SHORT, f"the recording is shorter than {shortest_s:g} s")]


def duplicate_faults(leads: Iterable[str]) -> list[Fault]:
    """A fault for each standard lead that is there more than once."""
    names = list(leads)
    return [
        Fault(FaultCode.DUPLICATE_LEAD, f"lead {lead} is there {names.count(lead)} times", lead)
        for lead in dict.fromkeys(names)
        if names.count(lead) > 1
    ]


def unit_fault(lead: str, known: str) -> Fault:
    """The fault of a lead in units that are not known.

    Args:
        lead: Its standard name.
        known: The units that are, as in "mV and uV".
    """
    return Fault(FaultCode.UNKNOWN_UNITS, f"lead {lead} is in units other than {known}", lead)


def gain_faults(lead: str, converter_units_per_mv: float | None, bits: int) -> list[Fault]:
    """The fault of a gain that is not given (zero among them) or that no converter has, if so.

    Args:
        lead: Standard name of the lead.
        converter_units_per_mv: Its gain, None where it is not given.
        bits: Of a sample as it is stored.
    """
    gain = converter_units_per_mv
    finest = (1 << bits) / _NARROWEST_RANGE_MV
    if gain is not None and isfinite(gain) and 1 / _COARSEST_UNIT_MV <= gain <= finest:
        return []
    detail = f"lead {lead} is uncalibrated, or its gain is implausible"
    return [Fault(FaultCode.IMPLAUSIBLE_GAIN, detail, lead)]


def amplitude_fault(lead: str, typical_range_mv: float, largest_mv: float) -> Fault | None:
    """What is wrong with the amplitudes of a finite lead, if something is.

    Args:
        lead: Its standard name.
        typical_range_mv: Largest minus smallest sample in most of its seconds.
        largest_mv: Its largest sample, whatever its sign.
    """
    if typical_range_mv > LARGEST_LEAD_MV:
        detail = (
            f"lead {lead} spans more than {LARGEST_LEAD_MV:g} mV in most of its seconds: "
            "wrong units, or not an ECG"
        )
    elif largest_mv > LARGEST_SAMPLE_MV:
        detail = f"lead {lead} holds a sample beyond {LARGEST_SAMPLE_MV:g} mV: no electrode's"
    else:
        return None
    return Fault(FaultCode.IMPLAUSIBLE_AMPLITUDE, detail, lead=lead)


def is_faint(largest_range_mv: float) -> bool:
    """Whether no lead spans what one of an ECG does: wrong units, unless it is all constant."""
    return largest_range_mv < FAINTEST_RECORDING_MV
