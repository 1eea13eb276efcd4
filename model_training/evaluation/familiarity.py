"""How close a query must come to a trained condition to count as near it."""

import numpy as np

from ecg_core.conditions import Catalogue
from model_training.run.workbench import Workbench


def near_similarity(bench: Workbench) -> float:
    """The cosine similarity that tells wordings of trained conditions from strangers best.

    Strangers are the names of the catalogue's other conditions, but for those that are broader or
    narrower than a trained one. Chosen by Youden's index (1950), to two places. It labels a finding
    and changes no probability, and similar is not the same.
    """
    catalogue, trained = Catalogue.load(), set(bench.recordings.conditions)
    lines = {c.id: {c.id, *(a.id for a in catalogue.ancestors(c.id))} for c in catalogue.conditions}
    above = set().union(*(lines[name] for name in trained))
    strangers = [
        c.name for c in catalogue.conditions if c.id not in above and not lines[c.id] & trained
    ]
    wordings = [wording for c in bench.conditions for wording in c.wordings]
    close, far = (
        (bench.embedder.free_texts(texts) @ bench.canonical.numpy().T).max(axis=1)
        for texts in (wordings, strangers)
    )
    bounds = np.arange(0.0, 1.0, 0.01)
    gained = [(close >= bound).mean() - (far >= bound).mean() for bound in bounds]
    return round(float(bounds[int(np.argmax(gained))]), 2)
