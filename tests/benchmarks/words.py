"""How queries are read, by the shipped bundle through the engine that serves it.

Run: `python -m tests.benchmarks.words --shared ../shared/data`; fold 10, unless `--fold 9` says
otherwise. Writes docs/measured/results/words.json and the figures of docs/measured/words.md.
Nothing is chosen here.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.asking.composing import Composer
from ecg_core.conditions import Catalogue
from ecg_core.conditions.question import Described, Not, NotAnswerable
from model_training.data.labelled import TEST_FOLD
from model_training.data.releases.ptb_xl_benchmark import BENCHMARK
from model_training.evaluation.words import third_party_texts
from service.engine.loading import load_engine
from service.engine.queries.answering import QuestionAnswerer
from tests.benchmarks.engine_fold import EngineFold, add_fold_arguments, open_fold, recordings_of
from tests.benchmarks.figures import DOCS, between_marks, machine
from tests.benchmarks.words_figures import (
    coherence_violations,
    evaluate_composed,
    evaluate_gate,
    evaluate_numbers,
    evaluate_words,
)

OUTPUT, PAGE = DOCS / "results" / "words.json", DOCS / "words.md"
COMMAND = "python -m tests.benchmarks.words --shared ../shared/data"
LISTED = 0.2
# What a healthy heart may show, or the recording and not the heart.
NOT_PATHOLOGICAL = frozenset({
    "poor-signal-quality", "muscle-artefact", "baseline-wander", "limb-lead-reversal",
    "early-repolarisation", "u-wave", "clockwise-rotation", "counterclockwise-rotation",
    "left-axis-deviation", "right-axis-deviation", "indeterminate-axis",
    "bradycardia", "tachycardia", "irregular-rhythm", "short-pr-interval",
})  # fmt: skip


def evaluate(fold: EngineFold, prompts: Mapping[str, str]) -> dict[str, Any]:
    """All figures of a fold.

    Args:
        fold: What is asked.
        prompts: Descriptions of somebody else, by the benchmark's class.
    """
    classes = fold.classes()
    third_party = third_party_texts(prompts)
    return {
        "words": {
            **evaluate_words(fold.ask, classes, third_party),
            "numbers": evaluate_numbers(fold.ask, fold.values),
            "composed": evaluate_composed(fold.ask, classes),
        },
        "gate": evaluate_gate(lambda text: answerable(fold, text)),
        "coherence": {
            "violations": coherence_violations(fold.ask, Catalogue.load()),
            "recordings": len(fold.rows),
        },
        "default_list": default_list(fold),
        "classes": len(classes),
    }


def answerable(fold: EngineFold, text: str) -> float:
    """How certainly a text is answered: 0 where it is refused, below 0.5 where it is flagged."""
    query = fold.understood(text)
    if query is None:
        return 0.0
    question = query.asked.part if isinstance(query.asked, Not) else query.asked
    if isinstance(question, NotAnswerable):
        return 0.0
    if not isinstance(question, Described) or question.parts:
        return 1.0
    return scope_certainty(fold.engine.answerer, question.text)


def scope_certainty(answerer: QuestionAnswerer, text: str) -> float:
    """What the bundle's gate says of a text, its threshold at 0.5; 1 where it has none."""
    gate = answerer.gate
    if gate is None:
        return 1.0
    certainty = gate.probability(answerer.embeddings.embed_term(text))
    is_above = certainty >= gate.threshold
    beyond = (certainty - gate.threshold) / ((1 - gate.threshold) if is_above else gate.threshold)
    return 0.5 + 0.5 * beyond


def default_list(fold: EngineFold) -> dict[str, float]:
    """How often purely normal recordings list a pathology that was not trained."""
    is_normal = purely_normal(fold)
    queries, answers = fold.all_conditions()
    ids = [query.condition.id for query in queries if query.condition]
    listed = is_listed(ids, answers[is_normal], fold.engine.answerer.composer)
    return {
        "normal_recordings": int(is_normal.sum()),
        "with_untrained_pathology": round(float(listed.any(axis=0).mean()), 4),
        "untrained_pathologies_listed": round(float(listed.sum(axis=0).mean()), 3),
    }


def purely_normal(fold: EngineFold) -> NDArray[np.bool_]:
    """Of the benchmark's diagnostic classes the normal one alone: shape (recording,)."""
    table = fold.recordings.benchmark["ptbxl_super"]
    of_fold = table.reindex(fold.recordings.ecg_ids[fold.rows], fill_value=0)
    return np.asarray((of_fold["NORM"] == 1) & (of_fold.sum(axis=1) == 1))


def is_listed(
    ids: Sequence[str], probabilities: NDArray[np.float64], composer: Composer
) -> NDArray[np.bool_]:
    """Which untrained pathologies are listed, shape (pathology, recording).

    One is not counted where a trained narrower one is listed: there it only repeats it.

    Args:
        ids: Of all conditions.
        probabilities: Shape (recording, condition).
        composer: Knows what was trained.
    """
    said = dict(zip(ids, (probabilities >= LISTED).T, strict=True))
    return np.array(
        [
            present & ~np.any([said[i] for i in composer.trained_narrower(name)], axis=0)
            for name, present in said.items()
            if not composer.is_trained(name) and name not in NOT_PATHOLOGICAL
        ]
    )


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_fold_arguments(parser)
    parser.add_argument("--fold", type=int, default=TEST_FOLD)
    parser.add_argument("--output", type=Path, help="default: docs/measured, if it is fold 10")
    arguments = parser.parse_args()
    prompts = json.loads((arguments.shared / BENCHMARK / "ckepe_prompts.json").read_text())
    fold = open_fold(load_engine(), recordings_of(arguments), arguments.fold)
    found = {"command": COMMAND, "fold": arguments.fold, "machine": machine()}
    found |= evaluate(fold, prompts)
    text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    sys.stdout.write(text)
    output = arguments.output or (OUTPUT if arguments.fold == TEST_FOLD else None)
    if output is not None:
        output.write_text(text)
    if output == OUTPUT:
        PAGE.write_text(between_marks(PAGE.read_text(), page(found)))


def page(found: Mapping[str, Any]) -> str:
    """The figures as tables."""
    words = found["words"]
    ways: Sequence[str] = [way for way in words if "kept" in words[way]]
    rows = [
        f"| {way} | {-words[way]['auroc_drop']:+.2f} | {words[way]['kept']:.2f} "
        f"| {words[way]['identical']:.2f} | {words[way]['unanswered']:.2f} "
        f"| {words[way]['texts']:.0f} |"
        for way in ways
    ]
    gate, coherence, listed = found["gate"], found["coherence"], found["default_list"]
    return "\n".join(
        (
            "| asked by | AUROC, points | kept | as the name | unanswered | texts |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "| | |",
            "|---|---|",
            f"| numbers: AUROC / monotone | {words['numbers']['auroc']} "
            f"/ {words['numbers']['monotone']} |",
            f"| any-of / all-of against the composed parts, points "
            f"| {words['composed']['any_of']:+} / {words['composed']['all_of']:+} |",
            f"| gate: out of scope flagged / in scope flagged / AUROC "
            f"| {gate['out_flagged']} / {gate['in_flagged']} / {gate['auroc']} |",
            f"| a narrower condition above a broader one by more than 0.05 "
            f"| {coherence['violations']} of {coherence['recordings']} recordings |",
            f"| purely normal recordings that list an untrained pathology at 0.2 or more "
            f"| {listed['with_untrained_pathology']} of {listed['normal_recordings']} |",
        )
    )


if __name__ == "__main__":
    _main()
