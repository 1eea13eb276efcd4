"""The service's options: the only place that reads the environment.

Each is set by `CARDIOQUERY_` and its name in capitals. What shapes an answer (preprocessing,
prompts, calibration) is not here: it comes from the bundle.
"""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from service.access_settings import AccessSettings
from service.redis_url import parse_redis_url

PositiveInt = Annotated[int, Field(ge=1)]
PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]

_MEBIBYTE = 1024 * 1024


def default_bundle_dir() -> Path:
    """Where the shipped bundle lies: inside this package."""
    return Path(__file__).parent / "bundle"


def default_store_path() -> Path:
    """The user's data folder, by the XDG base directory specification."""
    stated = os.environ.get("XDG_DATA_HOME", "")
    base = Path(stated) if Path(stated).is_absolute() else Path.home() / ".local" / "share"
    return base / "cardioquery" / "conditions.sqlite3"


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def half_of_the_cores() -> int:
    """Half of them, at least one."""
    return max(1, available_cores() // 2)


def share_metrics(folder: Path) -> None:
    """Let the processes that this one starts from now on count their metrics together."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


class Settings(AccessSettings):
    """Options of one service process. Every one says what follows from it."""

    model_config = SettingsConfigDict(
        env_prefix="CARDIOQUERY_",
        frozen=True,
        use_attribute_docstrings=True,
        # A URL may hold a password.
        hide_input_in_errors=True,
    )

    bundle_dir: Path = Field(default_factory=default_bundle_dir)
    """Folder of the model's bundle. Another bundle gives other answers: its digest stands in each
    of them. The service refuses to start if a file does not match the manifest."""

    store_path: Path = Field(default_factory=default_store_path)
    """SQLite file with the conditions that were registered. Processes on one machine may share
    it; on a network file system its locks are not to be trusted. Losing it loses the conditions."""

    host: str = "127.0.0.1"
    """Address to listen on. Beyond loopback the service does not start unless it asks for API keys
    (`api_keys_file`), or `allow_anonymous` says that something before it does."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on; 0 takes a free one, named in the log."""

    workers: PositiveInt = 1
    """Processes that serve the port together. Each holds the whole model in memory and has its own
    queue, caches and bounds; one that dies is replaced while the others go on."""

    drain_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """How long `/readyz` says no before a stopping service takes in nothing more. A load balancer
    that asks less often than that goes on sending requests to a closed port."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level of log lines. Above `info` there is no line for each request."""

    max_upload_bytes: Annotated[int, Field(ge=_MEBIBYTE // 8)] = 32 * _MEBIBYTE
    """Largest request body, and largest file after unpacking. Each upload is held in memory."""

    max_uploads_bytes: PositiveInt = 256 * _MEBIBYTE
    """Most bytes of all uploads held at once. When they are reached, requests are refused with 503
    until others have been answered: this bounds the process's memory."""

    upload_timeout_s: PositiveSeconds = 30.0
    """Longest time for a request's body to arrive. A client slower than that is refused with 408;
    too low a value refuses honest clients on slow lines."""

    head_timeout_s: PositiveSeconds = 10.0
    """Longest time for a request's headers to arrive, from the connection or the first byte of a
    later request. Then 408, or the connection is closed if nothing came at all."""

    answer_timeout_s: PositiveSeconds = 30.0
    """Longest time for which a client may leave its answer unread; then it is cut off. Without this
    bound a client that never reads holds its connection and its answer for ever."""

    max_queries: PositiveInt = 10_000
    """Most queries in one request. Time grows with their number, most of all if they were not
    asked before: each new text costs several milliseconds to embed."""

    max_query_characters: Annotated[int, Field(ge=1, le=10_000)] = 300
    """Longest query. Beyond the text encoder's limit of tokens the rest of it would go unread."""

    max_registered_conditions: PositiveInt = 2_000
    """Most conditions that may be registered besides the catalogue's. A diagnosis without queries
    asks for all of them."""

    max_concurrent_diagnoses: PositiveInt = Field(default_factory=available_cores)
    """Diagnoses that each worker computes at the same time; by default the cores are shared among
    the workers. More than there are cores makes each slower and none sooner."""

    max_waiting_diagnoses: Annotated[int, Field(ge=0)] = 64
    """Diagnoses that may wait for their turn in each worker; the next is refused with 503 at once.
    A long queue turns a peak into waiting, a short one into refusals."""

    request_deadline_s: PositiveSeconds = 30.0
    """Longest time for an answer once the upload is there, waiting included; then 504."""

    max_batch_recordings: Annotated[int, Field(ge=1, le=10_000)] = 500
    """Most recordings in one `POST /diagnose/batch`. Beyond it the whole batch is refused."""

    max_batch_bytes: Annotated[int, Field(ge=_MEBIBYTE // 8)] = 128 * _MEBIBYTE
    """Largest body of a batch; a zip may unpack to eight times as much, one recording at a time.
    The body is held in memory until the last answer was sent, and counts among the uploads."""

    batch_deadline_s: PositiveSeconds = 600.0
    """Longest time for all answers of a batch once its upload is there, waiting for a busy service
    included. A recording without an answer by then gets a deadline-exceeded problem of its own."""

    max_batch_diagnoses: PositiveInt = Field(default_factory=half_of_the_cores)
    """Diagnoses of all batches together that are computed, or stand in the queue, at the same
    time: so many single requests may find before them. More makes batches faster on an idle
    machine and single requests slower on a busy one."""

    idempotency_ttl_s: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 3600.0
    """How long an answer to a request with an `Idempotency-Key` is kept, to be given again. It
    holds a patient's probabilities: keep it as short as callers' retries allow."""

    idempotency_max_records: PositiveInt = 10_000
    """Most keys that are remembered in the process; beyond it the oldest answers go first. With
    `redis_url` they are kept there instead, and its own bound on memory counts."""

    idempotency_max_bytes: PositiveInt = 64 * _MEBIBYTE
    """Most bytes of answers that are kept in the process, likewise."""

    idempotency_max_answer_bytes: PositiveInt = _MEBIBYTE
    """Largest answer that is kept. A larger one is given once, and says so in
    `Idempotency-Stored`; a retry computes it anew."""

    otlp_endpoint: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] | None = None
    """OpenTelemetry collector (OTLP over HTTP, without `/v1/traces`) that gets a span of every
    request; needs the extra `otel`. Without it, trace contexts are taken, logged and answered, and
    nothing is exported."""

    embedding_cache_entries: Annotated[int, Field(ge=1)] = 20_000
    """Free-text queries whose embeddings are kept (about 2 kB each). A query that was dropped is
    embedded anew, some milliseconds slower, with the same answer."""

    intra_op_threads: PositiveInt = 1
    """Threads for one inference. One gives the best throughput when several diagnoses run at
    once; more shorten a single one on idle cores."""

    providers: Annotated[tuple[Literal["cpu", "cuda"], ...], Field(min_length=1)] = ("cpu",)
    """Execution providers, in order of preference, as a JSON list. The service refuses to start
    unless every one of them is active: a GPU that is not there must not go unnoticed."""

    redis_url: SecretStr | None = None
    """Redis for registered conditions and query embeddings, shared by all replicas: `redis://`,
    `redis+sentinel://` or `redis+cluster://`, with TLS `rediss://` and so on. Without it,
    conditions are kept in `store_path` and embeddings in the process only."""

    redis_password_file: Path | None = None
    """File that holds the password, instead of the URL; read at the start."""

    redis_ca_file: Path | None = None
    """Certificates (PEM) that the server's is checked against, instead of the system's."""

    redis_key_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9:_.-]{1,64}$")] = "cardioquery"
    """Beginning of every key. Services with the same prefix share conditions; with another one
    they see nothing of each other."""

    redis_timeout_s: PositiveSeconds = 0.1
    """Longest wait for a reply. A diagnosis that meets a Redis that hangs takes so much longer;
    those after it do not wait at all until Redis is tried again. Too low a value takes a busy
    Redis for a dead one."""

    redis_start_timeout_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30.0
    """Longest wait for Redis at the start, then the service gives up: without Redis it would not
    know what is registered. A wrong password is not waited for."""

    redis_embedding_ttl_s: PositiveInt = 604_800
    """How long Redis keeps a query's embedding (about 2 kB). Longer saves embedding it again;
    Redis' `maxmemory` bounds them all together."""

    @field_validator("redis_url")
    @classmethod
    def _redis_url_can_be_read(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parse_redis_url(url.get_secret_value())
        return url

    def for_each_worker(self) -> Self:
        """The same for one of several workers, which share the cores unless stated otherwise."""
        by_cores = {"max_concurrent_diagnoses", "max_batch_diagnoses"} - self.model_fields_set
        shares = {name: max(1, getattr(self, name) // self.workers) for name in by_cores}
        return self.model_copy(update=shares)

    @model_validator(mode="after")
    def _one_upload_fits(self) -> Self:
        if self.max_uploads_bytes < self.max_upload_bytes:
            raise ValueError("max_uploads_bytes must be at least max_upload_bytes")
        return self


def faulty_settings(error: ValidationError) -> str:
    """The names of settings that are not valid, or what is wrong with them together; no values."""
    return ", ".join(
        f"CARDIOQUERY_{fault['loc'][0]}".upper() if fault["loc"] else str(fault["msg"])
        for fault in error.errors()
    )
