"""Fixed-label peer: one output for each trained condition, no text.

What it was never trained on it cannot be asked; it lends a query the output of the trained
condition whose text is nearest.
"""

from torch import Tensor, nn

from model_training.models.fixed_outputs import ConditionOutputs, FixedOutputs
from model_training.peers.config import FixedConfig
from model_training.peers.task import PeerTask


class FixedLabels(nn.Module):
    """A classifier with fixed outputs, and the texts of what they stand for."""

    known: Tensor

    def __init__(self, classifier: FixedOutputs, known: Tensor) -> None:
        super().__init__()
        self.classifier = classifier
        self.register_buffer("known", known)

    def nearest(self, query_embeddings: Tensor) -> Tensor:
        """The trained condition nearest to each query by cosine, shape (query,)."""
        return (query_embeddings @ self.known.T).argmax(dim=1)

    def logits(self, windows: Tensor, query_embeddings: Tensor) -> Tensor:
        """The logits of each query's nearest trained condition, shape (recording, query)."""
        return self.classifier.score(windows)[:, self.nearest(query_embeddings)]


def train_fixed(
    task: PeerTask, config: FixedConfig, outputs: ConditionOutputs | None = None
) -> FixedLabels:
    """Train under fixed outputs.

    Args:
        task: What to train on.
        config: How.
        outputs: Those that the task's encoder was warmed up with; fresh ones if there are none,
            or if signs are given: those that were warmed up know nothing of them.
    """
    if outputs is None or task.given is not None:
        outputs = ConditionOutputs(task.width, len(task.canonical))

    def loss_of(fixed: FixedOutputs, batch: Tensor) -> Tensor:
        return task.loss(fixed.outputs(task.encoded(fixed.encoder, batch, augmented=True)), batch)

    def validate(fixed: FixedOutputs) -> float:
        return task.validation_loss(
            lambda rows: fixed.outputs(task.encoded(fixed.encoder, rows)), fixed
        )

    classifier = FixedOutputs(task.network, outputs)
    trained = task.fit(classifier, config.learning_rate, loss_of, validate)
    return FixedLabels(trained, task.canonical)
