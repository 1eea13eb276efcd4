"""Everything that answers requests, put together once at start-up."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue, TypeAdapter

from ecg_core.bundle import (
    MODEL_CARD_FILE,
    TEXT_ENCODER_FILE,
    TOKENIZER_FILE,
    Bundle,
    load_bundle,
)
from ecg_core.conditions import Catalogue, understand_query
from ecg_core.errors import InvalidBundle, InvalidQuery
from ecg_core.readers import ReadLimits
from ecg_core.reference import Reference, reference_in
from service.diagnosis import DiagnosisEngine
from service.inference.onnx import OnnxModel, RuntimeOptions, load_model
from service.metrics import Metrics
from service.queries.conditions import built_in_conditions
from service.queries.embeddings import EmbeddingCache, QueryEmbeddings
from service.queries.familiarity import FamiliarityJudge
from service.queries.redis_embeddings import RedisEmbeddings
from service.queries.redis_store import RedisStore
from service.queries.registry import ConditionRegistry
from service.queries.resolver import QueryResolver
from service.queries.sqlite_store import SqliteStore
from service.queries.store import ConditionStore
from service.redis_link import RedisLink
from service.redis_start import open_redis
from service.settings import Settings
from service.strict_json import parse_json
from service.warm_up import warm_up
from service.workers import WorkerPool

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Runtime:
    """What the routes need.

    Attributes:
        bundle: The model in use.
        model_card: What its makers say about it.
        engine: Diagnoses recordings.
        registry, resolver, familiarity: Conditions, and how queries are understood.
        workers: Where work that keeps a core busy runs.
        store: Where registered conditions are kept.
        redis: What replicas share; None without `redis_url`.
        reference: What the model card says answers look like, if it says so.
    """

    bundle: Bundle
    model_card: dict[str, JsonValue]
    engine: DiagnosisEngine
    registry: ConditionRegistry
    resolver: QueryResolver
    familiarity: FamiliarityJudge
    workers: WorkerPool
    store: ConditionStore
    redis: RedisLink | None = None
    reference: Reference | None = None

    def close(self) -> None:
        """Finish what runs and let go of the store."""
        _Lasting(self.workers, self.store, self.redis).close()


RuntimeLoader = Callable[[Settings, Metrics], Runtime]
RuntimeReloader = Callable[[Settings, Metrics, Runtime], Runtime]


@dataclass(frozen=True, slots=True)
class _Lasting:
    """What stays when the model is exchanged."""

    workers: WorkerPool
    store: ConditionStore
    redis: RedisLink | None

    def close(self) -> None:
        """Finish what runs and let go of the store."""
        self.workers.shut_down()
        self.store.close()
        if self.redis is not None:
            self.redis.close()


def load_runtime(settings: Settings, metrics: Metrics) -> Runtime:
    """Load and verify the bundle, open the store, and run the whole line once.

    Raises:
        ModelError: The bundle does not fit; the service must not start.
        RedisUnusable: Redis cannot be used; the message says why.
        StoreUnavailable: The store cannot be opened.
    """
    bundle = load_bundle(settings.bundle_dir)
    model = load_model(bundle, RuntimeOptions(settings.providers, settings.intra_op_threads))
    lasting = _opened(settings, metrics)
    try:
        return _warmed(_assembled(settings, metrics, bundle, model, lasting))
    except BaseException:
        lasting.close()
        raise


def reload_runtime(settings: Settings, metrics: Metrics, current: Runtime) -> Runtime:
    """A runtime of the bundle that lies in its folder now, with the store and queue of `current`.

    Returns:
        The new runtime, warmed; `current` itself if the bundle is the same.

    Raises:
        ModelError: The new bundle does not fit; `current` is as good as before.
    """
    # Resolved once: a link to the bundle's folder may be turned to another one meanwhile.
    bundle = load_bundle(settings.bundle_dir.resolve())
    if bundle.digest == current.bundle.digest:
        return current
    model = load_model(bundle, RuntimeOptions(settings.providers, settings.intra_op_threads))
    lasting = _Lasting(current.workers, current.store, current.redis)
    return _warmed(_assembled(settings, metrics, bundle, model, lasting))


def _opened(settings: Settings, metrics: Metrics) -> _Lasting:
    metrics.queue_limits(settings.max_concurrent_diagnoses, settings.max_waiting_diagnoses)
    workers = WorkerPool(
        settings.max_concurrent_diagnoses,
        settings.max_waiting_diagnoses,
        metrics.running,
        metrics.waiting,
        settings.max_batch_diagnoses,
    )
    if settings.redis_url is None:
        return _Lasting(workers, SqliteStore(settings.store_path), None)
    redis = open_redis(settings, metrics)
    return _Lasting(workers, RedisStore(redis, settings.redis_key_prefix), redis)


def _warmed(runtime: Runtime) -> Runtime:
    warm_up(runtime.engine)
    return runtime


def _embeddings(
    settings: Settings, metrics: Metrics, bundle: Bundle, model: OnnxModel, redis: RedisLink | None
) -> QueryEmbeddings:
    manifest = bundle.manifest
    shared = None
    if redis is not None:
        shared = RedisEmbeddings(
            redis,
            settings.redis_key_prefix,
            encoder_digest(bundle),
            manifest.text_encoder.dimension,
            settings.redis_embedding_ttl_s,
        )
    cache = EmbeddingCache(settings.embedding_cache_entries)
    return QueryEmbeddings(model.text_encoder, manifest.prompts, cache, metrics.lookups, shared)


def _assembled(
    settings: Settings, metrics: Metrics, bundle: Bundle, model: OnnxModel, lasting: _Lasting
) -> Runtime:
    manifest, catalogue = bundle.manifest, Catalogue.load()
    embeddings = _embeddings(settings, metrics, bundle, model, lasting.redis)
    built_in = built_in_conditions(bundle, catalogue, model.text_encoder)

    def embed_registered(text: str) -> NDArray[np.float32]:
        return embeddings.embed_term(understood_term(text, catalogue))

    registry = ConditionRegistry(
        built_in,
        lasting.store,
        embed_registered,
        encoder_digest(bundle),
        manifest.text_encoder.dimension,
        settings.max_registered_conditions,
    )
    if renewed := registry.renew_embeddings():
        _log.info("embedded %d registered conditions anew: the text encoder changed", renewed)
    resolver = QueryResolver(
        registry,
        catalogue,
        model.text_encoder,
        manifest.prompts,
        settings.max_queries,
        settings.max_query_characters,
        settings.embedding_cache_entries,
    )
    familiarity = FamiliarityJudge(built_in, manifest.familiarity, settings.embedding_cache_entries)
    engine = DiagnosisEngine(
        preprocessing=manifest.preprocessing,
        calibration=manifest.calibration,
        ecg_encoder=model.ecg_encoder,
        fusion=model.fusion,
        resolver=resolver,
        embeddings=embeddings,
        familiarity=familiarity,
        limits=ReadLimits(max_file_bytes=settings.max_upload_bytes),
    )
    card = read_model_card(bundle)
    return Runtime(
        bundle,
        card,
        engine,
        registry,
        resolver,
        familiarity,
        lasting.workers,
        lasting.store,
        lasting.redis,
        reference_in(card),
    )


def understood_term(text: str, catalogue: Catalogue) -> str:
    """What a query with this text would put to the text encoder."""
    try:
        return understand_query(text, catalogue, max_characters=len(text)).term
    except InvalidQuery:
        # Registered under older rules: it stays what it was.
        return text


def encoder_digest(bundle: Bundle) -> str:
    """Of all that an embedding of a text depends on: the encoder, its tokenizer, the prompts."""
    manifest = bundle.manifest
    parts = (
        manifest.files[TEXT_ENCODER_FILE],
        manifest.files[TOKENIZER_FILE],
        manifest.text_encoder.model_dump_json(),
        manifest.prompts.model_dump_json(),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read_model_card(bundle: Bundle) -> dict[str, JsonValue]:
    """The bundle's model card.

    Raises:
        InvalidBundle: It is no JSON object, or holds numbers that JSON does not have.
    """
    try:
        document = parse_json(bundle.path(MODEL_CARD_FILE).read_bytes())
        return TypeAdapter(dict[str, JsonValue]).validate_python(document)
    except (OSError, ValueError) as error:
        raise InvalidBundle(f"{MODEL_CARD_FILE} is no JSON object") from error
