"""The service's options: the only place that reads the environment.

Each is set by `CARDIOQUERY_` and its name in capitals. What shapes an answer (preprocessing,
prompts, calibration) is not here: it comes from the bundle.
"""

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal, Self

from limits import parse
from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from service import SHIPPED_BUNDLE_DIR
from service.storage.redis.options import RedisOptions
from service.storage.redis.url import parse_redis_url

PositiveInt = Annotated[int, Field(ge=1)]
PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]

_MEBIBYTE = 1024 * 1024
_MOST_REQUESTS_IN_A_WINDOW = 100_000


def _checked_rate(text: str) -> str:
    try:
        limit = parse(text)
    except ValueError:
        raise ValueError('has to read like "600/minute"') from None
    if not 1 <= limit.amount <= _MOST_REQUESTS_IN_A_WINDOW:
        raise ValueError(f"has to allow 1 to {_MOST_REQUESTS_IN_A_WINDOW} requests in its window")
    return text


RateText = Annotated[str, AfterValidator(_checked_rate)]
"""A limit such as "600/minute" or "20 per 10 seconds"."""

Origin = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:\d{1,5})?$")]


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


class AccessSettings(BaseSettings):
    """Options of access: who may ask, how often, and what is written down about it."""

    # The prefix of the environment's variables is that of `Settings`.
    model_config = SettingsConfigDict(frozen=True, use_attribute_docstrings=True)

    api_keys_file: Path | None = None
    """File of API keys, made by `cardioquery keys create`. With it every request but `/healthz`,
    `/readyz` and the API's documentation needs a key; a change of the file is seen within a second.
    Without it nobody is asked for a key."""

    allow_anonymous: bool = False
    """Lets a service without API keys listen beyond loopback, or stand behind a proxy: whoever
    reaches it may ask for diagnoses and register conditions, on your word that a proxy keeps the
    others out."""

    open_metrics: bool = False
    """Whether `/metrics` needs no key. It holds nothing about patients, but says how busy the
    service is and with which model. Without API keys it is open on loopback anyway."""

    key_rate_limit: RateText | None = "1200/minute"
    """Most requests of one API key; beyond it, 429. A key may have a limit of its own. Empty: no
    limit, and one caller can fill the queue for all."""

    max_running_per_key: PositiveInt = 32
    """Most requests of one API key, in each process, that have no answer yet; beyond it, 429. As
    many as may wait (`max_waiting_diagnoses`) would let one caller fill the queue for all."""

    anonymous_rate_limit: RateText | None = None
    """Most requests of one client address where no key is asked for. Behind a proxy all requests
    come from its address, unless `trusted_proxies` names it."""

    refusal_rate_limit: RateText | None = "300/minute"
    """Most requests of one client address, in each process, that are refused for want of a good
    key; those beyond it get 429 and no line in the audit log. Requests with a good key do not
    count. Empty: no limit, and whoever has no key can fill the log."""

    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies, as a JSON list: only their `X-Forwarded-For` is believed.
    One too many lets callers choose the address that limits and the audit log see. Who names one is
    reached through it from beyond this machine: without API keys that needs `allow_anonymous`."""

    audit_log: str = "stdout"
    """Where a line for each request with a key, and for each refused one, goes: `stdout`, `off`, or
    the path of a file that is appended to (and found again after logrotate moved it)."""

    audit_client_address: bool = True
    """Whether the audit log names client addresses. Without them a misused key is harder to
    trace; with them the log holds personal data."""

    cors_allowed_origins: tuple[Origin, ...] = ()
    """Origins of web pages whose scripts may call the service, as a JSON list. None: no CORS
    headers at all, so browsers let only the service's own pages read its answers."""

    @field_validator(
        "api_keys_file",
        "key_rate_limit",
        "anonymous_rate_limit",
        "refusal_rate_limit",
        mode="before",
    )
    @classmethod
    def _empty_is_none(cls, stated: object) -> object:
        return None if stated == "" else stated

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses_of_proxies(cls, stated: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in stated:
            ipaddress.ip_network(proxy)
        return stated

    @model_validator(mode="after")
    def _keys_or_none(self) -> Self:
        if self.allow_anonymous and self.api_keys_file is not None:
            raise ValueError("allow_anonymous and api_keys_file exclude each other")
        return self


class Settings(AccessSettings):
    """Options of one service process. Every one says what follows from it."""

    model_config = SettingsConfigDict(
        env_prefix="CARDIOQUERY_",
        frozen=True,
        use_attribute_docstrings=True,
        # A URL may hold a password.
        hide_input_in_errors=True,
    )

    bundle_dir: Path = SHIPPED_BUNDLE_DIR
    """Folder of the model's bundle. Another bundle gives other answers: its digest stands in each
    of them. The service refuses to start if a file does not match the manifest."""

    bundle_digest: Annotated[str, Field(pattern="^(sha256:)?[0-9a-f]{64}$")] | None = None
    """Digest that the bundle has to have, as answers state it (`model.digest`). The service refuses
    to start, or to reload, with any other: whoever may write the bundle's folder cannot exchange
    the model unnoticed."""

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

    hang_after_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5.0
    """How long a process may be silent before it counts as hung, at least 1; 0: for ever. One of
    several workers is then killed and replaced. A single process ends with exit code 1, for
    whatever runs it to start it again; also after it was paused for longer than that."""

    drain_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """How long `/readyz` says no before a stopping service takes in nothing more. A load balancer
    that asks less often than that goes on sending requests to a closed port."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level of log lines. Above `info` there is no line for each request."""

    max_upload_bytes: Annotated[int, Field(ge=_MEBIBYTE // 8)] = 32 * _MEBIBYTE
    """Largest request body, and largest file after unpacking. Each upload is held in memory."""

    max_uploads_bytes: PositiveInt = 256 * _MEBIBYTE
    """Most bytes of all uploads held at once, of which a body takes what it announces before it is
    read. Where that does not fit, it is refused with 503 until others have been answered: this
    bounds the process's memory. A key that holds some leaves room for another's largest upload."""

    max_working_bytes: PositiveInt = 512 * _MEBIBYTE
    """Most bytes that reading and preparing recordings may take at once, fourteen for each byte of
    their files. A diagnosis begins once there is room for it. One that needs more than seven
    eighths of this counts as so much, so that it can begin, and usual ones beside it.
    A process needs the model's memory, this, `max_uploads_bytes` and the largest upload again."""

    upload_timeout_s: PositiveSeconds = 30.0
    """Longest time for a request's body to arrive. A client slower than that is refused with 408;
    too low a value refuses honest clients on slow lines."""

    head_timeout_s: PositiveSeconds = 10.0
    """Longest time for a request's headers to arrive, from the connection or the first byte of a
    later request. Then 408, or the connection is closed if nothing came at all."""

    max_connections: PositiveInt = 1000
    """Most connections of each process. One more takes the place of the one that has been idle
    longest; where none is idle, it is refused with 503, unless it asks for `/healthz` or `/readyz`.
    The process needs as many open files, and a few dozen more."""

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

    @field_validator("hang_after_s")
    @classmethod
    def _honest_silence_is_none(cls, seconds: float) -> float:
        if 0 < seconds < 1:
            raise ValueError("hang_after_s must be 0 or at least 1: a busy process would be killed")
        return seconds

    @field_validator("redis_url")
    @classmethod
    def _redis_url_can_be_read(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parse_redis_url(url.get_secret_value())
        return url

    @property
    def pinned_digest(self) -> str | None:
        """The bundle's digest in hexadecimal digits; None: any."""
        return self.bundle_digest and self.bundle_digest.removeprefix("sha256:")

    @property
    def redis(self) -> RedisOptions | None:
        """The options of Redis; None without `redis_url`."""
        if self.redis_url is None:
            return None
        return RedisOptions(
            self.redis_url.get_secret_value(),
            self.redis_password_file,
            self.redis_ca_file,
            self.redis_key_prefix,
            self.redis_timeout_s,
            self.redis_start_timeout_s,
        )

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
