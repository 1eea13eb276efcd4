"""How the peers are trained; what is not here they take from the run: encoder, data, epochs."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

TextSource = Literal["reports", "labels", "both"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MerlConfig(_Part):
    """Contrastive alignment of recording and report (MERL, Liu et al. 2024).

    Attributes:
        learning_rate: The schedule's peak.
        texts: What a recording is aligned with: its report, its conditions in the wordings that
            all methods train on, or at each step one of the two by chance. Where there is no
            report the conditions stand in, and where there is no condition the report.
        dimension: Width of the common space.
        hidden: Width inside the projections.
        temperature: Of the contrastive softmax.
        unimodal_weight: Of the loss between two views of the same recording.
        view_dropout: On the pooled features, which makes the two views.
    """

    learning_rate: Annotated[float, Field(gt=0)] = 0.002
    texts: TextSource = "both"
    dimension: Annotated[int, Field(ge=1)] = 128
    hidden: Annotated[int, Field(ge=1)] = 256
    temperature: Annotated[float, Field(gt=0)] = 0.07
    unimodal_weight: Annotated[float, Field(ge=0)] = 1.0
    view_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1


class KedConfig(_Part):
    """Label queries that attend to one another and to the features (KED, Tian et al. 2024).

    Attributes:
        learning_rate: The schedule's peak.
        layers: Decoder layers.
        heads: Attention heads; they divide the dimension.
        dimension: Width of the queries inside the network.
        feed_forward: Width of each layer's feed-forward part.
        dropout: In the decoder.
        contrastive_weight: Of the loss between a recording and its text.
        texts: As for `MerlConfig`.
        temperature: Of the contrastive softmax.
    """

    learning_rate: Annotated[float, Field(gt=0)] = 0.0007
    layers: Annotated[int, Field(ge=1)] = 2
    heads: Annotated[int, Field(ge=1)] = 4
    dimension: Annotated[int, Field(ge=1)] = 128
    feed_forward: Annotated[int, Field(ge=1)] = 256
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    contrastive_weight: Annotated[float, Field(ge=0)] = 0.1
    texts: TextSource = "both"
    temperature: Annotated[float, Field(gt=0)] = 0.07


class FixedConfig(_Part):
    """A classifier with one output for each trained condition and no text.

    Attributes:
        learning_rate: The schedule's peak.
    """

    learning_rate: Annotated[float, Field(gt=0)] = 0.0007


class PeerSignsConfig(_Part):
    """How peers that are given the measured signs read them; as our reader of signs.

    Attributes:
        width: Of what is added to the features.
        hidden: Width inside the reader.
        dropout: Inside the reader.
        weight: Of a sign's loss where it is asked; a condition's is 1.
    """

    width: Annotated[int, Field(ge=1)] = 64
    hidden: Annotated[int, Field(ge=1)] = 256
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.4
    weight: Annotated[float, Field(gt=0)] = 0.5


class PeersConfig(_Part):
    """All peers of a run."""

    merl: MerlConfig = MerlConfig()
    ked: KedConfig = KedConfig()
    fixed: FixedConfig = FixedConfig()
    signs: PeerSignsConfig = PeerSignsConfig()


def load_peers_config(path: Path) -> PeersConfig:
    """Read and check a YAML file.

    Raises:
        FileNotFoundError: It is not there.
        pydantic.ValidationError: It is not valid; every fault is listed.
    """
    return PeersConfig.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
