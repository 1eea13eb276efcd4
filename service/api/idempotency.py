"""How routes take part in idempotency: by one dependency, which looks at the header at once."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from service.access.control import access_record
from service.api.dependencies import TheMetrics, TheRuntime, TheSettings
from service.errors import error_response
from service.idempotency.keys import record_id, stated_key
from service.idempotency.records import Records
from service.idempotency.redis import RedisRecords
from service.idempotency.turns import Keeping, Turn, turn

# Beyond the work's own deadline: sending, and clocks that differ.
_SPARE_S = 30.0


@dataclass(frozen=True, slots=True)
class Idempotency:
    """One request's key and where its answer is kept.

    Attributes:
        record_id: Of its key; None without one.
        keeping: How answers are kept.
        request_id: Of the request.
    """

    record_id: str | None
    keeping: Keeping
    request_id: str

    def turn(
        self, fingerprint: Callable[[], str], seconds: float
    ) -> AbstractAsyncContextManager[Turn]:
        """See `service.idempotency.turns.turn`.

        Args:
            fingerprint: Of the payload.
            seconds: The work's deadline.
        """
        error_answer = partial(error_response, request_id=self.request_id)
        return turn(self.keeping, self.record_id, fingerprint, seconds + _SPARE_S, error_answer)


async def get_idempotency(
    request: Request, runtime: TheRuntime, settings: TheSettings, metrics: TheMetrics
) -> Idempotency:
    """The request's key, before its body is read.

    Raises:
        InvalidIdempotencyKey: The header holds none.
    """
    key = stated_key(request)
    named = None
    if key is not None:
        route = request.scope["route"].path
        named = record_id(caller_id(request), request.method, route, key)
    records: Records = request.app.state.records
    if runtime.redis is not None:
        records = RedisRecords(runtime.redis, settings.redis_key_prefix)
    keeping = Keeping(
        records, settings.idempotency_ttl_s, settings.idempotency_max_answer_bytes, metrics
    )
    return Idempotency(named, keeping, request.state.request_id)


def caller_id(request: Request) -> str:
    """Who asks: keys of one caller mean nothing to another. Without API keys, all are one."""
    return access_record(request).key_id or ""


TheIdempotency = Annotated[Idempotency, Depends(get_idempotency)]
