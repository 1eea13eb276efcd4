"""What is measured on, and how time and memory are taken."""

import os
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch


def describe(device: torch.device) -> dict[str, Any]:
    """The machine, as the figures need it beside them."""
    told: dict[str, Any] = {
        "device": str(device),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        told |= {
            "gpu": properties.name,
            "gpu_memory_mb": properties.total_memory // 1_000_000,
            "cuda": torch.version.cuda,
            "bf16": torch.cuda.is_bf16_supported(),
        }
    return told


def wait(device: torch.device) -> None:
    """Until the device has done what it was told: else only the telling is timed."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def median_s(run: Callable[[], object], device: torch.device, *, most_s: float) -> float:
    """Median seconds of one run, over at least three and at most 50; two before them do not count.

    Args:
        run: What is timed, all that it gives to the device included.
        device: Where it computes.
        most_s: No further run is begun after so long.
    """
    run(), run()
    wait(device)
    taken_s: list[float] = []
    started_s = time.perf_counter()
    while len(taken_s) < 3 or (len(taken_s) < 50 and time.perf_counter() - started_s < most_s):
        begun_s = time.perf_counter()
        run()
        wait(device)
        taken_s.append(time.perf_counter() - begun_s)
    return float(np.median(taken_s))
