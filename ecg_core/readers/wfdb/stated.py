"""What a request states beside a WFDB header: taken where that lacks it, else held against it."""

from collections.abc import Sequence
from dataclasses import replace
from math import isclose

from ecg_core.errors import Fault, FaultCode
from ecg_core.leads import standard_lead_name
from ecg_core.plausibility import units_per_mv
from ecg_core.readers.base import StatedFacts
from ecg_core.readers.wfdb.header import WfdbHeader

_MICROVOLTS = 1000.0


def completed(header: WfdbHeader, stated: StatedFacts) -> tuple[WfdbHeader, list[Fault]]:
    """The header with the stated rate and lead names, where it has none; and what contradicts it.

    Args:
        header: As its file says.
        stated: As the request says.
    """
    faults = _contradictions(header, stated)
    if header.sampling_rate_hz is None:
        header = replace(header, sampling_rate_hz=stated.sampling_rate_hz)
    if stated.lead_order is None or any(signal.lead for signal in header.signals):
        return header, faults
    leads = [standard_lead_name(name) for name in stated.lead_order]
    if None in leads:
        detail = "lead_order holds a name that is not one of the twelve leads"
        faults.append(Fault(FaultCode.UNKNOWN_LEAD, detail, field="lead_order"))
    elif len(leads) != len(header.signals):
        detail = f"lead_order names {len(leads)} leads, the header {len(header.signals)} signals"
        faults.append(Fault(FaultCode.CONTRADICTS_FILE, detail, field="lead_order"))
    else:
        pairs = zip(header.signals, leads, strict=True)
        header = replace(header, signals=tuple(replace(s, lead=lead) for s, lead in pairs))
    return header, faults


def _contradictions(header: WfdbHeader, stated: StatedFacts) -> list[Fault]:
    said = {
        "sampling_rate_hz": _is_other_rate(header.sampling_rate_hz, stated.sampling_rate_hz),
        "lead_order": _is_other_order(header, stated.lead_order),
        "units": stated.units_per_mv is not None
        and not all(_agrees(header, number, stated.units_per_mv) for number in _leads(header)),
    }
    return [
        Fault(
            FaultCode.CONTRADICTS_FILE, f"{what} is not that of the header: leave it out", field=f
        )
        for f, what in (
            ("sampling_rate_hz", "the stated rate"),
            ("lead_order", "the stated order of leads"),
            ("units", "the stated unit"),
        )
        if said[f]
    ]


def _is_other_rate(rate_hz: float | None, stated_hz: float | None) -> bool:
    return None not in (rate_hz, stated_hz) and rate_hz != stated_hz


def _is_other_order(header: WfdbHeader, order: Sequence[str] | None) -> bool:
    leads = [signal.lead for signal in header.signals if signal.lead]
    return order is not None and bool(leads) and leads != [standard_lead_name(n) for n in order]


def _leads(header: WfdbHeader) -> list[int]:
    named = [number for number, signal in enumerate(header.signals) if signal.lead]
    return named or list(range(len(header.signals)))


def _agrees(header: WfdbHeader, number: int, units: float) -> bool:
    """Whether so many units a millivolt are those of a signal's gain, or of its converter."""
    signal = header.signals[number]
    named = units_per_mv(signal.units or "mV")  # header(5): none means mV
    # A number may be the gain; 1000 is what "uV" means, whatever the gain.
    gain = None if units == _MICROVOLTS else signal.gain_per_mv
    return any(known is not None and isclose(known, units) for known in (named, gain))
