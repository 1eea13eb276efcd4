"""Calibration of what was not trained, by how close it comes to what was.

Three ways to ask for something unknown are fitted together on fold 9, each with the same weight:
left-out conditions by their signs, the same by name as a free text would, and trained conditions in
other words, as if no catalogue knew them. Nothing is fitted without a leave-out run.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ecg_core.calibration import Calibration
from ecg_core.statistics.calibration_fit import Answers, fit_unseen_calibration
from ecg_core.statistics.ranking import expected_calibration_error
from model_training.data.labelled import VALIDATION_FOLD
from model_training.evaluation.calibration import read_calibration
from model_training.evaluation.fold import EvaluatedFold
from model_training.evaluation.groups import GROUPS, Group
from model_training.evaluation.left_out import read_asked, refuse_foreign, run_with_left_out
from model_training.evaluation.unseen import OURS
from model_training.evaluation.wordings import Wordings, unseen_wordings
from model_training.run.workbench import Workbench


def unseen_calibration(bench: Workbench, groups: Sequence[Group] = GROUPS) -> Calibration:
    """The run's calibration, with that of what was not trained if conditions were left out.

    Raises:
        FileNotFoundError: The run was not calibrated.
        WrongRun: What was left out was left out of other recordings or labels.
    """
    known = read_calibration(bench)
    refuse_foreign(bench, groups)
    left_out = _left_out(bench, VALIDATION_FOLD, groups)
    if not left_out:
        return known
    fold = EvaluatedFold(bench, VALIDATION_FOLD)
    worded = in_other_words(fold, lambda c: (*c.synonyms, *c.german))
    return fit_unseen_calibration(known, [*left_out.values(), worded])


def _left_out(bench: Workbench, fold: int, groups: Sequence[Group]) -> Mapping[str, Answers]:
    """Of our method, by how it was asked; empty unless every group was left out."""
    asked = read_asked(run_with_left_out(bench.run), OURS, groups)
    if asked is None:
        return {}
    rows = asked.part(f"fold {fold}")
    recordings = bench.recordings
    row_of = {str(ecg_id): row for row, ecg_id in enumerate(recordings.ecg_ids)}
    columns = [recordings.conditions.index(name) for name in asked.conditions]
    # Not the labels that judge, which lie beside the answers: calibration takes those that teach.
    targets = recordings.targets[np.ix_([row_of[i] for i in asked.ids[rows]], columns)]
    return {
        "by_signs": Answers(asked.logits_by_signs[rows], targets, asked.similarity_by_signs),
        "by_name": Answers(asked.logits[rows], targets, asked.similarity),
    }


def in_other_words(fold: EvaluatedFold, wordings: Wordings) -> Answers:
    """Trained conditions, each asked by other wordings as free texts past the catalogue."""
    bench = fold.bench
    worded = [wordings(condition) for condition in bench.conditions]
    spoken = [text for texts in worded for text in texts]
    embedded = bench.embedder.free_texts(spoken)
    return Answers(
        fold.logits(bench.queries.free_texts(spoken)),
        np.repeat(fold.targets, [len(texts) for texts in worded], axis=1),
        (embedded @ bench.canonical.numpy().T).max(axis=1),
    )


def evaluate_unseen_calibration(
    fold: EvaluatedFold, groups: Sequence[Group] = GROUPS
) -> dict[str, object]:
    """Expected calibration error by how something unknown is asked; empty without left-out ones.

    Args:
        fold: A trained network's; fold 10.
        groups: What was left out.
    """
    held_out = unseen_wordings()
    ways = _left_out(fold.bench, fold.number, groups)
    if not ways:
        return {}
    ways = {**ways, "in_other_words": in_other_words(fold, lambda c: held_out.get(c.id, ()))}
    known, fitted = read_calibration(fold.bench), unseen_calibration(fold.bench, groups)
    return {
        name: {
            "ece": _error(answers, fitted),
            "ece_as_known": _error(answers, known),
            "pairs": int((~np.isnan(answers.targets)).sum()),
        }
        for name, answers in ways.items()
    }


def _error(answers: Answers, calibration: Calibration) -> float:
    logits, labels, similarities = answers.labelled
    known = np.zeros(labels.shape, dtype=bool)
    probabilities = calibration.probabilities(logits, known, similarities)
    return round(expected_calibration_error(labels == 1, probabilities), 4)
