"""One multiplex group of a DICOM waveform: its samples in millivolts.

Of Waveform Data, pydicom's own decoder swaps no big endian, honours no padding value and no bits
stored, and knows no units: 164 mV for 0.5 mV. So it is decoded here, by PS3.3, C.10.9.
"""

import re
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import Fault, FaultCode
from ecg_core.leads import standard_lead_name
from ecg_core.plausibility import gain_faults
from ecg_core.readers.assembly import StoredLead, malformed_file, unsupported_content
from ecg_core.readers.dicom.channels import Channel, channel_of
from ecg_core.readers.dicom.elements import Elements

_CHANNELS, _SAMPLES, _RATE = 0x003A_0005, 0x003A_0010, 0x003A_001A
_ORIGINALITY, _LABEL, _TIME_OFFSET = 0x003A_0004, 0x003A_0020, 0x0018_1068
_DEFINITIONS, _BITS_ALLOCATED, _INTERPRETATION = 0x003A_0200, 0x5400_1004, 0x5400_1006
_PADDING, _DATA = 0x5400_100A, 0x5400_1010

_MOST_CHANNELS = 64
# Bits allocated and interpretation: what PS3.3 defines, but for the companded speech of 8 bits.
_TYPES = MappingProxyType(
    {(8, "SB"): "i1", (8, "UB"): "u1", (16, "SS"): "i2", (16, "US"): "u2"}
    | {(32, "SL"): "i4", (32, "UL"): "u4"}
)
_BEAT_LABEL = re.compile(r"median|beat|average|avg|template|representative", re.IGNORECASE)
# Averaged beats last 1.2 s or so, strips of a rhythm 2.5 s, some a sample less.
_LONGEST_BEAT_S = 2.0
_RHYTHM_LABEL = re.compile(r"rhythm", re.IGNORECASE)
# A padding value that is an ordinary sample, as 0, means "no value" only where nothing else is
# recorded for so long: no heart is silent for it in all digits of a converter.
_PADDED_S = 0.5

_Stored = NDArray[np.integer]


@dataclass(frozen=True, slots=True, repr=False)
class Group:
    """A multiplex group as the file declares it.

    Attributes:
        channels: Its channels, in the order of the samples.
        samples: How many each has.
        sampling_rate_hz: None where it is not given.
        is_derived: Whether it was computed from another one.
        label: What the file calls it.
        offset_ms: How much later than the file's time it begins; None where it does not say.
        elements: All that the file says of it.
    """

    channels: tuple[Channel, ...]
    samples: int
    sampling_rate_hz: float | None
    is_derived: bool
    label: str
    offset_ms: float | None
    elements: Elements

    @property
    def duration_s(self) -> float:
        """Its length in seconds; 0 where that is not known."""
        rate_hz = self.sampling_rate_hz
        return self.samples / rate_hz if rate_hz and isfinite(rate_hz) else 0.0

    @property
    def standard_leads(self) -> frozenset[str]:
        """The standard leads among its channels."""
        names = (standard_lead_name(channel.name) for channel in self.channels)
        return frozenset(name for name in names if name is not None)

    @property
    def is_single_beats(self) -> bool:
        """Whether it holds a beat of each lead, not a rhythm."""
        if _BEAT_LABEL.search(self.label):
            return True
        return not _RHYTHM_LABEL.search(self.label) and 0 < self.duration_s < _LONGEST_BEAT_S


def has_data(elements: Elements) -> bool:
    """Whether an item of the Waveform Sequence holds samples at all."""
    return elements.raw(_DATA) is not None


def group_of(elements: Elements) -> Group:
    """Understand an item of the Waveform Sequence; its samples are left alone.

    Raises:
        UnreadableRecording: Its declarations are missing or contradict each other.
    """
    rate_hz = elements.number(_RATE)
    definitions = elements.items(_DEFINITIONS)
    declared, samples = elements.whole(_CHANNELS), elements.whole(_SAMPLES)
    if not definitions or not samples or declared != len(definitions):
        raise malformed_file("a waveform's channels or samples are not as it declares them")
    if declared > _MOST_CHANNELS:
        raise unsupported_content(f"a waveform has more than {_MOST_CHANNELS} channels")
    return Group(
        channels=tuple(channel_of(definition, rate_hz) for definition in definitions),
        samples=samples,
        sampling_rate_hz=rate_hz,
        is_derived=elements.text(_ORIGINALITY) == "DERIVED",
        label=elements.text(_LABEL),
        offset_ms=elements.number(_TIME_OFFSET),
        elements=elements,
    )


def leads_of(group: Group) -> tuple[list[StoredLead], list[Fault]]:
    """The samples of a group, and what is wrong with its standard leads.

    Raises:
        UnreadableRecording: The samples are not as many, or not of the kind, that it declares.
    """
    samples, bits = _stored_samples(group)
    padding = _padding_value(group, samples.dtype)
    leads: list[StoredLead] = []
    faults: list[Fault] = []
    for channel, stored in zip(group.channels, samples.T, strict=True):
        lead = standard_lead_name(channel.name)
        if lead is None or channel.units_per_mv is None:
            leads.append(StoredLead(channel.name, None))
            continue
        faults += gain_faults(lead, channel.steps_per_mv, bits) + _skew_faults(lead, channel)
        missing = _missing(stored, padding, channel.bits_stored, group.sampling_rate_hz)
        values = _significant(stored, missing, channel.bits_stored)
        leads.append(StoredLead(channel.name, _millivolts(values, missing, channel)))
    return leads, faults


def _stored_samples(group: Group) -> tuple[_Stored, int]:
    """Samples as they are stored, shape (sample, channel), and the bits of one."""
    elements, channels = group.elements, len(group.channels)
    bits = elements.whole(_BITS_ALLOCATED) or 0
    kind = bits, elements.text(_INTERPRETATION)
    if kind not in _TYPES:
        raise unsupported_content("the samples are not integers of 8, 16 or 32 bits")
    data = elements.raw(_DATA) or b""
    stored_type = np.dtype(_TYPES[kind]).newbyteorder("<" if elements.is_little_endian else ">")
    size = group.samples * channels * stored_type.itemsize
    # An odd number of bytes is followed by one that fills the word.
    if len(data) != size + size % 2:
        raise malformed_file("a waveform does not hold the samples that it declares")
    stored = np.frombuffer(data, stored_type, group.samples * channels)
    return stored.reshape(group.samples, channels), bits


def _padding_value(group: Group, stored_type: np.dtype[np.integer]) -> int | None:
    value = group.elements.raw(_PADDING)
    if value is None or len(value) < stored_type.itemsize:
        return None
    return int(np.frombuffer(value, stored_type, 1)[0])


def _skew_faults(lead: str, channel: Channel) -> list[Fault]:
    # Converters that take the channels in turn are less than a sample apart.
    if abs(channel.skew_samples) < 1.0:
        return []
    detail = f"lead {lead} begins earlier or later than the others"
    return [Fault(FaultCode.LEADS_NOT_SIMULTANEOUS, detail, lead)]


def _missing(
    stored: _Stored, padding: int | None, bits_stored: int | None, rate_hz: float | None
) -> NDArray[np.bool_]:
    """Which samples the padding value says are none."""
    if padding is None:
        return np.zeros(len(stored), np.bool_)
    is_padding: NDArray[np.bool_] = stored == padding
    if padding in _extremes(stored.dtype, bits_stored):
        return is_padding
    length = max(1, round(_PADDED_S * rate_hz)) if rate_hz and isfinite(rate_hz) else 1
    return is_padding & _in_runs(is_padding, length)


def _extremes(stored_type: np.dtype[np.integer], bits_stored: int | None) -> set[int]:
    info = np.iinfo(stored_type)
    bits = min(bits_stored or info.bits, info.bits)
    if info.min == 0:
        return {0, (1 << bits) - 1, int(info.max)}
    return {-(1 << (bits - 1)), (1 << (bits - 1)) - 1, int(info.min), int(info.max)}


def _in_runs(is_so: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Which elements belong to a run of at least so many that are true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_so, [False]]).astype(np.int8)))
    in_run = np.zeros(len(is_so), np.bool_)
    for start, end in edges.reshape(-1, 2):
        in_run[start:end] = end - start >= length
    return in_run


def _significant(
    stored: _Stored, missing: NDArray[np.bool_], bits_stored: int | None
) -> NDArray[np.int64]:
    """Values of the bits that count.

    Raises:
        UnreadableRecording: The bits beyond them hold something else than the sign or nothing.
    """
    values = stored.astype(np.int64)
    bits = np.iinfo(stored.dtype).bits
    if bits_stored is None or bits_stored == bits:
        return values
    if not 0 < bits_stored < bits:
        raise malformed_file("a channel's bits stored are not among those allocated")
    kept = values & ((1 << bits_stored) - 1)
    if np.iinfo(stored.dtype).min < 0:
        half = 1 << (bits_stored - 1)
        signed = (kept ^ half) - half
    else:
        signed = kept
    if np.any(((values != signed) & (values != kept))[~missing]):
        raise malformed_file("a channel's samples have more bits than it says are stored")
    return signed


def _millivolts(
    values: NDArray[np.int64], missing: NDArray[np.bool_], channel: Channel
) -> NDArray[np.float32]:
    """PS3.3, C.10.9.1.4: value x sensitivity x correction, then the baseline, in its units."""
    if channel.units_per_mv is None or channel.sensitivity is None:
        raise ValueError("a channel of known units has a sensitivity")
    with np.errstate(over="ignore", invalid="ignore"):
        in_units = values * channel.sensitivity + channel.baseline
        samples_mv = (in_units / channel.units_per_mv).astype(np.float32)
    samples_mv[missing] = np.nan
    return samples_mv
