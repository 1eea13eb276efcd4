"""The gate is fitted on texts alone."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue
from model_training.evaluation.gate import MOST_HONEST_REFUSED, fit_gate, gate_texts
from model_training.evaluation.words import condition_texts, held_out

_DIMENSION = 256


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Words hashed into a vector: texts that share words lie near one another."""
    rows = np.zeros((len(texts), _DIMENSION), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in text.casefold().split():
            row[int(hashlib.sha256(word.encode()).hexdigest(), 16) % _DIMENSION] += 1
        row /= max(1e-6, float(np.linalg.norm(row)))
    return rows


def test_the_gate_refuses_few_honest_texts_and_many_others() -> None:
    wordings, sentences, outside = gate_texts(Catalogue.load())
    gate = fit_gate(embed, wordings[::8], sentences, outside)
    refused = [not gate.is_in_scope(row) for row in embed(sentences)]
    flagged = [not gate.is_in_scope(row) for row in embed(outside)]
    assert np.mean(refused) <= MOST_HONEST_REFUSED + 0.01
    assert np.mean(flagged) > 5 * MOST_HONEST_REFUSED


def test_the_gate_never_sees_what_measures_it() -> None:
    wordings, sentences, outside = gate_texts(Catalogue.load())
    measured = {
        t for kinds in condition_texts().values() for ts in kinds.values() for t in held_out(ts)
    }
    assert not measured & {*wordings, *sentences, *outside}


def test_what_no_ecg_answers_is_never_learned_as_a_finding() -> None:
    wordings, sentences, outside = gate_texts(Catalogue.load())
    assert "COVID-19" in outside
    assert not {*wordings, *sentences} & {*outside}
