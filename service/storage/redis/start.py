"""Reaching Redis at the start: wait for it, or say in one line what keeps it from being used."""

import logging
import ssl
import time

import redis

from service.storage.redis.client import RedisClient, connect
from service.storage.redis.link import REDIS_ERRORS, RedisLink, RedisObserver
from service.storage.redis.options import RedisOptions

_log = logging.getLogger(__name__)

PATIENT_TIMEOUT_S = 2.0
_BETWEEN_ATTEMPTS_S = 0.25

_A_CLUSTER = "Redis is a Cluster: CARDIOQUERY_REDIS_URL must begin with redis+cluster://"
_NO_CLUSTER = "Cluster mode is not enabled"
_ADVICE: tuple[tuple[type[BaseException], str], ...] = (
    (
        redis.AuthenticationError,
        "Redis does not take the user or password: check CARDIOQUERY_REDIS_URL or "
        "CARDIOQUERY_REDIS_PASSWORD_FILE",
    ),
    (
        redis.exceptions.NoPermissionError,
        "Redis does not let this user do what is needed: see docs/operate/redis.md for its rights",
    ),
    (redis.exceptions.MovedError, _A_CLUSTER),
    (
        ssl.SSLCertVerificationError,
        "the certificate of Redis is not trusted: set CARDIOQUERY_REDIS_CA_FILE",
    ),
    (
        ssl.SSLError,
        "Redis does not speak TLS, or CARDIOQUERY_REDIS_CA_FILE holds no certificates",
    ),
    (
        FileNotFoundError,
        "the file of CARDIOQUERY_REDIS_PASSWORD_FILE or CARDIOQUERY_REDIS_CA_FILE is not there",
    ),
    (
        PermissionError,
        "the file of CARDIOQUERY_REDIS_PASSWORD_FILE or CARDIOQUERY_REDIS_CA_FILE may not be read",
    ),
)


class RedisUnusable(Exception):
    """The service cannot start with this Redis; the message says what to do."""


def open_redis(options: RedisOptions, observer: RedisObserver) -> RedisLink:
    """The link to Redis, once Redis has answered.

    A service that started without Redis would not know what is registered, so it waits for
    `start_timeout_s`, as long as waiting can help.

    Raises:
        RedisUnusable: Redis cannot be used; the message says what to do.
    """
    end = time.monotonic() + options.start_timeout_s
    waiting = False
    while True:
        try:
            return _opened(options, observer)
        except REDIS_ERRORS as error:
            if advice := _advice(error):
                raise RedisUnusable(advice) from None
            if time.monotonic() >= end:
                raise RedisUnusable(_gave_up(error, options)) from None
            if not waiting:
                _log.warning("waiting for Redis: %s", type(error).__name__)
            waiting = True
            time.sleep(_BETWEEN_ATTEMPTS_S)


def _opened(options: RedisOptions, observer: RedisObserver) -> RedisLink:
    client = connect(options)
    try:
        # Read as the store will: a ping would be answered by any server, and to any user.
        client.exists(f"{options.key_prefix}:start")
        _look_at_configuration(client)
        patient = connect(options, PATIENT_TIMEOUT_S)
        return RedisLink(client, observer, patient_client=patient)
    except BaseException:
        client.close()
        raise


def _look_at_configuration(client: RedisClient) -> None:
    """Say what of Redis' configuration could lose conditions, as far as it can be seen.

    Raises:
        RedisUnusable: It is a node of a Cluster, which answers for some keys only.
    """
    if isinstance(client, redis.RedisCluster):
        return
    try:
        info = client.info()
    except redis.ResponseError:
        return
    assert isinstance(info, dict)  # noqa: S101 - the client is not an asynchronous one
    if info.get("cluster_enabled"):
        raise RedisUnusable(_A_CLUSTER)
    if not info.get("aof_enabled"):
        _log.warning("Redis has no append-only file: conditions may be lost when it stops")
    if info.get("maxmemory") and str(info.get("maxmemory_policy", "")).startswith("allkeys"):
        _log.warning("Redis may evict conditions: its maxmemory-policy should be volatile-lru")


def _advice(error: BaseException | None) -> str | None:
    """Advice about an error, or about what caused it, if waiting does not mend it."""
    while error is not None:
        for kind, advice in _ADVICE:
            if isinstance(error, kind):
                return advice
        if _NO_CLUSTER in str(error):
            return "Redis is no Cluster: CARDIOQUERY_REDIS_URL must begin with redis://"
        error = error.__cause__ or error.__context__
    return None


def _gave_up(error: Exception, options: RedisOptions) -> str:
    return (
        f"Redis did not answer within {options.start_timeout_s:g} s "
        f"({type(error).__name__}): is CARDIOQUERY_REDIS_URL right, and is it running?"
    )
