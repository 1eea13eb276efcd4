"""A trained run as a bundle: ONNX graphs, tokenizer, embeddings, manifest."""

import json
from pathlib import Path

import numpy as np

from ecg_core.bundle import (
    CONDITION_EMBEDDINGS_FILE,
    MODEL_CARD_FILE,
    TEXT_ENCODER_FILE,
    TOKENIZER_FILE,
    FamiliaritySpec,
    Manifest,
    load_bundle,
    parts_digest,
    write_manifest,
)
from ecg_core.conditions import Catalogue
from model_training.evaluation.base_rates import base_rates
from model_training.evaluation.familiarity import near_similarity
from model_training.evaluation.gate import fit_gate, gate_texts
from model_training.evaluation.lead_sets import read_lead_sets
from model_training.evaluation.reference import read_reference
from model_training.evaluation.unseen_calibration import unseen_calibration
from model_training.export.graphs import export_graph, largest_difference, store_weights_as_int8
from model_training.export.networks import export_attention, export_tokens, tokens_spec
from model_training.models.token_network import TokenNetwork
from model_training.reporting.model_card import INTENDED_USE, model_card
from model_training.run.provenance import read_provenance
from model_training.run.results import read_results
from model_training.run.workbench import Workbench
from model_training.text.languages import languages_of

PARITY = 1e-5


def export_graphs(bench: Workbench, folder: Path) -> dict[str, float]:
    """Write the graphs; returns each one's largest difference from torch.

    Raises:
        ValueError: A graph differs by more than `PARITY`.
    """
    if isinstance(bench.network, TokenNetwork):
        differences = export_tokens(bench, bench.network.eval(), folder)
    else:
        differences = export_attention(bench, bench.network.eval(), folder)
    differences[TEXT_ENCODER_FILE] = _export_text_encoder(bench, folder / TEXT_ENCODER_FILE)
    for name, difference in differences.items():
        if difference > PARITY:
            raise ValueError(f"{name} differs from torch by {difference:.1e}")
    return differences


def _export_text_encoder(bench: Workbench, path: Path) -> float:
    encoder = bench.embedder.encoder
    cases = []
    for texts in (
        ["left bundle branch block", "normal ECG"],
        ["atrial fibrillation"],
        ["a", "ST elevation of at least 1 mm in two neighbouring leads, and more besides", "QT"],
    ):
        tokens = encoder.tokenizer(texts, padding=True, return_tensors="pt")
        cases.append({name: tokens[name] for name in ("input_ids", "attention_mask")})
    axes = {0: "text", 1: "token"}
    export_graph(encoder, cases[0], "embeddings", {"input_ids": axes, "attention_mask": axes}, path)
    store_weights_as_int8(path)
    return largest_difference(encoder, path, cases)


def _save_tokenizer(bench: Workbench, path: Path) -> None:
    """As a file, not as it saves itself: training may have set padding and truncation."""
    tokenizer = bench.embedder.encoder.tokenizer.backend_tokenizer
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(path))


def _write_card(bench: Workbench, path: Path) -> None:
    run = bench.run
    results, provenance = read_results(run), read_provenance(run.folder)
    card = model_card(run.config, bench.recordings, results, read_reference(bench), provenance)
    path.write_text(json.dumps(card, indent=2) + "\n")


def write_bundle(
    bench: Workbench, folder: Path, *, with_base_rates: bool = True
) -> dict[str, float]:
    """Write a whole bundle; returns the graphs' differences from torch.

    Args:
        bench: A trained network's.
        folder: Where to.
        with_base_rates: Whether to find them, which measures every recording of fold 9.

    Raises:
        WrongRun: The results that lie in the run's folder are not of these weights.
    """
    config, catalogue = bench.run.config, Catalogue.load()
    differences = export_graphs(bench, folder)
    _save_tokenizer(bench, folder / TOKENIZER_FILE)
    trained = frozenset(bench.recordings.conditions)
    embeddings = np.where(
        np.array([[c.id in trained] for c in catalogue.conditions]),
        bench.embedder.conditions(catalogue.conditions),
        bench.embedder.untrained(catalogue.conditions),
    )
    np.save(folder / CONDITION_EMBEDDINGS_FILE, embeddings)
    _write_card(bench, folder / MODEL_CARD_FILE)
    parts = [
        config.prompts.condition_parts(condition, is_trained=condition.id in trained)
        for condition in catalogue.conditions
    ]
    calibration = unseen_calibration(bench)
    write_manifest(
        folder,
        Manifest(
            name=config.name,
            version=config.version,
            intended_use=INTENDED_USE,
            preprocessing=config.preprocessing,
            prompts=config.prompts,
            text_encoder=bench.embedder.encoder.spec,
            ecg_encoder=bench.network.encoder_spec,
            calibration=calibration,
            gate=fit_gate(bench.embedder.free_texts, *gate_texts(catalogue)),
            lead_sets=read_lead_sets(bench),
            base_rates=base_rates(bench, calibration) if with_base_rates else None,
            languages=languages_of(config.text_encoder),
            familiarity=FamiliaritySpec(near_similarity=near_similarity(bench)),
            conditions=tuple(condition.id for condition in catalogue.conditions),
            conditions_digest=parts_digest(parts),
            trained_conditions=bench.recordings.conditions,
            tokens=tokens_spec(bench) if isinstance(bench.network, TokenNetwork) else None,
            files={},
        ),
    )
    load_bundle(folder)
    return differences
