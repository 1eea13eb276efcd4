"""Which text encoder; apart from the encoder so that reading a configuration loads no model."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from model_training.fitting.config import OptimiserConfig


class TextEncoderConfig(BaseModel):
    """Which text encoder, and where its weights are.

    Attributes:
        name: Name for the manifest.
        source: `folder:PATH` for a folder that `make text-encoder` makes, `package:NAME/FOLDER` for
            weights inside a Python package; or what `transformers` takes: a folder, a hub id.
        pooling: `mean` over tokens (MiniLM) or the `cls` token (MedCPT).
        max_tokens: Longer texts are cut.
        licence: Of the weights, SPDX.
        weights_sha256: Of `model.safetensors` in the folder, which is refused if it is another;
            not looked at unless stated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    source: str
    pooling: Literal["mean", "cls"]
    max_tokens: Annotated[int, Field(ge=8, le=512)]
    licence: str
    weights_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


class TextAdaptationConfig(BaseModel):
    """How the text encoder learns the field's wordings; see `model_training.text.adaptation`.

    Attributes:
        training: Epochs over the wordings, and so on.
        temperature: Of the softmax over the cosines.
        word_dropout: Chance of each word to be left out.
        most_words: Of a longer text a stretch of so many words is drawn each time.
        max_tokens: What is still longer is cut.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    training: OptimiserConfig
    temperature: Annotated[float, Field(gt=0)] = 0.05
    word_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    most_words: Annotated[int, Field(ge=1)] = 12
    max_tokens: Annotated[int, Field(ge=8, le=512)] = 32
