"""Which text encoder; apart from the encoder so that reading a configuration loads no model."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class TextEncoderConfig(BaseModel):
    """Which text encoder, and where its weights are.

    Attributes:
        name: Name for the manifest.
        source: A folder, a hub id, or `package:NAME/FOLDER` for weights inside a Python package.
        pooling: `mean` over tokens (MiniLM) or the `cls` token (MedCPT).
        max_tokens: Longer texts are cut.
        licence: Of the weights, SPDX.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    source: str
    pooling: Literal["mean", "cls"]
    max_tokens: Annotated[int, Field(ge=8, le=512)]
    licence: str
