"""Chooses the numbers of `ecg_core.asking.rule.CompositionRule` on fold 9 with the shipped bundle.

Run: `python -m tests.benchmarks.fit_composition --shared ../shared/data`. Prints what it tried and
chose; the chosen numbers are the rule's defaults, which every bundle that is exported states. With
`--write service/bundle` nothing is chosen: that bundle gets the defaults, and the base rates that
follow from them.

No recording of fold 9 tells what a condition that was never trained is worth, so trained ones stand
in: each is answered as if it had not been trained, from its signs, from measurements and from the
other conditions, and its own wording counts nothing. Their mean AUROC chooses how parts make a
whole, as that of classes asked by descriptions that training may use does for descriptions. The log
loss of the stand-ins chooses scale and bias among those with which at most 4 % of the purely normal
recordings list an untrained pathology at 0.2 or more.
"""

import argparse
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecg_core.asking.composing import Composer, Leaf, LeafAnswers
from ecg_core.asking.rule import CompositionRule
from ecg_core.bundle import load_bundle, write_manifest
from ecg_core.conditions import Catalogue
from ecg_core.conditions.question import AnyOf, Described, KnownCondition, Sign
from ecg_core.signs import SIGNS
from ecg_core.statistics.ranking import auroc
from model_training.data.labelled import VALIDATION_FOLD
from model_training.evaluation.base_rates import means_of
from model_training.evaluation.words import training_texts_of
from service.engine.loading import load_engine
from service.engine.queries.embeddings import AskedQuery
from tests.benchmarks.engine_fold import (
    LEAST_POSITIVES,
    EngineFold,
    add_fold_arguments,
    open_fold,
    recordings_of,
)
from tests.benchmarks.words import is_listed, purely_normal

MOST_NORMAL_LISTED = 0.04
# A text's own probability is an unseen condition's: with a weight of 8 the ranking gains another
# point, but of the answers of 0.5 or more by name 0.11 stay at 0.35 for waveforms, not 0.48.
_OF_DESCRIPTIONS = {"text_weight": (0.5, 1.0, 2.0), "described_softness": (4.0, 16.0)}
# Trained conditions state no supporting parts: between equals the smaller weight stays.
# Required softnesses of 2, 4 and 8 differ by 0.03 points: the last was chosen once and stays.
_OF_CONDITIONS = {"supporting_weight": (0.5, 1.0)}
_SCALES = (0.25, 0.35, 0.5)
_BIASES = tuple(-0.25 * step for step in range(50))


class StandIns:
    """Trained conditions, answered as if they had not been trained."""

    def __init__(self, fold: EngineFold, answers: Sequence[LeafAnswers]) -> None:
        self._answers = answers
        self._catalogue = Catalogue.load()
        composer = fold.engine.answerer.composer
        self._trained = [c.id for c in self._catalogue.conditions if composer.is_trained(c.id)]
        self._targets = {
            name: labels
            for name, labels in fold.targets().items()
            if name in self._trained
            and (labels == 1).sum() >= LEAST_POSITIVES
            and self._catalogue.get(name).signs
            and not list(composer.trained_narrower(name))
        }

    def answered(
        self, rule: CompositionRule
    ) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.float64]]]:
        """Labels and log odds of each, over the recordings where it is labelled."""
        for name, labels in self._targets.items():
            others = [each for each in self._trained if each != name]
            composer = Composer(self._catalogue, others, rule)
            odds = [self._odds(composer, name, one) for one in self._answers]
            said = ~np.isnan(labels)
            yield labels[said] == 1, np.array(odds, dtype=np.float64)[said]

    def mean_auroc(self, rule: CompositionRule) -> float:
        """Over the stand-ins, in percent."""
        each = [auroc(y[:, None], odds[:, None])[0] for y, odds in self.answered(rule)]
        return 100 * float(np.mean(each))

    def log_loss(self, rule: CompositionRule) -> float:
        """Mean over the stand-ins."""
        each = [np.logaddexp(0, np.where(y, -odds, odds)).mean() for y, odds in self.answered(rule)]
        return float(np.mean(each))

    @staticmethod
    def _odds(composer: Composer, name: str, answers: LeafAnswers) -> float:
        silent = {**answers.log_odds, Leaf(condition=name): 0.0}
        found = composer.answer(
            KnownCondition(name), replace(answers, log_odds=silent, conditions={})
        )
        return 0.0 if found.log_odds is None else found.log_odds


class DescribedClasses:
    """Classes asked by the lay sentences and waveform descriptions that training may use."""

    def __init__(self, fold: EngineFold) -> None:
        self._composer = fold.engine.answerer.composer
        self._asked = [
            (one, query)
            for one in fold.classes()
            for text in training_texts_of(one.condition.id)
            if (query := fold.understood(text)) is not None
            and isinstance(query.asked, Described)
            and query.asked.parts  # the others do not depend on the rule
        ]
        self.queries = [query for _, query in self._asked]

    def mean_auroc(self, answers: Sequence[LeafAnswers], rule: CompositionRule) -> float:
        """Over the texts, in percent."""
        composer = self._composer.with_rule(rule)
        fresh = [replace(one, conditions={}) for one in answers]
        each = []
        for one, query in self._asked:
            odds = [composer.answer(query.asked, found).log_odds or 0.0 for found in fresh]
            each.append(one.auroc(np.array(odds)))
        return 100 * float(np.mean(each))


def normal_listed(fold: EngineFold, answers: Sequence[LeafAnswers], rule: CompositionRule) -> float:
    """Share of the purely normal recordings that list an untrained pathology."""
    composer = fold.engine.answerer.composer.with_rule(rule)
    ids = [condition.id for condition in Catalogue.load().conditions]
    rows = []
    for place in np.flatnonzero(purely_normal(fold)):
        fresh = replace(answers[int(place)], conditions={})
        found = [composer.answer(KnownCondition(name), fresh).log_odds for name in ids]
        rows.append([np.nan if odds is None else odds for odds in found])
    probabilities = 1 / (1 + np.exp(-np.array(rows, dtype=np.float64)))
    return float(is_listed(ids, probabilities, composer).any(axis=0).mean())


def fit(fold: EngineFold) -> CompositionRule:
    """The numbers that fold 9 chooses."""
    signs = AnyOf(tuple(Sign(sign.name) for sign in SIGNS))
    texts = DescribedClasses(fold)
    everything = [
        *fold.engine.resolver.resolve([]),
        AskedQuery("signs", "signs", question=signs),
        *texts.queries,
    ]
    answers = fold.log_odds(fold.engine.answerer.embed(everything))
    stand_ins = StandIns(fold, answers)
    rule = _best(CompositionRule(), _OF_DESCRIPTIONS, lambda r: texts.mean_auroc(answers, r))
    rule = _best(rule, _OF_CONDITIONS, stand_ins.mean_auroc)
    return _scaled(fold, answers, stand_ins, rule)


def _best(
    rule: CompositionRule,
    tried: Mapping[str, Sequence[float]],
    mean_auroc: Callable[[CompositionRule], float],
) -> CompositionRule:
    """The rule with the best of each number; one after the other, for they hardly interact."""
    for name, values in tried.items():
        found = {}
        for value in values:
            found[value] = mean_auroc(rule.model_copy(update={name: value}))
            _say(f"{name} {value}: mean AUROC {found[value]:.2f}")
        rule = rule.model_copy(update={name: max(found, key=found.__getitem__)})
    return rule


def _scaled(
    fold: EngineFold, answers: Sequence[LeafAnswers], stand_ins: StandIns, rule: CompositionRule
) -> CompositionRule:
    losses = {}
    for scale in _SCALES:
        scaled = rule.model_copy(update={"untrained_scale": scale})

        def lists_too_much(bias: float, tried: CompositionRule = scaled) -> bool:
            tried = tried.model_copy(update={"untrained_bias": bias})
            return normal_listed(fold, answers, tried) > MOST_NORMAL_LISTED

        # The more negative, the less is listed: the first bias that lists little enough.
        place = bisect_left(_BIASES, True, key=lambda bias: not lists_too_much(bias))
        tried = scaled.model_copy(update={"untrained_bias": _BIASES[place]})
        losses[tried] = stand_ins.log_loss(tried)
        _say(f"scale {scale}: bias {_BIASES[place]}, log loss {losses[tried]:.4f}")
    return min(losses, key=losses.__getitem__)


def write_rule(folder: Path, rule: CompositionRule, fold: EngineFold) -> None:
    """Give a bundle a rule, and untrained conditions the base rates that follow from it.

    Args:
        folder: The bundle's.
        rule: How parts make a whole.
        fold: Recordings of fold 9 as the bundle's engine sees them.
    """
    manifest = load_bundle(folder).manifest
    composer = fold.engine.answerer.composer.with_rule(rule)
    queries = fold.engine.resolver.resolve([])
    answers = fold.log_odds(fold.engine.answerer.embed(queries))
    whole = [one for one, row in zip(answers, fold.rows, strict=True) if _is_whole(fold, row)]
    untrained = [c.id for c in Catalogue.load().conditions if not composer.is_trained(c.id)]
    rates = {**(manifest.base_rates or {}), **means_of(composer, untrained, whole)}
    write_manifest(folder, manifest.model_copy(update={"composition": rule, "base_rates": rates}))


def _is_whole(fold: EngineFold, row: int) -> bool:
    return bool(fold.recordings.windows[row].any(axis=1).all())


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Choose the numbers and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_fold_arguments(parser)
    parser.add_argument("--write", type=Path, help="folder of the bundle that gets the defaults")
    arguments = parser.parse_args()
    engine = load_engine() if arguments.write is None else load_engine(arguments.write)
    fold = open_fold(engine, recordings_of(arguments), VALIDATION_FOLD)
    if arguments.write is None:
        _say(fit(fold).model_dump_json(indent=2))
    else:
        write_rule(arguments.write, CompositionRule(), fold)


if __name__ == "__main__":
    main()
