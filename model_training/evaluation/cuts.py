"""Parts of a trained network cut out, and the rest asked again: what carries the answer.

Nothing is trained anew. Each cut stands beside the whole, on the same recordings and conditions.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from ecg_core.signs import signs_measured
from ecg_core.statistics.ranking import auroc, macro_result
from ecg_core.statistics.significance import paired_bootstrap
from model_training.data.labelled import TEST_FOLD
from model_training.evaluation.fold import EvaluatedFold
from model_training.evaluation.groups import MIN_POSITIVES, Group
from model_training.evaluation.left_out import Asked, read_asked, run_with_left_out
from model_training.evaluation.unseen import OURS
from model_training.models.concepts import WaveReader
from model_training.models.network import CardioQueryNetwork
from model_training.models.token_network import TokenNetwork
from model_training.run.methods import SignRules
from model_training.run.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Cut:
    """What is cut out.

    Attributes:
        what: In words.
        flags: Names of the switches that are set, each an attribute of a module.
    """

    what: str
    flags: tuple[str, ...]


TOKEN_CUTS: Mapping[str, Cut] = {
    "time_attention": Cut("the waveform's attention over time: all times alike", ("times",)),
    "waveform": Cut("the waveform: measured signs alone", ("waveform",)),
    "signs": Cut("the measured signs: the waveform alone", ("signs",)),
    "signs_and_time_attention": Cut(
        "the measured signs, and the attention over time", ("signs", "times")
    ),
    "token_attention": Cut("the attention to tokens: all tokens alike", ("tokens",)),
}


def cuts_of(bench: Workbench) -> Mapping[str, Cut]:
    """The cuts that a run's network can be put to: of an attention alone nothing can be spared."""
    return TOKEN_CUTS if isinstance(bench.network, TokenNetwork) else {}


@contextmanager
def cut_out(network: CardioQueryNetwork | TokenNetwork, cut: Cut) -> Iterator[None]:
    """Without a part, as long as the context lasts."""
    _set(network, cut, on=True)
    try:
        yield
    finally:
        _set(network, cut, on=False)


def _set(network: CardioQueryNetwork | TokenNetwork, cut: Cut, *, on: bool) -> None:
    if not isinstance(network, TokenNetwork):
        raise TypeError("only of a fusion of tokens are parts cut out")
    network.tokens.without_waveform = on and "waveform" in cut.flags
    network.tokens.without_signs = on and "signs" in cut.flags
    network.fusion.uniform = on and "tokens" in cut.flags
    for reader in network.tokens.readers:
        cast(WaveReader, reader).attention.uniform = on and "times" in cut.flags


def evaluate_cuts(bench: Workbench, number: int) -> dict[str, object]:
    """Macro AUROC of the trained conditions without each part, and what it costs.

    Args:
        bench: A trained run.
        number: The fold.

    Returns:
        By cut: what it is, its AUROC, and the whole's minus its own, with a paired interval.
    """
    fold = EvaluatedFold(bench, number)
    whole = fold.known_logits
    if np.isnan(auroc(fold.published, whole)).all():  # a small release: nothing to tell apart
        return {}
    found = {
        name: {
            "what": cut.what,
            **_beside(fold.published, whole, _logits_without(bench, number, cut)),
        }
        for name, cut in cuts_of(bench).items()
    }
    rules = _rules_alone(fold)
    return {**found, **rules} if found else {}


def without(name: str) -> str:
    """The name under which answers lie that were given without a part."""
    return f"ours_without_{name}"


def evaluate_left_out_cuts(bench: Workbench, groups: Sequence[Group]) -> dict[str, object]:
    """The same of conditions that were left out, on fold 10; empty unless all groups were.

    Args:
        bench: Whose network has the parts.
        groups: What was left out.
    """
    run = run_with_left_out(bench.run)
    whole = read_asked(run, OURS, groups)
    if whole is None:
        return {}
    found: dict[str, object] = {}
    for name, cut in cuts_of(bench).items():
        rest = read_asked(run, without(name), groups)
        if rest is not None:
            found[name] = {"what": cut.what, **_beside_left_out(whole, rest)}
    return found


def _beside_left_out(whole: Asked, rest: Asked) -> dict[str, object]:
    rows = whole.part(f"fold {TEST_FOLD}")
    tested = (whole.labels[rows] == 1).sum(axis=0) >= MIN_POSITIVES
    labels = whole.labels[rows][:, tested]
    return {
        way: _beside(
            labels, getattr(whole, way)[rows][:, tested], getattr(rest, way)[rows][:, tested]
        )
        for way in ("logits", "logits_by_signs")
    }


def _logits_without(bench: Workbench, number: int, cut: Cut) -> NDArray[np.float64]:
    with cut_out(bench.network, cut):
        return EvaluatedFold(bench, number).known_logits


def _beside(
    targets: NDArray[np.float32], whole: NDArray[np.float64], rest: NDArray[np.float64]
) -> dict[str, object]:
    result = macro_result(targets, rest)
    return {**result.rounded(), "costs": paired_bootstrap(targets, whole, rest).rounded()}


def _rules_alone(fold: EvaluatedFold) -> dict[str, object]:
    """Conditions whose signs the catalogue states: those signs alone, the k-th weighing 1/k."""
    conditions = fold.bench.conditions
    stated = [number for number, c in enumerate(conditions) if c.signs]
    if not stated:
        return {}
    rules = SignRules(partial(signs_measured, spec=fold.bench.run.config.preprocessing))
    asked = torch.from_numpy(rules.conditions([conditions[number] for number in stated]))
    scores = rules.logits(_windows(fold), asked).double().numpy()
    row = _beside(fold.published[:, stated], fold.known_logits[:, stated], scores)
    return {
        "rules_alone": {"what": "all but the catalogue's signs, weighted 1/k: no network", **row}
    }


def _windows(fold: EvaluatedFold) -> torch.Tensor:
    return torch.cat(list(fold.windows.split(len(fold.rows))))
