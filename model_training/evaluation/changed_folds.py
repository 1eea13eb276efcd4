"""A fold whose recordings are not whole: leads missing, cut short, or noisy.

Windows are changed as a device, or `prepare`, would: leads are zero, the end is zero, noise is
added. Signs are measured anew each time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.quality.measures import measure
from ecg_core.quality.verdict import is_acceptable
from ecg_core.recording import Recording
from model_training.fitting.lead_sets import mask_of
from model_training.run.workbench import Workbench

Array = NDArray[np.float64]
_NOISE_MV = (0.3, 1.5)
_NOISE_HZ = (0.5, 40.0)
_NOISY_LEADS = 3


@dataclass(frozen=True, eq=False)
class ChangedFold:
    """A fold whose windows are changed in various ways."""

    bench: Workbench
    number: int
    scored: dict[str, Array] = field(default_factory=dict)

    @property
    def targets(self) -> Array:
        """Labels of the trained conditions, shape (recording, condition); NaN: not said."""
        rows = self.bench.recordings.rows(self.number)
        return self.bench.recordings.targets[rows].astype(np.float64)

    def with_leads(self, name: str, leads: Sequence[str]) -> Array:
        """Logits of the trained conditions from these leads, shape (recording, condition)."""
        mask = mask_of(tuple(leads))[:, None]
        return self._logits(name, lambda windows: windows * mask)

    def shortened(self, seconds: float) -> Array:
        """Logits from the first seconds alone; the rest is zero, as `prepare` has it."""
        end = round(seconds * self.bench.run.config.preprocessing.sampling_rate_hz)
        return self._logits(f"{seconds:g} s", lambda windows: cut(windows, end))

    def noisy(self) -> tuple[NDArray[np.intp], Array]:
        """Recordings that noise makes poor to the quality check: their rows, and their logits."""
        spec = self.bench.run.config.preprocessing
        generator = torch.Generator().manual_seed(self.bench.run.config.seed)
        rows: list[NDArray[np.intp]] = []
        scored: list[Array] = [np.empty((0, len(self.bench.conditions)))]
        first = 0
        for batch in self.bench.stored_windows(self.number).split(256):
            disturbed = add_noise(batch, spec, generator)
            poor = np.flatnonzero([is_poor(window, spec) for window in disturbed.numpy()])
            rows.append(first + poor)
            first += len(batch)
            if len(poor):
                scored.append(self._score(disturbed[torch.from_numpy(poor)]))
        return np.concatenate(rows), np.concatenate(scored)

    def poor_rows(self) -> NDArray[np.intp]:
        """Recordings that are poor to the quality check as they are."""
        spec = self.bench.run.config.preprocessing
        batches = self.bench.stored_windows(self.number).split(256)
        poor = [is_poor(window, spec) for batch in batches for window in batch.numpy()]
        return np.flatnonzero(poor)

    def _logits(self, name: str, change: Callable[[Tensor], Tensor]) -> Array:
        if name not in self.scored:
            windows = self.bench.stored_windows(self.number).changed(change)
            logits = self.bench.network.score(windows, self.bench.asked)
            self.scored[name] = logits.double().numpy()
        return self.scored[name]

    def _score(self, windows: Tensor) -> Array:
        scored: Array = self.bench.network.score(windows, self.bench.asked).double().numpy()
        return scored


def cut(windows: Tensor, end: int) -> Tensor:
    """Zeros from a sample on; windows of shape (window, lead, sample)."""
    shorter = windows.clone()
    shorter[..., end:] = 0
    return shorter


def add_noise(windows: Tensor, spec: PreprocessingSpec, generator: torch.Generator) -> Tensor:
    """Noise of moving electrodes in a few leads: its power falls with frequency.

    Args:
        windows: Shape (window, lead, sample).
        spec: Of the windows.
        generator: Draws leads, size (`_NOISE_MV`, standard deviation) and noise.
    """
    count, leads, samples = windows.shape
    frequencies = torch.fft.rfftfreq(samples, 1 / spec.sampling_rate_hz)
    inside = (frequencies >= _NOISE_HZ[0]) & (frequencies <= _NOISE_HZ[1])
    shape = torch.where(inside, frequencies.clamp_min(_NOISE_HZ[0]) ** -0.5, 0.0)
    white = torch.randn(count, leads, len(frequencies), 2, generator=generator)
    noise = torch.fft.irfft(torch.view_as_complex(white) * shape, n=samples)
    noise = noise / noise.std(-1, keepdim=True)
    low, high = _NOISE_MV
    size_mv = low + (high - low) * torch.rand(count, 1, 1, generator=generator)
    places = torch.rand(count, leads, generator=generator).argsort(1) < _NOISY_LEADS
    added = noise * size_mv / spec.millivolts_per_unit * places[..., None]
    limit = spec.clip_mv / spec.millivolts_per_unit
    noisy: Tensor = (windows + added).clamp(-limit, limit)
    return noisy


def is_poor(window: NDArray[np.float32], spec: PreprocessingSpec) -> bool:
    """Whether the quality check would warn `poor_quality` of a window (lead, sample)."""
    millivolts = window * np.float32(spec.millivolts_per_unit)
    recording = Recording(millivolts, spec.leads, spec.sampling_rate_hz, "csv")
    return not is_acceptable(measure(recording))
