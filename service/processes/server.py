"""Running the service: one process or several, logs as JSON on standard output."""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from multiprocessing import parent_process
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from service.access.control import check_access_settings
from service.app import create_app
from service.errors import AccessMisconfigured
from service.observability.logs import configure_logging
from service.observability.metrics import Metrics
from service.processes.freed_memory import give_large_buffers_back
from service.processes.heartbeat import Heart, Pulse, Watchdog, keep_beating
from service.processes.http_protocol import bounded_http
from service.processes.promptness import pass_over_in_collections, share_the_lock_often
from service.processes.replacements import Replacements
from service.processes.shared_listener import Loads, SharedListener
from service.processes.supervisor import CANNOT_START, Supervisor
from service.runtime.reload import reload_model
from service.runtime.state import service_state
from service.settings import Settings, faulty_settings, share_metrics

_KEEP_ALIVE_S = 15
_SPARE_S = 5

_log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Uvicorn's server, which drains before it stops and reloads the model when told to.

    SIGTERM: `/readyz` says no and connections are closed after their answers, for `drain_s`; then
    nothing new is accepted, and what is in flight or queued is finished. SIGHUP: the bundle is
    loaded anew. A second SIGTERM ends the draining.
    """

    def __init__(
        self,
        app: FastAPI,
        settings: Settings,
        heart: Heart | None = None,
        loads: Loads | None = None,
        replacements: Replacements | None = None,
    ) -> None:
        super().__init__(_config(app, settings))
        self._loads = loads
        self._replacements = replacements
        self._shared: SharedListener | None = None
        self._state = service_state(app)
        self._drain_s = settings.drain_s
        self._heart = heart
        self._beating: asyncio.Task[None] | None = None
        self._drain_until: float | None = None
        self._reload_wanted = False
        self._reloading: asyncio.Task[None] | None = None

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to stop."""
        # Set before the model is loaded: until then, the signal would end the process.
        signal.signal(signal.SIGHUP, self._want_reload)
        super().run(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop. SIGTERM is not left to uvicorn, which would die of it in the end."""
        if sig != signal.SIGTERM:
            super().handle_exit(sig, frame)
            return
        self._state.draining = True
        drain_s = 0.0 if self._drain_until is not None else self._drain_s
        self._drain_until = time.monotonic() + drain_s
        # Also while it is still starting.
        self.should_exit = self.should_exit or drain_s == 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Load the model, listen, and tell the supervisor."""
        share_the_lock_often()
        if self._loads is None or sockets is None:
            await super().startup(sockets)
        else:
            await super().startup([])
            (listener,) = sockets
            self._shared = SharedListener(
                listener, self._loads, self._make_protocol, self._connections
            )
            self._shared.start()
        if self._heart is not None:
            # At once: one that hangs is given up only if it has ever beaten.
            self._heart.beat(loading=False)
            self._beating = asyncio.create_task(keep_beating(self._heart, self._is_loading))
        if isinstance(self._heart, Pulse):
            self._heart.ready.set()
        pass_over_in_collections()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, finish what is in flight."""
        if self._shared is not None:
            self._shared.stop()
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to stop now."""
        if self._shared is not None:
            self._shared.tell()
        if self._replacements is not None:
            self._state.metrics.workers_replaced(self._replacements.hung, self._replacements.died)
        if self._reload_wanted:
            self._reload_wanted = False
            self._reloading = asyncio.create_task(reload_model(self._state))
            self._reloading.add_done_callback(lambda _task: pass_over_in_collections())
            if self._heart is not None:
                self._heart.beat(loading=True)
        if self._drain_until is not None:
            closing = (b"connection", b"close")
            if closing not in self.config.encoded_headers:
                self.config.encoded_headers.append(closing)
                counter = 0
            self.should_exit = self.should_exit or time.monotonic() >= self._drain_until
        return await super().on_tick(counter)

    def _make_protocol(self) -> asyncio.Protocol:
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    def _connections(self) -> int:
        return len(self.server_state.connections)

    def _is_loading(self) -> bool:
        wanted = self._reload_wanted
        return wanted or (self._reloading is not None and not self._reloading.done())

    def _want_reload(self, _sig: int, _frame: FrameType | None) -> None:
        self._reload_wanted = True


def _config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        # h11, which unlike httptools bounds the size of headers.
        http=bounded_http(settings),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        # Stated even if empty: uvicorn would otherwise believe every caller on this machine.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        date_header=True,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=round(_longest_request_s(settings)),
    )


def serve(settings: Settings) -> None:
    """Serve until the process is told to stop; what is in flight is finished first."""
    check_access_settings(settings)
    configure_logging(settings.log_level)
    if settings.workers > 1:
        _serve_with_workers(settings)
        return
    give_large_buffers_back()
    watchdog = Watchdog(settings.hang_after_s) if settings.hang_after_s else None
    server = Server(create_app(settings), settings, watchdog)
    server.run()
    if not server.started:
        sys.exit(CANNOT_START)


def serve_as_worker(
    settings: Settings,
    loads: Loads,
    replacements: Replacements,
    listener: socket.socket,
    metrics_folder: Path,
    pulse: Pulse,
) -> None:
    """Serve as one of several processes; stop if the one that started them is gone."""
    configure_logging(settings.log_level)
    give_large_buffers_back()
    threading.Thread(target=_stop_without_parent, daemon=True).start()
    app = create_app(settings, metrics=Metrics(metrics_folder))
    server = Server(app, settings, pulse, loads, replacements)
    with suppress(KeyboardInterrupt):
        server.run([listener])
    if not server.started:
        sys.exit(CANNOT_START)


def _serve_with_workers(settings: Settings) -> None:
    listener = uvicorn.Config("", host=settings.host, port=settings.port).bind_socket()
    replacements = Replacements()
    with TemporaryDirectory(prefix="cardioquery-metrics-") as folder:
        share_metrics(Path(folder))
        supervisor = Supervisor(
            partial(
                serve_as_worker,
                settings.for_each_worker(),
                Loads(settings.workers),
                replacements,
            ),
            settings.workers,
            listener,
            Path(folder),
            settings.drain_s + _longest_request_s(settings) + _SPARE_S,
            settings.hang_after_s,
            replacements,
        )
        code = supervisor.run()
    if code:
        sys.exit(code)


def _longest_request_s(settings: Settings) -> float:
    deadline_s = max(settings.request_deadline_s, settings.batch_deadline_s)
    return settings.upload_timeout_s + deadline_s


def _stop_without_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Serve with the environment's settings."""
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(f"not valid: {faulty_settings(error)}")
    try:
        serve(settings)
    except AccessMisconfigured as error:
        sys.exit(f"refusing to start: {error}")
