"""How the text encoder is adapted; reading it loads no model."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from model_training.fitting.config import OptimiserConfig


class TextAdaptationConfig(BaseModel):
    """How the text encoder learns the field's wordings; see `model_training.text_adaptation`.

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
