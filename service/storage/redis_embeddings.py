"""Query embeddings in Redis: what one replica has embedded, the others need not.

A key holds no text but its SHA-256, and the digest of the text encoder with its prompts. A value is
a digest and the vector. Everything is checked on reading: what is broken is as good as not there.
"""

import hashlib
import itertools
import logging
from collections.abc import Mapping, Sequence

import numpy as np
import redis
from numpy.typing import NDArray

from service.storage.base import embedding_from_bytes, embedding_to_bytes, is_unit_vector
from service.storage.redis.client import RedisClient
from service.storage.redis.link import RedisLink, RedisUnavailable

_KEYS_PER_COMMAND = 1000
_DIGEST_BYTES = 16

_log = logging.getLogger(__name__)


class RedisEmbeddings:
    """A cache of embeddings that all replicas share; never an error, at worst empty."""

    def __init__(
        self, link: RedisLink, key_prefix: str, encoder_digest: str, dimension: int, ttl_s: int
    ) -> None:
        self._link = link
        self._prefix = f"{key_prefix}:embedding:{encoder_digest[:16]}:"
        self._encoder_digest = encoder_digest
        self._dimension = dimension
        self._ttl_s = ttl_s

    def get_many(self, terms: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The embeddings that are there, by term; all in one round trip."""
        keys = [self._key(term) for term in terms]
        try:
            values = self._link.call("embeddings_read", lambda client: _read(client, keys))
        except RedisUnavailable:
            return {}
        found = {}
        for term, key, value in zip(terms, keys, values, strict=True):
            embedding = None if value is None else self._embedding(key, value)
            if embedding is not None:
                found[term] = embedding
        broken = sum(value is not None for value in values) - len(found)
        if broken:
            _log.error("%d embeddings in Redis are broken: embedded anew", broken)
        return found

    def put_many(self, embeddings: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep embeddings for as long as they live; a thousand in one round trip."""
        values = []
        for term, embedding in embeddings.items():
            key = self._key(term)
            values.append((key, self._value(key, embedding)))

        def write(client: RedisClient) -> None:
            for start in range(0, len(values), _KEYS_PER_COMMAND):
                pipeline = client.pipeline(transaction=False)
                for key, value in values[start : start + _KEYS_PER_COMMAND]:
                    pipeline.set(key, value, ex=self._ttl_s)
                pipeline.execute()

        try:
            self._link.call("embeddings_write", write)
        except RedisUnavailable:
            return

    def _key(self, term: str) -> str:
        return self._prefix + hashlib.sha256(term.encode()).hexdigest()

    def _value(self, key: str, embedding: NDArray[np.float32]) -> bytes:
        vector = embedding_to_bytes(embedding)
        return self._digest(key, vector) + vector

    def _digest(self, key: str, vector: bytes) -> bytes:
        """The digest of all that must fit together: the encoder, the key, the vector."""
        digest = hashlib.sha256(f"{self._encoder_digest}\n{key}\n".encode() + vector).digest()
        return digest[:_DIGEST_BYTES]

    def _embedding(self, key: str, value: bytes) -> NDArray[np.float32] | None:
        vector = value[_DIGEST_BYTES:]
        if len(vector) != 4 * self._dimension or value != self._digest(key, vector) + vector:
            return None
        embedding = embedding_from_bytes(vector)
        return embedding if is_unit_vector(embedding, self._dimension) else None


def _read(client: RedisClient, keys: Sequence[str]) -> list[bytes | None]:
    if isinstance(client, redis.RedisCluster):
        values: list[bytes | None] = client.mget_nonatomic(keys)
        return values
    pipeline = client.pipeline(transaction=False)
    for start in range(0, len(keys), _KEYS_PER_COMMAND):
        # Redis serves nobody else while it runs a command.
        pipeline.mget(keys[start : start + _KEYS_PER_COMMAND])
    return list(itertools.chain.from_iterable(pipeline.execute()))
