"""Which text encoder; apart from the encoder so that reading a configuration loads no model."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


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
