"""The decision about each request: who asks, may they, and how often."""

import ipaddress
import logging
from collections.abc import Callable

from limits import parse
from starlette.requests import Request

from service.access.audit import AuditLog
from service.access.key_file import KeyFile, KeyRecord, read_key_ring
from service.access.keys import Scope, parse_key
from service.access.rates import Allowance, RateLimiter, caller_by_address
from service.access.request_state import AccessRecord, Caller, request_state
from service.access.running import RunningRequests
from service.errors import (
    AccessError,
    AccessMisconfigured,
    ForeignRequest,
    KeyMissing,
    KeyRefused,
    RateLimited,
    ScopeMissing,
)
from service.observability.metrics import Metrics
from service.settings import Settings

_SCHEME = "bearer"
_OF_PROXIES = frozenset({"forwarded", "x-real-ip"})
_BEYOND_LOOPBACK = frozenset({Scope.DIAGNOSE, Scope.QUERIES_WRITE})

_log = logging.getLogger(__name__)


class AccessControl:
    """Admits requests or refuses them, by the settings.

    With a file of keys, each request needs one. Without it, whoever is on this machine's loopback
    may do everything; beyond loopback, if the settings allow that at all, nobody is an
    administrator.

    Args:
        settings: The service's options.
        metrics: Told about a Redis that does not count and a file that cannot be read.
        on_key_change: Told about each key that is created, changed, revoked or removed meanwhile.

    Raises:
        AccessMisconfigured: Nobody would be asked for a key beyond loopback, or the file of keys
            cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        on_key_change: Callable[[str, KeyRecord], None] = lambda _event, _record: None,
    ) -> None:
        check_exposure(settings)
        self._settings = settings
        self._metrics = metrics
        path = settings.api_keys_file
        self._keys = None if path is None else KeyFile(path, self._keep_old_keys, on_key_change)
        self.rates = RateLimiter(metrics.access.rate_limit_fallbacks.inc)
        self.running = RunningRequests(settings.max_running_per_key)

    @property
    def asks_for_keys(self) -> bool:
        """True if requests need a key."""
        return self._keys is not None

    def close(self) -> None:
        """Let go of what counts requests."""
        self.rates.close()

    async def admit(self, request: Request, any_of: tuple[Scope, ...]) -> None:
        """Let a request pass that has one of the scopes, and count it.

        Raises:
            AccessError: It may not pass, or not now.
        """
        if Scope.METRICS in any_of and self._settings.open_metrics:
            return
        record = request_state(request.scope).access
        try:
            caller = self._caller(request, record)
            if not caller.may(any_of):
                raise ScopeMissing(any_of)
            record.caller = caller
            await self.count_as(request)
            if caller.key_id is not None:
                self.running.begin(caller.key_id)
                record.running = True
        except RateLimited as error:
            record.refusal = error.reason
            raise
        except AccessError as error:
            record.refusal = error.reason
            self._throttle(request, record)
            raise

    async def count_as(self, request: Request, total: int = 1) -> None:
        """Let a request count as so many in all, or as the whole limit if that is less.

        Raises:
            RateLimited: They are more than the caller has left.
        """
        record = request_state(request.scope).access
        allowance = None if record.caller is None else record.caller.allowance
        if allowance is None:
            return
        missing = min(total, allowance.limit.amount) - record.counted
        if missing < 1:
            return
        record.counted += missing
        record.rate_limit = await self.rates.count(allowance, missing)
        if not record.rate_limit.allowed:
            record.refusal = RateLimited.reason
            raise RateLimited(record.rate_limit.reset_s)

    def _throttle(self, request: Request, record: AccessRecord) -> None:
        """Count a refusal by its address; those with a good key are not held back by it.

        Raises:
            RateLimited: There were too many.
        """
        rate = self._settings.refusal_rate_limit
        if rate is None:
            return
        address = caller_by_address(request.client.host if request.client else None)
        state = self.rates.count_here(Allowance(f"refused {address}", parse(rate)))
        if not state.allowed:
            record.refusal, record.throttled = RateLimited.reason, True
            raise RateLimited(state.reset_s)

    def _caller(self, request: Request, record: AccessRecord) -> Caller:
        if self._keys is None:
            return self._anonymous(request)
        known = self._known_key(self._keys, request)
        record.key_id = known.id
        if known.state != "active":
            raise KeyRefused(f"key_{known.state}")
        rate = known.rate_limit or self._settings.key_rate_limit
        allowance = None if rate is None else Allowance(f"key:{known.id}", parse(rate))
        return Caller(known.id, known.scopes, allowance)

    def _known_key(self, keys: KeyFile, request: Request) -> KeyRecord:
        stated = request.headers.getlist("authorization")
        if not stated:
            raise KeyMissing
        scheme, _, text = stated[0].partition(" ")
        key = parse_key(text.strip()) if scheme.lower() == _SCHEME and len(stated) == 1 else None
        known = None if key is None else keys.find(key)
        if known is None:
            raise KeyRefused
        return known

    def _anonymous(self, request: Request) -> Caller:
        if is_exposed(self._settings):
            scopes = _BEYOND_LOOPBACK
        else:
            _refuse_foreign(request, self._settings.host)
            scopes = frozenset(Scope)
        rate = self._settings.anonymous_rate_limit
        address = caller_by_address(request.client.host if request.client else None)
        return Caller(None, scopes, None if rate is None else Allowance(address, parse(rate)))

    def _keep_old_keys(self, error: AccessMisconfigured) -> None:
        self._metrics.access.key_file_faults.inc()
        _log.error("the keys stay as they were: %s", error)


def check_access_settings(settings: Settings) -> None:
    """Try what a service with these settings would need, before its workers do.

    Raises:
        AccessMisconfigured: It would be open to the network, its keys cannot be read, or its audit
            log cannot be written.
    """
    check_exposure(settings)
    if settings.api_keys_file is not None:
        read_key_ring(settings.api_keys_file)
    AuditLog(settings.audit_log, settings.audit_client_address, lambda: None).close()


def check_exposure(settings: Settings) -> None:
    """Keep a service that asks for no key from the network.

    Raises:
        AccessMisconfigured: It would listen there, and nothing says that this is meant.
    """
    asks_nobody = settings.api_keys_file is None and not settings.allow_anonymous
    if asks_nobody and is_exposed(settings):
        raise AccessMisconfigured(
            "beyond loopback, or behind a proxy, the service asks for API keys: make one with "
            "`cardioquery keys create` and set CARDIOQUERY_API_KEYS_FILE (or, behind a proxy that "
            "keeps others out, CARDIOQUERY_ALLOW_ANONYMOUS=true)"
        )


def is_exposed(settings: Settings) -> bool:
    """True if others than this machine may ask: directly, or through a proxy on it."""
    by_proxy = bool(settings.trusted_proxies) or settings.allow_anonymous
    return by_proxy or not is_loopback(settings.host)


def _refuse_foreign(request: Request, host: str) -> None:
    """Refuse what a program of this machine would not send.

    Raises:
        ForeignRequest: A proxy has forwarded it, or it was sent to another name.
    """
    names = request.headers.keys()
    if any(name in _OF_PROXIES or name.startswith("x-forwarded-") for name in names):
        raise ForeignRequest("forwarded")
    for stated in request.headers.getlist("host"):
        name = _without_port(stated)
        if name != host and not is_loopback(name):
            raise ForeignRequest("foreign_host")


def _without_port(stated: str) -> str:
    if stated.startswith("["):
        return stated[1:].partition("]")[0]
    return stated.partition(":")[0].lower().rstrip(".")


def is_loopback(host: str) -> bool:
    """True if only this machine can reach a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
