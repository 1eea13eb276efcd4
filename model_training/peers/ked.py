"""KED-style peer: label queries that attend to one another, then to the features.

After Tian et al. 2024 (Cell Reports Medicine): a transformer decoder over the embeddings of all
labels, binary cross-entropy for each, and a contrastive loss between recordings and texts. Because
of the self-attention among queries an answer depends on what else is asked. An unseen query is
therefore asked as training asked: together with all trained conditions, and with the others.
"""

import math

import torch
from torch import Tensor, nn

from model_training.peers.config import KedConfig
from model_training.peers.contrast import Projection, info_nce, pooled, same_text
from model_training.peers.task import PeerTask, in_batches
from model_training.peers.texts import training_texts


class KedNetwork(nn.Module):
    """ECG encoder and a transformer decoder whose targets are the label queries."""

    known: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        config: KedConfig,
        *,
        feature_dimension: int,
        tokens: int,
        known: Tensor,
    ) -> None:
        """Make the network.

        Args:
            encoder: Windows to features (recording, token, feature dimension).
            config: Sizes.
            feature_dimension: Width of the features.
            tokens: Their number.
            known: Query embeddings of all that is trained, shape (query, text dimension).
        """
        super().__init__()
        text_dimension, dimension = known.shape[1], config.dimension
        self.encoder = encoder
        self.temperature = config.temperature
        self.register_buffer("known", known)
        self.text_scale = math.sqrt(text_dimension) / 4  # unit vectors to values of order one
        self.query = nn.Linear(text_dimension, dimension)
        self.feature = nn.Linear(feature_dimension, dimension)
        self.position = nn.Parameter(torch.zeros(1, tokens, dimension))
        layer = nn.TransformerDecoderLayer(
            dimension,
            config.heads,
            config.feed_forward,
            config.dropout,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.decoder = nn.TransformerDecoder(layer, config.layers, nn.LayerNorm(dimension))
        self.readout = nn.Linear(dimension, 1)
        self.of_recording = Projection(2 * feature_dimension, dimension, dimension)
        self.of_text = Projection(text_dimension, dimension, dimension)

    def fuse(self, features: Tensor, query_embeddings: Tensor) -> Tensor:
        """Features (recording, token, feature), queries (query, text) -> (recording, query)."""
        queries = self.query(query_embeddings * self.text_scale)
        asked = queries.unsqueeze(0).expand(len(features), -1, -1)
        decoded = self.decoder(asked, self.feature(features) + self.position)
        logits: Tensor = self.readout(decoded).squeeze(-1)
        return logits

    def contrast(self, features: Tensor, texts: Tensor, numbers: Tensor) -> Tensor:
        """InfoNCE between recordings and their texts; 0 where there is none.

        Args:
            features: Shape (recording, token, feature).
            texts: Embeddings, shape (recording, text dimension).
            numbers: Shape (recording,): equal where texts are.
        """
        if not len(features):
            return features.sum()
        own, named = self.of_recording(pooled(features)), self.of_text(texts)
        return info_nce(own, named, same_text(numbers), self.temperature)

    def logits(self, windows: Tensor, query_embeddings: Tensor) -> Tensor:
        """Logits (recording, query), each query asked beside the others and all trained ones."""
        asked = torch.cat([self.known, query_embeddings])

        def answer(batch: Tensor) -> Tensor:
            return self.fuse(self.encoder(batch), asked)[:, len(self.known) :]

        return in_batches(self, answer, windows)


def train_ked(task: PeerTask, config: KedConfig) -> KedNetwork:
    """Train with all trained conditions as queries, each in one of its wordings."""
    texts = training_texts(task, config.texts)
    wordings = task.wordings()
    network = KedNetwork(
        task.network,
        config,
        feature_dimension=task.width,
        tokens=task.tokens,
        known=task.canonical,
    )

    def loss_of(network: KedNetwork, batch: Tensor) -> Tensor:
        features = task.encoded(network.encoder, batch, augmented=True)
        queries = wordings.draw(task.noise)
        logits = network.fuse(features, queries)
        supervised = task.loss(logits, batch)
        has = torch.from_numpy(texts.has_text[batch.numpy()])
        embeddings, numbers = texts.draw(batch[has], queries)
        contrast = network.contrast(features[has], embeddings, numbers)
        return supervised + config.contrastive_weight * contrast

    def validate(network: KedNetwork) -> float:
        return task.validation_loss(
            lambda rows: network.fuse(task.encoded(network.encoder, rows), network.known), network
        )

    return task.fit(network, config.learning_rate, loss_of, validate)
