"""The model card as plain data: in the bundle, and at `GET /model`."""

from collections.abc import Mapping

from ecg_core.reference import Reference
from model_training.data.labelled import LabelledRecordings
from model_training.data.releases.attributions import ATTRIBUTIONS, BENCHMARK, title_of
from model_training.run.config import RunConfig
from model_training.run.provenance import Provenance

_LONG = frozenset({"ablations", "known_conditions", "unseen_conditions"})
INTENDED_USE = "research use only; not a medical device"


def model_card(
    config: RunConfig,
    recordings: LabelledRecordings,
    results: Mapping[str, object] | None,
    reference: Reference | None = None,
    provenance: Provenance | None = None,
) -> dict[str, object]:
    """The card of a run (Mitchell et al. 2019).

    Args:
        config: The run's configuration.
        recordings: What the model was trained on, with the conditions that have labels.
        results: What `evaluate` measured, or None where it was not run.
        reference: Distributions that a service's answers are compared with, or None.
        provenance: Where the weights come from, or None where nothing says so.
    """
    watched = {} if reference is None else {"reference": reference.model_dump(mode="json")}
    origin = {} if provenance is None else {"provenance": provenance.model_dump(mode="json")}
    return {
        "name": config.name,
        "version": config.version,
        "intended_use": INTENDED_USE,
        "method": "SuPreME (arXiv 2502.19668): text queries attend to ECG features; supervised "
        "pre-training on conditions asked by text, frozen text encoder, cross-attention only",
        "training_data": _training_data(config, recordings),
        "text_encoder": _text_encoder(config),
        "trained_conditions": list(recordings.conditions),
        "limits": [
            *_LIMITS_OF.get(title_of(recordings.release), (_ONE_RELEASE,)),
            *_LIMITS,
            _FEWER_LEADS if (results or {}).get("lead_sets") else _ALL_LEADS,
        ],
        "evaluation": None if results is None else _evaluation(results),
        **watched,
        **origin,
    }


_ONE_RELEASE = (
    "Trained on one release: other devices, populations and sampling rates are hardly tested, and "
    "probabilities are calibrated to its prevalence, not to yours."
)
_LIMITS_OF = {
    "PTB-XL 1.0.3": (
        "Trained on recordings of one German hospital group (1989-1996, Schiller devices); "
        "other devices, populations and sampling rates are hardly tested.",
        "Myocardial infarction is over-represented in the training recordings: probabilities "
        "are calibrated to their prevalence, not to yours.",
        "Children and paced rhythms are hardly represented.",
    )
}
_ALL_LEADS = (
    "Never calibrated with leads missing: then trained rhythms and measurements alone are answered."
)
_FEWER_LEADS = (
    "With leads missing, in short and in poor recordings, answers are given and called calibrated "
    "only where validation recordings say so: `evaluation.lead_sets.decided`."
)
_LIMITS = (
    "Conditions of familiarity 'near' and 'unseen' were never trained: their "
    "probabilities are calibrated, if at all, to other conditions that were left out of "
    "training for that, and are marked as not calibrated.",
    "Rare conditions (fewer than about 20 training recordings) are unreliable; the "
    "evaluation names the number of classes and recordings.",
)


def _training_data(config: RunConfig, recordings: LabelledRecordings) -> list[dict[str, str]]:
    known = ATTRIBUTIONS.get(recordings.release)
    used = f"{len(recordings.ecg_ids):,} of its recordings"
    rate = f"at {config.preprocessing.sampling_rate_hz:g} Hz"
    folds = "folds 1-8 to train, 9 to calibrate, 10 to evaluate"
    entry = {"name": f"{title_of(recordings.release)}, {used} {rate}; {folds}"}
    if known is not None:
        entry |= {"attribution": known.authors, "licence": known.licence}
    if not recordings.benchmark:
        return [entry]
    sets = {"attribution": BENCHMARK.authors, "licence": BENCHMARK.licence}
    return [entry, {"name": BENCHMARK.title, **sets}]


def _text_encoder(config: RunConfig) -> dict[str, object]:
    return {
        "name": config.text_encoder.name,
        "licence": config.text_encoder.licence,
        "attribution": "Wang W, et al. MiniLM (2020); Reimers N, Gurevych I. Sentence-BERT (2019)",
    }


def _evaluation(results: Mapping[str, object]) -> dict[str, object]:
    """The figures without the long lists, which stand in the report."""
    return {name: figures for name, figures in results.items() if name not in _LONG}
