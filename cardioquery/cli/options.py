"""Options that several subcommands share."""

from typing import Annotated

import typer

Url = Annotated[str, typer.Option("--url", envvar="CARDIOQUERY_URL", help="Where the service is.")]
TimeoutSeconds = Annotated[
    float, typer.Option("--timeout-s", min=0.1, help="Longest wait for an answer, in seconds.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
