"""Named variants of a run, each with one thing changed, for `model_training.recipes.ablate`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import torch

from ecg_core.conditions import Catalogue, Condition
from model_training.data.labelled import TRAINING_FOLDS, LabelledRecordings
from model_training.data.releases.labels import affirmed_broader
from model_training.entities import Status
from model_training.entities.rules.extractor import shipped_extractor
from model_training.models.network import CardioQueryNetwork
from model_training.models.token_network import TokenNetwork, TokensConfig
from model_training.models.vit import VitEncoderConfig
from model_training.reporting.tables import BASE
from model_training.run.config import ImbalanceConfig, Run, RunConfig
from model_training.run.workbench import Relabel, Workbench

QUERIES_IN_A_STEP = (5, 20)
FRACTIONS = (10, 25, 50)
_MIN_REPORTS = 20
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


_WITHOUT_SIGNS = Variant(
    "no measured signs beside the conditions",
    config=lambda c: c.model_copy(update={"signs": None}),
)
_WITHOUT_ADAPTATION = Variant(
    "the text encoder is taken as it comes",
    config=lambda c: c.model_copy(update={"text_adaptation": None}),
)


def variants(config: RunConfig) -> Mapping[str, Variant]:
    """All variants of a configuration by name; the unchanged one first."""
    if isinstance(config.fusion, TokensConfig):
        own = _OF_TOKENS
    else:
        own = _of_memory(config) if config.fusion.memory else {}
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


def _of_memory(config: RunConfig) -> Mapping[str, Variant]:
    """Those of a fusion with a memory."""
    return {
        "no-adapter": Variant("no adapter on the query embeddings", bench=_without_adapter),
        "one-wording": Variant(
            "every condition is always asked by its name and description",
            config=lambda c: _part(c, "wordings", canonical_share=1.0, noise=0.0),
        ),
        "no-descriptions": Variant("conditions have no description", bench=_WithoutDescriptions.of),
        "no-lead-dropout": Variant(
            "no lead is dropped from training windows",
            config=lambda c: _part(c, "augmentation", lead_dropout=0.0),
        ),
        **{
            f"queries-{count}": Variant(
                f"a step of the fusion asks {count} conditions and signs, drawn by chance",
                config=lambda c, count=count: _part(c, "wordings", queries_in_a_step=count),  # type: ignore[misc]
            )
            for count in QUERIES_IN_A_STEP
        },
        **({"no-signs": _WITHOUT_SIGNS} if config.signs else {}),
        **({"no-text-adaptation": _WITHOUT_ADAPTATION} if config.text_adaptation else {}),
        "report-entities": Variant(
            f"conditions that {_MIN_REPORTS} or more reports affirm are labels as well",
            relabel=_with_report_entities,
        ),
        "encoder-vit": Variant(
            "the ECG encoder is a transformer of about as many parameters",
            config=_with_transformer,
        ),
    }


def _with_transformer(config: RunConfig) -> RunConfig:
    samples = config.preprocessing.window_samples
    encoder = VitEncoderConfig(
        window_samples=samples, patch_samples=samples // 100, width=96, depth=5, feed_forward=384,
        branches=config.ecg_encoder.branches,
    )  # fmt: skip
    return config.model_copy(update={"ecg_encoder": encoder})


def _part(config: RunConfig, name: str, **changes: object) -> RunConfig:
    part = getattr(config, name).model_copy(update=changes)
    return config.model_copy(update={name: part})


def fewer(recordings: LabelledRecordings, percent: int, seed: int) -> LabelledRecordings:
    """Take the other training recordings out of their folds; fewer are among more."""
    order = np.random.default_rng(seed).permutation(recordings.rows(*TRAINING_FOLDS))
    folds = recordings.folds.copy()
    folds[order[max(1, round(len(order) * percent / 100)) :]] = _NO_FOLD
    return replace(recordings, folds=folds)


@torch.no_grad()
def _without_adapter(bench: Workbench) -> Workbench:
    """Hold both adapters at zero: the raw embeddings are compared, and only scaled for fusion."""
    network = bench.network
    if not isinstance(network, CardioQueryNetwork) or network.fusion.memory is None:
        raise TypeError("the run's fusion has no memory")
    for layer in (network.fusion.memory.adapter, network.fusion.adapter[-1]):
        for parameter in layer.parameters():
            parameter.zero_()
            parameter.requires_grad = False
    return bench


class _WithoutDescriptions(Workbench):
    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        return tuple(c.model_copy(update={"description": c.name}) for c in super().conditions)

    @staticmethod
    def of(bench: Workbench) -> Workbench:
        return _WithoutDescriptions(**{f.name: getattr(bench, f.name) for f in fields(bench)})


def _with_report_entities(run: Run) -> Relabel:
    return lambda recordings: with_entities(recordings, [*recordings.reports])


def with_entities(
    recordings: LabelledRecordings, reports: list[str], least: int = _MIN_REPORTS
) -> LabelledRecordings:
    """Add a column for each condition that so many reports affirm and no label names.

    1 where a report affirms it, 0 where it does not mention or denies it, NaN where it is not sure
    or where there is no report.
    """
    extract = shipped_extractor().extract
    said = [{e.condition_id: e.status for e in extract(report)} for report in reports]
    affirmed = [{c for c, status in one.items() if status == Status.PRESENT} for one in said]
    names = sorted({name for one in affirmed for name in one} - set(recordings.conditions))
    names = [name for name in names if sum(name in one for one in affirmed) >= least]
    values = {Status.PRESENT: 1.0, Status.ABSENT: 0.0, None: 0.0}
    added = [
        [values.get(one.get(name), np.nan) if report else np.nan for name in names]
        for one, report in zip(said, reports, strict=True)
    ]
    columns = np.array(added, dtype=np.float32).reshape(len(reports), len(names))
    conditions = (*recordings.conditions, *names)
    taught, published = (
        np.concatenate([known, columns], axis=1)
        for known in (recordings.targets, recordings.published)
    )
    return replace(
        recordings,
        conditions=conditions,
        targets=affirmed_broader(conditions, taught, Catalogue.load()),
        published_targets=published,
    )
