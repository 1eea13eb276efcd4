"""What can be said of a recording that is not whole: leads missing, short, or poor."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.asking.composing import Composer, Leaf
from ecg_core.calibration import Calibration
from ecg_core.lead_sets import LeadSet, LeadSets
from ecg_core.preprocessing import PreparedRecording
from ecg_core.quality import QualityReport
from ecg_core.signs import SIGNS


@dataclass(frozen=True, eq=False, slots=True)
class Basis:
    """What the model is put to.

    Attributes:
        windows: Shape (window, lead, sample); zeros where a lead is missing or not used.
        has_gaps: Whether a lead is missing.
        lead_set: The set of leads that is used; None where nothing is missing, or nothing fits.
        unused: Leads that are there and not used.
    """

    windows: NDArray[np.float32]
    has_gaps: bool
    lead_set: LeadSet | None = None
    unused: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """What was done, for people."""
        if self.lead_set is None or not self.unused:
            return ()
        left = ", ".join(self.unused)
        return (f"conditions by {self.lead_set.name} alone: {left} not used, measurements apart",)


@dataclass(frozen=True, slots=True)
class Trust:
    """What of one recording's answers can be given, and what of it is calibrated.

    Attributes:
        leaves: What can be put to the model; None: everything.
        composes: See `LeafAnswers`.
        calibrated: Ids of the trained conditions whose probability is calibrated; None: all.
        calibration: From logits to probabilities.
    """

    calibration: Calibration
    leaves: frozenset[Leaf] | None = None
    composes: bool = False
    calibrated: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class TrustClassifier:
    """Judges recordings by what a bundle's manifest says of them.

    Attributes:
        leads: The leads of a prepared window, in order.
        composer: Knows which conditions were trained.
        calibration: Of whole recordings.
        lead_sets: What was decided; None: nothing, see `_untried`.
    """

    leads: tuple[str, ...]
    composer: Composer
    calibration: Calibration
    lead_sets: LeadSets | None = None

    def basis(self, prepared: PreparedRecording) -> Basis:
        """What to put to the model: the leads of a set that was tried, no others."""
        windows = prepared.windows
        present: NDArray[np.bool_] = np.any(windows, axis=(0, 2))
        if present.all() or self.lead_sets is None:
            return Basis(windows, has_gaps=not present.all())
        there = [lead for lead, is_there in zip(self.leads, present, strict=True) if is_there]
        chosen = self.lead_sets.of(there)
        if chosen is None:
            return Basis(windows, has_gaps=True)
        used = np.array([[lead in chosen.leads] for lead in self.leads], dtype=np.float32)
        unused = tuple(lead for lead in there if lead not in chosen.leads)
        return Basis(windows * used, has_gaps=True, lead_set=chosen, unused=unused)

    def judge(self, basis: Basis, signs: NDArray[np.float32], report: QualityReport) -> Trust:
        """What can be said.

        Args:
            basis: Of the recording.
            signs: Measured on its windows, shape (window, sign); NaN where not measured.
            report: Of the quality check.
        """
        if self.lead_sets is None:
            return self._untried() if basis.has_gaps else Trust(self.calibration)
        doubtful = report.recording.duration_s < self.lead_sets.shortest_calibrated_s or not (
            report.acceptable or self.lead_sets.poor_is_calibrated
        )
        nothing = frozenset[str]()
        if not basis.has_gaps:
            return Trust(self.calibration, calibrated=nothing if doubtful else None)
        chosen = basis.lead_set
        if chosen is None:
            return Trust(self.calibration, frozenset(), composes=True, calibrated=nothing)
        measured: NDArray[np.bool_] = np.any(np.isfinite(signs), axis=0)
        return Trust(
            chosen.calibration(self.calibration),
            frozenset(
                (
                    *(Leaf(condition=name) for name in chosen.answered),
                    *(Leaf(sign=s.name) for s, is_m in zip(SIGNS, measured, strict=True) if is_m),
                )
            ),
            composes=True,
            calibrated=nothing if doubtful else frozenset(chosen.calibrated),
        )

    def _untried(self) -> Trust:
        """The model was never trained with gaps: of anything but a rhythm it sees the gap."""
        rhythms = frozenset(Leaf(condition=name) for name in self.composer.rhythms)
        return Trust(self.calibration, rhythms, calibrated=frozenset())
