"""The text encoder learns which wordings mean the same, from text alone."""

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

from ecg_core.conditions import Catalogue
from ecg_core.prompts import PromptTemplates
from model_training.adaptation_config import TextAdaptationConfig
from model_training.entities.masking import LeftOut
from model_training.fitting import OptimiserConfig
from model_training.models.text_config import TextEncoderConfig
from model_training.models.text_encoder import TextEncoder
from model_training.recipes.workbench import meanings
from model_training.text_adaptation import adapted_text_encoder
from tests.unit.model_training.one_thread import one_thread  # noqa: F401

pytestmark = pytest.mark.usefixtures("one_thread")

WORDS = ("flutter", "saw", "tooth", "waves", "rapid", "infarct", "scar", "necrosis", "dead", "wall")
MEANINGS = (WORDS[:5], WORDS[5:])
ADAPTATION = TextAdaptationConfig(
    training=OptimiserConfig(
        epochs=60, batch_size=4, learning_rate=0.005, weight_decay=0.0, ema_decay=0.9
    ),
    word_dropout=0.0,
)
PROMPTS = PromptTemplates(templates=("{term}",))


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
    return TextEncoderConfig(
        name="tiny", source=str(folder), pooling="mean", max_tokens=8, licence="MIT"
    )


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
