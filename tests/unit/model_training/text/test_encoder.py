import re
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

from model_training.peers import load_peers_config
from model_training.run.config import load_config
from model_training.text.config import TextEncoderConfig
from model_training.text.encoder import TextEncoder, round_weights_to_int8

CONFIGS = Path("model_training/recipes/configs")
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "atrial", "flutter", "sinus", "rhythm"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny BERT of random weights, saved as any other."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bert")
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def encoder(folder, pooling):
    return TextEncoder(
        TextEncoderConfig(
            name="tiny", source=str(folder), pooling=pooling, max_tokens=8, licence="MIT"
        )
    )


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_embeddings_are_unit_vectors_and_the_same_in_any_company(folder, pooling):
    tiny = encoder(folder, pooling)
    texts = ["atrial flutter", "sinus", "sinus rhythm atrial flutter sinus rhythm"]
    together = tiny.embed(texts)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    for row, text in enumerate(texts):
        np.testing.assert_allclose(tiny.embed([text])[0], together[row], atol=1e-6)


def test_cls_and_mean_pooling_differ(folder):
    assert not np.allclose(
        encoder(folder, "cls").embed(["sinus"]), encoder(folder, "mean").embed(["sinus"])
    )


def test_nothing_of_it_is_trained(folder):
    assert not any(p.requires_grad for p in encoder(folder, "cls").parameters())


def test_weights_lie_on_255_levels_a_row():
    linear = torch.nn.Linear(50, 3)
    round_weights_to_int8(linear)
    for row in linear.weight.detach():
        levels = row / (row.abs().max() / 127)
        torch.testing.assert_close(levels, levels.round(), atol=1e-3, rtol=0)


def test_a_package_that_is_not_there_is_named():
    config = TextEncoderConfig(
        name="x", source="package:no_such_package/model", pooling="cls", max_tokens=8, licence="x"
    )
    with pytest.raises(FileNotFoundError, match="no_such_package"):
        TextEncoder(config)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_is_valid_and_opens_with_its_command(path):
    load = load_peers_config if path.stem == "peers" else load_config
    load(path)
    command = path.read_text().splitlines()[0]
    assert re.match(r"# (python|torchrun .*) -m model_training\.recipes\.\w+ --config ", command)
    # The peers belong to whatever run they are compared in.
    assert path.stem == "peers" or path.as_posix() in command
