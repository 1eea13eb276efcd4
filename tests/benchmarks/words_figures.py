"""How queries are read, as figures: the same thing in other words, numbers, "and" and "or".

Everything is asked through one function, so that the figures say what the service would answer. Of
each list of texts only what training may not use is measured (`model_training.evaluation.words`).
"""

import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue, Condition
from ecg_core.statistics.ranking import auroc
from model_training.evaluation.words import (
    FRESH_KINDS,
    fresh_texts,
    held_out,
    listed_texts,
    texts_of,
)

# Probabilities of shape (recording, text); NaN where a text has no answer, on any recording or one.
Ask = Callable[[Sequence[str]], NDArray[np.float64]]

_PRESENT, _KEPT = 0.5, 0.35
_COHERENT = 0.05
_TYPOS = 4  # of each name
_LANGUAGES = ("french", "spanish", "italian", "dutch", "portuguese")


@dataclass(frozen=True, eq=False, slots=True)
class AskedClass:
    """A class with enough positives, and its labels.

    Attributes:
        condition: What it means.
        rows: The recordings that are labelled.
        present: Whether each of them has it, shape (labelled recording,).
    """

    condition: Condition
    rows: NDArray[np.intp]
    present: NDArray[np.bool_]

    def auroc(self, probabilities: NDArray[np.float64]) -> float:
        """Of probabilities over all recordings, shape (recording,); NaN where unanswered."""
        scores = probabilities[self.rows]
        if np.isnan(scores).any():
            return float("nan")
        return float(auroc(self.present[:, None], scores[:, None])[0])


def evaluate_words(
    ask: Ask, classes: Sequence[AskedClass], third_party: Mapping[str, str]
) -> dict[str, dict[str, float]]:
    """Figures of each way to say the same thing.

    Args:
        ask: Answers texts on all recordings.
        classes: Those with enough positives.
        third_party: Descriptions by somebody else, by condition id.

    Returns:
        For each way: `auroc_drop` against the name in points, `kept`: of the answers of at least
        0.5 by name the share that stays at 0.35 or more, `identical`: the share of texts answered
        as the name, and `unanswered`.
    """
    ids = [each.condition.id for each in classes]
    by_name = ask([each.condition.name for each in classes])
    ways: dict[str, list[tuple[str, ...]]] = {
        "frames": [_framed(each.condition) for each in classes],
        "typos": [tuple(typos(each.condition.name)) for each in classes],
        "third_party": [(third_party[i],) if i in third_party else () for i in ids],
        "languages": [_named_abroad(each.condition) for each in classes],
        "lay": [held_out(texts_of(i, "lay")) for i in ids],
        "waveform": [held_out(texts_of(i, "waveform")) for i in ids],
        **{
            f"{kind}_fresh": [fresh_texts().get(i, {}).get(kind, ()) for i in ids]
            for kind in FRESH_KINDS
        },
    }
    return {way: _compared(ask, classes, by_name, texts) for way, texts in ways.items()}


def _compared(
    ask: Ask,
    classes: Sequence[AskedClass],
    by_name: NDArray[np.float64],
    texts: Sequence[Sequence[str]],
) -> dict[str, float]:
    drops, kept, identical, unanswered, count = [], [], 0, 0, 0
    # All at once: each text that is new costs a pass over all recordings.
    all_texts = [text for said in texts for text in said]
    every = ask(all_texts) if all_texts else np.empty((len(by_name), 0))
    parts = np.split(every, np.cumsum([len(said) for said in texts])[:-1], axis=1)
    for column, (each, said, answers) in enumerate(zip(classes, texts, parts, strict=True)):
        if not said:
            continue
        named = by_name[:, column]
        answered = ~np.isnan(answers).any(axis=0)
        count, unanswered = count + len(said), unanswered + int((~answered).sum())
        same = np.isclose(answers, named[:, None], atol=1e-9).all(axis=0)
        identical += int(same.sum())
        scores = [each.auroc(answers[:, place]) for place in np.flatnonzero(answered)]
        if scores:
            drops.append(each.auroc(named) - float(np.mean(scores)))
        sure = answers[named >= _PRESENT]
        kept.append(np.nan_to_num(sure, nan=0.0).ravel() >= _KEPT)
    return {
        "auroc_drop": round(100 * float(np.mean(drops)), 2) if drops else float("nan"),
        "kept": round(float(np.concatenate(kept).mean()), 4) if kept else float("nan"),
        "identical": round(identical / max(1, count), 4),
        "unanswered": round(unanswered / max(1, count), 4),
        "texts": float(count),
    }


def evaluate_numbers(ask: Ask, measured: Callable[[str], NDArray[np.float64]]) -> dict[str, float]:
    """AUROC of measurement queries against what was measured, and their monotony in the number.

    Args:
        ask: Answers texts on all recordings.
        measured: The values of a quantity, shape (recording,); NaN where not measured.
    """
    aurocs, monotone = [], []
    for entry in listed_texts()["numbers"]:
        values, limits = measured(entry["quantity"]), entry["limits"]
        for side in ("above", "below"):
            answers = ask([entry[side].format(limit) for limit in limits])
            there = ~np.isnan(values) & ~np.isnan(answers).any(axis=1)
            steps = np.diff(answers[there], axis=1) * (1 if side == "below" else -1)
            monotone.append((steps >= 0).all(axis=1))
            for column, limit in enumerate(limits):
                true = values[there] > limit if side == "above" else values[there] < limit
                if 0 < true.sum() < len(true):
                    aurocs.append(float(auroc(true[:, None], answers[there, column][:, None])[0]))
    return {
        "auroc": round(float(np.mean(aurocs)), 4),
        "monotone": round(float(np.concatenate(monotone).mean()), 4),
    }


def evaluate_composed(ask: Ask, classes: Sequence[AskedClass]) -> dict[str, float]:
    """Points of AUROC of "A or B" and "A and B" against the composed answers of A and of B."""
    by_id = {each.condition.id: each for each in classes}
    catalogue = Catalogue.load()
    found: dict[str, list[float]] = {"any_of": [], "all_of": []}
    for one, other in listed_texts()["pairs"]:
        parts = [by_id.get(c.id) if (c := catalogue.find(text)) else None for text in (one, other)]
        if parts[0] is None or parts[1] is None:
            continue
        rows = np.intersect1d(parts[0].rows, parts[1].rows)
        labels = [p.present[np.isin(p.rows, rows)] for p in parts if p is not None]
        singly = ask([one, other])
        for kind, word, joined, label in (
            ("any_of", "or", singly.max(axis=1), labels[0] | labels[1]),
            ("all_of", "and", singly.min(axis=1), labels[0] & labels[1]),
        ):
            asked = ask([f"{one} {word} {other}"])[:, 0]
            if 0 < label.sum() < len(label) and not np.isnan(asked).any():
                scores = np.stack([asked[rows], joined[rows]], axis=1)
                values = auroc(np.stack([label, label], axis=1), scores)
                found[kind].append(100 * float(values[0] - values[1]))
    return {kind: round(float(np.mean(values)), 2) for kind, values in found.items() if values}


def evaluate_gate(is_answerable: Callable[[str], float]) -> dict[str, float]:
    """Shares of texts that are flagged, of those that an ECG answers and of those that it does not.

    Args:
        is_answerable: How certainly a text asks for a finding of an ECG, 0 to 1; below 0.5 it is
            flagged.
    """
    inside = np.array([is_answerable(text) for text in held_out(listed_texts()["in_scope"])])
    outside = np.array([is_answerable(text) for text in held_out(listed_texts()["out_of_scope"])])
    labels = np.concatenate([np.ones(len(inside), bool), np.zeros(len(outside), bool)])
    scores = np.concatenate([inside, outside])
    return {
        "out_flagged": round(float((outside < _PRESENT).mean()), 4),
        "in_flagged": round(float((inside < _PRESENT).mean()), 4),
        "auroc": round(float(auroc(labels[:, None], scores[:, None])[0]), 4),
    }


def coherence_violations(ask: Ask, catalogue: Catalogue) -> int:
    """Recordings on which a condition is more probable than a broader one by more than 0.05."""
    conditions = catalogue.conditions
    answers = ask([condition.name for condition in conditions])
    column = {condition.id: place for place, condition in enumerate(conditions)}
    violated = np.zeros(len(answers), dtype=bool)
    for condition in conditions:
        narrower = answers[:, column[condition.id]]
        for broader in catalogue.ancestors(condition.id):
            violated |= narrower > answers[:, column[broader.id]] + _COHERENT
    return int(violated.sum())


def typos(name: str) -> Iterator[str]:
    """A name with one typing mistake, in four ways; always the same ones for the same name."""
    rng = np.random.default_rng(list(name.encode()))
    pairs = [i for i, (a, b) in enumerate(pairwise(name)) if a.isalpha() and b.isalpha() and a != b]
    letters = list(string.ascii_lowercase)
    for kind in range(_TYPOS):
        place = int(rng.choice(pairs))
        letter = str(rng.choice([each for each in letters if each != name[place].lower()]))
        yield (
            name[:place] + name[place + 1 :],
            name[:place] + letter + name[place:],
            name[:place] + letter + name[place + 1 :],
            name[:place] + name[place + 1] + name[place] + name[place + 2 :],
        )[kind]


def _framed(condition: Condition) -> tuple[str, ...]:
    texts = listed_texts()
    german = condition.german[:1] or (condition.name,)
    return (
        *(frame.format(condition.name) for frame in texts["frames_english"]),
        *(frame.format(german[0]) for frame in texts["frames_german"]),
    )


def _named_abroad(condition: Condition) -> tuple[str, ...]:
    """The first name in each language."""
    first: dict[str, str] = {}
    for language, name in condition.names:
        first.setdefault(language, name)
    return tuple(first[language] for language in _LANGUAGES if language in first)
