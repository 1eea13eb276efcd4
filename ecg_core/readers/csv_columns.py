"""What the columns of a table are, told by their names alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ecg_core.leads import standard_lead_name

_UNITS_PER_MV = MappingProxyType(
    {"mv": 1.0, "millivolt": 1.0, "uv": 1e3, "µv": 1e3, "μv": 1e3, "microvolt": 1e3, "v": 1e-3}
    | {"nv": 1e6}
)
_SECONDS = MappingProxyType(
    dict.fromkeys(("s", "sec", "secs", "second", "seconds", "sekunden"), 1.0)
    | dict.fromkeys(("ms", "msec", "millisecond", "milliseconds", "millisekunden"), 1e-3)
)
_TIME_NAMES = frozenset({"time", "t", "zeit", "elapsed time", "timestamp"})
_COUNTER_NAMES = frozenset(
    {"sample", "samples", "sample number", "sample #", "index", "idx", "n", "nr", "no", "#", ""}
)
# "I (mV)", "II[uV]", "V1_mV", "I/µV", "time, ms", "time_ms"
_BRACKETED = re.compile(r"^(.*?)[\s_/,:;-]*[(\[]\s*([^)\]]*?)\s*[)\]]\s*$")
_SUFFIXED = re.compile(
    r"^(.*?)[\s_/,:;-]+([unµμ]?v|mv|s|secs?|seconds|ms|msec|milliseconds)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Column:
    """What one column is.

    Attributes:
        kind: A lead, the time, a sample counter, or something else, which is left out.
        lead: Standard name of the lead.
        units_per_mv: Units of the lead that make one millivolt, if its name says so.
        seconds_per_unit: Seconds in one unit of the time, if its name says so.
    """

    kind: Literal["lead", "time", "counter", "other"]
    lead: str | None = None
    units_per_mv: float | None = None
    seconds_per_unit: float | None = None


def understand(names: Sequence[str]) -> tuple[Column, ...]:
    """What the columns of these names are."""
    return tuple(_column(name) for name in names)


def _column(name: str) -> Column:
    bare, unit = _split_unit(name)
    words = bare.lower().replace("_", " ").strip()
    if words in _TIME_NAMES:
        return Column("time", seconds_per_unit=_SECONDS.get(unit))
    if not unit and words in _SECONDS:
        return Column("time", seconds_per_unit=_SECONDS[words])
    if words in _COUNTER_NAMES:
        return Column("counter")
    lead = standard_lead_name(bare)
    if lead is None:
        return Column("other")
    return Column("lead", lead=lead, units_per_mv=_UNITS_PER_MV.get(unit))


def _split_unit(name: str) -> tuple[str, str]:
    match = _BRACKETED.match(name) or _SUFFIXED.match(name.strip())
    return (match.group(1), match.group(2).lower()) if match else (name, "")
