"""The registry of a model's conditions, on a store."""

import logging

import numpy as np
from numpy.typing import NDArray

from ecg_core.bundle import encoder_digest
from service.engine.loading import OpenedModel
from service.engine.queries.embeddings import QueryEmbeddings
from service.storage.base import ConditionStore
from service.storage.conditions.registration import understood_term
from service.storage.conditions.registry import ConditionRegistry

_log = logging.getLogger(__name__)


def open_registry(
    model: OpenedModel, store: ConditionStore, embeddings: QueryEmbeddings, max_registered: int
) -> ConditionRegistry:
    """The registry; what another text encoder has embedded in the store is embedded anew.

    Raises:
        StoreUnavailable: The store does not answer.
    """

    def embed(text: str) -> NDArray[np.float32]:
        return embeddings.embed_term(understood_term(text, model.catalogue))

    registry = ConditionRegistry(
        model.conditions.all(),
        store,
        embed,
        encoder_digest(model.bundle),
        model.bundle.manifest.text_encoder.dimension,
        max_registered,
    )
    if renewed := registry.take_over():
        _log.info("embedded %d registered conditions anew: the text encoder changed", renewed)
    return registry
