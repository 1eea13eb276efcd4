"""What a configuration needs: parameters, memory and steps a second, measured on random data.

python -m model_training.recipes.check_scale \
    --config model_training/recipes/configs/mimic_iv_ecg.yaml --batch-size 16

Trains the configuration's network by its own loop for some steps: the windows come from a memory
map of random numbers in a temporary folder, the query embeddings are random unit vectors. Neither
recordings nor text encoder are needed, and what is learned is thrown away. Prints JSON.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model_training.fitting import FitOptions, fit, resolve_device, seed_everything
from model_training.fitting.augmentation import Augmentation
from model_training.models.fusion import FusionConfig, masked_binary_cross_entropy
from model_training.models.network import CardioQueryNetwork
from model_training.models.windows import Windows
from model_training.run.config import RunConfig, load_config


class ScaleCheck:
    """A configuration's network on random recordings."""

    def __init__(self, config: RunConfig, arguments: argparse.Namespace, folder: Path) -> None:
        seed_everything(config.seed)
        spec = config.preprocessing
        self.device = resolve_device(arguments.device)
        self.config, self.folder = config, folder
        self.steps = arguments.steps
        self.optimiser = config.fusion_training.model_copy(
            update={"batch_size": arguments.batch_size, "epochs": 1}
        )
        if not isinstance(config.fusion, FusionConfig):
            raise TypeError("only a fusion of cross-attention is checked at scale")
        self.network = CardioQueryNetwork(
            config.ecg_encoder, config.fusion, spec, text_dimension=arguments.text_dimension
        )
        self.augment = Augmentation(
            config.augmentation,
            sampling_rate_hz=spec.sampling_rate_hz,
            millivolts_per_unit=spec.millivolts_per_unit,
        )
        shape = (arguments.recordings, len(spec.leads), spec.window_samples)
        self.stored = random_windows(folder / "windows.npy", shape)
        labels = torch.rand(arguments.recordings, arguments.conditions)
        self.targets = (labels < 0.05).float()
        queries = torch.randn(arguments.conditions, arguments.text_dimension)
        self.queries = nn.functional.normalize(queries, dim=-1)
        self.ends: list[float] = []

    def run(self) -> dict[str, object]:
        """Train; returns the figures."""
        windows = Windows(self.stored)
        queries = self.queries.to(self.device)

        def loss_of(network: CardioQueryNetwork, batch: Tensor) -> Tensor:
            self.ends.append(time.perf_counter())
            augmented = self.augment(windows[batch].to(self.device))
            return masked_binary_cross_entropy(
                network(augmented, queries), self.targets[batch].to(self.device)
            )

        count = self.steps * self.optimiser.batch_size
        rows = np.random.default_rng(0).integers(0, len(self.stored), count).astype(np.intp)
        log, options = self.folder / "check_scale.csv", FitOptions(device=self.device)
        before_mb = _anonymous_mb()
        fit(self.network, self.optimiser, rows, loss_of, lambda _: self._end(), log, options)
        return self._figures(before_mb)

    def _end(self) -> float:
        self.ends.append(time.perf_counter())
        return 0.0

    def _figures(self, before_mb: float) -> dict[str, object]:
        # Each step starts with its first part; the first step warms allocators and kernels up.
        parts = self.optimiser.accumulation
        steps_s = np.diff(self.ends[::parts])[1:]
        step_s = float(np.median(steps_s))
        size = {"encoder": self.network.encoder, "fusion": self.network.fusion}
        return {
            "parameters": {
                name: sum(p.numel() for p in part.parameters()) for name, part in size.items()
            },
            "input": list(self.stored.shape[1:]),
            "conditions": len(self.queries),
            "batch_size": self.optimiser.batch_size,
            "device": str(self.device),
            "threads": torch.get_num_threads(),
            "steps_timed": len(steps_s),
            "median_step_s": round(step_s, 3),
            "steps_a_second": round(1 / step_s, 4),
            "recordings_a_second": round(self.optimiser.batch_size / step_s, 2),
            "store_mb": round(self.stored.nbytes / 1e6),
            "memory_before_training_mb": round(before_mb),
            **self._memory(),
        }

    def _memory(self) -> dict[str, int]:
        # The peak counts pages of the mapped file, too, which the system takes back when it must.
        peak = {"peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000}
        if self.device.type == "cuda":
            peak["peak_gpu_mb"] = torch.cuda.max_memory_allocated(self.device) // 1_000_000
        return peak


def random_windows(path: Path, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """A store's windows of random numbers, written a recording at a time and mapped read-only."""
    stored = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    generator = np.random.default_rng(0)
    for row in range(shape[0]):
        stored[row] = generator.standard_normal(shape[1:], dtype=np.float32)
    stored.flush()
    mapped: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return mapped


def _anonymous_mb() -> float:
    """Memory of this process without pages of mapped files; 0 where the system does not say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    return float(lines.get("RssAnon", "0 kB").split()[0]) / 1000


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--config", type=Path, required=True, help="YAML file of the run")
    parser.add_argument("--batch-size", type=int, default=16, help="recordings a step (16)")
    parser.add_argument("--steps", type=int, default=6, help="the first is not timed (6)")
    parser.add_argument("--recordings", type=int, default=512, help="in the store (512)")
    parser.add_argument("--conditions", type=int, default=100, help="asked at each step (100)")
    parser.add_argument("--text-dimension", type=int, default=768, help="MedCPT's is 768")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        check = ScaleCheck(load_config(arguments.config), arguments, Path(folder))
        print(json.dumps(check.run(), indent=2))


if __name__ == "__main__":
    main()
