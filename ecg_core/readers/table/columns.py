"""What the columns of a table are, told by their names alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ecg_core.leads import standard_lead_name
from ecg_core.plausibility import units_per_mv

_SECONDS = MappingProxyType(
    dict.fromkeys(("s", "sec", "secs", "second", "seconds", "sekunden"), 1.0)
    | dict.fromkeys(("ms", "msec", "millisecond", "milliseconds", "millisekunden"), 1e-3)
)
_TIME_NAMES = frozenset({"time", "t", "zeit", "elapsed time", "timestamp"})
_COUNTER_NAMES = frozenset({"sample", "samples", "sample number", "sample #", "n", "nr", "no", "#"})
_INDEX_NAMES = frozenset({"index", "idx", ""})
# Of a second line: what a converter counts; the request has to state what makes a millivolt.
_COUNTS = frozenset({"adu", "lsb", "count", "counts", "digit", "digits", "raw", "au", "a.u."})
_CLOCK_LETTERS = frozenset("hms:.,")
_BEFORE_UNIT = " _/,:;-"
_AS_SPACES = str.maketrans(dict.fromkeys(_BEFORE_UNIT, " "))


@dataclass(frozen=True, slots=True)
class Column:
    """What one column is.

    Attributes:
        kind: A lead, the time, a sample counter, an index (which may count or hold times), or
            something else, which is left out.
        lead: Standard name of the lead.
        units_per_mv: Units of the lead that make one millivolt, if its name says so.
        seconds_per_unit: Seconds in one unit of the time, if its name says so.
        unit: As its name says it, in lower case.
    """

    kind: Literal["lead", "time", "counter", "index", "other"]
    lead: str | None = None
    units_per_mv: float | None = None
    seconds_per_unit: float | None = None
    unit: str = ""

    @property
    def has_unit(self) -> bool:
        """Whether its name says a unit that is known, be it a converter's count."""
        known = (self.units_per_mv, self.seconds_per_unit)
        return known != (None, None) or self.unit in _COUNTS


def understand(names: Sequence[str]) -> tuple[Column, ...]:
    """What the columns of these names are."""
    return tuple(_column(name) for name in names)


def _column(name: str) -> Column:
    bare, unit = _split_unit(name)
    words = bare.lower().replace("_", " ").strip()
    if words in _TIME_NAMES:
        return Column("time", seconds_per_unit=_seconds(unit), unit=unit)
    if not unit and words in _SECONDS:
        return Column("time", seconds_per_unit=_SECONDS[words])
    if words in _COUNTER_NAMES:
        return Column("counter", unit=unit)
    if words in _INDEX_NAMES:
        return Column("index", seconds_per_unit=_SECONDS.get(unit), unit=unit)
    lead = standard_lead_name(bare)
    kind: Literal["lead", "other"] = "other" if lead is None else "lead"
    seconds = _SECONDS.get(unit) if lead is None else None
    return Column(kind, lead, units_per_mv(unit), seconds, unit)


def _seconds(unit: str) -> float | None:
    """Seconds in one; of a format of the clock ("hh:mm:ss.mmm"), which is read as seconds, one."""
    is_clock = ":" in unit and _CLOCK_LETTERS.issuperset(unit)
    return 1.0 if is_clock else _SECONDS.get(unit)


def _split_unit(name: str) -> tuple[str, str]:
    """The name without its unit, and that in lower case: "I (mV)", "II[uV]", "V1_mV", "time, ms".

    No pattern: one that finds either end of a run of separators takes quadratic time.
    """
    text = " ".join(name.split())
    return _bracketed_unit(text) or _suffixed_unit(text) or (name, "")


def _bracketed_unit(text: str) -> tuple[str, str] | None:
    if not text.endswith((")", "]")):
        return None
    inner = text[:-1]
    after = max(inner.rfind(")"), inner.rfind("]")) + 1
    openings = [at for at in (inner.find("(", after), inner.find("[", after)) if at >= 0]
    if not openings:
        return None
    opening = min(openings)
    return text[:opening].rstrip(_BEFORE_UNIT), inner[opening + 1 :].strip().lower()


def _suffixed_unit(text: str) -> tuple[str, str] | None:
    cut = text.translate(_AS_SPACES).rfind(" ")
    unit = text[cut + 1 :].lower()
    if cut < 0 or (unit not in _SECONDS and units_per_mv(unit) is None):
        return None
    return text[:cut].rstrip(_BEFORE_UNIT), unit
