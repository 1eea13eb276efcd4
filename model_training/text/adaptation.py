"""The text encoder learns which wordings of electrocardiography mean the same, and is frozen then.

A general text encoder of this size knows little of the field: to it a "Vorderwandinfarkt" and an
"anterior infarct" are strangers. So before anything is trained on its embeddings it learns to tell
the catalogue's conditions and the measured signs apart by their wordings, from text alone: no
recording and no label is seen. Every condition and sign has a prototype, at first the mean of its
wordings' embeddings; the loss is the cross-entropy of a softmax over the prototypes (Snell et al.
2017, Movshovitz-Attias et al. 2017).
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ecg_core.prompts import PromptTemplates
from model_training.fitting import FitOptions, Ranks, fit, seed_everything
from model_training.models.weights import save_atomically
from model_training.text.config import TextAdaptationConfig, TextEncoderConfig
from model_training.text.encoder import TextEncoder

_HELD_OUT = 10  # every so manieth wording is for validation


class _WithPrototypes(nn.Module):
    def __init__(self, encoder: TextEncoder, prototypes: Tensor) -> None:
        super().__init__()
        self.encoder = encoder
        self.prototypes = nn.Parameter(prototypes)

    def forward(self, texts: Sequence[str], max_tokens: int) -> Tensor:
        """Cosine of each text to each prototype, shape (text, prototype)."""
        tokens = self.encoder.tokenizer(
            list(texts), padding=True, truncation=True, max_length=max_tokens, return_tensors="pt"
        )
        embedded = self.encoder(tokens["input_ids"], tokens["attention_mask"])
        cosines: Tensor = embedded @ functional.normalize(self.prototypes, dim=-1).T
        return cosines


def adapted_text_encoder(
    config: TextEncoderConfig,
    adaptation: TextAdaptationConfig | None,
    prompts: PromptTemplates,
    meanings: Sequence[Sequence[str]],
    seed: int,
    cache: Path,
) -> TextEncoder:
    """The text encoder, adapted once and kept on disk.

    Args:
        config: Which encoder.
        adaptation: How it is adapted; it is taken as it comes if that is None.
        prompts: Texts are put as the service puts them.
        meanings: For each condition and sign the texts that mean it.
        seed: Of all that is drawn.
        cache: Folder for the weights, keyed by the other arguments.
    """
    if adaptation is None:
        return TextEncoder(config)
    key = repr(
        (
            config.model_dump_json(exclude_none=True),
            adaptation.model_dump_json(),
            prompts.model_dump_json(),
            meanings,
            seed,
        )
    )
    path = cache / f"text-encoder-{hashlib.sha256(key.encode()).hexdigest()[:16]}.pt"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        seed_everything(seed)
        save_atomically(
            _adapt(config, adaptation, prompts, meanings, path.with_suffix(".csv")), path
        )
    return TextEncoder(config, torch.load(path, weights_only=True))


def _adapt(
    config: TextEncoderConfig,
    adaptation: TextAdaptationConfig,
    prompts: PromptTemplates,
    meanings: Sequence[Sequence[str]],
    log: Path,
) -> dict[str, Tensor]:
    encoder = TextEncoder(config, rounded=False)
    means = [encoder.embed(texts).mean(axis=0) for texts in meanings]
    # The table of word pieces stays: a few thousand wordings would only move those that they use.
    for part in (encoder.backbone.encoder, encoder.backbone.embeddings.LayerNorm):
        part.requires_grad_(requires_grad=True)
    module = _WithPrototypes(encoder, torch.from_numpy(np.stack(means)))
    texts = [text for group in meanings for text in group]
    meant = torch.tensor([number for number, group in enumerate(meanings) for _ in group])
    places = np.arange(len(texts))
    rows, held_out = places[places % _HELD_OUT != 1], torch.from_numpy(places[1::_HELD_OUT])

    def loss(module: _WithPrototypes, asked: Sequence[str], batch: Tensor) -> Tensor:
        cosines = module(asked, adaptation.max_tokens)
        return functional.cross_entropy(cosines / adaptation.temperature, meant[batch])

    def loss_of(module: _WithPrototypes, batch: Tensor) -> Tensor:
        varied = [_varied(texts[row], prompts, adaptation) for row in batch.tolist()]
        return loss(module, varied, batch)

    @torch.inference_mode()
    def validate(module: _WithPrototypes) -> float:
        module.eval()
        return float(loss(module, [texts[row] for row in held_out.tolist()], held_out))

    # One process for itself: the others wait for what it keeps.
    alone = FitOptions(ranks=Ranks())
    trained = fit(module, adaptation.training, rows, loss_of, validate, log, alone)
    weights: dict[str, Tensor] = trained.encoder.backbone.state_dict()
    return weights


def _varied(text: str, prompts: PromptTemplates, adaptation: TextAdaptationConfig) -> str:
    """A stretch of the text in one of the prompts, with some of its words left out."""
    words = text.split()
    first = int(torch.randint(max(1, len(words) - adaptation.most_words + 1), ()))
    words = words[first : first + adaptation.most_words]
    stay = torch.rand(len(words)) >= adaptation.word_dropout
    kept = [word for word, stays in zip(words, stay.tolist(), strict=True) if stays]
    chosen = int(torch.randint(len(prompts.templates), ()))
    return prompts.templates[chosen].replace("{term}", " ".join(kept or words))
