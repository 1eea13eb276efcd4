"""The text encoder learns which wordings mean the same, from text alone."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

from ecg_core.conditions import Catalogue
from model_training.entities.labels.masking import LeftOut
from model_training.run.workbench import meanings
from model_training.text.adaptation import adapted_text_encoder
from model_training.text.encoder import TextEncoder
from tests.support.one_thread import one_thread  # noqa: F401
from tests.unit.model_training.text.adaptation_program import (
    ADAPTATION,
    MEANINGS,
    PROMPTS,
    WORDS,
    adapt,
    tiny_encoder,
)

PROGRAM = Path(__file__).with_name("adaptation_program.py")
REPOSITORY = Path(__file__).resolve().parents[4]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A tiny BERT of random weights."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bert")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=len(vocabulary), intermediate_size=32, **size)).save_pretrained(
        folder
    )
    return tiny_encoder(folder)


def closeness(encoder):
    """Mean cosine of wordings that mean the same, less that of those that do not."""
    one, other = (encoder.embed(texts) for texts in MEANINGS)
    return (one @ one.T).mean() + (other @ other.T).mean() - 2 * (one @ other.T).mean()


def test_wordings_that_mean_the_same_come_together(config, tmp_path):
    adapted = adapted_text_encoder(config, ADAPTATION, PROMPTS, MEANINGS, 0, tmp_path)
    plain = TextEncoder(config)
    assert closeness(adapted) > closeness(plain) + 0.2
    assert adapted.fingerprint != plain.fingerprint
    assert not any(parameter.requires_grad for parameter in adapted.parameters())


def test_processes_side_by_side_get_what_one_gets(config, tmp_path):
    alone, side_by_side = tmp_path / "alone", tmp_path / "side-by-side"
    side_by_side.mkdir()
    launcher = ["-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1"]
    program = [*launcher, "--nproc-per-node", "2", PROGRAM, config.source, side_by_side]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "GLOO_SOCKET_IFNAME": "lo"}
    subprocess.run(
        [sys.executable, *map(str, program)],
        env=environment | {"OMP_NUM_THREADS": "1"},
        cwd=REPOSITORY,
        check=True,
        timeout=300,
    )
    expected = adapt(config.source, alone).fingerprint
    said = [(side_by_side / f"fingerprint-{rank}").read_text() for rank in (0, 1)]
    assert said == [expected, expected]


def test_it_is_adapted_once_and_anew_for_other_texts(config, tmp_path):
    first = adapted_text_encoder(config, ADAPTATION, PROMPTS, MEANINGS, 0, tmp_path)
    stamps = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.pt")}
    again = adapted_text_encoder(config, ADAPTATION, PROMPTS, MEANINGS, 0, tmp_path)
    assert stamps == {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.pt")}
    np.testing.assert_array_equal(first.embed(WORDS), again.embed(WORDS))
    fewer = adapted_text_encoder(
        config, ADAPTATION, PROMPTS, (MEANINGS[0], MEANINGS[1][1:]), 0, tmp_path
    )
    assert fewer.fingerprint != first.fingerprint


def test_without_adaptation_it_is_as_it_comes(config, tmp_path):
    encoder = adapted_text_encoder(config, None, PROMPTS, MEANINGS, 0, tmp_path)
    assert encoder.fingerprint == TextEncoder(config).fingerprint
    assert not list(tmp_path.iterdir())


def test_no_text_names_what_is_left_out():
    left_out = LeftOut(["atrial-fibrillation"], Catalogue.load())
    conditions = {text for texts in meanings(left_out) for text in texts}
    assert "atrial fibrillation" in {text.lower() for texts in meanings() for text in texts}
    names = [texts for texts in meanings(left_out) if any(map(left_out.is_mentioned, texts))]
    assert names == []
    assert "sinus rhythm" in {text.lower() for text in conditions}
