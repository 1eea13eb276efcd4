"""torch and ONNX agree to 1e-5, each graph and end to end, with the text encoder that ships."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ecg_core.bundle import (
    CONDITION_EMBEDDINGS_FILE,
    ECG_ENCODER_FILE,
    FUSION_FILE,
    TEXT_ENCODER_FILE,
    load_bundle,
)
from ecg_core.calibration import Calibration
from ecg_core.conditions import Catalogue
from ecg_core.errors import InvalidBundle
from ecg_core.prompts import PromptTemplates
from ecg_core.reference import reference_in
from model_training.data.labelled import VALIDATION_FOLD, LabelledRecordings
from model_training.evaluation.reference import read_reference, reference
from model_training.export.bundle import PARITY
from model_training.export.graphs import run_graph, store_weights_as_int8
from model_training.models.network import CardioQueryNetwork
from model_training.reporting.model_card import model_card
from model_training.run.config import Run, load_config
from model_training.run.workbench import Workbench
from model_training.text.encoder import TextEncoder
from model_training.text.wordings import QueryEmbedder, TrainingWordings
from tests.support.exporting import EXPORTER_WARNINGS

CONFIG = Path("model_training/recipes/configs/supreme.yaml")
# Of each recording, to two queries: fresh weights hardly tell one from another.
GOLDEN_LOGITS = [
    [-0.33023, -0.31024],
    [-0.33613, -0.31611],
    [-0.32923, -0.30889],
    [-0.32785, -0.30787],
    [-0.32823, -0.30762],
]
CONDITIONS = ("normal-ecg", "atrial-fibrillation", "complete-left-bundle-branch-block")

pytestmark = EXPORTER_WARNINGS


@pytest.fixture(scope="module")
def bench(run_folder):
    torch.manual_seed(0)
    prompts = PromptTemplates(untrained_by_signs=True)
    config = load_config(CONFIG).model_copy(update={"prompts": prompts})
    encoder = TextEncoder(config.text_encoder)
    spec = config.preprocessing
    windows = np.random.default_rng(0).normal(size=(5, 12, spec.window_samples))
    recordings = LabelledRecordings(
        ecg_ids=np.arange(5),
        folds=np.array([1, 2, 3, 9, 10]),
        windows=windows.astype(np.float32),
        conditions=CONDITIONS,
        targets=np.zeros((5, len(CONDITIONS)), dtype=np.float32),
        benchmark={},
        left_out={},
    )
    run = Run(config, Path("unused"), run_folder)
    network = CardioQueryNetwork(
        config.ecg_encoder,
        config.fusion,
        spec,
        text_dimension=encoder.spec.dimension,
    )
    embedder = QueryEmbedder(encoder, config.prompts, run.cache)
    return Workbench(run, recordings, embedder, network.eval())


def encoded(folder, windows):
    return run_graph(folder / ECG_ENCODER_FILE, {"windows": windows})


def test_every_graph_agrees_with_torch(exported):
    _, differences = exported
    assert set(differences) == {ECG_ENCODER_FILE, FUSION_FILE, TEXT_ENCODER_FILE}
    assert max(differences.values()) <= PARITY


def test_the_reference_is_what_the_bundle_says_of_fold_9(bench, exported):
    folder, _ = exported
    made = reference(bench)
    rows = bench.recordings.rows(VALIDATION_FOLD)
    assert sum(made.top_probability.counts) == len(rows)
    features = encoded(folder, bench.recordings.windows[rows])
    feeds = {"features": features, "query_embeddings": bench.canonical.numpy()}
    logits = run_graph(folder / FUSION_FILE, feeds)
    known = np.ones(len(CONDITIONS), dtype=bool)
    top = Calibration(temperature=1.3).probabilities(logits, known).max()
    shares = made.top_probability.cumulated_shares()
    assert next(bound for bound, share in shares.items() if share == 1.0) >= top
    assert [bound for bound, share in shares.items() if share == 0.0][-1] < top


def test_the_references_texts_are_the_trained_wordings(bench):
    made = reference(bench).query_similarity
    assert sum(made.counts) == sum(len(c.wordings) for c in bench.conditions)
    # A condition's own wordings come closer than chance, though not to the letter.
    assert made.cumulated_shares()[0.3] < 0.2


def test_the_card_has_the_reference_of_a_run_that_made_one(bench):
    assert read_reference(bench) is None
    bench.reference_file.write_text(reference(bench).model_dump_json())
    card = model_card(bench.run.config, bench.recordings, None, read_reference(bench))
    assert reference_in(json.loads(json.dumps(card))) == reference(bench)
    assert reference_in(model_card(bench.run.config, bench.recordings, None)) is None


def test_end_to_end_agrees_with_torch(bench, exported):
    folder, _ = exported
    texts = ["ST elevation in V2 and V3", "Vorhofflimmern"]
    tokens = bench.embedder.encoder.tokenizer(texts, padding=True, return_tensors="np")
    inputs = {name: tokens[name] for name in ("input_ids", "attention_mask")}
    queries = run_graph(folder / TEXT_ENCODER_FILE, inputs)
    features = encoded(folder, bench.recordings.windows)
    logits = run_graph(folder / FUSION_FILE, {"features": features, "query_embeddings": queries})
    windows = torch.from_numpy(bench.recordings.windows)
    embedded = torch.from_numpy(bench.embedder.encoder.embed(texts))
    expected = bench.network.score(windows, embedded).numpy()
    np.testing.assert_allclose(logits, expected, atol=PARITY)
    # What this bundle always answered: fresh weights of one seed on noise of one seed.
    np.testing.assert_allclose(logits, GOLDEN_LOGITS, atol=1e-3)


def test_the_bundle_is_whole_and_tells_of_no_machine(exported):
    folder, _ = exported
    manifest = load_bundle(folder).manifest
    assert manifest.trained_conditions == CONDITIONS
    assert manifest.ecg_encoder.signs == ()
    assert len(manifest.conditions) == len(Catalogue.load().conditions)
    for file in folder.iterdir():
        content = file.read_bytes()
        assert str(Path.cwd()).encode() not in content
        assert b"site-packages" not in content


def test_an_altered_graph_is_refused(exported, tmp_path):
    folder, _ = exported
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with (tmp_path / FUSION_FILE).open("r+b") as stream:
        stream.seek(100)
        stream.write(b"?")
    with pytest.raises(InvalidBundle, match=FUSION_FILE):
        load_bundle(tmp_path)


def test_weights_off_the_int8_grid_are_refused(exported, tmp_path):
    folder, _ = exported
    copy = tmp_path / FUSION_FILE
    copy.write_bytes((folder / FUSION_FILE).read_bytes())
    with pytest.raises(ValueError, match="int8 grid"):
        store_weights_as_int8(copy)


def test_texts_are_embedded_alone_as_in_company(bench):
    texts = ["atrial flutter", "a much longer text, so that the others are padded", "QT"]
    together = bench.embedder.encoder.embed(texts)
    alone = np.concatenate([bench.embedder.encoder.embed([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_wordings_are_unit_vectors_and_the_canonical_one_is_the_services(bench):
    conditions = [Catalogue.load().get(name) for name in CONDITIONS]
    always = TrainingWordings(conditions, bench.embedder, canonical_share=1.0)
    torch.testing.assert_close(always.draw(noise=0.0), bench.canonical)
    never = TrainingWordings(conditions, bench.embedder, canonical_share=0.0).draw(noise=0.2)
    torch.testing.assert_close(never.norm(dim=1), torch.ones(3))
    assert not torch.allclose(never, bench.canonical, atol=0.05)


def test_what_was_not_trained_is_asked_by_its_signs(bench, exported):
    folder, _ = exported
    rows = np.load(folder / CONDITION_EMBEDDINGS_FILE)
    catalogue = Catalogue.load()
    place = [c.id for c in catalogue.conditions].index("left-anterior-fascicular-block")
    signs = bench.embedder.free_texts(catalogue.conditions[place].signs)
    weighted = (signs / np.arange(1, len(signs) + 1)[:, np.newaxis]).sum(axis=0)
    np.testing.assert_allclose(rows[place], weighted / np.linalg.norm(weighted), atol=1e-5)
    trained = [c.id for c in catalogue.conditions].index(CONDITIONS[0])
    np.testing.assert_allclose(rows[trained], bench.canonical[0], atol=1e-6)
