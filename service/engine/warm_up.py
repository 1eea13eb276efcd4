"""One diagnosis before the first request: lazy allocations are made, and the whole line has run."""

import numpy as np

from ecg_core.leads import CHEST_LEADS, LEADS, LIMB_LEADS, derive_limb_lead
from ecg_core.readers import StatedFacts, UploadedFile
from service.engine.diagnosis import DiagnosisEngine, Question

_RATE_HZ = 100
_DURATION_S = 10
_FREE_TEXT = "a heart that warms up, beats like a drum"


def warm_up(engine: DiagnosisEngine) -> None:
    """Diagnose a synthetic recording through the real engine, for all conditions and a free text.

    Raises:
        EcgError: The line is broken somewhere: the service must not start.
    """
    files = (UploadedFile("warm-up.csv", synthetic_csv()),)
    stated = StatedFacts(units_per_mv=1.0)
    for queries in ((), (_FREE_TEXT,)):
        engine.diagnose(files, Question(queries, stated))


def synthetic_csv() -> bytes:
    """A made-up recording that satisfies Einthoven's law, as a CSV in millivolts."""
    time_s = np.arange(_RATE_HZ * _DURATION_S) / _RATE_HZ
    beat = np.exp(-(((time_s % 0.8) - 0.4) ** 2) / (2 * 0.02**2))
    wave = 0.2 * np.exp(-(((time_s % 0.8) - 0.65) ** 2) / (2 * 0.04**2))
    ripple = 0.01 * np.sin(2 * np.pi * 7.3 * time_s)
    pair_mv = np.stack([0.7 * beat + wave + ripple, 1.0 * beat + 1.2 * wave - ripple])
    limb_mv = [
        derive_limb_lead(lead, ("I", "II"), pair_mv.astype(np.float32)) for lead in LIMB_LEADS
    ]
    chest_mv = [(0.3 + 0.2 * n) * beat + wave + (n + 1) * ripple for n in range(len(CHEST_LEADS))]
    header = ",".join(["time_s", *LEADS])
    lines = (
        ",".join(f"{value:.3f}" for value in values)
        for values in zip(time_s, *limb_mv, *chest_mv, strict=True)
    )
    return "\n".join([header, *lines]).encode()
