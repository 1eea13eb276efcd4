"""Which languages a text encoder reads, for the bundle's manifest."""

from model_training.text.config import TextEncoderConfig
from model_training.text.word_pieces import LANGUAGES

# Of multilingual-e5-small those whose word pieces stay.
_READ = {
    "all-MiniLM-L6-v2": ("en",),
    "MedCPT-Query-Encoder": ("en",),
    "multilingual-e5-small": LANGUAGES,
}


def languages_of(config: TextEncoderConfig) -> tuple[str, ...]:
    """By ISO 639-1; empty for an encoder that nothing is known of."""
    return _READ.get(config.name, ())
