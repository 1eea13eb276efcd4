"""Which figures the benchmark of wordings makes of answers that are known."""

from pathlib import Path

import numpy as np

from ecg_core.asking.composing import Composer
from ecg_core.asking.rule import CompositionRule
from ecg_core.bundle import load_bundle
from ecg_core.conditions import Catalogue
from model_training.evaluation.words import third_party_texts
from tests.benchmarks.words import is_listed

CATALOGUE = Catalogue.load()
TRAINED = load_bundle(Path("service/bundle")).manifest.trained_conditions
COMPOSER = Composer(CATALOGUE, TRAINED, CompositionRule())
IDS = [condition.id for condition in CATALOGUE.conditions]


def listed(*present: str) -> int:
    """How many untrained pathologies one recording lists."""
    probabilities = np.array([[0.2 if name in present else 0.19 for name in IDS]])
    return int(is_listed(IDS, probabilities, COMPOSER).sum())


def test_an_untrained_pathology_counts_from_a_probability_of_a_fifth() -> None:
    assert listed("takotsubo-cardiomyopathy", "anterior-stemi") == 2
    assert listed() == 0


def test_trained_conditions_and_what_healthy_hearts_show_do_not_count() -> None:
    assert listed("atrial-fibrillation", "left-axis-deviation", "u-wave") == 0


def test_a_broader_condition_that_repeats_a_trained_one_does_not_count() -> None:
    assert listed("bundle-branch-block") == 1
    assert listed("bundle-branch-block", "complete-left-bundle-branch-block") == 0


def test_third_party_texts_are_found_by_the_class_of_a_benchmark_set() -> None:
    found = third_party_texts({"AFIB": "atrial fibrillation, quivering", "nothing": "no class"})
    assert found == {"atrial-fibrillation": "atrial fibrillation, quivering"}
