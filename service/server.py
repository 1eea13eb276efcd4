"""Running the service: one process, logs as JSON on standard output."""

import logging
import sys

import uvicorn
from pydantic import ValidationError

from service.app import create_app
from service.http_protocol import bounded_http
from service.settings import Settings
from service.telemetry import configure_logging

_GRACEFUL_SHUTDOWN_S = 30
_KEEP_ALIVE_S = 15

_log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Serve until the process is told to stop; what is in flight is finished first."""
    configure_logging(settings.log_level)
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        # h11, which unlike httptools bounds the size of headers.
        http=bounded_http(settings),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACEFUL_SHUTDOWN_S,
    )
    server = uvicorn.Server(config)
    server.run()
    if not server.started:
        sys.exit(3)


def main() -> None:
    """Serve with the environment's settings."""
    try:
        settings = Settings()
    except ValidationError as error:
        names = ", ".join(f"CARDIOQUERY_{fault['loc'][0]}".upper() for fault in error.errors())
        sys.exit(f"not valid: {names or 'the settings'}")
    serve(settings)
