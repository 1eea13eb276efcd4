"""Augmentation of training windows: what differs between acquisitions of the same heart."""

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor


class AugmentationConfig(BaseModel):
    """How strong each change is; all zero switches augmentation off.

    Attributes:
        shift_s: Largest crop at either end, by shifting the window in time.
        gain: Standard deviation of the amplitude's factor.
        lead_dropout: Chance that a lead is missing (zeros).
        noise_mv: Largest standard deviation of white noise.
        wander_mv: Largest amplitude of baseline wander (0.05 to 0.45 Hz).
        missing_leads: Share of the recordings that lack groups of leads, as devices do; see
            `lead_sets`. Only for a network that is told which leads are there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shift_s: float = Field(default=2.0, ge=0)
    gain: float = Field(default=0.1, ge=0)
    lead_dropout: float = Field(default=0.08, ge=0, lt=1)
    noise_mv: float = Field(default=0.025, ge=0)
    wander_mv: float = Field(default=0.05, ge=0)
    missing_leads: float = Field(default=0.0, ge=0, le=1)


class Augmentation:
    """Changes a batch of windows at random; windows, units and shape stay those of `prepare`."""

    def __init__(
        self, config: AugmentationConfig, *, sampling_rate_hz: float, millivolts_per_unit: float
    ) -> None:
        self.config = config
        self.sampling_rate_hz = sampling_rate_hz
        self.units_per_mv = 1.0 / millivolts_per_unit

    def __call__(self, windows: Tensor) -> Tensor:
        """(window, lead, sample) -> a new tensor of the same shape."""
        count, leads, _ = windows.shape
        device = windows.device
        shifted = self._shift(windows)
        gained = shifted * (1 + self.config.gain * torch.randn(count, 1, 1, device=device))
        noise = torch.randn_like(gained) * torch.rand(count, 1, 1, device=device)
        noisy = gained + noise * (self.config.noise_mv * self.units_per_mv) + self._wander(windows)
        kept = torch.rand(count, leads, 1, device=device) >= self.config.lead_dropout
        return noisy * kept

    def _shift(self, windows: Tensor) -> Tensor:
        """Shift in time by up to `shift_s` either way; zeros come in, as `prepare` pads."""
        count, leads, samples = windows.shape
        furthest = round(self.config.shift_s * self.sampling_rate_hz)
        device = windows.device
        offset = torch.randint(-furthest, furthest + 1, (count, 1), device=device)
        source = torch.arange(samples, device=device) + offset
        inside = ((source >= 0) & (source < samples)).unsqueeze(1)
        index = source.clamp(0, samples - 1).unsqueeze(1).expand(-1, leads, -1)
        return windows.gather(2, index) * inside

    def _wander(self, windows: Tensor) -> Tensor:
        count, leads, samples = windows.shape
        device = windows.device
        frequency_hz = 0.05 + 0.4 * torch.rand(count, leads, 1, device=device)
        phase = 2 * torch.pi * torch.rand(count, leads, 1, device=device)
        time_s = torch.arange(samples, device=device) / self.sampling_rate_hz
        factor = self.config.wander_mv * self.units_per_mv
        amplitude = factor * torch.rand(count, leads, 1, device=device)
        return amplitude * torch.sin(2 * torch.pi * frequency_hz * time_s + phase)
