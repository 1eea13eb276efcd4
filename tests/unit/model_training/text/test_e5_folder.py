"""A packed model becomes a folder that the text encoder loads, whole or with fewer word pieces."""

import hashlib
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from torch.nn import functional

from model_training.text import encoder as text_encoder
from model_training.text.config import TextEncoderConfig
from model_training.text.e5_folder import PREFIX, tokenizer_of, write_folder
from model_training.text.encoder import TextEncoder
from model_training.text.packed import read_packed
from model_training.text.source import NoWeights
from model_training.text.word_pieces import LEAST_FORMS, is_always_kept, kept_pieces
from service.engine.inference.onnx import OnnxTextEncoder
from tests.unit.model_training.text.packed_files import (
    HEADS,
    HIDDEN,
    LAYERS,
    LETTERS,
    model_tensors,
    packed_file,
)

TENSORS = model_tensors()


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "weights.bin"
    path.write_bytes(packed_file(TENSORS))
    return read_packed(path)


def encoder_of(packed, kept, folder, **stated):
    write_folder(packed, kept, folder)
    config = TextEncoderConfig(
        name="tiny",
        source=f"folder:{folder}",
        pooling="mean",
        max_tokens=32,
        licence="MIT",
        **stated,
    )
    return unrounded(config)


def unrounded(config):
    """The encoder with its weights as the folder has them."""
    with patch.object(text_encoder, "round_weights_to_int8"):
        return TextEncoder(config)


@pytest.fixture(scope="module")
def whole(packed, tmp_path_factory):
    return encoder_of(packed, range(len(packed.pieces)), tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def kept(packed):
    return kept_pieces(packed.pieces, {"en": ["sinus", "rhythm"] * LEAST_FORMS})


@pytest.fixture(scope="module")
def cut(packed, kept, tmp_path_factory):
    return encoder_of(packed, kept, tmp_path_factory.mktemp("cut"))


def forward(ids):
    """The embedding of token ids by the file's weights, as the package's C source computes it."""
    values = {name: torch.from_numpy(value) for name, (_, value) in TENSORS.items()}

    def normed(hidden, name):
        weight, bias = values[f"{name}.w"], values[f"{name}.b"]
        return functional.layer_norm(hidden, (HIDDEN,), weight, bias, 1e-12)

    hidden = values["emb.word"][ids] + values["emb.pos"][: len(ids)] + values["emb.type"][0]
    hidden = normed(hidden, "emb.ln")
    for layer in range(LAYERS):

        def linear(inputs, name, layer=layer):
            return inputs @ values[f"l{layer}.{name}.w"].T + values[f"l{layer}.{name}.b"]

        q, k, v = (
            linear(hidden, name).reshape(len(ids), HEADS, -1).transpose(0, 1) for name in "qkv"
        )
        scores = q @ k.transpose(1, 2) / (HIDDEN // HEADS) ** 0.5
        mixed = (scores.softmax(-1) @ v).transpose(0, 1).reshape(len(ids), HIDDEN)
        hidden = normed(hidden + linear(mixed, "ao"), f"l{layer}.aln")
        between = functional.gelu(linear(hidden, "fi"))
        hidden = normed(hidden + linear(between, "fo"), f"l{layer}.oln")
    return functional.normalize(hidden.mean(0), dim=0).numpy()


def test_the_loaded_encoder_computes_what_the_file_says(whole):
    text = "sinus rhythm (atrial flutter)"
    ids = whole.tokenizer(text)["input_ids"]
    np.testing.assert_allclose(whole.embed([text])[0], forward(ids), atol=1e-5)


def test_every_text_is_asked_with_the_prefix_of_e5(whole):
    asked = whole.tokenizer("atrial flutter")["input_ids"]
    written = whole.tokenizer(f"{PREFIX} atrial flutter", add_special_tokens=False)["input_ids"]
    assert asked == [0, *written, 2]


def test_loading_it_twice_gives_the_same_weights(whole):
    assert unrounded(whole.config).fingerprint == whole.fingerprint


def test_a_text_of_kept_pieces_has_the_same_embedding(whole, cut, kept, packed):
    assert len(kept) < len(packed.pieces)
    texts = ["sinus rhythm", "Rhythm: 60", "(sinus)"]
    np.testing.assert_allclose(cut.embed(texts), whole.embed(texts), atol=1e-6)


@given(st.text(LETTERS + "µ² ", min_size=1, max_size=40))
def test_what_lost_its_piece_is_divided_and_never_unknown(cut, text):
    unknown = cut.tokenizer.unk_token_id
    assert unknown not in cut.tokenizer(text)["input_ids"]
    assert unknown not in cut.tokenizer(f"{text} atrial block")["input_ids"]


def test_characters_that_show_nothing_change_nothing(whole):
    plain = whole.tokenizer("sinus rhythm")["input_ids"]
    for text in (
        "sinus\trhythm",
        "sinus\u200brhythm",
        " sinus \n rhythm\x07 ",
        "sinus\u00a0rhythm",
    ):
        assert whole.tokenizer(text)["input_ids"] == plain


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("▁480", True), ("°", True), ("ß", True), ("ω", True), ("Ж", True), ("▁QRS", True),
        ("II", True), ("▁de", True), ("▁", True), ("≥", True),
        ("心", False), ("▁infarction", False), ("Schenkel", False), ("ب", False),
    ],
)  # fmt: skip
def test_symbols_single_letters_and_abbreviations_stay(text, stays):
    assert is_always_kept(text) == stays


def test_the_service_counts_what_such_a_tokenizer_does_not_know(packed, kept):
    tokenizer = tokenizer_of([packed.pieces[number] for number in kept])
    encoder = OnnxTextEncoder(graph=None, tokenizer=Tokenizer.from_str(tokenizer.to_str()))
    assert encoder.known_fraction("sinus rhythm") == 1
    assert encoder.known_fraction("心房") == 0
    assert encoder.known_fraction("sinus 心房") == 0.5


def test_other_weights_than_those_that_are_pinned_are_refused(packed, tmp_path):
    kept = range(len(packed.pieces))
    write_folder(packed, kept, tmp_path)
    pinned = hashlib.sha256((tmp_path / "model.safetensors").read_bytes()).hexdigest()
    encoder_of(packed, kept, tmp_path, weights_sha256=pinned)
    with pytest.raises(NoWeights, match=r"model\.safetensors has the SHA-256"):
        encoder_of(packed, kept[:-1], tmp_path, weights_sha256=pinned)


def test_a_folder_that_was_not_made_says_how_it_is_made(tmp_path):
    config = TextEncoderConfig(
        name="x", source=f"folder:{tmp_path / 'none'}", pooling="mean", max_tokens=8, licence="x"
    )
    with pytest.raises(NoWeights, match="make text-encoder"):
        TextEncoder(config)
