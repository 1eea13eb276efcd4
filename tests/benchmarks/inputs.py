"""What the load programs send: queries and recordings, the same in every run."""

from dataclasses import replace
from itertools import islice

import numpy as np

from cardioquery.demo.simulator import Simulation, simulate
from ecg_core.conditions import Catalogue
from ecg_core.readers import UploadedFile
from tests.support.recordings import make_wfdb

_SIMULATED_S = 10.0


def bench_queries(count: int) -> list[str]:
    """Different queries: the catalogue's names first, then free texts made of them."""
    names = [condition.name for condition in Catalogue.load().conditions]
    texts = (f"{name} in a patient with {other}" for other in names for name in names)
    return [*names[:count], *islice(texts, max(0, count - len(names)))]


def bench_recording(duration_s: float = 10.0) -> tuple[UploadedFile, ...]:
    """A simulated recording, 12 leads at 500 Hz, as a WFDB pair in format 16.

    Longer ones repeat the same ten seconds.
    """
    once = simulate(Simulation(duration_s=min(duration_s, _SIMULATED_S)))
    count = round(duration_s * once.sampling_rate_hz)
    times = -(-count // once.samples_mv.shape[1])
    samples_mv = np.tile(once.samples_mv, times)[:, :count]
    return tuple(make_wfdb(replace(once, samples_mv=samples_mv)))
