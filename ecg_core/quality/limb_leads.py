"""What the limb leads tell about each other: Einthoven, Goldberger and swapped electrodes."""

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from ecg_core.leads import LIMB_LEADS, derive_limb_lead
from ecg_core.quality.measures import WINDOW_S, resampled
from ecg_core.quality.report import QualityWarning, QualityWarningCode
from ecg_core.recording import Recording

_Array = NDArray[np.float64]

# RMS of what is left of Einthoven's and Goldberger's equations: rounding leaves 0.001 mV, leads
# that were sampled one after the other some percent.
_INCONSISTENT_MV = 0.03
_INCONSISTENT_SHARE = 0.15
# Leads I and II look much like V6, aVR like its mirror image. Where I or II is the mirror image and
# aVR is not, electrodes were swapped: so in 0.2 % of PTB-XL's recordings (docs/use/quality.md).
_MIRRORED = -0.4
_NOT_MIRRORED = -0.2
# A right-leg electrode on an arm leaves one limb lead almost without signal.
_ALMOST_FLAT = 0.1
_BAND = signal.butter(2, (0.7, 40.0), "bandpass", fs=100.0, output="sos")
_REASONS = {
    "I": "lead I mirrors V6: the arm electrodes may be swapped (or dextrocardia)",
    "II": "lead II mirrors V6: the right arm and left leg electrodes may be swapped",
}


def limb_lead_warnings(recording: Recording) -> list[QualityWarning]:
    """Warnings on limb leads that contradict each other, or that seem to be swapped.

    Args:
        recording: A finite recording without flat leads.
    """
    inconsistent = _inconsistent_leads(recording)
    if inconsistent:
        detail = (
            f"{', '.join(inconsistent)} do not follow from the other limb leads as Einthoven's and "
            "Goldberger's equations demand"
        )
        return [QualityWarning(QualityWarningCode.LIMB_LEADS_INCONSISTENT, detail)]
    reason = _swap_reason(recording)
    return [QualityWarning(QualityWarningCode.LIMB_LEADS_SWAPPED, reason)] if reason else []


def _inconsistent_leads(recording: Recording) -> list[str]:
    limb = [lead for lead in LIMB_LEADS if lead in recording.leads]
    if len(limb) < 3:
        return []
    sources = (limb[0], limb[1])
    pair_mv = np.stack([recording.lead(source) for source in sources])
    inconsistent = []
    for lead in limb[2:]:
        given_mv = recording.lead(lead)
        rest_mv = _spread(given_mv - derive_limb_lead(lead, sources, pair_mv))
        scale_mv = max(_spread(given_mv), *(_spread(source) for source in pair_mv))
        if rest_mv > max(_INCONSISTENT_MV, _INCONSISTENT_SHARE * scale_mv):
            inconsistent.append(lead)
    return inconsistent


def _spread(samples_mv: NDArray[np.float32]) -> float:
    """RMS about the mean: leads may differ in offset."""
    return float(samples_mv.std(dtype=np.float64))


def _swap_reason(recording: Recording) -> str | None:
    """Which electrodes seem swapped; told from the first ten seconds."""
    named = [lead for lead in ("I", "II", "III", "V6") if lead in recording.leads]
    if "I" not in named or "II" not in named:
        return None
    first = round(WINDOW_S * recording.sampling_rate_hz)
    samples_mv = np.stack([recording.lead(lead)[:first] for lead in named])
    filtered_mv = signal.sosfiltfilt(_BAND, resampled(samples_mv, recording.sampling_rate_hz))
    by_lead = dict(zip(named, filtered_mv, strict=True))
    by_lead.setdefault("III", by_lead["II"] - by_lead["I"])
    strengths = {lead: float(by_lead[lead].std()) for lead in ("I", "II", "III")}
    faintest = min(strengths, key=strengths.__getitem__)
    if strengths[faintest] < _ALMOST_FLAT * max(strengths.values()):
        return f"lead {faintest} is almost flat: the right leg electrode may be on an arm"
    if "V6" not in by_lead:
        return None
    by_lead["aVR"] = -(by_lead["I"] + by_lead["II"]) / 2
    likeness = {lead: _correlation(by_lead[lead], by_lead["V6"]) for lead in (*_REASONS, "aVR")}
    least = min(_REASONS, key=likeness.__getitem__)
    is_swapped = likeness[least] < _MIRRORED and likeness["aVR"] > _NOT_MIRRORED
    return _REASONS[least] if is_swapped else None


def _correlation(one: _Array, other: _Array) -> float:
    norm = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / norm if norm > 0 else 0.0
