"""A new model without a lost request: loaded and warmed beside the old one, then swapped in.

A request keeps the runtime that it began with. The old model is freed with the last such request.
"""

import asyncio
import logging

from starlette.datastructures import State

from service.runtime import Runtime

_log = logging.getLogger(__name__)


async def reload_model(state: State) -> None:
    """Answer with the bundle that lies in its folder now; if it is no good, go on with the old one.

    Args:
        state: Of an app whose lifespan has started.
    """
    async with state.reloading:
        current: Runtime = state.runtime
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
        announce_model(state)
        state.metrics.reload("done")
        _log.info("reloaded: sha256:%s answers in place of sha256:%s", new, old)


def announce_model(state: State) -> None:
    """Name the model that answers from now on in the metrics."""
    runtime: Runtime = state.runtime
    bundle = runtime.bundle
    state.metrics.model(bundle.manifest.name, bundle.manifest.version, bundle.digest)
    state.metrics.answers.reference(runtime.reference)
