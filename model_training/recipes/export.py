"""Export to the bundle that the service loads: ONNX graphs, tokenizer, embeddings, manifest.

Every graph is compared with its torch module before the bundle replaces the one that is there.
"""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ecg_core.bundle import (
    CONDITION_EMBEDDINGS_FILE,
    ECG_ENCODER_FILE,
    FUSION_FILE,
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
from model_training.onnx_export import export_graph, largest_difference, store_weights_as_int8
from model_training.recipes.calibrate_unseen import unseen_calibration
from model_training.recipes.config import read_run
from model_training.recipes.familiarity import near_similarity
from model_training.recipes.model_card import INTENDED_USE, model_card
from model_training.recipes.reference import read_reference
from model_training.recipes.report import RESULTS
from model_training.recipes.workbench import Workbench, restored_workbench

BUNDLE = Path("service/bundle")
PARITY = 1e-5


def export_graphs(bench: Workbench, folder: Path) -> dict[str, float]:
    """Write the three graphs; returns each one's largest difference from torch.

    Raises:
        ValueError: A graph differs by more than `PARITY`.
    """
    bench.network.eval()
    differences = {
        ECG_ENCODER_FILE: _export_ecg_encoder(bench, folder / ECG_ENCODER_FILE),
        FUSION_FILE: _export_fusion(bench, folder / FUSION_FILE),
        TEXT_ENCODER_FILE: _export_text_encoder(bench, folder / TEXT_ENCODER_FILE),
    }
    for name, difference in differences.items():
        if difference > PARITY:
            raise ValueError(f"{name} differs from torch by {difference:.1e}")
    return differences


def _export_ecg_encoder(bench: Workbench, path: Path) -> float:
    windows = torch.from_numpy(bench.recordings.windows[:5])
    network = bench.network
    whole = {"windows": windows}
    module: nn.Module = network.encoder
    if network.measured is not None:
        whole |= {"signs": network.signs(windows)}
        module = network.features.eval()
    some, one = ({name: rows[:count] for name, rows in whole.items()} for count in (2, 1))
    dynamic = {name: {0: "window"} for name in whole}
    export_graph(module, some, "features", dynamic, path)
    return largest_difference(module, path, [whole, one])


def _export_fusion(bench: Workbench, path: Path) -> float:
    with torch.inference_mode():
        windows = torch.from_numpy(bench.recordings.windows[:3])
        features = bench.network.features(windows, bench.network.signs(windows))
    features, queries = features.clone(), bench.canonical
    module = bench.network.fusion
    cases = [
        {"features": features[:rows], "query_embeddings": queries[:count]}
        for rows, count in ((2, 3), (1, 1), (3, len(queries)))
    ]
    dynamic = {"features": {0: "window"}, "query_embeddings": {0: "query"}}
    export_graph(module, cases[0], "logits", dynamic, path)
    return largest_difference(module, path, cases)


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


def write_bundle(bench: Workbench, folder: Path) -> dict[str, float]:
    """Write a whole bundle; returns the graphs' differences from torch."""
    config, catalogue = bench.run.config, Catalogue.load()
    differences = export_graphs(bench, folder)
    # The file, not the tokenizer's own saving: training may have set padding and truncation.
    bench.embedder.encoder.tokenizer.backend_tokenizer.no_padding()
    bench.embedder.encoder.tokenizer.backend_tokenizer.no_truncation()
    bench.embedder.encoder.tokenizer.backend_tokenizer.save(str(folder / TOKENIZER_FILE))
    trained = frozenset(bench.recordings.conditions)
    embeddings = np.where(
        np.array([[c.id in trained] for c in catalogue.conditions]),
        bench.embedder.conditions(catalogue.conditions),
        bench.embedder.untrained(catalogue.conditions),
    )
    np.save(folder / CONDITION_EMBEDDINGS_FILE, embeddings)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else None
    card = model_card(config, bench.recordings.conditions, results, read_reference(bench))
    (folder / MODEL_CARD_FILE).write_text(json.dumps(card, indent=2) + "\n")
    parts = [
        config.prompts.condition_parts(condition, is_trained=condition.id in trained)
        for condition in catalogue.conditions
    ]
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
            calibration=unseen_calibration(bench),
            familiarity=FamiliaritySpec(near_similarity=near_similarity(bench)),
            conditions=tuple(condition.id for condition in catalogue.conditions),
            conditions_digest=parts_digest(parts),
            trained_conditions=bench.recordings.conditions,
            files={},
        ),
    )
    load_bundle(folder)
    return differences


def main() -> None:
    """Export a trained, calibrated and evaluated run."""
    run = read_run(__doc__)
    bench = restored_workbench(run)
    with tempfile.TemporaryDirectory(dir=run.folder) as scratch:
        folder = Path(scratch) / "bundle"
        folder.mkdir()
        differences = write_bundle(bench, folder)
        shutil.rmtree(BUNDLE, ignore_errors=True)
        shutil.move(folder, BUNDLE)
    for name, difference in differences.items():
        print(f"{name}: largest difference from torch {difference:.1e}")


if __name__ == "__main__":
    main()
