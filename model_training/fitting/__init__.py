"""The training loop that every phase shares: see `fit`."""

from model_training.fitting.config import FitOptions, OptimiserConfig
from model_training.fitting.loop import fit
from model_training.fitting.randomness import seed_everything
from model_training.fitting.ranks import Ranks, resolve_device, started_ranks

__all__ = [
    "FitOptions",
    "OptimiserConfig",
    "Ranks",
    "fit",
    "resolve_device",
    "seed_everything",
    "started_ranks",
]
