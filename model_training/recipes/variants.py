"""Named variants of a run, each with one thing changed, for `model_training.recipes.ablate`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from model_training.data.labelled import TRAINING_FOLDS, LabelledRecordings
from model_training.models.token_network import TokenNetwork, TokensConfig
from model_training.reporting.tables import BASE
from model_training.run.config import ImbalanceConfig, Run, RunConfig
from model_training.run.workbench import Relabel, Workbench

FRACTIONS = (10, 25, 50)
_NO_FOLD = 0


@dataclass(frozen=True, slots=True)
class Variant:
    """What differs from the run as it is configured.

    Attributes:
        what: For a reader.
        config: Changes the configuration.
        relabel: Changes what is trained on.
        bench: Changes the workbench before anything is trained.
        percent: Of the training recordings.
        same_branches: The branches of a fusion of tokens are those of the unchanged variant.
    """

    what: str
    config: Callable[[RunConfig], RunConfig] = lambda config: config
    relabel: Callable[[Run], Relabel] = lambda run: lambda recordings: recordings
    bench: Callable[[Workbench], Workbench] = lambda bench: bench
    percent: int = 100
    same_branches: bool = False


def variants(config: RunConfig) -> Mapping[str, Variant]:
    """All variants of a configuration by name; the unchanged one first."""
    own = _OF_TOKENS if isinstance(config.fusion, TokensConfig) else {}
    return {
        BASE: Variant("nothing"),
        **own,
        "no-imbalance": Variant(
            "a condition weighs the same where it is present as where it is absent",
            config=lambda c: c.model_copy(update={"imbalance": ImbalanceConfig(power=0.0)}),
        ),
        **{
            f"recordings-{percent}": Variant(
                f"{percent} % of the training recordings",
                relabel=lambda run, percent=percent: lambda r: fewer(r, percent, run.config.seed),  # type: ignore[misc]
                percent=percent,
            )
            for percent in FRACTIONS
        },
    }


def _without_waveform(bench: Workbench) -> Workbench:
    if not isinstance(bench.network, TokenNetwork):
        raise TypeError("the run's fusion has no tokens")
    bench.network.tokens.without_waveform = True
    return bench


_OF_TOKENS: Mapping[str, Variant] = {
    "no-signs": Variant(
        "no measured sign at any query: the waveform alone",
        config=lambda c: _part(c, "fusion", sign_share=0.0, measured_share=0.0),
        same_branches=True,
    ),
    "no-waveform": Variant(
        "the measured signs alone",
        config=lambda c: _part(c, "fusion", sign_share=1.0, measured_share=1.0),
        bench=_without_waveform,
        same_branches=True,
    ),
    "no-missing-leads": Variant(
        "no lead is missing in training",
        config=lambda c: _part(c, "augmentation", missing_leads=0.0),
    ),
}


def _part(config: RunConfig, name: str, **changes: object) -> RunConfig:
    part = getattr(config, name).model_copy(update=changes)
    return config.model_copy(update={name: part})


def fewer(recordings: LabelledRecordings, percent: int, seed: int) -> LabelledRecordings:
    """Take the other training recordings out of their folds; fewer are among more."""
    order = np.random.default_rng(seed).permutation(recordings.rows(*TRAINING_FOLDS))
    folds = recordings.folds.copy()
    folds[order[max(1, round(len(order) * percent / 100)) :]] = _NO_FOLD
    return replace(recordings, folds=folds)
