"""Everything that answers requests, put together once at start-up."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import JsonValue

from ecg_core.bundle import (
    Bundle,
    encoder_digest,
    load_bundle,
    read_model_card,
)
from ecg_core.reference import Reference, reference_in
from service.engine.diagnosis import DiagnosisEngine
from service.engine.loading import OpenedModel, open_model
from service.engine.warm_up import warm_up
from service.observability.metrics import Metrics
from service.runtime.engine_options import engine_options
from service.runtime.thread_pool import WorkerPool
from service.settings import Settings
from service.storage.base import ConditionStore
from service.storage.conditions.opening import open_registry
from service.storage.conditions.registry import ConditionRegistry
from service.storage.redis.link import RedisLink
from service.storage.redis.start import open_redis
from service.storage.redis_conditions import RedisStore
from service.storage.redis_embeddings import RedisEmbeddings
from service.storage.sqlite import SqliteStore


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything that the routes need.

    Attributes:
        bundle: The model in use.
        model_card: What its makers say about it.
        engine: Diagnoses recordings.
        registry: Every condition that can be asked for.
        workers: Where work that keeps a core busy runs.
        store: Where registered conditions are kept.
        redis: What replicas share; None without `redis_url`.
        reference: What the model card says answers look like, if it says so.
    """

    bundle: Bundle
    model_card: dict[str, JsonValue]
    engine: DiagnosisEngine
    registry: ConditionRegistry
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
    """The parts that stay when the model is exchanged."""

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
    model = open_model(
        load_bundle(settings.bundle_dir, settings.pinned_digest), engine_options(settings)
    )
    lasting = _opened(settings, metrics)
    try:
        return _warmed(_assembled(settings, metrics, model, lasting))
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
    bundle = load_bundle(settings.bundle_dir.resolve(), settings.pinned_digest)
    if bundle.digest == current.bundle.digest:
        return current
    model = open_model(bundle, engine_options(settings))
    lasting = _Lasting(current.workers, current.store, current.redis)
    return _warmed(_assembled(settings, metrics, model, lasting))


def _opened(settings: Settings, metrics: Metrics) -> _Lasting:
    metrics.queue_limits(settings.max_concurrent_diagnoses, settings.max_waiting_diagnoses)
    workers = WorkerPool(
        settings.max_concurrent_diagnoses,
        settings.max_waiting_diagnoses,
        metrics.running,
        metrics.waiting,
        settings.max_batch_diagnoses,
        settings.max_working_bytes,
    )
    options = settings.redis
    if options is None:
        return _Lasting(workers, SqliteStore(settings.store_path), None)
    redis = open_redis(options, metrics)
    return _Lasting(workers, RedisStore(redis, settings.redis_key_prefix), redis)


def _warmed(runtime: Runtime) -> Runtime:
    warm_up(runtime.engine)
    return runtime


def _assembled(
    settings: Settings, metrics: Metrics, model: OpenedModel, lasting: _Lasting
) -> Runtime:
    shared = _shared_embeddings(settings, model.bundle, lasting.redis)
    embeddings = model.query_embeddings(metrics.lookups, shared)
    registry = open_registry(model, lasting.store, embeddings, settings.max_registered_conditions)
    card = read_model_card(model.bundle)
    return Runtime(
        model.bundle,
        card,
        model.engine(registry, embeddings),
        registry,
        lasting.workers,
        lasting.store,
        lasting.redis,
        reference_in(card),
    )


def _shared_embeddings(
    settings: Settings, bundle: Bundle, redis: RedisLink | None
) -> RedisEmbeddings | None:
    if redis is None:
        return None
    return RedisEmbeddings(
        redis,
        settings.redis_key_prefix,
        encoder_digest(bundle),
        bundle.manifest.text_encoder.dimension,
        settings.redis_embedding_ttl_s,
    )
