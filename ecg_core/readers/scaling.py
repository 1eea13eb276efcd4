"""Stored numbers to millivolts, the same to the last bit whatever the format that held them."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import Fault, InputError
from ecg_core.leads import standard_lead_name
from ecg_core.plausibility import gain_faults, units_per_mv
from ecg_core.readers.assembly import StoredLead, refusal, unsupported_content

Stored = NDArray[np.int64] | NDArray[np.float64]

T = TypeVar("T")

# Of the twelve, and of whatever stands beside them.
MOST_LEADS = 64

# Beyond, a product with a stored number of 32 bits is not exact in a double.
_EXACT = 1 << 21
_STORED_BITS = 32


def is_read(name: str) -> bool:
    """Whether a lead of this name is one of the twelve; others need not even be decoded."""
    return standard_lead_name(name) is not None


def scaled_lead(
    name: str,
    stored: Stored,
    scale: Fraction | None,
    unit: str,
    origin: Fraction = Fraction(0),
    origin_unit: str = "mV",
) -> StoredLead:
    """A lead in millivolts, rounded once: 2.5 uV and 2500 nV a step give the same.

    Args:
        name: One of the twelve in any spelling.
        stored: Shape (sample,).
        scale: What a step of one means; None where the file does not say.
        unit: Of the scale.
        origin: What a stored zero means.
        origin_unit: Of the origin.

    Raises:
        UnusableRecording: The scale is none that a converter has.
    """
    scale_mv, origin_mv = _in_mv(scale, unit), _in_mv(origin, origin_unit)
    if scale is None or (scale_mv is not None and stored.dtype.kind == "i"):
        # A scale of mV is plausible only of numbers with decimals.
        faults = gain_faults(
            standard_lead_name(name) or "", float(1 / scale_mv) if scale_mv else None, _STORED_BITS
        )
        if faults:
            raise refusal(faults)
    if scale_mv is None or origin_mv is None:
        return StoredLead(name, None)
    samples_mv = _scaled(stored, scale_mv)
    return StoredLead(name, samples_mv + float(origin_mv) if origin_mv else samples_mv)


def _in_mv(size: Fraction | None, unit: str) -> Fraction | None:
    if size is None:
        return None
    if size == 0:
        return size
    per_mv = units_per_mv(unit)
    return None if per_mv is None else size / Fraction(per_mv).limit_denominator(1000)


def _scaled(stored: Stored, scale_mv: Fraction) -> NDArray[np.float64]:
    numbers = stored.astype(np.float64)
    numerator, denominator = scale_mv.as_integer_ratio()
    if max(abs(numerator), denominator) > _EXACT:
        return numbers * float(scale_mv)
    return numbers * float(numerator) / float(denominator)


def each_lead(elements: Iterable[T], read: Callable[[T], StoredLead]) -> list[StoredLead]:
    """Every lead of a file, or the faults of all of them at once.

    Raises:
        InputError: `read` refused one of them, or there are more than a recording has.
    """
    stored = []
    faults: list[Fault] = []
    for number, element in enumerate(elements):
        if number == MOST_LEADS:
            raise unsupported_content(f"the file holds more than {MOST_LEADS} leads")
        try:
            stored.append(read(element))
        except InputError as error:
            faults += error.faults
    if faults:
        raise refusal(list(dict.fromkeys(faults)))
    return stored
