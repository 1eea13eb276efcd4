"""`cardioquery model`."""

import typer

from cardioquery.cli.exits import failures_as_exit_codes
from cardioquery.cli.options import AsJson, TimeoutSeconds, Url
from cardioquery.cli.tables import model_view, output
from cardioquery.client import Client
from cardioquery.client.options import DEFAULT_TIMEOUT_S, DEFAULT_URL


def model(
    url: Url = DEFAULT_URL,
    timeout_s: TimeoutSeconds = DEFAULT_TIMEOUT_S,
    as_json: AsJson = False,
) -> None:
    """Show which model answers; its whole card with --json."""
    with failures_as_exit_codes(), Client(url, timeout_s=timeout_s) as client:
        description = client.model()
        if as_json:
            typer.echo(description.model_dump_json(indent=2))
        else:
            output().print(model_view(description))
