"""Fit of the classifier that tells questions to an ECG from all others."""

import tomllib
from collections.abc import Callable, Sequence
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from ecg_core.asking.gate import ScopeClassifier
from ecg_core.conditions import Catalogue
from model_training.evaluation.words import training_texts, training_texts_out_of_scope
from model_training.text.lay import lay_wordings

Embed = Callable[[Sequence[str]], NDArray[np.float32]]

MOST_HONEST_REFUSED = 0.02
_REGULARISATION = 10.0  # inverse strength; embeddings are unit vectors
_SEED = 0
_PARTS = 10


def gate_texts(catalogue: Catalogue) -> tuple[list[str], list[str], list[str]]:
    """The catalogue's wordings, sentences in scope, and texts out of it; for training only."""
    file = resources.files("model_training.data").joinpath("gate_texts.toml")
    stated = tomllib.loads(file.read_text(encoding="utf-8"))
    # Lay wordings are made by a grammar, too much alike to say what honest sentences score.
    wordings = [
        wording
        for c in catalogue.conditions
        for wording in (*c.all_wordings, c.description, *lay_wordings().get(c.id, ()))
    ]
    sentences = [*stated["in_scope"], *training_texts()]
    outside = [*stated["out_of_scope"], *training_texts_out_of_scope()]
    return wordings, sentences, outside


def fit_gate(
    embed: Embed, wordings: Sequence[str], sentences: Sequence[str], outside: Sequence[str]
) -> ScopeClassifier:
    """Fit the classifier; its threshold refuses at most 2 % of honest sentences.

    Of sentences that it was not fitted on: those that it was, it knows too well, and names of
    conditions are answered before they come to it.

    Args:
        embed: Unit vectors of texts, shape (text, dimension), as the service embeds them.
        wordings: What conditions are called.
        sentences: Other texts that an ECG answers.
        outside: Texts that it does not.
    """
    embeddings = embed([*wordings, *sentences, *outside]).astype(np.float64)
    inside = len(wordings) + len(sentences)
    labels = np.concatenate([np.ones(inside), np.zeros(len(outside))])
    model = LogisticRegression(
        C=_REGULARISATION, class_weight="balanced", max_iter=1000, random_state=_SEED
    )
    parts = StratifiedKFold(_PARTS, shuffle=True, random_state=_SEED)
    scores = cross_val_predict(model, embeddings, labels, cv=parts, method="predict_proba")[:, 1]
    threshold = float(np.quantile(scores[len(wordings) : inside], MOST_HONEST_REFUSED))
    model.fit(embeddings, labels)
    return ScopeClassifier(
        weights=tuple(model.coef_[0].tolist()),
        bias=float(model.intercept_[0]),
        threshold=min(0.5, threshold),
    )
