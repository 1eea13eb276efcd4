"""`cardioquery serve`."""

from typing import Annotated

import typer

from cardioquery.cli.exits import ExitCode, fail, stderr
from cardioquery.cli.starting import (
    check_access,
    check_port,
    check_runtime,
    open_bundle,
    read_settings,
)

Host = Annotated[
    str | None,
    typer.Option(
        "--host",
        help="Address to listen on (CARDIOQUERY_HOST, else 127.0.0.1). Beyond loopback "
        "the service needs a file of API keys.",
        show_default=False,
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        min=0,
        max=65535,
        help="Port to listen on (CARDIOQUERY_PORT, else 8000); 0 takes a free one.",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Processes that serve the port together (CARDIOQUERY_WORKERS, else 1); each holds "
        "the whole model.",
        show_default=False,
    ),
]


def serve(host: Host = None, port: Port = None, workers: Workers = None) -> None:
    """Serve the HTTP API until stopped.

    All other options come from the environment; the README lists them.
    """
    settings = read_settings(host=host, port=port, workers=workers)
    check_access(settings)
    check_runtime()
    check_port(settings.host, settings.port)
    open_bundle(settings)
    # Imported here: everything else of this command works without what serving needs.
    from service.processes.server import serve as run

    where = f"{settings.host}, port {settings.port or 'as the log says'}"
    stderr().print(f"CardioQuery on {where}. Research use only. Stop it with Ctrl-C.")
    try:
        run(settings)
    except SystemExit as stopped:
        if stopped.code:
            message = "the service did not start: its log says why"
            raise fail(message, ExitCode.CANNOT_START) from None
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.OK) from None
