"""What every model of the wire has in common."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class WireModel(BaseModel):
    """Base of what the service sends: frozen, finite numbers only, open to added fields."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


Familiarity = Annotated[
    Literal["known", "near", "unseen"],
    Field(
        description="`known`: the model was trained on this condition; `near`: on a close "
        "neighbour of it; `unseen`: on neither."
    ),
]


BaseRate = Annotated[
    float,
    Field(
        gt=0,
        le=1,
        description="How often it is found: of a trained condition in the training recordings "
        "that say whether it is there; of any other the mean of the model's answers over the "
        "validation recordings. Null: not known.",
    ),
]


class NearestCondition(WireModel):
    """The trained condition that is closest to what was asked.

    Attributes:
        id: Its id; see `GET /queries/{id}`.
        name: Its name in the catalogue.
        similarity: Cosine similarity of the two query embeddings, between -1 and 1.
    """

    id: str
    name: str
    similarity: Annotated[float, Field(ge=-1, le=1)]
