"""How often each condition is found, so that 0.2 for a rarity is told from a commonplace's 0.2."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from ecg_core.asking.composing import Composer, Leaf, LeafAnswers
from ecg_core.asking.recorded_measurements import RecordedMeasurements
from ecg_core.asking.rule import CompositionRule
from ecg_core.calibration import Calibration
from ecg_core.conditions import Catalogue, Condition
from ecg_core.conditions.question import KnownCondition
from ecg_core.signs import SIGNS
from ecg_core.signs.measurements import measure_window
from model_training.data.labelled import TRAINING_FOLDS, VALIDATION_FOLD, LabelledRecordings
from model_training.models.token_network import TokenNetwork
from model_training.run.workbench import Workbench


def base_rates(bench: Workbench, calibration: Calibration) -> dict[str, float]:
    """Of every condition of the catalogue of which it is known, by id; each above 0.

    Args:
        bench: A trained network's.
        calibration: Of the bundle.
    """
    rates = {**prevalences(bench.recordings), **mean_answers(bench, calibration)}
    return {name: rate for name, rate in rates.items() if rate > 0}


def prevalences(recordings: LabelledRecordings) -> dict[str, float]:
    """Of trained conditions, over the training recordings that say yes or no."""
    targets = recordings.targets[recordings.rows(*TRAINING_FOLDS)].astype(np.float64)
    said = (~np.isnan(targets)).sum(axis=0)
    found = np.nansum(targets, axis=0)
    columns = zip(recordings.conditions, found.tolist(), said.tolist(), strict=True)
    return {name: count / of for name, count, of in columns if of}


def mean_answers(bench: Workbench, calibration: Calibration) -> dict[str, float]:
    """Of the conditions that were not trained: the mean probability over fold 9.

    Each answer is composed as the service composes it. Recordings that lack leads are passed over:
    no untrained condition is answered on them.
    """
    catalogue, trained = Catalogue.load(), bench.recordings.conditions
    composer = Composer(catalogue, trained, CompositionRule())
    untrained = [c for c in catalogue.conditions if not composer.is_trained(c.id)]
    answers = _leaf_answers(bench, calibration, untrained)
    return means_of(composer, [condition.id for condition in untrained], answers)


def means_of(
    composer: Composer, conditions: Sequence[str], answers: Iterable[LeafAnswers]
) -> dict[str, float]:
    """Mean probability of each condition over recordings; empty without any.

    Args:
        composer: Composes each answer.
        conditions: Ids.
        answers: Of each recording, which lacks no lead.
    """
    questions = [KnownCondition(name) for name in conditions]
    odds = [[composer.answer(each, one).log_odds for each in questions] for one in answers]
    if not odds:
        return {}
    means = expit(np.array(odds, dtype=np.float64)).mean(axis=0)
    return dict(zip(conditions, means.tolist(), strict=True))


def _leaf_answers(
    bench: Workbench, calibration: Calibration, untrained: Sequence[Condition]
) -> Iterator[LeafAnswers]:
    leaves = [
        *(Leaf(condition=name) for name in bench.recordings.conditions),
        *(Leaf(condition=condition.id) for condition in untrained),
        *(Leaf(sign=sign.name) for sign in SIGNS),
    ]
    logits = bench.network.score(bench.stored_windows(VALIDATION_FOLD), _asked(bench, untrained))
    cosines = bench.embedder.untrained(untrained) @ bench.canonical.numpy().T
    shift = len(bench.recordings.conditions)
    known = np.ones(len(leaves), dtype=bool)
    known[shift : shift + len(untrained)] = False
    similarities = np.ones(len(leaves))
    similarities[~known] = cosines.max(axis=1).clip(-1, 1)
    spec = bench.run.config.preprocessing
    rows = bench.recordings.rows(VALIDATION_FOLD)
    for row, of_recording in zip(rows, logits.double().numpy(), strict=True):
        window = bench.recordings.windows[row].astype(np.float32)
        if not window.any(axis=1).all():
            continue
        odds = calibration.log_odds(of_recording, known, similarities).tolist()
        measurements = RecordedMeasurements(*measure_window(window, spec))
        yield LeafAnswers(dict(zip(leaves, odds, strict=True)), measurements)


def _asked(bench: Workbench, untrained: Sequence[Condition]) -> torch.Tensor:
    """What is put to the network for trained conditions, the others, and signs, in this order."""
    signs: NDArray[np.float32]
    if isinstance(bench.network, TokenNetwork):
        places = bench.concepts.sign_places
        identity = np.eye(bench.network.naming.concepts, dtype=np.float32)
        signs = identity[[places[sign.name] for sign in SIGNS]]
    else:
        signs = bench.embedder.free_texts([sign.name for sign in SIGNS])
    others = torch.from_numpy(np.concatenate([bench.queries.untrained(untrained), signs]))
    return torch.cat([bench.asked, others])
