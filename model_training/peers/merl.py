"""MERL-style peer: recordings aligned with their reports, asked by cosine similarity.

After Liu et al. 2024 (ICML): InfoNCE between a recording and its report, and between two views of
the same recording; the text encoder is frozen under a projection. A query is answered by the cosine
between the recording and the prompt; nothing is scaled over a batch, so that each answer is its
own. Unlike MERL's the text encoder has no trainable layer, and reports that are the same to the
letter are no negatives of each other.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from model_training.peers.config import MerlConfig
from model_training.peers.contrast import Projection, info_nce, pooled, same_text
from model_training.peers.task import PeerTask, in_batches
from model_training.peers.texts import training_texts


class MerlNetwork(nn.Module):
    """ECG encoder and two projections into one space."""

    def __init__(
        self, encoder: nn.Module, config: MerlConfig, *, feature_dimension: int, text_dimension: int
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.temperature = config.temperature
        self.view_dropout = config.view_dropout
        inputs = 2 * feature_dimension
        self.of_recording = Projection(inputs, config.hidden, config.dimension)
        self.of_text = Projection(text_dimension, config.hidden, config.dimension)

    def forward(self, windows: Tensor) -> Tensor:
        """(recording, lead, sample) -> unit vectors (recording, dimension)."""
        projected: Tensor = self.of_recording(pooled(self.encoder(windows)))
        return projected

    def views(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Unit vectors of each recording, and of two views of it: other features dropped.

        Args:
            features: The encoder's, shape (recording, token, dimension).
        """
        features = pooled(features)
        one, other = (functional.dropout(features, self.view_dropout) for _ in range(2))
        return (
            self.of_recording(features),
            self.of_recording(one),
            self.of_recording(other),
        )

    def logits(self, windows: Tensor, query_embeddings: Tensor) -> Tensor:
        """Cosine similarity over the temperature, shape (recording, query)."""

        def answer(batch: Tensor) -> Tensor:
            cosine: Tensor = self(batch) @ self.of_text(query_embeddings).T
            return cosine / self.temperature

        return in_batches(self, answer, windows)


def train_merl(task: PeerTask, config: MerlConfig) -> MerlNetwork:
    """Train on the recordings that have a report or, for want of one, a condition to name."""
    texts = training_texts(task, config.texts)
    wordings = task.wordings()
    network = MerlNetwork(
        task.network,
        config,
        feature_dimension=task.width,
        text_dimension=task.canonical.shape[1],
    )

    def aligned(network: MerlNetwork, own: Tensor, rows: Tensor, queries: Tensor) -> Tensor:
        embeddings, numbers = texts.draw(rows, queries)
        named = network.of_text(embeddings)
        return info_nce(own, named, same_text(numbers), config.temperature)

    def loss_of(network: MerlNetwork, batch: Tensor) -> Tensor:
        features = task.encoded(network.encoder, batch, augmented=True)
        own, one, other = network.views(features)
        itself = torch.eye(len(batch), dtype=torch.bool)
        unimodal = info_nce(one, other, itself, config.temperature)
        loss = aligned(network, own, batch, wordings.draw(task.noise))
        return loss + config.unimodal_weight * unimodal

    held = torch.from_numpy(texts.rows_with_text(task.validation_rows))

    def validate(network: MerlNetwork) -> float:
        def project(rows: Tensor) -> Tensor:
            projected: Tensor = network.of_recording(pooled(task.encoded(network.encoder, rows)))
            return projected

        own = in_batches(network, project, held)
        return float(aligned(network, own, held, task.canonical))

    rows = texts.rows_with_text(task.training_rows)
    return task.fit(network, config.learning_rate, loss_of, validate, rows)
