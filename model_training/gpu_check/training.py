"""A training step of the carried configuration, and whether reading a store keeps up with it."""

import copy
import importlib.util
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .machine import median_s, wait

_GRADIENT_NORM = 1.0
_CONDITIONS = 100


def carried_step(folder: Path) -> ModuleType:
    """The parts of a step that were copied from the training package."""
    spec = importlib.util.spec_from_file_location("carried_step", folder / "step.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(folder / "step.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Step:
    """The configuration's network with drawn weights, its optimiser, augmentation and average."""

    def __init__(self, folder: Path, device: torch.device, precision: torch.dtype) -> None:
        self.device, self.precision = device, precision
        self.settings = json.loads((folder / "carried.json").read_text())["training"]
        self.parts = carried_step(folder)
        torch.manual_seed(0)
        self.module: nn.Module = _drawn(folder / "network.pt", device)
        self.averaged = copy.deepcopy(self.module).requires_grad_(requires_grad=False)
        self.network: Callable[[Tensor, Tensor], Tensor] = self.module
        optimiser = SimpleNamespace(**self.settings["optimiser"])
        self.ema_decay = optimiser.ema_decay
        self.optimiser, self.schedule = self.parts._optimiser(self.module, optimiser, 1_000_000)
        self.augment = self.parts.Augmentation(
            SimpleNamespace(**self.settings["augmentation"]),
            sampling_rate_hz=self.settings["sampling_rate_hz"],
            millivolts_per_unit=self.settings["millivolts_per_unit"],
        )
        queries = torch.randn(_CONDITIONS, self.settings["text_dimension"], device=device)
        self.queries = nn.functional.normalize(queries, dim=-1)
        self.steps = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Of one window: leads, samples."""
        return self.settings["leads"], self.settings["window_samples"]

    def __call__(self, windows: Tensor) -> float:
        """One step on windows (recording, lead, sample), as the training loop takes it."""
        windows = self.augment(windows.to(self.device))
        targets = (torch.rand(len(windows), _CONDITIONS, device=self.device) < 0.05).float()
        self.optimiser.zero_grad()
        mixed = self.precision is not torch.float32
        with torch.autocast(self.device.type, self.precision, enabled=mixed):
            logits = self.network(windows, self.queries)
            loss = self.parts.masked_binary_cross_entropy(logits, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(self.module.parameters(), _GRADIENT_NORM)
        self.optimiser.step()
        self.schedule.step()
        self.steps += 1
        self.parts._average(self.averaged, self.module, self.ema_decay, self.steps)
        return float(loss.detach())


def _drawn(path: Path, device: torch.device) -> nn.Module:
    """The carried network with fresh weights: its layers' own, and 0.02 for positions."""
    # Code as well as tensors, so nothing but what `gpu_carry` made may be read.
    module: nn.Module = torch.load(path, weights_only=False).to_empty(device=device)
    with torch.no_grad():
        for part in module.modules():
            if callable(reset := getattr(part, "reset_parameters", None)):
                reset()
        for name, parameter in module.named_parameters():
            if name.rpartition(".")[2] not in ("weight", "bias"):
                parameter.normal_(0, 0.02)
    return module.train()


def train(
    folder: Path, device: torch.device, *, small: bool, precision: str, compiled: bool = False
) -> dict[str, Any]:
    """Time a step on windows that lie on the device; halves the batch while memory is too small.

    Raises:
        FloatingPointError: The loss is not finite.
    """
    step = Step(folder, device, getattr(torch, precision))
    # Where nothing but a CPU is, only the tracing is tried: its compiler may not be there.
    backend = "inductor" if device.type == "cuda" else "eager"
    if compiled:
        step.network = torch.compile(step.module, backend=backend)
    size = 2 if small else int(step.settings["optimiser"]["batch_size"])
    smaller = []
    while True:
        try:
            figures = _timed(step, size, small=small)
            break
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            smaller.append(size)
            step.optimiser.zero_grad()
            torch.cuda.empty_cache()
            size //= 2
    return {
        "precision": precision,
        "compiled": backend if compiled else None,
        "parameters": sum(p.numel() for p in step.module.parameters()),
        "too_large_for_memory": smaller,
        **figures,
    }


def _timed(step: Step, size: int, *, small: bool) -> dict[str, Any]:
    windows = torch.randn(size, *step.shape, device=step.device)
    begun_s = time.perf_counter()
    loss = step(windows)
    wait(step.device)
    first_s = time.perf_counter() - begun_s
    if not np.isfinite(loss):
        raise FloatingPointError("the loss is not finite")
    step_s = median_s(lambda: step(windows), step.device, most_s=0.1 if small else 20.0)
    figures = {
        "recordings_a_step": size,
        "first_step_s": round(first_s, 3),
        "step_ms": round(1000 * step_s, 2),
        "recordings_a_second": round(size / step_s, 2),
    }
    if step.device.type == "cuda":
        figures["peak_gpu_mb"] = torch.cuda.max_memory_allocated(step.device) // 1_000_000
    return figures


def loading(folder: Path, device: torch.device, *, small: bool) -> dict[str, Any]:
    """Reading batches of a store: alone, and before and during the steps that they are for.

    The file is written here, of a store's form; "cold" is after the system was asked to forget its
    pages. A store larger than memory on a slower disk is slower still.
    """
    step = Step(folder, device, torch.bfloat16)
    leads, samples = step.shape
    recordings, size = (16, 2) if small else (16384, 256)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "windows.npy"
        stored = np.lib.format.open_memmap(path, "w+", np.float16, (recordings, leads, samples))
        block = np.random.default_rng(0).standard_normal((size, leads, samples)).astype(np.float16)
        for start in range(0, recordings, size):
            stored[start : start + size] = block
        stored.flush()
        del stored
        _forget(path)
        windows = step.parts.Windows(np.load(path, mmap_mode="r"))
        batches = torch.randperm(recordings).split(size)
        return {
            "recordings": recordings,
            "store_mb": path.stat().st_size // 1_000_000,
            "recordings_a_step": size,
            "cold_recordings_a_second": _rate(lambda rows: windows[rows], batches, device),
            "warm_recordings_a_second": _rate(lambda rows: windows[rows], batches, device),
            "training_recordings_a_second": _trained(step, windows, batches),
        }


def _forget(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _rate(
    take: Callable[[Tensor], object], batches: tuple[Tensor, ...], device: torch.device
) -> float:
    begun_s = time.perf_counter()
    for rows in batches:
        take(rows)
    wait(device)
    count = sum(map(len, batches))
    return round(count / (time.perf_counter() - begun_s), 1)


def _trained(step: Step, windows: Any, batches: tuple[Tensor, ...]) -> dict[str, float]:
    held = windows[batches[0]].to(step.device)
    for _ in range(2):
        step(held)
    some = batches[: min(len(batches), 24)]

    def ahead(rows: Tensor) -> None:
        place = next(n for n, batch in enumerate(some) if batch is rows)
        taken = windows[rows]
        if place + 1 < len(some):
            windows.expect(some[place + 1])
        step(taken)

    return {
        "held_on_the_device": _rate(lambda _: step(held), some, step.device),
        "read_in_turn": _rate(lambda rows: step(windows[rows]), some, step.device),
        "read_ahead": _rate(ahead, some, step.device),
    }
