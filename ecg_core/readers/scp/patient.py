"""What is asked of the patient in an SCP-ECG record: an age below 18, and a pacemaker."""

import struct
from collections.abc import Iterator
from datetime import date
from types import MappingProxyType

from ecg_core.readers.patient import age_between

_TAG = struct.Struct("<BH")
_AGE, _BIRTH, _ACQUIRED, _HISTORY, _END = 4, 5, 25, 32, 255
# Real ones take some hundred bytes.
_LONGEST_BYTES = 64 * 1024
_AGE_FIELDS = struct.Struct("<HB")
_YEARS = MappingProxyType({1: 1.0, 2: 1 / 12, 3: 7 / 365.25, 4: 1 / 365.25, 5: 1 / 8766})
# Of the standard's own table of histories (the first byte): a pacemaker.
_STANDARD_TABLE, _PACEMAKER = 0, 42
_YEARS_OF_ECGS = range(1850, 2200)
# Section 7: how many beats, how many spikes of a pacemaker.
_SPIKES_AT = 1


def age_years(section_1: bytes) -> float | None:
    """The age that is given, or from the dates of birth and acquisition; None without these."""
    tags = dict(_tags(section_1))
    if len(tags.get(_AGE, b"")) >= _AGE_FIELDS.size:
        age, unit = _AGE_FIELDS.unpack_from(tags[_AGE])
        if age and unit in _YEARS:
            return float(age) * _YEARS[unit]
    return age_between(_date(tags.get(_BIRTH)), _date(tags.get(_ACQUIRED)))


def has_pacemaker(section_1: bytes, section_7: bytes) -> bool:
    """Whether the history lists a pacemaker, or the device found the spikes of one."""
    histories = (value for tag, value in _tags(section_1) if tag == _HISTORY)
    is_listed = any(
        value[:1] == bytes((_STANDARD_TABLE,)) and _PACEMAKER in value[1:] for value in histories
    )
    return is_listed or any(section_7[_SPIKES_AT : _SPIKES_AT + 1])


def _tags(section: bytes) -> Iterator[tuple[int, bytes]]:
    """The tagged values up to one that is cut off; nothing of the recording hangs on them."""
    section = section[:_LONGEST_BYTES]
    place = 0
    while place + _TAG.size <= len(section):
        tag, length = _TAG.unpack_from(section, place)
        place += _TAG.size
        if tag == _END or place + length > len(section):
            return
        yield tag, section[place : place + length]
        place += length


def _date(value: bytes | None) -> date | None:
    """Year, month, day; some devices write the year's higher byte first."""
    if value is None or len(value) < 4:
        return None
    years = (int.from_bytes(value[:2], order) for order in ("little", "big"))
    year = next((year for year in years if year in _YEARS_OF_ECGS), None)
    try:
        return None if year is None else date(year, value[2], value[3])
    except ValueError:
        return None
