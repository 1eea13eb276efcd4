"""A new model without a lost request: loaded and warmed beside the old one, then swapped in.

A request keeps the runtime that it began with. The old model is freed with the last such request.
"""

import asyncio
import logging

from service.observability.metrics import Metrics
from service.runtime.assembly import Runtime
from service.runtime.state import ServiceState

_log = logging.getLogger(__name__)


async def reload_model(state: ServiceState) -> None:
    """Answer with the bundle that lies in its folder now; if it is no good, go on with the old one.

    Args:
        state: Of an app whose lifespan has started.
    """
    async with state.reloading:
        current = state.runtime
        if current is None:  # it has stopped meanwhile
            return
        old = current.bundle.digest
        try:
            renewed = await asyncio.to_thread(state.reload, state.settings, state.metrics, current)
        except Exception as error:
            # Nothing of a request takes part in loading, so the message can hold nobody's data.
            reason = f"{type(error).__name__}: {error.__cause__ or error}"
            _log.error("reload failed, sha256:%s goes on answering: %s", old, reason)
            state.metrics.reload("failed")
            return
        new = renewed.bundle.digest
        if renewed is current:
            _log.info("nothing to reload: sha256:%s is in use already", old)
            state.metrics.reload("unchanged")
            return
        state.runtime = renewed
        announce_model(renewed, state.metrics)
        state.metrics.reload("done")
        _log.info("reloaded: sha256:%s answers in place of sha256:%s", new, old)


def announce_model(runtime: Runtime, metrics: Metrics) -> None:
    """Name the model that answers from now on in the metrics."""
    bundle = runtime.bundle
    metrics.model(bundle.manifest.name, bundle.manifest.version, bundle.digest)
    metrics.answers.reference(runtime.reference)
