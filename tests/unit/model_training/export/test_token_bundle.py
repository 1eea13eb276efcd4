"""A fusion of tokens as a bundle: graphs agree with torch, and the service answers by it."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from ecg_core.asking.composing import Leaf
from ecg_core.bundle import (
    ECG_ENCODER_FILE,
    FUSION_FILE,
    TEXT_ATTENTION_FILE,
    TEXT_ENCODER_FILE,
    TokensSpec,
    load_bundle,
    write_manifest,
)
from ecg_core.calibration import Calibration
from ecg_core.conditions import Catalogue
from ecg_core.conditions.question import UnanswerableReason
from ecg_core.errors import InvalidBundle
from ecg_core.lead_sets import LeadSet, LeadSets
from ecg_core.signs import SIGNS, signs_measured
from model_training.data.labelled import VALIDATION_FOLD
from model_training.evaluation.gate import fit_gate, gate_texts
from model_training.evaluation.lead_sets import read_lead_sets
from model_training.export.bundle import PARITY, write_bundle
from model_training.export.graphs import run_graph
from model_training.text.config import TextEncoderConfig
from model_training.text.e5_folder import write_folder
from model_training.text.encoder import TextEncoder
from model_training.text.packed import read_packed
from model_training.text.word_pieces import LANGUAGES
from model_training.text.wordings import QueryEmbedder
from service.engine.diagnosis import Question
from service.engine.inference.onnx import RuntimeOptions, load_model
from service.engine.loading import load_engine
from tests.benchmarks.engine_fold import open_fold
from tests.benchmarks.words_figures import evaluate_gate
from tests.support.exporting import EXPORTER_WARNINGS
from tests.support.recordings import make_recording, make_wfdb
from tests.support.token_networks import (
    CONDITIONS,
    make_token_bench,
    planted_recordings,
    tiny_config,
)
from tests.unit.model_training.text.packed_files import HIDDEN, model_tensors, packed_file

pytestmark = EXPORTER_WARNINGS


@pytest.fixture(scope="module")
def bench(run_folder):
    torch.manual_seed(0)
    config = tiny_config()
    embedder = QueryEmbedder(TextEncoder(config.text_encoder), config.prompts, run_folder / "cache")
    bench = make_token_bench(config, planted_recordings(20), embedder, run_folder)
    network = bench.network.eval()
    network.fusion.standardise(3 * torch.randn(40, network.naming.concepts))
    torch.nn.init.normal_(network.naming.adapter.weight, std=0.01)
    bench.listen()
    return bench


def test_every_graph_agrees_with_torch(exported):
    _, differences = exported
    names = {ECG_ENCODER_FILE, TEXT_ATTENTION_FILE, FUSION_FILE, TEXT_ENCODER_FILE}
    assert set(differences) == names
    assert max(differences.values()) <= PARITY


def test_the_manifest_says_what_the_tokens_stand_for(bench, exported):
    folder, _ = exported
    tokens = load_bundle(folder).manifest.tokens
    assert tokens is not None
    assert tokens.conditions == CONDITIONS
    assert tokens.signs == tuple(sign.name for sign in SIGNS)
    assert len(tokens.composed) == len(bench.concepts.composed) > 50
    assert not set(tokens.conditions) & set(tokens.composed)


@pytest.fixture(scope="module")
def model(exported):
    folder, _ = exported
    return load_model(load_bundle(folder), RuntimeOptions())


LEAVES = (
    Leaf(condition="atrial-fibrillation"),
    Leaf(sign=SIGNS[7].name),
    Leaf(text="an irregular rhythm without P waves"),
    Leaf(condition="first-degree-av-block"),
)


def embeddings_of(bench, leaves):
    said = [leaf.condition or leaf.sign or leaf.text for leaf in leaves]
    return bench.embedder.free_texts([text.replace("-", " ") for text in said])


def test_the_service_answers_as_torch_does(bench, model):
    windows = bench.recordings.windows[:3].copy()
    windows[:, 8:] = 0  # leads that are not there
    signs = signs_measured(windows, bench.run.config.preprocessing)
    signs[0, :10] = 1.5
    catalogue = Catalogue.load()
    queries = bench.queries
    rows = np.concatenate(
        [
            queries.conditions([catalogue.get("atrial-fibrillation")]),
            np.eye(bench.network.naming.concepts, dtype=np.float32)[[len(CONDITIONS) + 7]],
            queries.free_texts([LEAVES[2].text]),
            queries.conditions([catalogue.get("first-degree-av-block")]),
        ]
    )
    asked = model.fusion.asked(LEAVES, embeddings_of(bench, LEAVES))
    np.testing.assert_allclose(asked, rows, atol=PARITY)
    with torch.inference_mode():
        logits = bench.network(*map(torch.from_numpy, (windows, signs, rows))).mean(0).numpy()
    answered = model.fusion.logits(model.ecg_encoder.encode(windows, signs), asked)
    np.testing.assert_allclose(answered, logits, atol=PARITY)


def test_what_else_is_asked_changes_no_answer(bench, model):
    windows = bench.recordings.windows[:1]
    tokens = model.ecg_encoder.encode(
        windows, signs_measured(windows, bench.run.config.preprocessing)
    )
    embedded = embeddings_of(bench, LEAVES)
    together = model.fusion.logits(tokens, model.fusion.asked(LEAVES, embedded))
    for place in range(len(LEAVES)):
        one = slice(place, place + 1)
        alone = model.fusion.logits(tokens, model.fusion.asked(LEAVES[one], embedded[one]))
        np.testing.assert_allclose(alone, together[one], atol=1e-6)


def test_a_recording_is_diagnosed_with_the_bundle(exported):
    folder, _ = exported
    engine = load_engine(folder)
    files = make_wfdb(make_recording(sampling_rate_hz=100.0))
    texts = ("atrial fibrillation", "PR interval above 200 ms", "irregular with no P waves")
    found = engine.diagnose(files, Question(queries=texts)).findings
    assert len(found) == len(texts)
    assert all(finding.probability is None or 0 <= finding.probability <= 1 for finding in found)
    again = engine.diagnose(files, Question(queries=texts[:1])).findings[0]
    first = next(f for f in found if f.query.text == texts[0])
    assert again.probability == pytest.approx(first.probability, abs=1e-6)


def test_fewer_leads_are_answered_as_the_run_decided(bench, exported, tmp_path):
    decided = LeadSets(
        sets=(
            LeadSet(name="II", leads=("II",), temperature=2.0, bias=0.0,
                    calibrated=(CONDITIONS[1],), uncalibrated=(CONDITIONS[2],)),
        ),
        shortest_calibrated_s=5.0,
        poor_is_calibrated=False,
    )  # fmt: skip
    bench.lead_sets_file.write_text(decided.model_dump_json())
    assert read_lead_sets(bench) == decided
    folder = tmp_path / "bundle"
    shutil.copytree(exported[0], folder)
    manifest = load_bundle(folder).manifest
    assert manifest.lead_sets is None  # nothing was decided when it was exported
    write_manifest(folder, manifest.model_copy(update={"lead_sets": decided}))
    files = make_wfdb(make_recording(sampling_rate_hz=100.0, leads=("II",)))
    texts = ("normal ECG", "atrial fibrillation", "complete left bundle branch block",
             "first degree AV block", "heart rate above 50")  # fmt: skip
    asked = Question(queries=texts, allow_missing_leads=True)
    found = {f.query.text: f for f in load_engine(folder).diagnose(files, asked).findings}
    said = {text: (found[text].probability is not None, found[text].calibrated) for text in texts}
    assert [said[text] for text in texts[:3]] == [(False, False), (True, True), (True, False)]
    assert found[texts[0]].reason is UnanswerableReason.MISSING_LEADS
    assert not found[texts[3]].calibrated


def test_the_gate_is_fitted_on_the_bundles_own_text_encoder(exported):
    folder, _ = exported
    engine = load_engine(folder)
    gate = load_bundle(folder).manifest.gate
    assert gate is not None
    texts = ["my heart races at night", "the kidney is inflamed"]
    embeddings = [engine.answerer.embeddings.embed_term(text) for text in texts]
    assert gate.probability(embeddings[0]) > gate.probability(embeddings[1])
    figures = evaluate_gate(
        lambda text: gate.probability(engine.answerer.embeddings.embed_term(text))
    )
    # By the embedding alone of an encoder that nothing adapted, on texts that it never saw.
    assert figures["auroc"] > 0.9


def test_a_bundle_without_its_text_attention_is_refused(exported, tmp_path):
    folder, _ = exported
    for file in folder.iterdir():
        if file.name != TEXT_ATTENTION_FILE:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(InvalidBundle, match=TEXT_ATTENTION_FILE):
        load_bundle(tmp_path)


def test_tokens_of_other_signs_are_an_invalid_bundle(exported):
    folder, _ = exported
    bundle = load_bundle(folder)
    tokens = bundle.manifest.tokens
    assert isinstance(tokens, TokensSpec)
    other = tokens.model_copy(update={"signs": tokens.signs[::-1]})
    manifest = bundle.manifest.model_copy(update={"tokens": other})
    with pytest.raises(InvalidBundle, match="signs"):
        load_model(replace(bundle, manifest=manifest), RuntimeOptions())


def test_attention_of_texts_in_the_graph_adds_up_to_one(bench, exported):
    folder, _ = exported
    embedded = bench.embedder.free_texts(["a", "broad QRS", "Vorhofflimmern"])
    rows = run_graph(folder / TEXT_ATTENTION_FILE, {"query_embeddings": embedded})
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)


@pytest.fixture(scope="module")
def european(tmp_path_factory):
    """The folder of a bundle whose text encoder is a tiny one of `make text-encoder`."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("european")
    (folder / "packed.bin").write_bytes(packed_file(model_tensors()))
    packed = read_packed(folder / "packed.bin")
    write_folder(packed, range(len(packed.pieces)), folder / "e5")
    encoder = TextEncoderConfig(
        name="multilingual-e5-small", source=f"folder:{folder / 'e5'}", pooling="mean",
        max_tokens=64, licence="MIT",
    )  # fmt: skip
    config = tiny_config(text_encoder=encoder)
    (folder / "calibration.json").write_text(Calibration().model_dump_json())
    embedder = QueryEmbedder(TextEncoder(encoder), config.prompts, folder / "cache")
    bench = make_token_bench(config, planted_recordings(20), embedder, folder)
    bench.network.fusion.standardise(3 * torch.randn(40, bench.network.naming.concepts))
    bench.listen()
    bundle = folder / "bundle"
    bundle.mkdir()
    write_bundle(bench, bundle)
    return bench, bundle


def test_a_bundle_of_another_text_encoder_has_a_gate_of_its_own(european):
    bench, folder = european
    manifest = load_bundle(folder).manifest
    assert manifest.languages == LANGUAGES
    assert manifest.gate is not None
    assert len(manifest.gate.weights) == manifest.text_encoder.dimension == HIDDEN
    service = load_engine(folder).answerer.embeddings
    texts = gate_texts(Catalogue.load())
    fitted = fit_gate(bench.embedder.free_texts, *texts)
    assert fitted.threshold == pytest.approx(manifest.gate.threshold, abs=1e-6)
    for text in (texts[0][0], texts[2][0], "Vorhofflattern, aber nachts"):
        said = manifest.gate.probability(service.embed_term(text))
        expected = fitted.probability(bench.embedder.free_texts([text])[0])
        assert said == pytest.approx(expected, abs=1e-4)


def test_base_rates_are_what_the_engine_answers_on_fold_9(european):
    bench, folder = european
    engine, manifest = load_engine(folder), load_bundle(folder).manifest
    queries, answers = open_fold(engine, bench.recordings, VALIDATION_FOLD).all_conditions()
    means = dict(zip((q.condition.id for q in queries), answers.mean(axis=0), strict=True))
    rates = manifest.base_rates
    untrained = set(means) - set(CONDITIONS)
    assert len(untrained) > 100
    assert untrained <= set(rates)
    for name in untrained:
        assert rates[name] == pytest.approx(means[name], rel=1e-4), name
    targets = bench.recordings.targets[bench.recordings.folds <= 8]
    assert rates["normal-ecg"] == pytest.approx(float(targets[:, 0].mean()))
    assert "complete-left-bundle-branch-block" not in rates  # nothing says whether it is there


def test_the_list_that_nobody_asked_for_has_two_parts(european):
    _, folder = european
    files = make_wfdb(make_recording(sampling_rate_hz=100.0))
    found = load_engine(folder).diagnose(files, Question()).findings
    trained = [f.query.condition.trained for f in found]
    assert trained == sorted(trained, reverse=True)
    lifts = [f.lift for f in found if not f.query.condition.trained]
    assert lifts == sorted(lifts, reverse=True)
    assert lifts[0] > lifts[-1] > 0
