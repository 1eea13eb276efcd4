"""The text encoder's adaptation as a program of its own, to be run side by side."""

import sys
from pathlib import Path

import torch

from ecg_core.prompts import PromptTemplates
from model_training.fitting import OptimiserConfig, Ranks, started_ranks
from model_training.text.adaptation import adapted_text_encoder
from model_training.text.config import TextAdaptationConfig, TextEncoderConfig
from model_training.text.encoder import TextEncoder

WORDS = ("flutter", "saw", "tooth", "waves", "rapid", "infarct", "scar", "necrosis", "dead", "wall")
MEANINGS = (WORDS[:5], WORDS[5:])
PROMPTS = PromptTemplates(templates=("{term}",))
ADAPTATION = TextAdaptationConfig(
    training=OptimiserConfig(
        epochs=60, batch_size=4, learning_rate=0.005, weight_decay=0.0, ema_decay=0.9
    ),
    word_dropout=0.0,
)


def tiny_encoder(folder: Path) -> TextEncoderConfig:
    """Of a BERT that was saved there."""
    return TextEncoderConfig(
        name="tiny", source=str(folder), pooling="mean", max_tokens=8, licence="MIT"
    )


def adapt(folder: Path, cache: Path) -> TextEncoder:
    """Adapt it to two meanings; the main process first, the others take what it keeps."""
    with Ranks.current().main_first():
        return adapted_text_encoder(tiny_encoder(folder), ADAPTATION, PROMPTS, MEANINGS, 0, cache)


def main() -> None:
    """Adapt, and say which weights came out; arguments: the BERT's folder, the cache."""
    folder, cache = map(Path, sys.argv[1:])
    with started_ranks(torch.device("cpu")) as ranks:
        encoder = adapt(folder, cache)
        (cache / f"fingerprint-{ranks.rank}").write_text(encoder.fingerprint)


if __name__ == "__main__":
    main()
