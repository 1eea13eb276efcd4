"""A diagnosis without a server: the service's own application, called inside this process."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import httpx

from api_schemas import Diagnosis
from cardioquery.cli.starting import check_bundle, check_runtime, read_settings, refusals_to_start
from cardioquery.client import AsyncClient
from cardioquery.client.options import DiagnosisOptions


def diagnose_locally(files: Sequence[Path], options: DiagnosisOptions) -> Diagnosis:
    """Start the application, ask it once, and stop it."""
    # What the application would log is told by the command itself.
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    return asyncio.run(_diagnose(files, options))


async def _diagnose(files: Sequence[Path], options: DiagnosisOptions) -> Diagnosis:
    # Who may run the command may ask: no key, and nobody else can reach it.
    settings = read_settings().model_copy(
        update={"host": "127.0.0.1", "api_keys_file": None, "audit_log": "off"}
    )
    check_runtime()
    check_bundle(settings)
    # Imported here: everything else of this command works without what serving needs.
    from service.app import create_app

    app = create_app(settings)
    with refusals_to_start():
        lifespan = app.router.lifespan_context(app)
        await lifespan.__aenter__()
    try:
        async with AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return await client.diagnose(files, **options)
    finally:
        await lifespan.__aexit__(None, None, None)
