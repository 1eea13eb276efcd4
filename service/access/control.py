"""The decision about each request: who asks, may they, and how often."""

import ipaddress
import logging
from dataclasses import dataclass

from limits import parse
from starlette.requests import Request

from service.access.errors import (
    AccessError,
    AccessMisconfigured,
    KeyMissing,
    KeyRefused,
    RateLimited,
    ScopeMissing,
)
from service.access.key_file import KeyFile, KeyRecord
from service.access.keys import Scope, parse_key
from service.access.rates import Allowance, RateLimiter, RateStanding, caller_by_address
from service.metrics import Metrics
from service.settings import Settings

_SCHEME = "bearer"
_BEYOND_LOOPBACK = frozenset({Scope.DIAGNOSE, Scope.QUERIES_WRITE})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        key_id: Of the API key; None where none is asked for.
        scopes: What the caller may do.
        allowance: How often; None: as often as it likes.
    """

    key_id: str | None
    scopes: frozenset[Scope]
    allowance: Allowance | None

    def may(self, any_of: tuple[Scope, ...]) -> bool:
        """Whether one of the scopes is the caller's."""
        return Scope.ADMIN in self.scopes or not self.scopes.isdisjoint(any_of)


@dataclass(slots=True)
class AccessRecord:
    """What was decided about a request: for its response's headers and the audit log.

    Attributes:
        key_id: Of a key that was right, whether or not it was good for this.
        refusal: Why the request was refused.
        condition: Id of the condition that was registered or removed.
        standing: What is left of the caller's limit.
        caller: Who asks, once that is known.
        charged: As how many requests it has been counted.
    """

    key_id: str | None = None
    refusal: str | None = None
    condition: str | None = None
    standing: RateStanding | None = None
    caller: Caller | None = None
    charged: int = 0


def access_record(request: Request) -> AccessRecord:
    """The record of a request; made when it is first asked for."""
    state = request.scope.setdefault("state", {})
    record: AccessRecord = state.setdefault("access", AccessRecord())
    return record


class AccessControl:
    """Admits requests or refuses them, by the settings.

    With a file of keys, each request needs one. Without it, whoever is on this machine's loopback
    may do everything; beyond loopback, if the settings allow that at all, nobody is an
    administrator.

    Args:
        settings: The service's options.
        metrics: Told about a Redis that does not count and a file that cannot be read.

    Raises:
        AccessMisconfigured: Nobody would be asked for a key beyond loopback, or the file of keys
            cannot be used.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        check_exposure(settings)
        self._settings = settings
        self._metrics = metrics
        path = settings.api_keys_file
        self._keys = None if path is None else KeyFile(path, self._keep_old_keys)
        self.rates = RateLimiter(metrics.access.rate_limit_fallbacks.inc)

    @property
    def asks_for_keys(self) -> bool:
        """Whether requests need a key."""
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
        record = access_record(request)
        try:
            caller = self._caller(request, record)
            if not caller.may(any_of):
                raise ScopeMissing(any_of)
            record.caller = caller
            await self.charge(request)
        except AccessError as error:
            record.refusal = error.reason
            raise

    async def charge(self, request: Request, total: int = 1) -> None:
        """Let a request count as so many in all, or as the whole limit if that is less.

        Raises:
            RateLimited: They are more than the caller has left.
        """
        record = access_record(request)
        allowance = None if record.caller is None else record.caller.allowance
        if allowance is None:
            return
        missing = min(total, allowance.limit.amount) - record.charged
        if missing < 1:
            return
        record.charged += missing
        record.standing = await self.rates.count(allowance, missing)
        if not record.standing.allowed:
            record.refusal = RateLimited.reason
            raise RateLimited(record.standing.reset_s)

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
        on_loopback = is_loopback(self._settings.host)
        scopes = frozenset(Scope) if on_loopback else _BEYOND_LOOPBACK
        rate = self._settings.anonymous_rate_limit
        address = caller_by_address(request.client.host if request.client else None)
        return Caller(None, scopes, None if rate is None else Allowance(address, parse(rate)))

    def _keep_old_keys(self, error: AccessMisconfigured) -> None:
        self._metrics.access.key_file_faults.inc()
        _log.error("the keys stay as they were: %s", error)


def check_exposure(settings: Settings) -> None:
    """Keep a service that asks for no key from the network.

    Raises:
        AccessMisconfigured: It would listen there, and nothing says that this is meant.
    """
    asks_nobody = settings.api_keys_file is None and not settings.allow_anonymous
    if asks_nobody and not is_loopback(settings.host):
        raise AccessMisconfigured(
            "beyond loopback the service asks for API keys: make one with `cardioquery keys "
            "create` and set CARDIOQUERY_API_KEYS_FILE (or, behind a proxy that keeps others out, "
            "CARDIOQUERY_ALLOW_ANONYMOUS=true)"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
