"""The model card as plain data: in the bundle, and at `GET /model`."""

from collections.abc import Mapping, Sequence

from ecg_core.reference import Reference
from model_training.recipes.config import RunConfig

_LONG = frozenset({"ablations", "known_conditions", "unseen_conditions"})
INTENDED_USE = "research use only; not a medical device"


def model_card(
    config: RunConfig,
    trained_conditions: Sequence[str],
    results: Mapping[str, object] | None,
    reference: Reference | None = None,
) -> dict[str, object]:
    """The card of a run (Mitchell et al. 2019).

    Args:
        config: The run's configuration.
        trained_conditions: Ids of the conditions that the model was trained on.
        results: What `evaluate` measured, or None where it was not run.
        reference: Distributions that a service's answers are compared with, or None.
    """
    watched = {} if reference is None else {"reference": reference.model_dump(mode="json")}
    return {
        "name": config.name,
        "version": config.version,
        "intended_use": INTENDED_USE,
        "method": "SuPreME (arXiv 2502.19668): text queries attend to ECG features; supervised "
        "pre-training on conditions asked by text, frozen text encoder, cross-attention only",
        "training_data": [
            {
                "name": "PTB-XL 1.0.3, 4,322 of its recordings at 100 Hz; folds 1-8 to train, "
                "9 to calibrate, 10 to evaluate",
                "attribution": "Wagner P, Strodthoff N, Bousseljot R-D, Samek W, Schaeffer T. "
                "PTB-XL, a large publicly available electrocardiography dataset. PhysioNet (2022)",
                "licence": "CC BY 4.0",
            },
            {
                "name": "Label sets and splits of the MERL zero-shot benchmark",
                "attribution": "Liu C, Wan Z, Ouyang C, et al. Zero-shot ECG classification with "
                "multimodal learning and test-time clinical knowledge enhancement. ICML 2024",
                "licence": "MIT",
            },
        ],
        "text_encoder": _text_encoder(config),
        "trained_conditions": list(trained_conditions),
        "limits": [
            "Trained on recordings of one German hospital group (1989-1996, Schiller devices); "
            "other devices, populations and sampling rates are hardly tested.",
            "Myocardial infarction is over-represented in the training recordings: probabilities "
            "are calibrated to their prevalence, not to yours.",
            "Conditions of familiarity 'near' and 'unseen' were never trained: their "
            "probabilities are calibrated, if at all, to other conditions that were left out of "
            "training for that, and are marked as not calibrated.",
            "Rare conditions (fewer than about 20 training recordings) are unreliable; the "
            "evaluation names the number of classes and recordings.",
            "Children and paced rhythms are hardly represented.",
        ],
        "evaluation": None if results is None else _evaluation(results),
        **watched,
    }


def _text_encoder(config: RunConfig) -> dict[str, object]:
    adapted_to = "wordings of ECG conditions and signs, from text alone"
    return {
        "name": config.text_encoder.name,
        "licence": config.text_encoder.licence,
        "attribution": "Wang W, et al. MiniLM (2020); Reimers N, Gurevych I. Sentence-BERT (2019)",
        "adapted_to": adapted_to if config.text_adaptation else None,
    }


def _evaluation(results: Mapping[str, object]) -> dict[str, object]:
    """The figures without the long lists, which stand in the report."""
    return {name: figures for name, figures in results.items() if name not in _LONG}
